/* SPDX-License-Identifier: Apache-2.0
 *
 * When the close of a server disconnects its client, which frees the name that a client keeps who
 * does not close, and when it must not, since that destroys what is unread. Wine forgets names at
 * once, so it is the call that counts.
 */
#include "transports/np/np.h"
#include "windows/np_fixture.h"
#include "windows/win_calls.h"

/* What the system says of a pipe when it is asked; Wine does not know. */
static FILE_PIPE_LOCAL_INFORMATION told;
static NTSTATUS told_status;

static NTSTATUS NTAPI tell(HANDLE pipe, IO_STATUS_BLOCK *status, void *answer, ULONG len,
                           FILE_INFORMATION_CLASS what)
{
    (void)pipe;
    (void)status;
    CHECK_EQ(what, FilePipeLocalInformation);
    CHECK_EQ(len, sizeof(told));
    memcpy(answer, &told, sizeof(told));
    return told_status;
}

/* Whether the server's close disconnects a client that has been sent a packet and idles. */
static bool close_disconnects(np_query *query, uint64_t ns)
{
    struct np_fixture f;
    void *client, *server;

    np_fixture_open(&f);
    ((struct np_instance *)f.self)->query = query;
    np_pair(&f, &client, &server);
    CHECK_OK(np_put(&f, client, "request", 7, TEST_LONG));
    np_expect(&f, server, "request", 7);
    CHECK_OK(np_put(&f, server, "answer", 6, TEST_LONG));
    f.skew_ns += ns;
    const uint32_t before = win_count(WIN_DisconnectNamedPipe);
    np_end(&f, server);
    const uint32_t calls = win_count(WIN_DisconnectNamedPipe) - before;
    if (calls == 0)
        np_expect(&f, client, "answer", 6);
    np_expect_end(&f, client);
    np_end(&f, client);
    np_fixture_close(&f);
    return calls > 0;
}

TEST(np_disconnect,
     a_server_that_closes_disconnects_a_client_that_has_read_all_or_had_the_time_for_it)
{
    told = (FILE_PIPE_LOCAL_INFORMATION){.OutboundQuota = 65536, .WriteQuotaAvailable = 65536};
    told_status = 0;
    CHECK(close_disconnects(tell, 0));
    told.WriteQuotaAvailable = 65536 - 6; /* the answer is unread */
    CHECK(!close_disconnects(tell, 0));
    CHECK(close_disconnects(tell, NP_TIME_TO_READ_NS));
    told = (FILE_PIPE_LOCAL_INFORMATION){0}; /* not known */
    CHECK(!close_disconnects(tell, 0));
    told = (FILE_PIPE_LOCAL_INFORMATION){.OutboundQuota = 65536, .WriteQuotaAvailable = 65536};
    told_status = STATUS_INVALID_PARAMETER;
    CHECK(!close_disconnects(tell, 0));
    CHECK(!close_disconnects(NULL, 0));
    CHECK(close_disconnects(NULL, NP_TIME_TO_READ_NS));
}

TEST(np_disconnect, a_packet_that_was_left_behind_has_its_time_from_when_there_was_room)
{
    static char bytes[65536];
    struct np_fixture f;
    struct pipc_received received;
    void *client, *server;
    uint32_t sent = 0;

    np_fixture_open(&f);
    np_pair(&f, &client, &server);
    while (np_put(&f, server, bytes, sizeof(bytes), NP_NOW) == PIPC_OK)
        sent++;
    CHECK_RESULT(f.err.result, PIPC_ERR_TIMEOUT);
    f.skew_ns += NP_TIME_TO_READ_NS;
    for (uint32_t i = 1; i < sent; i++)
        CHECK_OK(np_get(&f, client, bytes, sizeof(bytes), TEST_LONG, &received));
    np_end(&f, server);
    CHECK_OK(np_get(&f, client, bytes, sizeof(bytes), TEST_LONG, &received));
    CHECK_EQ(received.len, sizeof(bytes));
    np_expect_end(&f, client);
    np_end(&f, client);
    np_fixture_close(&f);
}
