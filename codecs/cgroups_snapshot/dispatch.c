/* SPDX-License-Identifier: Apache-2.0
 *
 * One request of CGROUPS_SNAPSHOT through a server's callback, stage by stage (docs/codec.md 9),
 * and the typed call of a client.
 *
 * A dispatch runs the callback on the thread that dispatches, over a builder that lives as long as
 * the dispatch. Any thread.
 */
#include "cgroups_snapshot.h"

#include "../common/bytes.h"

/* The callback over a builder that has its directory. A builder's error wins over what the callback
 * says. */
static pipc_result run_callback(const struct pipc_dispatch *d,
                                const struct pipc_cgroups_snapshot_request_view *request,
                                struct pipc_cgroups_snapshot_builder *builder)
{
    const struct pipc_cgroups_snapshot_handler *h = d->handler;
    if (!BYTES_HANDLER_HAS(h, snapshot))
        return PIPC_ERR_HANDLER_FAILED;
    const uint32_t done = h->snapshot(h->user, d->from, request, builder);
    if (builder->error != PIPC_OK)
        return builder->error;
    return done ? PIPC_OK : PIPC_ERR_HANDLER_FAILED;
}

pipc_result pipcm_cgroups_snapshot_dispatch(const struct pipc_dispatch *dispatch,
                                            struct pipc_dispatched *ret)
{
    struct pipc_cgroups_snapshot_request_view request;
    struct pipc_cgroups_snapshot_builder builder;
    pipc_result r =
        pipcm_cgroups_snapshot_request_decode(dispatch->request, dispatch->request_len, &request);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_REQUEST, 0, 0);
    const uint32_t slots = dispatch->max_items
                               ? dispatch->max_items
                               : pipcm_cgroups_snapshot_estimate(dispatch->response_cap);
    r = pipcm_cgroups_snapshot_builder_init(&builder, dispatch->response, dispatch->response_cap,
                                            slots, 0, 0);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_SPACE, 0,
                                r == PIPC_ERR_OVERFLOW ? builder.pos : 0);
    r = run_callback(dispatch, &request, &builder);
    if (r != PIPC_OK)
        return bytes_dispatched(ret, r, PIPC_STAGE_CALLBACK, 0, 0);
    /* Never 0 here, since the builder has no error; step 6 of the page has nothing left to report.
     */
    const size_t len = pipcm_cgroups_snapshot_builder_finish(&builder);
    return bytes_dispatched(ret, PIPC_OK, PIPC_STAGE_DONE, len, 0);
}

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    (void)input; /* the call has none */
    *ret_size = PIPC_CGROUPS_SNAPSHOT_REQ_LEN;
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    (void)input;
    return pipcm_cgroups_snapshot_request_encode(buf, cap, ret_len);
}

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    return pipcm_cgroups_snapshot_decode(payload, len, ret_output);
}

const struct pipc_call_ops pipcm_cgroups_snapshot_call = {
    .size = sizeof(struct pipc_call_ops),
    .batch = 0,
    .input_size = 0,
    .output_size = sizeof(struct pipc_cgroups_snapshot_view),
    .request_size = call_size,
    .encode = call_encode,
    .decode = call_decode,
};
