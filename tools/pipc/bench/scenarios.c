/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of scenarios: what takes part in each.
 */
#include "bench.h"

#include "lookup_items.h"

#include <string.h>

static const char *spin_of(const struct row *row, uint32_t index)
{
    return row->bench->spins[index];
}

/* A floor for each way of waiting. */
static int floors_add(struct row *row, size_t request_len, size_t response_len)
{
    bool polling = false, sleeping = false;
    int code = -1;

    if (row->bench->o->no_floor)
        return -1;
    for (uint32_t i = 0; i < row->bench->spin_count && code < 0; i++) {
        const char *const spin = spin_of(row, i);
        bool *const there = spin && strcmp(spin, "off") == 0 ? &sleeping : &polling;
        if (!*there)
            code =
                floor_add(row, spin, PIPC_HEADER_LEN + request_len, PIPC_HEADER_LEN + response_len);
        *there = true;
    }
    return code;
}

/* Both levels of INCREMENT, as far as they are wanted. */
static int levels_add(struct row *row, uint32_t items, enum increment_use use, enum level most)
{
    int code = -1;

    for (uint32_t i = 0; i < row->bench->spin_count; i++) {
        for (enum level level = LEVEL_L1; level <= most && code < 0; level++) {
            if (row->bench->levels[level])
                code = increment_add(row, level, spin_of(row, i), items, use);
        }
    }
    return code;
}

static int ping_pong(struct row *row)
{
    const int code = floors_add(row, increment_len(1), increment_len(1));

    return code < 0 ? levels_add(row, 1, USE_CALLS, LEVEL_L2) : code;
}

/* Single calls run in the same rounds: what an item costs is what is beyond one of them. */
static int batch(struct row *row)
{
    const size_t len = increment_len(row->items);
    int code = floors_add(row, len, len);

    if (code < 0)
        code = levels_add(row, row->items, USE_CALLS, LEVEL_L2);
    if (code < 0 && row->items > 1) {
        const uint32_t first = row->count;
        code = levels_add(row, 1, USE_CALLS, LEVEL_L2);
        for (uint32_t i = first; i < row->count; i++)
            row->contenders[i].hidden = true;
    }
    return code;
}

static int pipeline(struct row *row)
{
    const size_t len = increment_len(row->items);
    const int code = floors_add(row, len, len);

    return code < 0 ? levels_add(row, row->items, USE_CALLS, LEVEL_L1) : code;
}

static int snapshot(struct row *row)
{
    int code = floors_add(row, 4, snapshot_len(row->items));

    for (uint32_t i = 0; i < row->bench->spin_count; i++) {
        for (enum level level = LEVEL_L2; level <= LEVEL_L3 && code < 0; level++) {
            if (row->bench->levels[level])
                code = snapshot_add(row, level, spin_of(row, i));
        }
    }
    return code;
}

static int cache(struct row *row)
{
    return cache_add(row);
}

/* The floor carries the bytes of one exchange for all keys. */
static int lookup(struct row *row)
{
    const bool apps = strcmp(row->scenario->kind, PIPC_APPS_LOOKUP_NAME) == 0;
    struct lookup_items items;
    int code;

    if (!lookup_items_make(&items, apps, row->items, LOOKUP_LABELS))
        return complain(EXIT_FAILED, "no memory for a lookup of %u keys", row->items);
    code = floors_add(row, lookup_request_len(&items), lookup_response_len(&items));
    lookup_items_free(&items);
    for (uint32_t i = 0; i < row->bench->spin_count && code < 0; i++)
        code = lookup_add(row, spin_of(row, i));
    return code;
}

static int codec_plain(struct row *row)
{
    return codec_add(row, 0);
}

static int codec_labels(struct row *row)
{
    return codec_add(row, LOOKUP_LABELS);
}

static int connecting(struct row *row)
{
    const int code = row->bench->o->no_floor ? -1 : floor_connect_add(row);

    return code < 0 ? levels_add(row, 1, USE_CONNECT, LEVEL_L2) : code;
}

static int idle(struct row *row)
{
    return levels_add(row, 1, USE_IDLE, LEVEL_L2);
}

#define INCREMENT "increment", "increment"
#define L1        (1u << LEVEL_L1)
#define L2        (1u << LEVEL_L2)
#define L3        (1u << LEVEL_L3)
#define SNAPSHOT  "cgroups_snapshot", "cgroups-snapshot"
#define APPS      "apps_lookup", "apps-lookup"
#define CGROUPS   "cgroups_lookup", "cgroups-lookup"
#define KEYS      .items = {16, 256, 8192, 32768}, .items_most = 65536, .levels = L2, .make = lookup
#define CODEC     .items = {8192}, .items_most = 65536, .once = true, .local = true, .levels = L2

const struct scenario scenarios[] = {
    {"ping-pong", INCREMENT, .rates = true, .items = {1}, .items_most = 1, .levels = L1 | L2,
     .make = ping_pong},
    {"batch", INCREMENT, .items = {1, 10, 100, 500, 1000}, .items_most = 1000, .levels = L1 | L2,
     .make = batch},
    {"pipeline", INCREMENT, .pipelined = true, .items = {1}, .items_most = 1, .levels = L1,
     .make = pipeline},
    {"pipeline-batch", INCREMENT, .pipelined = true, .items = {100}, .items_most = 1000,
     .levels = L1, .make = pipeline},
    {"snapshot", SNAPSHOT, .items = {1000}, .items_most = 100000, .levels = L2 | L3,
     .make = snapshot},
    {"cache", SNAPSHOT, .items = {1000}, .items_most = 100000, .once = true, .levels = L3,
     .make = cache},
    {"apps-lookup", APPS, KEYS},
    {"cgroups-lookup", CGROUPS, KEYS},
    {"apps-codec", APPS, CODEC, .make = codec_plain},
    {"apps-codec-labels", APPS, CODEC, .make = codec_labels},
    {"cgroups-codec", CGROUPS, CODEC, .make = codec_plain},
    {"cgroups-codec-labels", CGROUPS, CODEC, .make = codec_labels},
    {"connect", INCREMENT, .items = {1}, .items_most = 1, .levels = L1 | L2, .make = connecting},
    {"idle", INCREMENT, .items = {1}, .items_most = 1, .full_speed_only = true, .levels = L1 | L2,
     .make = idle},
};
const size_t scenario_count = sizeof(scenarios) / sizeof(scenarios[0]);

bool scenario_has_level(const struct scenario *scenario, const bool *levels)
{
    for (enum level level = LEVEL_L1; level <= LEVEL_L3; level++) {
        if (levels[level] && (scenario->levels & (1u << level)))
            return true;
    }
    return false;
}
