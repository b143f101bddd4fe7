/* SPDX-License-Identifier: Apache-2.0
 *
 * A region of a hostile peer: its header as a client judges it ('h': 64 bytes, then sizes of the
 * file and of the agreed limits), and words and area as a receive takes from them ('t': 64 bytes,
 * sizes of the caller's pieces, then the area), over a private mapping without a file.
 */
#include "fuzz.h"
#include "transports/shm/shm.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY 1088u

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Takes up to 4 bytes off the input; what is not there is 0. */
static uint32_t number(const uint8_t **data, size_t *len)
{
    uint32_t value = 0;
    const size_t part = *len < sizeof(value) ? *len : sizeof(value);

    memcpy(&value, *data, part);
    *data += part;
    *len -= part;
    return value;
}

static void check_header(const struct shm_header *header, const uint8_t *data, size_t len)
{
    const uint64_t file_size = (uint64_t)number(&data, &len) << (len > 8 ? 8 : 0);
    const struct pipc_upgrade_request request = {.size = sizeof(request),
                                                 .max_request_bytes = number(&data, &len),
                                                 .max_response_bytes = number(&data, &len)};
    const struct shm_verdict verdict = shm_header_check(header, file_size, &request);

    if (verdict.result != PIPC_OK) {
        must(verdict.what[0] != '\0');
        must(!verdict.again || verdict.result == PIPC_ERR_REGION_NOT_READY ||
             verdict.result == PIPC_ERR_REGION_BAD_MAGIC);
        return;
    }
    const uint64_t request_end = (uint64_t)header->request_offset + header->request_capacity;
    const uint64_t response_end = (uint64_t)header->response_offset + header->response_capacity;
    must(header->magic == PIPC_SHM_MAGIC && header->request_offset >= 64);
    must(request_end <= header->response_offset && response_end <= file_size);
    must(header->request_capacity >= (uint64_t)32 + request.max_request_bytes);
    must(header->response_capacity >= (uint64_t)32 + request.max_response_bytes);
    must((header->request_offset | header->response_offset) % 64 == 0);
}

/* ---- taking ---- */

static uint32_t look(void *channel)
{
    (void)channel;
    return PIPC_LOOK_NOTHING;
}

static uint64_t clock_ns(const struct pipc_host *host)
{
    (void)host;
    return 1;
}

static const struct pipc_transport_ops carrier_ops = {.size = sizeof(carrier_ops), .look = look};
static const struct pipc_host host = {
    .size = sizeof(host), .clock_ns = clock_ns, .cpus = 1, .sleep_cost_ns = 1000};
static const struct shm_instance instance = {.host = &host};

static void check_taken(const struct shm_channel *channel, const uint8_t *area,
                        const struct pipc_piece *pieces, const struct pipc_received *received)
{
    const size_t room = pieces[0].len + pieces[1].len;
    const size_t first = received->len < pieces[0].len ? (size_t)received->len : pieces[0].len;

    must(received->len <= room && received->len <= CAPACITY);
    if (received->flags & PIPC_RECEIVED_END) {
        must(received->len == 0 && channel->taken == 0);
        return;
    }
    must(channel->taken == 1 && received->len >= 32);
    must(!(received->flags & PIPC_RECEIVED_CUT) || received->len == 32);
    must(memcmp(pieces[0].base, area, first) == 0);
    must(memcmp(pieces[1].base, area + first, (size_t)received->len - first) == 0);
}

static void take(const struct shm_header *words, const uint8_t *data, size_t len)
{
    const size_t sizes[2] = {number(&data, &len) % 2048, number(&data, &len) % 2048};
    struct pipc_piece pieces[2] = {{malloc(sizes[0] + 1), sizes[0]},
                                   {malloc(sizes[1] + 1), sizes[1]}};
    uint8_t *const map = aligned_alloc(64, 64 + 2 * CAPACITY);
    const struct pipc_wait now = {
        .size = sizeof(now), .deadline_ns = PIPC_NOW, .abort = PIPC_NO_HANDLE};
    struct pipc_received received = {.size = sizeof(received)};
    struct shm_channel channel = {.instance = &instance,
                                  .role = PIPC_ROLE_SERVER,
                                  .carrier = {.size = sizeof(channel.carrier), .ops = &carrier_ops},
                                  .carrier_fd = -1,
                                  .region = {.fd = -1, .map = map, .size = 64 + 2 * CAPACITY}};
    struct shm_header layout;
    uint64_t size;
    pipc_result result;

    must(pieces[0].base && pieces[1].base && map && shm_layout(1024, 1024, &layout, &size));
    memset(map, 0, 64 + 2 * CAPACITY);
    memcpy(map, words, sizeof(*words));
    memcpy(map + 64, data, len < CAPACITY ? len : CAPACITY);
    shm_channel_bind(&channel, map, &layout);
    result = shm_receive(&channel, pieces, 2, &now, &received, NULL);
    must(result == PIPC_OK || result == PIPC_ERR_TIMEOUT || result == PIPC_ERR_PROTOCOL ||
         (result == PIPC_ERR_BAD_PARAM && sizes[0] + sizes[1] < 32));
    must((result == PIPC_ERR_TIMEOUT) == (words->req_seq == 0));
    if (result == PIPC_OK)
        check_taken(&channel, map + 64, pieces, &received);
    must(memcmp(map, words, sizeof(*words)) == 0);
    free(pieces[0].base);
    free(pieces[1].base);
    free(map);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    struct shm_header header;

    if (len < 1 + sizeof(header))
        return;
    memcpy(&header, data + 1, sizeof(header));
    if (data[0] == 'h')
        check_header(&header, data + 1 + sizeof(header), len - 1 - sizeof(header));
    else
        take(&header, data + 1 + sizeof(header), len - 1 - sizeof(header));
}
