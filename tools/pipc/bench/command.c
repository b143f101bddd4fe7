/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc bench: from the command line to rows, one after the other.
 */
#include "bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DURATION_DEFAULT 1.0
#define DURATION_MOST    3600.0
#define ROUNDS_DEFAULT   11u
#define DEPTH_DEFAULT    16u
#define LIST_LEN         128u

static const uint32_t full_speed[] = {0};
static const uint32_t all_rates[] = {0, 1000, 10000, 100000};

/* ---- the command line ---- */

static int take_duration(struct bench *bench)
{
    const char *const text = bench->o->duration;
    char *end;

    bench->duration_s = DURATION_DEFAULT;
    if (!text)
        return -1;
    bench->duration_s = strtod(text, &end);
    if (*end || end == text || !(bench->duration_s > 0 && bench->duration_s <= DURATION_MOST))
        return refuse(bench->o, "--duration '%s': expected seconds, more than 0 and at most %.0f",
                      text, DURATION_MOST);
    return -1;
}

static bool is_spin(const char *text)
{
    uint64_t us;

    return strcmp(text, "adaptive") == 0 || strcmp(text, "off") == 0 ||
           number_parse(text, UINT32_MAX - 1, &us);
}

static int take_spins(struct bench *bench)
{
    char *save = NULL;

    bench->spin_count = 1;
    if (!bench->o->spin)
        return -1;
    snprintf(bench->spin_text, sizeof(bench->spin_text), "%s", bench->o->spin);
    bench->spin_count = 0;
    for (char *word = strtok_r(bench->spin_text, ",", &save); word;
         word = strtok_r(NULL, ",", &save)) {
        if (!is_spin(word) || bench->spin_count == SPINS_MOST)
            return refuse(bench->o,
                          "--spin '%s': expected up to %u of adaptive, off and microseconds, with "
                          "commas between them",
                          bench->o->spin, SPINS_MOST);
        bench->spins[bench->spin_count++] = word;
    }
    return bench->spin_count ? -1 : refuse(bench->o, "--spin '%s': no value", bench->o->spin);
}

static int take_levels(struct bench *bench)
{
    char list[LIST_LEN], *save = NULL;

    for (enum level level = LEVEL_L1; level <= LEVEL_L3; level++)
        bench->levels[level] = !bench->o->level;
    snprintf(list, sizeof(list), "%s", bench->o->level ? bench->o->level : "");
    for (const char *word = strtok_r(list, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        enum level level = LEVEL_L1;
        while (level <= LEVEL_L3 && strcmp(word, level_name(level)) != 0)
            level++;
        if (level > LEVEL_L3)
            return refuse(bench->o, "--level '%s': expected l1, l2, l3 or several of them",
                          bench->o->level);
        bench->levels[level] = true;
    }
    return -1;
}

static const struct scenario *scenario_find(const char *name)
{
    for (size_t i = 0; i < scenario_count; i++) {
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    }
    return NULL;
}

static int scenario_unknown(const struct bench *bench, const char *word)
{
    char names[512] = "";

    for (size_t i = 0; i < scenario_count; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 scenarios[i].name);
    return refuse(bench->o, "no scenario '%s': there are %s", word, names);
}

static bool wanted(const struct bench *bench, const struct scenario *scenario)
{
    const struct options *o = bench->o;

    if (!o->word_count)
        return !o->no_server || scenario == &scenarios[0];
    for (int i = 0; i < o->word_count; i++) {
        if (strcmp(o->words[i], scenario->name) == 0)
            return true;
    }
    return false;
}

static int take_words(const struct bench *bench)
{
    const struct options *o = bench->o;

    for (int i = 0; i < o->word_count; i++) {
        if (!scenario_find(o->words[i]))
            return scenario_unknown(bench, o->words[i]);
    }
    for (size_t i = 0; i < scenario_count; i++) {
        const struct scenario *s = &scenarios[i];
        if (o->items_given && s->items_most > 1 && wanted(bench, s) &&
            (!o->items || o->items > s->items_most))
            return refuse(o, "--items %u: %s takes from 1 to %u", o->items, s->name, s->items_most);
    }
    return -1;
}

static int take_options(struct bench *bench)
{
    char why[128];
    int code = take_duration(bench);

    bench->rounds = bench->o->rounds ? bench->o->rounds : ROUNDS_DEFAULT;
    if (bench->o->json && bench->o->csv)
        return usage("--json and --csv exclude each other");
    if (code < 0)
        code = take_spins(bench);
    if (code < 0)
        code = take_levels(bench);
    if (code < 0)
        code = take_words(bench);
    if (code < 0 && !pins_choose(bench->o->pin, &bench->pins, why, sizeof(why)))
        code = refuse(bench->o, "--pin '%s': %s", bench->o->pin, why);
    return code;
}

/* ---- directories ---- */

bool bench_dir(struct bench *bench, char *ret_path, size_t len)
{
    return snprintf(ret_path, len, "%s/%u", bench->base, bench->dirs++) < (int)len &&
           dir_make(ret_path);
}

int bench_service(const struct row *row, const char **ret_service, char *ret_dir, size_t len)
{
    struct bench *bench = row->bench;

    *ret_service = bench->o->service ? bench->o->service : row->scenario->service;
    if (bench->o->no_server)
        return run_dir_find(bench->o, bench->context, *ret_service, false, ret_dir, len);
    if (!bench_dir(bench, ret_dir, len))
        return complain(EXIT_FAILED, "%s: %s", ret_dir, strerror(errno));
    return -1;
}

/* ---- contexts ---- */

/* Counted by whichever thread allocates. */
static void *count_alloc(void *arg, size_t size)
{
    struct contender *c = arg;

    (void)__atomic_fetch_add(&c->allocations, 1, __ATOMIC_RELAXED);
    return malloc(size);
}

static void *count_realloc(void *arg, void *ptr, size_t size)
{
    struct contender *c = arg;

    (void)__atomic_fetch_add(&c->allocations, 1, __ATOMIC_RELAXED);
    return realloc(ptr, size);
}

static void count_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

pipc_result bench_context(const struct row *row, struct contender *c,
                          struct pipc_context **ret_context, struct pipc_error *err)
{
    const struct options *o = row->bench->o;
    const struct pipc_allocator counting = {.size = sizeof(counting),
                                            .arg = c,
                                            .alloc = count_alloc,
                                            .realloc = count_realloc,
                                            .free = count_free};
    const struct context_more more = {row->transport, c->spin, &counting};

    return context_make(o, o->service ? o->service : row->scenario->service, &more, ret_context,
                        err);
}

/* ---- rows ---- */

struct plane {
    const char *name, *reason; /* reason NULL: usable */
    uint32_t traits;
};

static uint32_t traits_of(struct pipc_context *context, const char *name)
{
    struct pipc_module_info info = {.size = sizeof(info)};

    for (uint32_t i = 0; pipc_module_info(context, i, &info) == PIPC_OK; i++) {
        if (info.kind == PIPC_MODULE_TRANSPORT && info.loaded && strcmp(info.name, name) == 0)
            return ((const struct pipc_transport_ops *)info.module->ops)->traits;
    }
    return 0;
}

/* Why this row cannot be run; NULL: it can. */
static const char *skip_reason(const struct row *row, const struct plane *plane, char text[512])
{
    const struct bench *bench = row->bench;

    if (plane->reason)
        return plane->reason;
    if (row->depth > 1 && (plane->traits & PIPC_TRAIT_ONE_OUTSTANDING)) {
        snprintf(text, 512, "%s holds one request at a time, %s has %u outstanding", plane->name,
                 row->scenario->name, row->depth);
        return text;
    }
    if (row->rate && row->scenario->full_speed_only)
        return "this scenario knows no rate";
    if (bench->o->no_server && row->scenario->local)
        return "this scenario asks no server";
    if (bench->o->no_server && row->scenario->once)
        return "the keys of a server that is not our own are not known";
    if (!scenario_has_level(row->scenario, bench->levels))
        return "this scenario has none of the levels of --level";
    return NULL;
}

static int row_measure(struct row *row, const struct plane *plane)
{
    char text[512];
    const char *const reason = skip_reason(row, plane, text);
    int code = -1;

    if (reason) {
        output_skipped(row, reason);
    } else {
        code = row->scenario->make(row);
        if (code < 0)
            code = row_run(row);
        if (code < 0)
            output_row(row);
        row_end(row);
    }
    row->bench->rows_done++;
    if (code < 0 && !output_flush())
        code = EXIT_FAILED; /* main says why */
    return code;
}

static int scenario_measure(struct bench *bench, const struct scenario *scenario,
                            const struct plane *plane, bool count_only)
{
    struct row *const row = calloc(1, sizeof(*row)); /* too large for a stack */
    const struct options *o = bench->o;
    const uint32_t given_rate[] = {o->rate}, given_items[] = {o->items, 0};
    const bool items_given = o->items_given && scenario->items_most > 1;
    const uint32_t *const rates = o->rate_given     ? given_rate
                                  : scenario->rates ? all_rates
                                                    : full_speed;
    const size_t rate_count = !o->rate_given && scenario->rates ? 4 : 1;
    const uint32_t *items = items_given ? given_items : scenario->items;
    int code = -1;

    if (!row)
        return complain(EXIT_FAILED, "no memory for a row");
    for (; *items && code < 0; items++) {
        for (size_t r = 0; r < rate_count && code < 0; r++) {
            memset(row, 0, sizeof(*row));
            row->bench = bench;
            row->scenario = scenario;
            row->transport = plane->name;
            row->rate = rates[r];
            row->items = *items;
            row->depth = !scenario->pipelined ? 1 : o->depth ? o->depth : DEPTH_DEFAULT;
            row->upgrade = (plane->traits & PIPC_TRAIT_UPGRADE) != 0;
            row->packet_size = PIPC_PACKET_SIZE_DEFAULT;
            if (count_only)
                bench->rows_all++;
            else
                code = row_measure(row, plane);
        }
    }
    free(row);
    return code;
}

static int all_measure(struct bench *bench, const struct plane *planes, uint32_t count,
                       bool count_only)
{
    int code = -1;

    for (size_t i = 0; i < scenario_count && code < 0; i++) {
        bool done = false;
        for (uint32_t p = 0; p < count && code < 0; p++) {
            if (!wanted(bench, &scenarios[i]) || (done && scenarios[i].once))
                continue;
            done = !planes[p].reason;
            code = scenario_measure(bench, &scenarios[i], &planes[p], count_only);
        }
    }
    return code;
}

/* The transports of the list, as the configuration has them. */
static int run(struct bench *bench)
{
    const char *const service = bench->o->service ? bench->o->service : scenarios[0].service;
    struct pipc_plan plan = {.size = sizeof(plan)};
    struct pipc_error err = PIPC_ERROR_INIT;
    struct plane planes[16];
    int code;

    if (pipc_service_plan(bench->context, service, &plan, &err) != PIPC_OK)
        return fail(bench->o, &err, exit_of(err.result));
    for (uint32_t i = 0; i < plan.plane_count && i < 16; i++) {
        planes[i] =
            (struct plane){plan.planes[i].name, plan.planes[i].bits ? NULL : plan.planes[i].reason,
                           traits_of(bench->context, plan.planes[i].name)};
    }
    if (bench->pins.client >= 0 && bench->pins.client == bench->pins.server)
        complain(0, "one CPU for both sides: figures are not those of two CPUs");
    (void)all_measure(bench, planes, plan.plane_count, true);
    code = all_measure(bench, planes, plan.plane_count, false);
    return code < 0 ? EXIT_DONE : code;
}

int command_bench(const struct options *o)
{
    struct bench bench = {.o = o};
    int code = take_options(&bench);

    side_signals_block();
    if (code < 0)
        code = context_open(o, o->service ? o->service : scenarios[0].service, &bench.context);
    if (code >= 0)
        return code;
    rows_watch_signals(); /* before there is anything to leave behind */
    code = base_make(&bench);
    if (code < 0) {
        code = run(&bench);
        base_remove(bench.base);
    }
    (void)pipc_close(bench.context);
    return code;
}
