/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting for handles, and sleeping that an abort handle ends.
 *
 * A handle is an event of whoever made it: signalled means that there is something to read or room
 * to write, so that what was wanted is what is told. The clock decides, since the wait functions
 * may end a little early. Any thread.
 */
#include "win32.h"

/* How long one group of handles is waited for when there are more than the system takes at once. */
#define GROUP_SLICE_NS (5 * PIPC_NS_PER_MS)

/* Handles that are waited for in one call, and whose they are. */
struct group {
    HANDLE handles[PIPCI_WAIT_MAX];
    struct pipci_poll *owners[PIPCI_WAIT_MAX];
    uint32_t count;
};

/* Fills the next group from `from` on; returns where the one after it begins. */
static uint32_t next_group(struct pipci_poll *polls, uint32_t count, uint32_t from,
                           struct group *group)
{
    uint32_t i = from;

    for (group->count = 0; i < count && group->count < PIPCI_WAIT_MAX; i++) {
        if (polls[i].handle == PIPC_NO_HANDLE)
            continue;
        group->handles[group->count] = pipci_win_handle(polls[i].handle);
        group->owners[group->count++] = &polls[i];
    }
    return i;
}

static uint32_t tell(struct pipci_poll *poll)
{
    poll->got = poll->want & (PIPCI_POLL_READ | PIPCI_POLL_WRITE);
    return poll->got ? 1 : 0;
}

/* Looks at the handles from `from` on, one by one; returns how many have something. */
static uint32_t look(const struct group *group, uint32_t from)
{
    uint32_t ready = 0;

    for (uint32_t i = from; i < group->count; i++) {
        const DWORD state = WaitForSingleObject(group->handles[i], 0);
        if (state == WAIT_FAILED) {
            group->owners[i]->got = PIPCI_POLL_INVALID;
            ready++;
        } else if (state != WAIT_TIMEOUT) {
            ready += tell(group->owners[i]);
        }
    }
    return ready;
}

/* Waits for a group until the deadline. The handle that ended the wait is taken at its word, and
 * not looked at again: it may be one that a look resets. */
static pipc_result wait_group(const struct group *group, uint64_t deadline_ns, uint32_t *ready)
{
    if (group->count == 0) {
        Sleep(pipci_win_wait_ms(deadline_ns));
        return PIPC_OK;
    }
    const DWORD state =
        WaitForMultipleObjects(group->count, group->handles, FALSE, pipci_win_wait_ms(deadline_ns));
    if (state == WAIT_TIMEOUT)
        return PIPC_OK;
    if (state == WAIT_FAILED) {
        const uint32_t found = look(group, 0);
        *ready += found;
        return found ? PIPC_OK : PIPC_ERR_RECV;
    }
    const uint32_t first = state >= WAIT_ABANDONED_0 ? state - WAIT_ABANDONED_0 : state;
    *ready += tell(group->owners[first]) + look(group, first + 1);
    return PIPC_OK;
}

static void look_at_all(struct pipci_poll *polls, uint32_t count, uint32_t *ready)
{
    struct group group;

    for (uint32_t from = 0; from < count;) {
        from = next_group(polls, count, from, &group);
        *ready += look(&group, 0);
    }
}

/* More handles than the system waits for at once: all are looked at, then one group after the other
 * is waited for a little. */
static pipc_result wait_in_turn(struct pipci_poll *polls, uint32_t count, uint64_t deadline_ns,
                                uint32_t *ready)
{
    pipc_result result = PIPC_OK;

    for (uint32_t from = 0; result == PIPC_OK;) {
        struct group group;
        look_at_all(polls, count, ready);
        if (*ready || pipci_deadline_passed(deadline_ns))
            break;
        from = next_group(polls, count, from < count ? from : 0, &group);
        result = wait_group(
            &group, pipci_deadline_min(deadline_ns, pipci_clock_ns() + GROUP_SLICE_NS), ready);
        if (*ready)
            break;
    }
    return result;
}

/* Groups need none. */
size_t pipci_poll_room(uint32_t count)
{
    (void)count;
    return 0;
}

pipc_result pipci_poll_in(struct pipci_poll *polls, uint32_t count, void *room,
                          uint64_t deadline_ns, uint32_t *ret_ready)
{
    struct group group;
    uint32_t ready = 0;
    pipc_result result;

    (void)room;
    for (uint32_t i = 0; i < count; i++)
        polls[i].got = 0;
    if (next_group(polls, count, 0, &group) < count) {
        result = wait_in_turn(polls, count, deadline_ns, &ready);
    } else {
        do
            result = wait_group(&group, deadline_ns, &ready);
        while (result == PIPC_OK && ready == 0 && !pipci_deadline_passed(deadline_ns));
    }
    if (result == PIPC_OK)
        *ret_ready = ready;
    return result;
}

pipc_result pipci_poll(struct pipci_poll *polls, uint32_t count, uint64_t deadline_ns,
                       uint32_t *ret_ready)
{
    if (count > PIPCI_POLL_MAX)
        return PIPC_ERR_BAD_PARAM;
    return pipci_poll_in(polls, count, NULL, deadline_ns, ret_ready);
}

pipc_result pipci_sleep(const struct pipc_wait *wait)
{
    struct pipci_poll abort = {.handle = wait->abort, .want = PIPCI_POLL_READ};
    uint32_t ready = 0;
    const pipc_result result = pipci_poll(&abort, 1, wait->deadline_ns, &ready);

    if (result != PIPC_OK)
        return result;
    if (ready == 0)
        return PIPC_ERR_TIMEOUT;
    return abort.got & PIPCI_POLL_INVALID ? PIPC_ERR_BAD_PARAM : PIPC_ERR_ABORTED;
}
