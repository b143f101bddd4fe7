/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder of a response of CGROUPS_LOOKUP (docs/codec.md 8).
 *
 * It writes inside the caller's buffer only, allocates nothing, and never reads the buffer to
 * decide a length or an address, because the buffer may be shared memory. One thread at a time.
 */
#include "cgroups_lookup.h"

/* Bytes of an item that an estimate counts: its directory entry, and the smallest item rounded up.
 */
#define ESTIMATE_ITEM_LEN 40u

uint32_t pipcm_cgroups_lookup_estimate(uint64_t cap)
{
    return lookup_estimate(cap, ESTIMATE_ITEM_LEN);
}

/* ---- begin ---- */

pipc_result pipcm_cgroups_lookup_begin(struct pipc_cgroups_lookup_builder *builder, void *buf,
                                       size_t cap, uint32_t max_items, uint64_t reserve,
                                       uint64_t generation)
{
    builder->table = &pipcm_cgroups_lookup_table;
    memset(&builder->request, 0, sizeof(builder->request));
    return lookup_begin(&builder->state, buf, cap, max_items, reserve, generation);
}

pipc_result pipcm_cgroups_lookup_builder_init(struct pipc_cgroups_lookup_builder *builder,
                                              void *buf, size_t cap, uint32_t max_items,
                                              uint64_t generation)
{
    if (!builder)
        return PIPC_ERR_BAD_PARAM;
    return pipcm_cgroups_lookup_begin(builder, buf, cap, max_items, 0, generation);
}

/* The placeholders of all keys, each padded up to but the last (docs/codec.md 8.2). */
static pipc_result reserve_of(const struct pipc_cgroups_lookup_request_view *request,
                              uint64_t *ret_reserve)
{
    uint64_t reserve = 0;
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        const pipc_result r = pipcm_cgroups_lookup_request_item(request, i, &key);
        if (r != PIPC_OK)
            return r;
        reserve = bytes_align8(reserve) + pipcm_cgroups_lookup_placeholder(key.path.len);
    }
    *ret_reserve = reserve;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_builder_init_request(
    struct pipc_cgroups_lookup_builder *builder, void *buf, size_t cap,
    const struct pipc_cgroups_lookup_request_view *request, uint64_t generation)
{
    uint64_t reserve = 0;
    if (!builder)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result read = request ? reserve_of(request, &reserve) : PIPC_ERR_BAD_PARAM;
    const pipc_result begun = pipcm_cgroups_lookup_begin(
        builder, buf, cap, read == PIPC_OK ? request->item_count : 0, reserve, generation);
    if (read == PIPC_OK) {
        builder->request = *request;
        return begun;
    }
    builder->state.failed = read;
    return lookup_refuse(&builder->state, read);
}

void pipcm_cgroups_lookup_builder_set_generation(struct pipc_cgroups_lookup_builder *builder,
                                                 uint64_t generation)
{
    builder->state.generation = generation;
}

/* ---- add ---- */

static const struct pipc_str_view no_name = {"", 0};

/* What the placeholder of the next key takes of the reserve. Without a request the reserve is made
 * of the paths that are added. */
static uint64_t next_placeholder(const struct pipc_cgroups_lookup_builder *builder, size_t path_len)
{
    struct pipc_cgroups_lookup_request_item_view key;
    if (builder->request.table &&
        pipcm_cgroups_lookup_request_item(&builder->request, builder->state.count, &key) == PIPC_OK)
        path_len = key.path.len;
    return pipcm_cgroups_lookup_placeholder(path_len);
}

/* The fixed header and both strings; returns where they end. *bad is set when a NUL is in the name;
 * the path was checked. */
static size_t put_head(unsigned char *out, uint16_t status, uint16_t orchestrator,
                       uint32_t label_count, const struct pipc_str_view *path,
                       const struct pipc_str_view *name, int *bad)
{
    const size_t name_at = ITEM_HDR + path->len + 1;
    bytes_put16(out + ITEM_LAYOUT_VERSION, LOOKUP_LAYOUT_VERSION);
    bytes_put16(out + ITEM_STATUS, status);
    bytes_put16(out + ITEM_ORCHESTRATOR, orchestrator);
    bytes_put16(out + ITEM_RESERVED_6, 0);
    lookup_put_span(out + ITEM_PATH, ITEM_HDR, path->len);
    lookup_put_span(out + ITEM_NAME, name_at, name->len);
    bytes_put16(out + ITEM_LABEL_COUNT, (uint16_t)label_count);
    bytes_put16(out + ITEM_RESERVED_26, 0);
    lookup_put_str(out, ITEM_HDR, path);
    return lookup_put_text(out, name_at, name, bad);
}

/* Step 7 of the page. */
static pipc_result add_placeholder(struct pipc_cgroups_lookup_builder *builder,
                                   const struct pipc_str_view *path, uint32_t status)
{
    const uint64_t size = pipcm_cgroups_lookup_placeholder(path->len);
    unsigned char *out = lookup_space(&builder->state, size);
    int bad = 0;
    if (!out)
        return PIPC_ERR_OVERFLOW;
    put_head(out, (uint16_t)status, 0, 0, path, &no_name, &bad);
    lookup_commit(&builder->state, size, next_placeholder(builder, path->len));
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_local(const struct pipc_str_view *path, void *buf, size_t cap,
                                       size_t *ret_len)
{
    const uint64_t size = pipcm_cgroups_lookup_placeholder(path->len);
    int bad = 0;
    if (size > cap || size > UINT32_MAX)
        return PIPC_ERR_OVERFLOW;
    put_head(buf, PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM, 0, 0, path, &no_name, &bad);
    *ret_len = (size_t)size;
    return PIPC_OK;
}

/* Step 6: it does not fit. */
static pipc_result add_unfit(struct pipc_cgroups_lookup_builder *builder,
                             const struct pipc_str_view *path)
{
    const uint32_t status = lookup_unfit_status(&builder->state, PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM,
                                                PIPC_CGROUP_LOOKUP_PAYLOAD_EXCEEDED);
    const pipc_result r = add_placeholder(builder, path, status);
    if (r == PIPC_OK)
        lookup_cut(&builder->state, status == PIPC_CGROUP_LOOKUP_PAYLOAD_EXCEEDED);
    return r;
}

/* Step 3 of an item that is not KNOWN, but for the path. */
static pipc_result check_rest(const struct pipc_cgroups_lookup_item *item,
                              const struct lookup_labels *labels)
{
    uint64_t size;
    if (item->status > PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM)
        return PIPC_ERR_BAD_LAYOUT;
    const pipc_result r = lookup_check_str(&item->name);
    if (r != PIPC_OK)
        return r;
    if (item->orchestrator != 0 || item->name.len > 0 || labels->count > 0)
        return PIPC_ERR_BAD_LAYOUT;
    return lookup_labels_measure(labels, &size);
}

/* Steps 3 and 6: an item that does not fit is looked at all the same. */
static pipc_result add_unfit_checked(struct pipc_cgroups_lookup_builder *builder,
                                     const struct pipc_cgroups_lookup_item *item,
                                     const struct lookup_labels *labels)
{
    pipc_result r = lookup_check_str(&item->name);
    if (r == PIPC_OK)
        r = lookup_labels_rest(labels);
    return r == PIPC_OK ? add_unfit(builder, &item->path) : r;
}

/* Step 5: a KNOWN item. Its bytes are looked at while they are copied, and it counts only when they
 * are good. */
static pipc_result add_known(struct pipc_cgroups_lookup_builder *builder,
                             const struct pipc_cgroups_lookup_item *item,
                             const struct lookup_labels *labels)
{
    struct pipc_lookup_builder *b = &builder->state;
    const uint64_t end =
        lookup_size_add(lookup_size_add(ITEM_HDR + 2, item->path.len), item->name.len);
    uint64_t labels_size;
    int bad = 0;
    pipc_result r = lookup_labels_sum(labels, &labels_size);
    if (r != PIPC_OK || !lookup_str_there(&item->name)) {
        const pipc_result first = lookup_check_str(&item->name);
        return first != PIPC_OK ? first : r;
    }
    const uint64_t size = lookup_item_size(end, labels, labels_size);
    const uint64_t placeholder = next_placeholder(builder, item->path.len);
    unsigned char *out = lookup_fits(b, size, placeholder) ? lookup_space(b, size) : NULL;
    if (!out)
        return add_unfit_checked(builder, item, labels);
    const size_t written = put_head(out, PIPC_CGROUP_LOOKUP_KNOWN, item->orchestrator,
                                    labels->count, &item->path, &item->name, &bad);
    r = bad ? PIPC_ERR_BAD_LAYOUT : lookup_labels_write(out, (size_t)size, written, labels);
    if (r == PIPC_OK)
        lookup_commit(b, size, placeholder);
    return r;
}

/* The path was checked, or comes from a request that was. */
static pipc_result add_checked(struct pipc_cgroups_lookup_builder *builder,
                               const struct pipc_cgroups_lookup_item *item,
                               const struct lookup_labels *labels)
{
    if (builder->state.exceeded)
        return add_placeholder(builder, &item->path, PIPC_CGROUP_LOOKUP_PAYLOAD_EXCEEDED);
    if (builder->state.count == builder->state.max_items)
        return PIPC_ERR_OVERFLOW;
    if (item->status == PIPC_CGROUP_LOOKUP_KNOWN)
        return add_known(builder, item, labels);
    const pipc_result r = check_rest(item, labels);
    return r == PIPC_OK ? add_placeholder(builder, &item->path, item->status) : r;
}

pipc_result pipcm_cgroups_lookup_add(struct pipc_cgroups_lookup_builder *builder,
                                     const struct pipc_cgroups_lookup_item *item,
                                     const struct lookup_labels *labels)
{
    struct pipc_lookup_builder *b = &builder->state;
    if (b->failed != PIPC_OK)
        return b->failed;
    pipc_result r = !b->exceeded && b->count == b->max_items
                        ? PIPC_ERR_OVERFLOW
                        : pipcm_cgroups_lookup_check_path(&item->path);
    if (r == PIPC_OK)
        r = add_checked(builder, item, labels);
    b->error = r;
    return r;
}

pipc_result pipcm_cgroups_lookup_builder_add(struct pipc_cgroups_lookup_builder *builder,
                                             const struct pipc_cgroups_lookup_item *item)
{
    if (!item)
        return lookup_refuse(&builder->state, PIPC_ERR_BAD_PARAM);
    const struct lookup_labels labels = {.array = item->labels, .count = item->label_count};
    return pipcm_cgroups_lookup_add(builder, item, &labels);
}

pipc_result pipcm_cgroups_lookup_builder_add_request_item(
    struct pipc_cgroups_lookup_builder *builder, uint32_t index,
    const struct pipc_cgroups_lookup_item *item)
{
    struct pipc_cgroups_lookup_request_item_view key;
    if (!item || builder->state.failed != PIPC_OK)
        return lookup_refuse(&builder->state, PIPC_ERR_BAD_PARAM);
    const pipc_result r = pipcm_cgroups_lookup_request_item(&builder->request, index, &key);
    if (r != PIPC_OK)
        return r;
    const struct lookup_labels labels = {.array = item->labels, .count = item->label_count};
    struct pipc_cgroups_lookup_item with_path = *item;
    with_path.path = key.path;
    builder->state.error = add_checked(builder, &with_path, &labels);
    return builder->state.error;
}

size_t pipcm_cgroups_lookup_builder_finish(struct pipc_cgroups_lookup_builder *builder)
{
    return lookup_finish(&builder->state);
}
