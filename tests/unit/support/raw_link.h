/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that carry packets, by hand: sockets or pipes as the system has them, for raw clients
 * and scripted servers, which share nothing with the transports. By posix/ and windows/.
 *
 * One thread per link and per listener; the stop event may be set by any thread.
 */
#ifndef PIPC_TESTS_RAW_LINK_H
#define PIPC_TESTS_RAW_LINK_H

#include "core/base/platform.h"

#include <stdbool.h>
#include <stddef.h>

/* A part of a packet; at most RAW_PIECES make one. */
struct raw_piece {
    void *bytes;
    size_t len;
};
#define RAW_PIECES 2

/* In place of a time: for ever. */
#define RAW_EVER (-1)

struct raw_listener; /* on the heap */

/* Listens as `service` in test_dir(), in place of what is there. */
struct raw_listener *raw_listen(const char *service);
void raw_unlisten(struct raw_listener *listener);
/* The next client, or PIPC_NO_HANDLE: stop is set. */
pipc_handle raw_link_accept(struct raw_listener *listener, const struct pipci_event *stop);
/* A client of `service` in test_dir(); fails the test when there is none. */
pipc_handle raw_link_connect(const char *service);
/* POSIX only: the same with a socket that is there already. */
pipc_handle raw_link_connect_fd(int fd, const char *service);

/* Waits for a packet or the end; false: neither came within the time, or stop is set (NULL: none).
 */
bool raw_link_await(pipc_handle link, const struct pipci_event *stop, int ms);
/* The other side has closed; there may be packets left. */
bool raw_link_ended(pipc_handle link);
/* One packet into the pieces, when one is there: its length, 0 at the end. One that is longer than
 * they are fails the test. */
long raw_link_get(pipc_handle link, const struct raw_piece *pieces, int count);
/* One packet of the pieces; false: the other side is gone. */
bool raw_link_put(pipc_handle link, const struct raw_piece *pieces, int count);
void raw_link_close(pipc_handle link);

#endif
