/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking one client that has come; moves no byte.
 *
 * Its successor listens before the client is handed out. Where that fails the client is served all
 * the same, and making an instance is tried again every 10 ms, in here or, while nobody is in here,
 * by way of the listener's event. The listener's thread.
 */
#include "np.h"

static struct np_slot *connected_slot(struct np_listener *listener)
{
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++) {
        const uint32_t at = (listener->next + i) % PIPC_NP_LISTEN_INSTANCES;
        if (np_slot_look(listener, &listener->slots[at])) {
            listener->next = at + 1;
            return &listener->slots[at];
        }
    }
    return NULL;
}

/* Tries to fill empty slots when it is time for that; how many are left. */
static uint32_t fill_slots(struct np_listener *listener)
{
    const struct pipc_host *const host = listener->instance->host;
    uint32_t left = 0;

    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++) {
        struct np_slot *const slot = &listener->slots[i];
        if (!slot->pipe &&
            (host->clock_ns(host) < listener->retry_ns || np_slot_open(listener, slot, false) != 0))
            left++;
    }
    return left;
}

/* Without memory the client keeps waiting in its slot. */
static pipc_result hand_over(struct np_listener *listener, struct np_slot *slot, void **ret_channel,
                             struct pipc_error *err)
{
    struct np_channel *channel = NULL;
    const pipc_result result =
        np_channel_make(listener->instance, PIPC_ROLE_SERVER, &listener->name, &channel, err);

    if (result != PIPC_OK)
        return result;
    channel->pipe = slot->pipe;
    slot->pipe = NULL;
    slot->connected = false;
    (void)np_slot_open(listener, slot, false);
    *ret_channel = channel;
    return PIPC_OK;
}

/* Nobody has come. OK: try again. */
static pipc_result wait_for_client(struct np_listener *listener, const struct pipc_wait *wait,
                                   uint32_t empty, struct pipc_error *err)
{
    const bool now = wait && wait->deadline_ns == PIPC_NOW;
    struct np_sleep sleep = {.host = listener->instance->host,
                             .wait = wait,
                             .event = listener->event,
                             .until_ns = PIPC_NEVER};
    pipc_result result;

    if (empty == PIPC_NP_LISTEN_INSTANCES || (empty > 0 && now))
        return np_fail(sleep.host, err, PIPC_ERR_ACCEPT, listener->os_code,
                       "%s: no instance of the pipe can be made", listener->name.text);
    if (empty > 0) {
        /* The event tells of the empty slots, which are known. */
        sleep.event = NULL;
        sleep.until_ns = listener->retry_ns;
    } else {
        /* A connect that was begun just now has reset it, and a client may have come before. */
        np_listener_settle(listener);
    }
    result = np_sleep(&sleep);
    return result == PIPC_OK
               ? PIPC_OK
               : np_wait_fail(sleep.host, err, result, &listener->name, "waiting for a client");
}

pipc_result np_accept(void *self, void *listener, const struct pipc_wait *wait, void **ret_channel,
                      struct pipc_error *err)
{
    struct np_listener *const l = listener;
    pipc_result result = np_wait_enter(wait);
    struct np_slot *slot = NULL;

    (void)self;
    if (result != PIPC_OK)
        return np_wait_fail(l->instance->host, err, result, &l->name, "waiting for a client");
    for (;;) {
        slot = connected_slot(l);
        if (slot)
            break;
        result = wait_for_client(l, wait, fill_slots(l), err);
        if (result != PIPC_OK)
            break;
    }
    if (slot)
        result = hand_over(l, slot, ret_channel, err);
    np_listener_settle(l);
    return result;
}
