/* SPDX-License-Identifier: Apache-2.0
 *
 * May the file of a module be loaded: who could have written it (docs/module-abi.md 8), and is it
 * whole.
 *
 * For the loader; any thread.
 */
#ifndef PIPCI_TRUST_H
#define PIPCI_TRUST_H

#include "../../base/base.h"

/* Path, chain of directories and the file itself; *ret_fd is the opened file.
 * PIPC_ERR_MODULE_NOT_FOUND, UNSAFE, OPEN. */
pipc_result pipci_trust_open(const char *file, int *ret_fd, struct pipc_error *err);

/* An object for this machine, with all that its headers name inside the file. PIPC_ERR_MODULE_OPEN.
 */
pipc_result pipci_trust_object(const char *file, int fd, struct pipc_error *err);

#endif
