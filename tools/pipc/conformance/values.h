/* SPDX-License-Identifier: Apache-2.0
 *
 * Option values for a module that a case drives itself: the declared defaults, but for those that
 * --option gives.
 */
#ifndef PIPC_KIT_VALUES_H
#define PIPC_KIT_VALUES_H

#include "kit.h"

#define KIT_VALUES_MAX 64u

/* Ends the case when a default does not keep the rules of its declaration. */
void kit_values_default(const struct pipc_module *module, struct pipc_option_value *ret_values);
/* `module` with what is given in place of its defaults: KEY=VALUE, of keys that it has. One a
 * process. */
const struct pipc_module *kit_values_given(const struct pipc_module *module,
                                           const struct option_texts *texts);

#endif
