/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases need of the system, besides what usage.h counts; by posix/ and windows/.
 */
#ifndef PIPC_KIT_SYSTEM_H
#define PIPC_KIT_SYSTEM_H

#include "kit.h"

#include <pthread.h>

/* CPUs of this machine that are there now. */
uint32_t kit_cpus(void);
/* What is told of a peer is true of this process. */
void kit_peer_check(const struct pipc_peer *peer);
void kit_folder_make(const char *path);
void kit_sleep_ms(unsigned ms);
/* Never returns; somebody ends this process. */
void kit_pause(void) __attribute__((noreturn));

/* An object that aborts once it is set. */
struct kit_stop {
    pipc_handle handle;
    pipc_handle other; /* private */
};
void kit_stop_make(struct kit_stop *stop);
void kit_stop_set(struct kit_stop *stop);
/* Whether it is still set; only asked once. */
bool kit_stop_kept(struct kit_stop *stop);
void kit_stop_free(struct kit_stop *stop);

/* Whether a handle reports something to read within the time. */
bool kit_readable(pipc_handle handle, int ms);
/* The same of room to write; where a handle tells of both alike, of either. */
bool kit_writable(pipc_handle handle, int ms);

/* Handles of the module's: a second one to the same object, whether one is open, and whether
 * programs that are started do not get it. */
pipc_handle kit_handle_copy(pipc_handle handle);
bool kit_handle_is_open(pipc_handle handle);
bool kit_handle_is_private(pipc_handle handle);

/* Signals often enough to hit every wait, and the handlers and masks of this process. Where there
 * are none the case is skipped. */
void kit_signals_storm(bool on);
void kit_signals_take(void);
void kit_signals_check(void);

/* A process of the case; its failure is the case's. Where processes do not fork, the case begins
 * anew there and goes as far as this call: before it a case makes pipes, opens rigs and listens,
 * and nothing else. */
typedef intptr_t kit_process;
kit_process kit_fork(void (*run)(void *arg), void *arg);
void kit_child_wait(kit_process child);
void kit_child_kill(kit_process child);
/* Before the call: bytes from ends[1] come out of ends[0], also in the other process. */
void kit_pipe(int ends[2]);
/* True in another process, before it is where kit_fork was called: the endpoint is not its own. */
bool kit_on_the_way(void);

#endif
