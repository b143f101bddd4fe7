/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk, recorded: as a digest of all that was said, as fields as far as there is room, and with
 * the first rule of walking that was broken. What was recorded can be given again as a source of
 * fields.
 *
 * Allocates nothing. Single-threaded.
 */
#include "codec_kit.h"

#include <string.h>

/* ---- the visitor ---- */

static void digest_add(struct record *r, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    uint64_t word, digest = r->digest;

    for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        digest = (digest ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        digest ^= digest >> 29;
    }
    for (; len > 0; len--)
        digest = (digest ^ *at++) * UINT64_C(0x100000001b3);
    r->digest = digest;
}

static void broken(struct record *r, const char *rule)
{
    if (!r->broken)
        r->broken = rule;
}

/* Puts bytes and a NUL into the pool; the place of the NUL at its end when there is no room. */
static size_t pool_put(struct record *r, const void *bytes, size_t len)
{
    if (len >= sizeof(r->pool) - r->used) {
        r->cut = true;
        return sizeof(r->pool) - 1;
    }
    const size_t at = r->used;
    if (len > 0)
        memcpy(r->pool + at, bytes, len);
    r->pool[at + len] = '\0';
    r->used += len + 1;
    return at;
}

/* One call of the visitor: counted, digested, kept; its result. */
static pipc_result told(struct record *r, enum field_kind kind, const char *name, uint64_t value,
                        uint32_t width, const void *bytes, size_t len)
{
    const uint64_t head[4] = {kind, value, width, len};

    digest_add(r, head, sizeof(head));
    if (name)
        digest_add(r, name, strlen(name) + 1);
    if (len > 0)
        digest_add(r, bytes, len);
    if (r->fail_at && r->calls >= r->fail_at)
        broken(r, "the walk goes on behind a failure of the visitor");
    if (r->count < sizeof(r->fields) / sizeof(r->fields[0]))
        r->fields[r->count++] =
            (struct field){.kind = kind,
                           .width = width,
                           .value = value,
                           .name = pool_put(r, name ? name : "", name ? strlen(name) : 0),
                           .at = pool_put(r, bytes, len),
                           .len = len};
    else
        r->cut = true;
    r->calls++;
    return r->calls == r->fail_at ? r->fail_with : PIPC_OK;
}

/* A field stands at the top or inside an item, and has a name. */
static void check_place(struct record *r, const char *name)
{
    if (!name || !*name)
        broken(r, "a field without a name");
    if (r->depth > 0 && !r->lists[r->depth - 1].in_item)
        broken(r, "a field between the items of a list");
}

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct record *r = arg;

    check_place(r, name);
    if (width != 1 && width != 2 && width != 4 && width != 8)
        broken(r, "a number whose width is not 1, 2, 4 or 8");
    else if (width < 8 && value >> (8 * width))
        broken(r, "a number above what its width holds");
    return told(r, FIELD_NUMBER, name, value, width, NULL, 0);
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    struct record *r = arg;

    check_place(r, name);
    if (!bytes && len > 0)
        broken(r, "a null string with a length");
    return told(r, FIELD_STRING, name, 0, 0, bytes, bytes ? len : 0);
}

static pipc_result on_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    struct record *r = arg;

    check_place(r, name);
    if (!bytes && len > 0)
        broken(r, "null bytes with a length");
    return told(r, FIELD_BLOB, name, 0, 0, bytes, bytes ? len : 0);
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct record *r = arg;

    check_place(r, name);
    if (r->depth == sizeof(r->lists) / sizeof(r->lists[0])) {
        broken(r, "lists nested more than 16 deep");
        return PIPC_ERR_OVERFLOW;
    }
    r->lists[r->depth].expected = count;
    r->lists[r->depth].seen = 0;
    r->lists[r->depth].in_item = false;
    r->depth++;
    return told(r, FIELD_LIST, name, count, 0, NULL, 0);
}

static pipc_result on_begin_item(void *arg)
{
    struct record *r = arg;

    if (r->depth == 0 || r->lists[r->depth - 1].in_item)
        broken(r, "an item begins outside of a list or inside another item");
    else {
        r->lists[r->depth - 1].in_item = true;
        r->lists[r->depth - 1].seen++;
    }
    return told(r, FIELD_ITEM, NULL, 0, 0, NULL, 0);
}

static pipc_result on_end_item(void *arg)
{
    struct record *r = arg;

    if (r->depth == 0 || !r->lists[r->depth - 1].in_item)
        broken(r, "an item ends that did not begin");
    else
        r->lists[r->depth - 1].in_item = false;
    return told(r, FIELD_ITEM_END, NULL, 0, 0, NULL, 0);
}

static pipc_result on_end_list(void *arg)
{
    struct record *r = arg;

    if (r->depth == 0) {
        broken(r, "a list ends that did not begin");
    } else {
        r->depth--;
        if (r->lists[r->depth].in_item || r->lists[r->depth].seen != r->lists[r->depth].expected)
            broken(r, "a list has another number of items than it said");
    }
    return told(r, FIELD_LIST_END, NULL, 0, 0, NULL, 0);
}

void record_begin(struct record *record)
{
    /* The arrays need no clearing: their counts say how much of them there is. */
    memset(record, 0, offsetof(struct record, lists));
    record->digest = UINT64_C(0xcbf29ce484222325);
    record->pool[sizeof(record->pool) - 1] = '\0';
    record->visitor = (struct pipc_visitor){.size = sizeof(record->visitor),
                                            .arg = record,
                                            .number = on_number,
                                            .string = on_string,
                                            .blob = on_blob,
                                            .begin_list = on_begin_list,
                                            .begin_item = on_begin_item,
                                            .end_item = on_end_item,
                                            .end_list = on_end_list};
}

const char *record_name(const struct record *record, const struct field *field)
{
    return record->pool + field->name;
}

/* ---- what was recorded, as a source ---- */

/* The field of a name in a node, NULL when there is none. */
static const struct field *find(const struct record *r, pipc_node node, const char *name)
{
    const struct field *at = node ? (const struct field *)node + 1 : r->fields;
    uint32_t depth = 0;

    for (; at < r->fields + r->count; at++) {
        if (at->kind == FIELD_ITEM_END && depth == 0)
            return NULL;
        if (depth == 0 && at->kind != FIELD_LIST_END && strcmp(record_name(r, at), name) == 0)
            return at;
        depth += at->kind == FIELD_LIST;
        depth -= at->kind == FIELD_LIST_END;
    }
    return NULL;
}

static pipc_result give_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret_value)
{
    const struct field *found = find(arg, node, name);

    if (!found)
        return PIPC_ERR_NOT_SUPPORTED;
    if (found->kind != FIELD_NUMBER || found->value > max)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_value = found->value;
    return PIPC_OK;
}

static pipc_result give_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                               size_t *ret_len)
{
    const struct record *r = arg;
    const struct field *found = find(r, node, name);

    if (!found)
        return PIPC_ERR_NOT_SUPPORTED;
    if (found->kind != FIELD_STRING && found->kind != FIELD_BLOB)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_bytes = r->pool + found->at;
    *ret_len = found->len;
    return PIPC_OK;
}

static pipc_result give_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    const struct field *found = find(arg, node, name);

    *ret_count = 0;
    if (found && found->kind != FIELD_LIST)
        return PIPC_ERR_BAD_LAYOUT;
    if (found)
        *ret_count = (uint32_t)found->value;
    return PIPC_OK;
}

static pipc_result give_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret_item)
{
    const struct record *r = arg;
    const struct field *at = find(r, node, name);
    uint32_t depth = 0;

    if (!at || at->kind != FIELD_LIST || index >= at->value)
        return PIPC_ERR_OUT_OF_BOUNDS;
    for (at++; at < r->fields + r->count; at++) {
        if (depth == 0 && at->kind == FIELD_ITEM && index-- == 0) {
            *ret_item = at;
            return PIPC_OK;
        }
        if (depth == 0 && at->kind == FIELD_LIST_END)
            break;
        depth += at->kind == FIELD_LIST;
        depth -= at->kind == FIELD_LIST_END;
    }
    return PIPC_ERR_OUT_OF_BOUNDS;
}

void record_source(const struct record *record, struct pipc_fields *ret_fields)
{
    *ret_fields = (struct pipc_fields){.size = sizeof(*ret_fields),
                                       .arg = (void *)(uintptr_t)record,
                                       .number = give_number,
                                       .string = give_string,
                                       .list = give_list,
                                       .item = give_item};
}
