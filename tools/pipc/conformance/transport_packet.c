/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets: whole, in order, gathered and scattered, cut and ended as told, looked at and polled.
 *
 * Cases that apply to every transport keep to a request and then its answer.
 */
#include "rig.h"
#include "tables.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scene {
    struct kit_rig *rig;
    const struct pipc_transport_ops *ops;
    struct kit_pair pair;
};

static struct scene scene_open(struct kit *kit)
{
    struct scene s = {.rig = kit_rig_open(kit)};

    s.ops = &s.rig->m.ops;
    kit_pair_open(s.rig, &s.pair);
    return s;
}

static void scene_close(struct scene *s)
{
    kit_pair_close(s->rig, &s->pair);
    kit_rig_close(s->rig);
}

static void answer(struct scene *s)
{
    kit_pass(s->rig, s->pair.server, s->pair.client, "answer");
}

static pipc_result receive(struct scene *s, void *channel, const struct pipc_piece *pieces,
                           uint32_t count, struct pipc_received *ret_received)
{
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);

    *ret_received = (struct pipc_received){.size = sizeof(*ret_received)};
    return s->ops->receive(channel, pieces, count, &wait, ret_received, &s->rig->err);
}

static void send_whole(struct kit *kit)
{
    /* each longer than a header, which is the least that a module without chunks carries */
    static char one[] = "the first piece, longer than a header, ",
                two[] = "the second piece, longer than a header, ",
                three[] = "the third piece, longer than a header";
    enum { ONE_LEN = sizeof(one) - 1, TWO_LEN = sizeof(two) - 1, THREE_LEN = sizeof(three) - 1 };
    const struct pipc_piece sets[][3] = {{{one, ONE_LEN}, {two, TWO_LEN}, {three, THREE_LEN}},
                                         {{one, ONE_LEN}, {two, TWO_LEN}, {NULL, 0}},
                                         {{one, ONE_LEN}, {NULL, 0}, {three, THREE_LEN}},
                                         {{one, 0}, {two, TWO_LEN}, {three, 0}},
                                         {{three, THREE_LEN}, {three, 0}, {three, 0}}};
    const uint32_t counts[] = {3, 2, 3, 3, 1};
    struct scene s = scene_open(kit);
    struct pipc_received received;
    char wanted[256], got[256];

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const struct pipc_wait wait = kit_wait(KIT_SOON_MS);
        size_t len = 0;
        for (uint32_t p = 0; p < counts[i]; p++) {
            if (sets[i][p].len)
                memcpy(wanted + len, sets[i][p].base, sets[i][p].len);
            len += sets[i][p].len;
        }
        KIT_CHECK_RESULT(s.ops->send(s.pair.client, sets[i], counts[i], &wait, &s.rig->err),
                         PIPC_OK);
        KIT_CHECK_RESULT(
            kit_receive(s.rig, s.pair.server, got, sizeof(got), KIT_SOON_MS, &received), PIPC_OK);
        KIT_CHECK_MSG(received.len == len && memcmp(got, wanted, len) == 0,
                      "%u pieces of %zu bytes arrived as %llu bytes, or as others",
                      (unsigned)counts[i], len, (unsigned long long)received.len);
        answer(&s);
    }
    scene_close(&s);
}

/* Until there is no room: what was refused must not arrive, what was taken must. */
static void send_full(struct kit *kit)
{
    enum { LEN = 4000, MOST = 100000 };
    struct scene s = scene_open(kit);
    static unsigned char bytes[LEN], got[LEN];
    const struct pipc_piece pieces[2] = {{bytes, 100}, {bytes + 100, LEN - 100}};
    const struct pipc_wait now = kit_wait_now();
    struct pipc_received received;
    uint32_t sent = 0, number;
    pipc_result r;

    for (;; sent++) {
        KIT_CHECK_MSG(sent < MOST, "a channel that nobody reads takes any number of packets");
        memset(bytes, (int)(sent & 0xff), LEN);
        memcpy(bytes, &sent, sizeof(sent));
        r = s.ops->send(s.pair.client, pieces, 2, &now, &s.rig->err);
        if (r != PIPC_OK)
            break;
    }
    KIT_CHECK_RESULT(r, PIPC_ERR_TIMEOUT);
    kit_error_check(s.rig, r, "send without room");
    for (uint32_t i = 0; i < sent; i++) {
        KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, LEN, KIT_SOON_MS, &received),
                         PIPC_OK);
        memcpy(&number, got, sizeof(number));
        KIT_CHECK_MSG(received.len == LEN && number == i && got[LEN - 1] == (i & 0xff),
                      "packet %u arrived as %llu bytes of packet %u", i,
                      (unsigned long long)received.len, number);
    }
    KIT_CHECK_MSG(s.ops->look(s.pair.server) == PIPC_LOOK_NOTHING,
                  "something of the refused packet arrived");
    kit_exchange(s.rig, &s.pair, 1);
    scene_close(&s);
}

static void scatter(struct kit *kit)
{
    struct scene s = scene_open(kit);
    const char text[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV";
    char a[4], b[3], c[64];
    struct pipc_piece pieces[3] = {{a, 4}, {b, 3}, {c, sizeof(c)}};
    struct pipc_received received;

    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, text, KIT_LEN, KIT_SOON_MS), PIPC_OK);
    KIT_CHECK_RESULT(receive(&s, s.pair.server, pieces, 3, &received), PIPC_OK);
    KIT_CHECK(received.len == KIT_LEN && received.flags == 0);
    KIT_CHECK(memcmp(a, text, 4) == 0 && memcmp(b, text + 4, 3) == 0 &&
              memcmp(c, text + 7, KIT_LEN - 7) == 0);
    answer(&s);
    pieces[1].len = 0;
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, text, KIT_LEN, KIT_SOON_MS), PIPC_OK);
    KIT_CHECK_RESULT(receive(&s, s.pair.server, pieces, 3, &received), PIPC_OK);
    KIT_CHECK(received.len == KIT_LEN && memcmp(a, text, 4) == 0 &&
              memcmp(c, text + 4, KIT_LEN - 4) == 0);
    scene_close(&s);
}

/* How much of a cut packet is put into the pieces is the module's to say; at least a header. */
static void cut(struct kit *kit)
{
    enum { ROOM = 40 };
    struct scene s = scene_open(kit);
    char got[64];
    struct pipc_received received;

    memset(got, '~', sizeof(got));
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, kit_text("cut"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, ROOM, KIT_SOON_MS, &received), PIPC_OK);
    KIT_CHECK_MSG(received.flags == PIPC_RECEIVED_CUT && received.len <= ROOM &&
                      received.len >= PIPC_HEADER_LEN,
                  "a packet of 48 into 40 bytes: flags %u, %llu bytes", (unsigned)received.flags,
                  (unsigned long long)received.len);
    KIT_CHECK_MSG(memcmp(got, kit_text("cut"), received.len) == 0, "the wrong bytes");
    for (size_t i = ROOM; i < sizeof(got); i++)
        KIT_CHECK_MSG(got[i] == '~', "more was written than the piece holds");
    answer(&s);
    kit_exchange(s.rig, &s.pair, 1); /* the tail is lost, the next packet is not */
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, kit_text("fits"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, KIT_LEN, KIT_SOON_MS, &received),
                     PIPC_OK);
    KIT_CHECK_MSG(received.flags == 0 && received.len == KIT_LEN,
                  "a packet that fits is told as cut");
    scene_close(&s);
}

static void end(struct kit *kit)
{
    struct scene s = scene_open(kit);
    struct pipc_received received;
    char got[8];

    kit_exchange(s.rig, &s.pair, 1);
    kit_half_close_client(s.rig, &s.pair, 0);
    for (int i = 0; i < 2; i++) { /* it stays so */
        KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, 8, KIT_SOON_MS, &received),
                         PIPC_OK);
        KIT_CHECK_MSG(received.flags == PIPC_RECEIVED_END && received.len == 0,
                      "after the peer closed: flags %u, %llu bytes", (unsigned)received.flags,
                      (unsigned long long)received.len);
    }
    scene_close(&s);
}

/* An answer that was sent right before the close is seen. */
static void before_end(struct kit *kit)
{
    for (int i = 0; i < 20; i++) {
        struct scene s = scene_open(kit);
        struct pipc_received received;
        char got[64];
        kit_pass(s.rig, s.pair.client, s.pair.server, "request");
        KIT_CHECK_RESULT(kit_send(s.rig, s.pair.server, kit_text("last"), KIT_LEN, KIT_SOON_MS),
                         PIPC_OK);
        kit_half_close_server(s.rig, &s.pair, 0);
        KIT_CHECK_RESULT(
            kit_receive(s.rig, s.pair.client, got, sizeof(got), KIT_SOON_MS, &received), PIPC_OK);
        KIT_CHECK_MSG(kit_is_text(got, received.len, "last"),
                      "the last answer before the end is lost");
        scene_close(&s);
    }
}

/* No bytes make no packet, or the end. */
static void empty(struct kit *kit)
{
    struct scene s = scene_open(kit);
    struct pipc_received received;
    char got[8];
    const pipc_result r = kit_send(s.rig, s.pair.client, got, 0, KIT_SOON_MS);

    if (r == PIPC_OK) {
        KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, 8, KIT_SOON_MS, &received),
                         PIPC_OK);
        KIT_CHECK(received.flags == PIPC_RECEIVED_END && received.len == 0);
    } else {
        KIT_CHECK_RESULT(r, PIPC_ERR_BAD_PARAM);
        kit_exchange(s.rig, &s.pair, 1); /* nothing was sent, nothing is broken */
    }
    scene_close(&s);
}

static void order(struct kit *kit)
{
    enum { ROUNDS = 200, AHEAD = 5 };
    struct scene s = scene_open(kit);
    struct pipc_received received;

    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t got;
        for (uint32_t i = 0; i < AHEAD; i++) {
            const uint32_t number = round * AHEAD + i;
            KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, &number, 4, KIT_SOON_MS), PIPC_OK);
            KIT_CHECK_RESULT(kit_send(s.rig, s.pair.server, &number, 4, KIT_SOON_MS), PIPC_OK);
        }
        for (uint32_t i = 0; i < AHEAD; i++) {
            void *const ends[] = {s.pair.server, s.pair.client};
            for (size_t e = 0; e < 2; e++) {
                KIT_CHECK_RESULT(kit_receive(s.rig, ends[e], &got, 4, KIT_SOON_MS, &received),
                                 PIPC_OK);
                KIT_CHECK_MSG(received.len == 4 && got == round * AHEAD + i,
                              "packet %u came in place of %u", got, round * AHEAD + i);
            }
        }
    }
    scene_close(&s);
}

/* What the module says that fits, fits. Without chunks that is the largest message, whose size was
 * agreed for each direction. */
static void packet_max(struct kit *kit)
{
    struct scene s = scene_open(kit);
    const bool whole = (s.ops->traits & PIPC_TRAIT_NO_CHUNKS) != 0;
    const uint32_t max = s.ops->packet_max(s.pair.client, 0);
    const uint32_t wish = s.ops->packet_max(s.pair.client, 1000);
    const uint32_t lens[] = {whole ? PIPC_HEADER_LEN + s.pair.request.max_request_bytes : max,
                             whole ? PIPC_HEADER_LEN + s.pair.request.max_response_bytes : max};
    unsigned char *const out = malloc(max), *const in = malloc(max);
    void *const ends[][2] = {{s.pair.client, s.pair.server}, {s.pair.server, s.pair.client}};
    struct pipc_received received;

    KIT_CHECK_MSG(out && in && max > PIPC_HEADER_LEN, "the largest packet is %u bytes", max);
    KIT_CHECK_MSG(whole || (wish <= 1000 && wish > PIPC_HEADER_LEN), "a wish of 1000 gave %u",
                  wish);
    for (size_t d = 0; d < 2; d++) {
        KIT_CHECK_MSG(lens[d] <= max, "the largest packet is %u bytes, %u were agreed", max,
                      lens[d]);
        for (size_t i = 0; i < lens[d]; i++)
            out[i] = (unsigned char)(i * 7 + d);
        KIT_CHECK_RESULT(kit_send(s.rig, ends[d][0], out, lens[d], KIT_SOON_MS), PIPC_OK);
        KIT_CHECK_RESULT(kit_receive(s.rig, ends[d][1], in, max, KIT_SOON_MS, &received), PIPC_OK);
        KIT_CHECK_MSG(received.len == lens[d] && received.flags == 0 &&
                          memcmp(in, out, lens[d]) == 0,
                      "the largest packet of %u bytes arrived as %llu", lens[d],
                      (unsigned long long)received.len);
    }
    free(out);
    free(in);
    scene_close(&s);
}

static void look_until(struct scene *s, void *channel, const char *what)
{
    const uint64_t end_ns = kit_now_ns() + KIT_SOON_MS * PIPC_NS_PER_MS;

    while (s->ops->look(channel) == PIPC_LOOK_NOTHING)
        KIT_CHECK_MSG(kit_now_ns() < end_ns, "look tells nothing %s", what);
}

static void look(struct kit *kit)
{
    struct scene s = scene_open(kit);
    struct pipc_received received;
    char got[64];

    KIT_CHECK_MSG(s.ops->look(s.pair.server) == PIPC_LOOK_NOTHING, "look tells of no packet");
    KIT_CHECK_MSG(s.ops->look(s.pair.client) == PIPC_LOOK_NOTHING, "look tells of no packet");
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, kit_text("packet"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    for (int i = 0; i < 3; i++)
        KIT_CHECK_MSG(s.ops->look(s.pair.server) == PIPC_LOOK_READABLE,
                      "look does not tell of a packet, or took it");
    KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, sizeof(got), KIT_SOON_MS, &received),
                     PIPC_OK);
    KIT_CHECK(kit_is_text(got, received.len, "packet"));
    KIT_CHECK_MSG(s.ops->look(s.pair.server) == PIPC_LOOK_NOTHING, "look tells of a taken packet");
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.server, kit_text("answer"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    kit_half_close_server(s.rig, &s.pair, 0);
    KIT_CHECK_MSG(s.ops->look(s.pair.client) == PIPC_LOOK_READABLE,
                  "look does not tell of a packet before the end");
    KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.client, got, sizeof(got), KIT_SOON_MS, &received),
                     PIPC_OK);
    KIT_CHECK(received.flags == 0 && kit_is_text(got, received.len, "answer"));
    look_until(&s, s.pair.client, "of a peer that is gone");
    scene_close(&s);
}

static void wait_handle(struct kit *kit)
{
    struct scene s = scene_open(kit);
    const pipc_handle handle = s.ops->wait_handle(s.pair.server);

    KIT_CHECK_MSG(handle != PIPC_NO_HANDLE, "the channel has no handle");
    KIT_CHECK_MSG(!kit_readable(handle, 0), "the handle is readable while nothing waits");
    for (unsigned i = 0; i < 3; i++) {
        char got[64];
        struct pipc_received received;
        KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, kit_text("packet"), KIT_LEN, KIT_SOON_MS),
                         PIPC_OK);
        KIT_CHECK_MSG(kit_readable(handle, KIT_SOON_MS), "the handle does not tell of a packet");
        KIT_CHECK_RESULT(kit_receive(s.rig, s.pair.server, got, sizeof(got), 1000, &received),
                         PIPC_OK);
        KIT_CHECK_MSG(!kit_readable(handle, 0),
                      "the handle is readable after the packet was taken");
        answer(&s);
        KIT_CHECK_MSG(handle == s.ops->wait_handle(s.pair.server), "the handle has changed");
    }
    kit_half_close_client(s.rig, &s.pair, 0);
    KIT_CHECK_MSG(kit_readable(handle, KIT_SOON_MS), "the handle does not tell of the end");
    scene_close(&s);
}

static void peer(struct kit *kit)
{
    struct scene s = scene_open(kit);
    void *const ends[] = {s.pair.client, s.pair.server};

    for (size_t i = 0; i < 2; i++) {
        struct pipc_peer p = {.size = sizeof(p)};
        KIT_CHECK_RESULT(s.ops->peer(ends[i], &p), PIPC_OK);
        KIT_CHECK_MSG(p.known & (PIPC_PEER_PID | PIPC_PEER_UID), "nothing is known of the peer");
        kit_peer_check(&p);
    }
    KIT_CHECK_RESULT(s.ops->admit(s.pair.server, &s.rig->err), PIPC_OK);
    scene_close(&s);
}

/* Behind an answer stands what must not be touched, however large the writer's struct is. */
static void out_sizes(struct kit *kit)
{
    struct scene s = scene_open(kit);
    struct {
        struct pipc_received out;
        unsigned char behind[64];
    } received = {.out = {.size = sizeof(received.out)}};
    struct {
        struct pipc_peer out;
        unsigned char behind[64];
    } who = {.out = {.size = sizeof(who.out)}};
    char got[64];
    const struct pipc_piece piece = {got, sizeof(got)};
    const struct pipc_wait wait = kit_wait(KIT_SOON_MS);

    memset(received.behind, 0x77, sizeof(received.behind));
    memset(who.behind, 0x77, sizeof(who.behind));
    KIT_CHECK_RESULT(kit_send(s.rig, s.pair.client, kit_text("packet"), KIT_LEN, KIT_SOON_MS),
                     PIPC_OK);
    KIT_CHECK_RESULT(s.ops->receive(s.pair.server, &piece, 1, &wait, &received.out, &s.rig->err),
                     PIPC_OK);
    (void)!s.ops->peer(s.pair.server, &who.out);
    for (size_t i = 0; i < sizeof(received.behind); i++)
        KIT_CHECK_MSG(received.behind[i] == 0x77 && who.behind[i] == 0x77,
                      "bytes behind an out-struct were written to");
    KIT_CHECK_MSG(received.out.size == sizeof(received.out) && who.out.size == sizeof(who.out),
                  "the caller's size was changed");
    scene_close(&s);
}

#define ONE PIPC_TRAIT_ONE_OUTSTANDING

const struct kit_case kit_transport_packet[] = {
    {"T-SEND-WHOLE", "one to three pieces, empty ones among them, arrive as one packet", 0, 0,
     send_whole},
    {"T-SEND-FULL", "without room send takes a packet whole or not at all", 0, ONE, send_full},
    {"T-RECV-SCATTER", "a packet is scattered over the pieces in their order", 0, 0, scatter},
    {"T-RECV-CUT", "a packet longer than the pieces is told as cut, the next is whole", 0, 0, cut},
    {"T-RECV-END", "the end is told with no bytes, and stays", 0, 0, end},
    {"T-RECV-BEFORE-END", "an answer sent right before the close is received", 0, 0, before_end},
    {"T-SEND-EMPTY", "an empty packet is refused, or is the end", 0, 0, empty},
    {"T-ORDER", "packets of both directions keep their order", 0, ONE, order},
    {"T-PACKET-MAX", "a packet of the told maximum passes, both ways; a wish is kept", 0, 0,
     packet_max},
    {"T-LOOK", "look tells nothing, a packet and the end, takes none", 0, 0, look},
    {"T-WAIT-HANDLE", "the channel's handle polls readable for packets and the end, constant",
     PIPC_TRAIT_WAIT_HANDLE, 0, wait_handle},
    {"T-PEER", "the peer is told truly, and admitted by default", PIPC_TRAIT_PEER_CREDENTIALS, 0,
     peer},
    {"T-OUT-SIZE", "answers are written within the size that the caller gave", 0, 0, out_sizes},
    {NULL, NULL, 0, 0, NULL},
};
