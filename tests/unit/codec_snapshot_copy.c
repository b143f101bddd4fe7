/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT: owned copies, and the hooks by which the cache copies.
 */
#include "test.h"

#include "base_memory.h"
#include "codec_fixture.h"
#include "codec_snapshot.h"

#include <pipc/codecs/cgroups_cache.h>

static const struct pipc_cgroups_snapshot_table *table(void)
{
    return pipc_cgroups_snapshot_linked();
}

/* ---- copies ---- */

TEST(codec_snapshot_copy, copy_survives_the_payload_with_its_inner_nul)
{
    struct base_memory memory;
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot *copy = NULL;
    base_memory_init(&memory);
    two.at[TWO_ITEM0 + 33] = 0;
    two.at[8] = two.at[16] = 7;
    two.at[TWO_ITEM1 + 4] = 5;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_copy(&view, &memory.allocator, &copy));
    memset(two.at, 0xff, two.len);
    cgsnap_free(&two);
    CHECK_EQ(copy->item_count, 2);
    CHECK_EQ(copy->systemd_enabled, 7);
    CHECK_EQ(copy->generation, 7);
    CHECK_EQ(copy->items[0].name.len, 2);
    CHECK_MEM(copy->items[0].name.ptr, "n\0", 3);
    CHECK_STR(copy->items[0].path.ptr, "/p");
    CHECK_EQ(copy->items[1].hash, 5);
    CHECK_STR(copy->items[1].name.ptr, "xy");
    CHECK_STR(copy->items[1].path.ptr, "/q");
    pipc_cgroups_snapshot_free(&memory.allocator, copy);
    pipc_cgroups_snapshot_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
    CHECK_EQ(memory.calls, 1);
}

TEST(codec_snapshot_copy, copy_of_no_items)
{
    struct base_memory memory;
    struct cgsnap_bytes none = cgsnap_make(NULL, NULL, 0);
    struct pipc_cgroups_snapshot *copy = NULL;
    base_memory_init(&memory);
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&none);
    CHECK_OK(pipc_cgroups_snapshot_copy(&view, &memory.allocator, &copy));
    CHECK_EQ(copy->item_count, 0);
    pipc_cgroups_snapshot_free(&memory.allocator, copy);
    cgsnap_free(&none);
    CHECK_EQ(memory.live, 0);
}

TEST(codec_snapshot_copy, item_copy_survives_the_payload)
{
    struct base_memory memory;
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_cgroups_snapshot_item *copy = NULL;
    base_memory_init(&memory);
    two.at[TWO_ITEM0 + 4] = 9;
    two.at[TWO_ITEM0 + 32] = 0;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 0, &item));
    CHECK_OK(pipc_cgroups_snapshot_item_copy(table(), &item, &memory.allocator, &copy));
    cgsnap_free(&two);
    CHECK_EQ(copy->hash, 9);
    CHECK_EQ(copy->name.len, 2);
    CHECK_MEM(copy->name.ptr, "\0m", 3);
    CHECK_STR(copy->path.ptr, "/p");
    pipc_cgroups_snapshot_item_free(&memory.allocator, copy);
    pipc_cgroups_snapshot_item_free(&memory.allocator, NULL);
    CHECK_EQ(memory.live, 0);
}

TEST(codec_snapshot_copy, copies_without_memory_leave_nothing_behind)
{
    struct base_memory memory;
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot_item_view item;
    struct pipc_cgroups_snapshot *const before = (struct pipc_cgroups_snapshot *)&memory;
    struct pipc_cgroups_snapshot *copy = before;
    struct pipc_cgroups_snapshot_item *item_copy = NULL;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_OK(pipc_cgroups_snapshot_item(&view, 0, &item));
    base_memory_init(&memory);
    /* Until a copy succeeds, the n-th allocation fails, for every n. */
    for (uint64_t n = 1;; n++) {
        memory.calls = 0;
        memory.fail_at = n;
        const pipc_result r = pipc_cgroups_snapshot_copy(&view, &memory.allocator, &copy);
        if (r == PIPC_OK)
            break;
        CHECK_RESULT(r, PIPC_ERR_ALLOC);
        CHECK(copy == before);
        CHECK_EQ(memory.live, 0);
    }
    pipc_cgroups_snapshot_free(&memory.allocator, copy);
    memory.calls = 0;
    memory.fail_at = 1;
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), &item, &memory.allocator, &item_copy),
                 PIPC_ERR_ALLOC);
    CHECK(item_copy == NULL);
    CHECK_EQ(memory.live, 0);
    cgsnap_free(&two);
}

TEST(codec_snapshot_copy, one_bad_item_fails_the_copy_before_it_allocates)
{
    struct base_memory memory;
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_snapshot *copy = NULL;
    base_memory_init(&memory);
    two.at[TWO_ITEM1 + 34] = 'X';
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    CHECK_RESULT(pipc_cgroups_snapshot_copy(&view, &memory.allocator, &copy), PIPC_ERR_MISSING_NUL);
    CHECK(copy == NULL);
    CHECK_EQ(memory.calls, 0);
    cgsnap_free(&two);
}

TEST(codec_snapshot_copy, items_that_share_bytes_cannot_demand_more_than_the_payload)
{
    /* 200 entries name the same item of 4000 bytes: about 800,000 bytes of copies from 6 KB. */
    const size_t n = 200;
    struct base_memory memory;
    char path[4001];
    const char *names[] = {"n"}, *paths[] = {path};
    memset(path, 'p', 4000);
    path[4000] = 0;
    struct cgsnap_bytes one = cgsnap_make(names, paths, 1);
    struct cgsnap_bytes many = {.len = one.len + 8 * (n - 1)};
    many.at = malloc(many.len);
    memcpy(many.at, one.at, 24);
    cgsnap_put32(&many, 4, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        memcpy(many.at + 24 + 8 * i, one.at + 24, 8);
    memcpy(many.at + 24 + 8 * n, one.at + 32, one.len - 32);
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&many);
    struct pipc_cgroups_snapshot *copy = NULL;
    base_memory_init(&memory);
    cgsnap_check_item(&view, (uint32_t)n - 1, "n", path); /* accepted one by one */
    CHECK_RESULT(pipc_cgroups_snapshot_copy(&view, &memory.allocator, &copy), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(memory.calls, 0);
    cgsnap_free(&one);
    cgsnap_free(&many);
}

TEST(codec_snapshot_copy, missing_arguments_are_refused)
{
    struct base_memory memory;
    struct cgsnap_bytes two = cgsnap_two();
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two), zeroed = {0};
    struct pipc_cgroups_snapshot_item_view item = {.name = {NULL, 1}};
    struct pipc_cgroups_snapshot *copy;
    struct pipc_cgroups_snapshot_item *item_copy;
    base_memory_init(&memory);
    CHECK_RESULT(pipc_cgroups_snapshot_copy(NULL, &memory.allocator, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_copy(&zeroed, &memory.allocator, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_copy(&view, NULL, &copy), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_copy(&view, &memory.allocator, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), NULL, &memory.allocator, &item_copy),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), &item, &memory.allocator, &item_copy),
                 PIPC_ERR_BAD_PARAM);
    item.name.len = 0;
    item.path.len = 1;
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), &item, &memory.allocator, &item_copy),
                 PIPC_ERR_BAD_PARAM);
    item.path.len = 0;
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), &item, NULL, &item_copy),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_cgroups_snapshot_item_copy(table(), &item, &memory.allocator, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_EQ(memory.calls, 0);
    cgsnap_free(&two);
}

/* ---- hooks of the cache ---- */

static const struct pipc_snapshot_hooks *hooks(void)
{
    return codec_linked("cgroups_snapshot_resp")->snapshot;
}

TEST(codec_snapshot_copy, hooks_describe_the_structs_of_the_cache)
{
    CHECK_EQ(hooks()->size, sizeof(*hooks()));
    CHECK_EQ(hooks()->head_size, sizeof(struct pipc_cgroups_cache_head));
    CHECK_EQ(hooks()->item_size, sizeof(struct pipc_cgroups_cache_item));
    CHECK_EQ(offsetof(struct pipc_cgroups_cache_head, generation), 0);
    CHECK_EQ(hooks()->string_count, 2);
    CHECK_EQ(hooks()->string_offsets[0], offsetof(struct pipc_cgroups_cache_item, name));
    CHECK_EQ(hooks()->string_offsets[1], offsetof(struct pipc_cgroups_cache_item, path));
}

TEST(codec_snapshot_copy, hooks_copy_head_items_and_key)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_cache_head head;
    struct pipc_cgroups_cache_item item;
    struct pipc_snapshot_key key;
    uint64_t bytes = 0, counted = 0;
    two.at[8] = 1;
    two.at[16] = 42;
    cgsnap_put32(&two, TWO_ITEM1 + 4, 0xabcd);
    cgsnap_put32(&two, TWO_ITEM1 + 8, 2);
    cgsnap_put32(&two, TWO_ITEM1 + 12, 3);
    two.at[TWO_ITEM1 + 32] = 0;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    hooks()->head(&view, &head);
    CHECK_EQ(head.generation, 42);
    CHECK_EQ(head.systemd_enabled, 1);
    CHECK_EQ(hooks()->item_count(&view), 2);
    CHECK_OK(hooks()->item_strings(&view, 1, &bytes, &counted));
    CHECK_EQ(bytes, 6);
    CHECK_EQ(counted, 4);
    char *strings = malloc(bytes); /* exactly what it asked for */
    CHECK_OK(hooks()->item(&view, 1, &item, strings, &key));
    cgsnap_free(&two);
    CHECK(item.hash == 0xabcd && item.options == 2 && item.enabled == 3);
    CHECK_EQ(item.name.len, 2);
    CHECK_MEM(item.name.ptr, "\0y", 3);
    CHECK_STR(item.path.ptr, "/q");
    CHECK_EQ(key.hash, 0xabcd);
    CHECK(key.bytes == item.name.ptr && key.len == 2);
    free(strings);
}

TEST(codec_snapshot_copy, hooks_hand_on_the_errors_of_items)
{
    struct cgsnap_bytes two = cgsnap_two();
    struct pipc_cgroups_cache_item item;
    struct pipc_snapshot_key key;
    uint64_t bytes = 77, counted = 77;
    char strings[8];
    two.at[TWO_ITEM1] = 9;
    const struct pipc_cgroups_snapshot_view view = cgsnap_view(&two);
    memset(&item, 0xa5, sizeof(item));
    CHECK_RESULT(hooks()->item_strings(&view, 1, &bytes, &counted), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(hooks()->item_strings(&view, 2, &bytes, &counted), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(hooks()->item(&view, 1, &item, strings, &key), PIPC_ERR_BAD_LAYOUT);
    CHECK_EQ(bytes + counted, 154);
    CHECK_EQ(item.hash, 0xa5a5a5a5u);
    cgsnap_free(&two);
}
