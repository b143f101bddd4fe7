/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target: as an AFL++ persistent loop, or over the files and folders named on the
 * command line.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef PIPC_FUZZ_AFL

__AFL_FUZZ_INIT();

int main(void)
{
    __AFL_INIT();
    /* What a target makes once, as a context, is made before anything is counted; not before the
     * fork, because a context does not cross one. */
    fuzz_one((const unsigned char *)"", 1);
    const unsigned char *buf = __AFL_FUZZ_TESTCASE_BUF;
    while (__AFL_LOOP(10000)) {
        /* A block of exactly the length, so that every read outside is seen. */
        const size_t len = (size_t)__AFL_FUZZ_TESTCASE_LEN;
        unsigned char *copy = malloc(len ? len : 1);
        if (!copy)
            abort();
        memcpy(copy, buf, len);
        fuzz_one(copy, len);
        free(copy);
    }
    return 0;
}

#else

static unsigned replayed;

static void replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    size_t len = 0, cap = 4096;
    unsigned char *data = malloc(cap);
    for (size_t n; data && (n = fread(data + len, 1, cap - len, f)) > 0;) {
        len += n;
        if (len == cap)
            data = realloc(data, cap *= 2);
    }
    fclose(f);
    unsigned char *exact = malloc(len ? len : 1);
    if (!data || !exact)
        abort();
    memcpy(exact, data, len);
    free(data);
    fuzz_one(exact, len);
    free(exact);
    replayed++;
}

static void replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(st.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *dir = opendir(path);
    if (!dir) {
        perror(path);
        exit(1);
    }
    for (struct dirent *e; (e = readdir(dir));) {
        char sub[4096];
        if (e->d_name[0] == '.' || strcmp(e->d_name, "README") == 0)
            continue;
        snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
        replay(sub);
    }
    closedir(dir);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("replayed %u\n", replayed);
    return 0;
}

#endif
