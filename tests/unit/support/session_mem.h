/* SPDX-License-Identifier: Apache-2.0
 *
 * Two kinds of transports of the tests' own, so that Level 1 is tested without any real one: a
 * baseline, "mem", whose connections are socket pairs inside this process, and upgrades, "fast" and
 * "ext", with a second pair keyed by session id. Faults are ordered through one control record. Raw
 * peers get the other end of a pair and write exact bytes.
 */
#ifndef PIPC_TESTS_SESSION_MEM_H
#define PIPC_TESTS_SESSION_MEM_H

#include <pipc/module.h>
#include <pipc/session.h>
#include <stdbool.h>

/* Bits of the two upgrades. */
#define FAST_BITS UINT32_C(0x00000006)
#define EXT_BITS  UINT32_C(0x00000100)
#define THIRD_BIT UINT32_C(0x00100000) /* by configuration */

extern const struct pipc_module session_mem_module; /* "mem": baseline, wait handle, adopt */
extern const struct pipc_module
    session_blind_module; /* "blind": baseline without handles or adopt */
extern const struct pipc_module
    session_fast_module; /* "fast": whole packets, one outstanding, in place */
extern const struct pipc_module session_ext_module;   /* "ext": chunks, many outstanding */
extern const struct pipc_module session_third_module; /* "third": as "ext", no bit of its own */

/* One order: at the n-th call (1 is the next one) the entry gives `result`; 0: none. */
struct session_fault {
    unsigned at;
    pipc_result result;
    int32_t os_code;
};

/* Set before the objects are made, read by any thread; every counter is atomic. */
struct session_control {
    struct session_fault send, receive, accept, connect, listen;
    uint32_t packet_max; /* of the baseline; 0: 65536 */
    int sndbuf;          /* of new pairs; 0: the system's */
    bool refuse_peer;    /* admit says no */
    bool no_peer;        /* peer is not known */
    unsigned sends, receives, channels, closes, forked_closes, finishes, listener_closes;
    /* upgrades */
    uint32_t usable_drop_client, usable_drop_server; /* bits that are not possible */
    bool usable_fails;
    struct session_fault offer;
    uint32_t offer_bits;   /* of a failed offer */
    unsigned offer_repeat; /* how many offers fail; 0: one */
    unsigned names_taken;  /* so many offers say that the name is taken */
    struct session_fault attach;
    uint32_t attach_bits;
    uint64_t attach_withdraw_ms;
    bool attach_waits; /* until the wait ends */
    struct session_fault sweep;
    bool starved;      /* no send gets a buffer, whatever the handle says of room; atomic */
    bool now_is_blind; /* as uds: without blocking no abort handle is looked at */
    unsigned sweeps, offers, attaches, usables;
    struct pipc_upgrade_request last_offer;
    char order[256]; /* what happened: "listen sweep accept offer " ... */
    uint64_t region_bytes;
};
extern struct session_control session_control;
/* The client's end of an offered upgrade that nobody attached; the caller closes it. */
int session_offered_fd(uint64_t id);
/* Everything to its start. */
void session_control_reset(void);

/* A context with these modules; `transports` is the configured list, NULL for "mem"; allocator
 * NULL: malloc. */
struct pipc_context *session_context(const char *transports,
                                     const struct pipc_allocator *allocator);
/* The same without a check: the result of pipc_open. */
pipc_result session_context_try(const char *transports, const struct pipc_allocator *allocator,
                                struct pipc_context **ret_context);

/* The other end as a plain descriptor: of a new connection to a listener, or -1. */
int session_raw_connect(const char *run_dir, const char *service);
/* A listener that only the test knows; accept waits up to 5 s. */
struct session_raw_listener;
struct session_raw_listener *session_raw_listen(const char *run_dir, const char *service);
int session_raw_accept(struct session_raw_listener *listener);
int session_raw_handle(const struct session_raw_listener *listener);
void session_raw_close(struct session_raw_listener *listener);

/* One packet out (must fit) or in; in: length, 0 at the end, -1 after `ms` without one. */
void session_raw_send(int fd, const void *bytes, size_t len);
int session_raw_receive(int fd, void *buf, size_t cap, unsigned ms);
/* True if the other side closed within `ms` without sending anything. */
bool session_raw_closed(int fd, unsigned ms);

/* A good HELLO (mem alone, 1024 bytes both ways, one item, token 0, packet size 65536) and its
 * packet; returns 76. */
struct pipc_hello session_hello(void);
size_t session_hello_packet(const struct pipc_hello *hello, uint8_t *packet);
/* A HELLO_ACK that accepts it; returns 80. */
struct pipc_hello_ack session_ack(void);
size_t session_ack_packet(const struct pipc_hello_ack *ack, uint16_t status, uint8_t *packet);
/* A message header with the right constants. */
struct pipc_header session_header(uint16_t kind, uint64_t id, uint32_t payload_len);
size_t session_header_put(const struct pipc_header *header, uint8_t *packet);

#endif
