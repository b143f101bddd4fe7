/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether a client has read what was written to it, so that disconnecting it destroys nothing (11).
 *
 * Only a flush knows for sure, and it blocks. What can be known without waiting is how much of the
 * pipe's quota is in use, by packets or by a read of the client that waits, and how long ago the
 * last packet was written. The channel's thread.
 */
#include "np.h"

np_query *np_query_find(void)
{
    const HMODULE library = GetModuleHandleW(L"ntdll.dll");
    const FARPROC found = library ? GetProcAddress(library, "NtQueryInformationFile") : NULL;
    np_query *query = NULL;

    if (found)
        memcpy(&query, &found, sizeof(query));
    return query;
}

void np_unread_note(struct np_channel *channel)
{
    const struct pipc_host *const host = channel->instance->host;

    if (channel->role != PIPC_ROLE_SERVER)
        return;
    channel->unread = true;
    channel->written_ns = host->clock_ns(host);
}

/* False also where the system does not know. */
static bool is_empty(const struct np_channel *channel)
{
    FILE_PIPE_LOCAL_INFORMATION pipe = {0};
    IO_STATUS_BLOCK status;

    return channel->instance->query &&
           NT_SUCCESS(channel->instance->query(channel->pipe, &status, &pipe, (ULONG)sizeof(pipe),
                                               FilePipeLocalInformation)) &&
           pipe.OutboundQuota > 0 && pipe.WriteQuotaAvailable == pipe.OutboundQuota;
}

bool np_unread_none(const struct np_channel *channel)
{
    const struct pipc_host *const host = channel->instance->host;

    return !channel->unread || host->clock_ns(host) - channel->written_ns >= NP_TIME_TO_READ_NS ||
           is_empty(channel);
}
