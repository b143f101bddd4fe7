/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: the default allocator, one that is given, and what happens when there is none left.
 */
#include "test.h"

#include "base_memory.h"
#include "core/base/base.h"

TEST(base_alloc, default_allocator_gives_resizes_and_frees)
{
    char *p = pipci_alloc(NULL, 10);
    CHECK(p != NULL);
    memset(p, 'x', 10);
    p = pipci_realloc(NULL, p, 100000);
    CHECK(p != NULL);
    CHECK_EQ(p[9], 'x');
    pipci_free(NULL, p);
    pipci_free(NULL, NULL);
}

TEST(base_alloc, cleared_memory_is_zero)
{
    unsigned char *p = pipci_zalloc(NULL, 4096);
    CHECK(p != NULL);
    for (size_t i = 0; i < 4096; i++)
        CHECK_EQ(p[i], 0);
    pipci_free(NULL, p);
}

TEST(base_alloc, given_allocator_sees_every_call_and_never_the_size_zero)
{
    struct base_memory m;
    base_memory_init(&m);
    void *a = pipci_alloc(&m.allocator, 0), *b = pipci_zalloc(&m.allocator, 0);
    void *c = pipci_realloc(&m.allocator, NULL, 0);
    char *d = pipci_strdup(&m.allocator, "");
    CHECK(a && b && c && d);
    CHECK_STR(d, "");
    c = pipci_realloc(&m.allocator, c, 0);
    CHECK(c != NULL);
    CHECK_EQ(m.calls, 5);
    CHECK_EQ(m.live, 4);
    CHECK_EQ(m.zero_sizes, 0);
    pipci_free(&m.allocator, a);
    pipci_free(&m.allocator, b);
    pipci_free(&m.allocator, c);
    pipci_free(&m.allocator, d);
    pipci_free(&m.allocator, NULL);
    CHECK_EQ(m.live, 0);
}

TEST(base_alloc, failure_of_each_function_is_null)
{
    struct base_memory m;
    base_memory_init(&m);
    m.fail_at = 1;
    m.fail_all = 1;
    char kept[4] = "abc";
    CHECK(pipci_alloc(&m.allocator, 1) == NULL);
    CHECK(pipci_zalloc(&m.allocator, 1) == NULL);
    CHECK(pipci_realloc(&m.allocator, kept, 8) == NULL);
    CHECK(pipci_strdup(&m.allocator, "abc") == NULL);
    CHECK_STR(kept, "abc");
    CHECK_EQ(m.live, 0);
}

TEST(base_alloc, copied_text_is_independent)
{
    char text[] = "cgroups";
    char *copy = pipci_strdup(NULL, text);
    CHECK(copy != NULL);
    text[0] = 'X';
    CHECK_STR(copy, "cgroups");
    pipci_free(NULL, copy);
}
