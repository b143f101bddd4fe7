/* SPDX-License-Identifier: Apache-2.0
 *
 * A row: contenders that take turns, round after round, and the medians of what they did.
 *
 * Each round begins with another contender, so that no one always follows the same other one.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *level_name(enum level level)
{
    static const char *const names[] = {"floor", "l1", "l2", "l3"};

    return names[level];
}

struct contender *row_add(struct row *row, enum level level, const char *spin,
                          const struct contender_ops *ops)
{
    struct contender *c = &row->contenders[row->count];

    if (row->count == CONTENDERS_MOST)
        return NULL;
    row->count++;
    memset(c, 0, sizeof(*c));
    c->ops = ops;
    c->level = level;
    c->name = level_name(level);
    c->spin = spin;
    c->items = row->items;
    c->units = 1;
    c->depth = row->depth;
    c->server_cpu = row->bench->pins.server;
    c->side.control = -1;
    return c;
}

void *contender_state(struct contender *c, size_t size)
{
    c->state = calloc(1, size);
    return c->state;
}

/* ---- figures ---- */

static bool is_off(const char *spin)
{
    return spin && strcmp(spin, "off") == 0;
}

/* The floor that waits the same way; else the one that there is. */
const struct contender *row_floor(const struct row *row, const struct contender *c)
{
    const struct contender *found = NULL;

    for (uint32_t i = 0; i < row->count; i++) {
        const struct contender *floor = &row->contenders[i];
        if (floor->level != LEVEL_FLOOR)
            continue;
        if (!found || is_off(floor->spin) == is_off(c->spin))
            found = floor;
    }
    return found;
}

static struct figures figures_of(const struct contender *c, const struct slice *s)
{
    const double seconds = (double)s->wall_ns / (double)NS_PER_S, units = c->units;

    if (!s->wall_ns)
        return (struct figures){0};
    return (struct figures){
        .throughput = (double)s->exchanges * units / seconds,
        .p50 = (double)histogram_at(&s->latency, 0.5) / units,
        .p95 = (double)histogram_at(&s->latency, 0.95) / units,
        .p99 = (double)histogram_at(&s->latency, 0.99) / units,
        .p999 = (double)histogram_at(&s->latency, 0.999) / units,
        .send_p50 = (double)histogram_at(&s->from_send, 0.5) / units,
        .send_p99 = (double)histogram_at(&s->from_send, 0.99) / units,
        .client_cpu = (double)s->client_cpu_ns / (double)s->wall_ns,
        .server_cpu = (double)s->server_cpu_ns / (double)s->wall_ns,
        .client_sleeps = (double)s->client_sleeps / seconds,
        .server_sleeps = (double)s->server_sleeps / seconds,
    };
}

static double mean_of(const double *values, uint32_t count)
{
    double sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += values[i];
    return count ? sum / count : 0;
}

/* A struct of doubles alone: its members are taken one after the other. Of an idle connection the
 * mean counts: a slice may be shorter than the time between two wake-ups. */
struct figures contender_median(const struct contender *c, uint32_t rounds)
{
    struct figures median;
    double values[ROUNDS_MOST], *const out = (double *)(void *)&median;

    for (size_t member = 0; member < sizeof(median) / sizeof(double); member++) {
        for (uint32_t r = 0; r < rounds; r++)
            values[r] = ((const double *)(const void *)&c->rounds[r])[member];
        out[member] = c->ops->idle ? mean_of(values, rounds) : median_of(values, rounds);
    }
    return median;
}

double contender_ratio(const struct contender *c, const struct contender *floor, uint32_t rounds)
{
    double values[ROUNDS_MOST];
    size_t count = 0;

    for (uint32_t r = 0; r < rounds; r++) {
        if (floor->rounds[r].throughput > 0)
            values[count++] = c->rounds[r].throughput / floor->rounds[r].throughput;
    }
    return median_of(values, count);
}

double contender_ratio_p50(const struct contender *c, const struct contender *floor,
                           uint32_t rounds)
{
    double values[ROUNDS_MOST];
    size_t count = 0;

    for (uint32_t r = 0; r < rounds; r++) {
        if (c->rounds[r].p50 > 0)
            values[count++] = floor->rounds[r].p50 / c->rounds[r].p50;
    }
    return median_of(values, count);
}

double contender_ratio_p99(const struct contender *c, const struct contender *floor,
                           uint32_t rounds)
{
    double values[ROUNDS_MOST];
    size_t count = 0;

    for (uint32_t r = 0; r < rounds; r++) {
        if (floor->rounds[r].p99 > 0)
            values[count++] = c->rounds[r].p99 / floor->rounds[r].p99;
    }
    return median_of(values, count);
}

static double cpu_of(const struct figures *f)
{
    return f->client_cpu + f->server_cpu;
}

bool contender_cpu_to_off(const struct row *row, const struct contender *c, double *ret_ratio)
{
    double values[ROUNDS_MOST];
    size_t count = 0;

    for (uint32_t i = 0; i < row->count && row->rate && !is_off(c->spin); i++) {
        const struct contender *off = &row->contenders[i];
        if (off->level != c->level || off->level == LEVEL_FLOOR || !is_off(off->spin))
            continue;
        for (uint32_t r = 0; r < row->bench->rounds; r++) {
            if (cpu_of(&off->rounds[r]) > 0)
                values[count++] = cpu_of(&c->rounds[r]) / cpu_of(&off->rounds[r]);
        }
    }
    *ret_ratio = median_of(values, count);
    return count > 0;
}

bool contender_item_ns(const struct row *row, const struct contender *c, double *ret_ns)
{
    double values[ROUNDS_MOST];

    if (c->per_item) {
        *ret_ns = contender_median(c, row->bench->rounds).p50 / c->items;
        return true;
    }
    for (uint32_t i = 0; i < row->count; i++) {
        const struct contender *one = &row->contenders[i];
        if (!one->hidden || c->hidden || one->level != c->level || one->spin != c->spin)
            continue;
        for (uint32_t r = 0; r < row->bench->rounds; r++)
            values[r] = (c->rounds[r].p50 - one->rounds[r].p50) / c->items;
        *ret_ns = median_of(values, row->bench->rounds);
        return true;
    }
    return false;
}

/* ---- running ---- */

/* The one whose wait a signal has to end. */
static struct contender *active;

static void on_stop(void)
{
    if (active && active->ops->interrupt)
        active->ops->interrupt(active);
}

static int stopped(void)
{
    return complain(EXIT_ABORTED, "bench: stopped by a signal");
}

static int failed(const struct row *row, const struct contender *c, const struct pipc_error *err)
{
    progress_clear();
    if (signals_came())
        return stopped();
    return fail_with(row->bench->o, err->result, exit_of(err->result), "%s over %s, %s: %s",
                     row->scenario->name, row->transport, c->name,
                     err->text[0] ? err->text : pipc_result_text(err->result));
}

static int sides_wait(const struct row *row)
{
    char why[512];

    for (uint32_t i = 0; i < row->count; i++) {
        const struct contender *c = &row->contenders[i];
        if (c->side.pid <= 0 || side_ready(&c->side, why, sizeof(why)))
            continue;
        return signals_came() ? stopped()
                              : complain(EXIT_FAILED, "%s over %s, server of %s: %s",
                                         row->scenario->name, row->transport, c->name, why);
    }
    return -1;
}

static int clients_open(struct row *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        struct contender *c = &row->contenders[i];
        struct pipc_error err = PIPC_ERROR_INIT;
        active = c;
        if (c->ops->open && c->ops->open(c, &err) != PIPC_OK)
            return failed(row, c, &err);
        c->opened = true;
    }
    return -1;
}

static int rounds_run(struct row *row, struct slice *slice)
{
    for (uint32_t r = 0; r < row->bench->rounds; r++) {
        progress_show(row, r);
        for (uint32_t i = 0; i < row->count; i++) {
            struct contender *c = &row->contenders[(r + i) % row->count];
            struct pipc_error err = PIPC_ERROR_INIT;
            active = c;
            if (slice_run(c, slice, &err) != PIPC_OK)
                return failed(row, c, &err);
            c->rounds[r] = figures_of(c, slice);
            c->allocated += slice->allocations;
        }
    }
    return -1;
}

void rows_watch_signals(void)
{
    signals_watch(on_stop);
}

int row_run(struct row *row)
{
    const struct bench *bench = row->bench;
    struct slice *slice = calloc(1, sizeof(*slice));
    int code;

    if (!slice)
        return complain(EXIT_FAILED, "no memory for the figures");
    slice->duration_ns = (uint64_t)(bench->duration_s * (double)NS_PER_S) / bench->rounds;
    slice->rate = row->rate;
    code = sides_wait(row);
    if (code < 0)
        code = clients_open(row);
    if (code < 0) {
        pin_to(bench->pins.client);
        code = rounds_run(row, slice);
        pin_off();
    }
    active = NULL;
    progress_clear();
    free(slice);
    return code;
}

void row_end(struct row *row)
{
    for (uint32_t i = 0; i < row->count; i++) {
        struct contender *c = &row->contenders[i];
        if (c->state && c->ops->close)
            c->ops->close(c);
        side_stop(&c->side);
        free(c->state);
    }
    row->count = 0;
}
