/* SPDX-License-Identifier: Apache-2.0
 *
 * Ending a session: what was sent stays readable, nobody is held up, nothing leaks.
 */
#include "windows/np_fixture.h"

TEST(np_ends, a_server_that_closes_right_after_its_answer_is_read)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    for (int i = 0; i < 100; i++) {
        np_pair(&f, &client, &server);
        CHECK_OK(np_put(&f, client, "request", 7, TEST_LONG));
        np_expect(&f, server, "request", 7);
        CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
        np_end(&f, server);
        np_expect(&f, client, "answer", 6);
        np_expect_end(&f, client);
        np_end(&f, client);
    }
    np_fixture_close(&f);
}

struct reading {
    struct np_fixture *f;
    void *channel;
    DWORD ms;
    bool had; /* the answer */
};

static void read_later(void *arg)
{
    struct reading *const r = arg;
    struct pipc_received received;
    char got[8];

    Sleep(r->ms);
    r->had = np_get(r->f, r->channel, got, sizeof(got), TEST_LONG, &received) == PIPC_OK &&
             received.len == 6 && memcmp(got, "answer", 6) == 0;
}

static uint64_t finish_ms(struct np_fixture *f, void *channel, const struct pipc_wait *wait)
{
    const uint64_t began = np_clock_ns();

    f->ops->finish(channel, wait);
    return (np_clock_ns() - began) / PIPC_NS_PER_MS;
}

TEST(np_ends, finish_waits_until_the_client_has_read)
{
    struct np_fixture f, g;
    uint64_t took = 450;

    np_fixture_open(&f);
    np_fixture_open(&g);
    /* Where a busy machine stands still for half a second the client reads too late; not each
     * time. */
    for (int i = 0; i < 3 && took >= 450; i++) {
        void *client, *server;
        np_pair(&f, &client, &server);
        CHECK(finish_ms(&f, server, NULL) < test_limit(100)); /* nothing was sent */
        CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
        struct reading r = {&g, client, 100, false};
        const uint64_t began = np_clock_ns();
        const HANDLE thread = np_thread(read_later, &r);
        f.ops->finish(server, NULL);
        took = (np_clock_ns() - began) / PIPC_NS_PER_MS;
        np_end(&f, server); /* disconnects: the name is free although the client is there */
        np_join(thread);
        CHECK(took >= 50);
        CHECK(r.had || took >= 450);
        np_expect_end(&f, client);
        np_end(&f, client);
    }
    CHECK_MSG(took < 450, "it took %u ms", (unsigned)took);
    np_fixture_close(&g);
    np_fixture_close(&f);
}

TEST(np_ends, finish_gives_a_client_that_never_reads_half_a_second)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    CHECK_OK(np_put(&f, client, "discarded", 9, TEST_LONG));
    const uint64_t took = finish_ms(&f, server, NULL);
    CHECK_MSG(took >= PIPC_NP_FLUSH_MS - 1 && took < test_limit(2 * PIPC_NP_FLUSH_MS),
              "it took %u ms", (unsigned)took);
    np_end(&f, server);
    np_expect_end(&f, client); /* its time is over: what was unread is gone */
    np_end(&f, client);
    np_fixture_close(&f);
}

static void interrupt_it(void *arg)
{
    const struct reading *const r = arg;

    Sleep(r->ms);
    r->f->ops->interrupt(r->channel);
}

TEST(np_ends, finish_ends_with_the_callers_wait_an_interrupt_and_the_clients_close)
{
    struct np_fixture f;
    void *client, *server;
    const HANDLE abort = CreateEventW(NULL, TRUE, TRUE, NULL);
    struct pipc_wait wait = np_wait_abort(NP_EVER, abort);

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    CHECK(finish_ms(&f, server, &wait) < test_limit(300));
    wait = np_wait(NP_NOW);
    CHECK(finish_ms(&f, server, &wait) < test_limit(300));
    wait = np_wait(50);
    CHECK(finish_ms(&f, server, &wait) < test_limit(300));
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    struct reading r = {&f, server, 50, false};
    const HANDLE thread = np_thread(interrupt_it, &r);
    CHECK(finish_ms(&f, server, NULL) < test_limit(400));
    np_join(thread);
    CHECK(finish_ms(&f, server, NULL) < test_limit(300));
    np_end(&f, client);
    np_end(&f, server);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    np_end(&f, client);
    CHECK(finish_ms(&f, server, NULL) < test_limit(400));
    np_end(&f, server);
    np_fixture_close(&f);
    CloseHandle(abort);
}

TEST(np_ends, a_client_closes_at_once_with_unread_data_in_either_direction)
{
    struct np_fixture f;
    void *client, *server;
    uint64_t began;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, client, "unread", 6, TEST_LONG));
    CHECK_OK(np_put(&f, server, "unread", 6, TEST_LONG));
    began = np_clock_ns();
    f.ops->finish(client, NULL);
    np_end(&f, client);
    CHECK(np_clock_ns() - began < test_limit(200) * PIPC_NS_PER_MS);
    np_expect(&f, server, "unread", 6);
    np_expect_end(&f, server);
    np_end(&f, server);
    np_fixture_close(&f);
}

static void flush_and_close(void *arg)
{
    CHECK(FlushFileBuffers((HANDLE)arg));
    CHECK(CloseHandle((HANDLE)arg));
}

TEST(np_ends, a_client_that_flushes_before_it_closes_is_released_when_the_server_reads)
{
    struct np_fixture f;
    void *server;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    np_raw_write(raw, "request", 7);
    const HANDLE thread = np_thread(flush_and_close, raw);
    CHECK(!np_signalled(thread, 50));
    np_expect(&f, server, "request", 7);
    np_join(thread);
    np_expect_end(&f, server);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_ends, closing_nothing_is_harmless)
{
    struct np_fixture f;

    np_fixture_open(&f);
    f.ops->close(NULL, 0);
    f.ops->listener_close(f.self, NULL, 0);
    pipc_module_np.fini(NULL);
    np_fixture_close(&f);
}

TEST(np_ends, handles_of_the_process_are_flat_over_many_sessions)
{
    const unsigned rounds = test_scale(10000);
    struct np_fixture f;
    void *listener, *client, *server;
    unsigned before = 0;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    for (unsigned i = 0; i < rounds + 10; i++) {
        if (i == 10)
            before = test_open_descriptors();
        client = np_must_connect(&f, "service");
        server = np_must_accept(&f, listener);
        (void)np_handle(&f, server);
        CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
        np_expect(&f, server, "x", 1);
        np_end(&f, i % 2 ? client : server);
        np_end(&f, i % 2 ? server : client);
    }
    const unsigned after = test_open_descriptors();
    CHECK_MSG(after <= before + 2, "%u handles before, %u after", before, after);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}
