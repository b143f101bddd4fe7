/* SPDX-License-Identifier: Apache-2.0
 *
 * pipc call: one typed call, a logical lookup, a batch, or the same call again and again on one
 * client.
 */
#include "json.h"
#include "lookup.h"

#include <errno.h>
#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>
#include <stdlib.h>
#include <string.h>

/* One key as the codec's request. */
struct key {
    const char *text;
    size_t len;
    uint64_t number; /* increment */
};

struct call {
    const struct options *o;
    struct pipc_context *context;
    struct pipc_client *client;
    const struct pipc_codec_ops *ops;
    char kind[33];
    struct key *keys;
    size_t key_count;
    bool is_lookup; /* of a kind whose keys are known here */
    struct lookup_keys lookup;
    uint32_t timeout_ms;
    char *input; /* text of standard input, which keys borrow */
};

static struct pipc_client *interrupted;

static void abort_call(void)
{
    if (interrupted)
        pipc_client_abort(interrupted);
}

/* ---- keys ---- */

static int key_add(struct call *c, const char *text, size_t len)
{
    if (c->is_lookup)
        return lookup_key_add(&c->lookup, text, len);
    if ((c->key_count & (c->key_count - 1)) == 0) {
        struct key *more = realloc(c->keys, (c->key_count ? c->key_count * 2 : 1) * sizeof(*more));
        if (!more)
            return fail_with(c->o, PIPC_ERR_ALLOC, EXIT_FAILED, "no memory for the keys");
        c->keys = more;
    }
    struct key *key = &c->keys[c->key_count++];
    *key = (struct key){.text = text, .len = len};
    char number[32];
    if (strcmp(c->kind, "increment") == 0) {
        snprintf(number, sizeof(number), "%.*s", (int)(len < 31 ? len : 31), text);
        if (strlen(number) != len || !number_parse(number, UINT64_MAX, &key->number))
            return refuse(c->o, "'%.*s' is no number from 0 to 18446744073709551615",
                          (int)(len < 200 ? len : 200), text);
    }
    return -1;
}

static int keys_from_input(struct call *c)
{
    size_t len = 0, cap = 1 << 16, n;
    int code = -1;

    c->input = malloc(cap);
    while (c->input && (n = fread(c->input + len, 1, cap - len, stdin)) > 0) {
        len += n;
        if (len == cap) {
            char *more = realloc(c->input, cap *= 2);
            if (!more)
                free(c->input);
            c->input = more;
        }
    }
    if (!c->input)
        return fail_with(c->o, PIPC_ERR_ALLOC, EXIT_FAILED, "no memory for standard input");
    if (signals_came())
        return fail_with(c->o, PIPC_ERR_ABORTED, EXIT_ABORTED,
                         "standard input: aborted by a signal");
    if (ferror(stdin))
        return fail_with(c->o, PIPC_ERR_BAD_PARAM, EXIT_FAILED, "standard input: %s",
                         strerror(errno));
    for (char *line = c->input, *const end = c->input + len; code < 0 && line < end;) {
        char *const stop = memchr(line, '\n', (size_t)(end - line));
        code = key_add(c, line, (size_t)((stop ? stop : end) - line));
        line = stop ? stop + 1 : end;
    }
    return code;
}

static int keys_collect(struct call *c)
{
    const struct options *o = c->o;
    const bool wants = (c->ops->traits & PIPC_CODEC_SNAPSHOT) == 0;
    bool given;
    int code = -1;

    for (int i = 1; code < 0 && i < o->word_count; i++)
        code = key_add(c, o->words[i], strlen(o->words[i]));
    if (code < 0 && o->from_stdin)
        code = keys_from_input(c);
    if (code >= 0)
        return code;
    given = c->key_count || c->lookup.count;
    if (o->all && !c->is_lookup)
        return refuse(c->o, "%s has no --all", c->kind);
    if (o->all)
        return lookup_keys_all(&c->lookup);
    if (!wants && given)
        return refuse(c->o, "%s takes no keys", c->kind);
    if (c->is_lookup && !given && !o->from_stdin)
        return refuse(c->o, "%s needs a key, --stdin or --all", c->kind);
    if (wants && !given && !o->from_stdin)
        return refuse(c->o, "%s needs a key", c->kind);
    return -1;
}

/* ---- one call ---- */

/* The request of one key in JSON: what the codec builds it from. Kinds that the command has never
 * heard of take a JSON object. */
static struct json_object *request_object(const struct call *c, const struct key *key, char *why,
                                          size_t why_len)
{
    struct json_object *object;

    if (key && strcmp(c->kind, "increment") != 0 && strcmp(c->kind, "string_reverse") != 0)
        return json_parse(key->text, key->len, "key", why, why_len);
    object = json_object_new_object();
    if (key && strcmp(c->kind, "increment") == 0)
        json_object_object_add(object, "value", json_of_number(key->number));
    else if (key)
        json_object_object_add(object, "str", json_of_bytes(key->text, key->len));
    return object;
}

static pipc_result request_build(const struct call *c, const struct key *key,
                                 unsigned char **ret_bytes, size_t *ret_len, struct pipc_error *err)
{
    struct json_source source;
    struct json_object *object = request_object(c, key, err->text, sizeof(err->text));
    const size_t cap = 4096 + (key ? key->len * 2 : 0);
    pipc_result r = PIPC_ERR_BAD_PARAM;

    *ret_bytes = NULL;
    if (object) {
        json_source_begin(&source, object);
        *ret_bytes = malloc(cap);
        r = *ret_bytes ? c->ops->build_request(&source.fields, *ret_bytes, cap, ret_len)
                       : PIPC_ERR_ALLOC;
        if (r != PIPC_OK)
            snprintf(err->text, sizeof(err->text), "%s: %.200s", c->kind,
                     source.why[0] ? source.why : pipc_result_text(r));
        json_source_end(&source);
        json_object_put(object);
    }
    err->result = r;
    return r;
}

/* Calls with one key (NULL: none) and gives the fields of the answer. */
static pipc_result call_one(const struct call *c, const struct key *key, uint32_t timeout_ms,
                            struct json_object **ret_fields, struct pipc_error *err)
{
    unsigned char *request;
    size_t request_len = 0, len = 0;
    const void *payload = NULL;
    struct json_writer writer;
    pipc_result r = request_build(c, key, &request, &request_len, err);

    if (r == PIPC_OK)
        r = pipc_client_call_raw(c->client, c->kind, request, request_len, &payload, &len,
                                 timeout_ms, err);
    free(request);
    if (r != PIPC_OK)
        return r;
    json_writer_begin(&writer);
    r = c->ops->walk_response(payload, len, &writer.visitor);
    if (r != PIPC_OK) {
        json_writer_drop(&writer);
        err->result = r;
        snprintf(err->text, sizeof(err->text), "the answer of %s: %s", c->kind,
                 pipc_result_text(r));
        return r;
    }
    *ret_fields = writer.top;
    return PIPC_OK;
}

static pipc_result batch_numbers(const struct call *c, uint32_t timeout_ms,
                                 struct json_object *items, struct pipc_error *err)
{
    uint64_t *values = calloc(c->key_count * 2, sizeof(*values));
    pipc_result r = PIPC_ERR_ALLOC;

    for (size_t i = 0; values && i < c->key_count; i++)
        values[i] = c->keys[i].number;
    if (values)
        r = pipc_client_call_batch(c->client, c->kind, PIPC_INCREMENT_TABLE_MAJOR, values,
                                   (uint32_t)c->key_count, values + c->key_count, timeout_ms, err);
    for (size_t i = 0; r == PIPC_OK && i < c->key_count; i++) {
        struct json_object *item = json_object_new_object();
        json_object_object_add(item, "value", json_of_number(values[c->key_count + i]));
        json_object_array_add(items, item);
    }
    free(values);
    return r;
}

static pipc_result batch_strings(const struct call *c, uint32_t timeout_ms,
                                 struct json_object *items, struct pipc_error *err)
{
    struct pipc_str_view *in = calloc(c->key_count, sizeof(*in));
    struct pipc_string_reverse_view *out = calloc(c->key_count, sizeof(*out));
    pipc_result r = PIPC_ERR_ALLOC;

    for (size_t i = 0; in && i < c->key_count; i++)
        in[i] = (struct pipc_str_view){c->keys[i].text, c->keys[i].len};
    if (in && out)
        r = pipc_client_call_batch(c->client, c->kind, PIPC_STRING_REVERSE_TABLE_MAJOR, in,
                                   (uint32_t)c->key_count, out, timeout_ms, err);
    for (size_t i = 0; r == PIPC_OK && i < c->key_count; i++) {
        struct json_object *item = json_object_new_object();
        json_object_object_add(item, "str", json_of_bytes(out[i].str.ptr, out[i].str.len));
        json_object_array_add(items, item);
    }
    free(in);
    free(out);
    return r;
}

static uint32_t time_left(const struct call *c, uint64_t begin)
{
    const uint64_t spent = now_ms() - begin;

    return spent < c->timeout_ms ? (uint32_t)(c->timeout_ms - spent) : 1;
}

/* All keys, as one call or logical lookup, one batch or one call each; each call within --timeout.
 * No key is one call of a kind without keys, and no call of the others. */
static pipc_result call_all(const struct call *c, uint64_t begin, struct json_object **ret_fields,
                            struct pipc_error *err)
{
    pipc_result r = PIPC_OK;
    struct json_object *items;

    if (c->is_lookup)
        return lookup_call(c->client, &c->lookup, time_left(c, begin), ret_fields, err);
    if (!c->o->batch && (c->key_count == 1 || (c->ops->traits & PIPC_CODEC_SNAPSHOT)))
        return call_one(c, c->keys, time_left(c, begin), ret_fields, err);
    *ret_fields = json_object_new_object();
    items = json_object_new_array();
    json_object_object_add(*ret_fields, "items", items);
    if (c->o->batch) {
        r = strcmp(c->kind, "increment") == 0 ? batch_numbers(c, time_left(c, begin), items, err)
                                              : batch_strings(c, time_left(c, begin), items, err);
    }
    for (size_t i = 0; !c->o->batch && r == PIPC_OK && i < c->key_count; i++) {
        struct json_object *item = NULL;
        r = call_one(c, &c->keys[i], time_left(c, begin), &item, err);
        if (r == PIPC_OK)
            json_object_array_add(items, item);
        begin = now_ms();
    }
    if (r != PIPC_OK) {
        json_object_put(*ret_fields);
        *ret_fields = NULL;
    }
    return r;
}

/* READY within that time; -1, or the exit code. */
static int connect_once(const struct call *c, uint32_t timeout_ms, struct pipc_error *err)
{
    const pipc_result r = pipc_client_refresh_timeout(c->client, timeout_ms, NULL, err);

    return r == PIPC_OK ? -1 : exit_of_attempt(r);
}

/* --wait: goes on while the service is not there or too slow, in its own time, which an attempt
 * does not outlast either. */
static int connect_patiently(const struct call *c, struct pipc_error *err)
{
    const uint64_t end = now_ms() + c->o->wait_ms;
    uint64_t now;
    int code = EXIT_NOT_THERE;

    do {
        now = now_ms();
        code = connect_once(
            c, now < end && end - now < c->timeout_ms ? (uint32_t)(end - now) : c->timeout_ms, err);
    } while ((code == EXIT_NOT_THERE || code == EXIT_TIMEOUT) && now_ms() < end && pause_ms(20));
    return code;
}

/* A signal ended an attempt, or the pause behind it. */
static int fail_by_signal(const struct call *c, struct pipc_error *err)
{
    char before[sizeof(err->text)];

    if (err->result != PIPC_ERR_ABORTED) {
        memcpy(before, err->text, sizeof(before));
        snprintf(err->text, sizeof(err->text), "aborted by a signal; before: %.220s", before);
        err->result = PIPC_ERR_ABORTED;
    }
    return fail(c->o, err, EXIT_ABORTED);
}

static int call_and_print(const struct call *c, bool first)
{
    const bool waits = first && c->o->wait_given;
    struct pipc_error err = PIPC_ERROR_INIT;
    struct json_object *fields = NULL;
    uint64_t begin = now_ms();
    int code = waits ? connect_patiently(c, &err) : connect_once(c, c->timeout_ms, &err);

    if (code >= 0)
        return signals_came() ? fail_by_signal(c, &err) : fail(c->o, &err, code);
    if (waits)
        begin = now_ms(); /* waiting has a time of its own */
    if (call_all(c, begin, &fields, &err) != PIPC_OK)
        return fail(c->o, &err, exit_of_call(&err));
    if (c->o->json)
        json_print(stdout, fields);
    else
        json_print_table(stdout, fields);
    json_object_put(fields);
    return output_flush() ? EXIT_DONE : EXIT_FAILED;
}

/* Kinds whose typed batches are known here; the layout of others is not. */
static bool is_own_batch(const char *kind)
{
    return strcmp(kind, "increment") == 0 || strcmp(kind, "string_reverse") == 0;
}

static int call_run(struct call *c, const char *service)
{
    struct pipc_client_config config;
    struct pipc_error err = PIPC_ERROR_INIT;
    char run_dir[4096];
    int code = keys_collect(c);

    if (code >= 0)
        return code;
    if (c->o->batch && (!c->ops->call || !c->ops->call->batch))
        return refuse(c->o, "%s allows no batches", c->kind);
    if (c->o->batch && !is_own_batch(c->kind))
        return refuse(c->o, "%s: only batches of increment and string_reverse are known here",
                      c->kind);
    c->timeout_ms = call_timeout(c->o, c->context, service);
    code = run_dir_find(c->o, c->context, service, false, run_dir, sizeof(run_dir));
    if (code >= 0)
        return code;
    client_config_from(c->o, &config);
    /* Who asks for so many keys permits so many, as with batches. */
    if (c->lookup.count > PIPC_LOGICAL_LOOKUP_ITEMS_DEFAULT)
        config.max_logical_lookup_items = c->lookup.count;
    if (c->o->batch && !config.max_request_batch_items)
        config.max_request_batch_items = c->key_count ? (uint32_t)c->key_count : 1;
    if (pipc_client_create(c->context, run_dir, service, &config, &c->client, &err) != PIPC_OK)
        return fail(c->o, &err, exit_of(err.result));
    interrupted = c->client;
    if (signals_came())
        abort_call(); /* one that came before there was a client */
    for (uint32_t i = 0; code <= 0 && i < (c->o->repeat ? c->o->repeat : 1); i++)
        code = call_and_print(c, i == 0);
    interrupted = NULL;
    pipc_client_destroy(c->client);
    return code;
}

int command_call(const struct options *o)
{
    struct call c = {.o = o};
    const char *service;
    int code;

    if (o->word_count < 1)
        return refuse(o, "call needs a kind");
    signals_watch(abort_call);
    code = kind_open(o, o->words[0], &c.context, &c.ops, c.kind, &service);
    if (code >= 0)
        return code;
    c.is_lookup = lookup_known(c.kind);
    c.lookup = (struct lookup_keys){.o = o, .kind = c.kind};
    code = call_run(&c, service);
    lookup_keys_free(&c.lookup);
    free(c.keys);
    free(c.input);
    (void)pipc_close(c.context);
    return code;
}
