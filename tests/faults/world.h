/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operation needs around it: a context whose memory and system calls can fail, a peer that
 * nothing happens to, and both ends of a session.
 *
 * The peer's threads are exempt from faults, and it has a context and an allocator of its own.
 */
#ifndef PIPC_TESTS_FAULTS_WORLD_H
#define PIPC_TESTS_FAULTS_WORLD_H

#include "inject.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <pthread.h>

#define SERVICE "svc-of-faults"
#define ITEMS   40u /* of a snapshot */

/* Time of what waits for the peer, in milliseconds. A fault that makes an operation wait for its
 * deadline costs this much; when time runs out where it should not, the point is visited once more
 * with the long time, since the machine may be busy. */
extern unsigned wait_ms;
#define SHORT_MS 150u
#define LONG_MS  4000u

enum kind { KIND_INCREMENT, KIND_SNAPSHOT, KIND_LOOKUP };

struct provider {
    struct pipc_server *server;
    pthread_t thread;
};

struct world {
    char dir[64];
    char line[96]; /* for sentences of checks */
    struct pipc_context *context, *other;
    struct provider provider; /* of the peer */
    /* What an operation makes or uses; whoever sets one closes it in its `clean`. */
    struct pipc_config *config;
    struct pipc_listener *listener;
    struct pipc_handshake *handshake;
    struct pipc_session *session, *peer;
    struct pipc_client *client;
    struct pipc_cache *cache;
    struct pipc_server *server;
    void *extra;
    pthread_t thread;
    pipc_result thread_result;
    bool threaded;
    int fd;
    uint64_t value;
    uint64_t values[8];
    uint32_t count;
    unsigned char *bytes;
};

/* Both contexts with these data planes; the first has the allocator that can fail. */
void world_open(struct world *w, const char *planes);
void world_close(struct world *w);
/* A configuration with every module of this build; NULL allocator: malloc. */
struct pipc_config *world_config(const struct pipc_allocator *allocator, const char *planes);
struct pipc_context *world_context(const struct pipc_allocator *allocator, const char *planes);
/* Removes every file of the run directory: what a fault kept from being removed is left for the
 * next server's sweep, which is none of the next point's business. */
void world_sweep(const struct world *w);
/* Number of entries of the run directory. */
unsigned world_files(const struct world *w);

/* The peer's managed server of a kind, in the run directory. */
void provider_start(struct world *w, enum kind kind);
void provider_stop(struct world *w);
/* Creates such a server without running it. */
pipc_result provider_create(struct pipc_context *context, const char *dir, enum kind kind,
                            struct pipc_server **ret_server, struct pipc_error *err);

/* Both ends of a session: `session` is of the context that can fail, in that role. */
void pair_open(struct world *w, uint32_t role, uint32_t packet_size);
void pair_close(struct world *w);

/* A request and an answer through the session, by hand: 41 gives 42. */
bool session_works(struct pipc_session *session);
bool client_works(struct pipc_client *client);
/* A new client of the peer's context is served. */
bool service_works(struct world *w, const char *service);
/* The cache holds the whole snapshot, unchanged. */
bool cache_is_whole(struct pipc_cache *cache);

/* Something of the test itself failed: ends the process. */
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define MUST(call)                                                                       \
    do {                                                                                 \
        const pipc_result must_ = (call);                                                \
        if (must_ != PIPC_OK)                                                            \
            broken("%s:%d: %s: %s", __FILE__, __LINE__, #call, pipc_result_name(must_)); \
    } while (0)

/* ---- operations ---- */

/* What an operation may come to when that call failed, besides PIPC_OK where `or_ok` says so. A
 * call that no row names must not change the outcome. */
struct expected {
    enum inject_call call;
    bool or_ok;
    pipc_result results[5]; /* ends with PIPC_OK */
};

struct operation {
    const char *name;
    const char *planes; /* of the contexts */
    /* Words of which a sentence must hold one at least, to name the object; NULL: there is no error
     * record. */
    const char *names[10];
    void (*begin)(struct world *w); /* once; may be NULL, as the others but act */
    void (*prepare)(struct world *w);
    pipc_result (*act)(struct world *w, struct pipc_error *err);
    /* Not armed any more; says what is wrong, NULL when the outcome is right and the object still
     * works or closes. */
    const char *(*judge)(struct world *w, pipc_result result);
    void (*clean)(struct world *w); /* afterwards nothing may be left of prepare and act */
    void (*end)(struct world *w);
    const struct expected *expected;
    pipc_result transient; /* what a passing failure may come to besides PIPC_OK */
    bool many_threads;     /* the number of calls differs from run to run */
};

/* Rows that several operations share. */
extern const struct expected expect_listen[], expect_handshake[], expect_connect[], expect_send[],
    expect_receive[], expect_client[];

/* Tables that end with an entry without name. */
extern const struct operation context_operations[];
extern const struct operation session_operations[];
extern const struct operation message_operations[];
extern const struct operation client_operations[];
extern const struct operation server_operations[];
extern const struct operation cache_operations[];

#endif
