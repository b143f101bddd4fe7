/* SPDX-License-Identifier: Apache-2.0
 *
 * A handler that counts its calls and notes who asks, and short forms for single requests and
 * batches whose answer is known beforehand.
 *
 * The spy may be asked while the server runs.
 */
#ifndef PIPC_TESTS_SERVER_SPY_H
#define PIPC_TESTS_SERVER_SPY_H

#include "server_fixture.h"

/* What the last callback learnt. */
struct spy_seen {
    struct pipc_peer peer;
    pipc_result peer_result;
    uint64_t deadline_ns, deadline_again_ns;
};

struct spy {
    struct hosted *hosted;
    uint32_t calls;       /* atomic */
    bool fail;            /* atomic */
    struct spy_seen seen; /* through spy_seen alone */
};

struct scripted_handler spy_on(struct spy *spy);
uint32_t spy_calls(const struct spy *spy);
struct spy_seen spy_seen(const struct spy *spy);

/* One request on a session of its own, which the answer ends. */
void raw_expect_closing(const void *request, size_t len, int status);
/* The room of a response as the codec saw it; NULL: no items. */
uint32_t raw_room(struct raw *raw, uint32_t *ret_items);

/* Builds a batch of items that all have five bytes: script and number. Returns its length. */
size_t script_batch(uint8_t *buf, size_t cap, const char *scripts, const uint32_t *numbers,
                    uint32_t count);
void raw_send_batch(struct raw *raw, uint64_t id, const uint8_t *payload, size_t len,
                    uint32_t count);
/* A batch and the status of its error answer, after which the session is over. */
void raw_expect_failed_batch(const uint8_t *payload, size_t len, uint32_t count, int status);

#endif
