/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets as the tracing wrapper sees them: whatever a peer sends becomes a line of printable bytes
 * that is not too long. The first byte chooses form and direction; packets follow, each behind its
 * length (2 bytes), and belong to one channel, so that chunks and what breaks off meet.
 */
#include "fuzz.h"

#include "transports/trace/trace.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>
#include <pipc/wire.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pipc_module *const codecs[] = {
    &pipc_module_increment, &pipc_module_cgroups_snapshot, &pipc_module_string_reverse};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    (void)host;
    return malloc(size);
}

static void *host_realloc(const struct pipc_host *host, void *ptr, size_t size)
{
    (void)host;
    return realloc(ptr, size);
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    (void)host;
    free(ptr);
}

/* Every bracket is closed, outside of strings, and nothing is open at the end. */
static void check_nesting(const char *text)
{
    int depth = 0;
    bool string = false;

    for (; *text; text++) {
        if (*text == '\\' && string)
            text++;
        else if (*text == '"')
            string = !string;
        else if (!string && (*text == '{' || *text == '['))
            depth++;
        else if (!string && (*text == '}' || *text == ']'))
            must(--depth >= 0);
    }
    must(depth == 0 && !string);
}

static void host_log(const struct pipc_host *host, uint32_t level, const char *text)
{
    (void)host, (void)level;
    must(strlen(text) < TRACE_LINE);
    for (const char *c = text; *c; c++)
        must((unsigned char)*c >= 0x20 && *c != 0x7f);
    check_nesting(text);
}

static void host_error(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int32_t os_code, const char *text)
{
    (void)host, (void)os_code, (void)text;
    err->result = result;
    snprintf(err->text, sizeof(err->text), "%s", pipc_result_text(result));
}

static pipc_result find_codec(const struct pipc_host *host, const char *name, uint32_t code,
                              const struct pipc_codec_ops **ret_ops, struct pipc_error *err)
{
    (void)host, (void)name, (void)err;
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        const struct pipc_codec_ops *const ops = codecs[i]->ops;
        if (ops->code == code) {
            *ret_ops = ops;
            return PIPC_OK;
        }
    }
    return PIPC_ERR_MODULE_NOT_FOUND;
}

static pipc_result wire_walk(const struct pipc_host *host, const char *structure, const void *bytes,
                             size_t len, const struct pipc_visitor *visitor)
{
    (void)host;
    return pipc_wire_walk(structure, bytes, len, 1, visitor);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    static struct trace_channel channel;
    const struct pipc_host host = {.size = sizeof(host),
                                   .alloc = host_alloc,
                                   .realloc = host_realloc,
                                   .free = host_free,
                                   .log = host_log,
                                   .error_set = host_error,
                                   .find_codec = find_codec,
                                   .wire_walk = wire_walk};
    struct trace_instance instance = {
        .host = &host, .fd = -1, .fields = true, .message_bytes = 65536};
    size_t at = 1;

    if (len < 1)
        return;
    instance.format = data[0] & 1 ? TRACE_JSON : TRACE_TEXT;
    memset(&channel, 0, sizeof(channel));
    channel.instance = &instance;
    channel.number = 1;
    channel.role = PIPC_ROLE_SERVER;
    memcpy(channel.service, "s", 2);
    while (at + 2 <= len) {
        const size_t wanted = data[at] | (size_t)data[at + 1] << 8, left = len - at - 2;
        const size_t size = wanted < left ? wanted : left, half = size / 2;
        const struct pipc_piece pieces[2] = {
            {(void *)(uintptr_t)(data + at + 2), half},
            {(void *)(uintptr_t)(data + at + 2 + half), size - half}};
        struct trace_packet packet = {.event = data[0] & 2 ? PIPC_TRACE_SENT : PIPC_TRACE_RECEIVED,
                                      .pieces = pieces,
                                      .count = 2,
                                      .len = size};
        trace_record_packet(&channel, &packet);
        at += 2 + size;
    }
    free(channel.flows[0].bytes);
    free(channel.flows[1].bytes);
}
