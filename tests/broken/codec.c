/* SPDX-License-Identifier: Apache-2.0
 *
 * A codec with one flaw: the entries of a good one, of which BREAK_... spoils a single thing. Built
 * once for each flaw, each of which pipc conformance must find by the rule that it breaks
 * (tests/cli/conformance_codec.py); without a flaw it must find nothing.
 */
#include <codecs/cgroups_snapshot/cgroups_snapshot.h>

#include <pipc/codecs/cgroups_cache.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)

/* Flaws whose place has no variant of its own. */
#define UNUSED __attribute__((unused))

/* A number at `at`; 0 where there is none. */
UNUSED static uint32_t number_at(const void *bytes, size_t len, size_t at)
{
    uint32_t number = 0;

    if (bytes && at + sizeof(number) <= len)
        memcpy(&number, (const char *)bytes + at, sizeof(number));
    return number;
}

/* A byte outside of what was given. */
UNUSED static void touch(const void *bytes, uint64_t at)
{
    (void)*((const volatile char *)bytes + at);
}

/* ---- check ---- */

static pipc_result check_request(const void *bytes, size_t len)
{
#ifdef BREAK_RANDOM
    if (len > 100)
        touch(bytes, len);
#endif
#ifdef BREAK_NULL
    if (!bytes)
        return PIPC_ERR_TRUNCATED;
#endif
    return pipcm_cgroups_snapshot_check_request(bytes, len);
}

static pipc_result check_response(const void *bytes, size_t len)
{
#ifdef BREAK_ACCEPT
    if (number_at(bytes, len, 4) == 3)
        return PIPC_ERR_BAD_LAYOUT;
#endif
#ifdef BREAK_SURPLUS
    if (number_at(bytes, len, 4) == 0 && len > 24)
        return PIPC_ERR_BAD_LAYOUT;
#endif
#ifdef BREAK_NO_MEMORY
    void *volatile room = malloc(len + 1);
    if (!room)
        return PIPC_ERR_ALLOC;
    free(room);
#endif
#ifdef BREAK_NO_SYSTEM
    (void)getppid();
#endif
#ifdef BREAK_ERRNO
    errno = EINVAL;
#endif
#ifdef BREAK_PREFIX
    if (len > 0 && len < 24)
        return PIPC_OK;
#endif
#ifdef BREAK_NUMBERS
    /* 32-bit arithmetic that wraps */
    const uint32_t count = number_at(bytes, len, 4);
    if (count > 1 && len >= 32 && count * 8u + 24u <= len)
        touch(bytes, 24 + (uint64_t)count * 8 - 1);
#endif
#ifdef BREAK_FUZZ
    /* needs two fields that no sample has together */
    if (len >= 24 && number_at(bytes, len, 4) == 0 && number_at(bytes, len, 8) != 0 &&
        number_at(bytes, len, 16) != 0)
        touch(bytes, len);
#endif
    const pipc_result r = pipcm_cgroups_snapshot_check_response(bytes, len);
#ifdef BREAK_BITS
    if (r == PIPC_ERR_BAD_LAYOUT)
        return PIPC_ERR_PROTOCOL;
#endif
#ifdef BREAK_WRITES
    if (r == PIPC_OK && number_at(bytes, len, 4) > 0)
        ((char *)(uintptr_t)bytes)[12] = 0;
#endif
    return r;
}

/* ---- walk ---- */

/* Stands between the walk and the visitor. */
struct between {
    const struct pipc_visitor *to;
    struct pipc_visitor visitor;
};

static pipc_result between_number(void *arg, const char *name, uint64_t value, uint32_t width)
{
    const struct between *b = arg;
#ifdef BREAK_SAME
    static uint64_t calls;
    if (strcmp(name, "generation") == 0)
        value += calls++;
#endif
    const pipc_result r = b->to->number(b->to->arg, name, value, width);
#ifdef BREAK_VISITOR
    return r == PIPC_ERR_ABORTED ? PIPC_ERR_BAD_LAYOUT : r;
#endif
    return r;
}

static pipc_result between_string(void *arg, const char *name, const void *bytes, size_t len)
{
    const struct between *b = arg;
    return b->to->string(b->to->arg, name, bytes, len);
}

static pipc_result between_blob(void *arg, const char *name, const void *bytes, size_t len)
{
    const struct between *b = arg;
    return b->to->blob(b->to->arg, name, bytes, len);
}

static pipc_result between_begin_list(void *arg, const char *name, uint32_t count)
{
    const struct between *b = arg;
#ifdef BREAK_WALK
    count++;
#endif
    return b->to->begin_list(b->to->arg, name, count);
}

static pipc_result between_begin_item(void *arg)
{
    const struct between *b = arg;
    return b->to->begin_item(b->to->arg);
}

static pipc_result between_end_item(void *arg)
{
    const struct between *b = arg;
    return b->to->end_item(b->to->arg);
}

static pipc_result between_end_list(void *arg)
{
    const struct between *b = arg;
    return b->to->end_list(b->to->arg);
}

static pipc_result walk_response(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    struct between b = {visitor,
                        {.size = sizeof(b.visitor),
                         .number = between_number,
                         .string = between_string,
                         .blob = between_blob,
                         .begin_list = between_begin_list,
                         .begin_item = between_begin_item,
                         .end_item = between_end_item,
                         .end_list = between_end_list}};
    b.visitor.arg = &b;
    const pipc_result r = check_response(bytes, len);
    if (r != PIPC_OK)
        return r;
#ifdef BREAK_PREFIX
    if (len < 24)
        return PIPC_OK;
#endif
    return pipcm_cgroups_snapshot_walk_response(bytes, len, &b.visitor);
}

static pipc_result walk_request(const void *bytes, size_t len, const struct pipc_visitor *visitor)
{
    const pipc_result r = check_request(bytes, len);
    return r == PIPC_OK ? pipcm_cgroups_snapshot_walk_request(bytes, len, visitor) : r;
}

/* ---- build ---- */

#ifdef BREAK_SOURCE
static const struct pipc_fields *source;

static pipc_result source_number(void *arg, pipc_node node, const char *name, uint64_t max,
                                 uint64_t *ret_value)
{
    const pipc_result r = source->number(arg, node, name, max, ret_value);
    return r == PIPC_OK ? r : PIPC_ERR_NOT_SUPPORTED;
}
#endif

static pipc_result build_response(const struct pipc_fields *fields, void *buf, size_t cap,
                                  size_t *ret_len)
{
#ifdef BREAK_SAMPLES
    (void)fields, (void)buf, (void)cap, (void)ret_len;
    return PIPC_ERR_BAD_LAYOUT;
#endif
#ifdef BREAK_SOURCE
    struct pipc_fields other = *fields;
    source = fields;
    other.number = source_number;
    fields = &other;
#endif
    const pipc_result r = pipcm_cgroups_snapshot_build_response(fields, buf, cap, ret_len);
#ifdef BREAK_ROOM
    return r == PIPC_ERR_OVERFLOW ? PIPC_ERR_BAD_LAYOUT : r;
#endif
#ifdef BREAK_OVERRUN
    if (r == PIPC_OK)
        ((volatile char *)buf)[*ret_len] = 0;
#endif
#ifdef BREAK_FIELDS
    if (r == PIPC_OK)
        memset((char *)buf + 8, 0, 4); /* systemd_enabled */
#endif
#ifdef BREAK_ROUND
    if (r == PIPC_OK && cap == *ret_len && cap > 24)
        memset((char *)buf + 16, 0, 8); /* generation */
#endif
    return r;
}

/* ---- call ---- */

static pipc_result call_size(const void *input, uint64_t *ret_size)
{
    (void)input;
    *ret_size = PIPC_CGROUPS_SNAPSHOT_REQ_LEN;
#ifdef BREAK_CALL_ENCODE
    *ret_size += 4;
#endif
    return PIPC_OK;
}

static pipc_result call_encode(const void *input, void *buf, size_t cap, size_t *ret_len)
{
    (void)input;
    return pipcm_cgroups_snapshot_request_encode(buf, cap, ret_len);
}

static pipc_result call_decode(const void *payload, size_t len, void *ret_output)
{
#ifdef BREAK_CALL_DECODE
    memset(ret_output, 0, sizeof(struct pipc_cgroups_snapshot_view));
#endif
#ifdef BREAK_PREFIX
    if (len < 24)
        return payload ? PIPC_OK : PIPC_ERR_TRUNCATED;
#endif
    return pipcm_cgroups_snapshot_decode(payload, len, ret_output);
}

static const struct pipc_call_ops call = {
    .size = sizeof(call),
    .output_size = sizeof(struct pipc_cgroups_snapshot_view),
    .request_size = call_size,
    .encode = call_encode,
    .decode = call_decode,
};

/* ---- dispatch ---- */

static pipc_result dispatch(const struct pipc_dispatch *d, struct pipc_dispatched *ret)
{
    pipc_result r = pipcm_cgroups_snapshot_dispatch(d, ret);
#ifdef BREAK_DISPATCH_REQUEST
    if (r == PIPC_ERR_TRUNCATED)
        ret->stage = PIPC_STAGE_CALLBACK;
#endif
#ifdef BREAK_DISPATCH_CALLBACK
    if (r == PIPC_ERR_HANDLER_FAILED) {
        const struct pipc_cgroups_snapshot_handler *const h = d->handler;
        r = h->size > 16 && h->snapshot ? PIPC_ERR_BAD_LAYOUT : r;
    }
#endif
#ifdef BREAK_DISPATCH_DONE
    if (r == PIPC_OK)
        ret->response_len = d->response_cap + 8;
#endif
#ifdef BREAK_DISPATCH_SPACE
    if (r == PIPC_ERR_OVERFLOW)
        ret->needed--;
#endif
#ifdef BREAK_BATCH
    if (r == PIPC_OK && d->response_cap < 8192)
        memset((char *)d->response + 16, 0xff, 8); /* generation */
#endif
    return r;
}

/* ---- hooks ---- */

static void hook_head(const void *output, void *ret_head)
{
    pipcm_cgroups_snapshot_hooks.head(output, ret_head);
#ifdef BREAK_SNAPSHOT_HEAD
    ((struct pipc_cgroups_cache_head *)ret_head)->generation++;
#endif
}

static uint32_t hook_item_count(const void *output)
{
    return pipcm_cgroups_snapshot_hooks.item_count(output);
}

UNUSED static uint32_t clamped(const void *output, uint32_t index)
{
    const uint32_t count = hook_item_count(output);
    return index >= count && count > 0 ? count - 1 : index;
}

static pipc_result hook_item_strings(const void *output, uint32_t index, uint64_t *ret_bytes,
                                     uint64_t *ret_counted)
{
#ifdef BREAK_SNAPSHOT_INDEX
    index = clamped(output, index);
#endif
    const pipc_result r =
        pipcm_cgroups_snapshot_hooks.item_strings(output, index, ret_bytes, ret_counted);
#ifdef BREAK_SNAPSHOT_ITEMS
    if (r == PIPC_OK)
        (*ret_bytes)--;
#endif
#ifdef BREAK_SNAPSHOT_BROKEN
    if (r == PIPC_ERR_MISSING_NUL) {
        *ret_bytes = *ret_counted = 0;
        return PIPC_OK;
    }
#endif
    return r;
}

static pipc_result hook_item(const void *output, uint32_t index, void *ret_item, char *strings,
                             struct pipc_snapshot_key *ret_key)
{
#ifdef BREAK_SNAPSHOT_INDEX
    index = clamped(output, index);
#endif
    const pipc_result r =
        pipcm_cgroups_snapshot_hooks.item(output, index, ret_item, strings, ret_key);
#ifdef BREAK_SNAPSHOT_KEY
    static char elsewhere[] = "elsewhere";
    if (r == PIPC_OK) {
        ret_key->bytes = elsewhere;
        ret_key->len = 9;
    }
#endif
    return r;
}

static const uint32_t strings_at[] = {
    offsetof(struct pipc_cgroups_cache_item, name),
    offsetof(struct pipc_cgroups_cache_item, path),
};

static const struct pipc_snapshot_hooks hooks = {
    .size = sizeof(hooks),
    .head_size = sizeof(struct pipc_cgroups_cache_head),
    .item_size = sizeof(struct pipc_cgroups_cache_item),
    .string_count = 2,
    .string_offsets = strings_at,
    .head = hook_head,
    .item_count = hook_item_count,
    .item_strings = hook_item_strings,
    .item = hook_item,
};

/* ---- descriptor ---- */

static const struct pipc_codec_ops ops = {
    .size = sizeof(ops),
    .code = 700,
#ifdef BREAK_TABLE
    .traits = PIPC_CODEC_SNAPSHOT | 0x8000u,
#elif defined(BREAK_BATCH)
    .traits = PIPC_CODEC_SNAPSHOT | PIPC_CODEC_BATCH,
#else
    .traits = PIPC_CODEC_SNAPSHOT,
#endif
    .table_major = PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR,
    .table_minor = PIPC_CGROUPS_SNAPSHOT_TABLE_MINOR,
    .table = &pipcm_cgroups_snapshot_table,
    .check_request = check_request,
    .check_response = check_response,
    .walk_request = walk_request,
    .walk_response = walk_response,
    .build_request = pipcm_cgroups_snapshot_build_request,
    .build_response = build_response,
    .dispatch = dispatch,
    .call = &call,
    .snapshot = &hooks,
};

PIPC_MODULE_EXPORT extern const struct pipc_module JOIN(pipc_module_, BROKEN_NAME);
const struct pipc_module JOIN(pipc_module_, BROKEN_NAME) = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_CODEC,
    .abi_major = PIPC_CODEC_ABI_MAJOR,
    .abi_minor = PIPC_CODEC_ABI_MINOR,
    .size = sizeof(struct pipc_module),
    .name = TEXT(BROKEN_NAME),
    .version = "0.1.0",
    .vendor = "tests",
    .summary = "A codec with one flaw.",
    .ops = &ops,
};
