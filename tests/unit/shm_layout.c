/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of a region: header of the page's example, capacities and sizes, ceilings that fit no
 * region, names, and whose regions are usable.
 */
#include "shm_fixture.h"

#include <sys/mman.h>
#include <unistd.h>

TEST(shm_layout, header_of_the_example_byte_for_byte)
{
    static const uint8_t example[64] = {0x4d, 0x48, 0x53, 0x4e, 0x03, 0x00, 0x40, 0x00,
                                        0x34, 0x12, 0x00, 0x00, 0x4d, 0x00, 0x00, 0x00,
                                        0x40, 0x00, 0x00, 0x00, 0x40, 0x04, 0x00, 0x00,
                                        0x80, 0x04, 0x00, 0x00, 0x40, 0x00, 0x01, 0x00};
    struct shm_header header;
    uint64_t size = 0;

    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        test_skip("the example is little-endian");
    CHECK(shm_layout(1024, 65536, &header, &size));
    header.magic = PIPC_SHM_MAGIC;
    header.owner_pid = 4660;
    header.owner_generation = 77;
    CHECK_EQ(size, 66752);
    CHECK_MEM(&header, example, sizeof(example));
}

TEST(shm_layout, offered_region_is_the_example_but_for_pid_and_generation)
{
    struct shm_fixture f;
    struct shm_pair p;
    struct shm_header expected;
    uint64_t expected_size;
    size_t size;

    shm_fixture_open(&f);
    shm_wires_make(&p, 1, 1024, 65536);
    CHECK_OK(shm_try_offer(&f, &p));
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    CHECK(shm_layout(1024, 65536, &expected, &expected_size));
    CHECK_EQ(size, expected_size);
    expected.magic = PIPC_SHM_MAGIC;
    expected.owner_pid = (int32_t)getpid();
    expected.owner_generation = raw->owner_generation;
    CHECK(raw->owner_generation != 0);
    CHECK_MEM(raw, &expected, sizeof(expected));
    for (size_t i = sizeof(expected); i < size; i++)
        CHECK_EQ(((uint8_t *)raw)[i], 0);
    munmap(raw, size);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_layout, generation_is_not_0_with_a_clock_that_yields_0)
{
    struct shm_fixture f;
    struct shm_pair p;
    size_t size;

    shm_fixture_open(&f);
    f.clock_stands = true;
    shm_wires_make(&p, 1, 0, 0);
    CHECK_OK(shm_try_offer(&f, &p));
    struct shm_header *const raw = shm_raw_map(shm_region_path(1), &size);
    CHECK_EQ(raw->owner_generation, 1);
    munmap(raw, size);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_layout, capacities_and_sizes_for_ceilings_around_the_alignment)
{
    static const struct {
        uint32_t ceiling, capacity;
    } rows[] = {{0, 64},      {1, 64},      {31, 64},       {32, 64},          {33, 128},
                {1024, 1088}, {4096, 4160}, {65536, 65600}, {1048576, 1048640}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct shm_header header;
        uint64_t size = 0;
        CHECK(shm_layout(rows[i].ceiling, 0, &header, &size));
        CHECK_EQ(header.request_capacity, rows[i].capacity);
        CHECK_EQ(header.response_offset, 64 + rows[i].capacity);
        CHECK_EQ(header.response_capacity, 64);
        CHECK_EQ(size, 64 + rows[i].capacity + 64);
        CHECK(shm_layout(0, rows[i].ceiling, &header, &size));
        CHECK_EQ(header.response_capacity, rows[i].capacity);
        CHECK_EQ(size, 64 + 64 + rows[i].capacity);
    }
}

TEST(shm_layout, ceilings_near_the_end_of_32_bits_make_no_region)
{
    static const uint32_t pairs[][2] = {{UINT32_MAX, 0},
                                        {0, UINT32_MAX},
                                        {UINT32_MAX - 31, UINT32_MAX - 31},
                                        {0x80000000u, 0x80000000u},
                                        {UINT32_MAX - 64 - 32 - 64, 0}};
    struct shm_fixture f;
    struct shm_header header;
    uint64_t size = 7;

    shm_fixture_open(&f);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct shm_pair p;
        CHECK(!shm_layout(pairs[i][0], pairs[i][1], &header, &size));
        CHECK_EQ(size, 7);
        shm_wires_make(&p, 1, pairs[i][0], pairs[i][1]);
        CHECK_RESULT(shm_try_offer(&f, &p), PIPC_ERR_REGION_ALLOCATE);
        CHECK_EQ(f.failure.bits, 0x06);
        CHECK(!shm_exists(shm_region_path(1)));
        shm_pair_close(&f, &p);
    }
    /* The largest that can be described: 64 + 64 + capacity = 0xffffffc0. */
    if (sizeof(size_t) > 4) {
        CHECK(shm_layout(0, 0xffffffc0u - 64 - 64 - 32, &header, &size));
        CHECK_EQ(size, 0xffffffc0u);
    }
    shm_fixture_close(&f);
}

TEST(shm_layout, region_above_the_room_that_is_left_is_not_made)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_open(&f);
    shm_wires_make(&p, 1, 1024, 65536);
    p.request.room_bytes = 66751;
    CHECK_RESULT(shm_try_offer(&f, &p), PIPC_ERR_REGION_ALLOCATE);
    CHECK_HAS(f.err.text, "66751");
    CHECK(!shm_exists(shm_region_path(1)));
    p.request.room_bytes = 66752;
    CHECK_OK(shm_try_offer(&f, &p));
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

/* ---- names ---- */

static void check_name(uint64_t id, const char *expected)
{
    struct shm_fixture f;
    struct shm_name name;
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = "/d", .service = "s"};

    shm_fixture_defaults(&f);
    CHECK_OK(shm_name_make(&f.host, &endpoint, id, &name, &f.err));
    CHECK_STR(name.path, expected);
    CHECK_STR(name.path + name.entry, expected + 3);
}

TEST(shm_layout, names_of_ids_0_1_255_and_the_highest)
{
    check_name(0, "/d/s-0000000000000000.ipcshm");
    check_name(1, "/d/s-0000000000000001.ipcshm");
    check_name(255, "/d/s-00000000000000ff.ipcshm");
    check_name(UINT64_MAX, "/d/s-ffffffffffffffff.ipcshm");
}

TEST(shm_layout, path_of_255_bytes_fits_and_of_256_does_not)
{
    struct shm_fixture f;
    struct shm_name name;
    struct pipc_usable usable = {.size = sizeof(usable)};
    struct shm_pair p;
    char dir[300];
    struct pipc_endpoint endpoint = {.size = sizeof(endpoint), .run_dir = dir, .service = "s"};

    shm_fixture_open(&f);
    shm_wires_make(&p, 1, 0, 0);
    memset(dir, 'd', sizeof(dir));
    dir[0] = '/';
    dir[255 - 26] = '\0'; /* "/s-" + 16 + ".ipcshm" */
    CHECK_OK(shm_name_make(&f.host, &endpoint, 1, &name, &f.err));
    CHECK_EQ(strlen(name.path), 255);
    dir[255 - 26] = 'd';
    dir[256 - 26] = '\0';
    CHECK_RESULT(shm_name_make(&f.host, &endpoint, 1, &name, &f.err), PIPC_ERR_PATH_TOO_LONG);
    CHECK_HAS(f.err.text, "256");
    CHECK_OK(f.ops->usable(f.self, PIPC_ROLE_SERVER, &endpoint, &p.server_wire.carrier, 0, 0x06,
                           &usable));
    CHECK_EQ(usable.bits, 0);
    CHECK_HAS(usable.reason, "256");
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_layout, names_that_are_none_are_bad_parameters)
{
    static const char *const wrong[] = {"", ".", "..", "a/b", "a b", "\xc3\xa4"};
    struct shm_fixture f;
    struct shm_name name;
    struct pipc_endpoint endpoint = {.size = sizeof(endpoint), .run_dir = "/d"};

    shm_fixture_defaults(&f);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        endpoint.service = wrong[i];
        CHECK_RESULT(shm_name_make(&f.host, &endpoint, 1, &name, &f.err), PIPC_ERR_BAD_PARAM);
    }
    endpoint.service = "s";
    endpoint.run_dir = "";
    CHECK_RESULT(shm_name_make(&f.host, &endpoint, 1, &name, &f.err), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(shm_name_make(&f.host, NULL, 1, &name, &f.err), PIPC_ERR_BAD_PARAM);
}

/* ---- usable ---- */

static uint32_t usable_for(struct shm_fixture *f, struct shm_wire *wire, uint32_t role,
                           const char *reason)
{
    const struct pipc_endpoint endpoint = shm_endpoint();
    struct pipc_usable usable = {.size = sizeof(usable)};

    CHECK_OK(f->ops->usable(f->self, role, &endpoint, &wire->carrier, 0, 0x06, &usable));
    CHECK_HAS(usable.reason, reason);
    CHECK((usable.bits == 0x06) == (usable.reason[0] == '\0'));
    return usable.bits;
}

TEST(shm_layout, own_user_and_root_are_usable_and_strangers_are_not)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_open(&f);
    shm_wires_make(&p, 1, 0, 0);
    struct shm_wire *const wire = &p.client_wire;
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_CLIENT, ""), 0x06);
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_SERVER, ""), 0x06);
    wire->peer.uid = 0;
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_CLIENT, ""), 0x06);
    wire->peer.uid = 4711;
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_CLIENT, "server is user 4711"), 0);
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_SERVER, "client is user 4711"), 0);
    wire->no_peer = true;
    CHECK_EQ(usable_for(&f, wire, PIPC_ROLE_SERVER, "does not tell"), 0);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}

TEST(shm_layout, foreign_owners_lets_a_client_use_strangers_and_no_server)
{
    struct shm_fixture f;
    struct shm_pair p;

    shm_fixture_defaults(&f);
    shm_fixture_number(&f, PIPC_SHM_OPTION_FOREIGN_OWNERS, 1);
    CHECK_OK(shm_fixture_init(&f));
    shm_wires_make(&p, 1, 0, 0);
    p.client_wire.peer.uid = p.server_wire.peer.uid = 4711;
    CHECK_EQ(usable_for(&f, &p.client_wire, PIPC_ROLE_CLIENT, ""), 0x06);
    CHECK_EQ(usable_for(&f, &p.server_wire, PIPC_ROLE_SERVER, "4711"), 0);
    shm_pair_close(&f, &p);
    shm_fixture_close(&f);
}
