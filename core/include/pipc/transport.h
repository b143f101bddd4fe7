/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of a transport module.
 *
 * A transport gives *channels*: ordered, reliable, bidirectional, packet-preserving. It moves
 * packets and knows neither handshake nor message nor method. There are two kinds: a *baseline*
 * makes and finds connections by endpoint; an *upgrade* brings up another data plane beside a
 * connection of a baseline (the *carrier*), on which handshakes run and whose end tells that the
 * peer is gone.
 *
 * Rules for every entry, unless its comment says otherwise:
 * - `self` is what the module's init gave. A module has no global state.
 * - An entry that takes a wait may block until data, abort or deadline, in this order of
 * precedence: PIPC_ERR_ABORTED, then success, then PIPC_ERR_TIMEOUT. With PIPC_NOW it never blocks
 * and returns PIPC_ERR_TIMEOUT when there is nothing to do. An abort handle that is no handle gives
 * PIPC_ERR_BAD_PARAM. EINTR and its like are retried inside. No other entry blocks.
 * - Entries are called without core locks held and must not call back into the core, but for the
 * host table.
 * - On failure outputs are untouched and nothing stays open; `err` (may be NULL) is filled through
 * the host's error_set with a sentence that names the object.
 * - A channel is used by one thread at a time, but for `interrupt`. Different channels, and a
 * listener and its channels, are independent. A listener is used by one thread at a time.
 * - No signals are raised, no threads made, no environment read. Handles are close-on-exec.
 */
#ifndef PIPC_TRANSPORT_H
#define PIPC_TRANSPORT_H

#include <pipc/types.h>
#include <pipc/wait.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_TRANSPORT_ABI_MAJOR 1u
#define PIPC_TRANSPORT_ABI_MINOR 0u

/* Traits: exactly one of the first two, then what the module claims. The conformance of each claim
 * is tested; a claimed entry that is missing, or the reverse, refuses the module at load. */
#define PIPC_TRAIT_BASELINE        0x0001u /* listen, accept, connect, ... are there; profile bit 0 */
#define PIPC_TRAIT_UPGRADE         0x0002u /* usable, offer, attach, sweep are there */
#define PIPC_TRAIT_NO_CHUNKS       0x0004u /* a packet holds any message; the core never chunks */
#define PIPC_TRAIT_ONE_OUTSTANDING 0x0008u /* one request at a time; the core refuses a second */
#define PIPC_TRAIT_WAIT_HANDLE                                        \
    0x0010u /* channels have a handle that polls readable for packets \
             */
#define PIPC_TRAIT_WRITE_IN_PLACE   0x0020u /* reserve and commit are there */
#define PIPC_TRAIT_PEER_CREDENTIALS 0x0040u /* peer tells pid, uid, gid */
#define PIPC_TRAIT_ADOPT            0x0080u /* adopt is there */
/* In place of the first two: kind, bits and traits are those of the transport named in this
 * module's option `wraps` (TEXT, mandatory), which the core loads first. The table may have entries
 * for both kinds; those that the wrapped kind needs must be there, and a trait whose entry is
 * missing (adopt, reserve and commit, peer, wait_handle) is not taken over. The module gets at the
 * wrapped one with find_transport of the host. */
#define PIPC_TRAIT_WRAPPER 0x0100u
/* A packet of the handshake that is longer than its buffer is a violation; without this it is
 * judged by what fits. */
#define PIPC_TRAIT_WHOLE_HANDSHAKE 0x0200u

enum { PIPC_ROLE_CLIENT = 1, PIPC_ROLE_SERVER = 2 };

struct pipc_transport_ops;

/* A carrier as an upgrade sees it: may look, ask for the peer and poll its handle. Once the session
 * runs over the upgrade it may also receive, without waiting, and throw away what comes: some
 * carriers show their end only behind it. Nothing else. */
struct pipc_carrier {
    uint32_t size;
    uint32_t reserved;
    const struct pipc_transport_ops *ops; /* normalised by the core: every entry may be called */
    void *channel;
};

/* Answer of `usable`: the bits possible on this connection; for the others a reason. */
struct pipc_usable {
    uint32_t size;
    uint32_t bits;
    char reason[PIPC_ERROR_TEXT_LEN]; /* why bits are missing; empty if none is */
};

/* What an offer or attach is about. */
struct pipc_upgrade_request {
    uint32_t size;
    uint32_t bit;        /* the selected profile bit */
    uint64_t session_id; /* names the resources of this session */
    uint64_t auth_token;
    uint32_t max_request_bytes; /* agreed payload ceilings, header not counted */
    uint32_t max_response_bytes;
    uint64_t room_bytes; /* most memory that an offer may take; UINT64_MAX: no bound */
};

/* Failure of an offer or attach, filled beside the result. */
struct pipc_upgrade_failure {
    uint32_t size;
    uint32_t bits; /* bits that leave: this handshake (offer), the client's proposals (attach) */
    /* attach: for how long; PIPC_NEVER: for the life of the context; 0: as long as the client
     * withdraws what failed for a reason of its own that passes (Level 2: 60 s) */
    uint64_t withdraw_ms;
};

/* Answer of `receive`. */
struct pipc_received {
    uint32_t size;
    uint32_t flags; /* PIPC_RECEIVED_... */
    uint64_t len;   /* bytes put into the pieces */
};
#define PIPC_RECEIVED_CUT 1u /* the packet was longer than the pieces; its tail is lost */
#define PIPC_RECEIVED_END \
    2u /* end of stream (or an empty packet, where these are the same); len is 0 */

/* Answers of `look`. */
enum {
    PIPC_LOOK_NOTHING = 0,
    PIPC_LOOK_READABLE = 1, /* a packet, the end or an error can be received without waiting */
    PIPC_LOOK_GONE = 2      /* the peer is gone and nothing is left to read */
};

/* The table. Appended to, never changed, within an ABI major; `size` says how much of it the module
 * has. The core copies it into its own full-size table and fills what is missing with stubs that
 * return PIPC_ERR_NOT_SUPPORTED. [B] baseline, [U] upgrade, [C] channel, [o] optional. */
struct pipc_transport_ops {
    uint32_t size;
    uint32_t traits;
    uint32_t profile_bits;  /* upgrade: bits 1-15 that this module implements, 0: assigned by
                               configuration */
    uint32_t unlisted_bits; /* those of profile_bits that a list of transports does not propose:
                               they are used only where the caller's own mask names them */

    /* [B] Makes the endpoint and starts to listen; a stale one is reclaimed by the policy of
     * docs/level1-transport.md 4.2. Bounded, short waits are allowed (probing).
     * PIPC_ERR_BAD_PARAM, PATH_TOO_LONG, ADDR_IN_USE, SOCKET, ALLOC. */
    pipc_result (*listen)(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                          struct pipc_error *err);
    /* [B][o] Takes a listening handle made by somebody else; it must be bound to this endpoint. On
     * success the listener owns the handle; on failure it is untouched. PIPC_ERR_BAD_PARAM,
     * PATH_TOO_LONG, ALLOC. */
    pipc_result (*adopt)(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                         void **ret_listener, struct pipc_error *err);
    /* [B] One connection as a raw channel; moves no byte. PIPC_ERR_ACCEPT (temporary: the listener
     * stays usable and the caller pauses), TIMEOUT, ABORTED, BAD_PARAM, ALLOC. */
    pipc_result (*accept)(void *self, void *listener, const struct pipc_wait *wait,
                          void **ret_channel, struct pipc_error *err);
    /* [B] Connects. PIPC_ERR_CONNECT with the system's code, SOCKET, PATH_TOO_LONG, TIMEOUT,
     * ABORTED, BAD_PARAM, ALLOC. */
    pipc_result (*connect)(void *self, const struct pipc_endpoint *endpoint,
                           const struct pipc_wait *wait, void **ret_channel,
                           struct pipc_error *err);
    /* [B] Handle that polls readable while a client waits; constant for the listener's life. */
    pipc_handle (*listener_wait_handle)(void *self, void *listener);
    /* [B] Stops listening and removes the endpoint if it still is the one that was made, in the
     * process that made it (flags: PIPC_CLOSE_FORKED says that this is another process: free and
     * close only). Accepted channels live on. */
    void (*listener_close)(void *self, void *listener, uint32_t flags);

    /* [U] Which of `bits` are possible on this connection. Client: before HELLO; server: before it
     * selects. */
    pipc_result (*usable)(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                          struct pipc_usable *ret_usable);
    /* [U] Server: makes the resources of one session, complete before HELLO_ACK goes out.
     * PIPC_ERR_ADDR_IN_USE: the name is taken, the core tries the next session id, 16 in all; any
     * other failure fills ret_failure->bits. */
    pipc_result (*offer)(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, void **ret_channel,
                         struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
    /* [U] Client: finds them. PIPC_ERR_DISCONNECTED: the carrier ended (nothing is withdrawn);
     * TIMEOUT and ABORTED of the caller's wait; any other failure fills ret_failure. Pauses between
     * its own tries. */
    pipc_result (*attach)(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier,
                          const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                          void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                          struct pipc_error *err);
    /* [U] Removes what dead servers of this endpoint left. Called once, after the endpoint is owned
     * and before the first accept. A failure is logged and changes nothing. */
    pipc_result (*sweep)(void *self, const struct pipc_endpoint *endpoint, struct pipc_error *err);

    /* [C] Sends one packet, gathered from `count` pieces (1 to 3), whole or not at all. TIMEOUT,
     * ABORTED, LIMIT_EXCEEDED (it is larger than what the channel carries, or a channel of one
     * request at a time has one outstanding): nothing was sent; SEND otherwise. */
    pipc_result (*send)(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_error *err);
    /* [C] Takes one packet and scatters it over the pieces. PIPC_OK with flags; TIMEOUT, ABORTED:
     * nothing was taken; RECV: the connection failed (a reset is looked behind once for a queued
     * packet first). */
    pipc_result (*receive)(void *channel, const struct pipc_piece *pieces, uint32_t count,
                           const struct pipc_wait *wait, struct pipc_received *ret_received,
                           struct pipc_error *err);
    /* [C] Looks, takes no packet, never blocks. PIPC_LOOK_... */
    uint32_t (*look)(void *channel);
    /* [C] No more sending; lets the peer read what was sent, discarding what arrives, until it
     * closes, the wait ends or the transport's own bound (100 ms, 1 MiB) is reached. Never called
     * on the accepting thread. */
    void (*finish)(void *channel, const struct pipc_wait *wait);
    /* [C] Largest packet that this channel can carry, both ways: what the handshake proposes;
     * `configured` is the wish of the service's configuration, 0 for none. With NO_CHUNKS: the
     * largest message. */
    uint32_t (*packet_max)(void *channel, uint32_t configured);
    /* [C][o] Handle for poll and the like; PIPC_NO_HANDLE if there is none. Constant. With
     * WAIT_HANDLE it is readable when a packet, the end or an error waits, and after a send that
     * found no room it tells when there is some, and not before: it polls writable, and is
     * signalled on Windows. */
    pipc_handle (*wait_handle)(void *channel);
    /* [C] Any thread, until close is called; never blocks; sticky: calls that wait now or later on
     * this channel end with PIPC_ERR_ABORTED (finish returns). */
    void (*interrupt)(void *channel);
    /* [C][o] Who is at the other end. NOT_SUPPORTED where the system does not know. */
    pipc_result (*peer)(void *channel, struct pipc_peer *ret_peer);
    /* [C][o] Whether the module's options admit this peer (PIPC_OK), else PIPC_ERR_AUTH_FAILED:
     * step 11 of the server's handshake. A missing entry admits everybody. */
    pipc_result (*admit)(void *channel, struct pipc_error *err);
    /* [C][o] The waiter whose counters the session's status shows; NULL for none. */
    const struct pipc_waiter *(*waiter)(void *channel);
    /* [C][o] Bytes of shared memory that this channel holds, for the server's status and bound. */
    uint64_t (*memory)(void *channel);
    /* [C] Never blocks, never fails; wakes the peer by end mark or closed flag where there is one.
     * `flags` as in listener_close. */
    void (*close)(void *channel, uint32_t flags);

    /* [C][o] Room of `len` bytes for one message in the own sending area (WRITE_IN_PLACE); the
     * caller writes there, never reads back, then commits `len` bytes or fewer, or reserves anew to
     * give up. Errors as send. */
    pipc_result (*reserve)(void *channel, size_t len, const struct pipc_wait *wait, void **ret_room,
                           struct pipc_error *err);
    pipc_result (*commit)(void *channel, size_t len, const struct pipc_wait *wait,
                          struct pipc_error *err);
    /* [C][o] Any thread, until close is called; never blocks; not sticky: who waits on this channel
     * looks at the flag of its abort object at once. For channels that cannot sleep on a handle; a
     * missing entry says that the abort handle alone wakes. */
    void (*wake)(void *channel);
};

/* listener_close, close: this is a child of the process that made the object. */
#define PIPC_CLOSE_FORKED 1u

#ifdef __cplusplus
}
#endif
#endif
