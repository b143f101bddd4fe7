/* SPDX-License-Identifier: Apache-2.0
 *
 * Private types and functions of this transport.
 *
 * One np_instance per context, immutable after init, so every thread may read it. Listeners and
 * channels belong to one thread at a time, as the contract in pipc/transport.h says. Everything
 * that may wait is overlapped; the system writes into an operation until it is complete, so no
 * operation's memory is freed or used again before that.
 */
#ifndef PIPC_NP_NP_H
#define PIPC_NP_NP_H

#include <pipc/transports/np.h>

#include <stdbool.h>
#include <string.h>

#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#include <winternl.h>

#define NP_PIECES_MAX 3u
/* A client that has not read for so long had far more than the time that finish would have given.
 */
#define NP_TIME_TO_READ_NS (UINT64_C(20) * PIPC_NP_FLUSH_MS * PIPC_NS_PER_MS)

/* The system's question about the state of a pipe. */
typedef NTSTATUS NTAPI np_query(HANDLE pipe, IO_STATUS_BLOCK *status, void *answer, ULONG len,
                                FILE_INFORMATION_CLASS what);

/* What a context configured. */
struct np_instance {
    const struct pipc_host *host;
    np_query *query; /* NULL: it cannot be asked */
    uint32_t spin_us;
    uint32_t packet_size; /* the option, or the default */
};

/* The name of an endpoint's pipe, checked; ASCII, so both forms have the same characters. */
struct np_name {
    char text[PIPC_NP_NAME_MAX + 1];
    wchar_t wide[PIPC_NP_NAME_MAX + 1];
};

/* One overlapped operation. */
struct np_op {
    OVERLAPPED overlapped;
    bool pending; /* started, and its outcome has not been fetched */
    DWORD thread; /* that started it */
};

/* An instance of the pipe that listens, or that a client has come to. */
struct np_slot {
    HANDLE pipe; /* NULL: none; it has to be made */
    struct np_op connect;
    bool connected;
};

struct np_listener {
    const struct np_instance *instance;
    HANDLE event; /* set while a client waits in a slot, or a slot is empty */
    SECURITY_DESCRIPTOR *security;
    struct np_slot slots[PIPC_NP_LISTEN_INSTANCES];
    uint32_t next;     /* the slot that is looked at first */
    uint64_t retry_ns; /* empty slots are not tried before */
    DWORD os_code;     /* why one is empty */
    struct np_name name;
};

/* What is known of the next packet. */
enum np_state {
    NP_READ_NONE,    /* no read is under way */
    NP_READ_PENDING, /* one is */
    NP_READ_DONE     /* one is over: `code` and `len` say how */
};

/* The one read of a channel, always into memory of the channel, so that it may outlast a call. */
struct np_reader {
    enum np_state state;
    struct np_op op;
    HANDLE event;
    DWORD code;
    DWORD len;
    uint8_t *bytes;
    uint32_t cap;
};

/* The one write of a channel; a packet is put together in `bytes`. */
struct np_writer {
    struct np_op op;
    HANDLE event;
    uint8_t *bytes;
    uint32_t cap;
    uint32_t len; /* of the packet under way */
    DWORD failed; /* how one that was left behind failed; nothing is sent after it */
};

struct np_channel {
    const struct np_instance *instance;
    HANDLE pipe;
    HANDLE stop;          /* set by np_interrupt */
    uint32_t role;        /* PIPC_ROLE_... */
    uint32_t packet;      /* room that a read has at least */
    uint32_t interrupted; /* atomic; set by any thread */
    bool watched;         /* the read's event was handed out: a read is always under way */
    bool ended;           /* the end of the stream was told; nothing after it is read */
    bool starved;         /* a send found no room: the event tells of it, once there is some */
    bool told;            /* it did so behind a receive that found nothing */
    bool moved;           /* something that another thread began has ended */
    bool unread;          /* server: the client has sent nothing since the last packet to it */
    uint64_t written_ns;  /* server: when that was written */
    struct np_reader read;
    struct np_writer write;
    struct pipc_waiter waiter;
    struct np_name name;
};

/* fail.c */
pipc_result np_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                    DWORD os_code, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The analyser does not look into other files: this tells it that a failure returns its result. */
#ifdef __clang_analyzer__
#define np_fail(host, err, result, ...) ((void)(np_fail)(host, err, result, __VA_ARGS__), (result))
#endif

/* name.c */
uint64_t np_hash(const char *bytes, size_t len);
pipc_result np_name_make(const struct pipc_host *host, const struct pipc_endpoint *endpoint,
                         struct np_name *ret_name, struct pipc_error *err);

/* options.c */
pipc_result np_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                             uint32_t value_count, void **ret_self, struct pipc_error *err);
void np_instance_free(void *self);

/* overlapped.c */

/* Whether the system is done with it; nothing is fetched and no system call made. */
static inline bool np_op_complete(const struct np_op *op)
{
    return __atomic_load_n(&op->overlapped.Internal, __ATOMIC_ACQUIRE) != STATUS_PENDING;
}
/* Ready to be started, with its event. */
void np_op_prepare(struct np_op *op, HANDLE event);
/* Notes what the call that started it returned: ERROR_IO_PENDING, or its outcome as np_op_fetch. */
DWORD np_op_started(HANDLE pipe, struct np_op *op, BOOL returned, DWORD *ret_len);
/* The outcome of a complete one: 0 or the system's error, and how many bytes were moved. */
DWORD np_op_fetch(HANDLE pipe, struct np_op *op, DWORD *ret_len);
/* It ends, or is about to be cancelled: notes whether another thread began it. */
static inline void np_op_note(struct np_channel *channel, const struct np_op *op)
{
    channel->moved = channel->moved || op->thread != GetCurrentThreadId();
}
/* Cancels it, waits until the system is done with it, and fetches its outcome, which may be any. */
DWORD np_op_cancel(HANDLE pipe, struct np_op *op, DWORD *ret_len);
/* Whether this error says that the other side is gone; they are one and the same. */
static inline bool np_is_end(DWORD code)
{
    return code == ERROR_BROKEN_PIPE || code == ERROR_NO_DATA || code == ERROR_PIPE_NOT_CONNECTED;
}

/* sleep.c: one waiting step, shared by everything that may block */

/* Before the first try: is `wait` well formed, and is abort asked for already? OK, ABORTED,
 * BAD_PARAM. */
pipc_result np_wait_enter(const struct pipc_wait *wait);
/* The same while a call spins: looks at the handle where only that tells. */
pipc_result np_wait_look(const struct pipc_wait *wait);
struct np_sleep {
    const struct pipc_host *host;
    const struct pipc_wait *wait;
    HANDLE stop;       /* NULL: none */
    HANDLE event;      /* NULL: only a pause */
    uint64_t until_ns; /* end of a pause; PIPC_NEVER: none */
};
/* Sleeps until something can be tried again: OK. ABORTED; BAD_PARAM (the abort handle); TIMEOUT:
 * the deadline was over at the call. */
pipc_result np_sleep(const struct np_sleep *sleep);
/* Fills the record for what np_wait_enter or np_sleep came to. `doing` completes "<name>: ...". */
pipc_result np_wait_fail(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                         const struct np_name *name, const char *doing);

/* instance.c: the listening instances of a pipe */

/* Makes one and begins to listen on it; on failure the slot is empty. 0, or the system's error. */
DWORD np_slot_open(struct np_listener *listener, struct np_slot *slot, bool first);
/* Looks how its connect stands: whether a client has come. Short visits are passed over; what
 * cannot go on is closed. */
bool np_slot_look(struct np_listener *listener, struct np_slot *slot);
/* Drops what is in it. */
void np_slot_close(struct np_slot *slot);

/* listen.c, accept.c, connect.c */
pipc_result np_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                      struct pipc_error *err);
pipc_handle np_listener_wait_handle(void *self, void *listener);
void np_listener_close(void *self, void *listener, uint32_t flags);
/* Sets the event as the slots stand. */
void np_listener_settle(struct np_listener *listener);
pipc_result np_accept(void *self, void *listener, const struct pipc_wait *wait, void **ret_channel,
                      struct pipc_error *err);
pipc_result np_connect(void *self, const struct pipc_endpoint *endpoint,
                       const struct pipc_wait *wait, void **ret_channel, struct pipc_error *err);

/* channel.c */
pipc_result np_channel_make(const struct np_instance *instance, uint32_t role,
                            const struct np_name *name, struct np_channel **ret_channel,
                            struct pipc_error *err);
uint32_t np_look(void *channel);
uint32_t np_packet_max(void *channel, uint32_t configured);
pipc_handle np_wait_handle(void *channel);
void np_interrupt(void *channel);
pipc_result np_peer(void *channel, struct pipc_peer *ret_peer);
const struct pipc_waiter *np_waiter(void *channel);
void np_close(void *channel, uint32_t flags);
static inline bool np_interrupted(const struct np_channel *channel)
{
    return __atomic_load_n(&channel->interrupted, __ATOMIC_ACQUIRE) != 0;
}

/* read.c: the read that is under way */

/* Sees to it that one is, with room for `room` bytes at least, and how it stands. False: no memory
 * for it. */
bool np_read_begin(struct np_channel *channel, uint32_t room);
/* The state, looked at anew. */
enum np_state np_read_look(struct np_channel *channel);
/* What was read has been taken: whoever holds the event sees the next packet only. */
void np_read_taken(struct np_channel *channel);
/* Ends it; what it has read is dropped. */
void np_read_stop(struct np_channel *channel);
/* The event is as it should be, after something else used it. */
void np_read_settle(struct np_channel *channel);
/* Nothing waits: what the event was told late is taken back. */
void np_read_calm(struct np_channel *channel);
/* Whoever wanted room knows of it: the event tells of the read alone again. */
void np_read_fed(struct np_channel *channel);
/* Sets the event if a packet or the end waits: something else that uses it, and is under way, has
 * reset it. */
void np_read_tell(const struct np_channel *channel);

/* write.c: the write that is under way, or was left behind by a send that must not wait */

/* Room to put a packet together, NULL: no memory. Nothing may be under way. */
uint8_t *np_write_room(struct np_channel *channel, uint32_t len);
/* Starts it: ERROR_IO_PENDING, 0, or the system's error. */
DWORD np_write_begin(struct np_channel *channel, uint32_t len, HANDLE event);
/* How the one under way stands: ERROR_IO_PENDING, 0 (also when none is), or the system's error,
 * which stays. */
DWORD np_write_look(struct np_channel *channel);
/* Cancels it: ERROR_OPERATION_ABORTED: nothing moved; otherwise its outcome. */
DWORD np_write_stop(struct np_channel *channel);

/* unread.c: what a client may not have read */

np_query *np_query_find(void);
/* A packet is in the pipe. */
void np_unread_note(struct np_channel *channel);
/* Whether the client has read everything, or had time enough for it. Never waits, so it may be
 * false although it has. */
bool np_unread_none(const struct np_channel *channel);

/* send.c, receive.c, finish.c */
pipc_result np_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                    const struct pipc_wait *wait, struct pipc_error *err);
pipc_result np_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                       const struct pipc_wait *wait, struct pipc_received *ret_received,
                       struct pipc_error *err);
void np_finish(void *channel, const struct pipc_wait *wait);

#endif
