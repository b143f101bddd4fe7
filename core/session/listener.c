/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: an endpoint of the carrier, what dead servers left is swept once, connections are
 * taken without a byte moved (level1-transport.md 4). A listener is used by one thread at a time;
 * handshakes that came from it go on without it.
 */
#include "session.h"

#include <string.h>

struct pipc_listener {
    struct pipci_site *site;
    void *channel;
};

/* ---- what listener and handshakes share ---- */

static struct pipci_site *site_new(struct pipc_context *context, const char *run_dir,
                                   const char *name)
{
    const struct pipc_allocator *const memory = pipci_context_allocator(context);
    const size_t dir_len = strlen(run_dir) + 1, name_len = strlen(name) + 1;
    struct pipci_site *const site = pipci_zalloc(memory, sizeof(*site) + dir_len + name_len);

    if (!site)
        return NULL;
    char *const strings = (char *)(site + 1);
    memcpy(strings, run_dir, dir_len);
    memcpy(strings + dir_len, name, name_len);
    site->endpoint = (struct pipc_endpoint){
        .size = (uint32_t)sizeof(site->endpoint), .run_dir = strings, .service = strings + dir_len};
    site->refs = 1;
    site->context = context;
    site->memory = memory;
    site->process = pipci_process_id();
    pipci_context_hold(context);
    return site;
}

void pipci_site_release(struct pipci_site *site)
{
    struct pipc_context *const context = site->context;

    if (__atomic_sub_fetch(&site->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    pipci_free(site->memory, site->whole_dir);
    pipci_free(site->memory, site);
    pipci_context_release(context);
}

uint64_t pipci_site_next_id(struct pipci_site *site)
{
    return __atomic_add_fetch(&site->last_id, 1, __ATOMIC_RELAXED);
}

/* ---- listen ---- */

/* Every module of the list, also one that a mask leaves out: what lies there is of another time.
 * Failing to tidy up is no reason not to serve. */
static void sweep(const struct pipci_site *site)
{
    for (uint32_t i = 0; i < site->service.plane_count; i++) {
        const struct pipci_transport *const t = site->service.planes[i].transport;
        struct pipc_error cause = PIPC_ERROR_INIT;
        if (!t || !(t->ops.traits & PIPC_TRAIT_UPGRADE))
            continue;
        const pipc_result result = t->ops.sweep(t->self, &site->endpoint, &cause);
        if (result != PIPC_OK)
            pipci_log(site->context, PIPC_LOG_WARNING, "%s: leftovers of %s not removed: %s",
                      site->endpoint.service, t->name,
                      cause.text[0] ? cause.text : pipc_result_text(result));
    }
}

/* handle PIPC_NO_HANDLE: make the endpoint; otherwise take that one. */
static pipc_result open_channel(const struct pipci_site *site, bool adopt, pipc_handle handle,
                                void **ret_channel, struct pipc_error *err)
{
    const struct pipci_transport *const carrier = site->service.carrier;

    if (!adopt)
        return carrier->ops.listen(carrier->self, &site->endpoint, ret_channel, err);
    if (!(carrier->ops.traits & PIPC_TRAIT_ADOPT))
        return pipci_fail(err, PIPC_ERR_NOT_SUPPORTED, 0,
                          "transport %s does not take listeners that others made", carrier->name);
    return carrier->ops.adopt(carrier->self, &site->endpoint, handle, ret_channel, err);
}

/* The endpoint is made by the path as it was given, which may be short because it is relative. What
 * handshakes make later lies in the same directory, wherever the program has gone meanwhile. */
static pipc_result settle_dir(struct pipci_site *site)
{
    const pipc_result result =
        pipci_path_whole(site->memory, site->endpoint.run_dir, &site->whole_dir);
    if (site->whole_dir)
        site->endpoint.run_dir = site->whole_dir;
    return result;
}

static pipc_result listener_new(struct pipci_site *site, bool adopt, pipc_handle handle,
                                struct pipc_listener **ret_listener, struct pipc_error *err)
{
    struct pipc_listener *const l = pipci_zalloc(site->memory, sizeof(*l));

    if (!l)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for a listener",
                          site->endpoint.service);
    pipc_result result = open_channel(site, adopt, handle, &l->channel, err);
    if (result == PIPC_OK && settle_dir(site) != PIPC_OK) {
        site->service.carrier->ops.listener_close(site->service.carrier->self, l->channel, 0);
        result = pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for a listener",
                            site->endpoint.service);
    }
    if (result != PIPC_OK) {
        pipci_free(site->memory, l);
        return result;
    }
    l->site = site;
    sweep(site);
    *ret_listener = l;
    return PIPC_OK;
}

static pipc_result open_listener(struct pipc_context *context, const char *run_dir,
                                 const char *name, const struct pipc_session_settings *given,
                                 bool adopt, pipc_handle handle,
                                 struct pipc_listener **ret_listener, struct pipc_error *err)
{
    struct pipci_service service;
    struct pipc_session_settings copy;
    struct pipci_settings settings;
    struct pipc_endpoint endpoint;

    if (!context || !name || !ret_listener)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "listen: context, service or result is missing");
    pipc_result result = pipci_context_check_process(context, err);
    if (result == PIPC_OK)
        result = pipci_context_service(context, name, &service, err);
    if (result == PIPC_OK)
        result = pipci_endpoint_make(&service, run_dir, name, &endpoint, err);
    pipci_session_settings_copy(&copy, given);
    if (result == PIPC_OK)
        result = pipci_settings_resolve(&service, &copy, &settings, err);
    if (result != PIPC_OK)
        return result;
    struct pipci_site *const site = site_new(context, endpoint.run_dir, name);
    if (!site)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for a listener", name);
    site->service = service;
    site->given = copy;
    result = listener_new(site, adopt, handle, ret_listener, err);
    if (result != PIPC_OK)
        pipci_site_release(site);
    return result;
}

pipc_result pipc_listen(struct pipc_context *context, const char *run_dir, const char *service,
                        const struct pipc_session_settings *settings,
                        struct pipc_listener **ret_listener, struct pipc_error *err)
{
    return open_listener(context, run_dir, service, settings, false, PIPC_NO_HANDLE, ret_listener,
                         err);
}

pipc_result pipc_listen_adopt(struct pipc_context *context, const char *run_dir,
                              const char *service, const struct pipc_session_settings *settings,
                              pipc_handle handle, struct pipc_listener **ret_listener,
                              struct pipc_error *err)
{
    return open_listener(context, run_dir, service, settings, true, handle, ret_listener, err);
}

/* ---- accept ---- */

static pipc_result handshake_new(struct pipc_listener *l, const struct pipc_wait *wait,
                                 struct pipc_handshake **ret_handshake, struct pipc_error *err)
{
    const struct pipci_transport *const carrier = l->site->service.carrier;
    struct pipc_handshake *const h = pipci_zalloc(l->site->memory, sizeof(*h));
    const uint32_t ms = l->site->given.handshake_timeout_ms;

    if (!h)
        return pipci_fail(err, PIPC_ERR_ALLOC, 0, "service %s: no memory for a connection",
                          l->site->endpoint.service);
    const pipc_result result =
        carrier->ops.accept(carrier->self, l->channel, wait, &h->channel, err);
    if (result != PIPC_OK) {
        pipci_free(l->site->memory, h);
        return result;
    }
    h->deadline_ns = pipci_deadline(ms ? ms : PIPC_HANDSHAKE_TIMEOUT_MS);
    h->site = l->site;
    __atomic_add_fetch(&h->site->refs, 1, __ATOMIC_RELAXED);
    *ret_handshake = h;
    return PIPC_OK;
}

pipc_result pipci_accept_begin_wait(struct pipc_listener *listener, const struct pipc_wait *wait,
                                    struct pipc_handshake **ret_handshake, struct pipc_error *err)
{
    if (!listener || !ret_handshake)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "accept: listener or result is missing");
    const pipc_result result = pipci_context_check_process(listener->site->context, err);
    return result == PIPC_OK ? handshake_new(listener, wait, ret_handshake, err) : result;
}

pipc_result pipc_accept_begin(struct pipc_listener *listener, uint64_t timeout_ms,
                              pipc_handle abort, struct pipc_handshake **ret_handshake,
                              struct pipc_error *err)
{
    const struct pipc_wait wait = pipci_wait_make(pipci_deadline(timeout_ms), abort, NULL);

    return pipci_accept_begin_wait(listener, &wait, ret_handshake, err);
}

pipc_result pipc_accept(struct pipc_listener *listener, uint64_t timeout_ms, pipc_handle abort,
                        struct pipc_session **ret_session, struct pipc_error *err)
{
    struct pipc_handshake *handshake = NULL;

    if (timeout_ms == PIPC_NOW || !ret_session)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "accept: the result is missing, or the time is PIPC_NOW (that takes "
                          "pipc_accept_begin and pipc_handshake_run)");
    const pipc_result result = pipc_accept_begin(listener, timeout_ms, abort, &handshake, err);
    return result == PIPC_OK ? pipc_handshake_run(&handshake, NULL, 0, abort, ret_session, err)
                             : result;
}

pipc_handle pipc_listener_wait_handle(const struct pipc_listener *listener)
{
    if (!listener)
        return PIPC_NO_HANDLE;
    const struct pipci_transport *const carrier = listener->site->service.carrier;
    return carrier->ops.listener_wait_handle(carrier->self, listener->channel);
}

void pipc_listener_close(struct pipc_listener *listener)
{
    if (!listener)
        return;
    struct pipci_site *const site = listener->site;
    const struct pipci_transport *const carrier = site->service.carrier;
    carrier->ops.listener_close(carrier->self, listener->channel,
                                site->process == pipci_process_id() ? 0 : PIPC_CLOSE_FORKED);
    pipci_free(site->memory, listener);
    pipci_site_release(site);
}
