/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server makes: sizes, bytes, objects that exist already, limits of memory.
 */
#include "windows/winshm_fixture.h"

#include <psapi.h>

TEST(winshm_create, the_header_has_the_bytes_of_the_page)
{
    static const uint8_t expected[48] = {
        0x48, 0x57, 0x53, 0x4e, 0x03, 0,    0, 0, 0x80, 0,    0, 0, 0x02, 0, 0,    0,
        0x80, 0,    0,    0,    0x40, 0x10, 0, 0, 0xc0, 0x10, 0, 0, 0x40, 0, 0x01, 0,
        0,    0x04, 0,    0,    0,    0,    0, 0, 0,    0,    0, 0, 0,    0, 0,    0};
    struct ws_fixture f;
    void *server;
    const uint8_t *region;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    CHECK_OK(ws_offer(&f, &server));
    CHECK_EQ(f.ops->memory(server), 69888);
    CHECK_EQ(f.ops->packet_max(server, 0), 65600);
    region = (const uint8_t *)ws_region(&f);
    CHECK_MEM(region, expected, sizeof(expected));
    for (size_t i = sizeof(expected); i < 69888; i++)
        CHECK_EQ(region[i], 0);
    UnmapViewOfFile(region);
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, capacities_are_rounded_up_to_64)
{
    static const struct {
        uint32_t payload, capacity;
    } rows[] = {{0, 64},      {31, 64},       {32, 64},       {33, 128},
                {4064, 4096}, {65504, 65536}, {65536, 65600}, {2147483552, 2147483584}};
    struct winshm_header header;
    uint64_t size;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK(winshm_layout(2, rows[i].payload, 0, &header, &size));
        CHECK_EQ(header.request_capacity, rows[i].capacity);
        CHECK_EQ(header.response_offset, 128 + rows[i].capacity);
        CHECK_EQ(header.response_capacity, 64);
        CHECK_EQ(size, 128 + (uint64_t)rows[i].capacity + 64);
        CHECK(winshm_layout(4, 0, rows[i].payload, &header, &size));
        CHECK_EQ(header.response_capacity, rows[i].capacity);
        CHECK_EQ(header.profile, 4);
    }
}

TEST(winshm_create, sizes_that_cannot_be_described_are_refused)
{
    static const uint32_t payloads[] = {2147483553, 2147483616, 2147483647, 2147483648,
                                        4294967232, 4294967264, 4294967295};
    struct winshm_header header;
    struct ws_fixture f;
    uint64_t size;
    void *server = NULL;

    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        CHECK(!winshm_layout(2, payloads[i], 0, &header, &size));
        CHECK(!winshm_layout(2, 0, payloads[i], &header, &size));
    }
    CHECK(!winshm_layout(2, 2147483552, 2147483552, &header, &size));
    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    f.request.max_request_bytes = UINT32_MAX;
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_BAD_PARAM);
    CHECK_EQ(f.failure.bits, PIPC_PROFILE_SHM_HYBRID);
    f.request.max_request_bytes = WS_REQUEST;
    f.request.bit = 3;
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_BAD_PARAM);
    f.request.bit = PIPC_PROFILE_SHM_HYBRID;
    f.request.room_bytes = 69887;
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_REGION_ALLOCATE);
    f.request.room_bytes = 69888;
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, a_name_that_is_taken_is_in_use_and_its_object_untouched)
{
    struct ws_fixture f;
    struct ws_made made;
    void *server = NULL;
    HANDLE event;
    unsigned before;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    (void)np_handle(&f.np, f.carriers[1]);
    ws_make(&f, 4096, false, &made);
    before = test_open_descriptors();
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_ADDR_IN_USE);
    CHECK_EQ(f.failure.bits, PIPC_PROFILE_SHM_HYBRID);
    CHECK_EQ(made.header->resp_server_closed, 0);
    ws_unmake(&made);
    for (int i = WINSHM_REQ_EVENT; i <= WINSHM_RESP_EVENT; i++) {
        event = CreateEventW(NULL, TRUE, FALSE, ws_name(&f, (enum winshm_object)i));
        CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_ADDR_IN_USE);
        CHECK(!np_signalled(event, 0));
        CloseHandle(event);
    }
    CHECK_EQ(test_open_descriptors(), before - 1);
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, a_name_taken_by_an_object_of_another_kind_is_told_with_the_systems_code)
{
    struct ws_fixture f;
    void *server = NULL;
    HANDLE other;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    other = CreateEventW(NULL, TRUE, FALSE, ws_name(&f, WINSHM_MAPPING));
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_REGION_ALLOCATE);
    CHECK_EQ(f.err.os_code, ERROR_INVALID_HANDLE);
    CHECK_EQ(f.failure.bits, PIPC_PROFILE_SHM_HYBRID);
    CloseHandle(other);
    other = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, 64,
                               ws_name(&f, WINSHM_RESP_EVENT));
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_REGION_ALLOCATE);
    CHECK_EQ(f.err.os_code, ERROR_INVALID_HANDLE);
    CloseHandle(other);
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, busywait_makes_no_events)
{
    struct ws_fixture f;
    void *server;

    ws_open(&f, PIPC_PROFILE_SHM_BUSYWAIT);
    CHECK_OK(ws_offer(&f, &server));
    CHECK(!OpenEventW(SYNCHRONIZE, FALSE, ws_name(&f, WINSHM_REQ_EVENT)));
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    CHECK(!OpenEventW(SYNCHRONIZE, FALSE, ws_name(&f, WINSHM_RESP_EVENT)));
    CHECK_EQ(ws_region(&f)->profile, 4);
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, objects_are_gone_when_both_sides_have_closed)
{
    struct ws_fixture f;
    void *client, *server;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_pair(&f, &client, &server);
    ws_end(&f, server);
    CHECK_RESULT(ws_offer(&f, &server), PIPC_ERR_ADDR_IN_USE);
    ws_end(&f, client);
    CHECK(!OpenFileMappingW(FILE_MAP_READ, FALSE, ws_name(&f, WINSHM_MAPPING)));
    CHECK_EQ(GetLastError(), ERROR_FILE_NOT_FOUND);
    CHECK(!OpenEventW(SYNCHRONIZE, FALSE, ws_name(&f, WINSHM_REQ_EVENT)));
    CHECK_OK(f.ops->sweep(f.self, NULL, NULL));
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_create, memory_that_fails_takes_both_profiles_away)
{
    struct ws_fixture f;
    void *made = NULL;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    f.np.fail_after = 0;
    CHECK_RESULT(ws_offer(&f, &made), PIPC_ERR_ALLOC);
    CHECK_EQ(f.failure.bits, WINSHM_BITS);
    CHECK_RESULT(ws_attach(&f, TEST_LONG, &made), PIPC_ERR_ALLOC);
    CHECK_EQ(f.failure.bits, WINSHM_BITS);
    CHECK_EQ(f.failure.withdraw_ms, 0);
    f.np.fail_after = UINT32_MAX;
    CHECK(!made);
    ws_close(&f);
}

TEST(winshm_create, a_region_of_a_gibibyte_is_made_without_touching_its_pages)
{
    struct ws_fixture f;
    PROCESS_MEMORY_COUNTERS before = {.cb = sizeof(before)}, after = {.cb = sizeof(after)};
    void *server;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    f.request.max_request_bytes = 1u << 29;
    f.request.max_response_bytes = 1u << 29;
    CHECK(K32GetProcessMemoryInfo(GetCurrentProcess(), &before, sizeof(before)));
    CHECK_OK(ws_offer(&f, &server));
    CHECK(K32GetProcessMemoryInfo(GetCurrentProcess(), &after, sizeof(after)));
    CHECK(f.ops->memory(server) > 1u << 30);
    CHECK(after.WorkingSetSize < before.WorkingSetSize + (64u << 20));
    ws_end(&f, server);
    ws_close(&f);
}
