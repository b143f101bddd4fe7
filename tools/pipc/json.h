/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON of the command: fields to JSON and back, with the value rules of docs/cli.md. Numbers are
 * integers up to 2^64 - 1, strings are JSON strings, or {"hex":"..."} when they are not UTF-8.
 */
#ifndef PIPC_TOOL_JSON_H
#define PIPC_TOOL_JSON_H

#include <json-c/json.h>
#include <pipc/visit.h>

#include <stdbool.h>
#include <stdio.h>

/* ---- writing ---- */

/* Collects what a walk names. Start it with json_writer_begin, give `visitor` to the walk, take
 * `top` (put it when done), or call json_writer_drop after a failed walk. */
struct json_writer {
    struct pipc_visitor visitor;
    struct json_object *top;
    struct json_object *stack[16]; /* objects and arrays that are open */
    unsigned depth;
};
void json_writer_begin(struct json_writer *w);
void json_writer_drop(struct json_writer *w);

/* A string value by the rule above; a number. */
struct json_object *json_of_bytes(const void *bytes, size_t len);
struct json_object *json_of_text(const char *text);
/* A sentence is a string in any case; bytes of names in it that are not UTF-8 are escaped. NULL
 * for NULL. */
struct json_object *json_of_sentence(const char *text);
struct json_object *json_of_number(uint64_t value);
/* Lower-case hexadecimal digits. */
struct json_object *json_of_hex(const void *bytes, size_t len);

/* One line on a stream. */
void json_print(FILE *out, struct json_object *object);
/* {"error":"<name>","message":"<sentence>"} on standard output. */
void json_print_error(pipc_result result, const char *message);
/* The same object as people like it: scalars a line each, lists of objects as tables. */
void json_print_table(FILE *out, struct json_object *object);

/* ---- reading ---- */

/* Parses a text. NULL with the place and the reason in `why`; numbers of 2^64 and more are found in
 * the text. */
struct json_object *json_parse(const char *text, size_t len, const char *origin, char *why,
                               size_t why_len);

/* A source of fields over an object. After a failed build `why` has the place and the reason, or is
 * empty. */
struct json_source {
    struct pipc_fields fields;
    struct json_object *top;
    char why[256];
    const char *list; /* last item that was asked for: the place in messages */
    uint32_t index;
    struct json_bytes {
        struct json_bytes *next;
    } * decoded; /* hexadecimal strings, as bytes */
};
void json_source_begin(struct json_source *s, struct json_object *top);
void json_source_end(struct json_source *s);

/* A walk over what was built from an object looks at the numbers that the builder derived and did
 * not ask for: those in the object must be numbers that fit, too. The place and the reason are in
 * source->why. */
struct json_checker {
    struct pipc_visitor visitor;
    struct json_source *source;
    struct json_level {
        pipc_node node;   /* NULL: the top */
        const char *list; /* that this level is, or that its item is in; NULL: the top */
        uint32_t next;    /* item of a list, one more than that of the item */
        bool absent;      /* the object has no such item */
    } stack[8];
    unsigned depth;
};
void json_checker_begin(struct json_checker *c, struct json_source *source);

/* Decodes hexadecimal digits, blanks between bytes allowed, into memory to be freed; NULL when
 * there are others or an odd number. */
unsigned char *hex_decode(const char *text, size_t len, size_t *ret_len);

#endif
