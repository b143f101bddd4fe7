/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of the system that fail while a region is made or attached, and what they are asked for.
 */
#include "windows/win_calls.h"
#include "windows/winshm_fixture.h"

TEST(winshm_faults, objects_are_made_for_our_user_and_are_not_inherited)
{
    struct ws_fixture f;
    void *server;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    (void)np_handle(&f.np, f.carriers[1]);
    win_made_forget();
    CHECK_OK(ws_offer(&f, &server));
    CHECK_EQ(win_made_count(), 3);
    CHECK_EQ(win_made(0)->call, WIN_CreateFileMappingW);
    CHECK_EQ(win_made(0)->access, PAGE_READWRITE);
    CHECK_EQ(win_made(0)->size, 69888);
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(win_made(i)->secured && !win_made(i)->inherited);
        CHECK_HAS(win_made(i)->sddl, "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;S-1-");
        CHECK(strncmp(win_made(i)->name, "Local\\netipc-", 13) == 0);
    }
    for (uint32_t i = 1; i < 3; i++) {
        CHECK_EQ(win_made(i)->call, WIN_CreateEventW);
        CHECK(!win_made(i)->manual && !win_made(i)->initial);
    }
    CHECK_HAS(win_made(1)->name, "-req_event");
    CHECK_HAS(win_made(2)->name, "-resp_event");
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_faults, each_failure_of_an_offer_is_undone_and_told)
{
    static const struct {
        enum win_call call;
        uint32_t after;
        DWORD code;
        pipc_result result;
        uint32_t bits;
    } rows[] = {
        {WIN_CreateEventW, 0, ERROR_NO_SYSTEM_RESOURCES, PIPC_ERR_ALLOC, WINSHM_BITS},
        {WIN_OpenProcessToken, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_ALLOCATE, 2},
        {WIN_GetTokenInformation, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_ALLOCATE, 2},
        {WIN_ConvertStringSecurityDescriptorToSecurityDescriptorA, 0, ERROR_NOT_ENOUGH_MEMORY,
         PIPC_ERR_REGION_ALLOCATE, WINSHM_BITS},
        {WIN_CreateFileMappingW, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_ALLOCATE, 2},
        {WIN_CreateFileMappingW, 0, ERROR_COMMITMENT_LIMIT, PIPC_ERR_REGION_ALLOCATE, WINSHM_BITS},
        {WIN_MapViewOfFile, 0, ERROR_NOT_ENOUGH_MEMORY, PIPC_ERR_REGION_MAP, WINSHM_BITS},
        {WIN_CreateEventW, 1, ERROR_INVALID_HANDLE, PIPC_ERR_REGION_ALLOCATE, 2},
        {WIN_CreateEventW, 2, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_ALLOCATE, 2},
    };
    struct ws_fixture f;
    void *server = NULL;
    unsigned before;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    CHECK_OK(ws_offer(&f, &server)); /* brings in what the system keeps for itself */
    ws_end(&f, server);
    server = NULL;
    before = test_open_descriptors();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        win_refuse(rows[i].call, rows[i].after, 1, rows[i].code);
        CHECK_RESULT(ws_offer(&f, &server), rows[i].result);
        CHECK_EQ(f.err.os_code, rows[i].code);
        CHECK_EQ(f.failure.bits, rows[i].bits);
        CHECK_EQ(test_open_descriptors(), before);
    }
    CHECK(!server);
    CHECK_OK(ws_offer(&f, &server));
    ws_end(&f, server);
    ws_close(&f);
}

TEST(winshm_faults, each_failure_of_an_attach_is_undone_and_told_for_how_long_it_withdraws)
{
    static const struct {
        enum win_call call;
        uint32_t after;
        DWORD code;
        pipc_result result;
        uint64_t withdraw_ms;
    } rows[] = {
        {WIN_OpenFileMappingW, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_OPEN, PIPC_NEVER},
        {WIN_OpenFileMappingW, 0, ERROR_NO_SYSTEM_RESOURCES, PIPC_ERR_REGION_OPEN, 0},
        {WIN_MapViewOfFile, 0, ERROR_NOT_ENOUGH_MEMORY, PIPC_ERR_REGION_MAP, 0},
        {WIN_MapViewOfFile, 0, ERROR_OUTOFMEMORY, PIPC_ERR_REGION_MAP, 0},
        {WIN_MapViewOfFile, 0, ERROR_COMMITMENT_LIMIT, PIPC_ERR_REGION_MAP, 0},
        {WIN_MapViewOfFile, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_MAP, PIPC_NEVER},
        {WIN_VirtualQuery, 0, 0, PIPC_ERR_REGION_NOT_READY, PIPC_NEVER},
        {WIN_OpenEventW, 0, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_OPEN, PIPC_NEVER},
        {WIN_OpenEventW, 1, ERROR_ACCESS_DENIED, PIPC_ERR_REGION_OPEN, PIPC_NEVER},
    };
    struct ws_fixture f;
    void *server, *client = NULL;
    unsigned before;

    ws_open(&f, PIPC_PROFILE_SHM_HYBRID);
    CHECK_OK(ws_offer(&f, &server));
    (void)np_handle(&f.np, f.carriers[0]);
    before = test_open_descriptors();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        win_refuse(rows[i].call, rows[i].after, 1, rows[i].code);
        CHECK_RESULT(ws_attach(&f, TEST_LONG, &client), rows[i].result);
        CHECK_EQ(f.err.os_code, rows[i].code);
        CHECK_EQ(f.failure.bits, WINSHM_BITS);
        CHECK_EQ(f.failure.withdraw_ms, rows[i].withdraw_ms);
        CHECK_EQ(test_open_descriptors(), before);
    }
    /* What may only be late is tried again. */
    win_refuse(WIN_OpenFileMappingW, 0, 3, ERROR_FILE_NOT_FOUND);
    win_refuse(WIN_OpenEventW, 0, 2, ERROR_FILE_NOT_FOUND);
    CHECK_OK(ws_attach(&f, TEST_LONG, &client));
    ws_end(&f, client);
    ws_end(&f, server);
    ws_close(&f);
}
