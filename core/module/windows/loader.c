/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader of Windows: trusted file, whole image, LoadLibraryExW, the descriptor inside that very
 * image.
 *
 * Absolute paths only; what the module depends on is looked for beside it and among the system's
 * libraries, nowhere else. What is accepted is pinned and never unmapped; what is refused is
 * closed. One thread at a time.
 */
#include "../loader.h"

const char *const pipci_loader_suffix = ".dll";

#if PIPC_HAVE_LOADER

#include "../../base/windows/win32.h"
#include "../name.h"

#include <stdio.h>
#include <string.h>

bool pipci_loader_there(void)
{
    return true;
}

pipc_result pipci_loader_open(const char *file, const char *name, struct pipci_library *ret_library,
                              uint32_t *ret_stage, struct pipc_error *err)
{
    DWORD code = 0;
    char symbol[sizeof("pipc_module_") + PIPCI_NAME_MAX];
    wchar_t *const wide = pipci_win_path(NULL, file, &code);

    *ret_stage = PIPCI_STAGE_OPEN;
    const HMODULE module =
        LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    code = GetLastError();
    pipci_free(NULL, wide);
    if (!module)
        return pipci_fail(err, PIPC_ERR_MODULE_OPEN, (int32_t)code, "%s: cannot be opened", file);
    *ret_stage = PIPCI_STAGE_SYMBOL;
    (void)snprintf(symbol, sizeof(symbol), "pipc_module_%s", name);
    ret_library->handle = module;
    ret_library->module = (const void *)(uintptr_t)GetProcAddress(module, symbol);
    ret_library->readable = 4096;
    if (!ret_library->module)
        return pipci_fail(err, PIPC_ERR_MODULE_SYMBOL, 0, "%s: has no descriptor", file);
    return PIPC_OK;
}

void pipci_loader_close(struct pipci_library *library)
{
    if (library->handle)
        (void)FreeLibrary(library->handle);
    library->handle = NULL;
    library->module = NULL;
}

pipc_result pipci_loader_keep(struct pipci_library *library, const char *file,
                              struct pipc_error *err)
{
    (void)library;
    (void)file;
    (void)err;
    return PIPC_OK;
}

#else

bool pipci_loader_there(void)
{
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

#endif
