/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands whose subject this system does not have.
 */
#include "../tool.h"

/* Processes by container. */
int command_top(const struct options *o)
{
    return fail_with(o, PIPC_ERR_NOT_SUPPORTED, EXIT_FAILED,
                     "this system has no containers in cgroups to show");
}

/* What servers leave on a file system: sockets, lock files, regions. */
int command_doctor(const struct options *o)
{
    return fail_with(o, PIPC_ERR_NOT_SUPPORTED, EXIT_FAILED,
                     "on this system services leave no files to look at");
}
