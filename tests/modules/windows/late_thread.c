/* SPDX-License-Identifier: Apache-2.0
 *
 * A module whose thread returns into its code after its end: what staying mapped is for. No module
 * may do this.
 */
#include "../fixture.h"

#include <process.h>
#include <windows.h>

struct instance {
    const struct pipc_host *host;
    HANDLE end;
};

static unsigned __stdcall run(void *arg)
{
    /* The event comes with the end of the instance, and is the thread's from then on. */
    WaitForSingleObject(arg, INFINITE);
    CloseHandle(arg);
    return 0;
}

static pipc_result start(const struct pipc_host *host, const struct pipc_option_value *values,
                         uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    struct instance *const self = host->alloc(host, sizeof(*self));

    (void)values;
    (void)value_count;
    (void)err;
    if (!self)
        return PIPC_ERR_MODULE_INIT;
    self->host = host;
    self->end = CreateEventW(NULL, TRUE, FALSE, NULL);
    const uintptr_t thread = _beginthreadex(NULL, 0, run, self->end, 0, NULL);
    if (!thread)
        return PIPC_ERR_MODULE_INIT;
    CloseHandle((HANDLE)thread);
    *ret_self = self;
    return PIPC_OK;
}

static void end(void *self)
{
    const struct instance *const i = self;

    SetEvent(i->end);
    i->host->free(i->host, self);
}

#define FIXTURE_NAME late_thread
#define FIXTURE_CODE 702
#define FIXTURE_INIT start
#define FIXTURE_FINI end
#include "../fixture_codec.h"
