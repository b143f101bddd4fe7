/* SPDX-License-Identifier: Apache-2.0
 *
 * A region whose other side writes into it between any two reads of this one: at the attach, inside
 * waits and copies, in both roles, through the mapping and through the descriptor. The transport's
 * sources are compiled once more with peer_moves.h in front, so every atomic load, every copy and
 * every system call is a point at which the script may move.
 *
 * What has to hold: no access outside the region; every byte that is received stood at its place
 * during the call; length and sequence were both published by the peer; nothing outside the own
 * lane is written; every wait ends in its time; a region that was cut off is not touched again.
 */
#include "peer.h"

/* ---- the core as the transport sees it ---- */

static uint32_t carrier_look(void *channel)
{
    (void)channel;
    peer_move();
    return peer.gone ? PIPC_LOOK_GONE : PIPC_LOOK_NOTHING;
}

static pipc_handle no_handle(void *channel)
{
    (void)channel;
    return PIPC_NO_HANDLE;
}

static uint64_t clock_ns(const struct pipc_host *host)
{
    (void)host;
    peer_move();
    return peer.now += 1000;
}

static void *host_alloc(const struct pipc_host *host, size_t size)
{
    (void)host;
    return malloc(size);
}

static void host_free(const struct pipc_host *host, void *ptr)
{
    (void)host;
    free(ptr);
}

static void error_set(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                      int32_t os_code, const char *text)
{
    (void)host;
    (void)os_code;
    must(strlen(text) > 0);
    err->result = result;
}

static const struct pipc_transport_ops carrier_ops = {
    .size = sizeof(carrier_ops), .look = carrier_look, .wait_handle = no_handle};
static const struct pipc_carrier carrier = {.size = sizeof(carrier), .ops = &carrier_ops};
static struct pipc_host host = {.size = sizeof(host),
                                .alloc = host_alloc,
                                .free = host_free,
                                .clock_ns = clock_ns,
                                .error_set = error_set,
                                .sleep_cost_ns = 20000};
static struct shm_instance instance = {.host = &host, .foreign_owners = true};
static const struct pipc_endpoint endpoint = {
    .size = sizeof(endpoint), .run_dir = "/run/x", .service = "s"};

/* ---- calls ---- */

static struct pipc_wait wait_of(uint32_t kind)
{
    static const uint64_t ms[] = {1, 20, 150, 3000};
    struct pipc_wait wait = {
        .size = sizeof(wait), .abort = PIPC_NO_HANDLE, .abort_flag = &peer.abort_flag};

    wait.deadline_ns = kind % 5 == 4 ? PIPC_NOW : peer.now + ms[kind % 5] * MS;
    return wait;
}

static void begin_call(uint64_t deadline)
{
    peer.points = peer.late = 0;
    peer.deadline = deadline;
    peer.call++;
    if (!peer.cut)
        memcpy(peer.before, peer.map, FILE_LEN);
}

static bool is_own(uint32_t at)
{
    const bool client = peer.channel->role == PIPC_ROLE_CLIENT;
    const uint8_t *const map = peer.channel->region.map;
    const uint32_t area = (uint32_t)(peer.channel->out.area - map);

    if (at >= area && at < area + peer.channel->out.capacity)
        return true;
    if (client)
        return (at >= 32 && at < 40) || (at >= 48 && at < 52) || (at >= 56 && at < 60);
    return (at >= 40 && at < 48) || (at >= 52 && at < 56) || (at >= 60 && at < 64);
}

static void end_call(void)
{
    if (peer.cut)
        return;
    for (uint32_t i = 0; i < FILE_LEN; i++)
        if (peer.map[i] != peer.before[i])
            must(peer.touched[i] == peer.call || is_own(i));
}

static bool was_seen(uint32_t at, const void *bytes, size_t len)
{
    const uint8_t *const b = bytes;

    for (size_t i = 0; i < len; i++, at++)
        if (b[i] != peer.before[at] &&
            (peer.touched[at] != peer.call || !(peer.seen[at][b[i] / 8] & 1u << (b[i] % 8))))
            return false;
    return true;
}

/* The length word stood there, or the message was told by its header alone; so did the sequence. */
static void check_words(const struct shm_channel *c, const struct pipc_received *received)
{
    const bool client = c->role == PIPC_ROLE_CLIENT;
    const uint32_t len = (uint32_t)received->len;

    must((received->flags & PIPC_RECEIVED_CUT) || was_seen(client ? 52 : 48, &len, 4));
    must(was_seen(client ? 40 : 32, &c->taken, 8));
}

static void take(uint32_t how)
{
    struct shm_channel *const c = peer.channel;
    const size_t sizes[2] = {32 + how / 5 % 4 * 8, how & 0x80 ? 2000 : number(&peer.calls, 1)};
    struct pipc_piece pieces[2] = {{malloc(sizes[0]), sizes[0]}, {malloc(sizes[1] + 1), sizes[1]}};
    struct pipc_received received = {.size = sizeof(received)};
    struct pipc_error err = PIPC_ERROR_INIT;
    const struct pipc_wait wait = wait_of(how);
    const uint64_t taken = c->taken;
    const bool over = c->ended || c->gone;

    must(pieces[0].base && pieces[1].base);
    begin_call(wait.deadline_ns);
    const pipc_result result = shm_receive(c, pieces, 2, &wait, &received, &err);
    end_call();
    if (result == PIPC_OK && !(received.flags & PIPC_RECEIVED_END)) {
        const size_t first = received.len < sizes[0] ? (size_t)received.len : sizes[0];
        const uint32_t area = (uint32_t)(c->in.area - (uint8_t *)c->region.map);
        must(!over && c->taken == taken + 1 && received.len >= 32);
        must(received.len <= sizes[0] + sizes[1] && received.len <= c->in.capacity);
        must(was_seen(area, pieces[0].base, first));
        must(was_seen(area + (uint32_t)first, pieces[1].base, (size_t)received.len - first));
        check_words(c, &received);
    } else {
        must(c->taken == taken);
    }
    free(pieces[0].base);
    free(pieces[1].base);
}

static void give(uint32_t how)
{
    static uint8_t bytes[2048];
    struct shm_channel *const c = peer.channel;
    const struct pipc_piece pieces[2] = {{bytes, 32}, {bytes, number(&peer.calls, 2) % 1100}};
    const struct pipc_wait wait = wait_of(how);
    const uint64_t sent = c->sent;
    const bool cut = peer.cut, ended = c->gone;
    struct pipc_error err = PIPC_ERROR_INIT;

    if (cut && !ended)
        return; /* the next sleep sees it; until then a write is at the program's own risk */
    memset(bytes, (int)how, sizeof(bytes));
    begin_call(wait.deadline_ns);
    const pipc_result result = shm_send(c, pieces, 2, &wait, &err);
    end_call();
    must(c->sent == sent + (result == PIPC_OK));
    if (result == PIPC_OK)
        must(32 + pieces[1].len <= c->out.capacity && !ended);
}

static void call(void)
{
    const uint32_t how = (uint32_t)number(&peer.calls, 1);

    if (how % 7 == 6) {
        begin_call(PIPC_NOW);
        must(shm_look(peer.channel) <= PIPC_LOOK_GONE);
    } else if (how % 7 == 5) {
        const struct pipc_wait wait = wait_of(how);
        if (peer.cut)
            return;
        begin_call(wait.deadline_ns);
        shm_finish(peer.channel, &wait);
        end_call();
    } else if (how % 7 >= 3) {
        give(how);
    } else if (!peer.cut || peer.channel->gone) {
        take(how);
    }
}

/* ---- one run ---- */

static pipc_result bring_up(bool client)
{
    struct pipc_upgrade_failure failure = {.size = sizeof(failure)};
    const struct pipc_upgrade_request request = {.size = sizeof(request),
                                                 .bit = PIPC_PROFILE_SHM_FUTEX,
                                                 .session_id = 1,
                                                 .max_request_bytes = REQUEST,
                                                 .max_response_bytes = RESPONSE,
                                                 .room_bytes = UINT64_MAX};
    const struct pipc_wait wait = wait_of(2);
    struct pipc_error err = PIPC_ERROR_INIT;
    struct shm_header header;
    uint64_t size;
    void *channel = NULL;
    pipc_result result;

    if (client) { /* the peer has made the region */
        must(shm_layout(REQUEST, RESPONSE, &header, &size) && size == FILE_LEN);
        header.magic = PIPC_SHM_MAGIC;
        header.owner_pid = 1;
        header.owner_generation = 7;
        memcpy(peer.map, &header, sizeof(header));
        result =
            shm_attach(&instance, &endpoint, &carrier, &request, &wait, &channel, &failure, &err);
        must(result != PIPC_ERR_TIMEOUT || peer.now >= wait.deadline_ns);
    } else {
        result = shm_offer(&instance, &endpoint, &carrier, &request, &channel, &failure, &err);
    }
    must((result == PIPC_OK) == (channel != NULL));
    peer.channel = channel;
    return result;
}

/* The peer's mapping is made once; the file is made whole again for each run. */
static void prepare(void)
{
    if (!peer.map) {
        peer.fd = memfd_create("region", MFD_CLOEXEC);
        must(peer.fd >= 0 && ftruncate(peer.fd, FILE_LEN) == 0);
        peer.map = mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, peer.fd, 0);
        must(peer.map != MAP_FAILED);
    }
    must(ftruncate(peer.fd, FILE_LEN) == 0);
    memset(peer.map, 0, FILE_LEN);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    const int fd = peer.fd;
    uint8_t *const map = peer.map;

    if (len < 3)
        return;
    memset(&peer, 0, offsetof(struct peer, call));
    peer.fd = fd;
    peer.map = map;
    prepare();
    const size_t moves = data[1] + (size_t)(data[2] & 3) * 256;
    const size_t split = 3 + (moves < len - 3 ? moves : len - 3);
    peer.moves = (struct cursor){data + 3, data + split};
    peer.calls = (struct cursor){data + split, data + len};
    peer.now = 1000 * MS;
    peer.deadline = PIPC_NOW;
    peer.foreign = (data[0] & 2) != 0;
    host.cpus = data[0] & 4 ? 2 : 1;
    instance.spin_us = data[0] & 8 ? PIPC_SPIN_ADAPTIVE : data[0] & 16 ? 30 : PIPC_SPIN_OFF;
    if (bring_up(data[0] & 1) != PIPC_OK)
        return;
    while (peer.calls.at < peer.calls.end)
        call();
    peer.moves.at = peer.moves.end;
    peer.deadline = PIPC_NOW;
    shm_close(peer.channel, 0);
}
