/* SPDX-License-Identifier: Apache-2.0
 *
 * A fuzz entry for every codec: samples, mutated again and again, through every entry that takes
 * bytes, with what must hold for any of them.
 *
 * The random numbers are the same in every run, so that a failure is found again by its number.
 */
#include "codec_kit.h"

#include <string.h>

#define SEED      UINT64_C(0x66757a7a)
#define MUTATIONS 20000u

/* A message on its way from mutation to mutation. */
struct message {
    size_t len;
    unsigned char bytes[INPUT_MAX];
};

static size_t below(uint64_t *state, size_t limit)
{
    return limit == 0 ? 0 : (size_t)(random_next(state) % limit);
}

/* ---- mutations ---- */

static void mutate_bit(struct message *m, uint64_t *state)
{
    if (m->len > 0)
        m->bytes[below(state, m->len)] ^= (unsigned char)(1u << below(state, 8));
}

static void mutate_byte(struct message *m, uint64_t *state)
{
    if (m->len > 0)
        m->bytes[below(state, m->len)] = (unsigned char)random_next(state);
}

/* A number near one of those that matter: 0, the length, a power of two, and those below 0. */
static void mutate_number(struct message *m, uint64_t *state)
{
    const size_t width = (size_t)1 << below(state, 4);
    const uint64_t bases[] = {0, m->len, UINT64_C(1) << below(state, 64), 0 - (uint64_t)m->len};
    const uint64_t value = bases[below(state, 4)] + below(state, 17) - 8;

    if (m->len < width)
        return;
    size_t at = below(state, m->len - width + 1);
    if (below(state, 4))
        at -= at % width;
    memcpy(m->bytes + at, &value, width);
}

static void mutate_length(struct message *m, uint64_t *state)
{
    const size_t more = below(state, 64);

    if (below(state, 2)) {
        m->len = below(state, m->len + 1);
    } else if (m->len + more <= sizeof(m->bytes)) {
        memset(m->bytes + m->len, (int)below(state, 256), more);
        m->len += more;
    }
}

/* Copies a part over another place of the same message: what stands in one field comes into
 * another. */
static void mutate_copy(struct message *m, uint64_t *state)
{
    const size_t len = below(state, m->len < 64 ? m->len + 1 : 64);

    if (m->len > len)
        memmove(m->bytes + below(state, m->len - len), m->bytes + below(state, m->len - len), len);
}

static void mutate(struct message *m, uint64_t *state)
{
    static void (*const kinds[])(struct message * m, uint64_t * state) = {
        mutate_bit, mutate_byte, mutate_number, mutate_number, mutate_length, mutate_copy};

    for (size_t n = 1 + below(state, 4); n > 0; n--)
        kinds[below(state, sizeof(kinds) / sizeof(kinds[0]))](m, state);
}

/* ---- what must hold ---- */

/* What was accepted and can be built again from its fields has the same fields then. */
static void judge_rebuilt(struct codec *codec, enum direction direction, const char *what)
{
    struct pipc_fields fields;

    if (codec->record.cut || !codec_builds(codec, direction))
        return;
    record_source(&codec->record, &fields);
    judge_fields(codec, direction, &fields, what);
}

static void judge_message(struct codec *codec, enum direction direction, const struct message *m,
                          const char *what)
{
    const void *output = NULL;

    if (judge_bytes(codec, direction, m->bytes, m->len, what) == PIPC_OK)
        judge_rebuilt(codec, direction, what);
    const unsigned char *const at = area_put_last(&codec->input, m->bytes, m->len);
    if (direction == REQUEST) {
        judge_dispatch(codec, at, m->len, what);
        return;
    }
    judge_decode(codec, at, m->len, what, &output);
    if (output && codec->ops->snapshot)
        judge_hooks(codec, output, what);
}

/* The next message begins with a sample, or stays what it was. */
static void next_message(const struct codec *codec, enum direction direction, struct message *m,
                         uint64_t *state)
{
    if (m->len > 0 && below(state, 4) == 0)
        return;
    const struct sample *const s =
        &codec->samples[direction][below(state, codec->sample_count[direction])];
    m->len = s->len;
    if (m->len > 0)
        memcpy(m->bytes, s->bytes, m->len);
}

static void fuzz_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);
    static struct message messages[DIRECTIONS];
    uint64_t state = SEED;
    char what[96];

    printf("seed 0x%llx, %u mutations\n", (unsigned long long)SEED, MUTATIONS);
    (void)fflush(stdout);
    for (unsigned n = 0; n < MUTATIONS; n++) {
        enum direction direction = n % 2 ? RESPONSE : REQUEST;
        if (codec->sample_count[direction] == 0)
            direction = direction == REQUEST ? RESPONSE : REQUEST;
        struct message *const m = &messages[direction];
        next_message(codec, direction, m, &state);
        mutate(m, &state);
        snprintf(what, sizeof(what), "mutation %u (%s, seed 0x%llx)", n, direction_name(direction),
                 (unsigned long long)SEED);
        judge_message(codec, direction, m, what);
    }
}

const struct kit_case codec_cases_fuzz[] = {
    {"C-FUZZ", "20000 mutated messages through every entry: no crash, no contradiction", 0, 0,
     fuzz_run},
    {NULL, NULL, 0, 0, NULL},
};
