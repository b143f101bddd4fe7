/* SPDX-License-Identifier: Apache-2.0
 *
 * Views that borrow: a handler that reads its request while it builds its answer, a caller that
 * asks with what it was answered, and a view that is used for too long.
 */
#include "client_script.h"
#include "test.h"

#include <pipc/codecs/string_reverse.h>
#include <pipc/pipc.h>

#include <pthread.h>

#define LONGEST 100000u

struct service {
    struct pipc_context *context;
    struct pipc_server *server;
    struct pipc_client *client;
    pthread_t thread;
};

/* Reads a byte of the request after each byte of the answer. */
static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    (void)user;
    (void)from;
    if (len > space_len)
        return 0;
    CHECK(str + len <= space || space + space_len <= str);
    for (size_t i = 0; i < len; i++)
        space[i] = str[len - 1 - i];
    *ret_len = len;
    return 1;
}

static void *run(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

static void start(struct service *s)
{
    static const struct pipc_string_reverse_handler handler = {.size = sizeof(handler),
                                                               .string_reverse = reverse};
    const struct pipc_server_config config = {.size = sizeof(config),
                                              .max_request_payload_bytes = 1u << 20,
                                              .max_response_payload_bytes = 1u << 20};
    const struct pipc_client_config mine = {.size = sizeof(mine),
                                            .max_request_payload_bytes = 1u << 20};

    s->context = script_context(NULL);
    CHECK_OK(pipc_server_create_string_reverse(s->context, test_dir(), SCRIPT_SERVICE, &handler, 2,
                                               &config, &s->server, NULL));
    CHECK(pthread_create(&s->thread, NULL, run, s->server) == 0);
    s->client = script_ready(s->context, &mine, true);
}

static void end(struct service *s)
{
    pipc_client_destroy(s->client);
    CHECK_OK(pipc_server_stop(s->server));
    CHECK(pthread_join(s->thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(s->server));
    script_context_close(s->context);
}

TEST(pitfalls_views, an_answer_that_is_built_while_its_request_is_read_is_right)
{
    static char text[LONGEST], expected[LONGEST];
    struct service s;

    start(&s);
    for (unsigned i = 0; i < LONGEST; i++)
        text[i] = (char)('a' + i % 23);
    for (unsigned len = 1; len <= LONGEST; len *= 10) {
        struct pipc_string_reverse_view view;
        for (unsigned i = 0; i < len; i++)
            expected[i] = text[len - 1 - i];
        CHECK_OK(pipc_client_call_string_reverse(s.client, text, len, &view, 0, NULL));
        CHECK_EQ(view.str.len, len);
        CHECK_MEM(view.str.ptr, expected, len);
        /* The answer is the next question: it is read before its place is written. */
        CHECK_OK(
            pipc_client_call_string_reverse(s.client, view.str.ptr, view.str.len, &view, 0, NULL));
        CHECK_EQ(view.str.len, len);
        CHECK_MEM(view.str.ptr, text, len);
    }
    end(&s);
}

#if !defined(NDEBUG) || defined(__SANITIZE_ADDRESS__)
#define POISONS 1
#else
#define POISONS 0
#endif

TEST(pitfalls_views, a_view_that_is_used_for_too_long_shows_in_builds_that_look_for_faults)
{
    struct service s;
    struct pipc_string_reverse_view first, second;

    if (!POISONS)
        test_skip("this build does not poison");
    start(&s);
    CHECK_OK(pipc_client_call_string_reverse(s.client, "a long string", 13, &first, 0, NULL));
    CHECK_MEM(first.str.ptr, "gnirts gnol a", 13);
    CHECK_OK(pipc_client_call_string_reverse(s.client, "x", 1, &second, 0, NULL));
    CHECK_EQ((unsigned char)first.str.ptr[12], 0xdb);
    CHECK_MEM(second.str.ptr, "x", 1);
    end(&s);
}
