/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging the tables of modules: what a trait claims must be there, and what is there must be
 * claimed, by name.
 *
 * A flag that does not match the wired functions would be found by the first session otherwise, in
 * the middle of it. Pure, any thread.
 */
#include "descriptor.h"

#include <pipc/wire.h>

#include "name.h"

#include <string.h>

#define KIND_TRAITS (PIPC_TRAIT_BASELINE | PIPC_TRAIT_UPGRADE)

/* How an entry stands to its trait. */
enum {
    ENTRY_EXACT,  /* there exactly when the trait is set */
    ENTRY_NEEDED, /* there when the trait is set; may be there without */
    ENTRY_FREE    /* as the module likes */
};

struct entry {
    const char *name;
    size_t offset;
    uint32_t trait; /* 0: every transport */
    uint32_t rule;
};

#define ENTRY(name, trait, rule)                                      \
    {                                                                 \
#name, offsetof(struct pipc_transport_ops, name), trait, rule \
    }

static const struct entry entries[] = {
    ENTRY(listen, PIPC_TRAIT_BASELINE, ENTRY_EXACT),
    ENTRY(adopt, PIPC_TRAIT_ADOPT, ENTRY_EXACT),
    ENTRY(accept, PIPC_TRAIT_BASELINE, ENTRY_EXACT),
    ENTRY(connect, PIPC_TRAIT_BASELINE, ENTRY_EXACT),
    ENTRY(listener_wait_handle, PIPC_TRAIT_BASELINE, ENTRY_EXACT),
    ENTRY(listener_close, PIPC_TRAIT_BASELINE, ENTRY_EXACT),
    ENTRY(usable, PIPC_TRAIT_UPGRADE, ENTRY_EXACT),
    ENTRY(offer, PIPC_TRAIT_UPGRADE, ENTRY_EXACT),
    ENTRY(attach, PIPC_TRAIT_UPGRADE, ENTRY_EXACT),
    ENTRY(sweep, PIPC_TRAIT_UPGRADE, ENTRY_EXACT),
    ENTRY(send, 0, ENTRY_NEEDED),
    ENTRY(receive, 0, ENTRY_NEEDED),
    ENTRY(look, 0, ENTRY_NEEDED),
    ENTRY(finish, 0, ENTRY_NEEDED),
    ENTRY(packet_max, 0, ENTRY_NEEDED),
    ENTRY(wait_handle, PIPC_TRAIT_WAIT_HANDLE, ENTRY_NEEDED),
    ENTRY(interrupt, 0, ENTRY_NEEDED),
    ENTRY(peer, PIPC_TRAIT_PEER_CREDENTIALS, ENTRY_EXACT),
    ENTRY(admit, 0, ENTRY_FREE),
    ENTRY(waiter, 0, ENTRY_FREE),
    ENTRY(memory, 0, ENTRY_FREE),
    ENTRY(close, 0, ENTRY_NEEDED),
    ENTRY(reserve, PIPC_TRAIT_WRITE_IN_PLACE, ENTRY_EXACT),
    ENTRY(commit, PIPC_TRAIT_WRITE_IN_PLACE, ENTRY_EXACT),
    ENTRY(wake, 0, ENTRY_FREE),
};

static const struct {
    uint32_t trait;
    const char *name;
} trait_names[] = {
    {PIPC_TRAIT_BASELINE, "BASELINE"},
    {PIPC_TRAIT_UPGRADE, "UPGRADE"},
    {PIPC_TRAIT_WAIT_HANDLE, "WAIT_HANDLE"},
    {PIPC_TRAIT_WRITE_IN_PLACE, "WRITE_IN_PLACE"},
    {PIPC_TRAIT_ADOPT, "ADOPT"},
    {PIPC_TRAIT_PEER_CREDENTIALS, "PEER_CREDENTIALS"},
};

static const char *trait_name(uint32_t trait)
{
    for (size_t i = 0; i < PIPCI_COUNT(trait_names); i++) {
        if (trait_names[i].trait == trait)
            return trait_names[i].name;
    }
    return "every transport"; /* trait 0 */
}

/* `ops` has its full size here: a copy, filled with zeros. */
static bool has(const struct pipc_transport_ops *ops, const struct entry *entry)
{
    static const unsigned char none[sizeof(void (*)(void))];

    return memcmp((const unsigned char *)ops + entry->offset, none, sizeof(none)) != 0;
}

static pipc_result judge_entry(const struct pipc_transport_ops *ops, const struct entry *entry,
                               uint32_t traits, const char *subject, struct pipc_error *err)
{
    const bool there = has(ops, entry), claimed = (traits & entry->trait) == entry->trait;

    if (entry->rule != ENTRY_FREE && claimed && !there)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: entry \"%s\" is missing, needed by %s",
                          subject, entry->name, trait_name(entry->trait));
    if (entry->rule == ENTRY_EXACT && !claimed && there)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: entry \"%s\" is there, its trait %s is not claimed", subject,
                          entry->name, trait_name(entry->trait));
    return PIPC_OK;
}

static pipc_result judge_entries(const struct pipc_transport_ops *ops, uint32_t traits,
                                 const char *subject, struct pipc_error *err)
{
    for (size_t i = 0; i < PIPCI_COUNT(entries); i++) {
        const pipc_result result = judge_entry(ops, &entries[i], traits, subject, err);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

static void copy_ops(struct pipc_transport_ops *to, const struct pipc_transport_ops *from)
{
    memset(to, 0, sizeof(*to));
    memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
}

static pipc_result judge_bits(const struct pipc_transport_ops *ops, const char *subject,
                              struct pipc_error *err)
{
    /* Bits 4 to 7 belong to the common contract and to nobody yet. */
    const uint32_t allowed = ops->traits & PIPC_TRAIT_UPGRADE    ? UINT32_C(0x0000ff0e)
                             : ops->traits & PIPC_TRAIT_BASELINE ? PIPC_PROFILE_BASELINE
                                                                 : 0;

    if (ops->profile_bits & ~allowed)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: declares profile bits 0x%08x, expected none but 0x%08x", subject,
                          ops->profile_bits, allowed);
    if (ops->unlisted_bits & ~ops->profile_bits)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: declares unlisted bits 0x%08x, expected none but its profile bits "
                          "0x%08x",
                          subject, ops->unlisted_bits, ops->profile_bits);
    return PIPC_OK;
}

/* A size that ends inside an entry would leave half an address behind. */
static pipc_result judge_size(uint32_t size, size_t least, const char *subject,
                              struct pipc_error *err)
{
    if (size >= least && size % sizeof(void *) == 0)
        return PIPC_OK;
    return pipci_fail(
        err, PIPC_ERR_MODULE_ABI, 0,
        "%s: size of the table of entries is %u, expected at least %zu and a multiple "
        "of %zu",
        subject, size, least, sizeof(void *));
}

pipc_result pipci_transport_judge(const struct pipc_transport_ops *ops, const char *subject,
                                  struct pipc_error *err)
{
    pipc_result result = judge_size(ops->size, PIPCI_TRANSPORT_OPS_MIN, subject, err);

    if (result != PIPC_OK)
        return result;
    const uint32_t kinds = ops->traits & (KIND_TRAITS | PIPC_TRAIT_WRAPPER);
    if (kinds == 0 || (kinds & (kinds - 1)) != 0)
        return pipci_fail(
            err, PIPC_ERR_MODULE_ABI, 0,
            "%s: traits are 0x%04x, expected exactly one of BASELINE, UPGRADE and WRAPPER", subject,
            ops->traits);
    if ((ops->traits & PIPC_TRAIT_ADOPT) && !(ops->traits & PIPC_TRAIT_BASELINE))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: claims ADOPT and is no baseline",
                          subject);
    result = judge_bits(ops, subject, err);
    if (result != PIPC_OK || kinds == PIPC_TRAIT_WRAPPER)
        return result;
    struct pipc_transport_ops full;
    copy_ops(&full, ops);
    return judge_entries(&full, ops->traits, subject, err);
}

pipc_result pipci_wrapper_take(struct pipc_transport_ops *ops, const struct pipc_module *module,
                               const struct pipc_transport_ops *wrapped, const char *subject,
                               struct pipc_error *err)
{
    struct pipc_transport_ops own;
    uint32_t traits = wrapped->traits;

    copy_ops(&own, module->ops);
    for (size_t i = 0; i < PIPCI_COUNT(entries); i++) {
        const struct entry *const entry = &entries[i];
        if (!has(&own, entry) && !(entry->trait & KIND_TRAITS))
            traits &= ~entry->trait;
    }
    for (size_t i = 0; i < PIPCI_COUNT(entries); i++) {
        if ((traits & entries[i].trait) != entries[i].trait || entries[i].rule == ENTRY_FREE ||
            has(&own, &entries[i]))
            continue;
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: entry \"%s\" is missing, needed to wrap this transport", subject,
                          entries[i].name);
    }
    ops->traits = traits | PIPC_TRAIT_WRAPPER;
    ops->profile_bits = wrapped->profile_bits;
    ops->unlisted_bits = wrapped->unlisted_bits;
    return PIPC_OK;
}

/* ---- codecs ---- */

static pipc_result missing(const char *subject, const char *what, struct pipc_error *err)
{
    return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: entry \"%s\" is missing", subject, what);
}

/* Two ways to make a request of a lookup would be one too many. */
static pipc_result judge_lookup_call(const struct pipc_call_ops *call, const char *subject,
                                     struct pipc_error *err)
{
    if (!call->request_size && !call->encode && !call->batch && call->input_size == 0)
        return PIPC_OK;
    return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                      "%s: claims LOOKUP and has entries of a single call", subject);
}

static pipc_result judge_call(const struct pipc_codec_ops *ops, const char *subject,
                              struct pipc_error *err)
{
    const struct pipc_call_ops *const call = ops->call;

    if (!call)
        return missing(subject, "call", err);
    if (call->size < PIPCI_CALL_OPS_MIN)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: size of the table of the call is %u, expected at least %zu", subject,
                          call->size, PIPCI_CALL_OPS_MIN);
    if (!call->decode)
        return missing(subject, "call.decode", err);
    if (ops->traits & PIPC_CODEC_LOOKUP)
        return judge_lookup_call(call, subject, err);
    if (!call->request_size || !call->encode)
        return missing(subject, !call->request_size ? "call.request_size" : "call.encode", err);
    if (call->batch && !(ops->traits & PIPC_CODEC_BATCH))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: its call allows batches, its trait BATCH is not claimed", subject);
    return PIPC_OK;
}

static bool strings_fit(const struct pipc_snapshot_hooks *hooks)
{
    if (hooks->string_count > 0 && !hooks->string_offsets)
        return false;
    for (uint32_t i = 0; i < hooks->string_count; i++) {
        const uint64_t offset = hooks->string_offsets[i];
        if (offset + sizeof(struct pipc_str_view) > hooks->item_size || offset % sizeof(void *))
            return false;
    }
    return true;
}

/* A table of hooks is there exactly when its trait is set. */
static pipc_result judge_claim(bool claimed, const void *hooks, const char *entry,
                               const char *trait, const char *subject, struct pipc_error *err)
{
    if (claimed && !hooks)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: entry \"%s\" is missing, needed by %s",
                          subject, entry, trait);
    if (!claimed && hooks)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: entry \"%s\" is there, its trait %s is not claimed", subject, entry,
                          trait);
    return PIPC_OK;
}

static pipc_result judge_snapshot(const struct pipc_codec_ops *ops, const char *subject,
                                  struct pipc_error *err)
{
    const struct pipc_snapshot_hooks *const hooks = ops->snapshot;
    const pipc_result result = judge_claim((ops->traits & PIPC_CODEC_SNAPSHOT) != 0, hooks,
                                           "snapshot", "SNAPSHOT", subject, err);

    if (result != PIPC_OK || !hooks)
        return result;
    if (hooks->size < PIPCI_SNAPSHOT_MIN || hooks->head_size < sizeof(uint64_t) ||
        hooks->item_size == 0 || !strings_fit(hooks))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: sizes of the snapshot hooks do not fit: table %u, head %u, item %u",
                          subject, hooks->size, hooks->head_size, hooks->item_size);
    if (!hooks->head || !hooks->item_count || !hooks->item_strings || !hooks->item)
        return missing(subject, "snapshot.head, item_count, item_strings or item", err);
    return PIPC_OK;
}

static pipc_result judge_lookup(const struct pipc_codec_ops *ops, const char *subject,
                                struct pipc_error *err)
{
    const struct pipc_lookup_hooks *const hooks = ops->lookup;
    const pipc_result result = judge_claim((ops->traits & PIPC_CODEC_LOOKUP) != 0, hooks, "lookup",
                                           "LOOKUP", subject, err);

    if (result != PIPC_OK || !hooks)
        return result;
    if (hooks->size < PIPCI_LOOKUP_MIN || hooks->key_size == 0 || ops->call->output_size == 0)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: sizes of the lookup hooks do not fit: table %u, key %u, view %u",
                          subject, hooks->size, hooks->key_size, ops->call->output_size);
    if (!hooks->check_keys || !hooks->fit || !hooks->encode)
        return missing(subject, "lookup.check_keys, fit or encode", err);
    if (!hooks->item_count || !hooks->generation || !hooks->item)
        return missing(subject, "lookup.item_count, generation or item", err);
    if (!hooks->response_add || !hooks->assemble)
        return missing(subject, "lookup.response_add or assemble", err);
    if (!hooks->local_size != !hooks->local)
        return missing(subject, hooks->local ? "lookup.local_size" : "lookup.local", err);
    return PIPC_OK;
}

/* Above this an item is no small thing, and what batches save is nothing. */
#define UNIFORM_LEN_MAX 4096u

static bool uniform_len_fits(uint32_t len)
{
    return len > 0 && len <= UNIFORM_LEN_MAX && len % PIPC_ALIGNMENT == 0;
}

static pipc_result judge_uniform(const struct pipc_codec_ops *ops, const char *subject,
                                 struct pipc_error *err)
{
    const struct pipc_uniform_hooks *const hooks = ops->uniform;
    const pipc_result result = judge_claim((ops->traits & PIPC_CODEC_UNIFORM) != 0, hooks,
                                           "uniform", "UNIFORM", subject, err);

    if (result != PIPC_OK || !hooks)
        return result;
    if (!ops->call->batch)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: claims UNIFORM, its call does not allow batches", subject);
    if (hooks->size < PIPCI_UNIFORM_MIN || !uniform_len_fits(hooks->request_len) ||
        !uniform_len_fits(hooks->response_len))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: sizes of the uniform hooks do not fit: table %u, request %u, "
                          "response %u",
                          subject, hooks->size, hooks->request_len, hooks->response_len);
    if (!hooks->encode || !hooks->decode || !hooks->dispatch)
        return missing(subject, "uniform.encode, decode or dispatch", err);
    return PIPC_OK;
}

static pipc_result judge_codec_entries(const struct pipc_codec_ops *ops, const char *subject,
                                       struct pipc_error *err)
{
    if (!ops->check_request || !ops->check_response)
        return missing(subject, !ops->check_request ? "check_request" : "check_response", err);
    if (!ops->walk_request || !ops->walk_response)
        return missing(subject, !ops->walk_request ? "walk_request" : "walk_response", err);
    if (!ops->dispatch)
        return missing(subject, "dispatch", err);
    return judge_call(ops, subject, err);
}

pipc_result pipci_codec_judge(const struct pipc_codec_ops *ops, const char *subject,
                              struct pipc_error *err)
{
    struct pipc_codec_ops full;

    pipc_result result = judge_size(ops->size, PIPCI_CODEC_OPS_MIN, subject, err);

    if (result != PIPC_OK)
        return result;
    memset(&full, 0, sizeof(full));
    memcpy(&full, ops, ops->size < sizeof(full) ? ops->size : sizeof(full));
    if (full.code == 0)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: method code is 0, expected 1 to 65535",
                          subject);
    if (!full.table || *(const uint32_t *)full.table < sizeof(uint32_t))
        return missing(subject, "table", err);
    if (full.default_service &&
        !pipci_service_name_ok(full.default_service, strnlen(full.default_service, 256)))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: default_service is no service name",
                          subject);
    result = judge_codec_entries(&full, subject, err);
    result = result == PIPC_OK ? judge_snapshot(&full, subject, err) : result;
    result = result == PIPC_OK ? judge_lookup(&full, subject, err) : result;
    return result == PIPC_OK ? judge_uniform(&full, subject, err) : result;
}
