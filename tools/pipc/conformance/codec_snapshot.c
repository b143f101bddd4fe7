/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the snapshot hooks: what the cache copies of a response is complete, inside its room,
 * and checked anew.
 */
#include "codec_kit.h"

#include <string.h>

/* What a response decoded to; it stays while its payload and the output do. */
static const void *decoded(struct codec *codec, const struct sample *sample)
{
    const void *output = NULL;

    judge_decode(codec, area_put_last(&codec->input, sample->bytes, sample->len), sample->len,
                 sample->origin, &output);
    KIT_CHECK_MSG(output, "%s: the call's decoder refuses it", sample->origin);
    return output;
}

static struct codec *open_with_responses(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);

    if (codec->sample_count[RESPONSE] == 0)
        kit_skip("no samples of responses: there is no builder, and --samples gives none");
    return codec;
}

/* ---- items ---- */

/* One item as it was copied into rooms filled with `fill`. */
struct copied {
    uint64_t size, counted;
    const unsigned char *item;
    const char *strings;
    struct pipc_snapshot_key key;
};

static void copy_item(struct codec *codec, const void *output, uint32_t index, unsigned char fill,
                      const char *origin, struct copied *ret)
{
    const struct pipc_snapshot_hooks *const hooks = codec->ops->snapshot;

    ret->size = ret->counted = UINT64_MAX;
    KIT_CHECK_RESULT(hooks->item_strings(output, index, &ret->size, &ret->counted), PIPC_OK);
    KIT_CHECK_MSG(ret->size <= codec->extra.size, "%s: item %u has %llu bytes of strings", origin,
                  index, (unsigned long long)ret->size);
    unsigned char *const item = area_room(&codec->item, hooks->item_size, fill);
    char *const strings = (char *)area_room(&codec->extra, (size_t)ret->size, fill);
    memset(&ret->key, fill, sizeof(ret->key));
    KIT_CHECK_RESULT(hooks->item(output, index, item, strings, &ret->key), PIPC_OK);
    KIT_CHECK_MSG(area_front_kept(&codec->item, hooks->item_size, fill),
                  "%s: item %u: written in front of the item", origin, index);
    KIT_CHECK_MSG(area_front_kept(&codec->extra, (size_t)ret->size, fill),
                  "%s: item %u: written in front of its strings", origin, index);
    ret->item = item;
    ret->strings = strings;
}

static void check_strings(const struct codec *codec, const struct copied *c, const char *origin,
                          uint32_t index)
{
    const struct pipc_snapshot_hooks *const hooks = codec->ops->snapshot;
    uint64_t lengths = 0;

    for (uint32_t i = 0; i < hooks->string_count; i++) {
        struct pipc_str_view s;
        memcpy(&s, c->item + hooks->string_offsets[i], sizeof(s));
        KIT_CHECK_MSG(s.ptr >= c->strings && s.ptr < c->strings + c->size &&
                          s.len < c->size - (size_t)(s.ptr - c->strings),
                      "%s: item %u: string %u is not inside the strings of the item", origin, index,
                      i);
        KIT_CHECK_MSG(s.ptr[s.len] == '\0', "%s: item %u: no NUL behind string %u", origin, index,
                      i);
        lengths += s.len;
    }
    KIT_CHECK_MSG(c->size == lengths + hooks->string_count,
                  "%s: item %u: item_strings says %llu bytes, %u strings with their NULs have %llu",
                  origin, index, (unsigned long long)c->size, hooks->string_count,
                  (unsigned long long)(lengths + hooks->string_count));
    KIT_CHECK_MSG(c->counted == lengths,
                  "%s: item %u: %llu string bytes are counted, there are %llu", origin, index,
                  (unsigned long long)c->counted, (unsigned long long)lengths);
}

static void check_key(const struct copied *c, const char *origin, uint32_t index)
{
    const char *const bytes = c->key.bytes;

    KIT_CHECK_MSG(c->key.len == 0 || (bytes >= c->strings && bytes < c->strings + c->size &&
                                      c->key.len < c->size - (size_t)(bytes - c->strings)),
                  "%s: item %u: its key is not inside its copied strings", origin, index);
    KIT_CHECK_MSG(c->key.reserved == 0, "%s: item %u: the reserved field of its key is not 0",
                  origin, index);
}

/* Copied twice, into rooms with other contents: what stays of those was not written. */
static void judge_item_twice(struct codec *codec, const void *output, uint32_t index,
                             const char *origin)
{
    static unsigned char before[ROOM_MAX];
    struct copied first, second;

    copy_item(codec, output, index, AREA_FILL, origin, &first);
    check_strings(codec, &first, origin, index);
    check_key(&first, origin, index);
    memcpy(before, first.strings, (size_t)first.size);
    copy_item(codec, output, index, (unsigned char)~AREA_FILL, origin, &second);
    KIT_CHECK_MSG(second.size == first.size && second.counted == first.counted,
                  "%s: item %u: other sizes the second time", origin, index);
    KIT_CHECK_MSG(memcmp(before, second.strings, (size_t)first.size) == 0,
                  "%s: item %u: item does not write all bytes that item_strings says", origin,
                  index);
    KIT_CHECK_MSG(first.key.hash == second.key.hash && first.key.len == second.key.len &&
                      (first.key.len == 0 || first.key.bytes == second.key.bytes),
                  "%s: item %u: another key the second time", origin, index);
}

/* Items of the one list at the top of the walk; false when it has none or several. */
static bool walked_items(struct codec *codec, const struct sample *sample, uint64_t *ret_count)
{
    const struct record *const r = &codec->record;
    unsigned lists = 0, depth = 0;

    record_begin(&codec->record);
    KIT_CHECK_RESULT(codec_walk(codec, RESPONSE, sample->bytes, sample->len, &codec->record),
                     PIPC_OK);
    for (size_t i = 0; i < r->count; i++) {
        if (r->fields[i].kind == FIELD_LIST && depth++ == 0) {
            *ret_count = r->fields[i].value;
            lists++;
        }
        depth -= r->fields[i].kind == FIELD_LIST_END;
    }
    return lists == 1 && !r->cut;
}

static void judge_items(struct codec *codec, enum direction direction, const struct sample *sample)
{
    uint64_t walked = 0, counted = 0;

    if (direction != RESPONSE)
        return;
    const void *const output = decoded(codec, sample);
    const uint32_t count = codec->ops->snapshot->item_count(output);
    KIT_CHECK_MSG(!walked_items(codec, sample, &walked) || walked == count,
                  "%s: item_count says %u, the walk %llu", sample->origin, count,
                  (unsigned long long)walked);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t size = 0, of_item = 0;
        judge_item_twice(codec, output, i, sample->origin);
        KIT_CHECK_RESULT(codec->ops->snapshot->item_strings(output, i, &size, &of_item), PIPC_OK);
        counted += of_item;
    }
    KIT_CHECK_MSG(!sample->source || counted <= sample->len,
                  "%s: its strings count %llu bytes, the payload has %zu", sample->origin,
                  (unsigned long long)counted, sample->len);
}

static void items_run(struct kit *kit)
{
    codec_each(open_with_responses(kit), judge_items);
}

/* ---- indexes ---- */

static void judge_index(struct codec *codec, const void *output, uint32_t index, const char *origin)
{
    const struct pipc_snapshot_hooks *const hooks = codec->ops->snapshot;
    const uint64_t untouched = UINT64_C(0x5a5a5a5a5a5a5a5a);
    uint64_t size = untouched, counted = untouched;
    unsigned char *const item = area_room(&codec->item, hooks->item_size, AREA_FILL);
    char *const strings = (char *)area_room(&codec->extra, 0, AREA_FILL);
    struct pipc_snapshot_key key, before;

    memset(&key, AREA_FILL, sizeof(key));
    before = key;
    const pipc_result told = hooks->item_strings(output, index, &size, &counted);
    const pipc_result got = hooks->item(output, index, item, strings, &key);
    KIT_CHECK_MSG(told == PIPC_ERR_OUT_OF_BOUNDS && got == PIPC_ERR_OUT_OF_BOUNDS,
                  "%s: index %u: item_strings answers %s and item %s, expected out_of_bounds",
                  origin, index, pipc_result_name(told), pipc_result_name(got));
    KIT_CHECK_MSG(size == untouched && counted == untouched &&
                      area_kept(&codec->item, hooks->item_size, AREA_FILL) &&
                      area_front_kept(&codec->extra, 0, AREA_FILL) &&
                      memcmp(&key, &before, sizeof(key)) == 0,
                  "%s: index %u: refused, and outputs are changed", origin, index);
}

static void judge_indexes(struct codec *codec, enum direction direction,
                          const struct sample *sample)
{
    if (direction != RESPONSE)
        return;
    const void *const output = decoded(codec, sample);
    const uint32_t count = codec->ops->snapshot->item_count(output);
    const uint32_t indexes[] = {count, count + 1, UINT32_MAX / 8 + 1, UINT32_MAX};
    for (unsigned i = 0; i < 4; i++)
        judge_index(codec, output, indexes[i], sample->origin);
}

static void index_run(struct kit *kit)
{
    codec_each(open_with_responses(kit), judge_indexes);
}

/* ---- head ---- */

static void judge_head(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const struct pipc_snapshot_hooks *const hooks = codec->ops->snapshot;
    uint64_t generation, walked;
    struct pipc_fields fields;

    if (direction != RESPONSE)
        return;
    const void *const output = decoded(codec, sample);
    unsigned char *const head = area_room(&codec->extra, hooks->head_size, AREA_FILL);
    hooks->head(output, head);
    KIT_CHECK_MSG(area_front_kept(&codec->extra, hooks->head_size, AREA_FILL),
                  "%s: written in front of the head", sample->origin);
    memcpy(&generation, head, sizeof(generation));
    record_begin(&codec->record);
    KIT_CHECK_RESULT(codec_walk(codec, RESPONSE, sample->bytes, sample->len, &codec->record),
                     PIPC_OK);
    record_source(&codec->record, &fields);
    if (fields.number(fields.arg, NULL, "generation", UINT64_MAX, &walked) == PIPC_OK)
        KIT_CHECK_MSG(generation == walked,
                      "%s: generation %llu at the begin of the head, %llu in the walk",
                      sample->origin, (unsigned long long)generation, (unsigned long long)walked);
}

static void head_run(struct kit *kit)
{
    codec_each(open_with_responses(kit), judge_head);
}

/* ---- responses that decode and are broken inside ---- */

static void judge_broken(struct codec *codec, enum direction direction, const struct sample *sample)
{
    static unsigned char work[INPUT_MAX];
    char what[96];

    if (direction != RESPONSE)
        return;
    if (sample->len > 0)
        memcpy(work, sample->bytes, sample->len);
    for (size_t bit = 0; bit < 8 * sample->len; bit += sample->len / 2048 + 1) {
        const void *output = NULL;
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
        snprintf(what, sizeof(what), "%s with bit %zu of byte %zu flipped", sample->origin, bit % 8,
                 bit / 8);
        judge_decode(codec, area_put_last(&codec->input, work, sample->len), sample->len, what,
                     &output);
        if (output)
            judge_hooks(codec, output, what);
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void broken_run(struct kit *kit)
{
    codec_each(open_with_responses(kit), judge_broken);
}

const struct kit_case codec_cases_snapshot[] = {
    {"C-SNAPSHOT-ITEMS", "item writes the strings that item_strings says, and a key inside of them",
     PIPC_CODEC_SNAPSHOT, 0, items_run},
    {"C-SNAPSHOT-INDEX", "an index that is not there is out of bounds and changes no output",
     PIPC_CODEC_SNAPSHOT, 0, index_run},
    {"C-SNAPSHOT-HEAD", "head writes its struct and no more, the generation first",
     PIPC_CODEC_SNAPSHOT, 0, head_run},
    {"C-SNAPSHOT-BROKEN", "items of a response with any bit flipped: errors, or inside their room",
     PIPC_CODEC_SNAPSHOT, 0, broken_run},
    {NULL, NULL, 0, 0, NULL},
};
