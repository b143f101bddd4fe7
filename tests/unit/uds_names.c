/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of endpoints: what is refused before any system call, where the limit of a path lies, and
 * which spellings name the same file.
 */
#include "uds_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void check_refused(const char *dir, const char *service, pipc_result expected)
{
    struct uds_fixture f;
    void *object = &f;

    uds_fixture_open(&f);
    CHECK_RESULT(uds_try_listen(&f, dir, service, &object), expected);
    CHECK(f.err.text[0] && f.err.result == expected);
    CHECK_RESULT(uds_try_connect(&f, dir, service, TEST_LONG, &object), expected);
    CHECK(object == &f);
    uds_fixture_close(&f);
}

static void check_serves(struct uds_fixture *f, const char *listen_dir, const char *connect_dir,
                         const char *service)
{
    void *listener, *client, *server;
    struct pipc_received received;
    char got[8];

    CHECK_MSG(uds_try_listen(f, listen_dir, service, &listener) == PIPC_OK, "%s", f->err.text);
    CHECK_MSG(uds_try_connect(f, connect_dir, service, 5000, &client) == PIPC_OK, "%s",
              f->err.text);
    server = uds_must_accept(f, listener);
    CHECK_OK(uds_put(f, client, "hello", 5, TEST_LONG));
    CHECK_OK(uds_get(f, server, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 5);
    CHECK_MEM(got, "hello", 5);
    uds_end(f, client);
    uds_end(f, server);
    uds_end_listener(f, listener);
}

TEST(uds_names, run_directory_absent_or_empty_is_refused)
{
    check_refused(NULL, "a", PIPC_ERR_BAD_PARAM);
    check_refused("", "a", PIPC_ERR_BAD_PARAM);
}

TEST(uds_names, service_names_out_of_the_alphabet_are_refused)
{
    static const char *const names[] = {NULL, "",    ".",    "..", "a/b",   "a b",
                                        "/",  "a\n", "\x80", "é",  "a\x7f", "a:b"};
    size_t i;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_refused(test_dir(), names[i], PIPC_ERR_BAD_PARAM);
}

TEST(uds_names, a_nul_byte_ends_the_name)
{
    /* Names are C strings: what stands behind a NUL is not part of them, so this one is empty. */
    check_refused(test_dir(), "\0a", PIPC_ERR_BAD_PARAM);
}

TEST(uds_names, bad_name_is_found_before_a_path_too_long)
{
    char dir[400];

    memset(dir, 'd', sizeof(dir));
    dir[sizeof(dir) - 1] = '\0';
    check_refused(dir, "a/b", PIPC_ERR_BAD_PARAM);
    check_refused(dir, "a", PIPC_ERR_PATH_TOO_LONG);
}

TEST(uds_names, allowed_names_serve)
{
    static const char *const names[] = {"a",
                                        "-a",
                                        "...",
                                        ".a",
                                        "Z",
                                        "0",
                                        "_",
                                        "ABCDEFGHIJKLMNOPQRSTUVWXYZabc",
                                        "defghijklmnopqrstuvwxyz0123456789._-"};
    struct uds_fixture f;
    size_t i;

    uds_fixture_open(&f);
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_serves(&f, test_dir(), test_dir(), names[i]);
    uds_fixture_close(&f);
}

/* A service name that makes the whole path `len` bytes long. */
static void name_for(char *name, size_t len)
{
    const size_t count = len - strlen(test_dir()) - strlen("/.sock");

    memset(name, 'n', count);
    name[count] = '\0';
}

TEST(uds_names, name_of_64_bytes_serves)
{
    struct uds_fixture f;
    char name[65];

    memset(name, 'x', 64);
    name[64] = '\0';
    uds_fixture_open(&f);
    check_serves(&f, test_dir(), test_dir(), name);
    uds_fixture_close(&f);
}

TEST(uds_names, path_of_103_104_106_and_107_bytes_serves)
{
    static const size_t lengths[] = {103, 104, 106, 107};
    struct uds_fixture f;
    char name[128];
    size_t i;

    uds_fixture_open(&f);
    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        name_for(name, lengths[i]);
        check_serves(&f, test_dir(), test_dir(), name);
    }
    uds_fixture_close(&f);
}

TEST(uds_names, path_of_108_bytes_is_too_long_and_the_error_names_length_and_limit)
{
    struct uds_fixture f;
    char name[128];
    void *object = &f;

    uds_fixture_open(&f);
    name_for(name, 108);
    CHECK_RESULT(uds_try_listen(&f, test_dir(), name, &object), PIPC_ERR_PATH_TOO_LONG);
    CHECK_HAS(f.err.text, "108");
    CHECK_HAS(f.err.text, "107");
    CHECK_RESULT(uds_try_connect(&f, test_dir(), name, TEST_LONG, &object), PIPC_ERR_PATH_TOO_LONG);
    CHECK(object == &f);
    uds_fixture_close(&f);
}

TEST(uds_names, other_spellings_of_the_directory_name_the_same_endpoint)
{
    struct uds_fixture f;
    char dir[96];

    uds_fixture_open(&f);
    snprintf(dir, sizeof(dir), "%s/", test_dir());
    check_serves(&f, test_dir(), dir, "same");
    check_serves(&f, dir, test_dir(), "same");
    snprintf(dir, sizeof(dir), "/%s//", test_dir());
    check_serves(&f, test_dir(), dir, "same");
    check_serves(&f, dir, test_dir(), "same");
    snprintf(dir, sizeof(dir), "%s/.", test_dir());
    check_serves(&f, dir, test_dir(), "same");
    uds_fixture_close(&f);
}

static int relative_directory(void *arg)
{
    struct uds_fixture *f = arg;

    CHECK(chdir(test_dir()) == 0);
    CHECK(mkdir("run", 0700) == 0);
    check_serves(f, "run", test_path("run"), "rel");
    check_serves(f, test_path("run"), "./run", "rel");
    check_serves(f, ".", test_dir(), "rel");
    return 0;
}

TEST(uds_names, relative_directory_names_the_same_endpoint)
{
    struct uds_fixture f;

    test_dir();
    uds_fixture_open(&f);
    CHECK_EQ(test_in_child(relative_directory, &f), 0);
    uds_fixture_close(&f);
}

static int changed_directory(void *arg)
{
    struct uds_fixture *f = arg;
    void *listener;

    CHECK(chdir(test_dir()) == 0);
    CHECK(mkdir("run", 0700) == 0 && mkdir("other", 0700) == 0 && mkdir("other/run", 0700) == 0);
    uds_dead_socket("other/run/rel.sock");
    CHECK_OK(uds_try_listen(f, "run", "rel", &listener));
    CHECK(uds_exists("run/rel.sock"));
    CHECK(chdir("other") == 0);
    uds_end_listener(f, listener);
    CHECK(uds_exists("run/rel.sock"));
    CHECK(!uds_exists("../run/rel.sock"));
    return 0;
}

TEST(uds_names, close_after_a_change_of_directory_removes_the_own_entry_alone)
{
    struct uds_fixture f;

    test_dir();
    uds_fixture_open(&f);
    CHECK_EQ(test_in_child(changed_directory, &f), 0);
    uds_fixture_close(&f);
}

TEST(uds_names, missing_directory_is_no_error_of_the_name)
{
    struct uds_fixture f;
    void *object = &f;

    uds_fixture_open(&f);
    CHECK_RESULT(uds_try_listen(&f, test_path("none"), "a", &object), PIPC_ERR_SOCKET);
    CHECK_EQ(f.err.os_code, ENOENT);
    CHECK_HAS(f.err.text, test_path("none"));
    CHECK_RESULT(uds_try_connect(&f, test_path("none"), "a", TEST_LONG, &object), PIPC_ERR_CONNECT);
    CHECK_EQ(f.err.os_code, ENOENT);
    CHECK(object == &f);
    uds_fixture_close(&f);
}

TEST(uds_names, services_of_one_directory_and_one_name_in_two_directories_do_not_meet)
{
    struct uds_fixture f;
    void *first, *second, *third, *client, *server, *none;

    uds_fixture_open(&f);
    CHECK(mkdir(test_path("other"), 0700) == 0);
    first = uds_must_listen(&f, "a");
    second = uds_must_listen(&f, "a-b");
    CHECK_OK(uds_try_listen(&f, test_path("other"), "a", &third));
    client = uds_must_connect(&f, "a");
    CHECK_RESULT(uds_try_accept(&f, second, UDS_NOW, &none), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(uds_try_accept(&f, third, UDS_NOW, &none), PIPC_ERR_TIMEOUT);
    server = uds_must_accept(&f, first);
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, first);
    CHECK(uds_exists(test_path("a-b.sock")) && uds_exists(test_path("other/a.sock")));
    uds_end_listener(&f, second);
    uds_end_listener(&f, third);
    uds_fixture_close(&f);
}
