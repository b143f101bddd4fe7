/* SPDX-License-Identifier: Apache-2.0
 *
 * Regions that are cut off, with and without the handler that a program may install. What may raise
 * the signal runs in a child.
 */
#include "shm_fixture.h"

#include <pipc/transports/shm_guard.h>

#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct scene {
    struct shm_fixture f;
    struct shm_pair p;
};

static void open_scene(struct scene *s)
{
    shm_fixture_open(&s->f);
    shm_pair_open(&s->f, &s->p);
}

static void cut(void)
{
    CHECK(truncate(shm_region_path(1), 0) == 0);
}

TEST(shm_guard, library_installs_no_handler)
{
    struct scene s;
    struct sigaction now;

    open_scene(&s);
    shm_must_put(&s.f, s.p.client, shm_message(1, 40), 40);
    shm_must_get(&s.f, s.p.server, shm_message(1, 40), 40);
    CHECK(sigaction(SIGBUS, NULL, &now) == 0 && (test_sanitized() || now.sa_handler == SIG_DFL));
    CHECK(sigaction(SIGXFSZ, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    shm_pair_close(&s.f, &s.p);
    shm_fixture_close(&s.f);
}

/* A client that sends into a region that has been cut off. 0: the session ended. */
static int send_into_nothing(void *arg)
{
    struct scene s;
    struct pipc_received received;
    uint8_t got[64];

    if (arg && pipc_shm_guard_install() != 0)
        return 10;
    open_scene(&s);
    cut();
    if (shm_put(&s.f, s.p.client, shm_message(1, 40), 40) != PIPC_OK)
        return 11;
    if (shm_get(&s.f, s.p.client, got, sizeof(got), 10000, &received) != PIPC_ERR_DISCONNECTED)
        return 12;
    if (shm_put(&s.f, s.p.client, shm_message(1, 40), 40) != PIPC_ERR_SEND)
        return 13;
    if (shm_get(&s.f, s.p.server, got, sizeof(got), 10000, &received) != PIPC_ERR_DISCONNECTED)
        return 14;
    shm_pair_close(&s.f, &s.p);
    shm_fixture_close(&s.f);
    return 0;
}

TEST(shm_guard, access_to_a_cut_region_ends_the_session_with_the_handler)
{
    bool guarded = true;

    test_dir();
    CHECK_EQ(test_in_child(send_into_nothing, &guarded), 0);
}

TEST(shm_guard, access_to_a_cut_region_ends_the_process_without_the_handler)
{
    if (test_sanitized())
        test_skip("a sanitizer has a handler of its own");
    test_dir();
    CHECK_EQ(test_in_child(send_into_nothing, NULL), 256 + SIGBUS);
}

/* A file of another name that is cut off. */
static int touch_other(void *arg)
{
    const int fd = open(test_path("other"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    volatile uint8_t *map;

    (void)arg;
    if (pipc_shm_guard_install() != 0 || fd < 0 || ftruncate(fd, 4096) != 0)
        return 10;
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED || ftruncate(fd, 0) != 0)
        return 11;
    map[0] = 1;
    return 0;
}

TEST(shm_guard, other_files_end_the_process_as_without_the_handler)
{
    if (test_sanitized())
        test_skip("a sanitizer has a handler of its own");
    test_dir();
    CHECK_EQ(test_in_child(touch_other, NULL), 256 + SIGBUS);
}

static void own_handler(int number)
{
    (void)number;
    _exit(42);
}

static int chain(void *arg)
{
    signal(SIGBUS, own_handler);
    return touch_other(arg);
}

TEST(shm_guard, handler_that_was_there_before_gets_what_is_not_ours)
{
    test_dir();
    CHECK_EQ(test_in_child(chain, NULL), 42);
}

static bool sleeps(void *arg)
{
    return __atomic_load_n(&shm_inside(arg)->asleep, __ATOMIC_ACQUIRE) != 0;
}

static void *cut_asleep(void *arg)
{
    test_wait_until(sleeps, arg, 5000, "the receive sleeps");
    usleep(20000); /* it looks once more before it does */
    CHECK(truncate(shm_region_path(1), 0) == 0);
    return NULL;
}

TEST(shm_guard, region_cut_while_idle_ends_the_session_without_a_touch_at_the_end_of_the_slice)
{
    struct scene s;
    struct pipc_received received;
    struct stat now;

    open_scene(&s);
    /* The wait begins with a look at the word, so the file is cut in the middle of the slice. */
    const struct pipc_wait wait = shm_wait(TEST_LONG);
    uint8_t got[64];
    struct pipc_piece piece = {got, sizeof(got)};
    pthread_t cutter;
    CHECK(pthread_create(&cutter, NULL, cut_asleep, s.p.server) == 0);
    received.size = sizeof(received);
    CHECK_RESULT(s.f.ops->receive(s.p.server, &piece, 1, &wait, &received, &s.f.err),
                 PIPC_ERR_DISCONNECTED);
    pthread_join(cutter, NULL);
    CHECK_HAS(s.f.err.text, "cut off");
    CHECK_EQ(s.f.ops->look(s.p.server), PIPC_LOOK_GONE);
    /* No end mark on either side: it would touch the mapping, or make the file longer. */
    shm_end(&s.f, &s.p.client);
    CHECK(stat(shm_region_path(1), &now) == 0 && now.st_size == 0);
    shm_pair_close(&s.f, &s.p);
    CHECK(!shm_exists(shm_region_path(1)));
    shm_fixture_close(&s.f);
}

#define PAGE 4096u

/* A client that cuts the area off behind the words, and then publishes what would lie there. */
static void *cut_and_publish(void *arg)
{
    size_t size;
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);

    test_wait_until(sleeps, arg, 5000, "the receive sleeps");
    CHECK(truncate(shm_region_path(1), PAGE) == 0);
    shm_raw_publish(raw, PIPC_ROLE_CLIENT, 2 * PAGE, 1);
    munmap(raw, size);
    return NULL;
}

static int receive_behind_the_end(void *arg)
{
    struct scene s;
    struct pipc_received received = {.size = sizeof(received)};
    static uint8_t got[2 * PAGE];
    const struct pipc_wait wait = shm_wait(TEST_LONG);
    const struct pipc_piece piece = {got, sizeof(got)};
    pthread_t cutter;

    (void)arg;
    shm_fixture_open(&s.f);
    shm_pair_open_with(&s.f, &s.p, 1, sizeof(got), SHM_RESPONSE_BYTES);
    CHECK(pthread_create(&cutter, NULL, cut_and_publish, s.p.server) == 0);
    const pipc_result result = s.f.ops->receive(s.p.server, &piece, 1, &wait, &received, &s.f.err);
    pthread_join(cutter, NULL);
    shm_pair_close(&s.f, &s.p);
    shm_fixture_close(&s.f);
    return result == PIPC_ERR_DISCONNECTED ? 0 : 1;
}

TEST(shm_guard, region_cut_while_idle_and_then_published_ends_the_session_without_a_signal)
{
    test_dir();
    CHECK_EQ(test_in_child(receive_behind_the_end, NULL), 0);
}
