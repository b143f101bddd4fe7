/* SPDX-License-Identifier: Apache-2.0
 *
 * A callback of the scripted codec that waits until a test lets it go, so that a session is known
 * to be inside its callback.
 *
 * The gate's events may be set by any thread; the rest is the test's.
 */
#ifndef PIPC_TESTS_SERVER_GATE_H
#define PIPC_TESTS_SERVER_GATE_H

#include "server_fixture.h"

#include "core/base/platform.h"

struct gate {
    struct hosted *hosted;
    struct pipci_event entered, open;
    pipc_result stop, drain, destroy; /* with use_server: what the callback got from them */
    bool use_server;
    uint32_t calls;
};

void gate_make(struct gate *gate);
void gate_done(struct gate *gate);
/* Waits for one of its events; fails the test after 20 s. */
void gate_await(const struct pipci_event *event);
/* Handler whose echoes go through the gate. */
struct scripted_handler gated(struct gate *gate);
/* Fails when more than limit_ms (times test_slow) have passed since `start`. */
void server_check_time(uint64_t start, unsigned limit_ms, const char *what);

/* A client that sends the first packet of a longer message and no more. */
void raw_open_stalled(struct raw *raw);
/* A client that asks for more than its connection holds and never reads. */
void raw_open_deaf(struct raw *raw);
/* A server whose answers may be that large. */
void server_start_large(struct hosted *hosted, uint32_t io_timeout_ms);

#endif
