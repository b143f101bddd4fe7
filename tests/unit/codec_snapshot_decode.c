/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT, decoding: the request, header and directory of a response, items, the order of
 * the checks, everything that is accepted, and views used in the wrong way.
 */
#include "test.h"

#include "codec_fixture.h"
#include "codec_snapshot.h"

static const struct pipc_cgroups_snapshot_table *table(void)
{
    return pipc_cgroups_snapshot_linked();
}

/* ---- request ---- */

static pipc_result request(const void *bytes, size_t len)
{
    struct pipc_cgroups_snapshot_request_view view;
    unsigned char *exact = malloc(len ? len : 1);
    memcpy(exact, bytes, len);
    const pipc_result r = pipc_cgroups_snapshot_request_decode(table(), exact, len, &view);
    if (r == PIPC_OK)
        CHECK(view.layout_version == 1 && view.flags == 0 && view.table == table());
    free(exact);
    return r;
}

TEST(codec_snapshot_decode, constants_and_tables_are_those_of_the_page)
{
    const struct pipc_codec_ops *ops = pipc_module_cgroups_snapshot.ops;
    CHECK_EQ(table()->size, sizeof(*table()));
    CHECK_EQ(ops->code, 2);
    CHECK_EQ(PIPC_METHOD_CGROUPS_SNAPSHOT, 2);
    CHECK_EQ(PIPC_CGROUPS_SNAPSHOT_REQ_LEN, 4);
    CHECK_EQ(PIPC_CGROUPS_SNAPSHOT_HDR_LEN, 24);
    CHECK_EQ(PIPC_CGROUPS_SNAPSHOT_ITEM_HDR_LEN, 32);
    CHECK_EQ(PIPC_DIR_ENTRY_LEN, 8);
    CHECK_EQ(ops->traits, PIPC_CODEC_SNAPSHOT);
    CHECK_EQ(ops->call->batch, 0);
    CHECK_STR(ops->default_service, "cgroups-snapshot");
    CHECK_STR(pipc_module_cgroups_snapshot.name, "cgroups_snapshot");
}

TEST(codec_snapshot_decode, request_is_four_bytes_and_surplus_is_ignored)
{
    const uint16_t words[4] = {1, 0, 0xffff, 0xffff};
    unsigned char bytes[4];
    size_t len = 99;
    for (size_t n = 0; n < 4; n++) {
        CHECK_RESULT(request(words, n), PIPC_ERR_TRUNCATED);
        CHECK_RESULT(pipc_cgroups_snapshot_request_encode(table(), bytes, n, &len),
                     PIPC_ERR_OVERFLOW);
    }
    CHECK_EQ(len, 99);
    for (size_t n = 4; n <= 8; n++)
        CHECK_OK(request(words, n));
    CHECK_OK(pipc_cgroups_snapshot_request_encode(table(), bytes, 4, &len));
    CHECK_EQ(len, 4);
    CHECK_MEM(bytes, words, 4);
    CHECK_RESULT(pipc_cgroups_snapshot_request_encode(table(), NULL, 4, &len), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_request_encode(table(), bytes, 4, NULL), PIPC_ERR_BAD_PARAM);
}

TEST(codec_snapshot_decode, request_of_another_version_or_with_flags_is_refused)
{
    static const uint16_t bad[][2] = {{0, 0}, {2, 0}, {256, 0}, {1, 1}, {1, 0x8000}, {2, 1}};
    for (unsigned i = 0; i < 6; i++)
        CHECK_RESULT(request(bad[i], 4), PIPC_ERR_BAD_LAYOUT);
}

/* ---- response: header and directory ---- */

/* A change of the two-item payload, and what comes of it. */
struct change {
    size_t at;
    uint32_t width; /* 1, 2 or 4 bytes */
    uint32_t value;
};

/* Verdict of decode for the first `len` bytes of the changed payload. */
static pipc_result verdict(const struct change *changes, unsigned count, size_t len)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_view view;
    for (unsigned i = 0; i < count; i++) {
        if (changes[i].width == 2)
            cgsnap_put16(&two, changes[i].at, (uint16_t)changes[i].value);
        else
            cgsnap_put32(&two, changes[i].at, changes[i].value);
    }
    unsigned char *exact = malloc(len ? len : 1);
    memcpy(exact, two.at, len);
    cgsnap_free(&two);
    const pipc_result r = pipc_cgroups_snapshot_decode(table(), exact, len, &view);
    free(exact);
    return r;
}

static const struct change bad_version = {0, 2, 2}, bad_flags = {2, 2, 1},
                           bad_reserved = {12, 4, 1}, bad_count = {4, 4, 0x20000000u};

TEST(codec_snapshot_decode, every_check_of_the_header_alone)
{
    CHECK_RESULT(verdict(NULL, 0, 23), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(verdict(NULL, 0, 24), PIPC_ERR_TRUNCATED); /* its directory is missing */
    CHECK_RESULT(verdict(&(struct change){4, 4, 0}, 1, 24), PIPC_OK);
    CHECK_RESULT(verdict(&bad_version, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict(&(struct change){0, 2, 0}, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict(&bad_flags, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict(&(struct change){2, 2, 0x8000}, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict(&bad_reserved, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict(&(struct change){12, 4, 0x80000000u}, 1, TWO_LEN), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_snapshot_decode, neighbouring_header_checks_report_the_earlier_one)
{
    CHECK_RESULT(verdict((struct change[]){bad_version, bad_flags}, 2, 23), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(verdict((struct change[]){bad_version, bad_flags}, 2, TWO_LEN),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict((struct change[]){bad_flags, bad_reserved}, 2, TWO_LEN),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(verdict((struct change[]){bad_reserved, bad_count}, 2, TWO_LEN),
                 PIPC_ERR_BAD_LAYOUT);
    /* The count is judged before the first entry. */
    CHECK_RESULT(verdict((struct change[]){bad_count, {TWO_ENTRY0, 4, 4}}, 2, TWO_LEN),
                 PIPC_ERR_TRUNCATED);
}

TEST(codec_snapshot_decode, item_count_above_the_directory_is_refused)
{
    /* 118 bytes hold 11 entries. */
    static const uint32_t counts[] = {12, 0x1fffffffu, 0x20000000u, 0x20000001u, 0xffffffffu};
    for (unsigned i = 0; i < 5; i++)
        CHECK_RESULT(verdict(&(struct change){4, 4, counts[i]}, 1, TWO_LEN), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(verdict(&(struct change){4, 4, 3}, 1, 24 + 16), PIPC_ERR_TRUNCATED);
}

/* The second entry becomes (offset, length). */
static pipc_result entry(uint32_t offset, uint32_t length)
{
    return verdict((struct change[]){{TWO_ENTRY1, 4, offset}, {TWO_ENTRY1 + 4, 4, length}}, 2,
                   TWO_LEN);
}

TEST(codec_snapshot_decode, every_check_of_an_entry_alone)
{
    /* The packed area has 78 bytes. */
    for (uint32_t off = 1; off < 8; off++)
        CHECK_RESULT(entry(40 + off, 32), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(entry(4, 38), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(entry(40, 38), PIPC_OK);
    CHECK_RESULT(entry(40, 39), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(entry(0xfffffff8u, 16), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(entry(0, 0xffffffffu), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(entry(80, 0), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(entry(40, 0), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(entry(40, 31), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(entry(40, 32), PIPC_OK);
    CHECK_RESULT(entry(40, 33), PIPC_OK);
    CHECK_RESULT(entry(40, 34), PIPC_OK);
}

TEST(codec_snapshot_decode, neighbouring_entry_checks_report_the_earlier_one)
{
    CHECK_RESULT(entry(0xfffffffcu, 16), PIPC_ERR_BAD_ALIGNMENT); /* and out of bounds */
    CHECK_RESULT(entry(0xfffffff8u, 0), PIPC_ERR_OUT_OF_BOUNDS);  /* and short */
    CHECK_RESULT(entry(44, 0), PIPC_ERR_BAD_ALIGNMENT);           /* and short */
    CHECK_RESULT(
        verdict((struct change[]){{TWO_ENTRY0 + 4, 4, 31}, {TWO_ENTRY1, 4, 44}}, 2, TWO_LEN),
        PIPC_ERR_TRUNCATED); /* entries are checked from the first */
}

TEST(codec_snapshot_decode, fault_in_an_entry_is_found_before_a_fault_in_an_item)
{
    static const char *const texts[] = {"a", "b", "c", "d"};
    struct cgsnap_bytes four = cgsnap_make(texts, texts, 4);
    cgsnap_put16(&four, 24 + 32, 9);     /* version of item 0 */
    cgsnap_put32(&four, 24 + 3 * 8, 44); /* offset of entry 3 */
    struct pipc_cgroups_snapshot_view view;
    CHECK_RESULT(pipc_cgroups_snapshot_decode(table(), four.at, four.len, &view),
                 PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(codec_check(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp",
                             four.at, four.len),
                 PIPC_ERR_BAD_ALIGNMENT);
    cgsnap_free(&four);
}

/* ---- response: items ---- */

/* Verdict of item 1 with these changes; item 0 must stay readable and decode must succeed. */
static pipc_result item1(const struct change *changes, unsigned count)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    for (unsigned i = 0; i < count; i++) {
        const size_t at = TWO_ITEM1 + changes[i].at;
        if (changes[i].width == 4)
            cgsnap_put32(&two, at, changes[i].value);
        else if (changes[i].width == 2)
            cgsnap_put16(&two, at, (uint16_t)changes[i].value);
        else
            two.at[at] = (unsigned char)changes[i].value;
    }
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    cgsnap_check_item(&view, 0, "nm", "/p");
    const pipc_result r = pipc_cgroups_snapshot_item(&view, 1, &item);
    cgsnap_free(&two);
    return r;
}

#define ITEM1(...)                              \
    item1((const struct change[]){__VA_ARGS__}, \
          sizeof((const struct change[]){__VA_ARGS__}) / sizeof(struct change))

enum { VERSION = 0, FLAGS = 2, NAME_AT = 16, NAME_LEN = 20, PATH_AT = 24, PATH_LEN = 28 };

TEST(codec_snapshot_decode, only_the_second_item_bad_leaves_the_first_readable)
{
    CHECK_RESULT(ITEM1({VERSION, 2, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(ITEM1({VERSION, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(ITEM1({FLAGS, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(ITEM1({FLAGS, 2, 0x8000}), PIPC_ERR_BAD_LAYOUT);
    CHECK_OK(ITEM1({4, 4, 0xffffffffu}, {8, 4, 0xffffffffu}, {12, 4, 2}));
}

TEST(codec_snapshot_decode, every_check_of_a_string_alone)
{
    /* The item has 38 bytes: name at 32, path at 35. */
    CHECK_RESULT(ITEM1({NAME_AT, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({NAME_AT, 4, 31}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_OK(ITEM1({NAME_AT, 4, 32}));
    CHECK_RESULT(ITEM1({PATH_AT, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({PATH_AT, 4, 31}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({PATH_LEN, 4, 3}), PIPC_ERR_OUT_OF_BOUNDS); /* its NUL is one byte further */
    CHECK_RESULT(ITEM1({PATH_LEN, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({NAME_LEN, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({NAME_AT, 4, 0xffffffffu}, {NAME_LEN, 4, 0xffffffffu}),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({NAME_AT, 4, 38}, {NAME_LEN, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({34, 1, 'X'}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(ITEM1({37, 1, 'X'}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(ITEM1({NAME_LEN, 4, 1}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(ITEM1({PATH_LEN, 4, 1}), PIPC_ERR_MISSING_NUL);
}

TEST(codec_snapshot_decode, neighbouring_item_checks_report_the_earlier_one)
{
    CHECK_RESULT(ITEM1({VERSION, 2, 2}, {NAME_AT, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(ITEM1({FLAGS, 2, 1}, {NAME_AT, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(ITEM1({NAME_AT, 4, 0}, {34, 1, 'X'}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({NAME_LEN, 4, 0xffffffffu}, {34, 1, 'X'}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({34, 1, 'X'}, {PATH_AT, 4, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(ITEM1({PATH_AT, 4, 0}, {PATH_LEN, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(ITEM1({PATH_LEN, 4, 0xffffffffu}, {37, 1, 'X'}), PIPC_ERR_OUT_OF_BOUNDS);
    /* Missing NUL of the path, which also shares bytes with the name. */
    CHECK_RESULT(ITEM1({PATH_AT, 4, 32}, {PATH_LEN, 4, 1}), PIPC_ERR_MISSING_NUL);
}

TEST(codec_snapshot_decode, strings_that_share_a_byte_are_refused_and_touching_ones_are_not)
{
    CHECK_RESULT(ITEM1({PATH_AT, 4, 32}), PIPC_ERR_BAD_LAYOUT); /* identical */
    CHECK_RESULT(ITEM1({NAME_LEN, 4, 5}), PIPC_ERR_BAD_LAYOUT); /* the path is nested in the name */
    CHECK_RESULT(ITEM1({PATH_AT, 4, 32}, {PATH_LEN, 4, 5}), PIPC_ERR_BAD_LAYOUT); /* the reverse */
    CHECK_RESULT(ITEM1({PATH_AT, 4, 34}, {PATH_LEN, 4, 3}),
                 PIPC_ERR_BAD_LAYOUT); /* one byte: a NUL */
    CHECK_RESULT(ITEM1({NAME_AT, 4, 37}, {NAME_LEN, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_OK(ITEM1({PATH_AT, 4, 35})); /* touching, as written */
    CHECK_RESULT(ITEM1({NAME_AT, 4, 34}, {NAME_LEN, 4, 0}, {PATH_AT, 4, 34}, {PATH_LEN, 4, 0}),
                 PIPC_ERR_BAD_LAYOUT); /* two empty strings need two NULs */
    CHECK_OK(
        ITEM1({33, 1, 0}, {NAME_AT, 4, 33}, {NAME_LEN, 4, 0}, {PATH_AT, 4, 34}, {PATH_LEN, 4, 0}));
}

/* ---- accepted ---- */

TEST(codec_snapshot_decode, no_items_with_and_without_bytes_behind_the_header)
{
    struct pipc_cgroups_snapshot_item_view item;
    for (size_t len = 24; len <= 32; len++) {
        unsigned char *bytes = malloc(len);
        memset(bytes, 0xff, len);
        memset(bytes, 0, 24);
        bytes[0] = 1;
        const struct pipc_cgroups_snapshot_view view =
            cgsnap_view(&(struct cgsnap_bytes){bytes, len});
        CHECK_EQ(view.item_count, 0);
        CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 0, &item), PIPC_ERR_OUT_OF_BOUNDS);
        free(bytes);
    }
}

/* The two-item payload with an entry 1 of another place; both items are read. */
static void check_entries(uint32_t offset0, uint32_t length0, uint32_t offset1, uint32_t length1,
                          const char *name0, const char *name1)
{
    struct cgsnap_bytes two = cgsnap_two();
    cgsnap_put32(&two, TWO_ENTRY0, offset0);
    cgsnap_put32(&two, TWO_ENTRY0 + 4, length0);
    cgsnap_put32(&two, TWO_ENTRY1, offset1);
    cgsnap_put32(&two, TWO_ENTRY1 + 4, length1);
    two.at[TWO_ITEM0 + 38] = two.at[TWO_ITEM0 + 39] = 0xee; /* the gap between the items */
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    cgsnap_check_item(&view, 0, name0, name0[0] == 'n' ? "/p" : "/q");
    cgsnap_check_item(&view, 1, name1, name1[0] == 'n' ? "/p" : "/q");
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, entries_in_any_order_overlapping_equal_touching_and_with_gaps)
{
    check_entries(40, 38, 0, 38, "xy", "nm");  /* descending */
    check_entries(0, 38, 0, 38, "nm", "nm");   /* equal */
    check_entries(40, 38, 40, 38, "xy", "xy"); /* equal, with a gap before */
    check_entries(0, 78, 40, 38, "nm", "xy");  /* nested */
    check_entries(0, 41, 40, 38, "nm", "xy");  /* sharing one byte */
    check_entries(0, 40, 40, 38, "nm", "xy");  /* touching */
    check_entries(0, 38, 40, 38, "nm", "xy");  /* a gap that is not zero */
}

TEST(codec_snapshot_decode, gaps_before_the_first_and_behind_the_last_item)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_view view;
    cgsnap_put32(&two, 4, 1); /* entry 1 becomes the first bytes of the packed area */
    cgsnap_put32(&two, TWO_ENTRY0, 8);
    unsigned char *longer = malloc(TWO_LEN + 5);
    memset(longer, 0xff, TWO_LEN + 5);
    memcpy(longer, two.at, TWO_LEN);
    CHECK_OK(pipc_cgroups_snapshot_decode(table(), longer, TWO_LEN + 5, &view));
    CHECK_EQ(view.item_count, 1);
    cgsnap_check_item(&view, 0, "nm", "/p");
    free(longer);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, path_before_name_and_gaps_inside_an_item)
{
    CHECK_OK(ITEM1({NAME_AT, 4, 35}, {PATH_AT, 4, 32}));
    /* A gap before the name and between the strings, with any bytes in it. */
    CHECK_OK(ITEM1({32, 1, 0xff}, {NAME_AT, 4, 33}, {NAME_LEN, 4, 1}, {35, 1, 0xff},
                   {PATH_AT, 4, 36}, {PATH_LEN, 4, 1}));
    /* A gap behind the last string. */
    CHECK_OK(ITEM1({36, 1, 0}, {37, 1, 0xff}, {PATH_LEN, 4, 1}));
}

TEST(codec_snapshot_decode, inner_nul_and_bytes_that_are_not_utf8_are_handed_on)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    two.at[TWO_ITEM0 + 32] = 0;
    two.at[TWO_ITEM0 + 36] = 0xfe;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 0, &item));
    CHECK_EQ(item.name.len, 2);
    CHECK_MEM(item.name.ptr, "\0m", 3);
    CHECK_EQ(item.path.len, 2);
    CHECK_MEM(item.path.ptr, "/\xfe", 3);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, any_value_of_the_scalars_is_handed_on)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    memset(two.at + 8, 0xff, 4);
    memset(two.at + 16, 0xff, 8);
    memset(two.at + TWO_ITEM0 + 4, 0xff, 12);
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_EQ(view.systemd_enabled, UINT32_MAX);
    CHECK_EQ(view.generation, UINT64_MAX);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 0, &item));
    CHECK(item.hash == UINT32_MAX && item.options == UINT32_MAX && item.enabled == UINT32_MAX);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, directory_of_a_thousand_entries_in_reverse_order)
{
    const uint32_t n = 1000;
    char names[1000][8];
    const char *list[1000];
    for (uint32_t i = 0; i < n; i++) {
        snprintf(names[i], sizeof(names[i]), "n%u", i);
        list[i] = names[i];
    }
    struct cgsnap_bytes bytes = cgsnap_make(list, list, n);
    for (uint32_t i = 0; i < n / 2; i++) {
        unsigned char entry_bytes[8], *a = bytes.at + 24 + 8 * (size_t)i,
                                      *b = bytes.at + 24 + 8 * (size_t)(n - 1 - i);
        memcpy(entry_bytes, a, 8);
        memcpy(a, b, 8);
        memcpy(b, entry_bytes, 8);
    }
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&bytes);
    for (uint32_t i = 0; i < n; i++)
        cgsnap_check_item(&view, i, list[n - 1 - i], list[n - 1 - i]);
    cgsnap_free(&bytes);
}

/* ---- views ---- */

TEST(codec_snapshot_decode, index_at_the_count_and_far_beyond_is_out_of_bounds)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 2, &item), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 0xffffffffu, &item), PIPC_ERR_OUT_OF_BOUNDS);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, view_with_a_payload_length_reduced_by_hand_fails_cleanly)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    for (size_t len = 0; len < TWO_LEN; len++) {
        struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
        unsigned char *exact = malloc(len ? len : 1);
        memcpy(exact, two.at, len);
        view.payload = exact;
        view.payload_len = len;
        CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 1, &item),
                     len < 40 ? PIPC_ERR_TRUNCATED : PIPC_ERR_OUT_OF_BOUNDS);
        free(exact);
    }
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, view_with_a_count_raised_by_hand_fails_cleanly)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    view.item_count = 0xffffffffu;
    CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 0xfffffffeu, &item), PIPC_ERR_TRUNCATED);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, zeroed_and_missing_views_are_refused)
{
    const struct pipc_cgroups_snapshot_view zeroed = {0};
    struct pipc_cgroups_snapshot_view lost = {.table = table(), .item_count = 1, .payload_len = 64};
    struct pipc_cgroups_snapshot_item_view item;
    struct cgsnap_bytes two = cgsnap_two();
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_RESULT(pipc_cgroups_snapshot_item(NULL, 0, &item), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item(&zeroed, 0, &item), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item(&lost, 0, &item), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item(&view, 0, NULL), PIPC_ERR_BAD_PARAM);
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, second_decode_does_not_disturb_views_of_the_first)
{
    static const char *const other[] = {"other"};
    struct cgsnap_bytes two = cgsnap_two(), one = cgsnap_make(other, other, 1);
    struct pipc_cgroups_snapshot_item_view item;
    const struct pipc_cgroups_snapshot_view first = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_item(&first, 0, &item));
    const struct pipc_cgroups_snapshot_view second = cgsnap_view(&one);
    cgsnap_check_item(&second, 0, "other", "other");
    cgsnap_check_item(&first, 1, "xy", "/q");
    CHECK_STR(item.name.ptr, "nm");
    CHECK_STR(item.path.ptr, "/p");
    cgsnap_free(&one);
    CHECK_STR(item.name.ptr, "nm");
    cgsnap_free(&two);
}

TEST(codec_snapshot_decode, item_views_outlive_the_top_view_and_change_with_the_payload)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_cgroups_snapshot_view *view = malloc(sizeof(*view));
    *view = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_item(view, 0, &item));
    memset(view, 0xff, sizeof(*view));
    free(view);
    CHECK_STR(item.name.ptr, "nm");
    CHECK_STR(item.path.ptr, "/p");
    CHECK((const unsigned char *)item.name.ptr == two.at + TWO_ITEM0 + 32);
    /* They borrow: a poisoned payload poisons them. */
    memset(two.at, 0xdd, two.len);
    CHECK_EQ((unsigned char)item.name.ptr[0], 0xdd);
    CHECK_EQ((unsigned char)item.path.ptr[2], 0xdd);
    cgsnap_free(&two);
}
