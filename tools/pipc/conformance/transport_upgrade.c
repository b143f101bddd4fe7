/* SPDX-License-Identifier: Apache-2.0
 *
 * Upgrades: what is usable, offers and attaches, names that are taken, carriers that are gone, what
 * dead servers leave, memory that runs out, messages built in place.
 */
#include "rig.h"
#include "tables.h"

#include <string.h>
#include <unistd.h>

#define UPGRADE PIPC_TRAIT_UPGRADE

static char mark;

/* The two ends of a carrier, nothing brought up on it. */
static void carriers_open(struct kit_rig *rig, struct kit_pair *pair)
{
    memset(pair, 0, sizeof(*pair));
    if (!rig->listener)
        kit_rig_listen(rig);
    kit_half_connect(rig, pair);
    kit_half_accept(rig, pair);
}

static pipc_result offer(struct kit_rig *rig, struct kit_pair *pair,
                         const struct pipc_upgrade_request *request, void **ret_channel,
                         struct pipc_upgrade_failure *ret_failure)
{
    *ret_failure = (struct pipc_upgrade_failure){.size = sizeof(*ret_failure)};
    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    return rig->m.ops.offer(rig->m.self, &rig->endpoint, &pair->server_carrier, request,
                            ret_channel, ret_failure, &rig->err);
}

static pipc_result attach(struct kit_rig *rig, struct kit_pair *pair,
                          const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                          void **ret_channel, struct pipc_upgrade_failure *ret_failure)
{
    *ret_failure = (struct pipc_upgrade_failure){.size = sizeof(*ret_failure)};
    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    return rig->m.ops.attach(rig->m.self, &rig->endpoint, &pair->client_carrier, request, wait,
                             ret_channel, ret_failure, &rig->err);
}

static void usable(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    const uint32_t roles[] = {PIPC_ROLE_CLIENT, PIPC_ROLE_SERVER};
    struct kit_pair pair;

    carriers_open(rig, &pair);
    const uint32_t bit = kit_bit(rig);
    for (size_t i = 0; i < 2; i++) {
        const struct pipc_carrier *const carrier =
            roles[i] == PIPC_ROLE_CLIENT ? &pair.client_carrier : &pair.server_carrier;
        for (uint32_t asked = 0; asked <= bit; asked += bit) {
            struct {
                struct pipc_usable out;
                unsigned char behind[32];
            } u = {.out = {.size = sizeof(u.out)}};
            memset(u.behind, 0x77, sizeof(u.behind));
            KIT_CHECK_RESULT(
                rig->m.ops.usable(rig->m.self, roles[i], &rig->endpoint, carrier, 7, asked, &u.out),
                PIPC_OK);
            KIT_CHECK_MSG((u.out.bits & ~asked) == 0, "bits 0x%x are usable, asked was 0x%x",
                          (unsigned)u.out.bits, (unsigned)asked);
            KIT_CHECK_MSG(u.out.bits == asked, "bit 0x%x is not usable here: %s", (unsigned)bit,
                          u.out.reason[0] ? u.out.reason : "and no reason is given");
            for (size_t b = 0; b < sizeof(u.behind); b++)
                KIT_CHECK_MSG(u.behind[b] == 0x77, "bytes behind the answer were written to");
        }
    }
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void taken(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair first, second;
    struct pipc_upgrade_failure failure;
    struct kit_usage before;
    void *channel = &mark;

    kit_pair_open(rig, &first);
    carriers_open(rig, &second);
    kit_usage_take(kit, &before);
    KIT_CHECK_RESULT(offer(rig, &second, &first.request, &channel, &failure), PIPC_ERR_ADDR_IN_USE);
    kit_error_check(rig, PIPC_ERR_ADDR_IN_USE, "offer of a name that is taken");
    KIT_CHECK_MSG(channel == &mark, "an offer that failed wrote its output");
    kit_usage_same(kit, &before, "after an offer that failed");
    kit_exchange(rig, &first, 1);
    kit_pair_close(rig, &second);
    kit_pair_close(rig, &first);
    kit_rig_close(rig);
}

static void nothing_offered(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    const struct pipc_upgrade_request request = kit_request(rig, 1);
    struct pipc_upgrade_failure failure;
    struct kit_usage before;
    void *channel = &mark;

    carriers_open(rig, &pair);
    kit_usage_take(kit, &before);
    const size_t blocks = rig->m.host.blocks;
    struct pipc_wait wait = kit_wait(200);
    const pipc_result r = attach(rig, &pair, &request, &wait, &channel, &failure);
    KIT_CHECK_MSG(r != PIPC_OK && r != PIPC_ERR_ABORTED && r != PIPC_ERR_DISCONNECTED,
                  "attach where nothing was offered: %s", pipc_result_name(r));
    kit_error_check(rig, r, "attach where nothing was offered");
    KIT_CHECK_MSG(r == PIPC_ERR_TIMEOUT || failure.bits & request.bit,
                  "attach that failed does not say which bits leave");
    KIT_CHECK_TIME(kit_now_ns() < wait.deadline_ns + 500 * PIPC_NS_PER_MS,
                   "attach ended long after its deadline");
    KIT_CHECK_MSG(channel == &mark, "an attach that failed wrote its output");
    KIT_CHECK_MSG(rig->m.host.blocks == blocks, "an attach that failed kept memory");
    kit_usage_same(kit, &before, "after an attach that failed");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void attach_aborted(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    const struct pipc_upgrade_request request = kit_request(rig, 1);
    struct pipc_upgrade_failure failure;
    void *channel = &mark;
    struct kit_stop stop;

    kit_stop_make(&stop);
    kit_stop_set(&stop);
    carriers_open(rig, &pair);
    struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    wait.abort = stop.handle;
    KIT_CHECK_RESULT(attach(rig, &pair, &request, &wait, &channel, &failure), PIPC_ERR_ABORTED);
    KIT_CHECK_MSG(channel == &mark && failure.bits == 0, "an aborted attach withdrew something");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
    kit_stop_free(&stop);
}

static void carrier_gone(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    const struct pipc_upgrade_request request = kit_request(rig, 1);
    struct pipc_upgrade_failure failure;
    void *channel = &mark;

    carriers_open(rig, &pair);
    kit_half_close_server(rig, &pair, 0);
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    KIT_CHECK_RESULT(attach(rig, &pair, &request, &wait, &channel, &failure),
                     PIPC_ERR_DISCONNECTED);
    KIT_CHECK_MSG(failure.bits == 0, "bits leave although only the carrier ended");
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* An offer that nobody attaches leaves nothing. */
static void unattached(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct kit_usage before;

    carriers_open(rig, &pair);
    kit_usage_take(kit, &before);
    const size_t blocks = rig->m.host.blocks;
    for (uint64_t session = 1; session < 20; session++) {
        kit_half_offer(rig, &pair, session);
        rig->m.ops.close(pair.server, 0);
        pair.server = NULL;
        KIT_CHECK_MSG(rig->m.host.blocks == blocks, "an offer that was closed kept memory");
        kit_usage_same(kit, &before, "after an offer that was closed");
    }
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

struct dead {
    struct kit_rig *rig;
    int ready;
};

static void offer_and_stay(void *arg)
{
    const struct dead *const dead = arg;
    struct kit_pair pair;

    carriers_open(dead->rig, &pair);
    for (uint64_t session = 1; session <= 3; session++)
        kit_half_offer(dead->rig, &pair, session);
    KIT_CHECK(write(dead->ready, "r", 1) == 1);
    kit_pause();
}

static void sweep(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit), *const other = kit_rig_open(kit);
    struct kit_pair living;
    struct kit_usage before, now;
    int ready[2];
    char byte;

    other->endpoint.service = KIT_SERVICE "-2";
    kit_pair_open(other, &living);
    kit_rig_listen(rig);
    kit_usage_take(kit, &before);
    kit_rig_unlisten(rig);
    kit_pipe(ready);
    struct dead dead = {rig, ready[1]};
    const kit_process child = kit_fork(offer_and_stay, &dead);
    close(ready[1]);
    KIT_CHECK_MSG(read(ready[0], &byte, 1) == 1, "the other process could not offer");
    kit_child_kill(child);
    close(ready[0]);
    kit_rig_listen(rig);
    KIT_CHECK_RESULT(rig->m.ops.sweep(rig->m.self, &rig->endpoint, &rig->err), PIPC_OK);
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.files == before.files, "%u files of a dead server are left",
                  now.files - before.files);
    kit_exchange(other, &living, 1);
    kit_pair_close(other, &living);
    kit_pair_open(rig, &living);
    kit_exchange(rig, &living, 2);
    kit_pair_close(rig, &living);
    kit_rig_close(rig);
    kit_rig_close(other);
}

static void room(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct pipc_upgrade_request request = kit_request(rig, 1);
    struct pipc_upgrade_failure failure;
    struct kit_usage before;
    void *channel = &mark;

    carriers_open(rig, &pair);
    kit_half_offer(rig, &pair, 2);
    const uint64_t bytes = rig->m.ops.memory(pair.server);
    kit_usage_take(kit, &before);
    request.room_bytes = bytes ? bytes - 1 : 0;
    if (bytes) {
        const pipc_result r = offer(rig, &pair, &request, &channel, &failure);
        KIT_CHECK_MSG(r != PIPC_OK && r != PIPC_ERR_ADDR_IN_USE,
                      "an offer above the room for it: %s", pipc_result_name(r));
        KIT_CHECK_MSG(failure.bits & request.bit, "an offer that failed says no bits that leave");
        kit_error_check(rig, r, "an offer above the room for it");
        KIT_CHECK_MSG(channel == &mark, "an offer that failed wrote its output");
        kit_usage_same(kit, &before, "after an offer without room");
        request.room_bytes = bytes;
        KIT_CHECK_RESULT(offer(rig, &pair, &request, &channel, &failure), PIPC_OK);
        KIT_CHECK_MSG(rig->m.ops.memory(channel) == bytes, "offers of one size differ in memory");
        rig->m.ops.close(channel, 0);
    }
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* ---- memory ---- */

static void check_refused(struct kit_rig *rig, const char *what, pipc_result r,
                          const struct pipc_upgrade_failure *failure,
                          const struct kit_usage *before, size_t blocks)
{
    KIT_CHECK_MSG(rig->m.host.refused && r == PIPC_ERR_ALLOC, "%s without memory: %s", what,
                  pipc_result_name(r));
    kit_host_refuse(&rig->m.host, 0);
    kit_error_check(rig, r, what);
    KIT_CHECK_MSG(failure->bits & kit_bit(rig), "%s that failed does not say which bits leave",
                  what);
    KIT_CHECK_MSG(rig->m.host.blocks == blocks, "%s without memory kept %zu blocks", what,
                  rig->m.host.blocks - blocks);
    kit_usage_same(rig->kit, before, what);
}

static void offer_memory(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct kit_usage before;
    bool refused = true;

    carriers_open(rig, &pair);
    kit_usage_take(kit, &before);
    for (uint64_t n = 1; refused; n++) {
        const struct pipc_upgrade_request request = kit_request(rig, n);
        const size_t blocks = rig->m.host.blocks;
        struct pipc_upgrade_failure failure;
        void *channel = NULL;
        kit_host_refuse(&rig->m.host, n);
        const pipc_result r = offer(rig, &pair, &request, &channel, &failure);
        refused = rig->m.host.refused;
        if (r != PIPC_OK)
            check_refused(rig, "offer", r, &failure, &before, blocks);
        kit_host_refuse(&rig->m.host, 0);
        if (channel)
            rig->m.ops.close(channel, 0);
    }
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

static void attach_memory(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    bool refused = true;

    carriers_open(rig, &pair);
    for (uint64_t n = 1; refused; n++) {
        const struct pipc_wait wait = kit_wait(1000);
        struct pipc_upgrade_failure failure;
        struct kit_usage before;
        void *channel = NULL;
        kit_half_offer(rig, &pair, n);
        kit_usage_take(kit, &before);
        const size_t blocks = rig->m.host.blocks;
        kit_host_refuse(&rig->m.host, n);
        const pipc_result r = attach(rig, &pair, &pair.request, &wait, &channel, &failure);
        refused = rig->m.host.refused;
        if (r != PIPC_OK)
            check_refused(rig, "attach", r, &failure, &before, blocks);
        kit_host_refuse(&rig->m.host, 0);
        if (channel)
            rig->m.ops.close(channel, 0);
        rig->m.ops.close(pair.server, 0);
        pair.server = NULL;
    }
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* ---- in place ---- */

static void *reserve(struct kit_rig *rig, void *channel, size_t len)
{
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    void *area = NULL;

    KIT_CHECK_RESULT(rig->m.ops.reserve(channel, len, &wait, &area, &rig->err), PIPC_OK);
    KIT_CHECK(area);
    return area;
}

static void in_place(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_pair pair;
    struct pipc_received received;
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
    void *area = &mark;
    char got[64];

    kit_pair_open(rig, &pair);
    memcpy(reserve(rig, pair.client, 64), kit_text("given up"), KIT_LEN);
    KIT_CHECK_MSG(rig->m.ops.look(pair.server) == PIPC_LOOK_NOTHING,
                  "room that is reserved is seen by the peer");
    memcpy(reserve(rig, pair.client, 64), kit_text("fewer bytes"), KIT_LEN);
    KIT_CHECK_RESULT(rig->m.ops.commit(pair.client, KIT_LEN, &wait, &rig->err), PIPC_OK);
    KIT_CHECK_RESULT(kit_receive(rig, pair.server, got, 64, KIT_SOON_MS, &received), PIPC_OK);
    KIT_CHECK_MSG(kit_is_text(got, received.len, "fewer bytes"),
                  "what was committed is not what arrived");
    memcpy(reserve(rig, pair.server, KIT_LEN), kit_text("answer"), KIT_LEN);
    KIT_CHECK_RESULT(rig->m.ops.commit(pair.server, KIT_LEN, &wait, &rig->err), PIPC_OK);
    KIT_CHECK_RESULT(kit_receive(rig, pair.client, got, 64, KIT_SOON_MS, &received), PIPC_OK);
    KIT_CHECK(kit_is_text(got, received.len, "answer"));
    const size_t most = rig->m.ops.packet_max(pair.client, 0);
    if (rig->m.ops.traits & PIPC_TRAIT_NO_CHUNKS)
        KIT_CHECK_MSG(rig->m.ops.reserve(pair.client, most + 1, &wait, &area, &rig->err) !=
                              PIPC_OK &&
                          area == &mark,
                      "room above the maximum was given");
    kit_exchange(rig, &pair, 1);
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

const struct kit_case kit_transport_upgrade[] = {
    {"T-USABLE", "usable tells asked bits alone, in both roles", UPGRADE, 0, usable},
    {"T-OFFER-TAKEN", "an offer of a name that is taken: ADDR_IN_USE, the first undisturbed",
     UPGRADE, 0, taken},
    {"T-OFFER-ROOM", "an offer keeps within the room for it, and tells its memory", UPGRADE, 0,
     room},
    {"T-OFFER-UNATTACHED", "an offer that nobody attached leaves nothing", UPGRADE, 0, unattached},
    {"T-ATTACH-NOTHING", "attach where nothing was offered fails, says the bits, leaves nothing",
     UPGRADE, 0, nothing_offered},
    {"T-ATTACH-ABORT", "an aborted attach withdraws nothing", UPGRADE, 0, attach_aborted},
    {"T-CARRIER-GONE", "attach on a carrier that ended: DISCONNECTED, nothing withdrawn", UPGRADE,
     0, carrier_gone},
    {"T-SWEEP", "sweep removes what a killed server left, and nothing of the living", UPGRADE, 0,
     sweep},
    {"T-OFFER-MEMORY", "offer without memory: ALLOC, the bits, nothing kept", UPGRADE, 0,
     offer_memory},
    {"T-ATTACH-MEMORY", "attach without memory: ALLOC, the bits, nothing kept", UPGRADE, 0,
     attach_memory},
    {"T-IN-PLACE", "what is written in place and committed arrives, what is given up does not",
     PIPC_TRAIT_WRITE_IN_PLACE, 0, in_place},
    {NULL, NULL, 0, 0, NULL},
};
