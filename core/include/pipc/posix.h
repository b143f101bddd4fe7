/* SPDX-License-Identifier: Apache-2.0
 *
 * For authors of transports on POSIX systems: what every entry that may block does alike.
 *
 * Static inline and without state, so that modules import nothing. A thread that is inside an entry
 * of the module.
 */
#ifndef PIPC_POSIX_H
#define PIPC_POSIX_H

#include <pipc/module.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills the record with "OBJECT: WHY" and returns the result. `code` is errno or 0. */
static inline pipc_result pipc_posix_fail(const struct pipc_host *host, struct pipc_error *err,
                                          pipc_result result, int code, const char *object,
                                          const char *why)
{
    char text[PIPC_ERROR_TEXT_LEN];

    (void)snprintf(text, sizeof(text), "%.160s: %.90s", object, why);
    host->error_set(host, err, result, code, text);
    return result;
}

/* Milliseconds until the deadline of a wait, rounded up, as poll takes them; 0: it is over. */
static inline int pipc_posix_left_ms(const struct pipc_host *host, const struct pipc_wait *wait)
{
    const uint64_t end = wait ? wait->deadline_ns : PIPC_NEVER;
    uint64_t now, ms;

    if (end == PIPC_NEVER)
        return -1;
    if (end == PIPC_NOW)
        return 0;
    now = host->clock_ns(host);
    if (now >= end)
        return 0;
    ms = (end - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS;
    return ms > INT_MAX ? INT_MAX : (int)ms;
}

/* One poll over `fd` and the abort handle for at most `ms`. ABORTED; BAD_PARAM for an abort handle
 * that is none; OK when `fd` reports something; TIMEOUT otherwise, also after a signal. */
static inline pipc_result pipc_posix_poll(int fd, short events, const struct pipc_wait *wait,
                                          int ms)
{
    const pipc_handle abort = wait ? wait->abort : PIPC_NO_HANDLE;
    struct pollfd set[2];

    if (abort != PIPC_NO_HANDLE && (abort < 0 || abort > INT_MAX))
        return PIPC_ERR_BAD_PARAM;
    set[0].fd = fd;
    set[0].events = events;
    set[1].fd = (int)abort;
    set[1].events = POLLIN;
    set[0].revents = set[1].revents = 0;
    (void)poll(set, 2, pipc_wait_aborted(wait) ? 0 : ms);
    if (set[1].revents & POLLNVAL)
        return PIPC_ERR_BAD_PARAM;
    if (set[1].revents || pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (set[0].revents)
        return PIPC_OK;
    return PIPC_ERR_TIMEOUT;
}

/* Before the first try: is abort asked for already? OK, ABORTED, BAD_PARAM. */
static inline pipc_result pipc_posix_enter(const struct pipc_wait *wait)
{
    const pipc_result result = pipc_posix_poll(-1, 0, wait, 0);

    if (result == PIPC_ERR_TIMEOUT)
        return PIPC_OK;
    return result;
}

/* After a try that found nothing: sleeps until `events` on `fd`, or a signal. OK: try again;
 * TIMEOUT: the deadline was over at the call. So what is there wins over a deadline that passes
 * meanwhile. ABORTED, BAD_PARAM. */
static inline pipc_result pipc_posix_sleep(const struct pipc_host *host, int fd, short events,
                                           const struct pipc_wait *wait)
{
    const int ms = pipc_posix_left_ms(host, wait);
    const pipc_result result = pipc_posix_poll(fd, events, wait, ms);

    if (result == PIPC_ERR_TIMEOUT && ms != 0)
        return PIPC_OK;
    return result;
}

/* Connects a socket that does not block. OK, or as pipc_posix_sleep; CONNECT with errno. */
static inline pipc_result pipc_posix_connect(const struct pipc_host *host, int fd,
                                             const struct sockaddr *address, socklen_t size,
                                             const struct pipc_wait *wait)
{
    pipc_result result = pipc_posix_enter(wait);

    while (result == PIPC_OK) {
        if (connect(fd, address, size) == 0 || errno == EISCONN)
            return PIPC_OK;
        if (errno == EINPROGRESS || errno == EALREADY)
            result = pipc_posix_sleep(host, fd, POLLOUT, wait);
        else if (errno != EINTR)
            result = PIPC_ERR_CONNECT;
    }
    return result;
}

/* What finish promises, for a socket that does not block: no more sending, what arrives is read off
 * until the peer closes, 100 ms, 1 MiB or the wait are over. */
static inline void pipc_posix_finish(const struct pipc_host *host, int fd,
                                     const struct pipc_wait *wait)
{
    const uint64_t end = host->clock_ns(host) + 100 * PIPC_NS_PER_MS;
    struct pipc_wait bounded;
    size_t taken = 0;
    ssize_t got = 1;
    char bytes[4096];

    bounded.size = (uint32_t)sizeof(bounded);
    bounded.reserved = 0;
    bounded.deadline_ns = wait ? wait->deadline_ns : PIPC_NEVER;
    bounded.abort = wait ? wait->abort : PIPC_NO_HANDLE;
    bounded.abort_flag = wait ? wait->abort_flag : NULL;
    if (bounded.deadline_ns != PIPC_NOW && bounded.deadline_ns > end)
        bounded.deadline_ns = end;
    (void)shutdown(fd, SHUT_WR);
    while (got != 0 && taken < 1048576 && pipc_posix_sleep(host, fd, POLLIN, &bounded) == PIPC_OK) {
        got = recv(fd, bytes, sizeof(bytes), 0);
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return;
        taken += got > 0 ? (size_t)got : 0;
    }
}

#ifdef __cplusplus
}
#endif
#endif
