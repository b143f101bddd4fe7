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

/* The sample under test and the input that was put last, for the report of a crash. */
static struct {
    const char *sample;
    const unsigned char *bytes;
    size_t len;
} shown;

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

static const unsigned char *put(struct area *area, size_t at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(area->write + at, bytes, len);
    shown.bytes = area->read + at;
    shown.len = len;
    return area->read + at;
}

const unsigned char *area_put_last(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, area->size - len, bytes, len);
}

const unsigned char *area_put_first(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, 0, bytes, len);
}

/* Bytes in front of a room that are filled and looked at; the rest of an area is never written. */
#define FRONT 64u

static size_t front_of(const struct area *area, size_t cap)
{
    return area->size - cap < FRONT ? area->size - cap : FRONT;
}

unsigned char *area_room(struct area *area, size_t cap, unsigned char fill)
{
    KIT_CHECK(cap <= area->size);
    const size_t front = front_of(area, cap);
    memset(area->write + area->size - cap - front, fill, front + cap);
    return area->write + area->size - cap;
}

static bool all_are(const unsigned char *bytes, size_t len, unsigned char value)
{
    return len == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, len - 1) == 0);
}

bool area_front_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front, fill);
}

bool area_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front + cap, fill);
}

/* ---- report of a crash ---- */

static void say(const char *text, size_t len)
{
    if (write(STDOUT_FILENO, text, len) < 0)
        _exit(KIT_EXIT_FAILED);
}

/* Shows what was under test, then lets the signal do what it does. Safe inside a signal handler. */
static void on_crash(int number)
{
    static const char digits[] = "0123456789abcdef";

    if (shown.sample) {
        say("sample: ", 8);
        say(shown.sample, strlen(shown.sample));
        say("\n", 1);
    }
    if (shown.bytes)
        say("input: ", 7);
    for (size_t i = 0; shown.bytes && i < shown.len && i < 512; i++)
        say((const char[]){digits[shown.bytes[i] >> 4], digits[shown.bytes[i] & 15]}, 2);
    say("\n", 1);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void area_show(const char *sample)
{
    shown.sample = sample;
}

void area_report_crashes(void)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

    (void)fflush(stdout);
    for (unsigned i = 0; i < 3; i++)
        (void)sigaction((const int[]){SIGSEGV, SIGBUS, SIGABRT}[i], &action, NULL);
}
