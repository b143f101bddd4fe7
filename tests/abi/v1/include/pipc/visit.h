/* SPDX-License-Identifier: Apache-2.0
 *
 * Named fields, in both directions: a visitor is told the fields of decoded bytes, a source of
 * fields is asked for them when bytes are built.
 *
 * This is what lets a tool print, compare, fuzz and build messages of a type that it has never
 * heard of. Field names are those of the layout tables and of the golden vectors. Calls happen on
 * the thread that walks or builds, inside that call.
 */
#ifndef PIPC_VISIT_H
#define PIPC_VISIT_H

#include <pipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Receives fields. Every member must be set. A result other than PIPC_OK ends the walk, which
 * returns it. `bytes` borrow for the length of the call. */
struct pipc_visitor {
    uint32_t size;
    uint32_t reserved;
    void *arg;
    /* An unsigned integer of `width` bytes (1, 2, 4, 8). */
    pipc_result (*number)(void *arg, const char *name, uint64_t value, uint32_t width);
    /* A string: bytes that usually are text. */
    pipc_result (*string)(void *arg, const char *name, const void *bytes, size_t len);
    /* Opaque bytes (always shown in hexadecimal). */
    pipc_result (*blob)(void *arg, const char *name, const void *bytes, size_t len);
    /* A list of `count` items follows: begin_list, then begin_item .. fields .. end_item for each,
     * then end_list. Lists may nest. */
    pipc_result (*begin_list)(void *arg, const char *name, uint32_t count);
    pipc_result (*begin_item)(void *arg);
    pipc_result (*end_item)(void *arg);
    pipc_result (*end_list)(void *arg);
};

/* A node of a source of fields: the top (NULL) or an item of a list. Opaque. */
typedef const void *pipc_node;

/* Gives fields. Every member must be set. `number` and `string` return PIPC_OK and the value,
 * PIPC_ERR_NOT_SUPPORTED when there is no such field (the builder then takes its default), or
 * another result, which ends the build. A number outside 0 .. max is the source's error to report
 * (PIPC_ERR_BAD_LAYOUT). Strings borrow until the build returns. */
struct pipc_fields {
    uint32_t size;
    uint32_t reserved;
    void *arg;
    pipc_result (*number)(void *arg, pipc_node node, const char *name, uint64_t max,
                          uint64_t *ret_value);
    pipc_result (*string)(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                          size_t *ret_len);
    /* Length of a list, 0 when there is none of that name. */
    pipc_result (*list)(void *arg, pipc_node node, const char *name, uint32_t *ret_count);
    /* Item `index` of that list. */
    pipc_result (*item)(void *arg, pipc_node node, const char *name, uint32_t index,
                        pipc_node *ret_item);
};

#ifdef __cplusplus
}
#endif
#endif
