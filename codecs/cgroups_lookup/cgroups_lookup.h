/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of this codec; no other program sees it. Pure functions, any thread.
 */
#ifndef PIPC_CODECS_CGROUPS_LOOKUP_PRIVATE_H
#define PIPC_CODECS_CGROUPS_LOOKUP_PRIVATE_H

#include <pipc/codecs/cgroups_lookup.h>

#include "../common/lookup_build.h"

#define ITEM_HDR PIPC_CGROUPS_LOOKUP_ITEM_HDR_LEN

/* Offsets in an item (docs/codec-cgroups-lookup.md 3.1). Length follows offset. */
enum {
    ITEM_LAYOUT_VERSION = 0,
    ITEM_STATUS = 2,
    ITEM_ORCHESTRATOR = 4,
    ITEM_RESERVED_6 = 6,
    ITEM_PATH = 8,
    ITEM_NAME = 16,
    ITEM_LABEL_COUNT = 24,
    ITEM_RESERVED_26 = 26
};

/* Bytes of the answer to a path that says no more than its status. */
static inline uint64_t pipcm_cgroups_lookup_placeholder(size_t path_len)
{
    return lookup_size_add(ITEM_HDR + 2, path_len);
}

/* request.c */
pipc_result pipcm_cgroups_lookup_check_path(const struct pipc_str_view *path);
pipc_result pipcm_cgroups_lookup_request_size(const struct pipc_str_view *paths, uint32_t count,
                                              uint64_t *ret_size);
pipc_result pipcm_cgroups_lookup_request_encode(const struct pipc_str_view *paths, uint32_t count,
                                                void *buf, size_t cap, size_t *ret_len);
pipc_result pipcm_cgroups_lookup_request_add(struct pipc_lookup_builder *b,
                                             const struct pipc_str_view *path);
pipc_result pipcm_cgroups_lookup_request_decode(const void *payload, size_t len,
                                                struct pipc_cgroups_lookup_request_view *ret_view);
pipc_result pipcm_cgroups_lookup_request_item(
    const struct pipc_cgroups_lookup_request_view *view, uint32_t index,
    struct pipc_cgroups_lookup_request_item_view *ret_item);

/* decode.c */
pipc_result pipcm_cgroups_lookup_decode(const void *payload, size_t len,
                                        struct pipc_cgroups_lookup_view *ret_view);
pipc_result pipcm_cgroups_lookup_item(const struct pipc_cgroups_lookup_view *view, uint32_t index,
                                      struct pipc_cgroups_lookup_item_view *ret_item);
pipc_result pipcm_cgroups_lookup_label(const struct pipc_cgroups_lookup_item_view *item,
                                       uint32_t index, struct pipc_label_view *ret_label);
pipc_result pipcm_cgroups_lookup_raw_item(const struct pipc_cgroups_lookup_view *view,
                                          uint32_t index, struct pipc_lookup_raw *ret_raw);
pipc_result pipcm_cgroups_lookup_assemble(const struct pipc_lookup_raw *items, uint32_t count,
                                          uint64_t generation, void *buf, size_t cap,
                                          size_t *ret_len);

/* copy.c */
pipc_result pipcm_cgroups_lookup_request_copy(const struct pipc_cgroups_lookup_request_view *view,
                                              const struct pipc_allocator *allocator,
                                              struct pipc_cgroups_lookup_request **ret_copy);
pipc_result pipcm_cgroups_lookup_copy(const struct pipc_cgroups_lookup_view *view,
                                      const struct pipc_allocator *allocator,
                                      struct pipc_cgroups_lookup **ret_copy);
pipc_result pipcm_cgroups_lookup_item_copy(const struct pipc_cgroups_lookup_item_view *item,
                                           const struct pipc_allocator *allocator,
                                           struct pipc_cgroups_lookup_item **ret_copy);

/* builder.c */
uint32_t pipcm_cgroups_lookup_estimate(uint64_t cap);
pipc_result pipcm_cgroups_lookup_builder_init(struct pipc_cgroups_lookup_builder *builder,
                                              void *buf, size_t cap, uint32_t max_items,
                                              uint64_t generation);
pipc_result pipcm_cgroups_lookup_builder_init_request(
    struct pipc_cgroups_lookup_builder *builder, void *buf, size_t cap,
    const struct pipc_cgroups_lookup_request_view *request, uint64_t generation);
void pipcm_cgroups_lookup_builder_set_generation(struct pipc_cgroups_lookup_builder *builder,
                                                 uint64_t generation);
pipc_result pipcm_cgroups_lookup_builder_add(struct pipc_cgroups_lookup_builder *builder,
                                             const struct pipc_cgroups_lookup_item *item);
pipc_result pipcm_cgroups_lookup_builder_add_request_item(
    struct pipc_cgroups_lookup_builder *builder, uint32_t index,
    const struct pipc_cgroups_lookup_item *item);
size_t pipcm_cgroups_lookup_builder_finish(struct pipc_cgroups_lookup_builder *builder);
/* The same as builder_init with room kept for placeholders of paths that are not known yet. */
pipc_result pipcm_cgroups_lookup_begin(struct pipc_cgroups_lookup_builder *builder, void *buf,
                                       size_t cap, uint32_t max_items, uint64_t reserve,
                                       uint64_t generation);
/* The bytes of an OVERSIZED_ITEM placeholder for a path that was checked. PIPC_ERR_OVERFLOW. */
pipc_result pipcm_cgroups_lookup_local(const struct pipc_str_view *path, void *buf, size_t cap,
                                       size_t *ret_len);
/* The same as builder_add with labels of any source; `item->labels` is not looked at. */
pipc_result pipcm_cgroups_lookup_add(struct pipc_cgroups_lookup_builder *builder,
                                     const struct pipc_cgroups_lookup_item *item,
                                     const struct lookup_labels *labels);

/* generic.c */
pipc_result pipcm_cgroups_lookup_check_request(const void *bytes, size_t len);
pipc_result pipcm_cgroups_lookup_check_response(const void *bytes, size_t len);
pipc_result pipcm_cgroups_lookup_walk_request(const void *bytes, size_t len,
                                              const struct pipc_visitor *visitor);
pipc_result pipcm_cgroups_lookup_walk_response(const void *bytes, size_t len,
                                               const struct pipc_visitor *visitor);
pipc_result pipcm_cgroups_lookup_build_request(const struct pipc_fields *fields, void *buf,
                                               size_t cap, size_t *ret_len);
pipc_result pipcm_cgroups_lookup_build_response(const struct pipc_fields *fields, void *buf,
                                                size_t cap, size_t *ret_len);

/* dispatch.c */
pipc_result pipcm_cgroups_lookup_dispatch(const struct pipc_dispatch *dispatch,
                                          struct pipc_dispatched *ret_dispatched);

/* call.c */
extern const struct pipc_call_ops pipcm_cgroups_lookup_call;
extern const struct pipc_lookup_hooks pipcm_cgroups_lookup_hooks;

/* module.c */
extern const struct pipc_cgroups_lookup_table pipcm_cgroups_lookup_table;

#endif
