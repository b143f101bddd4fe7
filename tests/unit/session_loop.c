/* SPDX-License-Identifier: Apache-2.0
 *
 * Wait objects, event loops and threads (level1-transport.md 14 to 16), isolation of sessions from
 * one another, and hostile peers in every state.
 */
#include "base_memory.h"
#include "session_rig.h"
#include "test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool readable(pipc_handle handle, int ms)
{
    struct pollfd p = {.fd = (int)handle, .events = POLLIN};

    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

/* ---- wait objects ---- */

TEST(session_loop, listener_handshake_and_session_wake_a_poll)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    const struct pipc_hello hello = session_hello();
    struct pipc_handshake *handshake = NULL;
    struct pipc_session *session = NULL;
    struct pipc_message m = {.size = sizeof(m)};
    struct session_rig rig;
    uint8_t packet[128];

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    CHECK(!readable(pipc_listener_wait_handle(rig.listener), 0));
    const int raw = session_raw_connect(RIG_DIR, RIG_SERVICE);
    CHECK(readable(pipc_listener_wait_handle(rig.listener), 1000));
    CHECK_OK(pipc_accept_begin(rig.listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL));
    CHECK(!readable(pipc_handshake_wait_handle(handshake), 0));
    const size_t len = session_hello_packet(&hello, packet);
    session_raw_send(raw, packet, len);
    CHECK(readable(pipc_handshake_wait_handle(handshake), 1000));
    CHECK_OK(pipc_handshake_run(&handshake, NULL, PIPC_NOW, PIPC_NO_HANDLE, &session, NULL));
    const pipc_handle handle = pipc_session_wait_handle(session);
    CHECK(!readable(handle, 0));
    session_raw_message(raw, &h, NULL, 0);
    CHECK(readable(handle, 1000));
    CHECK_OK(session_receive(session, &m));
    CHECK(!readable(handle, 0)); /* nothing is read ahead */
    close(raw);
    CHECK(readable(handle, 1000));
    CHECK_RESULT(session_receive(session, &m), PIPC_ERR_DISCONNECTED);
    CHECK(pipc_session_wait_handle(session) == handle);
    pipc_session_close(session);
    session_rig_close(&rig);
}

TEST(session_loop, queued_request_and_hang_up_together_deliver_the_request)
{
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct pipc_message m;
    struct session_rig rig;
    int raw;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    struct pipc_session *const session = session_rig_server(&rig, NULL, &raw);
    session_raw_message(raw, &h, NULL, 0);
    close(raw);
    CHECK(readable(pipc_session_wait_handle(session), 1000));
    CHECK_OK(session_receive(session, &m));
    CHECK_RESULT(session_receive(session, &m), PIPC_ERR_DISCONNECTED);
    pipc_session_close(session);
    session_rig_close(&rig);
}

/* ---- one loop for everything ---- */

enum { CLIENTS = 64, ROUNDS = 5 };

struct crowd {
    struct pipc_context *context;
    unsigned bad;
};

/* Every client of the crowd on one thread: connect, ask, close. */
static void *one_client(void *arg)
{
    struct crowd *const crowd = arg;
    struct pipc_session *session = NULL;
    uint8_t bytes[500];

    session_fill(bytes, sizeof(bytes));
    pipc_result result = pipc_connect(crowd->context, RIG_DIR, RIG_SERVICE, NULL, 20000,
                                      PIPC_NO_HANDLE, &session, NULL, NULL);
    for (uint64_t i = 0; i < ROUNDS && result == PIPC_OK; i++) {
        const struct pipc_message m = session_request(i, bytes, sizeof(bytes));
        struct pipc_message got = {.size = sizeof(got)};
        result = pipc_session_send(session, &m, 20000, PIPC_NO_HANDLE, NULL);
        if (result == PIPC_OK)
            result = pipc_session_receive(session, 20000, 0, PIPC_NO_HANDLE, &got, NULL);
        if (result == PIPC_OK && (got.message_id != i || !session_filled(got.payload, 500)))
            result = PIPC_ERR_PROTOCOL;
    }
    if (result != PIPC_OK)
        __atomic_add_fetch(&crowd->bad, 1, __ATOMIC_RELAXED);
    pipc_session_close(session);
    return NULL;
}

/* What one entry of the loop stands for: exactly one of the two is set; none: the listener. */
struct item {
    struct pipc_handshake *handshake;
    struct pipc_session *session;
};

static void watch(int loop, int op, pipc_handle handle, struct item *item)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = item};

    CHECK(epoll_ctl(loop, op, (int)handle, &event) == 0);
}

static void loop_accept(int loop, struct session_rig *rig, struct item *items, unsigned *used)
{
    struct pipc_handshake *handshake = NULL;

    while (pipc_accept_begin(rig->listener, PIPC_NOW, PIPC_NO_HANDLE, &handshake, NULL) ==
           PIPC_OK) {
        struct item *const item = &items[(*used)++];
        item->handshake = handshake;
        watch(loop, EPOLL_CTL_ADD, pipc_handshake_wait_handle(handshake), item);
    }
}

/* True when the session is over. */
static bool loop_serve(struct item *item)
{
    struct pipc_message m = {.size = sizeof(m)};
    pipc_result result;

    while ((result = pipc_session_receive(item->session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL)) ==
           PIPC_OK) {
        m.kind = PIPC_KIND_RESPONSE;
        CHECK_OK(pipc_session_send(item->session, &m, PIPC_NOW, PIPC_NO_HANDLE, NULL));
    }
    if (result == PIPC_ERR_TIMEOUT)
        return false;
    CHECK_RESULT(result, PIPC_ERR_DISCONNECTED);
    pipc_session_close(item->session);
    item->session = NULL;
    return true;
}

TEST(session_loop, one_event_loop_with_64_sessions_and_a_listener)
{
    struct item items[CLIENTS] = {{NULL, NULL}};
    struct epoll_event events[16];
    pthread_t threads[CLIENTS];
    struct session_rig rig;
    struct crowd crowd;
    unsigned used = 0, over = 0;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    crowd = (struct crowd){rig.context, 0};
    const int loop = epoll_create1(EPOLL_CLOEXEC);
    watch(loop, EPOLL_CTL_ADD, pipc_listener_wait_handle(rig.listener), NULL);
    for (int i = 0; i < CLIENTS; i++)
        CHECK(pthread_create(&threads[i], NULL, one_client, &crowd) == 0);
    while (over < CLIENTS) {
        const int n = epoll_wait(loop, events, 16, 20000);
        CHECK(n > 0);
        for (int i = 0; i < n; i++) {
            struct item *const item = events[i].data.ptr;
            if (!item) {
                loop_accept(loop, &rig, items, &used);
            } else if (item->handshake) {
                const pipc_result result = pipc_handshake_run(&item->handshake, NULL, PIPC_NOW,
                                                              PIPC_NO_HANDLE, &item->session, NULL);
                CHECK(result == PIPC_OK || result == PIPC_ERR_TIMEOUT);
            } else {
                over += loop_serve(item);
            }
        }
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(crowd.bad, 0);
    close(loop);
    session_rig_close(&rig);
}

/* ---- threads ---- */

static void *serve_until_closed(void *arg)
{
    struct pipc_session *const session = arg;
    struct pipc_message m;

    while (session_receive(session, &m) == PIPC_OK) {
        m.kind = PIPC_KIND_RESPONSE;
        if (session_send(session, &m) != PIPC_OK)
            break;
    }
    pipc_session_close(session);
    return NULL;
}

TEST(session_loop, sixteen_threads_with_sessions_of_their_own_against_one_listener)
{
    enum { N = 16 };
    pthread_t clients[N], servers[N];
    struct session_rig rig;
    struct crowd crowd;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    crowd = (struct crowd){rig.context, 0};
    for (int i = 0; i < N; i++)
        CHECK(pthread_create(&clients[i], NULL, one_client, &crowd) == 0);
    for (int i = 0; i < N; i++) {
        struct pipc_session *session = NULL;
        CHECK_OK(pipc_accept(rig.listener, 20000, PIPC_NO_HANDLE, &session, NULL));
        CHECK(pthread_create(&servers[i], NULL, serve_until_closed, session) == 0);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(clients[i], NULL);
        pthread_join(servers[i], NULL);
    }
    CHECK_EQ(crowd.bad, 0);
    session_rig_close(&rig);
}

struct shared {
    pthread_mutex_t lock;
    struct pipc_session *session;
    uint64_t next;
    unsigned bad;
};

static void *share(void *arg)
{
    struct shared *const x = arg;

    for (unsigned i = 0; i < 50; i++) {
        struct pipc_message got;
        pthread_mutex_lock(&x->lock);
        const struct pipc_message m = session_request(x->next++, "abc", 3);
        if (session_send(x->session, &m) != PIPC_OK ||
            session_receive(x->session, &got) != PIPC_OK || got.message_id != m.message_id)
            x->bad++;
        pthread_mutex_unlock(&x->lock);
    }
    return NULL;
}

TEST(session_loop, session_moved_between_threads_with_a_lock)
{
    struct shared x = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct pipc_session *server;
    pthread_t threads[4], serving;
    struct session_rig rig;

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    session_rig_both(&rig, NULL, &x.session, &server);
    CHECK(pthread_create(&serving, NULL, serve_until_closed, server) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, share, &x) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(x.bad, 0);
    pipc_session_close(x.session);
    pthread_join(serving, NULL);
    session_rig_close(&rig);
}

/* ---- isolation and endurance ---- */

TEST(session_loop, violation_of_one_session_does_not_touch_the_others)
{
    enum { N = 8 };
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct pipc_session *sessions[N];
    struct session_rig rig;
    struct pipc_message m;
    int raws[N];

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    for (int i = 0; i < N; i++)
        sessions[i] = session_rig_server(&rig, NULL, &raws[i]);
    for (int bad = 0; bad < N; bad++) {
        session_raw_send(raws[bad], "garbage", 7);
        CHECK_RESULT(session_receive(sessions[bad], &m), PIPC_ERR_PROTOCOL);
        for (int i = bad + 1; i < N; i++) {
            session_raw_message(raws[i], &h, NULL, 0);
            CHECK_OK(session_receive(sessions[i], &m));
        }
        int raw;
        pipc_session_close(session_rig_server(&rig, NULL, &raw));
        close(raw);
    }
    for (int i = 0; i < N; i++) {
        pipc_session_close(sessions[i]);
        close(raws[i]);
    }
    session_rig_close(&rig);
}

TEST(session_loop, refused_request_of_one_session_does_not_touch_the_other)
{
    const struct pipc_header large = session_header(PIPC_KIND_REQUEST, 1, 5000);
    const struct pipc_header h = session_header(PIPC_KIND_REQUEST, 1, 0);
    struct session_rig rig;
    struct pipc_message m;
    int raws[2];

    session_control_reset();
    session_rig_open(&rig, NULL, NULL);
    struct pipc_session *const bad = session_rig_server(&rig, NULL, &raws[0]);
    struct pipc_session *const good = session_rig_server(&rig, NULL, &raws[1]);
    session_raw_message(raws[0], &large, NULL, 0);
    CHECK_RESULT(session_receive(bad, &m), PIPC_ERR_LIMIT_EXCEEDED);
    session_raw_message(raws[1], &h, NULL, 0);
    CHECK_OK(session_receive(good, &m));
    m.kind = PIPC_KIND_RESPONSE;
    CHECK_OK(session_send(good, &m));
    pipc_session_close(bad);
    pipc_session_close(good);
    close(raws[0]);
    close(raws[1]);
    session_rig_close(&rig);
}

TEST(session_loop, clients_in_a_tight_loop_leave_no_descriptor_and_no_memory)
{
    struct base_memory memory;
    struct pipc_listener *listener = NULL;
    struct session_rig rig;
    unsigned descriptors = 0;
    uint64_t live = 0;

    session_control_reset();
    base_memory_init(&memory);
    rig.context = session_context("fast,mem", &memory.allocator);
    CHECK_OK(pipc_listen(rig.context, RIG_DIR, RIG_SERVICE, NULL, &listener, NULL));
    rig.listener = listener;
    for (unsigned i = 0; i < test_scale(2000); i++) {
        struct pipc_session *session;
        int raw;
        session = session_rig_server(&rig, NULL, &raw);
        pipc_session_close(session);
        close(raw);
        if (i == 1) {
            descriptors = test_open_descriptors();
            live = memory.live;
        }
    }
    CHECK_EQ(test_open_descriptors(), descriptors);
    CHECK_EQ(memory.live, live);
    session_rig_close(&rig);
    CHECK_EQ(memory.live, 0);
}

/* ---- random packets in every state; memory stays within the limits ---- */

struct bounded {
    struct pipc_allocator allocator;
    uint64_t largest;
};

static void *bounded_alloc(void *arg, size_t size)
{
    struct bounded *const b = arg;

    if (size > b->largest)
        b->largest = size;
    return malloc(size);
}

static void *bounded_realloc(void *arg, void *ptr, size_t size)
{
    struct bounded *const b = arg;

    if (size > b->largest)
        b->largest = size;
    return realloc(ptr, size);
}

static void bounded_free(void *arg, void *ptr)
{
    (void)arg;
    free(ptr);
}

static uint64_t dice(uint64_t *x)
{
    *x = *x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *x >> 33;
}

/* A message or chunk with plausible fields, a few of them wrong. */
static size_t mutate(uint64_t *x, uint16_t kind, uint8_t *packet)
{
    struct pipc_header h = session_header(kind, dice(x) % 4, (uint32_t)(dice(x) % 300));
    size_t len = 0;

    if (dice(x) % 2) {
        len = session_raw_chunk(&h, 128, (uint32_t)(h.payload_len / 96 ? dice(x) % 2 : 0), packet);
    } else {
        session_header_put(&h, packet);
        len = 32 + (h.payload_len > 96 ? 96 : h.payload_len);
        memset(packet + 32, (int)dice(x), len - 32);
    }
    for (uint64_t n = dice(x) % 3; n > 0; n--)
        packet[dice(x) % 40] ^= (uint8_t)(1u << dice(x) % 8);
    return len + (dice(x) % 8 == 0);
}

TEST(session_loop, random_packets_to_a_server_stay_within_the_limits)
{
    struct bounded bounded = {.allocator = {.size = sizeof(bounded.allocator),
                                            .alloc = bounded_alloc,
                                            .realloc = bounded_realloc,
                                            .free = bounded_free}};
    struct pipc_hello hello = session_hello();
    struct session_rig rig;
    uint64_t x = 12345;

    bounded.allocator.arg = &bounded;
    session_control_reset();
    rig.context = session_context(NULL, &bounded.allocator);
    CHECK_OK(pipc_listen(rig.context, RIG_DIR, RIG_SERVICE, NULL, &rig.listener, NULL));
    hello.packet_size = 128;
    bounded.largest = 0;
    for (unsigned i = 0; i < test_scale(20000); i++) {
        struct pipc_message m = {.size = sizeof(m)};
        uint8_t packet[512] = {0};
        int raw;
        struct pipc_session *const session = session_rig_server(&rig, &hello, &raw);
        for (unsigned k = 0; k < 6; k++) {
            const size_t len = mutate(&x, PIPC_KIND_REQUEST, packet);
            session_raw_send(raw, packet, len);
            const pipc_result result =
                pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL);
            if (result != PIPC_OK && result != PIPC_ERR_TIMEOUT)
                break;
            CHECK(result != PIPC_OK || m.payload_len <= 1024);
        }
        pipc_session_close(session);
        close(raw);
    }
    CHECK_MSG(bounded.largest <= 8192, "%u bytes at once", (unsigned)bounded.largest);
    session_rig_close(&rig);
}

TEST(session_loop, random_packets_to_a_client_stay_within_the_limits)
{
    struct bounded bounded = {.allocator = {.size = sizeof(bounded.allocator),
                                            .alloc = bounded_alloc,
                                            .realloc = bounded_realloc,
                                            .free = bounded_free}};
    struct pipc_hello_ack ack = session_ack();
    uint64_t x = 54321;

    bounded.allocator.arg = &bounded;
    session_control_reset();
    struct pipc_context *const context = session_context(NULL, &bounded.allocator);
    ack.agreed_packet_size = 128;
    bounded.largest = 0;
    for (unsigned i = 0; i < test_scale(4000); i++) {
        struct pipc_message m = {.size = sizeof(m)};
        uint8_t packet[512] = {0};
        int raw;
        struct pipc_session *const session = session_rig_client(context, NULL, &ack, &raw);
        for (uint64_t id = 0; id < 4; id++) {
            const struct pipc_message request = session_request(id, NULL, 0);
            CHECK_OK(session_send(session, &request));
        }
        for (unsigned k = 0; k < 6; k++) {
            const size_t len = mutate(&x, PIPC_KIND_RESPONSE, packet);
            session_raw_send(raw, packet, len);
            const pipc_result result =
                pipc_session_receive(session, PIPC_NOW, 0, PIPC_NO_HANDLE, &m, NULL);
            if (result != PIPC_OK && result != PIPC_ERR_TIMEOUT)
                break;
            CHECK(result != PIPC_OK || (m.payload_len <= 1024 && m.message_id < 4));
        }
        pipc_session_close(session);
        close(raw);
    }
    CHECK_MSG(bounded.largest <= 8192, "%u bytes at once", (unsigned)bounded.largest);
    CHECK_OK(pipc_close(context));
}
