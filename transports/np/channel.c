/* SPDX-License-Identifier: Apache-2.0
 *
 * A channel apart from its packets: made, looked at, interrupted, closed.
 *
 * One thread at a time, but for np_interrupt, which any thread may call until close. Nothing here
 * blocks.
 */
#include "np.h"

static bool make_event(HANDLE *ret_event)
{
    *ret_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    return *ret_event != NULL;
}

/* A channel without a pipe; its maker puts one in. */
pipc_result np_channel_make(const struct np_instance *instance, uint32_t role,
                            const struct np_name *name, struct np_channel **ret_channel,
                            struct pipc_error *err)
{
    const struct pipc_host *const host = instance->host;
    struct np_channel *const c = host->alloc(host, sizeof(*c));

    if (!c)
        return np_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a connection", name->text);
    memset(c, 0, sizeof(*c));
    c->instance = instance;
    c->role = role;
    c->packet = instance->packet_size;
    c->name = *name;
    if (!make_event(&c->stop) || !make_event(&c->read.event) || !make_event(&c->write.event)) {
        const pipc_result result = np_fail(host, err, PIPC_ERR_ALLOC, GetLastError(),
                                           "%s: no events for a connection", name->text);
        np_close(c, 0);
        return result;
    }
    pipc_waiter_init(&c->waiter, instance->spin_us, host->cpus, host->sleep_cost_ns);
    *ret_channel = c;
    return PIPC_OK;
}

/* Without a read under way. An empty packet shows as little here as nothing does. */
static uint32_t look_at_pipe(const struct np_channel *channel)
{
    DWORD there = 0;

    if (PeekNamedPipe(channel->pipe, NULL, 0, NULL, &there, NULL))
        return there > 0 ? PIPC_LOOK_READABLE : PIPC_LOOK_NOTHING;
    return np_is_end(GetLastError()) ? PIPC_LOOK_GONE : PIPC_LOOK_READABLE;
}

uint32_t np_look(void *channel)
{
    struct np_channel *const c = channel;

    if (c->ended)
        return PIPC_LOOK_GONE;
    switch (np_read_look(c)) {
    case NP_READ_PENDING:
        np_read_calm(c);
        return PIPC_LOOK_NOTHING;
    case NP_READ_DONE:
        return np_is_end(c->read.code) ? PIPC_LOOK_GONE : PIPC_LOOK_READABLE;
    default:
        return look_at_pipe(c);
    }
}

/* Nothing arrives between a HELLO and its answer, so a read that is under way may be begun anew. */
uint32_t np_packet_max(void *channel, uint32_t configured)
{
    struct np_channel *const c = channel;
    const uint32_t wanted = configured != 0 ? configured : c->instance->packet_size;

    if (wanted > c->packet) {
        c->packet = wanted;
        if (c->read.state == NP_READ_PENDING)
            (void)np_read_begin(c, wanted);
    }
    return wanted;
}

/* From now on a read is always under way, so that its event tells of the next packet. */
pipc_handle np_wait_handle(void *channel)
{
    struct np_channel *const c = channel;

    if (!c->watched) {
        c->watched = true;
        if (!c->ended)
            (void)np_read_begin(c, 0);
        np_read_settle(c);
    }
    return (pipc_handle)c->read.event;
}

/* The word is set before the event, which wakes whoever sleeps. */
void np_interrupt(void *channel)
{
    struct np_channel *const c = channel;

    __atomic_store_n(&c->interrupted, 1, __ATOMIC_RELEASE);
    (void)SetEvent(c->stop);
}

pipc_result np_peer(void *channel, struct pipc_peer *ret_peer)
{
    const struct np_channel *const c = channel;
    ULONG pid = 0;
    const BOOL known = c->role == PIPC_ROLE_SERVER ? GetNamedPipeClientProcessId(c->pipe, &pid)
                                                   : GetNamedPipeServerProcessId(c->pipe, &pid);

    if (!known || pid == 0)
        return PIPC_ERR_NOT_SUPPORTED;
    ret_peer->known = PIPC_PEER_PID;
    ret_peer->pid = (uint32_t)pid;
    ret_peer->uid = 0;
    ret_peer->gid = 0;
    return PIPC_OK;
}

const struct pipc_waiter *np_waiter(void *channel)
{
    return &((const struct np_channel *)channel)->waiter;
}

static void close_handle(HANDLE handle)
{
    if (handle)
        (void)CloseHandle(handle);
}

/* Disconnecting frees the name of a client that does not close its end, but it destroys what the
 * client has not read. So where something may be unread the server only closes: the client reads
 * what is there, and then the end. */
void np_close(void *channel, uint32_t flags)
{
    struct np_channel *const c = channel;

    (void)flags; /* nobody forks here */
    if (!c)
        return;
    if (c->pipe) {
        np_read_stop(c);
        (void)np_write_stop(c);
        if (c->role == PIPC_ROLE_SERVER && np_unread_none(c))
            (void)DisconnectNamedPipe(c->pipe);
        (void)CloseHandle(c->pipe);
    }
    close_handle(c->stop);
    close_handle(c->read.event);
    close_handle(c->write.event);
    c->instance->host->free(c->instance->host, c->read.bytes);
    c->instance->host->free(c->instance->host, c->write.bytes);
    c->instance->host->free(c->instance->host, c);
}
