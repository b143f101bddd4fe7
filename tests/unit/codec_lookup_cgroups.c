/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_LOOKUP, decoding of a response: what is accepted, every check alone and with its
 * neighbour.
 */
#include "test.h"

#include "codec_fixture.h"
#include "lookup_bytes.h"

#define KIND "cgroups_lookup_resp"

/* Where things are in the example, then in its items. */
enum { ENTRY0 = 16, ENTRY1 = 24, ITEM0 = 32, ITEM1 = 96 };
enum {
    VERSION = 0,
    STATUS = 2,
    ORCHESTRATOR = 4,
    RESERVED_6 = 6,
    PATH = 8,
    PATH_LEN = 12,
    NAME = 16,
    NAME_LEN = 20,
    LABELS = 24,
    RESERVED_26 = 26
};

static const struct pipc_cgroups_lookup_table *table(void)
{
    return pipc_cgroups_lookup_linked();
}

#define RESPONSE(...) LK_VERDICT(&lk_cgroups, __VA_ARGS__)
#define FIRST(...)    LK_VERDICT_FROM(&lk_cgroups, ITEM0, __VA_ARGS__)
#define SECOND(...)   LK_VERDICT_FROM(&lk_cgroups, ITEM1, __VA_ARGS__)

/* ---- valid ---- */

TEST(codec_lookup_cgroups, example_of_the_page_is_read_and_built_byte_for_byte)
{
    const struct pipc_label_view labels[] = {lk_label("k", "v1")};
    struct pipc_cgroups_lookup_item a = lk_cgroup("/a", "n"), b = lk_cgroup("/b", NULL);
    struct pipc_cgroups_lookup_builder builder;
    unsigned char bytes[128];
    memset(bytes, 0xff, sizeof(bytes));
    a.orchestrator = PIPC_ORCHESTRATOR_K8S;
    a.labels = labels;
    a.label_count = 1;
    b.status = PIPC_CGROUP_LOOKUP_UNKNOWN_PERMANENT;
    CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &builder, bytes, 128, 2, 5));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &a));
    CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &b));
    CHECK_EQ(pipc_cgroups_lookup_builder_finish(&builder), 128);
    CHECK_MEM(bytes, lk_cgroups.at, 128);
    CHECK_OK(lk_verdict(&lk_cgroups, NULL, 0));
}

TEST(codec_lookup_cgroups, each_status_and_any_orchestrator_of_a_known_item)
{
    static const uint16_t orchestrators[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 255, 65535};
    for (uint16_t status = 0; status <= 4; status++)
        CHECK_OK(SECOND({STATUS, 2, status}));
    for (unsigned i = 0; i < 11; i++)
        CHECK_OK(FIRST({ORCHESTRATOR, 2, orchestrators[i]}));
}

static void check_round(const struct pipc_cgroups_lookup_item *items, uint32_t count)
{
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_view view;
    const size_t cap = 1u << 20;
    unsigned char *bytes = malloc(cap);
    CHECK_OK(pipc_cgroups_lookup_builder_init(table(), &builder, bytes, cap, count, 1));
    for (uint32_t i = 0; i < count; i++)
        CHECK_OK(pipc_cgroups_lookup_builder_add(&builder, &items[i]));
    const size_t len = pipc_cgroups_lookup_builder_finish(&builder);
    CHECK_OK(pipc_cgroups_lookup_decode(table(), bytes, len, &view));
    CHECK_EQ(view.item_count, count);
    for (uint32_t i = 0; i < count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        struct pipc_label_view label;
        CHECK_OK(pipc_cgroups_lookup_item(&view, i, &item));
        CHECK(item.status == items[i].status && item.orchestrator == items[i].orchestrator);
        CHECK(item.path.len == items[i].path.len && item.name.len == items[i].name.len);
        CHECK_MEM(item.path.ptr, items[i].path.ptr, item.path.len);
        CHECK_MEM(item.name.ptr, items[i].name.ptr ? items[i].name.ptr : "", item.name.len);
        CHECK_EQ(item.label_count, items[i].label_count);
        for (uint32_t k = 0; k < item.label_count; k++) {
            CHECK_OK(pipc_cgroups_lookup_label(&item, k, &label));
            CHECK_STR(label.key.ptr, items[i].labels[k].key.ptr);
            CHECK_STR(label.value.ptr, items[i].labels[k].value.ptr);
        }
    }
    free(bytes);
}

TEST(codec_lookup_cgroups, known_items_with_and_without_name_and_labels)
{
    const struct pipc_label_view labels[] = {lk_label("a", "1"), lk_label("a", "")};
    struct pipc_cgroups_lookup_item items[4] = {lk_cgroup("/x", "name"), lk_cgroup("/y", ""),
                                                lk_cgroup("/z", "n"), lk_cgroup("/w", NULL)};
    items[2].labels = items[3].labels = labels;
    items[2].label_count = 1;
    items[3].label_count = 2;
    check_round(items, 4);
}

TEST(codec_lookup_cgroups, no_item_one_three_and_a_thousand)
{
    static struct pipc_cgroups_lookup_item items[1000];
    static char paths[1000][16];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(paths[i], sizeof(paths[i]), "/cg/%u", i);
        items[i] = lk_cgroup(paths[i], i % 2 ? paths[i] + 4 : "");
    }
    check_round(items, 0);
    check_round(items, 1);
    check_round(items, 3);
    check_round(items, 1000);
}

TEST(codec_lookup_cgroups, three_hundred_labels_in_one_item)
{
    static struct pipc_label_view labels[300];
    static char keys[300][8];
    struct pipc_cgroups_lookup_item item = lk_cgroup("/a", "n");
    for (unsigned i = 0; i < 300; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%u", i % 250);
        labels[i] = lk_label(keys[i], i % 3 ? keys[i] : "");
    }
    item.labels = labels;
    item.label_count = 300;
    check_round(&item, 1);
}

TEST(codec_lookup_cgroups, paths_and_labels_of_the_shapes_met_in_production)
{
    static const struct {
        const char *path, *name;
        uint16_t orchestrator;
    } met[] = {
        {"/system.slice/docker-4f6c0f0f7a0c.scope", "web-1", PIPC_ORCHESTRATOR_DOCKER},
        {"/machine.slice/libpod-9a3b.scope/container", "db", PIPC_ORCHESTRATOR_PODMAN},
        {"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod4c1e.slice/"
         "cri-containerd-77aa.scope",
         "frontend", PIPC_ORCHESTRATOR_K8S},
        {"/system.slice/nginx.service", "nginx", PIPC_ORCHESTRATOR_SYSTEMD},
        {"/machine.slice/machine-qemu\\x2d1\\x2dvm.scope/libvirt", "vm", PIPC_ORCHESTRATOR_KVM},
        {"/lxc.payload.box", "box", PIPC_ORCHESTRATOR_LXC},
        {"/machine.slice/systemd-nspawn@deb.service/payload", "deb", PIPC_ORCHESTRATOR_NSPAWN},
    };
    const struct pipc_label_view labels[] = {lk_label("io.kubernetes.pod.namespace", "kube-system"),
                                             lk_label("app", "fl\xc3\xbcgel")};
    struct pipc_cgroups_lookup_item items[7];
    for (unsigned i = 0; i < 7; i++) {
        items[i] = lk_cgroup(met[i].path, met[i].name);
        items[i].orchestrator = met[i].orchestrator;
        items[i].labels = labels;
        items[i].label_count = i % 3;
    }
    check_round(items, 7);
}

TEST(codec_lookup_cgroups, name_before_path_gaps_and_surplus_behind_the_last_item)
{
    struct lk_item item;
    lk_cgroups_item(&item, 0);
    lk_place(&item, NAME, 28, "name");
    lk_place(&item, PATH, 33, "/p");
    CHECK_OK(lk_item_verdict(KIND, &item));
    lk_cgroups_item(&item, 0);
    memset(item.at + 28, 'x', 100);
    lk_place(&item, NAME, 40, "name");
    lk_place(&item, PATH, 50, "/p");
    CHECK_OK(lk_item_verdict(KIND, &item));
    /* A gap that is not zero between the items: the second begins 8 bytes later. */
    unsigned char gap[136 + 5];
    const struct lk_bytes with_gap = {KIND, gap, 136}, with_surplus = {KIND, gap, sizeof(gap)};
    memset(gap, 'x', sizeof(gap));
    memcpy(gap, lk_cgroups.at, ITEM0 + 61);
    memcpy(gap + ITEM1 + 8, lk_cgroups.at + ITEM1, 32);
    gap[ENTRY1] = 72;
    CHECK_OK(lk_verdict(&with_gap, NULL, 0));
    CHECK_OK(lk_verdict(&with_surplus, NULL, 0));
}

/* ---- invalid: header and directory ---- */

TEST(codec_lookup_cgroups, every_check_of_the_header_alone_and_with_its_neighbour)
{
    CHECK_RESULT(RESPONSE({15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({31, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_OK(RESPONSE({4, 4, 0}, {16, 0, 0}));
    CHECK_RESULT(RESPONSE({0, 2, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({0, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({2, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({2, 2, 0x8000}), PIPC_ERR_BAD_LAYOUT);
    CHECK_OK(RESPONSE({8, 8, UINT64_MAX})); /* any generation */
    CHECK_RESULT(RESPONSE({4, 4, 15}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({0, 2, 2}, {15, 0, 0}), PIPC_ERR_TRUNCATED);
    CHECK_RESULT(RESPONSE({2, 2, 1}, {4, 4, 0xffffffffu}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({4, 4, 0xffffffffu}, {ENTRY0, 4, 1}), PIPC_ERR_TRUNCATED);
}

TEST(codec_lookup_cgroups, every_check_of_an_entry_alone_and_with_its_neighbour)
{
    for (uint32_t off = 1; off < 8; off++)
        CHECK_RESULT(RESPONSE({ENTRY1, 4, 64 + off}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 27}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 33}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(RESPONSE({ENTRY1 + 4, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0xfffffff8u}, {ENTRY1 + 4, 4, 40}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(RESPONSE({ENTRY0 + 4, 4, 65}), PIPC_ERR_BAD_LAYOUT); /* one byte shared */
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0}), PIPC_ERR_BAD_LAYOUT);      /* not ascending */
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 65}, {ENTRY1 + 4, 4, 0}), PIPC_ERR_BAD_ALIGNMENT);
    CHECK_RESULT(RESPONSE({ENTRY1, 4, 0xfffffff8u}, {ENTRY1 + 4, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(RESPONSE({ENTRY0, 4, 64}, {ENTRY0 + 4, 4, 32}, {ENTRY1, 4, 0xfffffff8u}),
                 PIPC_ERR_OUT_OF_BOUNDS);
    /* An entry comes before any item. */
    CHECK_RESULT(RESPONSE({ITEM0, 2, 9}, {ENTRY1, 4, 65}), PIPC_ERR_BAD_ALIGNMENT);
}

/* ---- invalid: items ---- */

TEST(codec_lookup_cgroups, every_check_of_a_fixed_header_alone)
{
    static const uint16_t statuses[] = {5, 256, 65535};
    CHECK_RESULT(FIRST({VERSION, 2, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({VERSION, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({RESERVED_6, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({RESERVED_26, 2, 0x8000}), PIPC_ERR_BAD_LAYOUT);
    for (unsigned i = 0; i < 3; i++)
        CHECK_RESULT(FIRST({STATUS, 2, statuses[i]}), PIPC_ERR_BAD_LAYOUT);
    for (uint16_t status = 0; status <= 4; status++)
        CHECK_RESULT(SECOND({STATUS, 2, status}, {PATH_LEN, 4, 0}), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_cgroups, metadata_of_an_item_that_is_not_known_is_refused_one_by_one)
{
    for (uint16_t status = 1; status <= 4; status++) {
        CHECK_RESULT(SECOND({STATUS, 2, status}, {ORCHESTRATOR, 2, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {NAME_LEN, 4, 1}), PIPC_ERR_BAD_LAYOUT);
        CHECK_RESULT(SECOND({STATUS, 2, status}, {LABELS, 2, 1}), PIPC_ERR_BAD_LAYOUT);
    }
    CHECK_RESULT(SECOND({STATUS, 2, 0}, {ORCHESTRATOR, 2, 1}), PIPC_OK);
}

TEST(codec_lookup_cgroups, every_check_of_a_string_alone)
{
    /* The second item has 32 bytes: path at 28, name at 31. */
    CHECK_RESULT(SECOND({PATH, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH, 4, 27}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH, 4, 30}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH, 4, 32}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH_LEN, 4, 4}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH_LEN, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({PATH_LEN, 4, 1}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(SECOND({30, 1, 'X'}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(SECOND({PATH_LEN, 4, 3}), PIPC_ERR_BAD_LAYOUT); /* a NUL inside */
    CHECK_RESULT(SECOND({28, 1, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({NAME, 4, 0}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({NAME, 4, 27}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({NAME, 4, 32}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({NAME, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({31, 1, 'X'}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(FIRST({NAME_LEN, 4, 0xffffffffu}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(FIRST({31, 1, 0}), PIPC_ERR_BAD_LAYOUT); /* the name begins with a NUL */
}

TEST(codec_lookup_cgroups, neighbouring_item_checks_report_the_earlier_one)
{
    CHECK_RESULT(SECOND({VERSION, 2, 2}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({RESERVED_26, 2, 1}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({STATUS, 2, 5}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({PATH_LEN, 4, 0}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({ORCHESTRATOR, 2, 1}, {PATH, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({PATH, 4, 27}, {PATH_LEN, 4, 1}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(SECOND({30, 1, 'X'}, {28, 1, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(SECOND({28, 1, 0}, {NAME, 4, 0}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({30, 1, 'X'}, {NAME, 4, 0}), PIPC_ERR_MISSING_NUL);
    CHECK_RESULT(SECOND({NAME, 4, 32}, {31, 1, 'X'}), PIPC_ERR_OUT_OF_BOUNDS);
    CHECK_RESULT(FIRST({NAME, 4, 28}, {NAME_LEN, 4, 1}), PIPC_ERR_MISSING_NUL); /* and shared */
    /* Strings that share a byte come before the labels. */
    CHECK_RESULT(FIRST({NAME, 4, 28}, {NAME_LEN, 4, 2}, {40, 4, 1}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(FIRST({LABELS, 2, 99}), PIPC_ERR_OUT_OF_BOUNDS);
}

TEST(codec_lookup_cgroups, strings_nested_identical_sharing_one_byte_and_touching)
{
    struct lk_item item;
    lk_cgroups_item(&item, 0);
    lk_place(&item, PATH, 28, "/abc");
    lk_place(&item, NAME, 28, "/abc"); /* identical */
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
    lk_put(&item, NAME, 4, 30); /* nested */
    lk_put(&item, NAME_LEN, 4, 2);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
    lk_put(&item, NAME, 4, 32); /* empty, on the NUL of the path */
    lk_put(&item, NAME_LEN, 4, 0);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
    lk_put(&item, 33, 1, 0);
    lk_put(&item, NAME, 4, 33); /* touching */
    CHECK_OK(lk_item_verdict(KIND, &item));
    lk_cgroups_item(&item, 0);
    lk_place(&item, NAME, 28, "ab");
    lk_place(&item, PATH, 31, "/p");
    CHECK_OK(lk_item_verdict(KIND, &item));
    lk_put(&item, 29, 1, 0);
    lk_put(&item, NAME_LEN, 4, 1);
    lk_put(&item, PATH, 4, 29); /* the NUL is there, and a NUL inside the path */
    lk_put(&item, PATH_LEN, 4, 4);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_cgroups, byte_behind_the_strings_of_an_item_without_labels_is_refused)
{
    struct lk_item item;
    lk_cgroups_item(&item, 2);
    lk_place(&item, PATH, 28, "/b");
    lk_place(&item, NAME, 31, "");
    CHECK_OK(lk_item_verdict(KIND, &item));
    lk_put(&item, 32, 1, 0);
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
    lk_put(&item, 32, 1, 'x');
    CHECK_RESULT(lk_item_verdict(KIND, &item), PIPC_ERR_BAD_LAYOUT);
}

TEST(codec_lookup_cgroups, second_item_bad_and_first_good_fails_decode)
{
    CHECK_RESULT(SECOND({VERSION, 2, 2}), PIPC_ERR_BAD_LAYOUT);
    CHECK_RESULT(SECOND({31, 1, 'X'}), PIPC_ERR_MISSING_NUL);
}
