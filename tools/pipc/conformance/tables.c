/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of cases, in the order in which they run.
 */
#include "kit.h"

#include "tables.h"

const struct kit_case *const kit_transport_tables[] = {
    kit_transport_claims, kit_transport_listen,  kit_transport_packet, kit_transport_wait,
    kit_transport_end,    kit_transport_upgrade, kit_transport_core,   NULL};
