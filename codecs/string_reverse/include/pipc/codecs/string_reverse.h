/* SPDX-License-Identifier: Apache-2.0
 *
 * STRING_REVERSE, for tests: a string of any length goes in, a string comes out
 * (docs/codec-string-reverse.md).
 *
 * The typed table is reached through a context or, linked in, through the descriptor. Everything
 * here is pure and may be called from any thread, except the typed calls, which belong to the owner
 * of their client.
 */
#ifndef PIPC_CODECS_STRING_REVERSE_H
#define PIPC_CODECS_STRING_REVERSE_H

#include <pipc/client.h>
#include <pipc/codec.h>
#include <pipc/module.h>
#include <pipc/server.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_METHOD_STRING_REVERSE  3u
#define PIPC_STRING_REVERSE_HDR_LEN 8u

/* Name of the codec, and version of the typed table that this header describes. */
#define PIPC_STRING_REVERSE_NAME        "string_reverse"
#define PIPC_STRING_REVERSE_TABLE_MAJOR 1u
#define PIPC_STRING_REVERSE_TABLE_MINOR 0u

struct pipc_string_reverse_table;

/* A decoded request or response. It borrows: `str` points into the payload and is valid while that
 * stays in place and unchanged; of a client's answer until the next operation on the client, of a
 * server's request until the callback returns. What is needed longer must be copied at once
 * (pipc_string_reverse_copy). */
struct pipc_string_reverse_view {
    const struct pipc_string_reverse_table *table;
    struct pipc_str_view str; /* may hold NUL bytes; a NUL follows it */
};

/* An owned copy, one block of the allocator that made it. */
struct pipc_string_reverse {
    struct pipc_str_view str; /* inside the same block, with a NUL behind it */
};

/* What a server does with a request. The struct is copied when a server is made of it; `user` must
 * live as long as the server. */
struct pipc_string_reverse_handler {
    uint32_t size; /* sizeof(struct pipc_string_reverse_handler) */
    uint32_t reserved;
    void *user; /* handed back */
    /* Gets the bytes of the request (valid until it returns; they never overlap `space`), writes at
     * most `space_len` bytes of result to `space` and sets *ret_len, which is 0 before. A length
     * above space_len answers that the result does not fit (PIPC_ERR_OVERFLOW). Returns 1 for
     * success, 0 for failure (PIPC_ERR_HANDLER_FAILED). Called on session threads, at the same time
     * for different sessions. `from` may be NULL outside of a managed server. NULL in place of the
     * function: every request fails. */
    uint32_t (*string_reverse)(void *user, const struct pipc_request *from, const char *str,
                               size_t len, char *space, size_t space_len, size_t *ret_len);
};

/* The typed table. Appended to within a major; a function is there when `size` covers it. */
struct pipc_string_reverse_table {
    uint32_t size;
    uint16_t major; /* PIPC_STRING_REVERSE_TABLE_MAJOR */
    uint16_t minor;
    pipc_result (*encode)(const void *str, size_t str_len, void *buf, size_t cap, size_t *ret_len);
    pipc_result (*decode)(const void *payload, size_t len,
                          struct pipc_string_reverse_view *ret_view);
    pipc_result (*copy)(const struct pipc_string_reverse_view *view,
                        const struct pipc_allocator *allocator,
                        struct pipc_string_reverse **ret_copy);
};

/* The descriptor, for programs that link the codec in (pipc_config_add_module). */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_string_reverse;

/* The typed table of a context's codec. Loads the codec if need be, as pipc_codec_table. NULL when
 * it is not there or has another major. It lives as long as the context. */
static inline const struct pipc_string_reverse_table *pipc_string_reverse_table(
    struct pipc_context *context)
{
    return (const struct pipc_string_reverse_table *)pipc_codec_table(
        context, PIPC_STRING_REVERSE_NAME, PIPC_STRING_REVERSE_TABLE_MAJOR);
}

/* The typed table of a codec that is linked in. Needs no context; never NULL; constant. */
static inline const struct pipc_string_reverse_table *pipc_string_reverse_linked(void)
{
    return (const struct pipc_string_reverse_table *)((const struct pipc_codec_ops *)
                                                          pipc_module_string_reverse.ops)
        ->table;
}

/* Writes a request or response of 9 + str_len bytes to `buf`, which has room for `cap`, and sets
 * *ret_len. `str` may hold NUL bytes; it may already lie at buf + 8, otherwise it must not overlap
 * `buf`. PIPC_ERR_OVERFLOW (no room, or a length above 32 bits), BAD_PARAM (null str with a length
 * above 0, no ret_len, no buf with room above 0); *ret_len is unchanged then.
 * docs/codec-string-reverse.md 3. */
static inline pipc_result pipc_string_reverse_encode(const struct pipc_string_reverse_table *table,
                                                     const void *str, size_t str_len, void *buf,
                                                     size_t cap, size_t *ret_len)
{
    return table->encode(str, str_len, buf, cap, ret_len);
}

/* Reads a request or response; *ret_view borrows from the payload. PIPC_ERR_TRUNCATED, BAD_LAYOUT,
 * OUT_OF_BOUNDS, MISSING_NUL, BAD_PARAM (no ret_view; no payload with a length above 0); *ret_view
 * is unchanged then. docs/codec-string-reverse.md 4. */
static inline pipc_result pipc_string_reverse_decode(const struct pipc_string_reverse_table *table,
                                                     const void *payload, size_t len,
                                                     struct pipc_string_reverse_view *ret_view)
{
    return table->decode(payload, len, ret_view);
}

/* Makes an owned copy of a decoded view, which the caller releases with pipc_string_reverse_free
 * and the same allocator. PIPC_ERR_ALLOC, BAD_PARAM; nothing is left behind and *ret_copy is
 * unchanged then. docs/codec.md 6.5. */
static inline pipc_result pipc_string_reverse_copy(const struct pipc_string_reverse_view *view,
                                                   const struct pipc_allocator *allocator,
                                                   struct pipc_string_reverse **ret_copy)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->copy(view, allocator, ret_copy);
}

/* Releases a copy; NULL is accepted. `allocator` is the one that made it. */
static inline void pipc_string_reverse_free(const struct pipc_allocator *allocator,
                                            struct pipc_string_reverse *copy)
{
    if (copy)
        allocator->free(allocator->arg, copy);
}

/* One call: sends the string, gives the server's answer. `str` is read during the call only. Blocks
 * up to timeout_ms (0: the client's default). The owner of the client calls. *ret_view borrows from
 * the client until its next operation, and is zeroed on every error. Results of level 2, 11
 * (PIPC_ERR_BAD_PARAM: null str with a length above 0); level 2, 7. */
PIPC_MUST_CHECK static inline pipc_result pipc_client_call_string_reverse(
    struct pipc_client *client, const void *str, size_t len,
    struct pipc_string_reverse_view *ret_view, uint32_t timeout_ms, struct pipc_error *err)
{
    struct pipc_str_view input;
    input.ptr = (const char *)str;
    input.len = len;
    const pipc_result result =
        pipc_client_call(client, PIPC_STRING_REVERSE_NAME, PIPC_STRING_REVERSE_TABLE_MAJOR, &input,
                         ret_view, timeout_ms, err);
    if (result != PIPC_OK && ret_view)
        memset(ret_view, 0, sizeof(*ret_view));
    return result;
}

/* A managed server of this kind; arguments, results and ownership as pipc_server_create (level
 * 2, 10.1). The usual service name, for a null `service`, is "string-reverse". */
PIPC_MUST_CHECK static inline pipc_result pipc_server_create_string_reverse(
    struct pipc_context *context, const char *run_dir, const char *service,
    const struct pipc_string_reverse_handler *handler, int32_t workers,
    const struct pipc_server_config *config, struct pipc_server **ret_server,
    struct pipc_error *err)
{
    return pipc_server_create(context, run_dir, service, PIPC_STRING_REVERSE_NAME,
                              PIPC_STRING_REVERSE_TABLE_MAJOR, handler, workers, config, ret_server,
                              err);
}

#ifdef __cplusplus
}
#endif
#endif
