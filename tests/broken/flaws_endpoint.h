/* SPDX-License-Identifier: Apache-2.0
 *
 * Flaws of instances, endpoints and connections. Included by transport.c, which chooses one.
 */
#ifndef PIPC_BROKEN_ENDPOINT_H
#define PIPC_BROKEN_ENDPOINT_H

#if FLAW_init_state /* fini of one instance ends the sessions of all */
static int started;

static pipc_result broken_init(const struct pipc_host *host, const struct pipc_option_value *values,
                               uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    started = 1;
    return wrapped_init(host, values, value_count, ret_self, err);
}

static void broken_fini(void *self)
{
    started = 0;
    uds_instance_free(self);
}

static pipc_result broken_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                  const struct pipc_wait *wait, struct pipc_received *ret_received,
                                  struct pipc_error *err)
{
    return started ? uds_receive(channel, pieces, count, wait, ret_received, err)
                   : broken_fail(err, PIPC_ERR_RECV);
}
#define USE_init    broken_init
#define USE_fini    broken_fini
#define USE_receive broken_receive
#endif

#if FLAW_init_memory /* what was taken first is not given back when the rest fails */
static void *first;

static pipc_result broken_init(const struct pipc_host *host, const struct pipc_option_value *values,
                               uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    pipc_result r;

    host_of_last = host;
    first = host->alloc(host, 16);
    if (!first)
        return broken_fail(err, PIPC_ERR_ALLOC);
    r = wrapped_init(host, values, value_count, ret_self, err);
    if (r == PIPC_OK)
        host->free(host, first);
    return r;
}
#define USE_init broken_init
#endif

#if FLAW_thread /* a thread of the module's own */
static void *broken_thread(void *arg)
{
    (void)arg;
    while (pause() < 0)
        continue;
    return NULL;
}

static pipc_result broken_init(const struct pipc_host *host, const struct pipc_option_value *values,
                               uint32_t value_count, void **ret_self, struct pipc_error *err)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, broken_thread, NULL) == 0)
        pthread_detach(thread);
    return wrapped_init(host, values, value_count, ret_self, err);
}
#define USE_init broken_init
#endif

#if FLAW_handler || FLAW_exec || FLAW_connect_result
static pipc_result broken_connect(void *self, const struct pipc_endpoint *endpoint,
                                  const struct pipc_wait *wait, void **ret_channel,
                                  struct pipc_error *err)
{
    pipc_result r = uds_connect(self, endpoint, wait, ret_channel, err);

#if FLAW_handler /* the program's handling of a signal is changed */
    signal(SIGUSR2, SIG_IGN);
#elif FLAW_exec /* a descriptor that programs which are started inherit */
    if (r == PIPC_OK)
        (void)fcntl((int)uds_wait_handle(*ret_channel), F_SETFD, 0);
#else           /* another result than the page says */
    if (r == PIPC_ERR_CONNECT)
        r = broken_fail(err, PIPC_ERR_SOCKET);
#endif
    return r;
}
#define USE_connect broken_connect
#endif

#if FLAW_listen_steals || FLAW_name_result || FLAW_stale_kept
static pipc_result broken_listen(void *self, const struct pipc_endpoint *endpoint,
                                 void **ret_listener, struct pipc_error *err)
{
    char path[4096];
    pipc_result r;

    (void)snprintf(path, sizeof(path), "%s/%s.sock", endpoint->run_dir, endpoint->service);
#if FLAW_stale_kept /* an entry is an owner, dead or alive */
    if (access(path, F_OK) == 0)
        return broken_fail(err, PIPC_ERR_ADDR_IN_USE);
#endif
    r = uds_listen(self, endpoint, ret_listener, err);
#if FLAW_listen_steals /* the name of a living server is taken away */
    if (r == PIPC_ERR_ADDR_IN_USE && unlink(path) == 0)
        r = uds_listen(self, endpoint, ret_listener, err);
#elif FLAW_name_result /* another result than the page says */
    if (r == PIPC_ERR_PATH_TOO_LONG)
        r = broken_fail(err, PIPC_ERR_BAD_PARAM);
#endif
    return r;
}
#define USE_listen broken_listen
#endif

#if FLAW_entry_left /* close leaves the socket file */
static void broken_listener_close(void *self, void *listener, uint32_t flags)
{
    uds_listener_close(self, listener, flags | PIPC_CLOSE_FORKED);
}
#define USE_listener_close broken_listener_close
#endif

#if FLAW_entry_taken || FLAW_entry_forked
static void broken_listener_close(void *self, void *listener, uint32_t flags)
{
    char path[sizeof(((struct uds_listener *)0)->name.path)];

    memcpy(path, ((const struct uds_listener *)listener)->name.path, sizeof(path));
    uds_listener_close(self, listener, flags);
#if FLAW_entry_taken /* whoever has the name by now */
    (void)unlink(path);
#else /* and whoever made it */
    if (flags & PIPC_CLOSE_FORKED)
        (void)unlink(path);
#endif
}
#define USE_listener_close broken_listener_close
#endif

#if FLAW_listener_handle /* a handle that tells nothing */
static pipc_handle broken_listener_handle(void *self, void *listener)
{
    static int ends[2];

    (void)self;
    (void)listener;
    if (!ends[1])
        (void)!pipe2(ends, O_CLOEXEC);
    return ends[0];
}
#define USE_listener_wait_handle broken_listener_handle
#endif

#if FLAW_adopt_closes /* what is not taken over is closed all the same */
static pipc_result broken_adopt(void *self, const struct pipc_endpoint *endpoint,
                                pipc_handle handle, void **ret_listener, struct pipc_error *err)
{
    const pipc_result r = uds_adopt(self, endpoint, handle, ret_listener, err);

    if (r != PIPC_OK)
        close((int)handle);
    return r;
}
#define USE_adopt broken_adopt
#endif

#if FLAW_listen_memory /* a descriptor stays open when memory runs out */
static pipc_result broken_listen(void *self, const struct pipc_endpoint *endpoint,
                                 void **ret_listener, struct pipc_error *err)
{
    const int fd = open(endpoint->run_dir, O_RDONLY | O_CLOEXEC);
    const pipc_result r = uds_listen(self, endpoint, ret_listener, err);

    if (r == PIPC_OK)
        close(fd);
    return r;
}
#define USE_listen broken_listen
#endif

#if FLAW_connect_memory /* memory stays taken when more of it runs out */
static pipc_result broken_connect(void *self, const struct pipc_endpoint *endpoint,
                                  const struct pipc_wait *wait, void **ret_channel,
                                  struct pipc_error *err)
{
    const struct pipc_host *const host = ((struct uds_instance *)self)->host;
    void *const more = host->alloc(host, 8);
    const pipc_result r = more ? uds_connect(self, endpoint, wait, ret_channel, err)
                               : uds_fail(host, err, PIPC_ERR_ALLOC, 0, "conformance: no memory");

    if (r != PIPC_ERR_ALLOC)
        host->free(host, more);
    return r;
}
#define USE_connect broken_connect
#endif

#if FLAW_accept_memory || FLAW_few
static pipc_result broken_accept(void *self, void *listener, const struct pipc_wait *wait,
                                 void **ret_channel, struct pipc_error *err)
{
#if FLAW_accept_memory /* another result than the page says */
    const pipc_result r = uds_accept(self, listener, wait, ret_channel, err);

    return r == PIPC_ERR_ALLOC ? broken_fail(err, PIPC_ERR_ACCEPT) : r;
#else /* there is room for so many, ever */
    static unsigned accepted;

    return __atomic_add_fetch(&accepted, 1, __ATOMIC_RELAXED) > 20
               ? broken_fail(err, PIPC_ERR_ACCEPT)
               : uds_accept(self, listener, wait, ret_channel, err);
#endif
}
#define USE_accept broken_accept
#endif

#if FLAW_peer /* not who it is */
static pipc_result broken_peer(void *channel, struct pipc_peer *ret_peer)
{
    const pipc_result r = uds_peer(channel, ret_peer);

    ret_peer->pid++;
    return r;
}
#define USE_peer broken_peer
#endif

#if FLAW_admit /* nobody, without options that say so */
static pipc_result broken_admit(void *channel, struct pipc_error *err)
{
    (void)channel;
    return broken_fail(err, PIPC_ERR_AUTH_FAILED);
}
#define USE_admit broken_admit
#endif

#endif
