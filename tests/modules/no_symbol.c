/* SPDX-License-Identifier: Apache-2.0
 *
 * A file without any descriptor.
 */
int fixture_nothing(void);
__attribute__((visibility("default"))) int fixture_nothing(void)
{
    return 0;
}
