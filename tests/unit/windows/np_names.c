/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of pipes (docs/level1-windows-np.md 2): the hash, the examples, what is refused.
 */
#include "test.h"
#include "transports/np/np.h"
#include "windows/np_fixture.h"

static struct np_name name_of(const char *dir, const char *service)
{
    const struct pipc_endpoint endpoint = {
        .size = (uint32_t)sizeof(endpoint), .run_dir = dir, .service = service};
    struct np_name name;

    CHECK_OK(np_name_make(NULL, &endpoint, &name, NULL));
    return name;
}

static uint64_t hash_of(const char *text)
{
    return np_hash(text, strlen(text));
}

TEST(np_names, hashes_are_those_of_the_page)
{
    CHECK_EQ(hash_of(""), UINT64_C(0xcbf29ce484222325));
    CHECK_EQ(hash_of("a"), UINT64_C(0xaf63dc4c8601ec8c));
    CHECK_EQ(hash_of("foobar"), UINT64_C(0x85944171f73967e8));
    CHECK_EQ(hash_of("\n"), UINT64_C(0xaf63c74c8601c8dd));
    CHECK_EQ(hash_of("\xff"), UINT64_C(0xaf64724c8602eb6e));
}

TEST(np_names, bytes_from_0x80_on_are_hashed_as_unsigned_ones)
{
    for (unsigned byte = 0x80; byte <= 0xff; byte++) {
        const char text = (char)byte;
        const uint64_t expected =
            (UINT64_C(0xcbf29ce484222325) ^ byte) * UINT64_C(0x00000100000001b3);
        CHECK_EQ(np_hash(&text, 1), expected);
    }
}

TEST(np_names, run_dirs_of_the_page_have_the_hashes_of_the_page)
{
    static const struct {
        const char *dir, *hash;
    } rows[] = {
        {"C:\\ProgramData\\Netdata\\run", "154ad9eb210dbafe"},
        {"C:/ProgramData/Netdata/run", "13b0f59e59acb03d"},
        {"C:\\ProgramData\\Netdata\\run\\", "3beaec892a542146"},
        {"C:\\Temp", "75a9d730ac07ca1a"},
        {"/run/netdata", "efc07ed598ac339b"},
        {"D:\\data\\ipc", "df9c237082cb2033"},
        {"C:\\Users\\J\xc3\xbcrgen\\run", "72a00520cdbf7c60"},
    };
    char expected[300];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct np_name name = name_of(rows[i].dir, "cgroups-snapshot");
        (void)snprintf(expected, sizeof(expected), "\\\\.\\pipe\\netipc-%s-cgroups-snapshot",
                       rows[i].hash);
        CHECK_STR(name.text, expected);
        for (size_t at = 0; at <= strlen(expected); at++)
            CHECK_EQ(name.wide[at], (unsigned char)expected[at]);
    }
}

TEST(np_names, other_spellings_of_a_run_dir_are_other_names)
{
    static const char *const dirs[] = {"C:\\run", "C:\\run\\", "C:/run", "c:\\run", "C:\\RUN"};

    for (size_t i = 0; i < 5; i++)
        for (size_t j = i + 1; j < 5; j++)
            CHECK(strcmp(name_of(dirs[i], "s").text, name_of(dirs[j], "s").text) != 0);
}

TEST(np_names, a_service_of_222_bytes_is_served_and_one_of_223_refused)
{
    struct np_fixture f;
    void *listener = NULL, *client = NULL, *server = NULL;
    char service[224];

    np_fixture_open(&f);
    memset(service, 's', sizeof(service));
    service[222] = '\0';
    CHECK_EQ(strlen(name_of("d", service).text), 255);
    listener = np_must_listen(&f, service);
    client = np_must_connect(&f, service);
    server = np_must_accept(&f, listener);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    service[222] = 's';
    service[223] = '\0';
    CHECK_RESULT(np_try_listen(&f, NULL, service, &listener), PIPC_ERR_PATH_TOO_LONG);
    CHECK_HAS(f.err.text, "223 bytes");
    CHECK_RESULT(np_try_connect(&f, NULL, service, 100, &client), PIPC_ERR_PATH_TOO_LONG);
    np_fixture_close(&f);
}

TEST(np_names, what_is_no_name_is_refused)
{
    static const char *const services[] = {"", ".", "..", "a/b", "a\\b", "a b", "\xc3\xa4", NULL};
    struct np_fixture f;
    void *made = NULL;

    np_fixture_open(&f);
    for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        CHECK_RESULT(np_try_listen(&f, NULL, services[i], &made), PIPC_ERR_BAD_PARAM);
        CHECK_RESULT(np_try_connect(&f, NULL, services[i], 100, &made), PIPC_ERR_BAD_PARAM);
    }
    CHECK_RESULT(np_try_listen(&f, "", "s", &made), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(np_try_connect(&f, "", "s", 100, &made), PIPC_ERR_BAD_PARAM);
    CHECK(!made);
    np_fixture_close(&f);
}

TEST(np_names, services_that_differ_in_case_meet_at_one_endpoint)
{
    struct np_fixture f;
    void *listener, *client, *server, *second = NULL;

    np_fixture_open(&f);
    listener = np_must_listen(&f, "service");
    CHECK_RESULT(np_try_listen(&f, NULL, "SERVICE", &second), PIPC_ERR_ADDR_IN_USE);
    client = np_must_connect(&f, "SERVICE");
    server = np_must_accept(&f, listener);
    CHECK_OK(np_put(&f, client, "x", 1, TEST_LONG));
    np_expect(&f, server, "x", 1);
    np_end(&f, client);
    np_end(&f, server);
    np_end_listener(&f, listener);
    np_fixture_close(&f);
}

TEST(np_names, a_raw_pipe_of_the_derived_name_is_found_by_our_client_and_the_reverse)
{
    struct np_fixture f;
    void *ours;
    HANDLE raw;

    np_fixture_open(&f);
    np_pair_client(&f, &ours, &raw);
    np_raw_write(raw, "raw", 3);
    np_expect(&f, ours, "raw", 3);
    np_end(&f, ours);
    CloseHandle(raw);
    np_pair_server(&f, &raw, &ours);
    np_raw_write(raw, "RAW", 3);
    np_expect(&f, ours, "RAW", 3);
    np_end(&f, ours);
    CloseHandle(raw);
    np_fixture_close(&f);
}
