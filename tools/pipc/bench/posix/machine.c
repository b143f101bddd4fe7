/* SPDX-License-Identifier: Apache-2.0
 *
 * What `pipc bench` asks of the system: clocks, CPUs, and what processes have used. Linux;
 * elsewhere nothing is pinned.
 */
#include "../bench.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_of(clockid_t id)
{
    struct timespec now = {0, 0};

    if (clock_gettime(id, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now(void)
{
    return clock_of(CLOCK_MONOTONIC);
}

uint64_t cpu_time_of(pid_t pid)
{
    clockid_t id;

    return pid > 0 && clock_getcpuclockid(pid, &id) == 0 ? clock_of(id) : 0;
}

static uint64_t sleeps_of_thread(pid_t pid, const char *thread)
{
    static const char field[] = "voluntary_ctxt_switches:";
    char path[320], line[256];
    uint64_t value = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)pid, thread);
    file = fopen(path, "re");
    if (!file)
        return 0; /* the thread has ended */
    while (fgets(line, sizeof(line), file)) {
        if (strncmp(line, field, sizeof(field) - 1) == 0)
            value = strtoull(line + sizeof(field) - 1, NULL, 10);
    }
    fclose(file);
    return value;
}

uint64_t sleeps_of(pid_t pid)
{
    char path[64];
    uint64_t sum = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    dir = opendir(path);
    if (!dir)
        return 0;
    for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (entry->d_name[0] != '.')
            sum += sleeps_of_thread(pid, entry->d_name);
    }
    closedir(dir);
    return sum;
}

/* ---- CPUs ---- */

static cpu_set_t allowed;
static bool allowed_known;

static bool look_at_allowed(void)
{
    if (!allowed_known)
        allowed_known = sched_getaffinity(0, sizeof(allowed), &allowed) == 0;
    return allowed_known;
}

static bool pins_parse(const char *text, struct pins *ret_pins, char *ret_why, size_t why_len)
{
    char first[16];
    const char *const comma = strchr(text, ',');
    uint64_t client, server;

    if (!comma || (size_t)(comma - text) >= sizeof(first)) {
        snprintf(ret_why, why_len, "expected two CPUs, that of the client and that of the server");
        return false;
    }
    memcpy(first, text, (size_t)(comma - text));
    first[comma - text] = 0;
    if (!number_parse(first, CPU_SETSIZE - 1, &client) ||
        !number_parse(comma + 1, CPU_SETSIZE - 1, &server)) {
        snprintf(ret_why, why_len, "expected two numbers of CPUs with a comma between them");
        return false;
    }
    if (!look_at_allowed() || !CPU_ISSET(client, &allowed) || !CPU_ISSET(server, &allowed)) {
        snprintf(ret_why, why_len, "this process may not use these CPUs");
        return false;
    }
    *ret_pins = (struct pins){(int)client, (int)server};
    return true;
}

bool pins_choose(const char *text, struct pins *ret_pins, char *ret_why, size_t why_len)
{
    int cpu = 0, found = 0;

    if (text)
        return pins_parse(text, ret_pins, ret_why, why_len);
    *ret_pins = (struct pins){-1, -1};
    if (!look_at_allowed())
        return true;
    for (; cpu < CPU_SETSIZE && found < 2; cpu++) {
        if (!CPU_ISSET(cpu, &allowed))
            continue;
        if (found++ == 0)
            ret_pins->client = cpu;
        ret_pins->server = cpu;
    }
    return true;
}

void pin_to(int cpu)
{
    cpu_set_t one;

    if (cpu < 0)
        return;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    (void)sched_setaffinity(0, sizeof(one), &one); /* not pinned is measured too, and is shown */
}

void pin_off(void)
{
    if (allowed_known)
        (void)sched_setaffinity(0, sizeof(allowed), &allowed);
}
