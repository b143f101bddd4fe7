/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging and showing of short texts: names of modules and services, numbers, foreign bytes in
 * messages.
 *
 * Pure functions: no allocation, no state; any thread, never block.
 */
#ifndef PIPCI_MODULE_NAME_H
#define PIPCI_MODULE_NAME_H

#include "../base/base.h"

/* Longest name of a module, without its NUL. */
#define PIPCI_NAME_MAX 32u
/* Room for a foreign text in a message. */
#define PIPCI_SHOWN 72u

/* [a-z][a-z0-9_]{0,31} */
bool pipci_module_name_ok(const char *name, size_t len);

/* docs/level1-transport.md 3.1 */
bool pipci_service_name_ok(const char *name, size_t len);

/* Well-formed UTF-8, without NUL. */
bool pipci_utf8_ok(const char *text, size_t len);

/* Decimal digits, or 0x and hexadecimal digits; no sign, no unit, at most 2^64 - 1. */
bool pipci_number_parse(const char *text, size_t len, uint64_t *ret_number);

/* Makes `text` fit for a message: what is no printable ASCII becomes \xNN, what is too long ends in
 * "...". Returns buf. */
const char *pipci_show(char *buf, size_t cap, const char *text, size_t len);

/* The same, but a long text loses its beginning: for paths. */
const char *pipci_show_tail(char *buf, size_t cap, const char *text, size_t len);

/* Removes blanks (space, tab) at both ends. */
void pipci_trim(const char **text, size_t *len);

/* Takes the next element of a list with commas between, blanks around it removed; false at the end.
 * `*pos` starts at 0. */
bool pipci_list_next(const char *text, size_t len, size_t *pos, const char **ret_element,
                     size_t *ret_len);

/* True if `word` is one of the words in `choices`, which have | between them. */
bool pipci_choice_ok(const char *choices, const char *word, size_t len);

#endif
