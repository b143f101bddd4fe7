/* SPDX-License-Identifier: Apache-2.0
 *
 * Sticky events over eventfd.
 *
 * The flag lets a thread look without a system call; the descriptor wakes those who sleep in poll.
 * Setting is allowed from any thread and from signal handlers and keeps errno. Clearing belongs to
 * one thread at a time. When both have returned, flag and descriptor agree.
 */
#include "../platform.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

pipc_result pipci_event_init(struct pipci_event *event, struct pipc_error *err)
{
    const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        char text[64];
        const int error = errno;
        event->ready = 0;
        return pipci_fail(err, PIPC_ERR_SOCKET, error, "event descriptor cannot be made: %s",
                          pipci_os_text(error, text, sizeof(text)));
    }
    event->handle = fd;
    __atomic_store_n(&event->flag, 0, __ATOMIC_RELAXED);
    event->ready = 1;
    return PIPC_OK;
}

void pipci_event_set(struct pipci_event *event)
{
    if (!event->ready)
        return;
    const int saved = errno;
    const uint64_t one = 1;
    do {
        __atomic_store_n(&event->flag, 1, __ATOMIC_SEQ_CST);
        /* EAGAIN: the counter is full, the descriptor readable. EINTR cannot happen without
         * blocking. */
        const ssize_t n = write((int)event->handle, &one, sizeof(one));
        (void)n;
        /* A clear between the two steps took the flag away: once more. */
    } while (__atomic_load_n(&event->flag, __ATOMIC_SEQ_CST) == 0);
    errno = saved;
}

void pipci_event_clear(struct pipci_event *event)
{
    if (!event->ready)
        return;
    uint64_t count;
    const ssize_t n = read((int)event->handle, &count, sizeof(count));
    (void)n;
    __atomic_store_n(&event->flag, 0, __ATOMIC_SEQ_CST);
    /* Somebody set it after the read: then it is set. */
    struct pollfd fd = {.fd = (int)event->handle, .events = POLLIN};
    if (poll(&fd, 1, 0) > 0)
        __atomic_store_n(&event->flag, 1, __ATOMIC_SEQ_CST);
}

bool pipci_event_is_set(const struct pipci_event *event)
{
    return __atomic_load_n(&event->flag, __ATOMIC_ACQUIRE) != 0;
}

void pipci_event_done(struct pipci_event *event)
{
    if (!event->ready)
        return;
    event->ready = 0;
    close((int)event->handle);
    event->handle = PIPC_NO_HANDLE;
}
