/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests and batches with a known answer, and the handler that sees them. Every short form opens
 * and ends a session of its own unless it is given one.
 */
#include "server_spy.h"

/* A thread checker does not see the order that a message in a region gives. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static bool watch(void *user, const struct scripted_call *call)
{
    struct spy *spy = user;
    __atomic_fetch_add(&spy->calls, 1, __ATOMIC_RELAXED);
    struct spy_seen seen = {.peer.size = sizeof(seen.peer)};
    seen.peer_result = pipc_request_peer(call->from, &seen.peer);
    seen.deadline_ns = pipc_request_deadline(call->from);
    seen.deadline_again_ns = pipc_request_deadline(call->from);
    pthread_mutex_lock(&lock);
    spy->seen = seen;
    pthread_mutex_unlock(&lock);
    return !__atomic_load_n(&spy->fail, __ATOMIC_SEQ_CST);
}

struct scripted_handler spy_on(struct spy *spy)
{
    return (struct scripted_handler){
        .size = sizeof(struct scripted_handler), .user = spy, .callback = watch};
}

uint32_t spy_calls(const struct spy *spy)
{
    return __atomic_load_n(&spy->calls, __ATOMIC_RELAXED);
}

struct spy_seen spy_seen(const struct spy *spy)
{
    pthread_mutex_lock(&lock);
    const struct spy_seen seen = spy->seen;
    pthread_mutex_unlock(&lock);
    return seen;
}

void raw_expect_closing(const void *request, size_t len, int status)
{
    struct raw raw;
    raw_open(&raw);
    CHECK_EQ((uint64_t)raw_call(&raw, 5, request, len), (uint64_t)status);
    raw_expect_eof(&raw);
    raw_close(&raw);
}

uint32_t raw_room(struct raw *raw, uint32_t *ret_items)
{
    struct pipc_header header;
    uint32_t seen[2];
    const uint8_t script[1] = {SCRIPT_ROOM};
    CHECK(raw_request(raw, 1, script, 1));
    CHECK_EQ(raw_answer(raw, &header, seen, sizeof(seen)), 8);
    if (ret_items)
        *ret_items = seen[1];
    return seen[0];
}

size_t script_batch(uint8_t *buf, size_t cap, const char *scripts, const uint32_t *numbers,
                    uint32_t count)
{
    struct pipc_batch_builder builder;
    pipc_batch_begin(&builder, buf, cap, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t item[5];
        script_u32(item, scripts[i], numbers[i]);
        CHECK_OK(pipc_batch_add(&builder, item, sizeof(item)));
    }
    return pipc_batch_finish(&builder);
}

void raw_send_batch(struct raw *raw, uint64_t id, const uint8_t *payload, size_t len,
                    uint32_t count)
{
    struct pipc_header header = raw_header(id, len);
    header.flags = PIPC_FLAG_BATCH;
    header.item_count = count;
    CHECK(raw_message(raw, &header, payload));
}

void raw_expect_failed_batch(const uint8_t *payload, size_t len, uint32_t count, int status)
{
    struct raw raw;
    struct pipc_header header;
    raw_open(&raw);
    raw_send_batch(&raw, 6, payload, len, count);
    CHECK_EQ(raw_answer(&raw, &header, NULL, 0), 0);
    CHECK_EQ(header.transport_status, (uint64_t)status);
    CHECK_EQ(header.flags, 0);
    CHECK_EQ(header.item_count, 1);
    CHECK_EQ(header.message_id, 6);
    raw_expect_eof(&raw);
    raw_close(&raw);
}
