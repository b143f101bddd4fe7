/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the wrapped calls and the counting; of no use to anybody else.
 */
#ifndef PIPC_TESTS_FAULTS_INJECT_CALLS_H
#define PIPC_TESTS_FAULTS_INJECT_CALLS_H

#include "inject.h"

/* Counts the call; true: it is not made, errno is set. */
bool inject_fails(enum inject_call call);
bool inject_is_exempt(void);
void inject_count_mapping(long by);
void inject_count_thread(long by);

#endif
