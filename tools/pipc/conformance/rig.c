/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport driven directly. See rig.h.
 */
#include "rig.h"
#include "wrapped.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- one instance ---- */

void kit_side_open(struct kit_side *side, const struct pipc_module *module)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    kit_host_init(&side->host);
    side->module = module;
    side->self = NULL;
    kit_ops_normalise(module->ops, &side->ops);
    kit_values_default(module, side->values);
    if (module->init) {
        const pipc_result r =
            module->init(&side->host.table, side->values, module->option_count, &side->self, &err);
        KIT_CHECK_MSG(r == PIPC_OK, "init with the declared defaults: %s (%s)", pipc_result_name(r),
                      err.text);
    }
}

void kit_side_close(struct kit_side *side)
{
    if (side->module->fini)
        side->module->fini(side->self);
    kit_host_close(&side->host);
}

/* ---- the rig ---- */

/* The baseline that carries this upgrade's handshakes in the context that loaded it. */
static const struct pipc_module *carrier_of(const struct kit *kit)
{
    struct pipc_module_info info = {.size = sizeof(info)};
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;

    KIT_CHECK_MSG(pipc_service_plan(kit->subject->context, KIT_SERVICE, &plan, &err) == PIPC_OK,
                  "%s", err.text);
    KIT_CHECK_MSG(pipc_module_load(kit->subject->context, PIPC_MODULE_TRANSPORT, plan.carrier,
                                   &err) == PIPC_OK,
                  "%s", err.text);
    for (uint32_t i = 0; pipc_module_info(kit->subject->context, i, &info) == PIPC_OK; i++) {
        if (info.loaded && strcmp(info.name, plan.carrier) == 0)
            return info.module;
    }
    kit_fail(__FILE__, __LINE__, "the carrier %s is not there", plan.carrier);
}

struct kit_rig *kit_rig_open(const struct kit *kit)
{
    struct kit_rig *const rig = calloc(1, sizeof(*rig));

    KIT_CHECK(rig);
    rig->kit = kit;
    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    snprintf(rig->run_dir, sizeof(rig->run_dir), "%s/r", kit->dir);
    kit_folder_make(rig->run_dir);
    rig->endpoint = (struct pipc_endpoint){
        .size = sizeof(rig->endpoint), .run_dir = rig->run_dir, .service = KIT_SERVICE};
    rig->session = 1;
    kit_side_open(&rig->m, kit->subject->module);
    rig->upgrade = (rig->m.ops.traits & PIPC_TRAIT_UPGRADE) != 0;
    if (rig->upgrade)
        kit_side_open(&rig->carrier, carrier_of(kit));
    return rig;
}

struct kit_side *kit_base(struct kit_rig *rig)
{
    return rig->upgrade ? &rig->carrier : &rig->m;
}

void kit_rig_listen(struct kit_rig *rig)
{
    struct kit_side *const base = kit_base(rig);

    if (kit_on_the_way())
        return;
    const pipc_result r = base->ops.listen(base->self, &rig->endpoint, &rig->listener, &rig->err);

    KIT_CHECK_MSG(r == PIPC_OK, "listen: %s (%s)", pipc_result_name(r), rig->err.text);
}

void kit_rig_unlisten(struct kit_rig *rig)
{
    struct kit_side *const base = kit_base(rig);

    if (rig->listener)
        base->ops.listener_close(base->self, rig->listener, 0);
    rig->listener = NULL;
}

void kit_rig_close(struct kit_rig *rig)
{
    kit_rig_unlisten(rig);
    kit_side_close(&rig->m);
    if (rig->upgrade)
        kit_side_close(&rig->carrier);
    free(rig);
}

/* ---- waits ---- */

uint64_t kit_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * PIPC_NS_PER_MS + (uint64_t)now.tv_nsec;
}

struct pipc_wait kit_wait(int ms)
{
    return (struct pipc_wait){.size = sizeof(struct pipc_wait),
                              .deadline_ns = kit_now_ns() + (uint64_t)ms * PIPC_NS_PER_MS,
                              .abort = PIPC_NO_HANDLE};
}

struct pipc_wait kit_wait_now(void)
{
    return (struct pipc_wait){
        .size = sizeof(struct pipc_wait), .deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};
}

/* ---- pairs ---- */

static uint32_t lowest(uint32_t bits)
{
    return bits & (~bits + 1);
}

uint32_t kit_bit(const struct kit_rig *rig)
{
    const uint32_t bits = rig->m.ops.profile_bits;

    if (rig->bit)
        return rig->bit;
    return bits ? lowest(bits) : UINT32_C(1) << 16;
}

/* An option of the module may leave out some of its bits: the first connection says which. */
static void bit_learn(struct kit_rig *rig, uint32_t role, const struct pipc_carrier *carrier)
{
    struct pipc_usable usable = {.size = sizeof(usable)};
    const uint32_t bits = rig->m.ops.profile_bits;

    if (rig->bit == 0 &&
        rig->m.ops.usable(rig->m.self, role, &rig->endpoint, carrier, 7, bits, &usable) == PIPC_OK)
        rig->bit = lowest(usable.bits & bits);
}

struct pipc_upgrade_request kit_request(const struct kit_rig *rig, uint64_t session)
{
    return (struct pipc_upgrade_request){.size = sizeof(struct pipc_upgrade_request),
                                         .bit = kit_bit(rig),
                                         .session_id = session,
                                         .auth_token = 7,
                                         .max_request_bytes = 65536,
                                         .max_response_bytes = 65536,
                                         .room_bytes = UINT64_MAX};
}

static struct pipc_carrier carrier_made(struct kit_rig *rig, void *channel)
{
    return (struct pipc_carrier){
        .size = sizeof(struct pipc_carrier), .ops = &rig->carrier.ops, .channel = channel};
}

void kit_half_connect(struct kit_rig *rig, struct kit_pair *pair)
{
    struct kit_side *const base = kit_base(rig);
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    const pipc_result r =
        base->ops.connect(base->self, &rig->endpoint, &wait, &pair->client, &rig->err);

    KIT_CHECK_MSG(r == PIPC_OK, "connect: %s (%s)", pipc_result_name(r), rig->err.text);
    if (rig->upgrade) {
        pair->client_carrier = carrier_made(rig, pair->client);
        bit_learn(rig, PIPC_ROLE_CLIENT, &pair->client_carrier);
        pair->client = NULL;
    }
}

void kit_half_accept(struct kit_rig *rig, struct kit_pair *pair)
{
    struct kit_side *const base = kit_base(rig);
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    const pipc_result r =
        base->ops.accept(base->self, rig->listener, &wait, &pair->server, &rig->err);

    KIT_CHECK_MSG(r == PIPC_OK, "accept: %s (%s)", pipc_result_name(r), rig->err.text);
    if (rig->upgrade) {
        pair->server_carrier = carrier_made(rig, pair->server);
        bit_learn(rig, PIPC_ROLE_SERVER, &pair->server_carrier);
        pair->server = NULL;
    }
}

void kit_half_offer(struct kit_rig *rig, struct kit_pair *pair, uint64_t session)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    pipc_result r;

    if (!rig->upgrade)
        return;
    pair->request = kit_request(rig, session);
    r = rig->m.ops.offer(rig->m.self, &rig->endpoint, &pair->server_carrier, &pair->request,
                         &pair->server, &failure, &rig->err);
    KIT_CHECK_MSG(r == PIPC_OK, "offer: %s (%s)", pipc_result_name(r), rig->err.text);
}

void kit_half_attach(struct kit_rig *rig, struct kit_pair *pair, uint64_t session)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    pipc_result r;

    if (!rig->upgrade)
        return;
    pair->request = kit_request(rig, session);
    r = rig->m.ops.attach(rig->m.self, &rig->endpoint, &pair->client_carrier, &pair->request, &wait,
                          &pair->client, &failure, &rig->err);
    KIT_CHECK_MSG(r == PIPC_OK, "attach: %s (%s)", pipc_result_name(r), rig->err.text);
}

void kit_pair_open(struct kit_rig *rig, struct kit_pair *ret_pair)
{
    const uint64_t session = rig->session++;

    memset(ret_pair, 0, sizeof(*ret_pair));
    if (kit_on_the_way())
        return;
    if (!rig->listener)
        kit_rig_listen(rig);
    kit_half_connect(rig, ret_pair);
    kit_half_accept(rig, ret_pair);
    kit_half_offer(rig, ret_pair, session);
    kit_half_attach(rig, ret_pair, session);
}

/* The upgrade's channel goes before its carrier, as in a session. */
static void half_close(struct kit_rig *rig, void **channel, struct pipc_carrier *carrier,
                       uint32_t flags)
{
    if (*channel)
        rig->m.ops.close(*channel, flags);
    *channel = NULL;
    if (carrier->channel)
        rig->carrier.ops.close(carrier->channel, flags);
    carrier->channel = NULL;
}

void kit_half_close_client(struct kit_rig *rig, struct kit_pair *pair, uint32_t flags)
{
    half_close(rig, &pair->client, &pair->client_carrier, flags);
}

void kit_half_close_server(struct kit_rig *rig, struct kit_pair *pair, uint32_t flags)
{
    half_close(rig, &pair->server, &pair->server_carrier, flags);
}

void kit_pair_close(struct kit_rig *rig, struct kit_pair *pair)
{
    kit_half_close_client(rig, pair, 0);
    kit_half_close_server(rig, pair, 0);
}
