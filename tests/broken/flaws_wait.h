/* SPDX-License-Identifier: Apache-2.0
 *
 * Flaws of waits. Included by transport.c, which chooses one.
 */
#ifndef PIPC_BROKEN_WAIT_H
#define PIPC_BROKEN_WAIT_H

#if FLAW_now_sleeps || FLAW_deadline_early || FLAW_deadline_first || FLAW_abort_behind ||         \
    FLAW_abort_flag || FLAW_abort_deaf || FLAW_abort_none || FLAW_abort_result || FLAW_touched || \
    FLAW_error_text || FLAW_signals
#define USE_receive broken_receive

static pipc_result broken_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                  const struct pipc_wait *wait, struct pipc_received *ret_received,
                                  struct pipc_error *err)
{
    struct pipc_wait other = *wait;
    pipc_result r;

#if FLAW_now_sleeps
    if (wait->deadline_ns == PIPC_NOW)
        sleep_ms(30);
#elif FLAW_deadline_early /* a millisecond is a millisecond */
    if (wait->deadline_ns < PIPC_NEVER && wait->deadline_ns > 15 * PIPC_NS_PER_MS)
        other.deadline_ns -= 15 * PIPC_NS_PER_MS;
#elif FLAW_deadline_first /* the deadline before the data */
    if (wait->deadline_ns <= clock_ns())
        return broken_fail(err, PIPC_ERR_TIMEOUT);
#elif FLAW_abort_behind   /* the data before the abort */
    r = uds_receive(channel, pieces, count, &at_once, ret_received, err);
    if (r != PIPC_ERR_TIMEOUT)
        return r;
#elif FLAW_abort_flag     /* the flag is not looked at, and the handle not where there is one */
    if (wait->abort_flag)
        other.abort = PIPC_NO_HANDLE;
    other.abort_flag = NULL;
#elif FLAW_abort_deaf     /* looks before the wait and not during it */
    struct pollfd set = {.fd = (int)wait->abort, .events = POLLIN};
    if (wait->abort != PIPC_NO_HANDLE && poll(&set, 1, 0) == 0) {
        other.abort = PIPC_NO_HANDLE;
        other.abort_flag = NULL;
    }
#elif FLAW_abort_none
    other.abort = PIPC_NO_HANDLE;
    other.abort_flag = NULL;
#elif FLAW_signals /* EINTR ends the wait */
    struct pollfd set = {.fd = ((struct uds_channel *)channel)->fd, .events = POLLIN};
    if (wait->deadline_ns < PIPC_NEVER && wait->abort == PIPC_NO_HANDLE &&
        wait->deadline_ns > clock_ns() &&
        poll(&set, 1, (int)((wait->deadline_ns - clock_ns()) / PIPC_NS_PER_MS)) < 0)
        return broken_fail(err, PIPC_ERR_TIMEOUT);
#endif
    r = uds_receive(channel, pieces, count, &other, ret_received, err);
#if FLAW_abort_result
    if (r == PIPC_ERR_BAD_PARAM)
        r = broken_fail(err, PIPC_ERR_ABORTED);
#elif FLAW_touched
    if (r != PIPC_OK)
        ret_received->len = 0;
#elif FLAW_error_text /* which object it was, nobody knows */
    if (r != PIPC_OK && err)
        (void)snprintf(err->text, sizeof(err->text), "failed");
#endif
    return r;
}
#endif

#if FLAW_room_handle   /* a set of its own, which tells of packets alone */
static int sets[4096]; /* by descriptor; 0: none */

static pipc_handle broken_wait_handle(void *channel)
{
    const int fd = ((struct uds_channel *)channel)->fd;
    struct epoll_event packets = {.events = EPOLLIN};

    if (!sets[fd]) {
        sets[fd] = epoll_create1(EPOLL_CLOEXEC);
        (void)epoll_ctl(sets[fd], EPOLL_CTL_ADD, fd, &packets);
    }
    return sets[fd];
}

static void broken_close(void *channel, uint32_t flags)
{
    const int fd = ((struct uds_channel *)channel)->fd;

    if (sets[fd])
        (void)close(sets[fd]);
    sets[fd] = 0;
    uds_close(channel, flags);
}
#define USE_wait_handle broken_wait_handle
#define USE_close       broken_close
#endif

#if FLAW_interrupt /* is not heard */
static void broken_interrupt(void *channel)
{
    (void)channel;
}
#define USE_interrupt broken_interrupt
#endif

#endif
