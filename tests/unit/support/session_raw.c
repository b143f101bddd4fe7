/* SPDX-License-Identifier: Apache-2.0
 *
 * Raw peers of the Level 1 tests: exact bytes on the other end of a pair.
 */
#include "session_pair.h"
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

void session_raw_send(int fd, const void *bytes, size_t len)
{
    if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
        test_fail(__FILE__, __LINE__, "raw send of %zu bytes: %s", len, strerror(errno));
}

int session_raw_receive(int fd, void *buf, size_t cap, unsigned ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (poll(&p, 1, (int)ms) <= 0)
        return -1;
    const ssize_t n = recv(fd, buf, cap, MSG_DONTWAIT);
    return n < 0 ? 0 : (int)n;
}

bool session_raw_closed(int fd, unsigned ms)
{
    char byte[64];

    return session_raw_receive(fd, byte, sizeof(byte), ms) == 0;
}

int session_raw_accept(struct session_raw_listener *listener)
{
    const int handle = (int)session_raw_handle(listener);
    struct pollfd p = {.fd = handle, .events = POLLIN};
    int fd = -1;

    if (poll(&p, 1, 5000) > 0 && recv(handle, &fd, sizeof(fd), MSG_DONTWAIT) != (ssize_t)sizeof(fd))
        fd = -1;
    return fd;
}

struct pipc_hello session_hello(void)
{
    return (struct pipc_hello){.layout_version = 1,
                               .supported_profiles = PIPC_PROFILE_BASELINE,
                               .max_request_payload_bytes = 1024,
                               .max_request_batch_items = 1,
                               .max_response_payload_bytes = 1024,
                               .max_response_batch_items = 1,
                               .packet_size = 65536};
}

struct pipc_header session_header(uint16_t kind, uint64_t id, uint32_t payload_len)
{
    return (struct pipc_header){.magic = PIPC_MAGIC,
                                .version = 1,
                                .header_len = 32,
                                .kind = kind,
                                .code = 1,
                                .payload_len = payload_len,
                                .item_count = 1,
                                .message_id = id};
}

size_t session_header_put(const struct pipc_header *header, uint8_t *packet)
{
    return pipc_header_encode(header, packet, PIPC_HEADER_LEN);
}

size_t session_hello_packet(const struct pipc_hello *hello, uint8_t *packet)
{
    struct pipc_header header = session_header(PIPC_KIND_CONTROL, 0, PIPC_HELLO_LEN);

    header.code = PIPC_CODE_HELLO;
    session_header_put(&header, packet);
    return PIPC_HEADER_LEN + pipc_hello_encode(hello, packet + PIPC_HEADER_LEN, PIPC_HELLO_LEN);
}

struct pipc_hello_ack session_ack(void)
{
    return (struct pipc_hello_ack){.layout_version = 1,
                                   .server_supported_profiles = 1,
                                   .intersection_profiles = 1,
                                   .selected_profile = 1,
                                   .agreed_max_request_payload_bytes = 1024,
                                   .agreed_max_request_batch_items = 1,
                                   .agreed_max_response_payload_bytes = 1024,
                                   .agreed_max_response_batch_items = 1,
                                   .agreed_packet_size = 65536,
                                   .session_id = 1};
}

size_t session_ack_packet(const struct pipc_hello_ack *ack, uint16_t status, uint8_t *packet)
{
    struct pipc_header header = session_header(PIPC_KIND_CONTROL, 0, PIPC_HELLO_ACK_LEN);

    header.code = PIPC_CODE_HELLO_ACK;
    header.transport_status = status;
    session_header_put(&header, packet);
    return PIPC_HEADER_LEN +
           pipc_hello_ack_encode(ack, packet + PIPC_HEADER_LEN, PIPC_HELLO_ACK_LEN);
}
