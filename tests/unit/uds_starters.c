/* SPDX-License-Identifier: Apache-2.0
 *
 * Services that start under one name at the same time: one of them listens, the others leave it and
 * its entry alone; the lock between them is an aid that nobody depends on.
 */
#include "uds_fixture.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int listen_late(void *arg)
{
    const int *ready = arg;
    const struct timespec pause = {0, 80000000}; /* the time that the page gives it */
    const int fd = uds_raw_listen(test_path("a.sock"), SOCK_SEQPACKET, -1);
    const uint64_t began = test_now_ms();
    char byte;

    CHECK(write(ready[1], "x", 1) == 1);
    nanosleep(&pause, NULL);
    CHECK(listen(fd, 4) == 0);
    CHECK(write(ready[1], test_now_ms() - began < 100 ? "i" : "l", 1) == 1); /* in time or late */
    (void)!read(ready[0], &byte, 1);
    return 0;
}

/* Whether it was kept; false: a busy machine let it stand still for longer than it is given. */
static bool is_kept(struct uds_fixture *f)
{
    struct stat before, after;
    void *listener = NULL;
    int ready[2];
    pid_t child;
    char byte;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ready) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        int own[2] = {ready[1], ready[1]};
        close(ready[0]);
        _exit(listen_late(own));
    }
    close(ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    CHECK(lstat(test_path("a.sock"), &before) == 0);
    const pipc_result result = uds_try_listen(f, test_dir(), "a", &listener);
    CHECK(read(ready[0], &byte, 1) == 1);
    if (byte == 'i' || result != PIPC_OK) {
        CHECK_RESULT(result, PIPC_ERR_ADDR_IN_USE);
        CHECK_HAS(f->err.text, "live server");
        CHECK(lstat(test_path("a.sock"), &after) == 0);
        CHECK_EQ(after.st_ino, before.st_ino);
    } else {
        uds_end_listener(f, listener);
    }
    close(ready[0]);
    CHECK(waitpid(child, NULL, 0) == child);
    return byte == 'i';
}

TEST(uds_stale, server_between_bind_and_listen_is_not_evicted)
{
    struct uds_fixture f;

    uds_fixture_open(&f);
    test_dir();
    for (int i = 0; i < 3 && !is_kept(&f); i++)
        (void)unlink(test_path("a.sock"));
    uds_fixture_close(&f);
}

TEST(uds_stale, a_loser_removes_nothing_of_the_running_owner)
{
    struct uds_fixture f;
    void *listener, *client;
    int i;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    for (i = 0; i < 5; i++)
        uds_check_kept(&f, "live server");
    client = uds_must_connect(&f, "a");
    uds_end(&f, client);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

/* The lock is an aid: who holds it for ever does not keep others from starting. */
TEST(uds_stale, lock_held_by_somebody_else_delays_a_second_at_most)
{
    struct uds_fixture f;
    void *listener;
    uint64_t began = test_now_ms();
    const int dir = open(test_dir(), O_RDONLY | O_DIRECTORY);

    uds_fixture_open(&f);
    CHECK(dir >= 0 && flock(dir, LOCK_EX) == 0);
    listener = uds_must_listen(&f, "a");
    began = test_now_ms() - began;
    CHECK_MSG(began >= 990 && began < test_limit(1500), "%" PRIu64 " ms", began);
    uds_end_listener(&f, listener);
    close(dir);
    uds_fixture_close(&f);
}

TEST(uds_stale, lock_is_free_again_when_listen_returns)
{
    struct uds_fixture f;
    void *listener;
    int dir;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    dir = open(test_dir(), O_RDONLY | O_DIRECTORY);
    CHECK(dir >= 0 && flock(dir, LOCK_EX | LOCK_NB) == 0);
    close(dir);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

#define STARTERS 20

struct race {
    struct uds_fixture *f;
    int go, outcome, stop;
};

/* Takes whoever comes until `stop` ends: the losers' probes must not fill the queue for the test
 * itself. */
static void serve_until(struct uds_fixture *f, void *listener, int stop)
{
    const struct pipc_wait wait = uds_wait_abort(UDS_EVER, stop);
    void *channel;

    while (f->ops->accept(f->self, listener, &wait, &channel, NULL) == PIPC_OK)
        uds_end(f, channel);
}

/* Starts when `go` ends, tells 'y' or 'n', serves until `stop` ends. */
static int start_in_race(const struct race *race)
{
    void *listener = NULL;
    pipc_result result;
    char byte;

    (void)!read(race->go, &byte, 1);
    result = uds_try_listen(race->f, test_dir(), "a", &listener);
    CHECK_MSG(result == PIPC_OK || result == PIPC_ERR_ADDR_IN_USE, "%s", race->f->err.text);
    CHECK(write(race->outcome, result == PIPC_OK ? "y" : "n", 1) == 1);
    if (listener)
        serve_until(race->f, listener, race->stop);
    (void)!read(race->stop, &byte, 1);
    _exit(0); /* the entry stays for the next round */
}

static void race_once(struct uds_fixture *f)
{
    int go[2], outcome[2], stop[2], i, winners = 0, client;
    struct race race = {.f = f};
    char byte;

    CHECK(pipe(go) == 0 && pipe(outcome) == 0 && pipe(stop) == 0);
    race.go = go[0];
    race.outcome = outcome[1];
    race.stop = stop[0];
    for (i = 0; i < STARTERS; i++) {
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            close(go[1]);
            close(stop[1]);
            start_in_race(&race);
        }
    }
    close(go[1]);
    for (i = 0; i < STARTERS; i++) {
        CHECK(read(outcome[0], &byte, 1) == 1);
        winners += byte == 'y';
    }
    CHECK_EQ(winners, 1);
    client = uds_raw_connect(test_path("a.sock"));
    CHECK(client >= 0);
    close(client);
    close(stop[1]);
    for (i = 0; i < STARTERS; i++)
        CHECK(wait(NULL) > 0);
    for (i = 0; i < 2; i++)
        close(i ? go[0] : stop[0]);
    close(outcome[0]);
    close(outcome[1]);
}

TEST(uds_stale, of_20_starters_at_once_exactly_one_listens_and_is_reachable)
{
    struct uds_fixture f;
    const unsigned rounds = test_scale(100);
    unsigned i;

    uds_fixture_open(&f);
    uds_dead_socket(test_path("a.sock"));
    for (i = 0; i < rounds; i++)
        race_once(&f);
    uds_fixture_close(&f);
}
