/* SPDX-License-Identifier: Apache-2.0
 *
 * What every layer of the core leans on: memory, error records, log, deadlines.
 *
 * Nothing here knows anything of the layers above. Any thread.
 */
#ifndef PIPCI_BASE_H
#define PIPCI_BASE_H

#include <pipc/module.h>
#include <pipc/types.h>

#include <stdarg.h>
#include <stdbool.h>

#if defined(__GNUC__)
#ifndef PIPC_PRINTF_KIND
#define PIPC_PRINTF_KIND                                                    \
    printf /* the build says so where the C library has two kinds of printf \
            */
#endif
#define PIPCI_PRINTF(f, a) __attribute__((format(PIPC_PRINTF_KIND, f, a)))
#else
#define PIPCI_PRINTF(f, a)
#endif

/* A struct that begins with its size has this member: callers and modules may have been built with
 * shorter or longer ones. */
#define PIPCI_HAS(ptr, member) \
    ((ptr)->size >= offsetof(__typeof__(*(ptr)), member) + sizeof((ptr)->member))

/* For functions that only failures call: what leads to them stands apart from the usual way. */
#if defined(__GNUC__)
#define PIPCI_COLD __attribute__((cold))
#else
#define PIPCI_COLD
#endif

#define PIPCI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- memory: every allocation of the core goes through one of these ---- */

/* malloc, realloc, free: what NULL stands for in a pipc_allocator argument. */
extern const struct pipc_allocator pipci_default_allocator;

void *pipci_alloc(const struct pipc_allocator *a, size_t size);  /* not cleared; NULL on failure */
void *pipci_zalloc(const struct pipc_allocator *a, size_t size); /* cleared */
void *pipci_realloc(const struct pipc_allocator *a, void *ptr, size_t size);
void pipci_free(const struct pipc_allocator *a, void *ptr); /* NULL is accepted */
char *pipci_strdup(const struct pipc_allocator *a, const char *text);

/* ---- errors ---- */

/* Fills `err` (NULL: nothing) as far as its size goes, cutting the text with care, and returns
 * `result`, so that `return pipci_fail(err, PIPC_ERR_X, errno, "...", ...)` is the way to fail. */
pipc_result pipci_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                       const char *format, ...) PIPCI_PRINTF(4, 5) PIPCI_COLD;
pipc_result pipci_vfail(struct pipc_error *err, pipc_result result, int32_t os_code,
                        const char *format, va_list args) PIPCI_PRINTF(4, 0) PIPCI_COLD;
/* The analyser does not look into other files: this tells it that a failure returns its result. */
#ifdef __clang_analyzer__
#define pipci_fail(err, result, ...) ((void)(pipci_fail)(err, result, __VA_ARGS__), (result))
#endif
/* Copies between records of perhaps different sizes. */
void pipci_error_copy(struct pipc_error *to, const struct pipc_error *from);
/* Copies a struct that begins with its size into the caller's, at most the caller's size, which is
 * kept. */
void pipci_out_copy(void *to, const void *from, size_t from_size);

/* ---- deadlines ---- */

/* Monotonic clock, nanoseconds. */
uint64_t pipci_clock_ns(void);
/* The same clock, several times cheaper, behind by less than PIPCI_CLOCK_COARSE_NS. */
uint64_t pipci_clock_coarse_ns(void);
#define PIPCI_CLOCK_COARSE_NS UINT64_C(10000000)
/* Absolute deadline `timeout_ms` from now; saturates below the special values. */
uint64_t pipci_deadline_after(uint64_t timeout_ms);
/* The same, but PIPC_NOW stays PIPC_NOW and 0 is PIPC_NEVER: no clock is read for them. */
static inline uint64_t pipci_deadline(uint64_t timeout_ms)
{
    if (timeout_ms == PIPC_NOW)
        return PIPC_NOW;
    return timeout_ms == 0 ? PIPC_NEVER : pipci_deadline_after(timeout_ms);
}
/* The same, cheaper, and late by 1 % at most, never early. */
uint64_t pipci_deadline_coarse(uint64_t timeout_ms);
/* The earlier of two deadlines; PIPC_NOW is the earliest. */
uint64_t pipci_deadline_min(uint64_t a, uint64_t b);
/* True once the deadline has passed (always for PIPC_NOW, never for PIPC_NEVER). */
bool pipci_deadline_passed(uint64_t deadline_ns);
/* Milliseconds left, rounded up, at most INT_MAX, -1 for PIPC_NEVER, 0 when it has passed: what
 * poll() wants. */
int pipci_deadline_poll_ms(uint64_t deadline_ns);
/* A struct pipc_wait. */
static inline struct pipc_wait pipci_wait_make(uint64_t deadline_ns, pipc_handle abort,
                                               const uint32_t *abort_flag)
{
    const struct pipc_wait wait = {
        .size = sizeof(wait),
        .deadline_ns = deadline_ns,
        .abort = abort,
        .abort_flag = abort_flag,
    };
    return wait;
}

#endif
