/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames of the pcapng format (IETF draft-ietf-opsawg-pcapng), each one write.
 *
 * Several processes may append to one file: each begins a section of its own, all with the same
 * single interface, so it does not matter to which section a frame falls. The auth token of a HELLO
 * is zeroed unless it is to be shown. The channel's thread.
 */
#include "trace.h"

#include <pipc/wire.h>

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCK_SECTION   UINT32_C(0x0a0d0d0a)
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_WORD UINT32_C(0x1a2b3c4d)
#define OPTION_COMMENT  1u
#define OPTION_FLAGS    2u
#define FLAG_INBOUND    1u
#define FLAG_OUTBOUND   2u
#define COMMENT_MAX     4096u

/* Words of 32 bits in the order of this machine, which the section's first words tell. */
struct section {
    uint32_t type, len, order, version;
    uint32_t length[2]; /* unknown: all ones */
    uint32_t len_again;
};
struct interface {
    uint32_t type, len, link, snap, len_again;
};
struct packet_block {
    uint32_t type, len, interface, time_high, time_low, captured, original;
};

static bool write_all(int fd, const struct iovec *vectors, int count)
{
    size_t len = 0;
    ssize_t done;
    int i;

    for (i = 0; i < count; i++)
        len += vectors[i].iov_len;
    do
        done = writev(fd, vectors, count);
    while (done < 0 && errno == EINTR);
    return done >= 0 && (size_t)done == len;
}

bool trace_pcapng_begin(int fd)
{
    const uint16_t version[2] = {1, 0}, link[2] = {PIPC_TRACE_LINK_TYPE, 0};
    struct section section = {
        BLOCK_SECTION,  sizeof(section), BYTE_ORDER_WORD, 0, {UINT32_MAX, UINT32_MAX},
        sizeof(section)};
    struct interface interface = {BLOCK_INTERFACE, sizeof(interface), 0, 0, sizeof(interface)};
    const struct iovec vectors[2] = {{&section, sizeof(section)}, {&interface, sizeof(interface)}};

    memcpy(&section.version, version, sizeof(version));
    memcpy(&interface.link, link, sizeof(link));
    return write_all(fd, vectors, 2);
}

static size_t padding(size_t len)
{
    return (4u - len % 4u) % 4u;
}

/* The frame's own header, see the public header of this module. */
static size_t head_make(const struct trace_channel *channel, const struct trace_packet *packet,
                        uint8_t *head)
{
    const uint32_t numbers[2] = {channel->number, (uint32_t)getpid()};
    const size_t name = strlen(channel->service);
    size_t i;

    head[0] = PIPC_TRACE_FRAME_VERSION;
    head[1] = (uint8_t)packet->event;
    head[2] = (uint8_t)((channel->role == PIPC_ROLE_SERVER ? PIPC_TRACE_FLAG_SERVER : 0) |
                        (packet->cut ? PIPC_TRACE_FLAG_CUT : 0));
    head[3] = 0;
    for (i = 0; i < 8; i++)
        head[4 + i] = (uint8_t)(numbers[i / 4] >> (i % 4 * 8));
    head[12] = (uint8_t)name;
    memcpy(head + PIPC_TRACE_FRAME_FIXED, channel->service, name);
    for (i = PIPC_TRACE_FRAME_FIXED + name; i % 4 != 0; i++)
        head[i] = 0;
    return i;
}

/* Bytes of the packet in one piece; fewer when there is no memory for more. */
static size_t packet_make(struct trace_channel *channel, const struct trace_packet *packet)
{
    const struct trace_instance *const instance = channel->instance;
    const struct pipc_host *const host = instance->host;
    const size_t len =
        packet->len < instance->packet_bytes ? (size_t)packet->len : instance->packet_bytes;
    uint8_t *bytes;

    if (len > channel->scratch_cap) {
        bytes = host->realloc(host, channel->scratch, len);
        if (bytes) {
            channel->scratch = bytes;
            channel->scratch_cap = len;
        }
    }
    const size_t got = trace_gather(packet, 0, channel->scratch,
                                    len < channel->scratch_cap ? len : channel->scratch_cap);
    if (!instance->show_token && packet->what == TRACE_FIRST && got > TRACE_TOKEN_AT &&
        packet->message.kind == PIPC_KIND_CONTROL &&
        strcmp(trace_kind_name(&packet->message), "hello") == 0)
        memset(channel->scratch + TRACE_TOKEN_AT, 0,
               got - TRACE_TOKEN_AT < TRACE_TOKEN_LEN ? got - TRACE_TOKEN_AT : TRACE_TOKEN_LEN);
    return got;
}

static size_t option(uint8_t *at, uint16_t code, const void *bytes, size_t len)
{
    const uint16_t head[2] = {code, (uint16_t)len};

    memcpy(at, head, sizeof(head));
    memcpy(at + 4, bytes, len);
    memset(at + 4 + len, 0, padding(len));
    return 4 + len + padding(len);
}

static size_t options_make(const struct trace_packet *packet, const char *comment,
                           size_t comment_len, uint8_t *options)
{
    const uint32_t direction = packet->event == PIPC_TRACE_SENT ? FLAG_OUTBOUND : FLAG_INBOUND;
    size_t len = 0;

    if (comment_len > COMMENT_MAX)
        comment_len = COMMENT_MAX;
    if (comment_len > 0)
        len += option(options, OPTION_COMMENT, comment, comment_len);
    if (packet->event == PIPC_TRACE_SENT || packet->event == PIPC_TRACE_RECEIVED)
        len += option(options + len, OPTION_FLAGS, &direction, sizeof(direction));
    return len + option(options + len, 0, "", 0);
}

bool trace_pcapng_frame(struct trace_channel *channel, const struct trace_packet *packet,
                        const char *comment, size_t comment_len)
{
    static const uint8_t zeros[4];
    uint8_t head[PIPC_TRACE_FRAME_FIXED + TRACE_SERVICE + 4], options[COMMENT_MAX + 32];
    const size_t head_len = head_make(channel, packet, head);
    const size_t got = packet_make(channel, packet);
    const size_t options_len = options_make(packet, comment, comment_len, options);
    const size_t pad = padding(head_len + got);
    const uint64_t original = head_len + packet->len;
    struct packet_block block = {
        .type = BLOCK_PACKET,
        .len = (uint32_t)(sizeof(block) + head_len + got + pad + options_len + 4),
        .time_high = (uint32_t)(packet->time_us >> 32),
        .time_low = (uint32_t)packet->time_us,
        .captured = (uint32_t)(head_len + got),
        .original = original > UINT32_MAX ? UINT32_MAX : (uint32_t)original};
    const struct iovec vectors[] = {{&block, sizeof(block)}, {head, head_len},
                                    {channel->scratch, got}, {(void *)(uintptr_t)zeros, pad},
                                    {options, options_len},  {&block.len, sizeof(block.len)}};

    return write_all(channel->instance->fd, vectors, (int)(sizeof(vectors) / sizeof(vectors[0])));
}
