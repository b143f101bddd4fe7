/* SPDX-License-Identifier: Apache-2.0
 *
 * A server with one thread, an event loop and as many sessions as there are descriptors: Level 1,
 * epoll, nothing that blocks. Each session has one object to wait for; everything is called with
 * PIPC_NOW.
 *
 *     events RUN_DIR
 */
#include <pipc/codecs/increment.h>
#include <pipc/pipc.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum what { LISTENER, HANDSHAKE, SESSION };

/* What an event belongs to; all but the listener's are in a list. */
struct source {
    enum what what;
    struct pipc_handshake *handshake;
    struct pipc_session *session;
    struct source *next, **link; /* `*link` is this one */
};

struct loop {
    int epoll;
    struct pipc_listener *listener;
    const struct pipc_increment_table *codec;
    struct source *sources;
    struct source at_door; /* the listener's */
    int paused;            /* the listener is not watched for a moment */
    uint64_t look_ns;      /* when all are looked at next */
};

static volatile sig_atomic_t stopped;

static void on_term(int number)
{
    (void)number;
    stopped = 1;
}

static int watch(const struct loop *l, struct source *s, pipc_handle handle, int op,
                 uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = s};

    return epoll_ctl(l->epoll, op, (int)handle, &event);
}

static void drop(struct source *s)
{
    pipc_session_close(s->session);
    pipc_handshake_close(s->handshake);
    if (s->next)
        s->next->link = s->link;
    *s->link = s->next;
    free(s);
}

/* The listener stays readable while a client waits, so what cannot take it must not watch it. */
static void watch_listener(struct loop *l, int op, int paused)
{
    l->paused = paused;
    watch(l, &l->at_door, pipc_listener_wait_handle(l->listener), op, paused ? 0 : EPOLLIN);
}

/* A client waits: its handshake goes on when its first packet is there. Where descriptors or memory
 * are short it has to wait. */
static void on_client(struct loop *l)
{
    struct pipc_handshake *handshake = NULL;
    struct source *const s = calloc(1, sizeof(*s));

    if (!s ||
        pipc_accept_begin(l->listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) != PIPC_OK) {
        free(s);
        watch_listener(l, EPOLL_CTL_MOD, 1);
        return;
    }
    *s = (struct source){HANDSHAKE, handshake, NULL, l->sources, &l->sources};
    if (s->next)
        s->next->link = &s->next;
    l->sources = s;
    if (watch(l, s, pipc_handshake_wait_handle(handshake), EPOLL_CTL_ADD, EPOLLIN) != 0)
        drop(s);
}

static void on_handshake(const struct loop *l, struct source *s)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    const pipc_result result =
        pipc_handshake_run(&s->handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &s->session, &err);

    if (result == PIPC_ERR_TIMEOUT && s->handshake)
        return; /* not yet */
    s->what = SESSION;
    if (result != PIPC_OK ||
        watch(l, s, pipc_session_wait_handle(s->session), EPOLL_CTL_MOD, EPOLLIN) != 0)
        drop(s); /* refused, with the reason in err.text, or somebody who only looked */
}

/* One request and its answer; anything but a number breaks this session alone. */
static pipc_result answer(const struct loop *l, struct pipc_session *session)
{
    struct pipc_message in = {.size = sizeof(in)};
    uint8_t payload[PIPC_INCREMENT_LEN];
    uint64_t value;
    size_t len;
    pipc_result result = pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &in, NULL);

    if (result != PIPC_OK)
        return result;
    result = in.code == PIPC_METHOD_INCREMENT
                 ? pipc_increment_decode(l->codec, in.payload, in.payload_len, &value)
                 : PIPC_ERR_BAD_KIND;
    if (result == PIPC_OK)
        result = pipc_increment_encode(l->codec, value + 1, payload, sizeof(payload), &len);
    if (result != PIPC_OK)
        return result;
    const struct pipc_message out = {.size = sizeof(out),
                                     .kind = PIPC_KIND_RESPONSE,
                                     .code = in.code,
                                     .item_count = 1,
                                     .message_id = in.message_id,
                                     .payload = payload,
                                     .payload_len = len};
    return pipc_session_send(session, &out, PIPC_NOW, PIPC_NO_HANDLE, NULL);
}

/* Takes what is there. A session whose peer does not read is dropped, as one whose peer has gone:
 * an answer of eight bytes finds room with everybody else. */
static void on_session(const struct loop *l, struct source *s)
{
    for (;;) {
        const pipc_result result = answer(l, s->session);
        if (result == PIPC_OK)
            continue;
        struct pipc_session_status status = {.size = sizeof(status)};
        pipc_session_status(s->session, &status);
        if (result != PIPC_ERR_TIMEOUT || status.state != PIPC_SESSION_OPEN)
            drop(s);
        return;
    }
}

/* What no handle tells: a handshake whose time is over; half a request whose rest does not come,
 * which ends its session at the next call after its time. */
static void look_at_all(const struct loop *l, uint64_t now)
{
    struct source *next;

    for (struct source *s = l->sources; s; s = next) {
        next = s->next;
        if (s->what == SESSION)
            on_session(l, s);
        else if (pipc_handshake_deadline(s->handshake) <= now)
            on_handshake(l, s);
    }
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void turn(struct loop *l)
{
    struct epoll_event events[64];
    const int count = epoll_wait(l->epoll, events, 64, l->paused ? 10 : 1000);
    const uint64_t now = now_ns();

    if (l->paused)
        watch_listener(l, EPOLL_CTL_MOD, 0);
    for (int i = 0; i < count; i++) {
        struct source *const s = events[i].data.ptr;
        if (s->what == LISTENER)
            on_client(l);
        else if (s->what == HANDSHAKE)
            on_handshake(l, s);
        else
            on_session(l, s);
    }
    if (now >= l->look_ns) {
        look_at_all(l, now);
        l->look_ns = now + 1000000000u;
    }
}

static pipc_result run(struct pipc_context *context, const char *run_dir, struct pipc_error *err)
{
    struct loop l = {.epoll = epoll_create1(EPOLL_CLOEXEC), .at_door = {.what = LISTENER}};
    pipc_result result = pipc_listen(context, run_dir, "increment", NULL, &l.listener, err);

    l.codec = pipc_increment_table(context);
    if (result == PIPC_OK && l.codec && l.epoll >= 0) {
        watch_listener(&l, EPOLL_CTL_ADD, 0);
        printf("READY\n");
        fflush(stdout);
        while (!stopped)
            turn(&l);
    }
    pipc_listener_close(l.listener); /* sessions end with the process */
    close(l.epoll);
    return result;
}

int main(int argc, char **argv)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    struct pipc_context *context = NULL;

    if (argc != 2)
        return 2;
    signal(SIGTERM, on_term);
    if (pipc_open(NULL, NULL, &context, &err) != PIPC_OK ||
        run(context, argv[1], &err) != PIPC_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    return 0;
}
