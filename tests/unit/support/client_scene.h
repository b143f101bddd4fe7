/* SPDX-License-Identifier: Apache-2.0
 *
 * A client of a scripted server and the clean end of both, for the tests of its states and calls.
 *
 * One thread; the script runs on its own.
 */
#ifndef PIPC_TESTS_CLIENT_SCENE_H
#define PIPC_TESTS_CLIENT_SCENE_H

#include "client_script.h"

/* What an output holds before a call. */
#define GARBAGE UINT64_C(0x5555555555555555)

/* A context, a script and a connected client; everything is closed at the end of the test. */
struct scene {
    struct pipc_context *context;
    struct script *script;
    struct pipc_client *client;
    struct pipc_error err;
    uint64_t value;
};

struct scene scene_open(const struct script_conn *plans, uint32_t count,
                        const struct script_conn *then, const struct pipc_client_config *config);
void scene_close(struct scene *s);
/* One call with the value 41; its outcome is in s->value and s->err. */
pipc_result scene_call(struct scene *s, uint32_t timeout_ms);

/* The same end without a scene; NULL script: there is none. */
void scene_end(struct pipc_context *context, struct pipc_client *client, struct script *script);
/* The client is in that state, and ready or not as it says. */
void scene_check_state(const struct pipc_client *client, uint32_t state);

#endif
