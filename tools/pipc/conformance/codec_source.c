/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields made up for a codec that nobody has told us about: whatever a builder asks for is answered
 * with a small value of that kind.
 *
 * A builder may refuse a value (a version has one permitted value, a key must not be empty). Which
 * ones it takes is found by trying: first all as the profile says, giving less for what seems to be
 * refused, then with fewer fields given, then again field by field. Deterministic, allocates
 * nothing, single-threaded.
 */
#include "codec_kit.h"

#include <string.h>

/* Picks, best first; what a source answers with each. */
enum { PICK_PROFILE, PICK_ONE, PICK_ZERO, PICK_DEFAULT, PICKS };

const struct profile source_profiles[] = {
    {"default", 0, NUMBERS_DEFAULT, STRINGS_DEFAULT}, {"zero", 1, NUMBERS_ZERO, STRINGS_EMPTY},
    {"one", 1, NUMBERS_ONE, STRINGS_SHORT},           {"max", 3, NUMBERS_MAX, STRINGS_LONG},
    {"mixed", 3, NUMBERS_MIXED, STRINGS_MIXED},       {"many", 20, NUMBERS_MIXED, STRINGS_MIXED},
    {NULL, 0, NUMBERS_DEFAULT, STRINGS_DEFAULT},
};

/* ---- answers ---- */

static void path_of(const struct source_node *node, const char *name, char *ret_path, size_t len)
{
    char inner[72];

    snprintf(ret_path, len, "%s", name);
    for (; node; node = node->parent) {
        snprintf(inner, sizeof(inner), "%s.%.40s", node->list, ret_path);
        snprintf(ret_path, len, "%s", inner);
    }
}

static unsigned kind_slot(enum field_kind kind)
{
    return kind == FIELD_NUMBER ? 0 : kind == FIELD_STRING ? 1 : 2;
}

/* The choice for a field; a new one begins with what is picked otherwise. NULL: too many fields. */
static struct choice *choice_of(struct source *s, const struct source_node *node, const char *name,
                                enum field_kind kind)
{
    struct choice *c = s->choices;
    char path[sizeof(c->path)];

    path_of(node, name, path, sizeof(path));
    for (; c < s->choices + s->choice_count; c++) {
        s->last = (size_t)(c - s->choices);
        if (c->kind == kind && strcmp(c->path, path) == 0)
            return c;
    }
    s->last = s->choice_count;
    if (s->choice_count == sizeof(s->choices) / sizeof(s->choices[0]))
        return NULL;
    s->choice_count++;
    c->kind = kind;
    c->pick = s->otherwise[kind_slot(kind)];
    memcpy(c->path, path, sizeof(path));
    return c;
}

static uint32_t index_of(const struct source_node *node)
{
    return node ? node->index : 0;
}

/* A number that depends on the field and on the item, and on nothing else. */
static uint64_t mixed(const struct source_node *node, const char *path)
{
    uint64_t x = UINT64_C(0xcbf29ce484222325);

    for (; node; node = node->parent)
        x = (x ^ (node->index + 1)) * UINT64_C(0x100000001b3);
    for (; *path; path++)
        x = (x ^ (unsigned char)*path) * UINT64_C(0x100000001b3);
    return x ^ x >> 32;
}

/* Counts a question; the result to answer with when it is the one that fails. */
static pipc_result asked(struct source *s)
{
    return ++s->calls == s->fail_at ? s->fail_with : PIPC_OK;
}

static pipc_result get_number(void *arg, pipc_node node, const char *name, uint64_t max,
                              uint64_t *ret_value)
{
    struct source *s = arg;
    const struct choice *c = choice_of(s, node, name, FIELD_NUMBER);
    const pipc_result r = asked(s);
    uint64_t value = 0;

    if (r != PIPC_OK)
        return r;
    if (!c || c->pick == PICK_DEFAULT ||
        (c->pick == PICK_PROFILE && s->profile->numbers == NUMBERS_DEFAULT))
        return PIPC_ERR_NOT_SUPPORTED;
    if (c->pick == PICK_ONE || (c->pick == PICK_PROFILE && s->profile->numbers == NUMBERS_ONE))
        value = 1;
    else if (c->pick == PICK_PROFILE && s->profile->numbers == NUMBERS_MAX)
        value = max;
    else if (c->pick == PICK_PROFILE && s->profile->numbers == NUMBERS_MIXED)
        value = max == UINT64_MAX ? mixed(node, c->path) : mixed(node, c->path) % (max + 1);
    *ret_value = value < max ? value : max;
    return PIPC_OK;
}

/* Text of `len` bytes, different for every field and item. */
static const char *text(struct source *s, const struct source_node *node, const char *path,
                        size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz/-_.0123456789";
    uint64_t x = mixed(node, path);
    char *const at = s->strings + s->string_used;

    if (len >= sizeof(s->strings) - s->string_used)
        return NULL;
    for (size_t i = 0; i < len; i++, x = x * UINT64_C(6364136223846793005) + 1)
        at[i] = letters[(x >> 33) % (sizeof(letters) - 1)];
    /* Items stand in order, for those that want their keys so. */
    if (len > 0)
        at[0] = (char)('a' + index_of(node) % 26);
    at[len] = '\0';
    s->string_used += len + 1;
    return at;
}

static size_t text_len(const struct source *s, const struct choice *c,
                       const struct source_node *node)
{
    if (c->pick == PICK_ZERO)
        return 0;
    if (c->pick == PICK_ONE)
        return 1;
    switch (s->profile->strings) {
    case STRINGS_SHORT:
        return 1;
    case STRINGS_LONG:
        return 200;
    case STRINGS_MIXED:
        return 1 + mixed(node, c->path) % 12;
    case STRINGS_DEFAULT:
    case STRINGS_EMPTY:
    default:
        return 0;
    }
}

static pipc_result get_string(void *arg, pipc_node node, const char *name, const void **ret_bytes,
                              size_t *ret_len)
{
    struct source *s = arg;
    const struct choice *c = choice_of(s, node, name, FIELD_STRING);
    const pipc_result r = asked(s);

    if (r != PIPC_OK)
        return r;
    if (!c || c->pick == PICK_DEFAULT ||
        (c->pick == PICK_PROFILE && s->profile->strings == STRINGS_DEFAULT))
        return PIPC_ERR_NOT_SUPPORTED;
    const size_t len = text_len(s, c, node);
    const char *const bytes = text(s, node, c->path, len);
    if (!bytes)
        return PIPC_ERR_NOT_SUPPORTED;
    *ret_bytes = bytes;
    *ret_len = len;
    return PIPC_OK;
}

static pipc_result get_list(void *arg, pipc_node node, const char *name, uint32_t *ret_count)
{
    struct source *s = arg;
    const struct choice *c = choice_of(s, node, name, FIELD_LIST);
    const pipc_result r = asked(s);

    if (r != PIPC_OK)
        return r;
    /* Lists inside of lists are short: the sizes multiply. */
    const uint32_t most = !node ? s->profile->list : s->profile->list > 2 ? 2 : s->profile->list;
    *ret_count = 0;
    if (c && c->pick == PICK_PROFILE)
        *ret_count = most;
    else if (c && c->pick == PICK_ONE)
        *ret_count = 1;
    return PIPC_OK;
}

static pipc_result get_item(void *arg, pipc_node node, const char *name, uint32_t index,
                            pipc_node *ret_item)
{
    struct source *s = arg;
    const pipc_result r = asked(s);

    if (r != PIPC_OK)
        return r;
    for (size_t i = 0; i < s->node_count; i++) {
        const struct source_node *n = &s->nodes[i];
        if (n->parent == node && n->index == index && strcmp(n->list, name) == 0) {
            *ret_item = n;
            return PIPC_OK;
        }
    }
    if (s->node_count == sizeof(s->nodes) / sizeof(s->nodes[0]))
        return PIPC_ERR_OVERFLOW;
    s->nodes[s->node_count] = (struct source_node){node, name, index};
    *ret_item = &s->nodes[s->node_count++];
    return PIPC_OK;
}

void source_rewind(struct source *source)
{
    source->calls = 0;
    source->node_count = 0;
    source->string_used = 0;
    source->fields = (struct pipc_fields){.size = sizeof(source->fields),
                                          .arg = source,
                                          .number = get_number,
                                          .string = get_string,
                                          .list = get_list,
                                          .item = get_item};
}

/* ---- which answers a builder takes ---- */

/* What fields without a choice get, from the most to the least. */
static const uint8_t combinations[][3] = {
    {PICK_PROFILE, PICK_PROFILE, PICK_PROFILE}, {PICK_DEFAULT, PICK_PROFILE, PICK_PROFILE},
    {PICK_DEFAULT, PICK_ONE, PICK_PROFILE},     {PICK_ONE, PICK_ONE, PICK_PROFILE},
    {PICK_PROFILE, PICK_DEFAULT, PICK_PROFILE}, {PICK_DEFAULT, PICK_DEFAULT, PICK_PROFILE},
    {PICK_DEFAULT, PICK_PROFILE, PICK_DEFAULT}, {PICK_DEFAULT, PICK_ONE, PICK_DEFAULT},
    {PICK_ONE, PICK_ONE, PICK_DEFAULT},         {PICK_DEFAULT, PICK_DEFAULT, PICK_DEFAULT},
};
#define COMBINATIONS (sizeof(combinations) / sizeof(combinations[0]))

/* Builds, and as long as that fails gives less for the field that was asked for last, which usually
 * is the one that was refused. Fields below `known` have their choices. */
static bool settle_last(struct source *s, size_t known,
                        bool (*build)(void *arg, struct source *source), void *arg)
{
    for (;;) {
        source_rewind(s);
        s->last = 0;
        if (build(arg, s))
            return true;
        if (s->last < known || s->last >= s->choice_count ||
            s->choices[s->last].pick == PICK_DEFAULT)
            return false;
        s->choices[s->last].pick++;
    }
}

/* The same, beginning with each combination for the fields that have no choice yet. Choices that a
 * failed attempt made are forgotten. */
static bool settle_others(struct source *s, bool (*build)(void *arg, struct source *source),
                          void *arg)
{
    const size_t known = s->choice_count;

    for (size_t i = 0; i < COMBINATIONS; i++) {
        memcpy(s->otherwise, combinations[i], sizeof(s->otherwise));
        s->choice_count = known;
        if (settle_last(s, known, build, arg))
            return true;
    }
    s->choice_count = known;
    return false;
}

bool source_settle(struct source *source, const struct profile *profile,
                   bool (*build)(void *arg, struct source *source), void *arg)
{
    memset(source, 0, sizeof(*source));
    source->profile = profile;
    if (!settle_others(source, build, arg))
        return false;
    for (size_t i = 0; i < source->choice_count; i++) {
        struct choice *const c = &source->choices[i];
        const uint8_t settled = c->pick;
        for (c->pick = PICK_PROFILE; c->pick < settled && !settle_others(source, build, arg);)
            c->pick++;
    }
    return settle_others(source, build, arg);
}
