/* SPDX-License-Identifier: Apache-2.0
 *
 * Builders of lookup responses: what an add refuses, what a failed add leaves, slots, capacity.
 */
#include "test.h"

#include "codec_fixture.h"
#include "lookup_bytes.h"

static const struct pipc_cgroups_lookup_table *cgroups(void)
{
    return pipc_cgroups_lookup_linked();
}

static const struct pipc_apps_lookup_table *apps(void)
{
    return pipc_apps_lookup_linked();
}

static const struct pipc_str_view none = {NULL, 0};

static uint32_t count_of(const unsigned char *bytes)
{
    uint32_t count;
    memcpy(&count, bytes + 4, 4);
    return count;
}

/* The bytes are a valid response of `count` items. */
static void check_valid(const char *kind, const unsigned char *bytes, size_t len, uint32_t count)
{
    CHECK(len > 0);
    CHECK_OK(codec_verdict(codec_linked(kind), kind, bytes, len));
    CHECK_EQ(count_of(bytes), count);
}

TEST(codec_lookup_build, estimate_is_that_of_the_page)
{
    CHECK(pipc_cgroups_lookup_estimate(cgroups(), 0) == 0 &&
          pipc_cgroups_lookup_estimate(cgroups(), 16) == 0);
    CHECK_EQ(pipc_cgroups_lookup_estimate(cgroups(), 55), 0);
    CHECK_EQ(pipc_cgroups_lookup_estimate(cgroups(), 56), 1);
    CHECK_EQ(pipc_cgroups_lookup_estimate(cgroups(), 16 + 40 * 1000), 1000);
    CHECK_EQ(pipc_apps_lookup_estimate(apps(), 16), 0);
    CHECK_EQ(pipc_apps_lookup_estimate(apps(), 87), 0);
    CHECK_EQ(pipc_apps_lookup_estimate(apps(), 88), 1);
    CHECK_EQ(pipc_apps_lookup_estimate(apps(), UINT64_MAX), UINT32_MAX);
}

/* ---- what an add refuses ---- */

static const struct pipc_label_view good_labels[] = {{{"k", 1}, {"v", 1}}};

/* `bad` is refused between two good items; the response is as if it had not been tried. */
static void check_refused_cgroup(const struct pipc_cgroups_lookup_item *bad, pipc_result expected)
{
    const struct pipc_cgroups_lookup_item a = lk_cgroup("/a", "n"), b = lk_cgroup("/b", "");
    struct pipc_cgroups_lookup_builder builder;
    unsigned char bytes[256], want[256];
    size_t want_len = 0;
    for (unsigned with_bad = 0; with_bad < 2; with_bad++) {
        unsigned char *out = with_bad ? bytes : want;
        memset(out, 0xff, 256);
        CHECK_OK(pipc_cgroups_lookup_builder_init(cgroups(), &builder, out, 256, 2, 9));
        CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &a));
        if (with_bad) {
            CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, bad), expected);
            CHECK_RESULT(pipc_cgroups_lookup_builder_error(&builder), expected);
            CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 0);
        }
        CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &b)); /* clears it */
        CHECK_OK(pipc_cgroups_lookup_builder_error(&builder));
        const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
        check_valid("cgroups_lookup_resp", out, len, 2);
        want_len = with_bad ? want_len : len;
        CHECK_EQ(len, want_len);
    }
    CHECK_MEM(bytes, want, want_len);
}

TEST(codec_lookup_build, cgroup_items_that_no_response_may_hold)
{
    static const struct pipc_label_view bad_labels[][1] = {
        {{{"", 0}, {"v", 1}}}, {{{"a\0b", 3}, {"v", 1}}}, {{{"k", 1}, {"a\0b", 3}}}};
    struct pipc_cgroups_lookup_item item = lk_cgroup("/x", "n");
    item.status = 5;
    check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    for (uint16_t status = 1; status <= 4; status++) {
        item = lk_cgroup("/x", "n");
        item.status = status;
        check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
        item = lk_cgroup("/x", "");
        item.status = status;
        item.orchestrator = 1;
        check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
        item.orchestrator = 0;
        item.labels = good_labels;
        item.label_count = 1;
        check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    }
    item = lk_cgroup("", "n");
    check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    item.path = (struct pipc_str_view){"a\0b", 3};
    check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_cgroup("/x", NULL);
    item.name = (struct pipc_str_view){"a\0b", 3};
    check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_cgroup("/x", "");
    item.label_count = 1;
    for (unsigned i = 0; i < 3; i++) {
        item.labels = bad_labels[i];
        check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_lookup_build, null_strings_of_length_0_and_1_in_turn)
{
    static const struct pipc_label_view null_key[] = {{{NULL, 1}, {"v", 1}}};
    static const struct pipc_label_view null_value[] = {{{"k", 1}, {NULL, 1}}};
    static const struct pipc_label_view empty_value[] = {{{"k", 1}, {NULL, 0}}};
    struct pipc_cgroups_lookup_item item = lk_cgroup("/x", "n");
    struct pipc_cgroups_lookup_builder builder;
    unsigned char bytes[256];
    check_refused_cgroup(NULL, PIPC_ERR_BAD_PARAM);
    item.path = (struct pipc_str_view){NULL, 1};
    check_refused_cgroup(&item, PIPC_ERR_BAD_PARAM);
    item.path = none;
    check_refused_cgroup(&item, PIPC_ERR_BAD_LAYOUT); /* an empty one */
    item = lk_cgroup("/x", "n");
    item.name = (struct pipc_str_view){NULL, 1};
    check_refused_cgroup(&item, PIPC_ERR_BAD_PARAM);
    item.name = none;
    item.label_count = 1;
    check_refused_cgroup(&item, PIPC_ERR_BAD_PARAM); /* no array */
    item.labels = null_key;
    check_refused_cgroup(&item, PIPC_ERR_BAD_PARAM);
    item.labels = null_value;
    check_refused_cgroup(&item, PIPC_ERR_BAD_PARAM);
    item.labels = empty_value;
    CHECK_OK(pipc_cgroups_lookup_builder_init(cgroups(), &builder, bytes, 256, 1, 0));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &item));
    check_valid("cgroups_lookup_resp", bytes, pipc_cgroups_lookup_builder_finish(&builder), 1);
}

static void check_refused_app(const struct pipc_apps_lookup_item *bad, pipc_result expected)
{
    const struct pipc_apps_lookup_item good = lk_app(1, "sh", "/c", "n");
    struct pipc_apps_lookup_builder builder;
    unsigned char bytes[512];
    CHECK_OK(pipc_apps_lookup_builder_init(apps(), &builder, bytes, 512, 2, 9));
    CHECK_OK(pipc_apps_lookup_builder_add(&builder, &good));
    CHECK_RESULT(pipc_apps_lookup_builder_add(&builder, bad), expected);
    CHECK_RESULT(pipc_apps_lookup_builder_error(&builder), expected);
    CHECK_EQ(pipc_apps_lookup_builder_finish(&builder), 0);
    CHECK_OK(pipc_apps_lookup_builder_add(&builder, &good)); /* corrected */
    check_valid("apps_lookup_resp", bytes, pipc_apps_lookup_builder_finish(&builder), 2);
}

TEST(codec_lookup_build, app_items_with_a_bad_status_or_string)
{
    struct pipc_apps_lookup_item item = lk_app(1, "sh", "/c", "n");
    item.status = 4;
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_app(1, "sh", "/c", "n");
    item.cgroup_status = 4;
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_app(1, "", "/c", "n");
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_app(1, "sixteen bytes!!!", "/c", "n"); /* refused, not cut */
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    struct pipc_str_view *strings[] = {&item.comm, &item.cgroup_path, &item.cgroup_name};
    for (unsigned i = 0; i < 3; i++) {
        item = lk_app(1, "sh", "/c", "n");
        *strings[i] = (struct pipc_str_view){"a\0b", 3};
        check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
        *strings[i] = (struct pipc_str_view){NULL, 1};
        check_refused_app(&item, PIPC_ERR_BAD_PARAM);
    }
    item = lk_app(1, "sh", "/c", "n");
    item.label_count = 1;
    check_refused_app(&item, PIPC_ERR_BAD_PARAM);
    check_refused_app(NULL, PIPC_ERR_BAD_PARAM);
}

TEST(codec_lookup_build, app_items_with_data_that_their_status_does_not_have)
{
    for (uint16_t status = 1; status <= 3; status++) {
        struct pipc_apps_lookup_item items[9];
        for (unsigned i = 0; i < 9; i++)
            items[i] = pipc_apps_lookup_item_of(7, status);
        items[0].orchestrator = 1;
        items[1].cgroup_status = 1;
        items[2].ppid = 1;
        items[3].uid = 0;
        items[4].starttime = 1;
        items[5].comm = lk_str("sh");
        items[6].cgroup_path = lk_str("/c");
        items[7].cgroup_name = lk_str("n");
        items[8].labels = good_labels;
        items[8].label_count = 1;
        for (unsigned i = 0; i < 9; i++)
            check_refused_app(&items[i], PIPC_ERR_BAD_LAYOUT);
    }
    for (uint16_t cgroup = 1; cgroup <= 3; cgroup++) {
        struct pipc_apps_lookup_item item = lk_app(1, "sh", cgroup == 3 ? "" : "/c", "n");
        item.cgroup_status = cgroup;
        check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
        item.cgroup_name = none;
        item.orchestrator = 1;
        check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
        item.orchestrator = 0;
        item.labels = good_labels;
        item.label_count = 1;
        check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    }
    struct pipc_apps_lookup_item item = lk_app(1, "sh", "", ""); /* KNOWN without a path */
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    item.cgroup_status = PIPC_APPS_CGROUP_UNKNOWN_PERMANENT;
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
    item = lk_app(1, "sh", "/c", "");
    item.cgroup_status = PIPC_APPS_CGROUP_HOST_ROOT;
    check_refused_app(&item, PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_build, placeholder_of_a_pid_is_the_63_bytes_of_the_example)
{
    struct pipc_apps_lookup_builder builder;
    unsigned char bytes[24 + 63];
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_OK(pipc_apps_lookup_builder_init(apps(), &builder, bytes, sizeof(bytes), 1, 6));
    CHECK_OK(pipc_apps_lookup_builder_add_status(&builder, 43, PIPC_PID_LOOKUP_UNKNOWN));
    CHECK_EQ(pipc_apps_lookup_builder_finish(&builder), sizeof(bytes));
    CHECK_MEM(bytes + 24, lk_apps.at + 128, 63);
}

/* ---- slots and capacity ---- */

TEST(codec_lookup_build, fewer_items_than_slots_none_exactly_all_and_one_more)
{
    struct pipc_cgroups_lookup_item item = lk_cgroup("/path", "name");
    for (uint32_t added = 0; added <= 4; added++) {
        struct pipc_cgroups_lookup_builder builder;
        unsigned char bytes[512], exact[512];
        memset(bytes, 0xff, sizeof(bytes));
        CHECK_OK(pipc_cgroups_lookup_builder_init(cgroups(), &builder, bytes, 512, 3, 4));
        for (uint32_t i = 0; i < added; i++)
            CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item),
                         i < 3 ? PIPC_OK : PIPC_ERR_OVERFLOW);
        if (added == 4) {
            CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 0);
            continue;
        }
        const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
        check_valid("cgroups_lookup_resp", bytes, len, added);
        CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), len); /* again the same */
        memset(exact, 0, sizeof(exact));
        CHECK_OK(pipc_cgroups_lookup_builder_init(cgroups(), &builder, exact, 512, added, 4));
        for (uint32_t i = 0; i < added; i++)
            CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &item));
        CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), len);
        CHECK_MEM(bytes, exact, len);
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item), PIPC_ERR_OVERFLOW);
    }
}

TEST(codec_lookup_build, capacity_below_header_and_directory_refuses_everything)
{
    static const size_t caps[] = {0, 15, 16, 31};
    const struct pipc_cgroups_lookup_item item = lk_cgroup("/a", "");
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_apps_lookup_builder app_builder;
    unsigned char bytes[64];
    memset(bytes, 0xa5, sizeof(bytes));
    for (unsigned i = 0; i < 4; i++) {
        CHECK_RESULT(pipc_cgroups_lookup_builder_init(cgroups(), &builder, bytes, caps[i], 2, 1),
                     PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item), PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, NULL), PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 0, 1),
                     PIPC_ERR_OVERFLOW);
        CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 0);
        CHECK_RESULT(pipc_apps_lookup_builder_init(apps(), &app_builder, bytes, caps[i], 2, 1),
                     PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_apps_lookup_builder_add_status(&app_builder, 1, 1), PIPC_ERR_OVERFLOW);
        CHECK_EQ(pipc_apps_lookup_builder_finish(&app_builder), 0);
    }
    for (unsigned i = 0; i < sizeof(bytes); i++)
        CHECK_EQ(bytes[i], 0xa5);
}

TEST(codec_lookup_build, missing_builder_buffer_and_request_are_refused)
{
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_apps_lookup_builder app_builder;
    struct pipc_cgroups_lookup_request_view paths;
    unsigned char bytes[64];
    CHECK_OK(pipc_cgroups_lookup_request_decode(cgroups(), lk_paths.at, lk_paths.len, &paths));
    CHECK_RESULT(pipc_cgroups_lookup_builder_init(cgroups(), NULL, bytes, 64, 1, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_builder_init(cgroups(), &builder, NULL, 64, 1, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_builder_init_request(cgroups(), NULL, bytes, 64, &paths, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, bytes, 64, NULL, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 0, 1),
                 PIPC_ERR_BAD_PARAM);
    paths.payload_len = 20; /* by mistake */
    CHECK_RESULT(
        pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, bytes, 64, &paths, 0),
        PIPC_ERR_TRUNCATED);
    CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 0);
    CHECK_RESULT(pipc_apps_lookup_builder_init(apps(), NULL, bytes, 64, 1, 0), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_builder_init_request(apps(), NULL, bytes, 64, NULL, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_builder_init_request(apps(), &app_builder, bytes, 64, NULL, 0),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_builder_add_status(&app_builder, 1, 1), PIPC_ERR_BAD_PARAM);
}

/* ---- with a request ---- */

TEST(codec_lookup_build, add_and_add_request_item_give_the_same_bytes)
{
    struct pipc_cgroups_lookup_request_view request;
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_item a = lk_cgroup("/a", "n"), b = lk_cgroup("/bcdefgh", NULL);
    unsigned char by_path[256], by_index[256];
    a.orchestrator = 2;
    a.labels = good_labels;
    a.label_count = 1;
    b.status = 1;
    memset(by_path, 0xff, 256);
    memset(by_index, 0xee, 256);
    CHECK_OK(pipc_cgroups_lookup_request_decode(cgroups(), lk_paths.at, lk_paths.len, &request));
    CHECK_OK(
        pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, by_path, 256, &request, 3));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &a));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &b));
    const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
    CHECK_OK(
        pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, by_index, 256, &request, 1));
    pipc_cgroups_lookup_builder_set_generation(&builder, 2);
    CHECK_OK(pipc_cgroups_lookup_builder_add_request_item(&builder, 0, 0, 2, lk_str("n"),
                                                          good_labels, 1));
    CHECK_OK(pipc_cgroups_lookup_builder_add_request_status(&builder, 1, 1));
    pipc_cgroups_lookup_builder_set_generation(&builder, 3);
    CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), len);
    CHECK_MEM(by_index, by_path, len);
    check_valid("cgroups_lookup_resp", by_path, len, 2);
}

TEST(codec_lookup_build, index_that_the_request_does_not_have_changes_nothing)
{
    struct pipc_cgroups_lookup_request_view request;
    struct pipc_cgroups_lookup_builder builder;
    unsigned char bytes[256];
    CHECK_OK(pipc_cgroups_lookup_request_decode(cgroups(), lk_paths.at, lk_paths.len, &request));
    CHECK_OK(
        pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, bytes, 256, &request, 3));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 2, 1),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 0xffffffffu, 1),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_OK(pipc_cgroups_lookup_builder_error(&builder));
    CHECK_RESULT(builder.table->builder_add_request_item(&builder, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_cgroups_lookup_builder_add_request_status(&builder, 0, 1));
    CHECK_OK(pipc_cgroups_lookup_builder_add_request_status(&builder, 1, 2));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 1, 2), PIPC_ERR_OVERFLOW);
    /* A builder without a request has no index at all. */
    CHECK_OK(pipc_cgroups_lookup_builder_init(cgroups(), &builder, bytes, 256, 2, 3));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add_request_status(&builder, 0, 1),
                 PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(codec_lookup_build, request_without_keys_is_answered_with_a_generation)
{
    static const unsigned char empty[16] = {1};
    struct pipc_cgroups_lookup_request_view paths;
    struct pipc_apps_lookup_request_view pids;
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_apps_lookup_builder app_builder;
    unsigned char bytes[16];
    CHECK_OK(pipc_cgroups_lookup_request_decode(cgroups(), empty, 16, &paths));
    CHECK_OK(pipc_apps_lookup_request_decode(apps(), empty, 16, &pids));
    CHECK_OK(pipc_cgroups_lookup_builder_init_request(cgroups(), &builder, bytes, 16, &paths, 77));
    CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 16);
    CHECK(bytes[8] == 77 && count_of(bytes) == 0);
    CHECK_OK(pipc_apps_lookup_builder_init_request(apps(), &app_builder, bytes, 16, &pids, 0));
    pipc_apps_lookup_builder_set_generation(&app_builder, 78);
    CHECK_EQ(pipc_apps_lookup_builder_finish(&app_builder), 16);
    CHECK(bytes[8] == 78 && count_of(bytes) == 0);
}
