/* SPDX-License-Identifier: Apache-2.0
 *
 * A broken transport: one of our own with one flaw, for the tests of the conformance kit.
 *
 * The build makes one module of each line of flaws.txt: FLAW_<name> chooses the flaw,
 * WRAPS_<module> the module whose entries serve for everything else, BROKEN the module's own name.
 * A flaw may have statics and threads; that is what it is for.
 */
#if WRAPS_uds
#include "transports/uds/uds.h"
#define W(entry) uds_##entry
#else
#include "transports/shm/shm.h"
#define W(entry) shm_##entry
#endif

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* ---- the instance: the wrapped module with its defaults, and the host beside it ---- */

static const struct pipc_host *host_of_last; /* for flaws that need memory or the clock */

#if WRAPS_uds
static const struct pipc_option_value defaults[PIPC_UDS_OPTION_COUNT] = {
    [PIPC_UDS_OPTION_SPIN] = {.key = "spin", .text = "off"},
    [PIPC_UDS_OPTION_MODE] = {.key = "mode", .text = "0600"},
    [PIPC_UDS_OPTION_BACKLOG] = {.key = "backlog", .number = 16},
};
#define DEFAULTS PIPC_UDS_OPTION_COUNT
#else
static const struct pipc_option_value defaults[PIPC_SHM_OPTION_COUNT] = {
    [PIPC_SHM_OPTION_SPIN] = {.key = "spin", .text = "adaptive"},
};
#define DEFAULTS PIPC_SHM_OPTION_COUNT
#endif

static pipc_result wrapped_init(const struct pipc_host *host,
                                const struct pipc_option_value *values, uint32_t value_count,
                                void **ret_self, struct pipc_error *err)
{
    (void)values;
    (void)value_count;
    host_of_last = host;
    return W(instance_make)(host, defaults, DEFAULTS, ret_self, err);
}

static inline void sleep_ms(unsigned ms)
{
    const struct timespec pause = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

    nanosleep(&pause, NULL);
}

static inline uint64_t clock_ns(void)
{
    return host_of_last->clock_ns(host_of_last);
}

/* A failure that the wrapped module would not have. */
static inline pipc_result broken_fail(struct pipc_error *err, pipc_result result)
{
    host_of_last->error_set(host_of_last, err, result, 0, "conformance: the flaw of this module");
    return result;
}

static const struct pipc_wait at_once = {
    .size = sizeof(at_once), .deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};

#include "flaws_endpoint.h"
#include "flaws_packet.h"
#include "flaws_upgrade.h"
#include "flaws_wait.h"

/* ---- the table: what no flaw has taken is the wrapped module's ---- */

#ifndef USE_init
#define USE_init wrapped_init
#endif
#ifndef USE_fini
#define USE_fini W(instance_free)
#endif
#ifndef USE_send
#define USE_send W(send)
#endif
#ifndef USE_receive
#define USE_receive W(receive)
#endif
#ifndef USE_look
#define USE_look W(look)
#endif
#ifndef USE_finish
#define USE_finish W(finish)
#endif
#ifndef USE_packet_max
#define USE_packet_max W(packet_max)
#endif
#ifndef USE_interrupt
#define USE_interrupt W(interrupt)
#endif
#ifndef USE_close
#define USE_close W(close)
#endif
#if WRAPS_uds
#ifndef USE_listen
#define USE_listen uds_listen
#endif
#ifndef USE_adopt
#define USE_adopt uds_adopt
#endif
#ifndef USE_accept
#define USE_accept uds_accept
#endif
#ifndef USE_connect
#define USE_connect uds_connect
#endif
#ifndef USE_listener_wait_handle
#define USE_listener_wait_handle uds_listener_wait_handle
#endif
#ifndef USE_listener_close
#define USE_listener_close uds_listener_close
#endif
#ifndef USE_wait_handle
#define USE_wait_handle uds_wait_handle
#endif
#ifndef USE_peer
#define USE_peer uds_peer
#endif
#ifndef USE_admit
#define USE_admit uds_admit
#endif
#define TRAITS \
    (PIPC_TRAIT_BASELINE | PIPC_TRAIT_WAIT_HANDLE | PIPC_TRAIT_PEER_CREDENTIALS | PIPC_TRAIT_ADOPT)
#else
#ifndef USE_usable
#define USE_usable shm_usable
#endif
#ifndef USE_offer
#define USE_offer shm_offer
#endif
#ifndef USE_attach
#define USE_attach shm_attach
#endif
#ifndef USE_sweep
#define USE_sweep shm_sweep
#endif
#ifndef USE_commit
#define USE_commit shm_commit
#endif
#ifndef TRAITS
#define TRAITS                                                                \
    (PIPC_TRAIT_UPGRADE | PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING | \
     PIPC_TRAIT_WRITE_IN_PLACE)
#endif
#endif

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = TRAITS,
    .send = USE_send,
    .receive = USE_receive,
    .look = USE_look,
    .finish = USE_finish,
    .packet_max = USE_packet_max,
    .interrupt = USE_interrupt,
    .waiter = W(waiter),
    .close = USE_close,
#if WRAPS_uds
    .listen = USE_listen,
    .adopt = USE_adopt,
    .accept = USE_accept,
    .connect = USE_connect,
    .listener_wait_handle = USE_listener_wait_handle,
    .listener_close = USE_listener_close,
    .wait_handle = USE_wait_handle,
    .peer = USE_peer,
    .admit = USE_admit,
#else
    .profile_bits = SHM_BITS,
    .usable = USE_usable,
    .offer = USE_offer,
    .attach = USE_attach,
    .sweep = USE_sweep,
    .memory = shm_memory,
    .reserve = shm_reserve,
    .commit = USE_commit,
#endif
};

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)
#define NAME_(x) pipc_module_##x
#define NAME(x)  NAME_(x)

extern PIPC_MODULE_EXPORT const struct pipc_module NAME(BROKEN);
PIPC_MODULE_EXPORT const struct pipc_module NAME(BROKEN) = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = TEXT(BROKEN),
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "A transport with one deliberate flaw, for the tests of the conformance kit.",
    .ops = &ops,
    .init = USE_init,
    .fini = USE_fini,
};
