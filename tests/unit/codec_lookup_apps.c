/* SPDX-License-Identifier: Apache-2.0
 *
 * APPS_LOOKUP, decoding of a response: what is accepted, every check alone and with its neighbour.
 */
#include "test.h"

#include "codec_fixture.h"
#include "lookup_bytes.h"

#define KIND "apps_lookup_resp"

/* Where things are in the example, then in its items. */
enum { ENTRY0 = 16, ENTRY1 = 24, ITEM0 = 32, ITEM1 = 128 };
enum {
    VERSION = 0,
    STATUS = 2,
    ORCHESTRATOR = 4,
    CGROUP_STATUS = 6,
    PID = 8,
    PPID = 12,
    UID = 16,
    RESERVED_20 = 20,
    STARTTIME = 24,
    COMM = 32,
    PATH = 40,
    NAME = 48,
    LABELS = 56,
    RESERVED_58 = 58
};

static const struct pipc_apps_lookup_table *table(void)
{
    return pipc_apps_lookup_linked();
}

#define RESPONSE(...) LK_VERDICT(&lk_apps, __VA_ARGS__)
#define FIRST(...)    LK_VERDICT_FROM(&lk_apps, ITEM0, __VA_ARGS__)
#define SECOND(...)   LK_VERDICT_FROM(&lk_apps, ITEM1, __VA_ARGS__)

/* ---- valid ---- */

TEST(codec_lookup_apps, example_of_the_page_is_read_and_built_byte_for_byte)
{
    const struct pipc_label_view labels[] = {lk_label("k", "")};
    struct pipc_apps_lookup_item a = lk_app(42, "sh", "/c", "x");
    struct pipc_apps_lookup_builder builder;
    unsigned char bytes[191];
    memset(bytes, 0xff, sizeof(bytes));
    a.orchestrator = PIPC_ORCHESTRATOR_DOCKER;
    a.labels = labels;
    a.label_count = 1;
    CHECK_OK(pipc_apps_lookup_builder_init(table(), &builder, bytes, 191, 2, 6));
    CHECK_OK(pipc_apps_lookup_builder_add(&builder, &a));
    CHECK_OK(pipc_apps_lookup_builder_add_status(&builder, 43, PIPC_PID_LOOKUP_UNKNOWN));
    CHECK_EQ(pipc_apps_lookup_builder_finish(&builder), 191);
    CHECK_MEM(bytes, lk_apps.at, 191);
    CHECK_OK(lk_verdict(&lk_apps, NULL, 0));
}

static struct pipc_apps_lookup_view build(const struct pipc_apps_lookup_item *items, uint32_t count,
                                          unsigned char *bytes, size_t cap)
{
    struct pipc_apps_lookup_builder builder;
    struct pipc_apps_lookup_view view;
    CHECK_OK(pipc_apps_lookup_builder_init(table(), &builder, bytes, cap, count, 1));
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(pipc_apps_lookup_builder_add(&builder, &items[i]));
    CHECK_OK(
        pipc_apps_lookup_decode(table(), bytes, pipc_apps_lookup_builder_finish(&builder), &view));
    CHECK_EQ(view.item_count, count);
    return view;
}

static void check_str(struct pipc_str_view actual, struct pipc_str_view expected)
{
    CHECK_EQ(actual.len, expected.len);
    CHECK_MEM(actual.ptr, expected.ptr ? expected.ptr : "", expected.len);
}

static void check_round(const struct pipc_apps_lookup_item *items, uint32_t count)
{
    const size_t cap = 1u << 20;
    unsigned char *bytes = malloc(cap);
    const struct pipc_apps_lookup_view view = build(items, count, bytes, cap);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_apps_lookup_item_view item;
        CHECK_OK(pipc_apps_lookup_item(&view, i, &item));
        CHECK(item.status == items[i].status && item.orchestrator == items[i].orchestrator);
        CHECK(item.cgroup_status == items[i].cgroup_status && item.pid == items[i].pid);
        CHECK(item.ppid == items[i].ppid && item.uid == items[i].uid);
        CHECK(item.starttime == items[i].starttime);
        check_str(item.comm, items[i].comm);
        check_str(item.cgroup_path, items[i].cgroup_path);
        check_str(item.cgroup_name, items[i].cgroup_name);
        CHECK_EQ(item.label_count, items[i].label_count);
        for (uint32_t k = 0; k < item.label_count; k++) {
            struct pipc_label_view label;
            CHECK_OK(pipc_apps_lookup_label(&item, k, &label));
            check_str(label.key, items[i].labels[k].key);
            check_str(label.value, items[i].labels[k].value);
        }
    }
    free(bytes);
}

TEST(codec_lookup_apps, each_process_status_and_each_cgroup_status_with_and_without_a_path)
{
    static const struct {
        uint16_t cgroup_status;
        const char *path;
    } rows[] = {{PIPC_APPS_CGROUP_KNOWN, "/c"},
                {PIPC_APPS_CGROUP_UNKNOWN_RETRY_LATER, ""},
                {PIPC_APPS_CGROUP_UNKNOWN_RETRY_LATER, "/c"},
                {PIPC_APPS_CGROUP_UNKNOWN_PERMANENT, "/c"},
                {PIPC_APPS_CGROUP_HOST_ROOT, ""}};
    struct pipc_apps_lookup_item items[8];
    for (uint16_t i = 0; i < 5; i++) {
        items[i] = lk_app(i, "sh", rows[i].path, "");
        items[i].cgroup_status = rows[i].cgroup_status;
    }
    for (uint16_t status = 1; status <= 3; status++)
        items[4 + status] = pipc_apps_lookup_item_of(status, status);
    check_round(items, 8);
}

TEST(codec_lookup_apps, any_orchestrator_of_a_known_cgroup)
{
    static const uint16_t orchestrators[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 256, 65535};
    for (unsigned i = 0; i < 11; i++)
        CHECK_OK(FIRST({ORCHESTRATOR, 2, orchestrators[i]}));
}

TEST(codec_lookup_apps, comm_of_1_and_15_bytes_any_uid_and_scalars_at_their_ends)
{
    static const uint32_t uids[] = {0, 1000, PIPC_UID_UNSET};
    struct pipc_apps_lookup_item items[5] = {
        lk_app(1, "a", "/c", ""), lk_app(2, "fifteen bytes!!", "/c", ""), lk_app(3, "a", "/c", ""),
        lk_app(0, "a", "/c", "n"), lk_app(0xffffffffu, "a", "/c", "n")};
    for (unsigned i = 0; i < 3; i++)
        items[i].uid = uids[i];
    items[3].ppid = 0;
    items[3].starttime = 0;
    items[4].ppid = 0xffffffffu;
    items[4].starttime = UINT64_MAX;
    check_round(items, 5);
}

TEST(codec_lookup_apps, no_item_one_three_a_thousand_and_three_hundred_labels)
{
    static struct pipc_apps_lookup_item items[1000];
    static struct pipc_label_view labels[300];
    for (uint32_t i = 0; i < 1000; i++)
        items[i] = lk_app(i / 2, "comm", "/path", i % 2 ? "name" : "");
    for (unsigned i = 0; i < 300; i++)
        labels[i] = lk_label(i % 2 ? "key" : "k", i % 3 ? "value" : "");
    check_round(items, 0);
    check_round(items, 1);
    check_round(items, 3);
    check_round(items, 1000);
    items[0].labels = labels;
    items[0].label_count = 300;
    check_round(items, 1);
}

/* Three strings in the given order, `gap` bytes before each. */
static pipc_result order(const size_t fields[3], const char *const texts[3], size_t gap,
                         uint16_t status)
{
    struct lk_item item;
    size_t at = 60;
    lk_apps_item(&item, status, 0);
    memset(item.at + 60, 'x', sizeof(item.at) - 60);
    for (unsigned i = 0; i < 3; i++) {
        at += gap;
        lk_place(&item, fields[i], at, texts[i]);
        at += strlen(texts[i]) + 1;
    }
    return lk_item_verdict(KIND, &item);
}

TEST(codec_lookup_apps, strings_in_all_six_orders_with_gaps_also_in_placeholders)
{
    static const size_t orders[6][3] = {{COMM, PATH, NAME}, {COMM, NAME, PATH}, {PATH, COMM, NAME},
                                        {PATH, NAME, COMM}, {NAME, COMM, PATH}, {NAME, PATH, COMM}};
    for (unsigned i = 0; i < 6; i++)
        for (size_t gap = 0; gap < 3; gap++) {
            const char *texts[3];
            for (unsigned k = 0; k < 3; k++)
                texts[k] = orders[i][k] == COMM ? "sh" : orders[i][k] == PATH ? "/cg" : "name";
            CHECK_OK(order(orders[i], texts, gap, 0));
            CHECK_OK(order(orders[i], (const char *const[]){"", "", ""}, gap, 1));
        }
}

TEST(codec_lookup_apps, gaps_between_items_and_surplus_behind_the_last)
{
    unsigned char gap[199 + 5];
    const struct lk_bytes with_gap = {KIND, gap, 199}, with_surplus = {KIND, gap, sizeof(gap)};
    memset(gap, 'x', sizeof(gap));
    memcpy(gap, lk_apps.at, ITEM0 + 91);
    memcpy(gap + ITEM1 + 8, lk_apps.at + ITEM1, 63);
    gap[ENTRY1] = 104;
    CHECK_OK(lk_verdict(&with_gap, NULL, 0));
    CHECK_OK(lk_verdict(&with_surplus, NULL, 0));
}

/* ---- invalid ---- */

TEST(codec_lookup_apps, every_check_of_header_and_entries_alone_and_with_its_neighbour)
{
    CHECK_RESULT(RESPONSE({15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({31, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({0, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({2, 2, 0x8000}), PIPC_ERR_BAD_LAYOUT);
    CHECK_OK(RESPONSE({8, 8, UINT64_MAX}));
    CHECK_RESULT(RESPONSE({4, 4, 0xffffffffu}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({0, 2, 2}, {15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({2, 2, 1}, {4, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({4, 4, 0xffffffffu}, {ENTRY0, 4, 1}), PIPC_ERR_TRUNCATED);
    for (uint32_t off = 1; off < 8; off++)
        CHECK_RESULT(RESPONSE({ENTRY1, 4, 96 + off}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 59}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 64}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(RESPONSE({ENTRY0 + 4, 4, 97}), PIPC_ERR_BAD_LAYOUT); /* one byte shared */
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0}), PIPC_ERR_BAD_LAYOUT);      /* not ascending */
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 97}, {ENTRY1 + 4, 4, 0}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0xfffffff8u}, {ENTRY1 + 4, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0xfffffff8u}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(RESPONSE({ITEM0, 2, 9}, {ENTRY1, 4, 97}), PIPC_ERR_BAD_ALIGNMENT);
}

TEST(codec_lookup_apps, statuses_outside_their_enumerations_and_reserved_fields)
{
    static const uint16_t bad[] = {4, 256, 65535};
    for (unsigned i = 0; i < 3; i++) {
        CHECK_RESULT(FIRST({STATUS, 2, bad[i]}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(FIRST({CGROUP_STATUS, 2, bad[i]}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, bad[i]}), PIPC_ERR_BAD_LAYOUT);
    }
    CHECK_RESULT(FIRST({VERSION, 2, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({VERSION, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({RESERVED_20, 4, 0x80000000u}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({RESERVED_58, 2, 1}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_apps, every_other_field_of_an_item_that_is_not_known_one_at_a_time)
{
    for (uint16_t status = 1; status <= 3; status++) {
        CHECK_OK(SECOND({STATUS, 2, status}, {PID, 4, 0xffffffffu}));
        CHECK_RESULT(SECOND({STATUS, 2, status}, {ORCHESTRATOR, 2, 1}), PIPC_ERR_BAD_LAYOUT);
        for (uint16_t cgroup = 1; cgroup <= 3; cgroup++)
            CHECK_RESULT(SECOND({STATUS, 2, status}, {CGROUP_STATUS, 2, cgroup}),
                         PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {PPID, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {UID, 4, 0}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {UID, 4, 0xfffffffeu}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {STARTTIME, 8, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {STARTTIME, 8, UINT64_C(1) << 63}),
                     PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {COMM + 4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {PATH + 4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {NAME + 4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {LABELS, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_lookup_apps, rows_of_the_cgroup_status_one_field_at_a_time)
{
    struct lk_item item;
    for (uint16_t cgroup = 0; cgroup <= 3; cgroup++) {
        lk_apps_item(&item, 0, cgroup);
        lk_place(&item, COMM, 60, "sh");
        lk_place(&item, PATH, 63, "");
        lk_place(&item, NAME, 64, "");
        const bool needs_path = cgroup == 0 || cgroup == 2;
        CHECK_RESULT(lk_item_verdict(KIND, &item), needs_path ? PIPC_ERR_BAD_LAYOUT : PIPC_OK);
        lk_place(&item, PATH, 63, "/c");
        lk_place(&item, NAME, 66, "");
        CHECK_RESULT(lk_item_verdict(KIND, &item), cgroup == 3 ? PIPC_ERR_BAD_LAYOUT : PIPC_OK);
        lk_put(&item, ORCHESTRATOR, 2, 1);
        CHECK_RESULT(lk_item_verdict(KIND, &item), cgroup == 0 ? PIPC_OK : PIPC_ERR_BAD_LAYOUT);
        lk_put(&item, ORCHESTRATOR, 2, 0);
        lk_put(&item, LABELS, 2, 1);
        CHECK_RESULT(lk_item_verdict(KIND, &item),
                     cgroup == 0 ? PIPC_ERR_OUT_OF_BOUNDS : PIPC_ERR_BAD_LAYOUT);
        lk_put(&item, LABELS, 2, 0);
        lk_place(&item, NAME, 66, "n");
        CHECK_RESULT(lk_item_verdict(KIND, &item), cgroup == 0 ? PIPC_OK : PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_lookup_apps, comm_of_0_16_17_and_255_bytes_is_refused)
{
    static const uint32_t lengths[] = {0, 16, 17, 255, 0xffffffffu};
    for (unsigned i = 0; i < 5; i++)
        CHECK_RESULT(FIRST({COMM + 4, 4, lengths[i]}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_apps, every_check_of_a_string_alone)
{
    static const struct {
        size_t field, at, len;
    } strings[] = {{COMM, 60, 2}, {PATH, 63, 2}, {NAME, 66, 1}};
    static const uint32_t outside[] = {0, 32, 59, 91, 92, 0xffffffffu};
    for (unsigned i = 0; i < 3; i++) {
        const size_t field = strings[i].field, at = strings[i].at, len = strings[i].len;
        for (unsigned k = 0; k < 6; k++)
            CHECK_RESULT(FIRST({field, 4, outside[k]}), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_OK(FIRST({field, 4, at}));
        if (len > 1)
            CHECK_RESULT(FIRST({field + 4, 4, len - 1}), PIPC_ERR_MISSING_NUL);
        CHECK_RESULT(FIRST({at + len, 1, 'X'}), PIPC_ERR_MISSING_NUL);
        CHECK_RESULT(FIRST({at, 1, 0}), PIPC_ERR_BAD_LAYOUT);
        if (field != COMM)
            CHECK_RESULT(FIRST({field + 4, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    }
    CHECK_RESULT(FIRST({COMM + 4, 4, 3}), PIPC_ERR_MISSING_NUL); /* "/" follows its NUL */
    CHECK_RESULT(FIRST({PATH + 4, 4, 3}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(FIRST({NAME + 4, 4, 2}), PIPC_ERR_BAD_LAYOUT); /* padding is NUL: one inside */
}

TEST(codec_lookup_apps, neighbouring_item_checks_report_the_earlier_one)
{
    CHECK_RESULT(FIRST({VERSION, 2, 2}, {COMM, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({RESERVED_58, 2, 1}, {COMM, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({STATUS, 2, 4}, {COMM, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({PPID, 4, 1}, {COMM, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({PATH + 4, 4, 0}, {COMM, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({COMM, 4, 0}, {65, 1, 'X'}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(FIRST({62, 1, 'X'}, {60, 1, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(FIRST({60, 1, 0}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({62, 1, 'X'}, {PATH, 4, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(FIRST({65, 1, 'X'}, {NAME, 4, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(FIRST({PATH, 4, 60}, {NAME, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS); /* shared, later */
    CHECK_RESULT(FIRST({PATH, 4, 60}, {72, 4, 1}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_apps, each_pair_of_strings_sharing_bytes_and_empty_ones_sharing_a_nul)
{
    CHECK_RESULT(FIRST({PATH, 4, 60}), PIPC_ERR_BAD_LAYOUT);                   /* comm, path */
    CHECK_RESULT(FIRST({NAME, 4, 60}, {NAME + 4, 4, 2}), PIPC_ERR_BAD_LAYOUT); /* comm, name */
    CHECK_RESULT(FIRST({NAME, 4, 63}, {NAME + 4, 4, 2}), PIPC_ERR_BAD_LAYOUT); /* path, name */
    CHECK_RESULT(FIRST({NAME, 4, 65}, {NAME + 4, 4, 0}), PIPC_ERR_BAD_LAYOUT); /* NUL of the path */
    CHECK_RESULT(SECOND({PATH, 4, 60}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({NAME, 4, 60}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({NAME, 4, 61}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_apps, placeholders_of_62_63_and_64_bytes_and_items_of_59_and_60)
{
    struct lk_item item;
    lk_apps_item(&item, 1, 0);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_OUT_OF_BOUNDS); /* 60: no string fits */
    item.len = 59;
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
    lk_place(&item, COMM, 60, "");
    lk_place(&item, PATH, 61, "");
    lk_place(&item, NAME, 62, "");
    CHECK_OK(lk_item_verdict(KIND, &item));
    item.len = 62;
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_OUT_OF_BOUNDS);
    lk_put(&item, 63, 1, 0);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_apps, second_item_bad_or_of_the_other_lookup_fails_decode)
{
    struct lk_bytes other = lk_cgroups;
    CHECK_RESULT(SECOND({VERSION, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    other.kind = KIND;
    CHECK_RESULT(lk_verdict(&other, NULL, 0), PIPC_ERR_BAD_LAYOUT);
    other = lk_apps;
    other.kind = "cgroups_lookup_resp";
    CHECK(lk_verdict(&other, NULL, 0) != PIPC_OK);
}
