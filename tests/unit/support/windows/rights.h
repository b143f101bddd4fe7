/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of rights of files and directories, given as SDDL.
 */
#ifndef PIPC_TESTS_RIGHTS_H
#define PIPC_TESTS_RIGHTS_H

/* Replaces the list of a file or directory: "D:P(A;;FA;;;SY)...". Fails the test when refused. */
void test_set_rights(const char *path, const char *sddl);
/* The user of this process and the system alone; then also Everyone with these rights ("FR", "FW",
 * "FA", NULL: none). */
void test_give_everyone(const char *path, const char *rights);

#endif
