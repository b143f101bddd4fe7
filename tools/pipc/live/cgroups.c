/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of cgroups: collect paths, sort, name, compare with the set before, publish.
 */
#include "cgroups.h"

#include "label_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More cgroups than a kernel can usefully have; a tree above this is an error, not a cut set. */
#define CGROUPS_MAX 4000000u

/* A set as it is made: `shown` is what others see. */
struct counted_set {
    struct live_cgroup_set shown;
    uint32_t references; /* under the lock */
    struct live_cgroup *items;
    char *paths; /* NUL behind each */
    char *names;
};

struct live_cgroups {
    struct live_mount mount;
    char host_root[LIVE_PATH_MAX];
    pthread_mutex_t scanning; /* one scan at a time */
    pthread_mutex_t lock;     /* `current` and the references of every set */
    pthread_mutex_t reading;  /* the labels of every set, and `looks` */
    struct counted_set *current;
    uint64_t looks;
};

/* Bytes that grow; offsets, not pointers, until they are complete. */
struct text {
    char *bytes;
    size_t len, room;
};

struct collect {
    const struct live_mount *mount;
    struct text paths;
    uint32_t count;
    int too_many;
};

uint32_t live_hash(const char *bytes, size_t len)
{
    uint32_t hash = UINT32_C(2166136261);

    for (size_t i = 0; i < len; i++)
        hash = (hash * UINT32_C(16777619)) ^ (unsigned char)bytes[i];
    return hash;
}

static int text_add(struct text *text, const char *bytes, size_t len)
{
    if (!len)
        return 0;
    if (len > text->room - text->len) {
        const size_t room = 2 * text->room + len + 4096;
        char *more = realloc(text->bytes, room);
        if (!more)
            return -1; /* LCOV_EXCL_LINE: no memory */
        text->bytes = more;
        text->room = room;
    }
    memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
    return 0;
}

/* The path as /proc/PID/cgroup has it: the part of the hierarchy that is mounted, then the path
 * below. */
static int collect_one(void *arg, const char *path, size_t len)
{
    struct collect *all = arg;
    const size_t prefix = strlen(all->mount->prefix);

    if (all->count == CGROUPS_MAX) { /* LCOV_EXCL_START: too many to make for a test */
        all->too_many = 1;
        return 1;
    } /* LCOV_EXCL_STOP */
    all->count++;
    if (prefix && len == 1)
        return text_add(&all->paths, all->mount->prefix, prefix + 1);
    return text_add(&all->paths, all->mount->prefix, prefix) || text_add(&all->paths, path, len) ||
           text_add(&all->paths, "", 1);
}

static int by_path(const void *a, const void *b)
{
    const struct live_cgroup *x = a, *y = b;

    return strcmp(x->path, y->path);
}

/* For sorting by name without moving the items. */
struct named {
    struct live_cgroup *item;
};

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    return strcmp(x->item->name, y->item->name);
}

static void set_free(struct live_cgroups *live, struct counted_set *set)
{
    pthread_mutex_lock(&live->reading);
    for (uint32_t i = 0; set->items && i < set->shown.count; i++)
        live_labels_release(set->items[i].labels);
    pthread_mutex_unlock(&live->reading);
    free(set->items);
    free(set->paths);
    free(set->names);
    free(set);
}

static void set_paths(struct counted_set *set)
{
    char *at = set->paths;

    for (uint32_t i = 0; i < set->shown.count; i++) {
        set->items[i].path = at;
        set->items[i].path_len = strlen(at);
        at += set->items[i].path_len + 1;
    }
    qsort(set->items, set->shown.count, sizeof(*set->items), by_path);
}

/* Names every item; systemd is there if it has made one of them. */
static int set_names(struct counted_set *set, const char *host_root)
{
    struct live_runtime *runtime = live_runtime_new(host_root);
    struct live_name *name = malloc(sizeof(*name));
    struct text names = {0};
    char *at;
    int failed = !name;

    for (uint32_t i = 0; i < set->shown.count && !failed; i++) {
        struct live_cgroup *item = &set->items[i];
        live_name_of(item->path, item->path_len, runtime, name);
        item->name_len = strlen(name->name);
        item->orchestrator = name->orchestrator;
        failed = text_add(&names, name->name, item->name_len + 1);
        if (name->orchestrator == LIVE_SYSTEMD)
            set->shown.systemd_enabled = 1;
    }
    live_runtime_free(runtime);
    free(name);
    set->names = names.bytes;
    if (failed)
        return -1; /* LCOV_EXCL_LINE: no memory */
    at = set->names;
    for (uint32_t i = 0; i < set->shown.count; i++) {
        set->items[i].name = at;
        at += set->items[i].name_len + 1;
    }
    return 0;
}

/* Name and hash are how an item is found, so a name that several have is replaced by what is
 * unique: their paths. */
static int set_unique(struct counted_set *set)
{
    const uint32_t count = set->shown.count;
    struct named *order = malloc((size_t)count * sizeof(*order) + 1);

    if (!order)
        return -1; /* LCOV_EXCL_LINE: no memory */
    for (uint32_t i = 0; i < count; i++)
        order[i].item = &set->items[i];
    qsort(order, count, sizeof(*order), by_name);
    for (uint32_t i = 0; i < count;) {
        uint32_t end = i + 1;
        while (end < count && strcmp(order[i].item->name, order[end].item->name) == 0)
            end++;
        for (uint32_t k = i; k < end && end - i > 1; k++) {
            struct live_cgroup *item = order[k].item;
            item->name = item->path + (item->path_len > 1);
            item->name_len = strlen(item->name);
        }
        i = end;
    }
    free(order);
    for (uint32_t i = 0; i < count; i++) {
        set->items[i].hash = live_hash(set->items[i].name, set->items[i].name_len);
        set->items[i].enabled = 1;
    }
    return 0;
}

static struct counted_set *set_make(struct live_cgroups *live, struct collect *all)
{
    struct counted_set *set = calloc(1, sizeof(*set));

    if (!set)
        return NULL; /* LCOV_EXCL_LINE: no memory */
    set->references = 1;
    set->shown.self = set;
    set->paths = all->paths.bytes;
    all->paths.bytes = NULL;
    set->shown.count = all->count;
    set->items = calloc(all->count ? all->count : 1, sizeof(*set->items));
    set->shown.items = set->items;
    if (set->items)
        set_paths(set);
    if (!set->items || set_names(set, live->host_root) || set_unique(set)) {
        set_free(live, set); /* LCOV_EXCL_LINE: no memory */
        return NULL;         /* LCOV_EXCL_LINE */
    }
    return set;
}

static int set_same(const struct counted_set *a, const struct counted_set *b)
{
    if (a->shown.count != b->shown.count || a->shown.systemd_enabled != b->shown.systemd_enabled)
        return 0;
    for (uint32_t i = 0; i < a->shown.count; i++) {
        const struct live_cgroup *x = &a->items[i], *y = &b->items[i];
        if (x->orchestrator != y->orchestrator || strcmp(x->path, y->path) != 0 ||
            strcmp(x->name, y->name) != 0)
            return 0;
    }
    return 1;
}

static struct counted_set *scan_tree(struct live_cgroups *live, char *error, size_t error_len)
{
    struct collect all = {0};
    struct live_walk_stats stats;
    struct counted_set *set = NULL;
    int result;

    all.mount = &live->mount;
    result = live_walk(live->mount.dir, &all, collect_one, &stats, error, error_len);
    if (result == 0)
        set = set_make(live, &all);
    free(all.paths.bytes);
    /* LCOV_EXCL_START: as above */
    if (all.too_many)
        (void)snprintf(error, error_len, "%s has more than %u cgroups", live->mount.dir,
                       CGROUPS_MAX);
    else if (!set && error_len && !error[0])
        (void)snprintf(error, error_len, "no memory for the cgroups of %s", live->mount.dir);
    /* LCOV_EXCL_STOP */
    if (set)
        set->shown.left_out = stats;
    return set;
}

/* Labels that are read belong to the cgroup, which is the same one in both sets. */
static void labels_carry(struct live_cgroups *live, const struct counted_set *old,
                         struct counted_set *set)
{
    uint32_t k = 0;

    pthread_mutex_lock(&live->reading);
    for (uint32_t i = 0; i < set->shown.count; i++) {
        while (k < old->shown.count && strcmp(old->items[k].path, set->items[i].path) < 0)
            k++;
        if (k < old->shown.count && strcmp(old->items[k].path, set->items[i].path) == 0 &&
            strcmp(old->items[k].name, set->items[i].name) == 0)
            set->items[i].labels = live_labels_share(old->items[k].labels);
    }
    pthread_mutex_unlock(&live->reading);
}

/* The first set is a change even if it is empty. Only scans write `current`, and they run one after
 * the other. */
static int scan_publish(struct live_cgroups *live, struct counted_set *set)
{
    struct counted_set *old = live->current;

    pthread_mutex_lock(&live->reading);
    live->looks++;
    pthread_mutex_unlock(&live->reading);
    if (old->shown.generation && set_same(old, set)) {
        set_free(live, set);
        return 0;
    }
    labels_carry(live, old, set);
    set->shown.generation = old->shown.generation + 1;
    pthread_mutex_lock(&live->lock);
    live->current = set;
    pthread_mutex_unlock(&live->lock);
    live_cgroups_release(live, &old->shown);
    return 1;
}

int live_cgroups_scan(struct live_cgroups *live, char *error, size_t error_len)
{
    struct counted_set *set;
    int result = -1;

    if (error_len)
        error[0] = '\0';
    pthread_mutex_lock(&live->scanning);
    set = scan_tree(live, error, error_len);
    if (set)
        result = scan_publish(live, set);
    pthread_mutex_unlock(&live->scanning);
    return result;
}

/* "/host/proc" belongs to the root directory "/host"; of other places nothing is known. */
static int host_root(struct live_cgroups *live, const char *proc_root)
{
    size_t len = strlen(proc_root);

    if (len >= sizeof(live->host_root) - 256)
        return -1;
    while (len > 1 && proc_root[len - 1] == '/')
        len--;
    if (len >= 5 && memcmp(proc_root + len - 5, "/proc", 5) == 0)
        len -= 5;
    memcpy(live->host_root, proc_root, len);
    live->host_root[len] = '\0';
    return 0;
}

struct live_cgroups *live_cgroups_new(const char *cgroup_root, const char *proc_root, char *error,
                                      size_t error_len)
{
    struct live_cgroups *live = calloc(1, sizeof(*live));
    int result;

    proc_root = proc_root ? proc_root : "/proc";
    if (!live || !(live->current = calloc(1, sizeof(*live->current)))) {
        /* LCOV_EXCL_START: no memory */
        (void)snprintf(error, error_len, "no memory for the cgroups of this machine");
        free(live);
        return NULL;
        /* LCOV_EXCL_STOP */
    }
    live->current->references = 1;
    live->current->shown.self = live->current;
    if (host_root(live, proc_root)) {
        (void)snprintf(error, error_len, "the name of the proc directory is too long");
        result = -1;
    } else if (cgroup_root) {
        result = live_mounts_in(cgroup_root, &live->mount, error, error_len);
    } else {
        result = live_mounts_find(proc_root, &live->mount, error, error_len);
    }
    if (result) {
        free(live->current);
        free(live);
        return NULL;
    }
    (void)pthread_mutex_init(&live->scanning, NULL);
    (void)pthread_mutex_init(&live->lock, NULL);
    (void)pthread_mutex_init(&live->reading, NULL);
    return live;
}

void live_cgroups_free(struct live_cgroups *live)
{
    if (!live)
        return;
    set_free(live, live->current);
    (void)pthread_mutex_destroy(&live->reading);
    (void)pthread_mutex_destroy(&live->lock);
    (void)pthread_mutex_destroy(&live->scanning);
    free(live);
}

const struct live_cgroup_set *live_cgroups_acquire(struct live_cgroups *live)
{
    struct counted_set *set;

    pthread_mutex_lock(&live->lock);
    set = live->current;
    set->references++;
    pthread_mutex_unlock(&live->lock);
    return &set->shown;
}

void live_cgroups_release(struct live_cgroups *live, const struct live_cgroup_set *set)
{
    struct counted_set *counted = set->self;
    uint32_t left;

    pthread_mutex_lock(&live->lock);
    left = --counted->references;
    pthread_mutex_unlock(&live->lock);
    if (!left)
        set_free(live, counted);
}

const struct live_cgroup *live_cgroup_find(const struct live_cgroup_set *set, const char *path,
                                           size_t len)
{
    uint32_t low = 0, high = set->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        const struct live_cgroup *item = &set->items[middle];
        const size_t least = len < item->path_len ? len : item->path_len;
        int order = memcmp(item->path, path, least);
        if (order == 0)
            order = item->path_len < len ? -1 : item->path_len > len;
        if (order == 0)
            return item;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint32_t live_cgroup_labels(struct live_cgroups *live, const struct live_cgroup *cgroup,
                            const struct pipc_label_view **ret_labels)
{
    /* Every set is made of memory that can be written. */
    struct live_labels **const labels = (struct live_labels **)(uintptr_t)&cgroup->labels;
    uint32_t count;

    pthread_mutex_lock(&live->reading);
    count = live_labels_of(labels, cgroup->path, cgroup->path_len, cgroup->name, live->host_root,
                           live->looks, ret_labels);
    pthread_mutex_unlock(&live->reading);
    return count;
}

const struct live_mount *live_cgroups_mount(const struct live_cgroups *live)
{
    return &live->mount;
}

const char *live_cgroups_host_root(const struct live_cgroups *live)
{
    return live->host_root;
}
