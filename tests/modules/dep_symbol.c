/* SPDX-License-Identifier: Apache-2.0
 *
 * A file without a descriptor, which depends on a library that has one of this file's name.
 */
int fixture_dep_answer(void);
int fixture_use_dep(void);

__attribute__((visibility("default"))) int fixture_use_dep(void)
{
    return fixture_dep_answer();
}
