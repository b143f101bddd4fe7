/* SPDX-License-Identifier: Apache-2.0
 *
 * Sticky events over manual-reset event objects.
 *
 * The flag lets a thread look without a system call; the object wakes those who sleep on it.
 * Setting is allowed from any thread. Clearing belongs to one thread at a time. When both have
 * returned, flag and object agree.
 */
#include "win32.h"

pipc_result pipci_event_init(struct pipci_event *event, struct pipc_error *err)
{
    const HANDLE handle = CreateEventW(NULL, TRUE, FALSE, NULL);

    if (!handle) {
        char text[64];
        const DWORD code = GetLastError();
        event->ready = 0;
        return pipci_fail(err, PIPC_ERR_SOCKET, (int32_t)code, "event cannot be made: %s",
                          pipci_os_text((int32_t)code, text, sizeof(text)));
    }
    event->handle = (pipc_handle)handle;
    __atomic_store_n(&event->flag, 0, __ATOMIC_RELAXED);
    event->ready = 1;
    return PIPC_OK;
}

void pipci_event_set(struct pipci_event *event)
{
    if (!event->ready)
        return;
    const DWORD saved = GetLastError();
    do {
        __atomic_store_n(&event->flag, 1, __ATOMIC_SEQ_CST);
        SetEvent(pipci_win_handle(event->handle));
        /* A clear between the two steps took the flag away: once more. */
    } while (__atomic_load_n(&event->flag, __ATOMIC_SEQ_CST) == 0);
    SetLastError(saved);
}

void pipci_event_clear(struct pipci_event *event)
{
    if (!event->ready)
        return;
    ResetEvent(pipci_win_handle(event->handle));
    __atomic_store_n(&event->flag, 0, __ATOMIC_SEQ_CST);
    /* Somebody set it after the reset: then it is set. */
    if (WaitForSingleObject(pipci_win_handle(event->handle), 0) == WAIT_OBJECT_0)
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
    CloseHandle(pipci_win_handle(event->handle));
    event->handle = PIPC_NO_HANDLE;
}
