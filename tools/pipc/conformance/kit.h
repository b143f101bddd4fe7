/* SPDX-License-Identifier: Apache-2.0
 *
 * The conformance kit: rules as cases, each run in a process of its own.
 *
 * The parent lists the cases that apply to the module's claims, starts itself anew for each one (so
 * that a module that crashes, hangs or leaks fails one case and not the run), and prints TAP. A
 * case ends with success when it returns, or through kit_fail or kit_skip. Single-threaded but for
 * what a case starts itself.
 */
#ifndef PIPC_KIT_H
#define PIPC_KIT_H

#include "../tool.h"

#include <pipc/pipc.h>

/* What is judged. */
struct kit_subject {
    const struct options *options;
    struct pipc_context *context; /* that loaded it; the module's own instance lives there too */
    const struct pipc_module *module; /* accepted descriptor */
    const char *file;                 /* NULL: built in */
};

/* One running case. */
struct kit {
    const struct kit_subject *subject;
    const char *dir; /* fresh directory of this case, 0700, removed afterwards */
};

/* A rule and the case that judges it. */
struct kit_case {
    const char *id;    /* "T-SEND-WHOLE": constant for ever */
    const char *title; /* condition and outcome, one sentence */
    uint32_t with;     /* traits of which all must be claimed (PIPC_TRAIT_, PIPC_CODEC_) */
    uint32_t without;  /* traits of which none may be claimed */
    void (*run)(struct kit *kit);
};
/* Tables end with an id of NULL. */
extern const struct kit_case *const kit_transport_tables[]; /* NULL-terminated list of tables */
extern const struct kit_case *const kit_codec_tables[];

/* Ends the case as failed, with what was wrong. */
_Noreturn void kit_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(PIPC_PRINTF_KIND, 3, 4)));
/* Ends it as late: it is run again, and has failed when it is late each time. */
_Noreturn void kit_late(const char *file, int line, const char *format, ...)
    __attribute__((format(PIPC_PRINTF_KIND, 3, 4)));
/* Ends the case as not possible here, with the reason (never for a claimed capability: a skipped
 * case with traits in `with` counts as failed). */
_Noreturn void kit_skip(const char *format, ...) __attribute__((format(PIPC_PRINTF_KIND, 1, 2)));
/* The same where the system has nothing that the rule is about, so that no module can break it;
 * then a claim changes nothing. */
_Noreturn void kit_absent(const char *format, ...) __attribute__((format(PIPC_PRINTF_KIND, 1, 2)));

#define KIT_CHECK(cond)          ((cond) ? (void)0 : kit_fail(__FILE__, __LINE__, "not true: %s", #cond))
#define KIT_CHECK_MSG(cond, ...) ((cond) ? (void)0 : kit_fail(__FILE__, __LINE__, __VA_ARGS__))
/* For upper bounds of time: a case that only was late is run again, because the machine may be busy
 * once, but not each time. */
#define KIT_CHECK_TIME(cond, ...) ((cond) ? (void)0 : kit_late(__FILE__, __LINE__, __VA_ARGS__))
#define KIT_CHECK_RESULT(expr, expected) \
    kit_check_result(__FILE__, __LINE__, #expr, (expr), (expected))
void kit_check_result(const char *file, int line, const char *what, pipc_result actual,
                      pipc_result expected);

/* ---- between the files of the kit ---- */

/* A context that has the module, with the case's own allocator and log (both may be NULL). Says
 * what is wrong in `err`. */
pipc_result kit_context_open(const struct kit_subject *subject,
                             const struct pipc_open_options *options,
                             struct pipc_context **ret_context, struct pipc_error *err);
/* Finds and loads the module that the command line names. -1, or an exit code after saying why. */
int kit_subject_open(const struct options *o, struct kit_subject *ret_subject);
void kit_subject_close(struct kit_subject *subject);

/* The running of one case in a child: exit codes of the child, and what became of it. */
enum {
    KIT_EXIT_OK = 0,
    KIT_EXIT_FAILED = 1,
    KIT_EXIT_SKIPPED = 77,
    KIT_EXIT_ABSENT = 78,
    KIT_EXIT_LATE = 79
};
struct kit_outcome {
    int exit_code;   /* -1: it did not exit by itself */
    int signal;      /* that ended it, 0: none */
    bool late;       /* the time limit passed, or the command was asked to stop */
    char text[4096]; /* what it printed, cut */
};
/* Runs this program anew with these arguments (argv[0] of any name), at most `limit_s` seconds;
 * ends all that it started. False: it could not be started, the reason is in `text`. */
bool kit_process_run(char *const *argv, uint32_t limit_s, struct kit_outcome *ret_outcome);
/* Name of a signal of an outcome, and the begin of a case in its own process. */
const char *kit_signal_text(int number);
void kit_process_begin(void);
/* A fresh directory in `parent` (NULL: the usual place), with a path short enough for addresses of
 * sockets; false with errno. */
bool kit_dir_make(const char *parent, char *ret_path, size_t len);
void kit_dir_remove(const char *path);

#endif
