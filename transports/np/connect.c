/* SPDX-License-Identifier: Apache-2.0
 *
 * Connecting to an endpoint (6).
 *
 * A pipe without a listening instance is a busy server, not an absent one: it is waited for, in
 * short slices, until the deadline. Nothing is opened only to look, because that can kill existing
 * servers. Any thread; no state.
 */
#include "np.h"

#define SLICE_MS       50u
#define PAUSE_FIRST_NS (UINT64_C(5) * PIPC_NS_PER_MS)
#define PAUSE_MOST_NS  (UINT64_C(50) * PIPC_NS_PER_MS)

/* One connecting call. */
struct attempt {
    const struct pipc_host *host;
    const struct pipc_wait *wait;
    struct np_name name;
    HANDLE pipe;
    uint64_t pause_ns;
    uint64_t seed;
};

/* 0, or the system's error. The server may learn who we are, and no more. */
static DWORD open_pipe(struct attempt *attempt)
{
    attempt->pipe =
        CreateFileW(attempt->name.wide, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING,
                    FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
    return attempt->pipe == INVALID_HANDLE_VALUE ? GetLastError() : 0;
}

/* Half to one and a half of the pause, so that clients that met once do not meet again. */
static uint64_t varied(struct attempt *attempt)
{
    uint64_t x;

    attempt->seed += UINT64_C(0x9e3779b97f4a7c15);
    x = attempt->seed;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return attempt->pause_ns / 2 + x % (attempt->pause_ns + 1);
}

/* Somebody else took the instance that was free. */
static pipc_result pause_lost(struct attempt *attempt)
{
    const uint64_t now = attempt->host->clock_ns(attempt->host);
    struct np_sleep sleep = {.host = attempt->host, .wait = attempt->wait};
    pipc_result result;

    if (attempt->pause_ns == 0) {
        attempt->pause_ns = PAUSE_FIRST_NS;
        attempt->seed = now ^ ((uint64_t)GetCurrentThreadId() << 32) ^ GetCurrentProcessId();
    }
    sleep.until_ns = now + varied(attempt);
    /* Where the deadline comes first, one more try comes before it is judged. */
    if (attempt->wait && attempt->wait->deadline_ns < sleep.until_ns &&
        attempt->wait->deadline_ns > now)
        sleep.until_ns = attempt->wait->deadline_ns;
    attempt->pause_ns =
        attempt->pause_ns * 2 > PAUSE_MOST_NS ? PAUSE_MOST_NS : attempt->pause_ns * 2;
    do
        result = np_sleep(&sleep);
    while (result == PIPC_OK && attempt->host->clock_ns(attempt->host) < sleep.until_ns);
    return result;
}

/* Milliseconds of the next slice; 0: the deadline is over. */
static DWORD slice_ms(const struct attempt *attempt)
{
    const uint64_t deadline = attempt->wait ? attempt->wait->deadline_ns : PIPC_NEVER;
    uint64_t now, ms;

    if (deadline == PIPC_NEVER)
        return SLICE_MS;
    if (deadline == PIPC_NOW)
        return 0;
    now = attempt->host->clock_ns(attempt->host);
    if (now >= deadline)
        return 0;
    ms = (deadline - now + PIPC_NS_PER_MS - 1) / PIPC_NS_PER_MS;
    return ms < SLICE_MS ? (DWORD)ms : SLICE_MS;
}

/* No instance listens. OK: try to open again, *ret_race tells whether others may be faster;
 * CONNECT: the name is gone. */
static pipc_result wait_busy(const struct attempt *attempt, bool *ret_race, DWORD *ret_code)
{
    const pipc_result result = np_wait_look(attempt->wait);
    const DWORD ms = slice_ms(attempt);

    if (result != PIPC_OK)
        return result;
    if (ms == 0)
        return PIPC_ERR_TIMEOUT;
    *ret_code = WaitNamedPipeW(attempt->name.wide, ms) ? 0 : GetLastError();
    *ret_race = *ret_code != ERROR_SEM_TIMEOUT;
    return *ret_code == ERROR_FILE_NOT_FOUND ? (pipc_result)PIPC_ERR_CONNECT : PIPC_OK;
}

static pipc_result connect_until(struct attempt *attempt, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;
    bool race = false;
    DWORD code = 0;

    while (result == PIPC_OK) {
        code = open_pipe(attempt);
        if (code == 0)
            return PIPC_OK;
        if (code != ERROR_PIPE_BUSY)
            return np_fail(attempt->host, err, PIPC_ERR_CONNECT, code, "%s: cannot connect",
                           attempt->name.text);
        if (race)
            result = pause_lost(attempt);
        if (result == PIPC_OK)
            result = wait_busy(attempt, &race, &code);
    }
    if (result == PIPC_ERR_CONNECT)
        return np_fail(attempt->host, err, result, code, "%s: the server went away",
                       attempt->name.text);
    return np_wait_fail(attempt->host, err, result, &attempt->name,
                        "waiting for a listening instance of the server");
}

/* A client's end begins in byte mode, which shows no packets. */
static pipc_result choose_mode(struct attempt *attempt, struct pipc_error *err)
{
    DWORD mode = PIPE_READMODE_MESSAGE;

    if (SetNamedPipeHandleState(attempt->pipe, &mode, NULL, NULL))
        return PIPC_OK;
    return np_fail(attempt->host, err, PIPC_ERR_CONNECT, GetLastError(),
                   "%s: it cannot be read in packets", attempt->name.text);
}

pipc_result np_connect(void *self, const struct pipc_endpoint *endpoint,
                       const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err)
{
    const struct np_instance *const instance = self;
    struct attempt attempt = {.host = instance->host, .wait = wait, .pipe = INVALID_HANDLE_VALUE};
    struct np_channel *channel = NULL;
    pipc_result result = np_name_make(instance->host, endpoint, &attempt.name, err);

    if (result != PIPC_OK)
        return result;
    result = np_wait_enter(wait);
    if (result != PIPC_OK)
        return np_wait_fail(instance->host, err, result, &attempt.name, "connecting");
    result = np_channel_make(instance, PIPC_ROLE_CLIENT, &attempt.name, &channel, err);
    if (result != PIPC_OK)
        return result;
    result = connect_until(&attempt, err);
    if (result == PIPC_OK) {
        channel->pipe = attempt.pipe;
        result = choose_mode(&attempt, err);
    }
    if (result != PIPC_OK) {
        np_close(channel, 0);
        return result;
    }
    *ret_channel = channel;
    return PIPC_OK;
}
