/* SPDX-License-Identifier: Apache-2.0
 *
 * The read of a channel: one at a time, into memory of the channel, so that it may outlast the call
 * that began it and is never lost to a deadline.
 *
 * Once its event has been handed out, a read is under way whenever no packet waits to be taken, and
 * the event is set exactly while one does, or the end; a write that was left behind uses the same
 * event and sets it, too, and where a send found no room it stays set, whoever looked at that write
 * meanwhile, until a receive comes after one that found no packet: in between the caller may have
 * slept, and has been told. Never blocks. The channel's thread.
 */
#include "np.h"

static bool make_room(struct np_channel *channel, uint32_t room)
{
    const struct pipc_host *const host = channel->instance->host;
    struct np_reader *const r = &channel->read;

    if (room < channel->packet)
        room = channel->packet;
    if (room <= r->cap)
        return true;
    host->free(host, r->bytes);
    r->bytes = host->alloc(host, room);
    r->cap = r->bytes ? room : 0;
    return r->bytes != NULL;
}

/* Whether the write that was left behind is over, and someone has to be told. */
static bool tells_of_room(const struct np_channel *channel)
{
    const struct np_op *const op = &channel->write.op;

    return op->pending ? np_op_complete(op) : channel->starved;
}

static void start(struct np_channel *channel)
{
    struct np_reader *const r = &channel->read;
    BOOL returned;

    np_op_prepare(&r->op, r->event);
    returned = ReadFile(channel->pipe, r->bytes, r->cap, NULL, &r->op.overlapped);
    r->code = np_op_started(channel->pipe, &r->op, returned, &r->len);
    r->state = r->code == ERROR_IO_PENDING ? NP_READ_PENDING : NP_READ_DONE;
    /* A start that fails leaves the event reset; one that is pending hides a write that ended. */
    if (channel->watched && ((r->state == NP_READ_DONE && r->code != 0) || tells_of_room(channel)))
        (void)SetEvent(r->event);
}

bool np_read_begin(struct np_channel *channel, uint32_t room)
{
    struct np_reader *const r = &channel->read;

    if (np_read_look(channel) == NP_READ_PENDING && (room > r->cap || channel->packet > r->cap)) {
        np_op_note(channel, &r->op);
        r->code = np_op_cancel(channel->pipe, &r->op, &r->len);
        r->state = r->code == ERROR_OPERATION_ABORTED ? NP_READ_NONE : NP_READ_DONE;
    }
    if (r->state != NP_READ_NONE)
        return true;
    if (!make_room(channel, room))
        return false;
    start(channel);
    return true;
}

enum np_state np_read_look(struct np_channel *channel)
{
    struct np_reader *const r = &channel->read;

    while (r->state == NP_READ_PENDING && np_op_complete(&r->op)) {
        np_op_note(channel, &r->op);
        r->code = np_op_fetch(channel->pipe, &r->op, &r->len);
        r->state = NP_READ_DONE;
        /* The system cancels what a thread has begun when that thread ends: nothing was read. */
        if (r->code == ERROR_OPERATION_ABORTED)
            start(channel);
    }
    return r->state;
}

void np_read_taken(struct np_channel *channel)
{
    channel->read.state = NP_READ_NONE;
    if (!channel->watched || channel->ended)
        return;
    if (!np_read_begin(channel, 0))
        (void)SetEvent(channel->read.event); /* the next receive says so */
}

void np_read_stop(struct np_channel *channel)
{
    struct np_reader *const r = &channel->read;

    if (r->op.pending)
        r->code = np_op_cancel(channel->pipe, &r->op, &r->len);
    r->state = NP_READ_NONE;
}

/* The order matters: what completes after the reset sets the event itself. */
void np_read_settle(struct np_channel *channel)
{
    const struct np_reader *const r = &channel->read;

    (void)ResetEvent(r->event);
    if (channel->ended || r->state == NP_READ_DONE ||
        (r->state == NP_READ_NONE ? channel->watched : np_op_complete(&r->op)) ||
        tells_of_room(channel))
        (void)SetEvent(r->event);
}

/* An operation is over before its event is set, and the latter is done for the thread that began
 * it. Another one may see the end, take what there is and go on before that. */
void np_read_calm(struct np_channel *channel)
{
    if (channel->moved && channel->watched)
        np_read_settle(channel);
}

void np_read_fed(struct np_channel *channel)
{
    if (!channel->starved)
        return;
    channel->starved = false;
    channel->told = false;
    np_read_settle(channel);
}

void np_read_tell(const struct np_channel *channel)
{
    const struct np_reader *const r = &channel->read;

    if (channel->ended || r->state == NP_READ_DONE ||
        (r->state == NP_READ_PENDING && np_op_complete(&r->op)))
        (void)SetEvent(r->event);
}
