/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON to fields: parsing with a place in every message, and a source of fields over an object.
 */
#include "json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int complain_at(const char *text, size_t at, const char *origin, const char *what, char *why,
                       size_t why_len)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < at; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    snprintf(why, why_len, "%s: line %zu, column %zu: %s", origin, line, column, what);
    return -1;
}

/* The four digits of an escape at `text`; 0 when it is none or too short. */
static unsigned escape_at(const char *text, size_t left)
{
    char digits[5] = "";

    if (left < 6 || text[0] != '\\' || text[1] != 'u')
        return 0;
    memcpy(digits, text + 2, 4);
    return (unsigned)strtoul(digits, NULL, 16);
}

/* One character of a string; *ret_len bytes of it are to be passed over. NULL, or what is wrong. */
static const char *check_character(const char *text, size_t left, size_t *ret_len)
{
    const unsigned code = escape_at(text, left);

    *ret_len = text[0] == '\\' ? 2 : 1;
    if ((unsigned char)text[0] < 0x20)
        return "a control character in a string";
    if (code >= 0xdc00 && code <= 0xdfff)
        return "half of a surrogate pair";
    if (code >= 0xd800 && code <= 0xdbff) {
        const unsigned second = escape_at(text + 6, left - 6);
        if (second < 0xdc00 || second > 0xdfff)
            return "half of a surrogate pair";
        *ret_len = 12;
    }
    return NULL;
}

/* What the JSON library lets pass or changes without a word is found in the text: large integers,
 * which it clamps, halves of surrogate pairs, single quotes, control characters. */
static int check_text(const char *text, size_t len, const char *origin, char *why, size_t why_len)
{
    static const char most[] = "18446744073709551615";
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (in_string) {
            size_t step;
            const char *const wrong = check_character(text + i, len - i, &step);
            if (wrong)
                return complain_at(text, i, origin, wrong, why, why_len);
            in_string = text[i] != '"';
            i += step - 1;
            continue;
        }
        if (text[i] == '\'')
            return complain_at(text, i, origin, "a single quote", why, why_len);
        if (text[i] == '"') {
            in_string = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9')
            continue;
        const size_t begin = i;
        const bool negative = begin > 0 && text[begin - 1] == '-';
        while (i < len && text[i] >= '0' && text[i] <= '9')
            i++;
        const size_t digits = i - begin;
        if (i < len && (text[i] == '.' || text[i] == 'e' || text[i] == 'E'))
            return complain_at(text, begin, origin, "a number that is no integer", why, why_len);
        if (negative && (digits > 1 || text[begin] != '0'))
            return complain_at(text, begin - 1, origin, "a number below 0", why, why_len);
        if (digits > 20 || (digits == 20 && memcmp(text + begin, most, 20) > 0))
            return complain_at(text, begin, origin, "a number above 18446744073709551615", why,
                               why_len);
        i--;
    }
    return 0;
}

struct json_object *json_parse(const char *text, size_t len, const char *origin, char *why,
                               size_t why_len)
{
    struct json_tokener *parser;
    struct json_object *object;
    enum json_tokener_error error;
    size_t end;

    if (len > INT32_MAX) {
        snprintf(why, why_len, "%s: longer than 2 GiB", origin);
        return NULL;
    }
    if (check_text(text, len, origin, why, why_len) != 0)
        return NULL;
    parser = json_tokener_new();
    if (!parser) {
        snprintf(why, why_len, "%s: no memory", origin);
        return NULL;
    }
    json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
                                       JSON_TOKENER_VALIDATE_UTF8);
    object = json_tokener_parse_ex(parser, text, (int)len);
    error = json_tokener_get_error(parser);
    end = json_tokener_get_parse_end(parser);
    json_tokener_free(parser);
    if (error != json_tokener_success || !json_object_is_type(object, json_type_object)) {
        complain_at(text, error == json_tokener_success ? 0 : end, origin,
                    error == json_tokener_success    ? "expected an object"
                    : error == json_tokener_continue ? "the text ends too early"
                                                     : json_tokener_error_desc(error),
                    why, why_len);
        json_object_put(object);
        return NULL;
    }
    while (end < len && strchr(" \t\r\n", text[end]) && text[end])
        end++;
    if (end < len) {
        complain_at(text, end, origin, "text behind the object", why, why_len);
        json_object_put(object);
        return NULL;
    }
    return object;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

unsigned char *hex_decode(const char *text, size_t len, size_t *ret_len)
{
    unsigned char *bytes = malloc(len / 2 + 1);
    size_t count = 0;

    for (size_t i = 0; bytes && i < len; i++) {
        if (strchr(" \t\r\n", text[i]) && text[i])
            continue;
        if (i + 1 == len || digit(text[i]) < 0 || digit(text[i + 1]) < 0) {
            free(bytes);
            return NULL;
        }
        bytes[count++] = (unsigned char)(digit(text[i]) << 4 | digit(text[i + 1]));
        i++;
    }
    *ret_len = count;
    return bytes;
}

/* ---- source of fields ---- */

static struct json_object *node_of(struct json_source *s, pipc_node node)
{
    /* Nodes are borrowed objects; json-c has no const accessors. */
    return node ? (struct json_object *)(uintptr_t)node : s->top;
}

static pipc_result bad(struct json_source *s, pipc_node node, const char *name, const char *what)
{
    if (node && s->list)
        snprintf(s->why, sizeof(s->why), "%s[%" PRIu32 "].%s: %s", s->list, s->index, name, what);
    else
        snprintf(s->why, sizeof(s->why), "%s: %s", name, what);
    return PIPC_ERR_BAD_LAYOUT;
}

static pipc_result get_number(void *arg, pipc_node node, const char *name, uint64_t max,
                              uint64_t *ret_value)
{
    struct json_source *s = arg;
    struct json_object *value;
    char what[96];

    if (!json_object_object_get_ex(node_of(s, node), name, &value))
        return PIPC_ERR_NOT_SUPPORTED;
    if (!json_object_is_type(value, json_type_int))
        return bad(s, node, name, "expected a number");
    const uint64_t number = json_object_get_uint64(value);
    if (number > max) {
        snprintf(what, sizeof(what), "%" PRIu64 " is above %" PRIu64, number, max);
        return bad(s, node, name, what);
    }
    *ret_value = number;
    return PIPC_OK;
}

static pipc_result get_hex(struct json_source *s, pipc_node node, const char *name,
                           struct json_object *text, const void **ret_bytes, size_t *ret_len)
{
    size_t len = 0;
    unsigned char *bytes;
    struct json_bytes *keep;

    if (!json_object_is_type(text, json_type_string))
        return bad(s, node, name, "expected hexadecimal digits");
    bytes =
        hex_decode(json_object_get_string(text), (size_t)json_object_get_string_len(text), &len);
    if (!bytes)
        return bad(s, node, name, "expected hexadecimal digits");
    keep = malloc(sizeof(*keep) + len);
    if (!keep) {
        free(bytes);
        return PIPC_ERR_ALLOC;
    }
    keep->next = s->decoded;
    s->decoded = keep;
    memcpy(keep + 1, bytes, len);
    free(bytes);
    *ret_bytes = keep + 1;
    *ret_len = len;
    return PIPC_OK;
}

static pipc_result get_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                              size_t *ret_len)
{
    struct json_source *s = arg;
    struct json_object *value, *hex;

    if (!json_object_object_get_ex(node_of(s, node), name, &value))
        return PIPC_ERR_NOT_SUPPORTED;
    if (strcmp(name, "data") == 0) /* opaque bytes are always hexadecimal */
        return get_hex(s, node, name, value, ret_bytes, ret_len);
    if (json_object_is_type(value, json_type_object) &&
        json_object_object_get_ex(value, "hex", &hex))
        return get_hex(s, node, name, hex, ret_bytes, ret_len);
    if (!json_object_is_type(value, json_type_string))
        return bad(s, node, name, "expected a string, or {\"hex\":\"...\"}");
    *ret_bytes = json_object_get_string(value);
    *ret_len = (size_t)json_object_get_string_len(value);
    return PIPC_OK;
}

static pipc_result get_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    struct json_source *s = arg;
    struct json_object *value;

    *ret_count = 0;
    if (!json_object_object_get_ex(node_of(s, node), name, &value))
        return PIPC_OK;
    if (!json_object_is_type(value, json_type_array) ||
        json_object_array_length(value) > UINT32_MAX)
        return bad(s, node, name, "expected a list");
    *ret_count = (uint32_t)json_object_array_length(value);
    return PIPC_OK;
}

static pipc_result get_item(void *arg, pipc_node node, const char *name, uint32_t index,
                            pipc_node *ret_item)
{
    struct json_source *s = arg;
    struct json_object *value, *item;

    if (!json_object_object_get_ex(node_of(s, node), name, &value))
        return PIPC_ERR_OUT_OF_BOUNDS;
    item = json_object_array_get_idx(value, index);
    s->list = name;
    s->index = index;
    if (!json_object_is_type(item, json_type_object)) {
        snprintf(s->why, sizeof(s->why), "%s[%" PRIu32 "]: expected an object", name, index);
        return PIPC_ERR_BAD_LAYOUT;
    }
    *ret_item = item;
    return PIPC_OK;
}

void json_source_begin(struct json_source *s, struct json_object *top)
{
    memset(s, 0, sizeof(*s));
    s->top = top;
    s->fields = (struct pipc_fields){.size = sizeof(s->fields),
                                     .arg = s,
                                     .number = get_number,
                                     .string = get_string,
                                     .list = get_list,
                                     .item = get_item};
}

void json_source_end(struct json_source *s)
{
    while (s->decoded) {
        struct json_bytes *next = s->decoded->next;
        free(s->decoded);
        s->decoded = next;
    }
}
