/* SPDX-License-Identifier: Apache-2.0
 *
 * What is left in run_dir: each step of the judgement alone, and the sweep at the start of a
 * server, which takes what is dead or junk of its own service and nothing else.
 */
#include "shm_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRY "s-0000000000000001.ipcshm"

static enum shm_judged judge(const char *entry)
{
    const int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum shm_judged judged;

    CHECK(dir >= 0);
    judged = shm_judge(dir, entry);
    close(dir);
    return judged;
}

/* The entry is there before and is judged so. */
static void check_judged(const char *entry, enum shm_judged expected)
{
    CHECK(shm_exists(test_path(entry)));
    CHECK_EQ(judge(entry), expected);
    CHECK_EQ(shm_exists(test_path(entry)), expected == SHM_KEPT);
}

static void write_entry(const char *entry, int32_t pid, uint32_t generation, uint32_t magic)
{
    struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    header.owner_pid = pid;
    header.owner_generation = generation;
    header.magic = magic;
    shm_write_region(test_path(entry), &header, 66752);
}

static void write_live(const char *entry)
{
    write_entry(entry, (int32_t)getpid(), 77, PIPC_SHM_MAGIC);
}

static void write_dead(const char *entry)
{
    write_entry(entry, shm_dead_pid(), 77, PIPC_SHM_MAGIC);
}

static void write_text(const char *name)
{
    const int fd = open(test_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    CHECK(fd >= 0 && write(fd, "text", 4) == 4);
    close(fd);
}

/* ---- one entry ---- */

TEST(shm_stale, missing_entry_is_nothing)
{
    CHECK_EQ(judge(ENTRY), SHM_NOTHING);
}

TEST(shm_stale, region_of_a_living_owner_is_kept)
{
    write_live(ENTRY);
    check_judged(ENTRY, SHM_KEPT);
}

TEST(shm_stale, version_and_sizes_of_a_living_owner_do_not_matter)
{
    struct shm_header header = shm_good_header(1024, 1024);

    header.version = 4;
    header.header_len = 128;
    header.request_capacity = 0;
    shm_write_region(test_path(ENTRY), &header, sizeof(header));
    check_judged(ENTRY, SHM_KEPT);
}

TEST(shm_stale, region_of_a_dead_owner_is_removed)
{
    write_dead(ENTRY);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, owner_pid_of_0_or_below_is_stale)
{
    write_entry(ENTRY, 0, 77, PIPC_SHM_MAGIC);
    check_judged(ENTRY, SHM_REMOVED);
    write_entry(ENTRY, -1, 77, PIPC_SHM_MAGIC);
    check_judged(ENTRY, SHM_REMOVED);
    write_entry(ENTRY, INT32_MIN, 77, PIPC_SHM_MAGIC);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, generation_0_is_stale)
{
    write_entry(ENTRY, (int32_t)getpid(), 0, PIPC_SHM_MAGIC);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, wrong_magic_is_junk)
{
    write_entry(ENTRY, (int32_t)getpid(), 77, 0x4d48534eu);
    check_judged(ENTRY, SHM_REMOVED);
    write_entry(ENTRY, (int32_t)getpid(), 77, 0);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, file_shorter_than_a_header_is_junk)
{
    const struct shm_header header = shm_good_header(1024, 1024);

    shm_write_region(test_path(ENTRY), &header, 63);
    check_judged(ENTRY, SHM_REMOVED);
    shm_write_region(test_path(ENTRY), NULL, 0);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, link_is_removed_and_its_target_is_not)
{
    write_live("target");
    CHECK(symlink(test_path("target"), test_path(ENTRY)) == 0);
    check_judged(ENTRY, SHM_REMOVED);
    CHECK(shm_exists(test_path("target")));
    CHECK(symlink(test_path("nowhere"), test_path(ENTRY)) == 0);
    check_judged(ENTRY, SHM_REMOVED);
    CHECK(symlink(ENTRY, test_path(ENTRY)) == 0);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, fifo_socket_and_empty_directory_are_removed)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(mkfifo(test_path(ENTRY), 0600) == 0);
    check_judged(ENTRY, SHM_REMOVED);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", test_path(ENTRY));
    CHECK(bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0);
    check_judged(ENTRY, SHM_REMOVED);
    close(fd);
    CHECK(mkdir(test_path(ENTRY), 0700) == 0);
    check_judged(ENTRY, SHM_REMOVED);
}

TEST(shm_stale, directory_with_content_is_kept)
{
    CHECK(mkdir(test_path(ENTRY), 0700) == 0);
    write_text(ENTRY "/content");
    check_judged(ENTRY, SHM_KEPT);
    CHECK(shm_exists(test_path(ENTRY "/content")));
}

static int judge_as_nobody(void *arg)
{
    (void)arg;
    test_become_nobody();
    return (int)judge(ENTRY);
}

TEST(shm_stale, file_that_may_not_be_read_is_junk)
{
    CHECK(chmod(test_dir(), 0777) == 0);
    write_live(ENTRY);
    CHECK(chmod(test_path(ENTRY), 0) == 0);
    CHECK_EQ(test_in_child(judge_as_nobody, NULL), SHM_REMOVED);
    CHECK(!shm_exists(test_path(ENTRY)));
}

TEST(shm_stale, entry_that_may_not_be_removed_is_kept)
{
    write_dead(ENTRY);
    CHECK(chmod(test_path(ENTRY), 0644) == 0);
    CHECK(chmod(test_dir(), 0555) == 0);
    CHECK_EQ(test_in_child(judge_as_nobody, NULL), SHM_KEPT);
    CHECK(chmod(test_dir(), 0700) == 0);
    CHECK(shm_exists(test_path(ENTRY)));
}

/* Process 1 belongs to root: an ordinary user may not signal it. */
TEST(shm_stale, owner_of_another_user_is_alive)
{
    CHECK(chmod(test_dir(), 0777) == 0);
    write_entry(ENTRY, 1, 77, PIPC_SHM_MAGIC);
    CHECK(chmod(test_path(ENTRY), 0644) == 0);
    CHECK_EQ(test_in_child(judge_as_nobody, NULL), SHM_KEPT);
    check_judged(ENTRY, SHM_KEPT);
}

static int judge_without_descriptors(void *arg)
{
    const int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rlimit limit;

    (void)arg;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)dir + 1;
    CHECK(dir >= 0 && setrlimit(RLIMIT_NOFILE, &limit) == 0);
    while (dup(dir) >= 0)
        ;
    return (int)shm_judge(dir, ENTRY);
}

TEST(shm_stale, without_a_free_descriptor_a_file_is_kept)
{
    write_dead(ENTRY);
    CHECK_EQ(test_in_child(judge_without_descriptors, NULL), SHM_KEPT);
    check_judged(ENTRY, SHM_REMOVED);
}

/* ---- the sweep ---- */

static void sweep(void)
{
    const struct pipc_endpoint endpoint = shm_endpoint();
    struct shm_fixture f;
    unsigned before;

    shm_fixture_open(&f);
    before = test_open_descriptors();
    CHECK_OK(f.ops->sweep(f.self, &endpoint, &f.err));
    CHECK_EQ(test_open_descriptors(), before);
    shm_fixture_close(&f);
}

TEST(shm_stale, sweep_takes_dead_regions_and_junk_of_its_own_service_alone)
{
    static const char *const left[] = {"s-0000000000000002.ipcshm",
                                       "s-x-0000000000000001.ipcshm",
                                       "t-0000000000000001.ipcshm",
                                       "s-0000000000000001.tmp",
                                       "s-.ipcshm",
                                       "s.ipcshm",
                                       "ss-0000000000000001.ipcshm",
                                       "s-0000000000000001.ipcshmx"};
    static const char *const gone[] = {ENTRY,
                                       "s-junk.ipcshm",
                                       "s-x.ipcshm",
                                       "s-000000000000000A.ipcshm",
                                       "s-x-000000000000000A.ipcshm",
                                       "s-00000000000000001.ipcshm"};

    for (size_t i = 1; i < sizeof(left) / sizeof(left[0]); i++)
        write_dead(left[i]);
    write_live(left[0]);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        write_dead(gone[i]);
    CHECK(mkdir(test_path("s-dir.ipcshm"), 0700) == 0);
    sweep();
    for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
        CHECK_MSG(shm_exists(test_path(left[i])), "%s is gone", left[i]);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        CHECK_MSG(!shm_exists(test_path(gone[i])), "%s is left", gone[i]);
    CHECK(!shm_exists(test_path("s-dir.ipcshm")));
}

TEST(shm_stale, sweep_works_in_a_directory_of_mode_0775)
{
    CHECK(chmod(test_dir(), 0775) == 0);
    write_dead(ENTRY);
    sweep();
    CHECK(!shm_exists(test_path(ENTRY)));
}

TEST(shm_stale, sweep_of_10000_entries_takes_every_dead_one)
{
    char name[64];

    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "%s-%016x.ipcshm", i % 10 == 0 ? "s" : "other", i);
        close(open(test_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    write_live("s-ffffffffffffffff.ipcshm");
    sweep();
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "%s-%016x.ipcshm", i % 10 == 0 ? "s" : "other", i);
        CHECK_EQ(shm_exists(test_path(name)), i % 10 != 0);
    }
    CHECK(shm_exists(test_path("s-ffffffffffffffff.ipcshm")));
}

TEST(shm_stale, sweep_of_a_missing_directory_is_an_error_that_names_it)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_path("none"), .service = "s"};
    const struct pipc_endpoint nameless = {
        .size = sizeof(nameless), .run_dir = test_dir(), .service = "a/b"};
    struct shm_fixture f;

    shm_fixture_open(&f);
    CHECK_RESULT(f.ops->sweep(f.self, &endpoint, &f.err), PIPC_ERR_REGION_OPEN);
    CHECK_EQ(f.err.os_code, ENOENT);
    CHECK_HAS(f.err.text, "none");
    CHECK_RESULT(f.ops->sweep(f.self, &nameless, &f.err), PIPC_ERR_BAD_PARAM);
    shm_fixture_close(&f);
}
