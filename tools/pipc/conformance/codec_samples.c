/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples that the user gives, for codecs without builders or in addition to theirs: one message a
 * line, `request HEX` or `response HEX`; empty lines and lines that begin with # are passed over.
 *
 * A file that cannot be read as that fails the case: what was meant to be judged was not.
 */
#include "codec_kit.h"

#include "../json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One line without its end; what is wrong with it, or NULL. */
static const char *take_line(struct codec *codec, const char *line, unsigned number)
{
    static const char *const words[DIRECTIONS] = {"request", "response"};
    char origin[40];

    line += strspn(line, " \t");
    if (!*line || *line == '#')
        return NULL;
    for (unsigned d = 0; d < DIRECTIONS; d++) {
        const size_t len = strlen(words[d]);
        if (strncmp(line, words[d], len) != 0 || (line[len] && !strchr(" \t", line[len])))
            continue;
        size_t count = 0;
        unsigned char *const bytes = hex_decode(line + len, strlen(line + len), &count);
        if (!bytes)
            return "expected an even number of hexadecimal digits";
        if (count > INPUT_MAX) {
            free(bytes);
            return "longer than 65536 bytes";
        }
        snprintf(origin, sizeof(origin), "%s of line %u", words[d], number);
        codec_sample_add(codec, (enum direction)d, bytes, count, NULL, origin);
        free(bytes);
        return NULL;
    }
    return "expected \"request HEX\" or \"response HEX\"";
}

/* The next line of any length without its end; NULL behind the last. To be freed by the caller in
 * the end. */
static char *next_line(FILE *file, char **line, size_t *room)
{
    size_t len = 0;
    int c;

    if (!*line)
        *line = malloc(*room = 256);
    KIT_CHECK(*line);
    while ((c = fgetc(file)) != EOF && c != '\n') {
        if (len + 2 > *room) {
            *line = realloc(*line, *room *= 2);
            KIT_CHECK(*line);
        }
        (*line)[len++] = (char)c;
    }
    if (c == EOF && len == 0)
        return NULL;
    (*line)[len] = '\0';
    return *line;
}

void codec_samples_read(struct codec *codec, const char *path)
{
    FILE *const file = fopen(path, "rb");
    char *line = NULL;
    size_t room = 0;

    if (!file)
        kit_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    for (unsigned number = 1; next_line(file, &line, &room); number++) {
        line[strcspn(line, "\r")] = '\0';
        const char *const wrong = take_line(codec, line, number);
        if (wrong)
            kit_fail(__FILE__, __LINE__, "%s: line %u: %s", path, number, wrong);
    }
    free(line);
    (void)fclose(file);
}
