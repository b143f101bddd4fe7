/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the table of the shared-memory upgrade directly: a fake host that counts what is allocated
 * and can refuse the n-th allocation, a carrier that is a socket pair with credentials as a test
 * says, both ends of a session in one process, and the region as a hostile peer sees it.
 *
 * Times are in milliseconds from now; SHM_NOW looks once, SHM_EVER waits for ever. The run
 * directory is test_dir(), the service "s". One thread unless said otherwise.
 */
#ifndef PIPC_TESTS_SHM_FIXTURE_H
#define PIPC_TESTS_SHM_FIXTURE_H

#include "test.h"

#include "transports/shm/shm.h"

#define SHM_NOW  0
#define SHM_EVER (-1)
/* Payload ceilings of the sessions of short forms. */
#define SHM_REQUEST_BYTES  1024u
#define SHM_RESPONSE_BYTES 65536u

struct shm_fixture {
    struct pipc_host host;
    struct pipc_option_value values[PIPC_SHM_OPTION_COUNT];
    const struct pipc_transport_ops *ops;
    void *self;
    uint32_t live;         /* allocations that are not freed; atomic */
    uint32_t fail_after;   /* so many allocations succeed, then all fail; UINT32_MAX: none */
    uint64_t skew_ns;      /* added to the clock */
    bool clock_stands;     /* the clock yields skew_ns alone */
    struct pipc_error err; /* of the last call of a short form */
    struct pipc_upgrade_failure failure; /* of the last offer or attach */
};

/* One end of a carrier. */
struct shm_wire {
    int fd;
    bool no_handle; /* wait_handle says that there is none; look still works */
    bool no_peer;   /* the system does not tell who the other side is */
    struct pipc_peer peer;
    struct pipc_carrier carrier; /* what the module gets */
};

/* A session: two carriers' ends, and two channels once they are made. */
struct shm_pair {
    struct shm_wire client_wire, server_wire;
    struct pipc_upgrade_request request;
    void *client, *server; /* NULL: none */
};

/* Options of a context that configured nothing, but for spin, which is off, and any_fs, which is
 * on, so that the tests run on whatever file system they find. */
void shm_fixture_defaults(struct shm_fixture *f);
void shm_fixture_text(struct shm_fixture *f, uint32_t option, const char *text);
void shm_fixture_number(struct shm_fixture *f, uint32_t option, uint64_t number);
pipc_result shm_fixture_init(struct shm_fixture *f);
/* Defaults and init. */
void shm_fixture_open(struct shm_fixture *f);
/* The same with a spin of that many microseconds (PIPC_SPIN_ADAPTIVE: adaptive). */
void shm_fixture_open_spinning(struct shm_fixture *f, uint32_t microseconds);
/* fini; nothing may be left allocated. */
void shm_fixture_close(struct shm_fixture *f);

struct pipc_wait shm_wait(int ms);
struct pipc_wait shm_wait_abort(int ms, int abort_fd);
struct pipc_endpoint shm_endpoint(void);

/* ---- sessions ---- */

/* A socket pair between two processes of this user, and a request for session `id`. */
void shm_wires_make(struct shm_pair *pair, uint64_t id, uint32_t request_bytes,
                    uint32_t response_bytes);
/* Closes what is still open of a wire. */
void shm_wire_cut(struct shm_wire *wire);
void shm_wires_cut(struct shm_pair *pair);
/* The entries, with what they say in f->err and f->failure; the channel goes into `pair`. */
pipc_result shm_try_offer(struct shm_fixture *f, struct shm_pair *pair);
pipc_result shm_try_attach(struct shm_fixture *f, struct shm_pair *pair, int ms);
/* Session `id` with both ends; fails the test if one cannot be made. */
void shm_pair_open_with(struct shm_fixture *f, struct shm_pair *pair, uint64_t id,
                        uint32_t request_bytes, uint32_t response_bytes);
void shm_pair_open(struct shm_fixture *f, struct shm_pair *pair);
/* Closes the channels that are left, then the wires. */
void shm_pair_close(struct shm_fixture *f, struct shm_pair *pair);
void shm_end(struct shm_fixture *f, void **channel);
struct shm_channel *shm_inside(void *channel);

/* ---- messages ---- */

pipc_result shm_put(struct shm_fixture *f, void *channel, const void *bytes, size_t len);
/* Into one piece of `size` bytes. */
pipc_result shm_get(struct shm_fixture *f, void *channel, void *bytes, size_t size, int ms,
                    struct pipc_received *received);
/* Fails the test unless a message of exactly these bytes comes within 5 s. */
void shm_must_get(struct shm_fixture *f, void *channel, const void *bytes, size_t len);
void shm_must_put(struct shm_fixture *f, void *channel, const void *bytes, size_t len);
/* A message of `len` bytes (at least 32) that differs with `seed`, in a static buffer. */
const uint8_t *shm_message(uint32_t seed, size_t len);

/* ---- the region, without the transport ---- */

/* "<test_dir>/s-<id>.ipcshm" */
const char *shm_region_path(uint64_t id);
bool shm_exists(const char *path); /* without following links */
/* Maps the whole file as a peer would; munmap it. */
struct shm_header *shm_raw_map(const char *path, size_t *ret_size);
/* Writes a file of `size` bytes that begins with the header (NULL: zeros). */
void shm_write_region(const char *path, const struct shm_header *header, size_t size);
/* A good header for these ceilings, owned by this process. */
struct shm_header shm_good_header(uint32_t request_bytes, uint32_t response_bytes);
/* The PID of a process that has ended and been reaped. */
int32_t shm_dead_pid(void);
/* Publishes over a raw mapping as a peer does: `len` and `seq` as they are given, signal + 1, wake.
 */
void shm_raw_publish(struct shm_header *header, uint32_t role, uint32_t len, uint64_t seq);

#endif
