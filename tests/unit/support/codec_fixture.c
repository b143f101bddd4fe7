/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the codecs share: see the header.
 */
#include "codec_fixture.h"

#include "test.h"

#include "codec_lookup.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

const char *const codec_kinds[CODEC_KINDS] = {
    "increment_req",      "string_reverse",      "cgroups_snapshot_req", "cgroups_snapshot_resp",
    "cgroups_lookup_req", "cgroups_lookup_resp", "apps_lookup_req",      "apps_lookup_resp",
};

static const struct {
    const char *prefix; /* of the structures */
    const char *name;
    const struct pipc_module *module;
} codecs[] = {
    {"increment_", PIPC_INCREMENT_NAME, &pipc_module_increment},
    {"string_reverse", PIPC_STRING_REVERSE_NAME, &pipc_module_string_reverse},
    {"cgroups_snapshot_", PIPC_CGROUPS_SNAPSHOT_NAME, &pipc_module_cgroups_snapshot},
    {"cgroups_lookup_", PIPC_CGROUPS_LOOKUP_NAME, &pipc_module_cgroups_lookup},
    {"apps_lookup_", PIPC_APPS_LOOKUP_NAME, &pipc_module_apps_lookup},
};

/* Number of the codec of a structure. */
static size_t codec_of(const char *kind)
{
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
        if (strncmp(kind, codecs[i].prefix, strlen(codecs[i].prefix)) == 0)
            return i;
    test_fail(__FILE__, __LINE__, "no structure is called %s", kind);
}

static bool is_response(const char *kind)
{
    const char *end = strrchr(kind, '_');
    return end && strcmp(end, "_resp") == 0;
}

const struct pipc_codec_ops *codec_linked(const char *kind)
{
    return codecs[codec_of(kind)].module->ops;
}

const struct pipc_codec_ops *codec_loaded(struct pipc_context *context, const char *kind)
{
    const struct pipc_codec_ops *ops = NULL;
    const char *name = NULL, *const wanted = codecs[codec_of(kind)].name;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r = pipc_codec_find(context, wanted, 0, &ops, &name, &err);
    CHECK_MSG(r == PIPC_OK && ops, "codec of %s: %s", kind, err.text);
    CHECK(ops->table == pipc_codec_table(context, wanted, ops->table_major));
    return ops;
}

struct pipc_context *codec_context(void)
{
    struct pipc_config *config;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_config_new(NULL, &config));
    if (!PIPC_TEST_BUILTIN)
        CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_MODULE_DIR, &err));
    const pipc_result r = pipc_open(config, NULL, &context, &err);
    pipc_config_free(config);
    CHECK_MSG(r == PIPC_OK, "pipc_open: %s", err.text);
    return context;
}

pipc_result codec_check(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                        size_t len)
{
    return is_response(kind) ? ops->check_response(bytes, len) : ops->check_request(bytes, len);
}

pipc_result codec_walk(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                       size_t len, const struct pipc_visitor *visitor)
{
    return is_response(kind) ? ops->walk_response(bytes, len, visitor)
                             : ops->walk_request(bytes, len, visitor);
}

pipc_result codec_build(const struct pipc_codec_ops *ops, const char *kind,
                        const struct pipc_fields *fields, void *buf, size_t cap, size_t *ret_len)
{
    return is_response(kind) ? ops->build_response(fields, buf, cap, ret_len)
                             : ops->build_request(fields, buf, cap, ret_len);
}

/* ---- the typed tables ---- */

static pipc_result typed_increment(const struct pipc_increment_table *table, const void *bytes,
                                   size_t len, const struct pipc_visitor *v)
{
    uint64_t value;
    const pipc_result r = pipc_increment_decode(table, bytes, len, &value);
    return r == PIPC_OK ? v->number(v->arg, "value", value, 8) : r;
}

static pipc_result typed_string(const struct pipc_string_reverse_table *table, const void *bytes,
                                size_t len, const struct pipc_visitor *v)
{
    struct pipc_string_reverse_view view;
    const pipc_result r = pipc_string_reverse_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table && view.str.ptr[view.str.len] == '\0');
    return v->string(v->arg, "str", view.str.ptr, view.str.len);
}

static pipc_result typed_request(const struct pipc_cgroups_snapshot_table *table, const void *bytes,
                                 size_t len, const struct pipc_visitor *v)
{
    struct pipc_cgroups_snapshot_request_view view;
    const pipc_result r = pipc_cgroups_snapshot_request_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    const pipc_result told = v->number(v->arg, "layout_version", view.layout_version, 2);
    return told == PIPC_OK ? v->number(v->arg, "flags", view.flags, 2) : told;
}

static pipc_result typed_item(const struct pipc_cgroups_snapshot_view *view, uint32_t index,
                              const struct pipc_visitor *v)
{
    struct pipc_cgroups_snapshot_item_view item;
    pipc_result r = pipc_cgroups_snapshot_item(view, index, &item);
    if (r != PIPC_OK)
        return r;
    CHECK(item.name.ptr[item.name.len] == '\0' && item.path.ptr[item.path.len] == '\0');
    r = v->begin_item(v->arg);
    r = r ? r : v->number(v->arg, "hash", item.hash, 4);
    r = r ? r : v->number(v->arg, "options", item.options, 4);
    r = r ? r : v->number(v->arg, "enabled", item.enabled, 4);
    r = r ? r : v->string(v->arg, "name", item.name.ptr, item.name.len);
    r = r ? r : v->string(v->arg, "path", item.path.ptr, item.path.len);
    return r ? r : v->end_item(v->arg);
}

static pipc_result typed_response(const struct pipc_cgroups_snapshot_table *table,
                                  const void *bytes, size_t len, const struct pipc_visitor *v)
{
    struct pipc_cgroups_snapshot_view view;
    pipc_result r = pipc_cgroups_snapshot_decode(table, bytes, len, &view);
    if (r != PIPC_OK)
        return r;
    CHECK(view.table == table);
    r = v->number(v->arg, "layout_version", view.layout_version, 2);
    r = r ? r : v->number(v->arg, "flags", view.flags, 2);
    r = r ? r : v->number(v->arg, "item_count", view.item_count, 4);
    r = r ? r : v->number(v->arg, "systemd_enabled", view.systemd_enabled, 4);
    r = r ? r : v->number(v->arg, "generation", view.generation, 8);
    r = r ? r : v->begin_list(v->arg, "items", view.item_count);
    for (uint32_t i = 0; r == PIPC_OK && i < view.item_count; i++)
        r = typed_item(&view, i, v);
    return r ? r : v->end_list(v->arg);
}

pipc_result codec_typed_walk(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                             size_t len, const struct pipc_visitor *visitor)
{
    if (ops->code == PIPC_METHOD_INCREMENT)
        return typed_increment(ops->table, bytes, len, visitor);
    if (ops->code == PIPC_METHOD_STRING_REVERSE)
        return typed_string(ops->table, bytes, len, visitor);
    if (ops->code == PIPC_METHOD_CGROUPS_LOOKUP)
        return is_response(kind) ? typed_cgroups_response(ops->table, bytes, len, visitor)
                                 : typed_cgroups_request(ops->table, bytes, len, visitor);
    if (ops->code == PIPC_METHOD_APPS_LOOKUP)
        return is_response(kind) ? typed_apps_response(ops->table, bytes, len, visitor)
                                 : typed_apps_request(ops->table, bytes, len, visitor);
    return is_response(kind) ? typed_response(ops->table, bytes, len, visitor)
                             : typed_request(ops->table, bytes, len, visitor);
}

/* ---- reading everything ---- */

static pipc_result count_call(struct codec_reader *r)
{
    return ++r->calls == r->fail_at ? r->fail_with : PIPC_OK;
}

static pipc_result read_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    struct codec_reader *r = arg;
    CHECK(name != NULL && (width == 8 || value >> (8 * width) == 0));
    r->sum = r->sum * 31 + value;
    return count_call(r);
}

static pipc_result read_bytes(void *arg, const char *name, const void *bytes, size_t len)
{
    struct codec_reader *r = arg;
    CHECK(name != NULL);
    for (size_t i = 0; i < len; i++)
        r->sum = r->sum * 31 + ((const unsigned char *)bytes)[i];
    return count_call(r);
}

static pipc_result read_begin_list(void *arg, const char *name, uint32_t count)
{
    return read_number(arg, name, count, 4);
}

static pipc_result read_mark(void *arg)
{
    return count_call(arg);
}

void codec_reader_init(struct codec_reader *reader)
{
    memset(reader, 0, sizeof(*reader));
    reader->visitor = (struct pipc_visitor){
        .size = sizeof(reader->visitor),
        .arg = reader,
        .number = read_number,
        .string = read_bytes,
        .blob = read_bytes,
        .begin_list = read_begin_list,
        .begin_item = read_mark,
        .end_item = read_mark,
        .end_list = read_mark,
    };
}

pipc_result codec_verdict(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                          size_t len)
{
    struct codec_reader walked, typed;
    codec_reader_init(&walked);
    codec_reader_init(&typed);
    const pipc_result verdict = codec_check(ops, kind, bytes, len);
    CHECK_RESULT(codec_walk(ops, kind, bytes, len, &walked.visitor), verdict);
    CHECK_RESULT(codec_typed_walk(ops, kind, bytes, len, &typed.visitor), verdict);
    if (verdict == PIPC_OK)
        CHECK(walked.sum == typed.sum && walked.calls == typed.calls);
    else
        CHECK_EQ(walked.calls, 0); /* a walk of bad bytes tells nothing */
    return verdict;
}

uint64_t codec_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}
