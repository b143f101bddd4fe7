/* SPDX-License-Identifier: Apache-2.0
 *
 * Endpoints of a baseline: listen, adopt, accept, connect, who owns the name, and memory that runs
 * out in each of them.
 */
#include "rig.h"
#include "tables.h"

#include <string.h>
#include <unistd.h>

#define BASELINE PIPC_TRAIT_BASELINE

static pipc_result listen_at(struct kit_rig *rig, void **ret_listener)
{
    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    return rig->m.ops.listen(rig->m.self, &rig->endpoint, ret_listener, &rig->err);
}

static pipc_result connect_to(struct kit_rig *rig, void **ret_channel, int ms)
{
    const struct pipc_wait wait = kit_wait(ms);

    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    return rig->m.ops.connect(rig->m.self, &rig->endpoint, &wait, ret_channel, &rig->err);
}

static pipc_result accept_from(struct kit_rig *rig, void *listener, void **ret_channel, int ms)
{
    const struct pipc_wait wait = kit_wait(ms);

    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    return rig->m.ops.accept(rig->m.self, listener, &wait, ret_channel, &rig->err);
}

/* Somebody who connects is served by this listener. */
static void check_served(struct kit_rig *rig)
{
    struct kit_pair pair;

    kit_pair_open(rig, &pair);
    kit_exchange(rig, &pair, 1);
    kit_pair_close(rig, &pair);
}

static void in_use(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before;
    void *const mark = &before, *second = mark;

    kit_rig_listen(rig);
    kit_usage_take(kit, &before);
    KIT_CHECK_RESULT(listen_at(rig, &second), PIPC_ERR_ADDR_IN_USE);
    kit_error_check(rig, PIPC_ERR_ADDR_IN_USE, "a second listen");
    KIT_CHECK_MSG(second == mark, "a listen that failed wrote its output");
    kit_usage_same(kit, &before, "after a listen that failed");
    /* The probe may have left a connection that is closed already. */
    for (void *probe; accept_from(rig, rig->listener, &probe, 20) == PIPC_OK;)
        rig->m.ops.close(probe, 0);
    check_served(rig);
    kit_rig_close(rig);
}

static void long_name(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before;
    char name[3001];
    void *const mark = &before, *out = mark;

    memset(name, 'n', sizeof(name) - 1);
    memcpy(name, KIT_SERVICE, strlen(KIT_SERVICE)); /* what a sentence can name it by */
    name[sizeof(name) - 1] = 0;
    rig->endpoint.service = name;
    kit_usage_take(kit, &before);
    KIT_CHECK_RESULT(listen_at(rig, &out), PIPC_ERR_PATH_TOO_LONG);
    kit_error_check(rig, PIPC_ERR_PATH_TOO_LONG, "listen with a long name");
    KIT_CHECK_RESULT(connect_to(rig, &out, 1000), PIPC_ERR_PATH_TOO_LONG);
    kit_error_check(rig, PIPC_ERR_PATH_TOO_LONG, "connect with a long name");
    KIT_CHECK_MSG(out == mark, "an output was written on failure");
    kit_usage_same(kit, &before, "after names that are too long");
    kit_rig_close(rig);
}

static void nobody(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before;
    void *const mark = &before, *out = mark;

    kit_usage_take(kit, &before);
    KIT_CHECK_RESULT(connect_to(rig, &out, 1000), PIPC_ERR_CONNECT);
    kit_error_check(rig, PIPC_ERR_CONNECT, "connect to nobody");
    KIT_CHECK_MSG(rig->err.os_code != 0, "connect to nobody: the record has no system code");
    KIT_CHECK_MSG(out == mark, "a connect that failed wrote its output");
    kit_usage_same(kit, &before, "after a connect that failed");
    kit_rig_listen(rig);
    kit_rig_unlisten(rig);
    KIT_CHECK_RESULT(connect_to(rig, &out, 1000), PIPC_ERR_CONNECT);
    kit_rig_close(rig);
}

struct owner {
    struct kit_rig *rig;
    int ready;
};

static void own_and_stay(void *arg)
{
    struct owner *const owner = arg;

    kit_rig_listen(owner->rig);
    KIT_CHECK(write(owner->ready, "r", 1) == 1);
    kit_pause();
}

static void stale(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    int ready[2];
    char byte;
    void *out;

    kit_pipe(ready);
    struct owner owner = {rig, ready[1]};
    const kit_process child = kit_fork(own_and_stay, &owner);
    close(ready[1]);
    KIT_CHECK_MSG(read(ready[0], &byte, 1) == 1, "the owner could not listen");
    KIT_CHECK_RESULT(listen_at(rig, &out), PIPC_ERR_ADDR_IN_USE);
    kit_child_kill(child);
    KIT_CHECK_RESULT(listen_at(rig, &rig->listener), PIPC_OK);
    check_served(rig);
    kit_rig_close(rig);
    close(ready[0]);
}

static void listener_closed(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before, now;
    struct kit_pair pair;
    void *out;

    kit_usage_take(kit, &before);
    kit_pair_open(rig, &pair);
    kit_rig_unlisten(rig);
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.files == before.files, "%u files are left of the endpoint",
                  now.files - before.files);
    /* Where an endpoint is nothing but its open ends, what was accepted keeps the name, and nobody
     * answers there. */
    const pipc_result r = connect_to(rig, &out, 300);
    KIT_CHECK_MSG(r == PIPC_ERR_CONNECT || r == PIPC_ERR_TIMEOUT,
                  "connect to an endpoint that is closed: %s", pipc_result_name(r));
    kit_exchange(rig, &pair, 1); /* what was accepted lives on */
    kit_pair_close(rig, &pair);
    kit_rig_close(rig);
}

/* Somebody else has the name by now: that one is not removed. */
static void successor(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    void *first, *second;

    KIT_CHECK_RESULT(listen_at(rig, &first), PIPC_OK);
    kit_files_remove(rig->run_dir);
    if (listen_at(rig, &second) == PIPC_OK) { /* systems without files keep the name taken */
        rig->m.ops.listener_close(rig->m.self, first, 0);
        rig->listener = second;
        check_served(rig);
    } else {
        rig->m.ops.listener_close(rig->m.self, first, 0);
    }
    kit_rig_close(rig);
}

static void close_as_child(void *arg)
{
    struct kit_rig *const rig = arg;

    rig->m.ops.listener_close(rig->m.self, rig->listener, PIPC_CLOSE_FORKED);
}

static void listener_forked(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before, now;

    kit_rig_listen(rig);
    kit_usage_take(kit, &before);
    kit_child_wait(kit_fork(close_as_child, rig));
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.files == before.files, "the child removed the parent's endpoint");
    check_served(rig);
    kit_rig_close(rig);
}

static void listener_handle(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    void *client, *server;
    pipc_handle handle;

    kit_rig_listen(rig);
    handle = rig->m.ops.listener_wait_handle(rig->m.self, rig->listener);
    KIT_CHECK_MSG(handle != PIPC_NO_HANDLE, "the listener has no handle");
    KIT_CHECK_MSG(!kit_readable(handle, 0), "the handle is readable while nobody waits");
    for (int i = 0; i < 3; i++) {
        KIT_CHECK_RESULT(connect_to(rig, &client, KIT_SOON_MS), PIPC_OK);
        KIT_CHECK_MSG(kit_readable(handle, 5000),
                      "the handle is not readable while a client waits");
        KIT_CHECK_MSG(kit_readable(handle, 0), "looking at the handle took the client away");
        KIT_CHECK_RESULT(accept_from(rig, rig->listener, &server, KIT_SOON_MS), PIPC_OK);
        KIT_CHECK_MSG(!kit_readable(handle, 0), "the handle is readable after the accept");
        KIT_CHECK_MSG(handle == rig->m.ops.listener_wait_handle(rig->m.self, rig->listener),
                      "the handle has changed");
        rig->m.ops.close(client, 0);
        rig->m.ops.close(server, 0);
    }
    kit_rig_close(rig);
}

/* A listening handle of somebody else: one of the module's own whose object is gone. */
static pipc_handle ready_handle(struct kit_rig *rig)
{
    pipc_handle copy;
    void *made;

    KIT_CHECK_RESULT(listen_at(rig, &made), PIPC_OK);
    copy = kit_handle_copy(rig->m.ops.listener_wait_handle(rig->m.self, made));
    rig->m.ops.listener_close(rig->m.self, made, PIPC_CLOSE_FORKED);
    return copy;
}

static void adopt(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before, now;
    const pipc_handle handle = ready_handle(rig);
    struct kit_stop wrong;
    pipc_handle known[KIT_DESCRIPTORS_MAX];
    void *const mark = &before, *out = mark;

    kit_stop_make(&wrong);
    rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    KIT_CHECK_RESULT(rig->m.ops.adopt(rig->m.self, &rig->endpoint, wrong.handle, &out, &rig->err),
                     PIPC_ERR_BAD_PARAM);
    kit_error_check(rig, PIPC_ERR_BAD_PARAM, "adopt of another object");
    KIT_CHECK_MSG(out == mark, "an adopt that failed wrote its output");
    KIT_CHECK_MSG(kit_handle_is_private(wrong.handle), "an adopt that failed closed the handle");
    kit_usage_take(kit, &before);
    KIT_CHECK_RESULT(
        rig->m.ops.adopt(rig->m.self, &rig->endpoint, handle, &rig->listener, &rig->err), PIPC_OK);
    check_served(rig);
    kit_descriptors(known);
    KIT_CHECK_MSG(kit_handle_is_private(handle),
                  "the adopted handle stays open in programs that are started");
    kit_rig_unlisten(rig);
    KIT_CHECK_MSG(!kit_handle_is_open(handle), "close left the adopted handle open");
    kit_usage_take(kit, &now);
    KIT_CHECK_MSG(now.files == before.files, "close removed an endpoint that was handed in");
    kit_stop_free(&wrong);
    kit_rig_close(rig);
}

/* ---- memory ---- */

static void check_refused(struct kit_rig *rig, const char *what, size_t n, pipc_result r,
                          const struct kit_usage *before, size_t blocks)
{
    KIT_CHECK_MSG(rig->m.host.refused && r == PIPC_ERR_ALLOC,
                  "%s without memory for allocation %zu: %s", what, n, pipc_result_name(r));
    kit_host_refuse(&rig->m.host, 0);
    kit_error_check(rig, r, what);
    KIT_CHECK_MSG(rig->m.host.blocks == blocks, "%s without memory kept %zu blocks", what,
                  rig->m.host.blocks - blocks);
    kit_usage_same(rig->kit, before, what);
}

static void listen_memory(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    const size_t blocks = rig->m.host.blocks;
    struct kit_usage before;
    bool refused = true;

    kit_usage_take(kit, &before);
    for (size_t n = 1; refused; n++) {
        kit_host_refuse(&rig->m.host, n);
        const pipc_result r = listen_at(rig, &rig->listener);
        refused = rig->m.host.refused;
        if (r != PIPC_OK)
            check_refused(rig, "listen", n, r, &before, blocks);
        kit_host_refuse(&rig->m.host, 0);
        kit_rig_unlisten(rig);
        kit_usage_same(kit, &before, "listen and close");
    }
    kit_rig_close(rig);
}

/* What a connect that failed may have left in the queue. */
static void queue_empty(struct kit_rig *rig)
{
    for (void *gone; accept_from(rig, rig->listener, &gone, 5) == PIPC_OK;)
        rig->m.ops.close(gone, 0);
}

static void connect_memory(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    struct kit_usage before;
    bool refused = true;

    kit_rig_listen(rig);
    kit_usage_take(kit, &before);
    for (size_t n = 1; refused; n++) {
        const size_t blocks = rig->m.host.blocks;
        void *client = NULL;
        kit_host_refuse(&rig->m.host, n);
        const pipc_result r = connect_to(rig, &client, KIT_SOON_MS);
        refused = rig->m.host.refused;
        if (r != PIPC_OK)
            check_refused(rig, "connect", n, r, &before, blocks);
        kit_host_refuse(&rig->m.host, 0);
        if (client)
            rig->m.ops.close(client, 0);
        queue_empty(rig);
    }
    kit_rig_close(rig);
}

static void accept_memory(struct kit *kit)
{
    struct kit_rig *const rig = kit_rig_open(kit);
    bool refused = true;

    kit_rig_listen(rig);
    for (size_t n = 1; refused; n++) {
        void *client, *server = NULL;
        struct kit_usage before;
        KIT_CHECK_RESULT(connect_to(rig, &client, KIT_SOON_MS), PIPC_OK);
        const size_t blocks = rig->m.host.blocks;
        kit_usage_take(kit, &before);
        kit_host_refuse(&rig->m.host, n);
        const pipc_result r = accept_from(rig, rig->listener, &server, KIT_SOON_MS);
        refused = rig->m.host.refused;
        if (r != PIPC_OK)
            check_refused(rig, "accept", n, r, &before, blocks);
        kit_host_refuse(&rig->m.host, 0);
        if (server)
            rig->m.ops.close(server, 0);
        rig->m.ops.close(client, 0);
        queue_empty(rig);
    }
    check_served(rig); /* the listener is usable still */
    kit_rig_close(rig);
}

const struct kit_case kit_transport_listen[] = {
    {"T-LISTEN-IN-USE",
     "a second listener at a living endpoint: ADDR_IN_USE, the first undisturbed", BASELINE, 0,
     in_use},
    {"T-LONG-NAME", "a name that does not fit: PATH_TOO_LONG from listen and connect", BASELINE, 0,
     long_name},
    {"T-CONNECT-NOBODY", "connect where nobody listens: CONNECT with the system's code", BASELINE,
     0, nobody},
    {"T-STALE", "the endpoint of a killed owner is taken over", BASELINE, 0, stale},
    {"T-LISTENER-CLOSE", "close removes the endpoint, accepted channels live on", BASELINE, 0,
     listener_closed},
    {"T-LISTENER-SUCCESSOR", "close leaves an endpoint that is another's by now", BASELINE, 0,
     successor},
    {"T-LISTENER-FORKED", "close in a forked child leaves the parent's endpoint", BASELINE, 0,
     listener_forked},
    {"T-LISTENER-HANDLE", "the listener's handle is readable while a client waits, and constant",
     BASELINE, 0, listener_handle},
    {"T-ADOPT", "a ready listener is taken over and its entry left; a wrong handle is untouched",
     PIPC_TRAIT_ADOPT, 0, adopt},
    {"T-LISTEN-MEMORY", "listen without memory: ALLOC, nothing kept", BASELINE, 0, listen_memory},
    {"T-CONNECT-MEMORY", "connect without memory: ALLOC, nothing kept", BASELINE, 0,
     connect_memory},
    {"T-ACCEPT-MEMORY", "accept without memory: ALLOC, nothing kept, the listener usable", BASELINE,
     0, accept_memory},
    {NULL, NULL, 0, 0, NULL},
};
