/* SPDX-License-Identifier: Apache-2.0
 *
 * Flaws of upgrades. Included by transport.c, which chooses one.
 */
#ifndef PIPC_BROKEN_UPGRADE_H
#define PIPC_BROKEN_UPGRADE_H

#if FLAW_usable /* bits that nobody asked for */
static pipc_result broken_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                                 const struct pipc_carrier *carrier, uint64_t auth_token,
                                 uint32_t bits, struct pipc_usable *ret_usable)
{
    const pipc_result r = shm_usable(self, role, endpoint, carrier, auth_token, bits, ret_usable);

    ret_usable->bits |= SHM_BITS;
    return r;
}
#define USE_usable broken_usable
#endif

#if FLAW_taken || FLAW_room || FLAW_offer_memory
static pipc_result broken_offer(void *self, const struct pipc_endpoint *endpoint,
                                const struct pipc_carrier *carrier,
                                const struct pipc_upgrade_request *request, void **ret_channel,
                                struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    struct pipc_upgrade_request other = *request;
    pipc_result r;

#if FLAW_room /* the bound is not looked at */
    other.room_bytes = UINT64_MAX;
#endif
    r = shm_offer(self, endpoint, carrier, &other, ret_channel, ret_failure, err);
#if FLAW_taken /* another result than the contract says: the core gives up */
    if (r == PIPC_ERR_ADDR_IN_USE)
        r = broken_fail(err, PIPC_ERR_REGION_OPEN);
#elif FLAW_offer_memory
    if (r == PIPC_ERR_ALLOC)
        r = broken_fail(err, PIPC_ERR_REGION_MAP);
#endif
    return r;
}
#define USE_offer broken_offer
#endif

#if FLAW_attach_output || FLAW_attach_abort || FLAW_carrier_gone || FLAW_attach_memory
static pipc_result broken_attach(void *self, const struct pipc_endpoint *endpoint,
                                 const struct pipc_carrier *carrier,
                                 const struct pipc_upgrade_request *request,
                                 const struct pipc_wait *wait, void **ret_channel,
                                 struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    pipc_result r =
        shm_attach(self, endpoint, carrier, request, wait, ret_channel, ret_failure, err);

#if FLAW_attach_output /* an output is written on failure */
    if (r != PIPC_OK)
        *ret_channel = NULL;
#elif FLAW_attach_abort /* an abort withdraws the bits */
    if (r == PIPC_ERR_ABORTED)
        ret_failure->bits = request->bit;
#elif FLAW_carrier_gone /* another result than the contract says: the bits are withdrawn */
    if (r == PIPC_ERR_DISCONNECTED)
        r = broken_fail(err, PIPC_ERR_REGION_OPEN);
#else
    if (r == PIPC_ERR_ALLOC)
        r = broken_fail(err, PIPC_ERR_REGION_MAP);
#endif
    return r;
}
#define USE_attach broken_attach
#endif

#if FLAW_unattached /* close leaves the region's file */
static void broken_close(void *channel, uint32_t flags)
{
    shm_close(channel, flags | PIPC_CLOSE_FORKED);
}
#define USE_close broken_close
#endif

#if FLAW_sweep /* nothing is removed */
static pipc_result broken_sweep(void *self, const struct pipc_endpoint *endpoint,
                                struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    return PIPC_OK;
}
#define USE_sweep broken_sweep
#endif

#if FLAW_in_place /* more than was asked for is sent */
static pipc_result broken_commit(void *channel, size_t len, const struct pipc_wait *wait,
                                 struct pipc_error *err)
{
    return shm_commit(channel, len + 1, wait, err);
}
#define USE_commit broken_commit
#endif

#if FLAW_one /* the claim is missing: pipelines are expected to work */
#define TRAITS (PIPC_TRAIT_UPGRADE | PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_WRITE_IN_PLACE)
#endif

#endif
