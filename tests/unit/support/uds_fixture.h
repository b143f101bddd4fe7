/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the table of the baseline transport directly: a fake host that counts what is allocated
 * and can refuse the n-th allocation, options as the core would give them, and short forms of what
 * most tests do.
 *
 * Times are in milliseconds from now; UDS_NOW looks once, UDS_EVER waits for ever. One thread
 * unless said otherwise.
 */
#ifndef PIPC_TESTS_UDS_FIXTURE_H
#define PIPC_TESTS_UDS_FIXTURE_H

#include "test.h"

#include <pipc/transports/uds.h>

#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define UDS_NOW  0
#define UDS_EVER (-1)

struct uds_fixture {
    struct pipc_host host;
    struct pipc_option_value values[PIPC_UDS_OPTION_COUNT];
    const char *list[2][8]; /* elements of allow_uid, allow_gid */
    const struct pipc_transport_ops *ops;
    void *self;
    uint32_t live;         /* allocations that are not freed; atomic */
    uint32_t fail_after;   /* so many allocations succeed, then all fail; UINT32_MAX: none */
    uint64_t skew_ns;      /* added to the clock */
    struct pipc_error err; /* of the last call of a short form */
};

/* Options of a context that configured nothing; spin is off, so that counts of system calls are
 * exact. */
void uds_fixture_defaults(struct uds_fixture *f);
void uds_fixture_text(struct uds_fixture *f, uint32_t option, const char *text);
void uds_fixture_number(struct uds_fixture *f, uint32_t option, uint64_t number);
/* `option` is one of the two lists. */
void uds_fixture_element(struct uds_fixture *f, uint32_t option, const char *element);
pipc_result uds_fixture_init(struct uds_fixture *f);
/* Defaults and init. */
void uds_fixture_open(struct uds_fixture *f);
/* fini; nothing may be left allocated. */
void uds_fixture_close(struct uds_fixture *f);

struct pipc_wait uds_wait(int ms);
struct pipc_wait uds_wait_abort(int ms, int abort_fd);

/* Short forms; the record of a failure is in f->err. The run directory of the others is test_dir().
 */
pipc_result uds_try_listen(struct uds_fixture *f, const char *dir, const char *service,
                           void **listener);
pipc_result uds_try_connect(struct uds_fixture *f, const char *dir, const char *service, int ms,
                            void **channel);
pipc_result uds_try_accept(struct uds_fixture *f, void *listener, int ms, void **channel);
void *uds_must_listen(struct uds_fixture *f, const char *service);
void *uds_must_connect(struct uds_fixture *f, const char *service);
void *uds_must_accept(struct uds_fixture *f, void *listener);
void uds_end_listener(struct uds_fixture *f, void *listener);
void uds_end(struct uds_fixture *f, void *channel);
/* Both ends of one connection; no listener is left. */
void uds_pair(struct uds_fixture *f, void **client, void **server);

pipc_result uds_put(struct uds_fixture *f, void *channel, const void *bytes, size_t len, int ms);
/* Into one piece of `size` bytes. */
pipc_result uds_get(struct uds_fixture *f, void *channel, void *bytes, size_t size, int ms,
                    struct pipc_received *received);
int uds_fd(struct uds_fixture *f, void *channel);

/* Without the transport: sockets of the system. */
struct sockaddr_un uds_address(const char *path);
int uds_raw_listen(const char *path, int type, int backlog);
int uds_raw_connect(const char *path); /* blocking, SEQPACKET; -1 with errno */
/* Makes a socket file that nobody listens at. */
void uds_dead_socket(const char *path);
bool uds_exists(const char *path); /* without following links */
unsigned uds_mode_of(const char *path);

/* Listening at "a" is refused as in use with that sentence, and the entry is the same before and
 * after. */
void uds_check_kept(struct uds_fixture *f, const char *needle);

#endif
