/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups: owned copies, raw items, assembled responses, and the hooks of Level 2.
 */
#include "test.h"

#include "base_memory.h"
#include "codec_fixture.h"
#include "lookup_bytes.h"
#include "vectors.h"

static const struct pipc_cgroups_lookup_table *cgroups(void)
{
    return pipc_cgroups_lookup_linked();
}

static const struct pipc_apps_lookup_table *apps(void)
{
    return pipc_apps_lookup_linked();
}

/* The examples, decoded from blocks that a test may release. */
struct examples {
    void *blocks[4];
    struct pipc_cgroups_lookup_request_view paths;
    struct pipc_cgroups_lookup_view cgroups;
    struct pipc_apps_lookup_request_view pids;
    struct pipc_apps_lookup_view apps;
};

static struct examples decoded(void)
{
    struct examples e;
    CHECK_OK(pipc_cgroups_lookup_request_decode(
        cgroups(), vector_copy(lk_paths.at, lk_paths.len, 0, &e.blocks[0]), lk_paths.len,
        &e.paths));
    CHECK_OK(pipc_cgroups_lookup_decode(cgroups(),
                                        vector_copy(lk_cgroups.at, lk_cgroups.len, 0, &e.blocks[1]),
                                        lk_cgroups.len, &e.cgroups));
    CHECK_OK(pipc_apps_lookup_request_decode(
        apps(), vector_copy(lk_pids.at, lk_pids.len, 0, &e.blocks[2]), lk_pids.len, &e.pids));
    CHECK_OK(pipc_apps_lookup_decode(apps(), vector_copy(lk_apps.at, lk_apps.len, 0, &e.blocks[3]),
                                     lk_apps.len, &e.apps));
    return e;
}

static void release(struct examples *e)
{
    for (unsigned i = 0; i < 4; i++)
        free(e->blocks[i]);
}

/* ---- copies ---- */

TEST(codec_lookup_copy, copy_of_a_request_survives_the_payload)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup_request *copy = NULL;
    base_memory_init(&memory);
    CHECK_OK(pipc_cgroups_lookup_request_copy(&e.paths, &memory.allocator, &copy));
    release(&e);
    CHECK_EQ(copy->item_count, 2);
    CHECK_STR(copy->paths[0].ptr, "/a");
    CHECK_STR(copy->paths[1].ptr, "/bcdefgh");
    CHECK(copy->paths[0].len == 2 && copy->paths[1].len == 8);
    pipc_cgroups_lookup_request_free(&memory.allocator, copy);
    pipc_cgroups_lookup_request_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
}

static void check_cgroup_copy(const struct pipc_cgroups_lookup_item *item)
{
    CHECK(item->status == 0 && item->orchestrator == 3 && item->label_count == 1);
    CHECK_STR(item->path.ptr, "/a");
    CHECK_STR(item->name.ptr, "n");
    CHECK_STR(item->labels[0].key.ptr, "k");
    CHECK_STR(item->labels[0].value.ptr, "v1");
    CHECK(item->path.len == 2 && item->labels[0].value.len == 2);
}

static void check_app_copy(const struct pipc_apps_lookup_item *item)
{
    CHECK(item->status == 0 && item->orchestrator == 2 && item->cgroup_status == 0);
    CHECK(item->pid == 42 && item->ppid == 1 && item->uid == 1000 && item->starttime == 99);
    CHECK_STR(item->comm.ptr, "sh");
    CHECK_STR(item->cgroup_path.ptr, "/c");
    CHECK_STR(item->cgroup_name.ptr, "x");
    CHECK_EQ(item->label_count, 1);
    CHECK_STR(item->labels[0].key.ptr, "k");
    CHECK_STR(item->labels[0].value.ptr, "");
}

TEST(codec_lookup_copy, copies_of_responses_survive_the_payload)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup *copy = NULL;
    struct pipc_apps_lookup *app_copy = NULL;
    base_memory_init(&memory);
    CHECK_OK(pipc_cgroups_lookup_copy(&e.cgroups, &memory.allocator, &copy));
    CHECK_OK(pipc_apps_lookup_copy(&e.apps, &memory.allocator, &app_copy));
    release(&e);
    CHECK(copy->item_count == 2 && copy->generation == 5);
    check_cgroup_copy(&copy->items[0]);
    CHECK(copy->items[1].status == 2 && copy->items[1].labels == NULL);
    CHECK_STR(copy->items[1].path.ptr, "/b");
    CHECK_STR(copy->items[1].name.ptr, "");
    CHECK(app_copy->item_count == 2 && app_copy->generation == 6);
    check_app_copy(&app_copy->items[0]);
    CHECK(app_copy->items[1].status == 1 && app_copy->items[1].pid == 43);
    CHECK(app_copy->items[1].uid == PIPC_UID_UNSET && app_copy->items[1].labels == NULL);
    pipc_cgroups_lookup_free(&memory.allocator, copy);
    pipc_cgroups_lookup_free(&memory.allocator, NULL);
    pipc_apps_lookup_free(&memory.allocator, app_copy);
    pipc_apps_lookup_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.calls, 2);
}

TEST(codec_lookup_copy, copies_of_items_survive_the_payload)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_item_view app;
    struct pipc_cgroups_lookup_item *copy = NULL;
    struct pipc_apps_lookup_item *app_copy = NULL;
    base_memory_init(&memory);
    CHECK_OK(pipc_cgroups_lookup_item(&e.cgroups, 0, &item));
    CHECK_OK(pipc_apps_lookup_item(&e.apps, 0, &app));
    CHECK_OK(pipc_cgroups_lookup_item_copy(&item, &memory.allocator, &copy));
    CHECK_OK(pipc_apps_lookup_item_copy(&app, &memory.allocator, &app_copy));
    release(&e);
    check_cgroup_copy(copy);
    check_app_copy(app_copy);
    pipc_cgroups_lookup_item_free(&memory.allocator, copy);
    pipc_cgroups_lookup_item_free(&memory.allocator, NULL);
    pipc_apps_lookup_item_free(&memory.allocator, app_copy);
    pipc_apps_lookup_item_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
}

TEST(codec_lookup_copy, copies_without_memory_leave_nothing_behind)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_item_view app;
    struct pipc_cgroups_lookup_request *paths = NULL;
    struct pipc_cgroups_lookup *copy = NULL;
    struct pipc_apps_lookup *app_copy = NULL;
    struct pipc_cgroups_lookup_item *item_copy = NULL;
    struct pipc_apps_lookup_item *app_item_copy = NULL;
    base_memory_init(&memory);
    memory.fail_at = 1;
    memory.fail_all = 1;
    CHECK_OK(pipc_cgroups_lookup_item(&e.cgroups, 0, &item));
    CHECK_OK(pipc_apps_lookup_item(&e.apps, 0, &app));
    CHECK_RESULT(pipc_cgroups_lookup_request_copy(&e.paths, &memory.allocator, &paths),
                 PIPC_ERR_ALLOC);
    CHECK_RESULT(pipc_cgroups_lookup_copy(&e.cgroups, &memory.allocator, &copy), PIPC_ERR_ALLOC);
    CHECK_RESULT(pipc_apps_lookup_copy(&e.apps, &memory.allocator, &app_copy), PIPC_ERR_ALLOC);
    CHECK_RESULT(pipc_cgroups_lookup_item_copy(&item, &memory.allocator, &item_copy),
                 PIPC_ERR_ALLOC);
    CHECK_RESULT(pipc_apps_lookup_item_copy(&app, &memory.allocator, &app_item_copy),
                 PIPC_ERR_ALLOC);
    /* One allocation each, so that there is no second one that could fail. */
    CHECK_EQ(memory.calls, 5);
    CHECK_EQ(memory.live, 0);
    CHECK(!paths && !copy && !app_copy && !item_copy && !app_item_copy);
    release(&e);
}

TEST(codec_lookup_copy, views_changed_by_hand_fail_before_anything_is_allocated)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_item_view app;
    struct pipc_cgroups_lookup_request *paths = NULL;
    struct pipc_cgroups_lookup *copy = NULL;
    struct pipc_apps_lookup *app_copy = NULL;
    struct pipc_cgroups_lookup_item *item_copy = NULL;
    struct pipc_apps_lookup_item *app_item_copy = NULL;
    base_memory_init(&memory);
    CHECK_OK(pipc_cgroups_lookup_item(&e.cgroups, 0, &item));
    CHECK_OK(pipc_apps_lookup_item(&e.apps, 0, &app));
    item.label_count = app.label_count = 9;
    e.paths.payload_len = e.cgroups.payload_len = e.apps.payload_len = 33;
    CHECK_RESULT(pipc_cgroups_lookup_request_copy(&e.paths, &memory.allocator, &paths),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_cgroups_lookup_copy(&e.cgroups, &memory.allocator, &copy),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_apps_lookup_copy(&e.apps, &memory.allocator, &app_copy),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_cgroups_lookup_item_copy(&item, &memory.allocator, &item_copy),
                 PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(pipc_apps_lookup_item_copy(&app, &memory.allocator, &app_item_copy),
                 PIPC_ERR_OUT_OF_BOUNDS);
    item.path = app.comm = (struct pipc_str_view){NULL, 1};
    CHECK_RESULT(pipc_cgroups_lookup_item_copy(&item, &memory.allocator, &item_copy),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item_copy(&app, &memory.allocator, &app_item_copy),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(memory.calls, 0);
    release(&e);
}

TEST(codec_lookup_copy, entries_that_name_the_same_bytes_cannot_demand_more_than_the_payload)
{
    /* No decoder lets these through: the view is made by hand, of a request whose 20 entries name
     * one key of 100 bytes. */
    unsigned char bytes[16 + 20 * 8 + 101] = {1, 0, 0, 0, 20};
    struct base_memory memory;
    struct pipc_cgroups_lookup_request *copy = NULL;
    const struct pipc_cgroups_lookup_request_view view = {
        .table = cgroups(), .item_count = 20, .payload = bytes, .payload_len = sizeof(bytes)};
    for (unsigned i = 0; i < 20; i++)
        bytes[16 + 8 * i + 4] = 101;
    memset(bytes + 176, 'p', 100);
    base_memory_init(&memory);
    CHECK_RESULT(pipc_cgroups_lookup_request_copy(&view, &memory.allocator, &copy),
                 PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(memory.calls, 0);
}

TEST(codec_lookup_copy, missing_arguments_are_refused)
{
    struct base_memory memory;
    struct examples e = decoded();
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_apps_lookup_item_view app;
    base_memory_init(&memory);
    CHECK_OK(pipc_cgroups_lookup_item(&e.cgroups, 0, &item));
    CHECK_OK(pipc_apps_lookup_item(&e.apps, 0, &app));
    CHECK_RESULT(pipc_cgroups_lookup_request_copy(&e.paths, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_request_copy(NULL, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_copy(&e.cgroups, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_copy(NULL, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_copy(&e.apps, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_copy(NULL, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_item_copy(&item, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_item_copy(NULL, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item_copy(&app, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_apps_lookup_item_copy(NULL, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(memory.calls, 0);
    release(&e);
}

/* ---- raw items ---- */

TEST(codec_lookup_copy, raw_items_assembled_again_are_the_same_response)
{
    struct examples e = decoded();
    struct pipc_lookup_raw raw[2], app_raw[2];
    unsigned char bytes[191];
    size_t len = 0;
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(pipc_cgroups_lookup_raw_item(&e.cgroups, i, &raw[i]));
        CHECK_OK(pipc_apps_lookup_raw_item(&e.apps, i, &app_raw[i]));
    }
    CHECK(raw[0].len == 61 && raw[1].len == 32 && app_raw[0].len == 91 && app_raw[1].len == 63);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_OK(pipc_cgroups_lookup_assemble(cgroups(), raw, 2, 5, bytes, 128, &len));
    CHECK_EQ(len, 128);
    CHECK_MEM(bytes, lk_cgroups.at, 128);
    CHECK_OK(pipc_apps_lookup_assemble(apps(), app_raw, 2, 6, bytes, 191, &len));
    CHECK_EQ(len, 191);
    CHECK_MEM(bytes, lk_apps.at, 191);
    CHECK_OK(pipc_apps_lookup_assemble(apps(), NULL, 0, 6, bytes, 16, &len));
    CHECK_EQ(len, 16);
    release(&e);
}

TEST(codec_lookup_copy, assemble_refuses_bad_items_and_too_little_room)
{
    struct examples e = decoded();
    struct pipc_lookup_raw raw[2], app_raw[2];
    unsigned char bytes[191], changed[61];
    size_t len = 77;
    for (uint32_t i = 0; i < 2; i++) {
        CHECK_OK(pipc_cgroups_lookup_raw_item(&e.cgroups, i, &raw[i]));
        CHECK_OK(pipc_apps_lookup_raw_item(&e.apps, i, &app_raw[i]));
    }
    for (size_t cap = 0; cap < 128; cap++)
        CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), raw, 2, 5, bytes, cap, &len),
                     PIPC_ERR_OVERFLOW);
    CHECK_RESULT(pipc_apps_lookup_assemble(apps(), app_raw, 2, 5, bytes, 190, &len),
                 PIPC_ERR_OVERFLOW);
    raw[1].len = 27;
    CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), raw, 2, 5, bytes, 191, &len),
                 PIPC_ERR_BAD_LAYOUT);
    raw[1].bytes = NULL;
    CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), raw, 2, 5, bytes, 191, &len),
                 PIPC_ERR_BAD_PARAM);
    memcpy(changed, raw[0].bytes, 61);
    changed[30] = 'X';
    raw[0].bytes = changed;
    CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), raw, 1, 5, bytes, 191, &len),
                 PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), NULL, 1, 5, bytes, 191, &len),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_lookup_assemble(cgroups(), raw, 0, 5, bytes, 191, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(len, 77);
    release(&e);
}

/* ---- hooks of Level 2 ---- */

static const struct pipc_lookup_hooks *hooks(const char *kind)
{
    return codec_linked(kind)->lookup;
}

TEST(codec_lookup_copy, call_reads_responses_and_leaves_requests_to_the_hooks)
{
    struct pipc_cgroups_lookup_view view;
    struct pipc_apps_lookup_view apps_view;
    const struct pipc_call_ops *c = codec_linked("cgroups_lookup_resp")->call,
                               *a = codec_linked("apps_lookup_resp")->call;
    CHECK(!c->encode && !c->request_size && c->batch == 0 && c->output_size == sizeof(view));
    CHECK(!a->encode && !a->request_size && a->batch == 0 && a->output_size == sizeof(apps_view));
    CHECK_OK(c->decode(lk_cgroups.at, lk_cgroups.len, &view));
    CHECK_OK(a->decode(lk_apps.at, lk_apps.len, &apps_view));
    CHECK(view.generation == 5 && apps_view.generation == 6);
    CHECK_RESULT(a->decode(lk_apps.at, 15, &apps_view), PIPC_ERR_TRUNCATED);
}

TEST(codec_lookup_copy, hooks_judge_keys)
{
    const struct pipc_lookup_hooks *c = hooks("cgroups_lookup_req"), *a = hooks("apps_lookup_req");
    const struct pipc_str_view good[] = {lk_str("/a"), lk_str("/b")};
    const struct pipc_str_view bad[] = {{NULL, 0}, {"", 0}, {NULL, 2}, {"a\0b", 3}};
    const uint32_t pids[] = {0, 0xffffffffu};
    CHECK(c->key_size == sizeof(good[0]) && a->key_size == 4);
    CHECK(c->response_empty == 16 && a->response_empty == 16);
    CHECK_OK(c->check_keys(good, 2));
    CHECK_OK(c->check_keys(NULL, 0));
    CHECK_RESULT(c->check_keys(NULL, 1), PIPC_ERR_BAD_PARAM);
    for (unsigned i = 0; i < 4; i++)
        CHECK_RESULT(c->check_keys(&bad[i], 1), PIPC_ERR_BAD_PARAM);
    CHECK_OK(a->check_keys(pids, 2));
    CHECK_OK(a->check_keys(NULL, 0));
    CHECK_RESULT(a->check_keys(NULL, 1), PIPC_ERR_BAD_PARAM);
}

/* For every limit: as many keys as fit, of exactly the size that encode comes to. */
static void check_fit(const struct pipc_lookup_hooks *h, const void *keys, uint32_t count)
{
    unsigned char bytes[512];
    uint64_t whole = 0, size = 0;
    size_t len = 0;
    CHECK_EQ(h->fit(keys, count, 512, &whole), count);
    for (uint64_t limit = 0; limit <= whole; limit++) {
        const uint32_t n = h->fit(keys, count, limit, &size);
        CHECK_OK(h->encode(keys, n, bytes, sizeof(bytes), &len));
        CHECK_EQ(len, size);
        CHECK(n == 0 || size <= limit);
        CHECK((n == count) == (limit >= whole));
        if (n < count) {
            CHECK_OK(h->encode(keys, n + 1, bytes, sizeof(bytes), &len));
            CHECK(len > limit); /* one more would not fit */
        }
    }
}

TEST(codec_lookup_copy, hooks_fit_as_many_keys_as_a_request_of_any_limit_holds)
{
    const struct pipc_str_view paths[] = {lk_str("/a"), lk_str("/bcdefg"), lk_str("/bcdefgh"),
                                          lk_str("/x/y/z/1/2/3"), lk_str("/a")};
    const uint32_t pids[] = {1, 2, 3, 3, 0};
    uint64_t size = 0;
    unsigned char bytes[16];
    size_t len = 0;
    check_fit(hooks("cgroups_lookup_req"), paths, 5);
    check_fit(hooks("apps_lookup_req"), pids, 5);
    for (unsigned i = 0; i < 2; i++) {
        const struct pipc_lookup_hooks *h = hooks(i ? "apps_lookup_req" : "cgroups_lookup_req");
        CHECK_EQ(h->fit(NULL, 0, 0, &size), 0);
        CHECK_EQ(size, 16);
        CHECK_OK(h->encode(NULL, 0, bytes, 16, &len));
        CHECK_EQ(len, 16);
        CHECK_RESULT(h->encode(NULL, 0, bytes, 15, &len), PIPC_ERR_OVERFLOW);
    }
}

TEST(codec_lookup_copy, hooks_tell_outcome_echo_and_bytes_of_items)
{
    static const uint32_t cgroup_outcomes[] = {PIPC_LOOKUP_FINAL, PIPC_LOOKUP_FINAL,
                                               PIPC_LOOKUP_FINAL, PIPC_LOOKUP_EXCEEDED,
                                               PIPC_LOOKUP_OVERSIZED};
    static const uint32_t app_outcomes[] = {PIPC_LOOKUP_FINAL, PIPC_LOOKUP_FINAL,
                                            PIPC_LOOKUP_EXCEEDED, PIPC_LOOKUP_OVERSIZED};
    const struct pipc_lookup_hooks *c = hooks("cgroups_lookup_resp"),
                                   *a = hooks("apps_lookup_resp");
    const struct pipc_str_view right = lk_str("/b"), longer = lk_str("/b/"), other = lk_str("/c");
    const uint32_t pid = 43, other_pid = 44;
    struct pipc_cgroups_lookup_view view;
    struct pipc_apps_lookup_view apps_view;
    struct pipc_lookup_item item = {.size = sizeof(item)};
    unsigned char bytes[128], app_bytes[191];
    memcpy(bytes, lk_cgroups.at, 128);
    memcpy(app_bytes, lk_apps.at, 191);
    for (unsigned char status = 0; status <= 4; status++) {
        bytes[96 + 2] = status;
        CHECK_OK(pipc_cgroups_lookup_decode(cgroups(), bytes, 128, &view));
        CHECK_OK(c->item(&view, 1, &right, &item));
        CHECK(item.outcome == cgroup_outcomes[status] && item.echoes == 1);
        CHECK(item.raw.bytes == bytes + 96 && item.raw.len == 32);
    }
    CHECK_OK(c->item(&view, 1, &longer, &item));
    CHECK_EQ(item.echoes, 0);
    CHECK_OK(c->item(&view, 1, &other, &item));
    CHECK_EQ(item.echoes, 0);
    CHECK_RESULT(c->item(&view, 2, &right, &item), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK(c->item_count(&view) == 2 && c->generation(&view) == 5);
    for (unsigned char status = 1; status <= 3; status++) {
        app_bytes[128 + 2] = status;
        CHECK_OK(pipc_apps_lookup_decode(apps(), app_bytes, 191, &apps_view));
        CHECK_OK(a->item(&apps_view, 1, &pid, &item));
        CHECK(item.outcome == app_outcomes[status] && item.echoes == 1);
        CHECK(item.raw.bytes == app_bytes + 128 && item.raw.len == 63);
    }
    CHECK_OK(a->item(&apps_view, 1, &other_pid, &item));
    CHECK_EQ(item.echoes, 0);
    CHECK_RESULT(a->item(&apps_view, 2, &pid, &item), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK(a->item_count(&apps_view) == 2 && a->generation(&apps_view) == 6);
}

TEST(codec_lookup_copy, hooks_fill_no_more_of_an_item_than_there_is_room_for)
{
    const uint32_t pid = 43;
    struct pipc_apps_lookup_view view;
    struct {
        struct pipc_lookup_item item;
    } small = {.item = {.size = 12, .reserved = 0xa5a5a5a5u}};
    CHECK_OK(pipc_apps_lookup_decode(apps(), lk_apps.at, 191, &view));
    CHECK_OK(hooks("apps_lookup_resp")->item(&view, 1, &pid, &small.item));
    CHECK(small.item.size == 12 && small.item.echoes == 1);
    CHECK(small.item.reserved == 0xa5a5a5a5u && small.item.raw.bytes == NULL);
}

TEST(codec_lookup_copy, hooks_count_the_size_that_assemble_comes_to)
{
    struct examples e = decoded();
    struct pipc_lookup_raw raw[3];
    unsigned char bytes[512];
    size_t len = 0;
    for (uint32_t i = 0; i < 3; i++)
        CHECK_OK(pipc_apps_lookup_raw_item(&e.apps, i % 2, &raw[i]));
    for (uint32_t count = 0; count <= 3; count++) {
        const uint64_t size = hooks("apps_lookup_resp")->response_add(16, raw, count);
        CHECK_OK(hooks("apps_lookup_resp")->assemble(raw, count, 1, bytes, size, &len));
        CHECK_EQ(len, size);
        /* In parts it is the same. */
        CHECK_EQ(hooks("cgroups_lookup_resp")
                     ->response_add(hooks("cgroups_lookup_resp")->response_add(16, raw, count / 2),
                                    raw + count / 2, count - count / 2),
                 size);
    }
    release(&e);
}

TEST(codec_lookup_copy, local_outcome_is_an_oversized_path_and_pids_have_none)
{
    const struct pipc_lookup_hooks *c = hooks("cgroups_lookup_resp");
    const struct pipc_str_view path = lk_str("/too/long");
    struct pipc_cgroups_lookup_view view;
    struct pipc_lookup_item item = {.size = sizeof(item)};
    struct pipc_lookup_raw raw;
    unsigned char bytes[64], response[128];
    size_t len = 0;
    CHECK(!hooks("apps_lookup_resp")->local && !hooks("apps_lookup_resp")->local_size);
    CHECK_EQ(c->local_size(&path), 28 + 9 + 2);
    CHECK_RESULT(c->local(&path, bytes, 38, &len), PIPC_ERR_OVERFLOW);
    CHECK_EQ(len, 0);
    memset(bytes, 0xff, sizeof(bytes));
    CHECK_OK(c->local(&path, bytes, 39, &len));
    CHECK_EQ(len, 39);
    raw = (struct pipc_lookup_raw){bytes, len};
    CHECK_OK(c->assemble(&raw, 1, 3, response, sizeof(response), &len));
    CHECK_OK(pipc_cgroups_lookup_decode(cgroups(), response, len, &view));
    CHECK_OK(c->item(&view, 0, &path, &item));
    CHECK(item.outcome == PIPC_LOOKUP_OVERSIZED && item.echoes == 1);
}
