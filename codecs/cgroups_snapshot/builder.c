/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder of a response of CGROUPS_SNAPSHOT (docs/codec-cgroups-snapshot.md 4).
 *
 * It writes inside the caller's buffer only, allocates nothing, and never reads the buffer to
 * decide a length or an address, because the buffer may be shared memory. Its first failure is
 * final. One thread at a time.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

/* Bytes of an item that an estimate counts: its directory entry, and the smallest item rounded up.
 */
#define ESTIMATE_ITEM_LEN 48u

uint32_t pipcm_cgroups_snapshot_estimate(uint64_t cap)
{
    if (cap <= SNAPSHOT_HDR)
        return 0;
    const uint64_t items = (cap - SNAPSHOT_HDR) / ESTIMATE_ITEM_LEN;
    return items > UINT32_MAX ? UINT32_MAX : (uint32_t)items;
}

static uint64_t packed_start(const struct pipc_cgroups_snapshot_builder *b)
{
    return SNAPSHOT_HDR + (uint64_t)PIPC_DIR_ENTRY_LEN * b->max_items;
}

pipc_result pipcm_cgroups_snapshot_builder_init(struct pipc_cgroups_snapshot_builder *builder,
                                                void *buf, size_t cap, uint32_t max_items,
                                                uint32_t systemd_enabled, uint64_t generation)
{
    if (!builder)
        return PIPC_ERR_BAD_PARAM;
    memset(builder, 0, sizeof(*builder));
    builder->table = &pipcm_cgroups_snapshot_table;
    builder->buf = buf;
    /* A payload has a 32-bit length, so that more room than that is of no use. */
    builder->cap = cap > UINT32_MAX ? UINT32_MAX : cap;
    builder->max_items = max_items;
    builder->systemd_enabled = systemd_enabled;
    builder->generation = generation;
    builder->pos = packed_start(builder);
    if (!buf && cap > 0)
        builder->error = PIPC_ERR_BAD_PARAM;
    else if (builder->pos > builder->cap)
        builder->error = PIPC_ERR_OVERFLOW;
    return builder->error;
}

void pipcm_cgroups_snapshot_builder_set_header(struct pipc_cgroups_snapshot_builder *builder,
                                               uint32_t systemd_enabled, uint64_t generation)
{
    builder->systemd_enabled = systemd_enabled;
    builder->generation = generation;
}

/* Everything that add can refuse; on PIPC_OK the item of *ret_size bytes fits at *ret_start. */
static pipc_result check_add(const struct pipc_cgroups_snapshot_builder *b,
                             const struct pipc_str_view *name, const struct pipc_str_view *path,
                             uint64_t *ret_start, uint64_t *ret_size)
{
    if (b->count == b->max_items)
        return PIPC_ERR_OVERFLOW;
    if ((!name->ptr && name->len > 0) || (!path->ptr && path->len > 0))
        return PIPC_ERR_BAD_PARAM;
    if ((name->len > 0 && memchr(name->ptr, 0, name->len)) ||
        (path->len > 0 && memchr(path->ptr, 0, path->len)))
        return PIPC_ERR_BAD_LAYOUT;
    /* cap has 32 bits: lengths above it are refused before they are added up. */
    if (name->len > b->cap || path->len > b->cap)
        return PIPC_ERR_OVERFLOW;
    *ret_start = bytes_align8(b->pos);
    *ret_size = (uint64_t)SNAPSHOT_ITEM_MIN + name->len + path->len;
    return *ret_start + *ret_size > b->cap ? PIPC_ERR_OVERFLOW : PIPC_OK;
}

static void write_item(unsigned char *out, const struct pipc_cgroups_snapshot_item_view *item)
{
    const size_t name_len = item->name.len, path_len = item->path.len;
    const size_t path_at = SNAPSHOT_ITEM_HDR + name_len + 1;
    bytes_put16(out + ITEM_LAYOUT_VERSION, SNAPSHOT_LAYOUT_VERSION);
    bytes_put16(out + ITEM_FLAGS, 0);
    bytes_put32(out + ITEM_HASH, item->hash);
    bytes_put32(out + ITEM_OPTIONS, item->options);
    bytes_put32(out + ITEM_ENABLED, item->enabled);
    bytes_put32(out + ITEM_NAME_OFFSET, SNAPSHOT_ITEM_HDR);
    bytes_put32(out + ITEM_NAME_LENGTH, (uint32_t)name_len);
    bytes_put32(out + ITEM_PATH_OFFSET, (uint32_t)path_at);
    bytes_put32(out + ITEM_PATH_LENGTH, (uint32_t)path_len);
    bytes_copy(out + SNAPSHOT_ITEM_HDR, item->name.ptr, name_len);
    out[SNAPSHOT_ITEM_HDR + name_len] = 0;
    bytes_copy(out + path_at, item->path.ptr, path_len);
    out[path_at + path_len] = 0;
}

pipc_result pipcm_cgroups_snapshot_builder_add(struct pipc_cgroups_snapshot_builder *builder,
                                               const struct pipc_cgroups_snapshot_item_view *item)
{
    uint64_t start, size;
    if (builder->error != PIPC_OK)
        return builder->error;
    builder->error = check_add(builder, &item->name, &item->path, &start, &size);
    if (builder->error != PIPC_OK)
        return builder->error;
    memset(builder->buf + builder->pos, 0, (size_t)(start - builder->pos));
    write_item(builder->buf + start, item);
    /* Offsets count from the packed area, so that they stay right when finish moves it. */
    unsigned char *entry =
        builder->buf + SNAPSHOT_HDR + (size_t)PIPC_DIR_ENTRY_LEN * builder->count;
    bytes_put32(entry, (uint32_t)(start - packed_start(builder)));
    bytes_put32(entry + 4, (uint32_t)size);
    builder->pos = start + size;
    builder->count++;
    return PIPC_OK;
}

/* Takes back the directory slots that were not used. Afterwards there is no free slot, so that
 * finish may be repeated and no item can be added. */
static void close_gap(struct pipc_cgroups_snapshot_builder *b)
{
    const uint64_t from = packed_start(b), len = b->pos - from;
    b->max_items = b->count;
    const uint64_t to = packed_start(b);
    if (from != to && len > 0)
        memmove(b->buf + to, b->buf + from, (size_t)len);
    b->pos = to + len;
}

size_t pipcm_cgroups_snapshot_builder_finish(struct pipc_cgroups_snapshot_builder *builder)
{
    if (builder->error != PIPC_OK)
        return 0;
    close_gap(builder);
    unsigned char *out = builder->buf;
    bytes_put16(out + HDR_LAYOUT_VERSION, SNAPSHOT_LAYOUT_VERSION);
    bytes_put16(out + HDR_FLAGS, 0);
    bytes_put32(out + HDR_ITEM_COUNT, builder->count);
    bytes_put32(out + HDR_SYSTEMD_ENABLED, builder->systemd_enabled);
    bytes_put32(out + HDR_RESERVED, 0);
    bytes_put64(out + HDR_GENERATION, builder->generation);
    return (size_t)builder->pos;
}
