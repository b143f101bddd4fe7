/* SPDX-License-Identifier: Apache-2.0
 *
 * The bytes of the wire envelope: outer header, batch directory, chunk header, HELLO, HELLO_ACK
 * (docs/level1-wire-envelope.md).
 *
 * Pure functions: no I/O, no allocation, no state; any thread, never block. Integers are moved with
 * memcpy, so buffers may start at any address. Decoders never read outside [bytes, bytes + len) and
 * leave their outputs untouched on failure. Encoders never write outside their buffer.
 */
#ifndef PIPC_WIRE_H
#define PIPC_WIRE_H

#include <pipc/types.h>
#include <pipc/visit.h>

#ifdef __cplusplus
extern "C" {
#endif

/* docs/level1-wire-envelope.md 8 */
#define PIPC_HEADER_LEN          32u
#define PIPC_HELLO_LEN           44u
#define PIPC_HELLO_ACK_LEN       48u
#define PIPC_HANDSHAKE_BUF_LEN   128u
#define PIPC_BATCH_ENTRY_LEN     8u
#define PIPC_ALIGNMENT           8u
#define PIPC_MAX_PAYLOAD_DEFAULT 1024u
#define PIPC_BATCH_ITEMS_DEFAULT 1u
#define PIPC_PACKET_SIZE_DEFAULT 65536u
#define PIPC_PACKET_SIZE_MIN     33u
#define PIPC_MAX_PAYLOAD_CAP     1048576u
#define PIPC_MSG_LEN_MAX         UINT32_C(4294967295)
#define PIPC_PAYLOAD_LEN_MAX     UINT32_C(4294967263)

#define PIPC_MAGIC        UINT32_C(0x4e495043)
#define PIPC_CHUNK_MAGIC  UINT32_C(0x4e43484b)
#define PIPC_WIRE_VERSION 1u
#define PIPC_HELLO_LAYOUT 1u

/* header.kind */
#define PIPC_KIND_REQUEST  1u
#define PIPC_KIND_RESPONSE 2u
#define PIPC_KIND_CONTROL  3u

/* header.flags */
#define PIPC_FLAG_BATCH 0x0001u

/* header.code of CONTROL messages */
#define PIPC_CODE_HELLO     1u
#define PIPC_CODE_HELLO_ACK 2u

/* header.transport_status */
#define PIPC_STATUS_OK             0u
#define PIPC_STATUS_BAD_ENVELOPE   1u
#define PIPC_STATUS_AUTH_FAILED    2u
#define PIPC_STATUS_INCOMPATIBLE   3u
#define PIPC_STATUS_UNSUPPORTED    4u
#define PIPC_STATUS_LIMIT_EXCEEDED 5u
#define PIPC_STATUS_INTERNAL_ERROR 6u

/* Profile bits (docs/level1-wire-envelope.md 7). Bits of single data planes stand in the public
 * headers of their modules. */
#define PIPC_PROFILE_BASELINE         UINT32_C(0x01)
#define PIPC_PROFILE_MASK_COMMON      UINT32_C(0x000000ff)
#define PIPC_PROFILE_MASK_EXTENSION   UINT32_C(0x0000ff00)
#define PIPC_PROFILE_MASK_THIRD_PARTY UINT32_C(0xffff0000)

/* Outer header, first in every message. Fields in wire order. */
struct pipc_header {
    uint32_t magic;
    uint16_t version;
    uint16_t header_len;
    uint16_t kind;
    uint16_t flags;
    uint16_t code;
    uint16_t transport_status;
    uint32_t payload_len;
    uint32_t item_count;
    uint64_t message_id;
};

/* Header of every packet of a message but the first. */
struct pipc_chunk {
    uint32_t magic;
    uint16_t version;
    uint16_t flags;
    uint64_t message_id;
    uint32_t total_message_len;
    uint32_t chunk_index;
    uint32_t chunk_count;
    uint32_t chunk_payload_len;
};

/* HELLO payload; `padding` is decoded so that the handshake can tell its faults apart. */
struct pipc_hello {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t supported_profiles;
    uint32_t preferred_profiles;
    uint32_t max_request_payload_bytes;
    uint32_t max_request_batch_items;
    uint32_t max_response_payload_bytes;
    uint32_t max_response_batch_items;
    uint32_t padding;
    uint64_t auth_token;
    uint32_t packet_size;
};

/* HELLO_ACK payload. */
struct pipc_hello_ack {
    uint16_t layout_version;
    uint16_t flags;
    uint32_t server_supported_profiles;
    uint32_t intersection_profiles;
    uint32_t selected_profile;
    uint32_t agreed_max_request_payload_bytes;
    uint32_t agreed_max_request_batch_items;
    uint32_t agreed_max_response_payload_bytes;
    uint32_t agreed_max_response_batch_items;
    uint32_t agreed_packet_size;
    uint32_t padding;
    uint64_t session_id;
};

/* x rounded up to the next multiple of 8; x at most UINT64_MAX - 7. */
static inline uint64_t pipc_align8(uint64_t x)
{
    return (x + 7u) & ~UINT64_C(7);
}

/* Writes all ten fields as given. Returns PIPC_HEADER_LEN, or 0 with nothing written when cap is
 * smaller. Wire 2. */
PIPC_API size_t pipc_header_encode(const struct pipc_header *header, void *buf, size_t cap);

/* Checks of wire 2.6 in their order: PIPC_ERR_TRUNCATED, BAD_MAGIC, BAD_VERSION, BAD_HEADER_LEN,
 * BAD_KIND. Bytes behind the header are not looked at. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_header_decode(const void *bytes, size_t len,
                                                        struct pipc_header *ret_header);

/* Writes all eight fields as given. Returns PIPC_HEADER_LEN or 0. Wire 4.2. */
PIPC_API size_t pipc_chunk_encode(const struct pipc_chunk *chunk, void *buf, size_t cap);

/* Structure alone (wire 4.3 step 2; the session compares the rest): PIPC_ERR_TRUNCATED,
 * BAD_MAGIC, BAD_VERSION, BAD_LAYOUT (flags not 0, or no payload). */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_chunk_decode(const void *bytes, size_t len,
                                                       struct pipc_chunk *ret_chunk);

/* Number of packets of a message: 1, or 1 + ceil((payload_len - first) / (packet_size - 32)) when
 * the first packet holds `first` payload bytes and more follow. packet_size must be above 32 and
 * first at most payload_len; otherwise 0. Wire 4.1, 4.3. */
PIPC_API uint64_t pipc_chunk_count(uint32_t payload_len, uint32_t first, uint32_t packet_size);

/* Writes the 44 or 48 bytes as given, padding included. Returns the length or 0. Wire 5. */
PIPC_API size_t pipc_hello_encode(const struct pipc_hello *hello, void *buf, size_t cap);
PIPC_API size_t pipc_hello_ack_encode(const struct pipc_hello_ack *ack, void *buf, size_t cap);

/* HELLO: PIPC_ERR_TRUNCATED; PIPC_ERR_BAD_LAYOUT for version, flags or padding, in that order.
 * Wire 5.1. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_hello_decode(const void *bytes, size_t len,
                                                       struct pipc_hello *ret_hello);

/* HELLO_ACK: PIPC_ERR_TRUNCATED; PIPC_ERR_BAD_LAYOUT for version or flags; padding is ignored.
 * Wire 5.2. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_hello_ack_decode(const void *bytes, size_t len,
                                                           struct pipc_hello_ack *ret_ack);

/* As the two above without any check but the length: for the handshake, which tells the faults
 * apart and judges a HELLO of another layout by its row of docs/level1-transport.md 6. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_hello_read(const void *bytes, size_t len,
                                                     struct pipc_hello *ret_hello);
PIPC_MUST_CHECK PIPC_API pipc_result pipc_hello_ack_read(const void *bytes, size_t len,
                                                         struct pipc_hello_ack *ret_ack);

/* Builder of a batch payload (wire 3.1). Members are private; nothing read back from the buffer
 * decides a length or an address, so the buffer may be shared with a hostile process. */
struct pipc_batch_builder {
    uint8_t *buf;
    uint64_t cap;
    uint64_t pos;
    uint32_t max_items;
    uint32_t count;
};

/* Starts a batch of at most max_items items in buf. Allocates nothing. */
PIPC_API void pipc_batch_begin(struct pipc_batch_builder *builder, void *buf, size_t cap,
                               uint32_t max_items);

/* Room that the next item may take: its address and size, 0 when none is left. The caller may write
 * the item there and pass that address to pipc_batch_add, which then copies nothing. */
PIPC_API void *pipc_batch_room(const struct pipc_batch_builder *builder, size_t *ret_len);

/* Appends an item. PIPC_ERR_OVERFLOW leaves the builder unchanged and usable; PIPC_ERR_BAD_PARAM
 * for NULL with a length. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_batch_add(struct pipc_batch_builder *builder,
                                                    const void *item, size_t len);

/* Finishes: compacts and pads. Returns the payload length; the item count is builder->count. */
PIPC_API size_t pipc_batch_finish(struct pipc_batch_builder *builder);

/* Extraction of wire 3.3, safe on any bytes: PIPC_ERR_OUT_OF_BOUNDS, BAD_ITEM_COUNT, TRUNCATED,
 * BAD_ALIGNMENT. The item borrows from the payload; nothing is copied. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_batch_item(const void *payload, size_t payload_len,
                                                     uint32_t item_count, uint32_t index,
                                                     const void **ret_item, size_t *ret_len);

/* Validation of wire 3.2 over the whole directory: PIPC_ERR_TRUNCATED, BAD_ALIGNMENT,
 * OUT_OF_BOUNDS. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_batch_check(const void *payload, size_t payload_len,
                                                      uint32_t item_count);

/* Batches whose items all have `item_len` bytes, a multiple of 8, and lie one behind the other:
 * made and read at once. begin writes the directory, tells where the items go and returns the
 * payload's length; 0 when that does not fit `cap` or a payload. It never reads the buffer. items
 * gives the first item of `item_count`, or NULL when the directory is any other; safe on any bytes.
 */
PIPC_API size_t pipc_batch_uniform_begin(void *buf, size_t cap, uint32_t item_count,
                                         uint32_t item_len, void **ret_items);
PIPC_API const void *pipc_batch_uniform_items(const void *payload, size_t payload_len,
                                              uint32_t item_count, uint32_t item_len);

/* The structures by name, for tools: "header", "chunk", "hello", "hello_ack", "batch".
 * walk: decodes, then names every field to the visitor in wire order (padding left out, as in the
 * golden vectors); item_count is that of the outer header and counts for "batch" only.
 * build: the reverse, from named fields (missing ones are 0; magic, version, header_len and
 * layout_version default to the right value); *ret_len is what was written.
 * PIPC_ERR_BAD_PARAM for an unknown name, the decoder's errors, the source's errors,
 * PIPC_ERR_OVERFLOW. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_wire_walk(const char *structure, const void *bytes,
                                                    size_t len, uint32_t item_count,
                                                    const struct pipc_visitor *visitor);
PIPC_MUST_CHECK PIPC_API pipc_result pipc_wire_build(const char *structure,
                                                     const struct pipc_fields *fields, void *buf,
                                                     size_t cap, size_t *ret_len);

#ifdef __cplusplus
}
#endif
#endif
