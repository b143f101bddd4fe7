/* SPDX-License-Identifier: Apache-2.0
 *
 * The other side of a contender on Windows, where processes do not fork: a thread of this process,
 * whose control channel is an event that ends it. Its CPU time is therefore not told apart from the
 * client's; `--no-server` measures against a server of another process.
 *
 * side_start returns when the side is ready or has failed, since what it is given may not live
 * longer; what it keeps is copied. The main thread starts and stops sides.
 */
#include "../bench.h"

#include "../server.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define SIDES_MOST 64

struct running {
    HANDLE end, known; /* known: ready, or failed with `why` */
    pthread_t thread;
    int (*serve)(void *arg, int control);
    struct server_plan plan;
    char why[PIPC_ERROR_TEXT_LEN];
    bool ready;
};

/* By the number that stands for a process, less one. */
static struct running *sides[SIDES_MOST];

static struct running *by_control(int control)
{
    for (int i = 0; i < SIDES_MOST; i++)
        if (sides[i] && (int)(intptr_t)sides[i]->end == control)
            return sides[i];
    abort();
}

static void *thread_main(void *arg)
{
    struct running *const r = arg;

    (void)r->serve(&r->plan, (int)(intptr_t)r->end);
    SetEvent(r->known);
    return NULL;
}

static int free_place(void)
{
    for (int i = 0; i < SIDES_MOST; i++)
        if (!sides[i])
            return i;
    return -1;
}

bool side_start(struct side *side, int keep, int (*serve)(void *arg, int control), void *arg)
{
    const int place = free_place();
    struct running *const r = place >= 0 ? calloc(1, sizeof(*r)) : NULL;

    (void)keep;
    *side = (struct side){.control = -1};
    if (!r)
        return false;
    r->serve = serve;
    r->plan = *(const struct server_plan *)arg;
    r->end = CreateEventW(NULL, TRUE, FALSE, NULL);
    r->known = CreateEventW(NULL, TRUE, FALSE, NULL);
    sides[place] = r;
    if (!r->end || !r->known || pthread_create(&r->thread, NULL, thread_main, r) != 0) {
        sides[place] = NULL;
        free(r);
        return false;
    }
    WaitForSingleObject(r->known, INFINITE);
    side->pid = place + 1;
    side->control = (int)(intptr_t)r->end;
    return true;
}

void side_say_ready(int control)
{
    struct running *const r = by_control(control);

    r->ready = true;
    SetEvent(r->known);
}

void side_say_failed(int control, const char *why)
{
    struct running *const r = by_control(control);

    snprintf(r->why, sizeof(r->why), "%s", why);
}

bool side_ready(const struct side *side, char *ret_why, size_t why_len)
{
    const struct running *const r = sides[side->pid - 1];

    if (!r->ready)
        snprintf(ret_why, why_len, "%s", r->why);
    return r->ready;
}

void side_stop(struct side *side)
{
    if (side->pid <= 0)
        return;
    struct running *const r = sides[side->pid - 1];
    SetEvent(r->end);
    pthread_join(r->thread, NULL);
    sides[side->pid - 1] = NULL;
    CloseHandle(r->end);
    CloseHandle(r->known);
    free(r);
    *side = (struct side){.control = -1};
}

void side_wait_end(int control)
{
    WaitForSingleObject((HANDLE)(intptr_t)control, INFINITE);
}

void side_signals_block(void) {}
