/* SPDX-License-Identifier: Apache-2.0
 *
 * What a struct pipc_config is made of: settings and the descriptors that the program handed in.
 *
 * One thread at a time.
 */
#ifndef PIPCI_CONFIG_H
#define PIPCI_CONFIG_H

#include "settings.h"

struct pipc_config {
    struct pipc_allocator allocator;
    struct pipci_settings settings;
    const struct pipc_module **modules;
    uint32_t module_count;
};

/* The caller's allocator, or malloc for NULL, into `ret_allocator`. BAD_PARAM if it lacks a
 * function. */
pipc_result pipci_allocator_take(const struct pipc_allocator *allocator,
                                 struct pipc_allocator *ret_allocator, struct pipc_error *err);

#endif
