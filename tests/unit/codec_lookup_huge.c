/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups around 2^32 bytes: an overflow or a placeholder, never a wrapped number. Needs address
 * space, hardly any memory.
 */
#include "test.h"

#include "codec_fixture.h"
#include "huge.h"
#include "lookup_bytes.h"

#if UINTPTR_MAX > UINT32_MAX

static const struct pipc_cgroups_lookup_table *table(void)
{
    return pipc_cgroups_lookup_linked();
}

TEST(codec_lookup_huge, directory_and_reserve_above_32_bits_are_an_overflow)
{
    static const uint32_t counts[] = {0x1fffffffu, 0x20000000u, 0x20000001u, UINT32_MAX};
    struct pipc_cgroups_lookup_builder b;
    struct pipc_apps_lookup_builder a;
    unsigned char buf[64];
    for (unsigned i = 0; i < 4; i++) {
        const struct pipc_apps_lookup_request_view request = {.table = pipc_apps_lookup_linked(),
                                                              .item_count = counts[i]};
        /* The room is simulated: nothing may be written. */
        CHECK_RESULT(pipc_cgroups_lookup_builder_init(table(), &b, buf, SIZE_MAX, counts[i], 0),
                     PIPC_ERR_OVERFLOW);
        CHECK_EQ(pipc_cgroups_lookup_builder_finish(&b), 0);
        CHECK_RESULT(pipc_apps_lookup_builder_init_request(pipc_apps_lookup_linked(), &a, buf,
                                                           SIZE_MAX, &request, 0),
                     PIPC_ERR_OVERFLOW);
    }
    /* 2^26 PIDs: the directory fits 32 bits, their placeholders do not. */
    const struct pipc_apps_lookup_request_view request = {.table = pipc_apps_lookup_linked(),
                                                          .item_count = 0x04000001u};
    CHECK_RESULT(pipc_apps_lookup_builder_init_request(pipc_apps_lookup_linked(), &a, buf, SIZE_MAX,
                                                       &request, 0),
                 PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_apps_lookup_builder_add_status(&a, 1, 1), PIPC_ERR_OVERFLOW);
}

TEST(codec_lookup_huge, response_ends_at_the_last_byte_of_32_bits_or_is_cut)
{
    unsigned char *buf = huge_room();
    struct pipc_cgroups_lookup_builder b;
    /* Header and directory end 104 bytes below 2^32; an item of 30 + 73 ends at 2^32 - 1. */
    const uint32_t slots = (uint32_t)((((uint64_t)1 << 32) - 104 - 16) / 8);
    char path[75];
    struct pipc_cgroups_lookup_item item;
    memset(path, 'p', 74);
    path[74] = 0;
    for (size_t len = 74; len >= 73; len--) {
        path[len] = 0;
        item = lk_cgroup(path, "");
        item.status = 1;
        CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &b, buf, HUGE_ROOM, slots, 0));
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&b, &item),
                     len == 74 ? PIPC_ERR_OVERFLOW : PIPC_OK);
    }
    CHECK_EQ(b.state.pos, UINT32_MAX);
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&b, &item), PIPC_ERR_OVERFLOW);
    huge_free(buf);
}

TEST(codec_lookup_huge, strings_that_would_wrap_become_placeholders_or_an_overflow)
{
    /* As 32-bit numbers these are 2^32 - 1 and 16, which would fit or come out small. */
    static const uint64_t lens[] = {0xffffffffu, 0x100000010u};
    char *text = huge_text();
    unsigned char buf[256];
    for (unsigned i = 0; i < 2; i++) {
        const struct pipc_str_view huge = {text, (size_t)lens[i]};
        const struct pipc_label_view labels[] = {{{"k", 1}, huge}};
        struct pipc_cgroups_lookup_builder b;
        struct pipc_apps_lookup_builder a;
        struct pipc_cgroups_lookup_item item = lk_cgroup("/a", NULL);
        struct pipc_apps_lookup_item app = lk_app(1, "sh", "", "");
        CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &b, buf, sizeof(buf), 2, 0));
        item.name = huge;
        CHECK_OK(pipc_cgroups_lookup_builder_add(&b, &item)); /* OVERSIZED_ITEM */
        item.name = lk_str("");
        item.labels = labels;
        item.label_count = 1;
        CHECK_OK(pipc_cgroups_lookup_builder_add(&b, &item)); /* PAYLOAD_EXCEEDED */
        CHECK(b.state.cut == 1 && b.state.exceeded == 1);
        const size_t len = pipc_cgroups_lookup_builder_finish(&b);
        CHECK_OK(
            codec_verdict(codec_linked("cgroups_lookup_resp"), "cgroups_lookup_resp", buf, len));
        CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &b, buf, sizeof(buf), 2, 0));
        item.path = huge;
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&b, &item), PIPC_ERR_OVERFLOW);
        app.cgroup_path = huge;
        CHECK_OK(
            pipc_apps_lookup_builder_init(pipc_apps_lookup_linked(), &a, buf, sizeof(buf), 1, 0));
        CHECK_OK(pipc_apps_lookup_builder_add(&a, &app));
        CHECK_EQ(a.state.cut, 1);
    }
    huge_free(text);
}

TEST(codec_lookup_huge, a_label_whose_strings_wrap_together_does_not_fit)
{
    /* Each of them has less than 2^31 bytes; as a 32-bit number all of the label has none. */
    char *text = huge_text();
    const struct pipc_str_view half = {text, 0x7ffffff7u};
    const struct pipc_label_view label = {half, half};
    struct pipc_cgroups_lookup_item item = lk_cgroup("/a", "n");
    struct pipc_cgroups_lookup_builder b;
    unsigned char buf[256];
    item.labels = &label;
    item.label_count = 1;
    CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &b, buf, sizeof(buf), 1, 0));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&b, &item));
    CHECK_EQ(b.state.cut, 1);
    huge_free(text);
}

TEST(codec_lookup_huge, requests_of_more_than_32_bits_are_an_overflow)
{
    char *text = huge_text();
    const struct pipc_lookup_hooks *hooks = codec_linked("cgroups_lookup_req")->lookup;
    const struct pipc_str_view paths[] = {{text, (size_t)1 << 32}, {text, 0xfffffff0u}};
    struct pipc_lookup_raw raw = {text, (size_t)1 << 32};
    unsigned char buf[64];
    uint64_t size = 0;
    size_t len = 7;
    for (unsigned i = 0; i < 2; i++)
        CHECK_RESULT(pipc_cgroups_lookup_request_encode(table(), &paths[i], 1, buf, SIZE_MAX, &len),
                     PIPC_ERR_OVERFLOW);
    CHECK_OK(pipc_cgroups_lookup_request_size(table(), paths, 2, &size));
    CHECK_EQ(size, 32 + ((uint64_t)1 << 32) + 8 + 0xfffffff1u);
    CHECK_EQ(hooks->fit(paths, 2, UINT32_MAX, &size), 0);
    CHECK_EQ(size, 16);
    CHECK_RESULT(hooks->local(&paths[0], buf, SIZE_MAX, &len), PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_cgroups_lookup_assemble(table(), &raw, 1, 0, buf, SIZE_MAX, &len),
                 PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 7);
    huge_free(text);
}

TEST(codec_lookup_huge, packed_area_above_32_bits_is_a_bad_item_count)
{
    unsigned char *buf = huge_room();
    struct pipc_cgroups_lookup_view view;
    struct pipc_apps_lookup_request_view request;
    const size_t limit = 16 + (size_t)UINT32_MAX;
    buf[0] = 1;
    CHECK_OK(pipc_cgroups_lookup_decode(table(), buf, limit, &view));
    CHECK_RESULT(pipc_cgroups_lookup_decode(table(), buf, limit + 1, &view),
                 PIPC_ERR_BAD_ITEM_COUNT);
    CHECK_OK(pipc_apps_lookup_request_decode(pipc_apps_lookup_linked(), buf, limit, &request));
    CHECK_RESULT(
        pipc_apps_lookup_request_decode(pipc_apps_lookup_linked(), buf, limit + 1, &request),
        PIPC_ERR_BAD_ITEM_COUNT);
    huge_free(buf);
}

#else

TEST(codec_lookup_huge, numbers_around_32_bits)
{
    test_skip("this address space is too small");
}

#endif
