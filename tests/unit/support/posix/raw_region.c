/* SPDX-License-Identifier: Apache-2.0
 *
 * A region of shared memory by hand.
 */
#include "../raw_region.h"

#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define HEADER 64u
#define MAGIC  0x4e53484du

/* Operations of futex(2); musl comes without the headers of the kernel. */
#define FUTEX_OP_WAIT 0
#define FUTEX_OP_WAKE 1

/* The fixed part of the header. */
struct fixed {
    uint32_t magic;
    uint16_t version, header_len;
    int32_t pid;
    uint32_t generation, request_offset, request_capacity, response_offset, response_capacity;
};

static uint32_t capacity_of(uint32_t limit)
{
    return (32 + limit + 63) & ~63u;
}

static void name_it(struct raw_region *r, const char *socket_path, uint64_t id)
{
    const size_t len = strlen(socket_path) - strlen(".sock");

    memset(r, 0, sizeof(*r));
    CHECK_STR(socket_path + len, ".sock");
    snprintf(r->path, sizeof(r->path), "%.*s-%016" PRIx64 ".ipcshm", (int)len, socket_path, id);
}

static struct raw_side side_of(uint8_t *map, unsigned n, uint32_t offset, uint32_t capacity)
{
    return (struct raw_side){.seq = (uint64_t *)(void *)(map + 32 + (size_t)8 * n),
                             .len = (uint32_t *)(void *)(map + 48 + (size_t)4 * n),
                             .signal = (uint32_t *)(void *)(map + 56 + (size_t)4 * n),
                             .area = map + offset,
                             .capacity = capacity};
}

static void map_it(struct raw_region *r, int fd, const struct fixed *f)
{
    void *const map = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    CHECK_MSG(map != MAP_FAILED, "%s cannot be mapped", r->path);
    close(fd);
    r->map = map;
    const struct raw_side request = side_of(map, 0, f->request_offset, f->request_capacity);
    const struct raw_side response = side_of(map, 1, f->response_offset, f->response_capacity);
    r->out = r->owner ? response : request;
    r->in = r->owner ? request : response;
}

void raw_region_create(struct raw_region *r, const char *socket_path, uint64_t id,
                       uint32_t request_limit, uint32_t response_limit)
{
    struct fixed f = {.magic = MAGIC,
                      .version = 3,
                      .header_len = HEADER,
                      .pid = getpid(),
                      .generation = 77,
                      .request_offset = HEADER,
                      .request_capacity = capacity_of(request_limit),
                      .response_capacity = capacity_of(response_limit)};

    f.response_offset = HEADER + f.request_capacity;
    name_it(r, socket_path, id);
    r->owner = true;
    r->size = (size_t)f.response_offset + f.response_capacity;
    const int fd = open(r->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    CHECK_MSG(fd >= 0, "%s cannot be made", r->path);
    CHECK_EQ(fallocate(fd, 0, 0, (off_t)r->size), 0);
    CHECK_EQ(pwrite(fd, &f, sizeof(f), 0), sizeof(f));
    map_it(r, fd, &f);
}

bool raw_region_attach(struct raw_region *r, const char *socket_path, uint64_t id)
{
    struct fixed f;
    struct stat st;

    name_it(r, socket_path, id);
    const int fd = open(r->path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return false;
    CHECK_EQ(pread(fd, &f, sizeof(f), 0), sizeof(f));
    CHECK_EQ(fstat(fd, &st), 0);
    CHECK_EQ(f.magic, MAGIC);
    CHECK_EQ(f.version, 3);
    CHECK_EQ(f.header_len, HEADER);
    CHECK(f.generation != 0);
    r->size = (size_t)f.response_offset + f.response_capacity;
    CHECK((off_t)r->size <= st.st_size);
    map_it(r, fd, &f);
    return true;
}

static void wake(const struct raw_side *side)
{
    __atomic_fetch_add(side->signal, 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, side->signal, FUTEX_OP_WAKE, 1, NULL, NULL, 0);
}

static void announce(struct raw_side *side, uint32_t len)
{
    __atomic_store_n(side->len, len, __ATOMIC_RELEASE);
    __atomic_store_n(side->seq, ++side->count, __ATOMIC_RELEASE);
    wake(side);
}

void raw_region_publish(struct raw_region *r, const struct raw_piece *pieces, int count)
{
    size_t len = 0;

    for (int i = 0; i < count; i++) {
        const size_t room = len < r->out.capacity ? r->out.capacity - len : 0;
        const size_t part = pieces[i].len < room ? pieces[i].len : room;
        if (part)
            memcpy(r->out.area + len, pieces[i].bytes, part);
        len += pieces[i].len;
    }
    announce(&r->out, (uint32_t)len);
}

void raw_region_mark(struct raw_region *r)
{
    announce(&r->out, 0);
}

static bool await(const struct raw_side *side, unsigned ms)
{
    const uint64_t end = test_now_ms() + ms;

    for (;;) {
        const uint32_t signal = __atomic_load_n(side->signal, __ATOMIC_ACQUIRE);
        if (__atomic_load_n(side->seq, __ATOMIC_ACQUIRE) > side->count)
            return true;
        const uint64_t now = test_now_ms();
        if (now >= end)
            return false;
        const struct timespec left = {(time_t)(end - now) / 1000,
                                      (long)((end - now) % 1000) * 1000000};
        syscall(SYS_futex, side->signal, FUTEX_OP_WAIT, signal, &left, NULL, 0);
    }
}

long raw_region_take(struct raw_region *r, unsigned ms, const struct raw_piece *pieces, int count)
{
    if (!await(&r->in, ms))
        return RAW_REGION_QUIET;
    const uint32_t len = __atomic_load_n(r->in.len, __ATOMIC_ACQUIRE);
    if (len == 0)
        return RAW_REGION_END;
    r->in.count++;
    CHECK_EQ(__atomic_load_n(r->in.seq, __ATOMIC_ACQUIRE), r->in.count);
    CHECK_MSG(len <= r->in.capacity, "a message of %u bytes in an area of %u", len, r->in.capacity);
    size_t at = 0;
    for (int i = 0; i < count && at < len; i++) {
        const size_t part = pieces[i].len < len - at ? pieces[i].len : len - at;
        memcpy(pieces[i].bytes, r->in.area + at, part);
        at += part;
    }
    return (long)len;
}

void raw_region_close(struct raw_region *r)
{
    if (!r->map)
        return;
    if (!r->owner || r->out.count < r->in.count)
        raw_region_mark(r);
    if (r->owner)
        unlink(r->path);
    munmap(r->map, r->size);
    memset(r, 0, sizeof(*r));
}
