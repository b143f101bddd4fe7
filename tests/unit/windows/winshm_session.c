/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions of the core over shared memory of Windows: both profiles, messages of every size, which
 * profile is selected, and many round trips.
 */
#include "windows/win_session.h"

static void all_sizes(const char *planes, uint32_t bit)
{
    static const size_t lens[] = {0, 1, 31, 32, 33, 65504, 200000, WIN_BYTES};
    struct pipc_context *const context = win_context("winshm,np", planes);
    struct win_echo echo;

    win_echo_start(&echo, context, "echo");
    struct pipc_session *const session = win_connect(context, "echo", bit);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        win_exchange(session, i, win_pattern(), lens[i]);
    for (uint32_t i = 0; i < test_scale(20000); i++)
        win_exchange(session, i, win_pattern() + i % 1000, i % 2000);
    pipc_session_close(session);
    win_echo_stop(&echo);
    CHECK_OK(pipc_close(context));
}

TEST(winshm_session, hybrid_messages_of_every_size_are_answered)
{
    all_sizes(NULL, PIPC_PROFILE_SHM_HYBRID);
}

TEST(winshm_session, busywait_messages_of_every_size_are_answered)
{
    all_sizes("busywait", PIPC_PROFILE_SHM_BUSYWAIT);
}
