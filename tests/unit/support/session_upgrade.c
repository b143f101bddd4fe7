/* SPDX-License-Identifier: Apache-2.0
 *
 * The upgrades "fast" and "ext": a second socket pair, made by offer, kept under the session id,
 * taken by attach. They fail in every documented way by order of the control record.
 */
#include "session_pair.h"
#include "test.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct offered {
    uint64_t id;
    int fd;
    struct offered *next;
};

static struct offered *offered;
static pthread_mutex_t offered_lock = PTHREAD_MUTEX_INITIALIZER;

static void put(uint64_t id, int fd)
{
    struct offered *const o = malloc(sizeof(*o));

    if (!o)
        test_fail(__FILE__, __LINE__, "no memory");
    pthread_mutex_lock(&offered_lock);
    *o = (struct offered){id, fd, offered};
    offered = o;
    pthread_mutex_unlock(&offered_lock);
}

static int take(uint64_t id)
{
    int fd = -1;

    pthread_mutex_lock(&offered_lock);
    for (struct offered **at = &offered; *at; at = &(*at)->next)
        if ((*at)->id == id) {
            struct offered *const o = *at;
            fd = o->fd;
            *at = o->next;
            free(o);
            break;
        }
    pthread_mutex_unlock(&offered_lock);
    return fd;
}

int session_offered_fd(uint64_t id)
{
    return take(id);
}

static pipc_result up_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                             struct pipc_usable *ret_usable)
{
    const uint32_t drop = role == PIPC_ROLE_CLIENT ? session_control.usable_drop_client
                                                   : session_control.usable_drop_server;

    (void)self;
    (void)endpoint;
    (void)auth_token;
    CHECK(carrier->ops->look(carrier->channel) <= PIPC_LOOK_GONE);
    __atomic_add_fetch(&session_control.usables, 1, __ATOMIC_RELAXED);
    if (session_control.usable_fails)
        return PIPC_ERR_NOT_SUPPORTED;
    ret_usable->bits = bits & ~drop;
    if (bits & drop)
        snprintf(ret_usable->reason, sizeof(ret_usable->reason), "the other user is a stranger");
    return PIPC_OK;
}

static struct session_channel *channel_over(int fd, const struct pipc_carrier *carrier, bool whole)
{
    struct session_channel *const c = session_channel_new(fd);

    c->gone = (int)carrier->ops->wait_handle(carrier->channel);
    c->whole = whole;
    return c;
}

static pipc_result fail_offer(struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    if (session_control.names_taken) {
        session_control.names_taken--;
        return session_say(err, PIPC_ERR_ADDR_IN_USE, 0, "that name is taken");
    }
    if (!session_fault_due(&session_control.offer))
        return PIPC_OK;
    if (session_control.offer_repeat > 1) {
        session_control.offer_repeat--;
        session_control.offer.at = 1;
    }
    ret_failure->bits = session_control.offer_bits;
    return session_say(err, session_control.offer.result, 28, "no room for the region");
}

static pipc_result offer(const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, bool whole, void **ret_channel,
                         struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    int fds[2];

    __atomic_add_fetch(&session_control.offers, 1, __ATOMIC_RELAXED);
    session_note("offer");
    session_control.last_offer = *request;
    const pipc_result result = fail_offer(ret_failure, err);
    if (result != PIPC_OK)
        return result;
    session_pair_make(fds);
    put(request->session_id, fds[1]);
    *ret_channel = channel_over(fds[0], carrier, whole);
    return PIPC_OK;
}

static pipc_result attach(const struct pipc_carrier *carrier,
                          const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                          bool whole, void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                          struct pipc_error *err)
{
    __atomic_add_fetch(&session_control.attaches, 1, __ATOMIC_RELAXED);
    if (session_control.attach_waits)
        return session_say(err, session_wait_fd(-1, 0, -1, -1, wait), 0, "it never came");
    if (session_fault_due(&session_control.attach)) {
        ret_failure->bits = session_control.attach_bits;
        ret_failure->withdraw_ms = session_control.attach_withdraw_ms;
        return session_say(err, session_control.attach.result, 24, "cannot map it");
    }
    const int fd = take(request->session_id);
    if (fd < 0) {
        ret_failure->bits = FAST_BITS;
        return session_say(err, PIPC_ERR_REGION_OPEN, 2, "not there");
    }
    *ret_channel = channel_over(fd, carrier, whole);
    return PIPC_OK;
}

static pipc_result up_sweep(void *self, const struct pipc_endpoint *endpoint,
                            struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    __atomic_add_fetch(&session_control.sweeps, 1, __ATOMIC_RELAXED);
    session_note("sweep");
    if (session_fault_due(&session_control.sweep))
        return session_say(err, session_control.sweep.result, 13, "may not look");
    return PIPC_OK;
}

static pipc_result fast_offer(void *self, const struct pipc_endpoint *endpoint,
                              const struct pipc_carrier *carrier,
                              const struct pipc_upgrade_request *request, void **ret_channel,
                              struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    return offer(carrier, request, true, ret_channel, ret_failure, err);
}

static pipc_result fast_attach(void *self, const struct pipc_endpoint *endpoint,
                               const struct pipc_carrier *carrier,
                               const struct pipc_upgrade_request *request,
                               const struct pipc_wait *wait, void **ret_channel,
                               struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    return attach(carrier, request, wait, true, ret_channel, ret_failure, err);
}

static pipc_result ext_offer(void *self, const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier,
                             const struct pipc_upgrade_request *request, void **ret_channel,
                             struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    return offer(carrier, request, false, ret_channel, ret_failure, err);
}

static pipc_result ext_attach(void *self, const struct pipc_endpoint *endpoint,
                              const struct pipc_carrier *carrier,
                              const struct pipc_upgrade_request *request,
                              const struct pipc_wait *wait, void **ret_channel,
                              struct pipc_upgrade_failure *ret_failure, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    return attach(carrier, request, wait, false, ret_channel, ret_failure, err);
}

#define CHANNEL_ENTRIES                                                         \
    .usable = up_usable, .sweep = up_sweep, .send = session_channel_send,       \
    .receive = session_channel_receive, .look = session_channel_look,           \
    .finish = session_channel_finish, .packet_max = session_channel_packet_max, \
    .interrupt = session_channel_interrupt, .close = session_channel_close,     \
    .memory = session_channel_memory

static const struct pipc_transport_ops fast_ops = {
    .size = sizeof(fast_ops),
    .traits = PIPC_TRAIT_UPGRADE | PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING |
              PIPC_TRAIT_WRITE_IN_PLACE,
    .profile_bits = FAST_BITS,
    .offer = fast_offer,
    .attach = fast_attach,
    .reserve = session_channel_reserve,
    .commit = session_channel_commit,
    CHANNEL_ENTRIES,
};

static const struct pipc_transport_ops ext_ops = {
    .size = sizeof(ext_ops),
    .traits = PIPC_TRAIT_UPGRADE,
    .profile_bits = EXT_BITS,
    .offer = ext_offer,
    .attach = ext_attach,
    CHANNEL_ENTRIES,
};

const struct pipc_module session_fast_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "fast",
    .version = "1",
    .vendor = "tests",
    .summary = "An upgrade that carries whole messages.",
    .ops = &fast_ops,
};

const struct pipc_module session_ext_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "ext",
    .version = "1",
    .vendor = "tests",
    .summary = "An upgrade with chunks.",
    .ops = &ext_ops,
};

static const struct pipc_transport_ops third_ops = {
    .size = sizeof(third_ops),
    .traits = PIPC_TRAIT_UPGRADE,
    .offer = ext_offer,
    .attach = ext_attach,
    CHANNEL_ENTRIES,
};

const struct pipc_module session_third_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "third",
    .version = "1",
    .vendor = "tests",
    .summary = "An upgrade of somebody else.",
    .ops = &third_ops,
};
