/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging and showing of short texts: names of modules and services, numbers, foreign bytes in
 * messages.
 *
 * Nothing here trusts its input, and nothing depends on the locale. Any thread.
 */
#include "name.h"

#include "context.h"

#include <string.h>

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool pipci_module_name_ok(const char *name, size_t len)
{
    if (len == 0 || len > PIPCI_NAME_MAX || !is_lower(name[0]))
        return false;
    for (size_t i = 1; i < len; i++) {
        if (!is_lower(name[i]) && !is_digit(name[i]) && name[i] != '_')
            return false;
    }
    return true;
}

bool pipci_service_name_ok(const char *name, size_t len)
{
    if (len == 0 || (len == 1 && name[0] == '.') || (len == 2 && memcmp(name, "..", 2) == 0))
        return false;
    for (size_t i = 0; i < len; i++) {
        const char c = name[i];
        if (!is_lower(c) && !is_digit(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' &&
            c != '-')
            return false;
    }
    return true;
}

pipc_result pipci_service_name_check(const char *service, struct pipc_error *err)
{
    char shown[PIPCI_SHOWN];

    if (!service)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "service name: NULL");
    const size_t len = strlen(service);
    if (pipci_service_name_ok(service, len))
        return PIPC_OK;
    return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                      "service name \"%s\": expected letters, digits and . _ - only, and neither "
                      "\".\" nor \"..\"",
                      pipci_show(shown, sizeof(shown), service, len));
}

/* Length of the UTF-8 sequence that begins with `c` and the range of its second byte; 0 for none.
 * The ranges keep out overlong forms, surrogates and everything above U+10FFFF. */
static size_t utf8_lead(unsigned char c, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (c >= 0xc2 && c <= 0xdf)
        return 2;
    if (c >= 0xe0 && c <= 0xef) {
        *low = c == 0xe0 ? 0xa0 : 0x80;
        *high = c == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        *low = c == 0xf0 ? 0x90 : 0x80;
        *high = c == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return c != 0 && c < 0x80 ? 1 : 0;
}

bool pipci_utf8_ok(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        unsigned char low, high;
        const size_t n = utf8_lead((unsigned char)text[i], &low, &high);
        if (n == 0 || n > len - i)
            return false;
        for (size_t k = 1; k < n; k++) {
            const unsigned char c = (unsigned char)text[i + k];
            if (c < low || c > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
        i += n;
    }
    return true;
}

static uint32_t digit_value(char c)
{
    if (is_digit(c))
        return (uint32_t)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (uint32_t)(c - 'a') + 10u;
    if (c >= 'A' && c <= 'F')
        return (uint32_t)(c - 'A') + 10u;
    return 16u;
}

bool pipci_number_parse(const char *text, size_t len, uint64_t *ret_number)
{
    uint32_t base = 10;
    uint64_t number = 0;

    if (len > 2 && text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
        len -= 2;
    }
    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        const uint32_t digit = digit_value(text[i]);
        if (digit >= base || number > (UINT64_MAX - digit) / base)
            return false;
        number = number * base + digit;
    }
    *ret_number = number;
    return true;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}

/* Puts one byte, escaped if need be, at `pos`; returns the new position. `buf` has room for four.
 */
static size_t show_byte(char *buf, size_t pos, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";

    if (is_plain(c)) {
        buf[pos++] = (char)c;
        return pos;
    }
    buf[pos++] = '\\';
    buf[pos++] = 'x';
    buf[pos++] = hex[c >> 4];
    buf[pos++] = hex[c & 15];
    return pos;
}

const char *pipci_show(char *buf, size_t cap, const char *text, size_t len)
{
    size_t pos = 0;

    for (size_t i = 0; i < len; i++) {
        if (pos + 4 + 4 > cap) {
            memcpy(buf + pos, "...", 3);
            pos += 3;
            break;
        }
        pos = show_byte(buf, pos, (unsigned char)text[i]);
    }
    buf[pos] = '\0';
    return buf;
}

const char *pipci_show_tail(char *buf, size_t cap, const char *text, size_t len)
{
    size_t from = len, used = 0;

    while (from > 0 && used + 4 + 12 <= cap)
        used += is_plain((unsigned char)text[--from]) ? 1 : 4;
    if (from == 0)
        return pipci_show(buf, cap, text, len);
    while (from < len && ((unsigned char)text[from] & 0xc0) == 0x80)
        from++;
    buf[0] = buf[1] = buf[2] = '.';
    (void)pipci_show(buf + 3, cap - 3, text + from, len - from);
    return buf;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

void pipci_trim(const char **text, size_t *len)
{
    while (*len > 0 && is_blank((*text)[0])) {
        (*text)++;
        (*len)--;
    }
    while (*len > 0 && is_blank((*text)[*len - 1]))
        (*len)--;
}

bool pipci_list_next(const char *text, size_t len, size_t *pos, const char **ret_element,
                     size_t *ret_len)
{
    if (*pos > len)
        return false;
    const char *const from = text + *pos;
    const char *const comma = *pos < len ? memchr(from, ',', len - *pos) : NULL;
    *ret_element = from;
    *ret_len = comma ? (size_t)(comma - from) : len - *pos;
    /* One past the end after the last element, so that an empty element behind a last comma is
     * seen. */
    *pos += *ret_len + 1;
    pipci_trim(ret_element, ret_len);
    return true;
}

bool pipci_choice_ok(const char *choices, const char *word, size_t len)
{
    while (choices && len > 0) {
        const char *const bar = strchr(choices, '|');
        const size_t n = bar ? (size_t)(bar - choices) : strlen(choices);
        if (n == len && memcmp(choices, word, len) == 0)
            return true;
        choices = bar ? bar + 1 : NULL;
    }
    return false;
}
