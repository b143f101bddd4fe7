/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of this codec; no other program sees it. Pure functions, any thread.
 */
#ifndef PIPC_CODECS_CGROUPS_SNAPSHOT_PRIVATE_H
#define PIPC_CODECS_CGROUPS_SNAPSHOT_PRIVATE_H

#include <pipc/codecs/cgroups_snapshot.h>

#define SNAPSHOT_LAYOUT_VERSION 1u
#define SNAPSHOT_HDR            PIPC_CGROUPS_SNAPSHOT_HDR_LEN
#define SNAPSHOT_ITEM_HDR       PIPC_CGROUPS_SNAPSHOT_ITEM_HDR_LEN
/* Smallest item that an encoder writes: the header and the NULs of two empty strings. */
#define SNAPSHOT_ITEM_MIN (SNAPSHOT_ITEM_HDR + 2u)

/* Offsets in the response header, then in an item (docs/codec-cgroups-snapshot.md 3.1 and 3.3). */
enum {
    HDR_LAYOUT_VERSION = 0,
    HDR_FLAGS = 2,
    HDR_ITEM_COUNT = 4,
    HDR_SYSTEMD_ENABLED = 8,
    HDR_RESERVED = 12,
    HDR_GENERATION = 16,
    ITEM_LAYOUT_VERSION = 0,
    ITEM_FLAGS = 2,
    ITEM_HASH = 4,
    ITEM_OPTIONS = 8,
    ITEM_ENABLED = 12,
    ITEM_NAME_OFFSET = 16,
    ITEM_NAME_LENGTH = 20,
    ITEM_PATH_OFFSET = 24,
    ITEM_PATH_LENGTH = 28
};

/* request.c */
pipc_result pipcm_cgroups_snapshot_request_encode(void *buf, size_t cap, size_t *ret_len);
pipc_result pipcm_cgroups_snapshot_request_decode(
    const void *payload, size_t len, struct pipc_cgroups_snapshot_request_view *ret_view);

/* decode.c */
pipc_result pipcm_cgroups_snapshot_decode(const void *payload, size_t len,
                                          struct pipc_cgroups_snapshot_view *ret_view);
pipc_result pipcm_cgroups_snapshot_item(const struct pipc_cgroups_snapshot_view *view,
                                        uint32_t index,
                                        struct pipc_cgroups_snapshot_item_view *ret_item);

/* copy.c */
pipc_result pipcm_cgroups_snapshot_copy(const struct pipc_cgroups_snapshot_view *view,
                                        const struct pipc_allocator *allocator,
                                        struct pipc_cgroups_snapshot **ret_copy);
pipc_result pipcm_cgroups_snapshot_item_copy(const struct pipc_cgroups_snapshot_item_view *item,
                                             const struct pipc_allocator *allocator,
                                             struct pipc_cgroups_snapshot_item **ret_copy);
extern const struct pipc_snapshot_hooks pipcm_cgroups_snapshot_hooks;

/* builder.c */
uint32_t pipcm_cgroups_snapshot_estimate(uint64_t cap);
pipc_result pipcm_cgroups_snapshot_builder_init(struct pipc_cgroups_snapshot_builder *builder,
                                                void *buf, size_t cap, uint32_t max_items,
                                                uint32_t systemd_enabled, uint64_t generation);
void pipcm_cgroups_snapshot_builder_set_header(struct pipc_cgroups_snapshot_builder *builder,
                                               uint32_t systemd_enabled, uint64_t generation);
pipc_result pipcm_cgroups_snapshot_builder_add(struct pipc_cgroups_snapshot_builder *builder,
                                               const struct pipc_cgroups_snapshot_item_view *item);
size_t pipcm_cgroups_snapshot_builder_finish(struct pipc_cgroups_snapshot_builder *builder);

/* generic.c */
pipc_result pipcm_cgroups_snapshot_check_request(const void *bytes, size_t len);
pipc_result pipcm_cgroups_snapshot_check_response(const void *bytes, size_t len);
pipc_result pipcm_cgroups_snapshot_walk_request(const void *bytes, size_t len,
                                                const struct pipc_visitor *visitor);
pipc_result pipcm_cgroups_snapshot_walk_response(const void *bytes, size_t len,
                                                 const struct pipc_visitor *visitor);
pipc_result pipcm_cgroups_snapshot_build_request(const struct pipc_fields *fields, void *buf,
                                                 size_t cap, size_t *ret_len);
pipc_result pipcm_cgroups_snapshot_build_response(const struct pipc_fields *fields, void *buf,
                                                  size_t cap, size_t *ret_len);

/* dispatch.c */
pipc_result pipcm_cgroups_snapshot_dispatch(const struct pipc_dispatch *dispatch,
                                            struct pipc_dispatched *ret_dispatched);
extern const struct pipc_call_ops pipcm_cgroups_snapshot_call;

/* module.c */
extern const struct pipc_cgroups_snapshot_table pipcm_cgroups_snapshot_table;

#endif
