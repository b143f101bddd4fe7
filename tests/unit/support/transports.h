/* SPDX-License-Identifier: Apache-2.0
 *
 * The data planes that this run tests: one list for every fixture, from PIPC_TEST_TRANSPORTS
 * (default "uds"), so that the same program runs over another plane. The first name of the list is
 * the plane that every session of the run must have; fixtures check it with test_check_plane, so
 * that nothing falls back unseen.
 *
 * Any thread.
 */
#ifndef PIPC_TESTS_TRANSPORTS_H
#define PIPC_TESTS_TRANSPORTS_H

#include <pipc/context.h>
#include <pipc/session.h>

#include <stdbool.h>

/* The list, as in the key `transports`. */
const char *test_transports(void);
/* Its first name. */
const char *test_plane(void);
/* Bits of all names, and of the first one. */
uint32_t test_profiles(void);
uint32_t test_plane_bit(void);
/* The plane carries packets: chunks, many requests outstanding. Without that a message is whole and
 * alone. */
bool test_plane_has_packets(void);
/* Ends a test whose point is packets as skipped, where the plane has none. */
void test_needs_packets(const char *why);

/* Hands the transports of the list to a configuration, where the build has not linked them in. */
void test_add_transports(struct pipc_config *config);
/* Sets the key. */
void test_choose_transports(struct pipc_config *config);
/* The session runs on the plane of this run. */
void test_check_plane(const struct pipc_session_status *status);

#endif
