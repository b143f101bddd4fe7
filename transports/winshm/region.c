/* SPDX-License-Identifier: Apache-2.0
 *
 * The objects behind a session: their sizes, and how a server makes them (3.2 and 4).
 *
 * A name that is taken is never touched. The system gives zeroed pages when they are first used, so
 * nothing is cleared here. The handshake's thread.
 */
#include "winshm.h"

#include "../common/windows/security.h"

static uint64_t round64(uint64_t x)
{
    return (x + (PIPC_WIN_SHM_ALIGN - 1)) & ~(uint64_t)(PIPC_WIN_SHM_ALIGN - 1);
}

bool winshm_layout(uint32_t bit, uint32_t request_bytes, uint32_t response_bytes,
                   struct winshm_header *ret_header, uint64_t *ret_size)
{
    const uint64_t request = round64((uint64_t)WINSHM_OUTER + request_bytes);
    const uint64_t response = round64((uint64_t)WINSHM_OUTER + response_bytes);
    const uint64_t size = PIPC_WIN_SHM_HEADER_LEN + request + response;

    if (request > PIPC_WIN_SHM_CAPACITY_MAX || response > PIPC_WIN_SHM_CAPACITY_MAX ||
        size > PIPC_WIN_SHM_REGION_MAX)
        return false;
    memset(ret_header, 0, sizeof(*ret_header));
    ret_header->magic = PIPC_WIN_SHM_MAGIC;
    ret_header->version = PIPC_WIN_SHM_VERSION;
    ret_header->header_len = PIPC_WIN_SHM_HEADER_LEN;
    ret_header->profile = bit;
    ret_header->request_offset = PIPC_WIN_SHM_HEADER_LEN;
    ret_header->request_capacity = (uint32_t)request;
    ret_header->response_offset = (uint32_t)(PIPC_WIN_SHM_HEADER_LEN + request);
    ret_header->response_capacity = (uint32_t)response;
    ret_header->spin_tries = PIPC_WIN_SHM_SPIN_DEFAULT;
    *ret_size = size;
    return true;
}

/* One server's objects in the making. */
struct making {
    struct winshm_channel *channel;
    SECURITY_ATTRIBUTES attributes;
    DWORD *code;
    struct pipc_error *err;
};

static pipc_result fail(const struct making *m, pipc_result result, DWORD code, const char *what)
{
    *m->code = code;
    return winshm_fail(m->channel->instance->host, m->err, result, code, "%s: %s",
                       m->channel->name.text, what);
}

/* What was opened in place of made belongs to somebody else. */
static pipc_result judge(const struct making *m, HANDLE *handle, const char *what)
{
    const DWORD code = GetLastError();

    if (!*handle)
        return fail(m, PIPC_ERR_REGION_ALLOCATE, code, what);
    if (code != ERROR_ALREADY_EXISTS)
        return PIPC_OK;
    (void)CloseHandle(*handle);
    *handle = NULL;
    return fail(m, PIPC_ERR_ADDR_IN_USE, 0, "an object of this name exists already");
}

static pipc_result make_mapping(const struct making *m, uint64_t size)
{
    struct winshm_region *const region = &m->channel->region;
    wchar_t name[PIPC_WIN_SHM_NAME_MAX + 1];
    SECURITY_ATTRIBUTES attributes = m->attributes;
    pipc_result result;

    winshm_name_of(&m->channel->name, WINSHM_MAPPING, name);
    SetLastError(0);
    region->mapping = CreateFileMappingW(INVALID_HANDLE_VALUE, &attributes, PAGE_READWRITE,
                                         (DWORD)(size >> 32), (DWORD)(size & UINT32_MAX), name);
    result = judge(m, &region->mapping, "the region cannot be made");
    if (result != PIPC_OK)
        return result;
    region->view = MapViewOfFile(region->mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    if (!region->view)
        return fail(m, PIPC_ERR_REGION_MAP, GetLastError(), "the region cannot be mapped");
    region->size = size;
    return PIPC_OK;
}

/* The magic comes last, so that a reader never sees half a header. */
static void fill(const struct making *m, const struct winshm_header *header)
{
    struct winshm_header *const shared = m->channel->region.view;

    memcpy((uint8_t *)shared + sizeof(shared->magic),
           (const uint8_t *)header + sizeof(header->magic),
           offsetof(struct winshm_header, req_len) - sizeof(header->magic));
    __atomic_store_n(&shared->magic, header->magic, __ATOMIC_RELEASE);
}

static pipc_result make_event(const struct making *m, enum winshm_object object, HANDLE *ret_event)
{
    wchar_t name[PIPC_WIN_SHM_NAME_MAX + 1];
    SECURITY_ATTRIBUTES attributes = m->attributes;

    winshm_name_of(&m->channel->name, object, name);
    SetLastError(0);
    *ret_event = CreateEventW(&attributes, FALSE, FALSE, name);
    return judge(m, ret_event, "the event cannot be made");
}

pipc_result winshm_region_make(struct winshm_channel *channel, const struct winshm_header *header,
                               uint64_t size, DWORD *ret_code, struct pipc_error *err)
{
    SECURITY_DESCRIPTOR *security = NULL;
    struct making m = {.channel = channel, .code = ret_code, .err = err};
    const DWORD code = security_make(&security);
    pipc_result result;

    if (code != 0)
        return fail(&m, PIPC_ERR_REGION_ALLOCATE, code,
                    "the descriptor that says who may open it cannot be made");
    m.attributes = (SECURITY_ATTRIBUTES){.nLength = (DWORD)sizeof(m.attributes),
                                         .lpSecurityDescriptor = security,
                                         .bInheritHandle = FALSE};
    result = make_mapping(&m, size);
    if (result == PIPC_OK)
        fill(&m, header);
    if (result == PIPC_OK && !channel->busywait)
        result = make_event(&m, WINSHM_REQ_EVENT, &channel->in.event);
    if (result == PIPC_OK && !channel->busywait)
        result = make_event(&m, WINSHM_RESP_EVENT, &channel->out.event);
    (void)LocalFree(security);
    return result;
}
