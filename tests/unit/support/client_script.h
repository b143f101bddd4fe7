/* SPDX-License-Identifier: Apache-2.0
 *
 * A server for the tests of clients that plays a script: for every connection a way to answer
 * HELLO, for every request an answer or a fault. It is written on bare sockets or pipes, with a
 * region by hand where the run wants that, and records every HELLO and request.
 *
 * One thread, one connection at a time. Plans are set before the connection that they are for;
 * counts may be asked at any time.
 */
#ifndef PIPC_TESTS_CLIENT_SCRIPT_H
#define PIPC_TESTS_CLIENT_SCRIPT_H

#include "transports.h"

#include <pipc/client.h>
#include <pipc/wire.h>

#include <stdbool.h>

#define SCRIPT_SERVICE "svc"
#define SCRIPT_MAX     64u

enum script_what {
    SCRIPT_ANSWER = 0,   /* a response with the overrides below */
    SCRIPT_CLOSE,        /* close without an answer */
    SCRIPT_ANSWER_CLOSE, /* answer, then close */
    SCRIPT_SILENT,       /* no answer; waits until the client goes away */
    SCRIPT_STALL         /* first packet of a chunked answer, then nothing */
};

/* An answer to one request. Zeros: the right one. */
struct script_answer {
    enum script_what what;
    uint16_t status;
    uint16_t code;  /* 0: that of the request */
    uint16_t kind;  /* 0: RESPONSE */
    uint16_t flags; /* with own_flags */
    bool own_flags;
    bool own_payload;    /* `payload`, `payload_len` instead of every number plus one */
    uint32_t magic;      /* 0: right */
    uint32_t id_offset;  /* added to the id */
    uint32_t item_count; /* 0: that of the request */
    uint32_t declared;   /* 0: payload_len; else the header's value */
    const void *payload;
    size_t payload_len;
};

enum script_hello {
    SCRIPT_ACK = 0, /* handshake as a server does it */
    SCRIPT_REFUSE,  /* HELLO_ACK with `status` */
    SCRIPT_MUTE,    /* never answers HELLO */
    SCRIPT_HANGUP,  /* closes without an answer */
    SCRIPT_BYTES    /* sends `bytes` in place of HELLO_ACK */
};

/* A connection. Zeros: a good server with limits of 1024 and 65536 bytes, which takes every
 * proposal up to `max_request`. */
struct script_conn {
    enum script_hello hello;
    uint16_t status;
    uint16_t version;        /* of the header; 0: 1 */
    uint16_t layout;         /* 0: 1 */
    uint32_t request_limit;  /* agreed at most; 0: the proposal */
    uint32_t max_request;    /* larger proposals are refused with LIMIT_EXCEEDED; 0: none is */
    uint32_t response_limit; /* 0: 65536 */
    uint32_t packet_size;    /* 0: the proposal */
    uint32_t selected;       /* 0: the plane of the run */
    const void *bytes;
    size_t bytes_len;
    bool close_after_ack;
    bool early; /* answers[0] goes out for the request with id 1 before that is sent, then close */
    uint32_t answer_count; /* further requests get right answers */
    struct script_answer answers[12];
};

struct script_request {
    struct pipc_header header;
    uint32_t conn; /* index of its connection */
    size_t len;    /* of the payload in the first packet */
    uint8_t payload[256];
};

struct script;

/* Listens as SCRIPT_SERVICE in test_dir(). Connection i is played by plans[i], connections after
 * the last by `then` (NULL: a good server). The arrays must live as long as the script. */
struct script *script_start(const struct script_conn *plans, uint32_t count,
                            const struct script_conn *then);
/* Closes everything, removes the socket, joins. */
void script_stop(struct script *script);
/* HELLOs and requests that came so far. */
uint32_t script_hellos(struct script *script);
uint32_t script_requests(struct script *script);
/* Record of one that has come. */
struct pipc_hello script_hello_at(struct script *script, uint32_t index);
struct script_request script_request_at(struct script *script, uint32_t index);
/* Waits for the number; fails the test after 5 s. */
void script_wait_hellos(struct script *script, uint32_t count);
void script_wait_requests(struct script *script, uint32_t count);
/* The same for connections that the server has closed. */
void script_wait_closes(struct script *script, uint32_t count);

/* Hands the modules that these tests need to a configuration, where the build has not linked them
 * in, and sets its data planes. */
pipc_result script_config_modules(struct pipc_config *config);
/* A context with the data planes of the run and the codecs, and its clean end, which fails when
 * something is left open. */
struct pipc_context *script_context(const struct pipc_allocator *allocator);
void script_context_close(struct pipc_context *context);
/* A client of SCRIPT_SERVICE in test_dir(); NULL config: defaults. Its own pauses are shortened
 * when `quick`. */
struct pipc_client *script_client(struct pipc_context *context,
                                  const struct pipc_client_config *config, bool quick);
/* The same, connected. */
struct pipc_client *script_ready(struct pipc_context *context,
                                 const struct pipc_client_config *config, bool quick);
/* One INCREMENT call. */
pipc_result script_call(struct pipc_client *client, uint64_t value, uint64_t *ret_value,
                        uint32_t timeout_ms, struct pipc_error *err);
struct pipc_client_status script_status(const struct pipc_client *client);

#endif
