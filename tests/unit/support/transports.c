/* SPDX-License-Identifier: Apache-2.0
 *
 * The data planes that a run tests.
 */
#include "transports.h"

#include "test.h"

extern const struct pipc_module pipc_module_uds;
#if PIPC_TEST_HAVE_SHM
extern const struct pipc_module pipc_module_shm;
#endif

struct plane {
    const char *name;
    const struct pipc_module *module;
    uint32_t bit;
    bool packets;
};

static const struct plane planes[] = {{"uds", &pipc_module_uds, 1, true},
#if PIPC_TEST_HAVE_SHM
                                      {"shm", &pipc_module_shm, 2, false}
#endif
};

const char *test_transports(void)
{
    const char *const list = getenv("PIPC_TEST_TRANSPORTS");

    return list && *list ? list : "uds";
}

/* The plane whose name stands at `at`; fails when there is none. */
static const struct plane *plane_at(const char *at)
{
    const size_t len = strcspn(at, ",");

    for (size_t i = 0; i < sizeof(planes) / sizeof(planes[0]); i++) {
        if (strlen(planes[i].name) == len && memcmp(planes[i].name, at, len) == 0)
            return &planes[i];
    }
    test_fail(__FILE__, __LINE__, "PIPC_TEST_TRANSPORTS=%s: this build has no \"%.*s\"",
              test_transports(), (int)len, at);
}

/* The next name of the list, NULL behind the last. */
static const char *next_name(const char *at)
{
    at += strcspn(at, ",");
    return *at ? at + 1 : NULL;
}

const char *test_plane(void)
{
    return plane_at(test_transports())->name;
}

uint32_t test_profiles(void)
{
    uint32_t bits = 0;

    for (const char *at = test_transports(); at; at = next_name(at))
        bits |= plane_at(at)->bit;
    return bits;
}

uint32_t test_plane_bit(void)
{
    return plane_at(test_transports())->bit;
}

bool test_plane_has_packets(void)
{
    return plane_at(test_transports())->packets;
}

void test_needs_packets(const char *why)
{
    if (!test_plane_has_packets())
        test_skip("%s carries whole messages, one at a time: %s", test_plane(), why);
}

void test_add_transports(struct pipc_config *config)
{
    for (size_t i = 0; !PIPC_TEST_BUILTIN && i < sizeof(planes) / sizeof(planes[0]); i++)
        CHECK_OK(pipc_config_add_module(config, planes[i].module, NULL));
}

void test_choose_transports(struct pipc_config *config)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_MSG(pipc_config_set(config, "pipc", "transports", test_transports(), &err) == PIPC_OK,
              "%s", err.text);
}

void test_check_plane(const struct pipc_session_status *status)
{
    CHECK_STR(status->transport, test_plane());
    CHECK_MSG(!status->degraded, "%s was passed over: %s", status->passed_over,
              status->passed_over_why);
}
