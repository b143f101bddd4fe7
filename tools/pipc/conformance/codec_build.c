/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of building: bytes and fields agree in both directions, room is never exceeded, failures of
 * the source are passed on.
 */
#include "codec_kit.h"

#include <string.h>

static pipc_result build_sample(struct codec *codec, enum direction direction,
                                const struct sample *sample, void *room, size_t cap,
                                size_t *ret_len)
{
    source_rewind(sample->source);
    return codec_build(codec, direction, &sample->source->fields, room, cap, ret_len);
}

/* Cases of builders are skipped where there are none. */
static struct codec *open_with_builders(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);

    if (!codec_builds(codec, REQUEST) && !codec_builds(codec, RESPONSE))
        kit_skip("the codec has no builders");
    return codec;
}

/* ---- bytes to fields to bytes ---- */

static void judge_round(struct codec *codec, enum direction direction, const struct sample *sample)
{
    struct pipc_fields fields;
    size_t len = 0;

    record_begin(&codec->record);
    KIT_CHECK_RESULT(codec_walk(codec, direction, sample->bytes, sample->len, &codec->record),
                     PIPC_OK);
    if (codec->record.cut || !codec_builds(codec, direction) || !sample->source)
        return;
    record_source(&codec->record, &fields);
    unsigned char *const room = area_room(&codec->output, sample->len, AREA_FILL);
    const pipc_result r = codec_build(codec, direction, &fields, room, sample->len, &len);
    KIT_CHECK_MSG(r == PIPC_OK, "%s: its own fields do not build it: %s", sample->origin,
                  pipc_result_name(r));
    KIT_CHECK_MSG(len == sample->len && (len == 0 || memcmp(room, sample->bytes, len) == 0),
                  "%s: built again from its own fields it has other bytes", sample->origin);
}

static void round_run(struct kit *kit)
{
    codec_each(open_with_builders(kit), judge_round);
}

/* ---- fields to bytes to fields ---- */

/* Two sources asked the same: what was built from, and what was read back. */
struct pair {
    const struct pipc_fields *given, *read;
    const char *origin;
    size_t node_count;
    struct pair_node {
        pipc_node given, read;
    } nodes[512];
};

static pipc_node node_given(pipc_node node)
{
    return node ? ((const struct pair_node *)node)->given : NULL;
}

static pipc_node node_read(pipc_node node)
{
    return node ? ((const struct pair_node *)node)->read : NULL;
}

static pipc_result pair_number(void *arg, pipc_node node, const char *name, uint64_t max,
                               uint64_t *ret_value)
{
    const struct pair *p = arg;
    uint64_t value = 0;
    const pipc_result r = p->given->number(p->given->arg, node_given(node), name, max, ret_value);

    if (r == PIPC_OK &&
        p->read->number(p->read->arg, node_read(node), name, UINT64_MAX, &value) == PIPC_OK)
        KIT_CHECK_MSG(value == *ret_value, "%s: %s was given as %llu and is read as %llu",
                      p->origin, name, (unsigned long long)*ret_value, (unsigned long long)value);
    return r;
}

static pipc_result pair_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                               size_t *ret_len)
{
    const struct pair *p = arg;
    const void *bytes = NULL;
    size_t len = 0;
    const pipc_result r =
        p->given->string(p->given->arg, node_given(node), name, ret_bytes, ret_len);

    if (r == PIPC_OK &&
        p->read->string(p->read->arg, node_read(node), name, &bytes, &len) == PIPC_OK)
        KIT_CHECK_MSG(len == *ret_len && (len == 0 || memcmp(bytes, *ret_bytes, len) == 0),
                      "%s: %s is not read as it was given", p->origin, name);
    return r;
}

static pipc_result pair_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    const struct pair *p = arg;
    uint32_t count = 0;
    const pipc_result r = p->given->list(p->given->arg, node_given(node), name, ret_count);

    if (r == PIPC_OK)
        KIT_CHECK_MSG(p->read->list(p->read->arg, node_read(node), name, &count) == PIPC_OK &&
                          count == *ret_count,
                      "%s: %s was given %u items and is read with %u", p->origin, name, *ret_count,
                      count);
    return r;
}

static pipc_result pair_item(void *arg, pipc_node node, const char *name, uint32_t index,
                             pipc_node *ret_item)
{
    struct pair *p = arg;
    struct pair_node *const to = &p->nodes[p->node_count];

    if (p->node_count == sizeof(p->nodes) / sizeof(p->nodes[0]))
        return PIPC_ERR_OVERFLOW;
    const pipc_result r = p->given->item(p->given->arg, node_given(node), name, index, &to->given);
    if (r != PIPC_OK)
        return r;
    KIT_CHECK_RESULT(p->read->item(p->read->arg, node_read(node), name, index, &to->read), PIPC_OK);
    p->node_count++;
    *ret_item = to;
    return PIPC_OK;
}

/* A source that stays where it is between two builds needs no rewinding. */
static void rewind_sample(struct source *source)
{
    if (source)
        source_rewind(source);
}

static void compare_fields(struct codec *codec, enum direction direction,
                           const struct pipc_fields *given, struct source *rewound,
                           const char *what)
{
    static struct pair pair;
    struct pipc_fields read;
    const struct pipc_fields both = {.size = sizeof(both),
                                     .arg = &pair,
                                     .number = pair_number,
                                     .string = pair_string,
                                     .list = pair_list,
                                     .item = pair_item};
    unsigned char *const room = codec->output.write;
    size_t len = 0;

    rewind_sample(rewound);
    if (codec_build(codec, direction, given, room, codec->output.size, &len) != PIPC_OK)
        return;
    KIT_CHECK_MSG(len <= codec->output.size, "%s: built longer than its room", what);
    record_begin(&codec->other);
    const pipc_result r = codec_walk(codec, direction, room, len, &codec->other);
    KIT_CHECK_MSG(r == PIPC_OK, "%s: what was built of its fields is refused: %s", what,
                  pipc_result_name(r));
    if (codec->other.cut)
        return;
    record_source(&codec->other, &read);
    rewind_sample(rewound);
    pair.given = given;
    pair.read = &read;
    pair.origin = what;
    pair.node_count = 0;
    (void)codec_build(codec, direction, &both, codec->extra.write, codec->extra.size, &len);
}

void judge_fields(struct codec *codec, enum direction direction, const struct pipc_fields *given,
                  const char *what)
{
    compare_fields(codec, direction, given, NULL, what);
}

static void judge_given(struct codec *codec, enum direction direction, const struct sample *sample)
{
    if (sample->source)
        compare_fields(codec, direction, &sample->source->fields, sample->source, sample->origin);
}

static void fields_run(struct kit *kit)
{
    codec_each(open_with_builders(kit), judge_given);
}

/* ---- room ---- */

/* Too little room: a request does not fit; a response may instead become one that does. */
static void judge_short(struct codec *codec, enum direction direction, const struct sample *sample,
                        size_t cap)
{
    const size_t untouched = (size_t)0x5a5a5a5a;
    unsigned char *const room = area_room(&codec->output, cap, AREA_FILL);
    size_t len = untouched;
    const pipc_result r = build_sample(codec, direction, sample, room, cap, &len);

    KIT_CHECK_MSG(area_front_kept(&codec->output, cap, AREA_FILL),
                  "%s, room for %zu: written in front of it", sample->origin, cap);
    if (r == PIPC_OK && direction == RESPONSE) {
        KIT_CHECK_MSG(len <= cap, "%s, room for %zu: %zu bytes are said to be in it",
                      sample->origin, cap, len);
        KIT_CHECK_MSG(codec_check(codec, direction, room, len) == PIPC_OK,
                      "%s, room for %zu: what was built is refused", sample->origin, cap);
        return;
    }
    KIT_CHECK_MSG(r == PIPC_ERR_OVERFLOW, "%s needs %zu bytes, has room for %zu: %s, not overflow",
                  sample->origin, sample->len, cap, pipc_result_name(r));
    KIT_CHECK_MSG(len == untouched, "%s, room for %zu: fails and sets a length", sample->origin,
                  cap);
}

static void judge_room(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const unsigned char fills[] = {0xff, 0x00};

    if (!sample->source)
        return;
    for (unsigned i = 0; i < 2; i++) {
        unsigned char *const room = area_room(&codec->output, sample->len, fills[i]);
        size_t len = 0;
        KIT_CHECK_RESULT(build_sample(codec, direction, sample, room, sample->len, &len), PIPC_OK);
        KIT_CHECK_MSG(len == sample->len && (len == 0 || memcmp(room, sample->bytes, len) == 0),
                      "%s: other bytes in room of exactly its length, filled with 0x%02x before",
                      sample->origin, fills[i]);
        KIT_CHECK_MSG(area_front_kept(&codec->output, sample->len, fills[i]),
                      "%s: written in front of its room", sample->origin);
    }
    for (size_t cap = 0; cap < sample->len; cap += sample->len / 4096 + 1)
        judge_short(codec, direction, sample, cap);
    if (sample->len > 0)
        judge_short(codec, direction, sample, sample->len - 1);
}

static void room_run(struct kit *kit)
{
    codec_each(open_with_builders(kit), judge_room);
}

/* ---- failures of the source ---- */

static void judge_source(struct codec *codec, enum direction direction, const struct sample *sample)
{
    static const pipc_result results[] = {PIPC_ERR_ALLOC, PIPC_ERR_ABORTED, PIPC_ERR_BAD_LAYOUT};
    const size_t untouched = (size_t)0x5a5a5a5a;
    size_t len = 0;

    if (!sample->source)
        return;
    KIT_CHECK_RESULT(
        build_sample(codec, direction, sample, codec->output.write, codec->output.size, &len),
        PIPC_OK);
    const uint32_t calls = sample->source->calls;
    for (uint32_t k = 1; k <= calls; k++) {
        len = untouched;
        sample->source->fail_at = k;
        sample->source->fail_with = results[k % 3];
        const pipc_result r =
            build_sample(codec, direction, sample, codec->output.write, codec->output.size, &len);
        sample->source->fail_at = 0;
        KIT_CHECK_MSG(r == results[k % 3],
                      "%s: question %u to the source fails with %s, the builder answers %s",
                      sample->origin, k, pipc_result_name(results[k % 3]), pipc_result_name(r));
        KIT_CHECK_MSG(sample->source->calls == k,
                      "%s: question %u to the source fails, and %u more are asked", sample->origin,
                      k, sample->source->calls - k);
        KIT_CHECK_MSG(len == untouched, "%s: the builder fails and sets a length", sample->origin);
    }
}

static void source_run(struct kit *kit)
{
    codec_each(open_with_builders(kit), judge_source);
}

const struct kit_case codec_cases_build[] = {
    {"C-ROUND", "a message's own fields build its bytes", 0, 0, round_run},
    {"C-FIELDS", "fields are read as they were given", 0, 0, fields_run},
    {"C-ROOM", "room of exactly the length is enough, less is overflow and never exceeded", 0, 0,
     room_run},
    {"C-SOURCE", "a failure of the k-th question to a source ends the build and is its result", 0,
     0, source_run},
    {NULL, NULL, 0, 0, NULL},
};
