/* SPDX-License-Identifier: Apache-2.0
 *
 * What a logical lookup collects: raw items, copied once out of each response, and the one response
 * that is assembled of them (docs/level2-typed-api.md 9.3 step 5, 9.5).
 *
 * On the owner's thread. Nothing is allocated before it has passed its ceiling. Want of memory ends
 * the call and leaves the session alone.
 */
#include "lookup.h"

#include <string.h>

struct pipci_lookup_block {
    struct pipci_lookup_block *next;
    unsigned char bytes[];
};

static pipc_result no_memory(struct pipci_lookup *lookup, uint64_t size)
{
    return pipci_lookup_fail(lookup, PIPC_ERR_ALLOC,
                             "service '%s': no memory for %llu bytes of a lookup",
                             lookup->client->service, (unsigned long long)size);
}

static pipc_result check_ceiling(struct pipci_lookup *lookup, uint64_t size)
{
    if (size <= lookup->client->lookup_bytes) {
        return PIPC_OK;
    }
    return pipci_lookup_fail(lookup, PIPC_ERR_OVERFLOW,
                             "service '%s': the result comes to %llu bytes or more, at most %u may "
                             "be put together",
                             lookup->client->service, (unsigned long long)size,
                             (unsigned)lookup->client->lookup_bytes);
}

pipc_result pipci_lookup_items(struct pipci_lookup *lookup)
{
    const uint64_t size = (uint64_t)lookup->count * sizeof(*lookup->items);

    if (!lookup->items && size <= SIZE_MAX) {
        lookup->items = pipci_alloc(lookup->client->allocator, (size_t)size);
    }
    return lookup->items ? PIPC_OK : no_memory(lookup, size);
}

/* Room for `len` bytes that lives until the end of the call. */
static unsigned char *add_block(struct pipci_lookup *lookup, uint64_t len)
{
    struct pipci_lookup_block *block = NULL;

    if (len <= SIZE_MAX - sizeof(*block)) {
        block = pipci_alloc(lookup->client->allocator, sizeof(*block) + (size_t)len);
    }
    if (!block) {
        return NULL;
    }
    block->next = lookup->blocks;
    lookup->blocks = block;
    return block->bytes;
}

pipc_result pipci_lookup_keep(struct pipci_lookup *lookup, uint32_t from, uint32_t count,
                              uint64_t size)
{
    struct pipc_lookup_raw *items = &lookup->items[from];
    pipc_result result = check_ceiling(lookup, size);
    unsigned char *to;
    uint64_t len = 0;
    uint32_t i;

    if (result != PIPC_OK || count == 0) {
        return result;
    }
    for (i = 0; i < count; i++) {
        len += items[i].len;
    }
    to = add_block(lookup, len);
    if (!to) {
        return no_memory(lookup, len);
    }
    for (i = 0; i < count; i++) {
        if (items[i].len) {
            memcpy(to, items[i].bytes, items[i].len);
        }
        items[i].bytes = to;
        to += items[i].len;
    }
    lookup->size = size;
    return PIPC_OK;
}

pipc_result pipci_lookup_keep_local(struct pipci_lookup *lookup)
{
    const struct pipc_lookup_hooks *hooks = lookup->hooks;
    const void *key = pipci_lookup_key(lookup, lookup->start);
    const uint64_t len = hooks->local_size(key);
    struct pipc_lookup_raw item = {.len = (size_t)len};
    unsigned char *bytes;
    /* A length above size_t is above the ceiling, too. */
    const uint64_t size =
        len > UINT32_MAX ? UINT64_MAX : hooks->response_add(lookup->size, &item, 1);
    pipc_result result = check_ceiling(lookup, size);

    if (result == PIPC_OK) {
        result = pipci_lookup_items(lookup);
    }
    if (result != PIPC_OK) {
        return result;
    }
    bytes = add_block(lookup, len);
    if (!bytes) {
        return no_memory(lookup, len);
    }
    result = hooks->local(key, bytes, item.len, &item.len);
    if (result != PIPC_OK) {
        return pipci_lookup_fail(lookup, result, "service '%s': key %u has no item of its own: %s",
                                 lookup->client->service, (unsigned)lookup->start,
                                 pipc_result_text(result));
    }
    item.bytes = bytes;
    lookup->items[lookup->start++] = item;
    lookup->size = size;
    return PIPC_OK;
}

/* The buffer of the client that holds the result of a lookup, grown when it must be. */
static void *result_room(struct pipc_client *client, size_t size)
{
    if (size > client->stitched_cap) {
        pipci_free(client->allocator, client->stitched);
        client->stitched = pipci_alloc(client->allocator, size);
        client->stitched_cap = client->stitched ? size : 0;
    }
    return client->stitched;
}

pipc_result pipci_lookup_stitch(struct pipci_lookup *lookup)
{
    struct pipc_client *client = lookup->client;
    /* At most the ceiling, which has 32 bits. */
    const size_t size = (size_t)lookup->size;
    void *room = result_room(client, size);
    size_t len = 0;
    pipc_result result;

    if (!room) {
        return no_memory(lookup, size);
    }
    result =
        lookup->hooks->assemble(lookup->items, lookup->count, lookup->generation, room, size, &len);
    if (result == PIPC_OK) {
        result = lookup->codec->ops.call->decode(room, len, lookup->view);
    }
    if (result != PIPC_OK) {
        return pipci_lookup_fail(
            lookup, result, "service '%s': the %u items cannot be put together: %s",
            client->service, (unsigned)lookup->count, pipc_result_text(result));
    }
    client->response_len = len;
    return PIPC_OK;
}

void pipci_lookup_drop(struct pipci_lookup *lookup)
{
    const struct pipc_allocator *allocator = lookup->client->allocator;

    while (lookup->blocks) {
        struct pipci_lookup_block *block = lookup->blocks;

        lookup->blocks = block->next;
        pipci_free(allocator, block);
    }
    pipci_free(allocator, lookup->items);
    lookup->items = NULL;
}
