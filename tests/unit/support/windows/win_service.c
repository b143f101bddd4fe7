/* SPDX-License-Identifier: Apache-2.0
 *
 * The servers of win_service.h.
 */
#include "win_service.h"

const struct win_plane win_planes[WIN_PLANES] = {
    {"np", "np", NULL, PIPC_PROFILE_BASELINE},
    {"hybrid", "winshm,np", NULL, PIPC_PROFILE_SHM_HYBRID},
    {"busywait", "winshm,np", "busywait", PIPC_PROFILE_SHM_BUSYWAIT},
};

struct pipc_context *win_plane_context(const struct win_plane *plane)
{
    struct pipc_config *config = NULL;
    struct pipc_context *context = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_OK(pipc_config_new(NULL, &config));
#if !PIPC_TEST_BUILTIN
    CHECK_OK(pipc_config_add_module(config, &pipc_module_np, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_winshm, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_increment, &err));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_cgroups_snapshot, &err));
#endif
    CHECK_OK(pipc_config_set(config, "pipc", "transports", plane->transports, &err));
    if (plane->planes)
        CHECK_OK(pipc_config_set(config, "transport.winshm", "planes", plane->planes, &err));
    CHECK_MSG(pipc_open(config, NULL, &context, &err) == PIPC_OK, "open: %s", err.text);
    pipc_config_free(config);
    return context;
}

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    struct win_servers *const s = user;

    (void)from;
    __atomic_add_fetch(&s->calls, 1, __ATOMIC_SEQ_CST);
    if (value == WIN_HOLD && s->inside) {
        SetEvent(s->inside);
        Sleep(INFINITE);
    }
    *ret_value = value + 1;
    return 1;
}

static uint32_t snapshot(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder)
{
    struct win_servers *const s = user;
    const uint32_t items = __atomic_load_n(&s->items, __ATOMIC_SEQ_CST);

    (void)from;
    (void)request;
    for (uint32_t i = 0; i < items; i++) {
        char name[32], path[64];
        (void)snprintf(name, sizeof(name), "group-%u", (unsigned)i);
        (void)snprintf(path, sizeof(path), "/sys/fs/cgroup/group-%u", (unsigned)i);
        if (pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, name, path) != PIPC_OK)
            return 0;
    }
    pipc_cgroups_snapshot_builder_set_header(builder, 1, s->generation);
    return 1;
}

static void run(void *arg)
{
    struct pipc_error err = PIPC_ERROR_INIT;

    CHECK_MSG(pipc_server_run(arg, &err) == PIPC_OK, "run: %s", err.text);
}

void win_servers_start(struct win_servers *servers, const struct win_plane *plane, const char *dir,
                       int32_t workers)
{
    const struct pipc_increment_handler adds = {
        .size = sizeof(adds), .user = servers, .increment = increment};
    const struct pipc_cgroups_snapshot_handler lists = {
        .size = sizeof(lists), .user = servers, .snapshot = snapshot};
    const struct pipc_server_config config = {.size = sizeof(config),
                                              .max_request_batch_items = 100};
    struct pipc_error err = PIPC_ERROR_INIT;

    servers->context = win_plane_context(plane);
    CHECK_MSG(pipc_server_create_increment(servers->context, dir, "increment", &adds, workers,
                                           &config, &servers->increment, &err) == PIPC_OK,
              "server: %s", err.text);
    CHECK_MSG(pipc_server_create_cgroups_snapshot(servers->context, dir, "snapshot", &lists,
                                                  workers, NULL, &servers->snapshot,
                                                  &err) == PIPC_OK,
              "server: %s", err.text);
    servers->threads[0] = np_thread(run, servers->increment);
    servers->threads[1] = np_thread(run, servers->snapshot);
}

void win_servers_stop(struct win_servers *servers)
{
    CHECK_OK(pipc_server_stop(servers->increment));
    CHECK_OK(pipc_server_stop(servers->snapshot));
    np_join(servers->threads[0]);
    np_join(servers->threads[1]);
    CHECK_OK(pipc_server_destroy(servers->increment));
    CHECK_OK(pipc_server_destroy(servers->snapshot));
    CHECK_OK(pipc_close(servers->context));
}
