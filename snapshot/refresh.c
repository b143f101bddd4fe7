/* SPDX-License-Identifier: Apache-2.0
 *
 * Refresh: wait for the turn, connect, call, copy, publish (docs/level3-snapshot-api.md 3 and 9).
 *
 * One deadline covers all of it. A failure changes the failure count, the last error and the last
 * known connection state, nothing else. Any number of threads may refresh; they run one after the
 * other. The thread that has the turn alone touches the client and cache->output.
 */
#include "cache.h"

#include <string.h>

/* A thread that waits for its turn looks for abort this often, so that abort needs no lock and may
 * come from a signal handler; half of what the page allows. */
#define TURN_POLL_MS (PIPC_CLIENT_ABORT_POLL_MS / 2)

static bool cache_aborted(const struct pipc_cache *cache)
{
    return __atomic_load_n(&cache->aborted, __ATOMIC_ACQUIRE) != 0;
}

static pipc_result fail_aborted(const struct pipc_cache *cache, struct pipc_error *err)
{
    return pipci_fail(err, PIPC_ERR_ABORTED, 0, "%s: refresh aborted", cache->codec->name);
}

static pipc_result turn_take(struct pipc_cache *cache, uint64_t deadline, struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    pipci_mutex_lock(&cache->lock);
    while (cache->refreshing && result == PIPC_OK) {
        if (cache_aborted(cache))
            result = PIPC_ERR_ABORTED;
        else if (pipci_deadline_passed(deadline))
            result = PIPC_ERR_TIMEOUT;
        else
            (void)pipci_cond_wait(&cache->turn, &cache->lock,
                                  pipci_deadline_min(deadline, pipci_deadline(TURN_POLL_MS)));
    }
    if (result == PIPC_OK)
        cache->refreshing = true;
    pipci_mutex_unlock(&cache->lock);
    if (result == PIPC_ERR_ABORTED)
        return fail_aborted(cache, err);
    if (result == PIPC_ERR_TIMEOUT)
        return pipci_fail(err, result, 0, "%s: another refresh took all the time",
                          cache->codec->name);
    return PIPC_OK;
}

/* The time that is left, never 0: that would stand for the default of the client. */
static uint32_t time_left(uint64_t deadline)
{
    const int left = pipci_deadline_poll_ms(deadline);

    return left > 0 ? (uint32_t)left : 1;
}

/* Step 3. OK also when connecting failed for a reason that the call will report as NOT_READY; *err
 * then says why. */
static pipc_result refresh_connect(struct pipc_cache *cache, uint64_t deadline,
                                   struct pipc_error *err)
{
    const pipc_result result =
        pipc_client_refresh_timeout(cache->client, time_left(deadline), NULL, err);

    if (result == PIPC_ERR_ABORTED || result == PIPC_ERR_FORKED)
        return result;
    if (result == PIPC_ERR_TIMEOUT && pipci_deadline_passed(deadline))
        return result;
    return PIPC_OK;
}

/* Steps 3 and 4. */
static pipc_result refresh_call(struct pipc_cache *cache, uint64_t deadline, struct pipc_error *err)
{
    struct pipc_error why = PIPC_ERROR_INIT;
    pipc_result result;

    result = refresh_connect(cache, deadline, &why);
    if (result != PIPC_OK) {
        pipci_error_copy(err, &why);
        return result;
    }
    memset(cache->output, 0, cache->codec->ops.call->output_size);
    result = pipc_client_call(cache->client, cache->codec->name, cache->table_major, NULL,
                              cache->output, time_left(deadline), err);
    if (result == PIPC_ERR_NOT_READY && why.text[0]) {
        /* The attempt knows more than "not connected". */
        why.result = PIPC_ERR_NOT_READY;
        pipci_error_copy(err, &why);
    }
    return result;
}

/* Steps 2 to 5. */
static pipc_result refresh_run(struct pipc_cache *cache, uint64_t deadline,
                               struct pipc_cache_snapshot **ret_snapshot, struct pipc_error *err)
{
    bool blame = false;
    pipc_result result;

    if (cache_aborted(cache))
        return fail_aborted(cache, err);
    result = refresh_call(cache, deadline, err);
    if (result != PIPC_OK)
        return result;
    result = pipci_cache_build(cache, pipc_client_response_len(cache->client), ret_snapshot, &blame,
                               err);
    if (blame)
        pipc_client_drop(cache->client);
    return result;
}

/* Step 6, and what a failure leaves. `had_turn` is false for a thread that never came to touch the
 * client. */
static void refresh_finish(struct pipc_cache *cache, struct pipc_cache_snapshot *snapshot,
                           const struct pipc_error *why, bool had_turn)
{
    struct pipc_cache_snapshot *old = NULL;
    struct pipc_client_status status;

    if (had_turn) {
        memset(&status, 0, sizeof(status));
        status.size = (uint32_t)sizeof(status);
        pipc_client_status(cache->client, &status);
    }
    pipci_mutex_lock(&cache->lock);
    if (snapshot) {
        const uint64_t now = pipci_clock_ns() / PIPC_NS_PER_MS;
        old = cache->current;
        cache->current = snapshot;
        cache->successes++;
        cache->last_refresh_ms = now ? now : 1;
        __atomic_store_n(&cache->populated, 1, __ATOMIC_RELEASE);
    } else {
        cache->failures++;
        cache->last_error = *why;
    }
    if (had_turn) {
        cache->client_status = status;
        cache->refreshing = false;
        pipci_cond_broadcast(&cache->turn);
    }
    pipci_mutex_unlock(&cache->lock);
    pipci_cache_snapshot_release(old);
}

pipc_result pipc_cache_refresh_timeout(struct pipc_cache *cache, uint32_t timeout_ms,
                                       struct pipc_error *err)
{
    struct pipc_error why = PIPC_ERROR_INIT;
    struct pipc_cache_snapshot *snapshot = NULL;
    uint64_t deadline;
    pipc_result result;
    bool turn;

    if (!cache || __atomic_load_n(&cache->closed, __ATOMIC_ACQUIRE))
        return pipci_fail(err, PIPC_ERR_NOT_READY, 0, "the cache is closed");
    /* Before any lock: in a forked child another thread of the parent may hold it for ever. */
    result = pipci_context_check_process(cache->context, err);
    if (result != PIPC_OK)
        return result;
    deadline = pipci_deadline(timeout_ms ? timeout_ms
                                         : __atomic_load_n(&cache->timeout_ms, __ATOMIC_RELAXED));
    result = turn_take(cache, deadline, &why);
    turn = result == PIPC_OK;
    if (turn)
        result = refresh_run(cache, deadline, &snapshot, &why);
    refresh_finish(cache, snapshot, &why, turn);
    if (result != PIPC_OK)
        pipci_error_copy(err, &why);
    return result;
}

int pipc_cache_refresh(struct pipc_cache *cache)
{
    return pipc_cache_refresh_timeout(cache, 0, NULL) == PIPC_OK;
}
