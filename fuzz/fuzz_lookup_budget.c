/* SPDX-License-Identifier: Apache-2.0
 *
 * Builders of both lookups under any budget, on behalf of a request: the rules of docs/codec.md 8.3
 * hold for every mix of items. The input is a plan: two bytes of budget, then five bytes for each
 * key: status, length of its path, of its name, number of labels, length of each value.
 */
#include "lookup_walk.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

#define KEYS_MAX 40u

static char text[513];
static struct pipc_label_view labels[255];

struct plan {
    size_t budget;
    uint32_t count;
    struct pipc_cgroups_lookup_item cgroups[KEYS_MAX];
    struct pipc_apps_lookup_item apps[KEYS_MAX];
    struct pipc_str_view paths[KEYS_MAX];
    uint32_t pids[KEYS_MAX];
    uint64_t least_cgroups, least_apps; /* header, directory, a placeholder for each key */
};

static uint64_t align8(uint64_t x)
{
    return (x + 7) / 8 * 8;
}

static void plan_key(struct plan *plan, const uint8_t *five)
{
    const uint32_t i = plan->count++;
    const struct pipc_str_view path = {text, 1u + five[1]}, name = {text, five[2]};
    const int known = five[0] < 192;
    plan->paths[i] = path;
    plan->pids[i] = i;
    for (uint32_t k = 0; k < 255; k++)
        labels[k] = (struct pipc_label_view){{text, 1 + k % 3}, {text, five[4]}};
    plan->cgroups[i] = (struct pipc_cgroups_lookup_item){.path = path, .status = known ? 0 : 1};
    plan->apps[i] = pipc_apps_lookup_item_of(i, known ? 0 : 1);
    if (known) {
        plan->cgroups[i].name = plan->apps[i].cgroup_name = name;
        plan->cgroups[i].labels = plan->apps[i].labels = labels;
        plan->cgroups[i].label_count = plan->apps[i].label_count = five[3];
        plan->apps[i].comm = (struct pipc_str_view){text, 1u + five[0] % 15};
        plan->apps[i].cgroup_path = path;
    }
    plan->least_cgroups = align8(plan->least_cgroups) + 30 + path.len;
    plan->least_apps = align8(plan->least_apps) + 63;
}

/* KNOWN and unknown items, the first one perhaps oversized, then nothing but exceeded ones. */
static void check_status(uint32_t index, uint16_t status, uint16_t asked, uint16_t exceeded,
                         uint16_t oversized, int *seen)
{
    if (status == exceeded) {
        must(index > 0);
        *seen = 1;
        return;
    }
    must(!*seen);
    must(status == asked || (status == oversized && index == 0 && asked == 0));
}

static void check_cgroups(const struct plan *plan)
{
    const struct pipc_cgroups_lookup_table *t = pipc_cgroups_lookup_linked();
    struct pipc_cgroups_lookup_request_view request;
    struct pipc_cgroups_lookup_builder builder;
    struct pipc_cgroups_lookup_view view;
    uint64_t size = 0;
    size_t len = 0;
    int seen = 0;
    must(pipc_cgroups_lookup_request_size(t, plan->paths, plan->count, &size) == PIPC_OK);
    unsigned char *asked = take_block((size_t)size), *bytes = take_block(plan->budget);
    must(pipc_cgroups_lookup_request_encode(t, plan->paths, plan->count, asked, (size_t)size,
                                            &len) == PIPC_OK);
    must(pipc_cgroups_lookup_request_decode(t, asked, len, &request) == PIPC_OK);
    pipc_result r =
        pipc_cgroups_lookup_builder_init_request(t, &builder, bytes, plan->budget, &request, 1);
    for (uint32_t i = 0; r == PIPC_OK && i < plan->count; i++)
        r = pipc_cgroups_lookup_builder_add(&builder, &plan->cgroups[i]);
    must(r == (plan->budget >= plan->least_cgroups ? PIPC_OK : PIPC_ERR_OVERFLOW));
    len = pipc_cgroups_lookup_builder_finish(&builder);
    must(len <= plan->budget && (len > 0) == (r == PIPC_OK));
    if (len > 0)
        must(pipc_cgroups_lookup_decode(t, bytes, len, &view) == PIPC_OK &&
             view.item_count == plan->count);
    for (uint32_t i = 0; len > 0 && i < plan->count; i++) {
        struct pipc_cgroups_lookup_item_view item;
        must(pipc_cgroups_lookup_item(&view, i, &item) == PIPC_OK);
        must(item.path.len == plan->paths[i].len);
        check_status(i, item.status, plan->cgroups[i].status, 3, 4, &seen);
        must(item.label_count == (item.status ? 0 : plan->cgroups[i].label_count));
    }
    free(asked);
    free(bytes);
}

static void check_apps(const struct plan *plan)
{
    const struct pipc_apps_lookup_table *t = pipc_apps_lookup_linked();
    struct pipc_apps_lookup_request_view request;
    struct pipc_apps_lookup_builder builder;
    struct pipc_apps_lookup_view view;
    size_t len = 0;
    int seen = 0;
    unsigned char asked[16 + 16 * KEYS_MAX], *bytes = take_block(plan->budget);
    must(pipc_apps_lookup_request_encode(t, plan->pids, plan->count, asked, sizeof(asked), &len) ==
         PIPC_OK);
    must(pipc_apps_lookup_request_decode(t, asked, len, &request) == PIPC_OK);
    pipc_result r =
        pipc_apps_lookup_builder_init_request(t, &builder, bytes, plan->budget, &request, 1);
    for (uint32_t i = 0; r == PIPC_OK && i < plan->count; i++)
        r = pipc_apps_lookup_builder_add(&builder, &plan->apps[i]);
    must(r == (plan->budget >= plan->least_apps ? PIPC_OK : PIPC_ERR_OVERFLOW));
    len = pipc_apps_lookup_builder_finish(&builder);
    must(len <= plan->budget && (len > 0) == (r == PIPC_OK));
    if (len > 0)
        must(pipc_apps_lookup_decode(t, bytes, len, &view) == PIPC_OK &&
             view.item_count == plan->count);
    for (uint32_t i = 0; len > 0 && i < plan->count; i++) {
        struct pipc_apps_lookup_item_view item;
        must(pipc_apps_lookup_item(&view, i, &item) == PIPC_OK);
        must(item.pid == i);
        check_status(i, item.status, plan->apps[i].status, 2, 3, &seen);
        must(item.label_count == (item.status ? 0 : plan->apps[i].label_count));
    }
    free(bytes);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct plan plan = {0};
    if (len < 2)
        return;
    memset(text, 'x', sizeof(text) - 1);
    plan.budget = data[0] | (size_t)data[1] << 8;
    plan.least_cgroups = plan.least_apps =
        16 + 8 * (uint64_t)((len - 2) / 5 < KEYS_MAX ? (len - 2) / 5 : KEYS_MAX);
    for (size_t at = 2; at + 5 <= len && plan.count < KEYS_MAX; at += 5)
        plan_key(&plan, data + at);
    check_cgroups(&plan);
    check_apps(&plan);
}
