/* SPDX-License-Identifier: Apache-2.0
 *
 * Sleeping: on the event of a channel, on abort and interrupt, and on the carrier.
 *
 * Aborts come first; what else ended a sleep is for the caller to find out. The caller's thread; no
 * state.
 */
#include "winshm.h"

static bool has_handle(const struct pipc_wait *wait)
{
    return wait && wait->abort != PIPC_NO_HANDLE;
}

pipc_result winshm_wait_look(const struct pipc_wait *wait)
{
    if (!has_handle(wait) || wait->abort_flag)
        return pipc_wait_aborted(wait) ? PIPC_ERR_ABORTED : PIPC_OK;
    switch (WaitForSingleObject((HANDLE)wait->abort, 0)) {
    case WAIT_TIMEOUT:
        return PIPC_OK;
    case WAIT_FAILED:
        return PIPC_ERR_BAD_PARAM;
    default:
        return PIPC_ERR_ABORTED;
    }
}

pipc_result winshm_wait_enter(const struct pipc_wait *wait)
{
    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (!has_handle(wait))
        return PIPC_OK;
    if (wait->abort == 0)
        return PIPC_ERR_BAD_PARAM;
    /* A clear flag has told already, and who never blocks never waits for the handle. */
    if (wait->abort_flag || wait->deadline_ns == PIPC_NOW)
        return PIPC_OK;
    return winshm_wait_look(wait);
}

/* Milliseconds from now until then, rounded up. */
static DWORD ms_until(uint64_t now_ns, uint64_t until_ns)
{
    const uint64_t ms =
        now_ns >= until_ns ? 0 : (until_ns - now_ns + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS;

    return ms > PIPC_WIN_SHM_SLICE_MS ? PIPC_WIN_SHM_SLICE_MS : (DWORD)ms;
}

pipc_result winshm_pause(const struct pipc_host *host, const struct pipc_wait *wait,
                         uint64_t until_ns)
{
    const uint64_t deadline = wait ? wait->deadline_ns : PIPC_NEVER;
    uint64_t now = host->clock_ns(host);
    pipc_result result = PIPC_OK;

    if (deadline == PIPC_NOW || now >= deadline)
        return PIPC_ERR_TIMEOUT;
    if (until_ns > deadline)
        until_ns = deadline;
    while (result == PIPC_OK && now < until_ns) {
        const DWORD ms = ms_until(now, until_ns);
        if (!has_handle(wait))
            Sleep(ms);
        else if (WaitForSingleObject((HANDLE)wait->abort, ms) != WAIT_TIMEOUT)
            result = winshm_wait_look(wait);
        now = host->clock_ns(host);
    }
    return result;
}

pipc_result winshm_sleep(const struct winshm_channel *channel, const struct pipc_wait *wait,
                         uint64_t now_ns, uint64_t until_ns)
{
    HANDLE set[4];
    DWORD count = 0, answer;

    if (has_handle(wait))
        set[count++] = (HANDLE)wait->abort;
    set[count++] = channel->stop;
    set[count++] = channel->in.event;
    if (channel->carrier_event)
        set[count++] = channel->carrier_event;
    answer = WaitForMultipleObjects(count, set, FALSE, ms_until(now_ns, until_ns));
    if (pipc_wait_aborted(wait) || winshm_interrupted(channel))
        return PIPC_ERR_ABORTED;
    /* A handle that cannot be waited for can only be the caller's. */
    if (answer == WAIT_FAILED)
        return PIPC_ERR_BAD_PARAM;
    return has_handle(wait) && answer == WAIT_OBJECT_0 ? PIPC_ERR_ABORTED : PIPC_OK;
}
