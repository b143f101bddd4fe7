/* SPDX-License-Identifier: Apache-2.0
 *
 * What the two session targets share: a baseline without any system object, whose one channel reads
 * the packets of a script and throws away what is sent, after it has been checked.
 *
 * A script is a row of steps: two bytes, the lower 12 bits the length of the packet that follows,
 * the upper four what the step is (see below). Everything happens without blocking on one thread.
 */
#ifndef PIPC_FUZZ_SESSION_SCRIPT_H
#define PIPC_FUZZ_SESSION_SCRIPT_H

#include "fuzz.h"

#include <pipc/context.h>
#include <pipc/module.h>
#include <pipc/session.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    STEP_END = 0xf,       /* end of the stream */
    STEP_FAIL = 0xe,      /* the read fails */
    STEP_FULL = 0xd,      /* the next packets that are sent find no room */
    STEP_ROOM = 0xc,      /* they do again */
    STEP_SEND_FAIL = 0xb, /* the next packet that is sent fails */
    STEP_SEND = 0xa       /* the session sends a message of that length */
};

struct script {
    const uint8_t *at, *end;
    bool full, fail_send;
    uint32_t sent;           /* packets that left */
    uint32_t packet_max;     /* no packet may be longer; 0: not agreed yet */
    uint8_t joined[1 << 16]; /* payload bytes of the packets since the last message */
    size_t joined_len;
};
static struct script script;

static void must(bool good)
{
    if (!good)
        abort();
}

/* The next step; false at the end of the script. */
static bool script_peek(uint8_t *ret_kind, uint32_t *ret_len)
{
    if (script.end - script.at < 2)
        return false;
    const uint32_t head = script.at[0] | (uint32_t)script.at[1] << 8;
    const uint32_t left = (uint32_t)(script.end - script.at) - 2;
    *ret_kind = (uint8_t)(head >> 12);
    *ret_len = head & 0xfff;
    if (*ret_kind<STEP_SEND && * ret_len> left)
        *ret_len = left;
    return true;
}

static void script_skip(uint8_t kind, uint32_t len)
{
    script.at += 2 + (kind < STEP_SEND ? len : 0);
}

static pipc_result script_accept(void *self, void *listener, const struct pipc_wait *wait,
                                 void **ret_channel, struct pipc_error *err)
{
    (void)self;
    (void)listener;
    (void)wait;
    (void)err;
    *ret_channel = &script;
    return PIPC_OK;
}

static pipc_result script_connect(void *self, const struct pipc_endpoint *endpoint,
                                  const struct pipc_wait *wait, void **ret_channel,
                                  struct pipc_error *err)
{
    (void)endpoint;
    return script_accept(self, NULL, wait, ret_channel, err);
}

static pipc_result script_listen(void *self, const struct pipc_endpoint *endpoint,
                                 void **ret_listener, struct pipc_error *err)
{
    (void)self;
    (void)endpoint;
    (void)err;
    *ret_listener = &script;
    return PIPC_OK;
}

static pipc_handle script_listener_handle(void *self, void *listener)
{
    (void)self;
    (void)listener;
    return PIPC_NO_HANDLE;
}

static void script_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)listener;
    (void)flags;
}

static pipc_result script_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                               const struct pipc_wait *wait, struct pipc_error *err)
{
    size_t len = 0;

    (void)channel;
    (void)wait;
    (void)err;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *const bytes = pieces[i].base;
        for (size_t k = 0; k < pieces[i].len; k += 61) /* every piece is readable */
            fuzz_use(bytes[k]);
        len += pieces[i].len;
    }
    must(len >= 32 && (!script.packet_max || len <= script.packet_max));
    if (script.fail_send)
        return PIPC_ERR_SEND;
    if (script.full)
        return PIPC_ERR_TIMEOUT;
    script.sent++;
    return PIPC_OK;
}

static void join(const uint8_t *packet, uint32_t len)
{
    for (uint32_t i = 32; i < len && script.joined_len < sizeof(script.joined); i++)
        script.joined[script.joined_len++] = packet[i];
}

static pipc_result script_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                  const struct pipc_wait *wait, struct pipc_received *ret_received,
                                  struct pipc_error *err)
{
    uint32_t len, done = 0;
    uint8_t kind;

    (void)channel;
    (void)wait;
    (void)err;
    if (!script_peek(&kind, &len) || (kind >= STEP_SEND && kind < STEP_FAIL))
        return PIPC_ERR_TIMEOUT;
    const uint8_t *const packet = script.at + 2;
    script_skip(kind, len);
    ret_received->flags = kind == STEP_END || !len ? PIPC_RECEIVED_END : 0;
    ret_received->len = 0;
    if (kind == STEP_FAIL)
        return PIPC_ERR_RECV;
    if (ret_received->flags)
        return PIPC_OK;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = len - done;
        const uint32_t n = left < pieces[i].len ? left : (uint32_t)pieces[i].len;
        memset(pieces[i].base, 0xa5, pieces[i].len); /* every piece is writable */
        memcpy(pieces[i].base, packet + done, n);
        done += n;
    }
    ret_received->len = done;
    ret_received->flags = done < len ? PIPC_RECEIVED_CUT : 0;
    join(packet, done);
    return PIPC_OK;
}

static uint32_t script_look(void *channel)
{
    (void)channel;
    return PIPC_LOOK_NOTHING;
}

static void script_finish(void *channel, const struct pipc_wait *wait)
{
    (void)channel;
    (void)wait;
}

static uint32_t script_packet_max(void *channel, uint32_t configured)
{
    (void)channel;
    return configured ? configured : 4096;
}

static void script_interrupt(void *channel)
{
    (void)channel;
}

static void script_close(void *channel, uint32_t flags)
{
    (void)channel;
    (void)flags;
}

static const struct pipc_transport_ops script_ops = {
    .size = sizeof(script_ops),
    .traits = PIPC_TRAIT_BASELINE,
    .listen = script_listen,
    .accept = script_accept,
    .connect = script_connect,
    .listener_wait_handle = script_listener_handle,
    .listener_close = script_listener_close,
    .send = script_send,
    .receive = script_receive,
    .look = script_look,
    .finish = script_finish,
    .packet_max = script_packet_max,
    .interrupt = script_interrupt,
    .close = script_close,
};

static const struct pipc_module script_module = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = "script",
    .version = "1",
    .vendor = "fuzz",
    .summary = "Packets of a script.",
    .ops = &script_ops,
};

/* One context for all runs: opening it is not what is looked for here. */
static struct pipc_context *script_context(void)
{
    static struct pipc_context *context;
    struct pipc_config *config = NULL;

    if (context)
        return context;
    must(pipc_config_new(NULL, &config) == PIPC_OK);
    must(pipc_config_add_module(config, &script_module, NULL) == PIPC_OK);
    must(pipc_config_set(config, "pipc", "transports", "script", NULL) == PIPC_OK);
    must(pipc_open(config, NULL, &context, NULL) == PIPC_OK);
    pipc_config_free(config);
    return context;
}

static void script_begin(const uint8_t *data, size_t len)
{
    memset(&script, 0, offsetof(struct script, joined));
    script.at = data;
    script.end = data + len;
    script.joined_len = 0;
}

/* A delivered message holds what it says. */
static void script_check(const struct pipc_message *m, uint32_t limit)
{
    must(m->payload_len <= limit);
    must(m->payload_len == script.joined_len || script.joined_len == sizeof(script.joined));
    if (m->payload_len)
        must(memcmp(m->payload, script.joined, m->payload_len) == 0);
    if ((m->flags & PIPC_FLAG_BATCH) && m->item_count > 1)
        must(pipc_batch_check(m->payload, m->payload_len, m->item_count) == PIPC_OK);
}

/* A step that is no packet. False: it was one, or there is none. */
static bool script_step(uint32_t *ret_send)
{
    uint32_t len;
    uint8_t kind;

    *ret_send = UINT32_MAX;
    if (!script_peek(&kind, &len) || kind < STEP_SEND || kind >= STEP_FAIL)
        return false;
    script_skip(kind, len);
    if (kind == STEP_FULL)
        script.full = true;
    else if (kind == STEP_ROOM)
        script.full = false;
    else if (kind == STEP_SEND_FAIL)
        script.fail_send = true;
    else
        *ret_send = len;
    return true;
}

/* What has to hold of a session after every call. */
static struct pipc_session_status script_status(const struct pipc_session *session)
{
    struct pipc_session_status status = {.size = sizeof(status)};

    pipc_session_status(session, &status);
    must((status.state == PIPC_SESSION_OPEN) == (status.broken_by == PIPC_OK));
    must((status.broken_by == PIPC_OK) == (status.broken_text[0] == '\0'));
    must(status.packet_size > 32);
    return status;
}

#endif
