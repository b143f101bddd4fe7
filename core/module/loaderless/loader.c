/* SPDX-License-Identifier: Apache-2.0
 *
 * In the place of a system's loader, in builds without one (PIPC_LOADER=OFF): there are no files of
 * modules, and who names one is told so.
 *
 * Nothing here refers to dlopen or its like. Any thread.
 */
#include "../loader.h"

const char *const pipci_loader_suffix = ""; /* no file is looked for */

bool pipci_loader_there(void)
{
    return false;
}

bool pipci_loader_place(const char *below, char path[PIPCI_PLACE_LEN])
{
    (void)below;
    (void)path;
    return false;
}

pipc_result pipci_loader_open(const char *file, const char *name, struct pipci_library *ret_library,
                              uint32_t *ret_stage, struct pipc_error *err)
{
    (void)file;
    (void)ret_library;
    *ret_stage = PIPCI_STAGE_FIND;
    return pipci_fail(err, PIPC_ERR_NO_LOADER, 0, "%s: dynamic loading is not built in", name);
}

void pipci_loader_close(struct pipci_library *library)
{
    (void)library;
}

pipc_result pipci_loader_keep(struct pipci_library *library, const char *file,
                              struct pipc_error *err)
{
    (void)library;
    return pipci_fail(err, PIPC_ERR_NO_LOADER, 0, "%s: dynamic loading is not built in", file);
}
