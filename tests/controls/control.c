/* SPDX-License-Identifier: Apache-2.0
 *
 * Deliberate faults, one per name: the sanitizer of the build, or Valgrind, must report each, or
 * its suite proves nothing.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned char *volatile sink;
static volatile int number = 0x7fffffff;
static int shared;

static void leak(void)
{
    sink = malloc(64);
    sink = NULL;
}

static void overflow(void)
{
    sink = malloc(16);
    sink[16] = 1;
}

static void invalid_read(void)
{
    unsigned char *block = malloc(16);
    sink = block;
    free(block);
    number = sink[3];
}

static void undefined(void)
{
    number = number + 1;
}

static void *race_thread(void *arg)
{
    (void)arg;
    for (int i = 0; i < 100000; i++)
        shared++;
    return NULL;
}

static void race(void)
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, race_thread, NULL);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", shared);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } faults[] = {{"leak", leak},
                  {"overflow", overflow},
                  {"invalid-read", invalid_read},
                  {"undefined", undefined},
                  {"race", race}};
    for (size_t i = 0; argc == 2 && i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (strcmp(faults[i].name, argv[1]) == 0) {
            faults[i].run();
            return 0;
        }
    }
    fprintf(stderr, "usage: control leak|overflow|invalid-read|undefined|race\n");
    return 2;
}
