/* SPDX-License-Identifier: Apache-2.0
 *
 * May the file of a module be loaded: who could have changed it (docs/module-abi.md 8), and is it
 * whole. For the loader; any thread.
 */
#ifndef PIPCI_IMAGE_H
#define PIPCI_IMAGE_H

#include "../../base/windows/win32.h"

/* A file that passed, held open so that nobody can write, rename or delete it, or rename a
 * directory above it, until it is let go. */
struct pipci_image {
    HANDLE file;
    wchar_t *path; /* where the handle says that it is: no links, absolute */
};

/* Path, directory and the file itself. PIPC_ERR_MODULE_NOT_FOUND, UNSAFE, OPEN; ALLOC. */
pipc_result pipci_image_open(const char *file, struct pipci_image *ret_image,
                             struct pipc_error *err);
/* An image for this machine, with all that its headers name inside the file. PIPC_ERR_MODULE_OPEN.
 */
pipc_result pipci_image_check(const struct pipci_image *image, const char *file,
                              struct pipc_error *err);
void pipci_image_close(struct pipci_image *image);

#endif
