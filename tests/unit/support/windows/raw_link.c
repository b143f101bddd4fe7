/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets over named pipes in message mode. What a wait waits for is looked at each millisecond,
 * because a pipe has no handle that says that something can be read.
 */
#include "../raw_link.h"
#include "np_fixture.h"

struct raw_listener {
    char service[64];
    HANDLE pipe; /* the instance that waits for the next client */
    OVERLAPPED pending;
};

/* The system may still complete a connect, so that both live until the listener is closed. */
static void wait_for_next(struct raw_listener *l)
{
    l->pipe = CreateNamedPipeA(np_pipe_name(l->service), PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED,
                               PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
                               PIPE_UNLIMITED_INSTANCES, 65536, 65536, 0, NULL);
    CHECK_MSG(l->pipe != INVALID_HANDLE_VALUE, "pipe: error %lu", (unsigned long)GetLastError());
    CHECK(ResetEvent(l->pending.hEvent));
    if (!ConnectNamedPipe(l->pipe, &l->pending)) {
        const DWORD code = GetLastError();
        CHECK_MSG(code == ERROR_IO_PENDING || code == ERROR_PIPE_CONNECTED, "connect: error %lu",
                  (unsigned long)code);
        if (code == ERROR_PIPE_CONNECTED)
            CHECK(SetEvent(l->pending.hEvent));
    }
}

struct raw_listener *raw_listen(const char *service)
{
    struct raw_listener *const l = calloc(1, sizeof(*l));

    CHECK(l != NULL);
    snprintf(l->service, sizeof(l->service), "%s", service);
    l->pending.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
    CHECK(l->pending.hEvent != NULL);
    wait_for_next(l);
    return l;
}

void raw_unlisten(struct raw_listener *l)
{
    DWORD moved;

    CancelIo(l->pipe);
    (void)GetOverlappedResult(l->pipe, &l->pending, &moved, TRUE);
    CloseHandle(l->pipe);
    CloseHandle(l->pending.hEvent);
    free(l);
}

pipc_handle raw_link_accept(struct raw_listener *l, const struct pipci_event *stop)
{
    const HANDLE set[2] = {(HANDLE)stop->handle, l->pending.hEvent};

    if (WaitForMultipleObjects(2, set, FALSE, INFINITE) == WAIT_OBJECT_0)
        return PIPC_NO_HANDLE;
    const HANDLE pipe = l->pipe;
    wait_for_next(l);
    return (pipc_handle)pipe;
}

pipc_handle raw_link_connect(const char *service)
{
    const char *const name = np_pipe_name(service);
    DWORD mode = PIPE_READMODE_MESSAGE;
    HANDLE pipe;

    for (;;) {
        pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                           FILE_FLAG_OVERLAPPED, NULL);
        if (pipe != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY)
            break;
        (void)WaitNamedPipeA(name, 10000);
    }
    CHECK_MSG(pipe != INVALID_HANDLE_VALUE, "%s: error %lu", name, (unsigned long)GetLastError());
    CHECK(SetNamedPipeHandleState(pipe, &mode, NULL, NULL));
    return (pipc_handle)pipe;
}

/* Bytes of the next packet; false at the end. */
static bool peek(pipc_handle link, DWORD *ret_len)
{
    DWORD all = 0;

    *ret_len = 0;
    return PeekNamedPipe((HANDLE)link, NULL, 0, NULL, &all, ret_len);
}

bool raw_link_await(pipc_handle link, const struct pipci_event *stop, int ms)
{
    const uint64_t end = ms < 0 ? UINT64_MAX : test_now_ms() + (uint64_t)ms;
    DWORD len;

    for (;;) {
        const uint64_t now = test_now_ms();
        if (stop && pipci_event_is_set(stop))
            return false;
        if (!peek(link, &len) || len > 0)
            return true;
        if (now >= end)
            return false;
        Sleep(1);
    }
}

bool raw_link_ended(pipc_handle link)
{
    DWORD len;

    return !peek(link, &len);
}

/* Waits for the end of a read or write; false: the other side is gone. */
static bool finish(HANDLE pipe, BOOL done, OVERLAPPED *o, DWORD *ret_moved)
{
    DWORD code = done ? 0 : GetLastError();

    if (!done && code == ERROR_IO_PENDING)
        done = GetOverlappedResult(pipe, o, ret_moved, TRUE);
    else if (done)
        done = GetOverlappedResult(pipe, o, ret_moved, FALSE);
    code = done ? 0 : GetLastError();
    CloseHandle(o->hEvent);
    CHECK_MSG(code != ERROR_MORE_DATA, "a packet is longer than expected");
    return done;
}

static OVERLAPPED overlapped(void)
{
    const OVERLAPPED o = {.hEvent = CreateEventA(NULL, TRUE, FALSE, NULL)};

    CHECK(o.hEvent != NULL);
    return o;
}

static size_t total(const struct raw_piece *pieces, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += pieces[i].len;
    return len;
}

long raw_link_get(pipc_handle link, const struct raw_piece *pieces, int count)
{
    const size_t room = total(pieces, count);
    uint8_t *const bytes = malloc(room);
    OVERLAPPED o = overlapped();
    DWORD moved = 0;
    size_t at = 0;

    CHECK(bytes != NULL);
    const BOOL done = ReadFile((HANDLE)link, bytes, (DWORD)room, NULL, &o);
    if (!finish((HANDLE)link, done, &o, &moved))
        moved = 0;
    for (int i = 0; i < count && at < moved; i++) {
        const size_t part = pieces[i].len < moved - at ? pieces[i].len : moved - at;
        memcpy(pieces[i].bytes, bytes + at, part);
        at += part;
    }
    free(bytes);
    return (long)moved;
}

bool raw_link_put(pipc_handle link, const struct raw_piece *pieces, int count)
{
    const size_t len = total(pieces, count);
    uint8_t *const bytes = malloc(len + 1);
    OVERLAPPED o = overlapped();
    DWORD moved = 0;
    size_t at = 0;

    CHECK(bytes != NULL);
    for (int i = 0; i < count; at += pieces[i++].len) {
        if (pieces[i].len)
            memcpy(bytes + at, pieces[i].bytes, pieces[i].len);
    }
    const BOOL done = WriteFile((HANDLE)link, bytes, (DWORD)len, NULL, &o);
    const bool good = finish((HANDLE)link, done, &o, &moved) && moved == len;
    free(bytes);
    return good;
}

void raw_link_close(pipc_handle link)
{
    CloseHandle((HANDLE)link);
}
