/* SPDX-License-Identifier: Apache-2.0
 *
 * Waiting in both profiles: messages at every moment, deadlines, aborts, interrupts, needless
 * wake-ups, one processor.
 */
#include "windows/winshm_fixture.h"

static uint8_t got[64];
static struct pipc_received received;

struct pair {
    struct ws_fixture f, g; /* g: the other thread's records */
    void *client, *server;
};

static void pair_open(struct pair *p, uint32_t bit, uint64_t spin_us)
{
    ws_open(&p->f, bit);
    if (spin_us)
        ws_spin(&p->f, spin_us);
    ws_pair(&p->f, &p->client, &p->server);
    p->g = p->f;
}

static void pair_close(struct pair *p)
{
    ws_end(&p->f, p->client);
    ws_end(&p->f, p->server);
    ws_close(&p->f);
}

static void request_later(void *arg)
{
    struct pair *const p = arg;

    Sleep(30);
    CHECK_OK(ws_put(&p->g, p->client, "0123456789abcdef0123456789abcdef", 32));
}

static void found_by_waiting(uint32_t bit, uint64_t spin_us)
{
    struct pair p;

    pair_open(&p, bit, spin_us);
    const HANDLE thread = np_thread(request_later, &p);
    CHECK_OK(ws_get(&p.f, p.server, got, sizeof(got), 10000, &received));
    CHECK_EQ(received.len, 32);
    np_join(thread);
    const struct pipc_waiter *const waiter = p.f.ops->waiter(p.server);
    if (bit == PIPC_PROFILE_SHM_HYBRID && !spin_us)
        CHECK(waiter->sleeps == 1 && waiter->wakeups == 1 && waiter->spins == 0);
    else
        CHECK(waiter->sleeps == 0 && waiter->spins == 1);
    CHECK_EQ(p.f.ops->look(p.server), PIPC_LOOK_NOTHING);
    pair_close(&p);
}

TEST(winshm_waits, a_request_is_found_asleep_spinning_and_busy)
{
    found_by_waiting(PIPC_PROFILE_SHM_HYBRID, 0);
    found_by_waiting(PIPC_PROFILE_SHM_HYBRID, 900000);
    found_by_waiting(PIPC_PROFILE_SHM_BUSYWAIT, 0);
}

static void request_much_later(void *arg)
{
    Sleep(350); /* several slices */
    request_later(arg);
}

TEST(winshm_waits, a_request_after_many_slices_is_found)
{
    struct pair p;

    pair_open(&p, PIPC_PROFILE_SHM_HYBRID, 0);
    const HANDLE thread = np_thread(request_much_later, &p);
    CHECK_OK(ws_get(&p.f, p.server, got, sizeof(got), NP_EVER, &received));
    np_join(thread);
    pair_close(&p);
}

static uint64_t timed_out_ms(struct pair *p, void *channel, int ms)
{
    const uint64_t began = np_clock_ns();

    CHECK_RESULT(ws_get(&p->f, channel, got, sizeof(got), ms, &received), PIPC_ERR_TIMEOUT);
    return (np_clock_ns() - began) / PIPC_NS_PER_MS;
}

TEST(winshm_waits, deadlines_shorter_and_longer_than_a_slice_are_kept_and_a_late_response_comes)
{
    static const uint32_t bits[] = {PIPC_PROFILE_SHM_HYBRID, PIPC_PROFILE_SHM_BUSYWAIT};

    for (int b = 0; b < 2; b++) {
        struct pair p;
        uint64_t took;
        pair_open(&p, bits[b], 0);
        ws_pass(&p.f, p.client, p.server, 'r', 32);
        took = timed_out_ms(&p, p.client, 30);
        CHECK_MSG(took >= 30 && took < test_limit(300), "30 ms took %u", (unsigned)took);
        took = timed_out_ms(&p, p.client, 250);
        CHECK_MSG(took >= 250 && took < test_limit(600), "250 ms took %u", (unsigned)took);
        CHECK(timed_out_ms(&p, p.client, NP_NOW) < test_limit(100));
        CHECK_OK(ws_put(&p.f, p.server, "0123456789abcdef0123456789abcdef", 32));
        CHECK_OK(ws_get(&p.f, p.client, got, sizeof(got), NP_NOW, &received));
        p.f.np.skew_ns = UINT64_C(3600000000000); /* every deadline is over */
        ws_pass(&p.f, p.client, p.server, 'r', 32);
        CHECK_RESULT(ws_get(&p.f, p.client, got, sizeof(got), 1, &received), PIPC_ERR_TIMEOUT);
        pair_close(&p);
    }
}

static void set_later(void *arg)
{
    Sleep(40);
    SetEvent((HANDLE)arg);
}

static pipc_result receive_with(struct pair *p, const struct pipc_wait *wait)
{
    const struct pipc_piece piece = {got, sizeof(got)};

    received = (struct pipc_received){.size = sizeof(received)};
    return p->f.ops->receive(p->server, &piece, 1, wait, &received, &p->f.err);
}

static void aborts(uint32_t bit, uint64_t spin_us)
{
    const HANDLE abort = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct pipc_wait wait = np_wait_abort(20000, abort);
    const struct pipc_piece piece = {got, 32};
    uint32_t flag = 0;
    struct pair p;

    pair_open(&p, bit, spin_us);
    const HANDLE thread = np_thread(set_later, abort);
    CHECK_RESULT(receive_with(&p, &wait), PIPC_ERR_ABORTED); /* during */
    np_join(thread);
    CHECK_OK(ws_put(&p.f, p.client, got, 32));
    CHECK_RESULT(receive_with(&p, &wait), PIPC_ERR_ABORTED); /* before, together with a message */
    CHECK_RESULT(p.f.ops->send(p.server, &piece, 1, &wait, &p.f.err), PIPC_ERR_ABORTED);
    wait.abort_flag = &flag; /* where a flag tells, the handle is not asked */
    CHECK_OK(receive_with(&p, &wait));
    flag = 1;
    CHECK_RESULT(receive_with(&p, &wait), PIPC_ERR_ABORTED);
    wait.abort_flag = NULL;
    CloseHandle(abort);
    CHECK_RESULT(receive_with(&p, &wait), PIPC_ERR_BAD_PARAM);
    CHECK_RESULT(p.f.ops->send(p.server, &piece, 1, &wait, &p.f.err), PIPC_ERR_BAD_PARAM);
    wait.abort = 0;
    CHECK_RESULT(receive_with(&p, &wait), PIPC_ERR_BAD_PARAM);
    pair_close(&p);
}

TEST(winshm_waits, an_abort_ends_a_wait_before_during_and_together_with_a_message)
{
    aborts(PIPC_PROFILE_SHM_HYBRID, 0);
    aborts(PIPC_PROFILE_SHM_HYBRID, 900000);
    aborts(PIPC_PROFILE_SHM_BUSYWAIT, 0);
}

static void interrupt_later(void *arg)
{
    struct pair *const p = arg;

    Sleep(40);
    p->f.ops->interrupt(p->server);
}

static void interrupted(uint32_t bit, uint64_t spin_us)
{
    const struct pipc_wait ever = np_wait(NP_EVER);
    const struct pipc_piece piece = {got, 32};
    struct pair p;

    pair_open(&p, bit, spin_us);
    const HANDLE thread = np_thread(interrupt_later, &p);
    CHECK_RESULT(receive_with(&p, &ever), PIPC_ERR_ABORTED);
    np_join(thread);
    CHECK_OK(ws_put(&p.f, p.client, got, 32));
    CHECK_RESULT(receive_with(&p, &ever), PIPC_ERR_ABORTED);
    CHECK_RESULT(p.f.ops->send(p.server, &piece, 1, &ever, &p.f.err), PIPC_ERR_ABORTED);
    pair_close(&p);
}

TEST(winshm_waits, an_interrupt_ends_the_waits_of_now_and_of_later)
{
    interrupted(PIPC_PROFILE_SHM_HYBRID, 0);
    interrupted(PIPC_PROFILE_SHM_HYBRID, 900000);
    interrupted(PIPC_PROFILE_SHM_BUSYWAIT, 0);
}

struct nagging {
    HANDLE event;
    uint32_t stop;
    uint32_t told;
};

static void nag(void *arg)
{
    struct nagging *const n = arg;

    while (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE)) {
        SetEvent(n->event);
        __atomic_fetch_add(&n->told, 1, __ATOMIC_RELEASE);
    }
}

TEST(winshm_waits, an_event_that_is_set_over_and_over_without_a_message_changes_no_deadline)
{
    struct pair p;
    struct nagging n = {.stop = 0};
    uint64_t took;

    pair_open(&p, PIPC_PROFILE_SHM_HYBRID, 0);
    n.event = OpenEventW(EVENT_MODIFY_STATE | SYNCHRONIZE, FALSE, ws_name(&p.f, WINSHM_REQ_EVENT));
    CHECK(n.event);
    const HANDLE thread = np_thread(nag, &n);
    while (__atomic_load_n(&n.told, __ATOMIC_ACQUIRE) <= 100)
        Sleep(1);
    took = timed_out_ms(&p, p.server, 300);
    CHECK_MSG(took >= 300 && took < test_limit(700), "300 ms took %u", (unsigned)took);
    __atomic_store_n(&n.stop, 1, __ATOMIC_RELEASE);
    np_join(thread);
    CloseHandle(n.event);
    ws_pass(&p.f, p.client, p.server, 'r', 32);
    pair_close(&p);
}

struct duel {
    struct pair *p;
    unsigned rounds;
    DWORD_PTR cpus; /* 0: any */
};

static void answer_all(void *arg)
{
    const struct duel *const d = arg;
    uint8_t bytes[64];
    struct pipc_received taken;

    if (d->cpus)
        SetThreadAffinityMask(GetCurrentThread(), d->cpus);
    for (unsigned i = 0; i < d->rounds; i++) {
        CHECK_OK(ws_get(&d->p->g, d->p->server, bytes, sizeof(bytes), 20000, &taken));
        CHECK_OK(ws_put(&d->p->g, d->p->server, bytes, taken.len));
    }
}

static void round_trips(uint32_t bit, uint64_t spin_us, unsigned rounds, DWORD_PTR cpus)
{
    struct pair p;
    struct duel d = {&p, rounds, cpus};
    uint8_t bytes[64];

    pair_open(&p, bit, spin_us);
    const HANDLE thread = np_thread(answer_all, &d);
    if (cpus)
        SetThreadAffinityMask(GetCurrentThread(), cpus);
    for (unsigned i = 0; i < rounds; i++) {
        memset(bytes, (int)(i * 7), sizeof(bytes));
        memcpy(bytes, &i, sizeof(i));
        CHECK_OK(ws_put(&p.f, p.client, bytes, 32 + i % 33));
        CHECK_OK(ws_get(&p.f, p.client, got, sizeof(got), 20000, &received));
        CHECK_EQ(received.len, 32 + i % 33);
        CHECK_MEM(got, bytes, received.len);
    }
    np_join(thread);
    pair_close(&p);
}

TEST(winshm_waits, no_wake_up_is_lost_over_many_round_trips)
{
    round_trips(PIPC_PROFILE_SHM_HYBRID, 0, test_scale(30000), 0); /* always asleep */
    round_trips(PIPC_PROFILE_SHM_HYBRID, 50, test_scale(400000), 0);
    round_trips(PIPC_PROFILE_SHM_BUSYWAIT, 0, test_scale(100000), 0);
}

TEST(winshm_waits, two_busy_peers_on_one_processor_make_progress)
{
    round_trips(PIPC_PROFILE_SHM_BUSYWAIT, 0, test_scale(2000), 1);
}

TEST(winshm_waits, an_idle_hybrid_session_uses_no_processor_time)
{
    FILETIME begin[4], end[4];
    struct pair p;

    pair_open(&p, PIPC_PROFILE_SHM_HYBRID, 0);
    CHECK(GetThreadTimes(GetCurrentThread(), &begin[0], &begin[1], &begin[2], &begin[3]));
    (void)timed_out_ms(&p, p.server, 500);
    CHECK(GetThreadTimes(GetCurrentThread(), &end[0], &end[1], &end[2], &end[3]));
    CHECK(end[3].dwLowDateTime - begin[3].dwLowDateTime < 250000u); /* of 100 ns: 25 ms */
    pair_close(&p);
}
