/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of this codec; no other program sees it. Pure functions, any thread.
 */
#ifndef PIPC_CODECS_APPS_LOOKUP_PRIVATE_H
#define PIPC_CODECS_APPS_LOOKUP_PRIVATE_H

#include <pipc/codecs/apps_lookup.h>

#include "../common/lookup_build.h"

#define ITEM_HDR PIPC_APPS_LOOKUP_ITEM_HDR_LEN

#define KEY_LEN PIPC_APPS_LOOKUP_KEY_LEN
/* An item that says no more than its status: three empty strings behind the header. */
#define PLACEHOLDER_LEN (ITEM_HDR + 3u)

/* Offsets in a key, then in an item (docs/codec-apps-lookup.md 2 and 3.1). Length follows offset.
 */
enum {
    KEY_PID = 0,
    KEY_RESERVED = 4,
    ITEM_LAYOUT_VERSION = 0,
    ITEM_STATUS = 2,
    ITEM_ORCHESTRATOR = 4,
    ITEM_CGROUP_STATUS = 6,
    ITEM_PID = 8,
    ITEM_PPID = 12,
    ITEM_UID = 16,
    ITEM_RESERVED_20 = 20,
    ITEM_STARTTIME = 24,
    ITEM_COMM = 32,
    ITEM_CGROUP_PATH = 40,
    ITEM_CGROUP_NAME = 48,
    ITEM_LABEL_COUNT = 56,
    ITEM_RESERVED_58 = 58
};

/* rules.c: what status, cgroup status and the rest of an item have to do with each other, the same
 * for decoder and builder. */
struct apps_item_facts {
    uint16_t status;
    uint16_t orchestrator;
    uint16_t cgroup_status;
    uint16_t reserved;
    uint32_t ppid;
    uint32_t uid;
    uint64_t starttime;
    uint64_t comm_len;
    uint64_t cgroup_path_len;
    uint64_t cgroup_name_len;
    uint32_t label_count;
};
pipc_result pipcm_apps_lookup_judge(const struct apps_item_facts *facts);

/* request.c */
pipc_result pipcm_apps_lookup_request_encode(const uint32_t *pids, uint32_t count, void *buf,
                                             size_t cap, size_t *ret_len);
pipc_result pipcm_apps_lookup_request_add(struct pipc_lookup_builder *b, uint32_t pid);
pipc_result pipcm_apps_lookup_request_decode(const void *payload, size_t len,
                                             struct pipc_apps_lookup_request_view *ret_view);
pipc_result pipcm_apps_lookup_request_item(const struct pipc_apps_lookup_request_view *view,
                                           uint32_t index,
                                           struct pipc_apps_lookup_request_item_view *ret_item);

/* decode.c */
pipc_result pipcm_apps_lookup_decode(const void *payload, size_t len,
                                     struct pipc_apps_lookup_view *ret_view);
pipc_result pipcm_apps_lookup_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                                   struct pipc_apps_lookup_item_view *ret_item);
pipc_result pipcm_apps_lookup_label(const struct pipc_apps_lookup_item_view *item, uint32_t index,
                                    struct pipc_label_view *ret_label);
pipc_result pipcm_apps_lookup_raw_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                                       struct pipc_lookup_raw *ret_raw);
pipc_result pipcm_apps_lookup_assemble(const struct pipc_lookup_raw *items, uint32_t count,
                                       uint64_t generation, void *buf, size_t cap, size_t *ret_len);

/* copy.c */
pipc_result pipcm_apps_lookup_copy(const struct pipc_apps_lookup_view *view,
                                   const struct pipc_allocator *allocator,
                                   struct pipc_apps_lookup **ret_copy);
pipc_result pipcm_apps_lookup_item_copy(const struct pipc_apps_lookup_item_view *item,
                                        const struct pipc_allocator *allocator,
                                        struct pipc_apps_lookup_item **ret_copy);

/* builder.c */
uint32_t pipcm_apps_lookup_estimate(uint64_t cap);
pipc_result pipcm_apps_lookup_builder_init(struct pipc_apps_lookup_builder *builder, void *buf,
                                           size_t cap, uint32_t max_items, uint64_t generation);
pipc_result pipcm_apps_lookup_builder_init_request(
    struct pipc_apps_lookup_builder *builder, void *buf, size_t cap,
    const struct pipc_apps_lookup_request_view *request, uint64_t generation);
void pipcm_apps_lookup_builder_set_generation(struct pipc_apps_lookup_builder *builder,
                                              uint64_t generation);
pipc_result pipcm_apps_lookup_builder_add(struct pipc_apps_lookup_builder *builder,
                                          const struct pipc_apps_lookup_item *item);
size_t pipcm_apps_lookup_builder_finish(struct pipc_apps_lookup_builder *builder);
/* Bytes of the placeholders of that many keys (docs/codec.md 8.2). */
uint64_t pipcm_apps_lookup_reserve(uint32_t count);
/* The same as builder_init with room kept for the placeholders. */
pipc_result pipcm_apps_lookup_begin(struct pipc_apps_lookup_builder *builder, void *buf, size_t cap,
                                    uint32_t max_items, uint64_t reserve, uint64_t generation);
/* The same as builder_add with labels of any source; `item->labels` is not looked at. */
pipc_result pipcm_apps_lookup_add(struct pipc_apps_lookup_builder *builder,
                                  const struct pipc_apps_lookup_item *item,
                                  const struct lookup_labels *labels);

/* generic.c */
pipc_result pipcm_apps_lookup_check_request(const void *bytes, size_t len);
pipc_result pipcm_apps_lookup_check_response(const void *bytes, size_t len);
pipc_result pipcm_apps_lookup_walk_request(const void *bytes, size_t len,
                                           const struct pipc_visitor *visitor);
pipc_result pipcm_apps_lookup_walk_response(const void *bytes, size_t len,
                                            const struct pipc_visitor *visitor);
pipc_result pipcm_apps_lookup_build_request(const struct pipc_fields *fields, void *buf, size_t cap,
                                            size_t *ret_len);
pipc_result pipcm_apps_lookup_build_response(const struct pipc_fields *fields, void *buf,
                                             size_t cap, size_t *ret_len);

/* dispatch.c */
pipc_result pipcm_apps_lookup_dispatch(const struct pipc_dispatch *dispatch,
                                       struct pipc_dispatched *ret_dispatched);

/* call.c */
extern const struct pipc_call_ops pipcm_apps_lookup_call;
extern const struct pipc_lookup_hooks pipcm_apps_lookup_hooks;

/* module.c */
extern const struct pipc_apps_lookup_table pipcm_apps_lookup_table;

#endif
