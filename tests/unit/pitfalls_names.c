/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that do not fit: refused with their length and the limit, by listeners and clients alike,
 * before anything is touched.
 */
#include "client_script.h"
#include "test.h"

#include <pipc/pipc.h>

#include <dirent.h>

static unsigned entries(void)
{
    DIR *dir = opendir(test_dir());
    unsigned count = 0;

    CHECK(dir != NULL);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* The directory of the test with slashes behind it, so that the path of "svc" has `total` bytes. */
static char *long_dir(size_t total)
{
    const size_t len = total - strlen("/svc.sock");
    char *dir = malloc(len + 1);

    CHECK(dir != NULL && len > strlen(test_dir()));
    memset(dir, '/', len);
    memcpy(dir, test_dir(), strlen(test_dir()));
    dir[len - 1] = '.';
    dir[len] = '\0';
    return dir;
}

TEST(pitfalls_names, a_path_of_any_length_above_the_limit_is_refused_without_a_trace)
{
    static const size_t lengths[] = {108, 109, 255, 256, 4095, 4096, 4097, 70000};
    struct pipc_context *context = script_context(NULL);
    const unsigned before = entries();

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        struct pipc_listener *listener = NULL;
        struct pipc_client *client = NULL;
        char *dir = long_dir(lengths[i]), number[16];
        snprintf(number, sizeof(number), "%zu", lengths[i]);
        CHECK_RESULT(pipc_listen(context, dir, "svc", NULL, &listener, &err),
                     PIPC_ERR_PATH_TOO_LONG);
        CHECK_HAS(err.text, number);
        CHECK_HAS(err.text, "107");
        CHECK_OK(pipc_client_create(context, dir, "svc", NULL, &client, NULL));
        CHECK_RESULT(pipc_client_refresh_timeout(client, 100, NULL, &err), PIPC_ERR_PATH_TOO_LONG);
        CHECK_HAS(err.text, number);
        CHECK_EQ(script_status(client).state, PIPC_CLIENT_DISCONNECTED);
        pipc_client_destroy(client);
        free(dir);
        CHECK_EQ(entries(), before);
    }
    script_context_close(context);
}

TEST(pitfalls_names, names_of_services_that_are_none_are_refused_without_a_trace)
{
    static const char *const names[] = {"", ".", "..", "a/b", "/", "a b", "\xc3\xa4", "../a"};
    struct pipc_context *context = script_context(NULL);
    const unsigned before = entries();
    char longest[201];

    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    for (unsigned i = 0; i <= sizeof(names) / sizeof(names[0]); i++) {
        const char *const name = i < sizeof(names) / sizeof(names[0]) ? names[i] : longest;
        struct pipc_listener *listener = NULL;
        struct pipc_session *session = NULL;
        const pipc_result listened = pipc_listen(context, test_dir(), name, NULL, &listener, NULL);
        const pipc_result connected = pipc_connect(context, test_dir(), name, NULL, 100,
                                                   PIPC_NO_HANDLE, &session, NULL, NULL);
        CHECK_MSG(listened == PIPC_ERR_BAD_PARAM || listened == PIPC_ERR_PATH_TOO_LONG, "%s: %s",
                  name, pipc_result_name(listened));
        CHECK_RESULT(connected, listened);
        CHECK_EQ(entries(), before);
    }
    script_context_close(context);
}
