/* SPDX-License-Identifier: Apache-2.0
 *
 * A host table that watches. See host.h.
 */
#include "host.h"
#include "system.h"

#include "wrapped.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALIVE      UINT64_C(0x6b69742d616c6976)
#define DEAD       UINT64_C(0x6b69742d64656164)
#define FRESH_BYTE 0xa5
#define FREED_BYTE 0x5a
#define TAIL       16u

/* Stands before every block; a tail of FRESH_BYTE stands behind it. */
struct block {
    uint64_t mark;
    size_t size;
};

static _Thread_local bool thread_known;

void kit_thread_known(void)
{
    thread_known = true;
}

static struct kit_host *host_of(const struct pipc_host *table, const char *entry)
{
    struct kit_host *host = table->context;

    KIT_CHECK_MSG(!host->closed, "the host's %s was called after fini", entry);
    KIT_CHECK_MSG(thread_known, "the host's %s was called by a thread of the module's own", entry);
    return host;
}

static bool all_bytes(const unsigned char *bytes, size_t len, unsigned char value)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != value)
            return false;
    }
    return true;
}

static bool refuses(struct kit_host *host)
{
    bool refuse;

    pthread_mutex_lock(&host->lock);
    host->allocs++;
    refuse = host->fail_at && host->allocs == host->fail_at;
    host->refused = host->refused || refuse;
    if (!refuse)
        host->blocks++;
    pthread_mutex_unlock(&host->lock);
    return refuse;
}

static void *host_alloc(const struct pipc_host *table, size_t size)
{
    struct kit_host *host = host_of(table, "alloc");
    struct block *block;
    unsigned char *bytes;

    KIT_CHECK_MSG(size <= SIZE_MAX - sizeof(*block) - TAIL, "alloc of %zu bytes", size);
    if (refuses(host))
        return NULL;
    block = malloc(sizeof(*block) + size + TAIL);
    KIT_CHECK_MSG(block, "no memory for the case itself");
    block->mark = ALIVE;
    block->size = size;
    bytes = (unsigned char *)(block + 1);
    memset(bytes, FRESH_BYTE, size + TAIL);
    return bytes;
}

/* The oldest block that was freed leaves: nobody may have written to it meanwhile. */
static void release(struct block *block)
{
    if (!block)
        return;
    KIT_CHECK_MSG(block->mark == DEAD &&
                      all_bytes((unsigned char *)(block + 1), block->size, FREED_BYTE),
                  "memory of %zu bytes was written to after it was freed", block->size);
    free(block);
}

static void host_free(const struct pipc_host *table, void *ptr)
{
    struct kit_host *host = host_of(table, "free");
    struct block *block = ptr, *oldest;

    if (!ptr)
        return;
    block--;
    KIT_CHECK_MSG(block->mark != DEAD, "memory was freed twice");
    KIT_CHECK_MSG(block->mark == ALIVE, "memory was freed that is not the host's");
    KIT_CHECK_MSG(all_bytes((unsigned char *)ptr + block->size, TAIL, FRESH_BYTE),
                  "bytes behind a block of %zu were written to", block->size);
    block->mark = DEAD;
    memset(ptr, FREED_BYTE, block->size);
    pthread_mutex_lock(&host->lock);
    host->blocks--;
    oldest = host->quarantine[host->next];
    host->quarantine[host->next] = block;
    host->next = (host->next + 1) % KIT_QUARANTINE;
    pthread_mutex_unlock(&host->lock);
    release(oldest);
}

static void *host_realloc(const struct pipc_host *table, void *ptr, size_t size)
{
    void *const moved = host_alloc(table, size);

    if (ptr && moved) {
        const struct block *const block = (struct block *)ptr - 1;
        memcpy(moved, ptr, block->size < size ? block->size : size);
        host_free(table, ptr);
    }
    return moved;
}

static void host_log(const struct pipc_host *table, uint32_t level, const char *text)
{
    struct kit_host *host = host_of(table, "log");

    KIT_CHECK_MSG(level <= PIPC_LOG_DEBUG && text && !strchr(text, '\n'),
                  "a line of the log is no sentence, or of level %u", (unsigned)level);
    pthread_mutex_lock(&host->lock);
    host->log_lines++;
    snprintf(host->last_log, sizeof(host->last_log), "%s", text);
    pthread_mutex_unlock(&host->lock);
}

static uint64_t host_clock(const struct pipc_host *table)
{
    struct timespec now;

    (void)host_of(table, "clock_ns");
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 * PIPC_NS_PER_MS + (uint64_t)now.tv_nsec;
}

static void host_error_set(const struct pipc_host *table, struct pipc_error *err,
                           pipc_result result, int32_t os_code, const char *text)
{
    (void)host_of(table, "error_set");
    if (!err)
        return;
    KIT_CHECK_MSG(err->size == sizeof(*err), "an error record of %u bytes was handed on",
                  (unsigned)err->size);
    err->result = result;
    err->os_code = os_code;
    err->peer_status = 0;
    snprintf(err->text, sizeof(err->text), "%s", text ? text : "");
}

static pipc_result host_find_transport(const struct pipc_host *table, const char *name,
                                       const struct pipc_transport_ops **ret_ops, void **ret_self,
                                       struct pipc_error *err)
{
    return kit_wrapped_find(host_of(table, "find_transport"), name, ret_ops, ret_self, err);
}

static pipc_result host_find_codec(const struct pipc_host *table, const char *name, uint32_t code,
                                   const struct pipc_codec_ops **ret_ops, struct pipc_error *err)
{
    (void)name, (void)code, (void)ret_ops;
    host_error_set(table, err, PIPC_ERR_MODULE_NOT_FOUND, 0, "there is no codec here");
    return PIPC_ERR_MODULE_NOT_FOUND;
}

static pipc_result host_wire_walk(const struct pipc_host *table, const char *structure,
                                  const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    (void)host_of(table, "wire_walk");
    return pipc_wire_walk(structure, bytes, len, 1, visitor);
}

void kit_host_init(struct kit_host *host)
{
    memset(host, 0, sizeof(*host));
    pthread_mutex_init(&host->lock, NULL);
    host->table = (struct pipc_host){.size = sizeof(host->table),
                                     .minor = PIPC_HOST_MINOR,
                                     .alloc = host_alloc,
                                     .realloc = host_realloc,
                                     .free = host_free,
                                     .log = host_log,
                                     .clock_ns = host_clock,
                                     .error_set = host_error_set,
                                     .cpus = kit_cpus(),
                                     .sleep_cost_ns = 20000,
                                     .find_transport = host_find_transport,
                                     .find_codec = host_find_codec,
                                     .wire_walk = host_wire_walk,
                                     .context = host};
    kit_thread_known();
}

void kit_host_close(struct kit_host *host)
{
    kit_wrapped_end(host);
    KIT_CHECK_MSG(host->blocks == 0, "%zu blocks of memory are left after fini", host->blocks);
    host->closed = true;
    for (unsigned i = 0; i < KIT_QUARANTINE; i++)
        release(host->quarantine[i]);
}

void kit_host_refuse(struct kit_host *host, size_t nth)
{
    host->allocs = 0;
    host->fail_at = nth;
    host->refused = false;
}
