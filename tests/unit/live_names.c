/* SPDX-License-Identifier: Apache-2.0
 *
 * Names and orchestrators of cgroup paths, and the files of container runtimes.
 */
#include "live_tree.h"
#include "test.h"
#include "tools/pipc/live/names.h"

#define ID  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789ABCDEF"
#define ID2 "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

struct row {
    const char *path, *name;
    uint16_t orchestrator;
};

static void check_rows(const struct row *rows, size_t count, struct live_runtime *runtime)
{
    static struct live_name name;

    for (size_t i = 0; i < count; i++) {
        live_name_of(rows[i].path, strlen(rows[i].path), runtime, &name);
        CHECK_MSG(strcmp(name.name, rows[i].name) == 0, "%s is \"%s\", expected \"%s\"",
                  rows[i].path, name.name, rows[i].name);
        CHECK_MSG(name.orchestrator == rows[i].orchestrator, "%s is of %u, expected %u",
                  rows[i].path, name.orchestrator, rows[i].orchestrator);
    }
}

#define CHECK_ROWS(rows, runtime) check_rows(rows, sizeof(rows) / sizeof(rows[0]), runtime)

TEST(live_names, units_of_systemd_have_their_own_names)
{
    static const struct row rows[] = {
        {"/init.scope", "init.scope", LIVE_SYSTEMD},
        {"/system.slice", "system.slice", LIVE_SYSTEMD},
        {"/system.slice/nginx.service", "nginx.service", LIVE_SYSTEMD},
        {"/system.slice/nginx.service/worker", "nginx.service/worker", LIVE_SYSTEMD},
        {"/system.slice/system-getty.slice", "system-getty.slice", LIVE_SYSTEMD},
        {"/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service", LIVE_SYSTEMD},
        {"/system.slice/dev-disk-by\\x2duuid-1.swap", "dev-disk-by-uuid-1.swap", LIVE_SYSTEMD},
        {"/system.slice/var-lib.mount", "var-lib.mount", LIVE_SYSTEMD},
        {"/system.slice/dbus.socket", "dbus.socket", LIVE_SYSTEMD},
        {"/system.slice/plain", "system.slice/plain", LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice", "user-1000.slice", LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice/session-2.scope", "session-2.scope", LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice/user@1000.service", "user@1000.service", LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice", "user@1000.service/app.slice",
         LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice/user@1000.service/app.slice/dbus.service",
         "user@1000.service/dbus.service", LIVE_SYSTEMD},
        {"/user.slice/user-1000.slice/user@1000.service/init.scope", "user@1000.service/init.scope",
         LIVE_SYSTEMD},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, escapes_that_would_hide_something_stay)
{
    static const struct row rows[] = {
        {"/a\\x2eb.service", "a.b.service", LIVE_SYSTEMD},
        {"/a\\x2Eb.service", "a.b.service", LIVE_SYSTEMD},
        {"/a\\x0ab.service", "a\\x0ab.service", LIVE_SYSTEMD},
        {"/a\\x2fb.service", "a\\x2fb.service", LIVE_SYSTEMD},
        {"/a\\x00b.service", "a\\x00b.service", LIVE_SYSTEMD},
        {"/a\\x7fb.service", "a\\x7fb.service", LIVE_SYSTEMD},
        {"/a\\xc3\\xa9.service", "a\xc3\xa9.service", LIVE_SYSTEMD},
        {"/a\\x2", "a\\x2", LIVE_UNKNOWN},
        {"/a\\xg0.service", "a\\xg0.service", LIVE_SYSTEMD},
        {"/plain\\x2dname", "plain\\x2dname", LIVE_UNKNOWN},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, anything_else_is_its_path)
{
    static const struct row rows[] = {
        {"/", "root", LIVE_UNKNOWN},
        {"", "root", LIVE_UNKNOWN},
        {"///", "root", LIVE_UNKNOWN},
        {"/a", "a", LIVE_UNKNOWN},
        {"/a/b/c", "a/b/c", LIVE_UNKNOWN},
        {"/a/b.service", "a/b.service", LIVE_SYSTEMD},
        {"/a/b.slice/c.service", "a/c.service", LIVE_SYSTEMD},
        {"/.service", ".service", LIVE_UNKNOWN},
        {"/.slice", ".slice", LIVE_UNKNOWN},
        {"/docker", "docker", LIVE_UNKNOWN},
        {"/docker/short", "docker/short", LIVE_UNKNOWN},
        {"/other/" ID, "other/" ID, LIVE_UNKNOWN},
        {"/caf\xc3\xa9 \xff\x01", "caf\xc3\xa9 \xff\x01", LIVE_UNKNOWN},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, containers_of_docker_and_podman)
{
    static const struct row rows[] = {
        {"/docker/" ID, "docker_0123456789ab", LIVE_DOCKER},
        {"/system.slice/docker-" ID ".scope", "docker_0123456789ab", LIVE_DOCKER},
        {"/system.slice/docker-" ID ".scope/init.scope", "docker_0123456789ab/init.scope",
         LIVE_DOCKER},
        {"/system.slice/docker-" ID ".scope/system.slice/ssh.service",
         "docker_0123456789ab/ssh.service", LIVE_DOCKER},
        {"/docker/" ID "/docker/" ID2, "docker_0123456789ab/docker_fedcba987654", LIVE_DOCKER},
        {"/system.slice/docker-0123.scope", "docker-0123.scope", LIVE_SYSTEMD},
        {"/machine.slice/libpod-" ID ".scope", "podman_0123456789ab", LIVE_PODMAN},
        {"/machine.slice/libpod-" ID ".scope/container", "podman_0123456789ab/container",
         LIVE_PODMAN},
        {"/libpod_parent/libpod-" ID, "podman_0123456789ab", LIVE_PODMAN},
        {"/user.slice/user-1.slice/user@1.service/user.slice/libpod-" ID ".scope",
         "podman_0123456789ab", LIVE_PODMAN},
        {"/machine.slice/libpod-conmon-" ID ".scope", "libpod-conmon-" ID ".scope", LIVE_SYSTEMD},
        {"/system.slice/web.service/libpod-payload-" ID, "podman_0123456789ab", LIVE_PODMAN},
        {"/system.slice/odd-" ID ".scope", "odd-" ID ".scope", LIVE_SYSTEMD},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, pods_and_containers_of_kubernetes)
{
    static const struct row rows[] = {
        {"/kubepods", "kubepods", LIVE_K8S},
        {"/kubepods/besteffort", "kubepods/besteffort", LIVE_K8S},
        {"/kubepods/besteffort/podaa-bb", "pod_aa-bb", LIVE_K8S},
        {"/kubepods/podaa-bb", "pod_aa-bb", LIVE_K8S},
        {"/kubepods/besteffort/podaa-bb/" ID, "k8s_0123456789ab", LIVE_K8S},
        {"/kubepods/besteffort/podaa-bb/" ID "/pod-of-the-user", "k8s_0123456789ab/pod-of-the-user",
         LIVE_K8S},
        {"/kubepods.slice", "kubepods.slice", LIVE_K8S},
        {"/kubepods.slice/kubepods-burstable.slice", "kubepods-burstable.slice", LIVE_K8S},
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podaa_bb.slice", "pod_aa-bb",
         LIVE_K8S},
        {"/kubepods.slice/kubepods-podaa_bb.slice/cri-containerd-" ID ".scope", "k8s_0123456789ab",
         LIVE_K8S},
        {"/kubepods.slice/kubepods-podaa_bb.slice/crio-" ID ".scope", "k8s_0123456789ab", LIVE_K8S},
        {"/kubepods.slice/kubepods-podaa_bb.slice/docker-" ID ".scope", "k8s_0123456789ab",
         LIVE_K8S},
        {"/kubepods.slice/kubepods-podaa_bb.slice/crio-conmon-" ID ".scope",
         "pod_aa-bb/crio-conmon-" ID ".scope", LIVE_K8S},
        {"/system.slice/containerd.service/kubepods-podaa_bb.slice:cri-containerd:" ID,
         "k8s_0123456789ab", LIVE_K8S},
        {"/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podaa_bb.slice", "pod_aa-bb",
         LIVE_K8S},
        {"/system.slice/crio-" ID ".scope", "k8s_0123456789ab", LIVE_K8S},
        {"/docker/" ID "/kubepods/podaa/" ID2, "docker_0123456789ab/k8s_fedcba987654", LIVE_K8S},
        {"/mykubepods/podaa", "mykubepods/podaa", LIVE_UNKNOWN},
        {"/kubepodsx/podaa", "kubepodsx/podaa", LIVE_UNKNOWN},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, machines_and_lxc)
{
    static const struct row rows[] = {
        {"/lxc/web", "web", LIVE_LXC},
        {"/lxc/web/system.slice/a.service", "web/a.service", LIVE_LXC},
        {"/lxc.payload.web", "web", LIVE_LXC},
        {"/lxc.payload/web", "web", LIVE_LXC},
        {"/lxc.payload.web/init.scope", "web/init.scope", LIVE_LXC},
        {"/lxc.monitor.web", "lxc.monitor.web", LIVE_UNKNOWN},
        {"/lxc", "lxc", LIVE_UNKNOWN},
        {"/lxc.payload.", "lxc.payload.", LIVE_UNKNOWN},
        {"/machine.slice/systemd-nspawn@deb\\x2d12.service", "deb-12", LIVE_NSPAWN},
        {"/machine.slice/systemd-nspawn@deb.service/payload", "deb/payload", LIVE_NSPAWN},
        {"/machine.slice/machine-deb\\x2d12.scope", "deb-12", LIVE_NSPAWN},
        {"/machine.slice/machine-qemu\\x2d3\\x2dvm\\x2done.scope", "qemu_vm-one", LIVE_KVM},
        {"/machine.slice/machine-qemu\\x2d3\\x2dvm.scope/libvirt/vcpu0", "qemu_vm/libvirt/vcpu0",
         LIVE_KVM},
        {"/machine.slice/machine-lxc\\x2d3\\x2dbox.scope", "box", LIVE_LXC},
        {"/machine/qemu-3-vm.libvirt-qemu", "qemu_vm", LIVE_KVM},
        {"/machine/vm.libvirt-qemu", "qemu_vm", LIVE_KVM},
        {"/machine/lxc-7-box.libvirt-lxc", "box", LIVE_LXC},
        {"/machine/box.libvirt-lxc", "box", LIVE_LXC},
        {"/machine/qemu-vm.libvirt-qemu", "qemu_qemu-vm", LIVE_KVM},
        {"/machine.slice/machine-qemu\\x2d3.scope", "qemu-3", LIVE_NSPAWN},
        {"/qemu.slice/101.scope", "qemu_101", LIVE_KVM},
        {"/machine.slice", "machine.slice", LIVE_SYSTEMD},
        {"/machine.slice/machine-.scope", "machine-.scope", LIVE_SYSTEMD},
        {"/machine.slice/systemd-nspawn@.service", "systemd-nspawn@.service", LIVE_SYSTEMD},
    };

    CHECK_ROWS(rows, NULL);
}

TEST(live_names, names_that_are_too_long_fall_back_to_the_path)
{
    static char path[8192];
    static struct live_name name;
    size_t len = 0;

    for (uint32_t i = 0; i < 20; i++)
        len += (size_t)snprintf(path + len, sizeof(path) - len, "/%0*u", 240, (unsigned)i);
    live_name_of(path, len, NULL, &name);
    CHECK_EQ(strlen(name.name), LIVE_NAME_MAX - 1);
    CHECK_MEM(name.name, path + 1, LIVE_NAME_MAX - 1);
    live_name_of(path, 4000, NULL, &name);
    CHECK_EQ(strlen(name.name), 3999);
    memset(path, 'a', sizeof(path));
    live_name_of(path, sizeof(path), NULL, &name);
    CHECK_EQ(strlen(name.name), LIVE_NAME_MAX - 1);
}

/* ---- files of the runtimes ---- */

TEST(live_names, name_of_docker_is_that_of_the_outer_object)
{
    static const struct {
        const char *text, *name;
    } rows[] = {
        {"{\"Name\":\"/web\"}", "web"},
        {"{ \"Name\" : \"web-1.a_B\" , \"x\":1}", "web-1.a_B"},
        {"{\"Config\":{\"Name\":\"/inner\",\"a\":[{\"Name\":1}]},\"Name\":\"/outer\"}", "outer"},
        {"{\"Name2\":\"/no\",\"a\":\"Name\",\"b\":\"\\\"Name\\\":\",\"Name\":\"/yes\"}", "yes"},
        {"{\"a\":\"x\\\\\",\"Name\":\"/yes\"}", "yes"},
        {"{\"Name\":null}", NULL},
        {"{\"Name\":\"\"}", NULL},
        {"{\"Name\":\"/\"}", NULL},
        {"{\"Name\":\"a b\"}", NULL},
        {"{\"Name\":\"a\\u0041\"}", NULL},
        {"{\"Name\":\"open", NULL},
        {"{\"Name\"", NULL},
        {"[\"Name\",\"/web\"]", NULL},
        {"\"Name\":\"/web\"", NULL},
        {"", NULL},
        {"}}}}{\"Name\":\"/web\"}", NULL},
    };
    char name[LIVE_RUNTIME_NAME_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int found = live_docker_name(rows[i].text, strlen(rows[i].text), name);
        CHECK_MSG(found == (rows[i].name != NULL), "%s: found is %d", rows[i].text, found);
        if (found)
            CHECK_STR(name, rows[i].name);
    }
}

TEST(live_names, name_of_podman_is_that_of_the_id)
{
    static const char text[] =
        "[{\"id\":\"" ID2 "\",\"names\":[\"other\"],\"metadata\":\"{\\\"id\\\":\\\"" ID "\\\"}\"},"
        "{\"names\":[\"mine\",\"alias\"],\"flags\":{\"id\":\"x\",\"names\":[\"no\"]},\"id\":\"" ID
        "\"},{\"id\":\"cccc\"}]";
    char name[LIVE_RUNTIME_NAME_MAX];

    CHECK(live_podman_name(text, sizeof(text) - 1, ID, name));
    CHECK_STR(name, "mine");
    CHECK(live_podman_name(text, sizeof(text) - 1, ID2, name));
    CHECK_STR(name, "other");
    CHECK(!live_podman_name(text, sizeof(text) - 1, "cccc", name));
    CHECK(!live_podman_name(text, sizeof(text) - 1, "dddd", name));
    CHECK(!live_podman_name("{}", 2, ID, name));
    CHECK(!live_podman_name("", 0, ID, name));
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        (void)live_podman_name(text, len, ID, name);
}

TEST(live_names, name_of_kubernetes_has_namespace_pod_and_container)
{
    char name[LIVE_RUNTIME_NAME_MAX];

    CHECK(live_k8s_name("web-7f_shop_nginx-" ID ".log", ID, name));
    CHECK_STR(name, "shop_web-7f_nginx");
    CHECK(!live_k8s_name("web-7f_shop_nginx-" ID ".log", ID2, name));
    CHECK(!live_k8s_name("web-7f_shop_nginx-" ID ".txt", ID, name));
    CHECK(!live_k8s_name("web-7f-" ID ".log", ID, name));
    CHECK(!live_k8s_name("web_7f-" ID ".log", ID, name));
    CHECK(!live_k8s_name("-" ID ".log", ID, name));
    CHECK(!live_k8s_name("a b_c_d-" ID ".log", ID, name));
}

TEST(live_names, names_in_files_of_the_host_win_over_ids)
{
    static const struct row rows[] = {
        {"/docker/" ID, "docker_web", LIVE_DOCKER},
        {"/docker/" ID2, "docker_fedcba987654", LIVE_DOCKER},
        {"/my/parent/" ID, "docker_web", LIVE_DOCKER},
        {"/my/parent/" ID2, "my/parent/" ID2, LIVE_UNKNOWN},
        {"/machine.slice/libpod-" ID2 ".scope", "podman_pod-1", LIVE_PODMAN},
        {"/machine.slice/libpod-" ID ".scope", "podman_0123456789ab", LIVE_PODMAN},
        {"/kubepods/podx/" ID, "k8s_shop_web_nginx", LIVE_K8S},
        {"/kubepods/podx/" ID2, "k8s_fedcba987654", LIVE_K8S},
    };
    struct live_runtime *runtime;

    tree_file("host/var/lib/docker/containers/" ID "/config.v2.json", "{\"Name\":\"/web\"}");
    tree_file("host/var/lib/docker/containers/" ID2 "/config.v2.json", "{\"Name\":17}");
    tree_file("host/var/lib/containers/storage/overlay-containers/containers.json",
              "[{\"id\":\"" ID2 "\",\"names\":[\"pod-1\"]}]");
    tree_file("host/var/log/containers/short.log", "");
    tree_file("host/var/log/containers/web_shop_nginx-" ID ".log", "");
    runtime = live_runtime_new(test_path("host"));
    CHECK(runtime != NULL);
    CHECK_ROWS(rows, runtime);
    live_runtime_free(runtime);
    live_runtime_free(NULL);
}

TEST(live_names, large_files_are_read_and_too_large_or_odd_ones_are_not)
{
    static const struct row rows[] = {
        {"/docker/" ID, "docker_web", LIVE_DOCKER},
        {"/docker/" ID2, "docker_fedcba987654", LIVE_DOCKER},
    };
    static char text[(1u << 20) + 100];
    struct live_runtime *runtime;

    memset(text, ' ', sizeof(text) - 1);
    memcpy(text + sizeof(text) - 20, "{\"Name\":\"/web\"}", 16);
    tree_file("host/var/lib/docker/containers/" ID "/config.v2.json", text + 50000);
    tree_file("host/var/lib/docker/containers/" ID2 "/config.v2.json", text);
    tree_dir("host/var/lib/containers/storage/overlay-containers/containers.json");
    runtime = live_runtime_new(test_path("host"));
    CHECK_ROWS(rows, runtime);
    CHECK(!live_runtime_podman(runtime, ID, text));
    live_runtime_free(runtime);
    CHECK(!live_runtime_docker(NULL, ID, text) && !live_runtime_podman(NULL, ID, text) &&
          !live_runtime_k8s(NULL, ID, text));
}

TEST(live_names, component_longer_than_a_unit_is_not_decoded)
{
    static char path[700], machine[700];
    static struct live_name name;

    memset(path, 'u', sizeof(path) - 1);
    path[0] = '/';
    memcpy(path + 300, "\\x2d", 4);
    memcpy(path + sizeof(path) - 9, ".service", 9);
    live_name_of(path, strlen(path), NULL, &name);
    CHECK_STR(name.name, path + 1);
    memset(machine, 'm', sizeof(machine) - 1);
    memcpy(machine, "/machine-", 9);
    memcpy(machine + sizeof(machine) - 7, ".scope", 7);
    live_name_of(machine, strlen(machine), NULL, &name);
    CHECK_STR(name.name, machine + 1);
    CHECK_EQ(name.orchestrator, LIVE_SYSTEMD);
}

TEST(live_names, host_without_files_of_runtimes_gives_ids)
{
    static const struct row rows[] = {
        {"/docker/" ID, "docker_0123456789ab", LIVE_DOCKER},
        {"/machine.slice/libpod-" ID ".scope", "podman_0123456789ab", LIVE_PODMAN},
        {"/kubepods/podx/" ID, "k8s_0123456789ab", LIVE_K8S},
    };
    static char deep[5000];
    struct live_runtime *runtime = live_runtime_new(test_path("nothing"));

    CHECK_ROWS(rows, runtime);
    live_runtime_free(runtime);
    memset(deep, 'd', sizeof(deep) - 1);
    CHECK(live_runtime_new(deep) == NULL);
}
