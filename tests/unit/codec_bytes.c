/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes that all codecs share: copies and searches of short strings in place, and counting of
 * zero bytes, against the plain way of doing it; nothing outside of the given bytes is touched.
 */
#include "test.h"

#include "codecs/common/lookup.h"

#include <string.h>

#define LEN_MOST 100u
#define MARK     0xa5u

/* `len` bytes without a zero, at an odd address, with marks around them. */
static unsigned char *fill(unsigned char *room, size_t len)
{
    memset(room, MARK, LEN_MOST + 32);
    for (size_t i = 0; i < len; i++)
        room[7 + i] = (unsigned char)(i % 255 + 1);
    return room + 7;
}

static bool marks_hold(const unsigned char *room, size_t len)
{
    for (size_t i = 0; i < LEN_MOST + 32; i++) {
        if ((i < 7 || i >= 7 + len) && room[i] != MARK)
            return false;
    }
    return true;
}

TEST(codec_bytes, copy_of_every_length_is_whole_and_writes_nothing_else)
{
    unsigned char from[LEN_MOST + 32], to[LEN_MOST + 32];

    for (size_t len = 0; len <= LEN_MOST; len++) {
        const unsigned char *const source = fill(from, len);
        unsigned char *const target = fill(to, 0);
        bytes_copy(target, source, len);
        CHECK(memcmp(target, source, len) == 0);
        CHECK(marks_hold(to, len));
        memset(to, MARK, sizeof(to));
        CHECK(!bytes_copy_text(target, source, len));
        CHECK(memcmp(target, source, len) == 0);
        CHECK(marks_hold(to, len));
    }
    bytes_copy(to, NULL, 0);
    CHECK(!bytes_copy_text(to, NULL, 0));
}

TEST(codec_bytes, nul_is_found_at_every_place_of_every_length)
{
    unsigned char from[LEN_MOST + 32], to[LEN_MOST + 32];

    for (size_t len = 0; len <= LEN_MOST; len++) {
        unsigned char *const source = fill(from, len);
        source[len] = 0; /* behind it, where it must not be seen */
        source[-1] = 0;
        CHECK(!lookup_has_nul(source, len));
        CHECK(!bytes_copy_text(to, source, len));
        for (size_t at = 0; at < len; at++) {
            const unsigned char kept = source[at];
            source[at] = 0;
            CHECK(lookup_has_nul(source, len));
            CHECK(bytes_copy_text(to, source, len));
            source[at] = kept;
        }
    }
}

TEST(codec_bytes, high_bits_and_ones_are_no_zero)
{
    static const unsigned char values[] = {0x01, 0x7f, 0x80, 0x81, 0xff};
    unsigned char text[LEN_MOST];

    for (size_t v = 0; v < sizeof(values); v++) {
        memset(text, values[v], sizeof(text));
        for (size_t len = BYTES_COUNT_LEAST; len <= LEN_MOST; len++) {
            CHECK_EQ(bytes_count_zero(text, len), 0);
            CHECK(!lookup_has_nul(text, len));
        }
    }
}

TEST(codec_bytes, zero_bytes_are_counted_like_one_by_one)
{
    unsigned char room[LEN_MOST + 32];
    uint32_t seed = 1;

    for (size_t len = BYTES_COUNT_LEAST; len <= LEN_MOST; len++) {
        for (uint32_t round = 0; round < 200; round++) {
            unsigned char *const text = fill(room, len);
            uint32_t expected = 0;
            for (size_t i = 0; i < len; i++) {
                seed = seed * 1103515245u + 12345u;
                if ((seed >> 16) % 8 < round % 9)
                    text[i] = 0;
                expected += text[i] == 0;
            }
            text[len] = text[-1] = 0;
            CHECK_EQ(bytes_count_zero(text, len), expected);
        }
    }
}

TEST(codec_bytes, zeros_alone_are_counted_up_to_the_longest_length)
{
    static unsigned char zeros[BYTES_COUNT_MOST];

    for (uint32_t len = BYTES_COUNT_LEAST; len <= BYTES_COUNT_MOST; len++)
        CHECK_EQ(bytes_count_zero(zeros, len), len);
}
