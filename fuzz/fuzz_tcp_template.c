/* SPDX-License-Identifier: Apache-2.0
 *
 * The transport of the author kit: the text of its endpoint file ('a'), and its framing, the bytes
 * of a peer through a socket ('f').
 */
#include "fuzz.h"

#include <stdlib.h>

#include "tools/templates/transport/tcp.c"

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

static uint64_t host_clock(const struct pipc_host *host)
{
    (void)host;
    return 1;
}

static void host_error(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                       int32_t os_code, const char *text)
{
    (void)host, (void)err, (void)result, (void)os_code, (void)text;
}

static void endpoint_text(const uint8_t *data, size_t len)
{
    struct sockaddr_in address;
    char text[40] = "", again[64], name[INET_ADDRSTRLEN];

    memcpy(text, data, len < sizeof(text) - 1 ? len : sizeof(text) - 1);
    if (!address_parse(text, &address))
        return;
    must(address.sin_port != 0);
    snprintf(again, sizeof(again), "%s %u\n",
             inet_ntop(AF_INET, &address.sin_addr, name, sizeof(name)), ntohs(address.sin_port));
    must(strcmp(again, text) == 0);
}

/* Packets come out as they were framed, until the first that is none. */
static void framing(const uint8_t *data, size_t len)
{
    static uint8_t got[65536];
    const struct pipc_host host = {.alloc = host_alloc,
                                   .realloc = host_realloc,
                                   .free = host_free,
                                   .clock_ns = host_clock,
                                   .error_set = host_error};
    const struct pipc_wait now = {.deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};
    const struct pipc_piece piece = {got, sizeof(got)};
    struct pipc_received received = {.size = sizeof(received)};
    struct channel channel = {.host = &host};
    size_t at = 0;
    int ends[2];

    if (len > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
        return;
    must(send(ends[1], data, len, 0) == (ssize_t)len || len == 0);
    close(ends[1]);
    channel.fd = ends[0];
    for (;;) {
        const uint32_t told = look(&channel);
        if (tcp_receive(&channel, &piece, 1, &now, &received, NULL) != PIPC_OK)
            break;
        if (received.flags & PIPC_RECEIVED_END) {
            must(at == len && told == PIPC_LOOK_GONE);
            break;
        }
        must(told == PIPC_LOOK_READABLE && at + HEAD + received.len <= len);
        must(memcmp(data + at + HEAD, got, received.len) == 0);
        at += HEAD + received.len;
    }
    free(channel.bytes);
    close(ends[0]);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    if (len > 0 && data[0] == 'a')
        endpoint_text(data + 1, len - 1);
    else if (len > 0)
        framing(data + 1, len - 1);
}
