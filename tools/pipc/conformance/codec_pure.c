/* SPDX-License-Identifier: Apache-2.0
 *
 * Rules of purity: a codec allocates nothing, makes no system call and leaves errno alone.
 *
 * How it is seen: all memory is taken first, so that every allocation fails; under the address
 * and thread sanitizers, whose allocators cannot be starved, allocations are counted. System calls
 * are forbidden to a process of its own. Nothing of this can see a clock that is read without a
 * system call.
 */
#include "codec_kit.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if __has_include(<sys/resource.h>)
#include <sys/resource.h>
#define CAN_LIMIT 1
#endif
#if __has_include(<linux/seccomp.h>)
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#define CAN_FORBID 1
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTED 1
#endif
#endif

/* ---- everything that a codec does, once ---- */

static struct any_handler handler;
CALLED_WITH_MORE static uint32_t all_right(void *user)
{
    (void)user;
    return 1;
}

/* Results of all entries for all samples; a number that is the same as long as they are. */
static uint64_t work(struct codec *codec)
{
    uint64_t sum = 0;

    for (unsigned d = 0; d < DIRECTIONS; d++) {
        for (uint32_t i = 0; i < codec->sample_count[d]; i++) {
            const struct sample *const s = &codec->samples[d][i];
            size_t len = 0;
            sum = sum * 31 + codec_check(codec, (enum direction)d, s->bytes, s->len);
            record_begin(&codec->record);
            sum = sum * 31 + codec_walk(codec, (enum direction)d, s->bytes, s->len, &codec->record);
            if (s->source) {
                source_rewind(s->source);
                sum = sum * 31 + codec_build(codec, (enum direction)d, &s->source->fields,
                                             codec->output.write, codec->output.size, &len);
            }
            const struct pipc_dispatch dispatch = {.size = sizeof(dispatch),
                                                   .handler = &handler,
                                                   .request = s->bytes,
                                                   .request_len = s->len,
                                                   .response = codec->output.write,
                                                   .response_cap = codec->output.size};
            struct pipc_dispatched done = {.size = sizeof(done)};
            if (d == REQUEST)
                sum = sum * 31 + codec->ops->dispatch(&dispatch, &done);
            else
                sum = sum * 31 + codec->ops->call->decode(s->bytes, s->len, codec->output.write);
        }
    }
    return sum;
}

/* ---- allocation ---- */

#ifdef COUNTED
/* Of the sanitizers' runtime; not every compiler brings its header. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
/* Volatile: a compiler knows that malloc changes no variable, and that is not so here. */
static volatile uint64_t allocations;

static void on_malloc(const volatile void *block, size_t size)
{
    (void)block;
    (void)size;
    allocations++;
}

static void on_free(const volatile void *block)
{
    (void)block;
}

/* Whether the work comes to the same without allocations. */
static bool work_without_memory(struct codec *codec, uint64_t expected)
{
    if (!__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free))
        kit_skip("allocations cannot be counted in this build");
    const uint64_t before = allocations;
    void *volatile probe = malloc(1);
    free(probe);
    KIT_CHECK_MSG(allocations > before, "allocations are not counted");
    const uint64_t begin = allocations;
    return work(codec) == expected && allocations == begin;
}
#elif defined(CAN_LIMIT)
/* Makes the stack as large as the work can need, since it cannot grow later. */
__attribute__((noinline)) static unsigned stack_touch(unsigned depth)
{
    volatile unsigned char room[2048];

    memset((unsigned char *)(uintptr_t)room, (int)depth, sizeof(room));
    return depth == 0 ? room[1] : stack_touch(depth - 1) + room[depth];
}

/* Takes all blocks of every size; a list through their first bytes. */
static void *memory_take(void)
{
    void **taken = NULL;

    for (size_t size = 1u << 24; size >= sizeof(void *); size = size > 2048 ? size / 2 : size - 8) {
        void **block;
        while ((block = malloc(size))) {
            *block = (void *)taken;
            taken = block;
        }
    }
    return (void *)taken;
}

static bool work_without_memory(struct codec *codec, uint64_t expected)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_AS, &limit) != 0)
        kit_skip("no limit of memory: %s", strerror(errno));
    const rlim_t before = limit.rlim_cur;
    (void)stack_touch(127);
    limit.rlim_cur = 1;
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        kit_skip("no limit of memory: %s", strerror(errno));
    void *taken = memory_take();
    void *volatile probe = malloc(sizeof(void *));
    const uint64_t sum = work(codec);
    limit.rlim_cur = before;
    (void)setrlimit(RLIMIT_AS, &limit);
    if (probe)
        kit_skip("memory cannot be used up on this system");
    while (taken) {
        void *const next = *(void **)taken;
        free(taken);
        taken = next;
    }
    return sum == expected;
}
#else
static bool work_without_memory(struct codec *codec, uint64_t expected)
{
    (void)codec;
    (void)expected;
    kit_skip("this system has no limit of memory for a process");
}
#endif

static void memory_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);

    any_handler_fill(&handler, all_right, NULL);
    const uint64_t expected = work(codec);
    KIT_CHECK_MSG(work_without_memory(codec, expected),
                  "reading, building or dispatching allocates memory");
}

/* ---- system calls and errno ---- */

#ifdef CAN_FORBID
/* From now on every system call but the end of the process kills it. */
static bool calls_forbid(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {sizeof(rules) / sizeof(rules[0]), rules};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

enum { WORK_SAME = 0, WORK_DIFFERS = 1, NOT_FORBIDDEN = 2 };

static _Noreturn void forbidden_work(struct codec *codec, uint64_t expected)
{
    if (!calls_forbid())
        _exit(NOT_FORBIDDEN);
    /* Not _exit, which a sanitizer may stand in front of. */
    syscall(SYS_exit_group, work(codec) == expected ? WORK_SAME : WORK_DIFFERS);
    for (;;)
        continue;
}

static void calls_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);
    int status = 0;

    any_handler_fill(&handler, all_right, NULL);
    const uint64_t expected = work(codec);
    const pid_t child = fork();
    if (child == 0)
        forbidden_work(codec, expected);
    KIT_CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FORBIDDEN)
        kit_skip("this system cannot forbid system calls to a process");
    KIT_CHECK_MSG(!WIFSIGNALED(status), "reading, building or dispatching makes a system call");
    KIT_CHECK_MSG(WEXITSTATUS(status) == WORK_SAME, "other results in another process");
}
#else
static void calls_run(struct kit *kit)
{
    (void)kit;
    kit_skip("this system cannot forbid system calls to a process");
}
#endif

static void errno_run(struct kit *kit)
{
    struct codec *const codec = codec_open_with_samples(kit);
    const int strange = 12345;

    any_handler_fill(&handler, all_right, NULL);
    errno = strange;
    (void)work(codec);
    KIT_CHECK_MSG(errno == strange, "errno is changed to %d", errno);
}

const struct kit_case codec_cases_pure[] = {
    {"C-NO-MEMORY", "reading, building and dispatching allocate nothing", 0, 0, memory_run},
    {"C-NO-SYSTEM", "reading, building and dispatching make no system call", 0, 0, calls_run},
    {"C-ERRNO", "errno is left alone", 0, 0, errno_run},
    {NULL, NULL, 0, 0, NULL},
};
