/* SPDX-License-Identifier: Apache-2.0
 *
 * INCREMENT through level 1 and level 2: ping-pong, batches, pipelines, connecting, an idle
 * connection.
 *
 * The message of level 1 is built once and sent again; its answer is compared with what it has to
 * be. No deadline is given there, so that no clock is read for it; level 2 always has one.
 */
#include "server.h"

#include <inttypes.h>
#include <pipc/codecs/increment.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Both levels of one client. */
struct increment {
    struct row *row;
    struct contender *contender;
    uint32_t items;
    struct pipc_context *context;
    struct pipc_session *session;
    struct pipc_client *client;
    struct pipc_message request, answer;
    uint64_t *values, *answers; /* of a batch at level 2 */
    uint64_t next_id, expected_id;
    unsigned char *payload;
    size_t payload_len;
    char run_dir[PATH_LEN];
    const char *service;
};

static void settings_fill(const struct increment *s, struct pipc_session_settings *ret)
{
    const struct options *o = s->row->bench->o;
    const uint32_t items = s->items;

    *ret = (struct pipc_session_settings){.size = sizeof(*ret),
                                          .max_request_payload_bytes = o->max_request_bytes,
                                          .max_request_batch_items = o->max_batch_items,
                                          .max_response_payload_bytes = o->max_response_bytes,
                                          .packet_size = o->packet_size,
                                          .auth_token = o->token,
                                          .auth_token_given = o->token_given};
    if (items > 1 && !ret->max_request_batch_items)
        ret->max_request_batch_items = items;
    if (items > 1 && !ret->max_request_payload_bytes)
        ret->max_request_payload_bytes = increment_len(items);
    if (items > 1 && !ret->max_response_payload_bytes)
        ret->max_response_payload_bytes = increment_len(items);
}

uint32_t increment_len(uint32_t items)
{
    return items == 1 ? PIPC_INCREMENT_LEN : items * (PIPC_BATCH_ENTRY_LEN + PIPC_INCREMENT_LEN);
}

static pipc_result no_memory(const struct increment *s, struct pipc_error *err)
{
    err->result = PIPC_ERR_ALLOC;
    snprintf(err->text, sizeof(err->text), "service '%s': no memory for a message", s->service);
    return PIPC_ERR_ALLOC;
}

/* ---- level 1 ---- */

static pipc_result message_make(struct increment *s, struct pipc_error *err)
{
    const uint32_t items = s->items;

    s->payload_len = increment_len(items);
    s->payload = calloc(1, s->payload_len);
    if (!s->payload)
        return no_memory(s, err);
    s->request = (struct pipc_message){.size = sizeof(s->request),
                                       .kind = PIPC_KIND_REQUEST,
                                       .flags = items > 1 ? PIPC_FLAG_BATCH : 0,
                                       .code = PIPC_METHOD_INCREMENT,
                                       .item_count = items,
                                       .payload_len = s->payload_len};
    s->answer.size = sizeof(s->answer);
    s->next_id = s->expected_id = 1;
    return PIPC_OK;
}

/* The values id, id + 1, ..., built where they are sent from if the data plane has room for that.
 */
static void message_fill(struct increment *s, uint64_t id)
{
    void *const room = pipc_session_reserve(s->session, s->payload_len);
    unsigned char *const payload = room ? room : s->payload;
    void *items = payload;

    if (s->items > 1)
        (void)pipc_batch_uniform_begin(payload, s->payload_len, s->items, sizeof(id), &items);
    for (uint64_t i = 0; i < s->items; i++) {
        const uint64_t value = id + i;
        memcpy((unsigned char *)items + i * sizeof(value), &value, sizeof(value));
    }
    s->request.payload = payload;
}

static pipc_result l1_connect(struct increment *s, struct pipc_error *err)
{
    struct pipc_session_settings settings;

    settings_fill(s, &settings);
    return pipc_connect(s->context, s->run_dir, s->service, &settings, 0, PIPC_NO_HANDLE,
                        &s->session, NULL, err);
}

static pid_t peer_of(const struct pipc_session_status *status)
{
    return status->peer.known & PIPC_PEER_PID ? (pid_t)status->peer.pid : 0;
}

static pipc_result l1_open(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    struct pipc_session_status status = {.size = sizeof(status)};
    pipc_result result = bench_context(s->row, c, &s->context, err);

    if (result == PIPC_OK)
        result = message_make(s, err);
    if (result == PIPC_OK)
        result = l1_connect(s, err);
    if (result == PIPC_OK && !c->server_pid) {
        pipc_session_status(s->session, &status);
        c->server_pid = peer_of(&status);
    }
    return result;
}

static pipc_result l1_send(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;

    message_fill(s, s->next_id);
    s->request.message_id = s->next_id++;
    return pipc_session_send(s->session, &s->request, 0, PIPC_NO_HANDLE, err);
}

static pipc_result wrong_answer(const struct increment *s, struct pipc_error *err)
{
    err->result = PIPC_ERR_BAD_LAYOUT;
    snprintf(err->text, sizeof(err->text), "service '%s': request %" PRIu64 " got a wrong answer",
             s->service, s->expected_id);
    return PIPC_ERR_BAD_LAYOUT;
}

static pipc_result l1_receive(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    const pipc_result result =
        pipc_session_receive(s->session, 0, 0, PIPC_NO_HANDLE, &s->answer, err);
    uint64_t value;

    if (result != PIPC_OK)
        return result;
    if (s->answer.transport_status != PIPC_STATUS_OK || s->answer.message_id != s->expected_id ||
        s->answer.payload_len != s->payload_len)
        return wrong_answer(s, err);
    /* The last value is the last bytes of an answer of any number of items. */
    memcpy(&value, (const unsigned char *)s->answer.payload + s->payload_len - sizeof(value),
           sizeof(value));
    if (value != s->expected_id + s->items)
        return wrong_answer(s, err);
    s->expected_id++;
    return PIPC_OK;
}

static pipc_result l1_exchange(struct contender *c, struct pipc_error *err)
{
    const pipc_result result = l1_send(c, err);

    return result == PIPC_OK ? l1_receive(c, err) : result;
}

static void l1_interrupt(struct contender *c)
{
    const struct increment *s = c->state;

    if (s->session)
        pipc_session_interrupt(s->session);
}

static void increment_close(struct contender *c)
{
    struct increment *s = c->state;

    pipc_session_close(s->session);
    pipc_client_destroy(s->client);
    (void)pipc_close(s->context);
    free(s->payload);
    free(s->values);
    free(s->answers);
}

/* ---- level 2 ---- */

static pipc_result l2_make(struct increment *s, struct pipc_error *err)
{
    struct pipc_client_config config;
    const uint32_t items = s->items;

    if (bench_context(s->row, s->contender, &s->context, err) != PIPC_OK)
        return err->result;
    client_config_from(s->row->bench->o, &config);
    if (items > 1 && !config.max_request_batch_items)
        config.max_request_batch_items = items;
    if (items > 1 && !config.max_request_payload_bytes)
        config.max_request_payload_bytes = increment_len(items);
    s->values = calloc(items, sizeof(*s->values));
    s->answers = calloc(items, sizeof(*s->answers));
    if (!s->values || !s->answers)
        return no_memory(s, err);
    for (uint32_t i = 0; i < items; i++)
        s->values[i] = i;
    return pipc_client_create(s->context, s->run_dir, s->service, &config, &s->client, err);
}

static pipc_result l2_open(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    struct pipc_client_status status = {.size = sizeof(status)};
    pipc_result result = l2_make(s, err);

    if (result == PIPC_OK)
        result = pipc_client_refresh_timeout(s->client, 0, NULL, err);
    if (result == PIPC_OK && !c->server_pid) {
        pipc_client_status(s->client, &status);
        c->server_pid = peer_of(&status.session);
    }
    return result;
}

static pipc_result l2_exchange(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    uint64_t answer;
    const pipc_result result =
        pipc_client_call_increment(s->client, s->expected_id, &answer, 0, err);

    if (result != PIPC_OK)
        return result;
    if (answer != s->expected_id + 1)
        return wrong_answer(s, err);
    s->expected_id++;
    return PIPC_OK;
}

static pipc_result l2_exchange_batch(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    const uint32_t last = s->items - 1;
    const pipc_result result =
        pipc_client_call_increment_batch(s->client, s->values, last + 1, s->answers, 0, err);

    if (result == PIPC_OK && s->answers[last] != s->values[last] + 1)
        return wrong_answer(s, err);
    return result;
}

static void l2_interrupt(struct contender *c)
{
    const struct increment *s = c->state;

    if (s->client)
        pipc_client_abort(s->client);
}

/* ---- connecting ---- */

static pipc_result connect_open(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;

    return c->level == LEVEL_L1 ? bench_context(s->row, c, &s->context, err) : l2_make(s, err);
}

static pipc_result l1_connect_exchange(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    const pipc_result result = l1_connect(s, err);

    if (result != PIPC_OK)
        return result;
    pipc_session_close(s->session);
    s->session = NULL;
    return PIPC_OK;
}

static pipc_result l2_connect_exchange(struct contender *c, struct pipc_error *err)
{
    struct increment *s = c->state;
    const pipc_result result = pipc_client_refresh_timeout(s->client, 0, NULL, err);

    pipc_client_drop(s->client);
    return result;
}

/* ---- idle ---- */

static pipc_result l1_idle(struct contender *c, uint64_t ns, struct pipc_error *err)
{
    struct increment *s = c->state;
    const uint64_t begin = clock_now();
    const pipc_result result = pipc_session_receive(s->session, ns / PIPC_NS_PER_MS + 1, 0,
                                                    PIPC_NO_HANDLE, &s->answer, err);

    c->slice->wall_ns = clock_now() - begin;
    return result == PIPC_ERR_TIMEOUT ? PIPC_OK : result == PIPC_OK ? wrong_answer(s, err) : result;
}

static pipc_result l2_idle(struct contender *c, uint64_t ns, struct pipc_error *err)
{
    const uint64_t begin = clock_now();
    const struct timespec time = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};

    (void)err;
    (void)nanosleep(&time, NULL);
    c->slice->wall_ns = clock_now() - begin;
    return PIPC_OK;
}

/* ---- making them ---- */

static const struct contender_ops l1_ops = {.open = l1_open,
                                            .exchange = l1_exchange,
                                            .send = l1_send,
                                            .receive = l1_receive,
                                            .interrupt = l1_interrupt,
                                            .close = increment_close};
static const struct contender_ops l2_ops = {
    .open = l2_open, .exchange = l2_exchange, .interrupt = l2_interrupt, .close = increment_close};
static const struct contender_ops l2_batch_ops = {.open = l2_open,
                                                  .exchange = l2_exchange_batch,
                                                  .interrupt = l2_interrupt,
                                                  .close = increment_close};
static const struct contender_ops l1_connect_ops = {.open = connect_open,
                                                    .exchange = l1_connect_exchange,
                                                    .interrupt = l1_interrupt,
                                                    .close = increment_close};
static const struct contender_ops l2_connect_ops = {.open = connect_open,
                                                    .exchange = l2_connect_exchange,
                                                    .interrupt = l2_interrupt,
                                                    .close = increment_close};
static const struct contender_ops l1_idle_ops = {
    .open = l1_open, .idle = l1_idle, .interrupt = l1_interrupt, .close = increment_close};
static const struct contender_ops l2_idle_ops = {
    .open = l2_open, .idle = l2_idle, .interrupt = l2_interrupt, .close = increment_close};

static const struct contender_ops *ops_of(enum level level, uint32_t items, enum increment_use use)
{
    switch (use) {
    case USE_CONNECT:
        return level == LEVEL_L1 ? &l1_connect_ops : &l2_connect_ops;
    case USE_IDLE:
        return level == LEVEL_L1 ? &l1_idle_ops : &l2_idle_ops;
    default:
        return level == LEVEL_L1 ? &l1_ops : items > 1 ? &l2_batch_ops : &l2_ops;
    }
}

/* Our own server of this contender. */
static int increment_serve(struct increment *s, struct contender *c)
{
    static const struct pipc_increment_handler handler = {.size = sizeof(handler),
                                                          .increment = increment_one};
    struct server_plan plan = {.row = s->row,
                               .contender = c,
                               .managed = c->level != LEVEL_L1,
                               .run_dir = s->run_dir,
                               .service = s->service,
                               .kind = PIPC_INCREMENT_NAME,
                               .table_major = PIPC_INCREMENT_TABLE_MAJOR,
                               .handler = &handler};

    settings_fill(s, &plan.settings);
    plan.config = (struct pipc_server_config){
        .size = sizeof(plan.config),
        .max_request_payload_bytes = plan.settings.max_request_payload_bytes,
        .max_request_batch_items = plan.settings.max_request_batch_items,
        .max_response_payload_bytes = plan.settings.max_response_payload_bytes,
        .packet_size = plan.settings.packet_size,
        .auth_token = plan.settings.auth_token,
        .auth_token_given = plan.settings.auth_token_given,
        .adopt_handle = PIPC_NO_HANDLE};
    return server_start(&plan);
}

int increment_add(struct row *row, enum level level, const char *spin, uint32_t items,
                  enum increment_use use)
{
    struct contender *c = row_add(row, level, spin, ops_of(level, items, use));
    struct increment *s = c ? contender_state(c, sizeof(*s)) : NULL;
    int code;

    if (!s)
        return complain(EXIT_FAILED, "no memory for '%s'", row->scenario->name);
    s->row = row;
    s->contender = c;
    s->items = c->items = items;
    code = bench_service(row, &s->service, s->run_dir, sizeof(s->run_dir));
    return code >= 0 || row->bench->o->no_server ? code : increment_serve(s, c);
}
