/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may connect: mode and group of the socket file from its first moment on, and the lists of
 * users and groups.
 */
#include "transports/uds/uds.h"
#include "uds_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMBER_GID 4242u
#define OTHER_GID  4243u
#define OTHER_UID  4244u

static void need_root(void)
{
    if (geteuid() != 0)
        test_skip("needs root to become another user");
}

/* A thread that stats a file in a loop and remembers what it saw. */
struct watcher {
    char path[128];
    uint32_t stop;
    uint32_t wrong; /* a mode that must not be */
    uint32_t seen;
    unsigned allowed[2];
};

static void *watch(void *arg)
{
    struct watcher *watcher = arg;
    struct stat now;

    while (!__atomic_load_n(&watcher->stop, __ATOMIC_ACQUIRE)) {
        if (lstat(watcher->path, &now) != 0)
            continue;
        __atomic_store_n(&watcher->seen, 1, __ATOMIC_RELEASE);
        if ((now.st_mode & 07777) != watcher->allowed[0] &&
            (now.st_mode & 07777) != watcher->allowed[1])
            __atomic_store_n(&watcher->wrong, now.st_mode & 07777, __ATOMIC_RELEASE);
    }
    return NULL;
}

struct masked {
    mode_t mask;
    unsigned during; /* a mode that may be seen before listen besides 0600 */
};

static int listen_under_mask(void *arg)
{
    const struct masked *masked = arg;
    struct watcher watcher = {.allowed = {0600, masked->during}};
    struct uds_fixture f;
    pthread_t thread;
    mode_t old;
    int i;

    uds_fixture_open(&f);
    snprintf(watcher.path, sizeof(watcher.path), "%s", test_path("a.sock"));
    umask(masked->mask);
    CHECK(pthread_create(&thread, NULL, watch, &watcher) == 0);
    for (i = 0; i < 50 || !__atomic_load_n(&watcher.seen, __ATOMIC_ACQUIRE); i++) {
        void *listener = uds_must_listen(&f, "a");
        CHECK_EQ(uds_mode_of(watcher.path), 0600);
        uds_end_listener(&f, listener);
    }
    __atomic_store_n(&watcher.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_EQ(watcher.wrong, 0);
    old = umask(022);
    CHECK_EQ(old, masked->mask);
    uds_fixture_close(&f);
    return 0;
}

static void check_mask(mode_t mask, unsigned during)
{
    struct masked masked = {mask, during};

    test_dir();
    CHECK_EQ(test_in_child(listen_under_mask, &masked), 0);
}

TEST(uds_access, mode_is_0600_with_umask_0)
{
    check_mask(0, 0600);
}

TEST(uds_access, mode_is_0600_with_umask_022)
{
    check_mask(022, 0600);
}

TEST(uds_access, mode_is_0600_with_umask_077)
{
    check_mask(077, 0600);
}

TEST(uds_access, mode_is_0600_with_umask_0777)
{
    check_mask(0777, 0);
}

struct intruder {
    int stop, refused; /* ends of pipes: read until its end; told of the first refusal */
};

/* Tries to connect until told to stop; exit status 1 if it ever got in. */
static int connect_in_loop(const struct intruder *intruder)
{
    bool told = false;
    char byte;

    test_become_nobody();
    CHECK(fcntl(intruder->stop, F_SETFL, O_NONBLOCK) == 0);
    while (read(intruder->stop, &byte, 1) != 0) {
        const int fd = uds_raw_connect(test_path("a.sock"));
        if (fd >= 0)
            return 1;
        if (errno == EACCES && !told)
            told = write(intruder->refused, "x", 1) == 1;
    }
    return 0;
}

/* Starts and ends a service, often enough and until the intruder has met it. */
static void serve_beside(struct uds_fixture *f, int refused)
{
    struct pollfd met = {.fd = refused, .events = POLLIN};
    unsigned i;

    for (i = 0; i < test_scale(20000) || poll(&met, 1, 0) == 0; i++)
        uds_end_listener(f, uds_must_listen(f, "a"));
    CHECK(met.revents & POLLIN); /* and not the end of an intruder that got in */
}

TEST(uds_access, with_umask_0_another_user_never_gets_in_during_creation)
{
    struct uds_fixture f;
    int stop[2], refused[2], status;
    pid_t child;

    need_root();
    uds_fixture_open(&f);
    CHECK(chmod(test_dir(), 0755) == 0);
    CHECK(pipe(stop) == 0 && pipe(refused) == 0);
    umask(0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        const struct intruder intruder = {stop[0], refused[1]};
        close(stop[1]);
        close(refused[0]);
        _exit(connect_in_loop(&intruder));
    }
    close(refused[1]);
    serve_beside(&f, refused[0]);
    umask(022);
    close(stop[1]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK_MSG(WEXITSTATUS(status) != 1, "another user connected");
    CHECK_EQ(WEXITSTATUS(status), 0);
    close(stop[0]);
    close(refused[0]);
    uds_fixture_close(&f);
}

struct creator {
    uint32_t stop, wrong, made;
};

static void *create_files(void *arg)
{
    struct creator *creator = arg;
    char path[128];
    struct stat now;

    snprintf(path, sizeof(path), "%s", test_path("plain"));
    while (!__atomic_load_n(&creator->stop, __ATOMIC_ACQUIRE)) {
        const int fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0666);
        if (fd < 0 || fstat(fd, &now) != 0 || (now.st_mode & 0777) != 0644)
            __atomic_store_n(&creator->wrong, 1, __ATOMIC_RELEASE);
        close(fd);
        unlink(path);
        __atomic_add_fetch(&creator->made, 1, __ATOMIC_RELEASE);
    }
    return NULL;
}

TEST(uds_access, files_of_other_threads_keep_their_mode)
{
    struct creator creator = {0, 0, 0};
    struct uds_fixture f;
    pthread_t thread;
    unsigned i;

    uds_fixture_open(&f);
    umask(022);
    test_dir();
    CHECK(pthread_create(&thread, NULL, create_files, &creator) == 0);
    for (i = 0; i < test_scale(10000) || !__atomic_load_n(&creator.made, __ATOMIC_ACQUIRE); i++)
        uds_end_listener(&f, uds_must_listen(&f, "a"));
    __atomic_store_n(&creator.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_EQ(creator.wrong, 0);
    uds_fixture_close(&f);
}

static void check_config(uint32_t option, const char *text, uint32_t other, const char *other_text,
                         const char *needle)
{
    struct uds_fixture f;

    uds_fixture_defaults(&f);
    if (option == PIPC_UDS_OPTION_ALLOW_UID || option == PIPC_UDS_OPTION_ALLOW_GID)
        uds_fixture_element(&f, option, text);
    else
        uds_fixture_text(&f, option, text);
    if (other_text)
        uds_fixture_text(&f, other, other_text);
    CHECK_RESULT(uds_fixture_init(&f), PIPC_ERR_CONFIG);
    CHECK_HAS(f.err.text, needle);
    CHECK(!f.self);
    CHECK_EQ(f.live, 0);
}

TEST(uds_access, mode_0660_without_group_is_refused)
{
    check_config(PIPC_UDS_OPTION_MODE, "0660", 0, NULL, "group");
}

TEST(uds_access, other_modes_are_refused)
{
    check_config(PIPC_UDS_OPTION_MODE, "0666", PIPC_UDS_OPTION_GROUP, "0", "0666");
    check_config(PIPC_UDS_OPTION_MODE, "600", 0, NULL, "600");
}

TEST(uds_access, unknown_group_is_refused)
{
    check_config(PIPC_UDS_OPTION_MODE, "0660", PIPC_UDS_OPTION_GROUP, "no-such-group-here",
                 "no-such-group-here");
}

TEST(uds_access, unknown_names_and_impossible_numbers_in_the_lists_are_refused)
{
    check_config(PIPC_UDS_OPTION_ALLOW_UID, "no-such-user-here", 0, NULL, "no-such-user-here");
    check_config(PIPC_UDS_OPTION_ALLOW_GID, "no-such-group-here", 0, NULL, "allow_gid");
    check_config(PIPC_UDS_OPTION_ALLOW_UID, "4294967295", 0, NULL, "4294967295");
    check_config(PIPC_UDS_OPTION_ALLOW_UID, "99999999999999999999", 0, NULL, "allow_uid");
    check_config(PIPC_UDS_OPTION_ALLOW_GID, "", 0, NULL, "allow_gid");
}

TEST(uds_access, accounts_are_read_from_files_as_they_are_written)
{
    const char *path = test_path("group");
    FILE *file = fopen(path, "w");
    uint32_t id = 7;
    int i;

    CHECK(file);
    fputs("ab:x:1:\nabc:x:2:a,b\n+::::\nbroken\nbad:x:2147483648000:\nempty:x::\nlong:x:5:", file);
    for (i = 0; i < 1000; i++)
        fputs("member,", file);
    fputs("\nlast:x:6:", file);
    CHECK(fclose(file) == 0);
    CHECK_EQ(uds_account_in_file(path, "abc", &id), 0);
    CHECK_EQ(id, 2);
    CHECK_EQ(uds_account_in_file(path, "ab", &id), 0);
    CHECK_EQ(id, 1);
    CHECK_EQ(uds_account_in_file(path, "long", &id), 0);
    CHECK_EQ(id, 5);
    CHECK_EQ(uds_account_in_file(path, "last", &id), 0);
    CHECK_EQ(id, 6);
    CHECK_EQ(uds_account_in_file(path, "a", &id), ENOENT);
    CHECK_EQ(uds_account_in_file(path, "broken", &id), ENOENT);
    CHECK_EQ(uds_account_in_file(path, "bad", &id), ENOENT);
    CHECK_EQ(uds_account_in_file(path, "empty", &id), ENOENT);
    CHECK_EQ(uds_account_in_file(test_path("none"), "ab", &id), ENOENT);
    CHECK_EQ(id, 6);
}

#if UDS_NSS
TEST(uds_access, no_memory_to_ask_the_name_services_fails_init)
{
    struct uds_fixture f;

    uds_fixture_defaults(&f);
    uds_fixture_element(&f, PIPC_UDS_OPTION_ALLOW_UID, "no-such-user-here");
    f.fail_after = 1;
    CHECK_RESULT(uds_fixture_init(&f), PIPC_ERR_ALLOC);
    CHECK_EQ(f.live, 0);
}
#endif

TEST(uds_access, wrong_number_of_options_and_no_memory_fail_init)
{
    struct uds_fixture f;

    uds_fixture_defaults(&f);
    CHECK_RESULT(pipc_module_uds.init(&f.host, f.values, 3, &f.self, &f.err), PIPC_ERR_MODULE_INIT);
    f.fail_after = 0;
    CHECK_RESULT(uds_fixture_init(&f), PIPC_ERR_ALLOC);
    CHECK_EQ(f.live, 0);
    pipc_module_uds.fini(NULL);
}

/* Connects as `uid` with `gid` alone, or fails with the system's error as exit status. */
struct visitor {
    uid_t uid;
    gid_t gid;
    gid_t extra; /* supplementary, 0 for none */
};

static int visit(void *arg)
{
    const struct visitor *visitor = arg;
    int fd;

    CHECK(setgroups(visitor->extra ? 1 : 0, &visitor->extra) == 0);
    CHECK(setgid(visitor->gid) == 0 && setuid(visitor->uid) == 0);
    fd = uds_raw_connect(test_path("a.sock"));
    return fd >= 0 ? 0 : errno;
}

static void open_for_group(struct uds_fixture *f, const char *group)
{
    uds_fixture_defaults(f);
    uds_fixture_text(f, PIPC_UDS_OPTION_MODE, "0660");
    uds_fixture_text(f, PIPC_UDS_OPTION_GROUP, group);
    CHECK_OK(uds_fixture_init(f));
}

TEST(uds_access, mode_0660_lets_members_of_the_group_in_and_nobody_else)
{
    struct visitor member = {OTHER_UID, MEMBER_GID, 0}, extra = {OTHER_UID, OTHER_GID, MEMBER_GID},
                   stranger = {OTHER_UID, OTHER_GID, 0};
    struct watcher watcher = {.allowed = {0600, 0660}};
    struct uds_fixture f;
    struct stat now;
    pthread_t thread;
    void *listener;

    need_root();
    CHECK(chmod(test_dir(), 0755) == 0);
    open_for_group(&f, "4242");
    snprintf(watcher.path, sizeof(watcher.path), "%s", test_path("a.sock"));
    CHECK(pthread_create(&thread, NULL, watch, &watcher) == 0);
    do {
        listener = uds_must_listen(&f, "a");
        CHECK(lstat(watcher.path, &now) == 0);
        CHECK_EQ(now.st_gid, MEMBER_GID);
        CHECK_EQ(now.st_mode & 07777, 0660);
        if (!__atomic_load_n(&watcher.seen, __ATOMIC_ACQUIRE))
            uds_end_listener(&f, listener);
    } while (!__atomic_load_n(&watcher.seen, __ATOMIC_ACQUIRE));
    __atomic_store_n(&watcher.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    CHECK_EQ(watcher.wrong, 0);
    if (!uds_exists(watcher.path))
        listener = uds_must_listen(&f, "a");
    CHECK_EQ(test_in_child(visit, &member), 0);
    CHECK_EQ(test_in_child(visit, &extra), 0);
    CHECK_EQ(test_in_child(visit, &stranger), EACCES);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_access, mode_0660_works_with_an_own_group_by_number)
{
    struct uds_fixture f;
    char group[16];
    void *listener, *client;

    snprintf(group, sizeof(group), "%u", (unsigned)getegid());
    open_for_group(&f, group);
    listener = uds_must_listen(&f, "a");
    CHECK_EQ(uds_mode_of(test_path("a.sock")), 0660);
    client = uds_must_connect(&f, "a");
    uds_end(&f, client);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

static int listen_for_foreign_group(void *arg)
{
    struct uds_fixture *f = arg;
    void *listener = f;

    test_become_nobody();
    CHECK_RESULT(uds_try_listen(f, test_dir(), "a", &listener), PIPC_ERR_SOCKET);
    CHECK_EQ(f->err.os_code, EPERM);
    CHECK(!uds_exists(test_path("a.sock")));
    return 0;
}

TEST(uds_access, group_that_cannot_be_set_is_a_socket_error_and_leaves_no_entry)
{
    struct uds_fixture f;

    open_for_group(&f, geteuid() == 0 ? "root" : "0");
    CHECK(chmod(test_dir(), 0777) == 0);
    CHECK_EQ(test_in_child(listen_for_foreign_group, &f), 0);
    uds_fixture_close(&f);
}

/* Serves one visitor and says what admit thinks of it. */
static pipc_result admit_visitor(struct uds_fixture *f, const struct visitor *visitor)
{
    void *listener = uds_must_listen(f, "a");
    struct visitor copy = *visitor;
    struct pipc_peer peer = {.size = sizeof(peer)};
    void *server;
    pipc_result result;

    CHECK(chmod(test_dir(), 0755) == 0 && chmod(test_path("a.sock"), 0666) == 0);
    CHECK_EQ(test_in_child(visit, &copy), 0);
    server = uds_must_accept(f, listener);
    CHECK_OK(f->ops->peer(server, &peer));
    CHECK_EQ(peer.uid, visitor->uid);
    CHECK_EQ(peer.gid, visitor->gid);
    result = f->ops->admit(server, &f->err);
    uds_end(f, server);
    uds_end_listener(f, listener);
    return result;
}

TEST(uds_access, lists_admit_who_is_in_them_and_root)
{
    static const struct visitor user = {OTHER_UID, OTHER_GID, 0}, member = {4250, MEMBER_GID, 0},
                                stranger = {4250, OTHER_GID, 0}, root = {0, 0, 0},
                                extra = {4250, OTHER_GID, MEMBER_GID};
    struct uds_fixture f;

    need_root();
    uds_fixture_defaults(&f);
    uds_fixture_element(&f, PIPC_UDS_OPTION_ALLOW_UID, "daemon");
    uds_fixture_element(&f, PIPC_UDS_OPTION_ALLOW_UID, "4244");
    uds_fixture_element(&f, PIPC_UDS_OPTION_ALLOW_GID, "4242");
    CHECK_OK(uds_fixture_init(&f));
    CHECK_OK(admit_visitor(&f, &user));
    CHECK_OK(admit_visitor(&f, &member));
    CHECK_OK(admit_visitor(&f, &root));
    CHECK_RESULT(admit_visitor(&f, &stranger), PIPC_ERR_AUTH_FAILED);
    CHECK_HAS(f.err.text, "4250");
    /* The group is the one that the system tells of the peer, not one of its others. */
    CHECK_RESULT(admit_visitor(&f, &extra), PIPC_ERR_AUTH_FAILED);
    uds_fixture_close(&f);
}

TEST(uds_access, without_lists_everybody_is_admitted)
{
    static const struct visitor stranger = {4250, OTHER_GID, 0};
    struct uds_fixture f;

    need_root();
    uds_fixture_open(&f);
    CHECK_OK(admit_visitor(&f, &stranger));
    uds_fixture_close(&f);
}

TEST(uds_access, own_user_is_always_admitted)
{
    struct uds_fixture f;
    void *listener, *client, *server;
    struct pipc_peer peer = {.size = sizeof(peer)};

    uds_fixture_defaults(&f);
    uds_fixture_element(&f, PIPC_UDS_OPTION_ALLOW_UID, "65000");
    CHECK_OK(uds_fixture_init(&f));
    listener = uds_must_listen(&f, "a");
    client = uds_must_connect(&f, "a");
    server = uds_must_accept(&f, listener);
    CHECK_OK(f.ops->admit(server, &f.err));
    CHECK_OK(f.ops->peer(server, &peer));
    CHECK_EQ(peer.known, PIPC_PEER_PID | PIPC_PEER_UID | PIPC_PEER_GID);
    CHECK_EQ(peer.pid, getpid());
    CHECK_EQ(peer.uid, geteuid());
    CHECK_EQ(peer.gid, getegid());
    uds_end(&f, client);
    uds_end(&f, server);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}
