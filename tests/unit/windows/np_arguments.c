/* SPDX-License-Identifier: Apache-2.0
 *
 * What is asked of the system: the arguments of CreateNamedPipe and CreateFile, recorded. Wine does
 * not enforce most of them, so this is where they are tested.
 */
#include "windows/np_fixture.h"
#include "windows/win_calls.h"

#include <sddl.h>

static void user_of_process(char *text, size_t cap)
{
    union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } u;
    HANDLE token;
    char *sid;
    DWORD len;

    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token));
    CHECK(GetTokenInformation(token, TokenUser, &u, sizeof(u), &len));
    CHECK(ConvertSidToStringSidA(u.user.User.Sid, &sid));
    (void)snprintf(text, cap, "%s", sid);
    LocalFree(sid);
    CloseHandle(token);
}

static void check_instance(const struct win_made *m, bool first, DWORD quota)
{
    char user[200], expected[300];

    user_of_process(user, sizeof(user));
    (void)snprintf(expected, sizeof(expected), "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", user);
    CHECK_EQ(m->call, WIN_CreateNamedPipeW);
    CHECK_STR(m->name, np_pipe_name("service"));
    CHECK_EQ(m->access, 0x3u | 0x40000000u | (first ? 0x80000u : 0u));
    CHECK_EQ(m->mode, 0x4u | 0x2u | 0x8u);
    CHECK_EQ(m->instances, 255);
    CHECK_EQ(m->out_size, quota);
    CHECK_EQ(m->in_size, quota);
    CHECK_EQ(m->timeout, 0);
    CHECK(m->secured && !m->inherited);
    CHECK_STR(m->sddl, expected);
}

static void listen_with(uint64_t packet_size, DWORD quota)
{
    struct np_fixture f;
    void *listener, *client, *server;

    np_fixture_defaults(&f);
    np_fixture_number(&f, PIPC_NP_OPTION_PACKET_SIZE, packet_size);
    CHECK_OK(np_fixture_init(&f));
    win_made_forget();
    listener = np_must_listen(&f, "service");
    CHECK_EQ(win_made_count(), PIPC_NP_LISTEN_INSTANCES);
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++)
        check_instance(win_made(i), i == 0, quota);
    client = np_must_connect(&f, "service");
    win_made_forget();
    server = np_must_accept(&f, listener);
    CHECK_EQ(win_made_count(), 1);
    check_instance(win_made(0), false, quota); /* the successor */
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_arguments, instances_are_made_as_the_page_says)
{
    listen_with(PIPC_NP_PACKET_DEFAULT, 65536);
}

TEST(np_arguments, the_quota_follows_the_packet_size_between_its_bounds)
{
    listen_with(0, 65536);
    listen_with(33, 65536);
    listen_with(65537, 65537);
    listen_with(1048576, 1048576);
    listen_with(UINT32_MAX, 1048576);
}

TEST(np_arguments, a_client_opens_without_lending_its_identity_and_in_message_mode)
{
    struct np_fixture f;
    void *listener, *client, *server;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    win_made_forget();
    client = np_must_connect(&f, "service");
    CHECK_EQ(win_made_count(), 1);
    CHECK_EQ(win_made(0)->call, WIN_CreateFileW);
    CHECK_STR(win_made(0)->name, np_pipe_name("service"));
    CHECK_EQ(win_made(0)->access, GENERIC_READ | GENERIC_WRITE);
    CHECK_EQ(win_made(0)->share, 0);
    CHECK_EQ(win_made(0)->disposition, OPEN_EXISTING);
    CHECK_EQ(win_made(0)->mode,
             FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION);
    CHECK(!win_made(0)->inherited);
    CHECK_EQ(win_count(WIN_SetNamedPipeHandleState), 1);
    server = np_must_accept(&f, listener);
    /* Two packets stay two, although both are there before the first read. */
    CHECK_OK(np_put(&f, server, "one", 3, TEST_LONG));
    CHECK_OK(np_put(&f, server, "two", 3, TEST_LONG));
    np_expect(&f, client, "one", 3);
    np_expect(&f, client, "two", 3);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_arguments, a_descriptor_that_cannot_be_made_ends_listen_without_a_fallback)
{
    static const enum win_call needed[] = {
        WIN_OpenProcessToken, WIN_GetTokenInformation,
        WIN_ConvertStringSecurityDescriptorToSecurityDescriptorA};
    struct np_fixture f;
    void *listener = NULL;

    np_fixture_open(&f);
    for (size_t i = 0; i < 3; i++) {
        win_made_forget();
        win_refuse(needed[i], 0, 1, ERROR_ACCESS_DENIED);
        CHECK_RESULT(np_try_listen(&f, NULL, "service", &listener), PIPC_ERR_SOCKET);
        CHECK_EQ(f.err.os_code, ERROR_ACCESS_DENIED);
        CHECK_EQ(win_made_count(), 0);
        CHECK_EQ(f.live, 1); /* the instance */
    }
    np_fixture_close(&f);
}
