/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a receive sleeps: in the system's receive where an abort may be seen a little later, in a
 * poll otherwise. The socket tells which, because only the former makes it block.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#define SLACK_MS 80u

struct scene {
    struct uds_fixture f;
    void *client, *server;
    int stop[2];
    uint32_t flag;
};

static void open_scene(struct scene *s)
{
    memset(s, 0, sizeof(*s));
    uds_fixture_open(&s->f);
    uds_pair(&s->f, &s->client, &s->server);
    CHECK(pipe(s->stop) == 0);
}

static void close_scene(struct scene *s)
{
    close(s->stop[0]);
    close(s->stop[1]);
    uds_end(&s->f, s->client);
    uds_end(&s->f, s->server);
    uds_fixture_close(&s->f);
}

static struct pipc_wait wait_of(struct scene *s, int ms, uint32_t slack_ms, bool with_flag)
{
    struct pipc_wait wait = uds_wait_abort(ms, s->stop[0]);

    wait.abort_slack_ms = slack_ms;
    wait.abort_flag = with_flag ? &s->flag : NULL;
    return wait;
}

static pipc_result receive(struct scene *s, const struct pipc_wait *wait)
{
    struct pipc_received received = {.size = sizeof(received)};
    char byte;
    const struct pipc_piece piece = {&byte, 1};

    return s->f.ops->receive(s->server, &piece, 1, wait, &received, &s->f.err);
}

static bool blocks(struct scene *s)
{
    const int flags = fcntl(uds_fd(&s->f, s->server), F_GETFL);

    CHECK(flags >= 0);
    return !(flags & O_NONBLOCK);
}

static void *send_later(void *arg)
{
    struct scene *s = arg;
    const struct timespec pause = {0, 20000000};

    nanosleep(&pause, NULL);
    CHECK_OK(uds_put(&s->f, s->client, "x", 1, UDS_EVER));
    return NULL;
}

static void *stop_later(void *arg)
{
    struct scene *s = arg;
    const struct timespec pause = {0, 10000000};

    nanosleep(&pause, NULL);
    __atomic_store_n(&s->flag, 1, __ATOMIC_RELEASE);
    CHECK(write(s->stop[1], "x", 1) == 1);
    return NULL;
}

static void bring_one(struct scene *s, const struct pipc_wait *wait)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, send_later, s) == 0);
    CHECK_OK(receive(s, wait));
    pthread_join(thread, NULL);
}

/* A receive behind one that had to wait for its packet sleeps in the socket; which of them had to
 * is a matter of who came first. */
static void bring_until_it_blocks(struct scene *s, const struct pipc_wait *wait)
{
    for (int i = 0; i < 50 && !blocks(s); i++)
        bring_one(s, wait);
    CHECK(blocks(s));
}

static void check_stop(struct scene *s, const struct pipc_wait *wait)
{
    const uint64_t began = test_now_ms();
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, stop_later, s) == 0);
    CHECK_RESULT(receive(s, wait), PIPC_ERR_ABORTED);
    CHECK_MSG(test_now_ms() - began < 2000 * test_slow(), "%" PRIu64 " ms", test_now_ms() - began);
    pthread_join(thread, NULL);
}

TEST(uds_slack, abort_ends_a_sleep_in_the_receive_that_slack_allows)
{
    struct scene s;
    struct pipc_wait wait;

    open_scene(&s);
    wait = wait_of(&s, UDS_EVER, SLACK_MS, true);
    bring_until_it_blocks(&s, &wait);
    check_stop(&s, &wait);
    close_scene(&s);
}

TEST(uds_slack, abort_ends_a_sleep_after_silence_too)
{
    struct scene s;
    struct pipc_wait wait, short_wait;

    open_scene(&s);
    wait = wait_of(&s, UDS_EVER, SLACK_MS, true);
    short_wait = wait_of(&s, 200, SLACK_MS, true);
    bring_until_it_blocks(&s, &wait);
    CHECK_RESULT(receive(&s, &short_wait), PIPC_ERR_TIMEOUT);
    check_stop(&s, &wait);
    close_scene(&s);
}

TEST(uds_slack, without_slack_a_receive_never_blocks_in_the_socket)
{
    struct scene s;
    struct pipc_wait wait;

    open_scene(&s);
    wait = wait_of(&s, UDS_EVER, 0, true);
    bring_one(&s, &wait);
    bring_one(&s, &wait);
    check_stop(&s, &wait);
    CHECK(!blocks(&s));
    close_scene(&s);
}

TEST(uds_slack, slack_without_a_flag_changes_nothing)
{
    struct scene s;
    struct pipc_wait wait;

    open_scene(&s);
    wait = wait_of(&s, UDS_EVER, SLACK_MS, false);
    bring_one(&s, &wait);
    bring_one(&s, &wait);
    check_stop(&s, &wait);
    CHECK(!blocks(&s));
    close_scene(&s);
}

TEST(uds_slack, slack_puts_no_deadline_off)
{
    struct scene s;
    struct pipc_wait wait;
    uint64_t late = UINT64_MAX;

    open_scene(&s);
    /* The machine may be busy with other things once, but not each time. */
    for (int i = 0; i < 5 && late > 20 * PIPC_NS_PER_MS; i++) {
        wait = wait_of(&s, UDS_EVER, SLACK_MS, true);
        bring_until_it_blocks(&s, &wait);
        wait = wait_of(&s, 50, SLACK_MS, true);
        CHECK_RESULT(receive(&s, &wait), PIPC_ERR_TIMEOUT);
        CHECK(s.f.host.clock_ns(&s.f.host) >= wait.deadline_ns);
        late = s.f.host.clock_ns(&s.f.host) - wait.deadline_ns;
    }
    CHECK_MSG(late <= 20 * PIPC_NS_PER_MS, "late by %" PRIu64 " ns", late);
    close_scene(&s);
}
