/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening and ending a client together with its scripted server. The client's pauses are shortened
 * in a scene, so that retries take no time that a test would notice.
 */
#include "client_scene.h"
#include "test.h"

struct scene scene_open(const struct script_conn *plans, uint32_t count,
                        const struct script_conn *then, const struct pipc_client_config *config)
{
    struct scene s = {.err = PIPC_ERROR_INIT, .value = GARBAGE};

    s.context = script_context(NULL);
    s.script = script_start(plans, count, then);
    s.client = script_ready(s.context, config, true);
    return s;
}

void scene_close(struct scene *s)
{
    scene_end(s->context, s->client, s->script);
}

pipc_result scene_call(struct scene *s, uint32_t timeout_ms)
{
    s->value = GARBAGE;
    return script_call(s->client, 41, &s->value, timeout_ms, &s->err);
}

void scene_end(struct pipc_context *context, struct pipc_client *client, struct script *script)
{
    pipc_client_destroy(client);
    if (script)
        script_stop(script);
    script_context_close(context);
}

void scene_check_state(const struct pipc_client *client, uint32_t state)
{
    const uint32_t is = script_status(client).state;

    CHECK_MSG(is == state, "state is %s, expected %s", pipc_client_state_name(is),
              pipc_client_state_name(state));
    CHECK_EQ(pipc_client_ready(client), state == PIPC_CLIENT_READY);
}
