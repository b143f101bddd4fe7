/* SPDX-License-Identifier: Apache-2.0
 *
 * Instances of a pipe that listen (3 and 5): made alike, each with a connect under way.
 *
 * A client that came and went is passed over, because the system never lets anybody else in before
 * it has been disconnected. An instance that is of no use is closed, and its slot stays empty until
 * another one can be made. Never blocks. The listener's thread.
 */
#include "np.h"

/* Short visits to one instance that are passed over in one go; after them it is made anew. */
#define VISITS_MOST 16u

static DWORD quota(const struct np_instance *instance)
{
    if (instance->packet_size < PIPC_NP_BUFFER_MIN)
        return PIPC_NP_BUFFER_MIN;
    return instance->packet_size > PIPC_NP_BUFFER_MAX ? PIPC_NP_BUFFER_MAX : instance->packet_size;
}

static HANDLE make_pipe(const struct np_listener *listener, bool first)
{
    SECURITY_ATTRIBUTES attributes = {.nLength = (DWORD)sizeof(attributes),
                                      .lpSecurityDescriptor = listener->security,
                                      .bInheritHandle = FALSE};
    const DWORD size = quota(listener->instance);

    return CreateNamedPipeW(
        listener->name.wide,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0u),
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, size, size, 0, &attributes);
}

/* 0: a client may come, or has come. */
static DWORD begin_connect(const struct np_listener *listener, struct np_slot *slot)
{
    DWORD code = ERROR_NO_DATA, unused;

    for (uint32_t visits = 0; visits < VISITS_MOST; visits++) {
        np_op_prepare(&slot->connect, listener->event);
        code = np_op_started(slot->pipe, &slot->connect,
                             ConnectNamedPipe(slot->pipe, &slot->connect.overlapped), &unused);
        slot->connected = code == 0 || code == ERROR_PIPE_CONNECTED;
        if (slot->connected || code == ERROR_IO_PENDING)
            return 0;
        if (!np_is_end(code))
            return code;
        (void)DisconnectNamedPipe(slot->pipe);
    }
    return code;
}

/* The slot stays empty for a while. */
static DWORD give_up(struct np_listener *listener, struct np_slot *slot, DWORD code)
{
    const struct pipc_host *const host = listener->instance->host;

    np_slot_close(slot);
    listener->os_code = code;
    listener->retry_ns = host->clock_ns(host) + PIPC_NP_ACCEPT_PAUSE_MS * PIPC_NS_PER_MS;
    return code;
}

DWORD np_slot_open(struct np_listener *listener, struct np_slot *slot, bool first)
{
    HANDLE pipe = make_pipe(listener, first);
    DWORD code;

    if (pipe == INVALID_HANDLE_VALUE)
        return give_up(listener, slot, GetLastError());
    slot->pipe = pipe;
    code = begin_connect(listener, slot);
    return code == 0 ? 0 : give_up(listener, slot, code);
}

bool np_slot_look(struct np_listener *listener, struct np_slot *slot)
{
    DWORD code, unused;

    if (!slot->pipe || slot->connected || !np_op_complete(&slot->connect))
        return slot->connected;
    code = np_op_fetch(slot->pipe, &slot->connect, &unused);
    slot->connected = code == 0;
    if (np_is_end(code))
        (void)DisconnectNamedPipe(slot->pipe);
    /* The system cancels what a thread has begun when that thread ends: begun anew, too. */
    if (np_is_end(code) || code == ERROR_OPERATION_ABORTED)
        code = begin_connect(listener, slot);
    if (code != 0)
        (void)give_up(listener, slot, code);
    return slot->connected;
}

void np_slot_close(struct np_slot *slot)
{
    DWORD unused;

    if (!slot->pipe)
        return;
    if (slot->connect.pending)
        (void)np_op_cancel(slot->pipe, &slot->connect, &unused);
    /* A client that does not close its end would keep the name alive. */
    (void)DisconnectNamedPipe(slot->pipe);
    (void)CloseHandle(slot->pipe);
    slot->pipe = NULL;
    slot->connected = false;
}
