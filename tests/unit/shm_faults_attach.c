/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail while a client attaches: what is left, whether it is tried again, and for
 * how long the data plane is given up.
 */
#include "shm_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct shm_fixture f;
static struct shm_pair pair;

static void begin(void)
{
    shm_fixture_open(&f);
    shm_wires_make(&pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    CHECK_OK(shm_try_offer(&f, &pair));
}

static void finish(void)
{
    shm_pair_close(&f, &pair);
    shm_fixture_close(&f);
}

static pipc_result attach_armed(int ms)
{
    pipc_result result;

    shm_calls_arm();
    result = shm_try_attach(&f, &pair, ms);
    shm_calls_disarm();
    return result;
}

static void check_fails(pipc_result expected, int os_code, const char *what, uint64_t withdraw_ms)
{
    const unsigned before = test_open_descriptors();

    CHECK_RESULT(attach_armed(SHM_EVER), expected);
    CHECK_EQ(f.err.os_code, os_code);
    CHECK_HAS(f.err.text, what);
    CHECK(pair.client == NULL);
    CHECK_EQ(f.failure.bits, SHM_BITS);
    CHECK_EQ(f.failure.withdraw_ms, withdraw_ms);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK(shm_exists(shm_region_path(1)));
}

TEST(shm_faults_attach, failures_of_its_own_are_withdrawn_for_a_time_only)
{
    static const int codes[] = {EMFILE, ENFILE, ENOMEM};

    begin();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        shm_call_fail(SHM_CALL_OPENAT, 0, 1, codes[i]);
        check_fails(PIPC_ERR_REGION_OPEN, codes[i], "cannot be opened", 0);
        shm_call_fail(SHM_CALL_DIRECTORY, 0, 1, codes[i]);
        check_fails(PIPC_ERR_REGION_OPEN, codes[i], "run directory", 0);
    }
    finish();
}

TEST(shm_faults_attach, other_failures_are_withdrawn_for_good)
{
    static const struct {
        enum shm_call call;
        int code;
        const char *what;
    } steps[] = {{SHM_CALL_DIRECTORY, EACCES, "run directory"},
                 {SHM_CALL_FSTATAT, EACCES, "not there"},
                 {SHM_CALL_OPENAT, EACCES, "cannot be opened"},
                 {SHM_CALL_FSTAT, EIO, "does not tell its owner"},
                 {SHM_CALL_PREAD, EIO, "cannot be read"}};

    begin();
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        shm_call_fail(steps[i].call, 0, 1, steps[i].code);
        check_fails(PIPC_ERR_REGION_OPEN, steps[i].code, steps[i].what, PIPC_NEVER);
    }
    finish();
}

TEST(shm_faults_attach, file_that_cannot_be_mapped_gets_an_end_mark)
{
    static const struct {
        int code;
        uint64_t withdraw_ms;
    } cases[] = {{ENOMEM, 0}, {EACCES, PIPC_NEVER}};
    uint8_t byte[64];
    struct pipc_received received;

    for (size_t i = 0; i < 2; i++) {
        begin();
        shm_call_fail(SHM_CALL_MMAP, 0, 1, cases[i].code);
        check_fails(PIPC_ERR_REGION_MAP, cases[i].code, "cannot be mapped", cases[i].withdraw_ms);
        CHECK_EQ(shm_call_counts[SHM_CALL_PWRITE], 1);
        CHECK_OK(shm_get(&f, pair.server, byte, sizeof(byte), SHM_NOW, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
        finish();
    }
}

TEST(shm_faults_attach, other_failures_write_nothing_to_the_region)
{
    begin();
    shm_call_fail(SHM_CALL_PREAD, 0, 1, EIO);
    check_fails(PIPC_ERR_REGION_OPEN, EIO, "cannot be read", PIPC_NEVER);
    CHECK_EQ(shm_call_counts[SHM_CALL_PWRITE], 0);
    CHECK_EQ(shm_inside(pair.server)->taken, 0);
    CHECK_EQ(f.ops->look(pair.server), PIPC_LOOK_NOTHING);
    finish();
}

TEST(shm_faults_attach, missing_file_is_tried_again_every_5_ms)
{
    begin();
    shm_call_fail(SHM_CALL_FSTATAT, 0, 10, ENOENT);
    const uint64_t began = test_now_ms();
    CHECK_OK(attach_armed(SHM_EVER));
    CHECK(test_now_ms() - began >= 49);
    CHECK_EQ(shm_call_counts[SHM_CALL_FSTATAT], 11);
    finish();
}

TEST(shm_faults_attach, file_that_vanishes_before_it_is_opened_is_tried_again)
{
    begin();
    shm_call_fail(SHM_CALL_OPENAT, 0, 2, ENOENT);
    CHECK_OK(attach_armed(SHM_EVER));
    CHECK_EQ(shm_call_counts[SHM_CALL_OPENAT], 3);
    finish();
}

TEST(shm_faults_attach, read_that_is_interrupted_is_repeated_and_one_that_is_short_tried_again)
{
    begin();
    shm_call_fail(SHM_CALL_PREAD, 0, 2, EINTR);
    CHECK_OK(attach_armed(SHM_NOW));
    CHECK_EQ(shm_call_counts[SHM_CALL_PREAD], 3);
    shm_end(&f, &pair.client);
    shm_pair_close(&f, &pair);
    shm_fixture_close(&f);
    begin();
    shm_faults[SHM_CALL_PREAD] = (struct shm_fault){.times = 1, .value = 63};
    CHECK_OK(attach_armed(SHM_EVER));
    CHECK_EQ(shm_call_counts[SHM_CALL_PREAD], 2);
    finish();
}

/* The region's fixed fields change between the read of its header and its mapping. */
static void forge(unsigned count)
{
    size_t size;
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);

    CHECK_EQ(count, 1);
    raw->magic = 0;
    raw->request_offset = 0xffffffc0u;
    raw->request_capacity = 0xffffffc0u;
    raw->response_offset = 1u << 30;
    raw->response_capacity = 1u << 30;
    raw->owner_pid = 1;
}

TEST(shm_faults_attach, header_changed_between_read_and_mapping_does_not_count)
{
    begin();
    shm_faults[SHM_CALL_MMAP].meanwhile = forge;
    CHECK_OK(attach_armed(SHM_NOW));
    CHECK_EQ(f.ops->memory(pair.client), 66752);
    CHECK_EQ(shm_inside(pair.client)->owner_pid, (int32_t)getpid());
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_must_get(&f, pair.server, shm_message(1, 100), 100);
    shm_must_put(&f, pair.server, shm_message(2, 200), 200);
    shm_must_get(&f, pair.client, shm_message(2, 200), 200);
    finish();
}

static void become_fifo(unsigned count)
{
    CHECK_EQ(count, 1);
    CHECK(unlink(shm_region_path(1)) == 0 && mkfifo(shm_region_path(1), 0600) == 0);
}

static void become_link(unsigned count)
{
    CHECK_EQ(count, 1);
    CHECK(rename(shm_region_path(1), test_path("moved")) == 0);
    CHECK(symlink(test_path("moved"), shm_region_path(1)) == 0);
}

TEST(shm_faults_attach, file_swapped_for_a_fifo_or_a_link_before_the_open_is_refused)
{
    begin();
    shm_faults[SHM_CALL_OPENAT].meanwhile = become_fifo;
    check_fails(PIPC_ERR_REGION_OPEN, 0, "not a regular file", PIPC_NEVER);
    finish();
    CHECK(unlink(shm_region_path(1)) == 0);
    begin();
    shm_faults[SHM_CALL_OPENAT].meanwhile = become_link;
    check_fails(PIPC_ERR_REGION_OPEN, ELOOP, "cannot be opened", PIPC_NEVER);
    finish();
    CHECK(unlink(shm_region_path(1)) == 0);
}

/* ---- message bytes through the descriptor, as for an owner who is a stranger ---- */

static void begin_by_file(void)
{
    begin();
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    shm_inside(pair.client)->by_file = true;
}

TEST(shm_faults_attach, transfers_through_the_file_go_on_when_they_are_interrupted)
{
    begin_by_file();
    shm_call_fail(SHM_CALL_PWRITE, 0, 2, EINTR);
    shm_call_fail(SHM_CALL_PREAD, 0, 2, EINTR);
    shm_calls_arm();
    shm_must_put(&f, pair.client, shm_message(1, 1056), 1056);
    shm_must_get(&f, pair.server, shm_message(1, 1056), 1056);
    shm_must_put(&f, pair.server, shm_message(2, 65568), 65568);
    shm_must_get(&f, pair.client, shm_message(2, 65568), 65568);
    shm_calls_disarm();
    CHECK_EQ(shm_call_counts[SHM_CALL_PWRITE], 3);
    CHECK_EQ(shm_call_counts[SHM_CALL_PREAD], 3);
    finish();
}

TEST(shm_faults_attach, write_through_the_file_that_fails_publishes_nothing)
{
    begin_by_file();
    shm_call_fail(SHM_CALL_PWRITE, 0, 1, ENOSPC);
    shm_calls_arm();
    CHECK_RESULT(shm_put(&f, pair.client, shm_message(1, 100), 100), PIPC_ERR_SEND);
    shm_calls_disarm();
    CHECK_EQ(f.err.os_code, ENOSPC);
    CHECK_HAS(f.err.text, "cannot be written");
    CHECK_EQ(f.ops->look(pair.server), PIPC_LOOK_NOTHING);
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_must_get(&f, pair.server, shm_message(1, 100), 100);
    finish();
}

TEST(shm_faults_attach, read_through_the_file_that_fails_means_that_the_region_is_gone)
{
    uint8_t got[256];
    struct pipc_received received;
    void *room = NULL;

    begin_by_file();
    CHECK_RESULT(f.ops->reserve(pair.client, 64, NULL, &room, &f.err), PIPC_ERR_NOT_SUPPORTED);
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_must_get(&f, pair.server, shm_message(1, 100), 100);
    shm_must_put(&f, pair.server, shm_message(2, 200), 200);
    shm_call_fail(SHM_CALL_PREAD, 0, 1, EIO);
    shm_calls_arm();
    CHECK_RESULT(shm_get(&f, pair.client, got, sizeof(got), SHM_NOW, &received),
                 PIPC_ERR_DISCONNECTED);
    shm_calls_disarm();
    CHECK_HAS(f.err.text, "cut off");
    CHECK_EQ(f.ops->look(pair.client), PIPC_LOOK_GONE);
    CHECK_RESULT(shm_put(&f, pair.client, shm_message(3, 100), 100), PIPC_ERR_SEND);
    finish();
}
