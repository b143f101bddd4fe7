/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives a wrapper over the baseline transport: the fake host of uds_fixture, with a transport to
 * find, a codec of method 1 and the decoders of the envelope; the last lines of the log are kept.
 *
 * One fixture a test. One thread unless said otherwise.
 */
#ifndef PIPC_TESTS_WRAPPER_FIXTURE_H
#define PIPC_TESTS_WRAPPER_FIXTURE_H

#include "uds_fixture.h"

#include <pipc/wire.h>

#define WRAPPER_VALUES 16u
#define WRAPPER_LOG    16384u

struct wrapper_fixture {
    struct uds_fixture uds; /* the wrapped one; its host is that of the wrapper, too */
    const struct pipc_module *module;
    struct pipc_option_value values[WRAPPER_VALUES]; /* declared defaults; change before init */
    const struct pipc_transport_ops *ops;
    void *self;
    void *client, *server; /* of wrapper_pair */
    char log[WRAPPER_LOG]; /* lines, each with a line end */
};

/* Options of a context that configured nothing. */
void wrapper_defaults(struct wrapper_fixture *f, const struct pipc_module *module);
pipc_result wrapper_init(struct wrapper_fixture *f);
/* Init, and both ends of one connection of service "a". */
void wrapper_pair(struct wrapper_fixture *f);
/* Everything closed; nothing may be left allocated. */
void wrapper_close(struct wrapper_fixture *f);

pipc_result wrapper_put(struct wrapper_fixture *f, void *channel, const void *bytes, size_t len);
pipc_result wrapper_get(struct wrapper_fixture *f, void *channel, void *bytes, size_t size,
                        struct pipc_received *received);
/* A packet from the client to the server. */
void wrapper_pass(struct wrapper_fixture *f, const void *bytes, size_t len);

/* A message of method 1 in `packet`: its length. */
size_t wrapper_message(uint8_t *packet, uint16_t kind, uint16_t flags, uint32_t items,
                       const void *payload, uint32_t len);
/* The text of a file, in a static buffer. */
const char *wrapper_file(const char *path, size_t *ret_len);

#endif
