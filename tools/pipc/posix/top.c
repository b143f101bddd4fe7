/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc top: the processes of this machine through apps-lookup, grouped by container, again and
 * again. While the provider is away the last answer stays, and every look tries to reach it anew.
 */
#include "top.h"

#include "../live/processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_DEFAULT_MS 1000u
/* A provider that hangs is told of within this time, where a single call would wait longer. */
#define TIMEOUT_DEFAULT_MS 5000u
/* What a Linux kernel can have at most; the number of PIDs changes from look to look. */
#define PIDS_MOST 4194304u

static struct pipc_client *interrupted;

static void abort_look(void)
{
    if (interrupted)
        pipc_client_abort(interrupted);
}

struct pids {
    uint32_t *list;
    uint32_t count, room;
};

static int pid_found(void *arg, uint32_t pid)
{
    struct pids *pids = arg;

    if (pids->count == pids->room) {
        const uint32_t room = pids->room ? 2 * pids->room : 1024;
        uint32_t *more = realloc(pids->list, room * sizeof(*more));
        if (!more)
            return ENOMEM;
        pids->list = more;
        pids->room = room;
    }
    pids->list[pids->count++] = pid;
    return 0;
}

static pipc_result pids_list(const struct options *o, struct pids *pids, struct pipc_error *err)
{
    const char *const root = o->proc_root ? o->proc_root : "/proc";
    const int result = live_processes_each(root, pids, pid_found);

    if (!result)
        return PIPC_OK;
    err->result = result > 0 ? PIPC_ERR_ALLOC : PIPC_ERR_BAD_PARAM;
    err->os_code = result > 0 ? result : errno;
    snprintf(err->text, sizeof(err->text), "%.128s: %s", root, strerror(err->os_code));
    return err->result;
}

/* Asks what all PIDs of now are. */
static pipc_result look_at(struct top_state *top, const struct pids *pids)
{
    struct pipc_apps_lookup_view view;
    struct top_table table;
    pipc_result r = pipc_client_call_apps_lookup(top->client, pids->list, pids->count, &view,
                                                 top->timeout_ms, &top->err);

    if (r == PIPC_OK && (r = top_table_make(&view, &table)) != PIPC_OK)
        snprintf(top->err.text, sizeof(top->err.text), "no memory for %u processes",
                 view.item_count);
    if (r != PIPC_OK)
        return r;
    top_table_free(&top->table);
    top->table = table;
    top->seen_ms = now_ms();
    return PIPC_OK;
}

static void look(struct top_state *top)
{
    struct pids pids = {0};

    top->err = (struct pipc_error)PIPC_ERROR_INIT;
    pipc_result r = pids_list(top->o, &pids, &top->err);
    top->code = r == PIPC_OK ? EXIT_DONE : EXIT_FAILED;
    if (r == PIPC_OK) {
        r = pipc_client_refresh_timeout(top->client, top->timeout_ms, NULL, &top->err);
        top->code = exit_of_attempt(r);
    }
    if (r == PIPC_OK) {
        r = look_at(top, &pids);
        top->err.result = r;
        top->code = exit_of_call(&top->err);
    }
    top->err.result = r;
    top->refreshes++;
    free(pids.list);
}

/* False when nobody can be shown anything any more. */
static bool show(const struct top_state *top, struct screen *screen)
{
    screen_measure(screen);
    if (top->o->json)
        top_print_json(top);
    else
        top_show(top, screen);
    return output_flush();
}

/* The exit code of the last refresh counts when their number was given; else who watched has seen
 * enough: done. */
static int top_run(struct top_state *top)
{
    const struct options *const o = top->o;
    const uint32_t interval = o->interval_ms ? o->interval_ms : INTERVAL_DEFAULT_MS;
    const uint32_t most = o->once ? 1 : o->count_given ? o->count : 0;
    struct screen screen = {0};
    enum screen_wait waited = WAIT_OVER;

    if (!o->json)
        screen_begin(&screen);
    while (!signals_came() && waited != WAIT_END) {
        look(top);
        if (signals_came())
            break;
        if (!show(top, &screen) || (most && top->refreshes >= most))
            break;
        while ((waited = screen_wait(interval)) == WAIT_DRAW && show(top, &screen))
            continue;
    }
    screen_end();
    return signals_came() || waited == WAIT_END ? EXIT_DONE : top->code;
}

static int top_open(struct top_state *top, struct pipc_context *context, const char *service)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_client_config config;
    char run_dir[4096];
    int code = run_dir_find(top->o, context, service, false, run_dir, sizeof(run_dir));

    client_config_from(top->o, &config);
    config.max_logical_lookup_items = PIDS_MOST;
    top->timeout_ms = call_timeout_or(top->o, context, service, TIMEOUT_DEFAULT_MS);
    if (code < 0 &&
        pipc_client_create(context, run_dir, service, &config, &top->client, &err) != PIPC_OK)
        code = fail(top->o, &err, exit_of(err.result));
    return code;
}

int command_top(const struct options *o)
{
    struct top_state top = {.o = o};
    const struct pipc_codec_ops *ops;
    struct pipc_context *context;
    const char *service;
    char kind[33];
    int code;

    if (o->word_count)
        return usage("top takes no arguments, and not '%s'", o->words[0]);
    if (o->once && o->count_given)
        return usage("--once and --count exclude each other");
    signals_watch(abort_look);
    code = kind_open(o, PIPC_APPS_LOOKUP_NAME, &context, &ops, kind, &service);
    if (code >= 0)
        return code;
    code = top_open(&top, context, service);
    if (code < 0) {
        interrupted = top.client;
        code = top_run(&top);
        interrupted = NULL;
        top_table_free(&top.table);
        pipc_client_destroy(top.client);
    }
    (void)pipc_close(context);
    return code;
}
