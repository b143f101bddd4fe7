/* SPDX-License-Identifier: Apache-2.0
 *
 * The terminal of `pipc top`: a screen of its own, its size, keys, and the signals that come from
 * it. What was changed is given back at the end, and before the command lets itself be stopped.
 *
 * Signals are noted by their handlers and looked at between two refreshes; they are let in while
 * the command waits and while it asks, never between a look at the notes and the wait.
 */
#include "top.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ENTER   "\033[?1049h\033[?25l\033[?7l" /* own screen, no cursor, no wrapping */
#define LEAVE   "\033[?7h\033[?25h\033[?1049l"
#define ROWS    24u
#define COLUMNS 80u

static volatile sig_atomic_t size_changed, stop_wanted;

static struct {
    bool taken; /* standard output is a terminal, and ours */
    bool keys;  /* standard input is one, too */
    struct termios before;
} terminal;

static void on_size(int number)
{
    (void)number;
    size_changed = 1;
}

static void on_stop(int number)
{
    (void)number;
    stop_wanted = 1;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction act;

    memset(&act, 0, sizeof(act));
    act.sa_handler = handler;
    sigaction(number, &act, NULL);
}

/* Keys come one by one and are not echoed; signals of the keyboard stay. Only the group in the
 * foreground may change that. */
static void keys_take(void)
{
    struct termios now;

    terminal.keys =
        tcgetpgrp(STDIN_FILENO) == getpgrp() && tcgetattr(STDIN_FILENO, &terminal.before) == 0;
    if (!terminal.keys)
        return;
    now = terminal.before;
    now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    now.c_cc[VMIN] = 1;
    now.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &now);
}

static void terminal_take(void)
{
    keys_take();
    fputs(ENTER, stdout);
    (void)output_flush();
}

static void terminal_give(void)
{
    fputs(LEAVE, stdout);
    (void)output_flush();
    if (terminal.keys)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.before);
    terminal.keys = false;
}

void screen_begin(struct screen *screen)
{
    static char frame[1 << 16]; /* written at once, so that nothing flickers */
    const char *const kind = getenv("TERM");

    if (!isatty(STDOUT_FILENO) || !kind || !*kind || strcmp(kind, "dumb") == 0)
        return;
    handle(SIGWINCH, on_size);
    handle(SIGTSTP, on_stop);
    (void)setvbuf(stdout, frame, _IOFBF, sizeof(frame));
    terminal.taken = true;
    terminal_take();
    screen_measure(screen);
}

void screen_end(void)
{
    if (terminal.taken)
        terminal_give();
    terminal.taken = false;
}

void screen_measure(struct screen *screen)
{
    struct winsize size;

    if (!terminal.taken)
        return;
    screen->rows = ROWS;
    screen->columns = COLUMNS;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
        screen->rows = size.ws_row;
        screen->columns = size.ws_col;
    }
}

/* The terminal goes back before the stop, and is taken again when the command goes on. */
static void stop_myself(void)
{
    stop_wanted = 0;
    terminal_give();
    (void)raise(SIGSTOP);
    terminal_take();
}

/* True for q. At its end input is not looked at any more. */
static bool key_ends(void)
{
    char keys[64];
    const ssize_t got = read(STDIN_FILENO, keys, sizeof(keys));

    if (got <= 0)
        terminal.keys = false;
    return got > 0 && memchr(keys, 'q', (size_t)got) != NULL;
}

static void mask_stops(sigset_t *ret_before)
{
    sigset_t stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGWINCH);
    sigaddset(&stops, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &stops, ret_before);
}

/* One wait with the signals let in; they are blocked before and after. */
static enum screen_wait wait_once(uint64_t end, const sigset_t *open)
{
    struct pollfd input = {.fd = terminal.keys ? STDIN_FILENO : -1, .events = POLLIN};
    const uint64_t now = now_ms(), left = end > now ? end - now : 0;
    const struct timespec limit = {(time_t)(left / 1000), (long)(left % 1000) * 1000000};

    if (!signals_came() && !size_changed && !stop_wanted && ppoll(&input, 1, &limit, open) > 0 &&
        key_ends())
        return WAIT_END;
    if (signals_came())
        return WAIT_END;
    if (stop_wanted)
        stop_myself();
    else if (!size_changed)
        return WAIT_OVER;
    size_changed = 0;
    return WAIT_DRAW;
}

/* What is left of a wait that was broken off to draw goes on with the next call. */
enum screen_wait screen_wait(uint32_t ms)
{
    static uint64_t end;
    enum screen_wait waited = WAIT_OVER;
    sigset_t before;

    if (!end)
        end = now_ms() + ms;
    mask_stops(&before);
    do
        waited = wait_once(end, &before);
    while (waited == WAIT_OVER && now_ms() < end);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (waited != WAIT_DRAW)
        end = 0;
    return waited;
}
