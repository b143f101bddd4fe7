/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of INI text (docs/config.md 1): lines to sections, keys and values, and nothing else.
 *
 * A line is never cut, nothing is guessed, and the first thing that is wrong ends the reading with
 * its line. Any thread.
 */
#include "ini.h"

#include "name.h"

#include <string.h>

struct reader {
    const char *origin;
    void *arg;
    pipci_ini_fn found;
    struct pipc_error *err;
    struct pipci_ini_line line;
};

static pipc_result refuse(const struct reader *r, const char *what, const char *text, size_t len)
{
    char origin[PIPCI_SHOWN], shown[PIPCI_SHOWN];

    pipci_show_tail(origin, sizeof(origin), r->origin, strlen(r->origin));
    if (!text)
        return pipci_fail(r->err, PIPC_ERR_CONFIG, 0, "%s:%u: %s", origin, r->line.number, what);
    return pipci_fail(r->err, PIPC_ERR_CONFIG, 0, "%s:%u: found \"%s\", expected %s", origin,
                      r->line.number, pipci_show(shown, sizeof(shown), text, len), what);
}

static pipc_result read_section(struct reader *r, const char *text, size_t len)
{
    const char *const end = memchr(text, ']', len);

    if (!end)
        return refuse(r, "a closing bracket at the end of the section's line", text, len);
    if ((size_t)(end - text) + 1 != len)
        return refuse(r, "nothing behind the closing bracket", text, len);
    r->line.section = text + 1;
    r->line.section_len = len - 2;
    r->line.key = NULL;
    r->line.value = NULL;
    r->line.key_len = r->line.value_len = 0;
    return r->found(r->arg, &r->line, r->err);
}

static pipc_result read_key(struct reader *r, const char *text, size_t len)
{
    const char *const equals = memchr(text, '=', len);

    if (!equals)
        return refuse(r, "[section], key = value or a comment", text, len);
    r->line.key = text;
    r->line.key_len = (size_t)(equals - text);
    r->line.value = equals + 1;
    r->line.value_len = len - r->line.key_len - 1;
    pipci_trim(&r->line.key, &r->line.key_len);
    pipci_trim(&r->line.value, &r->line.value_len);
    if (r->line.key_len == 0)
        return refuse(r, "a key before the equals sign", text, len);
    if (!r->line.section)
        return refuse(r, "a [section] before the first key", r->line.key, r->line.key_len);
    return r->found(r->arg, &r->line, r->err);
}

/* `text` is one line without its end. */
static pipc_result read_line(struct reader *r, const char *text, size_t len)
{
    if (len > PIPCI_INI_LINE_MAX)
        return refuse(r, "the line has more than 4095 bytes", NULL, 0);
    if (memchr(text, '\0', len))
        return refuse(r, "the line has a NUL byte", NULL, 0);
    pipci_trim(&text, &len);
    if (len == 0 || text[0] == ';' || text[0] == '#')
        return PIPC_OK;
    return text[0] == '[' ? read_section(r, text, len) : read_key(r, text, len);
}

pipc_result pipci_ini_read(const char *text, size_t len, const char *origin, void *arg,
                           pipci_ini_fn found, struct pipc_error *err)
{
    struct reader r = {origin, arg, found, err, {0}};
    size_t pos = 0;

    if (len > PIPCI_INI_TEXT_MAX) {
        char shown[PIPCI_SHOWN];
        return pipci_fail(err, PIPC_ERR_CONFIG, 0, "%s: the text has more than 1048576 bytes",
                          pipci_show_tail(shown, sizeof(shown), origin, strlen(origin)));
    }
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        pos = 3;
    while (pos < len) {
        const char *const from = text + pos;
        const char *const feed = memchr(from, '\n', len - pos);
        size_t n = feed ? (size_t)(feed - from) : len - pos;
        pos += n + 1;
        if (feed && n > 0 && from[n - 1] == '\r')
            n--;
        r.line.number++;
        const pipc_result result = read_line(&r, from, n);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}
