/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers around 2^32 bytes (huge.h): memory that is promised, or a few pages mapped many times.
 */
#include "huge.h"

#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

unsigned char *huge_room(void)
{
    void *at = mmap(NULL, HUGE_ROOM, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        test_skip("no address space of %zu bytes", HUGE_ROOM);
    return at;
}

char *huge_text(void)
{
    const size_t part = (size_t)16 << 20;
    unsigned char *at;
    int fd;

    if (test_thread_checked())
        test_skip("a thread checker has memory of its own for each of 2^32 bytes");
    at = huge_room();
    fd = memfd_create("text", MFD_CLOEXEC);
    CHECK(fd >= 0 && ftruncate(fd, (off_t)part) == 0);
    for (size_t pos = 0; pos < HUGE_ROOM; pos += part) {
        const size_t len = HUGE_ROOM - pos < part ? HUGE_ROOM - pos : part;
        CHECK(mmap(at + pos, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
              at + pos);
        if (pos == 0)
            memset(at, 'x', part);
    }
    close(fd);
    return (char *)at;
}

void huge_free(void *at)
{
    munmap(at, HUGE_ROOM);
}
