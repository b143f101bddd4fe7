/* SPDX-License-Identifier: Apache-2.0
 *
 * For the tests of the snapshot cache: a context whose codec counts its calls, a provider that
 * answers every request with whatever payload it was given, a managed provider, and short forms.
 *
 * The raw provider is one thread and serves one connection at a time. Its plan may be changed at
 * any time.
 */
#ifndef PIPC_TESTS_SNAPSHOT_FIXTURE_H
#define PIPC_TESTS_SNAPSHOT_FIXTURE_H

#include "test.h"

#include <pipc/codecs/cgroups_cache.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/server.h>
#include <pipc/snapshot.h>

/* The codec of cgroups under another name and code; every call of one of its hooks or of its call
 * table is counted. */
#define COUNTED_NAME "counted_cgroups"
#define COUNTED_CODE 0x4203u

#define SNAP_SERVICE "svc"

struct snap_item {
    uint32_t hash, options, enabled;
    const char *name;
    const char *path;
};

struct snap_payload {
    unsigned char *bytes;
    size_t len;
};

/* Calls into the counted codec so far. */
uint64_t snap_codec_calls(void);

struct pipc_context *snap_context(const struct pipc_allocator *allocator);
/* The same with one key of the configuration set. */
struct pipc_context *snap_context_set(const struct pipc_allocator *allocator, const char *section,
                                      const char *key, const char *value);
void snap_context_close(struct pipc_context *context);

/* A response of these items; free with snap_payload_free. */
struct snap_payload snap_payload(const struct snap_item *items, uint32_t count, uint64_t generation,
                                 uint32_t systemd);
/* `count` items with hash i, name "<prefix><i>" filled up to name_len bytes and path likewise. */
struct snap_payload snap_payload_many(uint32_t count, const char *prefix, uint32_t name_len,
                                      uint32_t path_len, uint64_t generation);
void snap_payload_free(struct snap_payload *payload);
/* Name of item `index` of such a payload, in a static buffer of the thread. */
const char *snap_many_name(uint32_t index, const char *prefix, uint32_t name_len);

/* ---- raw provider ---- */

struct snap_server;

/* Listens as SNAP_SERVICE in test_dir() with these settings (NULL: response limit 16 MiB), and
 * answers with `payload` (copied). */
struct snap_server *snap_server_start(struct pipc_context *context,
                                      const struct pipc_session_settings *settings,
                                      const struct snap_payload *payload);
void snap_server_set(struct snap_server *server, const struct snap_payload *payload);
/* Transport status of the answers from now on. */
void snap_server_status(struct snap_server *server, uint16_t status);
/* Requests are taken but not answered while it is held. */
void snap_server_hold(struct snap_server *server, bool hold);
uint32_t snap_server_requests(struct snap_server *server);
/* Waits until that many requests have come. */
void snap_server_wait(struct snap_server *server, uint32_t requests);
/* Ends the session and the endpoint; joins. */
void snap_server_stop(struct snap_server *server);

/* ---- managed provider ---- */

struct snap_managed;
/* A managed server of cgroups_snapshot at SNAP_SERVICE; `fail` makes its callback fail. */
struct snap_managed *snap_managed_start(struct pipc_context *context,
                                        const struct pipc_server_config *config,
                                        const struct snap_item *items, uint32_t count,
                                        uint64_t generation);
void snap_managed_fail(struct snap_managed *server, bool fail);
uint64_t snap_managed_requests(struct snap_managed *server);
void snap_managed_stop(struct snap_managed *server);

/* ---- caches ---- */

/* Of the counted codec at SNAP_SERVICE. */
struct pipc_cache *snap_cache(struct pipc_context *context,
                              const struct pipc_client_config *config);
/* Of cgroups_snapshot, for the managed provider. */
struct pipc_cache *snap_cache_typed(struct pipc_context *context,
                                    const struct pipc_client_config *config);
struct pipc_cgroups_cache_status snap_status(struct pipc_cache *cache);
/* Refreshes; fails the test with the sentence when it does not succeed. */
void snap_must_refresh(struct pipc_cache *cache);
/* Fails the test unless a guard taken now finds the key; compares the path unless it is NULL. */
void snap_check_found(struct pipc_cache *cache, uint32_t hash, const char *name, const char *path);
void snap_check_missing(struct pipc_cache *cache, uint32_t hash, const char *name);

#endif
