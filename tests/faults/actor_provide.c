/* SPDX-License-Identifier: Apache-2.0
 *
 * The provider: numbers and a snapshot, on one accepting thread that takes signals.
 */
#include "actor.h"

#include <pipc/codecs/cgroups_snapshot.h>
#include <pipc/codecs/increment.h>

#include <stdio.h>

static struct pipc_server *servers[2];
static struct pipc_context *own;

static uint32_t increment(void *user, const struct pipc_request *from, uint64_t value,
                          uint64_t *ret_value)
{
    const uint64_t plant = __atomic_load_n(&actor_page->plant, __ATOMIC_RELAXED);

    (void)user;
    (void)from;
    *ret_value = value + 1;
    if (plant && value % plant == plant - 1)
        *ret_value = value;
    return 1;
}

static uint32_t snapshot(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder)
{
    char name[32], path[96];

    (void)user;
    (void)from;
    (void)request;
    builder->table->builder_set_header(builder, 1, 7);
    for (uint32_t i = 0; i < ACTOR_ITEMS; i++) {
        actor_item(i, name, path);
        (void)pipc_cgroups_snapshot_builder_add_text(builder, i, 0, 1, name, path);
    }
    return 1;
}

/* In a child every end of a server says that it is the parent's, and the parent notices nothing. */
static int in_child(void)
{
    if (pipc_server_stop(servers[0]) != PIPC_ERR_FORKED)
        return 1;
    for (unsigned i = 0; i < 2; i++)
        if (pipc_server_destroy(servers[i]) != PIPC_ERR_FORKED)
            return 2;
    return pipc_close(own) == PIPC_OK ? 0 : 3;
}

static void at_stop(void)
{
    for (unsigned i = 0; i < 2; i++)
        if (servers[i])
            (void)pipc_server_stop(servers[i]);
}

static int fail(const struct pipc_error *err)
{
    fprintf(stderr, "provider: %s: %s\n", pipc_result_name(err->result), err->text);
    for (unsigned i = 0; i < 2; i++)
        (void)pipc_server_destroy(servers[i]);
    return 4;
}

int actor_provide(struct pipc_context *context, const char *dir)
{
    const struct pipc_increment_handler numbers = {.size = sizeof(numbers), .increment = increment};
    const struct pipc_cgroups_snapshot_handler items = {.size = sizeof(items),
                                                        .snapshot = snapshot};
    struct pipc_server_config config = {
        .size = sizeof(config), .handshake_timeout_ms = 1000, .idle_timeout_ms = 0};
    struct pipc_error err = PIPC_ERROR_INIT;
    pipc_result result;

    own = context;
    if (pipc_server_create_increment(context, dir, "numbers", &numbers, 16, &config, &servers[0],
                                     &err) != PIPC_OK ||
        pipc_server_create_cgroups_snapshot(context, dir, "items", &items, 16, &config, &servers[1],
                                            &err) != PIPC_OK)
        return fail(&err);
    actor_in_child = in_child;
    actor_at_stop = at_stop;
    if (actor_stop)
        at_stop();
    puts("READY");
    fflush(stdout);
    result = pipc_servers_run(servers, 2, &err);
    if (result != PIPC_OK)
        return fail(&err);
    actor_at_stop = NULL;
    for (unsigned i = 0; i < 2; i++)
        if (pipc_server_destroy(servers[i]) != PIPC_OK)
            return 4;
    return 0;
}
