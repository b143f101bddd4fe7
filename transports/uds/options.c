/* SPDX-License-Identifier: Apache-2.0
 *
 * The instance of one context: its options, judged and resolved.
 *
 * Names of users and groups are looked up once, here, so that no later call asks a name service.
 * The instance is not changed afterwards. Runs on the thread that opens the context.
 */
#include "uds.h"

#include <limits.h>

static pipc_result resolve_id(const struct pipc_host *host, enum uds_account kind, const char *key,
                              const char *text, uint32_t *ret_id, struct pipc_error *err)
{
    const char *what = kind == UDS_ACCOUNT_USER ? "user" : "group";
    int code;

    switch (uds_account_number(text, text + strlen(text), ret_id)) {
    case 1:
        return PIPC_OK;
    case -1:
        return uds_fail(host, err, PIPC_ERR_CONFIG, 0,
                        "uds: option %s: '%.100s' is no number of a %s", key, text, what);
    default:
        break;
    }
    code = uds_account_find(host, kind, text, ret_id);
    if (code == 0)
        return PIPC_OK;
    if (code == ENOMEM)
        return uds_fail(host, err, PIPC_ERR_ALLOC, code,
                        "uds: option %s: no memory to look up %s '%.100s'", key, what, text);
    if (code == ENOENT)
        return uds_fail(host, err, PIPC_ERR_CONFIG, 0, "uds: option %s: there is no %s '%.100s'",
                        key, what, text);
    return uds_fail(host, err, PIPC_ERR_CONFIG, code,
                    "uds: option %s: %s '%.100s' cannot be looked up", key, what, text);
}

static pipc_result resolve_list(const struct pipc_host *host, enum uds_account kind,
                                const struct pipc_option_value *value, uint32_t *ids,
                                struct pipc_error *err)
{
    pipc_result result;
    uint64_t i;

    for (i = 0; i < value->list_count; i++) {
        result = resolve_id(host, kind, value->key, value->list[i], &ids[i], err);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

static pipc_result read_mode(struct uds_instance *instance, const struct pipc_option_value *mode,
                             const struct pipc_option_value *group, struct pipc_error *err)
{
    const char *text = mode->text ? mode->text : "0600";
    uint32_t id = 0;
    pipc_result result;

    if (strcmp(text, "0600") == 0)
        instance->mode = 0600;
    else if (strcmp(text, "0660") == 0)
        instance->mode = 0660;
    else
        return uds_fail(instance->host, err, PIPC_ERR_CONFIG, 0,
                        "uds: option mode: '%.100s' is neither 0600 nor 0660", text);
    if (!group->text) {
        if (instance->mode == 0660)
            return uds_fail(instance->host, err, PIPC_ERR_CONFIG, 0,
                            "uds: option mode: 0660 needs the option group");
        return PIPC_OK;
    }
    result = resolve_id(instance->host, UDS_ACCOUNT_GROUP, "group", group->text, &id, err);
    if (result != PIPC_OK)
        return result;
    instance->has_group = true;
    instance->group = (gid_t)id;
    return PIPC_OK;
}

static void read_numbers(struct uds_instance *instance, const struct pipc_option_value *values)
{
    const struct pipc_option_value *spin = &values[PIPC_UDS_OPTION_SPIN];
    const struct pipc_option_value *backlog = &values[PIPC_UDS_OPTION_BACKLOG];
    const uint64_t packet = values[PIPC_UDS_OPTION_PACKET_SIZE].number;

    if (!spin->text)
        instance->spin_us = (uint32_t)spin->number;
    else
        instance->spin_us = strcmp(spin->text, "off") == 0 ? PIPC_SPIN_OFF : PIPC_SPIN_ADAPTIVE;
    if ((int64_t)backlog->number <= 0)
        instance->backlog = PIPC_UDS_BACKLOG_DEFAULT;
    else
        instance->backlog = backlog->number > INT_MAX ? INT_MAX : (int)backlog->number;
    instance->packet_size = packet > UINT32_MAX ? UINT32_MAX : (uint32_t)packet;
}

pipc_result uds_instance_make(const struct pipc_host *host, const struct pipc_option_value *values,
                              uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    const struct pipc_option_value *uids, *gids;
    struct uds_instance *instance;
    pipc_result result;
    size_t size;

    if (value_count != PIPC_UDS_OPTION_COUNT)
        return uds_fail(host, err, PIPC_ERR_MODULE_INIT, 0,
                        "uds: %u options are given, %u are declared", (unsigned)value_count,
                        (unsigned)PIPC_UDS_OPTION_COUNT);
    uids = &values[PIPC_UDS_OPTION_ALLOW_UID];
    gids = &values[PIPC_UDS_OPTION_ALLOW_GID];
    size = sizeof(*instance) + (size_t)(uids->list_count + gids->list_count) * sizeof(uint32_t);
    instance = host->alloc(host, size);
    if (!instance)
        return uds_fail(host, err, PIPC_ERR_ALLOC, 0, "uds: no memory for the transport");
    memset(instance, 0, size);
    instance->host = host;
    instance->uid_count = (uint32_t)uids->list_count;
    instance->gid_count = (uint32_t)gids->list_count;
    read_numbers(instance, values);
    result =
        read_mode(instance, &values[PIPC_UDS_OPTION_MODE], &values[PIPC_UDS_OPTION_GROUP], err);
    if (result == PIPC_OK)
        result = resolve_list(host, UDS_ACCOUNT_USER, uids, instance->ids, err);
    if (result == PIPC_OK)
        result =
            resolve_list(host, UDS_ACCOUNT_GROUP, gids, instance->ids + instance->uid_count, err);
    if (result != PIPC_OK) {
        uds_instance_free(instance);
        return result;
    }
    instance->packet_most = UDS_SNDBUF_TELLS ? UINT32_MAX : uds_packet_try(UDS_PACKET_WANTED);
    *ret_self = instance;
    return PIPC_OK;
}

void uds_instance_free(void *self)
{
    struct uds_instance *instance = self;

    if (instance)
        instance->host->free(instance->host, instance);
}
