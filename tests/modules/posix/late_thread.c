/* SPDX-License-Identifier: Apache-2.0
 *
 * A module whose thread returns into its code after its end: what staying mapped is for. No module
 * may do this.
 */
#include "../fixture.h"

#include <pthread.h>
#include <unistd.h>

/* Lives until the context ends; the thread keeps the two ends of the pipe itself. */
struct instance {
    const struct pipc_host *host;
    int write_fd;
};

static void *run(void *arg)
{
    const int fd = (int)(intptr_t)arg;
    char byte;

    /* The end of the pipe comes with the end of the instance. */
    while (read(fd, &byte, 1) > 0)
        continue;
    close(fd);
    return NULL;
}

static pipc_result start(const struct pipc_host *host, const struct pipc_option_value *values,
                         uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    struct instance *const self = host->alloc(host, sizeof(*self));
    pthread_t thread;
    int ends[2];

    (void)values;
    (void)value_count;
    (void)err;
    if (!self || pipe(ends) != 0)
        return PIPC_ERR_MODULE_INIT;
    if (pthread_create(&thread, NULL, run, (void *)(intptr_t)ends[0]) != 0)
        return PIPC_ERR_MODULE_INIT;
    pthread_detach(thread);
    self->host = host;
    self->write_fd = ends[1];
    *ret_self = self;
    return PIPC_OK;
}

static void end(void *self)
{
    const struct instance *const i = self;

    close(i->write_fd);
    i->host->free(i->host, self);
}

#define FIXTURE_NAME late_thread
#define FIXTURE_CODE 702
#define FIXTURE_INIT start
#define FIXTURE_FINI end
#include "../fixture_codec.h"
