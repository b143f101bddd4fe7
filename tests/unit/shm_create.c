/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's region: its mode, blocks and contents, what may stand at its name, and file systems
 * and limits that have no room for it.
 */
#include "shm_fixture.h"
#include "shm_small_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_SIZE 66752u /* of SHM_REQUEST_BYTES and SHM_RESPONSE_BYTES */

struct offerer {
    struct shm_fixture f;
    struct shm_pair pair;
};

static void open_server(struct offerer *o, uint32_t response_bytes)
{
    test_dir(); /* made now, whatever umask or file system a test chooses */
    shm_fixture_open(&o->f);
    shm_wires_make(&o->pair, 1, SHM_REQUEST_BYTES, response_bytes);
}

static void close_server(struct offerer *o)
{
    shm_pair_close(&o->f, &o->pair);
    shm_fixture_close(&o->f);
}

/* Offers as told; a failure leaves no descriptor and names the region. */
static void check_offer(pipc_result expected, int os_code, const char *what)
{
    struct offerer o;
    unsigned before;

    open_server(&o, SHM_RESPONSE_BYTES);
    before = test_open_descriptors();
    CHECK_RESULT(shm_try_offer(&o.f, &o.pair), expected);
    if (expected != PIPC_OK) {
        CHECK_EQ(test_open_descriptors(), before);
        CHECK_EQ(o.f.err.os_code, os_code);
        CHECK_HAS(o.f.err.text, "s-0000000000000001.ipcshm");
        CHECK_HAS(o.f.err.text, what);
        CHECK_EQ(o.f.failure.bits, SHM_BITS);
        CHECK_EQ(o.f.failure.withdraw_ms, 0);
        CHECK(o.pair.server == NULL);
    }
    close_server(&o);
}

/* ---- the file ---- */

static void check_file(mode_t mask)
{
    struct offerer o;
    struct stat file;
    size_t size;

    open_server(&o, SHM_RESPONSE_BYTES);
    const mode_t before = umask(mask);
    CHECK_OK(shm_try_offer(&o.f, &o.pair));
    CHECK_EQ(umask(before), mask);
    CHECK(lstat(shm_region_path(1), &file) == 0);
    CHECK(S_ISREG(file.st_mode));
    CHECK_EQ(file.st_mode & 07777, 0600);
    CHECK_EQ(file.st_size, FILE_SIZE);
    CHECK(file.st_blocks * 512 >= (blkcnt_t)FILE_SIZE);
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    CHECK(raw->owner_generation != 0);
    CHECK_EQ(raw->owner_pid, getpid());
    for (size_t i = 32; i < size; i++)
        CHECK_EQ(((const uint8_t *)raw)[i], 0);
    munmap(raw, size);
    close_server(&o);
    CHECK(!shm_exists(shm_region_path(1)));
}

TEST(shm_create, file_is_0600_allocated_and_zero_with_umask_0)
{
    check_file(0);
}

TEST(shm_create, file_is_0600_allocated_and_zero_with_umask_0777)
{
    check_file(0777);
}

/* Looks at the entry until it is told to stop. */
struct reader {
    uint32_t stop; /* atomic */
    unsigned complete;
};

static void look_at(struct reader *r)
{
    const int fd = open(shm_region_path(1), O_RDONLY | O_CLOEXEC);
    struct shm_header h;

    if (fd < 0)
        return;
    if (pread(fd, &h, 4, 0) == 4 && h.magic == PIPC_SHM_MAGIC) {
        CHECK_EQ(pread(fd, &h, sizeof(h), 0), sizeof(h));
        CHECK_EQ(h.version, 3);
        CHECK_EQ(h.header_len, 64);
        CHECK(h.owner_generation != 0 && h.owner_pid == (int32_t)getpid());
        CHECK_EQ(h.request_capacity, 1088);
        CHECK_EQ(h.response_offset, 1152);
        CHECK_EQ(h.response_capacity, 65600);
        r->complete++;
    }
    close(fd);
}

static void *read_on(void *arg)
{
    struct reader *const r = arg;

    while (!__atomic_load_n(&r->stop, __ATOMIC_ACQUIRE))
        look_at(r);
    return NULL;
}

TEST(shm_create, reader_in_a_loop_never_sees_the_magic_without_a_whole_header)
{
    struct reader r = {.stop = 0};
    struct offerer o;
    pthread_t thread;

    test_dir();
    open_server(&o, SHM_RESPONSE_BYTES);
    CHECK(pthread_create(&thread, NULL, read_on, &r) == 0);
    for (unsigned i = 0; i < test_scale(20000); i++) {
        CHECK_OK(shm_try_offer(&o.f, &o.pair));
        shm_end(&o.f, &o.pair.server);
    }
    CHECK_OK(shm_try_offer(&o.f, &o.pair));
    __atomic_store_n(&r.stop, 1, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    look_at(&r);
    CHECK(r.complete > 0);
    close_server(&o);
}

TEST(shm_create, region_can_be_attached_as_soon_as_it_is_offered)
{
    struct shm_fixture f;
    struct shm_pair pair;

    shm_fixture_open(&f);
    for (unsigned i = 0; i < test_scale(10000); i++) {
        shm_wires_make(&pair, 1, 64, 64);
        CHECK_OK(shm_try_offer(&f, &pair));
        CHECK_MSG(shm_try_attach(&f, &pair, SHM_NOW) == PIPC_OK, "%s", f.err.text);
        shm_pair_close(&f, &pair);
    }
    shm_fixture_close(&f);
}

/* ---- the name is taken ---- */

static void write_header(int32_t pid, uint32_t generation, uint32_t magic, size_t size)
{
    struct shm_header header = shm_good_header(SHM_REQUEST_BYTES, SHM_RESPONSE_BYTES);

    header.owner_pid = pid;
    header.owner_generation = generation;
    header.magic = magic;
    shm_write_region(shm_region_path(1), &header, size);
}

TEST(shm_create, name_of_a_dead_owner_generation_0_short_file_or_wrong_magic_is_recovered)
{
    write_header(shm_dead_pid(), 77, PIPC_SHM_MAGIC, FILE_SIZE);
    check_offer(PIPC_OK, 0, "");
    write_header((int32_t)getpid(), 0, PIPC_SHM_MAGIC, FILE_SIZE);
    check_offer(PIPC_OK, 0, "");
    write_header((int32_t)getpid(), 77, PIPC_SHM_MAGIC, 63);
    check_offer(PIPC_OK, 0, "");
    write_header((int32_t)getpid(), 77, 1, FILE_SIZE);
    check_offer(PIPC_OK, 0, "");
}

static int offer_as_nobody(void *arg)
{
    (void)arg;
    test_become_nobody();
    check_offer(PIPC_OK, 0, "");
    return 0;
}

TEST(shm_create, name_of_an_unreadable_file_is_recovered)
{
    write_header((int32_t)getpid(), 77, PIPC_SHM_MAGIC, FILE_SIZE);
    CHECK(chmod(shm_region_path(1), 0) == 0 && chmod(test_dir(), 0777) == 0);
    CHECK_EQ(test_in_child(offer_as_nobody, NULL), 0);
}

TEST(shm_create, name_of_a_link_is_recovered_and_the_target_stays)
{
    struct stat before, after;

    shm_write_region(test_path("target"), NULL, 100);
    CHECK(stat(test_path("target"), &before) == 0);
    CHECK(symlink(test_path("target"), shm_region_path(1)) == 0);
    check_offer(PIPC_OK, 0, "");
    CHECK(stat(test_path("target"), &after) == 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK_EQ(after.st_size, 100);
    CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
    CHECK(symlink(test_path("nowhere"), shm_region_path(1)) == 0);
    check_offer(PIPC_OK, 0, "");
    CHECK(!shm_exists(test_path("nowhere")));
}

TEST(shm_create, name_of_a_fifo_or_an_empty_directory_is_recovered)
{
    CHECK(mkfifo(shm_region_path(1), 0600) == 0);
    check_offer(PIPC_OK, 0, "");
    CHECK(mkdir(shm_region_path(1), 0700) == 0);
    check_offer(PIPC_OK, 0, "");
}

TEST(shm_create, name_of_a_live_region_is_in_use_and_the_region_stays)
{
    struct stat before, after;

    write_header((int32_t)getpid(), 77, PIPC_SHM_MAGIC, FILE_SIZE);
    CHECK(stat(shm_region_path(1), &before) == 0);
    check_offer(PIPC_ERR_ADDR_IN_USE, 0, "alive or irremovable");
    CHECK(stat(shm_region_path(1), &after) == 0);
    CHECK_EQ(after.st_ino, before.st_ino);
    CHECK_EQ(after.st_size, FILE_SIZE);
}

TEST(shm_create, name_of_a_directory_with_content_is_in_use_and_stays)
{
    char inside[300];

    CHECK(mkdir(shm_region_path(1), 0700) == 0);
    snprintf(inside, sizeof(inside), "%s/content", shm_region_path(1));
    close(open(inside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    check_offer(PIPC_ERR_ADDR_IN_USE, 0, "alive or irremovable");
    CHECK(shm_exists(inside));
    CHECK(unlink(inside) == 0);
}

/* ---- no room ---- */

TEST(shm_create, limit_of_file_sizes_below_the_region_is_an_error_and_no_signal)
{
    struct rlimit whole, limit;

    test_dir();
    CHECK(getrlimit(RLIMIT_FSIZE, &whole) == 0);
    limit = whole;
    limit.rlim_cur = FILE_SIZE - 1;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    check_offer(PIPC_ERR_REGION_ALLOCATE, 0, "above the limit of 66751 for files");
    CHECK(!shm_exists(shm_region_path(1)));
    limit.rlim_cur = FILE_SIZE;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    check_offer(PIPC_OK, 0, "");
    CHECK(setrlimit(RLIMIT_FSIZE, &whole) == 0);
}

static int offer_on_small_fs(void *arg)
{
    struct offerer o;
    struct shm_pair other;

    (void)arg;
    small_fs_mount(test_dir(), 64);
    open_server(&o, 1u << 20);
    const unsigned before = test_open_descriptors();
    CHECK_RESULT(shm_try_offer(&o.f, &o.pair), PIPC_ERR_REGION_ALLOCATE);
    CHECK_EQ(o.f.err.os_code, ENOSPC);
    CHECK_HAS(o.f.err.text, "no room for a region of");
    CHECK(!shm_exists(shm_region_path(1)));
    CHECK_EQ(test_open_descriptors(), before);
    /* What fits is made, and its messages never meet a missing page. */
    shm_pair_open_with(&o.f, &other, 2, 1024, 16384);
    shm_must_put(&o.f, other.client, shm_message(1, 1056), 1056);
    shm_must_get(&o.f, other.server, shm_message(1, 1056), 1056);
    shm_must_put(&o.f, other.server, shm_message(2, 16416), 16416);
    shm_must_get(&o.f, other.client, shm_message(2, 16416), 16416);
    shm_pair_close(&o.f, &other);
    close_server(&o);
    return 0;
}

TEST(shm_create, full_file_system_is_an_error_without_file_or_signal)
{
    small_fs_run(offer_on_small_fs, NULL);
}

static int offer_without_inodes(void *arg)
{
    (void)arg;
    small_fs_mount_options(test_dir(), "size=1m,nr_inodes=1");
    check_offer(PIPC_ERR_REGION_OPEN, ENOSPC, "cannot be made");
    return 0;
}

TEST(shm_create, file_system_without_a_free_entry_is_an_open_error)
{
    small_fs_run(offer_without_inodes, NULL);
}

static int offer_read_only(void *arg)
{
    (void)arg;
    small_fs_mount_read_only(test_dir());
    check_offer(PIPC_ERR_REGION_OPEN, EROFS, "cannot be made");
    return 0;
}

TEST(shm_create, read_only_file_system_is_an_open_error)
{
    small_fs_run(offer_read_only, NULL);
}

TEST(shm_create, missing_directory_is_an_open_error_that_names_it)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_path("none"), .service = "s"};
    struct offerer o;

    open_server(&o, 64);
    CHECK_RESULT(o.f.ops->offer(o.f.self, &endpoint, &o.pair.server_wire.carrier, &o.pair.request,
                                &o.pair.server, &o.f.failure, &o.f.err),
                 PIPC_ERR_REGION_OPEN);
    CHECK_EQ(o.f.err.os_code, ENOENT);
    CHECK_HAS(o.f.err.text, "none");
    close_server(&o);
}

TEST(shm_create, without_memory_nothing_is_left)
{
    struct offerer o;

    open_server(&o, 64);
    o.f.fail_after = 0;
    CHECK_RESULT(shm_try_offer(&o.f, &o.pair), PIPC_ERR_ALLOC);
    CHECK(!shm_exists(shm_region_path(1)));
    o.f.fail_after = UINT32_MAX;
    close_server(&o);
    shm_fixture_defaults(&o.f);
    o.f.fail_after = 0;
    CHECK_RESULT(shm_fixture_init(&o.f), PIPC_ERR_ALLOC);
    CHECK_RESULT(pipc_module_shm.init(&o.f.host, o.f.values, 1, &o.f.self, &o.f.err),
                 PIPC_ERR_MODULE_INIT);
    CHECK_HAS(o.f.err.text, "options");
}
