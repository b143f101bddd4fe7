/* SPDX-License-Identifier: Apache-2.0
 *
 * The managed server from inside: what its files share (docs/level2-typed-api.md 10).
 *
 * Threads: one acceptor (whoever is inside run), one thread per session, and callers of stop,
 * status, drain, destroy. `lock` guards the list of workers and the slots; it is held for a few
 * instructions only, never during I/O that can wait, a callback or a log line.
 */
#ifndef PIPCI_SERVER_H
#define PIPCI_SERVER_H

#include "../base/platform.h"
#include "../module/context.h"
#include "../session/internal.h"
#include <pipc/client.h>
#include <pipc/server.h>

#include <inttypes.h>

/* Stack of a session's thread: callbacks run there. */
#define PIPCI_SESSION_STACK ((size_t)1 << 20)
/* Time that sessions get to end by themselves when a server is destroyed, and to send a last answer
 * when they are forced. */
#define PIPCI_FORCED_MS 100u
/* A pending handshake younger than this is not pushed out: its HELLO may be on the way. */
#define PIPCI_PUSH_OUT_MS 30u
/* Threads whose client is gone, and which have not noticed yet, while their slots are used again.
 */
#define PIPCI_DEPARTED_MAX 16u
/* So many sessions at a time count what they do in a block of their own, without an operation that
 * locks the bus; further ones share another block. At most the bits of a mask. */
#define PIPCI_TALLIES 64u

/* What the threads of sessions have counted. All members atomic. */
struct pipci_tally {
    uint64_t answers[7]; /* their sum is the number of requests */
    uint64_t bytes_in;
    uint64_t bytes_out;
    uint64_t padding[7];
};

/* Where a session's thread is; atomic. */
enum {
    PIPCI_PHASE_IDLE = 0,     /* waits for a request or receives it: may be interrupted */
    PIPCI_PHASE_CALLBACK = 1, /* is never interrupted */
    PIPCI_PHASE_SENDING = 2,  /* may be interrupted */
    PIPCI_PHASE_EVICTED =
        3, /* was idle too long; its slot is gone, it ends without another answer */
    PIPCI_PHASE_LEAVING = 4 /* lets its client read the last answer; ends by itself within the
                               transport's bound and is not interrupted */
};

/* What a callback may ask for. `deadline_ns` is worked out at the first question. */
struct pipc_request {
    struct pipci_worker *worker;
};

/* A session and its thread. Made at step 14a of the handshake, before the client can hear of
 * success, so that lack of a thread is a refusal; freed by who reaps it. */
struct pipci_worker {
    struct pipc_server *server;
    struct pipci_worker *next;
    struct pipci_thread *thread;
    uint64_t thread_id; /* under the lock */

    /* Under the lock. */
    struct pipc_session *session; /* NULL before the handshake is over and once close has begun */
    bool cancelled;               /* the handshake failed after step 14a */
    bool has_slot;
    bool lingers; /* counts among the lingering ones */
    bool finished;

    uint32_t phase;      /* PIPCI_PHASE_..., atomic */
    uint32_t departed;   /* its client is gone and its slot has been passed on: no callback runs any
                            more; atomic, written under the lock */
    uint32_t forced;     /* the end was forced: atomic */
    uint64_t idle_since; /* nanoseconds; atomic, kept only with an idle timeout */

    /* Set before the session is handed over, constant then. */
    pipc_handle wait_handle;
    struct pipc_peer peer;
    uint32_t response_limit;
    uint64_t region_bytes;
    bool upgraded;
    struct pipci_tally *tally;
    bool owns_tally; /* no other thread writes to it */

    /* The thread's own. */
    struct pipc_request request;
    uint64_t deadline_ns;
    bool said_last; /* an answer after which the session closes */
    bool dense;     /* the next request may follow this one */
    void *buffer;   /* of the response, made at the first request */
};

/* A connection without a complete HELLO. The acceptor's own. */
struct pipci_pending {
    struct pipc_server *server;
    struct pipc_handshake *handshake; /* NULL: free */
    struct pipci_worker *worker;      /* taken at step 14a */
    uint64_t order;
    uint64_t since_ns;
};

struct pipc_server {
    struct pipc_context *context;
    const struct pipc_allocator *allocator;
    const struct pipci_codec *codec;
    void *handler;
    char *service; /* for messages */
    struct pipc_listener *listener;
    uint64_t process;
    struct pipci_event stop; /* sticky */
    struct pipci_event wake; /* for the acceptor: a session has finished */
    struct pipci_mutex lock;
    struct pipci_cond changed; /* running, live, a worker's session */
    uint32_t made;             /* how far create came: PIPCI_MADE_... */

    /* Constant. */
    struct pipc_session_settings settings;
    uint32_t workers_max;
    uint32_t io_timeout_ms;
    uint32_t idle_timeout_ms;
    uint32_t growth_ceiling;
    uint64_t max_total_bytes;

    uint32_t snapshot_items; /* atomic */

    uint32_t response_limit; /* of the next session; atomic, only grows */

    /* Under the lock. */
    struct pipci_worker *workers;
    uint32_t live;     /* workers whose thread has not finished */
    uint32_t departed; /* workers that are so */
    bool running;
    bool holds; /* its run holds the context: what a forked child gives back */
    /* Written under the lock, read as atomics. */
    uint32_t used;      /* slots */
    uint32_t lingering; /* threads that outlive their slot */

    /* The acceptor's own. */
    struct pipci_pending pending[PIPC_SERVER_HANDSHAKES_MAX];
    uint64_t pending_order;
    uint64_t resume_ns; /* no accepting before this */
    bool accept_failing;

    /* Members are atomic; those that sessions count are in the tallies. */
    struct pipc_server_status counts;
    struct pipci_tally *tallies; /* those that are owned, and behind them the shared one */
    uint32_t tally_count;        /* without that one */
    uint32_t reserved;
    uint64_t tally_owned; /* bit i: tallies[i] has an owner; under the lock */
};

#define PIPCI_MADE_LOCK    1u
#define PIPCI_MADE_CHANGED 2u
#define PIPCI_MADE_HELD    4u

static inline void pipci_count(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

/* The same, for a counter that no other thread writes to. */
static inline void pipci_count_alone(uint64_t *counter, uint64_t n)
{
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

/* ---- server_slots.c ---- */

/* Steps 14a of the handshake: `arg` is the struct pipci_pending. */
pipc_result pipci_slot_take(void *arg);
void pipci_slot_give(void *arg);
/* Hands the session to the worker taken at step 14a; its thread starts serving. */
void pipci_worker_assign(struct pipci_worker *worker, struct pipc_session *session);
/* The slot is free from now on, though the last answer is still to be sent. True: the thread may
 * linger. */
bool pipci_slot_linger(struct pipci_worker *worker);
/* After stop: sessions whose data plane cannot sleep on the stop event look at it at once. */
void pipci_workers_wake(struct pipc_server *server);
/* Joins and frees the workers that have finished. By the acceptor, or when there is none. */
void pipci_reap(struct pipc_server *server);
/* In a forked child: frees all workers, whose threads do not exist here. */
void pipci_workers_abandon(struct pipc_server *server);

/* ---- server_accept.c: for the thread inside run ---- */

/* Takes what waits, at most as many as may be pending. */
pipc_result pipci_connections_take(struct pipc_server *server, struct pipc_error *err);
/* One handshake as far as it goes without waiting; it is given up when its time is over. */
void pipci_pending_advance(struct pipci_pending *pending);
/* When a connection may be taken again; 0: at once. */
uint64_t pipci_room_from_ns(struct pipc_server *server);
/* Closes what is pending. By the acceptor, or when there is none. */
void pipci_pending_drop(struct pipc_server *server);

/* ---- server_drain.c ---- */

/* Frees a server without sessions, or one that was not made completely. */
void pipci_server_free(struct pipc_server *server);

/* ---- server_session.c ---- */

/* Serves the worker's session until it ends. On its own thread. */
void pipci_session_serve(struct pipci_worker *worker);

/* ---- server_dispatch.c, server_batch.c ---- */

/* An answer to be sent. */
struct pipci_answer {
    uint16_t status;
    uint16_t flags;
    uint32_t item_count;
    const void *payload;
    size_t len;
};

/* Runs the request through the codec; grows the response limit for later sessions if need be. */
void pipci_answer_make(struct pipci_worker *worker, const struct pipc_message *request,
                       struct pipci_answer *ret_answer);
/* One dispatch into `room`: the status (PIPC_STATUS_...), the length of the response, and after
 * LIMIT_EXCEEDED the length that would have fitted (0: not known). */
uint16_t pipci_dispatch_one(struct pipci_worker *worker, const void *request, size_t request_len,
                            void *room, size_t room_len, size_t *ret_len, uint64_t *ret_needed);
/* `count` requests of one length, all at once; both sides have uniform hooks and room. */
uint16_t pipci_dispatch_uniform(struct pipci_worker *worker, const void *items, uint32_t count,
                                void *answers);
/* The same for a whole batch into `room` (the response limit). */
uint16_t pipci_dispatch_batch(struct pipci_worker *worker, const struct pipc_message *request,
                              void *room, size_t room_len, size_t *ret_len, uint64_t *ret_needed);

/* ---- server_growth.c ---- */

/* proposal.c: the smallest power of two not below n, at least 16, at most 2^31, then limited to the
 * ceiling. */
uint32_t pipci_grow(uint64_t n, uint32_t ceiling);
/* After a response did not fit a session of `limit`: raises the limit of later sessions. */
void pipci_response_limit_raise(struct pipc_server *server, uint32_t limit, uint64_t needed);

#endif
