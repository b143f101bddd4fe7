/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens, drawn from the seed: one stream of numbers for each channel.
 *
 * The channel's thread; only chaos_pause blocks.
 */
#include "chaos.h"

#include <poll.h>

/* A pause that nothing can wake looks up this often. */
#define SLICE_NS (UINT64_C(5) * PIPC_NS_PER_MS)

uint64_t chaos_next(uint64_t *state)
{
    uint64_t x;

    *state += UINT64_C(0x9e3779b97f4a7c15);
    x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t chaos_stream(struct chaos_instance *instance)
{
    uint64_t state = instance->seed + __atomic_add_fetch(&instance->channels, 1, __ATOMIC_RELAXED);

    return chaos_next(&state);
}

bool chaos_happens(uint64_t *state, uint32_t of_thousand)
{
    return of_thousand > 0 && chaos_next(state) % CHAOS_THOUSAND < of_thousand;
}

/* Every number is drawn for every packet, so that one option does not shift what another does. */
enum chaos_fate chaos_packet_fate(struct chaos_channel *channel)
{
    const struct chaos_instance *const instance = channel->instance;
    const uint64_t fail = chaos_next(&channel->state) % CHAOS_THOUSAND;
    const uint64_t disconnect = chaos_next(&channel->state) % CHAOS_THOUSAND;
    const uint64_t cut = chaos_next(&channel->state) % CHAOS_THOUSAND;

    if (channel->packets++ < instance->after)
        return CHAOS_PASS;
    if (fail < instance->fail)
        return CHAOS_FAIL;
    if (disconnect < instance->disconnect)
        return CHAOS_DISCONNECT;
    return cut < instance->cut ? CHAOS_SHORT : CHAOS_PASS;
}

static pipc_result pause_until(struct chaos_channel *channel, const struct pipc_wait *wait,
                               uint64_t end)
{
    const struct pipc_host *const host = channel->instance->host;
    const uint64_t deadline = wait ? wait->deadline_ns : PIPC_NEVER;
    struct pollfd set = {.fd = wait && wait->abort != PIPC_NO_HANDLE ? (int)wait->abort : -1,
                         .events = POLLIN};
    uint64_t now;

    for (now = host->clock_ns(host); now < end; now = host->clock_ns(host)) {
        const uint64_t left = end - now < SLICE_NS ? end - now : SLICE_NS;
        const struct timespec time = {.tv_nsec = (long)left};
        if (now >= deadline)
            return PIPC_ERR_TIMEOUT;
        if (__atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE))
            return PIPC_ERR_ABORTED;
        if (ppoll(&set, 1, &time, NULL) > 0)
            return set.revents & POLLNVAL ? PIPC_ERR_BAD_PARAM : PIPC_ERR_ABORTED;
        if (pipc_wait_aborted(wait))
            return PIPC_ERR_ABORTED;
    }
    return PIPC_OK;
}

pipc_result chaos_pause(struct chaos_channel *channel, const struct pipc_wait *wait)
{
    const struct chaos_instance *const instance = channel->instance;
    const bool happens = chaos_happens(&channel->state, instance->delay);

    /* Who never blocks is never delayed. */
    if (!happens || instance->delay_us == 0 || (wait && wait->deadline_ns == PIPC_NOW))
        return PIPC_OK;
    const uint64_t pause = 1000u * (1u + chaos_next(&channel->state) % instance->delay_us);
    return pause_until(channel, wait, instance->host->clock_ns(instance->host) + pause);
}
