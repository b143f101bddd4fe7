/* SPDX-License-Identifier: Apache-2.0
 *
 * DISK_SPACE: how much room has the file system at a path, as the server sees it? A path goes in,
 * two numbers come out. All that a client or a server of this message type includes.
 */
#ifndef DISK_SPACE_H
#define DISK_SPACE_H

#include <pipc/client.h>
#include <pipc/module.h>
#include <pipc/server.h>

/* Any number that no other message type of your services has. */
#define DISK_SPACE_METHOD 4711u
#define DISK_SPACE_NAME   "disk_space"
#define DISK_SPACE_MAJOR  1u /* of this header: raised when a struct of it changes */

struct disk_space {
    uint64_t total; /* bytes */
    uint64_t available;
};

/* What a server does. `path` is no string: `len` bytes, with a NUL behind them. Returns 1, or 0 for
 * failure. Called on session threads. */
struct disk_space_handler {
    uint32_t size;
    uint32_t reserved;
    void *user;
    uint32_t (*disk_space)(void *user, const struct pipc_request *from, const char *path,
                           size_t len, struct disk_space *ret);
};

/* One call, within timeout_ms (0: the client's default). *ret is zeroed on every error. */
PIPC_MUST_CHECK static inline pipc_result disk_space_call(struct pipc_client *client,
                                                          const char *path, size_t len,
                                                          struct disk_space *ret,
                                                          uint32_t timeout_ms,
                                                          struct pipc_error *err)
{
    struct pipc_str_view input;

    input.ptr = path;
    input.len = len;
    return pipc_client_call(client, DISK_SPACE_NAME, DISK_SPACE_MAJOR, &input, ret, timeout_ms,
                            err);
}

/* A managed server; `workers` sessions at a time. */
PIPC_MUST_CHECK static inline pipc_result disk_space_serve(struct pipc_context *context,
                                                           const char *run_dir, const char *service,
                                                           const struct disk_space_handler *handler,
                                                           int32_t workers,
                                                           struct pipc_server **ret_server,
                                                           struct pipc_error *err)
{
    return pipc_server_create(context, run_dir, service, DISK_SPACE_NAME, DISK_SPACE_MAJOR, handler,
                              workers, NULL, ret_server, err);
}

#endif
