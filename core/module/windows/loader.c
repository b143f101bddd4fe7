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

#include "../name.h"
#include "image.h"

#include <stdio.h>
#include <string.h>

const char *const pipci_loader_suffix = ".dll";

bool pipci_loader_there(void)
{
    return true;
}

/* Fails with the number and the text of a code of the system. */
static pipc_result system_error(struct pipc_error *err, const char *file, const char *what,
                                DWORD code)
{
    char shown[PIPCI_SHOWN], text[96];

    return pipci_fail(err, PIPC_ERR_MODULE_OPEN, (int32_t)code, "%s: %s: %s (%lu)",
                      pipci_show_tail(shown, sizeof(shown), file, strlen(file)), what,
                      pipci_os_text((int32_t)code, text, sizeof(text)), (unsigned long)code);
}

/* How many bytes can be read at an address inside the image, up to the end of its section. */
static size_t readable_at(HMODULE library, const void *address)
{
    MEMORY_BASIC_INFORMATION area;
    HMODULE owner = NULL;

    /* An export may be forwarded to another library, and the address is then there. */
    if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS |
                                GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            (LPCWSTR)address, &owner) ||
        owner != library || VirtualQuery(address, &area, sizeof(area)) != sizeof(area))
        return 0;
    if (area.State != MEM_COMMIT || (area.Protect & (PAGE_NOACCESS | PAGE_GUARD | PAGE_EXECUTE)))
        return 0;
    return area.RegionSize - (size_t)((uintptr_t)address - (uintptr_t)area.BaseAddress);
}

static pipc_result find_symbol(struct pipci_library *library, const char *file, const char *name,
                               struct pipc_error *err)
{
    char symbol[sizeof("pipc_module_") + PIPCI_NAME_MAX], shown[PIPCI_SHOWN];

    (void)snprintf(symbol, sizeof(symbol), "pipc_module_%s", name);
    const FARPROC found = GetProcAddress(library->handle, symbol);
    const DWORD code = found ? ERROR_SUCCESS : GetLastError();
    const void *const address = (const void *)(uintptr_t)found;
    pipci_show_tail(shown, sizeof(shown), file, strlen(file));
    if (!address)
        return pipci_fail(err, PIPC_ERR_MODULE_SYMBOL, (int32_t)code,
                          "%s: has no descriptor: no symbol %s (%lu)", shown, symbol,
                          (unsigned long)code);
    library->readable = readable_at(library->handle, address);
    if (library->readable == 0)
        return pipci_fail(err, PIPC_ERR_MODULE_SYMBOL, 0,
                          "%s: the symbol %s comes from another object that it depends on", shown,
                          symbol);
    library->module = address;
    return PIPC_OK;
}

/* Loads what the image's handle stands for. No dialog of the system for an error may stop us. */
static HMODULE load(const struct pipci_image *image, DWORD *ret_code)
{
    DWORD before = 0;

    const BOOL quiet = SetThreadErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX, &before);
    const HMODULE library = LoadLibraryExW(
        image->path, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    *ret_code = library ? ERROR_SUCCESS : GetLastError();
    if (quiet)
        SetThreadErrorMode(before, NULL);
    return library;
}

static uint32_t stage_of(pipc_result result)
{
    return result == PIPC_ERR_MODULE_NOT_FOUND ? PIPCI_STAGE_FIND
           : result == PIPC_ERR_MODULE_UNSAFE  ? PIPCI_STAGE_SECURITY
                                               : PIPCI_STAGE_OPEN;
}

pipc_result pipci_loader_open(const char *file, const char *name, struct pipci_library *ret_library,
                              uint32_t *ret_stage, struct pipc_error *err)
{
    struct pipci_library library = {0};
    struct pipci_image image;
    DWORD code = ERROR_SUCCESS;
    pipc_result result = pipci_image_open(file, &image, err);

    *ret_stage = stage_of(result);
    if (result != PIPC_OK)
        return result;
    *ret_stage = PIPCI_STAGE_OPEN;
    result = pipci_image_check(&image, file, err);
    if (result == PIPC_OK) {
        library.handle = load(&image, &code);
        if (!library.handle)
            result = system_error(err, file, "cannot be opened", code);
    }
    pipci_image_close(&image);
    if (result != PIPC_OK)
        return result;
    *ret_stage = PIPCI_STAGE_SYMBOL;
    result = find_symbol(&library, file, name, err);
    if (result == PIPC_OK)
        *ret_library = library;
    else
        pipci_loader_close(&library);
    return result;
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
    HMODULE pinned = NULL;

    if (GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                           (LPCWSTR)(const void *)library->module, &pinned))
        return PIPC_OK;
    /* LCOV_EXCL_START: the library is open at this moment */
    const pipc_result result = system_error(err, file, "cannot be kept open", GetLastError());
    pipci_loader_close(library);
    return result;
    /* LCOV_EXCL_STOP */
}
