/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers over an upgrade under the real core: sessions run over the wrapped data plane, and
 * offers and attaches that fail by the seed fall where the list says.
 */
#include "test.h"

#include <pipc/pipc.h>
#include <pipc/transports/chaos.h>
#include <pipc/transports/trace.h>

#include <pthread.h>

extern const struct pipc_module pipc_module_uds;
#if PIPC_TEST_HAVE_SHM
extern const struct pipc_module pipc_module_shm;
#endif

static char log_text[65536];
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void keep(void *arg, uint32_t level, const char *text)
{
    (void)arg, (void)level;
    pthread_mutex_lock(&log_lock);
    const size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof(log_text) - used, "%s\n", text);
    pthread_mutex_unlock(&log_lock);
}

static void add(struct pipc_config *config, const struct pipc_module *module)
{
    if (!PIPC_TEST_BUILTIN)
        CHECK_OK(pipc_config_add_module(config, module, NULL));
}

/* A list, and "section key value" three by three. */
static struct pipc_context *context(const char *transports, const char *const (*set)[3])
{
    const struct pipc_open_options options = {.size = sizeof(options), .log = keep};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_config *config;
    struct pipc_context *made;

    CHECK_OK(pipc_config_new(NULL, &config));
    add(config, &pipc_module_uds);
#if PIPC_TEST_HAVE_SHM
    add(config, &pipc_module_shm);
#endif
    add(config, &pipc_module_trace);
    add(config, &pipc_module_chaos);
    CHECK_OK(pipc_config_set(config, "pipc", "transports", transports, &err));
    CHECK_OK(pipc_config_set(config, "pipc", "log_level", "info", &err));
    for (; set && (*set)[0]; set++)
        CHECK_OK(pipc_config_set(config, (*set)[0], (*set)[1], (*set)[2], &err));
    CHECK_MSG(pipc_open(config, &options, &made, &err) == PIPC_OK, "%s", err.text);
    pipc_config_free(config);
    return made;
}

struct serving {
    struct pipc_listener *listener;
    struct pipc_session *session;
    pipc_result result;
};

static void *serve(void *arg)
{
    struct serving *const s = arg;

    s->result = pipc_accept(s->listener, 10000, PIPC_NO_HANDLE, &s->session, NULL);
    return NULL;
}

/* One session between two contexts: a request and its answer. Gives the client's status. */
static pipc_result talk(struct pipc_context *server, struct pipc_context *client,
                        struct pipc_session_status *status, struct pipc_upgrade_failure *failure,
                        struct pipc_error *err)
{
    struct serving s = {.result = PIPC_OK};
    struct pipc_session *session = NULL;
    struct pipc_message m = {.size = sizeof(m),
                             .kind = PIPC_KIND_REQUEST,
                             .code = 1,
                             .item_count = 1,
                             .message_id = 1,
                             .payload = "12345678",
                             .payload_len = 8};
    pthread_t thread;

    CHECK_OK(pipc_listen(server, test_dir(), "a", NULL, &s.listener, err));
    CHECK(pthread_create(&thread, NULL, serve, &s) == 0);
    const pipc_result result =
        pipc_connect(client, test_dir(), "a", NULL, 10000, PIPC_NO_HANDLE, &session, failure, err);
    pthread_join(thread, NULL);
    if (result == PIPC_OK) {
        CHECK_OK(s.result);
        CHECK_OK(pipc_session_send(session, &m, 10000, PIPC_NO_HANDLE, err));
        CHECK_OK(pipc_session_receive(s.session, 10000, 0, PIPC_NO_HANDLE, &m, err));
        CHECK_MEM(m.payload, "12345678", 8);
        m.kind = PIPC_KIND_RESPONSE;
        CHECK_OK(pipc_session_send(s.session, &m, 10000, PIPC_NO_HANDLE, err));
        CHECK_OK(pipc_session_receive(session, 10000, 0, PIPC_NO_HANDLE, &m, err));
        status->size = sizeof(*status);
        pipc_session_status(session, status);
    }
    pipc_session_close(session);
    pipc_session_close(s.session);
    pipc_listener_close(s.listener);
    return result;
}

static void need_shm(void)
{
    if (!PIPC_TEST_HAVE_SHM)
        test_skip("this build has no shared memory");
}

TEST(wrapper_planes, session_over_a_wrapped_upgrade_has_its_plane)
{
    static const char *const set[][3] = {{"transport.trace", "wraps", "chaos"},
                                         {"transport.chaos", "wraps", "shm"},
                                         {NULL, NULL, NULL}};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_session_status status;

    need_shm();
    struct pipc_context *const server = context("trace", set), *const client =
                                                                   context("trace", set);
    CHECK_MSG(talk(server, client, &status, NULL, &err) == PIPC_OK, "%s", err.text);
    CHECK_STR(status.transport, "trace");
    CHECK_EQ(status.selected_profile, 2);
    CHECK_HAS(log_text, "trace: ");
    CHECK_HAS(log_text, "a client 1 sent request 1");
    CHECK_HAS(log_text, "a server 1 received request 1");
    CHECK_OK(pipc_close(client));
    CHECK_OK(pipc_close(server));
}

TEST(wrapper_planes, offer_that_fails_leaves_the_plane_to_the_next_of_the_list)
{
    static const char *const fails[][3] = {{"transport.chaos", "wraps", "shm"},
                                           {"transport.chaos", "fail", "1000"},
                                           {NULL, NULL, NULL}};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_session_status status;

    need_shm();
    struct pipc_context *const server = context("chaos, uds", fails);
    struct pipc_context *const client = context("shm, uds", NULL);
    CHECK_MSG(talk(server, client, &status, NULL, &err) == PIPC_OK, "%s", err.text);
    CHECK_STR(status.transport, "uds");
    CHECK_EQ(status.degraded, 1);
    CHECK_OK(pipc_close(client));
    CHECK_OK(pipc_close(server));
}

TEST(wrapper_planes, attach_that_fails_is_told_with_the_bits_to_leave_out)
{
    static const char *const fails[][3] = {{"transport.chaos", "wraps", "shm"},
                                           {"transport.chaos", "fail", "1000"},
                                           {NULL, NULL, NULL}};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_session_status status;
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};

    need_shm();
    struct pipc_context *const server = context("shm, uds", NULL);
    struct pipc_context *const client = context("chaos, uds", fails);
    CHECK_RESULT(talk(server, client, &status, &failure, &err), PIPC_ERR_REGION_OPEN);
    CHECK_HAS(err.text, "an attach fails by the seed");
    CHECK_EQ(failure.bits, 2);
    CHECK_OK(pipc_close(client));
    CHECK_OK(pipc_close(server));
}
