/* SPDX-License-Identifier: Apache-2.0
 *
 * The codecs against golden vectors: verdict, error, fields by the generic walk and by the typed
 * accessors, and the bytes that are built from the fields. Linked codecs, and those of a context.
 */
#include "test.h"

#include "codec_fixture.h"
#include "json_fields.h"
#include "vectors.h"

/* Codecs under test, and what was seen. */
struct run {
    struct pipc_context *context; /* NULL: the linked codecs */
    unsigned valid, invalid, canonical, built;
};

typedef pipc_result (*walk_function)(const struct pipc_codec_ops *, const char *, const void *,
                                     size_t, const struct pipc_visitor *);

static void check_fields(const struct vector *v, const struct pipc_codec_ops *ops,
                         walk_function walk)
{
    struct json_maker maker;
    json_maker_init(&maker);
    const pipc_result r = walk(ops, v->kind, v->bytes, v->len, &maker.visitor);
    VECTOR_CHECK(v, r == PIPC_OK, "refused: %s", pipc_result_name(r));
    VECTOR_CHECK(v, !maker.fault && maker.depth == 0, "walk: %s", maker.fault);
    vector_check_fields(v, maker.top);
    json_maker_done(&maker);
}

/* Builds fields of a line into `cap` bytes of 0xff. */
static pipc_result build(const struct vector *v, struct json_object *fields,
                         const struct pipc_codec_ops *ops, unsigned char *bytes, size_t cap,
                         size_t *ret_len)
{
    struct json_source source;
    memset(bytes, 0xff, cap);
    json_source_init(&source, fields);
    const pipc_result r = codec_build(ops, v->kind, &source.fields, bytes, cap, ret_len);
    json_source_done(&source);
    return r;
}

static void check_build(const struct vector *v, struct json_object *fields,
                        const struct pipc_codec_ops *ops, size_t cap)
{
    unsigned char *bytes = malloc(cap);
    size_t len = SIZE_MAX;
    const pipc_result r = build(v, fields, ops, bytes, cap, &len);
    VECTOR_CHECK(v, r == PIPC_OK, "build in %zu bytes: %s", cap, pipc_result_name(r));
    VECTOR_CHECK(v, len == v->len, "build has %zu bytes, expected %zu", len, v->len);
    VECTOR_CHECK(v, memcmp(bytes, v->bytes, len) == 0, "build gives other bytes");
    free(bytes);
}

static void check_short_build(const struct vector *v, const struct pipc_codec_ops *ops)
{
    unsigned char *bytes = malloc(v->len - 1);
    size_t len = SIZE_MAX;
    const pipc_result r = build(v, v->fields, ops, bytes, v->len - 1, &len);
    VECTOR_CHECK(v, r == PIPC_ERR_OVERFLOW, "one byte less: %s", pipc_result_name(r));
    VECTOR_CHECK(v, len == SIZE_MAX, "length written on failure");
    free(bytes);
}

/* The items of a build block under its budget: the same bytes, whatever room there is beyond. */
static void check_budget(const struct vector *v, const struct pipc_codec_ops *ops)
{
    struct json_object *budget = NULL;
    VECTOR_CHECK(v, json_object_object_get_ex(v->build, "budget", &budget), "no budget");
    const size_t room = (size_t)json_object_get_uint64(budget);
    check_build(v, v->build, ops, room);
    check_build(v, v->build, ops, room + 1000);
}

static void check_line(const struct vector *v, void *arg)
{
    struct run *run = arg;
    const struct pipc_codec_ops *ops =
        run->context ? codec_loaded(run->context, v->kind) : codec_linked(v->kind);
    const pipc_result r = codec_verdict(ops, v->kind, v->bytes, v->len);
    if (!v->valid) {
        VECTOR_CHECK(v, strcmp(pipc_result_name(r), v->error) == 0, "%s, expected %s (%s)",
                     pipc_result_name(r), v->error, v->why);
        run->invalid++;
        return;
    }
    VECTOR_CHECK(v, r == PIPC_OK, "refused: %s", pipc_result_name(r));
    run->valid++;
    check_fields(v, ops, codec_walk);
    check_fields(v, ops, codec_typed_walk);
    if (v->build) {
        run->built++;
        check_budget(v, ops);
    }
    if (!v->canonical)
        return;
    run->canonical++;
    check_build(v, v->fields, ops, v->len);
    check_build(v, v->fields, ops, v->len + 64);
    check_short_build(v, ops);
}

static struct run run_file(const char *kind)
{
    struct run run = {0};
    const unsigned lines = vectors_each(kind, check_line, &run);
    printf("counted: %s: %u valid, %u invalid, %u canonical, %u with a budget\n", kind, run.valid,
           run.invalid, run.canonical, run.built);
    CHECK_EQ(run.valid + run.invalid, lines);
    CHECK(run.canonical > 0);
    return run;
}

TEST(codec_vectors, increment_lines_agree)
{
    run_file("increment_req");
}

TEST(codec_vectors, string_reverse_lines_agree)
{
    run_file("string_reverse");
}

TEST(codec_vectors, snapshot_request_lines_agree)
{
    run_file("cgroups_snapshot_req");
}

TEST(codec_vectors, snapshot_response_lines_agree)
{
    run_file("cgroups_snapshot_resp");
}

TEST(codec_vectors, cgroups_lookup_request_lines_agree)
{
    run_file("cgroups_lookup_req");
}

TEST(codec_vectors, cgroups_lookup_response_lines_agree_also_under_a_budget)
{
    CHECK(run_file("cgroups_lookup_resp").built > 0);
}

TEST(codec_vectors, apps_lookup_request_lines_agree)
{
    run_file("apps_lookup_req");
}

TEST(codec_vectors, apps_lookup_response_lines_agree_also_under_a_budget)
{
    CHECK(run_file("apps_lookup_resp").built > 0);
}

TEST(codec_vectors, own_lines_agree)
{
    struct run run = {0};
    CHECK_EQ(vectors_own("codecs", check_line, &run), run.valid + run.invalid);
    CHECK(run.canonical > 0 && run.invalid > 0);
}

TEST(codec_vectors, codecs_of_a_context_agree_with_all_lines)
{
    struct run run = {.context = codec_context()};
    for (unsigned i = 0; i < CODEC_KINDS; i++)
        vectors_each(codec_kinds[i], check_line, &run);
    vectors_own("codecs", check_line, &run);
    CHECK(run.valid > 0 && run.invalid > 0 && run.canonical > 0);
    CHECK_OK(pipc_close(run.context));
}
