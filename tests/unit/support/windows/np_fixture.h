/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the table of the baseline transport of Windows directly: a fake host that counts what is
 * allocated and can refuse the n-th allocation, options as the core would give them, and short
 * forms of what most tests do; and pipes of the system, as peers that are not ours use them.
 *
 * Times are in milliseconds from now; NP_NOW looks once, NP_EVER waits for ever. One thread unless
 * said otherwise.
 */
#ifndef PIPC_TESTS_NP_FIXTURE_H
#define PIPC_TESTS_NP_FIXTURE_H

#include "test.h"

#include <pipc/transports/np.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define NP_NOW  0
#define NP_EVER (-1)

struct np_fixture {
    struct pipc_host host;
    struct pipc_option_value values[PIPC_NP_OPTION_COUNT];
    const struct pipc_transport_ops *ops;
    void *self;
    uint32_t live;         /* allocations that are not freed; atomic */
    uint32_t fail_after;   /* so many allocations succeed, then all fail; UINT32_MAX: none */
    uint64_t skew_ns;      /* added to the clock */
    struct pipc_error err; /* of the last call of a short form */
};

/* Options of a context that configured nothing; spin is off. */
void np_fixture_defaults(struct np_fixture *f);
void np_fixture_number(struct np_fixture *f, uint32_t option, uint64_t number);
pipc_result np_fixture_init(struct np_fixture *f);
/* Defaults and init. */
void np_fixture_open(struct np_fixture *f);
/* fini; nothing may be left allocated. */
void np_fixture_close(struct np_fixture *f);

uint64_t np_clock_ns(void);
struct pipc_wait np_wait(int ms);
struct pipc_wait np_wait_abort(int ms, HANDLE abort);

/* Short forms; the record of a failure is in f->err. The run directory is test_dir() when `dir` is
 * NULL. */
pipc_result np_try_listen(struct np_fixture *f, const char *dir, const char *service,
                          void **listener);
pipc_result np_try_connect(struct np_fixture *f, const char *dir, const char *service, int ms,
                           void **channel);
pipc_result np_try_accept(struct np_fixture *f, void *listener, int ms, void **channel);
void *np_must_listen(struct np_fixture *f, const char *service);
void *np_must_connect(struct np_fixture *f, const char *service);
void *np_must_accept(struct np_fixture *f, void *listener);
void np_end_listener(struct np_fixture *f, void *listener);
void np_end(struct np_fixture *f, void *channel);
/* Both ends of one connection; no listener is left. */
void np_pair(struct np_fixture *f, void **client, void **server);

pipc_result np_put(struct np_fixture *f, void *channel, const void *bytes, size_t len, int ms);
/* Into one piece of `size` bytes. */
pipc_result np_get(struct np_fixture *f, void *channel, void *bytes, size_t size, int ms,
                   struct pipc_received *received);
/* One packet of these bytes arrives. */
void np_expect(struct np_fixture *f, void *channel, const void *bytes, size_t len);
/* The end of the stream arrives. */
void np_expect_end(struct np_fixture *f, void *channel);
HANDLE np_handle(struct np_fixture *f, void *channel);
bool np_signalled(HANDLE handle, DWORD ms);

/* The name that `service` has in test_dir(). */
const char *np_pipe_name(const char *service);
/* Without the transport: synchronous ends, as existing peers have them. INVALID_HANDLE_VALUE: see
 * GetLastError. */
HANDLE np_raw_server(const char *service);
HANDLE np_raw_client(const char *service);
/* In message mode. */
void np_raw_write(HANDLE pipe, const void *bytes, size_t len);
/* A raw server and our client, or our server and a raw client; no listener is left. */
void np_pair_client(struct np_fixture *f, void **client, HANDLE *server);
void np_pair_server(struct np_fixture *f, HANDLE *client, void **server);

/* Runs `what(arg)` on another thread; np_join waits for its end. */
HANDLE np_thread(void (*what)(void *arg), void *arg);
void np_join(HANDLE thread);

#endif
