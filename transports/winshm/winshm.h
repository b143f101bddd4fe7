/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this transport.
 *
 * One winshm_instance per context, immutable after init, so every thread may read it. A channel
 * belongs to one thread at a time, but for winshm_interrupt, which any thread may call until close.
 * The words and areas of a region belong to nobody: the other process writes there whatever it
 * likes, whenever it likes. Words are accessed with atomic operations only, each is loaded once and
 * bounded before use; what this side has written is kept in private memory and never read back.
 */
#ifndef PIPC_WINSHM_WINSHM_H
#define PIPC_WINSHM_WINSHM_H

#include <pipc/transports/winshm.h>

#include <stdbool.h>
#include <string.h>

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>

#define WINSHM_BITS     (PIPC_PROFILE_SHM_HYBRID | PIPC_PROFILE_SHM_BUSYWAIT)
#define WINSHM_OUTER    32u /* bytes of the outer header that begins every message */
#define WINSHM_SLICE_NS (PIPC_WIN_SHM_SLICE_MS * PIPC_NS_PER_MS)

/* What a context configured. */
struct winshm_instance {
    const struct pipc_host *host;
    uint32_t spin_us;
    uint32_t planes; /* bits of the option */
};

/* The names of a session's objects, checked: the part that they share; what follows is added when
 * an object is made or opened. */
struct winshm_name {
    char text[PIPC_WIN_SHM_NAME_MAX + 1];
};
enum winshm_object { WINSHM_MAPPING, WINSHM_REQ_EVENT, WINSHM_RESP_EVENT };

/* The header as it lies in the mapping, in host byte order. */
struct winshm_header {
    uint32_t magic;
    uint32_t version;
    uint32_t header_len;
    uint32_t profile;
    uint32_t request_offset;
    uint32_t request_capacity;
    uint32_t response_offset;
    uint32_t response_capacity;
    uint32_t spin_tries;
    int32_t req_len;
    int32_t resp_len;
    int32_t req_client_closed;
    int32_t req_server_waiting;
    int32_t resp_server_closed;
    int32_t resp_client_waiting;
    uint32_t reserved;
    int64_t req_seq;
    int64_t resp_seq;
    uint8_t reserved2[48];
};
_Static_assert(sizeof(struct winshm_header) == PIPC_WIN_SHM_HEADER_LEN, "header of 128 bytes");
_Static_assert(offsetof(struct winshm_header, profile) == 12, "layout");
_Static_assert(offsetof(struct winshm_header, response_capacity) == 28, "layout");
_Static_assert(offsetof(struct winshm_header, spin_tries) == 32, "layout");
_Static_assert(offsetof(struct winshm_header, req_len) == 36, "layout");
_Static_assert(offsetof(struct winshm_header, resp_len) == 40, "layout");
_Static_assert(offsetof(struct winshm_header, req_client_closed) == 44, "layout");
_Static_assert(offsetof(struct winshm_header, req_server_waiting) == 48, "layout");
_Static_assert(offsetof(struct winshm_header, resp_server_closed) == 52, "layout");
_Static_assert(offsetof(struct winshm_header, resp_client_waiting) == 56, "layout");
_Static_assert(offsetof(struct winshm_header, req_seq) == 64, "layout");
_Static_assert(offsetof(struct winshm_header, resp_seq) == 72, "layout");
_Static_assert(__atomic_always_lock_free(sizeof(int64_t), 0), "one access for 64 bits");

/* One direction of a mapping. */
struct winshm_lane {
    int64_t *seq;
    int32_t *len;
    int32_t *waiting; /* the receiver sleeps, or is about to */
    int32_t *closed;  /* the publisher is gone */
    uint8_t *area;
    uint32_t capacity;
    uint32_t most; /* longest message that was agreed */
    HANDLE event;  /* NULL: nobody sleeps */
};

/* A mapping and its view. */
struct winshm_region {
    HANDLE mapping; /* NULL: none */
    void *view;     /* NULL: none */
    uint64_t size;
};

struct winshm_channel {
    const struct winshm_instance *instance;
    struct winshm_lane in;
    struct winshm_lane out;
    int64_t taken; /* messages taken, as the other side counts */
    int64_t sent;  /* messages published */
    uint32_t role;
    uint32_t interrupted; /* atomic; set by any thread */
    bool busywait;
    bool ended; /* the other side is gone, and nothing is left of it */
    bool owed;  /* a request is unanswered: the client's outstanding one, or the server's to do */

    struct pipc_waiter waiter;
    struct pipc_carrier carrier;
    HANDLE carrier_event; /* NULL: the carrier has none */
    HANDLE stop;          /* set by winshm_interrupt */
    struct winshm_region region;
    struct winshm_name name;
};

static inline bool winshm_interrupted(const struct winshm_channel *channel)
{
    return __atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE) != 0;
}

/* Whether the other side has published; its count, loaded once, in *ret_seq. */
static inline bool winshm_arrived(const struct winshm_channel *channel, int64_t *ret_seq)
{
    *ret_seq = __atomic_load_n(channel->in.seq, __ATOMIC_ACQUIRE);
    return *ret_seq > channel->taken;
}

static inline bool winshm_peer_closed(const struct winshm_channel *channel)
{
    return __atomic_load_n(channel->in.closed, __ATOMIC_ACQUIRE) != 0;
}

/* fail.c */
pipc_result winshm_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                        DWORD os_code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The analyser does not look into other files: this tells it that a failure returns its result. */
#ifdef __clang_analyzer__
#define winshm_fail(host, err, result, ...) \
    ((void)(winshm_fail)(host, err, result, __VA_ARGS__), (result))
#endif

/* name.c */
pipc_result winshm_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                             uint64_t auth_token, uint32_t bit, uint64_t session_id,
                             struct winshm_name *ret_name, struct pipc_error *err);
/* The full name of an object; `ret_wide` has room for PIPC_WIN_SHM_NAME_MAX + 1. */
void winshm_name_of(const struct winshm_name *name, enum winshm_object object, wchar_t *ret_wide);

/* options.c */
pipc_result winshm_instance_make(const struct pipc_host *host,
                                 const struct pipc_option_value *values, uint32_t value_count,
                                 void **ret_self, struct pipc_error *err);
void winshm_instance_free(void *self);

/* usable.c */
pipc_result winshm_usable(void *self, uint32_t role, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier, uint64_t auth_token, uint32_t bits,
                          struct pipc_usable *ret_usable);

/* region.c: sizes, and the objects of a server */

/* Offsets and capacities for payload ceilings; false: such a region cannot be described. */
bool winshm_layout(uint32_t bit, uint32_t request_bytes, uint32_t response_bytes,
                   struct winshm_header *ret_header, uint64_t *ret_size);
/* Makes the objects of a server's channel, complete; `header` as from winshm_layout. ADDR_IN_USE,
 * REGION_ALLOCATE, REGION_MAP, with the system's error in *ret_code; the channel's close undoes
 * what was made. */
pipc_result winshm_region_make(struct winshm_channel *channel, const struct winshm_header *header,
                               uint64_t size, DWORD *ret_code, struct pipc_error *err);

/* offer.c, attach.c */
pipc_result winshm_offer(void *self, const struct pipc_endpoint *endpoint,
                         const struct pipc_carrier *carrier,
                         const struct pipc_upgrade_request *request, void **ret_channel,
                         struct pipc_upgrade_failure *ret_failure, struct pipc_error *err);
pipc_result winshm_attach(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier,
                          const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                          void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                          struct pipc_error *err);
pipc_result winshm_sweep(void *self, const struct pipc_endpoint *endpoint, struct pipc_error *err);
/* No memory, no address space, no handles: a reason of one's own, which passes. */
static inline bool winshm_is_shortage(DWORD code)
{
    return code == ERROR_NOT_ENOUGH_MEMORY || code == ERROR_OUTOFMEMORY ||
           code == ERROR_NO_SYSTEM_RESOURCES || code == ERROR_COMMITMENT_LIMIT;
}

/* check.c: a header read from a region whose writer is not trusted (5, rows 5 to 9) */
struct winshm_verdict {
    pipc_result result;
    bool again; /* it may be right at the next look */
    const char *what;
};
struct winshm_verdict winshm_header_check(const struct winshm_header *header, uint64_t view_size,
                                          const struct pipc_upgrade_request *request);

/* channel.c */
pipc_result winshm_channel_make(const struct winshm_instance *instance, uint32_t role,
                                const struct pipc_endpoint *endpoint,
                                const struct pipc_carrier *carrier,
                                const struct pipc_upgrade_request *request,
                                struct winshm_channel **ret_channel, struct pipc_error *err);
/* Points the lanes into the view, as `header` says, a private copy that has been checked. */
void winshm_channel_bind(struct winshm_channel *channel, const struct winshm_header *header);
uint32_t winshm_packet_max(void *channel, uint32_t configured);
const struct pipc_waiter *winshm_waiter(void *channel);
uint64_t winshm_memory(void *channel);
uint32_t winshm_look(void *channel);
void winshm_finish(void *channel, const struct pipc_wait *wait);
void winshm_interrupt(void *channel);
void winshm_close(void *channel, uint32_t flags);

/* carrier.c */

/* Whether the carrier has ended. Stray packets, which would hide that, are thrown away. */
bool winshm_hung_up(const struct pipc_carrier *carrier);

/* wait.c, sleep.c */

/* Before the first try: is `wait` well formed, and is abort asked for already? OK, ABORTED,
 * BAD_PARAM. */
pipc_result winshm_wait_enter(const struct pipc_wait *wait);
/* The same in the middle of a wait: looks at the handle where only that tells. */
pipc_result winshm_wait_look(const struct pipc_wait *wait);
/* Pauses until `until_ns` or the deadline, whichever is first: OK; ABORTED, BAD_PARAM; TIMEOUT: the
 * deadline was over at the call. */
pipc_result winshm_pause(const struct pipc_host *host, const struct pipc_wait *wait,
                         uint64_t until_ns);
/* Sleeps until the channel's event, an interrupt, an abort or the carrier is told, at most until
 * `until_ns`. OK: look; ABORTED, BAD_PARAM. */
pipc_result winshm_sleep(const struct winshm_channel *channel, const struct pipc_wait *wait,
                         uint64_t now_ns, uint64_t until_ns);
/* Waits for a publication: its count in *ret_seq. DISCONNECTED, TIMEOUT, ABORTED, BAD_PARAM. */
pipc_result winshm_wait_message(struct winshm_channel *channel, const struct pipc_wait *wait,
                                int64_t *ret_seq);

/* publish.c, take.c */
pipc_result winshm_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_error *err);
pipc_result winshm_reserve(void *channel, size_t len, const struct pipc_wait *wait, void **ret_room,
                           struct pipc_error *err);
pipc_result winshm_commit(void *channel, size_t len, const struct pipc_wait *wait,
                          struct pipc_error *err);
pipc_result winshm_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                           const struct pipc_wait *wait, struct pipc_received *ret_received,
                           struct pipc_error *err);

#endif
