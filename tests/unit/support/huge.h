/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers around 2^32 bytes, for numbers that must not wrap. One thread; skips the test where there
 * is no such space.
 */
#ifndef PIPC_TESTS_HUGE_H
#define PIPC_TESTS_HUGE_H

#include <stddef.h>
#include <stdint.h>

#define HUGE_ROOM ((size_t)UINT32_MAX + 1 + 4096)

/* HUGE_ROOM bytes of address space, of which hardly a page is touched. */
unsigned char *huge_room(void);
/* The same, all of it the letter x: few pages, many times. Under a thread checker the test is
 * skipped: one that reads all of it has real memory for each byte there, and no second thread. */
char *huge_text(void);
void huge_free(void *at);

#endif
