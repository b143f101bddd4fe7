/* SPDX-License-Identifier: Apache-2.0
 *
 * The world of the targets that play a whole connection: an input that is read step by step, a
 * clock that moves only when the script says so, an allocator that counts, and a baseline whose one
 * channel gets its packets from the script. Nothing here blocks, and nothing is a system object;
 * one thread.
 *
 * An input is a row of steps. A step below STEP_CALLS is something that the other side or time
 * does; it happens while the library waits. The others are calls of the target. A wait that meets a
 * call, or the end of the input, sees nothing until its deadline.
 */
#ifndef PIPC_FUZZ_WORLD_H
#define PIPC_FUZZ_WORLD_H

#include "fuzz.h"

#include <pipc/context.h>
#include <pipc/session.h>

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORLD_PACKET_MOST 8192u
#define WORLD_TICK_NS     100u /* between two looks at the clock */
#define WORLD_BEGIN_NS    UINT64_C(1000000000000)

enum world_step {
    STEP_PACKET, /* u16 length, bytes */
    STEP_TIME,   /* u16 milliseconds */
    STEP_END,
    STEP_FAIL,
    STEP_MADE,  /* a packet that the target makes of what follows */
    STEP_MADE2, /* another kind of it */
    STEP_CALLS  /* this and all above: calls */
};

struct world {
    const uint8_t *at, *end;
    uint64_t now;
    uint64_t late; /* nanoseconds of a STEP_TIME that a deadline cut off */
    bool ended, failed, full, fail_send, interrupted;
    uint32_t sent;      /* packets that left */
    uint32_t packets;   /* that came */
    uint8_t first[128]; /* the first of them, as far as it fits */
    uint32_t first_len;
    uint32_t sent_len;
    uint8_t sent_bytes[256]; /* the last one, as far as it fits */
    uint32_t packet_max;     /* no packet that leaves may be longer; 0: not agreed yet */
    uint8_t joined[4 * WORLD_PACKET_MOST]; /* payload bytes received since the last message */
    size_t joined_len;
    uint64_t live, peak; /* bytes of the counting allocator */
    uint64_t blocks;
};
static struct world world;

/* The target's own packets: writes one into `buf` (WORLD_PACKET_MOST bytes), returns its length. */
static uint32_t world_make(enum world_step step, uint8_t *buf);

static inline void must(bool good)
{
    if (!good)
        abort();
}

/* ---- the input ---- */

static inline size_t in_left(void)
{
    return (size_t)(world.end - world.at);
}

static inline uint64_t in_number(size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes && world.at < world.end; i++)
        value |= (uint64_t)*world.at++ << (8 * i);
    return value;
}

static inline uint32_t in_bytes(uint8_t *to, uint32_t most)
{
    const uint32_t n = in_left() < most ? (uint32_t)in_left() : most;

    memcpy(to, world.at, n);
    world.at += n;
    return n;
}

static inline void world_begin(const uint8_t *data, size_t len)
{
    const uint64_t live = world.live, blocks = world.blocks;

    memset(&world, 0, sizeof(world));
    world.at = data;
    world.end = data + len;
    world.now = WORLD_BEGIN_NS;
    world.live = world.peak = live;
    world.blocks = blocks;
}

/* ---- the clock: the library's calls of these end here (see CMakeLists.txt) ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    (void)clock;
    world.now += WORLD_TICK_NS;
    ret_time->tv_sec = (time_t)(world.now / 1000000000u);
    ret_time->tv_nsec = (long)(world.now % 1000000000u);
    return 0;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *left,
                 const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *left,
                 const sigset_t *mask)
{
    (void)fds;
    (void)count;
    (void)mask;
    must(left != NULL);
    world.now += (uint64_t)left->tv_sec * 1000000000u + (uint64_t)left->tv_nsec;
    return 0;
}

/* Nothing is left to chance, so that an input takes the same way each time. */
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags);
ssize_t __wrap_getrandom(void *buf, size_t len, unsigned flags)
{
    (void)flags;
    memset(buf, 0x5a, len);
    return (ssize_t)len;
}

/* ---- memory ---- */

static void *world_alloc(void *arg, size_t size)
{
    size_t *const block = malloc(sizeof(size_t) * 2 + size);

    (void)arg;
    must(block && size);
    block[0] = size;
    world.live += size;
    world.blocks++;
    if (world.live > world.peak)
        world.peak = world.live;
    return block + 2;
}

static void world_free(void *arg, void *ptr)
{
    size_t *const block = ptr;

    (void)arg;
    if (!block)
        return;
    world.live -= block[-2];
    world.blocks--;
    free(block - 2);
}

static void *world_realloc(void *arg, void *ptr, size_t size)
{
    void *const fresh = world_alloc(arg, size);

    if (ptr) {
        const size_t old = ((size_t *)ptr)[-2];
        memcpy(fresh, ptr, old < size ? old : size);
        world_free(arg, ptr);
    }
    return fresh;
}

static const struct pipc_allocator world_allocator = {.size = sizeof(world_allocator),
                                                      .alloc = world_alloc,
                                                      .realloc = world_realloc,
                                                      .free = world_free};

/* ---- what happens while the library waits ---- */

enum world_event { EVENT_PACKET, EVENT_NOTHING, EVENT_END, EVENT_FAIL };

/* Lets `ns` go by, up to the deadline; false: that is reached. */
static bool world_sleep(uint64_t ns, uint64_t deadline)
{
    if (deadline != PIPC_NEVER && world.now + ns >= deadline) {
        const uint64_t slept = deadline > world.now ? deadline - world.now : 0;
        world.late = ns - (slept < ns ? slept : ns);
        world.now += slept;
        return false;
    }
    world.now += ns;
    world.late = 0;
    return true;
}

/* Nothing will come any more. */
static enum world_event world_idle(uint64_t deadline)
{
    if (deadline == PIPC_NEVER) {
        world.ended = true;
        return EVENT_END;
    }
    if (deadline != PIPC_NOW && deadline > world.now)
        world.now = deadline;
    return EVENT_NOTHING;
}

/* The next event before the deadline; a packet is in `buf`. */
static enum world_event world_wait(uint64_t deadline, uint8_t *buf, uint32_t *ret_len)
{
    for (;;) {
        if (world.failed)
            return EVENT_FAIL;
        if (world.ended)
            return EVENT_END;
        if (world.late && (deadline == PIPC_NOW || !world_sleep(world.late, deadline)))
            return EVENT_NOTHING;
        if (world.at == world.end || *world.at >= STEP_CALLS)
            return world_idle(deadline);
        const enum world_step step = *world.at++;
        if (step == STEP_TIME) {
            world.late = in_number(2) * PIPC_NS_PER_MS;
        } else if (step == STEP_END) {
            world.ended = true;
        } else if (step == STEP_FAIL) {
            world.failed = true;
        } else {
            *ret_len = step == STEP_PACKET
                           ? in_bytes(buf, (uint32_t)(in_number(2) % (WORLD_PACKET_MOST + 1)))
                           : world_make(step, buf);
            return EVENT_PACKET;
        }
    }
}

#endif
