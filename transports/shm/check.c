/* SPDX-License-Identifier: Apache-2.0
 *
 * Judges a region's header, once read into private memory: rows 4 to 13 of 6.2, in their order.
 *
 * Pure. All sums are made in 64 bits.
 */
#include "shm.h"

static struct shm_verdict say(pipc_result result, bool again, const char *what)
{
    const struct shm_verdict verdict = {result, again, what};

    return verdict;
}

static struct shm_verdict check_identity(const struct shm_header *h, uint64_t file_size)
{
    if (file_size < PIPC_SHM_HEADER_LEN)
        return say(PIPC_ERR_REGION_NOT_READY, true, "it is shorter than a header");
    if (h->magic != PIPC_SHM_MAGIC)
        return say(PIPC_ERR_REGION_BAD_MAGIC, true, "it has a wrong magic number");
    if (h->version != PIPC_SHM_VERSION)
        return say(PIPC_ERR_REGION_BAD_VERSION, false, "it has another layout version");
    if (h->header_len != PIPC_SHM_HEADER_LEN)
        return say(PIPC_ERR_REGION_BAD_HEADER, false, "it has a header of another length");
    return say(PIPC_OK, false, "");
}

static struct shm_verdict check_areas(const struct shm_header *h, uint64_t file_size)
{
    const uint64_t request_end = (uint64_t)h->request_offset + h->request_capacity;
    const uint64_t response_end = (uint64_t)h->response_offset + h->response_capacity;
    const uint32_t all =
        h->request_offset | h->request_capacity | h->response_offset | h->response_capacity;

    if (h->request_offset < PIPC_SHM_HEADER_LEN || h->response_offset < PIPC_SHM_HEADER_LEN ||
        h->request_capacity == 0 || h->response_capacity == 0)
        return say(PIPC_ERR_REGION_NOT_READY, true, "its areas are not described yet");
    if (request_end > UINT32_MAX)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its request area ends beyond 32 bits");
    if (all % PIPC_SHM_ALIGNMENT != 0)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas are not aligned");
    if (h->response_offset < request_end)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas overlap");
    if (response_end > file_size || response_end > SIZE_MAX)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its response area ends beyond the file");
    return say(PIPC_OK, false, "");
}

struct shm_verdict shm_header_check(const struct shm_header *header, uint64_t file_size,
                                    const struct pipc_upgrade_request *request)
{
    struct shm_verdict verdict = check_identity(header, file_size);

    if (verdict.result == PIPC_OK)
        verdict = check_areas(header, file_size);
    if (verdict.result != PIPC_OK)
        return verdict;
    if (header->request_capacity < (uint64_t)SHM_OUTER + request->max_request_bytes ||
        header->response_capacity < (uint64_t)SHM_OUTER + request->max_response_bytes)
        return say(PIPC_ERR_REGION_BAD_SIZE, false, "its areas do not hold the agreed limits");
    return verdict;
}
