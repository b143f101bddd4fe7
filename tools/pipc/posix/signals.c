/* SPDX-License-Identifier: Apache-2.0
 *
 * Signals of the command: those that end a call or a pause, and those that `pipc serve` waits for.
 */
#include "../system.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t signal_came;
static void (*signal_action)(void);

static void on_signal(int number)
{
    const int saved = errno;

    signal_came = number;
    if (signal_action)
        signal_action();
    errno = saved;
}

void signals_watch(void (*action)(void))
{
    struct sigaction act;

    memset(&act, 0, sizeof(act));
    act.sa_handler = on_signal; /* no SA_RESTART: pauses end */
    signal_action = action;
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

bool signals_came(void)
{
    return signal_came != 0;
}

uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

bool pause_ms(uint32_t ms)
{
    const uint64_t end = now_ms() + ms;
    sigset_t stop, before;

    /* Blocked while looking, so that no signal slips in between the look and the pause. */
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, &before);
    while (!signal_came && now_ms() < end) {
        const uint64_t left = end - now_ms();
        const struct timespec limit = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};
        const int number = sigtimedwait(&stop, NULL, &limit);
        if (number > 0)
            on_signal(number);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !signal_came;
}

/* Those of `pipc serve`; SIGPIPE is blocked too, so that the endpoint is removed when the reader of
 * the counters has gone. */
static void serve_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

/* From the start, so that no thread of the server or of a provider takes them. */
void serve_block(void)
{
    sigset_t set;

    serve_set(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int serve_wait(uint64_t cadence_ms)
{
    const struct timespec cadence = {(time_t)(cadence_ms / 1000),
                                     (long)(cadence_ms % 1000) * 1000000};
    sigset_t set;

    serve_set(&set);
    for (;;) {
        const int number =
            cadence_ms ? sigtimedwait(&set, NULL, &cadence) : sigwaitinfo(&set, NULL);
        if (number == SIGINT || number == SIGTERM)
            return SERVE_STOP;
        if (number == SIGHUP)
            return SERVE_REREAD;
        if (number < 0 && errno == EAGAIN)
            return SERVE_TICK;
    }
}

void serve_stop(void)
{
    (void)kill(getpid(), SIGTERM);
}
