/* SPDX-License-Identifier: Apache-2.0
 *
 * Named fields as JSON: see the header.
 */
#include "json_fields.h"

#include "test.h"

/* ---- hex ---- */

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

unsigned char *json_hex_bytes(const char *hex, size_t *ret_len)
{
    const size_t digits = strlen(hex);
    CHECK_MSG(digits % 2 == 0, "odd number of hex digits: %s", hex);
    *ret_len = digits / 2;
    if (digits == 0)
        return NULL;
    unsigned char *bytes = malloc(digits / 2);
    CHECK(bytes != NULL);
    for (size_t i = 0; i < digits / 2; i++) {
        const int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);
        CHECK_MSG(high >= 0 && low >= 0, "not a lower-case hex digit in %s", hex);
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return bytes;
}

static struct json_object *hex_string(const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * len + 1);
    CHECK(text != NULL);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    struct json_object *o = json_object_new_string_len(len ? text : "", (int)(2 * len));
    free(text);
    return o;
}

/* Length of the well-formed UTF-8 character at `s`, 0 if there is none. */
static size_t character(const unsigned char *s, size_t left)
{
    if (s[0] < 0x80)
        return 1;
    const size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || left < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    const bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    const bool beyond = (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf4 && s[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

static bool is_text(const unsigned char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const size_t n = character(s + i, len - i);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

/* ---- the visitor ---- */

static pipc_result fault(struct json_maker *m, const char *text)
{
    if (!m->fault)
        m->fault = text;
    return PIPC_ERR_BAD_PARAM;
}

static struct json_object *current(struct json_maker *m)
{
    return m->stack[m->depth];
}

/* Adds a field to the object that is being filled; takes `value` over. */
static pipc_result put(struct json_maker *m, const char *name, struct json_object *value)
{
    if (!json_object_is_type(current(m), json_type_object) || !name ||
        json_object_object_get_ex(current(m), name, NULL)) {
        json_object_put(value);
        return fault(m, "a field outside an item, or one of that name twice");
    }
    json_object_object_add(current(m), name, value);
    return PIPC_OK;
}

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct json_maker *m = arg;
    if (width != 1 && width != 2 && width != 4 && width != 8)
        return fault(m, "a number of a strange width");
    if (width < 8 && value >> (8 * width))
        return fault(m, "a number wider than it says");
    return put(m, name, json_object_new_uint64(value));
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    if (is_text(bytes, len))
        return put(arg, name, json_object_new_string_len(len ? bytes : "", (int)len));
    struct json_object *o = json_object_new_object();
    json_object_object_add(o, "hex", hex_string(bytes, len));
    return put(arg, name, o);
}

static pipc_result on_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    return put(arg, name, hex_string(bytes, len));
}

static pipc_result push(struct json_maker *m, struct json_object *o)
{
    if (m->depth + 1 == JSON_MAKER_DEPTH)
        return fault(m, "lists too deep");
    m->stack[++m->depth] = o;
    return PIPC_OK;
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct json_maker *m = arg;
    struct json_object *list = json_object_new_array();
    const pipc_result result = put(m, name, list);
    if (result != PIPC_OK)
        return result;
    m->announced[m->depth + 1] = count;
    return push(m, list);
}

static pipc_result on_begin_item(void *arg)
{
    struct json_maker *m = arg;
    if (!json_object_is_type(current(m), json_type_array))
        return fault(m, "an item outside a list");
    struct json_object *item = json_object_new_object();
    json_object_array_add(current(m), item);
    return push(m, item);
}

static pipc_result on_end_item(void *arg)
{
    struct json_maker *m = arg;
    if (m->depth == 0 || !json_object_is_type(current(m), json_type_object))
        return fault(m, "end of an item that did not begin");
    m->depth--;
    return PIPC_OK;
}

static pipc_result on_end_list(void *arg)
{
    struct json_maker *m = arg;
    if (!json_object_is_type(current(m), json_type_array))
        return fault(m, "end of a list that did not begin");
    if (json_object_array_length(current(m)) != m->announced[m->depth])
        return fault(m, "a list of another length than was announced");
    m->depth--;
    return PIPC_OK;
}

void json_maker_init(struct json_maker *maker)
{
    memset(maker, 0, sizeof(*maker));
    maker->visitor = (struct pipc_visitor){
        .size = sizeof(maker->visitor),
        .arg = maker,
        .number = on_number,
        .string = on_string,
        .blob = on_blob,
        .begin_list = on_begin_list,
        .begin_item = on_begin_item,
        .end_item = on_end_item,
        .end_list = on_end_list,
    };
    maker->top = json_object_new_object();
    maker->stack[0] = maker->top;
}

void json_maker_done(struct json_maker *maker)
{
    json_object_put(maker->top);
    maker->top = NULL;
}

/* ---- the source ---- */

/* Bytes made from hex live until the source is done. */
struct json_source_block {
    struct json_source_block *next;
    unsigned char *bytes;
};

static struct json_object *get(struct json_source *s, pipc_node node, const char *name)
{
    /* A node is the address of a JSON object, which is only read. */
    struct json_object *from = node ? (struct json_object *)(uintptr_t)node : s->top;
    struct json_object *value = NULL;
    json_object_object_get_ex(from, name, &value);
    return value;
}

static pipc_result give_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret_value)
{
    struct json_object *value = get(arg, node, name);
    if (!value)
        return PIPC_ERR_NOT_SUPPORTED;
    if (!json_object_is_type(value, json_type_int))
        return PIPC_ERR_BAD_LAYOUT;
    /* The signed reading of a number above its range is its maximum, so only negative ones are
     * below zero. */
    if (json_object_get_int64(value) < 0 || json_object_get_uint64(value) > max)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_value = json_object_get_uint64(value);
    return PIPC_OK;
}

static pipc_result give_hex(struct json_source *s, struct json_object *hex, const void **ret_bytes,
                            size_t *ret_len)
{
    struct json_source_block *block = malloc(sizeof(*block));
    CHECK(block != NULL);
    block->bytes = json_hex_bytes(json_object_get_string(hex), ret_len);
    block->next = s->blocks;
    s->blocks = block;
    *ret_bytes = block->bytes;
    return PIPC_OK;
}

static pipc_result give_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                               size_t *ret_len)
{
    struct json_object *value = get(arg, node, name), *hex = NULL;
    if (!value)
        return PIPC_ERR_NOT_SUPPORTED;
    if (json_object_is_type(value, json_type_object) &&
        json_object_object_get_ex(value, "hex", &hex))
        return give_hex(arg, hex, ret_bytes, ret_len);
    if (!json_object_is_type(value, json_type_string))
        return PIPC_ERR_BAD_LAYOUT;
    if (strcmp(name, "data") == 0)
        return give_hex(arg, value, ret_bytes, ret_len);
    *ret_bytes = json_object_get_string(value);
    *ret_len = (size_t)json_object_get_string_len(value);
    return PIPC_OK;
}

static pipc_result give_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    struct json_object *list = get(arg, node, name);
    if (list && !json_object_is_type(list, json_type_array))
        return PIPC_ERR_BAD_LAYOUT;
    *ret_count = list ? (uint32_t)json_object_array_length(list) : 0;
    return PIPC_OK;
}

static pipc_result give_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret_item)
{
    struct json_object *list = get(arg, node, name);
    if (!json_object_is_type(list, json_type_array) || index >= json_object_array_length(list))
        return PIPC_ERR_OUT_OF_BOUNDS;
    *ret_item = json_object_array_get_idx(list, index);
    return PIPC_OK;
}

void json_source_init(struct json_source *source, struct json_object *top)
{
    memset(source, 0, sizeof(*source));
    source->fields = (struct pipc_fields){
        .size = sizeof(source->fields),
        .arg = source,
        .number = give_number,
        .string = give_string,
        .list = give_list,
        .item = give_item,
    };
    source->top = top;
}

void json_source_done(struct json_source *source)
{
    while (source->blocks) {
        struct json_source_block *block = source->blocks;
        source->blocks = block->next;
        free(block->bytes);
        free(block);
    }
}
