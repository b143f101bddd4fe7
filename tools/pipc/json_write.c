/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields to JSON, and JSON to tables for people.
 */
#include "json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN (JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const unsigned char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        const unsigned char c = s[i];
        const unsigned more = c < 0x80                 ? 0
                              : c >= 0xc2 && c <= 0xdf ? 1
                              : (c & 0xf0) == 0xe0     ? 2
                              : c >= 0xf0 && c <= 0xf4 ? 3
                                                       : 4;
        if (more == 4 || more >= len - i)
            return false;
        for (unsigned k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
        }
        if ((c == 0xe0 && s[i + 1] < 0xa0) || (c == 0xed && s[i + 1] > 0x9f) ||
            (c == 0xf0 && s[i + 1] < 0x90) || (c == 0xf4 && s[i + 1] > 0x8f))
            return false;
        i += more + 1;
    }
    return true;
}

struct json_object *json_of_hex(const void *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = bytes;
    char *text = malloc(2 * len + 1);
    struct json_object *object;

    if (!text)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[b[i] >> 4];
        text[2 * i + 1] = digits[b[i] & 15];
    }
    object = json_object_new_string_len(text, (int)(2 * len));
    free(text);
    return object;
}

struct json_object *json_of_bytes(const void *bytes, size_t len)
{
    struct json_object *object;

    if (is_utf8(bytes, len))
        return json_object_new_string_len(len ? bytes : "", (int)len);
    object = json_object_new_object();
    json_object_object_add(object, "hex", json_of_hex(bytes, len));
    return object;
}

struct json_object *json_of_text(const char *text)
{
    return text ? json_of_bytes(text, strlen(text)) : NULL;
}

struct json_object *json_of_sentence(const char *text)
{
    char plain[4096];
    size_t used = 0;

    if (!text || is_utf8((const unsigned char *)text, strlen(text)))
        return text ? json_object_new_string(text) : NULL;
    for (; *text && used + 5 < sizeof(plain); text++) {
        if ((unsigned char)*text >= 0x80)
            used += (size_t)snprintf(plain + used, 5, "\\x%02x", (unsigned char)*text);
        else
            plain[used++] = *text;
    }
    return json_object_new_string_len(plain, (int)used);
}

struct json_object *json_of_number(uint64_t value)
{
    return json_object_new_uint64(value);
}

static pipc_result put(struct json_writer *w, const char *name, struct json_object *value)
{
    if (!value)
        return PIPC_ERR_ALLOC;
    json_object_object_add(w->stack[w->depth - 1], name, value);
    return PIPC_OK;
}

static pipc_result on_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    (void)width;
    return put(arg, name, json_of_number(value));
}

static pipc_result on_string(void *arg, const char *name, const void *bytes, size_t len)
{
    return put(arg, name, json_of_bytes(bytes, len));
}

static pipc_result on_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    return put(arg, name, json_of_hex(bytes, len));
}

static pipc_result open_node(struct json_writer *w, struct json_object *node)
{
    if (w->depth == sizeof(w->stack) / sizeof(w->stack[0]))
        return PIPC_ERR_OVERFLOW;
    w->stack[w->depth++] = node;
    return PIPC_OK;
}

static pipc_result on_begin_list(void *arg, const char *name, uint32_t count)
{
    struct json_writer *w = arg;
    struct json_object *array = json_object_new_array();
    const pipc_result result = put(w, name, array);

    (void)count;
    return result == PIPC_OK ? open_node(w, array) : result;
}

static pipc_result on_begin_item(void *arg)
{
    struct json_writer *w = arg;
    struct json_object *item = json_object_new_object();

    if (!item)
        return PIPC_ERR_ALLOC;
    json_object_array_add(w->stack[w->depth - 1], item);
    return open_node(w, item);
}

static pipc_result on_end(void *arg)
{
    struct json_writer *w = arg;

    w->depth--;
    return PIPC_OK;
}

void json_writer_begin(struct json_writer *w)
{
    memset(w, 0, sizeof(*w));
    w->visitor = (struct pipc_visitor){.size = sizeof(w->visitor),
                                       .arg = w,
                                       .number = on_number,
                                       .string = on_string,
                                       .blob = on_blob,
                                       .begin_list = on_begin_list,
                                       .begin_item = on_begin_item,
                                       .end_item = on_end,
                                       .end_list = on_end};
    w->top = json_object_new_object();
    w->stack[w->depth++] = w->top;
}

void json_writer_drop(struct json_writer *w)
{
    json_object_put(w->top);
    w->top = NULL;
}

void json_print(FILE *out, struct json_object *object)
{
    fputs(json_object_to_json_string_ext(object, PLAIN), out);
    fputc('\n', out);
}

void json_print_error(pipc_result result, const char *message)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "error", json_object_new_string(pipc_result_name(result)));
    json_object_object_add(object, "message", json_of_sentence(message));
    json_print(stdout, object);
    json_object_put(object);
}

/* A value in a cell: strings as they are, but for control characters, so that no name breaks a
 * table or a terminal. */
static const char *cell(struct json_object *value)
{
    static char plain[8192];
    size_t used = 0;

    if (!json_object_is_type(value, json_type_string))
        return json_object_to_json_string_ext(value, PLAIN);
    const char *const text = json_object_get_string(value);
    const size_t len = (size_t)json_object_get_string_len(value);
    for (size_t i = 0; i < len && used + 5 < sizeof(plain); i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            used += (size_t)snprintf(plain + used, sizeof(plain) - used, "\\x%02x", c);
        else
            plain[used++] = (char)c;
    }
    plain[used] = 0;
    return plain;
}

#define COLUMNS_MAX 24

static void print_rows(FILE *out, struct json_object *list)
{
    const char *names[COLUMNS_MAX];
    int widths[COLUMNS_MAX], columns = 0;
    const size_t rows = json_object_array_length(list);

    if (!rows)
        return;
    json_object_object_foreach(json_object_array_get_idx(list, 0), name, first)
    {
        (void)first;
        if (columns < COLUMNS_MAX) {
            names[columns] = name;
            widths[columns++] = (int)strlen(name);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
            struct json_object *value = NULL;
            json_object_object_get_ex(json_object_array_get_idx(list, r), names[c], &value);
            const int width = (int)strlen(cell(value));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    for (int c = 0; c < columns; c++)
        fprintf(out, "%-*s%s", c + 1 < columns ? widths[c] : 0, names[c],
                c + 1 < columns ? "  " : "\n");
    for (size_t r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
            struct json_object *value = NULL;
            json_object_object_get_ex(json_object_array_get_idx(list, r), names[c], &value);
            fprintf(out, "%-*s%s", c + 1 < columns ? widths[c] : 0, cell(value),
                    c + 1 < columns ? "  " : "\n");
        }
    }
}

void json_print_table(FILE *out, struct json_object *object)
{
    json_object_object_foreach(object, name, value)
    {
        if (!json_object_is_type(value, json_type_array))
            fprintf(out, "%s: %s\n", name, cell(value));
    }
    json_object_object_foreach(object, list_name, list)
    {
        (void)list_name;
        if (json_object_is_type(list, json_type_array))
            print_rows(out, list);
    }
}
