/* SPDX-License-Identifier: Apache-2.0
 *
 * Logical lookups of a provider that lies: every row of docs/level2-typed-api.md 9.4, alone and
 * before its neighbours. The call fails without another exchange, the session stays, and the next
 * call works.
 */
#include "lookup_scene.h"
#include "test.h"

#define KEYS 9u /* of a call; three exchanges */
#define RUN  3u /* keys of one exchange */

struct lie {
    const char *name;
    pipc_result expected;
    const char *text;
    void (*spoil)(struct forged *f);               /* before the bytes are made */
    size_t (*spoil_bytes)(uint8_t *b, size_t len); /* behind it; the new length */
};

struct liar {
    const struct lie *lie;
    uint32_t at; /* number of the call that lies */
};

static pipc_result lying(struct provider *p, uint32_t call,
                         const struct word_count_builder *request, void *buf, size_t cap,
                         size_t *ret_len)
{
    const struct liar *liar = p->arg;
    struct forged f = lookup_forged(request);
    if (call == liar->at && liar->lie->spoil)
        liar->lie->spoil(&f);
    *ret_len = lookup_forge(&f, buf, cap);
    if (call == liar->at && liar->lie->spoil_bytes)
        *ret_len = liar->lie->spoil_bytes(buf, *ret_len);
    return PIPC_OK;
}

/* ---- rows 2 to 6 ---- */

static void other_generation(struct forged *f)
{
    f->generation++;
}

static void one_less(struct forged *f)
{
    f->n--;
}

static void one_more(struct forged *f)
{
    f->words[f->n] = f->words[0];
    f->status[f->n++] = WORD_UNKNOWN;
}

static void none(struct forged *f)
{
    f->n = 0;
}

static void swapped(struct forged *f)
{
    const struct pipc_str_view first = f->words[0];
    f->words[0] = f->words[1];
    f->words[1] = first;
}

static void repeated(struct forged *f)
{
    f->words[1] = f->words[0];
}

static void shorter(struct forged *f)
{
    f->words[2].len--;
}

static void other_last_word(struct forged *f)
{
    f->words[2] = lookup_str("other");
}

static void gap(struct forged *f)
{
    f->status[1] = WORD_FULL;
}

static void gap_oversized(struct forged *f)
{
    f->status[1] = WORD_FULL;
    f->status[2] = WORD_OVERSIZED;
}

static void full_with_other_word(struct forged *f)
{
    f->status[1] = f->status[2] = WORD_FULL;
    f->words[2] = f->words[1];
}

static void all_full(struct forged *f)
{
    f->status[0] = f->status[1] = f->status[2] = WORD_FULL;
}

/* ---- two rows at once: the earlier one decides ---- */

static void generation_and_count(struct forged *f)
{
    other_generation(f);
    one_less(f);
}

static void count_and_word(struct forged *f)
{
    one_more(f);
    repeated(f);
}

static void full_and_gap(struct forged *f)
{
    f->status[0] = WORD_FULL;
}

static void full_and_other_word(struct forged *f)
{
    all_full(f);
    other_last_word(f);
}

/* ---- row 1 ---- */

static void unknown_status(struct forged *f)
{
    f->status[1] = 4;
}

static void unknown_status_and_count(struct forged *f)
{
    f->status[1] = 250;
    one_less(f);
}

static size_t cut_head(uint8_t *b, size_t len)
{
    (void)b;
    (void)len;
    return WORD_COUNT_HDR - 1;
}

static size_t cut_ends(uint8_t *b, size_t len)
{
    b[11] = 0x20; /* a count of half a milliard */
    return len;
}

static size_t surplus(uint8_t *b, size_t len)
{
    b[12] = 1;
    return len;
}

static size_t end_behind(uint8_t *b, size_t len)
{
    b[len - 1] = 0x7f;
    return len;
}

static const struct lie lies[] = {
    {"changes its generation", PIPC_ERR_BAD_LAYOUT, "the generation changed from 42 to 43",
     other_generation, NULL},
    {"answers one less", PIPC_ERR_BAD_ITEM_COUNT, "2 items for 3 keys", one_less, NULL},
    {"answers one more", PIPC_ERR_BAD_ITEM_COUNT, "4 items for 3 keys", one_more, NULL},
    {"answers nothing", PIPC_ERR_BAD_ITEM_COUNT, "0 items for 3 keys", none, NULL},
    {"swaps two", PIPC_ERR_BAD_LAYOUT, "item 0 of the response does not answer key", swapped, NULL},
    {"repeats one", PIPC_ERR_BAD_LAYOUT, "item 1 of the response does not answer key", repeated,
     NULL},
    {"cuts a word", PIPC_ERR_BAD_LAYOUT, "item 2 of the response does not answer key", shorter,
     NULL},
    {"echoes another word", PIPC_ERR_BAD_LAYOUT, "item 2 of the response does not answer key",
     other_last_word, NULL},
    {"goes on behind a full item", PIPC_ERR_BAD_LAYOUT, "item 2 has a result, item 1 before it",
     gap, NULL},
    {"has an oversized item behind a full one", PIPC_ERR_BAD_LAYOUT,
     "item 2 has a result, item 1 before it", gap_oversized, NULL},
    {"echoes another word in a full item", PIPC_ERR_BAD_LAYOUT, "item 2 of the response",
     full_with_other_word, NULL},
    {"is full at item 0", PIPC_ERR_OVERFLOW, "no room for any of 3 items", all_full, NULL},
    {"generation before count", PIPC_ERR_BAD_LAYOUT, "the generation changed", generation_and_count,
     NULL},
    {"count before echo", PIPC_ERR_BAD_ITEM_COUNT, "4 items for 3 keys", count_and_word, NULL},
    {"gap before full at item 0", PIPC_ERR_BAD_LAYOUT, "item 1 has a result, item 0 before it",
     full_and_gap, NULL},
    {"echo before full at item 0", PIPC_ERR_BAD_LAYOUT, "item 2 of the response",
     full_and_other_word, NULL},
    {"has an unknown status", PIPC_ERR_BAD_LAYOUT, "does not decode", unknown_status, NULL},
    {"does not decode before count", PIPC_ERR_BAD_LAYOUT, "does not decode",
     unknown_status_and_count, NULL},
    {"is too short", PIPC_ERR_TRUNCATED, "the response of 15 bytes does not decode", NULL,
     cut_head},
    {"promises more items than bytes", PIPC_ERR_TRUNCATED, "does not decode", NULL, cut_ends},
    {"sets a reserved field", PIPC_ERR_BAD_LAYOUT, "does not decode", NULL, surplus},
    {"points behind its end", PIPC_ERR_OUT_OF_BOUNDS, "does not decode", NULL, end_behind},
};

static void tell(const struct lie *lie, uint32_t at)
{
    struct pipc_str_view *words = lookup_words(KEYS, 0);
    const struct liar liar = {lie, at};
    struct lookup_scene s = lookup_open((uint32_t)word_count_request_size(words, RUN), 0);
    s.provider->raw = lying;
    s.provider->arg = &liar;
    const pipc_result result = lookup_call_keys(&s, words, KEYS, 0);
    const struct pipc_client_status status = script_status(s.client);
    CHECK_MSG(result == lie->expected, "a provider that %s in call %u: %s, expected %s", lie->name,
              (unsigned)at, pipc_result_name(result), pipc_result_name(lie->expected));
    CHECK_EQ(s.provider->calls, at + 1);
    CHECK_EQ(status.call_count, at + 1);
    CHECK_EQ(status.error_count, 1);
    CHECK_EQ(status.reconnect_count, 0);
    CHECK_EQ(status.last_call.peer_status, PIPC_STATUS_OK);
    lookup_check_failed(&s, result, lie->expected, lie->text, PIPC_CLIENT_READY);
    CHECK_EQ(script_status(s.client).connect_count, 1);
    lookup_close(&s);
    free(words);
}

TEST(client_lookup_hostile, each_lie_in_a_later_exchange_ends_the_call)
{
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        tell(&lies[i], 1);
        tell(&lies[i], 2);
    }
}

TEST(client_lookup_hostile, each_lie_in_the_first_exchange_ends_the_call)
{
    for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        if (!strstr(lies[i].text, "generation")) /* the first one may be any */
            tell(&lies[i], 0);
    }
}

TEST(client_lookup_hostile, generation_that_always_changes_never_succeeds_and_never_hangs)
{
    struct pipc_str_view *words = lookup_words(KEYS, 2);
    struct lookup_scene s = lookup_open((uint32_t)word_count_request_size(words, RUN), 0);
    for (unsigned i = 1; i <= 3; i++) {
        s.provider->bump = 1;
        CHECK_RESULT(lookup_call_keys(&s, words, KEYS, 0), PIPC_ERR_BAD_LAYOUT);
        CHECK_EQ(s.provider->calls, 2 * i);
    }
    lookup_check_failed(&s, PIPC_ERR_BAD_LAYOUT, PIPC_ERR_BAD_LAYOUT, "the generation changed",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
    free(words);
}

/* ---- lies of single exchanges ---- */

static pipc_result always_oversized(struct provider *p, uint32_t call,
                                    const struct word_count_builder *request, void *buf, size_t cap,
                                    size_t *ret_len)
{
    struct forged f = lookup_forged(request);
    (void)p;
    (void)call;
    for (uint32_t i = 0; i < f.n; i++)
        f.status[i] = i ? WORD_FULL : WORD_OVERSIZED;
    *ret_len = lookup_forge(&f, buf, cap);
    return PIPC_OK;
}

TEST(client_lookup_hostile, slowest_progress_ends_at_the_subcalls_ceiling)
{
    struct pipc_str_view *words = lookup_words(KEYS, 0);
    const struct pipc_client_config config = {.size = sizeof(config),
                                              .max_logical_lookup_subcalls = 2 * KEYS - 1};
    struct lookup_scene s = lookup_open_with(NULL, &config, NULL, NULL);
    s.provider->raw = always_oversized;
    /* One key of each exchange is answered, and asked again alone; the last is alone anyway. */
    CHECK_OK(lookup_call_keys(&s, words, KEYS, 0));
    CHECK_EQ(s.provider->calls, 2 * KEYS - 1);
    lookup_check(&s, words, KEYS, 1);
    s.provider->calls = 0;
    struct pipc_str_view more[KEYS + 1];
    memcpy(more, words, KEYS * sizeof(*words));
    more[KEYS] = words[0];
    const pipc_result result = lookup_call_keys(&s, more, KEYS + 1, 0);
    CHECK_EQ(s.provider->calls, 2 * KEYS - 1);
    lookup_check_failed(&s, result, PIPC_ERR_OVERFLOW, "are answered after 17 exchanges",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
    free(words);
}

static pipc_result other_generation_alone(struct provider *p, uint32_t call,
                                          const struct word_count_builder *request, void *buf,
                                          size_t cap, size_t *ret_len)
{
    struct forged f = lookup_forged(request);
    (void)p;
    f.status[0] = WORD_OVERSIZED;
    f.generation += call;
    *ret_len = lookup_forge(&f, buf, cap);
    return PIPC_OK;
}

TEST(client_lookup_hostile, answer_to_the_key_alone_is_judged_like_any_other)
{
    struct pipc_str_view *words = lookup_words(3, 0);
    struct lookup_scene s = lookup_open(0, 0);
    s.provider->raw = other_generation_alone;
    const pipc_result result = lookup_call_keys(&s, words, 3, 0);
    CHECK_EQ(s.provider->calls, 2);
    lookup_check_failed(&s, result, PIPC_ERR_BAD_LAYOUT, "the generation changed",
                        PIPC_CLIENT_READY);
    lookup_close(&s);
    free(words);
}

static pipc_result answers_to_nothing(struct provider *p, uint32_t call,
                                      const struct word_count_builder *request, void *buf,
                                      size_t cap, size_t *ret_len)
{
    struct forged f = lookup_forged(request);
    (void)p;
    (void)call;
    f.words[0] = lookup_str("word");
    f.n = 1;
    *ret_len = lookup_forge(&f, buf, cap);
    return PIPC_OK;
}

TEST(client_lookup_hostile, items_without_keys_are_refused)
{
    struct pipc_str_view word = lookup_word(1, 2000);
    struct lookup_scene s = lookup_open(64, 0);
    s.provider->raw = answers_to_nothing;
    lookup_check_failed(&s, lookup_call_keys(&s, NULL, 0, 0), PIPC_ERR_BAD_ITEM_COUNT,
                        "1 items for 0 keys", PIPC_CLIENT_READY);
    s.provider->raw = answers_to_nothing;
    lookup_check_failed(&s, lookup_call_keys(&s, &word, 1, 0), PIPC_ERR_BAD_ITEM_COUNT,
                        "1 items for 0 keys", PIPC_CLIENT_READY);
    lookup_close(&s);
}

static pipc_result fails(struct provider *p, uint32_t call,
                         const struct word_count_builder *request, void *buf, size_t cap,
                         size_t *ret_len)
{
    (void)p;
    (void)call;
    (void)request;
    (void)buf;
    (void)cap;
    (void)ret_len;
    return PIPC_ERR_HANDLER_FAILED;
}

TEST(client_lookup_hostile, failing_provider_is_asked_twice_and_the_call_fails)
{
    struct pipc_str_view *words = lookup_words(KEYS, 2);
    struct lookup_scene s = lookup_open(0, 0);
    s.provider->raw = fails;
    const pipc_result result = lookup_call_keys(&s, words, KEYS, 0);
    CHECK_EQ(s.provider->calls, 2);
    CHECK_EQ(script_status(s.client).call_count, 0);
    CHECK_EQ(s.err.peer_status, PIPC_STATUS_INTERNAL_ERROR);
    lookup_check_failed(&s, result, PIPC_ERR_BAD_LAYOUT, "it failed itself (status 6)",
                        PIPC_CLIENT_BROKEN);
    lookup_close(&s);
    free(words);
}
