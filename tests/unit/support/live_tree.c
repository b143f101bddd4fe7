/* SPDX-License-Identifier: Apache-2.0
 *
 * Made trees for the tests of the live providers.
 */
#include "live_tree.h"

#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_parents(char *path)
{
    for (char *at = path + strlen(test_dir()) + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        CHECK_MSG(mkdir(path, 0755) == 0 || errno == EEXIST, "mkdir %s: %s", path, strerror(errno));
        *at = '/';
    }
}

static void full_path(char *to, size_t room, const char *path)
{
    CHECK((size_t)snprintf(to, room, "%s/%s", test_dir(), path) < room);
}

void tree_dir(const char *path)
{
    char full[4200];

    full_path(full, sizeof(full), path);
    make_parents(full);
    CHECK_MSG(mkdir(full, 0755) == 0 || errno == EEXIST, "mkdir %s: %s", full, strerror(errno));
}

static void write_file(const char *path, const char *text, const char *mode)
{
    char full[4200];
    FILE *file;

    full_path(full, sizeof(full), path);
    make_parents(full);
    file = fopen(full, mode);
    CHECK_MSG(file != NULL, "%s: %s", full, strerror(errno));
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

void tree_file(const char *path, const char *text)
{
    write_file(path, text, "w");
}

void tree_remove(const char *path)
{
    char full[4200];

    full_path(full, sizeof(full), path);
    CHECK_MSG(rmdir(full) == 0, "rmdir %s: %s", full, strerror(errno));
}

void tree_mount(const char *root, const char *dir, const char *type, const char *options)
{
    char line[4600];

    CHECK((size_t)snprintf(line, sizeof(line),
                           "31 24 0:27 %s %s/%s rw,nosuid shared:9 - %s %s rw,%s\n", root,
                           test_dir(), dir, type, type, options) < sizeof(line));
    write_file("host/proc/self/mountinfo", line, "a");
}

const char *tree_proc(void)
{
    return test_path("host/proc");
}
