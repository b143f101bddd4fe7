/* SPDX-License-Identifier: Apache-2.0
 *
 * The set of ids in flight: against a plain model, at its edges, with thousands of ids, and when
 * memory is short.
 */
#include "core/session/inflight.h"

#include "base_memory.h"
#include "test.h"

TEST(session_inflight, id_0_and_the_largest_are_ordinary)
{
    struct pipci_inflight set;
    uint64_t ids[4] = {9, 9, 9, 9};

    pipci_inflight_init(&set, 7);
    CHECK(!pipci_inflight_has(&set, 0) && !pipci_inflight_has(&set, UINT64_MAX));
    CHECK(pipci_inflight_add(&set, &pipci_default_allocator, 0));
    CHECK(pipci_inflight_add(&set, &pipci_default_allocator, UINT64_MAX));
    CHECK(pipci_inflight_has(&set, 0) && pipci_inflight_has(&set, UINT64_MAX));
    CHECK_EQ(pipci_inflight_list(&set, ids, 1), 2);
    CHECK_EQ(ids[1], 9);
    CHECK_EQ(pipci_inflight_list(&set, ids, 4), 2);
    CHECK((ids[0] == 0 && ids[1] == UINT64_MAX) || (ids[1] == 0 && ids[0] == UINT64_MAX));
    pipci_inflight_remove(&set, 0);
    CHECK(!pipci_inflight_has(&set, 0));
    CHECK_EQ(pipci_inflight_count(&set), 1);
    pipci_inflight_remove(&set, 5);
    CHECK_EQ(pipci_inflight_count(&set), 1);
    pipci_inflight_done(&set, &pipci_default_allocator);
}

TEST(session_inflight, random_use_agrees_with_a_plain_model)
{
    enum { IDS = 300 };
    struct pipci_inflight set;
    bool in[IDS] = {false};
    uint64_t x = 1;

    pipci_inflight_init(&set, 99);
    for (unsigned i = 0; i < test_scale(400000); i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const uint64_t id = (x >> 33) % IDS;
        CHECK(pipci_inflight_has(&set, id) == in[id]);
        if (in[id])
            pipci_inflight_remove(&set, id);
        else
            CHECK(pipci_inflight_add(&set, &pipci_default_allocator, id));
        in[id] = !in[id];
    }
    size_t count = 0;
    for (uint64_t id = 0; id < IDS; id++) {
        CHECK(pipci_inflight_has(&set, id) == in[id]);
        count += in[id];
    }
    CHECK_EQ(pipci_inflight_count(&set), count);
    pipci_inflight_done(&set, &pipci_default_allocator);
}

TEST(session_inflight, ten_thousand_ids_do_not_slow_down_and_then_allocate_nothing)
{
    enum { IDS = 10000 };
    struct base_memory memory;
    struct pipci_inflight set;

    base_memory_init(&memory);
    pipci_inflight_init(&set, 3);
    for (uint64_t id = 1; id <= IDS; id++)
        CHECK(pipci_inflight_add(&set, &memory.allocator, id << 32));
    const uint64_t calls = memory.calls, start = test_now_ms();
    for (unsigned round = 0; round < 20; round++) {
        for (uint64_t id = 1; id <= IDS; id++)
            pipci_inflight_remove(&set, id << 32);
        CHECK_EQ(pipci_inflight_count(&set), 0);
        for (uint64_t id = IDS; id > 0; id--)
            CHECK(pipci_inflight_add(&set, &memory.allocator, id << 32));
    }
    CHECK_EQ(memory.calls, calls);
    CHECK_MSG(test_now_ms() - start < test_limit(1000), "400000 operations took %u ms",
              (unsigned)(test_now_ms() - start));
    pipci_inflight_done(&set, &memory.allocator);
    CHECK_EQ(memory.live, 0);
}

TEST(session_inflight, failed_growth_leaves_the_set_as_it_was)
{
    struct base_memory memory;
    struct pipci_inflight set;

    base_memory_init(&memory);
    memory.fail_at = 1;
    pipci_inflight_init(&set, 3);
    /* the lone one, and half of the table in the struct */
    for (uint64_t id = 1; id <= 9; id++)
        CHECK(pipci_inflight_add(&set, &memory.allocator, id));
    CHECK(!pipci_inflight_add(&set, &memory.allocator, 10));
    CHECK_EQ(pipci_inflight_count(&set), 9);
    for (uint64_t id = 1; id <= 9; id++)
        CHECK(pipci_inflight_has(&set, id));
    CHECK(!pipci_inflight_has(&set, 10));
    CHECK(pipci_inflight_add(&set, &memory.allocator, 10));
    pipci_inflight_done(&set, &memory.allocator);
    CHECK_EQ(memory.live, 0);
}
