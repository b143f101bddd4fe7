/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cgroup is called: reads the path from left to right and keeps the name so far.
 *
 * Slices are replaced by what stands in them, units and containers stay in front of what is inside
 * them, and the rest is kept as it is; so different paths have different names as far as unit and
 * container names are unique.
 */
#include "names.h"

#include "mounts.h"

#include <stdio.h>
#include <string.h>

#define UNIT_MAX LIVE_UNIT_MAX

struct part {
    const char *at;
    size_t len;
};

/* What the last component was, and so what the next one replaces. */
enum last { LAST_NONE, LAST_SLICE, LAST_UNIT, LAST_CONTAINER, LAST_PLAIN };

struct naming {
    struct live_name *out;
    struct live_runtime *runtime;
    size_t len;   /* of the name so far */
    size_t outer; /* what stays in front of everything: containers around */
    size_t inner; /* what stays in front of units and slices: also units around */
    enum last last;
    struct part parent;
    int kube;      /* somewhere below kubepods */
    int container; /* the orchestrator is that of a container */
    int full;      /* the name did not fit */
};

static int part_is(struct part p, const char *text)
{
    return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

static int part_starts(struct part p, const char *text)
{
    const size_t len = strlen(text);

    return p.len >= len && memcmp(p.at, text, len) == 0;
}

static int part_ends(struct part p, const char *text)
{
    const size_t len = strlen(text);

    return p.len > len && memcmp(p.at + p.len - len, text, len) == 0;
}

/* Without that many bytes in front and behind. */
static struct part part_trim(struct part p, size_t front, size_t behind)
{
    const struct part inner = {p.at + front, p.len - front - behind};

    return inner;
}

static int is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int is_id(struct part p)
{
    if (p.len != LIVE_ID_LEN)
        return 0;
    for (size_t i = 0; i < p.len; i++) {
        if (!is_hex(p.at[i]))
            return 0;
    }
    return 1;
}

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

size_t live_unit_decode(const char *from, size_t len, char *to)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        if (len - i >= 4 && from[i] == '\\' && from[i + 1] == 'x' && is_hex(from[i + 2]) &&
            is_hex(from[i + 3])) {
            const int value = 16 * hex_value(from[i + 2]) + hex_value(from[i + 3]);
            /* Control characters and slashes would make two names look like one. */
            if (value >= 0x20 && value != 0x7f && value != '/') {
                to[n++] = (char)value;
                i += 3;
                continue;
            }
        }
        to[n++] = from[i];
    }
    to[n] = '\0';
    return n;
}

static void name_cut(struct naming *n, size_t len)
{
    n->len = len;
    n->out->name[len] = '\0';
}

static void name_add(struct naming *n, const char *text, size_t len)
{
    if (len >= sizeof(n->out->name) - n->len) {
        n->full = 1;
        return;
    }
    memcpy(n->out->name + n->len, text, len);
    name_cut(n, n->len + len);
}

static void name_add_text(struct naming *n, const char *text)
{
    name_add(n, text, strlen(text));
}

static void name_add_decoded(struct naming *n, struct part p)
{
    char decoded[UNIT_MAX + 1];

    if (p.len > UNIT_MAX)
        name_add(n, p.at, p.len);
    else
        name_add(n, decoded, live_unit_decode(p.at, p.len, decoded));
}

/* A container or machine: only containers around it stay in front. */
static void begin_container(struct naming *n, uint16_t orchestrator, const char *prefix)
{
    name_cut(n, n->outer);
    name_add_text(n, prefix);
    n->out->orchestrator = orchestrator;
    n->out->id[0] = '\0';
    n->container = 1;
    n->last = LAST_CONTAINER;
}

static void container_named(struct naming *n, uint16_t orchestrator, const char *prefix,
                            struct part name)
{
    begin_container(n, orchestrator, prefix);
    name_add_decoded(n, name);
}

typedef int (*runtime_name)(struct live_runtime *, const char *, char[LIVE_RUNTIME_NAME_MAX]);

static void container_by_id(struct naming *n, uint16_t orchestrator, const char *prefix,
                            struct part id, runtime_name lookup)
{
    char text[LIVE_ID_LEN + 1], name[LIVE_RUNTIME_NAME_MAX];

    begin_container(n, orchestrator, prefix);
    memcpy(text, id.at, LIVE_ID_LEN);
    text[LIVE_ID_LEN] = '\0';
    memcpy(n->out->id, text, sizeof(text));
    if (lookup && lookup(n->runtime, text, name))
        name_add_text(n, name);
    else
        name_add(n, text, 12);
}

/* "<runtime>-<id>.scope" or "<runtime>-<id>": the runtime (without its hyphen) and the id. */
static int split_scope(struct part p, struct part *ret_runtime, struct part *ret_id)
{
    if (part_ends(p, ".scope"))
        p = part_trim(p, 0, strlen(".scope"));
    if (p.len < LIVE_ID_LEN + 2)
        return 0;
    *ret_id = part_trim(p, p.len - LIVE_ID_LEN, 0);
    *ret_runtime = part_trim(p, 0, LIVE_ID_LEN + 1);
    return is_id(*ret_id) && p.at[ret_runtime->len] == '-';
}

/* The components that kubernetes makes: kubepods, kubepods.slice, kubelet-kubepods-burstable.slice,
 * ... */
static int is_kubepods(struct part p)
{
    static const char word[] = "kubepods";
    const size_t len = sizeof(word) - 1;

    for (size_t i = 0; i + len <= p.len; i++) {
        if (memcmp(p.at + i, word, len) != 0 || (i && p.at[i - 1] != '-'))
            continue;
        if (i + len == p.len || p.at[i + len] == '.' || p.at[i + len] == '-')
            return 1;
    }
    return 0;
}

static int is_quality_class(struct part p)
{
    return is_kubepods(p) || part_is(p, "besteffort") || part_is(p, "burstable") ||
           part_is(p, "guaranteed");
}

/* "<slice>-pod<uid>.slice", or "pod<uid>" in a directory of its own: the uid. */
static int is_pod(struct part p, struct part parent, struct part *ret_uid)
{
    size_t at = 0;

    if (part_ends(p, ".slice")) {
        p = part_trim(p, 0, strlen(".slice"));
        for (size_t i = 0; i + 4 < p.len; i++) {
            if (memcmp(p.at + i, "-pod", 4) == 0)
                at = i + 4;
        }
    } else if (part_starts(p, "pod") && p.len > 3 && is_quality_class(parent)) {
        at = 3;
    }
    *ret_uid = part_trim(p, at, 0);
    return at != 0;
}

/* Systemd does not allow hyphens there, so the kubelet writes underscores. */
static void name_pod(struct naming *n, struct part uid)
{
    size_t from;

    name_cut(n, n->outer);
    name_add_text(n, "pod_");
    from = n->len;
    name_add(n, uid.at, uid.len);
    for (size_t i = from; i < n->len; i++) {
        if (n->out->name[i] == '_')
            n->out->name[i] = '-';
    }
    (void)snprintf(n->out->pod, sizeof(n->out->pod), "%s", n->out->name + from);
    if (!n->out->quality[0])
        n->out->quality = "guaranteed"; /* which has no directory of its own */
    n->last = LAST_UNIT;
}

static int part_has(struct part p, const char *word)
{
    const size_t len = strlen(word);

    for (size_t i = 0; i + len <= p.len; i++) {
        if (memcmp(p.at + i, word, len) == 0)
            return 1;
    }
    return 0;
}

/* "kubepods-burstable.slice", or "burstable" in "kubepods". */
static void note_quality(struct naming *n, struct part p)
{
    static const char *const classes[] = {"besteffort", "burstable", "guaranteed"};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (part_is(p, classes[i]) || (is_kubepods(p) && part_has(p, classes[i])))
            n->out->quality = classes[i];
    }
}

static int try_kubernetes(struct naming *n, struct part p)
{
    struct part runtime, id, uid;

    if (is_kubepods(p)) {
        n->kube = 1;
        n->container = 1;
        n->out->orchestrator = LIVE_K8S;
    }
    if (!n->kube)
        return 0;
    note_quality(n, p);
    id = p.len > LIVE_ID_LEN ? part_trim(p, p.len - LIVE_ID_LEN, 0) : p;
    if (is_id(id) && (p.len == LIVE_ID_LEN || id.at[-1] == ':')) {
        container_by_id(n, LIVE_K8S, "k8s_", id, live_runtime_k8s);
        return 1;
    }
    if (split_scope(p, &runtime, &id) && !part_ends(runtime, "conmon")) {
        container_by_id(n, LIVE_K8S, "k8s_", id, live_runtime_k8s);
        return 1;
    }
    if (!is_pod(p, n->parent, &uid))
        return 0;
    name_pod(n, uid);
    return 1;
}

/* Containers that are known by an id. */
static int try_id(struct naming *n, struct part p)
{
    struct part runtime, id;
    char text[LIVE_ID_LEN + 1], name[LIVE_RUNTIME_NAME_MAX];

    if (is_id(p)) {
        memcpy(text, p.at, LIVE_ID_LEN);
        text[LIVE_ID_LEN] = '\0';
        /* With a parent of the user's own only docker itself can tell. */
        if (!part_is(n->parent, "docker") && !live_runtime_docker(n->runtime, text, name))
            return 0;
        container_by_id(n, LIVE_DOCKER, "docker_", p, live_runtime_docker);
        return 1;
    }
    if (!split_scope(p, &runtime, &id) || part_ends(runtime, "conmon"))
        return 0;
    if (part_is(runtime, "docker"))
        container_by_id(n, LIVE_DOCKER, "docker_", id, live_runtime_docker);
    else if (part_is(runtime, "libpod") || part_is(runtime, "libpod-payload"))
        container_by_id(n, LIVE_PODMAN, "podman_", id, live_runtime_podman);
    else if (part_is(runtime, "cri-containerd") || part_is(runtime, "crio"))
        container_by_id(n, LIVE_K8S, "k8s_", id, live_runtime_k8s);
    else
        return 0;
    return 1;
}

/* Behind "<word>-<digits>-", as libvirt numbers its machines. */
static int split_numbered(struct part p, const char *word, struct part *ret_name)
{
    size_t at = strlen(word);
    const size_t digits = at;

    if (!part_starts(p, word))
        return 0;
    while (at < p.len && p.at[at] >= '0' && p.at[at] <= '9')
        at++;
    if (at == digits || at + 1 >= p.len || p.at[at] != '-')
        return 0;
    *ret_name = part_trim(p, at + 1, 0);
    return 1;
}

static int try_libvirt(struct naming *n, struct part p)
{
    struct part name;

    if (part_ends(p, ".libvirt-qemu")) {
        p = part_trim(p, 0, strlen(".libvirt-qemu"));
        container_named(n, LIVE_KVM, "qemu_", split_numbered(p, "qemu-", &name) ? name : p);
        return 1;
    }
    if (part_ends(p, ".libvirt-lxc")) {
        p = part_trim(p, 0, strlen(".libvirt-lxc"));
        container_named(n, LIVE_LXC, "", split_numbered(p, "lxc-", &name) ? name : p);
        return 1;
    }
    if (part_is(n->parent, "qemu.slice") && part_ends(p, ".scope")) {
        container_named(n, LIVE_KVM, "qemu_", part_trim(p, 0, strlen(".scope")));
        return 1;
    }
    return 0;
}

static int try_lxc(struct naming *n, struct part p)
{
    if (part_is(n->parent, "lxc") || part_is(n->parent, "lxc.payload")) {
        begin_container(n, LIVE_LXC, "");
        name_add(n, p.at, p.len);
        return 1;
    }
    if (part_starts(p, "lxc.payload.") && p.len > strlen("lxc.payload.")) {
        p = part_trim(p, strlen("lxc.payload."), 0);
        begin_container(n, LIVE_LXC, "");
        name_add(n, p.at, p.len);
        return 1;
    }
    return 0;
}

/* What systemd-machined has registered. */
static int try_machine(struct naming *n, struct part p)
{
    char decoded[UNIT_MAX + 1];
    struct part name;

    if (part_starts(p, "systemd-nspawn@") && part_ends(p, ".service") &&
        p.len > strlen("systemd-nspawn@.service")) {
        container_named(n, LIVE_NSPAWN, "",
                        part_trim(p, strlen("systemd-nspawn@"), strlen(".service")));
        return 1;
    }
    if (!part_starts(p, "machine-") || !part_ends(p, ".scope") || p.len > UNIT_MAX ||
        p.len <= strlen("machine-.scope"))
        return 0;
    p = part_trim(p, strlen("machine-"), strlen(".scope"));
    p.len = live_unit_decode(p.at, p.len, decoded);
    p.at = decoded;
    if (split_numbered(p, "qemu-", &name))
        begin_container(n, LIVE_KVM, "qemu_");
    else if (split_numbered(p, "lxc-", &name))
        begin_container(n, LIVE_LXC, "");
    else
        begin_container(n, LIVE_NSPAWN, "");
    if (n->out->orchestrator == LIVE_NSPAWN)
        name = p;
    name_add(n, name.at, name.len);
    return 1;
}

static int is_unit(struct part p)
{
    static const char *const types[] = {".service", ".scope", ".mount", ".socket", ".swap"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (part_ends(p, types[i]))
            return 1;
    }
    return 0;
}

static void name_unit_or_plain(struct naming *n, struct part p)
{
    const int slice = part_ends(p, ".slice"), unit = is_unit(p);

    if ((slice || unit) && p.len <= UNIT_MAX)
        (void)live_unit_decode(p.at, p.len, slice ? n->out->slice : n->out->unit);
    if (slice || unit) {
        if (n->last == LAST_SLICE)
            name_cut(n, n->inner);
        name_add_decoded(n, p);
        n->last = slice ? LAST_SLICE : LAST_UNIT;
        if (!n->container)
            n->out->orchestrator = LIVE_SYSTEMD;
        return;
    }
    if (n->last == LAST_SLICE)
        name_add(n, "/", 1);
    name_add(n, p.at, p.len);
    n->last = LAST_PLAIN;
}

/* The slash in front of a component inside of what is named already. */
static void name_enter(struct naming *n)
{
    if (n->last == LAST_NONE || n->last == LAST_SLICE)
        return;
    name_add(n, "/", 1);
    n->inner = n->len;
    if (n->last == LAST_CONTAINER)
        n->outer = n->len;
}

static void name_part(struct naming *n, struct part p)
{
    name_enter(n);
    if (!try_kubernetes(n, p) && !try_id(n, p) && !try_libvirt(n, p) && !try_lxc(n, p) &&
        !try_machine(n, p))
        name_unit_or_plain(n, p);
    n->parent = p;
}

void live_name_of(const char *path, size_t len, struct live_runtime *runtime,
                  struct live_name *ret_name)
{
    struct naming n = {0};
    size_t from = 0;

    n.out = ret_name;
    n.runtime = runtime;
    n.parent.at = "";
    ret_name->name[0] = ret_name->id[0] = ret_name->pod[0] = '\0';
    ret_name->slice[0] = ret_name->unit[0] = '\0';
    ret_name->quality = "";
    ret_name->orchestrator = LIVE_UNKNOWN;
    while (from < len && !n.full) {
        const char *end = memchr(path + from, '/', len - from);
        const struct part p = {path + from, end ? (size_t)(end - path) - from : len - from};
        if (p.len)
            name_part(&n, p);
        from += p.len + 1;
    }
    if (n.full) { /* names of runtimes inside of each other, many times: the path is shorter */
        const size_t skip = len && path[0] == '/' ? 1 : 0;
        name_cut(&n, 0);
        name_add(&n, path + skip,
                 len - skip < LIVE_NAME_MAX ? len - skip : (size_t)LIVE_NAME_MAX - 1);
    }
    if (!ret_name->name[0])
        (void)snprintf(ret_name->name, sizeof(ret_name->name), "root");
}
