/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the core over named pipes: messages of every size, sessions one after the other.
 */
#include "windows/win_session.h"

TEST(np_session, messages_of_one_packet_and_of_many_are_answered)
{
    static const size_t lens[] = {0, 1, 100, 65503, 65504, 65505, 200000, WIN_BYTES};
    struct pipc_context *const context = win_context("np", NULL);
    struct win_echo echo;

    win_echo_start(&echo, context, "echo");
    struct pipc_session *const session = win_connect(context, "echo", PIPC_PROFILE_BASELINE);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        win_exchange(session, i, win_pattern(), lens[i]);
    pipc_session_close(session);
    win_echo_stop(&echo);
    CHECK_OK(pipc_close(context));
}

TEST(np_session, packets_of_33_and_128_bytes_and_of_a_mebibyte_carry_every_message)
{
    static const uint32_t sizes[] = {33, 128, 65536, WIN_BYTES};
    struct pipc_context *const context = win_context("np", NULL);

    for (size_t i = 0; i < 4; i++) {
        struct pipc_session_settings settings = win_settings();
        struct pipc_session *session = NULL;
        struct win_echo echo;
        win_echo_start(&echo, context, "echo");
        settings.packet_size = sizes[i];
        CHECK_OK(pipc_connect(context, test_dir(), "echo", &settings, 10000, PIPC_NO_HANDLE,
                              &session, NULL, NULL));
        CHECK_EQ(win_status(session).packet_size, sizes[i] > 65536 ? 65536 : sizes[i]);
        win_exchange(session, 1, win_pattern(), sizes[i] == 33 ? 300 : 3000);
        pipc_session_close(session);
        win_echo_stop(&echo);
    }
    CHECK_OK(pipc_close(context));
}

TEST(np_session, requests_sent_ahead_are_answered_in_order)
{
    struct pipc_context *const context = win_context("np", NULL);
    struct win_echo echo;

    win_echo_start(&echo, context, "echo");
    struct pipc_session *const session = win_connect(context, "echo", PIPC_PROFILE_BASELINE);
    for (uint64_t id = 0; id < 100; id++) {
        const struct pipc_message request = win_request(id, win_pattern() + id, 100);
        CHECK_OK(pipc_session_send(session, &request, 10000, PIPC_NO_HANDLE, NULL));
    }
    for (uint64_t id = 0; id < 100; id++) {
        struct pipc_message answer = {.size = sizeof(answer)};
        CHECK_OK(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &answer, NULL));
        CHECK_EQ(answer.message_id, id);
        CHECK_MEM(answer.payload, win_pattern() + id, 100);
    }
    pipc_session_close(session);
    win_echo_stop(&echo);
    CHECK_OK(pipc_close(context));
}

TEST(np_session, a_send_without_blocking_takes_a_message_whole_and_the_handle_tells_of_room)
{
    struct pipc_context *const context = win_context("np", NULL);
    struct pipc_message request = win_request(1, win_pattern(), WIN_BYTES);
    struct pipc_message answer = {.size = sizeof(answer)};
    struct win_echo echo;

    win_echo_start(&echo, context, "echo");
    struct pipc_session *const session = win_connect(context, "echo", PIPC_PROFILE_BASELINE);
    const HANDLE handle = (HANDLE)pipc_session_wait_handle(session);
    CHECK_OK(pipc_session_send(session, &request, PIPC_NOW, PIPC_NO_HANDLE, NULL));
    for (;;) {
        const pipc_result result =
            pipc_session_receive(session, PIPC_NOW, 20000, PIPC_NO_HANDLE, &answer, NULL);
        if (result == PIPC_OK)
            break;
        CHECK_RESULT(result, PIPC_ERR_TIMEOUT);
        CHECK(np_signalled(handle, 10000)); /* room, or a packet */
    }
    CHECK(!pipc_session_wants_room(session));
    CHECK_EQ(answer.payload_len, WIN_BYTES);
    CHECK_MEM(answer.payload, win_pattern(), WIN_BYTES);
    pipc_session_close(session);
    win_echo_stop(&echo);
    CHECK_OK(pipc_close(context));
}

struct accepting {
    struct pipc_listener *listener;
    struct pipc_session *session;
};

static void accept_one(void *arg)
{
    struct accepting *const a = arg;

    CHECK_OK(pipc_accept(a->listener, 10000, PIPC_NO_HANDLE, &a->session, NULL));
}

/* Both ends of a session on which nobody reads yet. */
static struct pipc_session *pair(struct pipc_context *context, struct accepting *a)
{
    const struct pipc_session_settings settings = win_settings();

    CHECK_OK(pipc_listen(context, test_dir(), "pair", &settings, &a->listener, NULL));
    const HANDLE thread = np_thread(accept_one, a);
    struct pipc_session *const client = win_connect(context, "pair", PIPC_PROFILE_BASELINE);
    np_join(thread);
    return client;
}

TEST(np_session, a_send_that_finds_no_room_until_its_deadline_has_sent_nothing_and_says_so)
{
    struct pipc_context *const context = win_context("np", NULL);
    struct pipc_message request, taken = {.size = sizeof(taken)};
    struct accepting a = {0};
    struct pipc_session *const client = pair(context, &a);

    request = win_request(1, win_pattern(), 60000);
    CHECK_OK(pipc_session_send(client, &request, 10000, PIPC_NO_HANDLE, NULL));
    request = win_request(2, win_pattern(), 60000);
    CHECK_RESULT(pipc_session_send(client, &request, 50, PIPC_NO_HANDLE, NULL), PIPC_ERR_TIMEOUT);
    CHECK_EQ(pipc_session_in_flight(client, NULL, 0), 1);
    CHECK_EQ(win_status(client).state, PIPC_SESSION_OPEN);
    CHECK_OK(pipc_session_receive(a.session, 10000, 0, PIPC_NO_HANDLE, &taken, NULL));
    CHECK_EQ(taken.message_id, 1);
    /* What was told as sent is read, although its sender is gone by then. */
    CHECK_OK(pipc_session_send(client, &request, 10000, PIPC_NO_HANDLE, NULL));
    pipc_session_close(client);
    CHECK_OK(pipc_session_receive(a.session, 10000, 0, PIPC_NO_HANDLE, &taken, NULL));
    CHECK_EQ(taken.message_id, 2);
    CHECK_RESULT(pipc_session_receive(a.session, 10000, 0, PIPC_NO_HANDLE, &taken, NULL),
                 PIPC_ERR_DISCONNECTED);
    pipc_session_close(a.session);
    pipc_listener_close(a.listener);
    CHECK_OK(pipc_close(context));
}

/* As much of a message as is there; the rest keeps coming. */
static void take_what_is_there(struct pipc_session *session)
{
    struct pipc_message taken = {.size = sizeof(taken)};

    CHECK_RESULT(pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &taken, NULL),
                 PIPC_ERR_TIMEOUT);
}

TEST(np_session, the_handle_tells_of_room_for_a_rest_behind_a_send_that_waited_in_vain)
{
    struct pipc_context *const context = win_context("np", NULL);
    struct pipc_message request = win_request(1, win_pattern(), WIN_BYTES);
    struct pipc_message taken = {.size = sizeof(taken)};
    struct accepting a = {0};
    struct pipc_session *const client = pair(context, &a);
    const HANDLE handle = (HANDLE)pipc_session_wait_handle(client);
    pipc_result result = PIPC_ERR_TIMEOUT;

    CHECK_OK(pipc_session_send(client, &request, PIPC_NOW, PIPC_NO_HANDLE, NULL));
    take_what_is_there(a.session); /* the packet that was left behind, too */
    request = win_request(2, win_pattern(), 100);
    CHECK_RESULT(pipc_session_send(client, &request, 50, PIPC_NO_HANDLE, NULL), PIPC_ERR_TIMEOUT);
    CHECK(pipc_session_wants_room(client));
    take_what_is_there(a.session);
    CHECK(np_signalled(handle, 10000));
    while (result == PIPC_ERR_TIMEOUT) {
        CHECK_RESULT(pipc_session_receive(client, PIPC_NOW, 0, PIPC_NO_HANDLE, &taken, NULL),
                     PIPC_ERR_TIMEOUT);
        result = pipc_session_receive(a.session, PIPC_NOW, 0, PIPC_NO_HANDLE, &taken, NULL);
    }
    CHECK_OK(result);
    CHECK_EQ(taken.message_id, 1);
    CHECK_EQ(taken.payload_len, WIN_BYTES);
    pipc_session_close(client);
    pipc_session_close(a.session);
    pipc_listener_close(a.listener);
    CHECK_OK(pipc_close(context));
}
