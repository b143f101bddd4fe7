/* SPDX-License-Identifier: Apache-2.0
 *
 * A keyed lookup with one flaw: the entries of a good one, of which BREAK_LOOKUP_... spoils a
 * single thing, as codec.c does for the rules of every codec.
 */
#include <codecs/cgroups_lookup/cgroups_lookup.h>

#include <codecs/common/lookup_assemble.h>

#include <string.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

#define good pipcm_cgroups_lookup_hooks

static pipc_result check_keys(const void *keys, uint32_t count)
{
#ifdef BREAK_LOOKUP_NULL
    if (!keys)
        return PIPC_OK;
#endif
    return good.check_keys(keys, count);
}

static uint32_t fit(const void *keys, uint32_t count, uint64_t limit, uint64_t *ret_size)
{
#ifdef BREAK_LOOKUP_FIT
    limit += limit < UINT64_MAX;
#endif
    const uint32_t n = good.fit(keys, count, limit, ret_size);
#ifdef BREAK_LOOKUP_ENCODE
    *ret_size += n ? 8 : 0;
#endif
    return n;
}

static uint64_t generation(const void *view)
{
#ifdef BREAK_LOOKUP_GENERATION
    return good.generation(view) + 1;
#endif
    return good.generation(view);
}

static pipc_result item(const void *view, uint32_t index, const void *key,
                        struct pipc_lookup_item *ret_item)
{
#ifdef BREAK_LOOKUP_BEYOND
    const uint32_t count = good.item_count(view);
    index = index >= count && count > 0 ? count - 1 : index;
#endif
    const pipc_result r = good.item(view, index, key, ret_item);
    if (r != PIPC_OK)
        return r;
#ifdef BREAK_LOOKUP_RAW
    ret_item->raw.len++;
#endif
#ifdef BREAK_LOOKUP_SIZE
    ret_item->size = sizeof(*ret_item);
#endif
#ifdef BREAK_LOOKUP_ECHO
    ret_item->echoes = 1;
#endif
#ifdef BREAK_LOOKUP_BROKEN
    /* an offset that samples never have */
    if (good.generation(view) >> 62 == 2)
        ret_item->raw.bytes = (const char *)ret_item->raw.bytes + (1 << 20);
#endif
    return r;
}

static uint64_t response_add(uint64_t size, const struct pipc_lookup_raw *items, uint32_t count)
{
#ifdef BREAK_LOOKUP_ADD
    for (uint32_t i = 0; i < count; i++)
        size += PIPC_DIR_ENTRY_LEN + items[i].len; /* without what pads it */
    return size;
#endif
    return good.response_add(size, items, count);
}

#ifdef BREAK_LOOKUP_TRUST
static pipc_result trust(const unsigned char *bytes, uint32_t len)
{
    (void)bytes, (void)len;
    return PIPC_OK;
}
#endif

static pipc_result assemble(const struct pipc_lookup_raw *items, uint32_t count, uint64_t number,
                            void *buf, size_t cap, size_t *ret_len)
{
#ifdef BREAK_LOOKUP_TRUST
    return lookup_assemble(items, count, number, ITEM_HDR, trust, buf, cap, ret_len);
#endif
    const pipc_result r = good.assemble(items, count, number, buf, cap, ret_len);
#ifdef BREAK_LOOKUP_ASSEMBLE
    if (r == PIPC_OK && count > 0)
        ((unsigned char *)buf)[lookup_packed_at(count) + ITEM_ORCHESTRATOR] ^= 1;
#endif
    return r;
}

static uint64_t local_size(const void *key)
{
#ifdef BREAK_LOOKUP_LOCAL
    return good.local_size(key) + 1;
#endif
    return good.local_size(key);
}

/* ---- as they are ---- */

static pipc_result encode(const void *keys, uint32_t count, void *buf, size_t cap, size_t *ret_len)
{
    return good.encode(keys, count, buf, cap, ret_len);
}

static uint32_t item_count(const void *view)
{
    return good.item_count(view);
}

static pipc_result local(const void *key, void *buf, size_t cap, size_t *ret_len)
{
    return good.local(key, buf, cap, ret_len);
}

static const struct pipc_lookup_hooks hooks = {
    .size = sizeof(hooks),
    .key_size = sizeof(struct pipc_str_view),
    .response_empty = LOOKUP_HDR,
    .check_keys = check_keys,
    .fit = fit,
    .encode = encode,
    .item_count = item_count,
    .generation = generation,
    .item = item,
    .response_add = response_add,
    .assemble = assemble,
    .local_size = local_size,
    .local = local,
};

static const struct pipc_codec_ops ops = {
    .size = sizeof(ops),
    .code = 701,
    .traits = PIPC_CODEC_LOOKUP,
    .table_major = PIPC_CGROUPS_LOOKUP_TABLE_MAJOR,
    .table_minor = PIPC_CGROUPS_LOOKUP_TABLE_MINOR,
    .table = &pipcm_cgroups_lookup_table,
    .check_request = pipcm_cgroups_lookup_check_request,
    .check_response = pipcm_cgroups_lookup_check_response,
    .walk_request = pipcm_cgroups_lookup_walk_request,
    .walk_response = pipcm_cgroups_lookup_walk_response,
    .build_request = pipcm_cgroups_lookup_build_request,
    .build_response = pipcm_cgroups_lookup_build_response,
    .dispatch = pipcm_cgroups_lookup_dispatch,
    .call = &pipcm_cgroups_lookup_call,
    .lookup = &hooks,
};

PIPC_MODULE_EXPORT extern const struct pipc_module JOIN(pipc_module_, BROKEN_NAME);
const struct pipc_module JOIN(pipc_module_, BROKEN_NAME) = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = TEXT(BROKEN_NAME),
    .version = "0.1.0",
    .vendor = "tests",
    .summary = "A keyed lookup with one flaw.",
    .ops = &ops,
};
