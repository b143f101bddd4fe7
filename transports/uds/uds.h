/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this transport.
 *
 * One uds_instance per context, immutable after init, so every thread may read it. Listeners and
 * channels belong to one thread at a time, as the contract in pipc/transport.h says.
 */
#ifndef PIPC_UDS_UDS_H
#define PIPC_UDS_UDS_H

#include <pipc/transports/uds.h>

#include "system.h"

#include <stdbool.h>
#include <sys/stat.h>

#define UDS_PIECES_MAX    3u
#define UDS_PACKET_WANTED 65536u

/* What a context configured. */
struct uds_instance {
    const struct pipc_host *host;
    uint32_t spin_us;
    mode_t mode;
    bool has_group;
    gid_t group;
    int backlog;
    uint32_t packet_size; /* 0: detected */
    uint32_t
        packet_most;    /* largest packet that a socket pair took, where SO_SNDBUF does not tell */
    uint32_t uid_count; /* in ids[0 ...] */
    uint32_t gid_count; /* in ids[uid_count ...] */
    uint32_t ids[];
};

/* The path of an endpoint, checked. */
struct uds_name {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
    uint32_t entry; /* where the last component begins in `path` */
    uint32_t dir;   /* length of run_dir in `path`, the separator not counted */
};

struct uds_listener {
    const struct uds_instance *instance;
    int fd;
    int dir;         /* descriptor of run_dir */
    bool owns_entry; /* false: handed in, or nothing was bound yet */
    pid_t pid;       /* process that made the entry */
    dev_t device;
    ino_t inode;
    struct uds_name name;
};

struct uds_channel {
    const struct uds_instance *instance;
    int fd;
    uint32_t interrupted; /* atomic; set by any thread */
    bool ended;           /* end of stream or empty packet was seen; nothing after it is read */
    struct pipc_waiter waiter;
    uint32_t slept_in_row; /* receives that found nothing at first and had to sleep */
    bool awaited;          /* the last sleep brought a packet */
    bool blocks;           /* a receive without MSG_DONTWAIT sleeps */
    uint32_t blocks_ms;    /* for so long at most; 0: for ever */
    struct uds_name name;
};

/* fail.c */
pipc_result uds_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                     int os_code, const char *format, ...)
    __attribute__((cold, format(printf, 5, 6)));
/* The analyser does not look into other files: this tells it that a failure returns its result. */
#ifdef __clang_analyzer__
#define uds_fail(host, err, result, ...) \
    ((void)(uds_fail)(host, err, result, __VA_ARGS__), (result))
#endif

/* name.c */
pipc_result uds_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                          struct uds_name *ret_name, struct pipc_error *err);
void uds_name_address(const struct uds_name *name, struct sockaddr_un *ret_address);

/* options.c */
pipc_result uds_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                              uint32_t value_count, void **ret_self, struct pipc_error *err);
void uds_instance_free(void *self);

/* account.c */
enum uds_account { UDS_ACCOUNT_USER, UDS_ACCOUNT_GROUP };
/* 1: the text up to `end` is a number that an id can be; 0: it is no number; -1: one that no id can
 * be. */
int uds_account_number(const char *text, const char *end, uint32_t *ret_id);
/* Whether `line` of such a file tells the number of `name`. */
bool uds_account_in_line(const char *line, const char *name, uint32_t *ret_id);
int uds_account_in_file(const char *path, const char *name, uint32_t *ret_id);
/* 0: found; ENOENT: no such name; else the system's error. */
int uds_account_find(const struct pipc_host *host, enum uds_account kind, const char *name,
                     uint32_t *ret_id);

/* stale.c */
void uds_stale_lock(const struct pipc_host *host, int dir);
pipc_result uds_stale_reclaim(const struct pipc_host *host, const struct uds_name *name, int dir,
                              struct pipc_error *err);

/* listen.c */
pipc_result uds_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                       struct pipc_error *err);
pipc_handle uds_listener_wait_handle(void *self, void *listener);
void uds_listener_close(void *self, void *listener, uint32_t flags);
pipc_result uds_listener_make(const struct uds_instance *instance,
                              const struct pipc_endpoint *endpoint,
                              struct uds_listener **ret_listener, struct pipc_error *err);
void uds_listener_free(struct uds_listener *listener);

/* entry.c */
pipc_result uds_entry_settle(struct uds_listener *listener, struct pipc_error *err);
void uds_entry_remove(const struct uds_listener *listener);

/* adopt.c */
pipc_result uds_adopt(void *self, const struct pipc_endpoint *endpoint, pipc_handle handle,
                      void **ret_listener, struct pipc_error *err);

/* accept.c, connect.c */
pipc_result uds_accept(void *self, void *listener, const struct pipc_wait *wait, void **ret_channel,
                       struct pipc_error *err);
pipc_result uds_connect(void *self, const struct pipc_endpoint *endpoint,
                        const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err);

/* sleep.c: one waiting step, shared by everything that may block */

/* Before the first try: is `wait` well formed, and is abort asked for already? OK, ABORTED,
 * BAD_PARAM. */
pipc_result uds_wait_enter(const struct pipc_wait *wait);
/* Whether a receive may sleep in the kernel instead of a poll: no handle has to wake it. With a
 * deadline it returns after a short time, with EAGAIN, and poll waits for the rest; that is one
 * wake-up more, so it is done only where packets come. */
bool uds_can_block(struct uds_channel *channel, const struct pipc_wait *wait);
struct uds_sleep {
    const struct pipc_host *host;
    const struct pipc_wait *wait;
    int fd; /* -1: only a pause */
    short events;
    uint64_t until_ns; /* end of a pause; PIPC_NEVER: none */
    int os_code;       /* out: of a failed poll */
    bool woken;        /* out: `fd` reported something */
};
/* Sleeps until something can be tried again: OK. ABORTED; BAD_PARAM (the abort handle); TIMEOUT:
 * the deadline was over at the call; SOCKET: poll failed, see os_code. */
pipc_result uds_sleep(struct uds_sleep *sleep);
/* Fills the record for what uds_wait_enter or uds_sleep came to; SOCKET becomes `failed`. `doing`
 * completes "<path>: ...". */
pipc_result uds_wait_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                          pipc_result failed, int os_code, const char *path, const char *doing);

/* channel.c */
pipc_result uds_channel_make(const struct uds_instance *instance, const struct uds_name *name,
                             struct uds_channel **ret_channel, struct pipc_error *err);
uint32_t uds_look(void *channel);
void uds_finish(void *channel, const struct pipc_wait *wait);
pipc_handle uds_wait_handle(void *channel);
void uds_interrupt(void *channel);
const struct pipc_waiter *uds_waiter(void *channel);
void uds_close(void *channel, uint32_t flags);
static inline bool uds_interrupted(const struct uds_channel *channel)
{
    return __atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE) != 0;
}

/* packet.c */
uint32_t uds_packet_max(void *channel, uint32_t configured);
uint32_t uds_packet_try(uint32_t wanted);

/* send.c, receive.c */
pipc_result uds_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                     const struct pipc_wait *wait, struct pipc_error *err);
pipc_result uds_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                        const struct pipc_wait *wait, struct pipc_received *ret_received,
                        struct pipc_error *err);

/* peer.c */
pipc_result uds_peer(void *channel, struct pipc_peer *ret_peer);
pipc_result uds_admit(void *channel, struct pipc_error *err);

#endif
