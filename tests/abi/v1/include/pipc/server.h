/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 2, provider side: the managed server (docs/level2-typed-api.md 10).
 *
 * A server serves one kind at one endpoint, one thread per session, handshakes driven by readiness
 * on the accepting thread. Stop and status are for any thread at any time between create and
 * destroy. Callbacks run on session threads, at the same time for different sessions; they may call
 * stop, never drain or destroy of their own server. Threads of a server block all signals.
 */
#ifndef PIPC_SERVER_H
#define PIPC_SERVER_H

#include <pipc/context.h>
#include <pipc/session.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_SERVER_WORKERS_DEFAULT 8u
/* In place of a worker count: that of the configuration (max_sessions), else the default. */
#define PIPC_SERVER_WORKERS_CONFIGURED INT32_MIN
#define PIPC_SERVER_POLL_MS            100u
#define PIPC_SERVER_ACCEPT_PAUSE_MS    10u
#define PIPC_SERVER_IO_TIMEOUT_MS      30000u
#define PIPC_SERVER_HANDSHAKES_MAX     16u

struct pipc_server;

/* Level 2, 10.1. A field of 0 has not been given: the service's configuration decides, then the
 * default. */
struct pipc_server_config {
    uint32_t size;
    uint32_t supported_profiles;
    uint32_t preferred_profiles;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t growth_ceiling_bytes;
    uint32_t packet_size;
    uint64_t auth_token;
    uint32_t auth_token_given; /* 1: auth_token counts even if it is 0 */
    uint32_t idle_timeout_ms;
    uint64_t max_total_bytes;
    uint32_t snapshot_items; /* snapshot kinds: directory slots to reserve; 0: by the estimate */
    uint32_t io_timeout_ms;  /* 0: 30000; time of a request and of an answer */
    uint32_t handshake_timeout_ms; /* 0: 5000 */
    uint32_t adopt;                /* 1: listen on `adopt_handle` (socket activation) */
    pipc_handle adopt_handle;
};

/* Counters of a server. */
struct pipc_server_status {
    uint32_t size;
    uint32_t running; /* 1 while run is inside */
    uint32_t sessions;
    uint32_t sessions_max; /* worker count */
    uint64_t accepted;     /* sessions so far */
    uint64_t rejected_auth;
    uint64_t rejected_profile;
    uint64_t rejected_limit;
    uint64_t rejected_incompatible;
    uint64_t rejected_protocol; /* malformed HELLO */
    uint64_t rejected_busy;     /* no free slot */
    uint64_t rejected_timeout;  /* no HELLO in time, or pushed out by a newer connection */
    uint64_t rejected_other;
    uint64_t probes; /* connections that closed without a byte */
    uint64_t requests;
    uint64_t answers[7];          /* by transport_status */
    uint64_t bytes_in, bytes_out; /* payload bytes */
    uint32_t response_limit;      /* that the next session gets */
    uint32_t handshakes;          /* pending now */
    uint32_t regions;             /* sessions on shared memory now */
    uint32_t lingering;
    uint64_t region_bytes;
    uint64_t idle_closed; /* closed for a waiting client */
    uint64_t accept_failures;
    uint64_t degraded; /* sessions that did not get the first name of the list */
};

/* Makes a server of the kind `codec` at {run_dir, service} (run_dir NULL: configured; service NULL:
 * the codec's default) and listens. `handler`: the codec's handler struct, copied by its size; a
 * null callback inside is accepted. `workers`: sessions at a time (below 1: 1;
 * PIPC_SERVER_WORKERS_CONFIGURED: as configured). Accepts nothing yet. PIPC_ERR_BAD_PARAM, those of
 * pipc_listen, MODULE_..., ALLOC, FORKED; nothing stays behind. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_server_create(struct pipc_context *context,
                                                        const char *run_dir, const char *service,
                                                        const char *codec, uint32_t table_major,
                                                        const void *handler, int32_t workers,
                                                        const struct pipc_server_config *config,
                                                        struct pipc_server **ret_server,
                                                        struct pipc_error *err);

/* Accept loop: blocks until stop (PIPC_OK) or a fatal error of the listener (PIPC_ERR_ACCEPT).
 * Returns at once when stop came first. */
PIPC_API pipc_result pipc_server_run(struct pipc_server *server, struct pipc_error *err);

/* One accepting thread for several servers; returns when all have stopped, or at the first fatal
 * error. */
PIPC_API pipc_result pipc_servers_run(struct pipc_server *const *servers, uint32_t count,
                                      struct pipc_error *err);

/* Sticky; any thread, also a callback; does not block; async-signal-safe. FORKED in a child. */
PIPC_API pipc_result pipc_server_stop(struct pipc_server *server);

/* Stop, wait for sessions up to timeout_ms, then force the rest; closes the listener. *ret_clean:
 * no session had to be forced. Waits for running callbacks in any case. PIPC_ERR_BAD_PARAM from a
 * callback of this server, FORKED. */
PIPC_API pipc_result pipc_server_drain(struct pipc_server *server, uint32_t timeout_ms,
                                       int *ret_clean);

/* Stop, end all sessions, remove the endpoint, free. NULL is accepted. run must have been called on
 * another thread and is waited for. PIPC_ERR_BAD_PARAM from a callback of this server (nothing
 * happens); FORKED in a child (frees memory and descriptors all the same). */
PIPC_API pipc_result pipc_server_destroy(struct pipc_server *server);

/* Changes the directory slots that snapshot responses reserve (config.snapshot_items), from the
 * next request on. Any thread. */
PIPC_API void pipc_server_set_snapshot_items(struct pipc_server *server, uint32_t items);

/* Counters now; any thread, no waiting. */
PIPC_API void pipc_server_status(const struct pipc_server *server,
                                 struct pipc_server_status *ret_status);

/* In a callback: who asks. PIPC_ERR_NOT_SUPPORTED where the system does not know. */
PIPC_API pipc_result pipc_request_peer(const struct pipc_request *request,
                                       struct pipc_peer *ret_peer);

/* In a callback: the time (monotonic, nanoseconds) by which the server wants its answer sent; only
 * the server's own limits, since the wire carries none. */
PIPC_API uint64_t pipc_request_deadline(const struct pipc_request *request);

#ifdef __cplusplus
}
#endif
#endif
