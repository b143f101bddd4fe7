/* SPDX-License-Identifier: Apache-2.0
 *
 * A message type of a third party: on which lines does a text have these words? A keyed lookup with
 * a layout that has nothing in common with those of codecs/, to show that splitting, asking again
 * and stitching need no more than the hooks.
 *
 * Request: u32 count, then for each word u16 length and its bytes. Response: u64 generation, u32
 * count, u32 zero, the items without gaps, then u32 ends of the items. Item: u8 status, u8 zero,
 * u16 length of the word, u32 number of lines, the word, the lines (u32 each).
 *
 * Pure, but for the count of the work that the hooks of the client did.
 */
#ifndef PIPC_TESTS_WORD_COUNT_H
#define PIPC_TESTS_WORD_COUNT_H

#include <pipc/client.h>
#include <pipc/module.h>
#include <pipc/server.h>

#define WORD_COUNT_NAME     "word_count"
#define WORD_COUNT_CODE     0x5743u
#define WORD_COUNT_HDR      16u
#define WORD_COUNT_REQ_HDR  4u
#define WORD_COUNT_ITEM_HDR 8u
#define WORD_COUNT_END_LEN  4u
#define WORD_COUNT_MAX      65535u /* bytes of a word */

enum word_status { WORD_KNOWN = 0, WORD_UNKNOWN = 1, WORD_FULL = 2, WORD_OVERSIZED = 3 };

/* Borrows from the payload, until the client's next operation. */
struct word_count_view {
    const uint8_t *payload;
    uint64_t generation;
    uint32_t count;
    uint32_t area; /* bytes of the items */
};

struct word_count_item {
    uint32_t status;
    uint32_t lines;
    struct pipc_str_view word;
};

/* Item `index` of a decoded view, which must have it. */
struct word_count_item word_count_item(const struct word_count_view *view, uint32_t index);
/* Line `index` of item `item`. */
uint32_t word_count_line(const struct word_count_view *view, uint32_t item, uint32_t index);
/* Bytes of a request for these words. */
uint64_t word_count_request_size(const struct pipc_str_view *words, uint32_t count);
/* Bytes of a response with items of `sum` bytes altogether. */
uint64_t word_count_response_size(uint32_t count, uint64_t sum);

static inline pipc_result pipc_client_call_word_count(struct pipc_client *client,
                                                      const struct pipc_str_view *words,
                                                      uint32_t count,
                                                      struct word_count_view *ret_view,
                                                      uint32_t timeout_ms, struct pipc_error *err)
{
    return pipc_client_call_lookup(client, WORD_COUNT_NAME, 1, words, count, ret_view, timeout_ms,
                                   err);
}

/* ---- for servers ---- */

/* A response under construction, which keeps room for the answers that are still to come. */
struct word_count_builder {
    uint8_t *buf;
    size_t cap;
    const uint8_t *key; /* the next word's length and bytes in the request */
    uint32_t n;
    uint32_t count;
    uint64_t pos;     /* behind the items so far */
    uint64_t reserve; /* placeholders of the words from `key` on */
    uint64_t generation;
    pipc_result error;
    uint32_t full;
};

/* The word that the next add answers. */
struct pipc_str_view word_count_next(const struct word_count_builder *builder);
/* Answers it; lines begin, begin + 1, ... An answer that does not fit becomes a placeholder. */
void word_count_add(struct word_count_builder *builder, uint32_t status, uint32_t lines,
                    uint32_t begin);

struct word_count_handler {
    uint32_t size;
    uint32_t reserved;
    void *user;
    /* Adds an item for each of builder->n words. */
    uint32_t (*count)(void *user, const struct pipc_request *from,
                      struct word_count_builder *builder);
    /* Asked first, for providers that lie: writes the payload itself, or leaves it to `count` with
     * PIPC_ERR_NOT_SUPPORTED. */
    pipc_result (*raw)(void *user, const struct word_count_builder *request, void *buf, size_t cap,
                       size_t *ret_len);
};

/* ---- the module ---- */

extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_word_count;

/* The same type without the item that a client makes itself. */
#define WORD_COUNT_PLAIN_NAME "word_count_plain"
#define WORD_COUNT_PLAIN_CODE 0x5744u
extern const struct pipc_module pipc_module_word_count_plain;

/* What the hooks did for clients of this process so far. One client at a time. */
struct word_count_work {
    uint64_t fitted;    /* words that fit looked at */
    uint64_t encoded;   /* words that encode wrote */
    uint64_t items;     /* calls of item */
    uint64_t decoded;   /* items that decode looked at */
    uint64_t assembled; /* items that assemble packed */
    uint64_t sized;     /* items that response_add looked at */
};
extern struct word_count_work word_count_work;

#endif
