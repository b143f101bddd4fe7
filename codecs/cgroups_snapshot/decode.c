/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding of a response of CGROUPS_SNAPSHOT: header and directory at once, an item when it is
 * asked for (docs/codec-cgroups-snapshot.md 5).
 *
 * Pure, allocates nothing; any thread. The order of the checks is that of the page. An item access
 * checks the directory entry again, so that it is safe on a view whose fields were changed by
 * mistake. Outputs are untouched on failure.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

/* The directory fits the payload. Every number on the wire has 32 bits, so that no sum here wraps.
 */
static pipc_result check_directory_fits(uint32_t item_count, size_t len)
{
    const uint64_t end = SNAPSHOT_HDR + (uint64_t)PIPC_DIR_ENTRY_LEN * item_count;
    return end <= len ? PIPC_OK : PIPC_ERR_TRUNCATED;
}

/* Reads and checks one entry of a directory that fits. *ret_at is the start of the item in the
 * payload. */
static pipc_result read_entry(const unsigned char *in, size_t len, uint32_t item_count,
                              uint32_t index, size_t *ret_at, uint32_t *ret_len)
{
    const size_t packed = SNAPSHOT_HDR + (size_t)PIPC_DIR_ENTRY_LEN * item_count;
    const unsigned char *entry = in + SNAPSHOT_HDR + (size_t)PIPC_DIR_ENTRY_LEN * index;
    const uint32_t offset = bytes_get32(entry), length = bytes_get32(entry + 4);
    if (offset % 8 != 0)
        return PIPC_ERR_BAD_ALIGNMENT;
    if ((uint64_t)offset + length > len - packed)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (length < SNAPSHOT_ITEM_HDR)
        return PIPC_ERR_TRUNCATED;
    *ret_at = packed + offset;
    *ret_len = length;
    return PIPC_OK;
}

static pipc_result check_header(const unsigned char *in, size_t len)
{
    if (len < SNAPSHOT_HDR)
        return PIPC_ERR_TRUNCATED;
    if (bytes_get16(in + HDR_LAYOUT_VERSION) != SNAPSHOT_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get16(in + HDR_FLAGS) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get32(in + HDR_RESERVED) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    return check_directory_fits(bytes_get32(in + HDR_ITEM_COUNT), len);
}

pipc_result pipcm_cgroups_snapshot_decode(const void *payload, size_t len,
                                          struct pipc_cgroups_snapshot_view *ret_view)
{
    if (!ret_view || bytes_bad_payload(payload, len))
        return PIPC_ERR_BAD_PARAM;
    const unsigned char *in = payload;
    pipc_result r = check_header(in, len);
    if (r != PIPC_OK)
        return r;
    const uint32_t count = bytes_get32(in + HDR_ITEM_COUNT);
    for (uint32_t i = 0; i < count; i++) {
        size_t at;
        uint32_t length;
        r = read_entry(in, len, count, i, &at, &length);
        if (r != PIPC_OK)
            return r;
    }
    ret_view->table = &pipcm_cgroups_snapshot_table;
    ret_view->layout_version = SNAPSHOT_LAYOUT_VERSION;
    ret_view->flags = 0;
    ret_view->item_count = count;
    ret_view->systemd_enabled = bytes_get32(in + HDR_SYSTEMD_ENABLED);
    ret_view->reserved = 0;
    ret_view->generation = bytes_get64(in + HDR_GENERATION);
    ret_view->payload = payload;
    ret_view->payload_len = len;
    return PIPC_OK;
}

/* One string of an item of `length` bytes: behind the fixed header, inside the item, with a NUL
 * behind it. */
static pipc_result read_string(const unsigned char *item, uint32_t length, uint32_t str_offset,
                               uint32_t str_length, struct pipc_str_view *ret)
{
    if (str_offset < SNAPSHOT_ITEM_HDR)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if ((uint64_t)str_offset + str_length + 1 > length)
        return PIPC_ERR_OUT_OF_BOUNDS;
    if (item[(size_t)str_offset + str_length] != 0)
        return PIPC_ERR_MISSING_NUL;
    ret->ptr = (const char *)item + str_offset;
    ret->len = str_length;
    return PIPC_OK;
}

/* Both lie inside one item here, so that pointers may be compared. NULs count. */
static int share_a_byte(const struct pipc_str_view *a, const struct pipc_str_view *b)
{
    return a->ptr < b->ptr + b->len + 1 && b->ptr < a->ptr + a->len + 1;
}

static pipc_result read_item(const unsigned char *item, uint32_t length,
                             struct pipc_cgroups_snapshot_item_view *ret_item)
{
    struct pipc_str_view name, path;
    if (bytes_get16(item + ITEM_LAYOUT_VERSION) != SNAPSHOT_LAYOUT_VERSION)
        return PIPC_ERR_BAD_LAYOUT;
    if (bytes_get16(item + ITEM_FLAGS) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    pipc_result r = read_string(item, length, bytes_get32(item + ITEM_NAME_OFFSET),
                                bytes_get32(item + ITEM_NAME_LENGTH), &name);
    if (r == PIPC_OK)
        r = read_string(item, length, bytes_get32(item + ITEM_PATH_OFFSET),
                        bytes_get32(item + ITEM_PATH_LENGTH), &path);
    if (r != PIPC_OK)
        return r;
    if (share_a_byte(&name, &path))
        return PIPC_ERR_BAD_LAYOUT;
    ret_item->hash = bytes_get32(item + ITEM_HASH);
    ret_item->options = bytes_get32(item + ITEM_OPTIONS);
    ret_item->enabled = bytes_get32(item + ITEM_ENABLED);
    ret_item->reserved = 0;
    ret_item->name = name;
    ret_item->path = path;
    return PIPC_OK;
}

pipc_result pipcm_cgroups_snapshot_item(const struct pipc_cgroups_snapshot_view *view,
                                        uint32_t index,
                                        struct pipc_cgroups_snapshot_item_view *ret_item)
{
    if (!view || !ret_item || bytes_bad_payload(view->payload, view->payload_len))
        return PIPC_ERR_BAD_PARAM;
    if (index >= view->item_count)
        return PIPC_ERR_OUT_OF_BOUNDS;
    const unsigned char *in = view->payload;
    size_t at;
    uint32_t length;
    pipc_result r = check_directory_fits(view->item_count, view->payload_len);
    if (r == PIPC_OK)
        r = read_entry(in, view->payload_len, view->item_count, index, &at, &length);
    if (r != PIPC_OK)
        return r;
    return read_item(in + at, length, ret_item);
}
