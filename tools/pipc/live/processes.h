/* SPDX-License-Identifier: Apache-2.0
 *
 * What this machine tells of one process: the files of its directory in /proc.
 *
 * All files of one answer are read through one open directory, and the start time before and after
 * them, so that a PID that is given to another process meanwhile mixes nothing. A process that is
 * gone is no error. Any thread.
 */
#ifndef PIPC_LIVE_PROCESSES_H
#define PIPC_LIVE_PROCESSES_H

#include "mounts.h"

#include <stddef.h>
#include <stdint.h>

#define LIVE_COMM_MAX 15u

/* What a stat file holds. */
struct live_stat {
    uint32_t pid, ppid;
    uint64_t starttime; /* field 22, in clock ticks since boot */
    size_t comm_len;    /* 1 to LIVE_COMM_MAX */
    char comm[LIVE_COMM_MAX + 1];
};

struct live_process {
    struct live_stat stat;
    uint32_t uid;       /* the real one */
    size_t cgroup_len;  /* 0: the hierarchy has no line, or the file cannot be read */
    const char *cgroup; /* path in the hierarchy; into `text` */
    char text[LIVE_PATH_MAX * 4];
};

/* Text of /proc/PID/stat. The name may hold blanks and parentheses; the kernel's escapes of
 * backslash and newline are undone, longer names (of kernel workers) are cut, an empty one becomes
 * "?". 1, or 0 when the text is no such file. */
int live_stat_parse(const char *text, size_t len, struct live_stat *ret_stat);

/* Text of /proc/PID/status: the real user, and the process that a thread belongs to (`pid` where no
 * line tells). 1, or 0 when there is no user. */
int live_status_parse(const char *text, size_t len, uint32_t pid, uint32_t *ret_uid,
                      uint32_t *ret_tgid);

/* Reads process `pid` below the directory `proc`. 1; 0: there is none (gone, a thread, or hidden);
 * -1: descriptors or memory are missing, with errno. `ret` is large: not on the stack. */
int live_process_read(int proc, uint32_t pid, enum live_hierarchy hierarchy,
                      struct live_process *ret);

/* Calls `found` for every process of the directory, in no order; ends early when it returns
 * non-zero. 0; the value of `found`; -1 with errno. */
int live_processes_each(const char *proc_root, void *arg, int (*found)(void *arg, uint32_t pid));

#endif
