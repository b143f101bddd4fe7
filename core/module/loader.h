/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract of the loader of a system: from a file to the address of a descriptor, nothing of it
 * called.
 *
 * Implemented in posix/ and windows/ under the same names. The caller loads one module at a time.
 */
#ifndef PIPCI_LOADER_H
#define PIPCI_LOADER_H

#include "../base/base.h"

/* Stages of an attempt, in order. */
enum {
    PIPCI_STAGE_FIND = 0,
    PIPCI_STAGE_SECURITY = 1,
    PIPCI_STAGE_OPEN = 2,
    PIPCI_STAGE_SYMBOL = 3,
    PIPCI_STAGE_ABI = 4,
    PIPCI_STAGE_INIT = 5,
    PIPCI_STAGE_READY = 6
};

/* A file that is open and not accepted yet. */
struct pipci_library {
    void *handle;
    const struct pipc_module *module;
    size_t readable; /* bytes that may be read at `module` */
};

/* What a module's file is called behind its name; with the dot. */
extern const char *const pipci_loader_suffix;

/* True in a build with a loader. */
bool pipci_loader_there(void);

/* The directory `below`, which lies where the shared library of this code lies, as a path without
 * links; false when that cannot be told. Only for code that is in the shared library. */
#define PIPCI_PLACE_LEN 4096
bool pipci_loader_place(const char *below, char path[PIPCI_PLACE_LEN]);

/* The stages find to symbol on `file`, an absolute path. *ret_stage is the last one reached. On
 * failure nothing stays open. PIPC_ERR_MODULE_NOT_FOUND, UNSAFE, OPEN, SYMBOL; PIPC_ERR_NO_LOADER.
 */
pipc_result pipci_loader_open(const char *file, const char *name, struct pipci_library *ret_library,
                              uint32_t *ret_stage, struct pipc_error *err);

/* Of a refused file. */
void pipci_loader_close(struct pipci_library *library);

/* Of an accepted one: it stays mapped for the life of the process. PIPC_ERR_MODULE_OPEN: then it is
 * closed. */
pipc_result pipci_loader_keep(struct pipci_library *library, const char *file,
                              struct pipc_error *err);

#endif
