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
