/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client believes of a region: each row of the table of 5, the geometry, the carrier.
 */
#include "windows/winshm_fixture.h"

enum { FINAL = 0, RETRY = 1 };

/* Attaches to `made`, whose header the caller has spoilt. */
static void expect(struct ws_fixture *f, pipc_result result, int again)
{
    void *client = NULL;
    const uint64_t began = np_clock_ns();
    const pipc_result got = ws_attach(f, 60, &client);
    const uint64_t took = np_clock_ns() - began;

    CHECK(!client);
    CHECK_RESULT(got, again == RETRY ? (pipc_result)PIPC_ERR_TIMEOUT : result);
    CHECK_EQ(f->failure.bits, WINSHM_BITS);
    CHECK_EQ(f->failure.withdraw_ms, PIPC_NEVER);
    CHECK(again == RETRY ? took >= 60 * PIPC_NS_PER_MS : took < test_limit(60) * PIPC_NS_PER_MS);
}

static void expect_good(struct ws_fixture *f)
{
    void *client = NULL;

    CHECK_MSG(ws_attach(f, TEST_LONG, &client) == PIPC_OK, "attach: %s", f->err.text);
    ws_end(f, client);
}

TEST(winshm_attach, each_row_of_the_table_has_its_result)
{
    struct ws_fixture f;
    struct ws_made made;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    expect(&f, PIPC_ERR_REGION_OPEN, RETRY); /* nothing there */
    CHECK_EQ(f.err.os_code, ERROR_FILE_NOT_FOUND);
    ws_make(&f, 0, true, &made);
    expect_good(&f);
    made.header->magic ^= 1;
    expect(&f, PIPC_ERR_REGION_BAD_MAGIC, RETRY);
    made.header->magic ^= 1;
    made.header->version = 2;
    expect(&f, PIPC_ERR_REGION_BAD_VERSION, FINAL);
    made.header->version = 3;
    made.header->header_len = 64;
    expect(&f, PIPC_ERR_REGION_BAD_HEADER, FINAL);
    made.header->header_len = 128;
    made.header->profile = 4;
    expect(&f, PIPC_ERR_REGION_BAD_HEADER, FINAL);
    made.header->profile = 2;
    expect_good(&f);
    CloseHandle(made.resp_event);
    expect(&f, PIPC_ERR_REGION_OPEN, RETRY);
    CloseHandle(made.req_event);
    expect(&f, PIPC_ERR_REGION_OPEN, RETRY);
    made.req_event = made.resp_event = NULL;
    ws_unmake(&made);
    ws_close(&f);
}

TEST(winshm_attach, an_object_of_another_kind_is_final)
{
    struct ws_fixture f;
    HANDLE other;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    other = CreateEventW(NULL, TRUE, FALSE, ws_name(&f, WINSHM_MAPPING));
    expect(&f, PIPC_ERR_REGION_OPEN, FINAL);
    CHECK_EQ(f.err.os_code, ERROR_INVALID_HANDLE);
    CloseHandle(other);
    f.request.bit = 8;
    expect(&f, PIPC_ERR_BAD_PARAM, FINAL);
    ws_close(&f);
}

TEST(winshm_attach, a_region_without_memory_behind_it_is_not_read)
{
    struct ws_fixture f;
    HANDLE mapping;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    mapping = CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | SEC_RESERVE, 0,
                                 1u << 20, ws_name(&f, WINSHM_MAPPING));
    CHECK(mapping);
    expect(&f, PIPC_ERR_REGION_NOT_READY, FINAL);
    CHECK_HAS(f.err.text, "the region is shorter than a header");
    CHECK(CloseHandle(mapping));
    ws_close(&f);
}

/* One field of the geometry at a time. */
static void spoil(struct ws_fixture *f, uint32_t *field, const uint32_t *values, size_t count)
{
    const uint32_t good = *field;

    for (size_t i = 0; i < count; i++) {
        *field = values[i];
        expect(f, PIPC_ERR_REGION_BAD_SIZE, FINAL);
    }
    *field = good;
}

TEST(winshm_attach, each_condition_of_the_geometry_is_checked_alone)
{
    static const uint32_t offsets[] = {0, 64, 127, 129, 160, 0xffffffc0, UINT32_MAX};
    static const uint32_t request_capacities[] = {0,    63,         4096,       4161,
                                                  4224, 0x7fffffc0, 0xffffff80, 0xffffffc0};
    static const uint32_t response_offsets[] = {0, 64, 4224, 4289, 0x10000, 0xffffffc0};
    static const uint32_t response_capacities[] = {0,       65536,      65599,
                                                   0x11000, 0xffffefc0, 0xffffffc0};
    struct ws_fixture f;
    struct ws_made made;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_make(&f, 0, true, &made);
    spoil(&f, &made.header->request_offset, offsets, sizeof(offsets) / sizeof(offsets[0]));
    spoil(&f, &made.header->request_capacity, request_capacities,
          sizeof(request_capacities) / sizeof(request_capacities[0]));
    spoil(&f, &made.header->response_offset, response_offsets,
          sizeof(response_offsets) / sizeof(response_offsets[0]));
    spoil(&f, &made.header->response_capacity, response_capacities,
          sizeof(response_capacities) / sizeof(response_capacities[0]));
    expect_good(&f);
    f.request.max_request_bytes = 4128; /* fits exactly */
    expect_good(&f);
    f.request.max_request_bytes = 4129;
    expect(&f, PIPC_ERR_REGION_BAD_SIZE, FINAL);
    f.request.max_request_bytes = UINT32_MAX;
    expect(&f, PIPC_ERR_REGION_BAD_SIZE, FINAL);
    f.request.max_request_bytes = WS_REQUEST;
    f.request.max_response_bytes = 65569;
    expect(&f, PIPC_ERR_REGION_BAD_SIZE, FINAL);
    ws_unmake(&made);
    ws_close(&f);
}

TEST(winshm_attach, a_view_that_ends_before_the_response_area_is_refused)
{
    struct ws_fixture f;
    struct ws_made made;

    ws_open(&f, PIPC_PROFILE_SHM_BUSYWAIT);
    ws_make(&f, 65536, false, &made); /* a page too short */
    expect(&f, PIPC_ERR_REGION_BAD_SIZE, FINAL);
    ws_unmake(&made);
    ws_make(&f, 69888, false, &made);
    expect_good(&f);
    ws_unmake(&made);
    ws_close(&f);
}

TEST(winshm_attach, spin_tries_of_a_peer_steers_nothing)
{
    static const uint32_t tries[] = {0, 1, UINT32_MAX};
    struct ws_fixture f;
    struct ws_made made;
    struct pipc_received received;
    uint8_t got[64];

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_make(&f, 0, true, &made);
    for (size_t i = 0; i < 3; i++) {
        FILETIME begin[4], end[4];
        void *client;
        made.header->spin_tries = tries[i];
        CHECK_OK(ws_attach(&f, TEST_LONG, &client));
        CHECK(GetThreadTimes(GetCurrentThread(), &begin[0], &begin[1], &begin[2], &begin[3]));
        CHECK_RESULT(ws_get(&f, client, got, sizeof(got), 200, &received), PIPC_ERR_TIMEOUT);
        CHECK(GetThreadTimes(GetCurrentThread(), &end[0], &end[1], &end[2], &end[3]));
        CHECK(end[3].dwLowDateTime - begin[3].dwLowDateTime < 500000u); /* of 100 ns: 50 ms */
        ws_end(&f, client);
    }
    ws_unmake(&made);
    ws_close(&f);
}

TEST(winshm_attach, counters_go_on_from_what_they_are)
{
    struct ws_fixture f;
    struct ws_made made;
    struct pipc_received received;
    uint8_t bytes[40], got[64];
    void *client;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_make(&f, 0, true, &made);
    made.header->req_seq = 1000;
    made.header->resp_seq = 999;
    CHECK_OK(ws_attach(&f, TEST_LONG, &client));
    memset(bytes, 'q', sizeof(bytes));
    CHECK_OK(ws_put(&f, client, bytes, sizeof(bytes)));
    CHECK_EQ(made.header->req_seq, 1001);
    CHECK_EQ(made.header->req_len, 40);
    memcpy((uint8_t *)made.header + made.header->response_offset, bytes, sizeof(bytes));
    made.header->resp_len = 40;
    made.header->resp_seq = 1000;
    CHECK_OK(ws_get(&f, client, got, sizeof(got), TEST_LONG, &received));
    CHECK_EQ(received.len, 40);
    ws_end(&f, client);
    CHECK_EQ(made.header->req_client_closed, 1);
    CHECK(np_signalled(made.req_event, 0)); /* whether or not anybody waits */
    ws_unmake(&made);
    ws_close(&f);
}

static void make_later(void *arg)
{
    struct ws_fixture *const f = arg;
    static struct ws_made made; /* lives until the process ends */

    Sleep(50);
    ws_make(f, 0, true, &made);
}

TEST(winshm_attach, objects_that_come_late_are_found)
{
    struct ws_fixture f, g;
    void *client;
    HANDLE thread;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    g = f;
    thread = np_thread(make_later, &g);
    CHECK_OK(ws_attach(&f, TEST_LONG, &client));
    np_join(thread);
    ws_end(&f, client);
    ws_close(&f);
}

TEST(winshm_attach, a_carrier_that_ends_withdraws_nothing)
{
    struct ws_fixture f;
    void *client = NULL;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_close_carrier(&f, PIPC_ROLE_SERVER);
    CHECK_RESULT(ws_attach(&f, TEST_LONG, &client), PIPC_ERR_DISCONNECTED);
    CHECK_EQ(f.failure.bits, 0);
    ws_close(&f);
}

TEST(winshm_attach, an_abort_ends_the_tries_and_withdraws_nothing)
{
    struct ws_fixture f;
    const HANDLE abort = CreateEventW(NULL, TRUE, TRUE, NULL);
    struct pipc_wait wait = np_wait_abort(5000, abort);
    const struct pipc_endpoint endpoint = ws_endpoint();
    void *client = NULL;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    const struct pipc_carrier carrier = ws_carrier(&f, PIPC_ROLE_CLIENT);
    CHECK_RESULT(
        f.ops->attach(f.self, &endpoint, &carrier, &f.request, &wait, &client, &f.failure, &f.err),
        PIPC_ERR_ABORTED);
    CHECK_EQ(f.failure.bits, 0);
    wait.abort = 0;
    CHECK_RESULT(
        f.ops->attach(f.self, &endpoint, &carrier, &f.request, &wait, &client, &f.failure, &f.err),
        PIPC_ERR_BAD_PARAM);
    ResetEvent(abort);
    wait = np_wait_abort(50, abort);
    CHECK_RESULT(
        f.ops->attach(f.self, &endpoint, &carrier, &f.request, &wait, &client, &f.failure, &f.err),
        PIPC_ERR_TIMEOUT);
    wait = np_wait_abort(NP_NOW, abort);
    CHECK_RESULT(
        f.ops->attach(f.self, &endpoint, &carrier, &f.request, &wait, &client, &f.failure, &f.err),
        PIPC_ERR_TIMEOUT);
    CHECK(!client);
    CloseHandle(abort);
    ws_close(&f);
}

TEST(winshm_attach, a_header_that_changes_after_the_attach_has_no_effect)
{
    struct ws_fixture f;
    void *client, *server;
    struct winshm_header *header;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    ws_pair(&f, &client, &server);
    header = ws_region(&f);
    memset(header, 0xff, offsetof(struct winshm_header, req_len));
    for (uint8_t i = 0; i < 10; i++) {
        ws_pass(&f, client, server, i, 32 + WS_REQUEST);
        ws_pass(&f, server, client, i, 32 + WS_RESPONSE);
    }
    UnmapViewOfFile(header);
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}
