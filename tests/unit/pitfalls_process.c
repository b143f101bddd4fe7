/* SPDX-License-Identifier: Apache-2.0
 *
 * Hosts that run other programs and that die: a child that lives on holds nothing of the library,
 * so that the endpoint of a killed host is free at once.
 */
#include "client_script.h"
#include "server_fixture.h"

#include <pipc/codecs/increment.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static const struct pipc_increment_handler handler = {.size = sizeof(handler),
                                                      .increment = add_one};

static void *run_server(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

/* Serves, has a client with a session of its own, runs a program that outlives it. */
static int host(int out)
{
    struct pipc_context *context = script_context(NULL);
    struct pipc_server *server = NULL;
    struct pipc_listener *listener = NULL;
    pthread_t thread;
    uint64_t value = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    CHECK_OK(pipc_server_create_increment(context, test_dir(), SERVICE, &handler, 2, NULL, &server,
                                          NULL));
    CHECK_OK(pipc_listen(context, test_dir(), "other", NULL, &listener, NULL));
    CHECK(pthread_create(&thread, NULL, run_server, server) == 0);
    struct pipc_client *client = script_ready(context, NULL, true);
    CHECK_OK(pipc_client_call_increment(client, 41, &value, 0, NULL));
    /* What it says to the test once it serves and its child runs. */
    const pid_t child = fork();
    if (child == 0) {
        (void)close(out);
        execl("/bin/sleep", "sleep", "600", (char *)NULL);
        _exit(127);
    }
    if (child < 0 || write(out, &child, sizeof(child)) != (ssize_t)sizeof(child))
        return 1;
    for (;;)
        pause();
}

static bool runs_sleep(void *arg)
{
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)*(const pid_t *)arg);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    const bool got = fgets(name, sizeof(name), f) != NULL;
    fclose(f);
    return got && strcmp(name, "sleep\n") == 0;
}

/* Descriptors of a process that could be the library's: of sockets, events, directories. */
static unsigned suspects_of(pid_t pid)
{
    char path[64], target[256];
    unsigned count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    CHECK(dir != NULL);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        const ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        count += strncmp(target, "socket:", 7) == 0 || strncmp(target, "anon_inode:", 11) == 0 ||
                 strcmp(target, test_dir()) == 0;
    }
    closedir(dir);
    return count;
}

TEST(pitfalls_process, a_child_that_outlives_a_killed_host_keeps_nothing_of_it)
{
    pid_t child = 0;
    int ready[2], status;

    test_dir();
    /* Those that this program was itself started with are nobody's fault. */
    const unsigned before = suspects_of(getpid());
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(host(ready[1]));
    CHECK_EQ((uint64_t)read(ready[0], &child, sizeof(child)), sizeof(child));
    test_wait_until(runs_sleep, &child, 5000, "the child has become another program");
    CHECK(suspects_of(pid) > before + 3); /* the host has them */
    CHECK(suspects_of(child) <= before);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, &status, 0) == pid);

    /* Nobody is reached through what the child might have kept, and the name is free. */
    struct pipc_context *context = script_context(NULL);
    struct pipc_server *server = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_client *client = script_client(context, NULL, true);
    pthread_t thread;
    uint64_t value = 0;
    CHECK_RESULT(pipc_client_refresh_timeout(client, TEST_LONG, NULL, &err), PIPC_ERR_CONNECT);
    CHECK_MSG(pipc_server_create_increment(context, test_dir(), SERVICE, &handler, 2, NULL, &server,
                                           &err) == PIPC_OK,
              "%s", err.text);
    CHECK(pthread_create(&thread, NULL, run_server, server) == 0);
    CHECK_OK(pipc_client_refresh_timeout(client, TEST_LONG, NULL, NULL));
    CHECK_OK(pipc_client_call_increment(client, 1, &value, 0, NULL));
    CHECK_EQ(value, 2);
    CHECK(runs_sleep(&child)); /* all the time */
    CHECK(kill(child, SIGKILL) == 0);
    pipc_client_destroy(client);
    CHECK_OK(pipc_server_stop(server));
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_OK(pipc_server_destroy(server));
    script_context_close(context);
    close(ready[0]);
    close(ready[1]);
}

/* An owner that dies inside a call: the client knows at once, not at its deadline. */
static int owner(int out)
{
    struct pipc_context *context = script_context(NULL);
    struct pipc_listener *listener = NULL;
    struct pipc_session *session = NULL;
    struct pipc_message m = {.size = sizeof(m)};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    CHECK_OK(pipc_listen(context, test_dir(), SERVICE, NULL, &listener, NULL));
    if (write(out, "l", 1) != 1)
        return 1;
    CHECK_OK(pipc_accept(listener, 0, PIPC_NO_HANDLE, &session, NULL));
    CHECK_OK(pipc_session_receive(session, 0, 0, PIPC_NO_HANDLE, &m, NULL));
    if (write(out, "r", 1) != 1)
        return 1;
    for (;;)
        pause();
}

struct calling {
    struct pipc_client *client;
    pipc_result result;
};

static void *call(void *arg)
{
    struct calling *c = arg;
    uint64_t value;

    c->result = pipc_client_call_increment(c->client, 1, &value, 30000, NULL);
    return NULL;
}

TEST(pitfalls_process, a_call_to_an_owner_that_is_killed_ends_at_once)
{
    int ready[2], status;
    char byte;
    pthread_t thread;
    struct calling c = {NULL, PIPC_OK};

    test_dir();
    CHECK(pipe(ready) == 0);
    const pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        _exit(owner(ready[1]));
    CHECK(read(ready[0], &byte, 1) == 1);
    struct pipc_context *context = script_context(NULL);
    c.client = script_ready(context, NULL, true);
    CHECK(pthread_create(&thread, NULL, call, &c) == 0);
    CHECK(read(ready[0], &byte, 1) == 1); /* the request is there */
    const uint64_t begin = test_now_ms();
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_MSG(test_now_ms() - begin < test_limit(500), "took %u ms",
              (unsigned)(test_now_ms() - begin));
    CHECK(c.result != PIPC_OK && c.result != PIPC_ERR_TIMEOUT);
    CHECK(waitpid(pid, &status, 0) == pid);
    pipc_client_destroy(c.client);
    script_context_close(context);
    close(ready[0]);
    close(ready[1]);
}
