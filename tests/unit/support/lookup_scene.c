/* SPDX-License-Identifier: Apache-2.0
 *
 * Server, provider and client for tests of lookups: see the header.
 */
#include "lookup_scene.h"
#include "test.h"
#include "transports.h"

#include "core/service/client.h"

static uint32_t lines_of(struct pipc_str_view word)
{
    uint32_t lines = 0;
    for (size_t i = 0; i < word.len && word.ptr[i] >= '0' && word.ptr[i] <= '9'; i++)
        lines = lines * 10 + (uint32_t)(word.ptr[i] - '0');
    return lines;
}

/* ---- the provider ---- */

static uint32_t number_of(struct pipc_str_view word)
{
    const char *const colon = memchr(word.ptr, ':', word.len);
    if (!colon)
        return 0;
    return lines_of((struct pipc_str_view){colon + 1, (size_t)(word.ptr + word.len - (colon + 1))});
}

static void record(struct provider *p, const struct word_count_builder *b)
{
    const uint32_t keys = b->n;
    if (p->calls < LOOKUP_RECORD) {
        p->asked[p->calls] = keys;
        p->first[p->calls] = keys ? number_of(word_count_next(b)) : 0;
    }
    p->calls++;
    p->keys += keys;
}

static uint32_t answer(void *user, const struct pipc_request *from, struct word_count_builder *b)
{
    struct provider *p = user;
    (void)from;
    pthread_mutex_lock(&p->lock);
    record(p, b);
    b->generation = p->generation;
    p->generation += p->bump;
    for (uint32_t i = 0; i < b->n && b->error == PIPC_OK; i++) {
        const uint32_t lines = lines_of(word_count_next(b));
        word_count_add(b, lines ? WORD_KNOWN : WORD_UNKNOWN, lines, 7);
    }
    pthread_mutex_unlock(&p->lock);
    return 1;
}

static pipc_result lie(void *user, const struct word_count_builder *request, void *buf, size_t cap,
                       size_t *ret_len)
{
    struct provider *p = user;
    pthread_mutex_lock(&p->lock);
    const uint32_t call = p->calls;
    const pipc_result result =
        p->raw ? p->raw(p, call, request, buf, cap, ret_len) : PIPC_ERR_NOT_SUPPORTED;
    if (result != PIPC_ERR_NOT_SUPPORTED)
        record(p, request);
    pthread_mutex_unlock(&p->lock);
    return result;
}

/* ---- server ---- */

static void *run(void *arg)
{
    CHECK_OK(pipc_server_run(arg, NULL));
    return NULL;
}

void lookup_server_start(struct lookup_scene *s, const struct pipc_server_config *config)
{
    const struct word_count_handler handler = {
        .size = sizeof(handler), .user = s->provider, .count = answer, .raw = lie};
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_MSG(pipc_server_create(s->context, test_dir(), SCRIPT_SERVICE, s->codec, 1, &handler, 4,
                                 config, &s->server, &err) == PIPC_OK,
              "%s", err.text);
    CHECK(pthread_create(&s->thread, NULL, run, s->server) == 0);
}

void lookup_server_stop(struct lookup_scene *s)
{
    if (!s->server)
        return;
    CHECK_OK(pipc_server_stop(s->server));
    pthread_join(s->thread, NULL);
    CHECK_OK(pipc_server_destroy(s->server));
    s->server = NULL;
}

/* ---- scenes ---- */

static struct pipc_context *open_context(const struct pipc_allocator *allocator, bool file)
{
    struct pipc_open_options options = {.size = sizeof(options), .allocator = allocator};
    struct pipc_context *context = NULL;
    struct pipc_config *config = NULL;
    struct pipc_error err = PIPC_ERROR_INIT;
    CHECK_OK(pipc_config_new(NULL, &config));
    CHECK_OK(script_config_modules(config));
    test_choose_transports(config);
    if (file)
        CHECK_OK(pipc_config_set(config, "pipc", "module_dir", PIPC_TEST_FIXTURE_DIR, NULL));
    else
        CHECK_OK(pipc_config_add_module(config, &pipc_module_word_count, NULL));
    CHECK_OK(pipc_config_add_module(config, &pipc_module_word_count_plain, NULL));
    CHECK_MSG(pipc_open(config, &options, &context, &err) == PIPC_OK, "pipc_open: %s", err.text);
    pipc_config_free(config);
    return context;
}

struct pipc_context *lookup_context(const struct pipc_allocator *allocator)
{
    return open_context(allocator, false);
}

struct pipc_context *lookup_context_of_files(void)
{
    if (!PIPC_TEST_HAVE_LOADER)
        test_skip("this build has no loader");
    return open_context(NULL, true);
}

struct lookup_scene lookup_open_with(const char *codec, const struct pipc_client_config *client,
                                     const struct pipc_server_config *server,
                                     const struct pipc_allocator *allocator)
{
    struct lookup_scene s = {.codec = codec ? codec : WORD_COUNT_NAME, .err = PIPC_ERROR_INIT};
    s.context = lookup_context(allocator);
    s.provider = calloc(1, sizeof(*s.provider));
    CHECK(s.provider != NULL);
    CHECK(pthread_mutex_init(&s.provider->lock, NULL) == 0);
    s.provider->generation = 42;
    lookup_server_start(&s, server);
    s.client = script_ready(s.context, client, true);
    return s;
}

struct lookup_scene lookup_open(uint32_t request_limit, uint32_t response_limit)
{
    const struct pipc_client_config client = {.size = sizeof(client),
                                              .max_request_payload_bytes = request_limit};
    const struct pipc_server_config server = {.size = sizeof(server),
                                              .max_request_payload_bytes = request_limit,
                                              .max_response_payload_bytes = response_limit};
    return lookup_open_with(NULL, &client, &server, NULL);
}

void lookup_close(struct lookup_scene *s)
{
    pipc_client_destroy(s->client);
    lookup_server_stop(s);
    pthread_mutex_destroy(&s->provider->lock);
    free(s->provider);
    script_context_close(s->context);
}

/* ---- calls ---- */

void lookup_sync(const struct lookup_scene *s)
{
    pthread_mutex_lock(&s->provider->lock);
    pthread_mutex_unlock(&s->provider->lock);
}

pipc_result lookup_call_keys(struct lookup_scene *s, const struct pipc_str_view *words,
                             uint32_t count, uint32_t timeout_ms)
{
    memset(&s->view, 0x5a, sizeof(s->view));
    lookup_sync(s);
    const pipc_result result = pipc_client_call_lookup(s->client, s->codec, 1, words, count,
                                                       &s->view, timeout_ms, &s->err);
    lookup_sync(s);
    return result;
}

pipc_result lookup_call(struct lookup_scene *s, const char *const *words, uint32_t count)
{
    struct pipc_str_view *keys = calloc(count + 1, sizeof(*keys));
    CHECK(keys != NULL);
    for (uint32_t i = 0; i < count; i++)
        keys[i] = lookup_str(words[i]);
    const pipc_result result = lookup_call_keys(s, keys, count, 0);
    free(keys);
    return result;
}

static void check_item(const struct lookup_scene *s, struct pipc_str_view word, uint32_t index,
                       bool oversized)
{
    const struct word_count_item item = word_count_item(&s->view, index);
    const uint32_t lines = oversized ? 0 : lines_of(word);
    CHECK_EQ(item.word.len, word.len);
    CHECK_MEM(item.word.ptr, word.ptr, word.len);
    CHECK_EQ(item.status, oversized ? WORD_OVERSIZED : lines ? WORD_KNOWN : WORD_UNKNOWN);
    CHECK_EQ(item.lines, lines);
    for (uint32_t i = 0; i < lines; i++)
        CHECK_EQ(word_count_line(&s->view, index, i), 7 + i);
}

void lookup_check(const struct lookup_scene *s, const struct pipc_str_view *words, uint32_t count,
                  size_t longest)
{
    CHECK_EQ(s->view.count, count);
    for (uint32_t i = 0; i < count; i++)
        check_item(s, words[i], i, longest && words[i].len > longest);
}

void lookup_check_failed(struct lookup_scene *s, pipc_result got, pipc_result expected,
                         const char *text, uint32_t state)
{
    static const struct word_count_view none;
    const struct pipc_client_status status = script_status(s->client);
    const struct pipc_str_view word = lookup_str("3:z");
    CHECK_RESULT(got, expected);
    CHECK_RESULT(s->err.result, expected);
    CHECK_HAS(s->err.text, text);
    CHECK_MEM(&s->view, &none, sizeof(none));
    CHECK_EQ(status.state, state);
    CHECK_RESULT(status.last_call.result, expected);
    CHECK_EQ(pipc_client_response_len(s->client), 0);
    s->provider->raw = NULL;
    s->provider->bump = 0;
    pipc_client_clear_abort(s->client);
    if (state != PIPC_CLIENT_READY)
        CHECK_OK(pipc_client_refresh_timeout(s->client, 0, NULL, NULL));
    CHECK_OK(lookup_call_keys(s, &word, 1, 0));
    lookup_check(s, &word, 1, 0);
    CHECK_EQ(script_status(s->client).error_count, status.error_count);
}

/* ---- responses made by hand ---- */

struct forged lookup_forged(const struct word_count_builder *request)
{
    struct word_count_builder at = *request;
    struct forged f = {.generation = 42, .n = request->n};
    CHECK(f.n <= FORGED_MAX);
    for (uint32_t i = 0; i < f.n; i++) {
        f.words[i] = word_count_next(&at);
        f.status[i] = WORD_UNKNOWN;
        at.key += 2 + f.words[i].len;
    }
    return f;
}

size_t lookup_forge(const struct forged *f, void *buf, size_t cap)
{
    uint8_t *at = (uint8_t *)buf + WORD_COUNT_HDR;
    uint32_t ends[FORGED_MAX];
    memset(buf, 0, WORD_COUNT_HDR);
    memcpy(buf, &f->generation, 8);
    memcpy((uint8_t *)buf + 8, &f->n, 4);
    for (uint32_t i = 0; i < f->n; i++) {
        const uint16_t len = (uint16_t)f->words[i].len;
        memset(at, 0, WORD_COUNT_ITEM_HDR);
        at[0] = (uint8_t)f->status[i];
        memcpy(at + 2, &len, 2);
        memcpy(at + WORD_COUNT_ITEM_HDR, f->words[i].ptr, len);
        at += WORD_COUNT_ITEM_HDR + len;
        ends[i] = (uint32_t)(at - (uint8_t *)buf - WORD_COUNT_HDR);
    }
    memcpy(at, ends, (size_t)f->n * WORD_COUNT_END_LEN);
    at += (size_t)f->n * WORD_COUNT_END_LEN;
    CHECK((size_t)(at - (uint8_t *)buf) <= cap);
    return (size_t)(at - (uint8_t *)buf);
}

/* ---- words ---- */

struct pipc_str_view *lookup_words(uint32_t count, uint32_t lines)
{
    const size_t each = 24;
    struct pipc_str_view *words = malloc((size_t)count * (sizeof(*words) + each) + 1);
    CHECK(words != NULL);
    char *text = (char *)(words + count);
    for (uint32_t i = 0; i < count; i++, text += each)
        words[i] = (struct pipc_str_view){text, (size_t)snprintf(text, each, "%u:%u", lines, i)};
    return words;
}

struct pipc_str_view lookup_word(uint32_t lines, size_t len)
{
    static char ring[8][WORD_COUNT_MAX + 1];
    static unsigned next;
    char *const text = ring[next++ % 8];
    const int n = snprintf(text, sizeof(ring[0]), "%u:%u", lines, next);
    CHECK(n > 0 && (size_t)n <= len && len <= WORD_COUNT_MAX);
    memset(text + n, 'x', len - (size_t)n);
    return (struct pipc_str_view){text, len};
}

struct pipc_str_view lookup_str(const char *text)
{
    return (struct pipc_str_view){text, strlen(text)};
}
