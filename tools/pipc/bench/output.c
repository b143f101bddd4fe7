/* SPDX-License-Identifier: Apache-2.0
 *
 * What `pipc bench` prints: a table for people, one JSON object a line, or CSV with the same
 * fields; progress on a terminal.
 */
#include "../json.h"
#include "bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- one object for JSON and CSV ---- */

static void add(struct json_object *object, const char *name, struct json_object *value)
{
    json_object_object_add(object, name, value);
}

/* A real number with so many digits behind the point. */
static struct json_object *real(double value, int digits)
{
    char text[64];

    snprintf(text, sizeof(text), "%.*f", digits, value);
    return json_object_new_double_s(value, text);
}

static struct json_object *us(double ns)
{
    return real(ns / 1000, 3);
}

static struct json_object *text_or_null(const char *text)
{
    return text ? json_of_text(text) : NULL;
}

/* A process that cannot be seen has no CPU time: null, not 0. */
static struct json_object *share(double value, bool known)
{
    return known ? real(value, 4) : NULL;
}

static void add_floor(struct json_object *object, const struct row *row, const struct contender *c)
{
    const struct contender *floor = row_floor(row, c);
    const uint32_t rounds = row->bench->rounds;
    const struct figures f = floor ? contender_median(floor, rounds) : (struct figures){0};

    add(object, "floor", floor ? real(f.throughput, 1) : NULL);
    add(object, "ratio_to_floor", floor ? real(contender_ratio(c, floor, rounds), 4) : NULL);
    add(object, "ratio_p50", floor ? real(contender_ratio_p50(c, floor, rounds), 4) : NULL);
    add(object, "p99_to_floor",
        floor && row->rate ? real(contender_ratio_p99(c, floor, rounds), 4) : NULL);
    add(object, "floor_kind", text_or_null(floor ? floor->name : NULL));
    add(object, "floor_p50_us", floor ? us(f.p50) : NULL);
    add(object, "floor_p99_us", floor ? us(f.p99) : NULL);
    add(object, "floor_client_cpu", floor ? real(f.client_cpu, 4) : NULL);
    add(object, "floor_server_cpu", floor && floor->server_pid ? real(f.server_cpu, 4) : NULL);
}

/* Every row has every field; what does not apply is null. `c` NULL: skipped. */
static struct json_object *row_object(const struct row *row, const struct contender *c,
                                      const char *skipped)
{
    struct json_object *object = json_object_new_object();
    const struct figures f = c ? contender_median(c, row->bench->rounds) : (struct figures){0};
    const bool moves = c && !c->ops->idle, paced = moves && row->rate;
    double ns_item = 0;
    const bool has_item = c && contender_item_ns(row, c, &ns_item);
    double cpu_to_off = 0;
    const bool has_off = c && contender_cpu_to_off(row, c, &cpu_to_off);

    add(object, "scenario", json_of_text(row->scenario->name));
    add(object, "transport", json_of_text(row->transport));
    add(object, "level", text_or_null(c ? level_name(c->level) : NULL));
    add(object, "spin", text_or_null(!c ? NULL : c->spin ? c->spin : "default"));
    add(object, "rate", json_of_number(row->rate));
    add(object, "items", json_of_number(row->items));
    add(object, "depth", json_of_number(row->depth));
    add(object, "rounds", json_of_number(row->bench->rounds));
    add(object, "throughput", moves ? real(f.throughput, 1) : NULL);
    add(object, "p50_us", moves ? us(f.p50) : NULL);
    add(object, "p95_us", moves ? us(f.p95) : NULL);
    add(object, "p99_us", moves ? us(f.p99) : NULL);
    add(object, "p999_us", moves ? us(f.p999) : NULL);
    add(object, "send_p50_us", paced ? us(f.send_p50) : NULL);
    add(object, "send_p99_us", paced ? us(f.send_p99) : NULL);
    add(object, "client_cpu", share(f.client_cpu, c != NULL));
    add(object, "server_cpu", share(f.server_cpu, c && c->server_pid));
    add(object, "cpu_to_off", has_off ? real(cpu_to_off, 4) : NULL);
    if (c) {
        add_floor(object, row, c);
    } else {
        static const char *const names[] = {"floor",        "ratio_to_floor",   "ratio_p50",
                                            "p99_to_floor", "floor_kind",       "floor_p50_us",
                                            "floor_p99_us", "floor_client_cpu", "floor_server_cpu"};
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            add(object, names[i], NULL);
    }
    add(object, "ns_per_item", has_item ? real(ns_item, 2) : NULL);
    add(object, "allocations", c ? json_of_number(c->allocated) : NULL);
    add(object, "client_wakeups", c && !moves ? real(f.client_sleeps, 2) : NULL);
    add(object, "server_wakeups", c && !moves && c->server_pid ? real(f.server_sleeps, 2) : NULL);
    add(object, "client_pin",
        row->bench->pins.client < 0 ? NULL : json_object_new_int(row->bench->pins.client));
    add(object, "server_pin",
        row->bench->pins.server < 0 ? NULL : json_object_new_int(row->bench->pins.server));
    add(object, "skipped", json_of_sentence(skipped));
    return object;
}

/* ---- CSV ---- */

static void csv_value(const char *text)
{
    if (!strpbrk(text, ",\"\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void csv_print(struct bench *bench, struct json_object *object)
{
    const char *before = "";

    if (!bench->header_printed) {
        json_object_object_foreach(object, name, unused)
        {
            (void)unused;
            printf("%s%s", before, name);
            before = ",";
        }
        putchar('\n');
        bench->header_printed = true;
    }
    before = "";
    json_object_object_foreach(object, name2, value)
    {
        (void)name2;
        fputs(before, stdout);
        csv_value(value ? json_object_get_string(value) : "");
        before = ",";
    }
    putchar('\n');
}

static void machine_print(const struct row *row, const struct contender *c, const char *skipped)
{
    struct json_object *object = row_object(row, c, skipped);

    if (row->bench->o->csv)
        csv_print(row->bench, object);
    else
        json_print(stdout, object);
    json_object_put(object);
}

/* ---- for people ---- */

static const char *rate_text(double value, char text[16])
{
    if (value >= 1e6)
        snprintf(text, 16, "%.2f M", value / 1e6);
    else if (value >= 1e3)
        snprintf(text, 16, "%.1f k", value / 1e3);
    else
        snprintf(text, 16, "%.1f  ", value);
    return text;
}

static const char *time_text(double ns, char text[16])
{
    if (ns >= 1e6)
        snprintf(text, 16, "%.2f ms", ns / 1e6);
    else if (ns >= 1e3)
        snprintf(text, 16, "%.2f us", ns / 1e3);
    else
        snprintf(text, 16, "%.1f ns", ns);
    return text;
}

static void heading_print(const struct row *row)
{
    const struct pins *pins = &row->bench->pins;

    printf("%s%s over %s", row->bench->header_printed ? "\n" : "", row->scenario->name,
           row->transport);
    row->bench->header_printed = true;
    if (row->items > 1)
        printf(", %u items", row->items);
    if (row->depth > 1)
        printf(", %u outstanding", row->depth);
    if (row->rate)
        printf(", %u a second", row->rate);
    if (pins->client < 0)
        printf(" (not pinned)");
    else if (pins->client == pins->server)
        printf(" (both sides on CPU %d)", pins->client);
    putchar('\n');
}

static void notes_print(const struct row *row, const struct contender *c, const struct figures *f)
{
    char a[16], b[16];
    const struct contender *floor = c->level == LEVEL_FLOOR ? NULL : row_floor(row, c);
    double ns_item, cpu_to_off;

    if (row->rate)
        printf("  from sending p50 %s, p99 %s", time_text(f->send_p50, a),
               time_text(f->send_p99, b));
    if (row->rate && floor)
        printf("  p99 %.2f of the floor's", contender_ratio_p99(c, floor, row->bench->rounds));
    if (contender_cpu_to_off(row, c, &cpu_to_off))
        printf("  CPU %.2f of spin off's", cpu_to_off);
    if (contender_item_ns(row, c, &ns_item))
        printf("  %.2f ns an item%s", ns_item, c->per_item ? "" : " beyond one call");
    if (c->level != LEVEL_FLOOR && c->allocated)
        printf("  %llu allocations", (unsigned long long)c->allocated);
}

static void line_print(const struct row *row, const struct contender *c)
{
    const struct contender *floor = c->level == LEVEL_FLOOR ? NULL : row_floor(row, c);
    const struct figures f = contender_median(c, row->bench->rounds);
    char name[64], t[16], a[16], b[16], d[16], e[16];

    snprintf(name, sizeof(name), "%s%s%s", c->name, c->spin && c->level ? ", spin " : "",
             c->spin && c->level ? c->spin : "");
    printf("  %-20s %11s %10s %10s %10s %10s %6.1f %%", name, rate_text(f.throughput, t),
           time_text(f.p50, a), time_text(f.p95, b), time_text(f.p99, d), time_text(f.p999, e),
           f.client_cpu * 100);
    if (c->server_pid)
        printf(" %6.1f %%", f.server_cpu * 100);
    else
        printf(" %8s", "-");
    if (floor)
        printf(" %6.2f %6.2f", contender_ratio(c, floor, row->bench->rounds),
               contender_ratio_p50(c, floor, row->bench->rounds));
    else
        printf(" %6s %6s", "", "");
    notes_print(row, c, &f);
    putchar('\n');
}

static void idle_print(const struct row *row, const struct contender *c)
{
    const struct figures f = contender_median(c, row->bench->rounds);

    printf("  %-20s %6.2f and %.2f wake-ups a second of client and server, CPU %.2f %% and "
           "%.2f %%\n",
           c->name, f.client_sleeps, f.server_sleeps, f.client_cpu * 100, f.server_cpu * 100);
}

static void people_print(const struct row *row)
{
    bool headed = false;

    heading_print(row);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct contender *c = &row->contenders[i];
        if (c->ops->idle) {
            idle_print(row, c);
            continue;
        }
        if (!headed)
            printf("  %-20s %11s %10s %10s %10s %10s %8s %8s %6s %6s\n", "", "a second", "p50",
                   "p95", "p99", "p99.9", "client", "server", "ratio", "of p50");
        headed = true;
        if (!c->hidden)
            line_print(row, c);
    }
}

/* ---- a row ---- */

void output_row(const struct row *row)
{
    if (!row->bench->o->json && !row->bench->o->csv) {
        people_print(row);
    } else {
        for (uint32_t i = 0; i < row->count; i++) {
            const struct contender *c = &row->contenders[i];
            if (c->level != LEVEL_FLOOR && !c->hidden)
                machine_print(row, c, NULL);
        }
    }
}

void output_skipped(const struct row *row, const char *reason)
{
    if (row->bench->o->json || row->bench->o->csv) {
        machine_print(row, NULL, reason);
        return;
    }
    heading_print(row);
    printf("  skipped: %s\n", reason);
}

/* ---- progress ---- */

static bool progress_shown;

void progress_show(const struct row *row, uint32_t round)
{
    const struct bench *bench = row->bench;

    if (!isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r\033[K[%u/%u] %s over %s", bench->rows_done + 1, bench->rows_all,
            row->scenario->name, row->transport);
    if (row->rate)
        fprintf(stderr, ", %u a second", row->rate);
    if (row->items > 1)
        fprintf(stderr, ", %u items", row->items);
    fprintf(stderr, ", round %u of %u", round + 1, bench->rounds);
    fflush(stderr);
    progress_shown = true;
}

void progress_clear(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
    progress_shown = false;
}
