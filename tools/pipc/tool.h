/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of the command share: options, context, output, exit codes.
 *
 * One process, one command: state of the command line lives in struct options, made once by main.
 */
#ifndef PIPC_TOOL_H
#define PIPC_TOOL_H

#include <pipc/pipc.h>

#include <stdbool.h>
#include <stdio.h>

#ifndef PIPC_PRINTF_KIND
#define PIPC_PRINTF_KIND                                                    \
    printf /* the build says so where the C library has two kinds of printf \
            */
#endif

/* Exit codes (docs/cli.md). */
enum {
    EXIT_DONE = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_THERE = 3,
    EXIT_AUTH = 4,
    EXIT_INCOMPATIBLE = 5,
    EXIT_TIMEOUT = 6,
    EXIT_ABORTED = 7,
    EXIT_IN_USE = 8,
    EXIT_BAD_DATA = 9
};

/* How often an option may be given that takes a list. */
#define OPTION_TEXTS 16u
struct option_texts {
    const char *at[OPTION_TEXTS];
    uint32_t count;
};

/* Options of every command; a NULL or 0 with `given` clear was not on the command line. */
struct options {
    const char *config, *module_dir, *run_dir, *service, *token_file, *transports, *carrier;
    const char *check, *data, *cgroup_root, *proc_root, *find;
    const char *module, *builtin, *only, *one_case, *case_dir, *samples, *wraps;
    struct option_texts module_options;
    const char *duration, *spin, *level, *pin;
    bool json, verbose, explain, live, from_stdin, all, batch, hex, lines, csv, no_server, no_floor,
        list, once, clean;
    bool token_given, timeout_given, items_given, wait_given, count_given, rate_given;
    uint64_t token;
    uint32_t timeout_ms, max_request_bytes, max_response_bytes, max_batch_items, packet_size;
    uint32_t growth_ceiling_bytes, response_ceiling_bytes;
    uint32_t max_sessions, interval_ms, stats_ms, repeat, wait_ms, count, items;
    uint32_t rate, depth, rounds, limit_s;
    const char *command;
    char **words; /* arguments behind the command */
    int word_count;
};

/* Parses the command line. Returns -1 to go on, or an exit code (usage errors say why). */
int options_parse(int argc, char **argv, struct options *ret_options);
/* Decimal or 0x number of at most `max`; false otherwise. */
bool number_parse(const char *text, uint64_t max, uint64_t *ret_value);

/* One line on standard error, "pipc: " first. Returns `code`. */
int complain(int code, const char *format, ...) __attribute__((format(PIPC_PRINTF_KIND, 2, 3)));
/* Flushes standard output. False when that or an earlier write failed: the command ends, and main
 * says why. */
bool output_flush(void);
/* Usage error: EXIT_USAGE. */
#define usage(...) complain(EXIT_USAGE, __VA_ARGS__)

/* Exit code of a failed connection attempt, of a failed call, of anything else. */
int exit_of_attempt(pipc_result result);
int exit_of_call(const struct pipc_error *err);
int exit_of(pipc_result result);
/* Says the error (with --json as {"error":..,"message":..} on standard output) and returns `code`.
 */
int fail(const struct options *o, const struct pipc_error *err, int code);
/* The same with a sentence of the caller's. */
int fail_with(const struct options *o, pipc_result result, int code, const char *format, ...)
    __attribute__((format(PIPC_PRINTF_KIND, 4, 5)));
/* A wrong argument: EXIT_USAGE. */
#define refuse(o, ...) fail_with(o, PIPC_ERR_BAD_PARAM, EXIT_USAGE, __VA_ARGS__)

/* ---- context ---- */

/* A context from --config and the options that are not fields of Level 2 structures; `service`
 * NULL: none. Says what is wrong itself. */
int context_open(const struct options *o, const char *service, struct pipc_context **ret_context);
/* What a command may set above all of that, for one service; NULL: not given. */
struct context_more {
    const char *transport; /* the only one */
    const char *spin;      /* its option */
    const struct pipc_allocator *allocator;
};
/* The same without a word: the error is the caller's to tell. */
pipc_result context_make(const struct options *o, const char *service,
                         const struct context_more *more, struct pipc_context **ret_context,
                         struct pipc_error *err);
/* The configuration that context_open would use, into `config`. */
pipc_result context_configure(const struct options *o, const char *service,
                              struct pipc_config *config, struct pipc_error *err);
/* KIND with '-' for '_' allowed; into `ret_name`. */
void kind_name(const char *word, char ret_name[33]);
/* Generic table of a kind and its service name (--service, else the codec's own). Says what is
 * wrong itself. */
int kind_open(const struct options *o, const char *word, struct pipc_context **ret_context,
              const struct pipc_codec_ops **ret_ops, char ret_name[33], const char **ret_service);
/* Service directory in force: option, configuration, default. `make`: creates the default one. */
int run_dir_find(const struct options *o, struct pipc_context *context, const char *service,
                 bool make, char *ret_path, size_t len);
/* Deadline of a call in force: option, configuration, default. */
uint32_t call_timeout(const struct options *o, struct pipc_context *context, const char *service);
/* The same with another default. */
uint32_t call_timeout_or(const struct options *o, struct pipc_context *context, const char *service,
                         uint32_t otherwise);
void client_config_from(const struct options *o, struct pipc_client_config *ret_config);

/* ---- commands ---- */

int command_info(const struct options *o);
int command_serve(const struct options *o);
int command_call(const struct options *o);
int command_watch(const struct options *o);
int command_top(const struct options *o);
int command_doctor(const struct options *o);
int command_decode(const struct options *o);
int command_encode(const struct options *o);
int command_bench(const struct options *o);
int command_conformance(const struct options *o);

/* Set by SIGINT and SIGTERM in the commands that ask for it with signals_watch; calls `action`
 * too. */
void signals_watch(void (*action)(void));
bool signals_came(void);
/* A pause that a signal ends; false if one has come. */
bool pause_ms(uint32_t ms);
uint64_t now_ms(void);

#endif
