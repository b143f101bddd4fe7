/* SPDX-License-Identifier: Apache-2.0
 *
 * The write of a channel: one at a time, a whole packet from memory of the channel, so that one
 * that finds no room may be left behind by a call that must not wait.
 *
 * Never blocks. The channel's thread.
 */
#include "np.h"

uint8_t *np_write_room(struct np_channel *channel, uint32_t len)
{
    const struct pipc_host *const host = channel->instance->host;
    struct np_writer *const w = &channel->write;
    uint32_t cap = w->cap < 256 ? 256 : w->cap;

    if (len <= w->cap)
        return w->bytes;
    /* Doubled, so that growing messages do not bring an allocation each. */
    while (cap < len)
        cap = cap > UINT32_MAX / 2 ? len : cap * 2;
    host->free(host, w->bytes);
    w->bytes = host->alloc(host, cap);
    w->cap = w->bytes ? cap : 0;
    return w->bytes;
}

/* The outcome of a write: success is all bytes and nothing else. */
static DWORD judge(struct np_channel *channel, DWORD code, const DWORD *moved)
{
    if (code == 0 && *moved != channel->write.len)
        return ERROR_WRITE_FAULT;
    if (code == 0)
        np_unread_note(channel);
    return code;
}

DWORD np_write_begin(struct np_channel *channel, uint32_t len, HANDLE event)
{
    struct np_writer *const w = &channel->write;
    DWORD moved = 0, code;
    BOOL returned;

    w->len = len;
    np_op_prepare(&w->op, event);
    returned = WriteFile(channel->pipe, w->bytes, len, NULL, &w->op.overlapped);
    code = np_op_started(channel->pipe, &w->op, returned, &moved);
    if (event == channel->read.event)
        np_read_tell(channel);
    return judge(channel, code, &moved);
}

DWORD np_write_look(struct np_channel *channel)
{
    struct np_writer *const w = &channel->write;
    const bool shared = w->op.overlapped.hEvent == channel->read.event;
    DWORD moved = 0, code;

    if (!w->op.pending)
        return w->failed;
    while (w->op.pending) {
        if (!np_op_complete(&w->op))
            return ERROR_IO_PENDING;
        np_op_note(channel, &w->op);
        code = np_op_fetch(channel->pipe, &w->op, &moved);
        w->failed = judge(channel, code, &moved);
        /* The system cancels what a thread has begun when that thread ends: nothing was sent. */
        if (w->failed == ERROR_OPERATION_ABORTED) {
            w->failed = np_write_begin(channel, w->len, w->op.overlapped.hEvent);
            if (w->failed == ERROR_IO_PENDING)
                w->failed = 0;
        }
    }
    if (shared)
        np_read_settle(channel);
    return w->failed;
}

DWORD np_write_stop(struct np_channel *channel)
{
    struct np_writer *const w = &channel->write;
    DWORD moved = 0, code;

    if (!w->op.pending)
        return 0;
    code = np_op_cancel(channel->pipe, &w->op, &moved);
    return judge(channel, code, &moved);
}
