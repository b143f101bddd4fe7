/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups of `pipc call`: keys as the codecs take them, and the answer as JSON.
 */
#ifndef PIPC_TOOL_LOOKUP_H
#define PIPC_TOOL_LOOKUP_H

#include "tool.h"

#include <json-c/json.h>
#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

struct live_cgroups;
struct live_cgroup_set;

/* Keys of one call, an array of what the codec takes. */
struct lookup_keys {
    const struct options *o;
    const char *kind;
    void *keys;
    uint32_t count, room;
    /* With --all: the cgroups whose paths the keys borrow. */
    struct live_cgroups *live;
    const struct live_cgroup_set *set;
};

/* Whether the command knows this kind's keys. */
bool lookup_known(const char *kind);

bool lookup_is_apps(const char *kind);
/* For those that find keys: false without memory, which lookup_no_memory tells. */
bool lookup_add_pid(struct lookup_keys *keys, uint32_t pid);
bool lookup_add_path(struct lookup_keys *keys, const char *text, size_t len);
int lookup_no_memory(const struct lookup_keys *keys);
/* Adds a key from its text, which must stay; -1, or an exit code with the reason said. */
int lookup_key_add(struct lookup_keys *keys, const char *text, size_t len);
/* Adds every key that there is on this machine, or below --proc-root and --cgroup-root. */
int lookup_keys_all(struct lookup_keys *keys);
void lookup_keys_free(struct lookup_keys *keys);

/* The call, and the fields of its answer; for people statuses and orchestrators are words. */
pipc_result lookup_call(struct pipc_client *client, const struct lookup_keys *keys,
                        uint32_t timeout_ms, struct json_object **ret_fields,
                        struct pipc_error *err);

/* The word of an orchestrator; "-" for 0, "other" for numbers without one. */
const char *lookup_orchestrator_word(uint32_t orchestrator);

#endif
