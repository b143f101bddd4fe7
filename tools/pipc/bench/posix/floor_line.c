/* SPDX-License-Identifier: Apache-2.0
 *
 * The raw floor of shared memory: two processes and a page, no protocol.
 *
 * Each way has an area of its own that begins with a sequence number on a cache line; a message of
 * up to 56 bytes lies behind it on the same line, a longer one on the lines that follow. A side
 * copies its message in, publishes the number with a release store, and the other one, which saw it
 * with an acquire load, copies the message out. Polling: both look all the time, with a pause
 * between looks. Sleeping: both look once, then sleep on the number with a futex, and every publish
 * wakes.
 */
#include "../bench.h"

#include <linux/futex.h>
#include <pipc/wait.h>
#include <poll.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define LINE       64u
#define PARK       UINT32_MAX
#define LOOKS_MOST (1u << 24) /* then the other side is looked after: it may have died */

struct area {
    alignas(LINE) uint32_t number;
    uint32_t unused;
    unsigned char bytes[];
};

struct line {
    struct area *request, *response;
    size_t request_len, response_len, mapped;
    unsigned char *message; /* of this side */
    uint32_t number;
    bool sleeps;
};

static size_t area_len(size_t message)
{
    return (sizeof(uint32_t) * 2 + message + LINE - 1) / LINE * LINE;
}

static void publish(const struct line *line, struct area *area, uint32_t number, size_t len)
{
    memcpy(area->bytes, line->message, len);
    __atomic_store_n(&area->number, number, __ATOMIC_RELEASE);
    if (line->sleeps)
        (void)syscall(SYS_futex, &area->number, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Waits until the number is another one than `old`, and gives it; `old` when the parent's or the
 * child's end is closed. */
static uint32_t await(const struct line *line, struct area *area, uint32_t old, int control)
{
    for (uint32_t looks = 1;; looks++) {
        const uint32_t seen = __atomic_load_n(&area->number, __ATOMIC_ACQUIRE);
        if (seen != old)
            return seen;
        if (line->sleeps) {
            const struct timespec while_alive = {1, 0};
            (void)syscall(SYS_futex, &area->number, FUTEX_WAIT, old, &while_alive, NULL, 0);
        } else {
            pipc_cpu_pause();
        }
        if (looks % (line->sleeps ? 16u : LOOKS_MOST) == 0) {
            struct pollfd look = {.fd = control, .events = POLLIN};
            if (poll(&look, 1, 0) > 0 && (look.revents & POLLHUP))
                return old;
        }
    }
}

/* ---- the other side ---- */

static void serve_slice(struct line *line, int control)
{
    uint32_t number = 0;

    for (;;) {
        const uint32_t seen = await(line, line->request, number, control);
        if (seen == number || seen == PARK)
            return;
        number = seen;
        memcpy(line->message, line->request->bytes, line->request_len);
        publish(line, line->response, number, line->response_len);
    }
}

/* Parked in a read until a slice begins. */
static int serve(void *arg, int control)
{
    struct contender *c = arg;
    struct line *line = c->state;
    char go;

    pin_to(c->server_cpu);
    side_say_ready(control);
    while (read(control, &go, 1) == 1) {
        serve_slice(line, control);
        __atomic_store_n(&line->request->number, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&line->response->number, 0, __ATOMIC_RELAXED);
        (void)!write(control, &go, 1);
    }
    return 0;
}

/* ---- the client ---- */

static void line_begin(struct contender *c)
{
    struct line *line = c->state;

    line->number = 0;
    (void)!write(c->side.control, "g", 1);
}

static void line_end(struct contender *c)
{
    struct line *line = c->state;
    char parked;

    publish(line, line->request, PARK, line->request_len);
    (void)!read(c->side.control, &parked, 1);
}

static pipc_result line_exchange(struct contender *c, struct pipc_error *err)
{
    struct line *line = c->state;
    const uint32_t old = line->number, number = old + 1 == PARK ? 1 : old + 1;

    publish(line, line->request, number, line->request_len);
    if (await(line, line->response, old, c->side.control) != number) {
        err->result = PIPC_ERR_DISCONNECTED;
        snprintf(err->text, sizeof(err->text), "floor %s: the other side is gone", c->name);
        return PIPC_ERR_DISCONNECTED;
    }
    memcpy(line->message, line->response->bytes, line->response_len);
    line->number = number;
    return PIPC_OK;
}

static void line_close(struct contender *c)
{
    struct line *line = c->state;

    if (line->request)
        (void)munmap(line->request, line->mapped);
    free(line->message);
}

static const struct contender_ops ops = {
    .exchange = line_exchange, .begin = line_begin, .end = line_end, .close = line_close};

int floor_line_add(struct row *row, bool sleeps, size_t request_len, size_t response_len)
{
    struct contender *c = row_add(row, LEVEL_FLOOR, sleeps ? "off" : NULL, &ops);
    struct line *line = c ? contender_state(c, sizeof(*line)) : NULL;
    const size_t first = area_len(request_len), second = area_len(response_len);
    void *page;

    if (!line)
        return complain(EXIT_FAILED, "no memory for a floor");
    c->name = sleeps ? "futex" : "cache line";
    line->message = calloc(1, request_len > response_len ? request_len : response_len);
    page = mmap(NULL, first + second, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (!line->message || page == MAP_FAILED)
        return complain(EXIT_FAILED, "no memory for the floor '%s'", c->name);
    line->mapped = first + second;
    line->request = page;
    line->response = (struct area *)(void *)((char *)page + first);
    line->request_len = request_len;
    line->response_len = response_len;
    line->sleeps = sleeps;
    if (!side_start(&c->side, -1, serve, c))
        return complain(EXIT_FAILED, "no process for the floor '%s'", c->name);
    c->server_pid = c->side.pid;
    return -1;
}
