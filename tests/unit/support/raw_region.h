/* SPDX-License-Identifier: Apache-2.0
 *
 * A region of shared memory by hand (docs/level1-posix-shm.md), for raw clients and scripted
 * servers: written from the page and sharing nothing with the module, so that the library's side
 * cannot hide its own fault. What is published may be as wrong as a test likes.
 *
 * One thread per region.
 */
#ifndef PIPC_TESTS_RAW_REGION_H
#define PIPC_TESTS_RAW_REGION_H

#include "raw_link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_side {
    uint64_t *seq;
    uint32_t *len, *signal;
    uint8_t *area;
    uint32_t capacity;
    uint64_t count; /* published, or taken */
};

struct raw_region {
    uint8_t *map; /* NULL: there is none */
    size_t size;
    bool owner;
    char path[128];
    struct raw_side out, in;
};

/* No message within the time. */
#define RAW_REGION_QUIET (-2)
/* End mark. */
#define RAW_REGION_END (-1)

/* Server: makes the file of "<base>-<id>.ipcshm", where the socket is "<base>.sock". */
void raw_region_create(struct raw_region *region, const char *socket_path, uint64_t id,
                       uint32_t request_limit, uint32_t response_limit);
/* Client: the same file, which must be right; false when it is not there. */
bool raw_region_attach(struct raw_region *region, const char *socket_path, uint64_t id);
/* Publishes the pieces as one message; what does not fit the area is announced and not written. */
void raw_region_publish(struct raw_region *region, const struct raw_piece *pieces, int count);
/* The next message within that time, into the pieces: its length, or one of the above. Bytes beyond
 * the pieces are dropped. */
long raw_region_take(struct raw_region *region, unsigned ms, const struct raw_piece *pieces,
                     int count);
/* End mark, without closing. */
void raw_region_mark(struct raw_region *region);
/* End mark and unmapping; the owner removes the file, and leaves an answer that nobody may have
 * read without a mark. Nothing for one that is not there. */
void raw_region_close(struct raw_region *region);

#endif
