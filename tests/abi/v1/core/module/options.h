/* SPDX-License-Identifier: Apache-2.0
 *
 * From the texts of a module's section to the typed values of its declared options.
 *
 * Used while a module is started, by the thread that loads.
 */
#ifndef PIPCI_OPTIONS_H
#define PIPCI_OPTIONS_H

#include "arena.h"
#include "settings.h"

/* The bit that a setting of the key `profile_bit` assigns; 0 for NULL. */
uint32_t pipci_options_profile_bit(const struct pipci_setting *setting);

/* One value per declared option, in their order, in memory of the arena. Every key of the module's
 * section is looked at. PIPC_ERR_CONFIG with the place and what is accepted (a secret value is
 * never shown), ALLOC. */
pipc_result pipci_options_read(struct pipci_arena *arena, const struct pipc_module *module,
                               const struct pipci_settings *settings,
                               struct pipc_option_value **ret_values, struct pipc_error *err);

/* Value of an option of type text, configured or by default, without reading all others; NULL:
 * none. */
const char *pipci_options_text(const struct pipc_module *module,
                               const struct pipci_settings *settings, const char *key,
                               const struct pipci_setting **ret_setting);

#endif
