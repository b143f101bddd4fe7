/* SPDX-License-Identifier: Apache-2.0
 *
 * Flaws of packets and of ends. Included by transport.c, which chooses one.
 */
#ifndef PIPC_BROKEN_PACKET_H
#define PIPC_BROKEN_PACKET_H

#if FLAW_send_part || FLAW_send_drops || FLAW_empty || FLAW_sigpipe || FLAW_order
#define USE_send broken_send

static pipc_result broken_send(void *channel, const struct pipc_piece *pieces, uint32_t count,
                               const struct pipc_wait *wait, struct pipc_error *err)
{
#if FLAW_send_part /* the last piece stays behind */
    return uds_send(channel, pieces, count > 1 ? count - 1 : 1, wait, err);
#elif FLAW_send_drops /* without room the packet is lost and told as sent */
    const pipc_result r = uds_send(channel, pieces, count, wait, err);

    return r == PIPC_ERR_TIMEOUT ? (pipc_result)PIPC_OK : r;
#elif FLAW_empty      /* told as sent, and nothing was */
    return pieces[0].len == 0 ? (pipc_result)PIPC_OK : uds_send(channel, pieces, count, wait, err);
#elif FLAW_sigpipe    /* a peer that is gone raises a signal */
    const pipc_result r = uds_send(channel, pieces, count, wait, err);

    if (r == PIPC_ERR_SEND)
        raise(SIGPIPE);
    return r;
#else                 /* small packets are held back until the next one has gone before them */
    static char held[40];
    static size_t held_len;
    static void *held_channel;
    size_t len = 0;
    pipc_result r;

    for (uint32_t i = 0; i < count; i++)
        len += pieces[i].len;
    if (len <= sizeof(held) && !held_len) {
        held_channel = channel;
        for (uint32_t i = 0; i < count; held_len += pieces[i].len, i++) {
            if (pieces[i].len)
                memcpy(held + held_len, pieces[i].base, pieces[i].len);
        }
        return PIPC_OK;
    }
    r = uds_send(channel, pieces, count, wait, err);
    if (held_len && held_channel == channel) {
        const struct pipc_piece late = {held, held_len};
        held_len = 0;
        (void)uds_send(channel, &late, 1, wait, NULL);
    }
    return r;
#endif
}
#endif

#if FLAW_scatter || FLAW_cut_untold || FLAW_end_result || FLAW_end_first || FLAW_last_byte || \
    FLAW_out_size || FLAW_end_deaf || FLAW_crash || FLAW_hang
#define USE_receive broken_receive

static pipc_result broken_receive(void *channel, const struct pipc_piece *pieces, uint32_t count,
                                  const struct pipc_wait *wait, struct pipc_received *ret_received,
                                  struct pipc_error *err)
{
    pipc_result r;

#if FLAW_scatter /* the last piece first */
    if (count == 3) {
        const struct pipc_piece turned[3] = {pieces[2], pieces[1], pieces[0]};
        return uds_receive(channel, turned, 3, wait, ret_received, err);
    }
#elif FLAW_end_first /* the end before what came before it */
    if (uds_look(channel) != PIPC_LOOK_NOTHING) {
        struct pollfd set = {.fd = ((struct uds_channel *)channel)->fd, .events = POLLIN};
        if (poll(&set, 1, 0) > 0 && (set.revents & POLLHUP)) {
            ret_received->flags = PIPC_RECEIVED_END;
            ret_received->len = 0;
            return PIPC_OK;
        }
    }
#elif FLAW_crash
    signal(SIGSEGV, SIG_DFL); /* no report of a sanitizer's */
    raise(SIGSEGV);
#elif FLAW_hang
    while (count == 3)
        pause();
#endif
    r = uds_receive(channel, pieces, count, wait, ret_received, err);
    if (r != PIPC_OK)
        return r;
#if FLAW_cut_untold
    ret_received->flags &= ~PIPC_RECEIVED_CUT;
#elif FLAW_end_result /* the end is told as a failure */
    if (ret_received->flags & PIPC_RECEIVED_END)
        r = broken_fail(err, PIPC_ERR_RECV);
#elif FLAW_last_byte  /* of a long packet is lost */
    if (ret_received->len >= 4096) {
        const struct pipc_piece *const last = &pieces[count - 1];
        const uint64_t before = ret_received->len - (count > 1 ? pieces[0].len : 0);
        if (count <= 2 && before <= last->len)
            ((unsigned char *)last->base)[before - 1] = 0xdb;
    }
#elif FLAW_out_size   /* a later version's larger struct is written */
    memset((char *)ret_received + ret_received->size, 0, 8);
#elif FLAW_end_deaf   /* the end is waited out */
    while ((ret_received->flags & PIPC_RECEIVED_END) && clock_ns() < wait->deadline_ns)
        sleep_ms(10);
#endif
    return r;
}
#endif

#if FLAW_packet_max /* more than the socket takes */
static uint32_t broken_packet_max(void *channel, uint32_t configured)
{
    return configured ? uds_packet_max(channel, configured) : 16u << 20;
}
#define USE_packet_max broken_packet_max
#endif

#if FLAW_look /* sees nothing, ever */
static uint32_t broken_look(void *channel)
{
    (void)channel;
    return PIPC_LOOK_NOTHING;
}
#define USE_look broken_look
#endif

#if FLAW_mixed /* every channel tells of the first that was accepted */
static void *first_channel;

static uint32_t broken_look(void *channel)
{
    return uds_look(first_channel ? first_channel : channel);
}

static pipc_result broken_accept(void *self, void *listener, const struct pipc_wait *wait,
                                 void **ret_channel, struct pipc_error *err)
{
    const pipc_result r = uds_accept(self, listener, wait, ret_channel, err);

    if (r == PIPC_OK && !first_channel)
        first_channel = *ret_channel;
    return r;
}
#define USE_look   broken_look
#define USE_accept broken_accept
#endif

#if FLAW_wait_handle /* one that tells nothing */
static pipc_handle broken_wait_handle(void *channel)
{
    static int ends[2];

    (void)channel;
    if (!ends[1])
        (void)!pipe2(ends, O_CLOEXEC);
    return ends[0];
}
#define USE_wait_handle broken_wait_handle
#endif

#if FLAW_finish_long || FLAW_finish_wait
static void broken_finish(void *channel, const struct pipc_wait *wait)
{
    uds_finish(channel, wait);
#if FLAW_finish_long
    sleep_ms(1200);
#else
    sleep_ms(40);
#endif
}
#define USE_finish broken_finish
#endif

#if FLAW_close_quiet || FLAW_close_forked
static void broken_close(void *channel, uint32_t flags)
{
#if FLAW_close_quiet /* a second descriptor keeps the connection up */
    (void)!dup(((struct uds_channel *)channel)->fd);
#else /* a child's close ends the parent's session */
    (void)shutdown(((struct uds_channel *)channel)->fd, SHUT_RDWR);
#endif
    uds_close(channel, flags);
}
#define USE_close broken_close
#endif

#endif
