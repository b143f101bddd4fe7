/* SPDX-License-Identifier: Apache-2.0
 *
 * A message type for tests of the server: the request says what its dispatch shall come to.
 *
 * Two codecs, `scripted` (batches allowed) and `scripted_single` (not), handed in as modules. The
 * first byte of a request is what to do, see below; every callback goes through the hook of the
 * handler first.
 */
#ifndef PIPC_TESTS_SERVER_CODEC_H
#define PIPC_TESTS_SERVER_CODEC_H

#include <pipc/module.h>

#include <stdbool.h>

#define SCRIPTED_CODE        0x4101u
#define SCRIPTED_SINGLE_CODE 0x4102u

/* First byte of a request. */
#define SCRIPT_ECHO 'e' /* the response is the request */
#define SCRIPT_LENGTH                                                                            \
    'l' /* u32: response of that many bytes, byte i is i * 7; above the room: OVERFLOW at FINISH \
         */
#define SCRIPT_REQUEST  'q' /* u8: that result at stage REQUEST; the callback is not run */
#define SCRIPT_SPACE    's' /* OVERFLOW at stage SPACE; the callback is not run */
#define SCRIPT_CALLBACK 'c' /* u8: that result at stage CALLBACK */
#define SCRIPT_FINISH   'f' /* u8: that result at stage FINISH */
#define SCRIPT_NEEDED   'n' /* u32: OVERFLOW at FINISH, that length would have fitted */
#define SCRIPT_LIE      'x' /* PIPC_OK with a length of one byte more than the room */
#define SCRIPT_ROOM     'r' /* u32 room, u32 max_items as the dispatch got them */

struct scripted_call {
    const struct pipc_request *from;
    const uint8_t *request;
    size_t request_len;
    size_t room;
};

/* Handler of both codecs. A NULL callback ends every request with HANDLER_FAILED. */
struct scripted_handler {
    uint32_t size;
    uint32_t reserved;
    void *user;
    /* Before the request's own script; false: HANDLER_FAILED. */
    bool (*callback)(void *user, const struct scripted_call *call);
};

extern const struct pipc_module pipc_module_scripted;
extern const struct pipc_module pipc_module_scripted_single;

#endif
