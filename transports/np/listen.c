/* SPDX-License-Identifier: Apache-2.0
 *
 * Making and closing a listener.
 *
 * The name is in use as long as anybody has a handle of any instance, clients too; nothing is ever
 * reclaimed. Listening waits one millisecond for the answer whether it is. One thread at a time per
 * listener.
 */
#include "np.h"

#include "../common/windows/security.h"

static void listener_free(struct np_listener *listener)
{
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++)
        np_slot_close(&listener->slots[i]);
    if (listener->event)
        (void)CloseHandle(listener->event);
    if (listener->security)
        (void)LocalFree(listener->security);
    listener->instance->host->free(listener->instance->host, listener);
}

/* Asks without opening anything, which would disturb a server. */
static bool name_in_use(const struct np_name *name)
{
    return WaitNamedPipeW(name->wide, 1) || GetLastError() == ERROR_SEM_TIMEOUT;
}

static pipc_result open_first(struct np_listener *listener, struct pipc_error *err)
{
    const struct pipc_host *const host = listener->instance->host;
    DWORD code;

    if (name_in_use(&listener->name))
        return np_fail(host, err, PIPC_ERR_ADDR_IN_USE, 0, "%s: the name is in use",
                       listener->name.text);
    code = np_slot_open(listener, &listener->slots[0], true);
    if (code == 0)
        return PIPC_OK;
    if (code == ERROR_ACCESS_DENIED || code == ERROR_PIPE_BUSY)
        return np_fail(host, err, PIPC_ERR_ADDR_IN_USE, code, "%s: somebody else has the name",
                       listener->name.text);
    return np_fail(host, err, PIPC_ERR_SOCKET, code, "%s: no pipe can be made",
                   listener->name.text);
}

static pipc_result prepare(struct np_listener *listener, struct pipc_error *err)
{
    const struct pipc_host *const host = listener->instance->host;
    const DWORD code = security_make(&listener->security);

    if (code != 0)
        return np_fail(host, err, PIPC_ERR_SOCKET, code,
                       "%s: the descriptor that says who may open it cannot be made",
                       listener->name.text);
    listener->event = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (!listener->event)
        return np_fail(host, err, PIPC_ERR_ALLOC, GetLastError(), "%s: no event for a listener",
                       listener->name.text);
    return PIPC_OK;
}

pipc_result np_listen(void *self, const struct pipc_endpoint *endpoint, void **ret_listener,
                      struct pipc_error *err)
{
    const struct np_instance *const instance = self;
    const struct pipc_host *const host = instance->host;
    struct np_listener *listener;
    struct np_name name;
    pipc_result result = np_name_make(host, endpoint, &name, err);

    if (result != PIPC_OK)
        return result;
    listener = host->alloc(host, sizeof(*listener));
    if (!listener)
        return np_fail(host, err, PIPC_ERR_ALLOC, 0, "%s: no memory for a listener", name.text);
    memset(listener, 0, sizeof(*listener));
    listener->instance = instance;
    listener->name = name;
    result = prepare(listener, err);
    if (result == PIPC_OK)
        result = open_first(listener, err);
    if (result != PIPC_OK) {
        listener_free(listener);
        return result;
    }
    /* One that cannot be made now is tried again by accept. */
    for (uint32_t i = 1; i < PIPC_NP_LISTEN_INSTANCES; i++)
        (void)np_slot_open(listener, &listener->slots[i], false);
    np_listener_settle(listener);
    *ret_listener = listener;
    return PIPC_OK;
}

/* Slots that are empty set the event as well, so that whoever waits for it comes to fill them. */
void np_listener_settle(struct np_listener *listener)
{
    (void)ResetEvent(listener->event);
    for (uint32_t i = 0; i < PIPC_NP_LISTEN_INSTANCES; i++) {
        const struct np_slot *const slot = &listener->slots[i];
        if (!slot->pipe || slot->connected || np_op_complete(&slot->connect)) {
            (void)SetEvent(listener->event);
            return;
        }
    }
}

pipc_handle np_listener_wait_handle(void *self, void *listener)
{
    (void)self;
    return (pipc_handle)((const struct np_listener *)listener)->event;
}

void np_listener_close(void *self, void *listener, uint32_t flags)
{
    (void)self;
    (void)flags; /* nobody forks here */
    if (listener)
        listener_free(listener);
}
