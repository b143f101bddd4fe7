/* SPDX-License-Identifier: Apache-2.0
 *
 * The third party's lookup: see the header.
 */
#include "word_count.h"

#include <string.h>

struct word_count_work word_count_work;

static uint32_t get32(const void *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static uint16_t get16(const void *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof(v));
    return v;
}

static void put32(void *at, uint32_t v)
{
    memcpy(at, &v, sizeof(v));
}

static void put16(void *at, uint16_t v)
{
    memcpy(at, &v, sizeof(v));
}

/* ---- items ---- */

static uint64_t placeholder_size(size_t word_len)
{
    return WORD_COUNT_ITEM_HDR + word_len;
}

static void write_head(uint8_t *at, uint32_t status, const void *word, size_t len, uint32_t lines)
{
    at[0] = (uint8_t)status;
    at[1] = 0;
    put16(at + 2, (uint16_t)len);
    put32(at + 4, lines);
    memcpy(at + WORD_COUNT_ITEM_HDR, word, len);
}

static pipc_result check_item(const uint8_t *at, uint64_t len)
{
    if (len < WORD_COUNT_ITEM_HDR)
        return PIPC_ERR_TRUNCATED;
    const uint32_t lines = get32(at + 4);
    if (at[0] > WORD_OVERSIZED || at[1] != 0 || get16(at + 2) == 0)
        return PIPC_ERR_BAD_LAYOUT;
    if (at[0] != WORD_KNOWN && lines)
        return PIPC_ERR_BAD_LAYOUT;
    return placeholder_size(get16(at + 2)) + UINT64_C(4) * lines == len ? PIPC_OK
                                                                        : PIPC_ERR_OUT_OF_BOUNDS;
}

/* ---- the response ---- */

static uint32_t item_end(const struct word_count_view *view, uint32_t index)
{
    return get32(view->payload + WORD_COUNT_HDR + view->area + (size_t)index * WORD_COUNT_END_LEN);
}

static uint32_t item_begin(const struct word_count_view *view, uint32_t index)
{
    return index ? item_end(view, index - 1) : 0;
}

static pipc_result check_items(const struct word_count_view *view)
{
    uint32_t begin = 0;
    for (uint32_t i = 0; i < view->count; i++) {
        const uint32_t end = item_end(view, i);
        if (end < begin || end > view->area)
            return PIPC_ERR_OUT_OF_BOUNDS;
        const pipc_result r = check_item(view->payload + WORD_COUNT_HDR + begin, end - begin);
        if (r != PIPC_OK)
            return r;
        begin = end;
    }
    return begin == view->area ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

static pipc_result read_view(const void *payload, size_t len, struct word_count_view *ret)
{
    struct word_count_view view = {.payload = payload};
    if (len < WORD_COUNT_HDR)
        return PIPC_ERR_TRUNCATED;
    memcpy(&view.generation, view.payload, 8);
    view.count = get32(view.payload + 8);
    if (get32(view.payload + 12) != 0)
        return PIPC_ERR_BAD_LAYOUT;
    if ((len - WORD_COUNT_HDR) / WORD_COUNT_END_LEN < view.count)
        return PIPC_ERR_TRUNCATED;
    view.area = (uint32_t)(len - WORD_COUNT_HDR - (size_t)view.count * WORD_COUNT_END_LEN);
    const pipc_result r = check_items(&view);
    if (r == PIPC_OK)
        *ret = view;
    return r;
}

struct word_count_item word_count_item(const struct word_count_view *view, uint32_t index)
{
    const uint8_t *at = view->payload + WORD_COUNT_HDR + item_begin(view, index);
    return (struct word_count_item){
        .status = at[0],
        .lines = get32(at + 4),
        .word = {(const char *)at + WORD_COUNT_ITEM_HDR, get16(at + 2)}};
}

uint32_t word_count_line(const struct word_count_view *view, uint32_t item, uint32_t index)
{
    const struct word_count_item it = word_count_item(view, item);
    return get32(it.word.ptr + it.word.len + (size_t)index * 4);
}

uint64_t word_count_response_size(uint32_t count, uint64_t sum)
{
    return WORD_COUNT_HDR + sum + (uint64_t)count * WORD_COUNT_END_LEN;
}

/* ---- the request ---- */

static uint64_t word_size(const struct pipc_str_view *word)
{
    return 2 + (uint64_t)word->len;
}

uint64_t word_count_request_size(const struct pipc_str_view *words, uint32_t count)
{
    uint64_t size = WORD_COUNT_REQ_HDR;
    for (uint32_t i = 0; i < count; i++)
        size += word_size(&words[i]);
    return size;
}

/* *ret_reserve: bytes of the placeholders of all words. */
static pipc_result read_request(const void *bytes, size_t len, uint64_t *ret_reserve)
{
    const uint8_t *at = bytes;
    size_t pos = WORD_COUNT_REQ_HDR;
    *ret_reserve = 0;
    if (len < WORD_COUNT_REQ_HDR)
        return PIPC_ERR_TRUNCATED;
    for (uint32_t i = 0, n = get32(at); i < n; i++) {
        if (len - pos < 2 || len - pos - 2 < get16(at + pos))
            return PIPC_ERR_TRUNCATED;
        if (get16(at + pos) == 0)
            return PIPC_ERR_BAD_LAYOUT;
        *ret_reserve += placeholder_size(get16(at + pos));
        pos += 2u + get16(at + pos);
    }
    return pos == len ? PIPC_OK : PIPC_ERR_BAD_LAYOUT;
}

/* ---- builder and dispatch ---- */

struct pipc_str_view word_count_next(const struct word_count_builder *b)
{
    return (struct pipc_str_view){(const char *)b->key + 2, get16(b->key)};
}

/* Ends are kept at the end of the room until the place behind the items is known. */
static uint64_t ends_len(const struct word_count_builder *b)
{
    return (uint64_t)b->n * WORD_COUNT_END_LEN;
}

static void put_item(struct word_count_builder *b, uint32_t status, uint32_t lines, uint32_t begin)
{
    const struct pipc_str_view word = word_count_next(b);
    const uint64_t size = placeholder_size(word.len) + UINT64_C(4) * lines;
    if (b->count == b->n || b->pos + size + ends_len(b) > b->cap) {
        b->error = PIPC_ERR_OVERFLOW;
        return;
    }
    uint8_t *at = b->buf + b->pos;
    write_head(at, status, word.ptr, word.len, lines);
    for (uint32_t i = 0; i < lines; i++)
        put32(at + placeholder_size(word.len) + (size_t)i * 4, begin + i);
    b->pos += size;
    put32(b->buf + b->cap - ends_len(b) + (size_t)b->count * WORD_COUNT_END_LEN,
          (uint32_t)(b->pos - WORD_COUNT_HDR));
    b->count++;
    b->reserve -= placeholder_size(word.len);
    b->key += 2 + word.len;
}

void word_count_add(struct word_count_builder *b, uint32_t status, uint32_t lines, uint32_t begin)
{
    const uint64_t placeholder = placeholder_size(word_count_next(b).len);
    const uint64_t size = placeholder + UINT64_C(4) * lines;
    const uint64_t others = b->reserve - placeholder;
    if (b->full ||
        (status == WORD_KNOWN && b->count > 0 && b->pos + size + others + ends_len(b) > b->cap)) {
        b->full = 1;
        put_item(b, WORD_FULL, 0, 0);
    } else if (status == WORD_KNOWN && b->pos + size + others + ends_len(b) > b->cap) {
        put_item(b, WORD_OVERSIZED, 0, 0);
    } else {
        put_item(b, status, status == WORD_KNOWN ? lines : 0, begin);
    }
}

static pipc_result finish(struct word_count_builder *b, size_t *ret_len)
{
    if (b->error != PIPC_OK)
        return b->error;
    if (b->count != b->n)
        return PIPC_ERR_BAD_ITEM_COUNT;
    memcpy(b->buf, &b->generation, 8);
    put32(b->buf + 8, b->n);
    put32(b->buf + 12, 0);
    memmove(b->buf + b->pos, b->buf + b->cap - ends_len(b), (size_t)ends_len(b));
    *ret_len = (size_t)(b->pos + ends_len(b));
    return PIPC_OK;
}

static pipc_result end(struct pipc_dispatched *done, uint32_t stage, pipc_result result)
{
    done->stage = stage;
    return result;
}

static pipc_result dispatch(const struct pipc_dispatch *d, struct pipc_dispatched *done)
{
    const struct word_count_handler *h = d->handler;
    struct word_count_builder b = {
        .buf = d->response, .cap = d->response_cap, .pos = WORD_COUNT_HDR};
    pipc_result r = read_request(d->request, d->request_len, &b.reserve);
    if (r != PIPC_OK)
        return end(done, PIPC_STAGE_REQUEST, r);
    b.n = get32(d->request);
    b.key = (const uint8_t *)d->request + WORD_COUNT_REQ_HDR;
    r = h->raw ? h->raw(h->user, &b, d->response, d->response_cap, &done->response_len)
               : PIPC_ERR_NOT_SUPPORTED;
    if (r != PIPC_ERR_NOT_SUPPORTED)
        return end(done, r == PIPC_OK ? PIPC_STAGE_DONE : PIPC_STAGE_CALLBACK, r);
    if (word_count_response_size(b.n, 0) > b.cap)
        return end(done, PIPC_STAGE_SPACE, PIPC_ERR_OVERFLOW);
    const uint32_t good = h->count ? h->count(h->user, d->from, &b) : 0;
    if (!good && b.error == PIPC_OK)
        return end(done, PIPC_STAGE_CALLBACK, PIPC_ERR_HANDLER_FAILED);
    r = finish(&b, &done->response_len);
    return end(done, r == PIPC_OK ? PIPC_STAGE_DONE : PIPC_STAGE_CALLBACK, r);
}

/* ---- hooks ---- */

static pipc_result check_keys(const void *keys, uint32_t count)
{
    const struct pipc_str_view *words = keys;
    for (uint32_t i = 0; i < count; i++) {
        if (!words[i].ptr || words[i].len == 0 || words[i].len > WORD_COUNT_MAX ||
            memchr(words[i].ptr, 0, words[i].len))
            return PIPC_ERR_BAD_PARAM;
    }
    return PIPC_OK;
}

static uint32_t fit(const void *keys, uint32_t count, uint64_t limit, uint64_t *ret_size)
{
    const struct pipc_str_view *words = keys;
    uint64_t size = WORD_COUNT_REQ_HDR;
    uint32_t n = 0;
    while (n < count && size + word_size(&words[n]) <= limit)
        size += word_size(&words[n++]);
    word_count_work.fitted += n + 1;
    *ret_size = size;
    return n;
}

static pipc_result encode(const void *keys, uint32_t count, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipc_str_view *words = keys;
    uint8_t *at = buf;
    if (word_count_request_size(words, count) > cap)
        return PIPC_ERR_OVERFLOW;
    put32(at, count);
    at += WORD_COUNT_REQ_HDR;
    for (uint32_t i = 0; i < count; i++) {
        put16(at, (uint16_t)words[i].len);
        memcpy(at + 2, words[i].ptr, words[i].len);
        at += word_size(&words[i]);
    }
    word_count_work.encoded += count;
    *ret_len = (size_t)(at - (uint8_t *)buf);
    return PIPC_OK;
}

static uint32_t item_count(const void *view)
{
    return ((const struct word_count_view *)view)->count;
}

static uint64_t generation(const void *view)
{
    return ((const struct word_count_view *)view)->generation;
}

static pipc_result item(const void *view, uint32_t index, const void *key,
                        struct pipc_lookup_item *ret_item)
{
    static const uint32_t outcomes[] = {PIPC_LOOKUP_FINAL, PIPC_LOOKUP_FINAL, PIPC_LOOKUP_EXCEEDED,
                                        PIPC_LOOKUP_OVERSIZED};
    const struct word_count_view *v = view;
    const struct pipc_str_view *word = key;
    if (index >= v->count)
        return PIPC_ERR_OUT_OF_BOUNDS;
    const struct word_count_item it = word_count_item(v, index);
    word_count_work.items++;
    ret_item->outcome = outcomes[it.status];
    ret_item->echoes = it.word.len == word->len && memcmp(it.word.ptr, word->ptr, word->len) == 0;
    ret_item->raw.bytes = v->payload + WORD_COUNT_HDR + item_begin(v, index);
    ret_item->raw.len = item_end(v, index) - item_begin(v, index);
    return PIPC_OK;
}

static uint64_t response_add(uint64_t size, const struct pipc_lookup_raw *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        size += items[i].len + WORD_COUNT_END_LEN;
    word_count_work.sized += count;
    return size;
}

static pipc_result assemble(const struct pipc_lookup_raw *items, uint32_t count,
                            uint64_t generation_, void *buf, size_t cap, size_t *ret_len)
{
    uint8_t *at = buf;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        const pipc_result r = check_item(items[i].bytes, items[i].len);
        if (r != PIPC_OK)
            return r;
        sum += items[i].len;
    }
    if (word_count_response_size(count, sum) > cap || sum > UINT32_MAX)
        return PIPC_ERR_OVERFLOW;
    memcpy(at, &generation_, 8);
    put32(at + 8, count);
    put32(at + 12, 0);
    uint8_t *ends = at + WORD_COUNT_HDR + sum;
    at += WORD_COUNT_HDR;
    for (uint32_t i = 0; i < count; i++) {
        memcpy(at, items[i].bytes, items[i].len);
        at += items[i].len;
        put32(ends + (size_t)i * WORD_COUNT_END_LEN,
              (uint32_t)(at - (uint8_t *)buf - WORD_COUNT_HDR));
    }
    word_count_work.assembled += count;
    *ret_len = (size_t)word_count_response_size(count, sum);
    return PIPC_OK;
}

static uint64_t local_size(const void *key)
{
    return placeholder_size(((const struct pipc_str_view *)key)->len);
}

static pipc_result local(const void *key, void *buf, size_t cap, size_t *ret_len)
{
    const struct pipc_str_view *word = key;
    if (local_size(key) > cap)
        return PIPC_ERR_OVERFLOW;
    write_head(buf, WORD_OVERSIZED, word->ptr, word->len, 0);
    *ret_len = (size_t)local_size(key);
    return PIPC_OK;
}

static const struct pipc_lookup_hooks hooks = {.size = sizeof(hooks),
                                               .key_size = sizeof(struct pipc_str_view),
                                               .response_empty = WORD_COUNT_HDR,
                                               .check_keys = check_keys,
                                               .fit = fit,
                                               .encode = encode,
                                               .item_count = item_count,
                                               .generation = generation,
                                               .item = item,
                                               .response_add = response_add,
                                               .assemble = assemble,
                                               .local_size = local_size,
                                               .local = local};

#ifndef WORD_COUNT_FILE
static const struct pipc_lookup_hooks plain_hooks = {.size = sizeof(plain_hooks),
                                                     .key_size = sizeof(struct pipc_str_view),
                                                     .response_empty = WORD_COUNT_HDR,
                                                     .check_keys = check_keys,
                                                     .fit = fit,
                                                     .encode = encode,
                                                     .item_count = item_count,
                                                     .generation = generation,
                                                     .item = item,
                                                     .response_add = response_add,
                                                     .assemble = assemble};
#endif

/* ---- generic entries ---- */

static pipc_result decode(const void *payload, size_t len, void *ret_output)
{
    const pipc_result r = read_view(payload, len, ret_output);
    if (r == PIPC_OK)
        word_count_work.decoded += item_count(ret_output);
    return r;
}

static pipc_result check_request(const void *bytes, size_t len)
{
    uint64_t reserve;
    return read_request(bytes, len, &reserve);
}

static pipc_result check_response(const void *bytes, size_t len)
{
    struct word_count_view view;
    return read_view(bytes, len, &view);
}

static pipc_result walk_request(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    const pipc_result r = check_request(bytes, len);
    return r == PIPC_OK ? visitor->number(visitor->arg, "count", get32(bytes), 4) : r;
}

static pipc_result walk_response(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct word_count_view view;
    const pipc_result r = read_view(bytes, len, &view);
    return r == PIPC_OK ? visitor->number(visitor->arg, "generation", view.generation, 8) : r;
}

static const struct pipc_call_ops call = {
    .size = sizeof(call), .output_size = sizeof(struct word_count_view), .decode = decode};

static const struct {
    uint32_t size;
} typed_table = {sizeof(typed_table)};

#define WORD_COUNT(name_, code_, hooks_)                                                       \
    static const struct pipc_codec_ops ops_##name_ = {.size = sizeof(ops_##name_),             \
                                                      .code = code_,                           \
                                                      .traits = PIPC_CODEC_LOOKUP,             \
                                                      .table_major = 1,                        \
                                                      .table = &typed_table,                   \
                                                      .check_request = check_request,          \
                                                      .check_response = check_response,        \
                                                      .walk_request = walk_request,            \
                                                      .walk_response = walk_response,          \
                                                      .dispatch = dispatch,                    \
                                                      .call = &call,                           \
                                                      .lookup = &(hooks_)};                    \
    const struct pipc_module pipc_module_##name_ = {.magic = PIPC_MODULE_MAGIC,                \
                                                    .kind = PIPC_MODULE_CODEC,                 \
                                                    .abi_major = PIPC_CODEC_ABI_MAJOR,         \
                                                    .abi_minor = PIPC_CODEC_ABI_MINOR,         \
                                                    .size = sizeof(struct pipc_module),        \
                                                    .name = #name_,                            \
                                                    .version = "1",                            \
                                                    .vendor = "a third party",                 \
                                                    .summary = "Lines that have these words.", \
                                                    .ops = &ops_##name_}

WORD_COUNT(word_count, WORD_COUNT_CODE, hooks);
#ifndef WORD_COUNT_FILE /* a module file has one descriptor */
WORD_COUNT(word_count_plain, WORD_COUNT_PLAIN_CODE, plain_hooks);
#endif
