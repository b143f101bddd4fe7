/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile bytes for every decoder: cut, changed and random payloads, counts that no payload can
 * hold, and what must stay untouched when a decoder refuses. Every verdict is given three times
 * (check, walk, typed access) and must agree.
 */
#include "test.h"

#include "codec_fixture.h"
#include "vectors.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

static void each_line(vector_check check)
{
    for (unsigned i = 0; i < CODEC_KINDS; i++)
        vectors_each(codec_kinds[i], check, NULL);
    vectors_own("codecs", check, NULL);
}

/* ---- prefixes ---- */

static void check_prefixes(const struct vector *v, void *arg)
{
    (void)arg;
    for (size_t len = 0; v->valid && len < v->len; len++) {
        void *block;
        const unsigned char *bytes = vector_copy(v->bytes, len, 0, &block);
        const pipc_result r = codec_verdict(codec_linked(v->kind), v->kind, bytes, len);
        VECTOR_CHECK(v, r != PIPC_OK || !v->canonical, "prefix of %zu bytes is accepted", len);
        free(block);
    }
}

TEST(codec_hostile, every_prefix_of_every_valid_vector_gets_a_clean_verdict)
{
    each_line(check_prefixes);
}

/* ---- changed bytes ---- */

static void check_changed(const struct vector *v, void *arg)
{
    static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff};
    void *block;
    unsigned char *bytes = vector_copy(v->bytes, v->len, 0, &block);
    unsigned *tried = arg;
    for (size_t at = 0; v->valid && at < v->len; at++) {
        const unsigned char before = bytes[at];
        for (unsigned i = 0; i < sizeof(values) + 8; i++) {
            bytes[at] = i < sizeof(values) ? values[i]
                                           : (unsigned char)(before ^ (1u << (i - sizeof(values))));
            const unsigned char given = bytes[at];
            codec_verdict(codec_linked(v->kind), v->kind, bytes, v->len);
            VECTOR_CHECK(v, bytes[at] == given, "the payload was written to at %zu", at);
            ++*tried;
        }
        bytes[at] = before;
    }
    VECTOR_CHECK(v, memcmp(bytes, v->bytes, v->len) == 0, "the payload was written to");
    free(block);
}

TEST(codec_hostile, every_byte_of_every_valid_vector_set_and_flipped)
{
    unsigned tried = 0;
    for (unsigned i = 0; i < CODEC_KINDS; i++)
        vectors_each(codec_kinds[i], check_changed, &tried);
    vectors_own("codecs", check_changed, &tried);
    printf("%u changed payloads\n", tried);
    CHECK(tried > 10000);
}

/* ---- random bytes ---- */

/* Random bytes that get past the first checks: a right head, small numbers behind it. */
static void tempt(const char *kind, unsigned char *bytes, size_t len, uint64_t *state)
{
    static const unsigned char string_head[] = {8, 0, 0, 0};
    static const unsigned char snapshot_head[] = {1, 0, 0, 0};
    const bool string = strcmp(kind, "string_reverse") == 0;
    for (size_t i = 4; i < len; i++)
        if (codec_random(state) % 4)
            bytes[i] = (unsigned char)(codec_random(state) % 3 ? 0 : codec_random(state) % 64);
    memcpy(bytes, string ? string_head : snapshot_head, len < 4 ? len : 4);
}

static void run_random(const char *kind)
{
    uint64_t state = 0x9e3779b97f4a7c15u;
    const unsigned rounds = test_scale(400);
    for (size_t len = 0; len <= 512; len++) {
        unsigned char *bytes = malloc(len ? len : 1);
        for (unsigned round = 0; round < rounds; round++) {
            for (size_t i = 0; i < len; i++)
                bytes[i] = (unsigned char)codec_random(&state);
            if (round % 2)
                tempt(kind, bytes, len, &state);
            const pipc_result r = codec_verdict(codec_linked(kind), kind, len ? bytes : NULL, len);
            CHECK(len >= 4 || r == PIPC_ERR_TRUNCATED);
        }
        free(bytes);
    }
}

TEST(codec_hostile, random_bytes_of_every_length_for_increment)
{
    run_random("increment_req");
}

TEST(codec_hostile, random_bytes_of_every_length_for_string_reverse)
{
    run_random("string_reverse");
}

TEST(codec_hostile, random_bytes_of_every_length_for_snapshot_request)
{
    run_random("cgroups_snapshot_req");
}

TEST(codec_hostile, random_bytes_of_every_length_for_snapshot_response)
{
    run_random("cgroups_snapshot_resp");
}

TEST(codec_hostile, random_bytes_of_every_length_for_cgroups_lookups)
{
    run_random("cgroups_lookup_req");
    run_random("cgroups_lookup_resp");
}

TEST(codec_hostile, random_bytes_of_every_length_for_apps_lookups)
{
    run_random("apps_lookup_req");
    run_random("apps_lookup_resp");
}

/* ---- alignment ---- */

static void check_shifted(const struct vector *v, void *arg)
{
    (void)arg;
    const struct pipc_codec_ops *ops = codec_linked(v->kind);
    struct codec_reader there;
    codec_reader_init(&there);
    const pipc_result verdict = codec_walk(ops, v->kind, v->bytes, v->len, &there.visitor);
    for (unsigned shift = 1; shift < 8; shift++) {
        void *block;
        struct codec_reader here;
        codec_reader_init(&here);
        const unsigned char *bytes = vector_copy(v->bytes, v->len, shift, &block);
        CHECK_RESULT(codec_verdict(ops, v->kind, bytes, v->len), verdict);
        CHECK_RESULT(codec_walk(ops, v->kind, bytes, v->len, &here.visitor), verdict);
        VECTOR_CHECK(v, here.sum == there.sum, "other fields %u bytes off alignment", shift);
        free(block);
    }
}

TEST(codec_hostile, payloads_off_alignment_give_the_same)
{
    each_line(check_shifted);
}

/* ---- counts ---- */

static void check_count(const char *kind, uint32_t count)
{
    unsigned char bytes[64] = {1};
    memcpy(bytes + 4, &count, 4);
    const uint64_t before = test_now_ms();
    for (size_t len = 24; len <= sizeof(bytes); len++) {
        void *block;
        const unsigned char *exact = vector_copy(bytes, len, 0, &block);
        CHECK_RESULT(codec_verdict(codec_linked(kind), kind, exact, len), PIPC_ERR_TRUNCATED);
        free(block);
    }
    /* A loop over the count would take seconds. */
    CHECK(test_now_ms() - before < test_limit(500));
}

TEST(codec_hostile, counts_above_the_payload_are_refused_at_once)
{
    static const char *const kinds[] = {"cgroups_snapshot_resp", "cgroups_lookup_req",
                                        "cgroups_lookup_resp", "apps_lookup_req",
                                        "apps_lookup_resp"};
    static const uint32_t counts[] = {0xffffffffu, 0x20000000u, 0x20000001u, 0x1fffffffu, 7};
    for (unsigned i = 0; i < 5; i++)
        for (unsigned k = 0; k < 5; k++)
            check_count(kinds[i], counts[k]);
    check_count(kinds[0], 6);
}

/* ---- outputs ---- */

static void all_bytes(const void *what, size_t len, unsigned char value)
{
    for (size_t i = 0; i < len; i++)
        CHECK_EQ(((const unsigned char *)what)[i], value);
}

static void refuse_snapshot(const struct vector *v)
{
    const struct pipc_cgroups_snapshot_table *table = pipc_cgroups_snapshot_linked();
    struct pipc_cgroups_snapshot_view view;
    struct pipc_cgroups_snapshot_item_view item;
    memset(&view, 0xa5, sizeof(view));
    if (pipc_cgroups_snapshot_decode(table, v->bytes, v->len, &view) != PIPC_OK) {
        all_bytes(&view, sizeof(view), 0xa5);
        return;
    }
    unsigned refused = 0;
    for (uint32_t i = 0; i <= view.item_count; i++) {
        memset(&item, 0xa5, sizeof(item));
        if (pipc_cgroups_snapshot_item(&view, i, &item) == PIPC_OK)
            continue;
        all_bytes(&item, sizeof(item), 0xa5);
        refused++;
    }
    /* The index behind the last one, and at least one malformed item. */
    VECTOR_CHECK(v, refused >= 2, "no item is refused");
}

/* Views of the lookups, refused as a whole. */
static bool refuse_lookup(const struct vector *v)
{
    union {
        struct pipc_cgroups_lookup_request_view paths;
        struct pipc_cgroups_lookup_view cgroups;
        struct pipc_apps_lookup_request_view pids;
        struct pipc_apps_lookup_view apps;
    } view;
    const struct pipc_cgroups_lookup_table *c = pipc_cgroups_lookup_linked();
    const struct pipc_apps_lookup_table *a = pipc_apps_lookup_linked();
    pipc_result r;
    memset(&view, 0xa5, sizeof(view));
    if (strcmp(v->kind, "cgroups_lookup_req") == 0)
        r = pipc_cgroups_lookup_request_decode(c, v->bytes, v->len, &view.paths);
    else if (strcmp(v->kind, "cgroups_lookup_resp") == 0)
        r = pipc_cgroups_lookup_decode(c, v->bytes, v->len, &view.cgroups);
    else if (strcmp(v->kind, "apps_lookup_req") == 0)
        r = pipc_apps_lookup_request_decode(a, v->bytes, v->len, &view.pids);
    else if (strcmp(v->kind, "apps_lookup_resp") == 0)
        r = pipc_apps_lookup_decode(a, v->bytes, v->len, &view.apps);
    else
        return false;
    VECTOR_CHECK(v, r != PIPC_OK, "not refused");
    all_bytes(&view, sizeof(view), 0xa5);
    return true;
}

static void check_untouched(const struct vector *v, void *arg)
{
    (void)arg;
    if (v->valid || refuse_lookup(v))
        return;
    if (strcmp(v->kind, "increment_req") == 0) {
        uint64_t value = 0xa5a5a5a5a5a5a5a5u;
        CHECK(pipc_increment_decode(pipc_increment_linked(), v->bytes, v->len, &value) != PIPC_OK);
        CHECK_EQ(value, 0xa5a5a5a5a5a5a5a5u);
    } else if (strcmp(v->kind, "string_reverse") == 0) {
        struct pipc_string_reverse_view view;
        memset(&view, 0xa5, sizeof(view));
        CHECK(pipc_string_reverse_decode(pipc_string_reverse_linked(), v->bytes, v->len, &view) !=
              PIPC_OK);
        all_bytes(&view, sizeof(view), 0xa5);
    } else if (strcmp(v->kind, "cgroups_snapshot_req") == 0) {
        struct pipc_cgroups_snapshot_request_view view;
        memset(&view, 0xa5, sizeof(view));
        CHECK(pipc_cgroups_snapshot_request_decode(pipc_cgroups_snapshot_linked(), v->bytes, v->len,
                                                   &view) != PIPC_OK);
        all_bytes(&view, sizeof(view), 0xa5);
    } else {
        refuse_snapshot(v);
    }
}

TEST(codec_hostile, outputs_are_unchanged_after_a_failed_decode)
{
    each_line(check_untouched);
}

/* ---- arguments ---- */

TEST(codec_hostile, null_payload_is_short_and_null_with_a_length_is_refused)
{
    for (unsigned i = 0; i < CODEC_KINDS; i++) {
        const struct pipc_codec_ops *ops = codec_linked(codec_kinds[i]);
        CHECK_RESULT(codec_verdict(ops, codec_kinds[i], NULL, 0), PIPC_ERR_TRUNCATED);
        CHECK_RESULT(codec_verdict(ops, codec_kinds[i], NULL, 1), PIPC_ERR_BAD_PARAM);
        CHECK_RESULT(codec_verdict(ops, codec_kinds[i], NULL, 4096), PIPC_ERR_BAD_PARAM);
    }
}

TEST(codec_hostile, null_outputs_are_refused)
{
    const unsigned char bytes[24] = {1};
    CHECK_RESULT(pipc_increment_decode(pipc_increment_linked(), bytes, 8, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_string_reverse_decode(pipc_string_reverse_linked(), bytes, 9, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(
        pipc_cgroups_snapshot_request_decode(pipc_cgroups_snapshot_linked(), bytes, 4, NULL),
        PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_decode(pipc_cgroups_snapshot_linked(), bytes, 24, NULL),
                 PIPC_ERR_BAD_PARAM);
}
