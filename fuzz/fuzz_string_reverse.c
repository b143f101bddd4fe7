/* SPDX-License-Identifier: Apache-2.0
 *
 * STRING_REVERSE: a payload that decodes encodes to the same bytes again, but for what follows its
 * NUL; a dispatch of it stays inside a response of the same size.
 */
#include "fuzz.h"

#include <pipc/codecs/string_reverse.h>

#include <stdlib.h>
#include <string.h>

static uint32_t echo(void *user, const struct pipc_request *from, const char *str, size_t len,
                     char *space, size_t space_len, size_t *ret_len)
{
    (void)user;
    (void)from;
    if (len <= space_len)
        memcpy(space, str, len);
    *ret_len = len;
    return 1;
}

/* Echoes the request into a block of exactly `cap` bytes. */
static void dispatch(const uint8_t *data, size_t len, size_t cap, size_t expected)
{
    const struct pipc_string_reverse_handler handler = {.size = sizeof(handler),
                                                        .string_reverse = echo};
    unsigned char *response = malloc(cap ? cap : 1);
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = &handler,
                                    .request = data,
                                    .request_len = len,
                                    .response = response,
                                    .response_cap = cap};
    struct pipc_dispatched done = {.size = sizeof(done)};
    if (!response)
        abort();
    const pipc_result r =
        ((const struct pipc_codec_ops *)pipc_module_string_reverse.ops)->dispatch(&d, &done);
    if (r != (cap < expected ? PIPC_ERR_OVERFLOW : PIPC_OK))
        abort();
    if (r == PIPC_OK ? done.response_len != expected || memcmp(response, data, expected) != 0
                     : done.needed != expected)
        abort();
    free(response);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    const struct pipc_string_reverse_table *table = pipc_string_reverse_linked();
    const struct pipc_codec_ops *ops =
        (const struct pipc_codec_ops *)pipc_module_string_reverse.ops;
    struct pipc_string_reverse_view view;
    const pipc_result r = pipc_string_reverse_decode(table, data, len, &view);
    if (ops->check_response(data, len) != r)
        abort();
    if (r != PIPC_OK)
        return;
    if (view.str.len + 9 > len || view.str.ptr[view.str.len] != '\0')
        abort();
    const size_t expected = view.str.len + 9;
    unsigned char *again = malloc(expected);
    size_t again_len = 0;
    if (!again ||
        pipc_string_reverse_encode(table, view.str.ptr, view.str.len, again, expected,
                                   &again_len) != PIPC_OK ||
        again_len != expected || memcmp(again, data, expected) != 0)
        abort();
    if (pipc_string_reverse_encode(table, view.str.ptr, view.str.len, again, expected - 1,
                                   &again_len) != PIPC_ERR_OVERFLOW)
        abort();
    free(again);
    dispatch(data, len, expected, expected);
    dispatch(data, len, expected - 1, expected);
    dispatch(data, len, 8, expected);
}
