/* SPDX-License-Identifier: Apache-2.0
 *
 * Error records and other structs that begin with their size.
 *
 * Nothing is written beyond the size that the owner of a record has put into it, so records of
 * older and newer builds meet without harm. The text is one line of valid length: it is cut between
 * characters and holds no control character, whatever names went into it. Any thread; no
 * allocation.
 */
#include "base.h"

#include <stdio.h>
#include <string.h>

#undef pipci_fail /* defined here; elsewhere the analyser may see a macro */

/* Length of `text` cut to fit `cap` bytes with its NUL, never inside a UTF-8 character. */
static size_t cut_length(const char *text, size_t cap)
{
    size_t len = strnlen(text, cap);
    if (len < cap)
        return len;
    len = cap - 1;
    while (len > 0 && ((unsigned char)text[len] & 0xc0u) == 0x80u)
        len--;
    return len;
}

/* Names come from configuration and file systems: a line end in one must not make two lines of a
 * log. */
static void make_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* True if the record `err` is large enough for the member that ends at `end`. */
static bool reaches(const struct pipc_error *err, size_t end)
{
    return err->size >= end;
}

#define END_OF(member) \
    (offsetof(struct pipc_error, member) + sizeof(((struct pipc_error *)0)->member))

static void fill(struct pipc_error *err, pipc_result result, int32_t os_code, uint32_t peer_status,
                 const char *text)
{
    if (reaches(err, END_OF(result)))
        err->result = result;
    if (reaches(err, END_OF(os_code)))
        err->os_code = os_code;
    if (reaches(err, END_OF(peer_status)))
        err->peer_status = peer_status;
    if (err->size <= offsetof(struct pipc_error, text))
        return;
    size_t cap = err->size - offsetof(struct pipc_error, text);
    if (cap > sizeof(err->text))
        cap = sizeof(err->text);
    const size_t len = cut_length(text, cap);
    memcpy(err->text, text, len);
    err->text[len] = '\0';
}

pipc_result pipci_vfail(struct pipc_error *err, pipc_result result, int32_t os_code,
                        const char *format, va_list args)
{
    if (!err)
        return result;
    /* One byte more than a record holds, so that a cut is noticed and done between characters. The
     * text may name what stands in the record itself, which is why it is made aside. */
    char text[PIPC_ERROR_TEXT_LEN + 1];
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): the caller has begun the list */
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0'; /* LCOV_EXCL_LINE: needs a broken libc */
    make_one_line(text);
    fill(err, result, os_code, 0, text);
    return result;
}

pipc_result pipci_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pipci_vfail(err, result, os_code, format, args);
    va_end(args);
    return result;
}

void pipci_error_copy(struct pipc_error *to, const struct pipc_error *from)
{
    if (!to || !from || to == from)
        return;
    /* What the source is too small for reads as zero. */
    struct pipc_error whole;
    memset(&whole, 0, sizeof(whole));
    memcpy(&whole, from, from->size < sizeof(whole) ? from->size : sizeof(whole));
    whole.text[sizeof(whole.text) - 1] = '\0';
    fill(to, whole.result, whole.os_code, whole.peer_status, whole.text);
}

void pipci_out_copy(void *to, const void *from, size_t from_size)
{
    uint32_t size;
    memcpy(&size, to, sizeof(size));
    const size_t len = size < from_size ? size : from_size;
    if (len > sizeof(size))
        memcpy((char *)to + sizeof(size), (const char *)from + sizeof(size), len - sizeof(size));
}
