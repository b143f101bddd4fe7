/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels of live cgroups: from paths, from the files of container runtimes, from texts of any kind,
 * and how long they are kept.
 */
#include "live_tree.h"
#include "test.h"
#include "tools/pipc/live/cgroups.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ID      "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2     "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"
#define DOCKER  "host/var/lib/docker/containers/" ID "/config.v2.json"
#define PODMAN  "host/var/lib/containers/storage/overlay-containers/"
#define BUNDLE  "host/run/containerd/io.containerd.runtime.v2.task/k8s.io/" ID "/config.json"
#define UNIT    "/system.slice/docker-" ID ".scope"
#define UNIT_OF "container_id=" ID " systemd_slice=system.slice"

static struct live_label_list list;

static void empty(void)
{
    list.count = 0;
    list.used = 0;
}

/* "key=value" with spaces between. */
static const char *text_of(const struct pipc_label_view *labels, uint32_t count)
{
    static char text[65536];
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s=%.*s", i ? " " : "",
                               (int)labels[i].key.len, labels[i].key.ptr, (int)labels[i].value.len,
                               labels[i].value.ptr);
    return text;
}

static const char *collected(void)
{
    return text_of(list.labels, list.count);
}

static const char *of_path(const char *path)
{
    static struct live_name name;

    empty();
    live_name_of(path, strlen(path), NULL, &name);
    live_labels_of_path(&list, &name);
    return collected();
}

TEST(live_labels, path_tells_slice_unit_container_pod_and_class)
{
    CHECK_STR(of_path("/"), "");
    CHECK_STR(of_path("/plain/path"), "");
    CHECK_STR(of_path("/system.slice/a\\x2db.service"),
              "systemd_slice=system.slice systemd_unit=a-b.service");
    CHECK_STR(of_path("/user.slice/user-1.slice/user@1.service/app.slice/x.service"),
              "systemd_slice=app.slice systemd_unit=x.service");
    CHECK_STR(of_path(UNIT), UNIT_OF);
    CHECK_STR(of_path("/docker/" ID), "container_id=" ID);
    CHECK_STR(of_path("/kubepods/burstable/pod12-34/" ID),
              "container_id=" ID " k8s_pod_uid=12-34 k8s_qos_class=burstable");
    CHECK_STR(of_path("/kubepods/pod12-34/" ID),
              "container_id=" ID " k8s_pod_uid=12-34 k8s_qos_class=guaranteed");
    CHECK_STR(of_path("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1_2.slice/"
                      "cri-containerd-" ID ".scope"),
              "container_id=" ID " k8s_pod_uid=1-2 k8s_qos_class=besteffort "
              "systemd_slice=kubepods-besteffort.slice");
    CHECK_STR(of_path("/docker/" ID "/lxc/inner"), ""); /* that has no id of its own */
}

TEST(live_labels, name_of_kubernetes_tells_namespace_pod_and_container)
{
    static const char *const others[] = {"k8s_a_b", "k8s_a_b_c_d", "k8s_0123456789ab", "k8s_",
                                         "k8s_a_b_c/d"};
    struct live_name *name = calloc(1, sizeof(*name));

    name->quality = "";
    name->orchestrator = LIVE_K8S;
    snprintf(name->name, sizeof(name->name), "k8s_space_pod-1_box");
    empty();
    live_labels_of_path(&list, name);
    CHECK_STR(collected(), "k8s_namespace=space k8s_pod_name=pod-1 k8s_container_name=box");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        snprintf(name->name, sizeof(name->name), "%s", others[i]);
        empty();
        live_labels_of_path(&list, name);
        CHECK_STR(collected(), "");
    }
    free(name);
}

TEST(live_labels, texts_of_runtimes)
{
    static const struct {
        int (*parse)(struct live_label_list *, const char *, size_t);
        const char *text, *labels;
        int found;
    } rows[] = {
        {live_labels_of_docker,
         "{\"Name\":\"/x\",\"Config\":{\"Image\":\"app:1\",\"Labels\":{\"a\":\"1\",\"e\":\"\"}}}",
         "image=app:1 a=1 e=", 1},
        {live_labels_of_docker, "{\"Config\":{\"Labels\":null}}", "", 1},
        {live_labels_of_docker, "{\"Config\":{\"Labels\":{\"n\":5,\"o\":{},\"s\":\"x\"}}}", "s=x",
         1},
        {live_labels_of_docker, "{\"Config\":{\"Labels\":{\"q\\\"\":\"\\u00e9\\n\"}}}",
         "q\"=\xc3\xa9\n", 1},
        {live_labels_of_docker, "{\"Config\":{\"Labels\":{\"\":\"x\",\"z\":\"a\\u0000b\"}}}", "",
         1},
        {live_labels_of_docker, "{\"Config\":[]}", "", 0},
        {live_labels_of_docker, "[1]", "", 0},
        {live_labels_of_docker, "{\"Config\":{\"Labels\":{\"a\":\"1\"", "", 0},
        {live_labels_of_docker, "", "", 0},
        {live_labels_of_docker, "\xff\xfe", "", 0},
        {live_labels_of_bundle, "{\"annotations\":{\"k\":\"v\",\"k2\":\"w\"}}", "k=v k2=w", 1},
        {live_labels_of_bundle, "{\"annotations\":\"k\"}", "", 1},
        {live_labels_of_bundle, "{}", "", 1},
        {live_labels_of_bundle, "7", "", 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        empty();
        CHECK_EQ(rows[i].parse(&list, rows[i].text, strlen(rows[i].text)), rows[i].found);
        CHECK_STR(collected(), rows[i].labels);
    }
}

TEST(live_labels, image_of_podman_is_that_of_the_id)
{
    static const char text[] =
        "[{\"id\":\"" ID2 "\",\"metadata\":\"{\\\"image-name\\\":\\\"other\\\"}\"},"
        "{\"id\":\"" ID "\",\"metadata\":\"{\\\"image-name\\\":\\\"mine:2\\\"}\"},7,{\"id\":5}]";

    static const char broken[] = "[{\"id\":\"" ID "\",\"metadata\":\"{\"}]";

    empty();
    CHECK(live_labels_of_podman(&list, text, strlen(text), ID));
    CHECK_STR(collected(), "image=mine:2");
    empty();
    CHECK(live_labels_of_podman(&list, broken, strlen(broken), ID));
    CHECK(!live_labels_of_podman(&list, "{}", 2, ID));
    CHECK_STR(collected(), "");
}

TEST(live_labels, deep_nesting_is_no_text_of_a_runtime)
{
    static char text[200001];

    memset(text, '[', sizeof(text) - 1);
    empty();
    CHECK(!live_labels_of_podman(&list, text, sizeof(text) - 1, ID));
    CHECK(!live_labels_of_docker(&list, text, sizeof(text) - 1));
}

TEST(live_labels, what_is_too_long_or_too_many_is_left_out)
{
    static char long_text[LIVE_LABEL_VALUE_MAX + 2];
    char key[16];

    memset(long_text, 'x', sizeof(long_text) - 1);
    empty();
    live_label_add(&list, long_text, LIVE_LABEL_KEY_MAX + 1, "v", 1);
    live_label_add(&list, "k", 1, long_text, LIVE_LABEL_VALUE_MAX + 1);
    CHECK_EQ(list.count, 0);
    live_label_add(&list, long_text, LIVE_LABEL_KEY_MAX, long_text, LIVE_LABEL_VALUE_MAX);
    CHECK_EQ(list.count, 1);
    for (uint32_t i = 0; i < 2 * LIVE_LABELS_MAX; i++) {
        const int len = snprintf(key, sizeof(key), "key%u", (unsigned)i);
        live_label_add(&list, key, (size_t)len, "v", 1);
    }
    CHECK_EQ(list.count, LIVE_LABELS_MAX);
    empty();
    for (uint32_t i = 0; i < 10; i++) {
        const int len = snprintf(key, sizeof(key), "key%u", (unsigned)i);
        live_label_add(&list, key, (size_t)len, long_text, LIVE_LABEL_VALUE_MAX);
    }
    CHECK_EQ(list.count, LIVE_LABELS_BYTES / LIVE_LABEL_VALUE_MAX - 1);
    live_label_add(&list, "small", 5, "v", 1);
    CHECK_EQ(list.labels[list.count - 1].key.len, 5);
}

TEST(live_labels, label_of_a_file_never_replaces_one_of_the_path)
{
    empty();
    live_label_add(&list, "container_id", 12, "path", 4);
    live_label_add(&list, "container_id", 12, "file", 4);
    CHECK_STR(collected(), "container_id=path");
}

/* ---- in the set ---- */

static struct live_cgroups *live;
static char error[256];

static void open_tree(void)
{
    live = live_cgroups_new(test_path("cg"), tree_proc(), error, sizeof(error));
    CHECK_MSG(live != NULL, "%s", error);
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 1);
}

static const char *labels_now(const char *path)
{
    const struct live_cgroup_set *set = live_cgroups_acquire(live);
    const struct live_cgroup *c = live_cgroup_find(set, path, strlen(path));
    const struct pipc_label_view *labels = NULL;

    CHECK_MSG(c != NULL, "%s is not there", path);
    const uint32_t count = live_cgroup_labels(live, c, &labels);
    const char *const text = text_of(labels, count);
    live_cgroups_release(live, set);
    return text;
}

static void tree(const char *unit)
{
    char path[512];

    tree_file("cg/cgroup.controllers", "");
    snprintf(path, sizeof(path), "cg%s", unit);
    tree_dir(path);
}

TEST(live_labels, files_of_each_runtime_are_read_below_the_root)
{
    tree(UNIT);
    tree_dir("cg/machine.slice/libpod-" ID2 ".scope");
    tree_dir("cg/kubepods/pod1/" ID);
    tree_file(DOCKER, "{\"Config\":{\"Image\":\"app\",\"Labels\":{\"team\":\"red\"}}}");
    tree_file(PODMAN "containers.json",
              "[{\"id\":\"" ID2 "\",\"metadata\":\"{\\\"image-name\\\":\\\"p\\\"}\"}]");
    tree_file(PODMAN ID2 "/userdata/config.json", "{\"annotations\":{\"a\":\"b\"}}");
    tree_file(BUNDLE, "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"box\"}}");
    open_tree();
    CHECK_STR(labels_now(UNIT), UNIT_OF " image=app team=red");
    CHECK_STR(labels_now("/machine.slice/libpod-" ID2 ".scope"),
              "container_id=" ID2 " systemd_slice=machine.slice image=p a=b");
    CHECK_STR(labels_now("/kubepods/pod1/" ID),
              "container_id=" ID " k8s_pod_uid=1 k8s_qos_class=guaranteed "
              "io.kubernetes.cri.container-name=box");
    live_cgroups_free(live);
}

TEST(live_labels, files_that_come_later_are_read_at_the_next_look_and_then_kept)
{
    tree(UNIT);
    open_tree();
    CHECK_STR(labels_now(UNIT), UNIT_OF);
    tree_file(DOCKER, "{\"Config\":{\"Labels\":{\"a\":\"1\"}}}");
    CHECK_STR(labels_now(UNIT), UNIT_OF); /* not before the next look */
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 0);
    CHECK_STR(labels_now(UNIT), UNIT_OF " a=1");
    CHECK_EQ(unlink(test_path(DOCKER)), 0);
    tree_dir("cg/another.slice"); /* a new set with the same cgroup */
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 1);
    CHECK_STR(labels_now(UNIT), UNIT_OF " a=1");
    live_cgroups_free(live);
}

TEST(live_labels, labels_that_are_held_outlive_better_ones_and_the_set)
{
    const struct pipc_label_view *held = NULL;
    const struct live_cgroup_set *set;
    uint32_t count;

    tree(UNIT);
    open_tree();
    set = live_cgroups_acquire(live);
    count = live_cgroup_labels(live, live_cgroup_find(set, UNIT, strlen(UNIT)), &held);
    tree_file(DOCKER, "{\"Config\":{\"Labels\":{\"a\":\"1\"}}}");
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 0);
    CHECK_STR(labels_now(UNIT), UNIT_OF " a=1");
    tree_remove("cg" UNIT);
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 1);
    CHECK_STR(text_of(held, count), UNIT_OF);
    live_cgroups_release(live, set);
    live_cgroups_free(live);
}

TEST(live_labels, file_that_is_no_text_or_too_large_or_no_file_gives_none)
{
    static char large[(1u << 20) + 64];

    tree(UNIT);
    tree_file(DOCKER, "{\"Config\":{\"Labels\":{\"a\":");
    open_tree();
    CHECK_STR(labels_now(UNIT), UNIT_OF);
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, "{\"Config\":{\"Labels\":{\"a\":\"1\"}}}", 31);
    tree_file(DOCKER, large);
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 0);
    CHECK_STR(labels_now(UNIT), UNIT_OF);
    CHECK_EQ(unlink(test_path(DOCKER)), 0);
    tree_dir(DOCKER);
    CHECK(live_cgroups_scan(live, error, sizeof(error)) == 0);
    CHECK_STR(labels_now(UNIT), UNIT_OF);
    live_cgroups_free(live);
}
