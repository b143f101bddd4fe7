/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of the lookup hooks: what the logical call of Level 2 relies on when it splits, asks again
 * and stitches.
 *
 * The keys of a codec that nobody has told us about are numbers of its key size, or strings
 * (struct pipc_str_view) where it has that size and refuses numbers; where it refuses both, it is
 * asked for no keys alone.
 */
#include "codec_kit.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX  40u
#define ITEMS_MAX 4096u

/* ---- keys ---- */

struct keys {
    uint32_t count; /* 0: none that the codec takes */
    unsigned char *bytes;
};

static void keys_of_numbers(const struct pipc_lookup_hooks *hooks, unsigned char *bytes)
{
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        memcpy(bytes + (size_t)i * hooks->key_size, &i,
               hooks->key_size < sizeof(i) ? hooks->key_size : sizeof(i));
}

/* Of different lengths, so that sizes must be sums. */
static void keys_of_strings(unsigned char *bytes)
{
    static char text[KEYS_MAX][KEYS_MAX + 8];

    for (uint32_t i = 0; i < KEYS_MAX; i++) {
        const int len = snprintf(text[i], sizeof(text[i]), "/%u%.*s", i, (int)i,
                                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        const struct pipc_str_view key = {text[i], (size_t)len};
        memcpy(bytes + i * sizeof(key), &key, sizeof(key));
    }
}

static struct keys keys_make(const struct codec *codec)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    struct keys keys = {.bytes = calloc(KEYS_MAX, hooks->key_size)};

    KIT_CHECK(keys.bytes);
    if (hooks->key_size != sizeof(struct pipc_str_view)) {
        keys_of_numbers(hooks, keys.bytes);
    } else {
        keys_of_strings(keys.bytes);
    }
    if (hooks->check_keys(keys.bytes, KEYS_MAX) == PIPC_OK)
        keys.count = KEYS_MAX;
    return keys;
}

static const void *key_at(const struct codec *codec, const struct keys *keys, uint32_t index)
{
    return keys->bytes + (size_t)index * codec->ops->lookup->key_size;
}

/* ---- requests ---- */

static void check_encode(struct codec *codec, const void *keys, uint32_t count, uint64_t size)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    const size_t untouched = (size_t)0x5a5a5a5a;
    size_t len = untouched;
    unsigned char *room = area_room(&codec->output, (size_t)size, AREA_FILL);

    KIT_CHECK_RESULT(hooks->encode(keys, count, room, (size_t)size, &len), PIPC_OK);
    KIT_CHECK_MSG(len == size, "fit says %llu bytes for %u keys, encode writes %zu",
                  (unsigned long long)size, count, len);
    KIT_CHECK_MSG(area_front_kept(&codec->output, len, AREA_FILL),
                  "the request of %u keys: encode wrote in front of its room", count);
    KIT_CHECK_RESULT(codec_check(codec, REQUEST, room, len), PIPC_OK);
    for (size_t cap = 0; cap < size; cap += size / 64 + 1) {
        len = untouched;
        room = area_room(&codec->output, cap, AREA_FILL);
        const pipc_result r = hooks->encode(keys, count, room, cap, &len);
        KIT_CHECK_MSG(
            r == PIPC_ERR_OVERFLOW && len == untouched,
            "a request of %u keys into room for %zu of %llu bytes: %s, and a length is %s", count,
            cap, (unsigned long long)size, pipc_result_name(r),
            len == untouched ? "not set" : "set");
    }
}

static void check_fit(const struct codec *codec, const struct keys *keys, uint32_t count,
                      uint64_t limit, uint32_t expected, uint64_t size)
{
    uint64_t told = UINT64_MAX;
    const uint32_t n = codec->ops->lookup->fit(count ? keys->bytes : NULL, count, limit, &told);

    KIT_CHECK_MSG(n == expected && told == size,
                  "fit of %u keys in %llu bytes: %u keys of %llu bytes, expected %u of %llu", count,
                  (unsigned long long)limit, n, (unsigned long long)told, expected,
                  (unsigned long long)size);
}

static void requests_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    const struct keys keys = keys_make(codec);
    uint64_t sizes[KEYS_MAX + 1];

    KIT_CHECK_MSG(hooks->check_keys(NULL, 0) == PIPC_OK, "no keys are refused");
    KIT_CHECK_MSG(hooks->check_keys(NULL, 1) == PIPC_ERR_BAD_PARAM,
                  "a null array of one key is not refused with bad_param");
    for (uint32_t n = 0; n <= keys.count; n++) {
        KIT_CHECK_MSG(hooks->fit(n ? keys.bytes : NULL, n, UINT64_MAX, &sizes[n]) == n,
                      "not all of %u keys fit a request without a limit", n);
        KIT_CHECK_MSG(sizes[n] <= codec->output.size, "%u keys need %llu bytes", n,
                      (unsigned long long)sizes[n]);
        KIT_CHECK_MSG(n == 0 || sizes[n] > sizes[n - 1], "%u keys need no more than %u", n, n - 1);
        check_encode(codec, n ? keys.bytes : NULL, n, sizes[n]);
    }
    check_fit(codec, &keys, keys.count, 0, 0, sizes[0]);
    for (uint32_t n = 0; n <= keys.count; n++) {
        check_fit(codec, &keys, keys.count, sizes[n], n, sizes[n]);
        if (n > 0)
            check_fit(codec, &keys, keys.count, sizes[n] - 1, n - 1, sizes[n - 1]);
    }
    free(keys.bytes);
}

/* ---- items of a response ---- */

static struct codec *open_with_responses(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);

    if (codec->sample_count[RESPONSE] == 0)
        kit_skip("no samples of responses: there is no builder, and --samples gives none");
    return codec;
}

/* The payload stays at the end of the input, the view at that of the output. */
static const void *view_of(struct codec *codec, const void *bytes, size_t len, const char *what,
                           const unsigned char **ret_payload)
{
    const void *view = NULL;

    *ret_payload = area_put_last(&codec->input, bytes, len);
    judge_decode(codec, *ret_payload, len, what, &view);
    return view;
}

/* One item, as whatever it may be: an error, or bytes of the payload. False: an error. */
static bool ask_item(struct codec *codec, const void *view, uint32_t index, const void *key,
                     const unsigned char *payload, size_t len, const char *what,
                     struct pipc_lookup_item *ret_item)
{
    struct pipc_lookup_item *const item =
        (struct pipc_lookup_item *)(void *)area_room(&codec->item, sizeof(*item), AREA_FILL);

    item->size = sizeof(*item);
    const pipc_result r = codec->ops->lookup->item(view, index, key, item);
    KIT_CHECK_MSG(area_front_kept(&codec->item, sizeof(*item), AREA_FILL),
                  "%s: item %u: written in front of its room", what, index);
    if (r != PIPC_OK)
        return false;
    *ret_item = *item;
    const unsigned char *const raw = item->raw.bytes;
    KIT_CHECK_MSG(item->size == sizeof(*item) && item->outcome <= PIPC_LOOKUP_OVERSIZED &&
                      item->echoes <= 1 && item->reserved == 0,
                  "%s: item %u: outcome %u, echoes %u, reserved %u, size %u", what, index,
                  item->outcome, item->echoes, item->reserved, item->size);
    KIT_CHECK_MSG(raw >= payload && item->raw.len <= len &&
                      (size_t)(raw - payload) <= len - item->raw.len,
                  "%s: item %u: its bytes are not inside the payload", what, index);
    return true;
}

/* Who asks with a smaller struct gets no more than that. */
static void ask_small(struct codec *codec, const void *view, const void *key, const char *what)
{
    const uint32_t small = (uint32_t)offsetof(struct pipc_lookup_item, raw);
    unsigned char *const item = area_room(&codec->item, small, AREA_FILL);
    uint32_t size = 0;

    memcpy(item, &small, sizeof(small));
    KIT_CHECK_RESULT(
        codec->ops->lookup->item(view, 0, key, (struct pipc_lookup_item *)(void *)item), PIPC_OK);
    memcpy(&size, item, sizeof(size));
    KIT_CHECK_MSG(size == small, "%s: item 0 asked with a size of %u: it is %u afterwards", what,
                  small, size);
}

static void ask_beyond(struct codec *codec, const void *view, uint32_t count, const void *key,
                       const char *what)
{
    const uint32_t indexes[] = {count, count + 1, UINT32_MAX / 8 + 1, UINT32_MAX};

    for (unsigned i = 0; i < 4; i++) {
        struct pipc_lookup_item item, before;
        memset(&item, AREA_FILL, sizeof(item));
        item.size = sizeof(item);
        before = item;
        const pipc_result r = codec->ops->lookup->item(view, indexes[i], key, &item);
        KIT_CHECK_MSG(r == PIPC_ERR_OUT_OF_BOUNDS, "%s: item %u of %u: %s, not out_of_bounds", what,
                      indexes[i], count, pipc_result_name(r));
        KIT_CHECK_MSG(memcmp(&item, &before, sizeof(item)) == 0,
                      "%s: item %u is refused, and its struct is changed", what, indexes[i]);
    }
}

/* The walk's generation and its one list, where it has them. */
static void compare_walk(struct codec *codec, const struct sample *sample, const void *view)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    struct pipc_fields fields;
    uint64_t generation;
    uint32_t items;

    record_begin(&codec->record);
    KIT_CHECK_RESULT(codec_walk(codec, RESPONSE, sample->bytes, sample->len, &codec->record),
                     PIPC_OK);
    record_source(&codec->record, &fields);
    if (fields.number(fields.arg, NULL, "generation", UINT64_MAX, &generation) == PIPC_OK)
        KIT_CHECK_MSG(hooks->generation(view) == generation,
                      "%s: generation %llu, in the walk %llu", sample->origin,
                      (unsigned long long)hooks->generation(view), (unsigned long long)generation);
    if (fields.list(fields.arg, NULL, "items", &items) == PIPC_OK && !codec->record.cut)
        KIT_CHECK_MSG(hooks->item_count(view) == items, "%s: %u items, in the walk %u",
                      sample->origin, hooks->item_count(view), items);
}

static struct keys keys_kept;

static void judge_items(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    const unsigned char *payload, *end = NULL;
    struct pipc_lookup_item item;

    if (direction != RESPONSE)
        return;
    const void *const view = view_of(codec, sample->bytes, sample->len, sample->origin, &payload);
    KIT_CHECK_MSG(view, "%s: the call's decoder refuses it", sample->origin);
    const uint32_t count = hooks->item_count(view);
    for (uint32_t i = 0; i < count && i < ITEMS_MAX; i++) {
        KIT_CHECK_MSG(
            ask_item(codec, view, i, keys_kept.bytes, payload, sample->len, sample->origin, &item),
            "%s: item %u of %u is refused", sample->origin, i, count);
        KIT_CHECK_MSG((const unsigned char *)item.raw.bytes >= end,
                      "%s: item %u begins before the end of the one before", sample->origin, i);
        end = (const unsigned char *)item.raw.bytes + item.raw.len;
    }
    if (count > 0)
        ask_small(codec, view, keys_kept.bytes, sample->origin);
    ask_beyond(codec, view, count, keys_kept.bytes, sample->origin);
    compare_walk(codec, sample, view);
}

static void items_run(struct kit *kit)
{
    struct codec *const codec = open_with_responses(kit);

    keys_kept = keys_make(codec);
    codec_each(codec, judge_items);
}

/* ---- stitching ---- */

/* Raw items in memory of their own, each at a multiple of 8, which is all that a copy keeps. */
static uint32_t raws_copy(struct codec *codec, const struct sample *sample,
                          struct pipc_lookup_raw *raws)
{
    static _Alignas(8) unsigned char bytes[INPUT_MAX + 8 * ITEMS_MAX];
    const unsigned char *payload;
    struct pipc_lookup_item item;
    size_t used = 0;
    uint32_t i = 0;
    const void *const view = view_of(codec, sample->bytes, sample->len, sample->origin, &payload);

    KIT_CHECK_MSG(view, "%s: the call's decoder refuses it", sample->origin);
    for (; i < codec->ops->lookup->item_count(view) && i < ITEMS_MAX; i++) {
        KIT_CHECK(
            ask_item(codec, view, i, keys_kept.bytes, payload, sample->len, sample->origin, &item));
        memcpy(bytes + used, item.raw.bytes, item.raw.len);
        raws[i] = (struct pipc_lookup_raw){bytes + used, item.raw.len};
        used += (item.raw.len + 7) & ~(size_t)7;
    }
    return i;
}

/* A response of these items; its length is what response_add came to, at once and one by one. */
static size_t assemble_exactly(struct codec *codec, const struct pipc_lookup_raw *raws,
                               uint32_t count, unsigned char *to, const char *what)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    const uint64_t size = hooks->response_add(hooks->response_empty, raws, count);
    uint64_t one_by_one = hooks->response_empty;
    size_t len = 0;

    for (uint32_t i = 0; i < count; i++)
        one_by_one = hooks->response_add(one_by_one, &raws[i], 1);
    KIT_CHECK_MSG(size == one_by_one && size <= INPUT_MAX,
                  "%s: response_add of %u items: %llu bytes at once, %llu one by one", what, count,
                  (unsigned long long)size, (unsigned long long)one_by_one);
    unsigned char *room = area_room(&codec->extra, (size_t)size, AREA_FILL);
    KIT_CHECK_RESULT(hooks->assemble(raws, count, 77, room, (size_t)size, &len), PIPC_OK);
    KIT_CHECK_MSG(len == size && area_front_kept(&codec->extra, len, AREA_FILL),
                  "%s: assemble of %u items: %zu bytes, response_add says %llu", what, count, len,
                  (unsigned long long)size);
    memcpy(to, room, len);
    for (size_t cap = 0; cap < size; cap += size / 64 + 1) {
        size_t short_len = (size_t)0x5a5a5a5a;
        room = area_room(&codec->extra, cap, AREA_FILL);
        KIT_CHECK_RESULT(hooks->assemble(raws, count, 77, room, cap, &short_len),
                         PIPC_ERR_OVERFLOW);
        KIT_CHECK_MSG(short_len == (size_t)0x5a5a5a5a, "%s: assemble fails and sets a length",
                      what);
    }
    return len;
}

static void compare_stitched(struct codec *codec, const unsigned char *bytes, size_t len,
                             const struct pipc_lookup_raw *raws, uint32_t count, const char *what)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    const unsigned char *payload;
    const void *const view = view_of(codec, bytes, len, what, &payload);
    struct pipc_lookup_item item;

    KIT_CHECK_MSG(view && codec_check(codec, RESPONSE, payload, len) == PIPC_OK,
                  "%s: a response that was assembled of its items is refused", what);
    KIT_CHECK_MSG(hooks->item_count(view) == count && hooks->generation(view) == 77,
                  "%s: assembled of %u items with generation 77: it has %u and %llu", what, count,
                  hooks->item_count(view), (unsigned long long)hooks->generation(view));
    for (uint32_t i = 0; i < count; i++) {
        KIT_CHECK(ask_item(codec, view, i, keys_kept.bytes, payload, len, what, &item));
        KIT_CHECK_MSG(item.raw.len == raws[i].len &&
                          memcmp(item.raw.bytes, raws[i].bytes, raws[i].len) == 0,
                      "%s: item %u has other bytes after it was assembled", what, i);
    }
}

/* An item cut or with a bit flipped: its own error, or a response that decodes. */
static void assemble_broken(struct codec *codec, const struct pipc_lookup_raw *raw,
                            const char *what)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    static unsigned char work[INPUT_MAX];

    for (size_t n = 0; n < 2 * raw->len; n += raw->len / 128 + 1) {
        const size_t at = n / 2, len = n % 2 ? raw->len : at;
        memcpy(work, raw->bytes, raw->len);
        work[at] ^= n % 2 ? (unsigned char)(1u << at % 8) : 0;
        const struct pipc_lookup_raw broken = {area_put_last(&codec->input, work, len), len};
        const uint64_t size = hooks->response_add(hooks->response_empty, &broken, 1);
        unsigned char *const room = area_room(&codec->extra, (size_t)size, AREA_FILL);
        size_t made = 0;
        const pipc_result r = hooks->assemble(&broken, 1, 77, room, (size_t)size, &made);
        KIT_CHECK_MSG(r != PIPC_OK || codec_check(codec, RESPONSE, room, made) == PIPC_OK,
                      "%s: an item that is broken at byte %zu (%zu of %zu bytes) is assembled into "
                      "a response that does not decode",
                      what, at, len, raw->len);
    }
}

static void judge_stitch(struct codec *codec, enum direction direction, const struct sample *sample)
{
    static struct pipc_lookup_raw raws[ITEMS_MAX];
    static unsigned char stitched[INPUT_MAX];

    if (direction != RESPONSE)
        return;
    const uint32_t count = raws_copy(codec, sample, raws);
    for (uint32_t n = 0; n <= count; n = n < count && 2 * n + 1 > count ? count : 2 * n + 1) {
        const size_t len = assemble_exactly(codec, raws, n, stitched, sample->origin);
        compare_stitched(codec, stitched, len, raws, n, sample->origin);
    }
    if (count > 0)
        assemble_broken(codec, &raws[count - 1], sample->origin);
}

static void stitch_run(struct kit *kit)
{
    struct codec *const codec = open_with_responses(kit);

    keys_kept = keys_make(codec);
    codec_each(codec, judge_stitch);
}

/* ---- items that the client makes itself ---- */

static void local_item(struct codec *codec, const struct keys *keys, uint32_t index)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    static unsigned char kept[INPUT_MAX], stitched[INPUT_MAX];
    const void *const key = key_at(codec, keys, index);
    const uint64_t size = hooks->local_size(key);
    struct pipc_lookup_item item;
    const unsigned char *payload;
    size_t len = 0;

    KIT_CHECK_MSG(size <= sizeof(kept), "the item of key %u has %llu bytes", index,
                  (unsigned long long)size);
    KIT_CHECK_RESULT(
        hooks->local(key, area_room(&codec->extra, (size_t)size, AREA_FILL), (size_t)size, &len),
        PIPC_OK);
    KIT_CHECK_MSG(len == size, "local_size of key %u says %llu bytes, local writes %zu", index,
                  (unsigned long long)size, len);
    memcpy(kept, codec->extra.write + codec->extra.size - size, len);
    for (size_t cap = 0; cap < size; cap++)
        KIT_CHECK_RESULT(hooks->local(key, area_room(&codec->extra, cap, AREA_FILL), cap, &len),
                         PIPC_ERR_OVERFLOW);
    const struct pipc_lookup_raw raw = {kept, (size_t)size};
    len = assemble_exactly(codec, &raw, 1, stitched, "the client's own item");
    const void *const view = view_of(codec, stitched, len, "the client's own item", &payload);
    KIT_CHECK_MSG(view, "a response of the client's own item is refused");
    for (uint32_t other = 0; other < keys->count; other++) {
        KIT_CHECK(ask_item(codec, view, 0, key_at(codec, keys, other), payload, len,
                           "the client's own item", &item));
        KIT_CHECK_MSG(item.outcome == PIPC_LOOKUP_OVERSIZED,
                      "the client's own item of key %u has outcome %u", index, item.outcome);
        KIT_CHECK_MSG((item.echoes == 1) == (other == index), "the item of key %u %s key %u", index,
                      item.echoes ? "echoes" : "does not echo", other);
    }
}

static void local_run(struct kit *kit)
{
    struct codec *const codec = codec_open(kit);
    const struct keys keys = keys_make(codec);

    for (uint32_t i = 0; codec->ops->lookup->local && i < keys.count; i++)
        local_item(codec, &keys, i);
    free(keys.bytes);
}

/* ---- responses that decode and are broken inside ---- */

static void judge_broken(struct codec *codec, enum direction direction, const struct sample *sample)
{
    const struct pipc_lookup_hooks *const hooks = codec->ops->lookup;
    static unsigned char work[INPUT_MAX];
    const unsigned char *payload;
    struct pipc_lookup_item item;
    char what[96];

    if (direction != RESPONSE)
        return;
    if (sample->len > 0)
        memcpy(work, sample->bytes, sample->len);
    for (size_t bit = 0; bit < 8 * sample->len; bit += sample->len / 2048 + 1) {
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
        snprintf(what, sizeof(what), "%s with bit %zu of byte %zu flipped", sample->origin, bit % 8,
                 bit / 8);
        const void *const view = view_of(codec, work, sample->len, what, &payload);
        for (uint32_t i = 0; view && i < hooks->item_count(view) && i < ITEMS_MAX; i++)
            (void)ask_item(codec, view, i, keys_kept.bytes, payload, sample->len, what, &item);
        work[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

static void broken_run(struct kit *kit)
{
    struct codec *const codec = open_with_responses(kit);

    keys_kept = keys_make(codec);
    codec_each(codec, judge_broken);
}

const struct kit_case codec_cases_lookup[] = {
    {"C-LOOKUP-REQUEST", "fit tells the most keys of a limit, and the bytes that encode writes",
     PIPC_CODEC_LOOKUP, 0, requests_run},
    {"C-LOOKUP-ITEMS", "items are all there, one behind the other; others are out of bounds",
     PIPC_CODEC_LOOKUP, 0, items_run},
    {"C-LOOKUP-STITCH",
     "assemble makes of items, unchanged, a response of the size response_add says",
     PIPC_CODEC_LOOKUP, 0, stitch_run},
    {"C-LOOKUP-LOCAL", "the client's own item echoes its key and no other, and is oversized",
     PIPC_CODEC_LOOKUP, 0, local_run},
    {"C-LOOKUP-BROKEN", "items of a response with any bit flipped: errors, or inside the payload",
     PIPC_CODEC_LOOKUP, 0, broken_run},
    {NULL, NULL, 0, 0, NULL},
};
