/* SPDX-License-Identifier: Apache-2.0
 *
 * The short forms of winshm_fixture.h.
 */
#include "winshm_fixture.h"

static void init(struct ws_fixture *f)
{
    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    CHECK_OK(pipc_module_winshm.init(&f->np.host, f->values, PIPC_WIN_SHM_OPTION_COUNT, &f->self,
                                     &f->err));
}

void ws_open(struct ws_fixture *f, uint32_t bit)
{
    memset(f, 0, sizeof(*f));
    np_fixture_open(&f->np);
    np_pair(&f->np, &f->carriers[0], &f->carriers[1]);
    f->values[PIPC_WIN_SHM_OPTION_SPIN] =
        (struct pipc_option_value){.key = "spin", .type = PIPC_OPTION_CHOICE_NUMBER, .text = "off"};
    f->values[PIPC_WIN_SHM_OPTION_PLANES] = (struct pipc_option_value){
        .key = "planes", .type = PIPC_OPTION_CHOICE, .text = "hybrid,busywait"};
    f->ops = pipc_module_winshm.ops;
    f->request = (struct pipc_upgrade_request){.size = sizeof(f->request),
                                               .bit = bit,
                                               .session_id = 1,
                                               .auth_token = 77,
                                               .max_request_bytes = WS_REQUEST,
                                               .max_response_bytes = WS_RESPONSE,
                                               .room_bytes = UINT64_MAX};
    init(f);
}

void ws_spin(struct ws_fixture *f, uint64_t us)
{
    pipc_module_winshm.fini(f->self);
    f->values[PIPC_WIN_SHM_OPTION_SPIN].text = NULL;
    f->values[PIPC_WIN_SHM_OPTION_SPIN].number = us;
    init(f);
}

struct pipc_carrier ws_carrier(struct ws_fixture *f, uint32_t role)
{
    const struct pipc_carrier carrier = {.size = sizeof(carrier),
                                         .ops = f->np.ops,
                                         .channel = f->carriers[role == PIPC_ROLE_SERVER]};

    return carrier;
}

void ws_close_carrier(struct ws_fixture *f, uint32_t role)
{
    void **const end = &f->carriers[role == PIPC_ROLE_SERVER];

    f->np.ops->close(*end, 0);
    *end = NULL;
}

void ws_close(struct ws_fixture *f)
{
    ws_close_carrier(f, PIPC_ROLE_CLIENT);
    ws_close_carrier(f, PIPC_ROLE_SERVER);
    pipc_module_winshm.fini(f->self);
    np_fixture_close(&f->np);
}

struct pipc_endpoint ws_endpoint(void)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = WS_SERVICE};

    return endpoint;
}

static void forget(struct ws_fixture *f)
{
    f->err = (struct pipc_error)PIPC_ERROR_INIT;
    f->failure = (struct pipc_upgrade_failure){.size = sizeof(f->failure)};
}

pipc_result ws_offer(struct ws_fixture *f, void **ret_server)
{
    const struct pipc_endpoint endpoint = ws_endpoint();
    const struct pipc_carrier carrier = ws_carrier(f, PIPC_ROLE_SERVER);

    forget(f);
    return f->ops->offer(f->self, &endpoint, &carrier, &f->request, ret_server, &f->failure,
                         &f->err);
}

pipc_result ws_attach(struct ws_fixture *f, int ms, void **ret_client)
{
    const struct pipc_endpoint endpoint = ws_endpoint();
    const struct pipc_carrier carrier = ws_carrier(f, PIPC_ROLE_CLIENT);
    const struct pipc_wait wait = np_wait(ms);

    forget(f);
    return f->ops->attach(f->self, &endpoint, &carrier, &f->request, &wait, ret_client, &f->failure,
                          &f->err);
}

void ws_pair(struct ws_fixture *f, void **ret_client, void **ret_server)
{
    pipc_result result = ws_offer(f, ret_server);

    CHECK_MSG(result == PIPC_OK, "offer: %s", f->err.text);
    result = ws_attach(f, 1000, ret_client);
    CHECK_MSG(result == PIPC_OK, "attach: %s", f->err.text);
}

void ws_end(struct ws_fixture *f, void *channel)
{
    f->ops->close(channel, 0);
}

pipc_result ws_put(struct ws_fixture *f, void *channel, const void *bytes, size_t len)
{
    struct pipc_piece piece = {.len = len};
    const struct pipc_wait wait = np_wait(1000);

    memcpy(&piece.base, &bytes, sizeof(bytes)); /* the table only reads what it sends */
    forget(f);
    return f->ops->send(channel, &piece, 1, &wait, &f->err);
}

pipc_result ws_get(struct ws_fixture *f, void *channel, void *bytes, size_t size, int ms,
                   struct pipc_received *received)
{
    const struct pipc_piece piece = {bytes, size};
    const struct pipc_wait wait = np_wait(ms);

    *received = (struct pipc_received){.size = sizeof(*received)};
    forget(f);
    return f->ops->receive(channel, &piece, 1, &wait, received, &f->err);
}

void ws_pass(struct ws_fixture *f, void *from, void *to, uint8_t value, size_t len)
{
    uint8_t *const out = malloc(len), *const in = malloc(len);
    struct pipc_received received;

    CHECK(out && in);
    memset(out, value, len);
    pipc_result result = ws_put(f, from, out, len);
    CHECK_MSG(result == PIPC_OK, "send: %s", f->err.text);
    result = ws_get(f, to, in, len, 5000, &received);
    CHECK_MSG(result == PIPC_OK, "receive: %s", f->err.text);
    CHECK_EQ(received.flags, 0);
    CHECK_EQ(received.len, len);
    CHECK_MEM(in, out, len);
    free(out);
    free(in);
}

const wchar_t *ws_name(struct ws_fixture *f, enum winshm_object object)
{
    static wchar_t wide[PIPC_WIN_SHM_NAME_MAX + 1];
    const struct pipc_endpoint endpoint = ws_endpoint();
    struct winshm_name name;

    CHECK_OK(winshm_name_make(&f->np.host, &endpoint, f->request.auth_token, f->request.bit,
                              f->request.session_id, &name, NULL));
    winshm_name_of(&name, object, wide);
    return wide;
}

struct winshm_header *ws_region(struct ws_fixture *f)
{
    const HANDLE mapping =
        OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, ws_name(f, WINSHM_MAPPING));

    CHECK_MSG(mapping, "region: error %u", (unsigned)GetLastError());
    struct winshm_header *const view =
        MapViewOfFile(mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    CHECK(view);
    CHECK(CloseHandle(mapping));
    return view;
}

void ws_make(struct ws_fixture *f, uint64_t size, bool events, struct ws_made *ret_made)
{
    uint64_t whole = 0;
    struct winshm_header header;

    CHECK(winshm_layout(f->request.bit, f->request.max_request_bytes, f->request.max_response_bytes,
                        &header, &whole));
    if (size == 0)
        size = whole;
    memset(ret_made, 0, sizeof(*ret_made));
    ret_made->mapping =
        CreateFileMappingW(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, (DWORD)(size >> 32),
                           (DWORD)size, ws_name(f, WINSHM_MAPPING));
    CHECK(ret_made->mapping);
    ret_made->header = MapViewOfFile(ret_made->mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    CHECK(ret_made->header);
    *ret_made->header = header;
    if (events) {
        ret_made->req_event = CreateEventW(NULL, FALSE, FALSE, ws_name(f, WINSHM_REQ_EVENT));
        ret_made->resp_event = CreateEventW(NULL, FALSE, FALSE, ws_name(f, WINSHM_RESP_EVENT));
        CHECK(ret_made->req_event && ret_made->resp_event);
    }
}

void ws_unmake(struct ws_made *made)
{
    CHECK(UnmapViewOfFile(made->header));
    CHECK(CloseHandle(made->mapping));
    if (made->req_event)
        CHECK(CloseHandle(made->req_event));
    if (made->resp_event)
        CHECK(CloseHandle(made->resp_event));
}
