/* SPDX-License-Identifier: Apache-2.0
 *
 * The live providers of this machine: a thread reads the cgroup tree again on a cadence, callbacks
 * answer from memory; what is asked about processes is read when it is asked
 * (provider_live_lookup.c).
 */
#include "provider_live.h"

#include "../provider.h"

#include <errno.h>
#include <fcntl.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INTERVAL_DEFAULT_MS 1000u

struct live_state {
    struct live_sources sources;
    union {
        struct pipc_cgroups_snapshot_handler snapshot;
        struct pipc_cgroups_lookup_handler cgroups;
        struct pipc_apps_lookup_handler apps;
    } handler;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t interval_ms;
    bool stopping, look_now;
};

static uint32_t live_snapshot(void *user, const struct pipc_request *from,
                              const struct pipc_cgroups_snapshot_request_view *request,
                              struct pipc_cgroups_snapshot_builder *builder)
{
    struct live_state *s = user;
    const struct live_cgroup_set *set = live_cgroups_acquire(s->sources.cgroups);
    pipc_result r = PIPC_OK;

    (void)from;
    (void)request;
    pipc_cgroups_snapshot_builder_set_header(builder, set->systemd_enabled, set->generation);
    for (uint32_t i = 0; r == PIPC_OK && i < set->count; i++) {
        const struct live_cgroup *c = &set->items[i];
        r = pipc_cgroups_snapshot_builder_add(builder, c->hash, c->options, c->enabled,
                                              (struct pipc_str_view){c->name, c->name_len},
                                              (struct pipc_str_view){c->path, c->path_len});
    }
    live_cgroups_release(s->sources.cgroups, set);
    return r == PIPC_OK;
}

/* Bytes of a response with all of the set: what the first response limit is made from. */
static uint64_t response_size(struct live_cgroups *cgroups)
{
    const struct live_cgroup_set *set = live_cgroups_acquire(cgroups);
    uint64_t size = PIPC_CGROUPS_SNAPSHOT_HDR_LEN;

    for (uint32_t i = 0; i < set->count; i++)
        size += 8 + pipc_align8(PIPC_CGROUPS_SNAPSHOT_ITEM_HDR_LEN + 2 + set->items[i].name_len +
                                set->items[i].path_len);
    live_cgroups_release(cgroups, set);
    return size;
}

static void *scanning(void *arg)
{
    struct live_state *s = arg;
    char error[512];
    bool failing = false;

    pthread_mutex_lock(&s->lock);
    while (!s->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += s->interval_ms / 1000;
        until.tv_nsec += (long)(s->interval_ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        while (!s->stopping && !s->look_now &&
               pthread_cond_timedwait(&s->changed, &s->lock, &until) == 0)
            ;
        s->look_now = false;
        if (s->stopping)
            break;
        pthread_mutex_unlock(&s->lock);
        const bool failed = live_cgroups_scan(s->sources.cgroups, error, sizeof(error)) < 0;
        if (failed && !failing)
            complain(0, "%s; the last data is served", error);
        failing = failed;
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static int live_reread(struct provider *p)
{
    struct live_state *s = p->state;

    pthread_mutex_lock(&s->lock);
    s->look_now = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return 0;
}

static void state_free(struct live_state *s)
{
    live_cgroups_free(s->sources.cgroups);
    if (s->sources.proc >= 0)
        close(s->sources.proc);
    free(s);
}

static void live_stop(struct provider *p)
{
    struct live_state *s = p->state;

    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_signal(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    state_free(s);
}

static int thread_begin(struct live_state *s)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&s->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&s->lock, NULL);
    return pthread_create(&s->thread, NULL, scanning, s);
}

/* The first look at what the kind needs. False with a sentence. */
static bool sources_open(const struct provider *p, struct live_sources *sources, char *error,
                         size_t error_len)
{
    const char *const proc = p->o->proc_root ? p->o->proc_root : "/proc";

    sources->cgroups = live_cgroups_new(p->o->cgroup_root, p->o->proc_root, error, error_len);
    if (!sources->cgroups || live_cgroups_scan(sources->cgroups, error, error_len) < 0)
        return false;
    if (strcmp(p->kind, PIPC_APPS_LOOKUP_NAME) != 0)
        return true;
    sources->proc = open(proc, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sources->proc < 0)
        snprintf(error, error_len, "proc directory %s: %s", proc, strerror(errno));
    return sources->proc >= 0;
}

static void handler_make(struct provider *p, struct live_state *s)
{
    if (strcmp(p->kind, PIPC_APPS_LOOKUP_NAME) == 0) {
        s->handler.apps = (struct pipc_apps_lookup_handler){
            .size = sizeof(s->handler.apps), .user = &s->sources, .lookup = live_lookup_apps};
    } else if (strcmp(p->kind, PIPC_CGROUPS_LOOKUP_NAME) == 0) {
        s->handler.cgroups = (struct pipc_cgroups_lookup_handler){
            .size = sizeof(s->handler.cgroups), .user = &s->sources, .lookup = live_lookup_cgroups};
    } else {
        s->handler.snapshot = (struct pipc_cgroups_snapshot_handler){
            .size = sizeof(s->handler.snapshot), .user = s, .snapshot = live_snapshot};
        p->first_size = response_size(s->sources.cgroups);
    }
    p->handler = &s->handler;
}

bool provider_is_live(const char *kind)
{
    return strcmp(kind, PIPC_CGROUPS_SNAPSHOT_NAME) == 0 ||
           strcmp(kind, PIPC_CGROUPS_LOOKUP_NAME) == 0 || strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0;
}

int provider_live(struct provider *p)
{
    struct live_state *s = calloc(1, sizeof(*s));
    char error[512] = "";

    if (!s)
        return complain(EXIT_FAILED, "no memory");
    s->sources.proc = -1;
    if (!sources_open(p, &s->sources, error, sizeof(error))) {
        state_free(s);
        return complain(EXIT_FAILED, "%s", error);
    }
    s->interval_ms = p->o->interval_ms ? p->o->interval_ms : INTERVAL_DEFAULT_MS;
    handler_make(p, s);
    p->state = s;
    p->reread = live_reread;
    p->stop = live_stop;
    if (thread_begin(s) != 0) {
        state_free(s);
        return complain(EXIT_FAILED, "no thread for the provider");
    }
    return -1;
}
