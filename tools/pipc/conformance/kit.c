/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc conformance: which cases apply to a module, each in a child, TAP, exit code.
 *
 * A case is chosen by what the module claims, never by its name; a claimed capability whose case is
 * skipped is a failure.
 */
#include "kit.h"

#include "../json.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIMIT_DEFAULT_S 30u
#define TRIES           3 /* of a case that was late */

/* ---- inside a case ---- */

__attribute__((format(PIPC_PRINTF_KIND, 3, 0))) static _Noreturn void case_end(int code,
                                                                               const char *where,
                                                                               const char *format,
                                                                               va_list args)
{
    printf("%s", where);
    vprintf(format, args);
    printf("\n");
    fflush(stdout);
    _exit(code); /* no exit handlers: the module may be in any state */
}

__attribute__((format(PIPC_PRINTF_KIND, 4, 0))) static _Noreturn void case_end_at(
    int code, const char *file, int line, const char *format, va_list args)
{
    const char *const base = strrchr(file, '/');
    char where[128];

    snprintf(where, sizeof(where), "%s:%d: ", base ? base + 1 : file, line);
    case_end(code, where, format, args);
}

void kit_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    case_end_at(KIT_EXIT_FAILED, file, line, format, args);
}

void kit_late(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    case_end_at(KIT_EXIT_LATE, file, line, format, args);
}

void kit_skip(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    case_end(KIT_EXIT_SKIPPED, "", format, args);
}

void kit_absent(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    case_end(KIT_EXIT_ABSENT, "", format, args);
}

void kit_check_result(const char *file, int line, const char *what, pipc_result actual,
                      pipc_result expected)
{
    if (actual != expected)
        kit_fail(file, line, "%s: %s, expected %s", what, pipc_result_name(actual),
                 pipc_result_name(expected));
}

/* ---- the list ---- */

static uint32_t traits_of(const struct pipc_module *module)
{
    return module->kind == PIPC_MODULE_TRANSPORT
               ? ((const struct pipc_transport_ops *)module->ops)->traits
               : ((const struct pipc_codec_ops *)module->ops)->traits;
}

static bool applies(const struct kit_case *c, const struct pipc_module *module)
{
    const uint32_t traits = traits_of(module);

    return (traits & c->with) == c->with && (traits & c->without) == 0;
}

/* Whether `id` is one of a list of words with commas between. */
static bool in_list(const char *list, const char *id)
{
    const size_t len = strlen(id);

    for (const char *at = list; (at = strstr(at, id)); at += len) {
        if ((at == list || at[-1] == ',') && (!at[len] || at[len] == ','))
            return true;
    }
    return false;
}

/* Calls `each` for every case that applies and is wanted; the number of them. */
static unsigned each_case(const struct kit_subject *subject,
                          void (*each)(void *arg, const struct kit_case *c), void *arg)
{
    const struct kit_case *const *table =
        subject->module->kind == PIPC_MODULE_TRANSPORT ? kit_transport_tables : kit_codec_tables;
    const char *const only = subject->options->only;
    unsigned count = 0;

    for (; *table; table++) {
        for (const struct kit_case *c = *table; c->id; c++) {
            if (!applies(c, subject->module) || (only && !in_list(only, c->id)))
                continue;
            count++;
            if (each)
                each(arg, c);
        }
    }
    return count;
}

/* Every word of --only must name a case that applies: a mistyped rule must not pass. */
static int only_check(const struct options *o, const struct kit_subject *subject)
{
    struct options one = *o;
    const struct kit_subject narrowed = {&one, subject->context, subject->module, subject->file};
    char id[64];

    for (const char *word = o->only; word && *word;) {
        const size_t len = strcspn(word, ",");
        snprintf(id, sizeof(id), "%.*s", (int)len, word);
        one.only = id;
        if (len == 0 || len >= sizeof(id) || each_case(&narrowed, NULL, NULL) == 0)
            return refuse(o, "--only '%s': no such case for the claims of %s (--list shows them)",
                          id, subject->module->name);
        word += len + (word[len] == ',');
    }
    return -1;
}

static void add_text(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_of_text(text));
}

static void print_listed(void *arg, const struct kit_case *c)
{
    const struct options *o = arg;

    if (o->json) {
        struct json_object *object = json_object_new_object();
        add_text(object, "id", c->id);
        add_text(object, "title", c->title);
        json_print(stdout, object);
        json_object_put(object);
    } else {
        printf("%s %s\n", c->id, c->title);
    }
}

/* ---- the run ---- */

struct run {
    const struct kit_subject *subject;
    unsigned number, failed;
    bool stopped;
};

/* Arguments of the child: the same subject, one case. */
static void child_run(const struct options *o, const char *id, const char *dir,
                      struct kit_outcome *ret_outcome)
{
    const char *words[24 + 2 * OPTION_TEXTS];
    size_t count = 0;
    const struct {
        const char *name, *value;
    } taken[] = {{"--config", o->config},   {"--module-dir", o->module_dir},
                 {"--carrier", o->carrier}, {"--module", o->module},
                 {"--builtin", o->builtin}, {"--samples", o->samples},
                 {"--wraps", o->wraps},     {"--case", id},
                 {"--case-dir", dir}};

    words[count++] = "pipc";
    words[count++] = "conformance";
    if (o->verbose)
        words[count++] = "--verbose";
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (taken[i].value) {
            words[count++] = taken[i].name;
            words[count++] = taken[i].value;
        }
    }
    for (uint32_t i = 0; i < o->module_options.count; i++) {
        words[count++] = "--option";
        words[count++] = o->module_options.at[i];
    }
    words[count] = NULL;
    if (!kit_process_run((char *const *)(uintptr_t)words, o->limit_s ? o->limit_s : LIMIT_DEFAULT_S,
                         ret_outcome))
        ret_outcome->exit_code = -1;
}

/* Whether the case is passed; otherwise `why` is the first line of the reason. */
static const char *judge(const struct kit_case *c, const struct kit_outcome *outcome, char *why,
                         size_t len)
{
    why[0] = 0;
    if (outcome->late)
        snprintf(why, len, "hangs: it was not done within the time limit");
    else if (outcome->signal)
        snprintf(why, len, "ended by signal %d (%s)", outcome->signal,
                 kit_signal_text(outcome->signal));
    else if (outcome->exit_code == KIT_EXIT_OK)
        return "ok";
    else if (outcome->exit_code == KIT_EXIT_ABSENT ||
             (outcome->exit_code == KIT_EXIT_SKIPPED && c->with == 0))
        return "skipped";
    else if (outcome->exit_code == KIT_EXIT_SKIPPED)
        snprintf(why, len, "skipped, but the module claims what this case judges");
    else if (outcome->exit_code != KIT_EXIT_FAILED && outcome->exit_code != KIT_EXIT_LATE)
        snprintf(why, len, "ended with exit code %d", outcome->exit_code);
    return "failed";
}

/* Lines of a reason, each behind "# ". */
static void print_reason(const char *why, const char *text)
{
    if (*why)
        printf("# %s\n", why);
    while (*text) {
        const size_t len = strcspn(text, "\n");
        if (len)
            printf("# %.*s\n", (int)len, text);
        text += len + (text[len] == '\n');
    }
}

static void print_json(const struct kit_case *c, const char *verdict, const char *why,
                       const char *text)
{
    struct json_object *object = json_object_new_object();

    add_text(object, "id", c->id);
    add_text(object, "title", c->title);
    add_text(object, "result", verdict);
    if (strcmp(verdict, "ok") != 0)
        json_object_object_add(object, "reason", json_of_sentence(*why ? why : text));
    json_print(stdout, object);
    json_object_put(object);
}

static void print_tap(unsigned number, const struct kit_case *c, const char *verdict,
                      const char *why, const char *text)
{
    if (strcmp(verdict, "skipped") == 0) {
        printf("ok %u - %s %s # SKIP %.*s\n", number, c->id, c->title, (int)strcspn(text, "\n"),
               text);
        return;
    }
    printf("%sok %u - %s %s\n", strcmp(verdict, "ok") == 0 ? "" : "not ", number, c->id, c->title);
    if (strcmp(verdict, "ok") != 0)
        print_reason(why, text);
}

static void try_case(const struct options *o, const struct kit_case *c, struct kit_outcome *outcome)
{
    char dir[64];

    memset(outcome, 0, sizeof(*outcome));
    if (kit_dir_make(o->run_dir, dir, sizeof(dir))) {
        child_run(o, c->id, dir, outcome);
        kit_dir_remove(dir);
    } else {
        outcome->exit_code = -1;
        snprintf(outcome->text, sizeof(outcome->text), "no directory for the case: %s",
                 strerror(errno));
    }
}

static void run_case(void *arg, const struct kit_case *c)
{
    struct run *run = arg;
    const struct options *o = run->subject->options;
    static struct kit_outcome outcome;
    const char *verdict;
    char why[128];

    if (run->stopped)
        return;
    try_case(o, c, &outcome);
    for (int i = 1; i < TRIES && outcome.exit_code == KIT_EXIT_LATE && !signals_came(); i++)
        try_case(o, c, &outcome);
    run->stopped = signals_came();
    if (run->stopped)
        return;
    verdict = judge(c, &outcome, why, sizeof(why));
    run->number++;
    run->failed += strcmp(verdict, "failed") == 0;
    if (o->json)
        print_json(c, verdict, why, outcome.text);
    else
        print_tap(run->number, c, verdict, why, outcome.text);
    run->stopped = !output_flush();
}

static int run_all(const struct kit_subject *subject)
{
    struct run run = {.subject = subject};

    signals_watch(NULL);
    if (!subject->options->json)
        printf("TAP version 13\n1..%u\n", each_case(subject, NULL, NULL));
    each_case(subject, run_case, &run);
    if (signals_came())
        return complain(EXIT_ABORTED, "%s: stopped by a signal after %u cases",
                        subject->module->name, run.number);
    return run.failed || run.number == 0 ? EXIT_FAILED : EXIT_DONE;
}

/* The child: one case. */
static int run_one(const struct kit_subject *subject)
{
    const struct options *o = subject->options;
    const struct kit_case *const *table =
        subject->module->kind == PIPC_MODULE_TRANSPORT ? kit_transport_tables : kit_codec_tables;
    struct kit kit = {.subject = subject, .dir = o->case_dir};

    kit_process_begin();
    for (; *table; table++) {
        for (const struct kit_case *c = *table; c->id; c++) {
            if (strcmp(c->id, o->one_case) == 0) {
                c->run(&kit);
                return KIT_EXIT_OK;
            }
        }
    }
    return refuse(o, "--case '%s': no such case", o->one_case);
}

int command_conformance(const struct options *o)
{
    struct kit_subject subject;
    int code;

    if (!o->module == !o->builtin)
        return refuse(o, "conformance needs --module FILE or --builtin NAME, one of them");
    if (o->word_count)
        return refuse(o, "conformance takes no argument '%s'", o->words[0]);
    if (o->one_case && !o->case_dir)
        return refuse(o, "--case needs --case-dir");
    code = kit_subject_open(o, &subject);
    if (code < 0)
        code = only_check(o, &subject);
    else
        return code;
    if (code < 0 && o->one_case)
        code = run_one(&subject);
    else if (code < 0 && o->list)
        code = each_case(&subject, print_listed, (void *)(uintptr_t)o) ? EXIT_DONE : EXIT_FAILED;
    else if (code < 0)
        code = run_all(&subject);
    kit_subject_close(&subject);
    return code;
}
