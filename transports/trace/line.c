/* SPDX-License-Identifier: Apache-2.0
 *
 * A line under construction: "name=value" for people, or members of a JSON object.
 *
 * Never longer than its buffer: a member is there whole or not at all, and from the first that does
 * not fit on the line is cut and says so. Text style escapes what would break the line; a JSON
 * string is one only where the bytes are UTF-8, else {"hex":"..."}. The caller's memory, no state.
 */
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Kept free for what closes the line: every open list, the word that it is cut, the line end. */
#define TAIL (TRACE_DEPTH + 16u)

static const char digits[] = "0123456789abcdef";

static void put(struct trace_line *line, const char *bytes, size_t len)
{
    if (line->cut)
        return;
    if (line->len + len > line->cap - TAIL) { /* what was closed may stand in the tail already */
        line->cut = true;
        return;
    }
    memcpy(line->buf + line->len, bytes, len);
    line->len += len;
}

static void put_text(struct trace_line *line, const char *text)
{
    put(line, text, strlen(text));
}

static void put_hex(struct trace_line *line, uint8_t byte)
{
    const char pair[2] = {digits[byte >> 4], digits[byte & 15]};

    put(line, pair, 2);
}

/* Separator and name. */
static void begin_member(struct trace_line *line, const char *name)
{
    if (line->comma)
        put_text(line, line->json ? "," : " ");
    if (name && line->json)
        put_text(line, "\"");
    if (name)
        put_text(line, name);
    if (name && line->json)
        put_text(line, "\":");
}

/* A member that did not fit is taken back whole. */
static void end_member(struct trace_line *line, size_t before)
{
    if (line->cut)
        line->len = before;
    else
        line->comma = true;
}

void trace_line_begin(struct trace_line *line, char *buf, size_t cap, bool json)
{
    memset(line, 0, sizeof(*line));
    line->buf = buf;
    line->cap = cap;
    line->json = json;
    if (json)
        line->buf[line->len++] = '{';
}

size_t trace_line_end(struct trace_line *line)
{
    static const char json_cut[] = ",\"cut\":true", text_cut[] = " ...";

    while (line->depth > 0)
        trace_line_close(line);
    if (line->cut) {
        const char *const word = !line->json ? text_cut : json_cut + !line->comma;
        memcpy(line->buf + line->len, word, strlen(word));
        line->len += strlen(word);
    }
    if (line->json)
        line->buf[line->len++] = '}';
    line->buf[line->len] = '\0';
    return line->len;
}

void trace_line_words(struct trace_line *line, const char *format, ...)
{
    char text[192];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    put_text(line, text);
}

void trace_line_number(struct trace_line *line, const char *name, uint64_t value)
{
    const size_t before = line->len;
    char text[24];

    (void)snprintf(text, sizeof(text), "%s%llu", line->json ? "" : "=", (unsigned long long)value);
    begin_member(line, name);
    put_text(line, text);
    end_member(line, before);
}

/* Length of the UTF-8 character at `at`; 0: it is none. */
static size_t character(const uint8_t *at, size_t left)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t len = at[0] < 0x80           ? 1
                       : (at[0] >> 5) == 0x06 ? 2
                       : (at[0] >> 4) == 0x0e ? 3
                       : (at[0] >> 3) == 0x1e ? 4
                                              : 0;
    uint32_t value = len == 1 ? at[0] : at[0] & (0x7fu >> len);
    size_t i;

    if (len == 0 || len > left)
        return 0;
    for (i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    return value < least[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : len;
}

static bool is_utf8(const uint8_t *bytes, size_t len)
{
    size_t at = 0, one;

    for (; at < len; at += one) {
        one = character(bytes + at, len - at);
        if (one == 0)
            return false;
    }
    return true;
}

static void put_json_string(struct trace_line *line, const uint8_t *bytes, size_t len)
{
    size_t i;

    put_text(line, "\"");
    for (i = 0; i < len && !line->cut; i++) {
        if (bytes[i] < 0x20 || bytes[i] == 0x7f) {
            put_text(line, "\\u00");
            put_hex(line, bytes[i]);
        } else {
            if (bytes[i] == '"' || bytes[i] == '\\')
                put_text(line, "\\");
            put(line, (const char *)bytes + i, 1);
        }
    }
    put_text(line, "\"");
}

static void put_text_string(struct trace_line *line, const uint8_t *bytes, size_t len)
{
    size_t i;

    put_text(line, "\"");
    for (i = 0; i < len && !line->cut; i++) {
        if (bytes[i] < 0x20 || bytes[i] >= 0x7f || bytes[i] == '"' || bytes[i] == '\\') {
            put_text(line, "\\x");
            put_hex(line, bytes[i]);
        } else {
            put(line, (const char *)bytes + i, 1);
        }
    }
    put_text(line, "\"");
}

static void put_blob(struct trace_line *line, const uint8_t *bytes, size_t len)
{
    size_t i;

    put_text(line, line->json ? "{\"hex\":\"" : "0x");
    for (i = 0; i < len && !line->cut; i++)
        put_hex(line, bytes[i]);
    put_text(line, line->json ? "\"}" : "");
}

void trace_line_string(struct trace_line *line, const char *name, const void *bytes, size_t len)
{
    const size_t before = line->len;

    begin_member(line, name);
    if (!line->json) {
        put_text(line, "=");
        put_text_string(line, bytes, len);
    } else if (is_utf8(bytes, len)) {
        put_json_string(line, bytes, len);
    } else {
        put_blob(line, bytes, len);
    }
    end_member(line, before);
}

void trace_line_text(struct trace_line *line, const char *name, const char *text)
{
    trace_line_string(line, name, text, strlen(text));
}

void trace_line_open(struct trace_line *line, const char *name, char opener)
{
    const size_t before = line->len;

    if (line->depth == TRACE_DEPTH)
        line->cut = true;
    begin_member(line, name);
    put(line, &opener, 1);
    end_member(line, before);
    if (line->cut)
        return;
    line->comma = false;
    line->closers[line->depth++] = opener == '{' ? '}' : ']';
}

/* There is always room: see TAIL. */
void trace_line_close(struct trace_line *line)
{
    if (line->depth == 0)
        return;
    line->buf[line->len++] = line->closers[--line->depth];
    line->comma = true;
}

/* ---- as a visitor ---- */

static pipc_result full(const struct trace_line *line)
{
    return line->cut ? PIPC_ERR_OVERFLOW : PIPC_OK;
}

static pipc_result see_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct trace_line *const line = arg;

    (void)width;
    if (line->hide && strcmp(name, "auth_token") == 0)
        trace_line_text(line, name, "hidden");
    else
        trace_line_number(line, name, value);
    return full(line);
}

static pipc_result see_string(void *arg, const char *name, const void *bytes, size_t len)
{
    trace_line_string(arg, name, bytes, len);
    return full(arg);
}

static pipc_result see_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    struct trace_line *const line = arg;
    const size_t before = line->len;

    begin_member(line, name);
    if (!line->json)
        put_text(line, "=");
    put_blob(line, bytes, len);
    end_member(line, before);
    return full(line);
}

static pipc_result see_list(void *arg, const char *name, uint32_t count)
{
    (void)count;
    trace_line_open(arg, name, '[');
    return full(arg);
}

static pipc_result see_item(void *arg)
{
    trace_line_open(arg, NULL, '{');
    return full(arg);
}

static pipc_result see_end(void *arg)
{
    trace_line_close(arg);
    return full(arg);
}

struct pipc_visitor trace_line_visitor(struct trace_line *line)
{
    return (struct pipc_visitor){.size = sizeof(struct pipc_visitor),
                                 .arg = line,
                                 .number = see_number,
                                 .string = see_string,
                                 .blob = see_blob,
                                 .begin_list = see_list,
                                 .begin_item = see_item,
                                 .end_item = see_end,
                                 .end_list = see_end};
}
