/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a program under a list of system calls, as a systemd unit with SystemCallFilter would, and
 * with descriptor 3 as its socket: confine LIST PROGRAM [ARGUMENT...]. LIST is a file with one
 * number a line. A call that is not in it ends the program with SIGSYS.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct sock_filter filter[1024];

static unsigned short read_list(const char *path)
{
    FILE *const file = fopen(path, "r");
    unsigned short n = 0;
    unsigned number;

    if (!file)
        return 0;
    filter[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    while (n < 1020 && fscanf(file, "%u", &number) == 1) {
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
        filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    fclose(file);
    return n;
}

int main(int argc, char **argv)
{
    struct sock_fprog program = {0, filter};
    char pid[16];

    program.len = argc > 2 ? read_list(argv[1]) : 0;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", pid, 1);
    if (program.len < 10 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("confine");
        return 99;
    }
    execv(argv[2], argv + 2);
    perror(argv[2]);
    return 98;
}
