/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of cases of transports, one for each file of them. Constant.
 */
#ifndef PIPC_KIT_TABLES_H
#define PIPC_KIT_TABLES_H

#include "kit.h"

extern const struct kit_case kit_transport_claims[];
extern const struct kit_case kit_transport_listen[];
extern const struct kit_case kit_transport_packet[];
extern const struct kit_case kit_transport_wait[];
extern const struct kit_case kit_transport_end[];
extern const struct kit_case kit_transport_upgrade[];
extern const struct kit_case kit_transport_core[];

#endif
