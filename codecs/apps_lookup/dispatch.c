/* SPDX-License-Identifier: Apache-2.0
 *
 * One request of APPS_LOOKUP through a server's callback, stage by stage (docs/codec.md 9).
 *
 * The callback runs on the thread that dispatches, over a builder that lives as long as the
 * dispatch. Any thread.
 */
#include "apps_lookup.h"

/* The callback over a builder that has its directory. An error of the builder wins over what the
 * callback says. */
static pipc_result run_callback(const struct pipc_dispatch *d,
                                const struct pipc_apps_lookup_request_view *request,
                                struct pipc_apps_lookup_builder *builder)
{
    const struct pipc_apps_lookup_handler *h = d->handler;
    if (!BYTES_HANDLER_HAS(h, lookup))
        return PIPC_ERR_HANDLER_FAILED;
    const uint32_t done = h->lookup(h->user, d->from, request, builder);
    if (builder->state.error != PIPC_OK)
        return builder->state.error;
    if (!done)
        return PIPC_ERR_HANDLER_FAILED;
    return builder->state.count == request->item_count ? PIPC_OK : PIPC_ERR_BAD_ITEM_COUNT;
}

pipc_result pipcm_apps_lookup_dispatch(const struct pipc_dispatch *dispatch,
                                       struct pipc_dispatched *ret)
{
    struct pipc_apps_lookup_request_view request;
    struct pipc_apps_lookup_builder builder;
    pipc_result r =
        pipcm_apps_lookup_request_decode(dispatch->request, dispatch->request_len, &request);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_REQUEST, 0, 0);
    r = pipcm_apps_lookup_builder_init_request(&builder, dispatch->response, dispatch->response_cap,
                                               &request, 0);
    /* Header, directory and a placeholder for each key. */
    const uint64_t least = lookup_least(&builder.state);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_SPACE, 0,
                                r == PIPC_ERR_OVERFLOW ? lookup_needed(least, 0) : 0);
    r = run_callback(dispatch, &request, &builder);
    if (r != PIPC_OK)
        return bytes_dispatched(
            ret, r, PIPC_STAGE_CALLBACK, 0,
            r == PIPC_ERR_OVERFLOW ? lookup_needed(least, dispatch->response_cap) : 0);
    /* Never 0 here, since the builder has no error; step 6 of the page has nothing left to report.
     */
    const size_t len = pipcm_apps_lookup_builder_finish(&builder);
    return bytes_dispatched(ret, PIPC_OK, PIPC_STAGE_DONE, len, 0);
}
