/* SPDX-License-Identifier: Apache-2.0
 *
 * The structures of the envelope by the names of their fields, in both directions, for tools.
 *
 * The tables name members of the structs of pipc/wire.h; where a member lies on the wire is known
 * to its encoder and decoder alone. Pure; runs on the caller's thread, which also runs the visitor
 * or the source of fields.
 */
#include <pipc/wire.h>

#include "bytes.h"

struct field {
    const char *name;
    uint16_t at;    /* in the struct */
    uint16_t width; /* of the member */
    uint32_t usual; /* what building takes when the source has no such field */
};

#define FIELD(type, member, usual_)                                                        \
    {                                                                                      \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member), usual_ \
    }

static const struct field header_fields[] = {
    FIELD(pipc_header, magic, PIPC_MAGIC),
    FIELD(pipc_header, version, PIPC_WIRE_VERSION),
    FIELD(pipc_header, header_len, PIPC_HEADER_LEN),
    FIELD(pipc_header, kind, 0),
    FIELD(pipc_header, flags, 0),
    FIELD(pipc_header, code, 0),
    FIELD(pipc_header, transport_status, 0),
    FIELD(pipc_header, payload_len, 0),
    FIELD(pipc_header, item_count, 0),
    FIELD(pipc_header, message_id, 0),
};

static const struct field chunk_fields[] = {
    FIELD(pipc_chunk, magic, PIPC_CHUNK_MAGIC),
    FIELD(pipc_chunk, version, PIPC_WIRE_VERSION),
    FIELD(pipc_chunk, flags, 0),
    FIELD(pipc_chunk, message_id, 0),
    FIELD(pipc_chunk, total_message_len, 0),
    FIELD(pipc_chunk, chunk_index, 0),
    FIELD(pipc_chunk, chunk_count, 0),
    FIELD(pipc_chunk, chunk_payload_len, 0),
};

static const struct field hello_fields[] = {
    FIELD(pipc_hello, layout_version, PIPC_HELLO_LAYOUT),
    FIELD(pipc_hello, flags, 0),
    FIELD(pipc_hello, supported_profiles, 0),
    FIELD(pipc_hello, preferred_profiles, 0),
    FIELD(pipc_hello, max_request_payload_bytes, 0),
    FIELD(pipc_hello, max_request_batch_items, 0),
    FIELD(pipc_hello, max_response_payload_bytes, 0),
    FIELD(pipc_hello, max_response_batch_items, 0),
    FIELD(pipc_hello, auth_token, 0),
    FIELD(pipc_hello, packet_size, 0),
};

static const struct field hello_ack_fields[] = {
    FIELD(pipc_hello_ack, layout_version, PIPC_HELLO_LAYOUT),
    FIELD(pipc_hello_ack, flags, 0),
    FIELD(pipc_hello_ack, server_supported_profiles, 0),
    FIELD(pipc_hello_ack, intersection_profiles, 0),
    FIELD(pipc_hello_ack, selected_profile, 0),
    FIELD(pipc_hello_ack, agreed_max_request_payload_bytes, 0),
    FIELD(pipc_hello_ack, agreed_max_request_batch_items, 0),
    FIELD(pipc_hello_ack, agreed_max_response_payload_bytes, 0),
    FIELD(pipc_hello_ack, agreed_max_response_batch_items, 0),
    FIELD(pipc_hello_ack, agreed_packet_size, 0),
    FIELD(pipc_hello_ack, session_id, 0),
};

union record {
    struct pipc_header header;
    struct pipc_chunk chunk;
    struct pipc_hello hello;
    struct pipc_hello_ack hello_ack;
    uint8_t bytes[64];
};

static pipc_result decode_header(const void *bytes, size_t len, union record *ret)
{
    return pipc_header_decode(bytes, len, &ret->header);
}

static size_t encode_header(const union record *record, void *buf, size_t cap)
{
    return pipc_header_encode(&record->header, buf, cap);
}

static pipc_result decode_chunk(const void *bytes, size_t len, union record *ret)
{
    return pipc_chunk_decode(bytes, len, &ret->chunk);
}

static size_t encode_chunk(const union record *record, void *buf, size_t cap)
{
    return pipc_chunk_encode(&record->chunk, buf, cap);
}

static pipc_result decode_hello(const void *bytes, size_t len, union record *ret)
{
    return pipc_hello_decode(bytes, len, &ret->hello);
}

static size_t encode_hello(const union record *record, void *buf, size_t cap)
{
    return pipc_hello_encode(&record->hello, buf, cap);
}

static pipc_result decode_hello_ack(const void *bytes, size_t len, union record *ret)
{
    return pipc_hello_ack_decode(bytes, len, &ret->hello_ack);
}

static size_t encode_hello_ack(const union record *record, void *buf, size_t cap)
{
    return pipc_hello_ack_encode(&record->hello_ack, buf, cap);
}

struct structure {
    const char *name;
    const struct field *fields;
    size_t field_count;
    pipc_result (*decode)(const void *bytes, size_t len, union record *ret);
    size_t (*encode)(const union record *record, void *buf, size_t cap);
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define STRUCTURE(name)                                                          \
    {                                                                            \
#name, name##_fields, COUNT(name##_fields), decode_##name, encode_##name \
    }

static const struct structure structures[] = {
    STRUCTURE(header),
    STRUCTURE(chunk),
    STRUCTURE(hello),
    STRUCTURE(hello_ack),
};

static const struct structure *find_structure(const char *name)
{
    for (size_t i = 0; i < COUNT(structures); i++)
        if (strcmp(structures[i].name, name) == 0)
            return &structures[i];
    return NULL;
}

/* Members have the width and the byte order of their type. */
static uint64_t load_member(const union record *record, const struct field *f)
{
    struct pipci_reader r = {record->bytes + f->at};
    if (f->width == 2)
        return pipci_get16(&r);
    return f->width == 4 ? pipci_get32(&r) : pipci_get64(&r);
}

static void store_member(union record *record, const struct field *f, uint64_t value)
{
    struct pipci_writer w = {record->bytes + f->at};
    if (f->width == 2)
        pipci_put16(&w, (uint16_t)value);
    else if (f->width == 4)
        pipci_put32(&w, (uint32_t)value);
    else
        pipci_put64(&w, value);
}

static pipc_result walk_item(const void *bytes, size_t len, uint32_t item_count, uint32_t index,
                             const struct pipc_visitor *v)
{
    const void *item;
    size_t item_len;
    pipc_result result = pipc_batch_item(bytes, len, item_count, index, &item, &item_len);
    if (result != PIPC_OK)
        return result; /* LCOV_EXCL_LINE: needs bytes that change after their check */
    const uint8_t *const area = (const uint8_t *)bytes + (size_t)item_count * PIPC_BATCH_ENTRY_LEN;
    const uint64_t offset = (uint64_t)((const uint8_t *)item - area);
    if ((result = v->begin_item(v->arg)) != PIPC_OK ||
        (result = v->number(v->arg, "offset", offset, 4)) != PIPC_OK ||
        (result = v->number(v->arg, "length", item_len, 4)) != PIPC_OK ||
        (result = v->blob(v->arg, "data", item, item_len)) != PIPC_OK)
        return result;
    return v->end_item(v->arg);
}

static pipc_result walk_batch(const void *bytes, size_t len, uint32_t item_count,
                              const struct pipc_visitor *v)
{
    pipc_result result = pipc_batch_check(bytes, len, item_count);
    if (result != PIPC_OK)
        return result;
    if ((result = v->number(v->arg, "item_count", item_count, 4)) != PIPC_OK ||
        (result = v->begin_list(v->arg, "items", item_count)) != PIPC_OK)
        return result;
    for (uint32_t i = 0; i < item_count; i++)
        if ((result = walk_item(bytes, len, item_count, i, v)) != PIPC_OK)
            return result;
    return v->end_list(v->arg);
}

pipc_result pipc_wire_walk(const char *structure, const void *bytes, size_t len,
                           uint32_t item_count, const struct pipc_visitor *visitor)
{
    if (!structure || !visitor || (!bytes && len > 0))
        return PIPC_ERR_BAD_PARAM;
    if (strcmp(structure, "batch") == 0)
        return walk_batch(bytes, len, item_count, visitor);
    const struct structure *s = find_structure(structure);
    if (!s)
        return PIPC_ERR_BAD_PARAM;
    union record record;
    pipc_result result = s->decode(bytes, len, &record);
    for (size_t i = 0; result == PIPC_OK && i < s->field_count; i++) {
        const struct field *f = &s->fields[i];
        result = visitor->number(visitor->arg, f->name, load_member(&record, f), f->width);
    }
    return result;
}

static pipc_result build_batch(const struct pipc_fields *fields, void *buf, size_t cap,
                               size_t *ret_len)
{
    uint32_t count = 0;
    pipc_result result = fields->list(fields->arg, NULL, "items", &count);
    if (result != PIPC_OK)
        return result;
    struct pipc_batch_builder builder;
    pipc_batch_begin(&builder, buf, cap, count);
    for (uint32_t i = 0; i < count; i++) {
        pipc_node item = NULL;
        const void *data = NULL;
        size_t len = 0;
        if ((result = fields->item(fields->arg, NULL, "items", i, &item)) != PIPC_OK)
            return result;
        result = fields->string(fields->arg, item, "data", &data, &len);
        if (result == PIPC_ERR_NOT_SUPPORTED)
            len = 0;
        else if (result != PIPC_OK)
            return result;
        if ((result = pipc_batch_add(&builder, data, len)) != PIPC_OK)
            return result;
    }
    *ret_len = pipc_batch_finish(&builder);
    return PIPC_OK;
}

/* The value of one field from the source, or the usual one. */
static pipc_result ask(const struct pipc_fields *fields, const struct field *f, uint64_t *ret_value)
{
    const uint64_t max = f->width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * f->width)) - 1;
    const pipc_result result = fields->number(fields->arg, NULL, f->name, max, ret_value);
    if (result == PIPC_ERR_NOT_SUPPORTED) {
        *ret_value = f->usual;
        return PIPC_OK;
    }
    if (result == PIPC_OK && *ret_value > max)
        return PIPC_ERR_BAD_LAYOUT;
    return result;
}

pipc_result pipc_wire_build(const char *structure, const struct pipc_fields *fields, void *buf,
                            size_t cap, size_t *ret_len)
{
    if (!structure || !fields || !ret_len || (!buf && cap > 0))
        return PIPC_ERR_BAD_PARAM;
    if (strcmp(structure, "batch") == 0)
        return build_batch(fields, buf, cap, ret_len);
    const struct structure *s = find_structure(structure);
    if (!s)
        return PIPC_ERR_BAD_PARAM;
    union record record;
    memset(&record, 0, sizeof(record));
    for (size_t i = 0; i < s->field_count; i++) {
        uint64_t value = 0;
        const pipc_result result = ask(fields, &s->fields[i], &value);
        if (result != PIPC_OK)
            return result;
        store_member(&record, &s->fields[i], value);
    }
    const size_t len = s->encode(&record, buf, cap);
    if (len == 0)
        return PIPC_ERR_OVERFLOW;
    *ret_len = len;
    return PIPC_OK;
}
