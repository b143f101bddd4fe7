/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of objects (docs/level1-windows-shm.md 2): the examples, the lengths, what makes a
 * difference; and which profiles a connection can have.
 */
#include "windows/winshm_fixture.h"

static const char *full_name(const char *dir, const char *service, uint64_t token, uint32_t bit,
                             uint64_t session, enum winshm_object object)
{
    static char text[PIPC_WIN_SHM_NAME_MAX + 1];
    wchar_t wide[PIPC_WIN_SHM_NAME_MAX + 1];
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = dir, .service = service};
    struct winshm_name name;
    size_t i = 0;

    CHECK_OK(winshm_name_make(NULL, &endpoint, token, bit, session, &name, NULL));
    winshm_name_of(&name, object, wide);
    do
        text[i] = (char)wide[i];
    while (wide[i++]);
    return text;
}

#define RUN "C:\\ProgramData\\Netdata\\run"

TEST(winshm_names, examples_are_those_of_the_page)
{
    const uint64_t token = UINT64_C(0xdeadbeefcafebabe);

    CHECK_STR(full_name(RUN, "cgroups-snapshot", 0, 2, 1, WINSHM_MAPPING),
              "Local\\netipc-7a93595169d49996-cgroups-snapshot-p2-s0000000000000001-mapping");
    CHECK_STR(full_name(RUN, "cgroups-snapshot", token, 2, 1, WINSHM_MAPPING),
              "Local\\netipc-fd48e07eac53f8f9-cgroups-snapshot-p2-s0000000000000001-mapping");
    CHECK_STR(full_name(RUN, "cgroups-snapshot", token, 4, 0x1a2b, WINSHM_MAPPING),
              "Local\\netipc-fd48e07eac53f8f9-cgroups-snapshot-p4-s0000000000001a2b-mapping");
    CHECK_STR(full_name(RUN, "cgroups-snapshot", token, 2, 1, WINSHM_REQ_EVENT),
              "Local\\netipc-fd48e07eac53f8f9-cgroups-snapshot-p2-s0000000000000001-req_event");
    CHECK_STR(full_name(RUN, "cgroups-snapshot", token, 2, 1, WINSHM_RESP_EVENT),
              "Local\\netipc-fd48e07eac53f8f9-cgroups-snapshot-p2-s0000000000000001-resp_event");
    CHECK_STR(full_name("/run/netdata", "apps.lookup_1", UINT64_MAX, 4, UINT64_MAX, WINSHM_MAPPING),
              "Local\\netipc-b05de94ba957355c-apps.lookup_1-p4-sffffffffffffffff-mapping");
}

static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (; *text; text++)
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    return hash;
}

TEST(winshm_names, the_token_is_hashed_as_a_decimal_number)
{
    static const struct {
        uint64_t token;
        const char *hashed;
    } rows[] = {{0, "d\ns\n0"},
                {1, "d\ns\n1"},
                {UINT64_C(1) << 63, "d\ns\n9223372036854775808"},
                {UINT64_MAX, "d\ns\n18446744073709551615"}};
    char expected[100];

    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(expected, sizeof(expected),
                       "Local\\netipc-%016" PRIx64 "-s-p2-s0000000000000001-mapping",
                       hash_of(rows[i].hashed));
        CHECK_STR(full_name("d", "s", rows[i].token, 2, 1, WINSHM_MAPPING), expected);
    }
}

TEST(winshm_names, whatever_differs_makes_another_name)
{
    static const struct {
        const char *dir, *service;
        uint64_t token;
        uint32_t bit;
        uint64_t session;
    } rows[] = {{"d", "s", 1, 2, 1},   {"e", "s", 1, 2, 1}, {"d", "t", 1, 2, 1},
                {"d", "s", 2, 2, 1},   {"d", "s", 1, 4, 1}, {"d", "s", 1, 2, 2},
                {"d\n", "s", 1, 2, 1}, {"d", "S", 1, 2, 1}};
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    char names[ROWS][PIPC_WIN_SHM_NAME_MAX + 1];

    for (size_t i = 0; i < ROWS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "%s",
                       full_name(rows[i].dir, rows[i].service, rows[i].token, rows[i].bit,
                                 rows[i].session, WINSHM_MAPPING));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(names[i], names[j]) != 0);
    }
}

static pipc_result name_result(const char *dir, const char *service, uint32_t bit)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = dir, .service = service};
    struct winshm_name name;

    return winshm_name_make(NULL, &endpoint, 0, bit, 1, &name, NULL);
}

TEST(winshm_names, a_service_fits_up_to_193_and_196_bytes)
{
    char service[198];

    memset(service, 's', sizeof(service));
    service[193] = '\0';
    CHECK_OK(name_result("d", service, PIPC_PROFILE_SHM_HYBRID));
    CHECK_EQ(strlen(full_name("d", service, 0, 2, 1, WINSHM_RESP_EVENT)), 255);
    service[193] = 's';
    service[194] = '\0';
    CHECK_RESULT(name_result("d", service, PIPC_PROFILE_SHM_HYBRID), PIPC_ERR_PATH_TOO_LONG);
    service[194] = 's';
    service[196] = '\0';
    CHECK_OK(name_result("d", service, PIPC_PROFILE_SHM_BUSYWAIT));
    CHECK_EQ(strlen(full_name("d", service, 0, 4, 1, WINSHM_MAPPING)), 255);
    service[196] = 's';
    service[197] = '\0';
    CHECK_RESULT(name_result("d", service, PIPC_PROFILE_SHM_BUSYWAIT), PIPC_ERR_PATH_TOO_LONG);
}

TEST(winshm_names, what_is_no_name_or_no_profile_is_a_bad_parameter)
{
    CHECK_RESULT(name_result("", "s", 2), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result(NULL, "s", 2), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "a/b", 2), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "..", 2), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", NULL, 2), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "s", 0), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "s", 1), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "s", 3), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(name_result("d", "s", PIPC_PROFILE_SHM_WAITADDR), PIPC_ERR_BAD_PARAM);
}

static uint32_t usable(struct ws_fixture *f, const char *service, uint32_t bits, char *reason)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = "d", .service = service};
    const struct pipc_carrier carrier = ws_carrier(f, PIPC_ROLE_CLIENT);
    struct pipc_usable answer = {.size = sizeof(answer)};

    CHECK_OK(f->ops->usable(f->self, PIPC_ROLE_CLIENT, &endpoint, &carrier, 0, bits, &answer));
    (void)snprintf(reason, PIPC_ERROR_TEXT_LEN, "%s", answer.reason);
    return answer.bits;
}

TEST(winshm_names, usable_tells_the_bits_that_option_and_name_allow)
{
    struct ws_fixture f;
    char reason[PIPC_ERROR_TEXT_LEN], service[198];

    memset(service, 's', sizeof(service));
    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    CHECK_EQ(usable(&f, "s", WINSHM_BITS, reason), WINSHM_BITS);
    CHECK_STR(reason, "");
    CHECK_EQ(usable(&f, "s", PIPC_PROFILE_SHM_BUSYWAIT, reason), PIPC_PROFILE_SHM_BUSYWAIT);
    service[194] = '\0';
    CHECK_EQ(usable(&f, service, WINSHM_BITS, reason), PIPC_PROFILE_SHM_BUSYWAIT);
    CHECK_HAS(reason, "194 bytes");
    service[194] = 's';
    service[197] = '\0';
    CHECK_EQ(usable(&f, service, WINSHM_BITS, reason), 0);
    f.values[PIPC_WIN_SHM_OPTION_PLANES].text = "hybrid";
    ws_spin(&f, 0);
    CHECK_EQ(usable(&f, "s", WINSHM_BITS, reason), PIPC_PROFILE_SHM_HYBRID);
    CHECK_HAS(reason, "planes leaves busywait out");
    f.values[PIPC_WIN_SHM_OPTION_PLANES].text = "busywait";
    ws_spin(&f, 0);
    CHECK_EQ(usable(&f, "s", WINSHM_BITS, reason), PIPC_PROFILE_SHM_BUSYWAIT);
    f.values[PIPC_WIN_SHM_OPTION_PLANES].text = NULL;
    ws_spin(&f, 0);
    CHECK_EQ(usable(&f, "s", WINSHM_BITS, reason), PIPC_PROFILE_SHM_HYBRID);
    ws_close(&f);
}

TEST(winshm_names, options_that_are_none_are_refused)
{
    struct ws_fixture f;
    void *self = NULL;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    CHECK_RESULT(pipc_module_winshm.init(&f.np.host, f.values, 1, &self, &f.err),
                 PIPC_ERR_MODULE_INIT);
    f.values[PIPC_WIN_SHM_OPTION_PLANES].text = "waitaddr";
    CHECK_RESULT(
        pipc_module_winshm.init(&f.np.host, f.values, PIPC_WIN_SHM_OPTION_COUNT, &self, &f.err),
        PIPC_ERR_CONFIG);
    CHECK_HAS(f.err.text, "waitaddr");
    f.values[PIPC_WIN_SHM_OPTION_PLANES].text = "busywait";
    f.np.fail_after = 0;
    CHECK_RESULT(
        pipc_module_winshm.init(&f.np.host, f.values, PIPC_WIN_SHM_OPTION_COUNT, &self, &f.err),
        PIPC_ERR_ALLOC);
    f.np.fail_after = UINT32_MAX;
    CHECK(!self);
    pipc_module_winshm.fini(NULL);
    ws_close(&f);
}
