/* SPDX-License-Identifier: Apache-2.0
 *
 * What `pipc top` shows: a frame for a terminal, a block of text, or a line of JSON.
 *
 * Names come from a peer and from processes: control characters and bytes that are not UTF-8 never
 * reach the terminal.
 */
#include "../json.h"
#include "../lookup.h"
#include "top.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Cuts lines to the screen's width, and ends them as a terminal wants it. */
struct page {
    FILE *out;
    uint32_t columns; /* 0: endless */
    uint32_t used;    /* of this line */
    bool terminal;
};

/* ---- text ---- */

/* Length of the UTF-8 sequence that begins here and shows something; 0: none. */
static size_t sequence_at(const unsigned char *at, size_t left)
{
    const size_t len = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    const unsigned char least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned char most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;

    if (len == 1)
        return at[0] >= 0x20 && at[0] != 0x7f;
    if (at[0] < 0xc2 || at[0] > 0xf4 || len > left || at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return at[0] == 0xc2 && at[1] < 0xa0 ? 0 : len; /* a second row of control characters */
}

static void page_put(struct page *p, const char *bytes, size_t len, uint32_t width)
{
    if (p->columns && p->used + width > p->columns) {
        p->used = p->columns; /* nothing behind it either */
        return;
    }
    fwrite(bytes, 1, len, p->out);
    p->used += width;
}

/* Bytes of others. */
static void page_text(struct page *p, struct pipc_str_view text)
{
    const unsigned char *at = (const unsigned char *)text.ptr, *const end = at + text.len;

    while (at < end) {
        const size_t len = sequence_at(at, (size_t)(end - at));
        char escape[5];
        if (len) {
            page_put(p, (const char *)at, len, 1);
        } else {
            snprintf(escape, sizeof(escape), "\\x%02x", *at);
            page_put(p, escape, 4, 4);
        }
        at += len ? len : 1;
    }
}

static void page_words(struct page *p, const char *text)
{
    page_text(p, (struct pipc_str_view){text, strlen(text)});
}

/* Attributes have no width; no terminal gets none. */
static void page_bold(struct page *p, bool on)
{
    if (p->terminal)
        fputs(on ? "\033[1m" : "\033[0m", p->out);
}

static void page_end_line(struct page *p)
{
    fputs(p->terminal ? "\033[K\n" : "\n", p->out);
    p->used = 0;
}

/* ---- lines ---- */

static void age_text(uint64_t starttime, char ret_text[16])
{
    const long ticks = sysconf(_SC_CLK_TCK);
    const uint64_t start = ticks > 0 ? starttime / (uint64_t)ticks : 0;
    struct timespec now = {0};

    clock_gettime(CLOCK_BOOTTIME, &now);
    const uint64_t age = (uint64_t)now.tv_sec > start ? (uint64_t)now.tv_sec - start : 0;
    if (age >= 86400)
        snprintf(ret_text, 16, "%" PRIu64 "d%02u:%02u", age / 86400 % 100000,
                 (unsigned)(age / 3600 % 24), (unsigned)(age / 60 % 60));
    else
        snprintf(ret_text, 16, "%02u:%02u:%02u", (unsigned)(age / 3600), (unsigned)(age / 60 % 60),
                 (unsigned)(age % 60));
}

static void show_process(struct page *p, const struct top_process *process)
{
    char line[96], uid[16] = "-", age[16];

    if (process->uid != PIPC_UID_UNSET)
        snprintf(uid, sizeof(uid), "%" PRIu32, process->uid);
    age_text(process->starttime, age);
    snprintf(line, sizeof(line), "%10" PRIu32 " %10" PRIu32 " %10s %11s  ", process->pid,
             process->ppid, uid, age);
    page_words(p, line);
    page_text(p, process->comm);
    page_end_line(p);
}

static void show_group(struct page *p, const struct top_table *t, const struct top_group *group,
                       uint32_t most)
{
    const uint32_t shown = group->count < most ? group->count : most;
    char line[96];

    page_bold(p, true);
    page_text(p, group->name);
    snprintf(line, sizeof(line), "  %s  %" PRIu32 " process%s",
             lookup_orchestrator_word(group->orchestrator), group->count,
             group->count == 1 ? "" : "es");
    page_words(p, line);
    if (shown < group->count) {
        snprintf(line, sizeof(line), ", %" PRIu32 " shown", shown);
        page_words(p, line);
    }
    page_bold(p, false);
    page_end_line(p);
    for (uint32_t i = 0; i < shown; i++)
        show_process(p, &t->processes[group->first + i]);
}

static void show_rest(struct page *p, const struct top_table *t, uint32_t from)
{
    uint64_t processes = 0;
    char line[96];

    for (uint32_t i = from; i < t->group_count; i++)
        processes += t->groups[i].count;
    snprintf(line, sizeof(line), "and %" PRIu32 " more groups with %" PRIu64 " processes",
             t->group_count - from, processes);
    page_words(p, line);
    page_end_line(p);
}

/* How the provider was reached, or why not and how old the table is. */
static void show_state(struct page *p, const struct top_state *top)
{
    struct pipc_client_status client = {.size = sizeof(client)};
    char line[512];

    pipc_client_status(top->client, &client);
    snprintf(line, sizeof(line), "%" PRIu32 " processes in %" PRIu32 " groups, refresh %" PRIu32,
             top->table.process_count, top->table.group_count, top->refreshes);
    page_words(p, line);
    if (top->err.result == PIPC_OK) {
        snprintf(line, sizeof(line), ", over %.32s%s%.64s",
                 client.session.transport ? client.session.transport : "?",
                 client.session.degraded ? ", in place of " : "",
                 client.session.degraded ? client.session.passed_over : "");
        page_words(p, line);
        page_end_line(p);
        return;
    }
    if (top->seen_ms)
        snprintf(line, sizeof(line), ", %.1f s old: ", (double)(now_ms() - top->seen_ms) / 1000);
    else
        snprintf(line, sizeof(line), ", no answer yet: ");
    page_words(p, line);
    page_words(p, top->err.text[0] ? top->err.text : pipc_result_text(top->err.result));
    if (client.refused_retry_in_ms) {
        snprintf(line, sizeof(line), ", tried again in %.1f s",
                 client.refused_retry_in_ms / 1000.0);
        page_words(p, line);
    }
    page_end_line(p);
}

#define HEADING "       PID     PARENT       USER         AGE  COMMAND"

/* Groups in the lines that there are; 0: all of them, whole. */
static void show_groups(struct page *p, const struct top_table *t, uint32_t lines)
{
    const uint32_t most = lines ? top_table_fit(t, lines) : UINT32_MAX;
    const bool all = !lines || t->group_count <= lines;
    const uint32_t groups = all ? t->group_count : lines - 1;

    for (uint32_t i = 0; i < groups; i++)
        show_group(p, t, &t->groups[i], most);
    if (!all)
        show_rest(p, t, groups);
}

void top_show(const struct top_state *top, const struct screen *screen)
{
    const bool terminal = screen->rows != 0;
    struct page p = {.out = stdout, .columns = screen->columns, .terminal = terminal};

    if (terminal)
        fputs("\033[H", stdout);
    else if (top->refreshes > 1)
        putchar('\n');
    show_state(&p, top);
    if (!terminal || screen->rows > 3) {
        page_words(&p, HEADING);
        page_end_line(&p);
        /* the last line stays empty: a line end there would scroll the first one away */
        show_groups(&p, &top->table, terminal ? screen->rows - 3 : 0);
    }
    if (terminal)
        fputs("\033[J", stdout);
}

/* ---- JSON ---- */

static struct json_object *process_object(const struct top_process *p)
{
    struct json_object *object = json_object_new_object();

    json_object_object_add(object, "pid", json_of_number(p->pid));
    json_object_object_add(object, "ppid", json_of_number(p->ppid));
    json_object_object_add(object, "uid", json_of_number(p->uid));
    json_object_object_add(object, "starttime", json_of_number(p->starttime));
    json_object_object_add(object, "comm", json_of_bytes(p->comm.ptr, p->comm.len));
    json_object_object_add(object, "cgroup_status", json_of_number(p->cgroup_status));
    json_object_object_add(object, "cgroup_path", json_of_bytes(p->path.ptr, p->path.len));
    return object;
}

static struct json_object *group_object(const struct top_table *t, const struct top_group *group)
{
    struct json_object *object = json_object_new_object();
    struct json_object *processes = json_object_new_array();

    for (uint32_t i = 0; i < group->count; i++)
        json_object_array_add(processes, process_object(&t->processes[group->first + i]));
    json_object_object_add(object, "name", json_of_bytes(group->name.ptr, group->name.len));
    json_object_object_add(object, "orchestrator", json_of_number(group->orchestrator));
    json_object_object_add(object, "process_count", json_of_number(group->count));
    json_object_object_add(object, "processes", processes);
    return object;
}

void top_print_json(const struct top_state *top)
{
    struct pipc_client_status client = {.size = sizeof(client)};
    struct json_object *line = json_object_new_object(), *groups = json_object_new_array();
    const bool stale = top->err.result != PIPC_OK;
    const char *const text = top->err.text[0] ? top->err.text : pipc_result_text(top->err.result);

    pipc_client_status(top->client, &client);
    for (uint32_t i = 0; i < top->table.group_count; i++)
        json_object_array_add(groups, group_object(&top->table, &top->table.groups[i]));
    json_object_object_add(line, "refresh", json_of_number(top->refreshes));
    json_object_object_add(line, "state",
                           json_object_new_string(pipc_client_state_name(client.state)));
    json_object_object_add(line, "stale", json_object_new_boolean(stale));
    json_object_object_add(
        line, "error", stale ? json_object_new_string(pipc_result_name(top->err.result)) : NULL);
    json_object_object_add(line, "message", stale ? json_of_sentence(text) : NULL);
    json_object_object_add(line, "generation", json_of_number(top->table.generation));
    json_object_object_add(line, "process_count", json_of_number(top->table.process_count));
    json_object_object_add(line, "groups", groups);
    json_print(stdout, line);
    json_object_put(line);
}
