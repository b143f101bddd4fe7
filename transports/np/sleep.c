/* SPDX-License-Identifier: Apache-2.0
 *
 * One waiting step: an event, the interrupt of a channel and the abort handle, until a deadline.
 *
 * Order after each return: abort, then the event, then the deadline; the caller tries its operation
 * again before it asks for the deadline, so that what is there wins over a deadline that just
 * passed. The caller's thread; no state.
 */
#include "np.h"

/* Longest single wait; INFINITE is the number above. */
#define WAIT_MOST_MS (INFINITE - 1)

static HANDLE abort_of(const struct pipc_wait *wait)
{
    return wait && wait->abort != PIPC_NO_HANDLE ? (HANDLE)wait->abort : NULL;
}

pipc_result np_wait_look(const struct pipc_wait *wait)
{
    if (!wait || wait->abort == PIPC_NO_HANDLE || wait->abort_flag)
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

pipc_result np_wait_enter(const struct pipc_wait *wait)
{
    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (!wait || wait->abort == PIPC_NO_HANDLE)
        return PIPC_OK;
    if (wait->abort == 0)
        return PIPC_ERR_BAD_PARAM;
    /* A clear flag has told already, and who never blocks never waits for the handle. */
    if (wait->abort_flag || wait->deadline_ns == PIPC_NOW)
        return PIPC_OK;
    return np_wait_look(wait);
}

/* Milliseconds until the earlier of deadline and pause end, rounded up. False: the deadline is
 * over. */
static bool time_left(const struct np_sleep *sleep, DWORD *ret_ms)
{
    const uint64_t deadline = sleep->wait ? sleep->wait->deadline_ns : PIPC_NEVER;
    uint64_t now, end = deadline, ms;

    *ret_ms = INFINITE;
    if (deadline == PIPC_NEVER && sleep->until_ns == PIPC_NEVER)
        return true;
    if (deadline == PIPC_NOW)
        return false;
    now = sleep->host->clock_ns(sleep->host);
    if (now >= deadline)
        return false;
    if (sleep->until_ns < end)
        end = sleep->until_ns;
    ms = now >= end ? 0 : (end - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS;
    *ret_ms = ms > WAIT_MOST_MS ? WAIT_MOST_MS : (DWORD)ms;
    return true;
}

/* A handle that cannot be waited for can only be the caller's. */
static pipc_result judge(const struct pipc_wait *wait, const HANDLE *set, DWORD answer)
{
    if (pipc_wait_aborted(wait))
        return PIPC_ERR_ABORTED;
    if (answer == WAIT_FAILED)
        return PIPC_ERR_BAD_PARAM;
    if (answer != WAIT_TIMEOUT && set[answer - WAIT_OBJECT_0] == abort_of(wait))
        return PIPC_ERR_ABORTED;
    return PIPC_OK;
}

pipc_result np_sleep(const struct np_sleep *sleep)
{
    const HANDLE abort = abort_of(sleep->wait);
    HANDLE set[3];
    DWORD ms, count = 0;

    if (pipc_wait_aborted(sleep->wait))
        return PIPC_ERR_ABORTED;
    if (!time_left(sleep, &ms))
        return PIPC_ERR_TIMEOUT;
    if (abort)
        set[count++] = abort;
    if (sleep->stop)
        set[count++] = sleep->stop;
    if (sleep->event)
        set[count++] = sleep->event;
    if (count == 0) {
        Sleep(ms);
        return PIPC_OK;
    }
    return judge(sleep->wait, set, WaitForMultipleObjects(count, set, FALSE, ms));
}

pipc_result np_wait_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                         const struct np_name *name, const char *doing)
{
    switch (result) {
    case PIPC_ERR_ABORTED:
        return np_fail(host, err, result, 0, "%s: aborted while %s", name->text, doing);
    case PIPC_ERR_BAD_PARAM:
        return np_fail(host, err, result, 0, "%s: the abort handle is none, while %s", name->text,
                       doing);
    default:
        return np_fail(host, err, result, 0, "%s: time is over while %s", name->text, doing);
    }
}
