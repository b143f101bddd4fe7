/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process holds of the system, read from /proc. See usage.h.
 */
#include "../usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static unsigned count_entries(const char *path)
{
    DIR *const dir = opendir(path);
    unsigned count = 0;

    if (!dir)
        return 0;
    for (const struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.' || (entry->d_name[1] && entry->d_name[1] != '.');
    closedir(dir);
    return count;
}

static unsigned count_mappings(const char *dir)
{
    FILE *const maps = fopen("/proc/self/maps", "re");
    char line[512];
    unsigned count = 0;

    while (maps && fgets(line, sizeof(line), maps))
        count += strstr(line, dir) || strstr(line, "/dev/shm/") || strstr(line, "/memfd:");
    if (maps)
        fclose(maps);
    return count;
}

void kit_usage_take(const struct kit *kit, struct kit_usage *ret_usage)
{
    char run[64];

    snprintf(run, sizeof(run), "%s/r", kit->dir);
    ret_usage->descriptors = count_entries("/proc/self/fd");
    ret_usage->threads = count_entries("/proc/self/task");
    ret_usage->files = count_entries(run);
    ret_usage->mappings = count_mappings(kit->dir);
}

void kit_usage_same(const struct kit *kit, const struct kit_usage *before, const char *after_what)
{
    static const struct timespec step = {.tv_nsec = 10000000};
    struct kit_usage now;

    kit_usage_take(kit, &now);
    /* The system wakes who joins a thread before it takes the thread off its list. */
    for (int tries = 0; tries < 200 && now.threads != before->threads; tries++) {
        (void)nanosleep(&step, NULL);
        kit_usage_take(kit, &now);
    }
    KIT_CHECK_MSG(now.descriptors == before->descriptors,
                  "%s: %u descriptors are open, %u before it", after_what, now.descriptors,
                  before->descriptors);
    KIT_CHECK_MSG(now.files == before->files, "%s: %u files, %u before it", after_what, now.files,
                  before->files);
    KIT_CHECK_MSG(now.mappings == before->mappings, "%s: %u mappings, %u before it", after_what,
                  now.mappings, before->mappings);
    KIT_CHECK_MSG(now.threads == before->threads, "%s: %u threads, %u before it", after_what,
                  now.threads, before->threads);
}

void kit_descriptors(pipc_handle ret_list[KIT_DESCRIPTORS_MAX])
{
    DIR *const dir = opendir("/proc/self/fd");
    size_t count = 0;

    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        const int fd = entry->d_name[0] == '.' ? -1 : (int)strtol(entry->d_name, NULL, 10);
        if (fd >= 0 && fd != dirfd(dir) && count + 1 < KIT_DESCRIPTORS_MAX)
            ret_list[count++] = fd;
    }
    ret_list[count] = -1;
    if (dir)
        closedir(dir);
}

static bool listed(const pipc_handle *list, pipc_handle fd)
{
    while (*list >= 0 && *list != fd)
        list++;
    return *list == fd;
}

void kit_descriptors_check(const pipc_handle before[KIT_DESCRIPTORS_MAX])
{
    pipc_handle now[KIT_DESCRIPTORS_MAX];
    char link[64], target[256];

    kit_descriptors(now);
    for (size_t i = 0; now[i] >= 0; i++) {
        if (listed(before, now[i]) || (fcntl((int)now[i], F_GETFD) & FD_CLOEXEC))
            continue;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", (int)now[i]);
        const ssize_t len = readlink(link, target, sizeof(target) - 1);
        target[len > 0 ? len : 0] = 0;
        kit_fail(__FILE__, __LINE__, "descriptor %d (%s) stays open in programs that are started",
                 (int)now[i], target);
    }
}

void kit_files_remove(const char *path)
{
    DIR *const dir = opendir(path);

    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir)
        closedir(dir);
}
