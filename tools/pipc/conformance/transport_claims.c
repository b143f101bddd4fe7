/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transport claims: traits and the entries that go with them.
 *
 * Runs nothing of the module but what the loader ran.
 */
#include "kit.h"

#include "tables.h"

/* An entry belongs to a trait: both or neither. */
struct claim {
    uint32_t trait;
    size_t offset;
    const char *name;
};
#define ENTRY(trait, member)                                        \
    {                                                               \
        trait, offsetof(struct pipc_transport_ops, member), #member \
    }

static const struct claim claims[] = {
    ENTRY(PIPC_TRAIT_BASELINE, listen),
    ENTRY(PIPC_TRAIT_BASELINE, accept),
    ENTRY(PIPC_TRAIT_BASELINE, connect),
    ENTRY(PIPC_TRAIT_BASELINE, listener_wait_handle),
    ENTRY(PIPC_TRAIT_BASELINE, listener_close),
    ENTRY(PIPC_TRAIT_UPGRADE, usable),
    ENTRY(PIPC_TRAIT_UPGRADE, offer),
    ENTRY(PIPC_TRAIT_UPGRADE, attach),
    ENTRY(PIPC_TRAIT_UPGRADE, sweep),
    ENTRY(PIPC_TRAIT_ADOPT, adopt),
    ENTRY(PIPC_TRAIT_WAIT_HANDLE, wait_handle),
    ENTRY(PIPC_TRAIT_PEER_CREDENTIALS, peer),
    ENTRY(PIPC_TRAIT_WRITE_IN_PLACE, reserve),
    ENTRY(PIPC_TRAIT_WRITE_IN_PLACE, commit),
    ENTRY(0, send),
    ENTRY(0, receive),
    ENTRY(0, look),
    ENTRY(0, finish),
    ENTRY(0, packet_max),
    ENTRY(0, interrupt),
    ENTRY(0, close),
};

static bool has_entry(const struct pipc_transport_ops *ops, size_t offset)
{
    return ops->size >= offset + sizeof(ops->listen) &&
           *(void *const *)(const void *)((const char *)ops + offset) != NULL;
}

static void traits(struct kit *kit)
{
    const struct pipc_transport_ops *ops = kit->subject->module->ops;
    const uint32_t kind = ops->traits & (PIPC_TRAIT_BASELINE | PIPC_TRAIT_UPGRADE);

    KIT_CHECK_MSG(kind == PIPC_TRAIT_BASELINE || kind == PIPC_TRAIT_UPGRADE,
                  "traits 0x%x: not exactly one of baseline and upgrade", (unsigned)ops->traits);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        if (!claims[i].trait || (ops->traits & claims[i].trait))
            KIT_CHECK_MSG(has_entry(ops, claims[i].offset), "entry %s is missing", claims[i].name);
    }
}

const struct kit_case kit_transport_claims[] = {
    {"T-TRAITS", "every claimed trait has its entries", 0, 0, traits},
    {NULL, NULL, 0, 0, NULL},
};
