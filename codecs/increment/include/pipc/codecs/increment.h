/* SPDX-License-Identifier: Apache-2.0
 *
 * INCREMENT, for tests and benchmarks: a 64-bit number goes in, another one comes out
 * (docs/codec-increment.md).
 *
 * The typed table is reached through a context or, linked in, through the descriptor. Everything
 * here is pure and may be called from any thread, except the typed calls, which belong to the owner
 * of their client.
 */
#ifndef PIPC_CODECS_INCREMENT_H
#define PIPC_CODECS_INCREMENT_H

#include <pipc/client.h>
#include <pipc/codec.h>
#include <pipc/module.h>
#include <pipc/server.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_METHOD_INCREMENT 1u
#define PIPC_INCREMENT_LEN    8u

/* Name of the codec, and version of the typed table that this header describes. */
#define PIPC_INCREMENT_NAME        "increment"
#define PIPC_INCREMENT_TABLE_MAJOR 1u
#define PIPC_INCREMENT_TABLE_MINOR 0u

/* What a server does with a request. The struct is copied when a server is made of it; `user` must
 * live as long as the server. */
struct pipc_increment_handler {
    uint32_t size; /* sizeof(struct pipc_increment_handler) */
    uint32_t reserved;
    void *user; /* handed back */
    /* Gets the value of the request and sets *ret_value, which is 0 before. Returns 1 for success,
     * 0 for failure (PIPC_ERR_HANDLER_FAILED). Called on session threads, at the same time for
     * different sessions. `from` may be NULL outside of a managed server. NULL in place of the
     * function: every request fails. */
    uint32_t (*increment)(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value);
};

/* The typed table. Appended to within a major; a function is there when `size` covers it. */
struct pipc_increment_table {
    uint32_t size;
    uint16_t major; /* PIPC_INCREMENT_TABLE_MAJOR */
    uint16_t minor;
    pipc_result (*encode)(uint64_t value, void *buf, size_t cap, size_t *ret_len);
    pipc_result (*decode)(const void *payload, size_t len, uint64_t *ret_value);
};

/* The descriptor, for programs that link the codec in (pipc_config_add_module). */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_increment;

/* The typed table of a context's codec. Loads the codec if need be, as pipc_codec_table. NULL when
 * it is not there or has another major. It lives as long as the context. */
static inline const struct pipc_increment_table *pipc_increment_table(struct pipc_context *context)
{
    return (const struct pipc_increment_table *)pipc_codec_table(context, PIPC_INCREMENT_NAME,
                                                                 PIPC_INCREMENT_TABLE_MAJOR);
}

/* The typed table of a codec that is linked in. Needs no context; never NULL; constant. */
static inline const struct pipc_increment_table *pipc_increment_linked(void)
{
    return (const struct pipc_increment_table *)((const struct pipc_codec_ops *)
                                                     pipc_module_increment.ops)
        ->table;
}

/* Writes a request or response of PIPC_INCREMENT_LEN bytes to `buf`, which has room for `cap`, and
 * sets *ret_len. PIPC_ERR_OVERFLOW (nothing is written), BAD_PARAM (no ret_len; no buf with room
 * above 0). docs/codec-increment.md 3. */
static inline pipc_result pipc_increment_encode(const struct pipc_increment_table *table,
                                                uint64_t value, void *buf, size_t cap,
                                                size_t *ret_len)
{
    return table->encode(value, buf, cap, ret_len);
}

/* Reads the value of a request or response; bytes after the eighth are ignored. PIPC_ERR_TRUNCATED,
 * BAD_PARAM (no ret_value; no payload with a length above 0); *ret_value is unchanged then.
 * docs/codec-increment.md 4. */
static inline pipc_result pipc_increment_decode(const struct pipc_increment_table *table,
                                                const void *payload, size_t len,
                                                uint64_t *ret_value)
{
    return table->decode(payload, len, ret_value);
}

/* One call: sends `value`, gives the server's answer. Blocks up to timeout_ms (0: the client's
 * default). The owner of the client calls. *ret_value is 0 on every error. Results of level 2, 11;
 * level 2, 7. */
PIPC_MUST_CHECK static inline pipc_result pipc_client_call_increment(struct pipc_client *client,
                                                                     uint64_t value,
                                                                     uint64_t *ret_value,
                                                                     uint32_t timeout_ms,
                                                                     struct pipc_error *err)
{
    const pipc_result result =
        pipc_client_call(client, PIPC_INCREMENT_NAME, PIPC_INCREMENT_TABLE_MAJOR, &value, ret_value,
                         timeout_ms, err);
    if (result != PIPC_OK && ret_value)
        *ret_value = 0;
    return result;
}

/* A batch of `count` values in one message; ret_values[i] answers values[i] and has room for
 * `count`. `values` is read during the call only; the two arrays must not overlap. On every error
 * all of ret_values is 0. Level 2, 8. */
PIPC_MUST_CHECK static inline pipc_result pipc_client_call_increment_batch(
    struct pipc_client *client, const uint64_t *values, uint32_t count, uint64_t *ret_values,
    uint32_t timeout_ms, struct pipc_error *err)
{
    const pipc_result result =
        pipc_client_call_batch(client, PIPC_INCREMENT_NAME, PIPC_INCREMENT_TABLE_MAJOR, values,
                               count, ret_values, timeout_ms, err);
    if (result != PIPC_OK && ret_values)
        memset(ret_values, 0, count * sizeof(*ret_values));
    return result;
}

/* A managed server of this kind; arguments, results and ownership as pipc_server_create (level
 * 2, 10.1). The usual service name, for a null `service`, is "increment". */
PIPC_MUST_CHECK static inline pipc_result pipc_server_create_increment(
    struct pipc_context *context, const char *run_dir, const char *service,
    const struct pipc_increment_handler *handler, int32_t workers,
    const struct pipc_server_config *config, struct pipc_server **ret_server,
    struct pipc_error *err)
{
    return pipc_server_create(context, run_dir, service, PIPC_INCREMENT_NAME,
                              PIPC_INCREMENT_TABLE_MAJOR, handler, workers, config, ret_server,
                              err);
}

#ifdef __cplusplus
}
#endif
#endif
