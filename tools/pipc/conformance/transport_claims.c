/* SPDX-License-Identifier: Apache-2.0
 *
 * What a transport claims, and its life from init to fini: traits and entries, several instances,
 * memory that runs out, nothing done behind the host's back.
 */
#include "rig.h"
#include "tables.h"

#include <string.h>

/* An entry belongs to a trait: both or neither. */
struct claim {
    uint32_t trait; /* 0: every transport has it */
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
    KIT_CHECK_MSG(!(ops->profile_bits & 1), "profile bits 0x%x: bit 0 is that of the baseline",
                  (unsigned)ops->profile_bits);
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        const bool has = has_entry(ops, claims[i].offset);
        if (!claims[i].trait || (ops->traits & claims[i].trait))
            KIT_CHECK_MSG(has, "entry %s is missing", claims[i].name);
        else if ((claims[i].trait & (PIPC_TRAIT_ADOPT | PIPC_TRAIT_WRITE_IN_PLACE)) &&
                 !(ops->traits & PIPC_TRAIT_WRAPPER))
            KIT_CHECK_MSG(!has, "entry %s is there, its trait is not claimed", claims[i].name);
    }
}

static void init_twice(struct kit *kit)
{
    struct kit_usage before;
    struct kit_rig *one, *two;
    struct kit_pair p, q;

    one = kit_rig_open(kit);
    kit_rig_close(one);
    kit_usage_take(kit, &before);
    one = kit_rig_open(kit);
    two = kit_rig_open(kit);
    two->endpoint.service = KIT_SERVICE "-2";
    kit_pair_open(one, &p);
    kit_pair_open(two, &q);
    kit_exchange(one, &p, 1);
    kit_pair_close(one, &p);
    kit_rig_close(one);
    kit_exchange(two, &q, 2); /* the other instance has not noticed */
    kit_pair_close(two, &q);
    kit_rig_close(two);
    one = kit_rig_open(kit);
    kit_pair_open(one, &p);
    kit_exchange(one, &p, 3);
    kit_pair_close(one, &p);
    kit_rig_close(one);
    kit_usage_same(kit, &before, "after fini");
}

static void init_memory(struct kit *kit)
{
    const struct pipc_module *const m = kit->subject->module;
    static struct pipc_option_value values[KIT_VALUES_MAX];
    static struct kit_host host;
    char mark;
    struct kit_usage before;

    if (!m->init)
        return;
    kit_values_default(m, values);
    kit_rig_close(kit_rig_open(kit)); /* what the system makes at the first use stays */
    kit_usage_take(kit, &before);
    for (size_t n = 1;; n++) {
        struct pipc_error err = PIPC_ERROR_INIT;
        void *self = &mark;
        kit_host_init(&host);
        kit_host_refuse(&host, n);
        const pipc_result r = m->init(&host.table, values, m->option_count, &self, &err);
        if (r == PIPC_OK && m->fini)
            m->fini(self);
        KIT_CHECK_MSG(r == PIPC_OK || (host.refused && r == PIPC_ERR_ALLOC),
                      "init without memory for allocation %zu: %s", n, pipc_result_name(r));
        KIT_CHECK_MSG(r == PIPC_OK || self == &mark, "init that failed wrote its output");
        KIT_CHECK_MSG(r == PIPC_OK || (err.result == r && err.text[0]),
                      "init that failed has no error record");
        kit_usage_same(kit, &before, "after init without memory");
        kit_host_close(&host);
        if (!host.refused)
            return;
    }
}

static void no_threads(struct kit *kit)
{
    struct kit_usage before, now;
    struct kit_rig *rig;
    struct kit_pair pair;

    kit_usage_take(kit, &before);
    rig = kit_rig_open(kit);
    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.threads == before.threads, "%u threads, %u before init", now.threads,
                  before.threads);
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void no_handlers(struct kit *kit)
{
    struct kit_rig *rig;
    struct kit_pair pair;

    kit_signals_take();
    rig = kit_rig_open(kit);
    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_signals_check();
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void close_on_exec(struct kit *kit)
{
    pipc_handle before[KIT_DESCRIPTORS_MAX];
    struct kit_rig *rig;
    struct kit_pair pair;

    kit_descriptors(before);
    rig = kit_rig_open(kit);
    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_descriptors_check(before);
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

const struct kit_case kit_transport_claims[] = {
    {"T-TRAITS", "every claimed trait has its entries, and no other trait has", 0, 0, traits},
    {"T-INIT-TWICE", "instances side by side and one after the other do not meet", 0, 0,
     init_twice},
    {"T-INIT-MEMORY", "init without memory, at any allocation: ALLOC, nothing kept", 0, 0,
     init_memory},
    {"T-NO-THREADS", "an open session has made no threads", 0, 0, no_threads},
    {"T-NO-HANDLERS", "signal handlers and masks are those of the program", 0, 0, no_handlers},
    {"T-CLOEXEC", "every descriptor is close-on-exec", 0, 0, close_on_exec},
    {NULL, NULL, 0, 0, NULL},
};
