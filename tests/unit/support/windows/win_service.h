/* SPDX-License-Identifier: Apache-2.0
 *
 * Servers and clients of level 2 over each data plane of Windows, in this process or in one of
 * their own.
 */
#ifndef PIPC_TESTS_WIN_SERVICE_H
#define PIPC_TESTS_WIN_SERVICE_H

#include "win_session.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>

struct win_plane {
    const char *name, *transports, *planes;
    uint32_t bit;
};
#define WIN_PLANES 3u
extern const struct win_plane win_planes[WIN_PLANES]; /* np, hybrid, busywait */

/* A context with that plane and the message types. */
struct pipc_context *win_plane_context(const struct win_plane *plane);

/* Values that the increment server of this file treats in its own way. */
#define WIN_HOLD UINT64_C(1000000000) /* the callback says that it is inside, and never returns */

/* Servers of both kinds at `dir`, services "increment" and "snapshot"; each on its own thread. */
struct win_servers {
    struct pipc_context *context;
    struct pipc_server *increment, *snapshot;
    HANDLE threads[2];
    HANDLE inside;  /* set by the callback that holds; NULL: none does */
    uint32_t calls; /* atomic */
    uint32_t items; /* of the snapshot; atomic */
    uint64_t generation;
};
void win_servers_start(struct win_servers *servers, const struct win_plane *plane, const char *dir,
                       int32_t workers);
void win_servers_stop(struct win_servers *servers);

#endif
