/* SPDX-License-Identifier: Apache-2.0
 *
 * Decoding, access, building and dispatch allocate nothing: every allocation of this program is
 * counted, by functions that stand in place of the system's.
 */
#include "test.h"

#include "codec_fixture.h"
#include "codec_snapshot.h"
#include "lookup_bytes.h"

#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COUNTED 0
#endif
#endif
#if !defined(COUNTED)
/* By the linker where the build says so. Else it needs glibc's second names, and a program that is
 * linked dynamically: a build without loader may be static. */
#if defined(COUNTED_BY_LINKER)
#define COUNTED       1
#define OURS(name)    __wrap_##name
#define SYSTEMS(name) __real_##name
#elif defined(__GLIBC__) && PIPC_TEST_HAVE_LOADER
#define COUNTED       1
#define OURS(name)    name
#define SYSTEMS(name) __libc_##name
#else
#define COUNTED 0
#endif
#endif

#if COUNTED
extern void *SYSTEMS(malloc)(size_t size);
extern void *SYSTEMS(calloc)(size_t count, size_t size);
extern void *SYSTEMS(realloc)(void *ptr, size_t size);
extern void SYSTEMS(free)(void *ptr);

static uint64_t allocations;

void *OURS(malloc)(size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return SYSTEMS(malloc)(size);
}

void *OURS(calloc)(size_t count, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return SYSTEMS(calloc)(count, size);
}

void *OURS(realloc)(void *ptr, size_t size)
{
    __atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
    return SYSTEMS(realloc)(ptr, size);
}

/* In one family with the others, for tools that replace those of the C library. */
void OURS(free)(void *ptr)
{
    SYSTEMS(free)(ptr);
}

static uint64_t counted(void)
{
    return __atomic_load_n(&allocations, __ATOMIC_RELAXED);
}
#else
static uint64_t counted(void)
{
    test_skip("allocations cannot be counted in this build");
}
#endif

/* The count moves at all. */
static void check_counting(void)
{
    const uint64_t before = counted();
    void *volatile block = malloc(100);
    free(block);
    CHECK(counted() > before);
}

TEST(codec_purity, decoding_and_access_allocate_nothing)
{
    const struct lk_bytes *const lookups[] = {&lk_paths, &lk_cgroups, &lk_pids, &lk_apps};
    struct cgsnap_bytes two = cgsnap_two();
    const unsigned char string[] = {8, 0, 0, 0, 1, 0, 0, 0, 'a', 0};
    check_counting();
    const uint64_t before = counted();
    for (unsigned i = 0; i < 100; i++) {
        codec_verdict(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp", two.at,
                      two.len - i);
        codec_verdict(codec_linked("cgroups_snapshot_req"), "cgroups_snapshot_req", two.at, i % 6);
        codec_verdict(codec_linked("string_reverse"), "string_reverse", string, i % 11);
        codec_verdict(codec_linked("increment_req"), "increment_req", two.at, i % 10);
        for (unsigned k = 0; k < 4; k++) {
            const struct lk_bytes *b = lookups[k];
            codec_verdict(codec_linked(b->kind), b->kind, b->at, b->len - i % b->len);
        }
    }
    CHECK_EQ(counted() - before, 0);
    cgsnap_free(&two);
}

TEST(codec_purity, huge_counts_allocate_nothing)
{
    static const uint32_t counts[] = {0xffffffffu, 0x20000000u, 0x20000001u};
    unsigned char bytes[64] = {1};
    check_counting();
    const uint64_t before = counted();
    for (unsigned i = 0; i < 3; i++) {
        memcpy(bytes + 4, &counts[i], 4);
        CHECK_RESULT(codec_verdict(codec_linked("cgroups_snapshot_resp"), "cgroups_snapshot_resp",
                                   bytes, sizeof(bytes)),
                     PIPC_ERR_TRUNCATED);
        CHECK_RESULT(codec_verdict(codec_linked("cgroups_lookup_resp"), "cgroups_lookup_resp",
                                   bytes, sizeof(bytes)),
                     PIPC_ERR_TRUNCATED);
        CHECK_RESULT(
            codec_verdict(codec_linked("apps_lookup_req"), "apps_lookup_req", bytes, sizeof(bytes)),
            PIPC_ERR_TRUNCATED);
    }
    CHECK_EQ(counted() - before, 0);
}

static uint32_t provide(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_snapshot_request_view *request,
                        struct pipc_cgroups_snapshot_builder *builder)
{
    (void)user;
    (void)from;
    (void)request;
    for (unsigned i = 0; i < 10; i++)
        if (pipc_cgroups_snapshot_builder_add_text(builder, i, i, i, "name", "/path") != PIPC_OK)
            return 0;
    return 1;
}

static uint32_t look_up(void *user, const struct pipc_request *from,
                        const struct pipc_cgroups_lookup_request_view *request,
                        struct pipc_cgroups_lookup_builder *builder)
{
    const struct pipc_label_view labels[] = {lk_label("k", "v")};
    (void)user;
    (void)from;
    for (uint32_t i = 0; i < request->item_count; i++)
        if (pipc_cgroups_lookup_builder_add_request_item(builder, i, 0, 1, lk_str("name"), labels,
                                                         1) != PIPC_OK)
            return 0;
    return 1;
}

TEST(codec_purity, lookups_are_encoded_dispatched_and_assembled_without_an_allocation)
{
    const struct pipc_cgroups_lookup_handler h = {.size = sizeof(h), .lookup = look_up};
    const struct pipc_str_view path = lk_str("/a");
    unsigned char request[64], buf[1024];
    struct pipc_dispatch d = {.size = sizeof(d),
                              .handler = &h,
                              .request = request,
                              .response = buf,
                              .response_cap = sizeof(buf)};
    struct pipc_dispatched done = {.size = sizeof(done)};
    const struct pipc_lookup_raw raw = {lk_apps.at + 32, 91};
    size_t len;
    check_counting();
    const uint64_t before = counted();
    CHECK_OK(pipc_cgroups_lookup_request_encode(pipc_cgroups_lookup_linked(), &path, 1, request,
                                                sizeof(request), &d.request_len));
    CHECK_OK(codec_linked("cgroups_lookup_resp")->dispatch(&d, &done));
    CHECK_OK(
        pipc_apps_lookup_assemble(pipc_apps_lookup_linked(), &raw, 1, 1, buf, sizeof(buf), &len));
    CHECK_EQ(counted() - before, 0);
}

TEST(codec_purity, encoding_building_and_dispatch_allocate_nothing)
{
    const struct pipc_cgroups_snapshot_handler h = {.size = sizeof(h), .snapshot = provide};
    const unsigned char request[] = {1, 0, 0, 0};
    unsigned char buf[1024];
    const struct pipc_dispatch d = {.size = sizeof(d),
                                    .handler = &h,
                                    .request = request,
                                    .request_len = sizeof(request),
                                    .response = buf,
                                    .response_cap = sizeof(buf)};
    struct pipc_dispatched done = {.size = sizeof(done)};
    size_t len;
    check_counting();
    const uint64_t before = counted();
    CHECK_OK(codec_linked("cgroups_snapshot_resp")->dispatch(&d, &done));
    CHECK_OK(pipc_increment_encode(pipc_increment_linked(), 1, buf, sizeof(buf), &len));
    CHECK_OK(
        pipc_string_reverse_encode(pipc_string_reverse_linked(), "abc", 3, buf, sizeof(buf), &len));
    CHECK_EQ(counted() - before, 0);
}
