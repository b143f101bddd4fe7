/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT, building around 2^32 bytes: an overflow, never a wrapped number. Needs address
 * space, hardly any memory.
 */
#include "test.h"

#include "huge.h"

#include <pipc/codecs/cgroups_snapshot.h>

#if UINTPTR_MAX > UINT32_MAX

static const struct pipc_cgroups_snapshot_table *table(void)
{
    return pipc_cgroups_snapshot_linked();
}

TEST(codec_snapshot_huge, directory_above_32_bits_is_an_overflow)
{
    struct pipc_cgroups_snapshot_builder b;
    unsigned char buf[64];
    static const uint32_t counts[] = {0x1ffffffdu, 0x20000000u, 0x20000001u, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++) {
        /* The room is simulated: nothing may be written. */
        CHECK_RESULT(
            pipc_cgroups_snapshot_builder_init(table(), &b, buf, SIZE_MAX, counts[i], 0, 0),
            PIPC_ERR_OVERFLOW);
        CHECK_RESULT(pipc_cgroups_snapshot_builder_add_text(&b, 0, 0, 0, "", ""),
                     PIPC_ERR_OVERFLOW);
        CHECK_EQ(pipc_cgroups_snapshot_builder_finish(&b), 0);
    }
}

TEST(codec_snapshot_huge, payload_ends_at_the_last_byte_of_32_bits_or_overflows)
{
    unsigned char *buf = huge_room();
    struct pipc_cgroups_snapshot_builder b;
    /* Header and directory end 104 bytes below 2^32; an item of 34 + 69 ends at 2^32 - 1. */
    const uint32_t slots = (uint32_t)((((uint64_t)1 << 32) - 104 - 24) / 8);
    char path[71];
    memset(path, 'p', 70);
    path[70] = 0;
    CHECK_OK(pipc_cgroups_snapshot_builder_init(table(), &b, buf, HUGE_ROOM, slots, 0, 0));
    CHECK_RESULT(pipc_cgroups_snapshot_builder_add_text(&b, 0, 0, 0, "", path), PIPC_ERR_OVERFLOW);
    CHECK_OK(pipc_cgroups_snapshot_builder_init(table(), &b, buf, HUGE_ROOM, slots, 0, 0));
    path[69] = 0;
    CHECK_OK(pipc_cgroups_snapshot_builder_add_text(&b, 0, 0, 0, "", path));
    CHECK_RESULT(pipc_cgroups_snapshot_builder_add_text(&b, 0, 0, 0, "", ""), PIPC_ERR_OVERFLOW);
    CHECK_EQ(b.pos, UINT32_MAX);
    huge_free(buf);
}

TEST(codec_snapshot_huge, lengths_that_would_wrap_are_an_overflow)
{
    unsigned char buf[128];
    char *text = huge_text();
    struct pipc_cgroups_snapshot_builder b;
    /* As 32-bit numbers these are 2^32 - 1 and 16, which would fit or come out small. */
    static const uint64_t lens[] = {0xffffffffu, 0x100000010u};
    for (unsigned i = 0; i < 2; i++) {
        const struct pipc_str_view huge = {text, (size_t)lens[i]}, none = {NULL, 0};
        memset(buf, 0xee, sizeof(buf));
        CHECK_OK(pipc_cgroups_snapshot_builder_init(table(), &b, buf, SIZE_MAX, 1, 0, 0));
        CHECK_RESULT(
            pipc_cgroups_snapshot_builder_add(&b, 0, 0, 0, i ? none : huge, i ? huge : none),
            PIPC_ERR_OVERFLOW);
        CHECK_EQ(b.count, 0);
        CHECK_EQ(buf[32], 0xee);
    }
    huge_free(text);
}

#else

TEST(codec_snapshot_huge, numbers_around_32_bits)
{
    test_skip("this address space is too small");
}

#endif
