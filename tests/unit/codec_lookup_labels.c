/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories and labels of lookup responses, the same for both lookups, and views that were
 * changed by hand.
 */
#include "test.h"

#include "codec_fixture.h"
#include "lookup_bytes.h"
#include "vectors.h"

/* The label of item 0 of an example: its table, its strings, the end of the item; all from the
 * start of the payload. */
struct place {
    const struct lk_bytes *bytes;
    size_t item, count, end, table, strings, last;
};

static const struct place places[2] = {
    {&lk_cgroups, 32, 32 + 24, 32 + 33, 32 + 40, 32 + 56, 32 + 61},
    {&lk_apps, 32, 32 + 56, 32 + 68, 32 + 72, 32 + 88, 32 + 91},
};

#define EACH_PLACE(p) for (const struct place *p = places; p < places + 2; p++)

/* ---- directory ---- */

static pipc_result second_entry(const struct lk_bytes *bytes, uint32_t offset, uint32_t length)
{
    return LK_VERDICT(bytes, {24, 4, offset}, {28, 4, length});
}

TEST(codec_lookup_labels, entries_descending_equal_overlapping_touching_and_with_gaps)
{
    const uint32_t second[2] = {64, 96}, length[2] = {32, 63}, first[2] = {61, 91};
    for (unsigned i = 0; i < 2; i++) {
        const struct lk_bytes *bytes = places[i].bytes;
        /* Descending and equal: the two entries change places, or are the same. */
        CHECK_RESULT(LK_VERDICT(bytes, {16, 4, second[i]}, {20, 4, length[i]}, {24, 4, 0},
                                {28, 4, first[i]}),
                     PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(second_entry(bytes, 0, first[i]), PIPC_ERR_BAD_LAYOUT);
        /* Overlapping by one byte; as written there is a gap of 3 or 5 bytes. */
        CHECK_RESULT(LK_VERDICT(bytes, {20, 4, second[i] + 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_OK(second_entry(bytes, second[i], length[i]));
        /* Touching is past the directory, but then the first item has bytes behind its strings. */
        CHECK_RESULT(LK_VERDICT(bytes, {20, 4, second[i]}), PIPC_ERR_BAD_LAYOUT);
        CHECK_OK(LK_VERDICT(bytes, {32 + first[i], 2, 0xffff})); /* a gap that is not zero */
        CHECK_RESULT(second_entry(bytes, second[i], 0), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(second_entry(bytes, second[i], 0xffffffffu), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(second_entry(bytes, second[i], length[i] + 1), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(second_entry(bytes, 0xfffffff8u, 64), PIPC_ERR_OUT_OF_BOUNDS);
    }
}

TEST(codec_lookup_labels, items_and_keys_that_touch_are_accepted)
{
    /* Two keys of 8 bytes and two PIDs, side by side. */
    const struct pipc_str_view paths[] = {lk_str("/seven7"), lk_str("/eight8")};
    unsigned char bytes[64];
    size_t len;
    CHECK_OK(pipc_cgroups_lookup_request_encode(pipc_cgroups_lookup_linked(), paths, 2, bytes, 64,
                                                &len));
    CHECK_EQ(len, 48);
    CHECK_OK(codec_verdict(codec_linked("cgroups_lookup_req"), "cgroups_lookup_req", bytes, len));
    CHECK_OK(lk_verdict(&lk_pids, NULL, 0));
}

TEST(codec_lookup_labels, fault_in_entry_3_is_found_before_a_fault_in_item_0)
{
    struct pipc_apps_lookup_builder builder;
    unsigned char bytes[512];
    CHECK_OK(pipc_apps_lookup_builder_init(pipc_apps_lookup_linked(), &builder, bytes, 512, 4, 1));
    for (uint32_t i = 0; i < 4; i++)
        CHECK_OK(pipc_apps_lookup_builder_add_status(&builder, i, 1));
    const struct lk_bytes four = {"apps_lookup_resp", bytes,
                                  pipc_apps_lookup_builder_finish(&builder)};
    CHECK_OK(lk_verdict(&four, NULL, 0));
    CHECK_RESULT(LK_VERDICT(&four, {16 + 32, 2, 9}, {16 + 24, 4, 196}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(LK_VERDICT(&four, {16 + 32, 2, 9}, {16 + 24, 4, 200}), PIPC_ERR_OUT_OF_BOUNDS);
}

/* ---- labels ---- */

/* Builds one item with `count` labels, decodes it, and reads all of them. */
static void check_count(uint32_t count)
{
    const struct pipc_label_view label = lk_label("key", "v"), empty = lk_label("key", "");
    struct pipc_label_view *labels = calloc(count ? count : 1, sizeof(*labels));
    const size_t cap = 256 + 32 * (size_t)count;
    unsigned char *bytes = malloc(cap);
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_view view;
    struct pipc_cgroups_lookup_item_view read;
    struct pipc_label_view got;
    struct pipc_cgroups_lookup_item item = lk_cgroup("/p", "n");
    for (uint32_t i = 0; i < count; i++)
        labels[i] = i % 2 ? empty : label; /* a key that is repeated, and empty values */
    item.labels = labels;
    item.label_count = count;
    const struct pipc_cgroups_lookup_table *table = pipc_cgroups_lookup_linked();
    CHECK_OK(pipc_cgroups_lookup_builder_init(table, &builder, bytes, cap, 1, 1));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &item));
    const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
    void *block;
    const unsigned char *exact = vector_copy(bytes, len, 0, &block);
    CHECK_OK(pipc_cgroups_lookup_decode(table, exact, len, &view));
    CHECK_OK(pipc_cgroups_lookup_item(&view, 0, &read));
    CHECK_EQ(read.status, 0);
    CHECK_EQ(read.label_count, count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_OK(pipc_cgroups_lookup_label(&read, i, &got));
        CHECK(got.key.len == 3 && got.value.len == (i % 2 ? 0u : 1u));
    }
    CHECK_RESULT(pipc_cgroups_lookup_label(&read, count, &got), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_cgroups_lookup_label(&read, 0xffffffffu, &got), PIPC_ERR_OUT_OF_BOUNDS);
    free(block);
    free(bytes);
    free(labels);
}

TEST(codec_lookup_labels, no_label_1_2_5_300_and_65535)
{
    static const uint32_t counts[] = {0, 1, 2, 5, 300, 65535};
    for (unsigned i = 0; i < 6; i++)
        check_count(counts[i]);
}

TEST(codec_lookup_labels, every_check_of_a_label_alone)
{
    EACH_PLACE(p)
    {
        uint32_t value_len;
        memcpy(&value_len, p->bytes->at + p->table + 12, 4);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->table + 4, 4, 0}), PIPC_ERR_BAD_LAYOUT);
        for (int by = -1; by <= 1; by += 2) {
            CHECK_RESULT(LK_VERDICT(p->bytes, {p->table, 4, p->strings - p->item + (size_t)by}),
                         PIPC_ERR_BAD_LAYOUT);
            CHECK_RESULT(
                LK_VERDICT(p->bytes, {p->table + 8, 4, p->strings + 2 - p->item + (size_t)by}),
                PIPC_ERR_BAD_LAYOUT);
        }
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->strings + 1, 1, 'X'}), PIPC_ERR_MISSING_NUL);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->last - 1, 1, 'X'}), PIPC_ERR_MISSING_NUL);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->strings, 1, 0}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->table + 4, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->table + 12, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->table + 12, 4, value_len + 1}),
                     PIPC_ERR_OUT_OF_BOUNDS);
        /* One label more: its entry is where the strings are. One less: bytes are left over. */
        CHECK(LK_VERDICT(p->bytes, {p->count, 2, 2}) != PIPC_OK);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->count, 2, 0}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->count, 2, 65535}), PIPC_ERR_OUT_OF_BOUNDS);
    }
    CHECK_RESULT(LK_VERDICT(&lk_cgroups, {32 + 58, 1, 0}), PIPC_ERR_BAD_LAYOUT); /* in the value */
}

TEST(codec_lookup_labels, neighbouring_label_checks_report_the_earlier_one)
{
    EACH_PLACE(p)
    {
        const size_t entry = p->table;
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->end, 1, 'X'}, {p->count, 2, 65535}),
                     PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->count, 2, 65535}, {entry + 4, 4, 0}),
                     PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(LK_VERDICT(p->bytes, {entry, 4, 1}, {entry + 4, 4, 0xffffffffu}),
                     PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(p->bytes, {p->strings + 1, 1, 'X'}, {entry + 8, 4, 1}),
                     PIPC_ERR_MISSING_NUL);
        CHECK_RESULT(LK_VERDICT(p->bytes, {entry + 8, 4, 1}, {p->last - 1, 1, 'X'}),
                     PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_lookup_labels, table_cut_inside_behind_the_padding_and_behind_the_entry)
{
    EACH_PLACE(p)
    {
        /* The item ends early, as its entry says; 20 is the length in that entry. */
        for (size_t end = p->end; end < p->strings; end++)
            CHECK_RESULT(LK_VERDICT(p->bytes, {20, 4, end - p->item}), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(LK_VERDICT(p->bytes, {20, 4, p->strings - p->item}), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(LK_VERDICT(p->bytes, {20, 4, p->last - p->item + 1}), PIPC_ERR_BAD_LAYOUT);
    }
}

TEST(codec_lookup_labels, padding_before_the_table_for_every_end_and_each_byte_of_it)
{
    static const char text[] = "/abcdefgh";
    const struct pipc_label_view labels[] = {lk_label("k", "v")};
    for (size_t len = 1; len <= 8; len++) {
        struct pipc_cgroups_lookup_builder builder;
        struct pipc_cgroups_lookup_item item = {
            .path = {text, len}, .labels = labels, .label_count = 1};
        unsigned char bytes[128];
        memset(bytes, 0xff, sizeof(bytes));
        CHECK_OK(pipc_cgroups_lookup_builder_init(pipc_cgroups_lookup_linked(), &builder, bytes,
                                                  sizeof(bytes), 1, 1));
        CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &item));
        const struct lk_bytes built = {"cgroups_lookup_resp", bytes,
                                       pipc_cgroups_lookup_builder_finish(&builder)};
        CHECK_OK(lk_verdict(&built, NULL, 0));
        const size_t end = 24 + 28 + len + 2;
        for (size_t at = end; at % 8 != 0; at++)
            CHECK_RESULT(LK_VERDICT(&built, {at, 1, 0x80}), PIPC_ERR_BAD_LAYOUT);
    }
}

/* ---- views that were changed ---- */

static void check_cgroups_view(struct pipc_cgroups_lookup_view view, pipc_result expected)
{
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_lookup_raw raw;
    memset(&item, 0xa5, sizeof(item));
    CHECK_RESULT(pipc_cgroups_lookup_item(&view, 1, &item), expected);
    CHECK_RESULT(pipc_cgroups_lookup_raw_item(&view, 1, &raw), expected);
    CHECK_EQ(item.status, 0xa5a5);
}

TEST(codec_lookup_labels, index_at_the_count_and_far_beyond_is_out_of_bounds)
{
    struct pipc_cgroups_lookup_view view;
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_view apps;
    struct pipc_apps_lookup_item_view app;
    struct pipc_cgroups_lookup_request_view paths;
    struct pipc_cgroups_lookup_request_item_view path;
    struct pipc_apps_lookup_request_view pids;
    struct pipc_apps_lookup_request_item_view pid;
    struct pipc_label_view label;
    CHECK_OK(pipc_cgroups_lookup_decode(pipc_cgroups_lookup_linked(), lk_cgroups.at, 128, &view));
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), lk_apps.at, 191, &apps));
    CHECK_OK(
        pipc_cgroups_lookup_request_decode(pipc_cgroups_lookup_linked(), lk_paths.at, 49, &paths));
    CHECK_OK(pipc_apps_lookup_request_decode(pipc_apps_lookup_linked(), lk_pids.at, 48, &pids));
    for (unsigned i = 0; i < 2; i++) {
        const uint32_t index = i ? 0xffffffffu : 2;
        CHECK_RESULT(pipc_cgroups_lookup_item(&view, index, &item), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(pipc_apps_lookup_item(&apps, index, &app), PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(pipc_cgroups_lookup_request_item(&paths, index, &path),
                     PIPC_ERR_OUT_OF_BOUNDS);
        CHECK_RESULT(pipc_apps_lookup_request_item(&pids, index, &pid), PIPC_ERR_OUT_OF_BOUNDS);
    }
    CHECK_OK(pipc_apps_lookup_item(&apps, 0, &app));
    CHECK_RESULT(pipc_apps_lookup_label(&app, 1, &label), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_apps_lookup_label(&app, 0xffffffffu, &label), PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(codec_lookup_labels, payload_length_reduced_or_count_raised_by_hand_fails_cleanly)
{
    struct pipc_cgroups_lookup_view view, changed;
    struct pipc_cgroups_lookup_item_view item;
    void *block;
    for (size_t len = 0; len < 128; len++) {
        const unsigned char *exact = vector_copy(lk_cgroups.at, 128, 0, &block);
        CHECK_OK(pipc_cgroups_lookup_decode(pipc_cgroups_lookup_linked(), exact, 128, &view));
        free(block);
        changed = view;
        changed.payload = vector_copy(lk_cgroups.at, len, 0, &block);
        changed.payload_len = len;
        check_cgroups_view(changed, len < 32 ? PIPC_ERR_TRUNCATED : PIPC_ERR_OUT_OF_BOUNDS);
        free(block);
    }
    changed.payload = vector_copy(lk_cgroups.at, 128, 0, &block);
    changed.payload_len = 128;
    for (uint32_t count = 3; count < 16; count++) {
        changed.item_count = count; /* other bytes become entries and items */
        for (uint32_t i = 0; i < count; i++)
            if (pipc_cgroups_lookup_item(&changed, i, &item) == PIPC_OK)
                CHECK(item.path.ptr[item.path.len] == 0 && item.name.ptr[item.name.len] == 0);
    }
    free(block);
}

TEST(codec_lookup_labels, item_view_changed_by_hand_gives_no_label_outside)
{
    struct pipc_apps_lookup_view view;
    struct pipc_apps_lookup_item_view item, changed;
    struct pipc_label_view label;
    void *block;
    const unsigned char *exact = vector_copy(lk_apps.at, 191, 0, &block);
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), exact, 191, &view));
    CHECK_OK(pipc_apps_lookup_item(&view, 0, &item));
    CHECK_OK(pipc_apps_lookup_label(&item, 0, &label));
    changed = item;
    changed.label_count = 9;
    CHECK_RESULT(pipc_apps_lookup_label(&changed, 1, &label), PIPC_ERR_OUT_OF_BOUNDS);
    changed = item;
    changed.labels.item_len = 90;
    CHECK_RESULT(pipc_apps_lookup_label(&changed, 0, &label), PIPC_ERR_OUT_OF_BOUNDS);
    changed = item;
    changed.labels.at = 0xffffffffu;
    CHECK_RESULT(pipc_apps_lookup_label(&changed, 0, &label), PIPC_ERR_OUT_OF_BOUNDS);
    changed.labels.item = NULL;
    CHECK_RESULT(pipc_apps_lookup_label(&changed, 0, &label), PIPC_ERR_BAD_PARAM);
    free(block);
}

TEST(codec_lookup_labels, payload_changed_behind_a_view_gives_nothing_outside)
{
    unsigned char paths_bytes[49], cgroups_bytes[128], apps_bytes[191];
    struct pipc_cgroups_lookup_request_view paths;
    struct pipc_cgroups_lookup_request_item_view path;
    struct pipc_cgroups_lookup_view view;
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_view apps;
    struct pipc_apps_lookup_item_view app;
    struct pipc_label_view label;
    struct pipc_lookup_raw raw;
    memcpy(paths_bytes, lk_paths.at, 49);
    memcpy(cgroups_bytes, lk_cgroups.at, 128);
    memcpy(apps_bytes, lk_apps.at, 191);
    CHECK_OK(
        pipc_cgroups_lookup_request_decode(pipc_cgroups_lookup_linked(), paths_bytes, 49, &paths));
    CHECK_OK(pipc_cgroups_lookup_decode(pipc_cgroups_lookup_linked(), cgroups_bytes, 128, &view));
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), apps_bytes, 191, &apps));
    CHECK_OK(pipc_apps_lookup_item(&apps, 0, &app));
    paths_bytes[48] = 'X';
    CHECK_RESULT(pipc_cgroups_lookup_request_item(&paths, 1, &path), PIPC_ERR_MISSING_NUL);
    cgroups_bytes[32 + 24] = 200; /* labels */
    CHECK_RESULT(pipc_cgroups_lookup_item(&view, 0, &item), PIPC_ERR_OUT_OF_BOUNDS);
    cgroups_bytes[96 + 8] = 40; /* offset of the path */
    CHECK_RESULT(pipc_cgroups_lookup_item(&view, 1, &item), PIPC_ERR_OUT_OF_BOUNDS);
    apps_bytes[32 + 68 - 1] = 'X'; /* NUL of the name */
    CHECK_RESULT(pipc_apps_lookup_item(&apps, 0, &app), PIPC_ERR_MISSING_NUL);
    apps_bytes[32 + 72 + 4] = 200; /* length of the key */
    CHECK_RESULT(pipc_apps_lookup_label(&app, 0, &label), PIPC_ERR_OUT_OF_BOUNDS);
    apps_bytes[24] = 97; /* entry of the second item */
    CHECK_RESULT(pipc_apps_lookup_item(&apps, 1, &app), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(pipc_apps_lookup_raw_item(&apps, 1, &raw), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(pipc_apps_lookup_label(&app, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_OK(pipc_cgroups_lookup_decode(pipc_cgroups_lookup_linked(), lk_cgroups.at, 128, &view));
    CHECK_OK(pipc_cgroups_lookup_item(&view, 0, &item));
    CHECK_RESULT(pipc_cgroups_lookup_label(&item, 0, NULL), PIPC_ERR_BAD_PARAM);
}

TEST(codec_lookup_labels, zeroed_and_missing_views_are_refused)
{
    const struct pipc_cgroups_lookup_view view = {0};
    const struct pipc_cgroups_lookup_item_view item = {0};
    const struct pipc_apps_lookup_view apps = {0};
    const struct pipc_apps_lookup_item_view app = {0};
    struct pipc_cgroups_lookup_item_view ret;
    struct pipc_apps_lookup_item_view ret_app;
    struct pipc_label_view label;
    struct pipc_lookup_raw raw;
    CHECK_RESULT(pipc_cgroups_lookup_item(&view, 0, &ret), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_item(NULL, 0, &ret), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_label(&item, 0, &label), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_raw_item(&view, 0, &raw), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item(&apps, 0, &ret_app), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item(NULL, 0, &ret_app), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_label(&app, 0, &label), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_raw_item(&apps, 0, &raw), PIPC_ERR_BAD_PARAM);
}

TEST(codec_lookup_labels, missing_outputs_and_null_payloads_of_a_length_are_refused)
{
    const struct pipc_cgroups_lookup_table *c = pipc_cgroups_lookup_linked();
    const struct pipc_apps_lookup_table *a = pipc_apps_lookup_linked();
    struct pipc_cgroups_lookup_view view;
    struct pipc_apps_lookup_view apps;
    struct pipc_cgroups_lookup_request_view paths;
    struct pipc_apps_lookup_request_view pids;
    CHECK_OK(pipc_cgroups_lookup_decode(c, lk_cgroups.at, 128, &view));
    CHECK_OK(pipc_apps_lookup_decode(a, lk_apps.at, 191, &apps));
    CHECK_OK(pipc_cgroups_lookup_request_decode(c, lk_paths.at, 49, &paths));
    CHECK_OK(pipc_apps_lookup_request_decode(a, lk_pids.at, 48, &pids));
    CHECK_RESULT(pipc_cgroups_lookup_decode(c, lk_cgroups.at, 128, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_decode(a, lk_apps.at, 191, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_decode(c, lk_paths.at, 49, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_request_decode(a, lk_pids.at, 48, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_item(&view, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item(&apps, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_raw_item(&view, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_raw_item(&apps, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_item(&paths, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_request_item(&pids, 0, NULL), PIPC_ERR_BAD_PARAM);
    view.payload = NULL;
    check_cgroups_view(view, PIPC_ERR_BAD_PARAM);
}

TEST(codec_lookup_labels, second_decode_does_not_disturb_views_of_the_first)
{
    struct pipc_apps_lookup_view first, second;
    struct pipc_apps_lookup_item_view item;
    struct pipc_label_view label;
    unsigned char other[191];
    memcpy(other, lk_apps.at, 191);
    other[32 + 88] = 'z';
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), lk_apps.at, 191, &first));
    CHECK_OK(pipc_apps_lookup_item(&first, 0, &item));
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), other, 191, &second));
    CHECK_OK(pipc_apps_lookup_label(&item, 0, &label));
    CHECK_STR(label.key.ptr, "k");
    CHECK_STR(item.comm.ptr, "sh");
}
