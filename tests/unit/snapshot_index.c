/* SPDX-License-Identifier: Apache-2.0
 *
 * The index of a snapshot alone: what is found, equal values, and how long hostile values take.
 */
#include "base_memory.h"
#include "snapshot/cache.h"
#include "test.h"

struct keys {
    struct pipci_cache_key *keys;
    char *text;
    uint32_t count;
};

/* Names "<number>-<padding>", 32 bytes each, that differ late. */
static struct keys keys_make(uint32_t count, uint32_t (*hash)(uint32_t))
{
    struct keys k = {calloc(count + 1, sizeof(*k.keys)), calloc(count + 1, 33), count};

    CHECK(k.keys && k.text);
    for (uint32_t i = 0; i < count; i++) {
        char *name = k.text + (size_t)i * 33;
        CHECK(snprintf(name, 33, "kubepods-burstable-pod-%09u", (unsigned)i % 1000000000u) == 32);
        k.keys[i].bytes = name;
        k.keys[i].len = 32;
        k.keys[i].hash = hash(i);
    }
    return k;
}

static void keys_free(struct keys *k)
{
    free(k->keys);
    free(k->text);
}

static uint32_t hash_one(uint32_t i)
{
    (void)i;
    return 0xdeadbeefu;
}

static uint32_t hash_number(uint32_t i)
{
    return i;
}

static uint32_t hash_few(uint32_t i)
{
    return i % 7;
}

/* Values that share their low bits, which an unseeded table would use. */
static uint32_t hash_low(uint32_t i)
{
    return i << 16;
}

/* An index and its memory in one block. */
static struct pipci_cache_index *index_new(uint64_t seed, const struct pipci_cache_key *keys,
                                           uint32_t count)
{
    struct pipci_cache_index *index =
        pipci_alloc(NULL, sizeof(*index) + (size_t)pipci_cache_index_size(count));

    CHECK(index != NULL);
    pipci_cache_index_make(index, index + 1, seed, keys, count);
    return index;
}

static void check_all(const struct keys *k, const struct pipci_cache_index *index)
{
    for (uint32_t i = 0; i < k->count; i++) {
        const struct pipci_cache_key *key = &k->keys[i];
        CHECK_EQ(pipci_cache_index_find(index, k->keys, key->hash, key->bytes, key->len), i);
        CHECK_EQ(pipci_cache_index_find(index, k->keys, key->hash + 1000003, key->bytes, key->len),
                 UINT32_MAX);
        CHECK_EQ(pipci_cache_index_find(index, k->keys, key->hash, key->bytes, key->len - 1),
                 UINT32_MAX);
        CHECK_EQ(pipci_cache_index_find(index, k->keys, key->hash,
                                        "kubepods-burstable-pod-x00000000", 32),
                 UINT32_MAX);
    }
}

static void build_and_check(uint32_t count, uint32_t (*hash)(uint32_t), uint64_t seed)
{
    struct keys k = keys_make(count, hash);
    struct pipci_cache_index *index = index_new(seed, k.keys, count);

    check_all(&k, index);
    pipci_free(NULL, index);
    keys_free(&k);
}

TEST(snapshot_index, every_key_is_found_whatever_the_values_and_the_seed)
{
    static const uint64_t seeds[] = {0, 1, UINT64_MAX, UINT64_C(0x123456789abcdef0)};

    for (uint32_t s = 0; s < 4; s++) {
        for (uint32_t count = 1; count < 40; count++) {
            build_and_check(count, hash_number, seeds[s]);
            build_and_check(count, hash_few, seeds[s]);
            build_and_check(count, hash_one, seeds[s]);
            build_and_check(count, hash_low, seeds[s]);
        }
    }
}

TEST(snapshot_index, first_of_equal_keys_is_found_in_any_order)
{
    struct keys k = keys_make(50, hash_few);

    for (uint32_t i = 0; i < k.count; i++) {
        k.keys[i].hash = i % 3;
        k.keys[i].bytes = i % 2 ? "b" : "a";
        k.keys[i].len = 1;
    }
    struct pipci_cache_index *index = index_new(5, k.keys, k.count);
    for (uint32_t i = 0; i < 6; i++)
        CHECK_EQ(pipci_cache_index_find(index, k.keys, i % 3, i % 2 ? "b" : "a", 1), i);
    pipci_free(NULL, index);
    keys_free(&k);
}

TEST(snapshot_index, empty_name_is_a_key)
{
    const struct pipci_cache_key keys[] = {{"", 0, 7}, {"x", 1, 7}, {"", 0, 8}};
    struct pipci_cache_index *index = index_new(5, keys, 3);

    CHECK_EQ(pipci_cache_index_find(index, keys, 7, "", 0), 0);
    CHECK_EQ(pipci_cache_index_find(index, keys, 7, "x", 1), 1);
    CHECK_EQ(pipci_cache_index_find(index, keys, 8, "", 0), 2);
    CHECK_EQ(pipci_cache_index_find(index, keys, 9, "", 0), UINT32_MAX);
    pipci_free(NULL, index);
}

TEST(snapshot_index, index_of_no_keys_finds_nothing)
{
    struct pipci_cache_index *index = index_new(1, NULL, 0);

    CHECK_EQ(pipci_cache_index_find(index, NULL, 0, "", 0), UINT32_MAX);
    CHECK_EQ(pipci_cache_index_find(index, NULL, 1, "a", 1), UINT32_MAX);
    pipci_free(NULL, index);
}

TEST(snapshot_index, hundred_thousand_equal_values_are_built_and_found_in_time)
{
    const uint32_t count = 100000;
    struct keys k = keys_make(count, hash_one);
    const uint64_t begin = test_now_ms();
    struct pipci_cache_index *index = index_new(3, k.keys, count);

    CHECK_EQ(index->grouped, count);
    for (uint32_t i = 0; i < count; i++)
        CHECK(pipci_cache_index_find(index, k.keys, k.keys[i].hash, k.keys[i].bytes, 32) == i);
    CHECK_MSG(test_now_ms() - begin < test_limit(2000), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    pipci_free(NULL, index);
    keys_free(&k);
}

TEST(snapshot_index, values_chosen_for_one_place_do_not_pile_up)
{
    const uint32_t count = 60000;
    struct keys k = keys_make(count, hash_low);
    const uint64_t begin = test_now_ms();
    struct pipci_cache_index *index = index_new(pipci_random(), k.keys, count);

    for (uint32_t i = 0; i < count; i++)
        CHECK(pipci_cache_index_find(index, k.keys, k.keys[i].hash, k.keys[i].bytes, 32) == i);
    CHECK_MSG(test_now_ms() - begin < test_limit(1000), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    pipci_free(NULL, index);
    keys_free(&k);
}
