/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests of both lookups: encoding, decoding, the order of the checks, and keys in any number.
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

TEST(codec_lookup_requests, constants_and_tables_are_those_of_the_pages)
{
    const struct pipc_codec_ops *c = pipc_module_cgroups_lookup.ops,
                                *a = pipc_module_apps_lookup.ops;
    CHECK(c->code == 4 && PIPC_METHOD_CGROUPS_LOOKUP == 4 && a->code == 5 &&
          PIPC_METHOD_APPS_LOOKUP == 5);
    CHECK(c->traits == PIPC_CODEC_LOOKUP && a->traits == PIPC_CODEC_LOOKUP);
    CHECK_STR(c->default_service, "cgroups-lookup");
    CHECK_STR(a->default_service, "apps-lookup");
    CHECK_STR(pipc_module_cgroups_lookup.name, "cgroups_lookup");
    CHECK_STR(pipc_module_apps_lookup.name, "apps_lookup");
    CHECK_EQ(PIPC_LOOKUP_HDR_LEN, 16);
    CHECK_EQ(PIPC_CGROUPS_LOOKUP_ITEM_HDR_LEN, 28);
    CHECK_EQ(PIPC_APPS_LOOKUP_ITEM_HDR_LEN, 60);
    CHECK_EQ(PIPC_APPS_LOOKUP_KEY_LEN, 8);
    CHECK_EQ(PIPC_APPS_COMM_MAX, 15);
    CHECK_EQ(PIPC_DIR_ENTRY_LEN, 8);
    CHECK_EQ(PIPC_LABEL_ENTRY_LEN, 16);
    CHECK_EQ(PIPC_UID_UNSET, 4294967295u);
    CHECK(cgroups()->size == sizeof(*cgroups()) && apps()->size == sizeof(*apps()));
}

/* ---- paths ---- */

/* Encodes into a block of exactly the size, reads back, compares. */
static void check_paths(const struct pipc_str_view *paths, uint32_t count)
{
    struct pipc_cgroups_lookup_request_view view;
    uint64_t size = 0;
    size_t len = 0;
    CHECK_OK(pipc_cgroups_lookup_request_size(cgroups(), paths, count, &size));
    unsigned char *bytes = malloc(size);
    memset(bytes, 0xff, size);
    CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), paths, count, bytes, size - 1, &len),
                 PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 0);
    CHECK_OK(pipc_cgroups_lookup_request_encode(cgroups(), paths, count, bytes, size, &len));
    CHECK_EQ(len, size);
    CHECK_OK(pipc_cgroups_lookup_request_decode(cgroups(), bytes, len, &view));
    CHECK_EQ(view.item_count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_cgroups_lookup_request_item_view key;
        CHECK_OK(pipc_cgroups_lookup_request_item(&view, i, &key));
        CHECK_EQ(key.path.len, paths[i].len);
        CHECK_MEM(key.path.ptr, paths[i].ptr, paths[i].len);
        CHECK_EQ(key.path.ptr[key.path.len], 0);
    }
    free(bytes);
}

TEST(codec_lookup_requests, no_path_one_two_and_a_thousand)
{
    static char texts[1000][16];
    struct pipc_str_view paths[1000];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(texts[i], sizeof(texts[i]), "/p%u", i * i);
        paths[i] = lk_str(texts[i]);
    }
    check_paths(NULL, 0);
    check_paths(paths, 1);
    check_paths(paths, 2);
    check_paths(paths, 1000);
}

TEST(codec_lookup_requests, path_lengths_1_to_17_with_every_alignment_and_zero_padding)
{
    static const char text[] = "abcdefghijklmnopq";
    for (size_t a = 1; a <= 17; a++)
        for (size_t b = 1; b <= 17; b++) {
            const struct pipc_str_view paths[] = {{text, a}, {text, b}, {text, 1}};
            unsigned char bytes[128];
            size_t len;
            check_paths(paths, 3);
            memset(bytes, 0xff, sizeof(bytes));
            CHECK_OK(pipc_cgroups_lookup_request_encode(cgroups(), paths, 3, bytes, 128, &len));
            for (size_t i = 0; i < len; i++)
                CHECK(bytes[i] != 0xff);
        }
}

TEST(codec_lookup_requests, equal_paths_and_paths_of_all_bytes_are_opaque)
{
    char all[255];
    for (unsigned i = 0; i < 255; i++)
        all[i] = (char)(i + 1);
    const struct pipc_str_view paths[] = {
        {all, 255}, lk_str("../x"), lk_str("../x"), lk_str("//"), {all, 255}};
    check_paths(paths, 5);
}

TEST(codec_lookup_requests, example_of_paths_byte_for_byte)
{
    const struct pipc_str_view paths[] = {lk_str("/a"), lk_str("/bcdefgh")};
    unsigned char bytes[64];
    size_t len = 0;
    CHECK_OK(pipc_cgroups_lookup_request_encode(cgroups(), paths, 2, bytes, 49, &len));
    CHECK_EQ(len, 49);
    CHECK_MEM(bytes, lk_paths.at, 49);
}

TEST(codec_lookup_requests, paths_that_no_request_may_hold)
{
    const struct pipc_str_view bad[][2] = {
        {{"a", 1}, {"", 0}}, {{"a", 1}, {NULL, 0}}, {{"a", 1}, {"a\0b", 3}}, {{"a", 1}, {"a", 2}}};
    const struct pipc_str_view null_path[] = {{NULL, 1}};
    unsigned char bytes[64];
    uint64_t size = 7;
    size_t len = 7;
    for (unsigned i = 0; i < 4; i++) {
        CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), bad[i], 2, bytes, 64, &len),
                     PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(pipc_cgroups_lookup_request_size(cgroups(), bad[i], 2, &size),
                     PIPC_ERR_BAD_LAYOUT);
    }
    CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), null_path, 1, bytes, 64, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_size(cgroups(), null_path, 1, &size),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), NULL, 1, bytes, 64, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_size(cgroups(), NULL, 1, &size), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_size(cgroups(), NULL, 0, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), NULL, 0, NULL, 64, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), NULL, 0, bytes, 64, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK(size == 7 && len == 7);
}

TEST(codec_lookup_requests, room_for_the_header_of_a_request_alone)
{
    const struct pipc_str_view path = lk_str("/a");
    const uint32_t pid = 1;
    unsigned char bytes[32];
    size_t len = 0;
    CHECK_OK(pipc_cgroups_lookup_request_encode(cgroups(), NULL, 0, bytes, 16, &len));
    CHECK_EQ(len, 16);
    CHECK_OK(pipc_apps_lookup_request_encode(apps(), NULL, 0, bytes, 16, &len));
    CHECK_EQ(len, 16);
    for (size_t cap = 0; cap < 27; cap++)
        CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), &path, 1, bytes, cap, &len),
                     PIPC_ERR_OVERFLOW);
    for (size_t cap = 0; cap < 32; cap++)
        CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), &pid, 1, bytes, cap, &len),
                     PIPC_ERR_OVERFLOW);
    for (size_t cap = 0; cap < 16; cap++) {
        CHECK_RESULT(pipc_cgroups_lookup_request_encode(cgroups(), NULL, 0, bytes, cap, &len),
                     PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), NULL, 0, bytes, cap, &len),
                     PIPC_ERR_OVERFLOW);
    }
}

/* Entries of both examples. */
enum { ENTRY0 = 16, ENTRY1 = 24 };

static void check_headers(const struct lk_bytes *request)
{
    CHECK_OK(lk_verdict(request, NULL, 0));
    CHECK_RESULT(LK_VERDICT(request, {15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(LK_VERDICT(request, {31, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_OK(LK_VERDICT(request, {4, 4, 0}, {16, 0, 0}));
    CHECK_RESULT(LK_VERDICT(request, {0, 2, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {0, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {0, 2, 256}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {2, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {2, 2, 0x8000}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {8, 4, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {8, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {12, 4, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {12, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    /* Neighbours: the earlier one is reported. */
    CHECK_RESULT(LK_VERDICT(request, {0, 2, 2}, {15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(LK_VERDICT(request, {0, 2, 2}, {4, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {12, 4, 1}, {4, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {4, 4, 0xffffffffu}, {ENTRY0, 4, 1}), PIPC_ERR_TRUNCATED);
}

static void check_entries(const struct lk_bytes *request)
{
    for (uint32_t off = 1; off < 8; off++)
        CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 8 + off}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 0xfffffff8u}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 16}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 0}), PIPC_ERR_BAD_LAYOUT); /* not ascending */
    /* Neighbours. */
    CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 9}, {ENTRY1 + 4, 4, 1}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY1, 4, 0xfffffff8u}, {ENTRY1 + 4, 4, 1}),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY0, 4, 4}, {ENTRY1, 4, 0xfffffff8u}),
                 PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(LK_VERDICT(request, {ENTRY0, 4, 8}, {ENTRY1, 4, 0xfffffff8u}),
                 PIPC_ERR_OUT_OF_BOUNDS); /* the first entry is sound by itself */
    /* A fault in an entry comes before a fault in a key. */
    CHECK_RESULT(LK_VERDICT(request, {34, 1, 'X'}, {36, 1, 1}, {ENTRY1, 4, 9}),
                 PIPC_ERR_BAD_ALIGNMENT);
}

TEST(codec_lookup_requests, every_check_of_paths_alone_and_with_its_neighbour)
{
    check_headers(&lk_paths);
    check_entries(&lk_paths);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {ENTRY1 + 4, 4, 10}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {ENTRY1 + 4, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {ENTRY0 + 4, 4, 9}), PIPC_ERR_BAD_LAYOUT); /* overlap */
    CHECK_RESULT(LK_VERDICT(&lk_paths, {48, 1, 'X'}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {44, 1, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {48, 1, 'X'}, {44, 1, 0}), PIPC_ERR_MISSING_NUL);
    /* The first key is judged before the second. */
    CHECK_RESULT(LK_VERDICT(&lk_paths, {32, 1, 0}, {48, 1, 'X'}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_requests, path_lengths_0_1_2_and_nuls_in_the_wrong_place)
{
    static const struct {
        uint32_t length;
        const char bytes[4];
        pipc_result expected;
    } keys[] = {
        {0, "a\0\0", PIPC_ERR_BAD_LAYOUT},
        {1, "\0a\0", PIPC_ERR_BAD_LAYOUT},
        {2, "a\0\0", PIPC_OK},
        {3, "a\0\0", PIPC_ERR_BAD_LAYOUT}, /* two NULs */
        {4, "a\0b\0", PIPC_ERR_BAD_LAYOUT},
        {2, "ab\0", PIPC_ERR_MISSING_NUL}, /* one too short */
        {4, "abcd", PIPC_ERR_MISSING_NUL},
        {4, "ab\0x", PIPC_ERR_MISSING_NUL}, /* one too long */
        {2, "\0\0\0", PIPC_ERR_BAD_LAYOUT},
        {4, "abc\0", PIPC_OK},
    };
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        unsigned char bytes[28] = {1, 0, 0, 0, 1};
        const struct lk_bytes request = {"cgroups_lookup_req", bytes, sizeof(bytes)};
        bytes[20] = (unsigned char)keys[i].length;
        memcpy(bytes + 24, keys[i].bytes, 4);
        CHECK_RESULT(lk_verdict(&request, NULL, 0), keys[i].expected);
    }
}

TEST(codec_lookup_requests, counts_beside_the_directory)
{
    /* One more entry leaves too little behind the directory for the second key. */
    CHECK_RESULT(LK_VERDICT(&lk_paths, {4, 4, 3}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(&lk_paths, {4, 4, 5}), PIPC_ERR_TRUNCATED);
    /* One less makes bytes of the second entry a key: 8, 0. */
    CHECK_RESULT(LK_VERDICT(&lk_paths, {4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(LK_VERDICT(&lk_pids, {4, 4, 3}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(LK_VERDICT(&lk_pids, {4, 4, 5}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(LK_VERDICT(&lk_pids, {4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_requests, other_payloads_taken_as_a_request)
{
    struct lk_bytes other = lk_cgroups;
    other.kind = "cgroups_lookup_req"; /* a generation where zeros are asked for */
    CHECK_RESULT(lk_verdict(&other, NULL, 0), PIPC_ERR_BAD_LAYOUT);
    other = lk_paths;
    other.kind = "apps_lookup_req"; /* a path of two bytes is no PID */
    CHECK_RESULT(lk_verdict(&other, NULL, 0), PIPC_ERR_BAD_LAYOUT);
    other = lk_apps;
    other.kind = "apps_lookup_req";
    CHECK_RESULT(lk_verdict(&other, NULL, 0), PIPC_ERR_BAD_LAYOUT);
}

/* ---- PIDs ---- */

static void check_pids(const uint32_t *pids, uint32_t count)
{
    struct pipc_apps_lookup_request_view view;
    const size_t size = 16 + 16 * (size_t)count;
    unsigned char *bytes = malloc(size);
    size_t len = 0;
    memset(bytes, 0xff, size);
    CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), pids, count, bytes, size - 1, &len),
                 PIPC_ERR_OVERFLOW);
    CHECK_OK(pipc_apps_lookup_request_encode(apps(), pids, count, bytes, size, &len));
    CHECK_EQ(len, size);
    CHECK_OK(pipc_apps_lookup_request_decode(apps(), bytes, len, &view));
    CHECK_EQ(view.item_count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_apps_lookup_request_item_view key;
        CHECK_OK(pipc_apps_lookup_request_item(&view, i, &key));
        CHECK_EQ(key.pid, pids[i]);
    }
    free(bytes);
}

TEST(codec_lookup_requests, no_pid_one_three_a_thousand_and_equal_ones)
{
    static uint32_t pids[1000] = {0, 0xffffffffu, 0};
    for (uint32_t i = 3; i < 1000; i++)
        pids[i] = i / 2;
    check_pids(NULL, 0);
    check_pids(pids, 1);
    check_pids(pids, 3);
    check_pids(pids, 1000);
}

TEST(codec_lookup_requests, example_of_pids_byte_for_byte_and_missing_arguments)
{
    const uint32_t pids[] = {1, 4242};
    unsigned char bytes[48];
    size_t len = 0;
    CHECK_OK(pipc_apps_lookup_request_encode(apps(), pids, 2, bytes, 48, &len));
    CHECK_EQ(len, 48);
    CHECK_MEM(bytes, lk_pids.at, 48);
    CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), NULL, 1, bytes, 48, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), pids, 2, NULL, 48, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_request_encode(apps(), pids, 2, bytes, 48, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(len, 48);
}

TEST(codec_lookup_requests, every_check_of_pids_alone_and_with_its_neighbour)
{
    static const uint32_t lengths[] = {0, 7, 9, 16, 0xffffffffu};
    check_headers(&lk_pids);
    check_entries(&lk_pids);
    for (unsigned i = 0; i < 5; i++) {
        CHECK_RESULT(LK_VERDICT(&lk_pids, {ENTRY0 + 4, 4, lengths[i]}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(&lk_pids, {ENTRY1 + 4, 4, lengths[i]}), PIPC_ERR_BAD_LAYOUT);
    }
    for (size_t key = 32; key <= 40; key += 8) {
        CHECK_RESULT(LK_VERDICT(&lk_pids, {key + 4, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(LK_VERDICT(&lk_pids, {key + 4, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    }
    CHECK_RESULT(LK_VERDICT(&lk_pids, {36, 4, 1}, {ENTRY1, 4, 0xfffffff8u}),
                 PIPC_ERR_OUT_OF_BOUNDS);
}
