/* SPDX-License-Identifier: Apache-2.0
 *
 * Named fields as JSON, in the form of the golden vectors: a visitor that makes an object of what
 * it is told, and a source of fields that reads an object.
 *
 * One thread. Everything is freed by the ..._done functions.
 */
#ifndef PIPC_TESTS_JSON_FIELDS_H
#define PIPC_TESTS_JSON_FIELDS_H

#include <pipc/visit.h>

#include <json-c/json.h>

#define JSON_MAKER_DEPTH 8

/* Makes a JSON object of a walk. */
struct json_maker {
    struct pipc_visitor visitor; /* give this one to a walk */
    struct json_object *top;     /* the fields, owned */
    struct json_object *stack[JSON_MAKER_DEPTH];
    unsigned depth;
    unsigned announced[JSON_MAKER_DEPTH]; /* counts told by begin_list */
    const char *fault;                    /* NULL, or how the walk broke the rules of a visitor */
};
void json_maker_init(struct json_maker *maker);
void json_maker_done(struct json_maker *maker);

/* Gives the fields of a JSON object. Strings may be text or {"hex":"..."}; one that is called
 * "data" is hex. */
struct json_source {
    struct pipc_fields fields; /* give this one to a build */
    struct json_object *top;   /* borrowed */
    struct json_source_block *blocks;
};
void json_source_init(struct json_source *source, struct json_object *top);
void json_source_done(struct json_source *source);

/* Bytes of a hex string in a heap block of exactly that length (NULL for none, free it); fails the
 * test on a wrong digit. */
unsigned char *json_hex_bytes(const char *hex, size_t *ret_len);

#endif
