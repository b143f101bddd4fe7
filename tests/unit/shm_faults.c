/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail while a server makes, judges and removes regions, entries that change
 * meanwhile, and a server that is killed before each of its calls.
 */
#include "shm_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENTRY "s-0000000000000001.ipcshm"

static struct shm_fixture f;
static struct shm_pair pair;

static void begin(void)
{
    test_dir();
    shm_fixture_open(&f);
    shm_wires_make(&pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
}

static pipc_result offer_armed(void)
{
    pipc_result result;

    shm_calls_arm();
    result = shm_try_offer(&f, &pair);
    shm_calls_disarm();
    return result;
}

static void finish(void)
{
    shm_pair_close(&f, &pair);
    shm_fixture_close(&f);
}

/* After begin and the faults: fails as told, leaves no descriptor, and no entry unless one was
 * there or was put there meanwhile. */
static void check_refused(pipc_result expected, int os_code, const char *what, bool entry)
{
    const unsigned before = test_open_descriptors();

    CHECK_RESULT(offer_armed(), expected);
    CHECK_EQ(f.err.os_code, os_code);
    CHECK_HAS(f.err.text, what);
    CHECK_EQ(f.failure.bits, SHM_BITS);
    CHECK_EQ(f.failure.withdraw_ms, 0);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK_EQ(shm_exists(test_path(ENTRY)), entry);
    CHECK_EQ(shm_call_counts[SHM_CALL_FTRUNCATE], 0);
    finish();
}

static void check_works(void)
{
    CHECK_MSG(offer_armed() == PIPC_OK, "%s", f.err.text);
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_must_get(&f, pair.server, shm_message(1, 100), 100);
    finish();
    CHECK(!shm_exists(test_path(ENTRY)));
}

/* ---- making ---- */

TEST(shm_faults, fallocate_that_is_interrupted_three_times_is_repeated)
{
    begin();
    shm_call_fail(SHM_CALL_FALLOCATE, 0, 3, EINTR);
    check_works();
    CHECK_EQ(shm_call_counts[SHM_CALL_FALLOCATE], 4);
    CHECK_EQ(shm_call_counts[SHM_CALL_FTRUNCATE], 0);
}

TEST(shm_faults, fallocate_that_is_refused_is_an_allocate_error_and_no_other_way_is_tried)
{
    static const int codes[] = {ENOSPC, EDQUOT, EFBIG, EOPNOTSUPP, ENOSYS, EPERM, EIO};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        begin();
        shm_call_fail(SHM_CALL_FALLOCATE, 0, 1, codes[i]);
        check_refused(PIPC_ERR_REGION_ALLOCATE, codes[i], "no room for a region of 66752 bytes",
                      false);
        CHECK_EQ(shm_call_counts[SHM_CALL_FALLOCATE], 1);
    }
}

static void begin_picky(uint32_t magic)
{
    test_dir();
    shm_fixture_defaults(&f);
    shm_fixture_number(&f, PIPC_SHM_OPTION_ANY_FS, 0);
    CHECK_OK(shm_fixture_init(&f));
    shm_wires_make(&pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    shm_false_fs = magic;
}

TEST(shm_faults, file_systems_that_promise_no_blocks_are_refused_by_name)
{
    static const struct {
        uint32_t magic;
        const char *name;
    } bad[] = {{0x9123683eu, "btrfs"},
               {0x794c7630u, "overlayfs"},
               {0x6969u, "NFS"},
               {0x12345678u, "unknown kind"}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin_picky(bad[i].magic);
        check_refused(PIPC_ERR_REGION_ALLOCATE, 0, bad[i].name, false);
        CHECK_HAS(f.err.text, "any_fs");
        CHECK_EQ(shm_call_counts[SHM_CALL_FALLOCATE], 0);
    }
}

TEST(shm_faults, tmpfs_ramfs_ext4_and_xfs_are_accepted)
{
    static const uint32_t good[] = {0x01021994u, 0x858458f6u, 0xef53u, 0x58465342u};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        begin_picky(good[i]);
        check_works();
    }
}

TEST(shm_faults, any_fs_asks_for_no_kind)
{
    begin();
    shm_false_fs = 0x9123683eu;
    check_works();
    CHECK_EQ(shm_call_counts[SHM_CALL_FSTATFS], 0);
}

TEST(shm_faults, file_system_that_does_not_tell_its_kind_is_refused)
{
    begin_picky(0);
    shm_call_fail(SHM_CALL_FSTATFS, 0, 1, ENOSYS);
    check_refused(PIPC_ERR_REGION_ALLOCATE, ENOSYS, "does not tell its kind", false);
}

TEST(shm_faults, failing_mmap_removes_the_file_and_closes_the_descriptor)
{
    begin();
    shm_call_fail(SHM_CALL_MMAP, 0, 1, ENOMEM);
    check_refused(PIPC_ERR_REGION_MAP, ENOMEM, "cannot be mapped", false);
}

TEST(shm_faults, failing_open_fchmod_and_fstat_leave_nothing)
{
    static const struct {
        enum shm_call call;
        int code;
        const char *what;
    } steps[] = {{SHM_CALL_DIRECTORY, EMFILE, "run directory"},
                 {SHM_CALL_CREATE, EMFILE, "cannot be made"},
                 {SHM_CALL_CREATE, EDQUOT, "cannot be made"},
                 {SHM_CALL_FCHMOD, EPERM, "cannot be made"},
                 {SHM_CALL_FSTAT, EIO, "cannot be made"}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        begin();
        shm_call_fail(steps[i].call, 0, 1, steps[i].code);
        check_refused(PIPC_ERR_REGION_OPEN, steps[i].code, steps[i].what, false);
    }
}

static void write_dead(void)
{
    struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    header.owner_pid = shm_dead_pid();
    shm_write_region(test_path(ENTRY), &header, 66752);
}

/* Puts another file at the name, which it gets by rename so that its inode is another one. */
static void replace(void)
{
    const struct shm_header header = shm_good_header(1024, 1024);

    shm_write_region(test_path("new"), &header, 4096);
    CHECK(rename(test_path("new"), test_path(ENTRY)) == 0);
}

static void replace_at_first(unsigned count)
{
    if (count == 1)
        replace();
}

static void replace_at_second(unsigned count)
{
    if (count == 2)
        replace();
}

static void vanish(unsigned count)
{
    (void)count;
    (void)unlink(test_path(ENTRY));
}

TEST(shm_faults, name_that_is_taken_again_after_its_removal_is_in_use)
{
    begin();
    write_dead();
    shm_faults[SHM_CALL_CREATE].meanwhile = replace_at_second;
    check_refused(PIPC_ERR_ADDR_IN_USE, 0, "alive or irremovable", true);
    CHECK_EQ(shm_call_counts[SHM_CALL_CREATE], 2);
}

TEST(shm_faults, name_that_vanishes_while_it_is_judged_is_made)
{
    begin();
    write_dead();
    shm_faults[SHM_CALL_FSTATAT].meanwhile = vanish;
    CHECK_OK(offer_armed());
    finish();
}

TEST(shm_faults, file_of_somebody_else_survives_a_failure_after_creation)
{
    begin();
    shm_faults[SHM_CALL_FALLOCATE].meanwhile = replace_at_first;
    shm_faults[SHM_CALL_FALLOCATE].times = 1;
    shm_faults[SHM_CALL_FALLOCATE].code = ENOSPC;
    check_refused(PIPC_ERR_REGION_ALLOCATE, ENOSPC, "no room", true);
}

/* ---- judging ---- */

static enum shm_judged judge_armed(void)
{
    const int dir = open(test_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const unsigned before = test_open_descriptors();
    enum shm_judged judged;

    CHECK(dir >= 0);
    shm_calls_arm();
    judged = shm_judge(dir, ENTRY);
    shm_calls_disarm();
    CHECK_EQ(test_open_descriptors(), before);
    close(dir);
    return judged;
}

static void check_judged(enum shm_judged expected)
{
    CHECK_EQ(judge_armed(), expected);
    CHECK_EQ(shm_exists(test_path(ENTRY)), expected == SHM_KEPT);
}

TEST(shm_faults, entry_that_cannot_be_looked_at_is_kept)
{
    write_dead();
    shm_call_fail(SHM_CALL_FSTATAT, 0, 1, EIO);
    check_judged(SHM_KEPT);
    shm_call_fail(SHM_CALL_FSTATAT, 1, 1, EIO);
    check_judged(SHM_KEPT);
    shm_call_fail(SHM_CALL_FSTAT, 0, 1, EIO);
    check_judged(SHM_KEPT);
}

TEST(shm_faults, entry_is_kept_when_descriptors_or_memory_run_out)
{
    static const int codes[] = {EMFILE, ENFILE, ENOMEM};

    write_dead();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        shm_call_fail(SHM_CALL_OPENAT, 0, 1, codes[i]);
        check_judged(SHM_KEPT);
    }
}

TEST(shm_faults, entry_that_cannot_be_opened_otherwise_is_junk)
{
    static const int codes[] = {EACCES, ELOOP, EPERM};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        write_dead();
        shm_call_fail(SHM_CALL_OPENAT, 0, 1, codes[i]);
        check_judged(SHM_REMOVED);
    }
}

TEST(shm_faults, entry_that_vanishes_before_it_is_opened_is_nothing)
{
    write_dead();
    shm_faults[SHM_CALL_OPENAT].meanwhile = vanish;
    check_judged(SHM_NOTHING);
}

TEST(shm_faults, entry_that_vanishes_before_its_removal_counts_as_removed)
{
    write_dead();
    shm_faults[SHM_CALL_PREAD].meanwhile = vanish;
    check_judged(SHM_REMOVED);
    write_dead();
    shm_faults[SHM_CALL_UNLINKAT].meanwhile = vanish;
    check_judged(SHM_REMOVED);
}

TEST(shm_faults, file_that_is_swapped_during_the_test_is_kept)
{
    write_dead();
    shm_faults[SHM_CALL_OPENAT].meanwhile = replace_at_first;
    check_judged(SHM_KEPT);
    write_dead();
    shm_faults[SHM_CALL_PREAD].meanwhile = replace_at_first;
    check_judged(SHM_KEPT);
}

TEST(shm_faults, read_that_is_interrupted_is_repeated_and_one_that_fails_means_junk)
{
    const struct shm_header header = shm_good_header(1024, 1024);

    shm_write_region(test_path(ENTRY), &header, 4096);
    shm_call_fail(SHM_CALL_PREAD, 0, 2, EINTR);
    check_judged(SHM_KEPT);
    CHECK_EQ(shm_call_counts[SHM_CALL_PREAD], 3);
    shm_faults[SHM_CALL_PREAD] = (struct shm_fault){.times = 1, .value = 40};
    check_judged(SHM_REMOVED);
}

TEST(shm_faults, owner_that_may_not_be_signalled_is_alive_and_one_that_is_none_is_not)
{
    write_dead();
    shm_call_fail(SHM_CALL_KILL, 0, 1, EPERM);
    check_judged(SHM_KEPT);
    shm_call_fail(SHM_CALL_KILL, 0, 1, ESRCH);
    check_judged(SHM_REMOVED);
}

TEST(shm_faults, entry_that_cannot_be_removed_is_kept)
{
    write_dead();
    shm_call_fail(SHM_CALL_UNLINKAT, 0, 1, EACCES);
    check_judged(SHM_KEPT);
}

TEST(shm_faults, directory_that_cannot_be_read_is_an_error_of_the_sweep)
{
    const struct pipc_endpoint endpoint = shm_endpoint();

    begin();
    const unsigned before = test_open_descriptors();
    shm_call_fail(SHM_CALL_FDOPENDIR, 0, 1, ENOMEM);
    shm_calls_arm();
    CHECK_RESULT(f.ops->sweep(f.self, &endpoint, &f.err), PIPC_ERR_REGION_OPEN);
    shm_calls_disarm();
    CHECK_EQ(f.err.os_code, ENOMEM);
    CHECK_HAS(f.err.text, "run directory");
    CHECK_EQ(test_open_descriptors(), before);
    finish();
}

/* ---- killed at each step ---- */

/* A server's whole life: sweep, region, a message each way, end. */
static int live_and_die(void *arg)
{
    const struct pipc_endpoint endpoint = shm_endpoint();

    begin();
    shm_die_at = *(const unsigned *)arg;
    shm_calls_arm();
    CHECK_OK(f.ops->sweep(f.self, &endpoint, &f.err));
    CHECK_OK(shm_try_offer(&f, &pair));
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_must_get(&f, pair.server, shm_message(1, 100), 100);
    shm_end(&f, &pair.client);
    shm_end(&f, &pair.server);
    shm_calls_disarm();
    finish();
    return 0;
}

TEST(shm_faults, server_killed_before_any_of_its_calls_disturbs_no_successor)
{
    const struct pipc_endpoint endpoint = shm_endpoint();
    unsigned deaths = 0, leftovers = 0;
    int status;

    do {
        unsigned at = deaths + 1;
        status = test_in_child(live_and_die, &at);
        if (status == 0)
            break;
        CHECK_EQ(status, 256 + SIGKILL);
        deaths++;
        leftovers += shm_exists(test_path(ENTRY));
        begin();
        CHECK_OK(f.ops->sweep(f.self, &endpoint, &f.err));
        CHECK(!shm_exists(test_path(ENTRY)));
        check_works();
    } while (deaths < 100);
    CHECK_EQ(status, 0);
    CHECK(deaths >= 10);
    CHECK(leftovers >= 5);
}
