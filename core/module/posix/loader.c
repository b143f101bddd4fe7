/* SPDX-License-Identifier: Apache-2.0
 *
 * The loader of POSIX systems: trusted path, whole object, dlopen, the descriptor inside that very
 * object.
 *
 * Absolute paths only, RTLD_NOW | RTLD_LOCAL, nothing from the environment. What is accepted is
 * pinned and never unmapped; what is refused is closed. One thread at a time.
 */
#include "../loader.h"

#include "../name.h"
#include "trust.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *const pipci_loader_suffix = ".so";

bool pipci_loader_there(void)
{
    return true;
}

/* Fails with the text of the dynamic linker, which the next call of it would change. */
static pipc_result linker_error(struct pipc_error *err, pipc_result result, const char *file,
                                const char *what)
{
    const char *const text = dlerror();
    char shown[PIPCI_SHOWN];

    return pipci_fail(err, result, 0, "%s: %s: %s",
                      pipci_show_tail(shown, sizeof(shown), file, strlen(file)), what,
                      text ? text : "the linker gives no reason");
}

/* ---- the symbol lies in the object that was opened, and not in one that it depends on ---- */

struct placing {
    uintptr_t base;
    uintptr_t address;
    size_t readable;
};

static int place_in_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct placing *const p = arg;

    (void)size;
    if (info->dlpi_addr != p->base)
        return 0;
    for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *const h = &info->dlpi_phdr[i];
        const uintptr_t from = info->dlpi_addr + h->p_vaddr;
        if (h->p_type == PT_LOAD && (h->p_flags & PF_R) && p->address >= from &&
            p->address - from < h->p_memsz) {
            p->readable = h->p_memsz - (p->address - from);
            return 1;
        }
    }
    return 0;
}

static size_t readable_at(void *handle, const void *address)
{
    struct link_map *map = NULL;
    struct placing p = {0, (uintptr_t)address, 0};

    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0 || !map)
        return 0; /* LCOV_EXCL_LINE: the handle is good */
    p.base = map->l_addr;
    (void)dl_iterate_phdr(place_in_object, &p);
    return p.readable;
}

static pipc_result find_symbol(struct pipci_library *library, const char *file, const char *name,
                               struct pipc_error *err)
{
    char symbol[sizeof("pipc_module_") + PIPCI_NAME_MAX], shown[PIPCI_SHOWN];

    (void)snprintf(symbol, sizeof(symbol), "pipc_module_%s", name);
    (void)dlerror();
    void *const address = dlsym(library->handle, symbol);
    if (!address)
        return linker_error(err, PIPC_ERR_MODULE_SYMBOL, file, "has no descriptor");
    library->readable = readable_at(library->handle, address);
    if (library->readable == 0)
        return pipci_fail(err, PIPC_ERR_MODULE_SYMBOL, 0,
                          "%s: the symbol %s comes from another object that it depends on",
                          pipci_show_tail(shown, sizeof(shown), file, strlen(file)), symbol);
    library->module = address;
    return PIPC_OK;
}

static pipc_result check_file(const char *file, uint32_t *ret_stage, struct pipc_error *err)
{
    int fd = -1;
    pipc_result result = pipci_trust_open(file, &fd, err);

    *ret_stage = result == PIPC_ERR_MODULE_NOT_FOUND ? PIPCI_STAGE_FIND
                 : result == PIPC_ERR_MODULE_OPEN    ? PIPCI_STAGE_OPEN
                                                     : PIPCI_STAGE_SECURITY;
    if (result != PIPC_OK)
        return result;
    *ret_stage = PIPCI_STAGE_OPEN;
    result = pipci_trust_object(file, fd, err);
    (void)close(fd);
    return result;
}

pipc_result pipci_loader_open(const char *file, const char *name, struct pipci_library *ret_library,
                              uint32_t *ret_stage, struct pipc_error *err)
{
    struct pipci_library library = {0};
    pipc_result result = check_file(file, ret_stage, err);

    if (result != PIPC_OK)
        return result;
    library.handle = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library.handle)
        return linker_error(err, PIPC_ERR_MODULE_OPEN, file, "cannot be opened");
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
        (void)dlclose(library->handle);
    library->handle = NULL;
    library->module = NULL;
}

pipc_result pipci_loader_keep(struct pipci_library *library, const char *file,
                              struct pipc_error *err)
{
    void *const pinned = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD | RTLD_NODELETE);

    if (!pinned) {
        /* LCOV_EXCL_START: the object is open at this moment */
        const pipc_result result =
            linker_error(err, PIPC_ERR_MODULE_OPEN, file, "cannot be kept open");
        pipci_loader_close(library);
        return result;
        /* LCOV_EXCL_STOP */
    }
    /* The object stays for good, so the first handle has done its work. */
    (void)dlclose(library->handle);
    library->handle = pinned;
    return PIPC_OK;
}
