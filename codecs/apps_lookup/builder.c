/* SPDX-License-Identifier: Apache-2.0
 *
 * The builder of a response of APPS_LOOKUP (docs/codec.md 8).
 *
 * It writes inside the caller's buffer only, allocates nothing, and never reads the buffer to
 * decide a length or an address, because the buffer may be shared memory. One thread at a time.
 */
#include "apps_lookup.h"

/* Bytes of an item that an estimate counts: its directory entry, and the smallest item rounded up.
 */
#define ESTIMATE_ITEM_LEN 72u

uint32_t pipcm_apps_lookup_estimate(uint64_t cap)
{
    return lookup_estimate(cap, ESTIMATE_ITEM_LEN);
}

/* ---- begin ---- */

pipc_result pipcm_apps_lookup_begin(struct pipc_apps_lookup_builder *builder, void *buf, size_t cap,
                                    uint32_t max_items, uint64_t reserve, uint64_t generation)
{
    builder->table = &pipcm_apps_lookup_table;
    memset(&builder->request, 0, sizeof(builder->request));
    return lookup_begin(&builder->state, buf, cap, max_items, reserve, generation);
}

pipc_result pipcm_apps_lookup_builder_init(struct pipc_apps_lookup_builder *builder, void *buf,
                                           size_t cap, uint32_t max_items, uint64_t generation)
{
    if (!builder)
        return PIPC_ERR_BAD_PARAM;
    return pipcm_apps_lookup_begin(builder, buf, cap, max_items, 0, generation);
}

uint64_t pipcm_apps_lookup_reserve(uint32_t count)
{
    return count ? PLACEHOLDER_LEN + bytes_align8(PLACEHOLDER_LEN) * (count - 1) : 0;
}

pipc_result pipcm_apps_lookup_builder_init_request(
    struct pipc_apps_lookup_builder *builder, void *buf, size_t cap,
    const struct pipc_apps_lookup_request_view *request, uint64_t generation)
{
    if (!builder)
        return PIPC_ERR_BAD_PARAM;
    const uint32_t count = request ? request->item_count : 0;
    const pipc_result begun = pipcm_apps_lookup_begin(builder, buf, cap, count,
                                                      pipcm_apps_lookup_reserve(count), generation);
    if (request) {
        builder->request = *request;
        return begun;
    }
    builder->state.failed = PIPC_ERR_BAD_PARAM;
    return lookup_refuse(&builder->state, PIPC_ERR_BAD_PARAM);
}

void pipcm_apps_lookup_builder_set_generation(struct pipc_apps_lookup_builder *builder,
                                              uint64_t generation)
{
    builder->state.generation = generation;
}

/* ---- add ---- */

static const struct pipc_str_view no_text = {"", 0};

/* The numbers of the fixed header. */
static void put_numbers(unsigned char *out, const struct pipc_apps_lookup_item *item,
                        uint32_t label_count)
{
    bytes_put16(out + ITEM_LAYOUT_VERSION, LOOKUP_LAYOUT_VERSION);
    bytes_put16(out + ITEM_STATUS, item->status);
    bytes_put16(out + ITEM_ORCHESTRATOR, item->orchestrator);
    bytes_put16(out + ITEM_CGROUP_STATUS, item->cgroup_status);
    bytes_put32(out + ITEM_PID, item->pid);
    bytes_put32(out + ITEM_PPID, item->ppid);
    bytes_put32(out + ITEM_UID, item->uid);
    bytes_put32(out + ITEM_RESERVED_20, 0);
    bytes_put64(out + ITEM_STARTTIME, item->starttime);
    bytes_put16(out + ITEM_LABEL_COUNT, (uint16_t)label_count);
    bytes_put16(out + ITEM_RESERVED_58, 0);
}

/* The fixed header and the three strings; returns where they end. *bad is set when a NUL is in one.
 */
static size_t put_head(unsigned char *out, const struct pipc_apps_lookup_item *item,
                       uint32_t label_count, int *bad)
{
    const size_t path_at = ITEM_HDR + item->comm.len + 1;
    const size_t name_at = path_at + item->cgroup_path.len + 1;
    put_numbers(out, item, label_count);
    lookup_put_span(out + ITEM_COMM, ITEM_HDR, item->comm.len);
    lookup_put_span(out + ITEM_CGROUP_PATH, path_at, item->cgroup_path.len);
    lookup_put_span(out + ITEM_CGROUP_NAME, name_at, item->cgroup_name.len);
    lookup_put_text(out, ITEM_HDR, &item->comm, bad);
    lookup_put_text(out, path_at, &item->cgroup_path, bad);
    return lookup_put_text(out, name_at, &item->cgroup_name, bad);
}

/* Step 7 of the page. */
static pipc_result add_placeholder(struct pipc_lookup_builder *b, uint32_t pid, uint32_t status)
{
    const struct pipc_apps_lookup_item item = {.status = (uint16_t)status,
                                               .pid = pid,
                                               .uid = PIPC_UID_UNSET,
                                               .comm = no_text,
                                               .cgroup_path = no_text,
                                               .cgroup_name = no_text};
    unsigned char *out = lookup_space(b, PLACEHOLDER_LEN);
    int bad = 0;
    if (!out)
        return PIPC_ERR_OVERFLOW;
    put_head(out, &item, 0, &bad);
    lookup_commit(b, PLACEHOLDER_LEN, PLACEHOLDER_LEN);
    return PIPC_OK;
}

/* Step 6: it does not fit. */
static pipc_result add_unfit(struct pipc_lookup_builder *b, uint32_t pid)
{
    const uint32_t status =
        lookup_unfit_status(b, PIPC_PID_LOOKUP_OVERSIZED_ITEM, PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED);
    const pipc_result r = add_placeholder(b, pid, status);
    if (r == PIPC_OK)
        lookup_cut(b, status == PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED);
    return r;
}

/* Step 3: the strings. */
static pipc_result check_strings(const struct pipc_apps_lookup_item *item)
{
    pipc_result r = lookup_check_str(&item->comm);
    if (r == PIPC_OK)
        r = lookup_check_str(&item->cgroup_path);
    return r == PIPC_OK ? lookup_check_str(&item->cgroup_name) : r;
}

static int strings_there(const struct pipc_apps_lookup_item *item)
{
    return lookup_str_there(&item->comm) && lookup_str_there(&item->cgroup_path) &&
           lookup_str_there(&item->cgroup_name);
}

/* Steps 3 and 6: an item that does not fit is looked at all the same. */
static pipc_result add_unfit_checked(struct pipc_lookup_builder *b,
                                     const struct pipc_apps_lookup_item *item,
                                     const struct lookup_labels *labels)
{
    pipc_result r = check_strings(item);
    if (r == PIPC_OK)
        r = lookup_labels_rest(labels);
    return r == PIPC_OK ? add_unfit(b, item->pid) : r;
}

/* Step 5: a KNOWN item. Its bytes are looked at while they are copied, and it counts only when they
 * are good. */
static pipc_result add_known(struct pipc_lookup_builder *b,
                             const struct pipc_apps_lookup_item *item,
                             const struct lookup_labels *labels)
{
    uint64_t labels_size, end = lookup_size_add(ITEM_HDR + 3, item->comm.len);
    int bad = 0;
    pipc_result r = lookup_labels_sum(labels, &labels_size);
    if (r != PIPC_OK || !strings_there(item)) {
        const pipc_result first = check_strings(item);
        return first != PIPC_OK ? first : r;
    }
    end = lookup_size_add(lookup_size_add(end, item->cgroup_path.len), item->cgroup_name.len);
    const uint64_t size = lookup_item_size(end, labels, labels_size);
    unsigned char *out = lookup_fits(b, size, PLACEHOLDER_LEN) ? lookup_space(b, size) : NULL;
    if (!out)
        return add_unfit_checked(b, item, labels);
    const size_t written = put_head(out, item, labels->count, &bad);
    r = bad ? PIPC_ERR_BAD_LAYOUT : lookup_labels_write(out, (size_t)size, written, labels);
    if (r == PIPC_OK)
        lookup_commit(b, size, PLACEHOLDER_LEN);
    return r;
}

/* Step 3: the rules of the statuses. */
static pipc_result check_numbers(const struct pipc_apps_lookup_item *item, uint32_t label_count)
{
    const struct apps_item_facts facts = {.status = item->status,
                                          .orchestrator = item->orchestrator,
                                          .cgroup_status = item->cgroup_status,
                                          .ppid = item->ppid,
                                          .uid = item->uid,
                                          .starttime = item->starttime,
                                          .comm_len = item->comm.len,
                                          .cgroup_path_len = item->cgroup_path.len,
                                          .cgroup_name_len = item->cgroup_name.len,
                                          .label_count = label_count};
    return pipcm_apps_lookup_judge(&facts);
}

static pipc_result add(struct pipc_lookup_builder *b, const struct pipc_apps_lookup_item *item,
                       const struct lookup_labels *labels)
{
    if (b->exceeded)
        return add_placeholder(b, item->pid, PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED);
    if (b->count == b->max_items)
        return PIPC_ERR_OVERFLOW;
    const pipc_result r = check_numbers(item, labels->count);
    if (r != PIPC_OK)
        return r;
    if (item->status != PIPC_PID_LOOKUP_KNOWN)
        return add_placeholder(b, item->pid, item->status);
    return add_known(b, item, labels);
}

pipc_result pipcm_apps_lookup_add(struct pipc_apps_lookup_builder *builder,
                                  const struct pipc_apps_lookup_item *item,
                                  const struct lookup_labels *labels)
{
    if (builder->state.failed != PIPC_OK)
        return builder->state.failed;
    return lookup_refuse(&builder->state, add(&builder->state, item, labels));
}

pipc_result pipcm_apps_lookup_builder_add(struct pipc_apps_lookup_builder *builder,
                                          const struct pipc_apps_lookup_item *item)
{
    if (!item)
        return lookup_refuse(&builder->state, PIPC_ERR_BAD_PARAM);
    const struct lookup_labels labels = {.array = item->labels, .count = item->label_count};
    return pipcm_apps_lookup_add(builder, item, &labels);
}

size_t pipcm_apps_lookup_builder_finish(struct pipc_apps_lookup_builder *builder)
{
    return lookup_finish(&builder->state);
}
