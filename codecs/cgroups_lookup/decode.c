/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding of a response of CGROUPS_LOOKUP: everything at once; afterwards items and labels are
 * found without checking them anew (docs/codec-cgroups-lookup.md 4).
 *
 * Pure, allocates nothing; any thread. The order of the checks is that of the page. Access checks
 * the way to what it hands out again, so that it is safe on a view whose fields were changed by
 * mistake. Outputs are untouched on failure.
 */
#include "cgroups_lookup.h"

#include "../common/lookup_assemble.h"

static const struct lookup_entry_rule item_rule = {ITEM_HDR, UINT32_MAX};

/* Steps a to d: everything that the fixed header alone can show. */
static pipc_result check_item_header(const unsigned char *item)
{
    if (bytes_get16(item + ITEM_LAYOUT_VERSION) != LOOKUP_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get16(item + ITEM_RESERVED_6) != 0 || bytes_get16(item + ITEM_RESERVED_26) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    const uint16_t status = bytes_get16(item + ITEM_STATUS);
    if (status > PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get32(item + ITEM_PATH + 4) == 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (status == PIPC_CGROUP_LOOKUP_KNOWN)
        return PIPC_OK;
    if (bytes_get16(item + ITEM_ORCHESTRATOR) != 0 || bytes_get32(item + ITEM_NAME + 4) != 0 ||
        bytes_get16(item + ITEM_LABEL_COUNT) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    return PIPC_OK;
}

/* End of the strings, NULs included. */
static uint64_t strings_end(struct lookup_span path, struct lookup_span name)
{
    const uint64_t path_end = lookup_span_end(path), name_end = lookup_span_end(name);
    return path_end > name_end ? path_end : name_end;
}

/* Strings as every builder writes them: one behind the other, from the fixed header on, and so
 * without a byte in common. 0 says nothing: the checks one by one find the reason. */
static int strings_plain(const unsigned char *item, uint32_t len, struct lookup_span path,
                         struct lookup_span name)
{
    const uint64_t first = lookup_span_end(path), second = lookup_span_end(name);

    return path.at == ITEM_HDR && name.at == first && second <= len && item[first - 1] == 0 &&
           item[second - 1] == 0 && lookup_only_strings(item, ITEM_HDR, second, 2);
}

static pipc_result check_strings(const unsigned char *item, uint32_t len, struct lookup_span path,
                                 struct lookup_span name)
{
    pipc_result r = lookup_span_check(item, len, ITEM_HDR, path);
    if (r == PIPC_OK)
        r = lookup_span_check(item, len, ITEM_HDR, name);
    return r == PIPC_OK && lookup_spans_share(path, name) ? PIPC_ERR_BAD_LAYOUT : r;
}

/* An item of at least its fixed header. */
static pipc_result check_item(const unsigned char *item, uint32_t len)
{
    const struct lookup_span path = lookup_span_at(item + ITEM_PATH);
    const struct lookup_span name = lookup_span_at(item + ITEM_NAME);
    pipc_result r = check_item_header(item);
    if (r == PIPC_OK && !strings_plain(item, len, path, name))
        r = check_strings(item, len, path, name);
    if (r != PIPC_OK)
        return r;
    return lookup_check_labels(item, len, strings_end(path, name),
                               bytes_get16(item + ITEM_LABEL_COUNT));
}

pipc_result pipcm_cgroups_lookup_decode(const void *payload, size_t len,
                                        struct pipc_cgroups_lookup_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    const unsigned char *in = payload;
    pipc_result r = lookup_check_header(in, len, 0);
    if (r != PIPC_OK)
        return r;
    const uint32_t count = bytes_get32(in + LOOKUP_HDR_ITEM_COUNT);
    r = lookup_check_directory(in, len, count, &item_rule);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        struct lookup_entry entry;
        r = lookup_read_entry(in, len, count, i, &item_rule, &entry);
        if (r == PIPC_OK)
            r = check_item(entry.item, entry.len);
    }
    if (r != PIPC_OK)
        return r;
    ret_view->table = &pipcm_cgroups_lookup_table;
    ret_view->layout_version = LOOKUP_LAYOUT_VERSION;
    ret_view->flags = 0;
    ret_view->item_count = count;
    ret_view->generation = bytes_get64(in + LOOKUP_HDR_GENERATION);
    ret_view->payload = payload;
    ret_view->payload_len = len;
    return PIPC_OK;
}

static pipc_result find_item(const struct pipc_cgroups_lookup_view *view, uint32_t index,
                             struct lookup_entry *ret_entry)
{
    return lookup_find(view->payload, view->payload_len, view->item_count, index, &item_rule,
                       ret_entry);
}

/* What an item of a decoded payload says; all of it lies inside the entry, also on bytes that no
 * decoder has seen. */
static pipc_result read_item(const struct lookup_entry *entry,
                             struct pipc_cgroups_lookup_item_view *ret_item)
{
    const unsigned char *item = entry->item;
    const struct lookup_span path = lookup_span_at(item + ITEM_PATH);
    const struct lookup_span name = lookup_span_at(item + ITEM_NAME);
    const uint16_t label_count = bytes_get16(item + ITEM_LABEL_COUNT);
    struct pipc_label_table labels;
    pipc_result r = lookup_span_reach(item, entry->len, ITEM_HDR, path);
    if (r == PIPC_OK)
        r = lookup_span_reach(item, entry->len, ITEM_HDR, name);
    if (r == PIPC_OK)
        r = lookup_find_labels(entry, strings_end(path, name), label_count, &labels);
    if (r != PIPC_OK)
        return r;
    ret_item->table = &pipcm_cgroups_lookup_table;
    ret_item->status = bytes_get16(item + ITEM_STATUS);
    ret_item->orchestrator = bytes_get16(item + ITEM_ORCHESTRATOR);
    ret_item->label_count = label_count;
    ret_item->reserved = 0;
    ret_item->path = lookup_span_view(item, path);
    ret_item->name = lookup_span_view(item, name);
    ret_item->labels = labels;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_item(const struct pipc_cgroups_lookup_view *view, uint32_t index,
                                      struct pipc_cgroups_lookup_item_view *ret_item)
{
    struct lookup_entry entry;
    if (!view || !ret_item)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r = find_item(view, index, &entry);
    return r == PIPC_OK ? read_item(&entry, ret_item) : r;
}

pipc_result pipcm_cgroups_lookup_label(const struct pipc_cgroups_lookup_item_view *item,
                                       uint32_t index, struct pipc_label_view *ret_label)
{
    if (!item || !ret_label)
        return PIPC_ERR_BAD_PARAM;
    return lookup_label(&item->labels, item->label_count, index, ret_label);
}

pipc_result pipcm_cgroups_lookup_raw_item(const struct pipc_cgroups_lookup_view *view,
                                          uint32_t index, struct pipc_lookup_raw *ret_raw)
{
    struct lookup_entry entry;
    if (!view || !ret_raw)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r = find_item(view, index, &entry);
    if (r != PIPC_OK)
        return r;
    ret_raw->bytes = entry.item;
    ret_raw->len = entry.len;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_lookup_assemble(const struct pipc_lookup_raw *items, uint32_t count,
                                          uint64_t generation, void *buf, size_t cap,
                                          size_t *ret_len)
{
    return lookup_assemble(items, count, generation, ITEM_HDR, check_item, buf, cap, ret_len);
}
