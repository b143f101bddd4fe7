/* SPDX-License-Identifier: Apache-2.0
 *
 * What this process holds of the system: descriptors, threads, mappings, files, signal handlers.
 */
#ifndef PIPC_KIT_USAGE_H
#define PIPC_KIT_USAGE_H

#include "kit.h"

struct kit_usage {
    unsigned descriptors, threads;
    unsigned files;    /* in the directory of the case */
    unsigned mappings; /* of files of that directory, of /dev/shm and of unnamed shared memory */
};
void kit_usage_take(const struct kit *kit, struct kit_usage *ret_usage);
/* Ends the case when something has changed since `before`. */
void kit_usage_same(const struct kit *kit, const struct kit_usage *before, const char *after_what);
/* Open descriptors that are not in `before` (a list made by the same function) must be
 * close-on-exec. Lists end with -1. */
#define KIT_DESCRIPTORS_MAX 512
void kit_descriptors(pipc_handle ret_list[KIT_DESCRIPTORS_MAX]);
void kit_descriptors_check(const pipc_handle before[KIT_DESCRIPTORS_MAX]);
/* Removes every file of the case's run directory, as somebody else might. */
void kit_files_remove(const char *path);

#endif
