/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies a decoded response into a snapshot of our own (docs/level3-snapshot-api.md 4).
 *
 * Two passes: the first asks every item for the size of its strings, so that nothing is allocated
 * for data that turn out to be malformed, and the whole snapshot, its index included, is one block;
 * the second copies. Readers keep the old snapshot meanwhile. The refreshing thread only.
 */
#include "cache.h"

#include <string.h>

/* Alignment of every part of the block: what malloc promises. */
#define BLOCK_ALIGN 16u

/* Items between two looks at abort while we copy. */
#define ABORT_EVERY 1024u

static uint64_t block_round(uint64_t size)
{
    return (size + BLOCK_ALIGN - 1) & ~(uint64_t)(BLOCK_ALIGN - 1);
}

static pipc_result build_abort(const struct pipc_cache *cache, uint32_t index,
                               struct pipc_error *err)
{
    if (index % ABORT_EVERY == 0 && __atomic_load_n(&cache->aborted, __ATOMIC_ACQUIRE))
        return pipci_fail(err, PIPC_ERR_ABORTED, 0, "%s: aborted while the snapshot was copied",
                          cache->codec->name);
    return PIPC_OK;
}

static pipc_result build_bad_item(const struct pipc_cache *cache, pipc_result result,
                                  uint32_t index, uint32_t count, struct pipc_error *err)
{
    return pipci_fail(err, result, 0, "%s: item %u of %u is malformed: %s", cache->codec->name,
                      (unsigned)index, (unsigned)count, pipc_result_text(result));
}

/* Adds up the strings. The bytes that count are held against the payload: entries of a crafted
 * directory may all point to one large item, and only this keeps the copy from being larger than
 * what was sent. */
static pipc_result build_measure(struct pipc_cache *cache, uint32_t count, uint64_t payload_len,
                                 uint64_t *ret_bytes, bool *ret_blame, struct pipc_error *err)
{
    uint64_t total = 0, counted = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t bytes = 0, counts = 0;
        pipc_result result = build_abort(cache, i, err);
        if (result != PIPC_OK)
            return result;
        result = cache->hooks->item_strings(cache->output, i, &bytes, &counts);
        if (result != PIPC_OK) {
            *ret_blame = true;
            return build_bad_item(cache, result, i, count, err);
        }
        if (counts > payload_len - counted) {
            *ret_blame = true;
            return pipci_fail(err, PIPC_ERR_BAD_LAYOUT, 0,
                              "%s: the strings up to item %u are longer than the whole response "
                              "of %llu bytes",
                              cache->codec->name, (unsigned)i, (unsigned long long)payload_len);
        }
        counted += counts;
        total += bytes;
    }
    *ret_bytes = total;
    return PIPC_OK;
}

/* One block for everything. NULL: no memory. */
static struct pipc_cache_snapshot *snapshot_alloc(const struct pipc_cache *cache, uint32_t count,
                                                  uint64_t strings, void **ret_index)
{
    const struct pipc_snapshot_hooks *hooks = cache->hooks;
    const uint64_t head = block_round(sizeof(struct pipc_cache_snapshot));
    const uint64_t items = head + block_round(hooks->head_size);
    const uint64_t keys = items + block_round((uint64_t)count * hooks->item_size);
    const uint64_t index = keys + (uint64_t)count * sizeof(struct pipci_cache_key);
    const uint64_t text = index + block_round(pipci_cache_index_size(count));
    unsigned char *block;
    struct pipc_cache_snapshot *snapshot;

    if (text < index || text > SIZE_MAX || strings > SIZE_MAX - text)
        return NULL; /* LCOV_EXCL_LINE: needs 32-bit addresses */
    block = pipci_alloc(cache->allocator, (size_t)(text + strings));
    if (!block)
        return NULL;
    memset(block, 0, (size_t)items); /* what comes behind is filled item by item */
    snapshot = (struct pipc_cache_snapshot *)(void *)block;
    snapshot->references = 1;
    snapshot->count = count;
    snapshot->item_size = hooks->item_size;
    snapshot->head_size = hooks->head_size;
    snapshot->context = cache->context;
    snapshot->hooks = hooks;
    snapshot->head = block + head;
    snapshot->items = block + items;
    snapshot->keys = (struct pipci_cache_key *)(void *)(block + keys);
    *ret_index = block + index;
    snapshot->strings = (char *)block + text;
    pipci_context_hold(cache->context);
    return snapshot;
}

/* Bytes that the strings of a copied item take, their NULs included. */
static uint64_t strings_used(const struct pipc_snapshot_hooks *hooks, const unsigned char *item)
{
    uint64_t used = 0;

    for (uint32_t i = 0; i < hooks->string_count; i++) {
        struct pipc_str_view view;
        memcpy(&view, item + hooks->string_offsets[i], sizeof(view));
        used += (uint64_t)view.len + 1;
    }
    return used;
}

/* The room for all strings was measured in the first pass: hooks are pure and the payload is a
 * private copy, so what an item takes is told by what it became, and nothing is decoded a third
 * time. */
static pipc_result build_item(struct pipc_cache *cache, struct pipc_cache_snapshot *snapshot,
                              uint32_t index, char *strings, uint64_t *ret_used)
{
    unsigned char *const item = snapshot->items + (size_t)index * snapshot->item_size;
    struct pipc_snapshot_key key = {0};
    const pipc_result result = cache->hooks->item(cache->output, index, item, strings, &key);

    if (result != PIPC_OK)
        return result;
    if (key.len > UINT32_MAX)
        return PIPC_ERR_BAD_LAYOUT; /* LCOV_EXCL_LINE: a payload has 32-bit lengths */
    snapshot->keys[index].bytes = key.bytes;
    snapshot->keys[index].len = (uint32_t)key.len;
    snapshot->keys[index].hash = key.hash;
    *ret_used = strings_used(cache->hooks, item);
    return PIPC_OK;
}

static pipc_result build_copy(struct pipc_cache *cache, struct pipc_cache_snapshot *snapshot,
                              bool *ret_blame, struct pipc_error *err)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < snapshot->count; i++) {
        uint64_t used = 0;
        pipc_result result = build_abort(cache, i, err);
        if (result != PIPC_OK)
            return result;
        result = build_item(cache, snapshot, i, snapshot->strings + at, &used);
        if (result != PIPC_OK) {
            *ret_blame = true;
            return build_bad_item(cache, result, i, snapshot->count, err);
        }
        at += used;
    }
    cache->hooks->head(cache->output, snapshot->head);
    memcpy(&snapshot->generation, snapshot->head, sizeof(snapshot->generation));
    return PIPC_OK;
}

pipc_result pipci_cache_build(struct pipc_cache *cache, uint64_t payload_len,
                              struct pipc_cache_snapshot **ret_snapshot, bool *ret_blame,
                              struct pipc_error *err)
{
    const uint32_t count = cache->hooks->item_count(cache->output);
    struct pipc_cache_snapshot *snapshot;
    uint64_t strings = 0;
    void *index = NULL;
    pipc_result result;

    *ret_blame = false;
    result = build_measure(cache, count, payload_len, &strings, ret_blame, err);
    if (result != PIPC_OK)
        return result;
    snapshot = snapshot_alloc(cache, count, strings, &index);
    if (!snapshot)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0,
                          "%s: no memory for a snapshot of %u items with %llu bytes of strings",
                          cache->codec->name, (unsigned)count, (unsigned long long)strings);
    result = build_copy(cache, snapshot, ret_blame, err);
    if (result != PIPC_OK) {
        pipci_cache_snapshot_release(snapshot);
        return result;
    }
    pipci_cache_index_make(&snapshot->index, index, cache->seed, snapshot->keys, count);
    *ret_snapshot = snapshot;
    return PIPC_OK;
}
