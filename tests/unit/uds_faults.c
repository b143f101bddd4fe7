/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that fail while a service starts and ends: sockets, files and their modes, the probe
 * of what stands at the name, and entries that are replaced meanwhile.
 */
#include "uds_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static pipc_result listen_armed(struct uds_fixture *f, void **listener)
{
    pipc_result result;

    test_dir();
    calls_arm();
    result = uds_try_listen(f, test_dir(), "a", listener);
    calls_armed = false;
    return result;
}

/* Listening fails as told, leaves no descriptor, and no entry unless it was there before. */
static void check_listen(pipc_result expected, int os_code, bool entry)
{
    struct uds_fixture f;
    void *listener = &f;
    unsigned before;

    test_dir();
    uds_fixture_open(&f);
    before = test_open_descriptors();
    CHECK_RESULT(listen_armed(&f, &listener), expected);
    calls_disarm();
    CHECK_EQ(f.err.os_code, os_code);
    CHECK_HAS(f.err.text, "a.sock");
    CHECK(listener == &f);
    CHECK_EQ(test_open_descriptors(), before);
    CHECK_EQ(uds_exists(test_path("a.sock")), entry);
    uds_fixture_close(&f);
}

TEST(uds_faults, bad_names_make_no_system_call)
{
    static const char *const names[] = {NULL, "", ".", "..", "a/b", "a b", "\x80"};
    struct uds_fixture f;
    void *object = &f;
    char longer[200];
    size_t i;

    uds_fixture_open(&f);
    memset(longer, 'n', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    calls_arm();
    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_RESULT(uds_try_listen(&f, "/tmp", names[i], &object), PIPC_ERR_BAD_PARAM);
        CHECK_RESULT(uds_try_connect(&f, "/tmp", names[i], TEST_LONG, &object), PIPC_ERR_BAD_PARAM);
    }
    CHECK_RESULT(uds_try_listen(&f, "", "a", &object), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(uds_try_connect(&f, NULL, "a", TEST_LONG, &object), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(uds_try_listen(&f, "/tmp", longer, &object), PIPC_ERR_PATH_TOO_LONG);
    CHECK_RESULT(uds_try_connect(&f, "/tmp", longer, TEST_LONG, &object), PIPC_ERR_PATH_TOO_LONG);
    calls_armed = false;
    CHECK_EQ(calls_total(), 0);
    uds_fixture_close(&f);
}

TEST(uds_faults, directory_that_cannot_be_opened_is_a_socket_error)
{
    call_fail(CALL_OPEN, 0, 1, EMFILE);
    check_listen(PIPC_ERR_SOCKET, EMFILE, false);
}

TEST(uds_faults, socket_that_cannot_be_made_is_a_socket_error)
{
    call_fail(CALL_SOCKET, 0, 1, EMFILE);
    check_listen(PIPC_ERR_SOCKET, EMFILE, false);
}

TEST(uds_faults, failing_fchmod_is_a_socket_error)
{
    call_fail(CALL_FCHMOD, 0, 1, EPERM);
    check_listen(PIPC_ERR_SOCKET, EPERM, false);
}

TEST(uds_faults, failing_bind_is_a_socket_error)
{
    call_fail(CALL_BIND, 0, 1, EACCES);
    check_listen(PIPC_ERR_SOCKET, EACCES, false);
}

TEST(uds_faults, lost_race_for_the_name_is_address_in_use)
{
    call_fail(CALL_BIND, 0, 1, EADDRINUSE);
    check_listen(PIPC_ERR_ADDR_IN_USE, EADDRINUSE, false);
}

TEST(uds_faults, failing_listen_is_a_socket_error_and_leaves_no_entry)
{
    call_fail(CALL_LISTEN, 0, 1, ENOBUFS);
    check_listen(PIPC_ERR_SOCKET, ENOBUFS, false);
}

TEST(uds_faults, entry_that_vanished_after_bind_is_a_socket_error)
{
    call_fail(CALL_FSTATAT, 1, 1, ENOENT);
    check_listen(PIPC_ERR_SOCKET, ENOENT, true); /* not known as the own one, so it stays */
}

static void under_mask(void)
{
    test_dir(); /* made before, or nobody could enter it */
    umask(0777);
}

TEST(uds_faults, failing_chmod_is_a_socket_error_and_leaves_no_entry)
{
    under_mask();
    call_fail(CALL_FCHMODAT, 0, 1, EROFS);
    check_listen(PIPC_ERR_SOCKET, EROFS, false);
}

TEST(uds_faults, mode_that_does_not_stay_is_a_socket_error_and_leaves_no_entry)
{
    under_mask();
    call_faults[CALL_FCHMODAT] = (struct call_fault){.times = 1};
    check_listen(PIPC_ERR_SOCKET, 0, false);
}

TEST(uds_faults, failing_look_after_chmod_is_a_socket_error_and_leaves_no_entry)
{
    under_mask();
    call_fail(CALL_FSTATAT, 2, 1, EIO);
    check_listen(PIPC_ERR_SOCKET, EIO, false);
}

/* The first entry keeps its inode under another name, so that the new one cannot get it. */
static void replace_entry(void)
{
    CHECK(link(test_path("a.sock"), test_path("kept")) == 0);
    uds_dead_socket(test_path("new"));
    CHECK(rename(test_path("new"), test_path("a.sock")) == 0);
}

static void replace_at_third(unsigned count)
{
    if (count == 3)
        replace_entry();
}

static void replace_by_file_at_second(unsigned count)
{
    if (count != 2)
        return;
    CHECK(unlink(test_path("a.sock")) == 0);
    close(open(test_path("a.sock"), O_CREAT | O_WRONLY, 0600));
}

TEST(uds_faults, entry_replaced_between_probe_and_unlink_is_kept)
{
    uds_dead_socket(test_path("a.sock"));
    call_faults[CALL_CONNECT].meanwhile = replace_at_third;
    check_listen(PIPC_ERR_ADDR_IN_USE, 0, true);
}

TEST(uds_faults, entry_replaced_between_bind_and_look_is_kept)
{
    call_faults[CALL_FSTATAT].meanwhile = replace_by_file_at_second;
    check_listen(PIPC_ERR_SOCKET, 0, true);
}

TEST(uds_faults, entry_replaced_while_its_mode_is_set_is_kept)
{
    under_mask();
    call_faults[CALL_FSTATAT].meanwhile = replace_at_third;
    check_listen(PIPC_ERR_SOCKET, 0, true);
}

TEST(uds_faults, entry_that_cannot_be_looked_at_is_kept)
{
    uds_dead_socket(test_path("a.sock"));
    call_fail(CALL_FSTATAT, 0, 1, EIO);
    check_listen(PIPC_ERR_ADDR_IN_USE, EIO, true);
    call_fail(CALL_FSTATAT, 1, 1, EIO);
    check_listen(PIPC_ERR_ADDR_IN_USE, EIO, true);
}

TEST(uds_faults, probe_without_a_socket_keeps_the_entry)
{
    static const int codes[] = {EMFILE, ENFILE, ENOMEM, ENOBUFS, EACCES};
    size_t i;

    uds_dead_socket(test_path("a.sock"));
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call_fail(CALL_SOCKET, 0, 1, codes[i]);
        check_listen(PIPC_ERR_ADDR_IN_USE, codes[i], true);
    }
}

TEST(uds_faults, probe_that_finds_life_or_cannot_tell_keeps_the_entry_at_once)
{
    static const int codes[] = {EAGAIN,  EINPROGRESS, EALREADY, EINTR,      ETIMEDOUT, ENOMEM,
                                ENOBUFS, EMFILE,      ENFILE,   EPROTOTYPE, EACCES,    EPERM};
    size_t i;

    uds_dead_socket(test_path("a.sock"));
    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        call_fail(CALL_CONNECT, 0, 1, codes[i]);
        check_listen(PIPC_ERR_ADDR_IN_USE, codes[i], true);
        CHECK_EQ(call_counts[CALL_CONNECT], 1);
    }
}

static void check_listens(unsigned connects)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    CHECK_MSG(listen_armed(&f, &listener) == PIPC_OK, "%s", f.err.text);
    calls_disarm();
    CHECK_EQ(call_counts[CALL_CONNECT], connects);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_faults, probe_that_finds_no_server_reclaims_at_once)
{
    static const int codes[] = {ENOENT, ENOTSOCK, ELOOP, ENOTDIR, EIO};
    size_t i;

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        uds_dead_socket(test_path("a.sock"));
        call_fail(CALL_CONNECT, 0, 1, codes[i]);
        check_listens(1);
    }
}

TEST(uds_faults, probe_that_is_refused_is_made_three_times)
{
    uds_dead_socket(test_path("a.sock"));
    check_listens(3);
}

static void vanish_at_third(unsigned count)
{
    if (count == 3)
        CHECK(unlink(test_path("a.sock")) == 0);
}

TEST(uds_faults, entry_that_vanishes_meanwhile_counts_as_reclaimed)
{
    uds_dead_socket(test_path("a.sock"));
    call_faults[CALL_CONNECT].meanwhile = vanish_at_third;
    check_listens(3);
}

static void vanish(unsigned count)
{
    (void)count;
    (void)unlink(test_path("a.sock"));
}

TEST(uds_faults, entry_that_vanishes_before_unlink_counts_as_reclaimed)
{
    uds_dead_socket(test_path("a.sock"));
    call_faults[CALL_UNLINKAT].meanwhile = vanish;
    check_listens(3);
}

TEST(uds_faults, failing_unlink_keeps_the_entry)
{
    uds_dead_socket(test_path("a.sock"));
    call_fail(CALL_UNLINKAT, 0, 1, EBUSY);
    check_listen(PIPC_ERR_ADDR_IN_USE, EBUSY, true);
}

TEST(uds_faults, file_system_without_locks_keeps_nobody_from_starting)
{
    call_fail(CALL_FLOCK, 0, 1, ENOLCK);
    check_listens(0);
}

TEST(uds_faults, umask_is_never_called)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    CHECK_OK(listen_armed(&f, &listener));
    CHECK_EQ(call_counts[CALL_UMASK], 0);
    CHECK_EQ(call_counts[CALL_FCHMOD], 1);
    CHECK_EQ(call_counts[CALL_FCHMODAT], 0);
    uds_end_listener(&f, listener);
    uds_fixture_close(&f);
}

TEST(uds_faults, close_without_a_look_at_the_entry_keeps_it)
{
    struct uds_fixture f;
    void *listener;

    uds_fixture_open(&f);
    listener = uds_must_listen(&f, "a");
    call_fail(CALL_FSTATAT, 0, 1, EIO);
    calls_arm();
    uds_end_listener(&f, listener);
    calls_disarm();
    CHECK(uds_exists(test_path("a.sock")));
    uds_fixture_close(&f);
}
