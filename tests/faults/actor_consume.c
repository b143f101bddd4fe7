/* SPDX-License-Identifier: Apache-2.0
 *
 * The consumer: calls and refreshes without end, and every answer is compared. Failures are
 * counted, wrong answers end it.
 */
#include "actor.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/increment.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct pipc_client *client;
static struct pipc_cache *cache;
static struct pipc_context *own;
static uint32_t timeout_ms;

#define PATIENT_MS 20000u

static void at_stop(void)
{
    pipc_client_abort(client);
    pipc_cache_abort(cache);
}

/* A child may call everything, is told whose the objects are, and frees its copies. */
static int in_child(void)
{
    if (pipc_client_refresh_timeout(client, 100, NULL, NULL) != PIPC_ERR_FORKED)
        return 1;
    pipc_client_destroy(client);
    pipc_cache_destroy(cache);
    return pipc_close(own) == PIPC_OK ? 0 : 3;
}

static uint32_t time_given(void)
{
    return __atomic_load_n(&actor_page->patient, __ATOMIC_SEQ_CST) ? PATIENT_MS : timeout_ms;
}

/* An operation may be late by what a loaded machine needs, not more. */
static void judge_time(uint64_t begin, uint64_t allowed)
{
    const char *const slow = getenv("PIPC_TEST_SLOW");
    const uint64_t took = actor_now_ms() - begin;
    const uint64_t slack = 1000 * (slow && atoi(slow) > 0 ? (uint64_t)atoi(slow) : 1);

    if (took > __atomic_load_n(&actor_page->longest_ms, __ATOMIC_RELAXED))
        __atomic_store_n(&actor_page->longest_ms, took, __ATOMIC_RELAXED);
    if (took > allowed + slack && !__atomic_load_n(&actor_page->lenient, __ATOMIC_SEQ_CST)) {
        fprintf(stderr, "consumer: %u ms with a deadline of %u\n", (unsigned)took,
                (unsigned)allowed);
        actor_count(&actor_page->late);
    }
}

static bool call(uint64_t value)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const uint32_t given = time_given();
    uint64_t begin = actor_now_ms(), answer = 0;
    pipc_result result;

    if (!pipc_client_ready(client)) {
        (void)pipc_client_refresh_timeout(client, given, NULL, NULL);
        judge_time(begin, given);
        begin = actor_now_ms();
    }
    result = pipc_client_call_increment(client, value, &answer, given, &err);
    judge_time(begin, given);
    if (answer != (result == PIPC_OK ? value + 1 : 0)) {
        fprintf(stderr, "consumer: WRONG answer %llu to %llu (%s)\n", (unsigned long long)answer,
                (unsigned long long)value, pipc_result_name(result));
        return false;
    }
    if (result != PIPC_OK && !err.text[0]) {
        fprintf(stderr, "consumer: %s without a sentence\n", pipc_result_name(result));
        return false;
    }
    actor_count(result == PIPC_OK ? &actor_page->calls : &actor_page->call_failures);
    return true;
}

static bool is_whole(void)
{
    struct pipc_cache_guard guard;
    char name[32], path[96];
    bool whole;

    if (!pipc_cache_read_lock(cache, &guard))
        return false;
    whole = pipc_cache_count(&guard) == ACTOR_ITEMS;
    for (uint32_t i = 0; whole && i < ACTOR_ITEMS; i += 7) {
        const struct pipc_cgroups_cache_item *item;
        actor_item(i, name, path);
        item = pipc_cgroups_cache_get(&guard, i, name);
        whole = item && strcmp(item->path.ptr, path) == 0;
    }
    pipc_cache_read_unlock(&guard);
    return whole;
}

/* Once it was filled it stays so, whatever a refresh comes to. */
static bool refresh(bool *filled)
{
    const uint32_t given = time_given();
    const uint64_t begin = actor_now_ms();
    const pipc_result result = pipc_cache_refresh_timeout(cache, given, NULL);

    judge_time(begin, given);
    *filled = *filled || result == PIPC_OK;
    if (*filled != (pipc_cache_ready(cache) != 0) || (*filled && !is_whole())) {
        fprintf(stderr, "consumer: the cache is not what it was (%s)\n", pipc_result_name(result));
        actor_count(&actor_page->lost);
        return false;
    }
    actor_count(result == PIPC_OK ? &actor_page->refreshes : &actor_page->refresh_failures);
    return true;
}

int actor_consume(struct pipc_context *context, const char *dir, unsigned seed, uint32_t timeout)
{
    const struct pipc_client_config config = {
        .size = sizeof(config), .connect_timeout_ms = timeout, .refused_retry_ms = 10};
    const struct timespec pause = {0, 200000};
    uint64_t value = seed;
    bool good = true, filled = false;

    own = context;
    timeout_ms = timeout;
    if (pipc_client_create(context, dir, "numbers", &config, &client, NULL) != PIPC_OK ||
        pipc_cgroups_cache_create(context, dir, "items", &config, &cache, NULL) != PIPC_OK)
        return 4;
    actor_in_child = in_child;
    actor_at_stop = at_stop;
    puts("READY");
    fflush(stdout);
    for (unsigned i = 0; good && !actor_stop; i++) {
        value = value * 6364136223846793005u + 1442695040888963407u;
        good = call(value >> 8);
        if (good && !actor_stop && i % 8 == 0)
            good = refresh(&filled);
        if (actor_fork_wanted) {
            actor_fork_wanted = 0;
            actor_fork();
        }
        nanosleep(&pause, NULL);
    }
    actor_at_stop = NULL;
    pipc_client_destroy(client);
    pipc_cache_destroy(cache);
    return good ? 0 : 3;
}
