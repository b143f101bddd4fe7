/* SPDX-License-Identifier: Apache-2.0
 *
 * Many clients at once: every answer belongs to its request, large responses in chunks, capacity
 * under pressure. Meant for the address and the thread checker, too; the number of rounds is
 * scaled.
 */
#include "server_fixture.h"

#include <unistd.h>

struct visitor {
    pthread_t thread;
    struct pipc_hello hello;
    uint32_t number;
    uint32_t rounds;
    uint32_t length; /* of each response */
    uint8_t *room;
    uint64_t answered;
    uint64_t refused;
};

static int shake_until_in(struct visitor *v, struct raw *raw)
{
    for (;;) {
        raw_connect(raw);
        const int status = raw_shake(raw, &v->hello);
        if (status == 0)
            return 0;
        raw_close(raw);
        if (status != PIPC_STATUS_INTERNAL_ERROR)
            return status;
        v->refused++;
        usleep(1000); /* as a client would before it tries again */
    }
}

static void check_pattern(const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += i + 4096 < len ? 509 : 1)
        CHECK_EQ(bytes[i], (uint8_t)(i * 7));
}

/* One request for `length` bytes; the answer is the visitor's own. */
static void ask_length(struct visitor *v, struct raw *raw, uint32_t round)
{
    struct pipc_header header;
    uint8_t request[5];
    const uint64_t id = ((uint64_t)v->number << 32) | round;
    const uint32_t length = v->length - (round * 8191u + v->number) % 4096u;
    script_u32(request, SCRIPT_LENGTH, length);
    CHECK(raw_request(raw, id, request, sizeof(request)));
    CHECK_EQ(raw_answer(raw, &header, v->room, v->length), length);
    CHECK_EQ(header.message_id, id);
    CHECK_EQ(header.transport_status, PIPC_STATUS_OK);
    check_pattern(v->room, length);
    v->answered++;
}

static void ask_echo(struct visitor *v, struct raw *raw, uint32_t round)
{
    struct pipc_header header;
    uint8_t request[9] = {SCRIPT_ECHO}, response[16];
    const uint64_t id = ((uint64_t)v->number << 32) | round;
    memcpy(request + 1, &id, sizeof(id));
    CHECK(raw_request(raw, id, request, sizeof(request)));
    CHECK_EQ(raw_answer(raw, &header, response, sizeof(response)), sizeof(request));
    CHECK_EQ(header.message_id, id);
    CHECK_MEM(response, request, sizeof(request));
    v->answered++;
}

static void *visit(void *arg)
{
    struct visitor *v = arg;
    struct raw raw;
    CHECK_EQ((uint64_t)shake_until_in(v, &raw), 0);
    for (uint32_t round = 0; round < v->rounds; round++) {
        if (v->length)
            ask_length(v, &raw, round);
        else
            ask_echo(v, &raw, round);
    }
    raw_close(&raw);
    return NULL;
}

static void send_in(struct visitor *visitors, uint32_t count, uint32_t rounds, uint32_t length)
{
    for (uint32_t i = 0; i < count; i++) {
        struct visitor *v = &visitors[i];
        *v =
            (struct visitor){.hello = raw_hello(), .number = i, .rounds = rounds, .length = length};
        v->room = length ? malloc(length) : NULL;
        CHECK_EQ(pthread_create(&v->thread, NULL, visit, v), 0);
    }
}

static uint64_t see_out(struct visitor *visitors, uint32_t count)
{
    uint64_t answered = 0;
    for (uint32_t i = 0; i < count; i++) {
        CHECK_EQ(pthread_join(visitors[i].thread, NULL), 0);
        answered += visitors[i].answered;
        free(visitors[i].room);
    }
    return answered;
}

TEST(server_load, fifty_clients_get_the_answers_to_their_own_requests)
{
    static struct visitor visitors[50];
    struct hosted hosted;
    const uint32_t rounds = test_scale(2000);
    server_start(&hosted, NULL, "scripted", NULL, 50, NULL);
    send_in(visitors, 50, rounds, 0);
    CHECK_EQ(see_out(visitors, 50), 50 * rounds);
    server_wait_sessions(&hosted, 0);
    CHECK_EQ(server_status(&hosted).requests, 50 * rounds);
    CHECK_EQ(server_status(&hosted).rejected_timeout, 0);
    server_end(&hosted);
}

TEST(server_load, sixty_four_clients_of_sixteen_slots_are_all_served_in_turn)
{
    static struct visitor visitors[64];
    struct hosted hosted;
    const uint32_t rounds = test_scale(200);
    server_start(&hosted, NULL, "scripted", NULL, 16, NULL);
    send_in(visitors, 64, rounds, 0);
    CHECK_EQ(see_out(visitors, 64), 64 * rounds);
    CHECK(server_status(&hosted).sessions <= 16);
    server_end(&hosted);
}

TEST(server_load, sixty_four_clients_with_three_megabytes_each)
{
    static struct visitor visitors[64];
    struct hosted hosted;
    struct pipc_server_config config = server_config();
    const uint32_t rounds = test_scale(60), length = 3u << 20;
    config.max_response_payload_bytes = 4u << 20;
    config.io_timeout_ms = 600000; /* slow is not broken here */
    server_start(&hosted, NULL, "scripted", NULL, 64, &config);
    send_in(visitors, 64, rounds, length);
    CHECK_EQ(see_out(visitors, 64), 64 * rounds);
    server_wait_sessions(&hosted, 0);
    const struct pipc_server_status status = server_status(&hosted);
    CHECK_EQ(status.requests, 64 * rounds);
    CHECK_EQ(status.answers[PIPC_STATUS_OK], 64 * rounds);
    CHECK(status.bytes_out > (uint64_t)64 * rounds * (length - 4096));
    server_end(&hosted);
}

TEST(server_load, destroy_in_the_middle_of_it_ends_everything)
{
    struct pipc_context *context = server_context();
    const uint32_t rounds = test_scale(200);
    for (uint32_t i = 0; i < rounds; i++) {
        struct hosted hosted;
        struct raw raws[8];
        uint8_t request[5];
        server_start(&hosted, context, "scripted", NULL, 6, NULL);
        for (uint32_t k = 0; k < 8; k++) {
            const struct pipc_hello hello = raw_hello();
            raw_connect(&raws[k]);
            if (k < 6)
                CHECK_EQ((uint64_t)raw_shake(&raws[k], &hello), 0);
            script_u32(request, SCRIPT_LENGTH, 60000);
            for (uint32_t n = 0; k < 6 && n < (i + k) % 4; n++)
                CHECK(raw_request(&raws[k], n, request, sizeof(request)));
        }
        CHECK_OK(pipc_server_destroy(hosted.server));
        server_join(&hosted);
        for (uint32_t k = 0; k < 8; k++)
            raw_close(&raws[k]);
    }
    CHECK_OK(pipc_close(context));
}
