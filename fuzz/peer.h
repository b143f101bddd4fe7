/* SPDX-License-Identifier: Apache-2.0
 *
 * The other side of a region in the target shm_peer: its script of moves, what it may do to the
 * file and to time, and the system calls of the transport as peer_moves.h bends them. One thread.
 */
#ifndef PIPC_FUZZ_PEER_H
#define PIPC_FUZZ_PEER_H

#include "fuzz.h"
#include "transports/shm/shm.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "peer_moves.h"
#undef memcpy
#undef open
#undef poll
#undef fstat
#undef pread
#undef pwrite
#undef kill
#undef __atomic_load_n

#define REQUEST   480u
#define RESPONSE  992u
#define FILE_LEN  (64u + 512u + 1024u)
#define POINTS    200000u
#define LATE      1000u
#define WORDS_LEN 64u
#define MS        UINT64_C(1000000)

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- the script: moves of the peer, and calls of this side ---- */

struct cursor {
    const uint8_t *at, *end;
};

struct peer {
    struct cursor moves, calls;
    uint32_t skip;   /* points until the next move */
    uint32_t points; /* of this call: one that makes too many hangs */
    uint32_t late;   /* of them behind the call's deadline */
    uint64_t deadline;
    uint64_t now;
    uint32_t abort_flag;
    int fd;         /* the region's file */
    uint8_t *map;   /* the peer's own mapping of it */
    bool elsewhere; /* another thread of this side runs */
    bool asleep;    /* inside a futex wait: the file may be cut off */
    bool cut;       /* it was; nothing may be touched any more */
    bool gone;      /* the carrier has ended */
    bool dead;      /* its process has */
    bool foreign;   /* the file's owner is a stranger */
    uint64_t sent;  /* messages that the peer published properly */
    struct shm_channel *channel;
    uint32_t call; /* number of the call */
    /* by byte of the region: its value when the call began, the last call in which the peer wrote
     * it, and the values, as a bit set, that it wrote then */
    uint8_t before[FILE_LEN];
    uint32_t touched[FILE_LEN];
    uint8_t seen[FILE_LEN][32];
};
static struct peer peer;

static uint64_t number(struct cursor *c, uint32_t bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes && c->at < c->end; i++)
        value |= (uint64_t)*c->at++ << (8 * i);
    return value;
}

/* The byte has a new value in this call. */
static void see(uint32_t at)
{
    if (peer.touched[at] != peer.call)
        memset(peer.seen[at], 0, sizeof(peer.seen[at]));
    peer.touched[at] = peer.call;
    peer.seen[at][peer.map[at] / 8] |= (uint8_t)(1u << (peer.map[at] % 8));
}

static void put(uint32_t at, const void *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len && at + i < FILE_LEN; i++) {
        peer.map[at + i] = ((const uint8_t *)bytes)[i];
        see(at + i);
    }
}

/* Where the peer's lane lies. */
static bool peer_is_client(void)
{
    return peer.channel && peer.channel->role == PIPC_ROLE_SERVER;
}

static void put_word(uint32_t request, uint32_t response, uint64_t value, uint32_t len)
{
    put(peer_is_client() ? request : response, &value, len);
}

/* A proper message of that length and byte. */
static void publish(uint32_t len, uint8_t byte)
{
    uint8_t bytes[1024];

    memset(bytes, byte, sizeof(bytes));
    put(peer_is_client() ? 64 : 64 + 512, bytes, len < sizeof(bytes) ? len : sizeof(bytes));
    peer.sent++;
    put_word(48, 52, len, 4);
    put_word(32, 40, peer.sent, 8);
    put_word(56, 60, peer.sent, 4);
}

static void cut_off(void)
{
    if (!peer.asleep || peer.cut || !peer.channel || !peer.channel->region.map)
        return;
    must(ftruncate(peer.fd, 0) == 0);
    peer.cut = true;
}

static void make_move(void)
{
    struct cursor *const c = &peer.moves;
    const uint32_t what = (uint32_t)number(c, 1);
    uint64_t value;

    switch (what % 16) {
    case 0:
        publish((uint32_t)number(c, 2) % 1200, (uint8_t)what);
        break;
    case 1:
        put_word(48, 52, number(c, 2), 4);
        break;
    case 2:
        put_word(48, 52, number(c, 4), 4);
        break;
    case 3:
        put_word(32, 40, peer.sent = number(c, 1), 8);
        break;
    case 4:
        put_word(32, 40, number(c, 8), 8);
        break;
    case 5:
        put_word(56, 60, number(c, 4), 4);
        break;
    case 6:
        value = number(c, 8);
        put((uint32_t)(value & 0xffff) % FILE_LEN, (uint8_t *)&value + 2, 1 + what / 16 % 6);
        break;
    case 7: /* a word of the header */
        value = number(c, 4);
        put(what / 16 * 4, &value, 4);
        break;
    case 8:
        peer.now += number(c, 2) * MS;
        break;
    case 9:
        peer.gone = true;
        break;
    case 10:
        peer.dead = true;
        break;
    case 11:
        __atomic_store_n(&peer.abort_flag, 1, __ATOMIC_RELEASE);
        break;
    case 12: /* another thread: its own steps are none of the call's */
        peer.elsewhere = true;
        if (peer.channel)
            shm_interrupt(peer.channel);
        peer.elsewhere = false;
        break;
    case 13:
        cut_off();
        break;
    case 14: /* the end mark */
        put_word(48, 52, 0, 4);
        put_word(32, 40, ++peer.sent, 8);
        break;
    default: /* the same bytes again, so that a copy sees two versions */
        for (uint32_t i = 0; i < 32; i++)
            put(peer_is_client() ? 64 + 31 * i % 480 : 64 + 512 + 31 * i % 992, &what, 1);
        break;
    }
}

void peer_move(void)
{
    if (peer.elsewhere)
        return;
    must(++peer.points < POINTS);
    if (peer.deadline != PIPC_NOW && peer.now > peer.deadline)
        must(++peer.late < LATE);
    if (peer.moves.at == peer.moves.end || (peer.cut && !peer.asleep))
        return;
    if (peer.skip == 0) {
        const uint32_t next = (uint32_t)number(&peer.moves, 1);
        if (next < 0xf0) {
            peer.skip = next + 1;
        } else {
            peer.skip = next - 0xf0; /* several in a row */
            if (!peer.cut)
                make_move();
            return;
        }
    }
    if (--peer.skip == 0 && !peer.cut)
        make_move();
}

/* ---- the system as the transport sees it ---- */

void *peer_memcpy(void *to, const void *from, size_t len)
{
    uint8_t *const t = to;
    const uint8_t *const f = from;
    const size_t half = len / 2;

    peer_move();
    for (size_t i = 0; i < half; i++)
        t[i] = f[i];
    peer_move();
    for (size_t i = half; i < len; i++)
        t[i] = f[i];
    return to;
}

long peer_futex(const void *word, int op, unsigned value, const void *time)
{
    const long *const span = time;
    uint32_t turns;

    if (op != 0) /* a wake-up, which of a file that was cut off is an error and no signal */
        return peer.cut ? -1 : peer.asleep;
    must(!peer.cut);
    turns = 1 + (uint32_t)number(&peer.moves, 1) % 4;
    must((uintptr_t)word - (uintptr_t)peer.channel->region.map < WORDS_LEN);
    must(span[0] == 0 && span[1] >= 0 && span[1] <= 100 * 1000000);
    peer.asleep = true;
    for (uint32_t i = 0; i < turns; i++) {
        peer_move();
        if (peer.cut || __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE) != value)
            break;
    }
    peer.asleep = false;
    if (!peer.cut && __atomic_load_n((const uint32_t *)word, __ATOMIC_ACQUIRE) != value) {
        peer.now += 1000;
        errno = turns & 1 ? EAGAIN : EINTR;
        return turns == 2 ? 0 : -1;
    }
    peer.now += (uint64_t)span[1];
    errno = ETIMEDOUT;
    return -1;
}

int peer_poll(struct pollfd *fds, nfds_t count, int ms)
{
    must(count == 1 && fds[0].fd < 0 && ms >= 0);
    peer_move();
    peer.now += (uint64_t)ms * MS;
    return 0;
}

int peer_open(int flags)
{
    peer_move();
    (void)flags;
    return dup(peer.fd);
}

int peer_stat(int fd, struct stat *ret_stat)
{
    peer_move();
    if (fstat(fd < 0 ? peer.fd : fd, ret_stat) != 0)
        return -1;
    ret_stat->st_uid = peer.foreign ? 4242 : 0;
    return 0;
}

ssize_t peer_pread(int fd, void *to, size_t len, off_t at)
{
    peer_move();
    return pread(fd, to, len, at);
}

ssize_t peer_pwrite(int fd, const void *from, size_t len, off_t at)
{
    peer_move();
    return pwrite(fd, from, len, at);
}

int peer_kill(void)
{
    peer_move();
    errno = ESRCH;
    return peer.dead ? -1 : 0;
}

uid_t peer_uid(void)
{
    return 0;
}

#endif
