/* SPDX-License-Identifier: Apache-2.0
 *
 * The validation of a batch directory (docs/level1-wire-envelope.md 3.2) that also tells what most
 * directories are like, so that nobody has to look a second time. Pure; any thread.
 */
#ifndef PIPCI_WIRE_BATCH_H
#define PIPCI_WIRE_BATCH_H

#include <pipc/wire.h>

/* pipc_batch_check; on PIPC_OK *ret_uniform_len is the length of the items if all have this one, a
 * multiple of 8 and not 0, and lie one behind the other; else 0. */
pipc_result pipci_batch_check(const void *payload, size_t payload_len, uint32_t item_count,
                              uint32_t *ret_uniform_len);

#endif
