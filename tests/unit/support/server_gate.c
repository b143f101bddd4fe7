/* SPDX-License-Identifier: Apache-2.0
 *
 * Callbacks that wait, clients that stall or do not read: sessions that are held in one state for
 * as long as a test needs.
 */
#include "server_gate.h"

void gate_make(struct gate *gate)
{
    memset(gate, 0, sizeof(*gate));
    CHECK_OK(pipci_event_init(&gate->entered, NULL));
    CHECK_OK(pipci_event_init(&gate->open, NULL));
}

void gate_done(struct gate *gate)
{
    pipci_event_done(&gate->entered);
    pipci_event_done(&gate->open);
}

void gate_await(const struct pipci_event *event)
{
    const struct pipc_wait wait =
        pipci_wait_make(pipci_deadline(20000 * test_slow()), event->handle, NULL);
    CHECK_RESULT(pipci_sleep(&wait), PIPC_ERR_ABORTED);
}

static bool pass_gate(void *user, const struct scripted_call *call)
{
    struct gate *gate = user;
    if (call->request[0] != SCRIPT_ECHO)
        return true;
    __atomic_fetch_add(&gate->calls, 1, __ATOMIC_RELAXED);
    if (gate->use_server) {
        int clean = 0;
        gate->drain = pipc_server_drain(gate->hosted->server, 10, &clean);
        gate->destroy = pipc_server_destroy(gate->hosted->server);
        gate->stop = pipc_server_stop(gate->hosted->server);
        return true;
    }
    pipci_event_set(&gate->entered);
    gate_await(&gate->open);
    return true;
}

struct scripted_handler gated(struct gate *gate)
{
    return (struct scripted_handler){
        .size = sizeof(struct scripted_handler), .user = gate, .callback = pass_gate};
}

void server_check_time(uint64_t start, unsigned limit_ms, const char *what)
{
    const uint64_t took = test_now_ms() - start;
    CHECK_MSG(took <= test_limit(limit_ms), "%s took %u ms", what, (unsigned)took);
}

void raw_open_stalled(struct raw *raw)
{
    struct pipc_hello hello = raw_hello();
    struct pipc_header header = raw_header(1, 500);
    uint8_t head[PIPC_HEADER_LEN], part[68] = {SCRIPT_ECHO};
    hello.packet_size = 100;
    raw_open_with(raw, &hello);
    pipc_header_encode(&header, head, sizeof(head));
    CHECK(raw_packet(raw, head, sizeof(head), part, sizeof(part)));
}

void raw_open_deaf(struct raw *raw)
{
    uint8_t request[5];
    raw_open(raw);
    script_u32(request, SCRIPT_LENGTH, 900000);
    CHECK(raw_request(raw, 1, request, sizeof(request)));
}

void server_start_large(struct hosted *hosted, uint32_t io_timeout_ms)
{
    struct pipc_server_config config = server_config();
    config.max_response_payload_bytes = 1000000;
    config.io_timeout_ms = io_timeout_ms;
    server_start(hosted, NULL, "scripted", NULL, 4, &config);
}
