/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile input: messages cut, bent and made up. None may be read outside of its bytes, and none
 * may get another verdict than a codec's.
 *
 * Every input lies at both ends of guarded memory. Random numbers are the same in every run; a
 * failure names the seed and the number of the input.
 */
#include "codec_kit.h"

#include <string.h>

#define SEED UINT64_C(0x70697063)

static unsigned char work[INPUT_MAX];

static void work_begin(const struct sample *sample)
{
    KIT_CHECK(sample->len <= sizeof(work));
    if (sample->len > 0)
        memcpy(work, sample->bytes, sample->len);
}

/* Steps through a long sample, so that its cases stay as many as those of a short one; every byte
 * of samples up to 4096 bytes. */
static size_t step_of(size_t len)
{
    return len / 4096 + 1;
}

/* ---- prefixes ---- */

static void judge_prefixes(struct codec *codec, enum direction direction,
                           const struct sample *sample)
{
    char what[96];

    KIT_CHECK_RESULT(judge_bytes(codec, direction, sample->bytes, sample->len, sample->origin),
                     PIPC_OK);
    const uint64_t whole = codec->record.digest;
    for (size_t len = 0; len < sample->len; len += step_of(sample->len)) {
        snprintf(what, sizeof(what), "%s cut to %zu of %zu bytes", sample->origin, len,
                 sample->len);
        const pipc_result r = judge_bytes(codec, direction, sample->bytes, len, what);
        KIT_CHECK_MSG(r != PIPC_OK || codec->record.digest == whole,
                      "%s is accepted with other fields", what);
    }
}

static void prefix_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_prefixes);
}

/* ---- bits and bytes ---- */

/* Every bit of samples below 2048 bytes; of longer ones every third, fifth and so on, so that each
 * of the eight has its turn. */
static void judge_bits(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const size_t step = sample->len / 1024 | 1;
    char what[96];

    work_begin(sample);
    for (size_t bit = 0; bit < 8 * sample->len; bit += step) {
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
        snprintf(what, sizeof(what), "%s with bit %zu of byte %zu flipped", sample->origin, bit % 8,
                 bit / 8);
        judge_bytes(codec, direction, work, sample->len, what);
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void bits_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_bits);
}

/* ---- numbers that break arithmetic ---- */

static const uint64_t numbers[] = {0,
                                   1,
                                   7,
                                   8,
                                   0x7f,
                                   0x80,
                                   0xff,
                                   0x7fff,
                                   0x8000,
                                   0xffff,
                                   0x20000000,
                                   0x20000001,
                                   0x1fffffff,
                                   0x7fffffff,
                                   0x80000000,
                                   0xfffffff0,
                                   0xfffffff8,
                                   0xfffffffe,
                                   0xffffffff,
                                   UINT64_C(0x100000000),
                                   UINT64_C(0x7fffffffffffffff),
                                   UINT64_C(0xfffffffffffffff8),
                                   UINT64_MAX};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* The n-th of the numbers, then lengths near that of the message. */
static uint64_t number_at(size_t n, size_t len)
{
    return n < NUMBERS ? numbers[n] : (uint64_t)len + (n - NUMBERS) - 9;
}

static void judge_number(struct codec *codec, enum direction direction, const struct sample *sample,
                         size_t at, size_t width)
{
    char what[112];

    for (size_t n = 0; n < NUMBERS + 11; n++) {
        const uint64_t value = number_at(n, sample->len);
        memcpy(work + at, &value, width);
        snprintf(what, sizeof(what), "%s with 0x%llx in the %zu bytes at %zu", sample->origin,
                 (unsigned long long)value, width, at);
        judge_bytes(codec, direction, work, sample->len, what);
    }
    memcpy(work + at, sample->bytes + at, width);
}

static void judge_numbers(struct codec *codec, enum direction direction,
                          const struct sample *sample)
{
    const size_t widths[] = {2, 4, 8};

    work_begin(sample);
    for (unsigned w = 0; w < 3; w++) {
        /* Where integers of that width usually stand; a long message in larger steps. */
        const size_t step = widths[w] * (sample->len / 256 + 1);
        for (size_t at = 0; at + widths[w] <= sample->len; at += step)
            judge_number(codec, direction, sample, at, widths[w]);
    }
}

static void numbers_run(struct kit *kit)
{
    codec_each(codec_open_with_samples(kit), judge_numbers);
}

/* ---- random bytes ---- */

static void judge_random(struct codec *codec, enum direction direction, uint64_t *state, size_t len,
                         const char *what)
{
    const uint64_t kind = random_next(state);

    for (size_t i = 0; i < len; i++)
        work[i] = (unsigned char)random_next(state);
    /* Small numbers come far more often than chance has them. */
    for (size_t i = 0; kind % 4 && i + 4 <= len; i += 4) {
        const uint32_t small = (uint32_t)(random_next(state) % (kind % 4 == 1 ? 4 : 2 * len + 1));
        if (random_next(state) % 4)
            memcpy(work + i, &small, sizeof(small));
    }
    judge_bytes(codec, direction, work, len, what);
}

static void random_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    uint64_t state = SEED;
    char what[96];

    printf("seed 0x%llx\n", (unsigned long long)SEED);
    (void)fflush(stdout);
    for (size_t len = 0; len <= 512; len++) {
        for (unsigned n = 0; n < 8; n++) {
            const enum direction direction = n % 2 ? RESPONSE : REQUEST;
            snprintf(what, sizeof(what), "random %s %u of %zu bytes, seed 0x%llx",
                     direction_name(direction), n, len, (unsigned long long)SEED);
            judge_random(codec, direction, &state, len, what);
        }
    }
}

const struct kit_case codec_cases_hostile[] = {
    {"C-PREFIX", "a message cut at any byte is refused and not read as a shorter one", 0, 0,
     prefix_run},
    {"C-BITS", "any bit of a message flipped: a verdict, and no access outside of it", 0, 0,
     bits_run},
    {"C-NUMBERS", "numbers that break arithmetic, at any place: a verdict, no access outside", 0, 0,
     numbers_run},
    {"C-RANDOM", "random bytes of every length to 512: a verdict, no access outside", 0, 0,
     random_run},
    {NULL, NULL, 0, 0, NULL},
};
