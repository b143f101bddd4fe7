/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this transport.
 *
 * One shm_instance per context, immutable after init, so every thread may read it. A channel
 * belongs to one thread at a time, but for shm_interrupt and shm_wake, which any thread may call
 * until close. The words and areas of a region belong to nobody: the other process writes there
 * whatever it likes, whenever it likes. Words are accessed with atomic operations only, each is
 * loaded once and bounded before use; what this side has written is kept in private memory and
 * never read back.
 */
#ifndef PIPC_SHM_SHM_H
#define PIPC_SHM_SHM_H

#include <pipc/transports/shm.h>

#include <stdbool.h>
#include <sys/types.h>

/* Both bits stand for one data plane and leave together. */
#define SHM_BITS  (PIPC_PROFILE_SHM_HYBRID | PIPC_PROFILE_SHM_FUTEX)
#define SHM_OUTER 32u /* bytes of the outer header that begins every message */

/* Most bytes of the own area that are claimed ahead of the next message. */
#define SHM_CLAIM_MOST 1024u

#define SHM_SLICE_NS (PIPC_SHM_SLICE_MS * PIPC_NS_PER_MS)

/* What a context configured. */
struct shm_instance {
    const struct pipc_host *host;
    uint32_t spin_us;
    bool any_fs;
    bool foreign_owners;
};

/* The path of a region, checked. */
struct shm_name {
    char path[PIPC_SHM_PATH_MAX + 1];
    uint32_t entry; /* where the last component begins in `path` */
};

/* The header as it lies in the file, in host byte order. */
struct shm_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_len;
    int32_t owner_pid;
    uint32_t owner_generation;
    uint32_t request_offset;
    uint32_t request_capacity;
    uint32_t response_offset;
    uint32_t response_capacity;
    uint64_t req_seq;
    uint64_t resp_seq;
    uint32_t req_len;
    uint32_t resp_len;
    uint32_t req_signal;
    uint32_t resp_signal;
};
_Static_assert(sizeof(struct shm_header) == PIPC_SHM_HEADER_LEN, "header of 64 bytes");
_Static_assert(offsetof(struct shm_header, owner_pid) == 8, "layout");
_Static_assert(offsetof(struct shm_header, request_offset) == 16, "layout");
_Static_assert(offsetof(struct shm_header, response_capacity) == 28, "layout");
_Static_assert(offsetof(struct shm_header, req_seq) == 32, "layout");
_Static_assert(offsetof(struct shm_header, resp_seq) == 40, "layout");
_Static_assert(offsetof(struct shm_header, req_len) == 48, "layout");
_Static_assert(offsetof(struct shm_header, resp_signal) == 60, "layout");

/* i686 aligns 64-bit members to 4 bytes; in a mapping they stand at multiples of 8. */
typedef uint64_t shm_seq __attribute__((aligned(8)));

/* One direction of a mapping. */
struct shm_lane {
    shm_seq *seq;
    uint32_t *len;
    uint32_t *signal;
    uint8_t *area;
    uint32_t capacity;
};

/* A region's file and its mapping. */
struct shm_region {
    int fd;    /* -1: none */
    bool made; /* the entry is ours to remove */
    dev_t device;
    ino_t inode;
    void *map; /* NULL: not mapped */
    uint64_t size;
};

struct shm_channel {
    const struct shm_instance *instance;
    struct shm_lane in;
    struct shm_lane out;
    uint64_t taken;  /* messages taken, as the other side counts */
    uint64_t sent;   /* messages published */
    uint32_t signal; /* own futex word as last written */
    uint32_t last;   /* length of the last message published */
    uint32_t most;   /* longest message that may be published */
    uint32_t room;   /* bytes that were reserved for the next message and not committed; 0: none */
    uint32_t role;
    uint32_t interrupted; /* atomic; set by any thread */
    uint32_t asleep;      /* atomic; the channel's thread is about to sleep, or sleeps */
    bool by_file; /* message bytes are moved through the descriptor: the owner is a stranger */
    bool ended;   /* end mark, hang-up or dead owner was seen */
    bool gone;    /* the file is shorter than the mapping, which is never touched again */

    /* Server: what decides about the end mark. */
    bool asked;           /* at least one request, good or bad, has come */
    bool answer_is_fresh; /* an answer went out and the clock has not been read since */
    uint64_t answered_ns; /* not before the last answer went out */

    struct pipc_waiter waiter;
    struct pipc_carrier carrier;
    int carrier_fd; /* -1: the carrier has none */
    int dir;        /* run_dir; -1 on a client once it has attached */
    struct shm_region region;
    int32_t owner_pid; /* client: asked about while waiting; 0: not asked about */
    uint32_t owner_generation;
    struct shm_name name;
};

static inline bool shm_interrupted(const struct shm_channel *channel)
{
    return __atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE) != 0;
}

/* Asks for the cache lines of `len` bytes that are about to be written, without waiting for them.
 * Never faults and changes nothing. */
static inline void shm_claim(const uint8_t *bytes, uint32_t len)
{
    const uint32_t most = len < SHM_CLAIM_MOST ? len : SHM_CLAIM_MOST;

    for (uint32_t at = 0; at < most; at += PIPC_SHM_ALIGNMENT) {
#if defined(__x86_64__)
        /* What the compiler makes of its own form is a request to read, for the oldest processors.
         */
        __asm__ volatile("prefetchw %0" : : "m"(bytes[at]));
#else
        __builtin_prefetch(bytes + at, 1);
#endif
    }
}

/* Whether the other side has published; its count, loaded once, in *ret_seq. */
static inline bool shm_arrived(const struct shm_channel *channel, uint64_t *ret_seq)
{
    *ret_seq = __atomic_load_n(channel->in.seq, __ATOMIC_ACQUIRE);
    return *ret_seq > channel->taken;
}

/* fail.c */
pipc_result shm_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                     int os_code, const char *format, ...)
    __attribute__((cold, format(printf, 5, 6)));
/* The analyser does not look into other files: this tells it that a failure returns its result. */
#ifdef __clang_analyzer__
#define shm_fail(host, err, result, ...) \
    ((void)(shm_fail)(host, err, result, __VA_ARGS__), (result))
#endif

/* name.c */
pipc_result shm_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                          uint64_t session_id, struct shm_name *ret_name, struct pipc_error *err);
/* Whether `entry` is the name of a region of this service, and of no other (12.2). */
bool shm_name_is_ours(const char *service, const char *entry);
/* Opens run_dir. REGION_OPEN, with the system's error in *ret_code. */
pipc_result shm_dir_open(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                         int *ret_dir, int *ret_code, struct pipc_error *err);

/* options.c */
pipc_result shm_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                              uint32_t value_count, void **ret_self, struct pipc_error *err);
void shm_instance_free(void *self);

/* usable.c */
pipc_result shm_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                       const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                       struct pipc_usable *ret_usable);

/* region.c: sizes, and the file of a server */

/* Offsets and capacities for payload ceilings; false: such a region cannot be described. */
bool shm_layout(uint32_t request_bytes, uint32_t response_bytes, struct shm_header *ret_header,
                uint64_t *ret_size);
/* Makes the file `name` in `dir`, maps and fills it; `header` as from shm_layout. ADDR_IN_USE,
 * REGION_OPEN, REGION_ALLOCATE, REGION_MAP; nothing is left then. */
pipc_result shm_region_make(const struct shm_instance *instance, int dir,
                            const struct shm_name *name, struct shm_header *header, uint64_t size,
                            struct shm_region *ret_region, struct pipc_error *err);
/* Maps `size` bytes of the file. 0, or the system's error. */
int shm_region_map(struct shm_region *region, uint64_t size);
/* Whether the file still holds all that is mapped. */
bool shm_region_whole(const struct shm_region *region);
/* Removes the entry if it still is the file that was made. */
void shm_region_unlink(const struct shm_region *region, int dir, const struct shm_name *name);
/* Unmaps and closes. */
void shm_region_drop(struct shm_region *region);

/* offer.c, attach.c */
pipc_result shm_offer(void *self, const struct pipc_endpoint *endpoint,
                      const struct pipc_carrier *carrier,
                      const struct pipc_upgrade_request *request, void **ret_channel,
                      struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
pipc_result shm_attach(void *self, const struct pipc_endpoint *endpoint,
                       const struct pipc_carrier *carrier,
                       const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                       void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                       struct pipc_error *err);

/* check.c: a header read from a file whose writer is not trusted (6.2 rows 5 to 13) */
struct shm_verdict {
    pipc_result result;
    bool again;       /* may pass at a later try */
    const char *what; /* what is wrong */
};
struct shm_verdict shm_header_check(const struct shm_header *header, uint64_t file_size,
                                    const struct pipc_upgrade_request *request);

/* judge.c, sweep.c */
enum shm_judged { SHM_NOTHING, SHM_REMOVED, SHM_KEPT };
/* Judges one entry and removes it if it is stale or junk (12.1). */
enum shm_judged shm_judge(int dir, const char *entry);
pipc_result shm_sweep(void *self, const struct pipc_endpoint *endpoint, struct pipc_error *err);

/* sleep.c */

/* Before the first try: is `wait` well formed, and is abort asked for already? OK, ABORTED,
 * BAD_PARAM. */
pipc_result shm_wait_enter(const struct pipc_wait *wait);
/* Pauses until `until_ns`: OK; ABORTED, BAD_PARAM, TIMEOUT (the wait's deadline is over). */
pipc_result shm_pause(const struct pipc_host *host, const struct pipc_wait *wait,
                      uint64_t until_ns);
/* The same, without a call where the flag tells all. */
static inline pipc_result shm_wait_look(const struct pipc_wait *wait)
{
    if (!wait || (!wait->abort_flag && wait->abort == PIPC_NO_HANDLE))
        return PIPC_OK;
    if (!wait->abort_flag || wait->abort < PIPC_NO_HANDLE || wait->abort > INT32_MAX)
        return shm_wait_enter(wait);
    return pipc_wait_aborted(wait) ? (pipc_result)PIPC_ERR_ABORTED : (pipc_result)PIPC_OK;
}
/* Waits for the other side's next publication: OK with its count; TIMEOUT, ABORTED, BAD_PARAM;
 * DISCONNECTED: channel->gone says whether the region is, otherwise the other side is. */
pipc_result shm_wait_message(struct shm_channel *channel, const struct pipc_wait *wait,
                             uint64_t *ret_seq);
/* The same without a spin: for waits in which nothing is expected soon. */
pipc_result shm_sleep_message(struct shm_channel *channel, const struct pipc_wait *wait,
                              uint64_t *ret_seq);
/* Whether the carrier says that the other side has closed. */
bool shm_hung_up(const struct pipc_carrier *carrier, int carrier_fd);
/* Wakes at most `count` sleepers on a word; how many there were. */
long shm_futex_wake(uint32_t *word, int count);

/* channel.c */

/* A channel without a region; its maker puts one in. BAD_PARAM, PATH_TOO_LONG, ALLOC. */
pipc_result shm_channel_make(const struct shm_instance *instance, uint32_t role,
                             const struct pipc_endpoint *endpoint,
                             const struct pipc_carrier *carrier, uint64_t session_id,
                             struct shm_channel **ret_channel, struct pipc_error *err);
/* Points the lanes of a channel into a mapping. */
void shm_channel_bind(struct shm_channel *channel, void *map, const struct shm_header *header);
uint32_t shm_look(void *channel);
void shm_finish(void *channel, const struct pipc_wait *wait);
uint32_t shm_packet_max(void *channel, uint32_t configured);
void shm_interrupt(void *channel);
void shm_wake(void *channel);
const struct pipc_waiter *shm_waiter(void *channel);
uint64_t shm_memory(void *channel);
void shm_close(void *channel, uint32_t flags);

/* publish.c */
pipc_result shm_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                     const struct pipc_wait *wait, struct pipc_error *err);
pipc_result shm_reserve(void *channel, size_t len, const struct pipc_wait *wait, void **ret_room,
                        struct pipc_error *err);
pipc_result shm_commit(void *channel, size_t len, const struct pipc_wait *wait,
                       struct pipc_error *err);
/* Steps 3 to 7 of section 7 for what is in the own area; length 0 is the end mark. */
void shm_publish(struct shm_channel *channel, uint32_t len);

/* take.c */
pipc_result shm_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_received *ret_received,
                        struct pipc_error *err);

#endif
