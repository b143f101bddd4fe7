/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrappers under test. See wrapped.h.
 *
 * One subject a process, so what it wraps is kept here. The wrapped module lives under the same
 * watching host as the wrapper, so all rules of memory hold for both together.
 */
#include "wrapped.h"

#include "values.h"

#include <string.h>

#define OPTION "wraps"

static struct {
    const struct pipc_module *wrapped;
    struct pipc_module joined;
    struct pipc_transport_ops ops;
    struct pipc_option options[KIT_VALUES_MAX];
    struct pipc_option_value values[KIT_VALUES_MAX]; /* of the wrapped module */
} kept;

static pipc_handle no_handle(void *channel)
{
    (void)channel;
    return PIPC_NO_HANDLE;
}

static pipc_result no_peer(void *channel, struct pipc_peer *ret_peer)
{
    (void)channel, (void)ret_peer;
    return PIPC_ERR_NOT_SUPPORTED;
}

static pipc_result admit_all(void *channel, struct pipc_error *err)
{
    (void)channel, (void)err;
    return PIPC_OK;
}

static const struct pipc_waiter *no_waiter(void *channel)
{
    (void)channel;
    return NULL;
}

static uint64_t no_memory(void *channel)
{
    (void)channel;
    return 0;
}

static void no_wake(void *channel)
{
    (void)channel;
}

void kit_ops_normalise(const struct pipc_transport_ops *from, struct pipc_transport_ops *ops)
{
    memset(ops, 0, sizeof(*ops));
    memcpy(ops, from, from->size < sizeof(*ops) ? from->size : sizeof(*ops));
    ops->size = sizeof(*ops);
    ops->wait_handle = ops->wait_handle ? ops->wait_handle : no_handle;
    ops->peer = ops->peer ? ops->peer : no_peer;
    ops->admit = ops->admit ? ops->admit : admit_all;
    ops->waiter = ops->waiter ? ops->waiter : no_waiter;
    ops->memory = ops->memory ? ops->memory : no_memory;
    ops->wake = ops->wake ? ops->wake : no_wake;
}

/* ---- the joined descriptor ---- */

/* A trait of the wrapped transport that needs an entry of the wrapper. */
static uint32_t traits_joined(const struct pipc_transport_ops *wrapper, uint32_t traits)
{
    if (!wrapper->adopt)
        traits &= ~PIPC_TRAIT_ADOPT;
    if (!wrapper->wait_handle)
        traits &= ~PIPC_TRAIT_WAIT_HANDLE;
    if (!wrapper->reserve || !wrapper->commit)
        traits &= ~PIPC_TRAIT_WRITE_IN_PLACE;
    if (!wrapper->peer)
        traits &= ~PIPC_TRAIT_PEER_CREDENTIALS;
    return traits | PIPC_TRAIT_WRAPPER;
}

static const struct pipc_module *module_find(struct pipc_context *context, const char *name,
                                             struct pipc_error *err)
{
    struct pipc_module_info info = {.size = sizeof(info)};

    if (pipc_module_load(context, PIPC_MODULE_TRANSPORT, name, err) != PIPC_OK)
        return NULL;
    for (uint32_t i = 0; pipc_module_info(context, i, &info) == PIPC_OK; i++) {
        if (info.loaded && strcmp(info.name, name) == 0)
            return info.module;
    }
    return NULL;
}

/* The option says what is wrapped, also to an init with the declared defaults. */
static const char *options_join(const struct pipc_module *wrapper, const char *name)
{
    for (uint32_t i = 0; i < wrapper->option_count && i < KIT_VALUES_MAX; i++) {
        kept.options[i] = wrapper->options[i];
        if (strcmp(kept.options[i].key, OPTION) != 0)
            continue;
        name = name ? name : kept.options[i].default_text;
        kept.options[i].default_text = name;
    }
    return name;
}

const struct pipc_module *kit_wrapped_join(struct pipc_context *context,
                                           const struct pipc_module *wrapper, const char *name,
                                           struct pipc_error *err)
{
    const struct pipc_transport_ops *ops;

    name = options_join(wrapper, name);
    if (!name) {
        err->result = PIPC_ERR_CONFIG;
        snprintf(err->text, sizeof(err->text),
                 "%s wraps another transport: --wraps NAME says which", wrapper->name);
        return NULL;
    }
    kept.wrapped = module_find(context, name, err);
    if (!kept.wrapped)
        return NULL;
    memset(&kept.ops, 0, sizeof(kept.ops));
    ops = wrapper->ops;
    memcpy(&kept.ops, ops, ops->size < sizeof(kept.ops) ? ops->size : sizeof(kept.ops));
    ops = kept.wrapped->ops;
    kept.ops.size = sizeof(kept.ops);
    kept.ops.traits = traits_joined(&kept.ops, ops->traits);
    kept.ops.profile_bits = ops->profile_bits;
    kept.ops.unlisted_bits = ops->unlisted_bits;
    kept.joined = *wrapper;
    kept.joined.ops = &kept.ops;
    kept.joined.options = kept.options;
    return &kept.joined;
}

/* ---- its instance of a host ---- */

pipc_result kit_wrapped_find(struct kit_host *host, const char *name,
                             const struct pipc_transport_ops **ret_ops, void **ret_self,
                             struct pipc_error *err)
{
    pipc_result result = PIPC_OK;

    if (!kept.wrapped || strcmp(kept.wrapped->name, name) != 0) {
        host->table.error_set(&host->table, err, PIPC_ERR_MODULE_NOT_FOUND, 0,
                              "there is no other transport here");
        return PIPC_ERR_MODULE_NOT_FOUND;
    }
    if (!host->wrapped) {
        kit_ops_normalise(kept.wrapped->ops, &host->wrapped_ops);
        kit_values_default(kept.wrapped, kept.values);
        if (kept.wrapped->init)
            result = kept.wrapped->init(&host->table, kept.values, kept.wrapped->option_count,
                                        &host->wrapped_self, err);
        if (result != PIPC_OK)
            return result;
        host->wrapped = true;
    }
    *ret_ops = &host->wrapped_ops;
    *ret_self = host->wrapped_self;
    return PIPC_OK;
}

void kit_wrapped_end(struct kit_host *host)
{
    if (host->wrapped && kept.wrapped->fini)
        kept.wrapped->fini(host->wrapped_self);
    host->wrapped = false;
}
