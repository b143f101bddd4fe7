/* SPDX-License-Identifier: Apache-2.0
 *
 * Guarded memory: an access outside an input or output ends the process, and with it the case, at
 * the instruction that does it.
 *
 * The pages of an area are mapped twice, once to write and once to read, each between two pages
 * that cannot be touched. Single-threaded.
 */
#include "../codec_kit.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Maps the pages of `fd` with a page on each side that cannot be touched. */
static unsigned char *map_guarded(int fd, size_t size, int protection)
{
    const size_t page = page_size();
    unsigned char *const all =
        mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (all == MAP_FAILED ||
        mmap(all + page, size, protection, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
        kit_skip("no guarded memory: %s", strerror(errno));
    return all + page;
}

void area_open(struct area *area, size_t size)
{
    const size_t page = page_size(), whole = (size + page - 1) / page * page;
    const int fd = memfd_create("pipc-conformance", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)whole) != 0)
        kit_skip("no guarded memory: %s", strerror(errno));
    area->write = map_guarded(fd, whole, PROT_READ | PROT_WRITE);
    area->read = map_guarded(fd, whole, PROT_READ);
    area->size = whole;
    close(fd);
}

/* ---- report of a crash ---- */

void area_say(const char *text, size_t len)
{
    if (write(STDOUT_FILENO, text, len) < 0)
        _exit(KIT_EXIT_FAILED);
}

/* Shows what was under test, then lets the signal do what it does. Safe inside a signal handler. */
static void on_crash(int number)
{
    area_say_shown();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void area_report_crashes(void)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

    (void)fflush(stdout);
    for (unsigned i = 0; i < 3; i++)
        (void)sigaction((const int[]){SIGSEGV, SIGBUS, SIGABRT}[i], &action, NULL);
}
