/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 2, client side: a context for typed calls to one service (docs/level2-typed-api.md 4 to 9).
 *
 * A client has no threads: connecting and recovery happen inside refresh and inside calls. It has
 * one owner at a time; abort, clear abort are for any thread at any time between create and
 * destroy. The typed calls are thin inline functions in the headers of the codecs; they call what
 * stands here.
 */
#ifndef PIPC_CLIENT_H
#define PIPC_CLIENT_H

#include <pipc/context.h>
#include <pipc/session.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_SERVICE_RESPONSE_PAYLOAD_DEFAULT      65536u
#define PIPC_RESPONSE_CEILING_DEFAULT              268435456u
#define PIPC_PAYLOAD_GROWTH_MIN                    16u
#define PIPC_SERVICE_MIN_PAYLOAD_BUFFER_BYTES      1024u
#define PIPC_CLIENT_CALL_TIMEOUT_DEFAULT_MS        30000u
#define PIPC_CLIENT_ABORT_POLL_MS                  100u
#define PIPC_CLIENT_OVERFLOW_RETRIES_MAX           8u
#define PIPC_CLIENT_RECONNECT_DRAIN_MS             150u
#define PIPC_CLIENT_RECONNECT_ATTEMPTS             20u
#define PIPC_CLIENT_RECONNECT_INTERVAL_MS          5u
#define PIPC_CLIENT_ATTACH_TIMEOUT_MS              5000u
#define PIPC_CLIENT_ATTACH_WITHDRAW_MS             60000u
#define PIPC_CLIENT_REFUSED_RETRY_DEFAULT_MS       10000u
#define PIPC_LOGICAL_LOOKUP_ITEMS_DEFAULT          65536u
#define PIPC_LOGICAL_LOOKUP_SUBCALLS_DEFAULT       4096u
#define PIPC_LOGICAL_LOOKUP_RESPONSE_BYTES_DEFAULT 67108864u

struct pipc_client;

/* Level 2, 4.2. A field of 0 has not been given: the service's configuration decides, then the
 * default. */
struct pipc_client_config {
    uint32_t size;
    uint32_t supported_profiles;
    uint32_t preferred_profiles;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t packet_size;
    uint32_t auth_token_given; /* 1: auth_token counts even if it is 0 */
    uint64_t auth_token;
    uint32_t call_timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t growth_ceiling_bytes;
    uint32_t response_ceiling_bytes;
    uint32_t max_logical_lookup_items;
    uint32_t max_logical_lookup_subcalls;
    uint32_t max_logical_lookup_response_bytes;
    uint32_t refused_retry_ms;
};

enum {
    PIPC_CLIENT_DISCONNECTED = 0,
    PIPC_CLIENT_CONNECTING = 1,
    PIPC_CLIENT_READY = 2,
    PIPC_CLIENT_NOT_FOUND = 3,
    PIPC_CLIENT_AUTH_FAILED = 4,
    PIPC_CLIENT_INCOMPATIBLE = 5,
    PIPC_CLIENT_BROKEN = 6
};

/* Name of a state in lower case ("ready"). Constant string. */
PIPC_API const char *pipc_client_state_name(uint32_t state);

/* Level 2, 4.1: status. */
struct pipc_client_status {
    uint32_t size;
    uint32_t state; /* PIPC_CLIENT_... */
    uint32_t connect_count;
    uint32_t reconnect_count;
    uint32_t call_count;
    uint32_t error_count;
    struct pipc_error last_attempt; /* last failed connection attempt; result PIPC_OK: none */
    struct pipc_error last_call;    /* last failed call */
    uint32_t withdrawn_profiles;    /* bits withdrawn after a failed attach */
    uint32_t
        refused_retry_in_ms;   /* AUTH_FAILED, INCOMPATIBLE: time left before refresh tries again */
    uint64_t withdrawn_for_ms; /* time left; PIPC_NEVER: for good */
    char withdrawn_why[PIPC_ERROR_TEXT_LEN];
    /* Sizes that the next HELLO proposes. */
    uint32_t request_proposal;
    uint32_t response_hint;
    /* Of the current session; all 0 when there is none. */
    struct pipc_session_status session;
};

/* Makes a client of {run_dir, service} (run_dir NULL: the configured one) in state DISCONNECTED.
 * Does no I/O. An identity that cannot form an endpoint is no failure here: every refresh then ends
 * DISCONNECTED and the status says why. NULL config: all defaults. PIPC_ERR_BAD_PARAM (no context),
 * ALLOC, FORKED (the context's). */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_create(struct pipc_context *context,
                                                        const char *run_dir, const char *service,
                                                        const struct pipc_client_config *config,
                                                        struct pipc_client **ret_client,
                                                        struct pipc_error *err);

/* Initialises a closed client anew, with another or the same identity; counters 0.
 * PIPC_ERR_BAD_PARAM if it is not closed. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_init(struct pipc_client *client,
                                                      const char *run_dir, const char *service,
                                                      const struct pipc_client_config *config,
                                                      struct pipc_error *err);

/* Connects or reconnects when the state allows it; returns 1 when the state changed. The same as
 * refresh_timeout with 0. */
PIPC_API int pipc_client_refresh(struct pipc_client *client);

/* As refresh, within timeout_ms altogether (0: connect_timeout_ms). PIPC_OK when READY, else the
 * result of the last attempt; FORKED, ABORTED. Level 2, 4.1, 4.5. *ret_changed (may be NULL): the
 * state changed. */
PIPC_API pipc_result pipc_client_refresh_timeout(struct pipc_client *client, uint32_t timeout_ms,
                                                 int *ret_changed, struct pipc_error *err);

/* READY becomes BROKEN; other states are unchanged. */
PIPC_API void pipc_client_drop(struct pipc_client *client);

/* 1 in state READY only. No system call. */
PIPC_API int pipc_client_ready(const struct pipc_client *client);

/* State, counters, last errors, limits, peer. No I/O. NULL or closed: state DISCONNECTED. */
PIPC_API void pipc_client_status(const struct pipc_client *client,
                                 struct pipc_client_status *ret_status);

/* Default deadline of calls; 0: 30000. */
PIPC_API void pipc_client_set_call_timeout(struct pipc_client *client, uint32_t timeout_ms);

/* Sticky; wakes a call or refresh in progress, which then returns PIPC_ERR_ABORTED. Any thread,
 * never blocks; async-signal-safe. Level 2, 4.9. */
PIPC_API void pipc_client_abort(struct pipc_client *client);
PIPC_API void pipc_client_clear_abort(struct pipc_client *client);

/* Drops the session, frees the buffers, clears abort, keeps the counters. May be repeated; NULL is
 * accepted. */
PIPC_API void pipc_client_close(struct pipc_client *client);

/* Closes and frees. NULL is accepted. */
PIPC_API void pipc_client_destroy(struct pipc_client *client);

/* ---- what the codecs' typed calls are made of ---- */

/* One typed call of the kind `codec` (its call ops: pipc/codec.h), whose typed table must have this
 * major. `input` as the codec says; *ret_output is zeroed on every error and borrows from the
 * client until its next operation other than ready, status, abort and clear abort. timeout_ms 0:
 * the default. Level 2, 5 to 7, results of 11. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_call(struct pipc_client *client, const char *codec,
                                                      uint32_t table_major, const void *input,
                                                      void *ret_output, uint32_t timeout_ms,
                                                      struct pipc_error *err);

/* Bytes of the response payload that the output of the last successful pipc_client_call borrows
 * from, until the next operation; 0 when there is none. For copies whose size the payload bounds
 * (level 3, 4). */
PIPC_API size_t pipc_client_response_len(const struct pipc_client *client);

/* A batch of `count` items of that kind: arrays of inputs and outputs with the codec's sizes as
 * strides. Level 2, 8. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_call_batch(struct pipc_client *client,
                                                            const char *codec, uint32_t table_major,
                                                            const void *inputs, uint32_t count,
                                                            void *ret_outputs, uint32_t timeout_ms,
                                                            struct pipc_error *err);

/* A logical lookup of the kind `codec`, which must have lookup hooks (pipc/codec.h): one item per
 * key, in the order of the keys, whatever number of exchanges it takes. `keys` as the codec says;
 * *ret_view as for pipc_client_call. Level 2, 9. PIPC_ERR_BAD_PARAM, OVERFLOW (a ceiling of the
 * configuration, a key that fits no request and has no item of its own, no progress), results of
 * 9.4. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_call_lookup(
    struct pipc_client *client, const char *codec, uint32_t table_major, const void *keys,
    uint32_t count, void *ret_view, uint32_t timeout_ms, struct pipc_error *err);

/* A call on bytes, for tools: an encoded request in, the checked response payload out (borrowed as
 * above). */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_client_call_raw(
    struct pipc_client *client, const char *codec, const void *request, size_t request_len,
    const void **ret_payload, size_t *ret_len, uint32_t timeout_ms, struct pipc_error *err);

#ifdef __cplusplus
}
#endif
#endif
