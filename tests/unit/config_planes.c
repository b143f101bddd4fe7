/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of transports against each other over the real ones (docs/config.md 4): what is negotiated,
 * and what the status of each side says about a first name that was passed over.
 */
#include "test.h"
#include "transports.h"

#include <pipc/pipc.h>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#define SERVICE "svc"

struct list {
    const char *text, *first;
    uint32_t supported, preferred;
};

static const struct list lists[] = {
    {"uds", "uds", 0x01, 0x01},      {"shm,uds", "shm", 0x03, 0x02},
    {"uds,shm", "uds", 0x03, 0x01},  {"shm", "shm", 0x02, 0x02},
    {"-shm,uds", "shm", 0x03, 0x02}, {"-nosuch,shm,uds", "nosuch", 0x03, 0x02}};
#define LISTS (sizeof(lists) / sizeof(lists[0]))

static void need_both(void)
{
#if !PIPC_TEST_HAVE_SHM
    test_skip("this build has no shared memory");
#endif
}

static struct pipc_context *context_of(const char *list)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
    if (PIPC_TEST_HAVE_LOADER)
        CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err));
    test_add_transports(config);
    CHECK_MSG(pipc_config_set(config, "pipc", "transports", list, &err) == PIPC_OK, "%s", err.text);
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "%s: %s", list, err.text);
    pipc_config_free(config);
    return context;
}

/* ---- a session between two lists ---- */

struct side {
    struct pipc_context *context;
    struct pipc_session *session;
    pipc_result result;
    struct pipc_error err;
};

struct pair {
    struct side client, server;
    struct pipc_listener *listener;
    pthread_t thread;
};

static void *accept_one(void *arg)
{
    struct pair *p = arg;

    p->server.result =
        pipc_accept(p->listener, 20000, PIPC_NO_HANDLE, &p->server.session, &p->server.err);
    return NULL;
}

static void pair_open(struct pair *p, const char *client, const char *server)
{
    memset(p, 0, sizeof(*p));
    p->client.err = p->server.err = (struct pipc_error)PIPC_ERROR_INIT;
    p->client.context = context_of(client);
    p->server.context = context_of(server);
    CHECK_MSG(pipc_listen(p->server.context, test_dir(), SERVICE, NULL, &p->listener,
                          &p->server.err) == PIPC_OK,
              "%s", p->server.err.text);
    CHECK_EQ(pthread_create(&p->thread, NULL, accept_one, p), 0);
    p->client.result = pipc_connect(p->client.context, test_dir(), SERVICE, NULL, 20000,
                                    PIPC_NO_HANDLE, &p->client.session, NULL, &p->client.err);
    CHECK_EQ(pthread_join(p->thread, NULL), 0);
}

static void pair_close(struct pair *p)
{
    pipc_session_close(p->client.session);
    pipc_session_close(p->server.session);
    pipc_listener_close(p->listener);
    CHECK_OK(pipc_close(p->client.context));
    CHECK_OK(pipc_close(p->server.context));
}

/* One request and its answer. */
static void pair_exchange(struct pair *p)
{
    struct pipc_message m = {.size = sizeof(m),
                             .kind = PIPC_KIND_REQUEST,
                             .code = 77,
                             .item_count = 1,
                             .message_id = 5,
                             .payload = "question",
                             .payload_len = 8};

    CHECK_OK(pipc_session_send(p->client.session, &m, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(p->server.session, TEST_LONG, 0, PIPC_NO_HANDLE, &m, NULL));
    CHECK_MEM(m.payload, "question", 8);
    m.kind = PIPC_KIND_RESPONSE;
    CHECK_OK(pipc_session_send(p->server.session, &m, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_OK(pipc_session_receive(p->client.session, TEST_LONG, 0, PIPC_NO_HANDLE, &m, NULL));
    CHECK_MEM(m.payload, "question", 8);
}

static struct pipc_session_status status_of(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    return status;
}

/* The side says what carries its messages, and whether and why that is not its first name. */
static void check_side(const struct side *side, const struct list *own, const struct list *peer,
                       uint32_t selected)
{
    const struct pipc_session_status status = status_of(side->session);
    const char *const name = selected == 1 ? "uds" : "shm";

    CHECK_STR(status.transport, name);
    CHECK_EQ(status.selected_profile, selected);
    CHECK_EQ(status.peer_profiles, peer->supported);
    CHECK_MSG((status.region_bytes > 0) == (selected != 1), "%" PRIu64 " bytes of region",
              status.region_bytes);
    if (strcmp(name, own->first) == 0) {
        CHECK_EQ(status.degraded, 0);
        CHECK_STR(status.passed_over, "");
        return;
    }
    CHECK_EQ(status.degraded, 1);
    CHECK_STR(status.passed_over, own->first);
    CHECK_MSG(strlen(status.passed_over_why) > 10, "no reason: \"%s\"", status.passed_over_why);
}

static uint32_t highest(uint32_t bits)
{
    return UINT32_C(1) << (31 - __builtin_clz(bits));
}

TEST(config_planes, every_list_against_every_other_gives_the_plane_of_the_page_and_says_so)
{
    need_both();
    for (size_t i = 0; i < LISTS; i++) {
        for (size_t k = 0; k < LISTS; k++) {
            const struct list *const client = &lists[i], *const server = &lists[k];
            const uint32_t common = client->supported & server->supported;
            const uint32_t wanted = common & client->preferred & server->preferred;
            struct pair p;
            if (!PIPC_TEST_HAVE_LOADER &&
                (strstr(client->text, "nosuch") != NULL || strstr(server->text, "nosuch") != NULL))
                continue; /* its reason is another one there */
            pair_open(&p, client->text, server->text);
            if (!common) {
                CHECK_RESULT(p.client.result, PIPC_ERR_NO_PROFILE);
                CHECK_RESULT(p.server.result, PIPC_ERR_NO_PROFILE);
                pair_close(&p);
                continue;
            }
            CHECK_MSG(p.client.result == PIPC_OK, "%s to %s: %s", client->text, server->text,
                      p.client.err.text);
            CHECK_OK(p.server.result);
            check_side(&p.client, client, server, highest(wanted ? wanted : common));
            check_side(&p.server, server, client, highest(wanted ? wanted : common));
            pair_exchange(&p);
            pair_close(&p);
        }
    }
}

/* ---- passed over by the system ---- */

/* No file may be as large as a region. */
static void forbid_files(struct rlimit *ret_limit)
{
    struct rlimit tight;

    CHECK_EQ(getrlimit(RLIMIT_FSIZE, ret_limit), 0);
    tight = *ret_limit;
    tight.rlim_cur = 1024;
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

TEST(config_planes, a_region_that_cannot_be_made_is_named_as_the_reason)
{
    struct rlimit limit;
    struct pair p;

    need_both();
    forbid_files(&limit);
    pair_open(&p, "shm,uds", "shm,uds");
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    CHECK_MSG(p.client.result == PIPC_OK, "%s", p.client.err.text);
    CHECK_OK(p.server.result);
    const struct pipc_session_status server = status_of(p.server.session);
    const struct pipc_session_status client = status_of(p.client.session);
    CHECK_STR(server.transport, "uds");
    CHECK_EQ(server.degraded, 1);
    CHECK_STR(server.passed_over, "shm");
    CHECK_HAS(server.passed_over_why, "above the limit of 1024 for files");
    CHECK_EQ(client.degraded, 1);
    CHECK_STR(client.passed_over, "shm");
    CHECK_EQ(client.peer_profiles, PIPC_PROFILE_BASELINE);
    CHECK(client.passed_over_why[0] != 0);
    pair_exchange(&p);
    pair_close(&p);
}

TEST(config_planes, without_another_plane_a_region_that_cannot_be_made_is_no_session)
{
    struct rlimit limit;
    struct pair p;

    need_both();
    forbid_files(&limit);
    pair_open(&p, "shm,uds", "shm");
    CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* Closed without HELLO_ACK: the next attempt may find room. */
    CHECK_RESULT(p.client.result, PIPC_ERR_DISCONNECTED);
    CHECK(p.server.result != PIPC_OK);
    CHECK(p.client.session == NULL && p.server.session == NULL);
    pair_close(&p);
    pair_open(&p, "shm,uds", "shm");
    CHECK_OK(p.client.result);
    CHECK_STR(status_of(p.client.session).transport, "shm");
    pair_exchange(&p);
    pair_close(&p);
}

/* ---- one message at a time ---- */

TEST(config_planes, a_second_request_is_refused_until_the_first_is_answered)
{
    struct pair p;
    struct pipc_message m = {
        .size = sizeof(m), .kind = PIPC_KIND_REQUEST, .code = 77, .item_count = 1, .message_id = 1};

    need_both();
    pair_open(&p, "shm", "shm");
    CHECK_OK(pipc_session_send(p.client.session, &m, TEST_LONG, PIPC_NO_HANDLE, NULL));
    m.message_id = 2;
    for (int i = 0; i < 2; i++) {
        struct pipc_message none = {.size = sizeof(none)};
        CHECK_RESULT(
            pipc_session_send(p.client.session, &m, TEST_LONG, PIPC_NO_HANDLE, &p.client.err),
            PIPC_ERR_LIMIT_EXCEEDED);
        CHECK(p.client.err.text[0] != 0);
        /* also after a timeout */
        CHECK_RESULT(
            pipc_session_receive(p.client.session, 10, 0, PIPC_NO_HANDLE, &none, &p.client.err),
            PIPC_ERR_TIMEOUT);
    }
    struct pipc_message got = {.size = sizeof(got)};
    CHECK_OK(pipc_session_receive(p.server.session, TEST_LONG, 0, PIPC_NO_HANDLE, &got, NULL));
    CHECK_EQ(got.message_id, 1);
    got.kind = PIPC_KIND_RESPONSE;
    CHECK_OK(pipc_session_send(p.server.session, &got, TEST_LONG, PIPC_NO_HANDLE, NULL));
    CHECK_RESULT(
        pipc_session_send(p.server.session, &got, TEST_LONG, PIPC_NO_HANDLE, &p.server.err),
        PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_session_receive(p.client.session, TEST_LONG, 0, PIPC_NO_HANDLE, &got, NULL));
    CHECK_OK(pipc_session_send(p.client.session, &m, TEST_LONG, PIPC_NO_HANDLE, NULL));
    pair_close(&p);
}
