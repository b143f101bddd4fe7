/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges a region's header, once read into private memory: rows 5 to 9 of 5, in their order.
 *
 * Pure. All sums are made in 64 bits.
 */
#include "winshm.h"

static struct winshm_verdict say(pipc_result result, bool again, const char *what)
{
    const struct winshm_verdict verdict = {result, again, what};

    return verdict;
}

static struct winshm_verdict check_identity(const struct winshm_header *h, uint32_t bit)
{
    if (h->magic != PIPC_WIN_SHM_MAGIC)
        return say(PIPC_ERR_REGION_BAD_MAGIC, true, "the region has a wrong magic number");
    if (h->version != PIPC_WIN_SHM_VERSION)
        return say(PIPC_ERR_REGION_BAD_VERSION, false, "the region has another layout version");
    if (h->header_len != PIPC_WIN_SHM_HEADER_LEN)
        return say(PIPC_ERR_REGION_BAD_HEADER, false, "the region has a header of another length");
    if (h->profile != bit)
        return say(PIPC_ERR_REGION_BAD_HEADER, false, "the region is one of another profile");
    return say(PIPC_OK, false, "");
}

static struct winshm_verdict check_areas(const struct winshm_header *h, uint64_t view_size)
{
    const uint64_t request_end = (uint64_t)h->request_offset + h->request_capacity;
    const uint64_t response_end = (uint64_t)h->response_offset + h->response_capacity;
    const uint32_t all =
        h->request_offset | h->request_capacity | h->response_offset | h->response_capacity;

    if (h->request_offset < PIPC_WIN_SHM_HEADER_LEN || h->response_offset < PIPC_WIN_SHM_HEADER_LEN)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas begin inside the header");
    if (all % PIPC_WIN_SHM_ALIGN != 0)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas are not aligned");
    if (h->request_capacity == 0 || h->response_capacity == 0)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "it has an empty area");
    if (request_end > UINT32_MAX || response_end > UINT32_MAX)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas end beyond 32 bits");
    if (h->response_offset < request_end)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas overlap");
    if (response_end > view_size)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its response area ends beyond the mapping");
    return say(PIPC_OK, false, "");
}

struct winshm_verdict winshm_header_check(const struct winshm_header *header, uint64_t view_size,
                                          const struct pipc_upgrade_request *request)
{
    struct winshm_verdict verdict = check_identity(header, request->bit);

    if (verdict.result == PIPC_OK)
        verdict = check_areas(header, view_size);
    if (verdict.result != PIPC_OK)
        return verdict;
    if (header->request_capacity < (uint64_t)WINSHM_OUTER + request->max_request_bytes ||
        header->response_capacity < (uint64_t)WINSHM_OUTER + request->max_response_bytes)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas do not hold the agreed limits");
    return verdict;
}
