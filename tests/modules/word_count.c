/* SPDX-License-Identifier: Apache-2.0
 *
 * The third party's lookup of the unit tests as a file, which the core and the programs have never
 * heard of.
 */
#define WORD_COUNT_FILE 1
#include "../unit/support/word_count.c"
