/* SPDX-License-Identifier: Apache-2.0
 *
 * Two upgrades beside the baseline of link.h, "fast" (two bits that leave together, whole
 * messages, one request at a time, as shared memory has them) and "extra" (one bit, chunks). What
 * they answer in a handshake is told beforehand; their channels get packets from the same script as
 * the baseline.
 */
#ifndef PIPC_FUZZ_UPGRADES_H
#define PIPC_FUZZ_UPGRADES_H

#include "link.h"

#define FAST_BITS  UINT32_C(0x06)
#define EXTRA_BITS UINT32_C(0x0100)
#define ALL_BITS   (FAST_BITS | EXTRA_BITS | PIPC_PROFILE_BASELINE)
#define TRIES_MOST 40u

/* Answers, by module: 0 fast, 1 extra. */
static struct {
    uint32_t usable[2]; /* bits that are possible on this connection */
    bool usable_fails[2];
    uint8_t tries[TRIES_MOST]; /* what each offer or attach does: an index of `outcomes` */
    uint32_t try_count;        /* of them; later ones succeed */
    uint32_t done;             /* calls so far */
    uint64_t ids[TRIES_MOST];  /* session ids that offers saw */
    uint32_t open;             /* channels that live */
} upgrades;

/* Offers and attaches: result and whether the failure names the module's bits. */
static const struct {
    pipc_result result;
    bool names_bits;
} outcomes[] = {
    {PIPC_OK, false},
    {PIPC_ERR_ADDR_IN_USE, false},
    {PIPC_ERR_REGION_ALLOCATE, true},
    {PIPC_ERR_REGION_OPEN, false},
    {PIPC_ERR_DISCONNECTED, true},
    {PIPC_ERR_TIMEOUT, false},
    {PIPC_ERR_ABORTED, true},
    {PIPC_ERR_REGION_BAD_SIZE, true},
};
#define OUTCOMES (sizeof(outcomes) / sizeof(outcomes[0]))

static uint32_t try_kind(uint32_t index)
{
    return index < upgrades.try_count ? upgrades.tries[index] % OUTCOMES : 0;
}

static uint32_t bits_of(const void *self)
{
    return self == &upgrades.usable[1] ? EXTRA_BITS : FAST_BITS;
}

static pipc_result up_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                             struct pipc_usable *ret_usable)
{
    const size_t which = self == &upgrades.usable[1];

    (void)role;
    (void)endpoint;
    (void)auth_token;
    must(carrier->channel == &world && bits && !(bits & ~bits_of(self)));
    if (upgrades.usable_fails[which])
        return PIPC_ERR_SOCKET;
    ret_usable->bits = upgrades.usable[which] & bits;
    return PIPC_OK;
}

static pipc_result up_try(void *self, uint64_t session_id, uint32_t bit, void **ret_channel,
                          struct pipc_upgrade_failure *ret_failure)
{
    const uint32_t index = upgrades.done++, kind = try_kind(index);

    must((bit & bits_of(self)) != 0 && (bit & (bit - 1)) == 0);
    if (index < TRIES_MOST)
        upgrades.ids[index] = session_id;
    if (kind == 0) {
        upgrades.open++;
        *ret_channel = self;
        return PIPC_OK;
    }
    if (outcomes[kind].names_bits) {
        ret_failure->bits = bits_of(self);
        ret_failure->withdraw_ms = PIPC_NEVER;
    }
    return outcomes[kind].result;
}

static pipc_result up_offer(void *self, const struct pipc_endpoint *endpoint,
                            const struct pipc_carrier *carrier,
                            const struct pipc_upgrade_request *request, void **ret_channel,
                            struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)endpoint;
    (void)carrier;
    (void)err;
    return up_try(self, request->session_id, request->bit, ret_channel, ret_failure);
}

static pipc_result up_attach(void *self, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier,
                             const struct pipc_upgrade_request *request,
                             const struct pipc_wait *wait, void **ret_channel,
                             struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    const uint32_t kind = try_kind(upgrades.done);

    if (outcomes[kind].result == PIPC_ERR_TIMEOUT && wait->deadline_ns != PIPC_NOW &&
        wait->deadline_ns != PIPC_NEVER && wait->deadline_ns > world.now)
        world.now = wait->deadline_ns;
    return up_offer(self, endpoint, carrier, request, ret_channel, ret_failure, err);
}

static pipc_result up_sweep(void *self, const struct pipc_endpoint *endpoint,
                            struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    return PIPC_OK;
}

static uint32_t up_packet_max(void *channel, uint32_t configured)
{
    (void)configured;
    return channel == &upgrades.usable[1] ? 4096 : WORLD_PACKET_MOST;
}

static void up_close(void *channel, uint32_t flags)
{
    (void)channel;
    (void)flags;
    must(upgrades.open > 0);
    upgrades.open--;
}

static pipc_result fast_init(const struct pipc_host *host, const struct pipc_option_value *values,
                             uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    (void)host;
    (void)values;
    (void)value_count;
    (void)err;
    *ret_self = &upgrades.usable[0];
    return PIPC_OK;
}

static pipc_result extra_init(const struct pipc_host *host, const struct pipc_option_value *values,
                              uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    (void)host;
    (void)values;
    (void)value_count;
    (void)err;
    *ret_self = &upgrades.usable[1];
    return PIPC_OK;
}

#define UPGRADE_OPS(up_traits, up_bits)                                                         \
    {                                                                                           \
        .size = sizeof(struct pipc_transport_ops), .traits = PIPC_TRAIT_UPGRADE | (up_traits),  \
        .profile_bits = (up_bits), .usable = up_usable, .offer = up_offer, .attach = up_attach, \
        .sweep = up_sweep, .send = link_send, .receive = link_receive, .look = link_look,       \
        .finish = link_finish, .packet_max = up_packet_max, .interrupt = link_interrupt,        \
        .close = up_close                                                                       \
    }

static const struct pipc_transport_ops fast_ops =
    UPGRADE_OPS(PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING, FAST_BITS);
static const struct pipc_transport_ops extra_ops = UPGRADE_OPS(0, EXTRA_BITS);

/* A context with both in the list, made once. */
static struct pipc_context *upgrades_context(void)
{
    static struct pipc_module fast = WORLD_MODULE("fast", &fast_ops);
    static struct pipc_module extra = WORLD_MODULE("extra", &extra_ops);
    static const struct pipc_module *const both[] = {&fast, &extra};
    static struct pipc_context *context;

    fast.init = fast_init;
    extra.init = extra_init;
    if (!context)
        context = world_context("fast, extra, link", both, 2);
    return context;
}

/* Everything possible, everything succeeds. */
static void upgrades_begin(void)
{
    memset(&upgrades, 0, sizeof(upgrades));
    upgrades.usable[0] = upgrades.usable[1] = ALL_BITS;
}

/* Reads what they answer: a byte of bits, a byte of failures, the tries. */
static inline void upgrades_read(void)
{
    const uint32_t can = (uint32_t)in_number(1);

    upgrades_begin();
    upgrades.usable[0] = (can & 1 ? UINT32_C(2) : 0) | (can & 2 ? UINT32_C(4) : 0);
    upgrades.usable[1] = can & 4 ? EXTRA_BITS : 0;
    upgrades.usable_fails[0] = (can & 8) != 0;
    upgrades.usable_fails[1] = (can & 16) != 0;
    upgrades.try_count = in_bytes(upgrades.tries, (uint32_t)in_number(1) % (TRIES_MOST + 1));
}

#endif
