/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of the services of `pipc bench`.
 */
#include "../bench.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Shared memory wants a file system in memory. */
int base_make(struct bench *bench)
{
    const char *const runtime = getenv("XDG_RUNTIME_DIR");
    const char *const places[] = {bench->o->no_server ? NULL : bench->o->run_dir,
                                  runtime && runtime[0] == '/' ? runtime : NULL, "/dev/shm",
                                  "/tmp"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (!places[i])
            continue;
        if (snprintf(bench->base, sizeof(bench->base), "%s/pipc-bench-XXXXXX", places[i]) <
                (int)sizeof(bench->base) &&
            mkdtemp(bench->base))
            return -1;
        if (places[i] == bench->o->run_dir)
            break;
    }
    return complain(EXIT_FAILED, "%s: no directory for the services of the bench: %s", bench->base,
                    strerror(errno));
}

bool dir_make(const char *path)
{
    return mkdir(path, 0700) == 0;
}

/* One level of files below one of directories. */
static void tree_remove(const char *path, int depth)
{
    DIR *dir = opendir(path);
    char inner[PATH_LEN * 2 + 2];

    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (unlink(inner) != 0 && depth > 0)
            tree_remove(inner, depth - 1);
    }
    if (dir)
        closedir(dir);
    (void)rmdir(path);
}

void base_remove(const char *path)
{
    tree_remove(path, 1);
}
