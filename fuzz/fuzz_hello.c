/* SPDX-License-Identifier: Apache-2.0
 *
 * Both payloads of the handshake: every bit that is read is written back, decoding accepts what the
 * page accepts.
 */
#include "fuzz.h"

#include <pipc/wire.h>

#include <stdlib.h>
#include <string.h>

static void check_hello(const uint8_t *data, size_t len)
{
    struct pipc_hello hello, decoded;
    uint8_t again[PIPC_HELLO_LEN];
    const pipc_result read = pipc_hello_read(data, len, &hello);
    const pipc_result verdict = pipc_hello_decode(data, len, &decoded);
    if ((read == PIPC_OK) != (len >= PIPC_HELLO_LEN))
        abort();
    if (read != PIPC_OK) {
        if (verdict != PIPC_ERR_TRUNCATED)
            abort();
        return;
    }
    const int good = hello.layout_version == 1 && hello.flags == 0 && hello.padding == 0;
    if (verdict != (good ? (pipc_result)PIPC_OK : (pipc_result)PIPC_ERR_BAD_LAYOUT))
        abort();
    if (pipc_hello_encode(good ? &decoded : &hello, again, sizeof(again)) != PIPC_HELLO_LEN ||
        memcmp(again, data, PIPC_HELLO_LEN) != 0)
        abort();
}

static void check_ack(const uint8_t *data, size_t len)
{
    struct pipc_hello_ack ack, decoded;
    uint8_t again[PIPC_HELLO_ACK_LEN];
    const pipc_result read = pipc_hello_ack_read(data, len, &ack);
    const pipc_result verdict = pipc_hello_ack_decode(data, len, &decoded);
    if ((read == PIPC_OK) != (len >= PIPC_HELLO_ACK_LEN))
        abort();
    if (read != PIPC_OK) {
        if (verdict != PIPC_ERR_TRUNCATED)
            abort();
        return;
    }
    const int good = ack.layout_version == 1 && ack.flags == 0;
    if (verdict != (good ? (pipc_result)PIPC_OK : (pipc_result)PIPC_ERR_BAD_LAYOUT))
        abort();
    if (pipc_hello_ack_encode(good ? &decoded : &ack, again, sizeof(again)) != PIPC_HELLO_ACK_LEN ||
        memcmp(again, data, PIPC_HELLO_ACK_LEN) != 0)
        abort();
}

void fuzz_one(const uint8_t *data, size_t len)
{
    check_hello(data, len);
    check_ack(data, len);
}
