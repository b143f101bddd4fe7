/* SPDX-License-Identifier: Apache-2.0
 *
 * What ends the command on Windows: Ctrl-C, Ctrl-Break, the end of the console or of the logon. The
 * system calls the handler on a thread of its own. There is no SIGHUP, so that data files are not
 * read again.
 */
#include "../system.h"

#include <windows.h>

static HANDLE stop;
static uint32_t came;
static void (*stop_action)(void);

static BOOL WINAPI on_control(DWORD what)
{
    (void)what;
    __atomic_store_n(&came, 1, __ATOMIC_SEQ_CST);
    if (stop_action)
        stop_action();
    SetEvent(stop);
    return TRUE;
}

static void begin(void)
{
    if (!stop) {
        stop = CreateEventW(NULL, TRUE, FALSE, NULL);
        SetConsoleCtrlHandler(on_control, TRUE);
    }
}

void signals_watch(void (*action)(void))
{
    stop_action = action;
    begin();
}

bool signals_came(void)
{
    return __atomic_load_n(&came, __ATOMIC_SEQ_CST) != 0;
}

uint64_t now_ms(void)
{
    LARGE_INTEGER frequency, count;

    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&count);
    return (uint64_t)count.QuadPart / ((uint64_t)frequency.QuadPart / 1000);
}

bool pause_ms(uint32_t ms)
{
    begin();
    WaitForSingleObject(stop, ms);
    return !signals_came();
}

void serve_block(void)
{
    begin();
}

int serve_wait(uint64_t cadence_ms)
{
    const DWORD state = WaitForSingleObject(stop, cadence_ms ? (DWORD)cadence_ms : INFINITE);

    return state == WAIT_TIMEOUT ? SERVE_TICK : SERVE_STOP;
}

void serve_stop(void)
{
    SetEvent(stop);
}

int activation_take(pipc_handle *ret_handle)
{
    *ret_handle = PIPC_NO_HANDLE;
    return -1;
}

void activation_ready(void) {}
