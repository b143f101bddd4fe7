/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the sources of `pipc top`: the table of processes by container, and the terminal.
 *
 * Everything here runs on the main thread of the command.
 */
#ifndef PIPC_TOOL_TOP_H
#define PIPC_TOOL_TOP_H

#include "../tool.h"

#include <pipc/codecs/apps_lookup.h>

struct json_object;

/* ---- the table ---- */

struct top_process {
    uint32_t pid, ppid, uid;
    uint16_t orchestrator, cgroup_status;
    uint64_t starttime;
    struct pipc_str_view comm, path, group;
};

/* Processes whose containers have one name and one orchestrator. */
struct top_group {
    struct pipc_str_view name;
    uint16_t orchestrator;
    uint32_t first, count; /* in the processes of the table */
};

/* What one answer said, copied: it outlives the answer. */
struct top_table {
    struct top_process *processes; /* by group, then by PID */
    struct top_group *groups;      /* the largest first, then by name */
    char *text;
    uint32_t process_count, group_count;
    uint64_t generation;
};

/* Those of the answer that are known; the others went away meanwhile. On failure *ret is untouched.
 */
pipc_result top_table_make(const struct pipc_apps_lookup_view *view, struct top_table *ret_table);
void top_table_free(struct top_table *table);
/* Lines of a table in which each group shows at most so many processes. */
uint64_t top_table_lines(const struct top_table *table, uint32_t most);
/* How many processes each group may show so that the table fits; 0: the heads of the groups alone,
 * as far as they fit. */
uint32_t top_table_fit(const struct top_table *table, uint32_t lines);

/* ---- the terminal ---- */

struct screen {
    uint32_t rows, columns; /* 0: standard output is no terminal, nothing is cut */
};

/* Takes the terminal over, if standard output is one: the screen of its own is left and the one
 * before shown again by screen_end, and whenever the command is stopped (SIGTSTP). */
void screen_begin(struct screen *screen);
void screen_end(void);
/* The size as it is now. */
void screen_measure(struct screen *screen);
/* Waits: until the time is over (WAIT_OVER), until the size has changed or the terminal was given
 * away and got back (WAIT_DRAW), or until a signal or the key q ends the command (WAIT_END). */
enum screen_wait { WAIT_OVER, WAIT_DRAW, WAIT_END };
enum screen_wait screen_wait(uint32_t ms);

/* ---- showing ---- */

/* What a refresh came to. */
struct top_state {
    const struct options *o;
    struct pipc_client *client;
    struct top_table table;
    struct pipc_error err; /* of the last look; result PIPC_OK: the table is fresh */
    uint64_t seen_ms;      /* when the table was fresh, 0: never */
    int code;              /* exit code of the last look */
    uint32_t refreshes, timeout_ms;
};

/* One frame on standard output: as large as the screen, or whole. */
void top_show(const struct top_state *top, const struct screen *screen);
/* One line with everything. */
void top_print_json(const struct top_state *top);

#endif
