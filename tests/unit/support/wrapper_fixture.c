/* SPDX-License-Identifier: Apache-2.0
 *
 * See wrapper_fixture.h.
 */
#include "wrapper_fixture.h"

#include <pipc/codecs/increment.h>

#include <fcntl.h>
#include <unistd.h>

static struct wrapper_fixture *current;
static struct pipc_transport_ops inner;

static uint64_t no_memory(void *channel)
{
    (void)channel;
    return 0;
}

static void no_wake(void *channel)
{
    (void)channel;
}

static pipc_result find_transport(const struct pipc_host *host, const char *name,
                                  const struct pipc_transport_ops **ret_ops, void **ret_self,
                                  struct pipc_error *err)
{
    if (strcmp(name, "uds") != 0) {
        host->error_set(host, err, PIPC_ERR_MODULE_NOT_FOUND, 0, "no such transport");
        return PIPC_ERR_MODULE_NOT_FOUND;
    }
    *ret_ops = &inner;
    *ret_self = current->uds.self;
    return PIPC_OK;
}

static pipc_result find_codec(const struct pipc_host *host, const char *name, uint32_t code,
                              const struct pipc_codec_ops **ret_ops, struct pipc_error *err)
{
    (void)host, (void)err;
    CHECK(!name);
    if (code != PIPC_METHOD_INCREMENT)
        return PIPC_ERR_MODULE_NOT_FOUND;
    *ret_ops = pipc_module_increment.ops;
    return PIPC_OK;
}

static pipc_result wire_walk(const struct pipc_host *host, const char *structure, const void *bytes,
                             size_t len, const struct pipc_visitor *visitor)
{
    (void)host;
    return pipc_wire_walk(structure, bytes, len, 1, visitor);
}

static void keep_log(const struct pipc_host *host, uint32_t level, const char *text)
{
    const size_t used = strlen(current->log);

    (void)host, (void)level;
    CHECK(text && !strchr(text, '\n'));
    snprintf(current->log + used, sizeof(current->log) - used, "%s\n", text);
}

static void value_default(const struct pipc_option *option, struct pipc_option_value *value)
{
    const char *const text = option->default_text;

    *value = (struct pipc_option_value){.key = option->key, .type = option->type, .text = text};
    if (option->type == PIPC_OPTION_NUMBER)
        value->number = strtoull(text, NULL, 0);
    if (option->type == PIPC_OPTION_YESNO)
        value->number = strcmp(text, "yes") == 0;
}

void wrapper_defaults(struct wrapper_fixture *f, const struct pipc_module *module)
{
    memset(f, 0, sizeof(*f));
    current = f;
    uds_fixture_open(&f->uds);
    inner = *f->uds.ops;
    inner.memory = no_memory;
    inner.wake = no_wake;
    f->uds.host.find_transport = find_transport;
    f->uds.host.find_codec = find_codec;
    f->uds.host.wire_walk = wire_walk;
    f->uds.host.log = keep_log;
    f->module = module;
    f->ops = module->ops;
    for (uint32_t i = 0; i < module->option_count; i++)
        value_default(&module->options[i], &f->values[i]);
}

pipc_result wrapper_init(struct wrapper_fixture *f)
{
    return f->module->init(&f->uds.host, f->values, f->module->option_count, &f->self, &f->uds.err);
}

void wrapper_pair(struct wrapper_fixture *f)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = test_dir(), .service = "a"};
    const struct pipc_wait wait = uds_wait(5000);
    void *listener;

    CHECK_OK(wrapper_init(f));
    CHECK_OK(f->ops->listen(f->self, &endpoint, &listener, &f->uds.err));
    CHECK_OK(f->ops->connect(f->self, &endpoint, &wait, &f->client, &f->uds.err));
    CHECK_OK(f->ops->accept(f->self, listener, &wait, &f->server, &f->uds.err));
    CHECK(f->ops->listener_wait_handle(f->self, listener) >= 0);
    f->ops->listener_close(f->self, listener, 0);
}

void wrapper_close(struct wrapper_fixture *f)
{
    f->ops->close(f->client, 0);
    f->ops->close(f->server, 0);
    f->module->fini(f->self);
    uds_fixture_close(&f->uds);
}

pipc_result wrapper_put(struct wrapper_fixture *f, void *channel, const void *bytes, size_t len)
{
    const struct pipc_piece piece = {(void *)(uintptr_t)bytes, len};
    const struct pipc_wait wait = uds_wait(5000);

    return f->ops->send(channel, &piece, 1, &wait, &f->uds.err);
}

pipc_result wrapper_get(struct wrapper_fixture *f, void *channel, void *bytes, size_t size,
                        struct pipc_received *received)
{
    const struct pipc_piece piece = {bytes, size};
    const struct pipc_wait wait = uds_wait(5000);

    *received = (struct pipc_received){.size = sizeof(*received)};
    return f->ops->receive(channel, &piece, 1, &wait, received, &f->uds.err);
}

void wrapper_pass(struct wrapper_fixture *f, const void *bytes, size_t len)
{
    static uint8_t got[70000];
    struct pipc_received received;

    CHECK_OK(wrapper_put(f, f->client, bytes, len));
    CHECK_OK(wrapper_get(f, f->server, got, sizeof(got), &received));
    CHECK_EQ(received.len, len);
    CHECK_MEM(got, bytes, len);
}

size_t wrapper_message(uint8_t *packet, uint16_t kind, uint16_t flags, uint32_t items,
                       const void *payload, uint32_t len)
{
    const struct pipc_header header = {.magic = PIPC_MAGIC,
                                       .version = PIPC_WIRE_VERSION,
                                       .header_len = PIPC_HEADER_LEN,
                                       .kind = kind,
                                       .flags = flags,
                                       .code = PIPC_METHOD_INCREMENT,
                                       .payload_len = len,
                                       .item_count = items,
                                       .message_id = 9};

    CHECK_EQ(pipc_header_encode(&header, packet, PIPC_HEADER_LEN), PIPC_HEADER_LEN);
    if (len > 0)
        memcpy(packet + PIPC_HEADER_LEN, payload, len);
    return PIPC_HEADER_LEN + len;
}

const char *wrapper_file(const char *path, size_t *ret_len)
{
    static char text[1 << 18];
    const int fd = open(path, O_RDONLY);
    const ssize_t len = read(fd, text, sizeof(text) - 1);

    CHECK(fd >= 0 && len >= 0);
    close(fd);
    text[len] = '\0';
    if (ret_len)
        *ret_len = (size_t)len;
    return text;
}
