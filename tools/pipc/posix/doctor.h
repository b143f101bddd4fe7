/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files of pipc doctor: what lies in the run directory, judged by the rules of the
 * specification and never changed.
 */
#ifndef PIPC_TOOL_DOCTOR_H
#define PIPC_TOOL_DOCTOR_H

#include "../tool.h"

#include <json-c/json.h>

#define DOCTOR_FILES_MAX 4096

enum doctor_state { DOCTOR_ALIVE, DOCTOR_DEAD, DOCTOR_UNKNOWN };

/* One entry that belongs to a service. */
struct doctor_file {
    char *name;
    bool endpoint; /* the socket; otherwise a region */
    enum doctor_state state;
    uint32_t pid; /* owner, 0: not known */
    uint32_t mode;
    uint32_t uid;
    char why[128];
};

struct doctor_files {
    struct doctor_file file[DOCTOR_FILES_MAX];
    size_t count;
    bool more; /* than fit */
};

/* A finding: "ok", "note" or "bad". */
void doctor_find(struct json_object *checks, const char *what, const char *verdict,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Whether the directory can be used, and who else could change it. */
bool doctor_run_dir(const char *run_dir, struct json_object *checks);
/* All entries of that service. Probes the socket: connects, sends nothing, closes. */
void doctor_files_list(const char *run_dir, const char *service, struct doctor_files *ret_files);
void doctor_files_free(struct doctor_files *files);
const char *doctor_state_name(enum doctor_state state);
/* Names of the services that have an entry there, each once, in order; NULL behind the last. */
char **doctor_services(const char *run_dir);

#endif
