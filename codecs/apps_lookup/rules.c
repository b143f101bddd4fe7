/* SPDX-License-Identifier: Apache-2.0
 *
 * What the statuses of an item of APPS_LOOKUP have to do with its other fields
 * (docs/codec-apps-lookup.md 3.2 and 3.3, steps b to d of 4); one place for decoder and builder.
 *
 * Pure; any thread.
 */
#include "apps_lookup.h"

/* The fixed values of an item that is not KNOWN. */
static pipc_result judge_placeholder(const struct apps_item_facts *f)
{
    if (f->orchestrator != 0 || f->cgroup_status != 0 || f->label_count != 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (f->ppid != 0 || f->uid != PIPC_UID_UNSET || f->starttime != 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (f->comm_len != 0 || f->cgroup_path_len != 0 || f->cgroup_name_len != 0)
        return PIPC_ERR_BAD_LAYOUT;
    return PIPC_OK;
}

/* The row of the cgroup's status, of a process that is KNOWN. */
static pipc_result judge_cgroup(const struct apps_item_facts *f)
{
    const int known = f->cgroup_status == PIPC_APPS_CGROUP_KNOWN;
    if (!known && (f->orchestrator != 0 || f->cgroup_name_len != 0 || f->label_count != 0))
        return PIPC_ERR_BAD_LAYOUT;
    if (known || f->cgroup_status == PIPC_APPS_CGROUP_UNKNOWN_PERMANENT)
        return f->cgroup_path_len > 0 ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
    if (f->cgroup_status == PIPC_APPS_CGROUP_HOST_ROOT)
        return f->cgroup_path_len == 0 ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
    return PIPC_OK;
}

pipc_result pipcm_apps_lookup_judge(const struct apps_item_facts *f)
{
    if (f->status > PIPC_PID_LOOKUP_OVERSIZED_ITEM ||
        f->cgroup_status > PIPC_APPS_CGROUP_HOST_ROOT || f->comm_len > PIPC_APPS_COMM_MAX)
        return PIPC_ERR_BAD_LAYOUT;
    if (f->status != PIPC_PID_LOOKUP_KNOWN)
        return judge_placeholder(f);
    return f->comm_len > 0 ? judge_cgroup(f) : PIPC_ERR_BAD_LAYOUT;
}
