/* SPDX-License-Identifier: Apache-2.0
 *
 * "Fail the n-th": every operation is run once for every call that it makes, and for every code
 * that the call can fail with. Each time the result must be one that the operation allows, the
 * sentence must name the object, nothing may be left of memory, mappings, descriptors, threads and
 * files, and the object must still work or close.
 *
 *   nth [--only TEXT | --exactly NAME] [--point N:V:L] [--print] [--list] [--every K]
 *
 * Each operation runs in a process of its own, which the leak checker sees to its end. The last
 * line is `visited N points, M wrong`.
 */
#include "world.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CALLS_MAX         4000u /* more than any operation makes */
#define WORST_SHOWN       20u
#define POINT_SECONDS_MAX 30u /* then it hangs, and SIGALRM ends the process */
#define POINT_MS_MAX      15000u
#define SETTLE_MS         3000u

static const struct operation *const tables[] = {context_operations, session_operations,
                                                 message_operations, client_operations,
                                                 server_operations,  cache_operations};

static struct {
    const char *only;
    struct inject_fault point;
    bool one, print, list, exactly;
    unsigned every;
} options = {.every = 1};

/* Seen by the parent, so that a crash is reported with its point. */
static struct {
    struct inject_fault point;
    unsigned visited, wrong;
    bool lasted;
} * shared;

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void wrong(const struct operation *op, const struct inject_fault *fault,
                  const struct inject_outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void wrong(const struct operation *op, const struct inject_fault *fault,
                  const struct inject_outcome *outcome, const char *format, ...)
{
    va_list arguments;

    if (++shared->wrong > WORST_SHOWN && !options.print)
        return;
    printf("WRONG %s at %u:%u:%u (%s, %s): ", op->name, fault->at, fault->variant, fault->lasting,
           outcome->hit ? inject_call_name(outcome->call) : "no fault",
           outcome->hit ? strerrorname_np(outcome->code) : "-");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

/* ---- what may come out ---- */

static bool is_expected(const struct operation *op, const struct inject_outcome *outcome,
                        bool wanted_lasting, pipc_result result)
{
    const bool lasting = wanted_lasting && inject_may_last(outcome->call, outcome->code);

    if (!outcome->hit)
        return result == PIPC_OK;
    if (!lasting && outcome->code == EINTR)
        return result == PIPC_OK;
    if (!lasting && inject_is_transient(outcome->call, outcome->code))
        return result == PIPC_OK || result == op->transient;
    for (const struct expected *e = op->expected; e && e->results[0] != PIPC_OK; e++) {
        if (e->call != outcome->call)
            continue;
        if (result == PIPC_OK)
            return e->or_ok;
        for (unsigned i = 0; i < 5 && e->results[i] != PIPC_OK; i++)
            if (e->results[i] == result)
                return true;
        return false;
    }
    return result == PIPC_OK;
}

/* What is wrong with the record, or NULL. */
static const char *judge_record(const struct operation *op, pipc_result result,
                                const struct pipc_error *err)
{
    const size_t len = strnlen(err->text, sizeof(err->text));
    bool named = false;

    if (!op->names[0] || result == PIPC_OK)
        return NULL;
    if (err->result != result)
        return "the record has another result";
    if (len == 0 || len == sizeof(err->text) || strchr(err->text, '\n'))
        return "the sentence is empty, not ended, or more than a line";
    for (unsigned i = 0; i < 10 && op->names[i]; i++)
        named = named || strstr(err->text, op->names[i]);
    return named ? NULL : "the sentence does not name the object";
}

static bool is_same(const struct inject_held *a, const struct inject_held *b)
{
    return a->blocks == b->blocks && a->mappings == b->mappings && a->threads == b->threads &&
           a->descriptors == b->descriptors;
}

/* The peer's threads end a little later. */
static struct inject_held settled(const struct inject_held *before)
{
    struct inject_held now = inject_held();
    const uint64_t begin = now_ms();

    while (!is_same(before, &now) && now_ms() - begin < SETTLE_MS) {
        const struct timespec pause = {0, 1000000};
        nanosleep(&pause, NULL);
        now = inject_held();
    }
    return now;
}

/* ---- one point ---- */

/* False, and nothing is said: the time was over where it should not have been, and it was short. */
static bool visit_once(const struct operation *op, struct world *w,
                       const struct inject_fault *fault, struct inject_outcome *ret_outcome)
{
    const struct inject_held before = inject_held();
    const unsigned files = world_files(w);
    const uint64_t begin = now_ms();
    struct pipc_error err = PIPC_ERROR_INIT;
    struct inject_outcome outcome;
    struct inject_held after;
    const char *fault_found;
    pipc_result result;

    shared->point = *fault;
    (void)alarm(POINT_SECONDS_MAX);
    if (op->prepare)
        op->prepare(w);
    inject_arm(fault);
    result = op->act(w, &err);
    outcome = inject_disarm();
    if (options.print && outcome.hit)
        printf("%-28s %4u:%u:%u %-12s %-12s -> %-16s %s\n", op->name, fault->at, fault->variant,
               fault->lasting, inject_call_name(outcome.call), strerrorname_np(outcome.code),
               pipc_result_name(result), result == PIPC_OK ? "" : err.text);
    const bool expected = is_expected(op, &outcome, fault->lasting, result);
    const bool again = !expected && result == PIPC_ERR_TIMEOUT && wait_ms == SHORT_MS;
    if (!expected && !again)
        wrong(op, fault, &outcome, "result %s: %s", pipc_result_name(result), err.text);
    fault_found = judge_record(op, result, &err);
    if (fault_found)
        wrong(op, fault, &outcome, "%s: '%s', result %s", fault_found, err.text,
              pipc_result_name(result));
    fault_found = op->judge ? op->judge(w, result) : NULL;
    if (fault_found && !again)
        wrong(op, fault, &outcome, "%s (result %s: %s)", fault_found, pipc_result_name(result),
              err.text);
    if (op->clean)
        op->clean(w);
    after = settled(&before);
    if (!is_same(&before, &after))
        wrong(op, fault, &outcome,
              "left: %ld blocks, %ld mappings, %ld threads, %ld descriptors (result %s)",
              after.blocks - before.blocks, after.mappings - before.mappings,
              after.threads - before.threads, after.descriptors - before.descriptors,
              pipc_result_name(result));
    if (world_files(w) != files)
        wrong(op, fault, &outcome, "%u files became %u", files, world_files(w));
    if (now_ms() - begin > POINT_MS_MAX)
        wrong(op, fault, &outcome, "took %u ms", (unsigned)(now_ms() - begin));
    if (outcome.hit && !again)
        shared->visited++;
    *ret_outcome = outcome;
    return !again;
}

static struct inject_outcome visit(const struct operation *op, struct world *w,
                                   const struct inject_fault *fault)
{
    struct inject_outcome outcome;

    if (!visit_once(op, w, fault, &outcome)) {
        wait_ms = LONG_MS;
        (void)visit_once(op, w, fault, &outcome);
        wait_ms = SHORT_MS;
    }
    return outcome;
}

/* ---- an operation with all its points ---- */

static void visit_call(const struct operation *op, struct world *w, unsigned at)
{
    unsigned variants = 1;

    for (unsigned v = 0; v < variants; v++) {
        struct inject_fault fault = {at, v, false};
        const struct inject_outcome outcome = visit(op, w, &fault);
        if (!outcome.hit)
            return;
        variants = inject_variants(outcome.call);
        if (inject_may_last(outcome.call, outcome.code)) {
            fault.lasting = true;
            (void)visit(op, w, &fault);
        }
    }
}

static void run(const struct operation *op)
{
    const struct inject_fault none = {0, 0, false};
    struct world w;
    unsigned calls;

    world_open(&w, op->planes);
    if (op->begin)
        op->begin(&w);
    (void)visit(op, &w, &none); /* what is made once is there from now on */
    calls = visit(op, &w, &none).calls;
    if ((calls == 0 && !op->many_threads) || calls > CALLS_MAX)
        broken("%s: %u calls are counted", op->name, calls);
    if (options.one)
        (void)visit(op, &w, &options.point);
    for (unsigned at = 1; !options.one && at <= calls; at += options.every)
        visit_call(op, &w, at);
    if (op->end)
        op->end(&w);
    world_close(&w);
}

/* A process for it, so that one that crashes or leaks is told from the others. */
static bool run_apart(const struct operation *op)
{
    const unsigned visited = shared->visited, before = shared->wrong;
    const uint64_t begin = now_ms();
    pid_t child;
    int status;

    fflush(NULL);
    child = fork();
    if (child < 0)
        broken("fork");
    if (child == 0) {
        run(op);
        exit(0); /* the leak checker looks now */
    }
    waitpid(child, &status, 0);
    if (status != 0) {
        printf("WRONG %s: %s %d at or after %u:%u:%u\n", op->name,
               WIFSIGNALED(status) ? "signal" : "exit status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), shared->point.at,
               shared->point.variant, shared->point.lasting);
        shared->wrong++;
    }
    printf("%-34s %5u points, %u wrong, %u ms\n", op->name, shared->visited - visited,
           shared->wrong - before, (unsigned)(now_ms() - begin));
    fflush(stdout);
    return shared->wrong == before;
}

static void parse(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned lasting;
        if (strcmp(argv[i], "--print") == 0) {
            options.print = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            options.list = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            options.only = argv[++i];
        } else if (strcmp(argv[i], "--exactly") == 0 && i + 1 < argc) {
            options.only = argv[++i];
            options.exactly = true;
        } else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc && atoi(argv[i + 1]) > 0) {
            options.every = (unsigned)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--point") == 0 && i + 1 < argc &&
                   sscanf(argv[++i], "%u:%u:%u", &options.point.at, &options.point.variant,
                          &lasting) == 3) {
            options.point.lasting = lasting != 0;
            options.one = options.print = true;
        } else {
            broken("usage: nth [--only TEXT | --exactly NAME] [--point N:V:L] [--print] [--list] "
                   "[--every K]");
        }
    }
}

int main(int argc, char **argv)
{
    unsigned chosen = 0;

    parse(argc, argv);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        broken("mmap");
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct operation *op = tables[t]; op->name; op++) {
            if (options.only && !(options.exactly ? strcmp(op->name, options.only) == 0
                                                  : strstr(op->name, options.only) != NULL))
                continue;
            chosen++;
            if (options.list)
                printf("%s\n", op->name);
            else
                (void)run_apart(op);
        }
    }
    if (options.list)
        return 0;
    printf("visited %u points, %u wrong\n", shared->visited, shared->wrong);
    /* An operation whose threads made no call this time has no points; run() tells those that must.
     */
    return shared->wrong || chosen == 0;
}
