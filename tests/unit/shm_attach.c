/* SPDX-License-Identifier: Apache-2.0
 *
 * Attaching: every row of the checks with its result and whether it is tried again, rows in pairs
 * for their order, and regions that come late, are larger, or belong to somebody else.
 */
#include "shm_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE 66752u /* of SHM_REQUEST_BYTES and SHM_RESPONSE_BYTES */

/* ---- the header ---- */

/* One defect for each row from 4 on; none overwrites what an earlier one needs. */
enum defect {
    SHORT,
    MAGIC,
    VERSION,
    HEADER_LEN,
    UNDESCRIBED,
    SUM,
    UNALIGNED,
    OVERLAP,
    FILE_END,
    LIMIT,
    DEFECTS
};

static const struct {
    pipc_result result;
    bool again;
    const char *what;
} rows[DEFECTS] = {
    [SHORT] = {PIPC_ERR_REGION_NOT_READY, true, "shorter than a header"},
    [MAGIC] = {PIPC_ERR_REGION_BAD_MAGIC, true, "magic"},
    [VERSION] = {PIPC_ERR_REGION_BAD_VERSION, false, "version"},
    [HEADER_LEN] = {PIPC_ERR_REGION_BAD_HEADER, false, "header of another length"},
    [UNDESCRIBED] = {PIPC_ERR_REGION_NOT_READY, true, "not described"},
    [SUM] = {PIPC_ERR_REGION_BAD_SIZE, false, "beyond 32 bits"},
    [UNALIGNED] = {PIPC_ERR_REGION_BAD_SIZE, false, "not aligned"},
    [OVERLAP] = {PIPC_ERR_REGION_BAD_SIZE, false, "overlap"},
    [FILE_END] = {PIPC_ERR_REGION_BAD_SIZE, false, "beyond the file"},
    [LIMIT] = {PIPC_ERR_REGION_BAD_SIZE, false, "agreed limits"},
};

/* Gives the header, or the file's size, that defect. */
static void spoil(enum defect defect, struct shm_header *h, size_t *size)
{
    switch (defect) {
    case SHORT:
        *size = 63;
        break;
    case MAGIC:
        h->magic ^= 1;
        break;
    case VERSION:
        h->version = 2;
        break;
    case HEADER_LEN:
        h->header_len = 128;
        break;
    case UNDESCRIBED:
        h->response_capacity = 0;
        break;
    case SUM:
        h->request_capacity = 0xffffffc0u;
        break;
    case UNALIGNED:
        h->request_offset += 4;
        break;
    case OVERLAP:
        h->response_offset -= 64;
        break;
    case FILE_END:
        h->response_capacity = 0xffff0000u;
        break;
    default:
        h->request_capacity -= 64;
        break;
    }
}

static void open_client(struct shm_fixture *f, struct shm_pair *pair)
{
    shm_fixture_open(f);
    shm_wires_make(pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
}

static void close_client(struct shm_fixture *f, struct shm_pair *pair)
{
    shm_pair_close(f, pair);
    shm_fixture_close(f);
}

/* Attaches as told, once if that may be tried again and without a deadline if it may not, and
 * leaves nothing. */
static void check_attach(pipc_result result, bool again, const char *what)
{
    struct shm_fixture f;
    struct shm_pair pair;
    unsigned before;

    open_client(&f, &pair);
    before = test_open_descriptors();
    CHECK_RESULT(shm_try_attach(&f, &pair, again ? SHM_NOW : SHM_EVER),
                 again ? (pipc_result)PIPC_ERR_TIMEOUT : result);
    CHECK_HAS(f.err.text, what);
    CHECK_HAS(f.err.text, "s-0000000000000001.ipcshm");
    CHECK(pair.client == NULL);
    CHECK_EQ(f.failure.bits, SHM_BITS);
    CHECK_EQ(f.failure.withdraw_ms, PIPC_NEVER);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK_EQ(f.live, 1);
    close_client(&f, &pair);
}

static void write_spoiled(enum defect first, enum defect second)
{
    struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    size_t size = FILE_SIZE;

    if (second != DEFECTS)
        spoil(second, &header, &size);
    spoil(first, &header, &size);
    shm_write_region(shm_region_path(1), &header, size);
}

TEST(shm_attach, every_row_of_the_header_alone_has_its_result)
{
    const struct pipc_upgrade_request request = {.max_request_bytes = SHM_REQUEST_BYTES,
                                                 .max_response_bytes = SHM_RESPONSE_BYTES};

    for (enum defect d = SHORT; d < DEFECTS; d++) {
        struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
        size_t size = FILE_SIZE;
        spoil(d, &header, &size);
        const struct shm_verdict verdict = shm_header_check(&header, size, &request);
        CHECK_RESULT(verdict.result, rows[d].result);
        CHECK_EQ(verdict.again, rows[d].again);
        CHECK_HAS(verdict.what, rows[d].what);
    }
}

TEST(shm_attach, every_row_of_the_header_alone_ends_or_repeats_the_attach)
{
    for (enum defect d = SHORT; d < DEFECTS; d++) {
        write_spoiled(d, DEFECTS);
        check_attach(rows[d].result, rows[d].again, rows[d].what);
    }
}

TEST(shm_attach, of_two_neighbouring_rows_the_earlier_one_decides)
{
    for (enum defect d = SHORT; d + 1 < DEFECTS; d++) {
        write_spoiled(d, (enum defect)(d + 1));
        check_attach(rows[d].result, rows[d].again, rows[d].what);
    }
}

TEST(shm_attach, each_offset_and_capacity_has_its_rows)
{
    static const struct {
        uint32_t request_offset, request_capacity, response_offset, response_capacity;
        pipc_result result;
    } cases[] = {
        {0, 1088, 1152, 65600, PIPC_ERR_REGION_NOT_READY},
        {63, 1088, 1152, 65600, PIPC_ERR_REGION_NOT_READY},
        {64, 0, 1152, 65600, PIPC_ERR_REGION_NOT_READY},
        {64, 1088, 0, 65600, PIPC_ERR_REGION_NOT_READY},
        {64, 1088, 63, 65600, PIPC_ERR_REGION_NOT_READY},
        {64, 1088, 1152, 0, PIPC_ERR_REGION_NOT_READY},
        {0xffffffc0u, 0xffffffc0u, 1152, 65600, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 0xffffffc0u, 0xffffffc0u, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 1152, 0xffffffc0u, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1089, 1216, 65600, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 1153, 65536, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 1152, 65599, PIPC_ERR_REGION_BAD_SIZE},
        {66752 - 1088, 1088, 64, 65536, PIPC_ERR_REGION_BAD_SIZE}, /* response area before */
        {64, 1088, 64, 65600, PIPC_ERR_REGION_BAD_SIZE},           /* and on top */
        {64, 1088, 1088, 65600, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 1152, 65664, PIPC_ERR_REGION_BAD_SIZE}, /* beyond the file */
        {64, 1088, 1152, 65536, PIPC_ERR_REGION_BAD_SIZE}, /* smaller than agreed */
        {64, 1024, 1152, 65600, PIPC_ERR_REGION_BAD_SIZE},
        {64, 1088, 1152, 65600, PIPC_OK},
    };
    const struct pipc_upgrade_request request = {.max_request_bytes = SHM_REQUEST_BYTES,
                                                 .max_response_bytes = SHM_RESPONSE_BYTES};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct shm_header h = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
        h.request_offset = cases[i].request_offset;
        h.request_capacity = cases[i].request_capacity;
        h.response_offset = cases[i].response_offset;
        h.response_capacity = cases[i].response_capacity;
        const pipc_result result = shm_header_check(&h, FILE_SIZE, &request).result;
        CHECK_MSG(result == cases[i].result, "case %zu: %s", i, pipc_result_name(result));
    }
}

TEST(shm_attach, response_area_one_byte_beyond_the_file_is_refused)
{
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    shm_write_region(shm_region_path(1), &header, FILE_SIZE - 1);
    check_attach(PIPC_ERR_REGION_BAD_SIZE, false, "beyond the file");
}

/* ---- the file ---- */

TEST(shm_attach, missing_file_is_tried_again)
{
    check_attach(PIPC_ERR_REGION_OPEN, true, "not there");
}

TEST(shm_attach, what_is_no_regular_file_is_refused_at_once_and_never_opened)
{
    const char *const path = shm_region_path(1);
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    CHECK(mkfifo(path, 0600) == 0);
    check_attach(PIPC_ERR_REGION_OPEN, false, "not a regular file");
    CHECK(unlink(path) == 0 && mkdir(path, 0700) == 0);
    check_attach(PIPC_ERR_REGION_OPEN, false, "not a regular file");
    shm_write_region(test_path("target"), &header, FILE_SIZE);
    CHECK(rmdir(path) == 0 && symlink(test_path("target"), path) == 0);
    check_attach(PIPC_ERR_REGION_OPEN, false, "not a regular file");
}

static int attach_as_nobody(void *arg)
{
    test_become_nobody();
    check_attach(PIPC_ERR_REGION_OPEN, false, arg);
    return 0;
}

TEST(shm_attach, file_that_may_not_be_written_is_refused)
{
    char what[] = "cannot be opened";
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    shm_write_region(shm_region_path(1), &header, FILE_SIZE);
    CHECK(chmod(shm_region_path(1), 0444) == 0 && chmod(test_dir(), 0755) == 0);
    CHECK_EQ(test_in_child(attach_as_nobody, what), 0);
}

/* A third user's region, which everybody may open. */
static void write_foreign(void)
{
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    if (geteuid() != 0)
        test_skip("only root can give a file to another user");
    shm_write_region(shm_region_path(1), &header, FILE_SIZE);
    CHECK(chmod(shm_region_path(1), 0666) == 0 && chmod(test_dir(), 0755) == 0);
    CHECK(chown(shm_region_path(1), 12345, 12345) == 0);
}

TEST(shm_attach, region_of_another_user_is_refused)
{
    char what[] = "belongs to another user";

    write_foreign();
    CHECK_EQ(test_in_child(attach_as_nobody, what), 0);
    check_attach(PIPC_ERR_REGION_OPEN, false, "belongs to another user");
}

static int attach_foreign(void *arg)
{
    struct shm_fixture f;
    struct shm_pair pair;
    struct shm_header *raw;
    size_t size;

    test_become_nobody();
    shm_fixture_defaults(&f);
    shm_fixture_number(&f, PIPC_SHM_OPTION_FOREIGN_OWNERS, 1);
    CHECK_OK(shm_fixture_init(&f));
    shm_wires_make(&pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    CHECK(shm_inside(pair.client)->by_file);
    raw = shm_raw_map(shm_region_path(1), &size);
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    CHECK_EQ(raw->req_seq, 1);
    CHECK_EQ(raw->req_len, 100);
    CHECK_MEM((const uint8_t *)raw + 64, shm_message(1, 100), 100);
    memcpy((uint8_t *)raw + raw->response_offset, shm_message(2, 200), 200);
    shm_raw_publish(raw, PIPC_ROLE_SERVER, 200, 1);
    shm_must_get(&f, pair.client, shm_message(2, 200), 200);
    CHECK_RESULT(f.ops->reserve(pair.client, 64, NULL, &arg, &f.err), PIPC_ERR_NOT_SUPPORTED);
    munmap(raw, size);
    close_client(&f, &pair);
    return 0;
}

TEST(shm_attach, region_of_another_user_is_used_through_the_file_with_foreign_owners)
{
    write_foreign();
    CHECK_EQ(test_in_child(attach_foreign, NULL), 0);
}

/* Cut off behind its header by its owner: an error, no signal. */
static int exchange_cut(void *arg)
{
    struct shm_fixture f;
    struct shm_pair pair;
    struct shm_header *raw;
    struct pipc_received received;
    uint8_t got[256];
    size_t size;

    (void)arg;
    test_become_nobody();
    shm_fixture_defaults(&f);
    shm_fixture_number(&f, PIPC_SHM_OPTION_FOREIGN_OWNERS, 1);
    CHECK_OK(shm_fixture_init(&f));
    shm_wires_make(&pair, 1, SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    raw = shm_raw_map(shm_region_path(1), &size);
    shm_must_put(&f, pair.client, shm_message(1, 100), 100);
    shm_raw_publish(raw, PIPC_ROLE_SERVER, 200, 1);
    CHECK(truncate(shm_region_path(1), 1200) == 0);
    CHECK_RESULT(shm_get(&f, pair.client, got, sizeof(got), SHM_NOW, &received),
                 PIPC_ERR_DISCONNECTED);
    CHECK_HAS(f.err.text, "cut off");
    CHECK_RESULT(shm_put(&f, pair.client, got, 100), PIPC_ERR_SEND);
    munmap(raw, size);
    close_client(&f, &pair);
    return 0;
}

TEST(shm_attach, region_of_another_user_that_is_cut_off_disconnects_without_a_signal)
{
    write_foreign();
    CHECK_EQ(test_in_child(exchange_cut, NULL), 0);
}

/* ---- what is accepted ---- */

static void check_accepted(const struct shm_header *header, size_t size, uint64_t mapped)
{
    struct shm_fixture f;
    struct shm_pair pair;

    shm_write_region(shm_region_path(1), header, size);
    open_client(&f, &pair);
    CHECK_MSG(shm_try_attach(&f, &pair, SHM_NOW) == PIPC_OK, "%s", f.err.text);
    CHECK_EQ(f.ops->memory(pair.client), mapped);
    shm_must_put(&f, pair.client, shm_message(1, 1056), 1056);
    close_client(&f, &pair);
}

TEST(shm_attach, larger_areas_a_gap_and_trailing_bytes_are_accepted)
{
    struct shm_header h = shm_good_header(4096, 100000);

    check_accepted(&h, (size_t)h.response_offset + h.response_capacity,
                   (uint64_t)h.response_offset + h.response_capacity);
    h = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    h.request_offset = 128;
    h.response_offset = 4096;
    check_accepted(&h, 4096 + 65600, 4096 + 65600);
    h = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    check_accepted(&h, FILE_SIZE + 12345, FILE_SIZE);
}

TEST(shm_attach, of_a_sparse_file_of_1_tib_only_the_needed_part_is_mapped)
{
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    const int fd = open(test_path("huge"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    const bool can = ftruncate(fd, (off_t)1 << 40) == 0;

    close(fd);
    CHECK(unlink(test_path("huge")) == 0);
    if (!can)
        test_skip("this file system has no files of 1 TiB: %s", strerror(errno));
    check_accepted(&header, (size_t)1 << 40, FILE_SIZE);
}

TEST(shm_attach, region_whose_counters_are_not_0_is_a_lost_session)
{
    for (unsigned side = 0; side < 2; side++) {
        struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
        struct shm_fixture f;
        struct shm_pair pair;
        *(side == 0 ? &header.req_seq : &header.resp_seq) = 1;
        shm_write_region(shm_region_path(1), &header, FILE_SIZE);
        open_client(&f, &pair);
        CHECK_RESULT(shm_try_attach(&f, &pair, SHM_EVER), PIPC_ERR_DISCONNECTED);
        CHECK_HAS(f.err.text, "ended the session already");
        CHECK_EQ(f.failure.bits, 0);
        close_client(&f, &pair);
    }
}

/* ---- time ---- */

static void *appear(void *arg)
{
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    (void)arg;
    usleep(50000);
    shm_write_region(test_path("new"), &header, FILE_SIZE);
    CHECK(rename(test_path("new"), shm_region_path(1)) == 0);
    return NULL;
}

static void *complete(void *arg)
{
    struct shm_header *const raw = arg;

    usleep(50000);
    __atomic_store_n(&raw->magic, PIPC_SHM_MAGIC, __ATOMIC_RELEASE);
    return NULL;
}

static void check_late(void *(*late)(void *), void *arg)
{
    struct shm_fixture f;
    struct shm_pair pair;
    pthread_t thread;
    const uint64_t began = test_now_ms();

    open_client(&f, &pair);
    (void)test_dir(); /* made before there are two who ask for it */
    CHECK(pthread_create(&thread, NULL, late, arg) == 0);
    CHECK_MSG(shm_try_attach(&f, &pair, TEST_LONG) == PIPC_OK, "%s", f.err.text);
    CHECK(test_now_ms() - began >= 49);
    pthread_join(thread, NULL);
    close_client(&f, &pair);
}

TEST(shm_attach, file_that_appears_after_50_ms_is_attached)
{
    check_late(appear, NULL);
}

TEST(shm_attach, header_that_is_completed_after_50_ms_is_attached)
{
    struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    size_t size;

    header.magic = 0;
    shm_write_region(shm_region_path(1), &header, FILE_SIZE);
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    check_late(complete, raw);
    munmap(raw, size);
}

TEST(shm_attach, deadline_during_the_tries_names_what_was_missing)
{
    struct shm_fixture f;
    struct shm_pair pair;
    const uint64_t began = test_now_ms();

    open_client(&f, &pair);
    CHECK_RESULT(shm_try_attach(&f, &pair, 60), PIPC_ERR_TIMEOUT);
    CHECK(test_now_ms() - began >= 59);
    CHECK_HAS(f.err.text, "not there");
    CHECK_EQ(f.err.os_code, ENOENT);
    CHECK_EQ(f.failure.bits, SHM_BITS);
    CHECK_EQ(f.failure.withdraw_ms, PIPC_NEVER);
    close_client(&f, &pair);
}

static pipc_result attach_with(struct shm_fixture *f, struct shm_pair *pair,
                               const struct pipc_wait *wait)
{
    const struct pipc_endpoint endpoint = shm_endpoint();

    memset(&f->failure, 0, sizeof(f->failure));
    f->failure.size = sizeof(f->failure);
    return f->ops->attach(f->self, &endpoint, &pair->client_wire.carrier, &pair->request, wait,
                          &pair->client, &f->failure, &f->err);
}

static void *abort_soon(void *arg)
{
    usleep(30000);
    CHECK(write(*(const int *)arg, "x", 1) == 1);
    return NULL;
}

TEST(shm_attach, abort_ends_the_tries_and_withdraws_nothing)
{
    struct shm_fixture f;
    struct shm_pair pair;
    pthread_t thread;
    int fds[2];

    open_client(&f, &pair);
    CHECK(pipe(fds) == 0);
    CHECK(pthread_create(&thread, NULL, abort_soon, &fds[1]) == 0);
    struct pipc_wait wait = shm_wait_abort(SHM_EVER, fds[0]);
    CHECK_RESULT(attach_with(&f, &pair, &wait), PIPC_ERR_ABORTED);
    CHECK_EQ(f.failure.bits, 0);
    pthread_join(thread, NULL);
    CHECK_RESULT(attach_with(&f, &pair, &wait), PIPC_ERR_ABORTED);
    wait.abort = -77;
    CHECK_RESULT(attach_with(&f, &pair, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_HAS(f.err.text, "abort handle");
    close(fds[0]);
    close(fds[1]);
    close_client(&f, &pair);
}

static void *hang_up_soon(void *arg)
{
    usleep(30000);
    shutdown(((struct shm_wire *)arg)->fd, SHUT_RDWR);
    return NULL;
}

TEST(shm_attach, hang_up_during_the_tries_is_a_lost_session_and_withdraws_nothing)
{
    struct shm_fixture f;
    struct shm_pair pair;
    pthread_t thread;

    open_client(&f, &pair);
    CHECK(pthread_create(&thread, NULL, hang_up_soon, &pair.server_wire) == 0);
    CHECK_RESULT(shm_try_attach(&f, &pair, SHM_EVER), PIPC_ERR_DISCONNECTED);
    CHECK_HAS(f.err.text, "closed before the attach");
    CHECK_EQ(f.failure.bits, 0);
    pthread_join(thread, NULL);
    close_client(&f, &pair);
}

TEST(shm_attach, success_keeps_the_file_alone_and_failure_keeps_nothing)
{
    const struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);
    struct shm_fixture f;
    struct shm_pair pair;

    shm_write_region(shm_region_path(1), &header, FILE_SIZE);
    open_client(&f, &pair);
    const unsigned before = test_open_descriptors();
    CHECK_OK(shm_try_attach(&f, &pair, SHM_NOW));
    CHECK_EQ(test_open_descriptors(), before + 1);
    shm_end(&f, &pair.client);
    CHECK_EQ(test_open_descriptors(), before);
    f.fail_after = 0;
    CHECK_RESULT(shm_try_attach(&f, &pair, SHM_NOW), PIPC_ERR_ALLOC);
    CHECK_EQ(f.failure.withdraw_ms, 0);
    CHECK_EQ(test_open_descriptors(), before);
    f.fail_after = UINT32_MAX;
    close_client(&f, &pair);
}
