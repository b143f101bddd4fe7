/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners and the arguments of listen, accept and connect: names, settings, sweep, adopted
 * handles, failures that leave nothing, two services side by side, forked children.
 */
#include "session_rig.h"
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

static struct pipc_context *context;

static void open_context(const char *transports)
{
    session_control_reset();
    context = session_context(transports, NULL);
}

static pipc_result try_listen(const char *dir, const char *name)
{
    struct pipc_listener *listener = NULL;
    const pipc_result result = pipc_listen(context, dir, name, NULL, &listener, NULL);

    CHECK((result == PIPC_OK) == (listener != NULL));
    pipc_listener_close(listener);
    return result;
}

static pipc_result try_connect(const char *dir, const char *name)
{
    struct pipc_session *session = NULL;
    const pipc_result result =
        pipc_connect(context, dir, name, NULL, 20, PIPC_NO_HANDLE, &session, NULL, NULL);

    CHECK(!session);
    return result;
}

/* ---- names ---- */

TEST(session_listener, valid_names_are_taken)
{
    static const char *const names[] = {
        "a", "-x", "...", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._",
        "0", "_",  "-",   "a..b"};

    open_context(NULL);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_OK(try_listen("d", names[i]));
        CHECK_RESULT(try_connect("d", names[i]), PIPC_ERR_CONNECT);
    }
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, invalid_names_are_bad_parameter_before_the_transport_is_asked)
{
    static const char *const names[] = {"",    ".",        "..",  "/",     "a/b",
                                        "a b", "\xc3\xa4", "a\n", "a\x7f", "a\\b"};

    open_context(NULL);
    session_control.listen = (struct session_fault){1, PIPC_ERR_SOCKET, 0};
    session_control.connect = (struct session_fault){1, PIPC_ERR_SOCKET, 0};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK_RESULT(try_listen("d", names[i]), PIPC_ERR_BAD_PARAM);
        CHECK_RESULT(try_connect("d", names[i]), PIPC_ERR_BAD_PARAM);
    }
    CHECK_EQ(session_control.listen.at, 1);
    CHECK_EQ(session_control.connect.at, 1);
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, missing_arguments_and_empty_run_dir_are_bad_parameter)
{
    struct pipc_listener *listener = NULL;
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    open_context(NULL);
    CHECK_RESULT(pipc_listen(NULL, "d", "s", NULL, &listener, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_listen(context, "d", NULL, NULL, &listener, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_listen(context, "d", "s", NULL, NULL, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_listen(context, "", "s", NULL, &listener, &err), PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "run_dir");
    CHECK_RESULT(pipc_connect(NULL, "d", "s", NULL, 0, PIPC_NO_HANDLE, &session, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_connect(context, "d", NULL, NULL, 0, PIPC_NO_HANDLE, &session, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_connect(context, "d", "s", NULL, 0, PIPC_NO_HANDLE, NULL, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_connect(context, "", "s", NULL, 0, PIPC_NO_HANDLE, &session, NULL, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_accept_begin(NULL, 0, PIPC_NO_HANDLE, &handshake, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_accept(NULL, 0, PIPC_NO_HANDLE, &session, NULL), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_handshake_run(NULL, NULL, 0, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(pipc_handshake_run(&handshake, NULL, 0, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK(pipc_listener_wait_handle(NULL) == PIPC_NO_HANDLE);
    CHECK(pipc_handshake_wait_handle(NULL) == PIPC_NO_HANDLE);
    CHECK(pipc_handshake_deadline(NULL) == PIPC_NEVER);
    pipc_listener_close(NULL);
    pipc_handshake_close(NULL);
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, configured_run_dir_stands_in)
{
    struct pipc_config *config = NULL;
    struct pipc_listener *listener = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    session_control_reset();
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(pipc_config_add_module(config, &session_mem_module, NULL));
    CHECK_OK(pipc_config_set(config, "pipc", "transports", "mem", NULL));
    CHECK_OK(pipc_config_set(config, "service.s", "run_dir", "/configured", NULL));
    CHECK_OK(pipc_open(config, NULL, &context, &err));
    pipc_config_free(config);
    CHECK_OK(pipc_listen(context, NULL, "s", NULL, &listener, NULL));
    const int raw = session_raw_connect("/configured", "s");
    CHECK(raw >= 0);
    close(raw);
    pipc_listener_close(listener);
    CHECK_RESULT(pipc_listen(context, NULL, "other", NULL, &listener, &err), PIPC_ERR_BAD_PARAM);
    CHECK_HAS(err.text, "other");
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, two_services_of_one_directory_and_one_name_in_two_do_not_meet)
{
    struct pipc_listener *listeners[3] = {NULL};
    struct pollfd p[3];

    open_context(NULL);
    CHECK_OK(pipc_listen(context, "d", "s", NULL, &listeners[0], NULL));
    CHECK_OK(pipc_listen(context, "d", "t", NULL, &listeners[1], NULL));
    CHECK_OK(pipc_listen(context, "e", "s", NULL, &listeners[2], NULL));
    const int raw = session_raw_connect("d", "t");
    for (int i = 0; i < 3; i++)
        p[i] =
            (struct pollfd){.fd = (int)pipc_listener_wait_handle(listeners[i]), .events = POLLIN};
    CHECK_EQ(poll(p, 3, 0), 1);
    CHECK(p[1].revents);
    close(raw);
    for (int i = 0; i < 3; i++)
        pipc_listener_close(listeners[i]);
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, name_in_use_is_passed_on_and_leaves_nothing)
{
    struct pipc_listener *first = NULL, *second = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    open_context(NULL);
    CHECK_OK(pipc_listen(context, "d", "s", NULL, &first, NULL));
    CHECK_RESULT(pipc_listen(context, "d", "s", NULL, &second, &err), PIPC_ERR_ADDR_IN_USE);
    CHECK(!second);
    CHECK_HAS(err.text, "in use");
    pipc_listener_close(first);
    session_control.listen = (struct session_fault){1, PIPC_ERR_SOCKET, 0};
    CHECK_RESULT(pipc_listen(context, "d", "s", NULL, &second, &err), PIPC_ERR_SOCKET);
    CHECK_OK(pipc_close(context));
}

/* ---- sweep ---- */

TEST(session_listener, sweep_runs_once_after_the_endpoint_and_before_the_first_accept)
{
    const struct pipc_hello hello = session_hello();
    struct session_rig rig;
    int raw;

    session_control_reset();
    session_rig_open(&rig, "fast,mem", NULL);
    CHECK_STR(session_control.order, "listen sweep ");
    pipc_session_close(session_rig_server(&rig, &hello, &raw));
    close(raw);
    pipc_session_close(session_rig_server(&rig, &hello, &raw));
    close(raw);
    CHECK_STR(session_control.order, "listen sweep accept accept ");
    CHECK_EQ(session_control.sweeps, 1);
    session_rig_close(&rig);
}

TEST(session_listener, failed_sweep_changes_nothing)
{
    struct session_rig rig;
    int raw;

    session_control_reset();
    session_control.sweep = (struct session_fault){1, PIPC_ERR_REGION_OPEN, 0};
    session_rig_open(&rig, "fast,mem", NULL);
    CHECK_EQ(session_control.sweeps, 1);
    pipc_session_close(session_rig_server(&rig, NULL, &raw));
    close(raw);
    session_rig_close(&rig);
}

TEST(session_listener, module_outside_the_masks_is_swept_too)
{
    struct pipc_session_settings settings = session_settings();
    struct session_rig rig;

    session_control_reset();
    settings.supported_profiles = 1;
    session_rig_open(&rig, "fast,mem", &settings);
    CHECK_EQ(session_control.sweeps, 1);
    session_rig_close(&rig);
}

TEST(session_listener, failed_listen_is_not_swept)
{
    open_context("fast,mem");
    session_control.listen = (struct session_fault){1, PIPC_ERR_ADDR_IN_USE, 0};
    CHECK_RESULT(try_listen("d", "s"), PIPC_ERR_ADDR_IN_USE);
    CHECK_EQ(session_control.sweeps, 0);
    CHECK_OK(pipc_close(context));
}

/* ---- handles of somebody else ---- */

TEST(session_listener, adopted_handle_belongs_to_the_listener)
{
    struct pipc_listener *listener = NULL;

    open_context("fast,mem");
    const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK_OK(pipc_listen_adopt(context, "d", "s", NULL, fd, &listener, NULL));
    CHECK_STR(session_control.order, "listen adopt sweep ");
    pipc_listener_close(listener);
    CHECK(fcntl(fd, F_GETFD) < 0);
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, bad_handle_is_refused_and_untouched)
{
    struct pipc_listener *listener = NULL;

    open_context(NULL);
    CHECK_RESULT(pipc_listen_adopt(context, "d", "s", NULL, 987654, &listener, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK(!listener);
    CHECK_OK(pipc_close(context));
}

TEST(session_listener, baseline_that_adopts_nothing_says_so)
{
    struct pipc_listener *listener = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    open_context("blind");
    CHECK_RESULT(pipc_listen_adopt(context, "d", "s", NULL, 0, &listener, &err),
                 PIPC_ERR_NOT_SUPPORTED);
    CHECK_HAS(err.text, "blind");
    CHECK_OK(pipc_close(context));
}

/* ---- accept ---- */

TEST(session_listener, accept_ends_at_its_deadline_and_by_abort)
{
    struct pipc_handshake *handshake = NULL;
    struct session_rig rig;
    int ends[2];

    session_control_reset();
    CHECK(pipe(ends) == 0);
    session_rig_open(&rig, NULL, NULL);
    CHECK_RESULT(pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK_RESULT(pipc_accept_begin(rig.listener, 20, PIPC_NO_HANDLE, &handshake, NULL),
                 PIPC_ERR_TIMEOUT);
    CHECK(write(ends[1], "x", 1) == 1);
    CHECK_RESULT(pipc_accept_begin(rig.listener, 0, ends[0], &handshake, NULL), PIPC_ERR_ABORTED);
    CHECK_RESULT(pipc_accept_begin(rig.listener, 0, 987654, &handshake, NULL), PIPC_ERR_BAD_PARAM);
    CHECK(!handshake);
    close(ends[0]);
    close(ends[1]);
    session_rig_close(&rig);
}

TEST(session_listener, failed_accept_leaves_the_listener_usable)
{
    struct pipc_handshake *handshake = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct session_rig rig;
    int raw;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    session_control.accept = (struct session_fault){1, PIPC_ERR_ACCEPT, 24};
    CHECK_RESULT(pipc_accept_begin(rig.listener, 0, PIPC_NO_HANDLE, &handshake, &err),
                 PIPC_ERR_ACCEPT);
    CHECK_EQ(err.os_code, 24);
    pipc_session_close(session_rig_server(&rig, NULL, &raw));
    close(raw);
    session_rig_close(&rig);
}

TEST(session_listener, accept_in_one_call_returns_failed_handshakes_as_they_are)
{
    struct pipc_session *session = NULL, *client = NULL;
    struct session_rig rig;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    close(session_raw_connect(RIG_DIR, RIG_SERVICE));
    CHECK_RESULT(pipc_accept(rig.listener, TEST_LONG, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_DISCONNECTED);
    CHECK_RESULT(pipc_accept(rig.listener, 10, PIPC_NO_HANDLE, &session, NULL), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(pipc_accept(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_BAD_PARAM);
    CHECK(!session);
    session_rig_both(&rig, NULL, &client, &session);
    pipc_session_close(client);
    pipc_session_close(session);
    session_rig_close(&rig);
}

TEST(session_listener, sessions_and_handshakes_outlive_the_listener)
{
    const struct pipc_hello hello = session_hello();
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *late = NULL;
    struct session_rig rig;
    uint8_t packet[128];
    struct pipc_message m;
    int raw, raw_late;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    struct pipc_session *const session = session_rig_server(&rig, NULL, &raw);
    raw_late = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK_OK(pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    pipc_listener_close(rig.listener);
    rig.listener = NULL;
    CHECK_RESULT(pipc_close(rig.context), PIPC_ERR_BAD_PARAM);
    const size_t len = session_hello_packet(&hello, packet);
    session_raw_send(raw_late, packet, len);
    CHECK_OK(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &late, NULL));
    CHECK_EQ(session_status(late).session_id, 2);
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 3);
    session_raw_message(raw, &h, "abc", 3);
    CHECK_OK(session_receive(session, &m));
    pipc_session_close(session);
    pipc_session_close(late);
    close(raw);
    close(raw_late);
    session_rig_close(&rig);
}

/* ---- connect ---- */

TEST(session_listener, nobody_there_is_connect_with_the_systems_code)
{
    struct pipc_session *session = NULL;
    struct pipc_upgrade_failure failure = {.size = sizeof(failure), .bits = 9};
    struct pipc_error err = PIPC_ERROR_INIT;

    open_context(NULL);
    CHECK_RESULT(pipc_connect(context, "d", "s", NULL, 0, PIPC_NO_HANDLE, &session, &failure, &err),
                 PIPC_ERR_CONNECT);
    CHECK_EQ(err.os_code, 2);
    CHECK_EQ(failure.bits, 0);
    session_control.connect = (struct session_fault){1, PIPC_ERR_SOCKET, 24};
    CHECK_RESULT(pipc_connect(context, "d", "s", NULL, 0, PIPC_NO_HANDLE, &session, NULL, &err),
                 PIPC_ERR_SOCKET);
    CHECK_OK(pipc_close(context));
}

/* ---- fork ---- */

static struct session_rig fork_rig;
static struct pipc_session *fork_session;
static struct pipc_handshake *fork_handshake;

static int in_child(void *arg)
{
    struct pipc_listener *listener = NULL;
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;

    (void)arg;
    CHECK_RESULT(pipc_listen(fork_rig.context, "d", "t", NULL, &listener, NULL), PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_accept_begin(fork_rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL),
                 PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_accept(fork_rig.listener, 10, PIPC_NO_HANDLE, &session, NULL),
                 PIPC_ERR_FORKED);
    CHECK_RESULT(pipc_connect(fork_rig.context, RIG_DIR, RIG_SERVICE, NULL, 0, PIPC_NO_HANDLE,
                              &session, NULL, NULL),
                 PIPC_ERR_FORKED);
    CHECK_RESULT(
        pipc_handshake_run(&fork_handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL),
        PIPC_ERR_FORKED);
    CHECK(!fork_handshake);
    CHECK_EQ(session_control.forked_closes, 1);
    pipc_session_close(fork_session);
    CHECK_EQ(session_control.forked_closes, 3); /* upgrade and carrier */
    pipc_listener_close(fork_rig.listener);
    CHECK_EQ(session_control.forked_closes, 4);
    (void)pipc_close(fork_rig.context);
    return 0;
}

TEST(session_listener, forked_child_may_only_close_and_the_parent_goes_on)
{
    struct pipc_hello hello = session_hello();
    int raw;

    session_control_reset();
    hello.supported_profiles = 7;
    session_rig_open(&fork_rig, "fast,mem", NULL);
    fork_session = session_rig_server(&fork_rig, &hello, &raw);
    const int raw_second = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK_OK(pipc_accept_begin(fork_rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &fork_handshake, NULL));
    CHECK_EQ(test_in_child(in_child, NULL), 0);
    CHECK_EQ(session_status(fork_session).state, PIPC_SESSION_OPEN);
    CHECK(!session_raw_closed(raw, 0));
    int raw_third;
    pipc_session_close(session_rig_server(&fork_rig, NULL, &raw_third));
    close(raw_third);
    pipc_handshake_close(fork_handshake);
    pipc_session_close(fork_session);
    CHECK(session_raw_closed(raw, TEST_LONG));
    close(raw);
    close(raw_second);
    session_rig_close(&fork_rig);
}
