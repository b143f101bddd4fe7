/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests' own transports share: channels over one end of a socket pair.
 */
#ifndef PIPC_TESTS_SESSION_PAIR_H
#define PIPC_TESTS_SESSION_PAIR_H

#include "session_mem.h"

struct session_channel {
    int fd;
    int interrupt; /* eventfd */
    int gone;      /* descriptor of the carrier, -1 for a baseline */
    bool whole;    /* an upgrade: any message is one packet */
    uint8_t *room; /* being built in place */
    size_t room_len;
    struct pipc_waiter waiter;
};

struct session_channel *session_channel_new(int fd);
pipc_result session_channel_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                 const struct pipc_wait *wait, struct pipc_error *err);
pipc_result session_channel_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                    const struct pipc_wait *wait,
                                    struct pipc_received *ret_received, struct pipc_error *err);
uint32_t session_channel_look(void *channel);
void session_channel_finish(void *channel, const struct pipc_wait *wait);
uint32_t session_channel_packet_max(void *channel, uint32_t configured);
pipc_handle session_channel_handle(void *channel);
void session_channel_interrupt(void *channel);
pipc_result session_channel_peer(void *channel, struct pipc_peer *ret_peer);
pipc_result session_channel_admit(void *channel, struct pipc_error *err);
const struct pipc_waiter *session_channel_waiter(void *channel);
uint64_t session_channel_memory(void *channel);
void session_channel_close(void *channel, uint32_t flags);
pipc_result session_channel_reserve(void *channel, size_t len, const struct pipc_wait *wait,
                                    void **ret_room, struct pipc_error *err);
pipc_result session_channel_commit(void *channel, size_t len, const struct pipc_wait *wait,
                                   struct pipc_error *err);

bool session_fault_due(struct session_fault *fault);
pipc_result session_say(struct pipc_error *err, pipc_result result, int os_code, const char *text);
void session_note(const char *what);
void session_pair_make(int fds[2]);
pipc_result session_wait_fd(int fd, short events, int interrupt, int gone,
                            const struct pipc_wait *wait);

#endif
