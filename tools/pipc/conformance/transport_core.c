/* SPDX-License-Identifier: Apache-2.0
 *
 * A transport under the real core: handshake, tokens, large messages, pipelines, batches, limits,
 * deadlines, aborts, peers that are killed, and what many sessions leave.
 */
#include "core_rig.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void session(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session *s;

    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    for (uint64_t i = 0; i < 500; i++)
        kit_core_call(s, i, "an opaque payload", 17);
    kit_core_call(s, 500, NULL, 0);
    pipc_session_close(s);
    kit_core_close(core);
}

static void token(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session_settings settings = kit_core_settings(core);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_session *s = NULL;

    kit_core_serve(core);
    settings.auth_token ^= 1;
    KIT_CHECK_RESULT(pipc_connect(core->context, core->run_dir, KIT_SERVICE, &settings, KIT_SOON_MS,
                                  PIPC_NO_HANDLE, &s, NULL, &err),
                     PIPC_ERR_AUTH_FAILED);
    KIT_CHECK(!s);
    s = kit_core_connect(core, NULL);
    KIT_CHECK_MSG(__atomic_load_n(&core->accept_failed, __ATOMIC_ACQUIRE) == PIPC_ERR_AUTH_FAILED,
                  "the server did not refuse the token");
    kit_core_call(s, 1, "x", 1);
    pipc_session_close(s);
    kit_core_close(core);
}

static unsigned char *pattern(size_t len)
{
    unsigned char *const bytes = malloc(len);

    KIT_CHECK(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)(i * 31 + i / 251);
    return bytes;
}

static void large(struct kit *kit)
{
    const size_t lens[] = {1, 4063, 4064, 4065, 65536, 250000, 3000000};
    struct kit_core *const core = kit_core_open(kit);
    unsigned char *const bytes = pattern(3000000);
    struct pipc_session *s;

    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
        kit_core_call(s, i, bytes, lens[i]);
    pipc_session_close(s);
    free(bytes);
    kit_core_close(core);
}

static void pipeline(struct kit *kit)
{
    enum { DEPTH = 16, ROUNDS = 50 };
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session *s;
    uint64_t number[DEPTH];

    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        for (uint64_t i = 0; i < DEPTH; i++) {
            number[i] = round * DEPTH + i;
            const struct pipc_message m = kit_core_request(number[i], &number[i], 8);
            kit_core_send(s, &m);
        }
        for (uint64_t i = 0; i < DEPTH; i++)
            kit_core_receive(s, number[i], &number[i], 8);
    }
    pipc_session_close(s);
    kit_core_close(core);
}

/* The second request is refused here, and nothing of it reaches the server. */
static void one_outstanding(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    const struct pipc_message first = kit_core_request(1, "first", 5);
    const struct pipc_message second = kit_core_request(2, "second", 6);
    struct pipc_session *s;

    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    for (int i = 0; i < 20; i++) {
        kit_core_send(s, &first);
        KIT_CHECK_RESULT(pipc_session_send(s, &second, KIT_SOON_MS, PIPC_NO_HANDLE, NULL),
                         PIPC_ERR_LIMIT_EXCEEDED);
        kit_core_receive(s, 1, "first", 5);
    }
    pipc_session_close(s);
    kit_core_close(core);
}

static void batch(struct kit *kit)
{
    enum { ITEMS = 1000, LEN = 64 * 1024 };
    struct kit_core *const core = kit_core_open(kit);
    unsigned char *const payload = malloc(LEN);
    struct pipc_batch_builder builder;
    struct pipc_message m, got = {.size = sizeof(got)};
    struct pipc_session *s;

    KIT_CHECK(payload);
    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    pipc_batch_begin(&builder, payload, LEN, ITEMS);
    for (uint32_t i = 0; i < ITEMS; i++)
        KIT_CHECK_RESULT(pipc_batch_add(&builder, &i, sizeof(i)), PIPC_OK);
    m = kit_core_request(1, payload, pipc_batch_finish(&builder));
    m.item_count = builder.count;
    m.flags = PIPC_FLAG_BATCH;
    kit_core_send(s, &m);
    KIT_CHECK_RESULT(pipc_session_receive(s, KIT_SOON_MS, KIT_SOON_MS, PIPC_NO_HANDLE, &got, NULL),
                     PIPC_OK);
    KIT_CHECK(got.item_count == ITEMS && (got.flags & PIPC_FLAG_BATCH));
    for (uint32_t i = 0; i < ITEMS; i++) {
        const void *item;
        size_t len;
        KIT_CHECK_RESULT(pipc_batch_item(got.payload, got.payload_len, ITEMS, i, &item, &len),
                         PIPC_OK);
        KIT_CHECK_MSG(len == sizeof(i) && memcmp(item, &i, len) == 0, "item %u differs", i);
    }
    pipc_session_close(s);
    free(payload);
    kit_core_close(core);
}

static void limits(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session_settings settings = kit_core_settings(core);
    unsigned char *const bytes = pattern(2000);
    struct pipc_session *s;

    settings.max_request_payload_bytes = 1000;
    kit_core_serve(core);
    s = kit_core_connect(core, &settings);
    const uint32_t limit = pipc_session_send_limit(s);
    KIT_CHECK_MSG(limit >= 1000, "the session can send %u bytes, 1000 were agreed", limit);
    kit_core_call(s, 1, bytes, 1000);
    const struct pipc_message m = kit_core_request(2, bytes, (size_t)limit + 1);
    if (limit < 2000)
        KIT_CHECK_RESULT(pipc_session_send(s, &m, KIT_SOON_MS, PIPC_NO_HANDLE, NULL),
                         PIPC_ERR_LIMIT_EXCEEDED);
    kit_core_call(s, 3, bytes, 1000); /* the session is open still */
    pipc_session_close(s);
    free(bytes);
    kit_core_close(core);
}

/* ---- waits ---- */

static pipc_result receive_for(struct pipc_session *s, uint64_t timeout_ms, pipc_handle abort)
{
    struct pipc_message m = {.size = sizeof(m)};

    return pipc_session_receive(s, timeout_ms, KIT_SOON_MS, abort, &m, NULL);
}

static void deadline(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    const struct pipc_message m = kit_core_request(1, "x", 1);
    struct pipc_session *s;

    kit_core_serve(core);
    __atomic_store_n(&core->silent, 1, __ATOMIC_RELEASE);
    s = kit_core_connect(core, NULL);
    kit_core_send(s, &m);
    const uint64_t began = kit_now_ns();
    KIT_CHECK_RESULT(receive_for(s, 60, PIPC_NO_HANDLE), PIPC_ERR_TIMEOUT);
    KIT_CHECK_MSG(kit_now_ns() - began >= 60 * PIPC_NS_PER_MS, "a wait ended before its deadline");
    KIT_CHECK_RESULT(receive_for(s, PIPC_NOW, PIPC_NO_HANDLE), PIPC_ERR_TIMEOUT);
    pipc_session_close(s);
    kit_core_close(core);
}

static void aborted(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    const struct pipc_message m = kit_core_request(1, "x", 1);
    struct pipc_session *s;
    struct kit_stop stop;

    kit_stop_make(&stop);
    kit_stop_set(&stop);
    kit_core_serve(core);
    __atomic_store_n(&core->silent, 1, __ATOMIC_RELEASE);
    s = kit_core_connect(core, NULL);
    kit_core_send(s, &m);
    KIT_CHECK_RESULT(receive_for(s, KIT_OVER_MS, stop.handle), PIPC_ERR_ABORTED);
    pipc_session_close(s);
    kit_core_close(core);
    kit_stop_free(&stop);
}

static void *interrupt_later(void *arg)
{
    const struct timespec moment = {0, 20000000};

    nanosleep(&moment, NULL);
    pipc_session_interrupt(arg);
    return NULL;
}

static void interrupted(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session *s;

    kit_core_serve(core);
    s = kit_core_connect(core, NULL);
    kit_core_call(s, 1, "x", 1);
    const pthread_t thread = kit_thread(interrupt_later, s);
    KIT_CHECK_RESULT(receive_for(s, KIT_OVER_MS, PIPC_NO_HANDLE), PIPC_ERR_ABORTED);
    pthread_join(thread, NULL);
    KIT_CHECK_RESULT(receive_for(s, KIT_OVER_MS, PIPC_NO_HANDLE), PIPC_ERR_ABORTED);
    pipc_session_close(s);
    kit_core_close(core);
}

/* ---- a server that is killed ---- */

struct victim {
    struct kit *kit;
    int ready;
};

static void serve_and_stay(void *arg)
{
    const struct victim *const v = arg;
    struct kit_core *const core = kit_core_open(v->kit);

    core->silent = 1;
    kit_core_serve(core);
    KIT_CHECK(write(v->ready, "r", 1) == 1);
    kit_pause();
}

static void killed(struct kit *kit)
{
    struct kit_core *core;
    struct pipc_session *s;
    struct pipc_session_status status = {.size = sizeof(status)};
    int ready[2];
    char byte;

    kit_pipe(ready);
    struct victim v = {kit, ready[1]};
    const kit_process child = kit_fork(serve_and_stay, &v);
    close(ready[1]);
    KIT_CHECK_MSG(read(ready[0], &byte, 1) == 1, "the server did not start");
    core = kit_core_open(kit);
    s = kit_core_connect(core, NULL);
    const struct pipc_message m = kit_core_request(1, "x", 1);
    kit_core_send(s, &m);
    kit_child_kill(child);
    const uint64_t began = kit_now_ns();
    const pipc_result r = receive_for(s, KIT_OVER_MS, PIPC_NO_HANDLE);
    KIT_CHECK_MSG(r == PIPC_ERR_DISCONNECTED || r == PIPC_ERR_RECV,
                  "the server was killed inside a call: %s", pipc_result_name(r));
    KIT_CHECK_TIME(kit_now_ns() - began < 1000 * PIPC_NS_PER_MS,
                   "the death of the server was told after more than a second");
    pipc_session_status(s, &status);
    KIT_CHECK(status.state == PIPC_SESSION_BROKEN);
    pipc_session_close(s);
    kit_core_serve(core); /* the endpoint of the dead is taken over */
    s = kit_core_connect(core, NULL);
    kit_core_call(s, 1, "x", 1);
    pipc_session_close(s);
    kit_core_close(core);
    close(ready[0]);
}

/* ---- many ---- */

static void many(struct kit *kit)
{
    enum { MANY = 32 };
    struct kit_core *const core = kit_core_open(kit);
    struct pipc_session *sessions[MANY];
    char text[32];

    kit_core_serve(core);
    for (unsigned i = 0; i < MANY; i++)
        sessions[i] = kit_core_connect(core, NULL);
    for (uint64_t round = 0; round < 10; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            const int len = snprintf(text, sizeof(text), "session %u", i);
            kit_core_call(sessions[i], round, text, (size_t)len);
        }
    }
    for (unsigned i = 0; i < MANY; i++)
        pipc_session_close(sessions[i]);
    kit_core_close(core);
}

static void flat(struct kit *kit)
{
    struct kit_core *const core = kit_core_open(kit);
    struct kit_usage before;
    size_t blocks = 0;

    kit_usage_take(kit, &before);
    const unsigned files = before.files;
    for (int round = 0; round < 30; round++) {
        kit_core_serve(core);
        for (int i = 0; i < 5; i++) {
            struct pipc_session *const s = kit_core_connect(core, NULL);
            kit_core_call(s, 1, "x", 1);
            pipc_session_close(s);
        }
        kit_core_unserve(core);
        if (round < 3) { /* what is made at the first uses stays */
            kit_usage_take(kit, &before);
            before.files = files;
            blocks = core->blocks;
        }
        KIT_CHECK_MSG(core->blocks == blocks, "round %d: %zu blocks, %zu before it", round,
                      core->blocks, blocks);
        kit_usage_same(kit, &before, "after five sessions and their listener");
    }
    kit_core_close(core);
}

#define ONE PIPC_TRAIT_ONE_OUTSTANDING

const struct kit_case kit_transport_core[] = {
    {"T-CORE-SESSION", "a session of the core runs over this module", 0, 0, session},
    {"T-CORE-TOKEN", "a wrong token is refused, the right one is not", 0, 0, token},
    {"T-CORE-LARGE", "messages of 1 byte to 3 MB, in chunks where the module has them", 0, 0,
     large},
    {"T-CORE-PIPELINE", "16 requests at once are answered", 0, ONE, pipeline},
    {"T-CORE-ONE", "a second request is refused while one is outstanding", ONE, 0, one_outstanding},
    {"T-CORE-BATCH", "a batch of 1000 items passes", 0, 0, batch},
    {"T-CORE-LIMITS", "a request above the limit is refused, the session goes on", 0, 0, limits},
    {"T-CORE-DEADLINE", "an answer that does not come: TIMEOUT", 0, 0, deadline},
    {"T-CORE-ABORT", "an abort ends the wait for an answer", 0, 0, aborted},
    {"T-CORE-INTERRUPT", "an interrupt ends waits of now and later", 0, 0, interrupted},
    {"T-CORE-KILLED", "a server that is killed inside a call is told, its endpoint taken over", 0,
     0, killed},
    {"T-CORE-MANY", "32 sessions at once", 0, 0, many},
    {"T-CORE-FLAT", "memory, descriptors, mappings and files are flat over 150 sessions", 0, 0,
     flat},
    {NULL, NULL, 0, 0, NULL},
};
