/* SPDX-License-Identifier: Apache-2.0
 *
 * An actor of the chaos suite: a provider or a consumer that checks everything that it gets.
 *
 *   actor PAGE TRANSPORTS provide RUN_DIR [--tiny]
 *   actor PAGE TRANSPORTS consume RUN_DIR SEED TIMEOUT_MS [--tiny]
 *
 * SIGTERM ends it; exit status 0 is good, 3 a wrong answer, 4 anything else that must not be.
 * SIGUSR2 makes it fork. Other signals are counted. The clock of the wall and the sizes of socket
 * buffers are as the page and --tiny say: this program defines those calls of libc itself.
 */
#include "actor.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const struct pipc_module pipc_module_uds, pipc_module_shm, pipc_module_increment,
    pipc_module_cgroups_snapshot;

struct actor_page *actor_page;
volatile int actor_stop, actor_fork_wanted;
int (*actor_in_child)(void);
void (*actor_at_stop)(void);

static bool tiny;
static int fork_pipe[2];

/* ---- calls of libc ---- */

int clock_gettime(clockid_t clock, struct timespec *ts)
{
    const int result = (int)syscall(SYS_clock_gettime, clock, ts);

    if (result == 0 && actor_page && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        ts->tv_sec += __atomic_load_n(&actor_page->clock_step_s, __ATOMIC_RELAXED);
    return result;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec ts;

    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

static int shrink(int fd)
{
    const int bytes = 1; /* the system's least */

    if (fd >= 0 && tiny)
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    return fd;
}

int socket(int domain, int type, int protocol)
{
    return shrink((int)syscall(SYS_socket, domain, type, protocol));
}

int accept4(int fd, struct sockaddr *restrict address, socklen_t *restrict len, int flags)
{
    return shrink((int)syscall(SYS_accept4, fd, address, len, flags));
}

/* ---- what both share ---- */

void actor_count(uint64_t *counter)
{
    (void)__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

uint64_t actor_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void actor_item(uint32_t i, char name[32], char path[96])
{
    snprintf(name, 32, "item %u", i);
    snprintf(path, 96, "/sys/fs/cgroup/system.slice/some-service-with-a-name.service/%u", i);
}

static void must(pipc_result result, const struct pipc_error *err, const char *what)
{
    if (result == PIPC_OK)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, pipc_result_name(result), err->text);
    exit(4);
}

struct pipc_context *actor_context(const char *transports, uint32_t packet_size)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context;
    struct pipc_config *config;
    char number[16];

    must(pipc_config_new(NULL, &config), &err, "config");
#if !PIPC_TEST_BUILTIN
    must(pipc_config_add_module(config, &pipc_module_uds, &err), &err, "uds");
    must(pipc_config_add_module(config, &pipc_module_shm, &err), &err, "shm");
    must(pipc_config_add_module(config, &pipc_module_increment, &err), &err, "increment");
    must(pipc_config_add_module(config, &pipc_module_cgroups_snapshot, &err), &err, "snapshot");
#endif
    must(pipc_config_set(config, "pipc", "transports", transports, &err), &err, "transports");
    must(pipc_config_set(config, "pipc", "codecs", "increment,cgroups_snapshot", &err), &err,
         "codecs");
    if (packet_size) {
        snprintf(number, sizeof(number), "%u", packet_size);
        must(pipc_config_set(config, "transport.uds", "packet_size", number, &err), &err, "size");
    }
    must(pipc_open(config, NULL, &context, &err), &err, "open");
    pipc_config_free(config);
    return context;
}

/* ---- signals and children ---- */

static void handle(int number)
{
    const int saved = errno;

    if (number == SIGTERM) {
        actor_stop = 1;
        if (actor_at_stop)
            actor_at_stop();
    } else if (number == SIGUSR2) {
        actor_fork_wanted = 1;
        if (fork_pipe[1] > 0)
            (void)!write(fork_pipe[1], "f", 1);
    } else {
        actor_count(&actor_page->signals);
    }
    errno = saved;
}

/* A provider makes children beside what goes on; a client has one owner, who makes them between two
 * operations. */
static void *fork_when_told(void *arg)
{
    char byte;

    (void)arg;
    while (read(fork_pipe[0], &byte, 1) == 1)
        actor_fork();
    return NULL;
}

void actor_fork(void)
{
    int status = -1;
    const pid_t child = fork();

    if (child == 0)
        _exit(actor_in_child ? actor_in_child() : 1);
    if (child > 0)
        while (waitpid(child, &status, 0) < 0 && errno == EINTR)
            ;
    if (child <= 0 || status != 0)
        fprintf(stderr, "a child ended with %#x\n", (unsigned)status);
    actor_count(child > 0 && status == 0 ? &actor_page->forks : &actor_page->bad_forks);
}

static void install(bool forks_beside)
{
    static const int signals[] = {SIGTERM, SIGUSR1, SIGUSR2, SIGALRM, SIGURG, SIGIO, SIGWINCH};
    struct sigaction action = {.sa_handler = handle}; /* without SA_RESTART */
    sigset_t all, before;
    pthread_t thread;

    if (forks_beside && pipe2(fork_pipe, O_CLOEXEC) != 0)
        exit(4);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        (void)sigaction(signals[i], &action, NULL);
    if (!forks_beside)
        return;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    if (pthread_create(&thread, NULL, fork_when_told, NULL) != 0)
        exit(4);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_detach(thread);
}

static void map_page(const char *path)
{
    const int fd = open(path, O_RDWR | O_CLOEXEC);

    actor_page = mmap(NULL, sizeof(*actor_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd < 0 || actor_page == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(4);
    }
    (void)close(fd);
}

int main(int argc, char **argv)
{
    struct pipc_context *context;
    int status;

    if (argc < 5 || (strcmp(argv[3], "consume") == 0 && argc < 7)) {
        fprintf(stderr, "usage: actor PAGE TRANSPORTS provide|consume RUN_DIR [SEED TIMEOUT_MS]\n");
        return 4;
    }
    tiny = strcmp(argv[argc - 1], "--tiny") == 0;
    map_page(argv[1]);
    context = actor_context(argv[2], tiny ? 256 : 0);
    install(strcmp(argv[3], "provide") == 0);
    if (strcmp(argv[3], "provide") == 0)
        status = actor_provide(context, argv[4]);
    else
        status = actor_consume(context, argv[4], (unsigned)strtoul(argv[5], NULL, 10),
                               (uint32_t)strtoul(argv[6], NULL, 10));
    if (pipc_close(context) != PIPC_OK)
        status = 4;
    return status;
}
