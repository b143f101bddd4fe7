/* SPDX-License-Identifier: Apache-2.0
 *
 * A good codec unlike any of ours, for pipc conformance: keys that must not be empty, a mood that
 * has three values, lists in lists, bytes, an answer that leaves items out when there is no room.
 *
 * Request: version u16 = 7, count u16, then keys (length u8 above 0, bytes). Response: version u16,
 * mood u8 1 to 3, count u8, then items: key, color (3 bytes), label count u8, labels (key, value).
 */
#include <pipc/module.h>

#include <string.h>

#define VERSION 7u

/* ---- bytes ---- */

struct reader {
    const unsigned char *at;
    size_t left;
    pipc_result error; /* the first */
};

static const unsigned char *take(struct reader *r, size_t len)
{
    static const unsigned char none[4];
    const unsigned char *const at = r->at;

    if (r->error == PIPC_OK && len > r->left)
        r->error = PIPC_ERR_TRUNCATED;
    if (r->error != PIPC_OK)
        return none;
    r->at += len;
    r->left -= len;
    return at;
}

static uint32_t take8(struct reader *r)
{
    return *take(r, 1);
}

static uint32_t take16(struct reader *r)
{
    uint16_t value;

    memcpy(&value, take(r, 2), sizeof(value));
    return value;
}

static struct pipc_str_view take_text(struct reader *r, uint32_t least)
{
    struct pipc_str_view text;

    text.len = take8(r);
    if (r->error == PIPC_OK && text.len < least)
        r->error = PIPC_ERR_BAD_LAYOUT;
    text.ptr = (const char *)take(r, r->error == PIPC_OK ? text.len : 0);
    return text;
}

static struct reader reader_of(const void *bytes, size_t len)
{
    const struct reader r = {bytes, len, !bytes && len > 0 ? PIPC_ERR_BAD_PARAM : PIPC_OK};
    return r;
}

struct writer {
    unsigned char *at;
    size_t left;
    pipc_result error;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    if (w->error == PIPC_OK && len > w->left)
        w->error = PIPC_ERR_OVERFLOW;
    if (w->error != PIPC_OK || len == 0)
        return;
    memcpy(w->at, bytes, len);
    w->at += len;
    w->left -= len;
}

static void put8(struct writer *w, uint64_t value)
{
    const unsigned char byte = (unsigned char)value;
    put(w, &byte, 1);
}

static void put16(struct writer *w, uint64_t value)
{
    const uint16_t number = (uint16_t)value;
    put(w, &number, sizeof(number));
}

/* ---- reading ---- */

/* A visitor that may be absent: then the bytes are only checked. */
struct teller {
    const struct pipc_visitor *to;
    pipc_result result;
};

static void tell_number(struct teller *t, const char *name, uint64_t value, uint32_t width)
{
    if (t->to && t->result == PIPC_OK)
        t->result = t->to->number(t->to->arg, name, value, width);
}

static void tell_text(struct teller *t, const char *name, struct pipc_str_view text)
{
    if (t->to && t->result == PIPC_OK)
        t->result = t->to->string(t->to->arg, name, text.ptr, text.len);
}

static void tell_list(struct teller *t, const char *name, uint32_t count)
{
    if (t->to && t->result == PIPC_OK)
        t->result = t->to->begin_list(t->to->arg, name, count);
}

static void tell_mark(struct teller *t, pipc_result (*mark)(void *arg))
{
    if (t->to && t->result == PIPC_OK)
        t->result = mark(t->to->arg);
}
#define TELL(t, mark) tell_mark(t, (t)->to ? (t)->to->mark : NULL)

static pipc_result read_request(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct reader r = reader_of(bytes, len);
    struct teller t = {visitor, PIPC_OK};
    const uint32_t version = take16(&r), count = take16(&r);

    if (r.error == PIPC_OK && version != VERSION)
        r.error = PIPC_ERR_BAD_LAYOUT;
    tell_number(&t, "version", version, 2);
    tell_list(&t, "keys", count);
    for (uint32_t i = 0; r.error == PIPC_OK && t.result == PIPC_OK && i < count; i++) {
        TELL(&t, begin_item);
        tell_text(&t, "key", take_text(&r, 1));
        TELL(&t, end_item);
    }
    TELL(&t, end_list);
    return r.error != PIPC_OK ? r.error : t.result;
}

static void read_item(struct reader *r, struct teller *t)
{
    TELL(t, begin_item);
    tell_text(t, "key", take_text(r, 1));
    const unsigned char *const color = take(r, 3);
    if (t->to && t->result == PIPC_OK)
        t->result = t->to->blob(t->to->arg, "color", color, 3);
    const uint32_t labels = take8(r);
    tell_list(t, "labels", labels);
    for (uint32_t i = 0; r->error == PIPC_OK && t->result == PIPC_OK && i < labels; i++) {
        TELL(t, begin_item);
        tell_text(t, "key", take_text(r, 1));
        tell_text(t, "value", take_text(r, 0));
        TELL(t, end_item);
    }
    TELL(t, end_list);
    TELL(t, end_item);
}

static pipc_result read_response(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct reader r = reader_of(bytes, len);
    struct teller t = {visitor, PIPC_OK};
    const uint32_t version = take16(&r), mood = take8(&r), count = take8(&r);

    if (r.error == PIPC_OK && (version != VERSION || mood < 1 || mood > 3))
        r.error = PIPC_ERR_BAD_LAYOUT;
    tell_number(&t, "version", version, 2);
    tell_number(&t, "mood", mood, 1);
    tell_list(&t, "items", count);
    for (uint32_t i = 0; r.error == PIPC_OK && t.result == PIPC_OK && i < count; i++)
        read_item(&r, &t);
    TELL(&t, end_list);
    return r.error != PIPC_OK ? r.error : t.result;
}

static pipc_result check_request(const void *bytes, size_t len)
{
    return read_request(bytes, len, NULL);
}

static pipc_result check_response(const void *bytes, size_t len)
{
    return read_response(bytes, len, NULL);
}

/* Walks tell nothing before all has been checked. */
static pipc_result walk_request(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    const pipc_result r = check_request(bytes, len);
    return r == PIPC_OK ? read_request(bytes, len, visitor) : r;
}

static pipc_result walk_response(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    const pipc_result r = check_response(bytes, len);
    return r == PIPC_OK ? read_response(bytes, len, visitor) : r;
}

/* ---- building ---- */

/* A number in a range, with a default. */
static pipc_result ask_number(const struct pipc_fields *f, const char *name, uint64_t least,
                              uint64_t most, uint64_t otherwise, uint64_t *ret_value)
{
    const pipc_result r = f->number(f->arg, NULL, name, UINT16_MAX, ret_value);

    if (r == PIPC_ERR_NOT_SUPPORTED)
        *ret_value = otherwise;
    else if (r != PIPC_OK)
        return r;
    return *ret_value < least || *ret_value > most ? PIPC_ERR_BAD_LAYOUT : PIPC_OK;
}

static pipc_result put_text(const struct pipc_fields *f, pipc_node node, const char *name,
                            size_t least, size_t most, struct writer *w)
{
    const void *bytes = NULL;
    size_t len = 0;
    const pipc_result r = f->string(f->arg, node, name, &bytes, &len);

    if (r != PIPC_OK && r != PIPC_ERR_NOT_SUPPORTED)
        return r;
    if (len < least || len > most)
        return PIPC_ERR_BAD_LAYOUT;
    put8(w, len);
    put(w, bytes, len);
    return PIPC_OK;
}

static pipc_result build_request(const struct pipc_fields *f, void *buf, size_t cap,
                                 size_t *ret_len)
{
    struct writer w = {buf, cap, PIPC_OK};
    uint32_t count = 0;
    uint64_t version;
    pipc_result r = ask_number(f, "version", VERSION, VERSION, VERSION, &version);

    if (r == PIPC_OK)
        r = f->list(f->arg, NULL, "keys", &count);
    if (r == PIPC_OK && count > UINT16_MAX)
        r = PIPC_ERR_BAD_LAYOUT;
    put16(&w, version);
    put16(&w, count);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        pipc_node node = NULL;
        r = f->item(f->arg, NULL, "keys", i, &node);
        if (r == PIPC_OK)
            r = put_text(f, node, "key", 1, 255, &w);
    }
    if (r == PIPC_OK)
        r = w.error;
    if (r == PIPC_OK)
        *ret_len = cap - w.left;
    return r;
}

static pipc_result build_labels(const struct pipc_fields *f, pipc_node node, struct writer *w)
{
    uint32_t count = 0;
    pipc_result r = f->list(f->arg, node, "labels", &count);

    if (r == PIPC_OK && count > 255)
        r = PIPC_ERR_BAD_LAYOUT;
    put8(w, count);
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        pipc_node label = NULL;
        r = f->item(f->arg, node, "labels", i, &label);
        if (r == PIPC_OK)
            r = put_text(f, label, "key", 1, 255, w);
        if (r == PIPC_OK)
            r = put_text(f, label, "value", 0, 255, w);
    }
    return r;
}

static pipc_result build_item(const struct pipc_fields *f, pipc_node node, struct writer *w)
{
    const void *color = "\0\0\0";
    size_t len = 3;
    pipc_result r = put_text(f, node, "key", 1, 15, w);

    if (r == PIPC_OK)
        r = f->string(f->arg, node, "color", &color, &len);
    if (r == PIPC_ERR_NOT_SUPPORTED)
        r = PIPC_OK;
    if (r == PIPC_OK && len != 3)
        r = PIPC_ERR_BAD_LAYOUT;
    if (r != PIPC_OK)
        return r;
    put(w, color, 3);
    return build_labels(f, node, w);
}

/* Items that do not fit are left out, and all behind them. */
static pipc_result build_response(const struct pipc_fields *f, void *buf, size_t cap,
                                  size_t *ret_len)
{
    struct writer w = {buf, cap, PIPC_OK};
    uint32_t count = 0, done = 0;
    uint64_t version, mood = 1;
    pipc_result r = ask_number(f, "version", VERSION, VERSION, VERSION, &version);

    if (r == PIPC_OK)
        r = ask_number(f, "mood", 1, 3, 2, &mood);
    if (r == PIPC_OK)
        r = f->list(f->arg, NULL, "items", &count);
    if (r == PIPC_OK && count > 255)
        r = PIPC_ERR_BAD_LAYOUT;
    put16(&w, version);
    put8(&w, mood);
    put8(&w, 0);
    if (r == PIPC_OK)
        r = w.error;
    for (uint32_t i = 0; r == PIPC_OK && i < count; i++) {
        struct writer before = w;
        pipc_node node = NULL;
        r = f->item(f->arg, NULL, "items", i, &node);
        if (r == PIPC_OK)
            r = build_item(f, node, &w);
        if (w.error != PIPC_OK) {
            w = before;
            break;
        }
        done++;
    }
    if (r != PIPC_OK)
        return r;
    ((unsigned char *)buf)[3] = (unsigned char)done;
    *ret_len = cap - w.left;
    return PIPC_OK;
}

/* ---- dispatch and call ---- */

struct stranger_handler {
    uint32_t size;
    uint32_t reserved;
    void *user;
    /* Colors one key; leaves `ret_color` alone when it does not know it. */
    uint32_t (*color)(void *user, const struct pipc_request *from, const char *key, size_t len,
                      unsigned char ret_color[3]);
    /* Says how many keys it will answer. */
    uint32_t (*begin)(void *user, uint32_t keys, uint32_t *ret_answered);
};

static pipc_result dispatch_end(struct pipc_dispatched *ret, pipc_result r, uint32_t stage,
                                size_t len, uint64_t needed)
{
    ret->stage = stage;
    ret->response_len = len;
    ret->needed = needed;
    return r;
}

static pipc_result dispatch(const struct pipc_dispatch *d, struct pipc_dispatched *ret)
{
    const struct stranger_handler *const h = d->handler;
    struct reader r = reader_of(d->request, d->request_len);
    uint32_t answered = 0;
    const pipc_result checked = check_request(d->request, d->request_len);

    if (checked != PIPC_OK)
        return dispatch_end(ret, checked, PIPC_STAGE_REQUEST, 0, 0);
    if (d->response_cap < 4)
        return dispatch_end(ret, PIPC_ERR_OVERFLOW, PIPC_STAGE_SPACE, 0, 4);
    if (h->size < sizeof(*h) || !h->begin)
        return dispatch_end(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
    (void)take16(&r);
    const uint32_t count = take16(&r);
    if (!h->begin(h->user, count, &answered))
        return dispatch_end(ret, PIPC_ERR_HANDLER_FAILED, PIPC_STAGE_CALLBACK, 0, 0);
    if (answered != count)
        return dispatch_end(ret, PIPC_ERR_BAD_ITEM_COUNT, PIPC_STAGE_CALLBACK, 0, 0);
    const uint16_t version = VERSION;
    memcpy(d->response, &version, sizeof(version));
    memcpy((char *)d->response + 2, "\1\0", 2);
    return dispatch_end(ret, PIPC_OK, PIPC_STAGE_DONE, 4, 0);
}

struct stranger_input {
    const struct pipc_str_view *keys;
    uint64_t count;
};

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    const struct stranger_input *const in = input;
    uint64_t size = 4;

    if (!in || (!in->keys && in->count > 0) || in->count > UINT16_MAX)
        return PIPC_ERR_BAD_PARAM;
    for (uint64_t i = 0; i < in->count; i++) {
        if (in->keys[i].len < 1 || in->keys[i].len > 255)
            return PIPC_ERR_BAD_PARAM;
        size += 1 + in->keys[i].len;
    }
    *ret_size = size;
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    const struct stranger_input *const in = input;
    struct writer w = {buf, cap, PIPC_OK};

    put16(&w, VERSION);
    put16(&w, in->count);
    for (uint64_t i = 0; i < in->count; i++) {
        put8(&w, in->keys[i].len);
        put(&w, in->keys[i].ptr, in->keys[i].len);
    }
    if (w.error == PIPC_OK)
        *ret_len = cap - w.left;
    return w.error;
}

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
    const struct pipc_str_view view = {payload, len};
    const pipc_result r = check_response(payload, len);

    if (r == PIPC_OK)
        memcpy(ret_output, &view, sizeof(view));
    return r;
}

static const struct pipc_call_ops call = {.size = sizeof(call),
                                          .input_size = sizeof(struct stranger_input),
                                          .output_size = sizeof(struct pipc_str_view),
                                          .request_size = call_size,
                                          .encode = call_encode,
                                          .decode = call_decode};

static const uint32_t table[2] = {sizeof(table), 1};

static const struct pipc_codec_ops ops = {.size = sizeof(ops),
                                          .code = 4711,
                                          .table_major = 1,
                                          .table = table,
                                          .check_request = check_request,
                                          .check_response = check_response,
                                          .walk_request = walk_request,
                                          .walk_response = walk_response,
                                          .build_request = build_request,
                                          .build_response = build_response,
                                          .dispatch = dispatch,
                                          .call = &call};

PIPC_MODULE_EXPORT extern const struct pipc_module pipc_module_stranger;
const struct pipc_module pipc_module_stranger = {.magic = PIPC_MODULE_MAGIC,
                                                 .kind = PIPC_MODULE_CODEC,
                                                 .abi_major = PIPC_CODEC_ABI_MAJOR,
                                                 .abi_minor = PIPC_CODEC_ABI_MINOR,
                                                 .size = sizeof(struct pipc_module),
                                                 .name = "stranger",
                                                 .version = "0.1.0",
                                                 .vendor = "tests",
                                                 .summary = "A codec unlike any of ours.",
                                                 .ops = &ops};
