/* SPDX-License-Identifier: Apache-2.0
 *
 * The context as the layers above see it: memory, log, modules, and what the configuration says of
 * a service.
 */
#ifndef PIPCI_CONTEXT_H
#define PIPCI_CONTEXT_H

#include "../base/base.h"
#include <pipc/context.h>

#define PIPCI_PLANES_MAX 16u

/* A transport of a context: normalised table (every entry may be called; optional ones that are
 * missing return PIPC_ERR_NOT_SUPPORTED or a neutral value) and its instance. Lives as long as the
 * context. */
struct pipci_transport {
    const char *name;
    const char *file; /* NULL: built in */
    uint32_t bits;    /* profile bits in force; a baseline: PIPC_PROFILE_BASELINE */
    uint32_t reserved;
    void *self;
    struct pipc_transport_ops ops;
};

/* A codec of a context, normalised likewise. */
struct pipci_codec {
    const char *name;
    const char *file;
    struct pipc_codec_ops ops;
};

/* A name of the list of transports, in order. */
struct pipci_plane {
    const struct pipci_transport *transport; /* NULL: an optional one that is not available */
    const char *name;
    const char *reason; /* why it is not available; "" */
};

/* All that the configuration says of one service, precedence applied; 0 in a number: not given.
 * Strings live as long as the context. */
struct pipci_service {
    const char *run_dir; /* NULL: none configured */
    const struct pipci_transport *carrier;
    struct pipci_plane planes[PIPCI_PLANES_MAX];
    uint32_t plane_count;
    uint32_t supported; /* masks before `usable` */
    uint32_t preferred;
    uint64_t auth_token;
    uint32_t auth_token_given;
    uint32_t call_timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t refused_retry_ms;
    uint32_t max_request_bytes;
    uint32_t max_response_bytes;
    uint32_t growth_ceiling_bytes;
    uint32_t response_ceiling_bytes;
    uint32_t max_batch_items;
    uint32_t packet_size;
    uint32_t max_sessions;
    uint32_t idle_timeout_ms;
    uint64_t max_total_bytes;
    uint32_t lookup_items;
    uint32_t lookup_subcalls;
    uint32_t lookup_bytes;
};

/* The service's settings; sections of other services do not matter, none at all is fine.
 * PIPC_ERR_BAD_PARAM for a name that is none (docs/level1-transport.md 3.1). */
pipc_result pipci_context_service(struct pipc_context *context, const char *service,
                                  struct pipci_service *ret_service, struct pipc_error *err);

/* PIPC_OK or PIPC_ERR_BAD_PARAM, with a sentence that names it. */
pipc_result pipci_service_name_check(const char *service, struct pipc_error *err);

/* A codec by name, loaded if need be (and allowed). */
pipc_result pipci_context_codec(struct pipc_context *context, const char *name,
                                const struct pipci_codec **ret_codec, struct pipc_error *err);

const struct pipc_allocator *pipci_context_allocator(const struct pipc_context *context);

/* One line to the log callback, if the level is let through. Never call it under a lock. */
void pipci_log(struct pipc_context *context, uint32_t level, const char *format, ...)
    PIPCI_PRINTF(3, 4);

/* Whether a line of that level would be let through. */
bool pipci_log_wants(const struct pipc_context *context, uint32_t level);
/* Keeps `what`, not 0, of a subject and gives what was kept of it before: so that what many
 * sessions have to say is said once. */
#define PIPCI_SAID_NOTHING UINT64_C(1)
uint64_t pipci_context_said(struct pipc_context *context, uint64_t subject, uint64_t what);

/* PIPC_ERR_FORKED in a process other than the one that opened the context, else PIPC_OK. */
pipc_result pipci_context_check_process(const struct pipc_context *context, struct pipc_error *err);

/* Objects (clients, servers, listeners, handshakes, sessions, caches) that keep the context open.
 * Any thread. */
void pipci_context_hold(struct pipc_context *context);
void pipci_context_release(struct pipc_context *context);

#endif
