/* SPDX-License-Identifier: Apache-2.0
 *
 * The header of handshake messages, and the server's handshake as an object: driven step by step,
 * also without blocking, until it is a session or gone. One thread at a time.
 */
#include "session.h"

#include <string.h>

void pipci_handshake_head_read(const uint8_t *packet, struct pipci_handshake_head *ret_head)
{
    memcpy(&ret_head->magic, packet, 4);
    memcpy(&ret_head->version, packet + 4, 2);
    memcpy(&ret_head->header_len, packet + 6, 2);
    memcpy(&ret_head->kind, packet + 8, 2);
    memcpy(&ret_head->code, packet + 12, 2);
    memcpy(&ret_head->status, packet + 14, 2);
}

uint32_t pipci_handshake_head_write(uint8_t *packet, uint16_t code, uint16_t status, size_t len)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = PIPC_KIND_CONTROL,
                                       .code = code,
                                       .transport_status = status,
                                       .payload_len = (uint32_t)len,
                                       .item_count = 1};

    (void)pipc_header_encode(&header, packet, PIPC_HEADER_LEN);
    return (uint32_t)(PIPC_HEADER_LEN + len);
}

bool pipci_handshake_is_cut(const struct pipc_transport_ops *carrier,
                            const struct pipc_received *received)
{
    return (carrier->traits & PIPC_TRAIT_WHOLE_HANDSHAKE) && (received->flags & PIPC_RECEIVED_CUT);
}

/* ---- the server's object ---- */

static void drop(struct pipc_handshake *h)
{
    struct pipci_site *const site = h->site;

    if (h->slot_give)
        h->slot_give(h->slot_arg);
    if (h->session)
        pipc_session_close(h->session);
    else
        site->service.carrier->ops.close(
            h->channel, site->process == pipci_process_id() ? 0 : PIPC_CLOSE_FORKED);
    pipci_free(site->memory, h);
    pipci_site_release(site);
}

void pipc_handshake_close(struct pipc_handshake *handshake)
{
    if (handshake)
        drop(handshake);
}

pipc_handle pipc_handshake_wait_handle(const struct pipc_handshake *handshake)
{
    return handshake ? handshake->site->service.carrier->ops.wait_handle(handshake->channel)
                     : PIPC_NO_HANDLE;
}

uint64_t pipc_handshake_deadline(const struct pipc_handshake *handshake)
{
    return handshake ? handshake->deadline_ns : PIPC_NEVER;
}

/* Row 1, then the rest. A packet longer than the buffer is judged by what fits, unless the carrier
 * asks for whole ones. */
static pipc_result take_hello(struct pipc_handshake *h,
                              const struct pipc_session_settings *settings,
                              const struct pipc_wait *wait, struct pipc_error *err)
{
    uint8_t packet[PIPC_HANDSHAKE_BUF_LEN];
    const struct pipc_piece piece = {packet, sizeof(packet)};
    struct pipc_received got = {.size = (uint32_t)sizeof(got)};
    const pipc_result result =
        h->site->service.carrier->ops.receive(h->channel, &piece, 1, wait, &got, err);

    if (result != PIPC_OK)
        return result;
    if ((got.flags & PIPC_RECEIVED_END) || !got.len)
        return pipci_fail(err, PIPC_ERR_DISCONNECTED, 0,
                          "service %s: closed before a HELLO came (a probe)",
                          h->site->endpoint.service);
    if (pipci_handshake_is_cut(&h->site->service.carrier->ops, &got))
        return pipci_fail(err, PIPC_ERR_PROTOCOL, 0, "service %s: HELLO is longer than one can be",
                          h->site->endpoint.service);
    return pipci_handshake_judge(h, packet, (size_t)got.len, settings, err);
}

/* Row 16. */
static pipc_result send_answer(struct pipc_handshake *h, const struct pipc_wait *wait,
                               struct pipc_error *err)
{
    const struct pipc_piece piece = {h->answer, h->answer_len};

    return h->site->service.carrier->ops.send(h->channel, &piece, 1, wait, err);
}

static pipc_result step(struct pipc_handshake *h, const struct pipc_session_settings *settings,
                        const struct pipc_wait *wait, struct pipc_error *err)
{
    struct pipc_wait bounded = *wait;
    pipc_result result = pipci_context_check_process(h->site->context, err);

    bounded.deadline_ns = pipci_deadline_min(wait->deadline_ns, h->deadline_ns);
    if (result == PIPC_OK && !h->session)
        result = take_hello(h, settings, &bounded, err);
    if (result == PIPC_OK)
        result = send_answer(h, &bounded, err);
    return result;
}

pipc_result pipci_handshake_run_wait(struct pipc_handshake **handshake,
                                     const struct pipc_session_settings *settings,
                                     const struct pipc_wait *wait,
                                     struct pipc_session **ret_session, struct pipc_error *err)
{
    if (!handshake || !*handshake || !ret_session)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "handshake or result is missing");
    struct pipc_handshake *const h = *handshake;
    const pipc_result result = step(h, settings, wait, err);

    if (result == PIPC_ERR_TIMEOUT && wait->deadline_ns == PIPC_NOW &&
        !pipci_deadline_passed(h->deadline_ns))
        return result;
    *handshake = NULL;
    if (result == PIPC_OK) {
        *ret_session = h->session;
        struct pipci_site *const site = h->site;
        pipci_free(site->memory, h);
        pipci_site_release(site);
        return PIPC_OK;
    }
    drop(h);
    return result;
}

pipc_result pipc_handshake_run(struct pipc_handshake **handshake,
                               const struct pipc_session_settings *settings, uint64_t timeout_ms,
                               pipc_handle abort, struct pipc_session **ret_session,
                               struct pipc_error *err)
{
    const struct pipc_wait wait = pipci_wait_make(pipci_deadline(timeout_ms), abort, NULL);

    return pipci_handshake_run_wait(handshake, settings, &wait, ret_session, err);
}
