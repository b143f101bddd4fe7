/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging what a module says of itself, and making full-size tables of what it has.
 *
 * Pure: nothing of the module is called. Any thread, never blocks.
 */
#ifndef PIPCI_DESCRIPTOR_H
#define PIPCI_DESCRIPTOR_H

#include "../base/base.h"
#include "context.h"

/* Sizes of the tables of ABI 1.0 up to their last mandatory member: the least that a module may
 * have. */
#define PIPCI_TRANSPORT_OPS_MIN offsetof(struct pipc_transport_ops, reserve)
#define PIPCI_CODEC_OPS_MIN     offsetof(struct pipc_codec_ops, snapshot)

#define PIPCI_OPTIONS_MAX 256u

/* Right magic, room for the name, and a name that is one: enough to find it by name. NULL is none.
 */
bool pipci_module_head_ok(const struct pipc_module *module);

/* "transport", "codec" or "module" */
const char *pipci_kind_name(uint32_t kind);

/* All that can be judged without running anything (docs/module-abi.md 2 to 5, 17): head, versions,
 * name, options, the table of its kind, and that traits and entries agree. `readable`: bytes that
 * may be read at `module`. `kind` 0: any. `name` NULL: any. `file` (or NULL: linked in) is for the
 * message. PIPC_ERR_MODULE_ABI. */
pipc_result pipci_module_judge(const struct pipc_module *module, size_t readable, uint32_t kind,
                               const char *name, const char *file, struct pipc_error *err);

/* The parts of it. */
pipc_result pipci_transport_judge(const struct pipc_transport_ops *ops, const char *subject,
                                  struct pipc_error *err);
pipc_result pipci_codec_judge(const struct pipc_codec_ops *ops, const char *subject,
                              struct pipc_error *err);
pipc_result pipci_options_judge(const struct pipc_module *module, const char *subject,
                                struct pipc_error *err);

/* Kind, bits and traits of a wrapper, from what it wraps (ops normalised, both).
 * PIPC_ERR_MODULE_ABI when an entry that the wrapped kind needs is missing in `module`'s table. */
pipc_result pipci_wrapper_take(struct pipc_transport_ops *ops, const struct pipc_module *module,
                               const struct pipc_transport_ops *wrapped, const char *subject,
                               struct pipc_error *err);

/* A judged table, copied to full size; what is missing gets a stub. */
void pipci_transport_normalise(const struct pipc_transport_ops *ops,
                               struct pipc_transport_ops *ret_ops);

/* The same for a codec; the tables that it points to are copied too. */
struct pipci_codec_tables {
    struct pipc_codec_ops ops;
    struct pipc_call_ops call;
    struct pipc_snapshot_hooks snapshot;
    struct pipc_lookup_hooks lookup;
    struct pipc_uniform_hooks uniform;
};
void pipci_codec_normalise(const struct pipc_codec_ops *ops, struct pipci_codec_tables *ret_tables);

#endif
