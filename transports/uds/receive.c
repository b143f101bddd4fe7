/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking one packet, and nothing of the next.
 *
 * Tries first, so that a packet that is there costs one system call; then spins while one is
 * expected soon, then sleeps. Where the last receives all had to sleep the try is left out: it
 * would be one system call more in each. A packet that was cut is always told. The channel's
 * thread.
 */
#include "uds.h"

#include <sys/ioctl.h>

/* Turns of a spin between two looks at the clock; one turn is a system call. */
#define SPIN_TURNS 4u

/* After so many receives in a row that had to sleep the next one sleeps at once ... */
#define SLEPT_BEFORE 4u
/* ... but for one of so many, which finds out whether packets are queued by now. */
#define SLEPT_TRY 16u

/* One receiving call. */
struct taking {
    int flags; /* MSG_DONTWAIT, or 0 while it may sleep in the kernel's receive */
    struct uds_channel *channel;
    const struct pipc_wait *wait;
    struct iovec vectors[UDS_PIECES_MAX];
    struct msghdr message; /* of several pieces */
    struct pipc_received received;
    int os_code;
    bool tried;
    bool told; /* poll has just said that a packet or the end is there */
};

/* One piece takes the shorter way through the kernel. With MSG_TRUNC the real length comes back. */
static ssize_t take_one_piece(struct taking *taking, bool *ret_cut)
{
    const struct iovec *piece = &taking->vectors[0];
    const ssize_t got =
        recv(taking->channel->fd, piece->iov_base, piece->iov_len, taking->flags | MSG_TRUNC);

    *ret_cut = got > 0 && (size_t)got > piece->iov_len;
    return *ret_cut ? (ssize_t)piece->iov_len : got;
}

static ssize_t take_pieces(struct taking *taking, bool *ret_cut)
{
    taking->message.msg_flags = 0;
    const ssize_t got = recvmsg(taking->channel->fd, &taking->message, taking->flags);

    *ret_cut = got >= 0 && (taking->message.msg_flags & MSG_TRUNC);
    return got;
}

/* Linux looks at the queue first and at the end of the stream afterwards, without a lock over both:
 * who asks at the wrong moment gets the end although packets came before it. They are all there by
 * now. A peer that has not closed has sent an empty packet, and so has one whose packet or end was
 * there before anybody asked. */
static bool end_overtook_packets(int fd)
{
    struct pollfd look = {.fd = fd, .events = POLLRDHUP};
    int queued = 0;

    return poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLRDHUP)) &&
           ioctl(fd, FIONREAD, &queued) == 0 && queued > 0;
}

/* One try: OK; TIMEOUT: nothing there; RECV, with os_code. No control buffer is given, so the
 * kernel closes descriptors that a peer attached. */
static pipc_result try_once(struct taking *taking)
{
    ssize_t got;
    bool cut;

    do {
        got = taking->message.msg_iovlen == 1 ? take_one_piece(taking, &cut)
                                              : take_pieces(taking, &cut);
    } while ((got < 0 && errno == EINTR && taking->flags) ||
             (got == 0 && !taking->told && end_overtook_packets(taking->channel->fd)));
    if (got < 0) {
        taking->os_code = errno;
        return errno == EAGAIN || errno == EINTR ? PIPC_ERR_TIMEOUT : PIPC_ERR_RECV;
    }
    taking->received.len = (uint64_t)got;
    taking->received.flags = cut ? PIPC_RECEIVED_CUT : got == 0 ? PIPC_RECEIVED_END : 0;
    return PIPC_OK;
}

/* A reset is reported before packets that are queued, once: looks behind it. */
static pipc_result take(struct taking *taking)
{
    pipc_result result = try_once(taking);

    taking->tried = true;
    if (result == PIPC_ERR_RECV && taking->os_code == ECONNRESET) {
        result = try_once(taking);
        if (result != PIPC_OK || (taking->received.flags & PIPC_RECEIVED_END)) {
            taking->os_code = ECONNRESET;
            result = PIPC_ERR_RECV;
        }
    }
    return result;
}

/* A spin's turn. Where only a poll tells of an abort, it also tells of a packet: one call for both.
 */
static pipc_result take_spinning(struct taking *taking)
{
    const struct pipc_wait *wait = taking->wait;
    struct pollfd set[2];

    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (wait && wait->abort != PIPC_NO_HANDLE && !wait->abort_flag) {
        set[0] = (struct pollfd){.fd = taking->channel->fd, .events = POLLIN};
        set[1] = (struct pollfd){.fd = (int)wait->abort, .events = POLLIN};
        if (poll(set, 2, 0) <= 0)
            return PIPC_ERR_TIMEOUT;
        if (set[1].revents != 0)
            return set[1].revents & POLLNVAL ? PIPC_ERR_BAD_PARAM : PIPC_ERR_ABORTED;
    }
    return take(taking);
}

/* Spins for as long as it pays: anything but TIMEOUT ends the wait. */
static pipc_result spin(struct taking *taking, uint64_t began, uint64_t budget)
{
    struct uds_channel *channel = taking->channel;
    const struct pipc_host *host = channel->instance->host;
    const uint64_t deadline = taking->wait ? taking->wait->deadline_ns : PIPC_NEVER;
    uint64_t now = began;
    pipc_result result;
    unsigned turn;

    while (now - began < budget && now < deadline) {
        for (turn = 0; turn < SPIN_TURNS; turn++) {
            pipc_cpu_pause();
            result = take_spinning(taking);
            if (result == PIPC_OK) {
                pipc_waiter_note_spin(&channel->waiter);
                channel->slept_in_row = 0;
            }
            if (result != PIPC_ERR_TIMEOUT)
                return result;
        }
        now = host->clock_ns(host);
    }
    return PIPC_ERR_TIMEOUT;
}

static pipc_result sleep_until(struct taking *taking, struct uds_sleep *sleep)
{
    struct uds_channel *channel = taking->channel;
    pipc_result result;

    channel->slept_in_row++;
    do {
        /* Nothing but the socket can wake: the receive itself sleeps, a system call less. */
        taking->flags = uds_can_block(channel, taking->wait) ? 0 : MSG_DONTWAIT;
        result = taking->flags ? uds_sleep(sleep) : PIPC_OK;
        taking->told = taking->flags && sleep->woken;
        /* What is there wins over a deadline that just passed. */
        if (result != PIPC_OK && (result != PIPC_ERR_TIMEOUT || taking->tried))
            break;
        result = pipc_wait_aborted(taking->wait) ? (pipc_result)PIPC_ERR_ABORTED : take(taking);
        if (result != PIPC_ERR_TIMEOUT)
            break;
        channel->awaited = false;
    } while (!uds_interrupted(channel));
    channel->awaited = result == PIPC_OK;
    pipc_waiter_note_slept(&channel->waiter, result == PIPC_OK);
    return result;
}

/* Nothing was there at the first try, or nothing is expected to be. */
static pipc_result wait_for_packet(struct taking *taking, struct uds_sleep *sleep)
{
    struct uds_channel *channel = taking->channel;
    const struct pipc_host *host = channel->instance->host;
    uint64_t began;
    pipc_result result;

    if (taking->wait && taking->wait->deadline_ns == PIPC_NOW)
        return PIPC_ERR_TIMEOUT;
    if (!pipc_waiter_never_spins(&channel->waiter)) {
        began = host->clock_ns(host);
        result = spin(taking, began, pipc_waiter_begin(&channel->waiter, began));
        if (result != PIPC_ERR_TIMEOUT)
            return result;
    }
    return sleep_until(taking, sleep);
}

/* Whether a first try would only find that there is nothing. */
static bool is_vain(const struct uds_channel *channel, const struct pipc_wait *wait)
{
    return channel->slept_in_row >= SLEPT_BEFORE && channel->slept_in_row % SLEPT_TRY != 0 &&
           (!wait || wait->deadline_ns != PIPC_NOW);
}

static pipc_result take_or_wait(struct taking *taking, struct uds_sleep *sleep)
{
    struct uds_channel *channel = taking->channel;
    pipc_result result;

    if (is_vain(channel, taking->wait))
        return wait_for_packet(taking, sleep);
    result = take(taking);
    if (result == PIPC_ERR_TIMEOUT)
        return wait_for_packet(taking, sleep);
    channel->slept_in_row = 0;
    return result;
}

static pipc_result finish_taking(struct taking *taking, const struct uds_sleep *sleep,
                                 pipc_result result, struct pipc_received *ret_received,
                                 struct pipc_error *err)
{
    struct uds_channel *channel = taking->channel;
    const struct pipc_host *host = channel->instance->host;

    if (uds_interrupted(channel) &&
        (result != PIPC_OK || taking->received.flags == PIPC_RECEIVED_END))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK) {
        channel->ended = (taking->received.flags & PIPC_RECEIVED_END) != 0;
        ret_received->flags = taking->received.flags;
        ret_received->len = taking->received.len;
        return PIPC_OK;
    }
    if (result == PIPC_ERR_RECV)
        return uds_fail(host, err, result, taking->os_code, "%s: cannot receive",
                        channel->name.path);
    return uds_wait_fail(host, err, result, PIPC_ERR_RECV, sleep->os_code, channel->name.path,
                         "waiting for a packet");
}

pipc_result uds_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_received *ret_received,
                        struct pipc_error *err)
{
    struct uds_channel *c = channel;
    struct taking taking;
    struct uds_sleep sleep = {.host = c->instance->host,
                              .wait = wait,
                              .fd = c->fd,
                              .events = POLLIN,
                              .until_ns = PIPC_NEVER};
    pipc_result result;
    uint32_t i;

    if (count == 0 || count > UDS_PIECES_MAX)
        return uds_fail(c->instance->host, err, PIPC_ERR_BAD_PARAM, 0,
                        "%s: a packet cannot be taken into %u pieces", c->name.path,
                        (unsigned)count);
    taking.flags = MSG_DONTWAIT;
    taking.channel = c;
    taking.wait = wait;
    taking.os_code = 0;
    taking.tried = false;
    taking.told = false;
    memset(&taking.message, 0, sizeof(taking.message));
    for (i = 0; i < count; i++) {
        taking.vectors[i].iov_base = pieces[i].base;
        taking.vectors[i].iov_len = pieces[i].len;
    }
    taking.message.msg_iov = taking.vectors;
    taking.message.msg_iovlen = count;
    taking.received.flags = PIPC_RECEIVED_END;
    taking.received.len = 0;
    result = uds_wait_enter(wait);
    if (result == PIPC_OK && uds_interrupted(c))
        result = PIPC_ERR_ABORTED;
    if (result == PIPC_OK && !c->ended)
        result = take_or_wait(&taking, &sleep);
    return finish_taking(&taking, &sleep, result, ret_received, err);
}
