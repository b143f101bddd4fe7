/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines and abort of refreshes, against slow, mute and stopped providers and while another
 * refresh runs; and the calls that must not wait for a refresh.
 */
#include "client_script.h"
#include "core/service/client.h"
#include "snapshot/cache.h"
#include "snapshot_scene.h"
#include "uds_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A refresh on a thread of its own. */
struct refresher {
    pthread_t thread;
    uint32_t timeout_ms;
    pipc_result result;
    uint64_t ended;
};

static void *refresher_run(void *arg)
{
    struct refresher *r = arg;

    r->result = pipc_cache_refresh_timeout(scene.cache, r->timeout_ms, NULL);
    r->ended = test_now_ms();
    return NULL;
}

static void refresher_start(struct refresher *r, uint32_t timeout_ms)
{
    r->timeout_ms = timeout_ms;
    CHECK(pthread_create(&r->thread, NULL, refresher_run, r) == 0);
}

static void refresher_join(struct refresher *r)
{
    CHECK(pthread_join(r->thread, NULL) == 0);
}

TEST(snapshot_deadline, slow_server_times_out_and_the_next_refresh_recovers)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t begin_ms;

    snap_scene_begin(NULL);
    snap_server_hold(scene.server, true);
    begin_ms = test_now_ms();
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 50, &err), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin_ms >= 49 && test_now_ms() - begin_ms < test_limit(1000));
    snap_scene_check_kept(1, PIPC_CLIENT_BROKEN);
    snap_server_hold(scene.server, false);
    snap_must_refresh(scene.cache);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_success_count, 2);
    snap_scene_end();
}

TEST(snapshot_deadline, default_time_is_that_of_the_cache)
{
    snap_scene_begin(NULL);
    CHECK_EQ(scene.cache->timeout_ms, 30000);
    pipc_cache_set_call_timeout(scene.cache, 60);
    snap_server_hold(scene.server, true);
    CHECK_EQ(pipc_cache_refresh(scene.cache), 0);
    CHECK_RESULT(snap_status(scene.cache).cache.last_error.result, PIPC_ERR_TIMEOUT);
    pipc_cache_set_call_timeout(scene.cache, 0);
    CHECK_EQ(scene.cache->timeout_ms, 30000);
    pipc_cache_set_call_timeout(NULL, 7);
    snap_server_hold(scene.server, false);
    snap_scene_end();
}

TEST(snapshot_deadline, default_time_comes_from_the_configuration)
{
    const struct pipc_client_config config = {.size = sizeof(config), .call_timeout_ms = 70};

    scene.context = snap_context(NULL);
    scene.cache = snap_cache(scene.context, &config);
    CHECK_EQ(scene.cache->timeout_ms, 70);
    pipc_cache_destroy(scene.cache);
    snap_context_close(scene.context);
    scene.context = snap_context_set(NULL, "service." SNAP_SERVICE, "call_timeout_ms", "1234");
    scene.cache = snap_cache(scene.context, NULL);
    CHECK_EQ(scene.cache->timeout_ms, 1234);
    pipc_cache_destroy(scene.cache);
    scene.cache = snap_cache(scene.context, &config);
    CHECK_EQ(scene.cache->timeout_ms, 70);
    pipc_cache_destroy(scene.cache);
    snap_context_close(scene.context);
}

TEST(snapshot_deadline, mute_server_times_out_when_the_deadline_passes)
{
    const int fd = uds_raw_listen(test_path(SNAP_SERVICE ".sock"), SOCK_SEQPACKET, 16);
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t begin_ms;

    scene.context = snap_context(NULL);
    scene.cache = snap_cache(scene.context, NULL);
    begin_ms = test_now_ms();
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 100, &err), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin_ms >= 99 && test_now_ms() - begin_ms < test_limit(1500));
    CHECK_EQ(snap_status(scene.cache).cache.connection_state, PIPC_CLIENT_DISCONNECTED);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_failure_count, 1);
    CHECK_EQ(pipc_cache_ready(scene.cache), 0);
    pipc_cache_destroy(scene.cache);
    close(fd);
    snap_context_close(scene.context);
}

TEST(snapshot_deadline, mute_server_is_not_ready_when_connecting_gives_up_first)
{
    const int fd = uds_raw_listen(test_path(SNAP_SERVICE ".sock"), SOCK_SEQPACKET, 16);
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t begin_ms;

    scene.context = snap_context(NULL);
    scene.cache = snap_cache(scene.context, NULL);
    CHECK_EQ(scene.cache->client->times.handshake_ms, 5000);
    scene.cache->client->times.handshake_ms = 150;
    begin_ms = test_now_ms();
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, &err), PIPC_ERR_NOT_READY);
    CHECK(test_now_ms() - begin_ms >= 149 && test_now_ms() - begin_ms < test_limit(2000));
    CHECK_RESULT(err.result, PIPC_ERR_NOT_READY);
    CHECK_EQ(snap_status(scene.cache).cache.connection_state, PIPC_CLIENT_DISCONNECTED);
    pipc_cache_destroy(scene.cache);
    close(fd);
    snap_context_close(scene.context);
}

TEST(snapshot_deadline, abort_ends_a_refresh_in_its_call_and_stays_until_cleared)
{
    struct refresher r;
    uint64_t aborted;

    snap_scene_begin(NULL);
    snap_server_hold(scene.server, true);
    refresher_start(&r, 0);
    snap_server_wait(scene.server, 2);
    aborted = test_now_ms();
    pipc_cache_abort(scene.cache);
    refresher_join(&r);
    CHECK_RESULT(r.result, PIPC_ERR_ABORTED);
    CHECK_MSG(r.ended - aborted < test_limit(200), "took %u ms", (unsigned)(r.ended - aborted));
    snap_scene_check_kept(1, PIPC_CLIENT_BROKEN);
    snap_server_hold(scene.server, false);
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(pipc_cache_refresh(scene.cache), 0);
    snap_scene_check_kept(3, PIPC_CLIENT_BROKEN);
    pipc_cache_clear_abort(scene.cache);
    snap_must_refresh(scene.cache);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_success_count, 2);
    snap_scene_end();
}

TEST(snapshot_deadline, abort_before_a_refresh_leaves_the_session_alone)
{
    snap_scene_begin(NULL);
    pipc_cache_abort(scene.cache);
    pipc_cache_abort(scene.cache);
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(snap_server_requests(scene.server), 1);
    snap_scene_check_kept(1, PIPC_CLIENT_READY);
    pipc_cache_clear_abort(scene.cache);
    snap_must_refresh(scene.cache);
    snap_scene_end();
}

/* Sees the HELLO's connection arrive, then aborts. */
static void *abort_when_connected(void *arg)
{
    const int fd = accept(*(int *)arg, NULL, NULL);

    pipc_cache_abort(scene.cache);
    return (void *)(intptr_t)fd;
}

TEST(snapshot_deadline, abort_ends_a_refresh_that_connects)
{
    int fd = uds_raw_listen(test_path(SNAP_SERVICE ".sock"), SOCK_SEQPACKET, 16);
    pthread_t thread;
    void *connection;

    scene.context = snap_context(NULL);
    scene.cache = snap_cache(scene.context, NULL);
    CHECK(pthread_create(&thread, NULL, abort_when_connected, &fd) == 0);
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 0, NULL), PIPC_ERR_ABORTED);
    CHECK(pthread_join(thread, &connection) == 0);
    CHECK_EQ(snap_status(scene.cache).cache.connection_state, PIPC_CLIENT_DISCONNECTED);
    close((int)(intptr_t)connection);
    close(fd);
    pipc_cache_destroy(scene.cache);
    snap_context_close(scene.context);
}

TEST(snapshot_deadline, abort_ends_a_refresh_that_waits_for_its_turn)
{
    struct refresher first, second;

    snap_scene_begin(NULL);
    snap_server_hold(scene.server, true);
    refresher_start(&first, 0);
    snap_server_wait(scene.server, 2);
    refresher_start(&second, 0);
    usleep(20000);
    pipc_cache_abort(scene.cache);
    refresher_join(&second);
    refresher_join(&first);
    CHECK_RESULT(first.result, PIPC_ERR_ABORTED);
    CHECK_RESULT(second.result, PIPC_ERR_ABORTED);
    snap_scene_check_kept(2, PIPC_CLIENT_BROKEN);
    snap_scene_end();
}

TEST(snapshot_deadline, abort_ends_the_wait_for_a_turn_that_never_comes)
{
    struct refresher r;
    uint64_t aborted;

    snap_scene_begin(NULL);
    scene.cache->refreshing = true;
    refresher_start(&r, 0);
    usleep(20000);
    aborted = test_now_ms();
    pipc_cache_abort(scene.cache);
    refresher_join(&r);
    CHECK_RESULT(r.result, PIPC_ERR_ABORTED);
    CHECK_MSG(r.ended - aborted < test_limit(200), "took %u ms", (unsigned)(r.ended - aborted));
    scene.cache->refreshing = false;
    snap_scene_check_kept(1, PIPC_CLIENT_READY);
    snap_scene_end();
}

TEST(snapshot_deadline, refresh_that_waits_for_its_turn_times_out)
{
    struct refresher first;
    struct pipc_error err = PIPC_ERROR_INIT;
    uint64_t begin_ms;

    snap_scene_begin(NULL);
    snap_server_hold(scene.server, true);
    refresher_start(&first, 0);
    snap_server_wait(scene.server, 2);
    begin_ms = test_now_ms();
    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 120, &err), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - begin_ms >= 119 && test_now_ms() - begin_ms < test_limit(1500));
    CHECK_HAS(err.text, "another refresh");
    CHECK_EQ(snap_status(scene.cache).cache.refresh_failure_count, 1);
    snap_server_hold(scene.server, false);
    refresher_join(&first);
    CHECK_OK(first.result);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_success_count, 2);
    snap_scene_end();
}

TEST(snapshot_deadline, status_ready_and_guards_do_not_wait_for_a_blocked_refresh)
{
    struct pipc_client_status client = {.size = sizeof(client)};
    struct refresher r;
    uint64_t begin_ms;

    snap_scene_begin(NULL);
    snap_server_hold(scene.server, true);
    refresher_start(&r, 0);
    snap_server_wait(scene.server, 2);
    begin_ms = test_now_ms();
    for (uint32_t i = 0; i < 100; i++) {
        CHECK_EQ(pipc_cache_ready(scene.cache), 1);
        CHECK_EQ(snap_status(scene.cache).cache.connection_state, PIPC_CLIENT_READY);
        CHECK_EQ(snap_status(scene.cache).cache.refresh_success_count, 1);
        pipc_cache_client_status(scene.cache, &client);
        CHECK_EQ(client.call_count, 1);
        snap_check_found(scene.cache, 2, "two", "/two");
    }
    CHECK_MSG(test_now_ms() - begin_ms < test_limit(100), "took %u ms",
              (unsigned)(test_now_ms() - begin_ms));
    snap_server_hold(scene.server, false);
    refresher_join(&r);
    CHECK_OK(r.result);
    snap_scene_end();
}

TEST(snapshot_deadline, two_threads_refresh_one_after_the_other)
{
    struct refresher first, second;

    snap_scene_begin(NULL);
    refresher_start(&first, 0);
    refresher_start(&second, 0);
    refresher_join(&first);
    refresher_join(&second);
    CHECK_OK(first.result);
    CHECK_OK(second.result);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_success_count, 3);
    CHECK_EQ(snap_status(scene.cache).cache.refresh_failure_count, 0);
    snap_scene_end();
}

/* A provider in a process of its own, which ends with this one. Returns when clients can connect.
 */
static pid_t provider_process(void)
{
    pid_t pid;

    (void)test_dir(); /* of both */
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        scene.context = snap_context(NULL);
        scene.payload = snap_scene_payload();
        scene.server = snap_server_start(scene.context, NULL, &scene.payload);
        for (;;)
            pause();
    }
    scene.context = snap_context(NULL);
    scene.cache = snap_cache(scene.context, NULL);
    for (const uint64_t begin_ms = test_now_ms(); pipc_cache_refresh(scene.cache) == 0;
         usleep(2000))
        CHECK(test_now_ms() - begin_ms < 10000 * test_slow());
    return pid;
}

static void check_timeout(uint32_t state)
{
    const uint64_t begin_ms = test_now_ms();

    CHECK_RESULT(pipc_cache_refresh_timeout(scene.cache, 500, NULL), PIPC_ERR_TIMEOUT);
    CHECK_MSG(test_now_ms() - begin_ms >= 499 && test_now_ms() - begin_ms < test_limit(1500),
              "took %u ms", (unsigned)(test_now_ms() - begin_ms));
    CHECK_EQ(snap_status(scene.cache).cache.connection_state, state);
    snap_check_found(scene.cache, 1, "one", "/one");
}

TEST(snapshot_deadline, stopped_server_times_out_when_the_deadline_passes)
{
    const pid_t pid = provider_process();
    uint64_t begin_ms;
    int status;

    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
    check_timeout(PIPC_CLIENT_BROKEN);       /* in the call */
    check_timeout(PIPC_CLIENT_DISCONNECTED); /* while connecting */
    CHECK(kill(pid, SIGCONT) == 0);
    begin_ms = test_now_ms();
    while (pipc_cache_refresh(scene.cache) == 0)
        CHECK(test_now_ms() - begin_ms < 10000 * test_slow());
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQ(pipc_cache_refresh(scene.cache), 0); /* died without a goodbye */
    snap_check_found(scene.cache, 2, "two", "/two");
    pipc_cache_destroy(scene.cache);
    snap_context_close(scene.context);
}

/* Waits for a turn that does not come before the test says so. */
static uint32_t waits, may_go;

static void *waiter_run(void *arg)
{
    struct pipc_cache *cache = scene.cache;

    (void)arg;
    pipci_mutex_lock(&cache->lock);
    __atomic_store_n(&waits, 1, __ATOMIC_RELEASE);
    while (!may_go)
        (void)pipci_cond_wait(&cache->turn, &cache->lock, PIPC_NEVER);
    pipci_mutex_unlock(&cache->lock);
    return NULL;
}

static bool waiter_is_there(void *arg)
{
    (void)arg;
    return __atomic_load_n(&waits, __ATOMIC_ACQUIRE) != 0;
}

static int child_destroys_the_cache(void *arg)
{
    (void)arg;
    alarm(TEST_LONG / 1000); /* ends what hangs */
    pipc_cache_destroy(scene.cache);
    return 7;
}

TEST(snapshot_deadline, forked_child_destroys_a_cache_for_whose_turn_the_parent_waits)
{
    pthread_t waiter;

    snap_scene_begin(NULL);
    waits = may_go = 0;
    CHECK(pthread_create(&waiter, NULL, waiter_run, NULL) == 0);
    test_wait_until(waiter_is_there, NULL, TEST_LONG, "a thread waits for its turn");
    pipci_mutex_lock(&scene.cache->lock); /* free as soon as it sleeps */
    may_go = 1;
    CHECK_EQ(test_in_child(child_destroys_the_cache, NULL), 7);
    pipci_cond_broadcast(&scene.cache->turn);
    pipci_mutex_unlock(&scene.cache->lock);
    CHECK(pthread_join(waiter, NULL) == 0);
    snap_must_refresh(scene.cache);
    snap_scene_end();
}
