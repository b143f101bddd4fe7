/* SPDX-License-Identifier: Apache-2.0
 *
 * The request of APPS_LOOKUP: a list of PIDs (docs/codec-apps-lookup.md 2).
 *
 * Pure, allocates nothing; any thread. The order of the checks is that of the page. Outputs are
 * untouched on failure.
 */
#include "apps_lookup.h"

static const struct lookup_entry_rule key_rule = {KEY_LEN, KEY_LEN};

pipc_result pipcm_apps_lookup_request_add(struct pipc_lookup_builder *b, uint32_t pid)
{
    unsigned char *out = lookup_space(b, KEY_LEN);
    if (!out)
        return PIPC_ERR_OVERFLOW;
    bytes_put32(out + KEY_PID, pid);
    bytes_put32(out + KEY_RESERVED, 0);
    lookup_commit(b, KEY_LEN, 0);
    return PIPC_OK;
}

pipc_result pipcm_apps_lookup_request_encode(const uint32_t *pids, uint32_t count, void *buf,
                                             size_t cap, size_t *ret_len)
{
    struct pipc_lookup_builder b;
    if (!ret_len || (!pids && count > 0))
        return PIPC_ERR_BAD_PARAM;
    /* The header is that of a response of generation 0. */
    pipc_result r = lookup_begin(&b, buf, cap, count, 0, 0);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++)
        r = pipcm_apps_lookup_request_add(&b, pids[i]);
    if (r == PIPC_OK)
        *ret_len = lookup_finish(&b);
    return r;
}

pipc_result pipcm_apps_lookup_request_decode(const void *payload, size_t len,
                                             struct pipc_apps_lookup_request_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    const unsigned char *in = payload;
    pipc_result r = lookup_check_header(in, len, 1);
    if (r != PIPC_OK)
        return r;
    const uint32_t count = bytes_get32(in + LOOKUP_HDR_ITEM_COUNT);
    r = lookup_check_directory(in, len, count, &key_rule);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        struct lookup_entry entry;
        r = lookup_read_entry(in, len, count, i, &key_rule, &entry);
        if (r == PIPC_OK && bytes_get32(entry.item + KEY_RESERVED) != 0)
            r = PIPC_ERR_BAD_LAYOUT;
    }
    if (r != PIPC_OK)
        return r;
    ret_view->table = &pipcm_apps_lookup_table;
    ret_view->item_count = count;
    ret_view->reserved = 0;
    ret_view->payload = payload;
    ret_view->payload_len = len;
    return PIPC_OK;
}

pipc_result pipcm_apps_lookup_request_item(const struct pipc_apps_lookup_request_view *view,
                                           uint32_t index,
                                           struct pipc_apps_lookup_request_item_view *ret_item)
{
    struct lookup_entry entry;
    if (!view || !ret_item)
        return PIPC_ERR_BAD_PARAM;
    const pipc_result r =
        lookup_find(view->payload, view->payload_len, view->item_count, index, &key_rule, &entry);
    if (r == PIPC_OK)
        ret_item->pid = bytes_get32(entry.item + KEY_PID);
    return r;
}
