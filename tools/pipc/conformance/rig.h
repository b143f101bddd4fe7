/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport driven directly: an instance of its own with a host that watches, pairs of channels.
 *
 * For an upgrade the rig has an instance of the carrier beside it, on which it makes the
 * connections that offers and attaches are about. The pieces end the case when something does not
 * work that must; what a case judges it calls through `ops` itself. One thread, unless said
 * otherwise.
 */
#ifndef PIPC_KIT_RIG_H
#define PIPC_KIT_RIG_H

#include "host.h"
#include "system.h"
#include "usage.h"
#include "values.h"

#define KIT_SERVICE "conformance"
#define KIT_SOON_MS 10000 /* what must happen does so within this */
#define KIT_OVER_MS 5000  /* a wait that something else must end before it is over */

/* One instance of one module. */
struct kit_side {
    struct kit_host host;
    const struct pipc_module *module;
    struct pipc_transport_ops ops; /* normalised as the core does: no entry is NULL */
    struct pipc_option_value values[KIT_VALUES_MAX];
    void *self;
};

struct kit_rig {
    const struct kit *kit;
    struct kit_side m;       /* under test */
    struct kit_side carrier; /* upgrades only */
    bool upgrade;
    char run_dir[64];
    struct pipc_endpoint endpoint;
    void *listener; /* of the module, or of the carrier; NULL: none */
    uint64_t session;
    uint32_t bit; /* see kit_bit; 0: no connection has told it yet */
    struct pipc_error err;
};

/* Two ends of one session. */
struct kit_pair {
    void *client, *server;
    struct pipc_carrier client_carrier, server_carrier; /* upgrades only */
    struct pipc_upgrade_request request;
};

void kit_side_open(struct kit_side *side, const struct pipc_module *module);
void kit_side_close(struct kit_side *side);

struct kit_rig *kit_rig_open(const struct kit *kit);
/* Its endpoint, with the listener of the module, or of the carrier for an upgrade. */
void kit_rig_listen(struct kit_rig *rig);
void kit_rig_unlisten(struct kit_rig *rig);
/* Everything closed, nothing left of memory. */
void kit_rig_close(struct kit_rig *rig);
/* The side that listens and connects: the module, or the carrier. */
struct kit_side *kit_base(struct kit_rig *rig);

void kit_pair_open(struct kit_rig *rig, struct kit_pair *ret_pair);
/* In steps, for two processes: connections, then the two ends of an upgrade (which do nothing for
 * a baseline). `session` is the same on both sides. */
void kit_half_connect(struct kit_rig *rig, struct kit_pair *pair);
void kit_half_accept(struct kit_rig *rig, struct kit_pair *pair);
void kit_half_offer(struct kit_rig *rig, struct kit_pair *pair, uint64_t session);
void kit_half_attach(struct kit_rig *rig, struct kit_pair *pair, uint64_t session);
void kit_half_close_client(struct kit_rig *rig, struct kit_pair *pair, uint32_t flags);
void kit_half_close_server(struct kit_rig *rig, struct kit_pair *pair, uint32_t flags);
void kit_pair_close(struct kit_rig *rig, struct kit_pair *pair);
struct pipc_upgrade_request kit_request(const struct kit_rig *rig, uint64_t session);
/* The lowest profile bit that the module has on a connection, or, before there was one, that it
 * declares, or the first one free for assignment. */
uint32_t kit_bit(const struct kit_rig *rig);

struct pipc_wait kit_wait(int ms); /* from now */
struct pipc_wait kit_wait_now(void);
uint64_t kit_now_ns(void);

/* One packet, one piece, soon. */
pipc_result kit_send(struct kit_rig *rig, void *channel, const void *bytes, size_t len, int ms);
pipc_result kit_receive(struct kit_rig *rig, void *channel, void *bytes, size_t len, int ms,
                        struct pipc_received *ret_received);
/* A packet of KIT_LEN bytes that begins with `what`: as long as the shortest message, which is what
 * a module without chunks carries. Lives until the next call of this thread. */
#define KIT_LEN 48u
const char *kit_text(const char *what);
/* Whether `bytes` is that packet. */
bool kit_is_text(const void *bytes, uint64_t len, const char *what);
/* Sends kit_text of one end and takes it at the other. */
void kit_pass(struct kit_rig *rig, void *from, void *to, const char *text);
/* A request and its answer. */
void kit_exchange(struct kit_rig *rig, struct kit_pair *pair, unsigned number);

/* The record of a failure: its result, a sentence that names the object, one line. */
void kit_error_check(const struct kit_rig *rig, pipc_result result, const char *what);

/* A thread of the case, known to the hosts. */
pthread_t kit_thread(void *(*run)(void *arg), void *arg);

#endif
