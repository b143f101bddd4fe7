/* SPDX-License-Identifier: Apache-2.0
 *
 * Counting and choosing: which call fails, with what, and what the library holds meanwhile.
 */
#include "inject.h"
#include "inject_calls.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define CODES_MAX 6

static const struct {
    const char *name;
    int codes[CODES_MAX];
    unsigned count;
} table[INJECT_CALL_COUNT] = {
#define INJECT_ROW_(call, ...) \
    [INJECT_##call] = {#call, {__VA_ARGS__}, sizeof((int[]){__VA_ARGS__}) / sizeof(int)},
    INJECT_MAP(INJECT_ROW_)
#undef INJECT_ROW_
};

static bool armed; /* atomic */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct inject_fault fault;
static struct inject_outcome outcome;
static long blocks, mappings, threads; /* atomic */
static _Thread_local bool exempt;

void inject_exempt(bool is_exempt)
{
    exempt = is_exempt;
}

bool inject_is_exempt(void)
{
    return exempt;
}

void inject_arm(const struct inject_fault *f)
{
    pthread_mutex_lock(&lock);
    fault = *f;
    outcome = (struct inject_outcome){0};
    pthread_mutex_unlock(&lock);
    __atomic_store_n(&armed, true, __ATOMIC_SEQ_CST);
}

struct inject_outcome inject_disarm(void)
{
    struct inject_outcome was;

    __atomic_store_n(&armed, false, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&lock);
    was = outcome;
    pthread_mutex_unlock(&lock);
    return was;
}

/* Under the lock: whether this call, which has just been counted, is the one to fail. */
static bool is_chosen(enum inject_call call)
{
    if (fault.at == 0)
        return false;
    if (outcome.calls == fault.at) {
        const unsigned variant = fault.variant % table[call].count;
        outcome.hit = true;
        outcome.call = call;
        outcome.code = table[call].codes[variant];
        return true;
    }
    return fault.lasting && outcome.hit && outcome.call == call &&
           inject_may_last(call, outcome.code);
}

bool inject_fails(enum inject_call call)
{
    bool chosen;
    int code;

    if (!__atomic_load_n(&armed, __ATOMIC_SEQ_CST) || exempt)
        return false;
    pthread_mutex_lock(&lock);
    outcome.calls++;
    chosen = is_chosen(call);
    code = outcome.code;
    pthread_mutex_unlock(&lock);
    if (chosen)
        errno = code;
    return chosen;
}

const char *inject_call_name(enum inject_call call)
{
    return table[call].name;
}

unsigned inject_variants(enum inject_call call)
{
    return table[call].count;
}

bool inject_is_transient(enum inject_call call, int code)
{
    if (code == EINTR || code == ECONNABORTED || call == INJECT_FUTEX)
        return true;
    return code == EAGAIN && (call == INJECT_SEND || call == INJECT_RECV ||
                              call == INJECT_CONNECT || call == INJECT_ACCEPT);
}

bool inject_may_last(enum inject_call call, int code)
{
    return (!inject_is_transient(call, code) || code == ECONNABORTED) && call != INJECT_POLL &&
           code != EWOULDBLOCK;
}

/* ---- memory ---- */

void inject_count_mapping(long by)
{
    (void)__atomic_fetch_add(&mappings, by, __ATOMIC_SEQ_CST);
}

void inject_count_thread(long by)
{
    (void)__atomic_fetch_add(&threads, by, __ATOMIC_SEQ_CST);
}

static void *take(void *arg, size_t size)
{
    void *block;

    (void)arg;
    if (inject_fails(INJECT_ALLOC))
        return NULL;
    block = malloc(size);
    if (block)
        (void)__atomic_fetch_add(&blocks, 1, __ATOMIC_SEQ_CST);
    return block;
}

static void *grow(void *arg, void *block, size_t size)
{
    (void)arg;
    return inject_fails(INJECT_ALLOC) ? NULL : realloc(block, size);
}

static void give(void *arg, void *block)
{
    (void)arg;
    (void)__atomic_fetch_sub(&blocks, 1, __ATOMIC_SEQ_CST);
    free(block);
}

const struct pipc_allocator inject_allocator = {
    .size = sizeof(struct pipc_allocator), .alloc = take, .realloc = grow, .free = give};

/* ---- what is held ---- */

static long count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    long count = 0;

    if (!dir)
        abort();
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 3; /* ".", "..", and that of the directory itself */
}

struct inject_held inject_held(void)
{
    return (struct inject_held){
        .blocks = __atomic_load_n(&blocks, __ATOMIC_SEQ_CST),
        .mappings = __atomic_load_n(&mappings, __ATOMIC_SEQ_CST),
        .threads = __atomic_load_n(&threads, __ATOMIC_SEQ_CST),
        .descriptors = count_descriptors(),
    };
}
