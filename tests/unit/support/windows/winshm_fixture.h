/* SPDX-License-Identifier: Apache-2.0
 *
 * Drives the table of the shared-memory transport of Windows directly, on a carrier of named pipes,
 * and reaches into the region as a hostile peer would.
 *
 * Everything on top of np_fixture.h, whose fake host both transports share.
 */
#ifndef PIPC_TESTS_WINSHM_FIXTURE_H
#define PIPC_TESTS_WINSHM_FIXTURE_H

#include "np_fixture.h"
#include "transports/winshm/winshm.h"

#define WS_SERVICE  "regions"
#define WS_REQUEST  4096u /* agreed limits */
#define WS_RESPONSE 65536u

struct ws_fixture {
    struct np_fixture np; /* the carrier's, with the host */
    struct pipc_option_value values[PIPC_WIN_SHM_OPTION_COUNT];
    const struct pipc_transport_ops *ops;
    void *self;
    void *carriers[2]; /* client's end, server's end; NULL once closed */
    struct pipc_upgrade_request request;
    struct pipc_upgrade_failure failure;
    struct pipc_error err;
};

/* A carrier and an instance with both planes; `bit` is the profile of its sessions. Spin is off. */
void ws_open(struct ws_fixture *f, uint32_t bit);
/* Spinning for so long; before the first session. */
void ws_spin(struct ws_fixture *f, uint64_t us);
void ws_close(struct ws_fixture *f);
/* The carrier as one side sees it. */
struct pipc_carrier ws_carrier(struct ws_fixture *f, uint32_t role);
void ws_close_carrier(struct ws_fixture *f, uint32_t role);
struct pipc_endpoint ws_endpoint(void);

pipc_result ws_offer(struct ws_fixture *f, void **ret_server);
pipc_result ws_attach(struct ws_fixture *f, int ms, void **ret_client);
void ws_pair(struct ws_fixture *f, void **ret_client, void **ret_server);
void ws_end(struct ws_fixture *f, void *channel);

pipc_result ws_put(struct ws_fixture *f, void *channel, const void *bytes, size_t len);
pipc_result ws_get(struct ws_fixture *f, void *channel, void *bytes, size_t size, int ms,
                   struct pipc_received *received);
/* One message of `len` bytes of this value passes. */
void ws_pass(struct ws_fixture *f, void *from, void *to, uint8_t value, size_t len);

/* Full name of an object of this session. */
const wchar_t *ws_name(struct ws_fixture *f, enum winshm_object object);
/* The region, opened by name; view of the whole. */
struct winshm_header *ws_region(struct ws_fixture *f);
/* A region of the test's own making under the session's name: `size` bytes, the good header in it
 * when `size` allows; events too unless `events` is false. */
struct ws_made {
    HANDLE mapping, req_event, resp_event;
    struct winshm_header *header;
};
void ws_make(struct ws_fixture *f, uint64_t size, bool events, struct ws_made *ret_made);
void ws_unmake(struct ws_made *made);

#endif
