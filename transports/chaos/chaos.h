/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this wrapper.
 *
 * One chaos_instance per context; but for the count of channels it is immutable after init.
 * Channels belong to one thread at a time, but for interrupt.
 */
#ifndef PIPC_CHAOS_CHAOS_H
#define PIPC_CHAOS_CHAOS_H

#include <pipc/transports/chaos.h>
#include <pipc/wrapper.h>

#include <stdbool.h>

#define CHAOS_PIECES_MAX 3u
#define CHAOS_THOUSAND   1000u

struct chaos_instance {
    struct pipc_wrapped wrapped; /* first: pipc/wrapper.h */
    const struct pipc_host *host;
    uint64_t seed;
    uint32_t after;    /* packets of a channel that pass unharmed first */
    uint32_t delay_us; /* longest */
    /* Of a thousand operations. */
    uint32_t delay, disconnect, cut, fail;
    uint32_t channels; /* atomic: draws so far, one for each channel that is to be made */
};

struct chaos_channel {
    struct pipc_wrapped_channel inner; /* first: pipc/wrapper.h */
    struct chaos_instance *instance;
    uint64_t state;       /* of the random numbers */
    uint64_t packets;     /* operations on packets so far */
    uint32_t interrupted; /* atomic; set by any thread */
    bool gone;            /* a disconnection has happened */
    char service[PIPC_WRAPPED_SERVICE];
};

/* What becomes of an operation. */
enum chaos_fate { CHAOS_PASS, CHAOS_FAIL, CHAOS_DISCONNECT, CHAOS_SHORT };

/* ---- fate.c ---- */

/* The next number of a stream; any value is a state. */
uint64_t chaos_next(uint64_t *state);
/* State of a new channel's stream. */
uint64_t chaos_stream(struct chaos_instance *instance);
/* One of a thousand? */
bool chaos_happens(uint64_t *state, uint32_t of_thousand);
/* Fate of a packet of `len` bytes. */
enum chaos_fate chaos_packet_fate(struct chaos_channel *channel);
/* A pause by the options, within the wait: PIPC_OK, TIMEOUT, ABORTED. */
pipc_result chaos_pause(struct chaos_channel *channel, const struct pipc_wait *wait);

/* ---- options.c ---- */

pipc_result chaos_instance_make(const struct pipc_host *host,
                                const struct pipc_option_value *values, uint32_t value_count,
                                void **ret_self, struct pipc_error *err);
void chaos_instance_free(void *self);
pipc_result chaos_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int os_code, const char *service, const char *text);

/* ---- wrap.c ---- */

pipc_result chaos_accept(void *self, void *listener, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_error *err);
pipc_result chaos_connect(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err);
pipc_result chaos_offer(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_carrier *carrier,
                        const struct pipc_upgrade_request *request, void **ret_channel,
                        struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
pipc_result chaos_attach(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                         void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                         struct pipc_error *err);

/* ---- channel.c ---- */

pipc_result chaos_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_error *err);
pipc_result chaos_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                          const struct pipc_wait *wait, struct pipc_received *ret_received,
                          struct pipc_error *err);
uint32_t chaos_look(void *channel);
void chaos_finish(void *channel, const struct pipc_wait *wait);
void chaos_interrupt(void *channel);
void chaos_close(void *channel, uint32_t flags);

#endif
