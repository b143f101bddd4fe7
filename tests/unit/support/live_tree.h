/* SPDX-License-Identifier: Apache-2.0
 *
 * Made trees for the tests of the live providers: directories and files below test_dir(), and a
 * mountinfo that points there.
 */
#ifndef PIPC_TESTS_LIVE_TREE_H
#define PIPC_TESTS_LIVE_TREE_H

/* Makes a directory with all its parents, by a path below test_dir(). */
void tree_dir(const char *path);
/* Makes a file and the directories it is in. */
void tree_file(const char *path, const char *text);
/* Removes an empty directory. */
void tree_remove(const char *path);
/* Adds a line to host/proc/self/mountinfo: `dir` below test_dir() is mounted as `type` with these
 * options; `root` as in the file. */
void tree_mount(const char *root, const char *dir, const char *type, const char *options);
/* The fake proc directory, "<test_dir>/host/proc". */
const char *tree_proc(void);

#endif
