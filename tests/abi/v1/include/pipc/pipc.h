/* SPDX-License-Identifier: Apache-2.0
 *
 * Everything of the core. Message types: add <pipc/codecs/NAME.h>.
 */
#ifndef PIPC_PIPC_H
#define PIPC_PIPC_H

#include <pipc/client.h>
#include <pipc/server.h>
#include <pipc/session.h>
#include <pipc/snapshot.h>
#include <pipc/wire.h>

#endif
