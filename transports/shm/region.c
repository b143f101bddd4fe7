/* SPDX-License-Identifier: Apache-2.0
 *
 * The file behind a region: its sizes, and how a server makes one (4.1, 5.1).
 *
 * A region that exists has all its blocks: a full file system is an error here and never a signal
 * at a later access. Whatever fails, nothing of it is left. The handshake's thread.
 */
#include "shm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* One region in the making. */
struct making {
    const struct shm_instance *instance;
    int dir;
    const struct shm_name *name;
    struct shm_region *region;
    uint64_t size;
    struct pipc_error *err;
};

static uint64_t align64(uint64_t x)
{
    return (x + (PIPC_SHM_ALIGNMENT - 1)) & ~(uint64_t)(PIPC_SHM_ALIGNMENT - 1);
}

bool shm_layout(uint32_t request_bytes, uint32_t response_bytes, struct shm_header *ret_header,
                uint64_t *ret_size)
{
    const uint64_t request = align64((uint64_t)SHM_OUTER + request_bytes);
    const uint64_t response = align64((uint64_t)SHM_OUTER + response_bytes);
    const uint64_t size = PIPC_SHM_HEADER_LEN + request + response;

    if (size > UINT32_MAX || size > SIZE_MAX || (uint64_t)(off_t)size != size)
        return false;
    memset(ret_header, 0, sizeof(*ret_header));
    ret_header->version = PIPC_SHM_VERSION;
    ret_header->header_len = PIPC_SHM_HEADER_LEN;
    ret_header->request_offset = PIPC_SHM_HEADER_LEN;
    ret_header->request_capacity = (uint32_t)request;
    ret_header->response_offset = (uint32_t)(PIPC_SHM_HEADER_LEN + request);
    ret_header->response_capacity = (uint32_t)response;
    *ret_size = size;
    return true;
}

int shm_region_map(struct shm_region *region, uint64_t size)
{
    void *const map = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);

    if (map == MAP_FAILED)
        return errno;
    region->map = map;
    region->size = size;
    return 0;
}

bool shm_region_whole(const struct shm_region *region)
{
    struct stat now;

    return fstat(region->fd, &now) == 0 && now.st_size >= 0 &&
           (uint64_t)now.st_size >= region->size;
}

void shm_region_unlink(const struct shm_region *region, int dir, const struct shm_name *name)
{
    const char *const entry = name->path + name->entry;
    struct stat now;

    if (region->made && fstatat(dir, entry, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
        now.st_dev == region->device && now.st_ino == region->inode)
        (void)unlinkat(dir, entry, 0);
}

void shm_region_drop(struct shm_region *region)
{
    if (region->map)
        (void)munmap(region->map, (size_t)region->size);
    if (region->fd >= 0)
        (void)close(region->fd);
    region->map = NULL;
    region->fd = -1;
}

/* ---- making ---- */

static pipc_result fail(const struct making *m, pipc_result result, int code, const char *what)
{
    return shm_fail(m->instance->host, m->err, result, code, "%s: %s", m->name->path, what);
}

/* fallocate beyond this limit would raise SIGXFSZ. */
static pipc_result check_limit(const struct making *m)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        limit.rlim_cur < m->size)
        return shm_fail(m->instance->host, m->err, PIPC_ERR_REGION_ALLOCATE, 0,
                        "%s: a region of %llu bytes is above the limit of %llu for files",
                        m->name->path, (unsigned long long)m->size,
                        (unsigned long long)limit.rlim_cur);
    return PIPC_OK;
}

/* 0, or the system's error. */
static int open_new(const struct making *m)
{
    m->region->fd = openat(m->dir, m->name->path + m->name->entry,
                           O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return m->region->fd >= 0 ? 0 : errno;
}

static pipc_result make_entry(const struct making *m)
{
    int code = open_new(m);

    if (code == EEXIST && shm_judge(m->dir, m->name->path + m->name->entry) != SHM_KEPT)
        code = open_new(m);
    if (code == 0)
        return PIPC_OK;
    if (code == EEXIST)
        return fail(m, PIPC_ERR_ADDR_IN_USE, 0,
                    "the name is taken by something alive or irremovable");
    return fail(m, PIPC_ERR_REGION_OPEN, code, "the region cannot be made");
}

static pipc_result own_entry(const struct making *m)
{
    struct stat made;

    if (fchmod(m->region->fd, 0600) != 0 || fstat(m->region->fd, &made) != 0)
        return fail(m, PIPC_ERR_REGION_OPEN, errno, "the region cannot be made");
    m->region->device = made.st_dev;
    m->region->inode = made.st_ino;
    m->region->made = true;
    return PIPC_OK;
}

/* File systems on which allocated blocks stay allocated, and names for those on which they may not.
 */
static const struct {
    uint32_t magic;
    bool good;
    const char *name;
} file_systems[] = {
    {0x01021994u, true, "tmpfs"},     {0x858458f6u, true, "ramfs"},
    {0x0000ef53u, true, "ext4"},      {0x58465342u, true, "xfs"},
    {0x9123683eu, false, "btrfs"},    {0x794c7630u, false, "overlayfs"},
    {0x00006969u, false, "NFS"},      {0x2fc12fc1u, false, "ZFS"},
    {0x65735546u, false, "FUSE"},     {0xf2f52010u, false, "F2FS"},
    {0xca451a4eu, false, "bcachefs"}, {0x61756673u, false, "aufs"},
    {0x01021997u, false, "9p"},       {0xff534d42u, false, "CIFS"},
};

static pipc_result check_file_system(const struct making *m)
{
    const char *name = "a file system of an unknown kind";
    struct statfs fs;

    if (m->instance->any_fs)
        return PIPC_OK;
    if (fstatfs(m->region->fd, &fs) != 0)
        return fail(m, PIPC_ERR_REGION_ALLOCATE, errno, "the file system does not tell its kind");
    for (size_t i = 0; i < sizeof(file_systems) / sizeof(file_systems[0]); i++) {
        if (file_systems[i].magic != (uint32_t)fs.f_type)
            continue;
        if (file_systems[i].good)
            return PIPC_OK;
        name = file_systems[i].name;
    }
    return shm_fail(m->instance->host, m->err, PIPC_ERR_REGION_ALLOCATE, 0,
                    "%s: on %s (0x%08x) blocks can run out at a later write; the option any_fs "
                    "allows it",
                    m->name->path, name, (unsigned)(uint32_t)fs.f_type);
}

/* No other way of sizing the file: a sparse one would end in SIGBUS. */
static pipc_result allocate(const struct making *m)
{
    int code;

    do
        code = fallocate(m->region->fd, 0, 0, (off_t)m->size) == 0 ? 0 : errno;
    while (code == EINTR);
    if (code != 0)
        return shm_fail(m->instance->host, m->err, PIPC_ERR_REGION_ALLOCATE, code,
                        "%s: no room for a region of %llu bytes", m->name->path,
                        (unsigned long long)m->size);
    code = shm_region_map(m->region, m->size);
    if (!m->region->map)
        return fail(m, PIPC_ERR_REGION_MAP, code, "the region cannot be mapped");
    return PIPC_OK;
}

/* Differs between two starts of one process; 0 would look stale. */
static uint32_t generation(const struct pipc_host *host)
{
    const uint64_t now = host->clock_ns(host);
    const uint32_t mixed = (uint32_t)(now ^ (now >> 30));

    return mixed != 0 ? mixed : 1;
}

/* Zeros bring in all pages; the magic comes last, so that a reader never sees half a header. */
static void fill(const struct making *m, struct shm_header *header)
{
    struct shm_header *const shared = m->region->map;

    header->owner_pid = (int32_t)getpid();
    header->owner_generation = generation(m->instance->host);
    header->magic = 0;
    memset(m->region->map, 0, (size_t)m->size);
    memcpy(shared, header, sizeof(*header));
    __atomic_store_n(&shared->magic, PIPC_SHM_MAGIC, __ATOMIC_RELEASE);
    header->magic = PIPC_SHM_MAGIC;
}

pipc_result shm_region_make(const struct shm_instance *instance, int dir,
                            const struct shm_name *name, struct shm_header *header, uint64_t size,
                            struct shm_region *ret_region, struct pipc_error *err)
{
    struct shm_region region = {.fd = -1};
    const struct making m = {instance, dir, name, &region, size, err};
    pipc_result result = check_limit(&m);

    if (result == PIPC_OK)
        result = make_entry(&m);
    if (result != PIPC_OK)
        return result;
    result = own_entry(&m);
    if (result == PIPC_OK)
        result = check_file_system(&m);
    if (result == PIPC_OK)
        result = allocate(&m);
    if (result == PIPC_OK) {
        fill(&m, header);
        *ret_region = region;
        return PIPC_OK;
    }
    if (region.made)
        shm_region_unlink(&region, dir, name);
    else
        (void)unlinkat(dir, name->path + name->entry, 0);
    shm_region_drop(&region);
    return result;
}
