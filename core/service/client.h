/* SPDX-License-Identifier: Apache-2.0
 *
 * The client context as the files of the client share it: settings in force, state, what was
 * learned, the session.
 *
 * One owner at a time; only `abort`, `reachable` and `reaching` are touched by other threads and by
 * signal handlers, between create and destroy.
 * Included by the client's own files, by the layer's tests, and by nobody else.
 */
#ifndef PIPCI_CLIENT_H
#define PIPCI_CLIENT_H

#include "../base/platform.h"
#include "../module/context.h"
#include "../session/internal.h"
#include <pipc/client.h>

/* Pauses and bounds of docs/level2-typed-api.md 3: named constants, in fields so that tests can
 * shorten them. */
struct pipci_client_times {
    uint32_t handshake_ms;       /* one connect and handshake, when no time is given */
    uint32_t attach_ms;          /* attach tries of one attempt */
    uint32_t withdraw_ms;        /* of bits whose module names no time */
    uint32_t drain_ms;           /* before the reconnect after an ordinary failure */
    uint32_t interval_ms;        /* between connection attempts and before resending */
    uint32_t reconnect_attempts; /* in one reconnect */
    uint32_t overflow_retries;   /* of one exchange */
};

/* Bits that left the proposals after a failed attach, for good and for a time. */
struct pipci_withdrawn {
    uint32_t for_good;
    uint32_t for_a_time;
    uint64_t until_ns;  /* of the latter */
    pipc_result result; /* of the attach */
    char why[PIPC_ERROR_TEXT_LEN];
};

struct pipc_client {
    struct pipc_context *context;
    const struct pipc_allocator *allocator;
    struct pipci_event abort; /* lives from create to destroy, so that abort may race with close */
    struct pipc_session *reachable; /* atomic: `session`, for those who abort */
    uint32_t reaching; /* atomic: threads that are waking it; none is left when it is closed */
    uint32_t inside;   /* atomic: an exchange waits without the handle of `abort` */
    struct pipci_client_times times;

    /* Of init; all defaults resolved. */
    bool open;
    char *run_dir; /* NULL: the configured one */
    char *service;
    struct pipc_session_settings
        settings;  /* as proposed; sizes follow request_proposal, response_hint */
    uint32_t mask; /* bits that may be proposed at all */
    uint32_t configured_request;
    uint32_t growth_ceiling;
    uint32_t call_timeout_ms;
    uint32_t connect_timeout_ms; /* 0: not given */
    uint32_t refused_retry_ms;
    uint32_t lookup_items;
    uint32_t lookup_subcalls;
    uint32_t lookup_bytes;

    uint32_t state;
    uint32_t connect_count;
    uint32_t reconnect_count;
    uint32_t call_count;
    uint32_t error_count;
    struct pipc_error last_attempt;
    struct pipc_error last_call;
    struct pipc_error failure; /* of the attempt at an exchange that is running */

    /* Learned. */
    uint32_t request_proposal;
    uint32_t response_hint;
    uint32_t accepted_request; /* last request limit that a server accepted; before: the configured
                                  one */
    struct pipci_withdrawn withdrawn;
    uint64_t refused_until_ns; /* AUTH_FAILED, INCOMPATIBLE: refresh does nothing before */

    struct pipc_session *session;
    uint32_t request_limit; /* of the session */
    uint32_t response_limit;
    uint32_t request_items;
    uint32_t reserved;
    uint64_t next_id;
    size_t response_len;
    uint32_t response_uniform; /* of the response that is being decoded: pipc_message.uniform_len */
    uint32_t reserved2;

    const struct pipci_codec *codec; /* the bound kind, NULL before the first typed call */
    void *request;                   /* buffer for requests, reused */
    size_t request_cap;
    void *stitched; /* the last result of a lookup that was put together, reused */
    size_t stitched_cap;
};

/* What one attempt at an exchange came to (docs/level2-typed-api.md 5.5). */
enum pipci_class {
    PIPCI_CLASS_DONE,
    PIPCI_CLASS_TERMINAL, /* deadline, abort */
    PIPCI_CLASS_FINAL,    /* nothing is in flight: the session stays */
    PIPCI_CLASS_OVERFLOW, /* a larger session may cure it */
    PIPCI_CLASS_ORDINARY
};

/* A request of known size that can be encoded again for every attempt, and the judge of its
 * response. Typed calls, batches and calls on bytes are made of it. */
struct pipci_request {
    uint16_t code;
    uint16_t flags; /* PIPC_FLAG_BATCH or 0 */
    uint32_t item_count;
    uint64_t size;     /* exact payload length */
    const void *bytes; /* the payload, if it exists already; encode is not called then */
    void *arg;
    /* Writes the payload into `cap` bytes, at least `size`. A failure ends the call; the session
     * stays. */
    pipc_result (*encode)(void *arg, void *buf, size_t cap, size_t *ret_len);
    /* Reads a response with the right code, id, status and shape; a failure is retried once. */
    pipc_result (*decode)(void *arg, const void *payload, size_t len);
};

/* ---- client_config.c ---- */

/* Puts the settings of `config` (NULL: none given), the service's configuration and the defaults
 * together. */
void pipci_client_configure(struct pipc_client *client, const struct pipc_client_config *config);

/* ---- proposal.c: docs/level2-typed-api.md 6.5 ---- */

/* Smallest power of two not below n, at least 16, at most 2^31 and the ceiling. */
uint32_t pipci_grow(uint64_t n, uint32_t ceiling);
/* A payload of n bytes did not fit. */
void pipci_client_grow_request(struct pipc_client *client, uint64_t n);
/* A response did not fit the limit of the session. */
void pipci_client_grow_response(struct pipc_client *client);
/* The server refused the proposal with LIMIT_EXCEEDED. */
void pipci_client_proposal_refused(struct pipc_client *client);

/* ---- connect.c ---- */

/* One connection attempt with its fallback; `client` has no session. Sets state, limits,
 * last_attempt and the clocks; leaves the counters. PIPC_ERR_FORKED leaves the state, too. */
pipc_result pipci_client_attempt(struct pipc_client *client, uint64_t deadline_ns,
                                 uint32_t timeout_ms);
/* Closes the session, if there is one, and enters the state. */
void pipci_client_disconnect(struct pipc_client *client, uint32_t state);
/* Bits withdrawn at this moment; forgets those whose time is over. */
uint32_t pipci_client_withdrawn(struct pipc_client *client);

/* ---- exchange.c ---- */

/* One attempt on the session, which must be there. On failure client->failure says why; the session
 * is left as it is, broken or not, for the caller to judge by the class. */
enum pipci_class pipci_exchange(struct pipc_client *client, const struct pipci_request *request,
                                const struct pipc_wait *wait);

/* ---- recovery.c ---- */

/* An exchange with the recovery of section 6. Result and sentence are in client->failure; states
 * and counters but error_count are right afterwards. */
pipc_result pipci_client_exchange(struct pipc_client *client, const struct pipci_request *request,
                                  const struct pipc_wait *wait);
/* Drops the session and connects anew, as 6.1 says. PIPC_ERR_TIMEOUT and ABORTED are terminal
 * (client->failure is set, state BROKEN); any other failure leaves client->failure alone, with the
 * state of the last attempt. `drain`: pause before the first attempt. */
pipc_result pipci_client_reconnect(struct pipc_client *client, bool drain,
                                   const struct pipc_wait *wait);
/* PIPC_OK, or what ends the call here: PIPC_ERR_ABORTED before PIPC_ERR_TIMEOUT, with
 * client->failure set and state BROKEN. */
pipc_result pipci_client_look(struct pipc_client *client, const struct pipc_wait *wait);

/* ---- call.c: the frame of every kind of call ---- */

/* A call in progress. */
struct pipci_call {
    struct pipc_client *client;
    const struct pipci_codec *codec;
    const void *input;
    void *output;
    uint32_t count;
    uint32_t reserved;
};

/* Opens a typed call: finds the codec, then checks in this order: READY, the codec, the kind that
 * the client is bound to (it is bound by its first call). *ret_codec is set whenever the size of
 * the output is known, also on failure; else it is untouched. */
pipc_result pipci_call_open(struct pipc_client *client, const char *name, uint32_t table_major,
                            const struct pipci_codec **ret_codec);
/* A single call, its arguments checked; also a batch of one. */
pipc_result pipci_call_single(struct pipci_call *call, uint32_t timeout_ms);
/* Abort at entry, the deadline, the exchange. */
pipc_result pipci_call_run(struct pipc_client *client, const struct pipci_request *request,
                           uint32_t timeout_ms);
/* Counts and keeps a failure and tells the caller. */
pipc_result pipci_call_failed(struct pipc_client *client, pipc_result result,
                              struct pipc_error *err);

#endif
