/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading files whole, secrets among them, and listing directories.
 */
#include "test.h"

#include "base_memory.h"
#include "core/base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *make(const char *name, const void *bytes, size_t len, mode_t mode)
{
    const char *path = test_path(name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, bytes, len), (ssize_t)len);
    CHECK_EQ(fchmod(fd, mode), 0);
    close(fd);
    return path;
}

/* Both readers refuse, with a sentence that names the path and has `word`; nothing leaks, nothing
 * is written. */
static void refused(bool secret, const char *path, size_t max, int32_t code, const char *word)
{
    struct base_memory m;
    struct pipc_error err = PIPC_ERROR_INIT;
    char *bytes = NULL;
    size_t len = 77;
    base_memory_init(&m);
    const unsigned before = test_open_descriptors();
    const pipc_result result =
        secret ? pipci_file_read_secret(&m.allocator, path, max, &bytes, &len, &err)
               : pipci_file_read(&m.allocator, path, max, &bytes, &len, &err);
    CHECK_RESULT(result, PIPC_ERR_CONFIG);
    CHECK_RESULT(err.result, PIPC_ERR_CONFIG);
    CHECK_HAS(err.text, path);
    CHECK_HAS(err.text, word);
    CHECK_EQ(err.os_code, code);
    CHECK(bytes == NULL && len == 77);
    CHECK_EQ(m.live, 0);
    CHECK_EQ(test_open_descriptors(), before);
}

static void read_back(const char *path, const char *expected, size_t expected_len, size_t max)
{
    char *bytes = NULL;
    size_t len = 0;
    CHECK_OK(pipci_file_read(NULL, path, max, &bytes, &len, NULL));
    CHECK_EQ(len, expected_len);
    CHECK_MEM(bytes, expected, expected_len);
    CHECK_EQ(bytes[len], 0);
    pipci_free(NULL, bytes);
}

TEST(base_file, is_read_whole_with_a_nul_behind)
{
    static char big[100000];
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (char)(i * 7);
    const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, sizeof(big)};
    for (size_t i = 0; i < PIPCI_COUNT(sizes); i++)
        read_back(make("f", big, sizes[i], 0600), big, sizes[i], sizeof(big));
    read_back(make("f", "abc", 3, 0644), "abc", 3, SIZE_MAX);
}

TEST(base_file, exactly_the_largest_size_is_read_and_one_more_is_refused)
{
    static const char bytes[9000] = {0};
    const char *path = make("f", bytes, 4096, 0600);
    read_back(path, bytes, 4096, 4096);
    refused(false, path, 4095, EFBIG, "longer than 4095 bytes");
    path = make("f", bytes, 9000, 0600);
    refused(false, path, 8999, EFBIG, "longer");
    path = make("f", bytes, 1, 0600);
    refused(false, path, 0, EFBIG, "longer than 0 bytes");
    read_back(make("f", "", 0, 0600), "", 0, 0);
}

TEST(base_file, that_grows_while_it_is_read_has_no_size_of_its_own)
{
    /* Files of /proc say that they are empty. */
    char *bytes = NULL;
    size_t len = 0;
    CHECK_OK(pipci_file_read(NULL, "/proc/self/status", 100000, &bytes, &len, NULL));
    CHECK(len > 0);
    CHECK_HAS(bytes, "Pid:");
    pipci_free(NULL, bytes);
}

TEST(base_file, links_are_followed)
{
    const char *path = make("f", "abc", 3, 0600), *link_path = test_path("l");
    CHECK_EQ(symlink(path, link_path), 0);
    read_back(link_path, "abc", 3, 10);
}

TEST(base_file, what_is_no_file_is_refused_and_a_fifo_does_not_block)
{
    const char *fifo = test_path("fifo"), *dir = test_path("dir");
    CHECK_EQ(mkfifo(fifo, 0600), 0);
    CHECK_EQ(mkdir(dir, 0700), 0);
    refused(false, fifo, 10, 0, "not a regular file");
    refused(true, fifo, 10, 0, "not a regular file");
    refused(false, dir, 10, EISDIR, "not a regular file");
    refused(true, dir, 10, EISDIR, "not a regular file");
    refused(false, "/dev/null", 10, 0, "not a regular file");
}

TEST(base_file, a_missing_one_is_an_error_that_names_it)
{
    refused(false, test_path("absent"), 10, ENOENT, "no such file");
    refused(true, test_path("absent"), 10, ENOENT, "no such file");
}

TEST(base_file, that_cannot_be_read_is_an_error)
{
    /* The memory of a process begins with a hole: opening works, reading does not. */
    refused(false, "/proc/self/mem", 10, EIO, "cannot be read");
}

TEST(base_file, failure_of_each_allocation_leaks_nothing)
{
    static const char bytes[20000] = {0};
    const char *path = make("f", bytes, sizeof(bytes), 0600);
    for (unsigned secret = 0; secret < 2; secret++) {
        for (uint64_t n = 1;; n++) {
            struct base_memory m;
            struct pipc_error err = PIPC_ERROR_INIT;
            char *read = NULL;
            size_t len = 0;
            base_memory_init(&m);
            m.fail_at = n;
            const pipc_result result =
                secret ? pipci_file_read_secret(&m.allocator, path, 65536, &read, &len, &err)
                       : pipci_file_read(&m.allocator, path, 65536, &read, &len, &err);
            if (result == PIPC_OK) {
                CHECK(n > 2);
                pipci_free(&m.allocator, read);
                CHECK_EQ(m.live, 0);
                break;
            }
            CHECK_RESULT(result, PIPC_ERR_ALLOC);
            CHECK_HAS(err.text, path);
            CHECK_EQ(m.live, 0);
        }
    }
}

TEST(base_secret, of_the_user_or_of_root_is_read)
{
    const mode_t fine[] = {0600, 0400, 0640, 0660, 0700};
    for (size_t i = 0; i < PIPCI_COUNT(fine); i++) {
        char *bytes = NULL;
        size_t len = 0;
        const char *path = make("t", "42\n", 3, fine[i]);
        CHECK_OK(pipci_file_read_secret(NULL, path, 64, &bytes, &len, NULL));
        CHECK_EQ(len, 3);
        CHECK_STR(bytes, "42\n");
        pipci_free(NULL, bytes);
        CHECK_EQ(unlink(path), 0);
    }
}

TEST(base_secret, readable_or_writable_by_others_is_refused)
{
    refused(true, make("a", "42", 2, 0604), 64, 0, "readable by others");
    refused(true, make("b", "42", 2, 0644), 64, 0, "readable by others");
    refused(true, make("c", "42", 2, 0602), 64, 0, "writable by others");
}

TEST(base_secret, behind_links_is_judged_as_the_file_that_they_lead_to)
{
    const char *link_path = test_path("l");
    char *bytes = NULL;
    size_t len = 0;
    CHECK_EQ(symlink("first", link_path), 0);
    refused(true, link_path, 64, ENOENT, "cannot be opened");
    CHECK_EQ(symlink(make("t", "42", 2, 0600), test_path("first")), 0);
    CHECK_OK(pipci_file_read_secret(NULL, link_path, 64, &bytes, &len, NULL));
    CHECK_STR(bytes, "42");
    free(bytes);
    CHECK_EQ(chmod(test_path("t"), 0604), 0);
    refused(true, link_path, 64, 0, "readable by others");
    CHECK_EQ(unlink(test_path("t")), 0);
    CHECK_EQ(mkfifo(test_path("t"), 0600), 0);
    refused(true, link_path, 64, 0, "not a regular file");
    CHECK_EQ(unlink(test_path("first")), 0);
    CHECK_EQ(symlink("/dev/null", test_path("first")), 0);
    refused(true, link_path, 64, 0, "not a regular file");
    CHECK_EQ(unlink(test_path("first")), 0);
    CHECK_EQ(symlink("l", test_path("first")), 0);
    refused(true, link_path, 64, ELOOP, "cannot be opened");
}

TEST(base_secret, longer_than_allowed_is_refused)
{
    refused(true, make("t", "4242424242", 10, 0600), 9, EFBIG, "longer");
}

static int read_secret_of_another(void *arg)
{
    test_become_nobody();
    refused(true, arg, 64, 0, "another user");
    return 0;
}

TEST(base_secret, of_another_user_is_refused)
{
    if (geteuid() != 0)
        test_skip("only root can make a file of another user");
    char path[512];
    snprintf(path, sizeof(path), "%s", make("t", "42", 2, 0660));
    CHECK_EQ(chmod(test_dir(), 0755), 0);
    /* Owner 1, group nobody: nobody can read it, but it belongs to neither root nor nobody. */
    CHECK_EQ(chown(path, 1, 65534), 0);
    CHECK_EQ(test_in_child(read_secret_of_another, path), 0);
}

struct names {
    char text[512];
    unsigned count;
    unsigned stop_at;
};

static pipc_result take_name(void *arg, const char *name)
{
    struct names *n = arg;
    n->count++;
    snprintf(n->text + strlen(n->text), sizeof(n->text) - strlen(n->text), "<%s>", name);
    return n->count == n->stop_at ? PIPC_ERR_ABORTED : PIPC_OK;
}

TEST(base_dir, lists_files_and_links_alone)
{
    struct names n = {0};
    make("a.so", "", 0, 0600);
    make(".hidden", "", 0, 0600);
    CHECK_EQ(symlink("nowhere", test_path("link")), 0);
    CHECK_EQ(mkdir(test_path("sub"), 0700), 0);
    CHECK_EQ(mkfifo(test_path("fifo"), 0600), 0);
    const unsigned before = test_open_descriptors();
    CHECK_OK(pipci_dir_list(test_dir(), &n, take_name, NULL));
    CHECK_EQ(n.count, 3);
    CHECK_HAS(n.text, "<a.so>");
    CHECK_HAS(n.text, "<.hidden>");
    CHECK_HAS(n.text, "<link>");
    CHECK_EQ(test_open_descriptors(), before);
}

TEST(base_dir, ends_with_the_result_of_the_receiver)
{
    struct names n = {.stop_at = 2};
    make("a", "", 0, 0600);
    make("b", "", 0, 0600);
    make("c", "", 0, 0600);
    const unsigned before = test_open_descriptors();
    CHECK_RESULT(pipci_dir_list(test_dir(), &n, take_name, NULL), PIPC_ERR_ABORTED);
    CHECK_EQ(n.count, 2);
    CHECK_EQ(test_open_descriptors(), before);
}

TEST(base_dir, that_is_missing_or_a_file_is_an_error_that_names_it)
{
    struct names n = {0};
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_RESULT(pipci_dir_list(test_path("no"), &n, take_name, &err), PIPC_ERR_CONFIG);
    CHECK_EQ(err.os_code, ENOENT);
    CHECK_HAS(err.text, test_path("no"));
    CHECK_RESULT(pipci_dir_list(make("f", "", 0, 0600), &n, take_name, &err), PIPC_ERR_CONFIG);
    CHECK_EQ(err.os_code, ENOTDIR);
    CHECK_EQ(n.count, 0);
}

TEST(base_path, absolute_begins_with_a_slash)
{
    CHECK(pipci_path_is_absolute("/"));
    CHECK(pipci_path_is_absolute("/run/x"));
    CHECK(!pipci_path_is_absolute(""));
    CHECK(!pipci_path_is_absolute("run/x"));
    CHECK(!pipci_path_is_absolute("./x"));
}

TEST(base_path, base_is_behind_the_last_slash)
{
    CHECK_STR(pipci_path_base("/a/b/uds.so"), "uds.so");
    CHECK_STR(pipci_path_base("uds.so"), "uds.so");
    CHECK_STR(pipci_path_base("a/"), "");
    CHECK_STR(pipci_path_base("a\\b"), "a\\b");
}
