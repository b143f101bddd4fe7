/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookup responses that do not hold all items: what becomes KNOWN, OVERSIZED_ITEM and
 * PAYLOAD_EXCEEDED, for every budget.
 */
#include "test.h"

#include "codec_fixture.h"
#include "lookup_bytes.h"

#define KEYS_MAX 6u

/* Up to six keys and what there is to say of them, of mixed size. */
struct plan {
    bool apps;
    uint32_t count;
    struct pipc_str_view paths[KEYS_MAX];
    uint32_t pids[KEYS_MAX];
    struct pipc_cgroups_lookup_item cgroups[KEYS_MAX];
    struct pipc_apps_lookup_item processes[KEYS_MAX];
    unsigned char request[512];
    size_t request_len;
};

static const struct pipc_label_view plan_labels[] = {
    {{"key", 3}, {"value", 5}}, {{"k", 1}, {"", 0}}, {{"another", 7}, {"v", 1}}};

static char big_name[4001];

static void plan_make(struct plan *plan, bool apps, uint32_t count)
{
    static const char *const paths[KEYS_MAX] = {
        "/a", "/system.slice/x.service", "/bcdefg", "/a/b/c/d", "/e", "/machine"};
    static const char *const names[KEYS_MAX] = {"name", "", "a-longer-name", "n", "nm", "xyz"};
    memset(plan, 0, sizeof(*plan));
    plan->apps = apps;
    plan->count = count;
    for (uint32_t i = 0; i < count; i++) {
        plan->paths[i] = lk_str(paths[i]);
        plan->pids[i] = 100 + i;
        plan->cgroups[i] = lk_cgroup(paths[i], names[i]);
        plan->processes[i] = lk_app(100 + i, "comm", paths[i], names[i]);
        plan->cgroups[i].labels = plan->processes[i].labels = plan_labels;
        plan->cgroups[i].label_count = plan->processes[i].label_count = i % 4;
    }
    CHECK_OK(apps ? pipc_apps_lookup_request_encode(pipc_apps_lookup_linked(), plan->pids, count,
                                                    plan->request, sizeof(plan->request),
                                                    &plan->request_len)
                  : pipc_cgroups_lookup_request_encode(pipc_cgroups_lookup_linked(), plan->paths,
                                                       count, plan->request, sizeof(plan->request),
                                                       &plan->request_len));
}

/* One of the items has more to say than fits. */
static void plan_oversize(struct plan *plan, uint32_t index)
{
    memset(big_name, 'n', 4000);
    plan->cgroups[index].name = plan->processes[index].cgroup_name = lk_str(big_name);
}

/* Answers the request within `cap` bytes; 0 where that fails, with OVERFLOW. */
static size_t plan_cgroups(const struct plan *plan, unsigned char *bytes, size_t cap)
{
    struct pipc_cgroups_lookup_request_view request;
    struct pipc_cgroups_lookup_builder builder;
    CHECK_OK(pipc_cgroups_lookup_request_decode(pipc_cgroups_lookup_linked(), plan->request,
                                                plan->request_len, &request));
    pipc_result r = pipc_cgroups_lookup_builder_init_request(pipc_cgroups_lookup_linked(), &builder,
                                                             bytes, cap, &request, 7);
    for (uint32_t i = 0; r == PIPC_OK && i < plan->count; i++)
        r = pipc_cgroups_lookup_builder_add(&builder, &plan->cgroups[i]);
    const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
    CHECK_RESULT(r, len ? PIPC_OK : PIPC_ERR_OVERFLOW);
    return len;
}

static size_t plan_apps(const struct plan *plan, unsigned char *bytes, size_t cap)
{
    struct pipc_apps_lookup_request_view request;
    struct pipc_apps_lookup_builder builder;
    CHECK_OK(pipc_apps_lookup_request_decode(pipc_apps_lookup_linked(), plan->request,
                                             plan->request_len, &request));
    pipc_result r = pipc_apps_lookup_builder_init_request(pipc_apps_lookup_linked(), &builder,
                                                          bytes, cap, &request, 7);
    for (uint32_t i = 0; r == PIPC_OK && i < plan->count; i++)
        r = pipc_apps_lookup_builder_add(&builder, &plan->processes[i]);
    const size_t len = pipc_apps_lookup_builder_finish(&builder);
    CHECK_RESULT(r, len ? PIPC_OK : PIPC_ERR_OVERFLOW);
    return len;
}

/* What a response made of the items: one letter each. */
static void outcomes_cgroups(const struct plan *plan, const unsigned char *bytes, size_t len,
                             char *text)
{
    struct pipc_cgroups_lookup_view view;
    CHECK_OK(pipc_cgroups_lookup_decode(pipc_cgroups_lookup_linked(), bytes, len, &view));
    CHECK(view.item_count == plan->count && view.generation == 7);
    for (uint32_t i = 0; i < plan->count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        CHECK_OK(pipc_cgroups_lookup_item(&view, i, &item));
        CHECK(item.path.len == plan->paths[i].len &&
              memcmp(item.path.ptr, plan->paths[i].ptr, item.path.len) == 0);
        CHECK(item.status != 0 || item.label_count == plan->cgroups[i].label_count);
        text[i] = "KRUXO"[item.status];
    }
}

static void outcomes_apps(const struct plan *plan, const unsigned char *bytes, size_t len,
                          char *text)
{
    struct pipc_apps_lookup_view view;
    CHECK_OK(pipc_apps_lookup_decode(pipc_apps_lookup_linked(), bytes, len, &view));
    CHECK(view.item_count == plan->count && view.generation == 7);
    for (uint32_t i = 0; i < plan->count; i++) {
        struct pipc_apps_lookup_item_view item;
        CHECK_OK(pipc_apps_lookup_item(&view, i, &item));
        CHECK_EQ(item.pid, plan->pids[i]);
        CHECK(item.status != 0 || item.label_count == plan->processes[i].label_count);
        text[i] = "KUXO"[item.status];
    }
}

/* The outcome of a budget, in a block of exactly that size filled with 0xff; "" where nothing can
 * be answered. */
static size_t outcome(const struct plan *plan, size_t budget, char text[KEYS_MAX + 1])
{
    unsigned char *bytes = malloc(budget ? budget : 1);
    memset(bytes, 0xff, budget);
    memset(text, 0, KEYS_MAX + 1);
    const size_t len =
        plan->apps ? plan_apps(plan, bytes, budget) : plan_cgroups(plan, bytes, budget);
    CHECK(len <= budget);
    for (size_t i = 0; i < len; i++)
        CHECK(bytes[i] != 0xff || plan->apps); /* an unset uid is 0xff too */
    if (len > 0 && plan->apps)
        outcomes_apps(plan, bytes, len, text);
    else if (len > 0)
        outcomes_cgroups(plan, bytes, len, text);
    free(bytes);
    return len;
}

static uint64_t align8(uint64_t x)
{
    return (x + 7) / 8 * 8;
}

/* Header, directory, and a placeholder for each key. */
static uint64_t least(const struct plan *plan)
{
    uint64_t size = 16 + 8 * (uint64_t)plan->count;
    for (uint32_t i = 0; i < plan->count; i++)
        size = align8(size) + (plan->apps ? 63 : 30 + plan->paths[i].len);
    return size;
}

/* One of K and O, then K, then X. */
static void check_order(const char *text, uint32_t count)
{
    CHECK_MSG(text[0] == 'K' || text[0] == 'O', "item 0 is %c", text[0]);
    for (uint32_t i = 1; i < count; i++) {
        CHECK_MSG(text[i] == 'K' || text[i] == 'X', "item %u of %s", i, text);
        CHECK_MSG(text[i] == 'X' || text[i - 1] != 'X', "KNOWN behind PAYLOAD_EXCEEDED: %s", text);
    }
}

static void sweep(bool apps, uint32_t count)
{
    struct plan plan;
    char text[KEYS_MAX + 1];
    plan_make(&plan, apps, count);
    const size_t full = outcome(&plan, 4096, text), min = (size_t)least(&plan);
    CHECK(strspn(text, "K") == count);
    unsigned known_before = 0;
    for (size_t budget = 0; budget <= full + 16; budget++) {
        const size_t len = outcome(&plan, budget, text);
        CHECK_MSG((len > 0) == (budget >= min), "budget %zu, least %zu", budget, min);
        if (len == 0)
            continue;
        check_order(text, count);
        CHECK((strspn(text, "K") == count) == (budget >= full));
        /* More room never answers less, once the first item fits. */
        unsigned known = 0;
        for (uint32_t i = 0; i < count; i++)
            known += text[i] == 'K';
        if (text[0] == 'K') {
            CHECK(known >= known_before);
            known_before = known;
        }
    }
}

TEST(codec_lookup_budget, every_budget_of_1_to_6_cgroups)
{
    for (uint32_t count = 1; count <= KEYS_MAX; count++)
        sweep(false, count);
}

TEST(codec_lookup_budget, every_budget_of_1_to_6_processes)
{
    for (uint32_t count = 1; count <= KEYS_MAX; count++)
        sweep(true, count);
}

static void check_outcome(const struct plan *plan, size_t budget, const char *expected)
{
    char text[KEYS_MAX + 1];
    outcome(plan, budget, text);
    CHECK_STR(text, expected);
}

TEST(codec_lookup_budget, oversized_first_middle_and_last_item)
{
    for (unsigned apps = 0; apps < 2; apps++) {
        struct plan plan;
        plan_make(&plan, apps, 4);
        plan_oversize(&plan, 0);
        check_outcome(&plan, 2048, "OKKK");
        check_outcome(&plan, 8192, "KKKK");
        plan_make(&plan, apps, 4);
        plan_oversize(&plan, 1);
        check_outcome(&plan, 2048, "KXXX");
        plan_make(&plan, apps, 4);
        plan_oversize(&plan, 3);
        check_outcome(&plan, 2048, "KKKX");
        plan_make(&plan, apps, 1);
        plan_oversize(&plan, 0);
        check_outcome(&plan, 2048, "O");
    }
}

TEST(codec_lookup_budget, two_oversized_items_and_one_behind_an_unknown)
{
    struct plan plan;
    plan_make(&plan, false, 4);
    plan_oversize(&plan, 0);
    plan_oversize(&plan, 2);
    check_outcome(&plan, 2048, "OKXX");
    plan_make(&plan, true, 4);
    plan_oversize(&plan, 0);
    plan_oversize(&plan, 2);
    check_outcome(&plan, 2048, "OKXX");
    plan_make(&plan, false, 3);
    plan.cgroups[0] = (struct pipc_cgroups_lookup_item){.status = 2, .path = plan.paths[0]};
    plan_oversize(&plan, 1);
    check_outcome(&plan, 2048, "UXX");
    plan_make(&plan, true, 3);
    plan.processes[0] = pipc_apps_lookup_item_of(plan.pids[0], 1);
    plan_oversize(&plan, 1);
    check_outcome(&plan, 2048, "UXX");
}

TEST(codec_lookup_budget, last_item_may_end_at_the_last_byte_whatever_the_remainder)
{
    for (unsigned apps = 0; apps < 2; apps++) {
        struct plan plan;
        char text[KEYS_MAX + 1];
        plan_make(&plan, apps, 1);
        const size_t full = outcome(&plan, 4096, text);
        check_outcome(&plan, full, "K");
        check_outcome(&plan, full - 1, "O");
        plan_make(&plan, apps, 3);
        const size_t three = outcome(&plan, 4096, text);
        check_outcome(&plan, three, "KKK");
        check_outcome(&plan, three - 1, "KKX");
    }
}

TEST(codec_lookup_budget, exceeded_response_checks_the_key_and_ignores_the_rest)
{
    struct plan plan;
    struct pipc_cgroups_lookup_request_view request;
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_item bad = lk_cgroup("", "n");
    unsigned char bytes[1024];
    plan_make(&plan, false, 4);
    plan_oversize(&plan, 1);
    CHECK_OK(pipc_cgroups_lookup_request_decode(pipc_cgroups_lookup_linked(), plan.request,
                                                plan.request_len, &request));
    CHECK_OK(pipc_cgroups_lookup_builder_init_request(pipc_cgroups_lookup_linked(), &builder, bytes,
                                                      sizeof(bytes), &request, 7));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &plan.cgroups[0]));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &plan.cgroups[1]));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &bad), PIPC_ERR_BAD_LAYOUT);
    bad.path = (struct pipc_str_view){"a\0b", 3};
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &bad), PIPC_ERR_BAD_LAYOUT);
    bad.path = plan.paths[2];
    bad.status = 99; /* not looked at any more */
    bad.label_count = 5;
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &bad));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &plan.cgroups[3]));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &plan.cgroups[3]), PIPC_ERR_OVERFLOW);
    CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 0);
    CHECK_EQ(builder.state.count, 4);
}

TEST(codec_lookup_budget, path_whose_placeholder_does_not_fit_is_an_overflow)
{
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_item item, small = lk_cgroup("/a", "");
    unsigned char bytes[256];
    memset(big_name, 'p', 4000);
    item = lk_cgroup(big_name, "");
    CHECK_OK(pipc_cgroups_lookup_builder_init(pipc_cgroups_lookup_linked(), &builder, bytes,
                                              sizeof(bytes), 3, 7));
    for (uint16_t status = 0; status <= 4; status++) {
        item.status = status;
        CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item), PIPC_ERR_OVERFLOW);
    }
    /* As if it had not been tried: the next one is the first, and KNOWN. */
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &small));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item), PIPC_ERR_OVERFLOW);
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &small));
    CHECK_EQ(builder.state.exceeded + builder.state.cut, 0);
    CHECK(pipc_cgroups_lookup_builder_finish(&builder) > 0);
}

TEST(codec_lookup_budget, builder_without_a_request_keeps_no_reserve)
{
    struct plan plan;
    struct pipc_apps_lookup_builder builder;
    unsigned char bytes[1024];
    plan_make(&plan, true, 2);
    /* Room for the first item, and for nothing behind it. */
    CHECK_OK(
        pipc_apps_lookup_builder_init(pipc_apps_lookup_linked(), &builder, bytes, 32 + 80, 2, 7));
    CHECK_OK(pipc_apps_lookup_builder_add(&builder, &plan.processes[0]));
    CHECK_EQ(builder.state.cut, 0);
    CHECK_RESULT(pipc_apps_lookup_builder_add(&builder, &plan.processes[1]), PIPC_ERR_OVERFLOW);
    CHECK_EQ(builder.state.cut, 0);
}

TEST(codec_lookup_budget, more_labels_than_an_item_can_count_do_not_fit)
{
    static struct pipc_label_view labels[65536];
    struct pipc_cgroups_lookup_item item = lk_cgroup("/a", "n");
    struct pipc_cgroups_lookup_builder builder;
    const size_t cap = 8u << 20;
    unsigned char *bytes = malloc(cap);
    for (unsigned i = 0; i < 65536; i++)
        labels[i] = plan_labels[1];
    item.labels = labels;
    for (uint32_t count = 65535; count <= 65536; count++) {
        item.label_count = count;
        CHECK_OK(pipc_cgroups_lookup_builder_init(pipc_cgroups_lookup_linked(), &builder, bytes,
                                                  cap, 1, 7));
        CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &item));
        CHECK_EQ(builder.state.cut, count == 65536);
        const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
        CHECK_OK(
            codec_verdict(codec_linked("cgroups_lookup_resp"), "cgroups_lookup_resp", bytes, len));
    }
    labels[65535].key.len = 0; /* malformed is still malformed */
    CHECK_OK(
        pipc_cgroups_lookup_builder_init(pipc_cgroups_lookup_linked(), &builder, bytes, cap, 1, 7));
    CHECK_RESULT(pipc_cgroups_lookup_builder_add(&builder, &item), PIPC_ERR_BAD_LAYOUT);
    free(bytes);
}
