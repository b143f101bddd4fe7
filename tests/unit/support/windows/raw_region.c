/* SPDX-License-Identifier: Apache-2.0
 *
 * There are no regions by hand here: scripted servers and raw clients run over pipes, and a run
 * that asks them for another plane fails. Regions of Windows have tests of their own, winshm_* and
 * win_*.
 */
#include "../raw_region.h"
#include "test.h"

static void refuse(void)
{
    test_fail(__FILE__, __LINE__, "scripted servers and raw clients run over np alone");
}

void raw_region_create(struct raw_region *r, const char *socket_path, uint64_t id,
                       uint32_t request_limit, uint32_t response_limit)
{
    (void)r, (void)socket_path, (void)id, (void)request_limit, (void)response_limit;
    refuse();
}

bool raw_region_attach(struct raw_region *r, const char *socket_path, uint64_t id)
{
    (void)r, (void)socket_path, (void)id;
    refuse();
    return false;
}

void raw_region_publish(struct raw_region *r, const struct raw_piece *pieces, int count)
{
    (void)r, (void)pieces, (void)count;
    refuse();
}

long raw_region_take(struct raw_region *r, unsigned ms, const struct raw_piece *pieces, int count)
{
    (void)r, (void)ms, (void)pieces, (void)count;
    refuse();
    return 0;
}

void raw_region_mark(struct raw_region *r)
{
    (void)r;
    refuse();
}

void raw_region_close(struct raw_region *r)
{
    CHECK(!r->map);
}
