/* SPDX-License-Identifier: Apache-2.0
 *
 * Listening: who has the name, and until when; closing a listener.
 */
#include "windows/np_fixture.h"

TEST(np_listen, a_second_listener_is_refused_while_instances_listen)
{
    struct np_fixture f;
    void *listener, *second = NULL, *client, *server;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &second), PIPC_ERR_ADDR_IN_USE);
    CHECK_HAS(f.err.text, np_pipe_name("service"));
    CHECK(!second);
    /* The first one is undisturbed. */
    client = np_must_connect(&f, "service");
    server = np_must_accept(&f, listener);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_listen, a_second_listener_is_refused_while_all_instances_have_clients)
{
    struct np_fixture f;
    void *listener, *second = NULL, *clients[PIPC_NP_LISTEN_INSTANCES];

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++)
        clients[i] = np_must_connect(&f, "service");
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &second), PIPC_ERR_ADDR_IN_USE);
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++)
        np_end(&f, clients[i]);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_listen, a_foreign_instance_of_the_name_is_in_use)
{
    struct np_fixture f;
    void *listener = NULL;
    HANDLE raw;

    np_fixture_open(&f);
    raw = np_raw_server("service");
    CHECK(raw != INVALID_HANDLE_VALUE);
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), PIPC_ERR_ADDR_IN_USE);
    CloseHandle(raw);
    listener = np_must_listen(&f, "service");
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_listen, a_session_left_open_keeps_the_name_and_its_close_frees_it)
{
    struct np_fixture f;
    void *client, *server, *listener = NULL;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_RESULT(np_try_listen(&f, NULL, "pair", &listener), PIPC_ERR_ADDR_IN_USE);
    np_end(&f, server);
    np_end(&f, client);
    listener = np_must_listen(&f, "pair");
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_listen, a_client_that_never_closes_does_not_keep_the_name)
{
    struct np_fixture f;
    void *server, *listener;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_server(&f, &raw, &server);
    np_end(&f, server);
    listener = np_must_listen(&f, "raw");
    np_end_listener(&f, listener);
    CloseHandle(raw);
    np_fixture_close(&f);
}

TEST(np_listen, closing_drops_clients_that_were_not_accepted)
{
    struct np_fixture f;
    void *listener, *client;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    client = np_must_connect(&f, "service");
    np_end_listener(&f, listener);
    np_expect_end(&f, client);
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_SEND);
    np_end(&f, client);
    CHECK_RESULT(np_try_connect(&f, NULL, "service", TEST_LONG, &client), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ERROR_FILE_NOT_FOUND);
    np_fixture_close(&f);
}

TEST(np_listen, accepted_channels_outlive_the_listener)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, server, "still here", 10, TEST_LONG));
    np_expect(&f, client, "still here", 10);
    np_end(&f, client);
    np_expect_end(&f, server);
    np_end(&f, server);
    np_fixture_close(&f);
}

TEST(np_listen, memory_that_fails_at_any_allocation_is_told_and_nothing_is_kept)
{
    struct np_fixture f;
    void *listener = NULL, *client = NULL, *server = NULL;

    np_fixture_open(&f);
    f.fail_after = 0;
    CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    listener = np_must_listen(&f, "service");
    f.fail_after = 0;
    CHECK_RESULT(np_try_connect(&f, NULL, "service", TEST_LONG, &client), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    client = np_must_connect(&f, "service");
    f.fail_after = 0;
    CHECK_RESULT(np_try_accept(&f, listener, TEST_LONG, &server), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    server = np_must_accept(&f, listener); /* the client has waited */
    f.fail_after = 0;
    CHECK_RESULT(np_put(&f, client, "x", 1, TEST_LONG), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    f.fail_after = 0;
    struct pipc_received received;
    char got[8];
    CHECK_RESULT(np_get(&f, server, got, 8, TEST_LONG, &received), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_listen, options_that_do_not_match_the_declarations_are_refused)
{
    struct np_fixture f;
    void *self = NULL;

    np_fixture_defaults(&f);
    CHECK_RESULT(pipc_module_np.init(&f.host, f.values, 1, &self, &f.err), PIPC_ERR_MODULE_INIT);
    f.fail_after = 0;
    CHECK_RESULT(np_fixture_init(&f), PIPC_ERR_ALLOC);
    f.fail_after = UINT32_MAX;
    f.values[PIPC_NP_OPTION_SPIN].text = "adaptive";
    CHECK_OK(np_fixture_init(&f));
    np_fixture_close(&f);
    np_fixture_number(&f, PIPC_NP_OPTION_SPIN, 20);
    CHECK_OK(np_fixture_init(&f));
    np_fixture_close(&f);
}
