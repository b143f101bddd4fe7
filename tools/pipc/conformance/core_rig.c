/* SPDX-License-Identifier: Apache-2.0
 *
 * The module under the real core. See core_rig.h.
 */
#include "core_rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAYLOAD_LIMIT (4u << 20)

/* ---- the context's memory ---- */

static void *count_alloc(void *arg, size_t size)
{
    struct kit_core *const core = arg;

    __atomic_add_fetch(&core->blocks, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *count_realloc(void *arg, void *ptr, size_t size)
{
    (void)arg;
    return realloc(ptr, size);
}

static void count_free(void *arg, void *ptr)
{
    struct kit_core *const core = arg;

    __atomic_sub_fetch(&core->blocks, 1, __ATOMIC_RELAXED);
    free(ptr);
}

struct kit_core *kit_core_open(const struct kit *kit)
{
    struct kit_core *const core = calloc(1, sizeof(*core));
    struct pipc_error err = PIPC_ERROR_INIT;

    KIT_CHECK(core);
    kit_stop_make(&core->stop);
    core->kit = kit;
    snprintf(core->run_dir, sizeof(core->run_dir), "%s/r", kit->dir);
    kit_folder_make(core->run_dir);
    const struct pipc_allocator allocator = {.size = sizeof(allocator),
                                             .arg = core,
                                             .alloc = count_alloc,
                                             .realloc = count_realloc,
                                             .free = count_free};
    const struct pipc_open_options options = {.size = sizeof(options), .allocator = &allocator};
    KIT_CHECK_MSG(kit_context_open(kit->subject, &options, &core->context, &err) == PIPC_OK, "%s",
                  err.text);
    kit_thread_known();
    return core;
}

struct pipc_session_settings kit_core_settings(const struct kit_core *core)
{
    const struct pipc_transport_ops *const ops = core->kit->subject->module->ops;

    return (struct pipc_session_settings){.size = sizeof(struct pipc_session_settings),
                                          .max_request_payload_bytes = PAYLOAD_LIMIT,
                                          .max_request_batch_items = 1000,
                                          .max_response_payload_bytes = PAYLOAD_LIMIT,
                                          .max_response_batch_items = 1000,
                                          .packet_size =
                                              ops->traits & PIPC_TRAIT_NO_CHUNKS ? 0 : 4096,
                                          .auth_token = KIT_CORE_TOKEN,
                                          .auth_token_given = 1};
}

/* ---- the server ---- */

static void *session_main(void *arg)
{
    struct kit_core_session *const s = arg;
    const pipc_handle stop = s->core->stop.handle;
    struct pipc_message m = {.size = sizeof(m)};

    while (pipc_session_receive(s->session, 0, KIT_SOON_MS, stop, &m, NULL) == PIPC_OK) {
        if (__atomic_load_n(&s->core->silent, __ATOMIC_ACQUIRE))
            continue;
        m.kind = PIPC_KIND_RESPONSE;
        m.transport_status = PIPC_STATUS_OK;
        if (pipc_session_send(s->session, &m, KIT_SOON_MS, stop, NULL) != PIPC_OK)
            break;
    }
    pipc_session_close(s->session);
    return NULL;
}

static void *accept_main(void *arg)
{
    struct kit_core *const core = arg;
    struct pipc_session *session;

    for (;;) {
        const pipc_result r = pipc_accept(core->listener, 0, core->stop.handle, &session, NULL);
        if (r == PIPC_ERR_ABORTED)
            return NULL;
        if (r != PIPC_OK) {
            __atomic_store_n(&core->accept_failed, r, __ATOMIC_RELEASE);
            continue;
        }
        KIT_CHECK_MSG(core->session_count < KIT_CORE_SESSIONS_MAX, "too many sessions in a case");
        struct kit_core_session *const s = &core->sessions[core->session_count++];
        s->core = core;
        s->session = session;
        s->thread = kit_thread(session_main, s);
    }
}

void kit_core_serve(struct kit_core *core)
{
    const struct pipc_session_settings settings = kit_core_settings(core);
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r =
        pipc_listen(core->context, core->run_dir, KIT_SERVICE, &settings, &core->listener, &err);

    KIT_CHECK_MSG(r == PIPC_OK, "pipc_listen: %s (%s)", pipc_result_name(r), err.text);
    core->session_count = 0;
    core->acceptor = kit_thread(accept_main, core);
}

void kit_core_unserve(struct kit_core *core)
{
    kit_stop_set(&core->stop);
    pthread_join(core->acceptor, NULL);
    for (unsigned i = 0; i < core->session_count; i++)
        pthread_join(core->sessions[i].thread, NULL);
    KIT_CHECK(kit_stop_kept(&core->stop));
    pipc_listener_close(core->listener);
    core->listener = NULL;
}

void kit_core_close(struct kit_core *core)
{
    if (core->listener)
        kit_core_unserve(core);
    KIT_CHECK_RESULT(pipc_close(core->context), PIPC_OK);
    KIT_CHECK_MSG(core->blocks == 0, "%zu blocks of memory are left after pipc_close",
                  core->blocks);
    kit_stop_free(&core->stop);
    free(core);
}

/* ---- clients ---- */

void kit_core_check_served(const struct kit_core *core, const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};
    const struct kit_subject *const subject = core->kit->subject;

    pipc_session_status(session, &status);
    KIT_CHECK_MSG(status.transport && strcmp(status.transport, subject->module->name) == 0,
                  "the session runs over %s", status.transport ? status.transport : "nothing");
    KIT_CHECK_MSG(subject->file
                      ? status.transport_file && strcmp(status.transport_file, subject->file) == 0
                      : !status.transport_file,
                  "the session runs over the file %s",
                  status.transport_file ? status.transport_file : "of nothing");
    KIT_CHECK_MSG(!status.degraded, "passed over: %s", status.passed_over_why);
}

struct pipc_session *kit_core_connect(struct kit_core *core,
                                      const struct pipc_session_settings *settings)
{
    const struct pipc_session_settings usual = kit_core_settings(core);
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r =
        pipc_connect(core->context, core->run_dir, KIT_SERVICE, settings ? settings : &usual,
                     KIT_SOON_MS, PIPC_NO_HANDLE, &session, NULL, &err);

    KIT_CHECK_MSG(r == PIPC_OK, "pipc_connect: %s (%s)", pipc_result_name(r), err.text);
    kit_core_check_served(core, session);
    return session;
}

struct pipc_message kit_core_request(uint64_t id, const void *payload, size_t len)
{
    return (struct pipc_message){.size = sizeof(struct pipc_message),
                                 .kind = PIPC_KIND_REQUEST,
                                 .code = 1,
                                 .item_count = 1,
                                 .message_id = id,
                                 .payload = payload,
                                 .payload_len = len};
}

void kit_core_send(struct pipc_session *session, const struct pipc_message *message)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r = pipc_session_send(session, message, KIT_SOON_MS, PIPC_NO_HANDLE, &err);

    KIT_CHECK_MSG(r == PIPC_OK, "pipc_session_send of %zu bytes: %s (%s)", message->payload_len,
                  pipc_result_name(r), err.text);
}

void kit_core_receive(struct pipc_session *session, uint64_t id, const void *payload, size_t len)
{
    struct pipc_message m = {.size = sizeof(m)};
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result r =
        pipc_session_receive(session, KIT_SOON_MS, KIT_SOON_MS, PIPC_NO_HANDLE, &m, &err);

    KIT_CHECK_MSG(r == PIPC_OK, "pipc_session_receive: %s (%s)", pipc_result_name(r), err.text);
    KIT_CHECK_MSG(m.message_id == id && m.payload_len == len &&
                      (len == 0 || memcmp(m.payload, payload, len) == 0),
                  "answer %llu of %zu bytes is not the echo of %llu of %zu",
                  (unsigned long long)m.message_id, m.payload_len, (unsigned long long)id, len);
}

void kit_core_call(struct pipc_session *session, uint64_t id, const void *payload, size_t len)
{
    const struct pipc_message m = kit_core_request(id, payload, len);

    kit_core_send(session, &m);
    kit_core_receive(session, id, payload, len);
}
