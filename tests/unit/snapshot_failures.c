/* SPDX-License-Identifier: Apache-2.0
 *
 * Refreshes that fail: the result, what they count, what they leave of the connection, and that the
 * cache stays.
 */
#include "base_memory.h"
#include "client_script.h"
#include "snapshot_fixture.h"

#include <unistd.h>

static const struct snap_item good[] = {
    {1, 0, 1, "one", "/one"}, {2, 0, 1, "two", "/two"}, {3, 0, 1, "three", "/three"}};

static struct pipc_context *context;
static struct snap_server *server;
static struct pipc_cache *cache;
static struct snap_payload payload;

static void begin_with(const struct pipc_allocator *allocator,
                       const struct pipc_client_config *config)
{
    context = snap_context(allocator);
    payload = snap_payload(good, 3, 5, 1);
    server = snap_server_start(context, NULL, &payload);
    cache = snap_cache(context, config);
    snap_must_refresh(cache);
}

static void begin(void)
{
    begin_with(NULL, NULL);
}

static void end(void)
{
    pipc_cache_destroy(cache);
    if (server)
        snap_server_stop(server);
    snap_payload_free(&payload);
    snap_context_close(context);
}

/* The old data, as `begin` has left them, after this many failures. */
static void check_kept(uint32_t failures, uint32_t state)
{
    const struct pipc_cgroups_cache_status status = snap_status(cache);

    CHECK_EQ(pipc_cache_ready(cache), 1);
    CHECK_EQ(status.cache.populated, 1);
    CHECK_EQ(status.cache.item_count, 3);
    CHECK_EQ(status.cache.generation, 5);
    CHECK_EQ(status.cache.refresh_success_count, 1);
    CHECK_EQ(status.cache.refresh_failure_count, failures);
    CHECK_MSG(status.cache.connection_state == state, "state is %s, expected %s",
              pipc_client_state_name(status.cache.connection_state), pipc_client_state_name(state));
    for (uint32_t i = 0; i < 3; i++)
        snap_check_found(cache, good[i].hash, good[i].name, good[i].path);
}

static struct pipc_error must_fail(pipc_result expected)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 0, &err), expected);
    CHECK_RESULT(err.result, expected);
    CHECK(err.text[0] != '\0');
    CHECK_RESULT(snap_status(cache).cache.last_error.result, expected);
    CHECK_STR(snap_status(cache).cache.last_error.text, err.text);
    return err;
}

TEST(snapshot_failures, stopped_server_keeps_the_cache_and_grows_the_failure_count)
{
    uint64_t at;

    begin();
    at = snap_status(cache).cache.last_refresh_ts;
    snap_server_stop(server);
    server = NULL;
    CHECK_EQ(pipc_cache_refresh(cache), 0);
    check_kept(1, PIPC_CLIENT_NOT_FOUND);
    CHECK(snap_status(cache).cache.last_error.result != PIPC_ERR_NOT_READY);
    must_fail(PIPC_ERR_NOT_READY);
    check_kept(2, PIPC_CLIENT_NOT_FOUND);
    CHECK_EQ(snap_status(cache).cache.last_refresh_ts, at);
    end();
}

TEST(snapshot_failures, restarted_server_is_found_by_the_next_refresh)
{
    struct snap_payload less;

    begin();
    snap_server_stop(server);
    less = snap_payload(good, 1, 2, 0);
    server = snap_server_start(context, NULL, &less);
    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 2);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 0);
    CHECK_EQ(snap_status(cache).cache.item_count, 1);
    CHECK_EQ(snap_status(cache).cache.generation, 2);
    CHECK_EQ(snap_status(cache).cache.connection_state, PIPC_CLIENT_READY);
    snap_check_missing(cache, 3, "three");
    snap_payload_free(&less);
    end();
}

static void bad_payload(const struct snap_payload *bad, pipc_result expected, uint32_t requests)
{
    uint32_t before;

    begin();
    before = snap_server_requests(server);
    snap_server_set(server, bad);
    must_fail(expected);
    CHECK_EQ(snap_server_requests(server), before + requests);
    check_kept(1, PIPC_CLIENT_BROKEN);
    snap_server_set(server, &payload);
    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 2);
    end();
}

TEST(snapshot_failures, garbage_twice_fails_with_the_error_of_the_codec)
{
    unsigned char bytes[40];
    const struct snap_payload bad = {bytes, sizeof(bytes)};

    memset(bytes, 0xa5, sizeof(bytes));
    bad_payload(&bad, PIPC_ERR_BAD_LAYOUT, 2);
}

TEST(snapshot_failures, payload_without_a_byte_fails_as_truncated)
{
    unsigned char none = 0;
    const struct snap_payload bad = {&none, 0};

    bad_payload(&bad, PIPC_ERR_TRUNCATED, 2);
}

TEST(snapshot_failures, bad_directory_twice_fails_with_the_error_of_the_codec)
{
    struct snap_payload bad = snap_payload(good, 3, 6, 1);

    bad.bytes[24 + 8] = 4; /* offset of the second item */
    bad_payload(&bad, PIPC_ERR_BAD_ALIGNMENT, 2);
    snap_payload_free(&bad);
}

/* The last item: everything before it is fine. */
static struct snap_payload bad_last_item(void)
{
    struct snap_payload bad = snap_payload(good, 3, 6, 1);

    bad.bytes[bad.len - 1] = 'x'; /* the NUL of the last path */
    return bad;
}

TEST(snapshot_failures, bad_item_fails_once_and_drops_the_session)
{
    struct snap_payload bad = bad_last_item();

    bad_payload(&bad, PIPC_ERR_MISSING_NUL, 1);
    snap_payload_free(&bad);
}

TEST(snapshot_failures, sentence_of_a_bad_item_says_which)
{
    struct snap_payload bad = bad_last_item();

    begin();
    snap_server_set(server, &bad);
    CHECK_HAS(must_fail(PIPC_ERR_MISSING_NUL).text, "item 2 of 3");
    CHECK_EQ(pipc_cache_refresh(cache), 0);
    check_kept(2, PIPC_CLIENT_BROKEN);
    snap_payload_free(&bad);
    end();
}

TEST(snapshot_failures, bad_item_on_the_first_refresh_leaves_the_cache_empty)
{
    struct snap_payload bad = bad_last_item();

    context = snap_context(NULL);
    payload = snap_payload(good, 3, 5, 1);
    server = snap_server_start(context, NULL, &bad);
    cache = snap_cache(context, NULL);
    CHECK_EQ(pipc_cache_refresh(cache), 0);
    CHECK_EQ(pipc_cache_ready(cache), 0);
    CHECK_EQ(snap_status(cache).cache.populated, 0);
    CHECK_EQ(snap_status(cache).cache.item_count, 0);
    CHECK_EQ(snap_status(cache).cache.generation, 0);
    CHECK_EQ(snap_status(cache).cache.last_refresh_ts, 0);
    CHECK_EQ(snap_status(cache).cache.refresh_failure_count, 1);
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 0);
    snap_check_missing(cache, 1, "one");
    snap_payload_free(&bad);
    end();
}

TEST(snapshot_failures, wrong_token_is_not_ready_until_the_provider_has_the_right_one)
{
    const struct pipc_client_config config = {
        .size = sizeof(config), .auth_token = 5, .auth_token_given = 1, .refused_retry_ms = 100};
    struct pipc_session_settings settings = {
        .size = sizeof(settings), .auth_token = 5, .auth_token_given = 1};
    uint64_t before;

    context = snap_context(NULL);
    payload = snap_payload(good, 3, 5, 1);
    server = snap_server_start(context, &settings, &payload);
    cache = snap_cache(context, &config);
    snap_must_refresh(cache);
    snap_server_stop(server);
    settings.auth_token = 6;
    server = snap_server_start(context, &settings, &payload);
    before = test_now_ms();
    CHECK_EQ(pipc_cache_refresh(cache), 0); /* the call finds out */
    check_kept(1, PIPC_CLIENT_AUTH_FAILED);
    must_fail(PIPC_ERR_NOT_READY);
    check_kept(2, PIPC_CLIENT_AUTH_FAILED);
    snap_server_stop(server);
    settings.auth_token = 5;
    server = snap_server_start(context, &settings, &payload);
    while (pipc_cache_refresh(cache) == 0) {
        CHECK(test_now_ms() - before < 5000 * test_slow());
        usleep(5000);
    }
    CHECK_MSG(test_now_ms() - before >= 99, "tried again after %u ms",
              (unsigned)(test_now_ms() - before));
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 2);
    end();
}

TEST(snapshot_failures, incompatible_provider_is_not_ready_until_it_is_replaced)
{
    static const struct script_conn refuse = {.hello = SCRIPT_REFUSE,
                                              .status = PIPC_STATUS_UNSUPPORTED};
    const struct pipc_client_config config = {.size = sizeof(config), .refused_retry_ms = 100};
    struct script *script;
    uint64_t begin_ms;

    begin_with(NULL, &config);
    snap_server_stop(server);
    server = NULL;
    CHECK_EQ(pipc_cache_refresh(cache), 0);
    script = script_start(&refuse, 1, &refuse);
    begin_ms = test_now_ms();
    must_fail(PIPC_ERR_NOT_READY);
    check_kept(2, PIPC_CLIENT_INCOMPATIBLE);
    must_fail(PIPC_ERR_NOT_READY);
    CHECK_MSG(script_hellos(script) == 1 || test_now_ms() - begin_ms >= 99,
              "tried again before its time");
    check_kept(3, PIPC_CLIENT_INCOMPATIBLE);
    script_stop(script);
    server = snap_server_start(context, NULL, &payload);
    while (pipc_cache_refresh(cache) == 0) {
        CHECK(test_now_ms() - begin_ms < 5000 * test_slow());
        usleep(5000);
    }
    CHECK_EQ(snap_status(cache).cache.refresh_success_count, 2);
    end();
}

TEST(snapshot_failures, failing_callback_is_asked_twice)
{
    struct snap_managed *managed;
    struct pipc_error err = PIPC_ERROR_INIT;

    context = snap_context(NULL);
    managed = snap_managed_start(context, NULL, good, 3, 5);
    cache = snap_cache_typed(context, NULL);
    snap_must_refresh(cache);
    snap_managed_fail(managed, true);
    CHECK_RESULT(pipc_cache_refresh_timeout(cache, 0, &err), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(snap_managed_requests(managed), 3);
    check_kept(1, PIPC_CLIENT_BROKEN);
    pipc_cache_destroy(cache);
    snap_managed_stop(managed);
    snap_context_close(context);
}

TEST(snapshot_failures, error_status_twice_is_bad_layout)
{
    begin();
    snap_server_status(server, PIPC_STATUS_INTERNAL_ERROR);
    must_fail(PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(snap_server_requests(server), 3);
    CHECK_EQ(snap_status(cache).cache.last_error.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    check_kept(1, PIPC_CLIENT_BROKEN);
    end();
}

/* ---- memory ---- */

/* An allocator that remembers the largest block. */
static size_t largest; /* atomic */

static void measure(size_t size)
{
    size_t seen = __atomic_load_n(&largest, __ATOMIC_RELAXED);

    while (size > seen && !__atomic_compare_exchange_n(&largest, &seen, size, false,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

static void *measured_alloc(void *arg, size_t size)
{
    (void)arg;
    measure(size);
    return malloc(size);
}

static void *measured_realloc(void *arg, void *ptr, size_t size)
{
    (void)arg;
    measure(size);
    return realloc(ptr, size);
}

static void measured_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

/* A directory whose entries all point to one item with strings of 60000 bytes. */
static struct snap_payload crowded(uint32_t entries)
{
    char *text = malloc(60001);
    struct snap_payload one, many;

    CHECK(text != NULL);
    memset(text, 'p', 60000);
    text[60000] = '\0';
    const struct snap_item item = {1, 0, 1, "n", text};
    one = snap_payload(&item, 1, 1, 1);
    free(text);
    many.len = 24 + 8 * (size_t)entries + (one.len - 32);
    many.bytes = malloc(many.len);
    CHECK(many.bytes != NULL);
    memcpy(many.bytes, one.bytes, 24);
    memcpy(many.bytes + 4, &entries, 4);
    for (uint32_t i = 0; i < entries; i++)
        memcpy(many.bytes + 24 + 8 * (size_t)i, one.bytes + 24, 8);
    memcpy(many.bytes + 24 + 8 * (size_t)entries, one.bytes + 32, one.len - 32);
    snap_payload_free(&one);
    return many;
}

TEST(snapshot_failures, directory_of_entries_on_one_large_item_is_refused_in_little_memory)
{
    const struct pipc_allocator allocator = {.size = sizeof(allocator),
                                             .alloc = measured_alloc,
                                             .realloc = measured_realloc,
                                             .free = measured_free};
    struct snap_payload bad = crowded(10000);

    begin_with(&allocator, NULL);
    snap_server_set(server, &bad);
    __atomic_store_n(&largest, 0, __ATOMIC_RELAXED);
    CHECK_HAS(must_fail(PIPC_ERR_BAD_LAYOUT).text, "longer than the whole response");
    const size_t most = __atomic_load_n(&largest, __ATOMIC_RELAXED);
    CHECK_MSG(most < 4 * bad.len + 65536, "a block of %zu bytes for a payload of %zu", most,
              bad.len);
    check_kept(1, PIPC_CLIENT_BROKEN);
    snap_payload_free(&bad);
    end();
}

TEST(snapshot_failures, items_that_share_bytes_within_the_size_of_the_payload_are_accepted)
{
    struct snap_payload twice = crowded(1);
    uint32_t entries = 1;

    begin();
    snap_server_set(server, &twice);
    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.item_count, entries);
    snap_payload_free(&twice);
    /* Two entries on "one" of three: the strings stay below the payload. */
    twice = snap_payload(good, 3, 7, 1);
    memcpy(twice.bytes + 32, twice.bytes + 24, 8);
    snap_server_set(server, &twice);
    snap_must_refresh(cache);
    CHECK_EQ(snap_status(cache).cache.item_count, 3);
    snap_check_missing(cache, 2, "two");
    snap_check_found(cache, 1, "one", "/one");
    snap_payload_free(&twice);
    end();
}

TEST(snapshot_failures, missing_memory_for_the_snapshot_fails_and_the_old_one_stays)
{
    struct base_memory memory;
    const struct snap_item other[] = {{1, 0, 1, "one", "/new"}, {9, 0, 1, "nine", "/nine"}};
    struct snap_payload next = snap_payload(other, 2, 6, 1);

    base_memory_init(&memory);
    begin_with(&memory.allocator, NULL);
    snap_must_refresh(cache); /* buffers of the client are there now */
    snap_server_set(server, &next);
    /* Both sides use this allocator; the cache's one block comes last. */
    uint32_t failed = 0;
    for (uint64_t n = 1; n < 40; n++) {
        const uint64_t generation = snap_status(cache).cache.generation;
        struct pipc_error err = PIPC_ERROR_INIT;
        pipc_result result;
        memory.fail_at = memory.calls + n;
        const uint64_t fail_at = memory.fail_at;
        result = pipc_cache_refresh_timeout(cache, 0, &err);
        const bool reached = memory.calls >= fail_at;
        memory.fail_at = 0;
        if (result == PIPC_OK) {
            CHECK_EQ(snap_status(cache).cache.item_count, 2);
            snap_check_found(cache, 1, "one", "/new");
            snap_check_found(cache, 9, "nine", "/nine");
            snap_check_missing(cache, 9, "one");
        } else {
            failed++;
            CHECK_EQ(snap_status(cache).cache.generation, generation);
            snap_check_found(cache, 1, "one", NULL);
            if (result == PIPC_ERR_ALLOC && strstr(err.text, "snapshot of 2 items")) {
                CHECK_EQ(snap_status(cache).cache.connection_state, PIPC_CLIENT_READY);
                failed += 1000;
            }
        }
        if (result == PIPC_OK && !reached)
            break;
        snap_must_refresh(cache);
    }
    CHECK_MSG(failed >= 1000, "the snapshot's own memory never failed");
    snap_payload_free(&next);
    end();
    CHECK_EQ(memory.live, 0);
}

TEST(snapshot_failures, missing_memory_at_create_fails_and_leaves_nothing)
{
    struct base_memory memory;
    uint64_t n;

    base_memory_init(&memory);
    context = snap_context(&memory.allocator);
    const uint64_t live = memory.live;
    for (n = 1; n < 100; n++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        memory.fail_at = memory.calls + n;
        const pipc_result result =
            pipc_cache_create(context, test_dir(), "svc", COUNTED_NAME, 1, NULL, &cache, &err);
        memory.fail_at = 0;
        if (result == PIPC_OK)
            break;
        CHECK_RESULT(result, PIPC_ERR_ALLOC);
        CHECK(cache == NULL && err.text[0]);
        CHECK_EQ(memory.live, live);
    }
    CHECK(n > 2 && n < 100);
    pipc_cache_destroy(cache);
    CHECK_EQ(memory.live, live);
    snap_context_close(context);
    CHECK_EQ(memory.live, 0);
}
