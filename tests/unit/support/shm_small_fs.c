/* SPDX-License-Identifier: Apache-2.0
 *
 * A small tmpfs in a child's own mount namespace.
 */
#include "shm_small_fs.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#define REFUSED 77

struct run {
    int (*what)(void *arg);
    void *arg;
};

static void write_map(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return;
    (void)!write(fd, text, strlen(text));
    close(fd);
}

/* True: the child has namespaces of its own, in which it may mount. */
static bool enter(void)
{
    char map[64];

    if (geteuid() == 0) {
        if (unshare(CLONE_NEWNS) != 0)
            return false;
    } else {
        const unsigned uid = (unsigned)geteuid(), gid = (unsigned)getegid();
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
            return false;
        write_map("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        write_map("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        write_map("/proc/self/gid_map", map);
    }
    return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", test_dir(), "tmpfs", 0, "size=64k") == 0 && umount(test_dir()) == 0;
}

static int run(void *arg)
{
    const struct run *const r = arg;

    return enter() ? r->what(r->arg) : REFUSED;
}

void small_fs_run(int (*what)(void *arg), void *arg)
{
    struct run r = {what, arg};
    int status;

    test_dir();
    status = test_in_child(run, &r);
    if (status == REFUSED)
        test_skip("the system lets this user mount no tmpfs in a namespace of its own");
    CHECK_EQ(status, 0);
}

void small_fs_mount_options(const char *dir, const char *options)
{
    CHECK_MSG(mount("tmpfs", dir, "tmpfs", 0, options) == 0, "%s: %s", dir, strerror(errno));
}

void small_fs_mount(const char *dir, unsigned kilobytes)
{
    char options[32];

    snprintf(options, sizeof(options), "size=%uk", kilobytes);
    small_fs_mount_options(dir, options);
}

void small_fs_mount_read_only(const char *dir)
{
    CHECK_MSG(mount("tmpfs", dir, "tmpfs", MS_RDONLY, "size=64k") == 0, "%s: %s", dir,
              strerror(errno));
}
