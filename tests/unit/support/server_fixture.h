/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the server: a running server of a scripted message type, and raw clients that write
 * their bytes by hand over real sockets or pipes and regions, so that nothing of the library's
 * client side can hide a fault. Both use the data planes of the run (transports.h).
 */
#ifndef PIPC_TESTS_SERVER_FIXTURE_H
#define PIPC_TESTS_SERVER_FIXTURE_H

#include "raw_region.h"
#include "server_codec.h"
#include "test.h"
#include "transports.h"

#include <pipc/pipc.h>

#include <pthread.h>

#define SERVICE "svc"

/* ---- context and server ---- */

struct hosted {
    struct pipc_context *context;
    struct pipc_server *server;
    pthread_t thread;
    bool running;
    pipc_result run_result;
};

/* A context with the scripted codecs and the data planes of the run. */
struct pipc_context *server_context(void);
/* The same with one key of the configuration set. */
struct pipc_context *server_context_set(const char *section, const char *key, const char *value);
/* The same with a further module that the key names. */
struct pipc_context *server_context_with(const struct pipc_module *module, const char *section,
                                         const char *key, const char *value);
/* The same with an allocator. */
struct pipc_context *server_context_full(const struct pipc_module *module, const char *section,
                                         const char *key, const char *value,
                                         const struct pipc_allocator *allocator);
/* Handler that accepts every request. */
const struct scripted_handler *server_handler(void);
/* Configuration with its size set, everything else 0. */
struct pipc_server_config server_config(void);
/* Creates in test_dir() and runs on a thread. NULL context: one of its own; NULL handler:
 * server_handler; NULL config: none. */
void server_start(struct hosted *hosted, struct pipc_context *context, const char *codec,
                  const struct scripted_handler *handler, int workers,
                  const struct pipc_server_config *config);
/* Destroys, joins, closes the context. */
void server_end(struct hosted *hosted);
/* Joins the thread of run. */
void server_join(struct hosted *hosted);
struct pipc_server_status server_status(const struct hosted *hosted);
/* Waits until that many sessions hold slots. */
void server_wait_sessions(const struct hosted *hosted, uint32_t count);
/* Waits until that many handshakes are pending. One that has become a session is counted until the
 * accepting thread is back with it, and the session may answer before. */
void server_wait_handshakes(const struct hosted *hosted, uint32_t count);

/* ---- raw clients ---- */

struct raw {
    pipc_handle fd;
    struct pipc_hello_ack ack;
    char path[108];
    struct raw_region region; /* once one is selected, messages go through it */
    uint64_t quiet_ms;        /* when nothing new was in it, as of the last look */
};

/* Reaction to a message that was sent. */
#define RAW_EOF   (-1) /* end of stream or reset */
#define RAW_QUIET (-2) /* nothing within the time */

/* A HELLO that the default server accepts; it supports what the run has. */
struct pipc_hello raw_hello(void);
/* Connected, nothing sent. */
void raw_connect(struct raw *raw);
void raw_connect_to(struct raw *raw, const char *service);
/* The same with a connection that is there already. */
void raw_connect_link(struct raw *raw, pipc_handle link);
/* Sends the HELLO and returns the status of the answer, RAW_EOF when there is none. */
int raw_shake(struct raw *raw, const struct pipc_hello *hello);
/* Connected, with a good handshake; fails otherwise. */
void raw_open(struct raw *raw);
void raw_open_with(struct raw *raw, const struct pipc_hello *hello);
/* The same, tried again while the server is full: sessions whose clients have left may be more than
 * it looks past. */
void raw_open_soon(struct raw *raw);
/* Tries once: the status of the HELLO_ACK or RAW_EOF; closed unless it is 0. */
int raw_try(struct raw *raw, const struct pipc_hello *hello);
void raw_close(struct raw *raw);

/* Header of a request to the scripted codec. */
struct pipc_header raw_header(uint64_t id, size_t payload_len);
/* One packet as it is; false when the connection is gone. */
bool raw_packet(struct raw *raw, const void *head, size_t head_len, const void *payload,
                size_t payload_len);
/* A message, in chunks of the agreed packet size if need be; whole in a region. */
bool raw_message(struct raw *raw, const struct pipc_header *header, const void *payload);
/* A request with that id. */
bool raw_request(struct raw *raw, uint64_t id, const void *payload, size_t len);
/* The next answer, put together: its payload length, RAW_EOF, RAW_QUIET. `buf` may be NULL. */
long raw_answer(struct raw *raw, struct pipc_header *ret_header, void *buf, size_t cap);
/* The same with a time. */
long raw_answer_within(struct raw *raw, unsigned ms, struct pipc_header *ret_header, void *buf,
                       size_t cap);
/* A request and the status of its answer; RAW_EOF, RAW_QUIET. Checks id, code, kind, and the shape
 * of error answers. */
int raw_call(struct raw *raw, uint64_t id, const void *payload, size_t len);
/* The end of the stream is next; fails after a time. */
void raw_expect_eof(struct raw *raw);
/* An echo is served. */
void raw_expect_service(struct raw *raw);
/* A new client is served; within that time from its connect. */
void raw_expect_new_client(unsigned within_ms);

/* Fills a script of one byte and a u32. */
size_t script_u32(uint8_t *buf, char what, uint32_t value);

#endif
