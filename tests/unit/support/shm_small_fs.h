/* SPDX-License-Identifier: Apache-2.0
 *
 * A tmpfs of a size that a test chooses, over a directory, in a child with its own mount namespace:
 * it is gone with the child, whatever happens. An ordinary user gets a user namespace too; where
 * the system refuses that, the test is skipped.
 */
#ifndef PIPC_TESTS_SHM_SMALL_FS_H
#define PIPC_TESTS_SHM_SMALL_FS_H

/* Runs `what(arg)` in such a child; it must return 0. */
void small_fs_run(int (*what)(void *arg), void *arg);
/* In the child: mounts a tmpfs of that size over `dir`. */
void small_fs_mount(const char *dir, unsigned kilobytes);
void small_fs_mount_options(const char *dir, const char *options);
void small_fs_mount_read_only(const char *dir);

#endif
