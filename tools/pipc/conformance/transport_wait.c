/* SPDX-License-Identifier: Apache-2.0
 *
 * Waits: every entry that may block, judged by the same rules. Deadline, PIPC_NOW, abort by handle
 * and by flag, the order among them, interrupt, signals.
 *
 * An entry is a row of a table: how to bring it into a state in which it blocks, how to call it,
 * and how to make it able to go on.
 */
#include "rig.h"
#include "tables.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define LATE_NS (UINT64_C(150) * PIPC_NS_PER_MS) /* a slice of waiting, and what is busy here */

/* An entry in a state in which it waits. */
struct scene {
    struct kit_rig *rig;
    const struct pipc_transport_ops *ops;
    struct kit_pair pair;
    struct pipc_received received;
    void *channel; /* what accept gave */
    void *client;  /* what made it able to */
    char got[4096];
};

struct entry {
    const char *name;
    uint32_t with, without;
    void (*block)(struct scene *s);
    pipc_result (*call)(struct scene *s, const struct pipc_wait *wait);
    void (*supply)(struct scene *s); /* it can go on now */
    bool (*untouched)(struct scene *s);
    void (*done)(struct scene *s);
};

static char mark;

/* ---- accept ---- */

static void accept_block(struct scene *s)
{
    s->channel = &mark;
    kit_rig_listen(s->rig);
}

static pipc_result accept_call(struct scene *s, const struct pipc_wait *wait)
{
    return s->ops->accept(s->rig->m.self, s->rig->listener, wait, &s->channel, &s->rig->err);
}

static void accept_supply(struct scene *s)
{
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);

    KIT_CHECK_RESULT(
        s->ops->connect(s->rig->m.self, &s->rig->endpoint, &wait, &s->client, &s->rig->err),
        PIPC_OK);
}

static bool accept_untouched(struct scene *s)
{
    return s->channel == &mark;
}

static void accept_done(struct scene *s)
{
    if (s->channel != &mark)
        s->ops->close(s->channel, 0);
    if (s->client)
        s->ops->close(s->client, 0);
}

/* ---- receive ---- */

static void receive_block(struct scene *s)
{
    kit_pair_open(s->rig, &s->pair);
    s->received = (struct pipc_received){.size = sizeof(s->received), .flags = 77, .len = 7777};
    memset(s->got, 'u', sizeof(s->got));
}

static pipc_result receive_call(struct scene *s, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {s->got, sizeof(s->got)};

    return s->ops->receive(s->pair.server, &piece, 1, wait, &s->received, &s->rig->err);
}

static void receive_supply(struct scene *s)
{
    KIT_CHECK_RESULT(kit_send(s->rig, s->pair.client, kit_text("packet"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
}

static bool receive_untouched(struct scene *s)
{
    return s->received.flags == 77 && s->received.len == 7777 && s->got[0] == 'u';
}

static void pair_done(struct scene *s)
{
    kit_pair_close(s->rig, &s->pair);
}

/* ---- send ---- */

static pipc_result send_call(struct scene *s, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {s->got, sizeof(s->got)};

    return s->ops->send(s->pair.client, &piece, 1, wait, &s->rig->err);
}

/* What is under way in the system may make room once more, a moment later. */
#define SETTLED_MS 60

static void send_block(struct scene *s)
{
    const struct pipc_wait now = kit_wait_now();
    struct pipc_wait settled;
    int i = 0;

    kit_pair_open(s->rig, &s->pair);
    memset(s->got, 's', sizeof(s->got));
    do {
        for (; send_call(s, &now) == PIPC_OK; i++)
            KIT_CHECK_MSG(i < 100000, "a channel that nobody reads takes any number of packets");
        settled = kit_wait(SETTLED_MS);
    } while (send_call(s, &settled) == PIPC_OK);
}

static void send_supply(struct scene *s)
{
    static char taken[sizeof(s->got)];
    struct pipc_received received;

    while (s->ops->look(s->pair.server) == PIPC_LOOK_READABLE)
        KIT_CHECK_RESULT(
            kit_receive(s->rig, s->pair.server, taken, sizeof(taken), KIT_SOON_MS, &received),
            PIPC_OK);
}

static bool send_untouched(struct scene *s)
{
    (void)s;
    return true;
}

static const struct entry entries[] = {
    {"accept", PIPC_TRAIT_BASELINE, 0, accept_block, accept_call, accept_supply, accept_untouched,
     accept_done},
    {"receive", 0, 0, receive_block, receive_call, receive_supply, receive_untouched, pair_done},
    {"send", 0, PIPC_TRAIT_ONE_OUTSTANDING, send_block, send_call, send_supply, send_untouched,
     pair_done},
};

/* Runs one rule on every entry that the module has. */
static void on_each(struct kit *kit, void (*rule)(const struct entry *e, struct scene *s))
{
    const uint32_t traits = ((const struct pipc_transport_ops *)kit->subject->module->ops)->traits;
    static struct scene s;

    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        const struct entry *const e = &entries[i];
        if ((traits & e->with) != e->with || (traits & e->without))
            continue;
        memset(&s, 0, sizeof(s));
        s.rig = kit_rig_open(kit);
        s.ops = &s.rig->m.ops;
        e->block(&s);
        rule(e, &s);
        e->done(&s);
        kit_rig_close(s.rig);
    }
}

static void expect(const struct entry *e, struct scene *s, const struct pipc_wait *wait,
                   pipc_result expected, const char *when)
{
    const pipc_result r = e->call(s, wait);

    KIT_CHECK_MSG(r == expected, "%s %s: %s, expected %s", e->name, when, pipc_result_name(r),
                  pipc_result_name(expected));
}

/* ---- the rules ---- */

/* Lateness of the best of a few tries: the machine may be busy once, but not each time. */
static void now_rule(const struct entry *e, struct scene *s)
{
    const struct pipc_wait now = kit_wait_now();
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 5; i++) {
        const uint64_t began = kit_now_ns();
        expect(e, s, &now, PIPC_ERR_TIMEOUT, "with PIPC_NOW and nothing to do");
        const uint64_t took = kit_now_ns() - began;
        best = took < best ? took : best;
    }
    KIT_CHECK_TIME(best < 10 * PIPC_NS_PER_MS, "%s with PIPC_NOW took %llu us", e->name,
                   (unsigned long long)(best / 1000));
    e->supply(s);
    expect(e, s, &now, PIPC_OK, "with PIPC_NOW and something to do");
}

static void deadline_rule(const struct entry *e, struct scene *s)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 5 && best > LATE_NS; i++) {
        const struct pipc_wait wait = kit_wait(30);
        expect(e, s, &wait, PIPC_ERR_TIMEOUT, "until a deadline");
        const uint64_t now = kit_now_ns();
        KIT_CHECK_MSG(now >= wait.deadline_ns, "%s ended %llu us before its deadline", e->name,
                      (unsigned long long)((wait.deadline_ns - now) / 1000));
        best = now - wait.deadline_ns < best ? now - wait.deadline_ns : best;
    }
    KIT_CHECK_TIME(best <= LATE_NS, "%s ended %llu ms after its deadline", e->name,
                   (unsigned long long)(best / PIPC_NS_PER_MS));
}

static void success_rule(const struct entry *e, struct scene *s)
{
    struct pipc_wait past = kit_wait(0);

    past.deadline_ns = 1;
    expect(e, s, &past, PIPC_ERR_TIMEOUT, "after its deadline with nothing to do");
    e->supply(s);
    expect(e, s, &past, PIPC_OK, "after its deadline with something to do");
}

/* An abort by handle, and the flag that says it sooner. */
struct stop {
    struct kit_stop object;
    uint32_t flag;
};

static void stop_make(struct stop *stop)
{
    kit_stop_make(&stop->object);
    stop->flag = 0;
}

static void stop_set(struct stop *stop)
{
    __atomic_store_n(&stop->flag, 1, __ATOMIC_RELEASE);
    kit_stop_set(&stop->object);
}

static void stop_free(struct stop *stop)
{
    kit_stop_free(&stop->object);
}

/* Abort that is there already wins over success; the byte is not consumed; then success. */
static void abort_before(const struct entry *e, struct scene *s, bool with_flag)
{
    struct stop stop;
    struct pipc_wait wait = kit_wait(KIT_SOON_MS);

    stop_make(&stop);
    stop_set(&stop);
    wait.abort = stop.object.handle;
    wait.abort_flag = with_flag ? &stop.flag : NULL;
    expect(e, s, &wait, PIPC_ERR_ABORTED, "with abort set and nothing to do");
    e->supply(s);
    expect(e, s, &wait, PIPC_ERR_ABORTED, "with abort set and something to do");
    KIT_CHECK_MSG(kit_stop_kept(&stop.object), "the abort was consumed");
    stop.flag = 0;
    expect(e, s, &wait, PIPC_OK, "after an abort that left it where it was");
    stop_free(&stop);
}

static void abort_handle_rule(const struct entry *e, struct scene *s)
{
    abort_before(e, s, false);
}

static void abort_flag_rule(const struct entry *e, struct scene *s)
{
    abort_before(e, s, true);
}

struct later {
    struct stop *stop;
    struct scene *s;
    uint64_t at_ns; /* when it was done */
    void *channel;
};

static void sleep_ms(unsigned ms)
{
    const struct timespec pause = {0, (long)ms * 1000000};

    nanosleep(&pause, NULL);
}

static void *stop_later(void *arg)
{
    struct later *const later = arg;

    sleep_ms(20);
    later->at_ns = kit_now_ns();
    stop_set(later->stop);
    return NULL;
}

static void abort_during(const struct entry *e, struct scene *s, bool with_flag)
{
    struct stop stop;
    struct pipc_wait wait = kit_wait(KIT_OVER_MS);
    struct later later = {.stop = &stop};

    stop_make(&stop);
    wait.abort = stop.object.handle;
    wait.abort_flag = with_flag ? &stop.flag : NULL;
    const pthread_t thread = kit_thread(stop_later, &later);
    expect(e, s, &wait, PIPC_ERR_ABORTED, "aborted while it waits");
    pthread_join(thread, NULL);
    KIT_CHECK_TIME(kit_now_ns() < later.at_ns + 1000 * PIPC_NS_PER_MS,
                   "%s noticed an abort after more than a second", e->name);
    stop_free(&stop);
}

static void abort_during_rule(const struct entry *e, struct scene *s)
{
    abort_during(e, s, false);
    abort_during(e, s, true);
}

static void abort_bad_rule(const struct entry *e, struct scene *s)
{
    struct pipc_wait wait = kit_wait(3000);

    wait.abort = 987654;
    expect(e, s, &wait, PIPC_ERR_BAD_PARAM, "with an abort handle that is none");
}

static void untouched_rule(const struct entry *e, struct scene *s)
{
    struct pipc_wait wait = kit_wait(5);
    struct stop stop;

    expect(e, s, &wait, PIPC_ERR_TIMEOUT, "until a deadline");
    KIT_CHECK_MSG(e->untouched(s), "%s wrote its outputs on a timeout", e->name);
    stop_make(&stop);
    stop_set(&stop);
    wait.abort = stop.object.handle;
    expect(e, s, &wait, PIPC_ERR_ABORTED, "with abort set");
    KIT_CHECK_MSG(e->untouched(s), "%s wrote its outputs on an abort", e->name);
    stop_free(&stop);
}

static void error_rule(const struct entry *e, struct scene *s)
{
    struct pipc_wait wait = kit_wait(5);
    struct stop stop;

    s->rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    expect(e, s, &wait, PIPC_ERR_TIMEOUT, "until a deadline");
    kit_error_check(s->rig, PIPC_ERR_TIMEOUT, e->name);
    stop_make(&stop);
    stop_set(&stop);
    wait.abort = stop.object.handle;
    s->rig->err = (struct pipc_error)PIPC_ERROR_INIT;
    expect(e, s, &wait, PIPC_ERR_ABORTED, "with abort set");
    kit_error_check(s->rig, PIPC_ERR_ABORTED, e->name);
    stop_free(&stop);
}

static void signals_rule(const struct entry *e, struct scene *s)
{
    const struct pipc_wait wait = kit_wait(100);

    kit_signals_storm(true);
    expect(e, s, &wait, PIPC_ERR_TIMEOUT, "under a storm of signals");
    KIT_CHECK_MSG(kit_now_ns() >= wait.deadline_ns, "%s was ended by a signal", e->name);
    e->supply(s);
    expect(e, s, &wait, PIPC_OK, "with something to do, under a storm of signals");
    kit_signals_storm(false);
}

#define CASE(name)                           \
    static void name##_case(struct kit *kit) \
    {                                        \
        on_each(kit, name##_rule);           \
    }
CASE(now)
CASE(deadline)
CASE(success)
CASE(abort_handle)
CASE(abort_flag)
CASE(abort_during)
CASE(abort_bad)
CASE(untouched)
CASE(error)
CASE(signals)

/* ---- interrupt ---- */

static void *interrupt_later(void *arg)
{
    struct later *const later = arg;

    sleep_ms(20);
    later->at_ns = kit_now_ns();
    later->s->ops->interrupt(later->channel);
    return NULL;
}

/* An interrupt stays: calls of now and of later end, and it is not the other side's business. */
static void interrupt(struct kit *kit)
{
    static struct scene s;
    struct later later = {.s = &s};
    struct pipc_wait wait = kit_wait(KIT_OVER_MS);

    s.rig = kit_rig_open(kit);
    s.ops = &s.rig->m.ops;
    receive_block(&s);
    later.channel = s.pair.server;
    const pthread_t thread = kit_thread(interrupt_later, &later);
    expect(&entries[1], &s, &wait, PIPC_ERR_ABORTED, "interrupted while it waits");
    pthread_join(thread, NULL);
    KIT_CHECK_TIME(kit_now_ns() < later.at_ns + 1000 * PIPC_NS_PER_MS,
                   "receive noticed an interrupt after more than a second");
    for (int i = 0; i < 3; i++) {
        const uint64_t began = kit_now_ns();
        wait = kit_wait(KIT_OVER_MS);
        expect(&entries[1], &s, &wait, PIPC_ERR_ABORTED, "called after an interrupt");
        KIT_CHECK_TIME(kit_now_ns() - began < 1000 * PIPC_NS_PER_MS,
                       "receive waits on a channel that was interrupted");
    }
    KIT_CHECK_MSG(receive_untouched(&s), "receive wrote its outputs on an interrupt");
    s.ops->finish(s.pair.server, &wait);
    KIT_CHECK_TIME(kit_now_ns() < wait.deadline_ns, "finish waits on an interrupted channel");
    pair_done(&s);
    kit_rig_close(s.rig);
}

static void interrupt_send(struct kit *kit)
{
    static struct scene s;
    struct later later = {.s = &s};
    struct pipc_wait wait = kit_wait(KIT_OVER_MS);

    s.rig = kit_rig_open(kit);
    s.ops = &s.rig->m.ops;
    send_block(&s);
    later.channel = s.pair.client;
    const pthread_t thread = kit_thread(interrupt_later, &later);
    expect(&entries[2], &s, &wait, PIPC_ERR_ABORTED, "interrupted while it waits");
    pthread_join(thread, NULL);
    expect(&entries[2], &s, &wait, PIPC_ERR_ABORTED, "called after an interrupt");
    pair_done(&s);
    kit_rig_close(s.rig);
}

/* Who never blocks sleeps on the handle when a send found no room: it has to tell when there is
 * some, and whoever it wakes has to find it. */
static void room_handle(struct kit *kit)
{
    const struct pipc_wait now = kit_wait_now();
    static struct scene s;

    s.rig = kit_rig_open(kit);
    s.ops = &s.rig->m.ops;
    send_block(&s);
    const pipc_handle handle = s.ops->wait_handle(s.pair.client);
    for (int i = 0; send_call(&s, &now) == PIPC_OK; i++)
        KIT_CHECK_MSG(i < 100000, "a channel that nobody reads takes any number of packets");
    if (kit_writable(handle, 0))
        expect(&entries[2], &s, &now, PIPC_OK, "with room that the handle tells of, unread");
    send_supply(&s);
    KIT_CHECK_MSG(kit_writable(handle, KIT_SOON_MS), "the handle does not tell of room");
    expect(&entries[2], &s, &now, PIPC_OK, "with room that the handle tells of");
    pair_done(&s);
    kit_rig_close(s.rig);
}

const struct kit_case kit_transport_wait[] = {
    {"T-NOW", "with PIPC_NOW an entry looks once and never blocks", 0, 0, now_case},
    {"T-DEADLINE", "a wait ends at its deadline, never before", 0, 0, deadline_case},
    {"T-SUCCESS-FIRST", "what can be done is done even after the deadline", 0, 0, success_case},
    {"T-ABORT-HANDLE", "an abort handle that is readable wins over success and is not consumed", 0,
     0, abort_handle_case},
    {"T-ABORT-FLAG", "an abort flag that is set wins over success", 0, 0, abort_flag_case},
    {"T-ABORT-DURING", "an abort ends a wait that has begun", 0, 0, abort_during_case},
    {"T-ABORT-BAD", "an abort handle that is none: BAD_PARAM", 0, 0, abort_bad_case},
    {"T-UNTOUCHED", "outputs are untouched on failure", 0, 0, untouched_case},
    {"T-ERROR-TEXT", "a failure's record has its result and a sentence that names the object", 0, 0,
     error_case},
    {"T-SIGNALS", "signals neither end a wait nor fail a call", 0, 0, signals_case},
    {"T-INTERRUPT", "an interrupt ends the wait of now and those of later", 0, 0, interrupt},
    {"T-INTERRUPT-SEND", "an interrupt ends a send that waits for room", 0,
     PIPC_TRAIT_ONE_OUTSTANDING, interrupt_send},
    {"T-ROOM-HANDLE", "after a send without room the handle tells when there is some",
     PIPC_TRAIT_WAIT_HANDLE, PIPC_TRAIT_ONE_OUTSTANDING, room_handle},
    {NULL, NULL, 0, 0, NULL},
};
