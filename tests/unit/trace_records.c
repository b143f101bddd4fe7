/* SPDX-License-Identifier: Apache-2.0
 *
 * Records of the wrapper that writes down: what a packet becomes in each form, and that nothing
 * which a peer sends, and nothing that fails, harms what is carried.
 */
#include "wrapper_fixture.h"

#include <pipc/transports/trace.h>
#include <pipc/wrapper.h>

#include <json-c/json.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void begin(struct wrapper_fixture *f, const char *format, const char *to)
{
    wrapper_defaults(f, &pipc_module_trace);
    f->values[PIPC_TRACE_OPTION_FORMAT].text = format;
    f->values[PIPC_TRACE_OPTION_TO].text = to;
}

static void begin_pair(struct wrapper_fixture *f, const char *format, const char *to)
{
    begin(f, format, to);
    wrapper_pair(f);
}

/* A request of one number goes over. */
static void pass_number(struct wrapper_fixture *f, uint64_t number)
{
    uint8_t packet[64];

    wrapper_pass(f, packet,
                 wrapper_message(packet, PIPC_KIND_REQUEST, 0, 1, &number, sizeof(number)));
}

TEST(trace_records, request_is_a_line_with_its_fields_on_both_sides)
{
    struct wrapper_fixture f;

    begin_pair(&f, "text", NULL);
    pass_number(&f, 41);
    CHECK_HAS(f.log, " a client 1 opened\n");
    CHECK_HAS(f.log, " a server 2 opened\n");
    CHECK_HAS(f.log, " a client 1 sent request 9 increment, 40 bytes: value=41\n");
    CHECK_HAS(f.log, " a server 2 received request 9 increment, 40 bytes: value=41\n");
    f.ops->close(f.client, 0);
    CHECK_HAS(f.log, " a client 1 closed: 1 packets of 40 bytes sent, 0 of 0 received\n");
    f.client = NULL;
    wrapper_close(&f);
}

TEST(trace_records, end_is_told_once)
{
    struct wrapper_fixture f;
    struct pipc_received received;
    char byte;

    begin_pair(&f, "text", NULL);
    f.ops->close(f.client, 0);
    f.client = NULL;
    for (int i = 0; i < 2; i++) {
        CHECK_OK(wrapper_get(&f, f.server, &byte, 1, &received));
        CHECK_EQ(received.flags, PIPC_RECEIVED_END);
    }
    CHECK_HAS(f.log, " a server 2 ended\n");
    CHECK(!strstr(strstr(f.log, "ended") + 1, "ended"));
    wrapper_close(&f);
}

TEST(trace_records, forked_close_tells_nothing)
{
    struct wrapper_fixture f;

    begin_pair(&f, "text", NULL);
    f.ops->close(f.client, PIPC_CLOSE_FORKED);
    f.client = NULL;
    CHECK(!strstr(f.log, "closed"));
    wrapper_close(&f);
}

TEST(trace_records, wait_that_ends_leaves_no_record)
{
    struct wrapper_fixture f;
    struct pipc_received received = {.size = sizeof(received)};
    const struct pipc_wait now = uds_wait(UDS_NOW);
    const struct pipc_piece none = {NULL, 0}, byte = {&received, 1};

    begin_pair(&f, "text", NULL);
    CHECK_RESULT(f.ops->receive(f.server, &byte, 1, &now, &received, NULL), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(f.ops->send(f.client, &none, 0, &now, NULL), PIPC_ERR_BAD_PARAM);
    CHECK(!strstr(f.log, "sent") && !strstr(f.log, "received"));
    wrapper_close(&f);
}

TEST(trace_records, pieces_are_one_packet)
{
    struct wrapper_fixture f;
    const struct pipc_wait wait = uds_wait(TEST_LONG);
    const uint64_t number = 7;
    uint8_t packet[40], got[40];
    struct pipc_received received = {.size = sizeof(received)};

    begin_pair(&f, "text", NULL);
    wrapper_message(packet, PIPC_KIND_RESPONSE, 0, 1, &number, 8);
    const struct pipc_piece out[3] = {{packet, 20}, {packet + 20, 12}, {packet + 32, 8}};
    const struct pipc_piece in[3] = {{got, 3}, {got + 3, 30}, {got + 33, 7}};
    CHECK_OK(f.ops->send(f.server, out, 3, &wait, NULL));
    CHECK_OK(f.ops->receive(f.client, in, 3, &wait, &received, NULL));
    CHECK_MEM(got, packet, 40);
    CHECK_HAS(f.log, "server 2 sent response 9 increment, 40 bytes: value=7\n");
    CHECK_HAS(f.log, "client 1 received response 9 increment, 40 bytes: value=7\n");
    wrapper_close(&f);
}

TEST(trace_records, packet_that_was_cut_says_so)
{
    struct wrapper_fixture f;
    const uint64_t number = 7;
    uint8_t packet[40], got[34];
    struct pipc_received received;

    begin_pair(&f, "text", NULL);
    CHECK_OK(wrapper_put(&f, f.client, packet,
                         wrapper_message(packet, PIPC_KIND_REQUEST, 0, 1, &number, 8)));
    CHECK_OK(wrapper_get(&f, f.server, got, sizeof(got), &received));
    CHECK_EQ(received.flags, PIPC_RECEIVED_CUT);
    CHECK_HAS(f.log, "received request 9 increment, 34 bytes, cut off:\n");
    wrapper_close(&f);
}

/* Header and 8 payload bytes first, the rest in chunks of at most `part` bytes. */
static void pass_chunks(struct wrapper_fixture *f, const uint8_t *message, uint32_t len,
                        uint32_t first, uint32_t part)
{
    uint8_t packet[4096];
    uint32_t at = first, index = 1;
    const uint32_t count = (uint32_t)pipc_chunk_count(len - 32, first - 32, part + 32);

    wrapper_pass(f, message, first);
    for (; at < len; index++) {
        const uint32_t now = len - at < part ? len - at : part;
        const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                         .version = PIPC_WIRE_VERSION,
                                         .message_id = 9,
                                         .total_message_len = len,
                                         .chunk_index = index,
                                         .chunk_count = count,
                                         .chunk_payload_len = now};
        CHECK_EQ(pipc_chunk_encode(&chunk, packet, sizeof(packet)), 32);
        memcpy(packet + 32, message + at, now);
        wrapper_pass(f, packet, 32 + now);
        at += now;
    }
}

/* A batch of three numbers in `message`: its length. */
static uint32_t make_batch(uint8_t *message)
{
    uint8_t payload[64];
    struct pipc_batch_builder builder;

    pipc_batch_begin(&builder, payload, sizeof(payload), 3);
    for (uint64_t i = 1; i <= 3; i++)
        CHECK_OK(pipc_batch_add(&builder, &i, 8));
    const size_t len = pipc_batch_finish(&builder);
    return (uint32_t)wrapper_message(message, PIPC_KIND_REQUEST, PIPC_FLAG_BATCH, 3, payload,
                                     (uint32_t)len);
}

TEST(trace_records, chunks_are_put_together_and_shown_with_the_last)
{
    struct wrapper_fixture f;
    uint8_t message[128];

    begin_pair(&f, "text", NULL);
    pass_chunks(&f, message, make_batch(message), 40, 24);
    CHECK_HAS(f.log, "sent request 9 increment batch of 3, 40 bytes:\n");
    CHECK_HAS(f.log, "sent chunk 2 of 3 9 increment batch of 3, 56 bytes:\n");
    CHECK_HAS(f.log,
              "sent chunk 3 of 3 9 increment batch of 3, 48 bytes: items[{value=1} {value=2} "
              "{value=3}]\n");
    wrapper_close(&f);
}

TEST(trace_records, message_above_the_bound_is_not_put_together)
{
    struct wrapper_fixture f;
    uint8_t message[128];

    begin(&f, "text", NULL);
    f.values[PIPC_TRACE_OPTION_MESSAGE_BYTES].number = 47;
    wrapper_pair(&f);
    wrapper_pass(&f, message, make_batch(message));
    CHECK_HAS(f.log, "80 bytes: not_decoded=\"longer than message_bytes\"\n");
    pass_number(&f, 1);
    CHECK_HAS(f.log, "40 bytes: value=1\n");
    wrapper_close(&f);
}

TEST(trace_records, fields_can_be_left_out)
{
    struct wrapper_fixture f;

    begin(&f, "text", NULL);
    f.values[PIPC_TRACE_OPTION_FIELDS].number = 0;
    wrapper_pair(&f);
    pass_number(&f, 41);
    CHECK_HAS(f.log, "sent request 9 increment, 40 bytes:\n");
    wrapper_close(&f);
}

TEST(trace_records, no_memory_for_a_message_is_told_and_harms_nothing)
{
    struct wrapper_fixture f;

    begin_pair(&f, "text", NULL);
    f.uds.fail_after = 0;
    pass_number(&f, 41);
    f.uds.fail_after = UINT32_MAX;
    CHECK_HAS(f.log, "40 bytes: not_decoded=\"no memory to put it together\"\n");
    wrapper_close(&f);
}

TEST(trace_records, what_cannot_be_decoded_is_told)
{
    struct wrapper_fixture f;
    uint8_t packet[128], other[128];
    const uint64_t number = 5;
    size_t len;

    begin_pair(&f, "text", NULL);
    wrapper_pass(&f, "no packet of this protocol", 26);
    CHECK_HAS(f.log, "sent unknown, 26 bytes:\n");
    len = wrapper_message(packet, PIPC_KIND_REQUEST, 0, 1, &number, 4);
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "36 bytes: not_decoded=");
    len = make_batch(packet);
    packet[32 + 8 + 4] = 0xff; /* length of the second item */
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "items[{value=1}] bad_item=1\n");
    len = wrapper_message(packet, PIPC_KIND_REQUEST, PIPC_FLAG_BATCH, 1000, &number, 8);
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "batch of 1000, 40 bytes: items[] bad_item=0\n");
    len = wrapper_message(packet, PIPC_KIND_REQUEST, 0, 1, &number, 8);
    packet[12] = 99; /* the method */
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "request 9 code 99, 40 bytes: not_decoded=\"no codec of this method is "
                     "loaded\"\n");
    len = wrapper_message(packet, PIPC_KIND_RESPONSE, 0, 1, NULL, 0);
    packet[14] = PIPC_STATUS_LIMIT_EXCEEDED;
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "response 9 increment status 5, 32 bytes:\n");
    len = wrapper_message(packet, PIPC_KIND_CONTROL, 0, 1, &number, 8);
    packet[12] = 77;
    wrapper_pass(&f, packet, len);
    CHECK_HAS(f.log, "sent control, 40 bytes: not_decoded=");
    memcpy(other, packet, sizeof(other));
    wrapper_close(&f);
}

TEST(trace_records, chunk_of_no_message_and_a_message_that_breaks_off_are_shown)
{
    struct wrapper_fixture f;
    uint8_t message[128], packet[64];
    const struct pipc_chunk chunk = {.magic = PIPC_CHUNK_MAGIC,
                                     .version = PIPC_WIRE_VERSION,
                                     .message_id = 8,
                                     .chunk_index = 1,
                                     .chunk_count = 2,
                                     .chunk_payload_len = 8};

    begin_pair(&f, "text", NULL);
    memset(packet, 0, sizeof(packet));
    CHECK_EQ(pipc_chunk_encode(&chunk, packet, sizeof(packet)), 32);
    wrapper_pass(&f, packet, 40);
    CHECK_HAS(f.log, "sent unknown, 40 bytes:\n");
    make_batch(message);
    wrapper_pass(&f, message, 40);
    wrapper_pass(&f, packet, 40); /* of another message */
    pass_number(&f, 6);
    CHECK_HAS(f.log, "40 bytes: value=6\n");
    wrapper_close(&f);
}

static size_t make_hello(uint8_t *packet)
{
    const struct pipc_hello hello = {.layout_version = PIPC_HELLO_LAYOUT,
                                     .supported_profiles = 3,
                                     .auth_token = UINT64_C(0x6c6b6a6968676665)};
    uint8_t payload[PIPC_HELLO_LEN];

    CHECK_EQ(pipc_hello_encode(&hello, payload, sizeof(payload)), PIPC_HELLO_LEN);
    const size_t len = wrapper_message(packet, PIPC_KIND_CONTROL, 0, 1, payload, sizeof(payload));
    packet[12] = PIPC_CODE_HELLO;
    return len;
}

TEST(trace_records, token_of_a_hello_is_hidden_or_shown)
{
    for (int show = 0; show < 2; show++) {
        struct wrapper_fixture f;
        uint8_t packet[128];
        begin(&f, "text", NULL);
        f.values[PIPC_TRACE_OPTION_SHOW_TOKEN].number = (uint64_t)show;
        wrapper_pair(&f);
        wrapper_pass(&f, packet, make_hello(packet));
        CHECK_HAS(f.log, "sent hello, 76 bytes: layout_version=1");
        CHECK_HAS(f.log, show ? "auth_token=7812454979559974501" : "auth_token=\"hidden\"");
        wrapper_close(&f);
    }
}

/* Every line of the file is an object; gives the last that has `event`. Owned by the caller. */
static struct json_object *last_of(const char *path, const char *event)
{
    char *text = strdup(wrapper_file(path, NULL)), *rest = text;
    struct json_object *found = NULL, *value;
    const char *line;

    while ((line = strsep(&rest, "\n")) && *line) {
        struct json_object *const object = json_tokener_parse(line);
        CHECK_MSG(object, "not JSON: %s", line);
        CHECK(json_object_object_get_ex(object, "event", &value));
        if (strcmp(json_object_get_string(value), event) == 0) {
            json_object_put(found);
            found = object;
        } else {
            json_object_put(object);
        }
    }
    free(text);
    CHECK(found);
    return found;
}

static const char *text_in(struct json_object *object, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(object, name, &value) ? json_object_to_json_string(value) : "";
}

TEST(trace_records, json_has_header_chunk_and_fields)
{
    struct wrapper_fixture f;
    uint8_t message[128];
    const char *const to = test_path("t.json");
    struct json_object *record;

    begin_pair(&f, "json", to);
    pass_number(&f, UINT64_MAX);
    record = last_of(to, "received");
    CHECK_HAS(text_in(record, "header"), "\"message_id\": 9");
    CHECK_STR(text_in(record, "fields"), "{ \"value\": 18446744073709551615 }");
    CHECK_STR(text_in(record, "service"), "\"a\"");
    CHECK_STR(text_in(record, "role"), "\"server\"");
    json_object_put(record);
    pass_chunks(&f, message, make_batch(message), 40, 24);
    record = last_of(to, "sent");
    CHECK_STR(text_in(record, "what"), "\"chunk\"");
    CHECK_HAS(text_in(record, "chunk"), "\"chunk_index\": 2");
    CHECK_HAS(text_in(record, "fields"), "{ \"value\": 3 }");
    json_object_put(record);
    wrapper_pass(&f, "?", 1);
    record = last_of(to, "sent");
    CHECK_STR(text_in(record, "what"), "\"unknown\"");
    json_object_put(record);
    f.ops->close(f.client, 0);
    f.client = NULL;
    record = last_of(to, "closed");
    CHECK_STR(text_in(record, "sent_packets"), "5");
    json_object_put(record);
    wrapper_close(&f);
}

TEST(trace_records, line_that_is_too_long_is_cut_and_still_an_object)
{
    struct wrapper_fixture f;
    static uint8_t message[70000], payload[60000];
    const char *const to = test_path("t.json");
    struct pipc_batch_builder builder;
    struct json_object *record;

    begin_pair(&f, "json", to);
    pipc_batch_begin(&builder, payload, sizeof(payload), 3000);
    for (uint64_t i = 0; i < 3000; i++)
        CHECK_OK(pipc_batch_add(&builder, &i, 8));
    const uint32_t len = (uint32_t)pipc_batch_finish(&builder);
    wrapper_pass(&f, message,
                 wrapper_message(message, PIPC_KIND_REQUEST, PIPC_FLAG_BATCH, 3000, payload, len));
    record = last_of(to, "sent");
    CHECK_STR(text_in(record, "cut"), "true");
    CHECK_HAS(text_in(record, "fields"), "{ \"value\": 100 }");
    json_object_put(record);
    wrapper_close(&f);
}

/* ---- frames ---- */

static uint32_t word_at(const char *bytes, size_t at)
{
    uint32_t word;

    memcpy(&word, bytes + at, 4);
    return word;
}

/* Blocks of a file, each with its length at both ends; their number by type. */
static unsigned blocks_of(const char *bytes, size_t len, uint32_t type)
{
    unsigned count = 0;

    for (size_t at = 0; at < len; at += word_at(bytes, at + 4)) {
        const uint32_t size = word_at(bytes, at + 4);
        CHECK(size >= 12 && size % 4 == 0 && at + size <= len);
        CHECK_EQ(word_at(bytes, at + size - 4), size);
        count += word_at(bytes, at) == type;
    }
    return count;
}

TEST(trace_records, frames_are_blocks_of_pcapng_and_sections_may_follow_each_other)
{
    const char *const to = test_path("t.pcapng");
    size_t len = 0;

    for (int i = 0; i < 2; i++) {
        struct wrapper_fixture f;
        begin_pair(&f, "pcapng", to);
        pass_number(&f, 41);
        wrapper_pass(&f, "odd", 3);
        wrapper_close(&f);
    }
    const char *const bytes = wrapper_file(to, &len);
    CHECK_EQ(blocks_of(bytes, len, UINT32_C(0x0a0d0d0a)), 2);
    CHECK_EQ(blocks_of(bytes, len, 1), 2);
    CHECK_EQ(blocks_of(bytes, len, 6), 2 * (2 + 4 + 2));
    CHECK(memmem(bytes, len, "value=41", 8));
    struct stat now;
    CHECK(stat(to, &now) == 0 && (now.st_mode & 0777) == 0600);
}

TEST(trace_records, frames_keep_as_much_as_they_may_and_no_token)
{
    for (int show = 0; show < 2; show++) {
        struct wrapper_fixture f;
        static uint8_t packet[5000];
        const char *const to = test_path(show ? "shown" : "hidden");
        size_t len = 0;
        begin(&f, "pcapng", to);
        f.values[PIPC_TRACE_OPTION_PACKET_BYTES].number = 96;
        f.values[PIPC_TRACE_OPTION_SHOW_TOKEN].number = (uint64_t)show;
        wrapper_pair(&f);
        wrapper_pass(&f, packet, make_hello(packet));
        memset(packet, 'x', sizeof(packet));
        wrapper_pass(&f, packet, sizeof(packet));
        wrapper_close(&f);
        const char *const bytes = wrapper_file(to, &len);
        CHECK_EQ(memmem(bytes, len, "efghijkl", 8) != NULL, show);
        CHECK(!memmem(bytes, len, packet, 97) && memmem(bytes, len, packet, 96));
    }
}

TEST(trace_records, frame_without_memory_has_what_there_was_room_for)
{
    struct wrapper_fixture f;
    const char *const to = test_path("t.pcapng");
    size_t len = 0;

    begin_pair(&f, "pcapng", to);
    f.uds.fail_after = 0;
    pass_number(&f, 41);
    f.uds.fail_after = UINT32_MAX;
    wrapper_close(&f);
    const char *const bytes = wrapper_file(to, &len);
    CHECK_EQ(blocks_of(bytes, len, 6), 6);
}

/* ---- where records go ---- */

static int write_beyond(void *arg)
{
    struct wrapper_fixture *const f = arg;
    const struct rlimit limit = {16, 16};

    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    pass_number(f, 1);
    pass_number(f, 2);
    CHECK_HAS(f->log, "a record could not be written");
    CHECK(!strstr(strstr(f->log, "could not") + 1, "could not"));
    return 0;
}

TEST(trace_records, record_that_cannot_be_written_is_told_once_and_harms_nothing)
{
    static const char *const formats[] = {"text", "pcapng"};

    for (size_t i = 0; i < 2; i++) {
        struct wrapper_fixture f;
        begin_pair(&f, formats[i], test_path(formats[i]));
        CHECK_EQ(test_in_child(write_beyond, &f), 0);
        wrapper_close(&f);
    }
}

static void refused(const char *format, const char *to, const char *needle)
{
    struct wrapper_fixture f;

    begin(&f, format, to);
    CHECK_RESULT(wrapper_init(&f), PIPC_ERR_CONFIG);
    CHECK_HAS(f.uds.err.text, needle);
    uds_fixture_close(&f.uds);
}

TEST(trace_records, files_that_cannot_serve_are_refused)
{
    CHECK(mkfifo(test_path("fifo"), 0600) == 0);
    CHECK(symlink("t", test_path("link")) == 0);
    refused("text", test_path("no/such"), "cannot be opened for writing");
    refused("text", test_dir(), "cannot be opened for writing");
    refused("text", test_path("link"), "cannot be opened for writing");
    refused("text", "/dev/null", "is no regular file");
    refused("json", test_path("fifo"), "fifo");
    refused("pcapng", NULL, "needs the option to");
}

static int begin_beyond(void *arg)
{
    const struct rlimit limit = {16, 16};

    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    refused("pcapng", test_path("t.pcapng"), "cannot be written");
    return 0;
}

TEST(trace_records, section_that_cannot_be_written_is_refused)
{
    CHECK_EQ(test_in_child(begin_beyond, NULL), 0);
}

TEST(trace_records, instance_needs_its_options_memory_and_the_wrapped_transport)
{
    struct wrapper_fixture f;

    begin(&f, "text", NULL);
    CHECK_RESULT(f.module->init(&f.uds.host, f.values, 1, &f.self, &f.uds.err),
                 PIPC_ERR_MODULE_INIT);
    f.values[PIPC_TRACE_OPTION_WRAPS].text = "nosuch";
    CHECK_RESULT(wrapper_init(&f), PIPC_ERR_MODULE_NOT_FOUND);
    f.values[PIPC_TRACE_OPTION_WRAPS].text = "uds";
    f.uds.fail_after = 0;
    CHECK_RESULT(wrapper_init(&f), PIPC_ERR_ALLOC);
    CHECK_RESULT(f.module->init(&f.uds.host, f.values, 7, &f.self, NULL), PIPC_ERR_ALLOC);
    f.uds.fail_after = UINT32_MAX;
    f.module->fini(NULL);
    f.ops->close(NULL, 0);
    f.ops->listener_close(&f, NULL, 0);
    uds_fixture_close(&f.uds);
}

TEST(trace_records, failures_of_the_wrapped_transport_are_handed_on)
{
    struct wrapper_fixture f;
    const struct pipc_endpoint long_name = {.size = sizeof(long_name),
                                            .run_dir = test_dir(),
                                            .service = "a_name_that_is_longer_than_most_others"};
    const struct pipc_endpoint nobody = {
        .size = sizeof(nobody), .run_dir = test_dir(), .service = "nobody"};
    const struct pipc_wait wait = uds_wait(TEST_LONG), now = uds_wait(UDS_NOW);
    void *listener = NULL, *out = &f;

    char shown[PIPC_WRAPPED_SERVICE];

    pipc_wrapped_name(shown, "a_name_of_a_service_that_is_longer_than_what_a_listener_keeps_of_it");
    CHECK_STR(shown, "a_name_of_a_service_that_is_longer_than_what_a_listener_keeps_o");
    begin(&f, "text", NULL);
    CHECK_OK(wrapper_init(&f));
    CHECK_RESULT(f.ops->connect(f.self, &nobody, &wait, &out, &f.uds.err), PIPC_ERR_CONNECT);
    CHECK_OK(f.ops->listen(f.self, &long_name, &listener, &f.uds.err));
    CHECK_RESULT(f.ops->accept(f.self, listener, &now, &out, &f.uds.err), PIPC_ERR_TIMEOUT);
    CHECK_RESULT(f.ops->listen(f.self, &long_name, &out, &f.uds.err), PIPC_ERR_ADDR_IN_USE);
    CHECK_RESULT(f.ops->adopt(f.self, &nobody, 0, &out, &f.uds.err), PIPC_ERR_BAD_PARAM);
    CHECK(out == &f);
    f.uds.fail_after = 0;
    CHECK_RESULT(f.ops->connect(f.self, &long_name, &wait, &out, &f.uds.err), PIPC_ERR_ALLOC);
    CHECK_HAS(f.uds.err.text, "a_name_that_is_longer");
    CHECK_RESULT(f.ops->accept(f.self, listener, &wait, &out, &f.uds.err), PIPC_ERR_ALLOC);
    CHECK_RESULT(f.ops->listen(f.self, &nobody, &out, &f.uds.err), PIPC_ERR_ALLOC);
    CHECK_RESULT(f.ops->adopt(f.self, &nobody, 0, &out, &f.uds.err), PIPC_ERR_ALLOC);
    f.uds.fail_after = UINT32_MAX;
    f.ops->listener_close(f.self, listener, 0);
    f.module->fini(f.self);
    uds_fixture_close(&f.uds);
}

TEST(trace_records, everything_else_is_handed_on)
{
    struct wrapper_fixture f;
    struct pipc_peer peer = {.size = sizeof(peer)};
    const struct pipc_wait now = uds_wait(UDS_NOW);

    begin_pair(&f, "text", NULL);
    CHECK_EQ(f.ops->look(f.client), PIPC_LOOK_NOTHING);
    CHECK_EQ(f.ops->packet_max(f.client, 100), 100);
    CHECK(f.ops->wait_handle(f.client) >= 0);
    CHECK_OK(f.ops->peer(f.client, &peer));
    CHECK_EQ(peer.pid, getpid());
    CHECK_OK(f.ops->admit(f.server, &f.uds.err));
    CHECK(f.ops->waiter(f.client));
    CHECK_EQ(f.ops->memory(f.client), 0);
    f.ops->wake(f.client);
    f.ops->finish(f.server, &now);
    f.ops->interrupt(f.client);
    CHECK_EQ(f.ops->look(f.client), PIPC_LOOK_GONE);
    wrapper_close(&f);
}
