/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden vectors: bytes with their meaning, one case a line, as JSON.
 *
 * The bytes of each case lie in a heap block of exactly their length, so that a sanitizer sees
 * every access outside.
 */
#ifndef PIPC_TESTS_VECTORS_H
#define PIPC_TESTS_VECTORS_H

#include "test.h"

#include <json-c/json.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line. Valid during the call of the function that gets it. */
struct vector {
    const char *file; /* short name of the file */
    unsigned line;
    const char *id;
    const char *kind;
    bool valid;
    bool canonical;
    const unsigned char *bytes; /* never NULL */
    size_t len;
    uint32_t item_count;        /* kind "batch" */
    struct json_object *json;   /* the whole line */
    struct json_object *fields; /* NULL if invalid */
    struct json_object *build;  /* NULL for most */
    const char *error;          /* NULL if valid */
    const char *why;            /* NULL if valid */
};
typedef void (*vector_check)(const struct vector *v, void *arg);

/* Calls `check` for every line of <vectors>/<kind>.jsonl and prints how many there were; returns
 * it. Skips the test, with the reason, where the vectors are absent (PIPC_VECTORS, default
 * ../shared/vectors beside the sources) or the host is big-endian. */
unsigned vectors_each(const char *kind, vector_check check, void *arg);

/* The same for the project's own tests/vectors/<name>.jsonl, whose lines may be of several kinds.
 */
unsigned vectors_own(const char *name, vector_check check, void *arg);

/* Fails the test with file, line and id of the case in front. */
#define VECTOR_CHECK(v, cond, ...)                           \
    do {                                                     \
        if (!(cond))                                         \
            vector_fail(__FILE__, __LINE__, v, __VA_ARGS__); \
    } while (0)
void vector_fail(const char *file, int line, const struct vector *v, const char *format, ...)
    __attribute__((format(PIPC_PRINTF_KIND, 4, 5), noreturn));

/* Compares what a walk has made with the fields of the case. */
void vector_check_fields(const struct vector *v, struct json_object *made);

/* A copy of the bytes in a block of exactly that length, `shift` bytes off 8-byte alignment;
 * `*ret_block` is to be freed. */
unsigned char *vector_copy(const unsigned char *bytes, size_t len, unsigned shift,
                           void **ret_block);

#endif
