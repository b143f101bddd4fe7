/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding of a response of APPS_LOOKUP: everything at once; afterwards items and labels are found
 * without checking them anew (docs/codec-apps-lookup.md 4).
 *
 * Pure, allocates nothing; any thread. The order of the checks is that of the page. Access checks
 * the way to what it hands out again, so that it is safe on a view whose fields were changed by
 * mistake. Outputs are untouched on failure.
 */
#include "apps_lookup.h"

#include "../common/lookup_assemble.h"

static const struct lookup_entry_rule item_rule = {ITEM_HDR, UINT32_MAX};

/* The strings of an item in the order of its fields. */
struct item_spans {
    struct lookup_span comm, cgroup_path, cgroup_name;
};

static struct item_spans read_spans(const unsigned char *item)
{
    const struct item_spans spans = {lookup_span_at(item + ITEM_COMM),
                                     lookup_span_at(item + ITEM_CGROUP_PATH),
                                     lookup_span_at(item + ITEM_CGROUP_NAME)};
    return spans;
}

/* Steps a to d: everything that the fixed header alone can show. */
static pipc_result check_item_header(const unsigned char *item, const struct item_spans *spans)
{
    if (bytes_get16(item + ITEM_LAYOUT_VERSION) != LOOKUP_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get32(item + ITEM_RESERVED_20) != 0 || bytes_get16(item + ITEM_RESERVED_58) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    const struct apps_item_facts facts = {.status = bytes_get16(item + ITEM_STATUS),
                                          .orchestrator = bytes_get16(item + ITEM_ORCHESTRATOR),
                                          .cgroup_status = bytes_get16(item + ITEM_CGROUP_STATUS),
                                          .ppid = bytes_get32(item + ITEM_PPID),
                                          .uid = bytes_get32(item + ITEM_UID),
                                          .starttime = bytes_get64(item + ITEM_STARTTIME),
                                          .comm_len = spans->comm.len,
                                          .cgroup_path_len = spans->cgroup_path.len,
                                          .cgroup_name_len = spans->cgroup_name.len,
                                          .label_count = bytes_get16(item + ITEM_LABEL_COUNT)};
    return pipcm_apps_lookup_judge(&facts);
}

/* Strings as every builder writes them: one behind the other, from the fixed header on, and so
 * without a byte in common. 0 says nothing: steps e and f find the reason. */
static int spans_plain(const unsigned char *item, uint32_t len, const struct item_spans *spans)
{
    const uint64_t first = lookup_span_end(spans->comm);
    const uint64_t second = lookup_span_end(spans->cgroup_path);
    const uint64_t third = lookup_span_end(spans->cgroup_name);

    return spans->comm.at == ITEM_HDR && spans->cgroup_path.at == first &&
           spans->cgroup_name.at == second && third <= len && item[first - 1] == 0 &&
           item[second - 1] == 0 && item[third - 1] == 0 &&
           lookup_only_strings(item, ITEM_HDR, third, 3);
}

/* Steps e and f. */
static pipc_result check_spans(const unsigned char *item, uint32_t len,
                               const struct item_spans *spans)
{
    pipc_result r = lookup_span_check(item, len, ITEM_HDR, spans->comm);
    if (r == PIPC_OK)
        r = lookup_span_check(item, len, ITEM_HDR, spans->cgroup_path);
    if (r == PIPC_OK)
        r = lookup_span_check(item, len, ITEM_HDR, spans->cgroup_name);
    if (r != PIPC_OK)
        return r;
    return lookup_spans_share(spans->comm, spans->cgroup_path) ||
                   lookup_spans_share(spans->comm, spans->cgroup_name) ||
                   lookup_spans_share(spans->cgroup_path, spans->cgroup_name)
               ? PIPC_ERR_BAD_LAYOUT
               : PIPC_OK;
}

/* End of the strings, NULs included. */
static uint64_t strings_end(const struct item_spans *spans)
{
    uint64_t end = lookup_span_end(spans->comm);
    if (lookup_span_end(spans->cgroup_path) > end)
        end = lookup_span_end(spans->cgroup_path);
    if (lookup_span_end(spans->cgroup_name) > end)
        end = lookup_span_end(spans->cgroup_name);
    return end;
}

/* An item of at least its fixed header. */
static pipc_result check_item(const unsigned char *item, uint32_t len)
{
    const struct item_spans spans = read_spans(item);
    pipc_result r = check_item_header(item, &spans);
    if (r == PIPC_OK && !spans_plain(item, len, &spans))
        r = check_spans(item, len, &spans);
    if (r != PIPC_OK)
        return r;
    return lookup_check_labels(item, len, strings_end(&spans),
                               bytes_get16(item + ITEM_LABEL_COUNT));
}

pipc_result pipcm_apps_lookup_decode(const void *payload, size_t len,
                                     struct pipc_apps_lookup_view *ret_view)
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
    ret_view->table = &pipcm_apps_lookup_table;
    ret_view->layout_version = LOOKUP_LAYOUT_VERSION;
    ret_view->flags = 0;
    ret_view->item_count = count;
    ret_view->generation = bytes_get64(in + LOOKUP_HDR_GENERATION);
    ret_view->payload = payload;
    ret_view->payload_len = len;
    return PIPC_OK;
}

static pipc_result find_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                             struct lookup_entry *ret_entry)
{
    return lookup_find(view->payload, view->payload_len, view->item_count, index, &item_rule,
                       ret_entry);
}

static void fill_item(const unsigned char *item, const struct item_spans *spans,
                      struct pipc_apps_lookup_item_view *ret_item)
{
    ret_item->table = &pipcm_apps_lookup_table;
    ret_item->status = bytes_get16(item + ITEM_STATUS);
    ret_item->orchestrator = bytes_get16(item + ITEM_ORCHESTRATOR);
    ret_item->cgroup_status = bytes_get16(item + ITEM_CGROUP_STATUS);
    ret_item->label_count = bytes_get16(item + ITEM_LABEL_COUNT);
    ret_item->pid = bytes_get32(item + ITEM_PID);
    ret_item->ppid = bytes_get32(item + ITEM_PPID);
    ret_item->uid = bytes_get32(item + ITEM_UID);
    ret_item->reserved = 0;
    ret_item->starttime = bytes_get64(item + ITEM_STARTTIME);
    ret_item->comm = lookup_span_view(item, spans->comm);
    ret_item->cgroup_path = lookup_span_view(item, spans->cgroup_path);
    ret_item->cgroup_name = lookup_span_view(item, spans->cgroup_name);
}

/* What an item of a decoded payload says; all of it lies inside the entry, also on bytes that no
 * decoder has seen. */
static pipc_result read_item(const struct lookup_entry *entry,
                             struct pipc_apps_lookup_item_view *ret_item)
{
    const struct item_spans spans = read_spans(entry->item);
    struct pipc_label_table labels;
    pipc_result r = lookup_span_reach(entry->item, entry->len, ITEM_HDR, spans.comm);
    if (r == PIPC_OK)
        r = lookup_span_reach(entry->item, entry->len, ITEM_HDR, spans.cgroup_path);
    if (r == PIPC_OK)
        r = lookup_span_reach(entry->item, entry->len, ITEM_HDR, spans.cgroup_name);
    if (r == PIPC_OK)
        r = lookup_find_labels(entry, strings_end(&spans),
                               bytes_get16(entry->item + ITEM_LABEL_COUNT), &labels);
    if (r != PIPC_OK)
        return r;
    fill_item(entry->item, &spans, ret_item);
    ret_item->labels = labels;
    return PIPC_OK;
}

pipc_result pipcm_apps_lookup_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                                   struct pipc_apps_lookup_item_view *ret_item)
{
    struct lookup_entry entry;
    if (!view || !ret_item)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r = find_item(view, index, &entry);
    return r == PIPC_OK ? read_item(&entry, ret_item) : r;
}

pipc_result pipcm_apps_lookup_label(const struct pipc_apps_lookup_item_view *item, uint32_t index,
                                    struct pipc_label_view *ret_label)
{
    if (!item || !ret_label)
        return PIPC_ERR_BAD_PARAM;
    return lookup_label(&item->labels, item->label_count, index, ret_label);
}

pipc_result pipcm_apps_lookup_raw_item(const struct pipc_apps_lookup_view *view, uint32_t index,
                                       struct pipc_lookup_raw *ret_raw)
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

pipc_result pipcm_apps_lookup_assemble(const struct pipc_lookup_raw *items, uint32_t count,
                                       uint64_t generation, void *buf, size_t cap, size_t *ret_len)
{
    return lookup_assemble(items, count, generation, ITEM_HDR, check_item, buf, cap, ret_len);
}
