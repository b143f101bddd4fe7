/* SPDX-License-Identifier: Apache-2.0
 *
 * The data planes that a run tests.
 */
#include "transports.h"

#include "test.h"

struct plane {
    const char *name;
    const struct pipc_module *module;
    uint32_t bit;
    bool packets;
};

/* Made by the build: the planes that it has, the baseline first. */
#define PLANE(name, bit, packets) extern const struct pipc_module pipc_module_##name;
PIPC_TEST_PLANES
#undef PLANE
#define PLANE(name, bit, packets) {#name, &pipc_module_##name, bit, packets},
static const struct plane planes[] = {PIPC_TEST_PLANES{0}}; /* ends with an empty one */
#undef PLANE

const char *test_transports(void)
{
    const char *const list = getenv("PIPC_TEST_TRANSPORTS");

    return list && *list ? list : planes[0].name;
}

/* The plane whose name stands at `at`; fails when there is none. */
static const struct plane *plane_at(const char *at)
{
    const size_t len = strcspn(at, ",");

    for (const struct plane *plane = planes; plane->name; plane++) {
        if (strlen(plane->name) == len && memcmp(plane->name, at, len) == 0)
            return plane;
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
    for (const struct plane *plane = planes; !PIPC_TEST_BUILTIN && plane->name; plane++)
        CHECK_OK(pipc_config_add_module(config, plane->module, NULL));
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
