/* SPDX-License-Identifier: Apache-2.0
 *
 * What the command needs of the system it runs on; by posix/ and windows/.
 *
 * Everything here belongs to the main thread, except serve_stop.
 */
#ifndef PIPC_TOOL_SYSTEM_H
#define PIPC_TOOL_SYSTEM_H

#include "tool.h"

/* First of all: arguments as UTF-8, standard streams that are there and carry bytes unchanged, and
 * a quiet end when nobody reads them. */
void system_begin(int *argc, char ***argv);
/* Writes to standard error; a reader that has gone ends nothing. */
void system_complain(const char *line, size_t len);
/* Ends the process at once, without flushing. */
void system_leave(int code) __attribute__((noreturn));

/* The path of this program; NULL if it cannot be told. In a static buffer. */
const char *system_own_path(void);
/* A path of the command line as an absolute one, without what says nothing in it; false if it does
 * not fit. A ".." behind a name stays, because the name may be a link. */
bool system_whole_path(const char *path, char *buf, size_t len);
/* Takes empty and "." components and slashes at the end out of a path that begins with a slash. By
 * path.c. */
void path_tidy(char *path);
/* The service directory without option and configuration; what snprintf returns. */
int system_default_run_dir(char *buf, size_t len);
/* Makes a directory for this user alone; true also when it is there. errno otherwise. */
bool system_make_dir(const char *path);
/* A whole file with a NUL behind, to be freed; NULL with the reason said. Never blocks. */
char *system_read_file(const char *path, size_t *ret_len);

/* What `pipc serve` waits for; serve_block comes before any thread is made. */
enum { SERVE_STOP, SERVE_REREAD, SERVE_TICK };
void serve_block(void);
/* Until one of them; a tick comes after `cadence_ms`, 0: never. */
int serve_wait(uint64_t cadence_ms);
/* From any thread: the next wait says stop. */
void serve_stop(void);

/* The listener handed in by a service manager: *ret_handle, or PIPC_NO_HANDLE without one. -1, or
 * an exit code. */
int activation_take(pipc_handle *ret_handle);
/* Tells the service manager that the server is ready. */
void activation_ready(void);

#endif
