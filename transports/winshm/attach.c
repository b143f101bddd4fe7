/* SPDX-License-Identifier: Apache-2.0
 *
 * The client's side of bringing up a session: opens what the server has made, and believes nothing
 * of it (5).
 *
 * Tries again where a later look may find more, and looks at the carrier between the tries. The
 * handshake's thread; blocks as its wait says.
 */
#include "winshm.h"

/* One attempt. */
struct attempt {
    struct winshm_channel *channel;
    const struct pipc_upgrade_request *request;
    struct winshm_header header; /* the one copy of what the server wrote */
    struct winshm_verdict verdict;
    DWORD code; /* of the system, for the verdict */
};

static void say(struct attempt *a, pipc_result result, bool again, DWORD code, const char *what)
{
    a->verdict = (struct winshm_verdict){result, again, what};
    a->code = code;
}

/* "Not found" may be temporary, anything else is not. */
static void say_open(struct attempt *a, DWORD code, const char *what)
{
    say(a, PIPC_ERR_REGION_OPEN, code == ERROR_FILE_NOT_FOUND, code, what);
}

/* Rows 2 to 4. */
static bool map_region(struct attempt *a)
{
    struct winshm_region *const region = &a->channel->region;
    wchar_t name[PIPC_WIN_SHM_NAME_MAX + 1];
    MEMORY_BASIC_INFORMATION info;

    winshm_name_of(&a->channel->name, WINSHM_MAPPING, name);
    region->mapping = OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, name);
    if (!region->mapping) {
        say_open(a, GetLastError(), "the region cannot be opened");
        return false;
    }
    region->view = MapViewOfFile(region->mapping, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
    if (!region->view) {
        say(a, PIPC_ERR_REGION_MAP, false, GetLastError(), "the region cannot be mapped");
        return false;
    }
    /* Of a view that is reserved only, nothing can be read. */
    if (VirtualQuery(region->view, &info, sizeof(info)) == 0 || info.State != MEM_COMMIT ||
        info.RegionSize < PIPC_WIN_SHM_HEADER_LEN) {
        say(a, PIPC_ERR_REGION_NOT_READY, false, 0, "the region is shorter than a header");
        return false;
    }
    region->size = info.RegionSize;
    return true;
}

/* Rows 5 to 9, on a private copy. */
static bool check_header(struct attempt *a)
{
    const struct winshm_header *const shared = a->channel->region.view;

    a->header.magic = __atomic_load_n(&shared->magic, __ATOMIC_ACQUIRE);
    memcpy((uint8_t *)&a->header + sizeof(a->header.magic),
           (const uint8_t *)shared + sizeof(shared->magic),
           sizeof(a->header) - sizeof(a->header.magic));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    a->verdict = winshm_header_check(&a->header, a->channel->region.size, a->request);
    a->code = 0;
    return a->verdict.result == PIPC_OK;
}

/* Row 10. */
static bool open_event(struct attempt *a, enum winshm_object object, HANDLE *ret_event)
{
    wchar_t name[PIPC_WIN_SHM_NAME_MAX + 1];

    winshm_name_of(&a->channel->name, object, name);
    *ret_event = OpenEventW(EVENT_MODIFY_STATE | SYNCHRONIZE, FALSE, name);
    if (!*ret_event)
        say_open(a, GetLastError(), "an event of the region cannot be opened");
    return *ret_event != NULL;
}

static void drop(struct winshm_channel *channel)
{
    if (channel->region.view)
        (void)UnmapViewOfFile(channel->region.view);
    if (channel->region.mapping)
        (void)CloseHandle(channel->region.mapping);
    if (channel->out.event)
        (void)CloseHandle(channel->out.event);
    memset(&channel->region, 0, sizeof(channel->region));
    channel->out.event = NULL;
}

static bool try_once(struct attempt *a)
{
    struct winshm_channel *const c = a->channel;

    if (map_region(a) && check_header(a) &&
        (c->busywait || (open_event(a, WINSHM_REQ_EVENT, &c->out.event) &&
                         open_event(a, WINSHM_RESP_EVENT, &c->in.event))))
        return true;
    drop(c);
    return false;
}

static pipc_result fail(const struct attempt *a, struct pipc_error *err, pipc_result result,
                        DWORD code, const char *what)
{
    return winshm_fail(a->channel->instance->host, err, result, code, "%s: %s",
                       a->channel->name.text, what);
}

/* Until it is there; DISCONNECTED: the carrier ended. */
static pipc_result try_until(struct attempt *a, const struct pipc_wait *wait,
                             struct pipc_error *err)
{
    const struct winshm_channel *const c = a->channel;
    const struct pipc_host *const host = c->instance->host;
    pipc_result result = winshm_wait_enter(wait);

    while (result == PIPC_OK) {
        if (try_once(a))
            return PIPC_OK;
        if (winshm_hung_up(&c->carrier))
            return fail(a, err, PIPC_ERR_DISCONNECTED, 0, "the server closed before the attach");
        if (!a->verdict.again)
            return fail(a, err, a->verdict.result, a->code, a->verdict.what);
        result = winshm_pause(host, wait,
                              host->clock_ns(host) + PIPC_WIN_SHM_ATTACH_RETRY_MS * PIPC_NS_PER_MS);
    }
    if (result == PIPC_ERR_TIMEOUT)
        return fail(a, err, result, a->code, a->verdict.what);
    return fail(a, err, result, 0,
                result == PIPC_ERR_ABORTED ? "aborted while attaching"
                                           : "the abort handle is none, while attaching");
}

pipc_result winshm_attach(void *self, const struct pipc_endpoint *endpoint,
                          const struct pipc_carrier *carrier,
                          const struct pipc_upgrade_request *request, const struct pipc_wait *wait,
                          void **ret_channel, struct pipc_upgrade_failure *ret_failure,
                          struct pipc_error *err)
{
    struct attempt a = {.request = request};
    pipc_result result =
        winshm_channel_make(self, PIPC_ROLE_CLIENT, endpoint, carrier, request, &a.channel, err);
    const bool no_memory = result == PIPC_ERR_ALLOC;

    if (result == PIPC_OK)
        result = try_until(&a, wait, err);
    if (result == PIPC_OK) {
        winshm_channel_bind(a.channel, &a.header);
        a.channel->sent = __atomic_load_n(a.channel->out.seq, __ATOMIC_ACQUIRE);
        a.channel->taken = __atomic_load_n(a.channel->in.seq, __ATOMIC_ACQUIRE);
        *ret_channel = a.channel;
        return PIPC_OK;
    }
    winshm_close(a.channel, 0);
    if (result != PIPC_ERR_DISCONNECTED && result != PIPC_ERR_ABORTED) {
        ret_failure->bits = WINSHM_BITS;
        ret_failure->withdraw_ms = no_memory || winshm_is_shortage(a.code) ? 0 : PIPC_NEVER;
    }
    return result;
}
