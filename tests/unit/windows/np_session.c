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
