/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys of the cache: what is equal, what is not, and hostile choices of both.
 */
#include "snapshot_fixture.h"

/* A cache that was refreshed once from a payload, and everything around it. */
struct filled {
    struct pipc_context *context;
    struct snap_server *server;
    struct pipc_cache *cache;
    struct pipc_cache_guard guard;
};

static struct filled fill(const struct snap_payload *payload)
{
    struct filled f;

    f.context = snap_context(NULL);
    f.server = snap_server_start(f.context, NULL, payload);
    f.cache = snap_cache(f.context, NULL);
    snap_must_refresh(f.cache);
    CHECK(pipc_cache_read_lock(f.cache, &f.guard));
    return f;
}

static struct filled fill_items(const struct snap_item *items, uint32_t count)
{
    struct snap_payload payload = snap_payload(items, count, 1, 1);
    const struct filled f = fill(&payload);

    snap_payload_free(&payload);
    return f;
}

static void empty(struct filled *f)
{
    pipc_cache_read_unlock(&f->guard);
    pipc_cache_destroy(f->cache);
    snap_server_stop(f->server);
    snap_context_close(f->context);
}

TEST(snapshot_keys, only_the_exact_pair_is_found)
{
    const struct snap_item items[] = {{7, 0, 1, "name", "/name"}, {8, 0, 1, "longer", "/longer"}};
    struct filled f = fill_items(items, 2);

    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "name") != NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 8, "name") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 9, "name") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "longer") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "other") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "nam") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "names") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "NAME") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, "/name") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 7, NULL) == NULL);
    CHECK(pipc_cache_get(&f.guard, 7, NULL, 0) == NULL);
    CHECK(pipc_cache_get(&f.guard, 7, "name", 4) != NULL);
    empty(&f);
}

/* The look compares names by words up to some length, and by a call beyond it and below one word.
 */
TEST(snapshot_keys, name_of_any_length_is_found_and_one_that_differs_in_any_byte_is_not)
{
    enum { COUNT = 140 };
    static char names[COUNT][COUNT + 1];
    struct snap_item items[COUNT] = {{0}};

    for (uint32_t len = 0; len < COUNT; len++) {
        memset(names[len], 'a', len);
        items[len] = (struct snap_item){len, 0, 1, names[len], "/p"};
    }
    struct filled f = fill_items(items, COUNT);
    for (uint32_t len = 0; len < COUNT; len++) {
        CHECK(pipc_cache_get(&f.guard, len, names[len], len) != NULL);
        for (uint32_t at = 0; at < len; at++) {
            names[len][at] = 'b';
            CHECK(pipc_cache_get(&f.guard, len, names[len], len) == NULL);
            names[len][at] = 'a';
        }
        CHECK(pipc_cache_get(&f.guard, len, names[COUNT - 1], len + 1) == NULL);
    }
    empty(&f);
}

TEST(snapshot_keys, empty_name_and_path_are_found_as_empty_strings)
{
    const struct snap_item items[] = {{1, 0, 1, "", "/a"}, {2, 0, 1, "b", ""}, {3, 0, 1, "", ""}};
    struct filled f = fill_items(items, 3);

    CHECK_STR(pipc_cgroups_cache_get(&f.guard, 1, "")->path.ptr, "/a");
    CHECK_STR(pipc_cgroups_cache_get(&f.guard, 1, "")->name.ptr, "");
    CHECK_STR(pipc_cgroups_cache_get(&f.guard, 2, "b")->path.ptr, "");
    CHECK_EQ(pipc_cgroups_cache_get(&f.guard, 3, "")->name.len, 0);
    CHECK_EQ(pipc_cgroups_cache_get(&f.guard, 3, "")->path.len, 0);
    CHECK(pipc_cgroups_cache_get(&f.guard, 2, "") == NULL);
    empty(&f);
}

TEST(snapshot_keys, same_name_with_other_hash_and_same_hash_with_other_name_are_both_found)
{
    const struct snap_item items[] = {
        {1, 0, 1, "a", "/1a"}, {2, 0, 1, "a", "/2a"}, {1, 0, 1, "b", "/1b"}, {2, 0, 1, "b", "/2b"}};
    struct filled f = fill_items(items, 4);

    for (uint32_t i = 0; i < 4; i++)
        CHECK_STR(pipc_cgroups_cache_get(&f.guard, items[i].hash, items[i].name)->path.ptr,
                  items[i].path);
    empty(&f);
}

TEST(snapshot_keys, first_of_duplicates_is_returned_and_all_are_counted)
{
    const struct snap_item items[] = {{5, 0, 1, "twin", "/first"},
                                      {6, 0, 1, "single", "/single"},
                                      {5, 0, 1, "twin", "/second"},
                                      {5, 0, 1, "twin", "/third"}};
    struct filled f = fill_items(items, 4);

    CHECK_STR(pipc_cgroups_cache_get(&f.guard, 5, "twin")->path.ptr, "/first");
    CHECK_EQ(pipc_cache_count(&f.guard), 4);
    CHECK_EQ(snap_status(f.cache).cache.item_count, 4);
    CHECK_STR(pipc_cgroups_cache_at(&f.guard, 3)->path.ptr, "/third");
    empty(&f);
}

TEST(snapshot_keys, bytes_above_127_and_invalid_utf_8_are_found_by_the_same_bytes)
{
    const struct snap_item items[] = {{1, 0, 1, "caf\xc3\xa9", "/\xff\xfe"},
                                      {2, 0, 1, "\xc3", "/b"},
                                      {3, 0, 1, "\x80\xff\x01\n", "/c"}};
    struct filled f = fill_items(items, 3);

    for (uint32_t i = 0; i < 3; i++)
        CHECK_STR(pipc_cgroups_cache_get(&f.guard, items[i].hash, items[i].name)->path.ptr,
                  items[i].path);
    CHECK(pipc_cgroups_cache_get(&f.guard, 2, "\xef\xbf\xbd") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 1, "cafe") == NULL);
    empty(&f);
}

TEST(snapshot_keys, name_with_a_zero_byte_is_counted_and_not_found_by_its_prefix)
{
    const struct snap_item items[] = {{1, 0, 1, "ab#cd", "/x"}, {2, 0, 1, "plain", "/y"}};
    struct snap_payload payload = snap_payload(items, 2, 1, 1);
    unsigned char *at = memchr(payload.bytes, '#', payload.len);

    CHECK(at != NULL);
    *at = '\0';
    struct filled f = fill(&payload);
    CHECK_EQ(pipc_cache_count(&f.guard), 2);
    CHECK(pipc_cgroups_cache_get(&f.guard, 1, "ab") == NULL);
    CHECK(pipc_cgroups_cache_get(&f.guard, 1, "ab\0cd") == NULL);
    CHECK_EQ(pipc_cgroups_cache_at(&f.guard, 0)->name.len, 5);
    CHECK_MEM(pipc_cgroups_cache_at(&f.guard, 0)->name.ptr, "ab\0cd", 6);
    /* The generic call compares whole names, so it can name it. */
    CHECK(pipc_cache_get(&f.guard, 1, "ab\0cd", 5) == pipc_cache_at(&f.guard, 0));
    CHECK(pipc_cgroups_cache_get(&f.guard, 2, "plain") != NULL);
    snap_payload_free(&payload);
    empty(&f);
}

TEST(snapshot_keys, twenty_thousand_items_with_one_hash_stay_fast)
{
    const uint32_t count = 20000;
    struct snap_item *items = calloc(count, sizeof(*items));
    uint64_t begin;

    CHECK(items != NULL);
    for (uint32_t i = 0; i < count; i++) {
        items[i].hash = 1;
        items[i].name = strdup(snap_many_name(count - i, "kubepods-besteffort-pod", 0));
        items[i].path = "/p";
    }
    begin = test_now_ms();
    struct filled f = fill_items(items, count);
    for (uint32_t i = 0; i < count; i++)
        CHECK(pipc_cgroups_cache_get(&f.guard, 1, items[i].name) ==
              pipc_cgroups_cache_at(&f.guard, i));
    CHECK_MSG(test_now_ms() - begin < test_limit(2000), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    for (uint32_t i = 0; i < count; i++)
        free((char *)(uintptr_t)items[i].name);
    free(items);
    empty(&f);
}

TEST(snapshot_keys, stored_hash_is_the_one_that_was_sent)
{
    const struct snap_item items[] = {{0, 0, 0, "zero", "/0"}, {UINT32_MAX, 9, 3, "max", "/m"}};
    struct filled f = fill_items(items, 2);

    CHECK_EQ(pipc_cgroups_cache_get(&f.guard, 0, "zero")->hash, 0);
    CHECK_EQ(pipc_cgroups_cache_get(&f.guard, UINT32_MAX, "max")->options, 9);
    CHECK_EQ(pipc_cgroups_cache_get(&f.guard, UINT32_MAX, "max")->enabled, 3);
    empty(&f);
}
