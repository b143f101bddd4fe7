/* SPDX-License-Identifier: Apache-2.0
 *
 * Both kinds of lookups: see the header.
 *
 * A PID says what the provider knows of it: bit 31 that it is known, bits 17 to 30 the bytes of its
 * label, the rest its number. A path says the same, "/k/NUMBER/LABEL/..." or "/u/NUMBER/...", and
 * is filled up to its length.
 */
#include "lookup_kinds.h"
#include "test.h"
#include "transports.h"

#define PATH_MAX_LEN 4096u
#define LABEL_MAX    1100000u
#define PID_KNOWN    0x80000000u
#define PID_LABEL    0x3fffu

static char label_bytes[LABEL_MAX];

/* ---- keys ---- */

struct known {
    bool known;
    uint32_t label;
};

static struct known of_pid(uint32_t pid)
{
    return (struct known){(pid & PID_KNOWN) != 0, (pid >> 17) & PID_LABEL};
}

static struct known of_path(struct pipc_str_view path)
{
    struct known known = {path.len > 1 && path.ptr[1] == 'k', 0};
    unsigned slashes = 0;
    for (size_t i = 0; known.known && i < path.len && slashes < 4; i++) {
        slashes += path.ptr[i] == '/';
        if (slashes == 3 && path.ptr[i] != '/')
            known.label = known.label * 10 + (uint32_t)(path.ptr[i] - '0');
    }
    return known;
}

/* Texts of paths stand behind the views, each in a place of its own. */
void *kinds_keys(enum kind kind, uint32_t count)
{
    const size_t each = kind == KIND_APPS ? sizeof(uint32_t) : sizeof(struct pipc_str_view);
    void *keys = calloc((size_t)count + 1, each);
    CHECK(keys != NULL);
    return keys;
}

/* One arena of texts for a test; it ends with its process. */
static char *text_room(size_t len)
{
    static char *arena;
    static size_t left;
    if (left < len) {
        left = len > (1u << 22) ? len : 1u << 22;
        arena = malloc(left);
        CHECK(arena != NULL);
    }
    char *const room = arena;
    arena += len;
    left -= len;
    return room;
}

static struct pipc_str_view path_of(const char *head, size_t len)
{
    const size_t n = strlen(head);
    CHECK(n <= len);
    char *const text = text_room(len);
    memset(text, 'x', len);
    memcpy(text, head, n);
    return (struct pipc_str_view){text, len};
}

void kinds_unknown(enum kind kind, void *keys, uint32_t index, uint32_t number, size_t path_len)
{
    char head[64];
    if (kind == KIND_APPS) {
        ((uint32_t *)keys)[index] = number & 0x1ffff;
        return;
    }
    snprintf(head, sizeof(head), "/u/%u/", (unsigned)number);
    ((struct pipc_str_view *)keys)[index] = path_of(head, path_len);
}

void kinds_known(enum kind kind, void *keys, uint32_t index, uint32_t number, size_t path_len,
                 uint32_t label)
{
    char head[64];
    if (kind == KIND_APPS) {
        CHECK(label <= PID_LABEL);
        ((uint32_t *)keys)[index] = PID_KNOWN | label << 17 | (number & 0x1ffff);
        return;
    }
    snprintf(head, sizeof(head), "/k/%u/%u/", (unsigned)number, (unsigned)label);
    ((struct pipc_str_view *)keys)[index] = path_of(head, path_len);
}

void kinds_fill(enum kind kind, void *keys, uint32_t count, size_t path_len, uint32_t label)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = (i * 7919u + 13u) % 90001u; /* repeats itself, in no order */
        if (number % 5 == 0)
            kinds_unknown(kind, keys, i, number, path_len);
        else
            kinds_known(kind, keys, i, number, path_len, label);
    }
}

const void *kinds_from(enum kind kind, const void *keys, uint32_t index)
{
    return kind == KIND_APPS ? (const void *)((const uint32_t *)keys + index)
                             : (const void *)((const struct pipc_str_view *)keys + index);
}

uint64_t kinds_request_size(enum kind kind, const void *keys, uint32_t count)
{
    const struct pipc_str_view *paths = keys;
    uint64_t size = 16 + (uint64_t)count * 8;
    if (kind == KIND_APPS)
        return size + (uint64_t)count * 8;
    for (uint32_t i = 0; i < count; i++)
        size = ((size + 7) & ~UINT64_C(7)) + paths[i].len + 1;
    return size;
}

uint64_t kinds_placeholder_size(enum kind kind, const void *keys, uint32_t index)
{
    return kind == KIND_APPS ? 63 : 30 + ((const struct pipc_str_view *)keys)[index].len;
}

static struct known of_key(enum kind kind, const void *keys, uint32_t index)
{
    return kind == KIND_APPS ? of_pid(((const uint32_t *)keys)[index])
                             : of_path(((const struct pipc_str_view *)keys)[index]);
}

/* Strings of a known one: PIDs have "comm", "/p" and "n", paths have "n"; then the label "k". */
uint64_t kinds_item_size(enum kind kind, const void *keys, uint32_t index)
{
    const struct known known = of_key(kind, keys, index);
    uint64_t size = kinds_placeholder_size(kind, keys, index);
    if (!known.known)
        return size;
    size += kind == KIND_APPS ? 4 + 2 + 1 : 1;
    return ((size + 7) & ~UINT64_C(7)) + 16 + 2 + known.label + 1;
}

/* ---- the provider ---- */

static struct pipc_label_view label_of(struct known known)
{
    return (struct pipc_label_view){{"k", 1}, {label_bytes, known.label}};
}

static uint64_t record(struct kinds_scene *s, uint32_t keys)
{
    pthread_mutex_lock(&s->lock);
    s->calls++;
    s->asked += keys;
    s->largest = s->largest > keys ? s->largest : keys;
    const uint64_t generation = s->generation;
    pthread_mutex_unlock(&s->lock);
    return generation;
}

static uint32_t answer_cgroups(void *user, const struct pipc_request *from,
                               const struct pipc_cgroups_lookup_request_view *request,
                               struct pipc_cgroups_lookup_builder *builder)
{
    struct kinds_scene *s = user;
    (void)from;
    pipc_cgroups_lookup_builder_set_generation(builder, record(s, request->item_count));
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_cgroups_lookup_request_item_view item;
        if (pipc_cgroups_lookup_request_item(request, i, &item) != PIPC_OK)
            return 0;
        const struct known known = of_path(item.path);
        const struct pipc_label_view label = label_of(known);
        const pipc_result r =
            known.known ? pipc_cgroups_lookup_builder_add_request_item(
                              builder, i, PIPC_CGROUP_LOOKUP_KNOWN, PIPC_ORCHESTRATOR_DOCKER,
                              (struct pipc_str_view){"n", 1}, &label, 1)
                        : pipc_cgroups_lookup_builder_add_request_status(
                              builder, i, PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT);
        if (r != PIPC_OK)
            return 0;
    }
    return 1;
}

static uint32_t answer_apps(void *user, const struct pipc_request *from,
                            const struct pipc_apps_lookup_request_view *request,
                            struct pipc_apps_lookup_builder *builder)
{
    struct kinds_scene *s = user;
    (void)from;
    pipc_apps_lookup_builder_set_generation(builder, record(s, request->item_count));
    for (uint32_t i = 0; i < request->item_count; i++) {
        struct pipc_apps_lookup_request_item_view key;
        if (pipc_apps_lookup_request_item(request, i, &key) != PIPC_OK)
            return 0;
        const struct known known = of_pid(key.pid);
        const struct pipc_label_view label = label_of(known);
        struct pipc_apps_lookup_item item = pipc_apps_lookup_item_of(
            key.pid, known.known ? PIPC_PID_LOOKUP_KNOWN : PIPC_PID_LOOKUP_UNKNOWN);
        if (known.known) {
            item.starttime = UINT64_C(1) << 40;
            item.comm = (struct pipc_str_view){"comm", 4};
            item.cgroup_path = (struct pipc_str_view){"/p", 2};
            item.cgroup_name = (struct pipc_str_view){"n", 1};
            item.labels = &label;
            item.label_count = 1;
        }
        if (pipc_apps_lookup_builder_add(builder, &item) != PIPC_OK)
            return 0;
    }
    return 1;
}

/* ---- scenes ---- */

static struct pipc_context *open_context(void)
{
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(script_config_modules(config));
    test_choose_transports(config);
    if (!PIPC_TEST_BUILTIN) {
        CHECK_OK(pipc_config_add_module(config, &pipc_module_cgroups_lookup, NULL));
        CHECK_OK(pipc_config_add_module(config, &pipc_module_apps_lookup, NULL));
    }
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "pipc_open: %s", err.text);
    pipc_config_free(config);
    return context;
}

static void *run(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

void kinds_open(struct kinds_scene *s, enum kind kind, const struct pipc_client_config *client,
                const struct pipc_server_config *server)
{
    const struct pipc_error err = PIPC_ERROR_INIT;
    memset(s, 0, sizeof(*s));
    memset(label_bytes, 'v', sizeof(label_bytes));
    s->kind = kind;
    s->err = err;
    s->generation = 42;
    CHECK(pthread_mutex_init(&s->lock, NULL) == 0);
    s->context = open_context();
    const struct pipc_cgroups_lookup_handler cgroups = {
        .size = sizeof(cgroups), .user = s, .lookup = answer_cgroups};
    const struct pipc_apps_lookup_handler apps = {
        .size = sizeof(apps), .user = s, .lookup = answer_apps};
    if (kind == KIND_APPS)
        CHECK_OK(pipc_server_create_apps_lookup(s->context, test_dir(), SCRIPT_SERVICE, &apps, 4,
                                                server, &s->server, NULL));
    else
        CHECK_OK(pipc_server_create_cgroups_lookup(s->context, test_dir(), SCRIPT_SERVICE, &cgroups,
                                                   4, server, &s->server, NULL));
    CHECK(pthread_create(&s->thread, NULL, run, s->server) == 0);
    s->client = script_ready(s->context, client, true);
}

void kinds_open_limits(struct kinds_scene *s, enum kind kind, uint32_t request, uint32_t response)
{
    const struct pipc_client_config client = {.size = sizeof(client),
                                              .max_request_payload_bytes = request};
    const struct pipc_server_config server = {.size = sizeof(server),
                                              .max_request_payload_bytes = request,
                                              .max_response_payload_bytes = response};
    kinds_open(s, kind, &client, &server);
}

void kinds_close(struct kinds_scene *s)
{
    pipc_client_destroy(s->client);
    CHECK_OK(pipc_server_stop(s->server));
    pthread_join(s->thread, NULL);
    CHECK_OK(pipc_server_destroy(s->server));
    script_context_close(s->context);
}

/* ---- calls ---- */

static void sync(struct kinds_scene *s)
{
    pthread_mutex_lock(&s->lock);
    pthread_mutex_unlock(&s->lock);
}

pipc_result kinds_call(struct kinds_scene *s, const void *keys, uint32_t count, uint32_t timeout_ms)
{
    memset(&s->cgroups, 0x5a, sizeof(s->cgroups));
    memset(&s->apps, 0x5a, sizeof(s->apps));
    sync(s);
    const pipc_result result =
        s->kind == KIND_APPS
            ? pipc_client_call_apps_lookup(s->client, keys, count, &s->apps, timeout_ms, &s->err)
            : pipc_client_call_cgroups_lookup(s->client, keys, count, &s->cgroups, timeout_ms,
                                              &s->err);
    sync(s);
    return result;
}

uint32_t kinds_item_count(const struct kinds_scene *s)
{
    return s->kind == KIND_APPS ? s->apps.item_count : s->cgroups.item_count;
}

uint64_t kinds_generation(const struct kinds_scene *s)
{
    return s->kind == KIND_APPS ? s->apps.generation : s->cgroups.generation;
}

static void check_label(struct pipc_label_view label, uint32_t len)
{
    CHECK_EQ(label.key.len, 1);
    CHECK_EQ(label.value.len, len);
    CHECK_MEM(label.value.ptr, label_bytes, len);
}

static void check_cgroup(const struct kinds_scene *s, struct pipc_str_view path, uint32_t index,
                         bool oversized)
{
    struct pipc_cgroups_lookup_item_view item;
    struct pipc_label_view label;
    const struct known known = of_path(path);
    CHECK_OK(pipc_cgroups_lookup_item(&s->cgroups, index, &item));
    CHECK_EQ(item.path.len, path.len);
    CHECK_MEM(item.path.ptr, path.ptr, path.len);
    CHECK_EQ(item.status, oversized     ? PIPC_CGROUP_LOOKUP_OVERSIZED_ITEM
                          : known.known ? PIPC_CGROUP_LOOKUP_KNOWN
                                        : PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT);
    if (item.status != PIPC_CGROUP_LOOKUP_KNOWN) {
        CHECK(item.orchestrator == 0 && item.label_count == 0 && item.name.len == 0);
        return;
    }
    CHECK_EQ(item.orchestrator, PIPC_ORCHESTRATOR_DOCKER);
    CHECK_OK(pipc_cgroups_lookup_label(&item, 0, &label));
    check_label(label, known.label);
}

static void check_pid(const struct kinds_scene *s, uint32_t pid, uint32_t index, bool oversized)
{
    struct pipc_apps_lookup_item_view item;
    struct pipc_label_view label;
    const struct known known = of_pid(pid);
    CHECK_OK(pipc_apps_lookup_item(&s->apps, index, &item));
    CHECK_EQ(item.pid, pid);
    CHECK_EQ(item.status, oversized     ? PIPC_PID_LOOKUP_OVERSIZED_ITEM
                          : known.known ? PIPC_PID_LOOKUP_KNOWN
                                        : PIPC_PID_LOOKUP_UNKNOWN);
    if (item.status != PIPC_PID_LOOKUP_KNOWN) {
        CHECK(item.uid == PIPC_UID_UNSET && item.label_count == 0 && item.comm.len == 0);
        return;
    }
    CHECK_EQ(item.starttime, UINT64_C(1) << 40);
    CHECK_MEM(item.comm.ptr, "comm", 5);
    CHECK_OK(pipc_apps_lookup_label(&item, 0, &label));
    check_label(label, known.label);
}

void kinds_check_item(const struct kinds_scene *s, const void *keys, uint32_t index, bool oversized)
{
    if (s->kind == KIND_APPS)
        check_pid(s, ((const uint32_t *)keys)[index], index, oversized);
    else
        check_cgroup(s, ((const struct pipc_str_view *)keys)[index], index, oversized);
}

void kinds_check(const struct kinds_scene *s, const void *keys, uint32_t count)
{
    CHECK_EQ(kinds_item_count(s), count);
    CHECK_EQ(kinds_generation(s), s->generation);
    for (uint32_t i = 0; i < count; i++)
        kinds_check_item(s, keys, i, false);
}

void kinds_check_zeroed(const struct kinds_scene *s)
{
    static const struct pipc_cgroups_lookup_view no_cgroups;
    static const struct pipc_apps_lookup_view no_apps;
    if (s->kind == KIND_APPS)
        CHECK_MEM(&s->apps, &no_apps, sizeof(no_apps));
    else
        CHECK_MEM(&s->cgroups, &no_cgroups, sizeof(no_cgroups));
}
