/* SPDX-License-Identifier: Apache-2.0
 *
 * The payloads of the two handshake messages (docs/level1-wire-envelope.md 5).
 *
 * Lengths are those of the wire, not of the structs. Pure functions on bytes; any thread.
 */
#include <pipc/wire.h>

#include "bytes.h"

size_t pipc_hello_encode(const struct pipc_hello *hello, void *buf, size_t cap)
{
    if (cap < PIPC_HELLO_LEN)
        return 0;
    struct pipci_writer w = {buf};
    pipci_put16(&w, hello->layout_version);
    pipci_put16(&w, hello->flags);
    pipci_put32(&w, hello->supported_profiles);
    pipci_put32(&w, hello->preferred_profiles);
    pipci_put32(&w, hello->max_request_payload_bytes);
    pipci_put32(&w, hello->max_request_batch_items);
    pipci_put32(&w, hello->max_response_payload_bytes);
    pipci_put32(&w, hello->max_response_batch_items);
    pipci_put32(&w, hello->padding);
    pipci_put64(&w, hello->auth_token);
    pipci_put32(&w, hello->packet_size);
    return PIPC_HELLO_LEN;
}

size_t pipc_hello_ack_encode(const struct pipc_hello_ack *ack, void *buf, size_t cap)
{
    if (cap < PIPC_HELLO_ACK_LEN)
        return 0;
    struct pipci_writer w = {buf};
    pipci_put16(&w, ack->layout_version);
    pipci_put16(&w, ack->flags);
    pipci_put32(&w, ack->server_supported_profiles);
    pipci_put32(&w, ack->intersection_profiles);
    pipci_put32(&w, ack->selected_profile);
    pipci_put32(&w, ack->agreed_max_request_payload_bytes);
    pipci_put32(&w, ack->agreed_max_request_batch_items);
    pipci_put32(&w, ack->agreed_max_response_payload_bytes);
    pipci_put32(&w, ack->agreed_max_response_batch_items);
    pipci_put32(&w, ack->agreed_packet_size);
    pipci_put32(&w, ack->padding);
    pipci_put64(&w, ack->session_id);
    return PIPC_HELLO_ACK_LEN;
}

pipc_result pipc_hello_read(const void *bytes, size_t len, struct pipc_hello *ret_hello)
{
    if (len < PIPC_HELLO_LEN)
        return PIPC_ERR_TRUNCATED;
    struct pipci_reader r = {bytes};
    ret_hello->layout_version = pipci_get16(&r);
    ret_hello->flags = pipci_get16(&r);
    ret_hello->supported_profiles = pipci_get32(&r);
    ret_hello->preferred_profiles = pipci_get32(&r);
    ret_hello->max_request_payload_bytes = pipci_get32(&r);
    ret_hello->max_request_batch_items = pipci_get32(&r);
    ret_hello->max_response_payload_bytes = pipci_get32(&r);
    ret_hello->max_response_batch_items = pipci_get32(&r);
    ret_hello->padding = pipci_get32(&r);
    ret_hello->auth_token = pipci_get64(&r);
    ret_hello->packet_size = pipci_get32(&r);
    return PIPC_OK;
}

pipc_result pipc_hello_ack_read(const void *bytes, size_t len, struct pipc_hello_ack *ret_ack)
{
    if (len < PIPC_HELLO_ACK_LEN)
        return PIPC_ERR_TRUNCATED;
    struct pipci_reader r = {bytes};
    ret_ack->layout_version = pipci_get16(&r);
    ret_ack->flags = pipci_get16(&r);
    ret_ack->server_supported_profiles = pipci_get32(&r);
    ret_ack->intersection_profiles = pipci_get32(&r);
    ret_ack->selected_profile = pipci_get32(&r);
    ret_ack->agreed_max_request_payload_bytes = pipci_get32(&r);
    ret_ack->agreed_max_request_batch_items = pipci_get32(&r);
    ret_ack->agreed_max_response_payload_bytes = pipci_get32(&r);
    ret_ack->agreed_max_response_batch_items = pipci_get32(&r);
    ret_ack->agreed_packet_size = pipci_get32(&r);
    ret_ack->padding = pipci_get32(&r);
    ret_ack->session_id = pipci_get64(&r);
    return PIPC_OK;
}

pipc_result pipc_hello_decode(const void *bytes, size_t len, struct pipc_hello *ret_hello)
{
    struct pipc_hello hello;
    const pipc_result result = pipc_hello_read(bytes, len, &hello);
    if (result != PIPC_OK)
        return result;
    /* The padding is reserved and must be 0, as the flags: a field of a later layout may take its
     * place. */
    if (hello.layout_version != PIPC_HELLO_LAYOUT || hello.flags != 0 || hello.padding != 0)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_hello = hello;
    return PIPC_OK;
}

pipc_result pipc_hello_ack_decode(const void *bytes, size_t len, struct pipc_hello_ack *ret_ack)
{
    struct pipc_hello_ack ack;
    const pipc_result result = pipc_hello_ack_read(bytes, len, &ack);
    if (result != PIPC_OK)
        return result;
    if (ack.layout_version != PIPC_HELLO_LAYOUT || ack.flags != 0)
        return PIPC_ERR_BAD_LAYOUT;
    *ret_ack = ack;
    return PIPC_OK;
}
