/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc decode and pipc encode: bytes to fields and back, for the structures of the wire and for
 * every codec module.
 */
#include "tool.h"

#include "json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a STRUCTURE word means. */
struct structure {
    const char *wire;                 /* name for pipc_wire_walk, or NULL */
    const struct pipc_codec_ops *ops; /* of a codec's */
    bool response;
    struct pipc_context *context;
};

static const char *wire_name(const char *name)
{
    static const char *const names[] = {"header", "chunk", "hello", "hello_ack", "batch"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return names[i];
    }
    return NULL;
}

/* <method>_req or <method>_resp; a method whose request and response are laid out alike is named
 * without either. */
static int structure_find(const struct options *o, struct structure *ret)
{
    char name[64], kind[33];
    size_t len;
    int code;

    memset(ret, 0, sizeof(*ret));
    snprintf(name, sizeof(name), "%s", o->words[0]);
    for (char *c = name; *c; c++)
        *c = *c == '-' ? '_' : *c;
    ret->wire = wire_name(name);
    if (ret->wire)
        return -1;
    ret->response = true;
    len = strlen(name);
    if (len > 4 && strcmp(name + len - 4, "_req") == 0) {
        ret->response = false;
        name[len - 4] = 0;
    } else if (len > 5 && strcmp(name + len - 5, "_resp") == 0) {
        name[len - 5] = 0;
    } else if (strcmp(name, "string_reverse") != 0) {
        return usage("no structure '%s': expected header, chunk, hello, hello_ack, batch, "
                     "string_reverse, or METHOD_req or METHOD_resp",
                     o->words[0]);
    }
    struct pipc_error err = PIPC_ERROR_INIT;
    kind_name(name, kind);
    code = context_open(o, NULL, &ret->context);
    if (code >= 0)
        return code;
    const pipc_result r = pipc_codec_find(ret->context, kind, 0, &ret->ops, NULL, &err);
    if (r != PIPC_OK) {
        complain(EXIT_USAGE, "no structure '%s': %s", o->words[0], err.text);
        (void)pipc_close(ret->context);
        return EXIT_USAGE;
    }
    return -1;
}

static pipc_result structure_walk(const struct structure *s, const void *bytes, size_t len,
                                  uint32_t items, const struct pipc_visitor *visitor)
{
    if (s->wire)
        return pipc_wire_walk(s->wire, bytes, len, items, visitor);
    return s->response ? s->ops->walk_response(bytes, len, visitor)
                       : s->ops->walk_request(bytes, len, visitor);
}

static pipc_result structure_build(const struct structure *s, const struct pipc_fields *fields,
                                   void *buf, size_t cap, size_t *ret_len)
{
    if (s->wire)
        return pipc_wire_build(s->wire, fields, buf, cap, ret_len);
    return s->response ? s->ops->build_response(fields, buf, cap, ret_len)
                       : s->ops->build_request(fields, buf, cap, ret_len);
}

/* ---- input ---- */

static char *read_all(const struct options *o, size_t *ret_len)
{
    const char *const path = o->word_count > 1 ? o->words[1] : "-";
    FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    size_t len = 0, cap = 1 << 16, n;
    char *text = malloc(cap);

    if (!in) {
        complain(EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
        free(text);
        return NULL;
    }
    while (text && (n = fread(text + len, 1, cap - len - 1, in)) > 0) {
        len += n;
        if (cap - len < 2) {
            char *more = realloc(text, cap *= 2);
            if (!more)
                free(text);
            text = more;
        }
    }
    if (text && ferror(in)) {
        complain(EXIT_BAD_DATA, "%s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else if (!text)
        complain(EXIT_FAILED, "%s: no memory", path);
    if (in != stdin)
        fclose(in);
    if (text)
        text[len] = 0;
    *ret_len = len;
    return text;
}

/* ---- decode ---- */

/* Prints the fields of one case, or says what is wrong. */
static pipc_result decode_one(const struct options *o, const struct structure *s, const void *bytes,
                              size_t len, uint32_t items, char *why, size_t why_len)
{
    struct json_writer writer;
    pipc_result r;
    /* A block of exactly the length: what reads outside is found by every checker. */
    void *exact = malloc(len ? len : 1);

    if (!exact)
        return PIPC_ERR_ALLOC;
    if (len)
        memcpy(exact, bytes, len);
    json_writer_begin(&writer);
    r = structure_walk(s, exact, len, items, &writer.visitor);
    free(exact);
    if (r != PIPC_OK) {
        snprintf(why, why_len, "%s: %s", o->words[0], pipc_result_text(r));
        json_writer_drop(&writer);
        return r;
    }
    if (o->json || o->lines)
        json_print(stdout, writer.top);
    else
        json_print_table(stdout, writer.top);
    json_object_put(writer.top);
    return PIPC_OK;
}

static pipc_result decode_hex(const struct options *o, const struct structure *s, const char *text,
                              size_t len, uint32_t items, char *why, size_t why_len)
{
    size_t count;
    unsigned char *bytes = hex_decode(text, len, &count);
    pipc_result r;

    if (!bytes) {
        snprintf(why, why_len, "not hexadecimal: %.*s", (int)(len > 40 ? 40 : len), text);
        return PIPC_ERR_BAD_PARAM;
    }
    r = decode_one(o, s, bytes, count, items, why, why_len);
    free(bytes);
    return r;
}

/* "N HEX" with --items or for a batch, else "HEX". */
static pipc_result decode_line(const struct options *o, const struct structure *s, char *line,
                               size_t len, char *why, size_t why_len)
{
    const bool counted = s->wire && strcmp(s->wire, "batch") == 0;
    uint64_t items = o->items;

    if (counted) {
        char *blank = memchr(line, ' ', len);
        const size_t digits = blank ? (size_t)(blank - line) : len;
        line[digits] = 0;
        if (!number_parse(line, UINT32_MAX, &items)) {
            snprintf(why, why_len, "expected the item count in front of the bytes: %.40s", line);
            return PIPC_ERR_BAD_PARAM;
        }
        line += blank ? digits + 1 : len;
        len -= blank ? digits + 1 : len;
    }
    return decode_hex(o, s, line, len, (uint32_t)items, why, why_len);
}

/* Calls `one` for each line, without its end; a failed case is a line {"error":..,"message":..}. */
static int each_line(const struct options *o, const struct structure *s, char *text, size_t len,
                     pipc_result (*one)(const struct options *, const struct structure *, char *,
                                        size_t, char *, size_t))
{
    char *line = text, *const end = text + len;

    while (line < end && !ferror(stdout)) {
        char why[400] = "";
        char *const stop = memchr(line, '\n', (size_t)(end - line));
        size_t n = (size_t)((stop ? stop : end) - line);
        if (n && line[n - 1] == '\r')
            n--;
        const pipc_result r = one(o, s, line, n, why, sizeof(why));
        if (r != PIPC_OK)
            json_print_error(r, why[0] ? why : pipc_result_text(r));
        line = stop ? stop + 1 : end;
    }
    return EXIT_DONE;
}

int command_decode(const struct options *o)
{
    struct structure s;
    char why[400] = "";
    size_t len = 0;
    char *text;
    int code;

    if (o->word_count < 1 || o->word_count > 2)
        return usage("decode takes a structure and at most one file");
    code = structure_find(o, &s);
    if (code >= 0)
        return code;
    if (s.wire && strcmp(s.wire, "batch") == 0 && !o->items_given && !o->lines)
        return usage("decode batch needs --items, which its directory does not tell");
    text = read_all(o, &len);
    if (!text) {
        code = EXIT_BAD_DATA;
    } else if (o->lines) {
        code = each_line(o, &s, text, len, decode_line);
    } else {
        struct pipc_error err = PIPC_ERROR_INIT;
        err.result = o->hex ? decode_hex(o, &s, text, len, o->items, why, sizeof(why))
                            : decode_one(o, &s, text, len, o->items, why, sizeof(why));
        snprintf(err.text, sizeof(err.text), "%.255s", why);
        code = err.result == PIPC_OK ? EXIT_DONE : fail(o, &err, EXIT_BAD_DATA);
    }
    free(text);
    if (s.context)
        (void)pipc_close(s.context);
    return code;
}

/* ---- encode ---- */

/* Numbers that the builder derives and does not ask for. What cannot be walked is not judged: the
 * bytes of a broken structure may be what is wanted. */
static pipc_result derived_check(const struct structure *s, struct json_source *source,
                                 const void *bytes, size_t len)
{
    struct json_checker checker;
    uint32_t items = 0;

    json_checker_begin(&checker, source);
    (void)!source->fields.list(source->fields.arg, NULL, "items", &items);
    (void)!structure_walk(s, bytes, len, items, &checker.visitor);
    return source->why[0] ? PIPC_ERR_BAD_LAYOUT : PIPC_OK;
}

/* Builds from one JSON object into memory to be freed; NULL with the reason. */
static unsigned char *encode_one(const struct structure *s, const char *text, size_t len,
                                 const char *origin, size_t *ret_len, pipc_result *ret_result,
                                 char *why, size_t why_len)
{
    struct json_object *object = json_parse(text, len, origin, why, why_len);
    struct json_source source;
    unsigned char *bytes = NULL;
    pipc_result r = PIPC_ERR_BAD_LAYOUT;

    if (object) {
        json_source_begin(&source, object);
        /* A field takes fewer bytes on the wire than in JSON, but for headers, directories, padding
         * and items that leave fields out. */
        size_t cap = 4096 + len * 4;
        do {
            free(bytes);
            bytes = malloc(cap);
            r = bytes ? structure_build(s, &source.fields, bytes, cap, ret_len) : PIPC_ERR_ALLOC;
            cap *= 4;
        } while (r == PIPC_ERR_OVERFLOW && !source.why[0] && cap / 256 <= 4096 + len);
        if (r == PIPC_OK)
            r = derived_check(s, &source, bytes, *ret_len);
        if (r != PIPC_OK) {
            snprintf(why, why_len, "%s: %s", origin,
                     source.why[0] ? source.why : pipc_result_text(r));
            free(bytes);
            bytes = NULL;
        }
        json_source_end(&source);
        json_object_put(object);
    }
    *ret_result = r;
    return bytes;
}

static void print_hex(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        printf("%02x", bytes[i]);
    putchar('\n');
}

static pipc_result encode_line(const struct options *o, const struct structure *s, char *line,
                               size_t len, char *why, size_t why_len)
{
    size_t count = 0;
    pipc_result r;
    unsigned char *bytes = encode_one(s, line, len, o->words[0], &count, &r, why, why_len);

    if (bytes)
        print_hex(bytes, count);
    free(bytes);
    return r;
}

int command_encode(const struct options *o)
{
    struct structure s;
    char why[400] = "";
    size_t len = 0, count = 0;
    char *text;
    int code;

    if (o->word_count < 1 || o->word_count > 2)
        return usage("encode takes a structure and at most one file");
    code = structure_find(o, &s);
    if (code >= 0)
        return code;
    text = read_all(o, &len);
    if (!text) {
        code = EXIT_BAD_DATA;
    } else if (o->lines) {
        code = each_line(o, &s, text, len, encode_line);
    } else {
        struct pipc_error err = PIPC_ERROR_INIT;
        const char *const origin = o->word_count > 1 ? o->words[1] : "standard input";
        unsigned char *bytes =
            encode_one(&s, text, len, origin, &count, &err.result, why, sizeof(why));
        snprintf(err.text, sizeof(err.text), "%.255s", why);
        code = bytes ? EXIT_DONE : fail(o, &err, EXIT_BAD_DATA);
        if (bytes && o->hex)
            print_hex(bytes, count);
        else if (bytes)
            fwrite(bytes, 1, count, stdout);
        free(bytes);
    }
    free(text);
    if (s.context)
        (void)pipc_close(s.context);
    return code;
}
