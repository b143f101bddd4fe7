/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the keys that the core knows (docs/config.md 2), and the judging of sections, keys
 * and values by it.
 *
 * Text and calls go through the same checks; only the place in the message differs. Pure, any
 * thread.
 */
#include "../base/platform.h"
#include "context.h"
#include "name.h"
#include "settings.h"

#include <stdio.h>
#include <string.h>

#define IN_PIPC      (1u << PIPCI_SECTION_PIPC)
#define IN_SERVICE   (1u << PIPCI_SECTION_SERVICE)
#define IN_TRANSPORT (1u << PIPCI_SECTION_TRANSPORT)
#define IN_CODEC     (1u << PIPCI_SECTION_CODEC)

#define TEXT_KEY(name, sections, type)      \
    {                                       \
        name, sections, type, 0, 0, 0, 0, 0 \
    }
#define NUMBER_KEY(name, min, max, zero)                                                    \
    {                                                                                       \
#name, IN_SERVICE, PIPCI_VALUE_NUMBER, min, max, zero,                              \
            sizeof(((struct pipci_service *)0)->name), offsetof(struct pipci_service, name) \
    }

#define PAYLOAD_MAX UINT64_C(4294967263)

static const struct pipci_key keys[] = {
    TEXT_KEY("run_dir", IN_PIPC | IN_SERVICE, PIPCI_VALUE_RUN_DIR),
    TEXT_KEY("module_dir", IN_PIPC, PIPCI_VALUE_PATH),
    TEXT_KEY("transports", IN_PIPC | IN_SERVICE, PIPCI_VALUE_TRANSPORTS),
    TEXT_KEY("carrier", IN_PIPC | IN_SERVICE, PIPCI_VALUE_NAME),
    TEXT_KEY("codecs", IN_PIPC, PIPCI_VALUE_CODECS),
    TEXT_KEY("log_level", IN_PIPC, PIPCI_VALUE_LEVEL),
    TEXT_KEY("token_file", IN_SERVICE, PIPCI_VALUE_PATH),
    NUMBER_KEY(call_timeout_ms, 0, UINT32_MAX, 0),
    NUMBER_KEY(connect_timeout_ms, 0, UINT32_MAX, 0),
    NUMBER_KEY(refused_retry_ms, 0, UINT32_MAX, 0),
    NUMBER_KEY(max_request_bytes, 0, PAYLOAD_MAX, 0),
    NUMBER_KEY(max_response_bytes, 0, PAYLOAD_MAX, 0),
    NUMBER_KEY(growth_ceiling_bytes, 0, PAYLOAD_MAX, 0),
    NUMBER_KEY(response_ceiling_bytes, 0, PAYLOAD_MAX, 0),
    NUMBER_KEY(max_batch_items, 0, UINT32_MAX, 0),
    NUMBER_KEY(packet_size, 33, UINT32_MAX, 1),
    NUMBER_KEY(max_sessions, 0, 65535, 0),
    NUMBER_KEY(idle_timeout_ms, 0, UINT32_MAX, 0),
    NUMBER_KEY(max_total_bytes, 0, INT64_MAX, 0),
    NUMBER_KEY(lookup_items, 0, UINT32_MAX, 0),
    NUMBER_KEY(lookup_subcalls, 0, UINT32_MAX, 0),
    NUMBER_KEY(lookup_bytes, 0, PAYLOAD_MAX, 0),
    TEXT_KEY("file", IN_TRANSPORT | IN_CODEC, PIPCI_VALUE_PATH),
    {"profile_bit", IN_TRANSPORT, PIPCI_VALUE_NUMBER, 16, 31, 0, 0, 0},
};

const struct pipci_key *pipci_key_at(size_t index)
{
    return index < PIPCI_COUNT(keys) ? &keys[index] : NULL;
}

static const struct pipci_key *find_key(uint32_t kind, const char *name, size_t len)
{
    for (size_t i = 0; i < PIPCI_COUNT(keys); i++) {
        if ((keys[i].sections & (1u << kind)) && strlen(keys[i].name) == len &&
            memcmp(keys[i].name, name, len) == 0)
            return &keys[i];
    }
    return NULL;
}

/* ---- sections ---- */

static bool has_prefix(const struct pipci_place *p, const char *prefix)
{
    const size_t len = strlen(prefix);

    return p->section_len >= len && memcmp(p->section, prefix, len) == 0;
}

static pipc_result refuse_section(const struct pipci_place *place, const char *expected,
                                  struct pipc_error *err)
{
    char shown[PIPCI_SHOWN];
    struct pipci_place p = *place;

    p.key_len = 0;
    pipci_show(shown, sizeof(shown), p.section, p.section_len);
    return pipci_place_fail(err, PIPC_ERR_CONFIG, 0, &p, "section \"%s\", expected %s", shown,
                            expected);
}

pipc_result pipci_section_check(struct pipci_place *p, struct pipc_error *err)
{
    static const struct {
        const char *prefix;
        uint32_t kind;
    } kinds[] = {{"service.", PIPCI_SECTION_SERVICE},
                 {"transport.", PIPCI_SECTION_TRANSPORT},
                 {"codec.", PIPCI_SECTION_CODEC}};

    p->kind = 0;
    p->name = "";
    p->name_len = 0;
    if (p->section_len == 4 && has_prefix(p, "pipc"))
        p->kind = PIPCI_SECTION_PIPC;
    for (size_t i = 0; i < PIPCI_COUNT(kinds) && !p->kind; i++) {
        if (has_prefix(p, kinds[i].prefix)) {
            p->kind = kinds[i].kind;
            p->name = p->section + strlen(kinds[i].prefix);
            p->name_len = p->section_len - strlen(kinds[i].prefix);
        }
    }
    if (!p->kind)
        return refuse_section(p, "pipc, service.NAME, transport.NAME or codec.NAME", err);
    if (p->kind == PIPCI_SECTION_SERVICE && !pipci_service_name_ok(p->name, p->name_len))
        return refuse_section(
            p, "service. and a name of letters, digits and . _ -, not \".\" or \"..\"", err);
    if (p->kind > PIPCI_SECTION_SERVICE && !pipci_module_name_ok(p->name, p->name_len))
        return refuse_section(p, "a module's name, [a-z][a-z0-9_]{0,31}, behind the dot", err);
    return PIPC_OK;
}

/* ---- values ---- */

uint32_t pipci_level_parse(const char *text, size_t len)
{
    static const char *const words[] = {"error", "warning", "info", "debug"};

    for (uint32_t i = 0; i < PIPCI_COUNT(words); i++) {
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return i;
    }
    return UINT32_MAX;
}

/* Two elements name the same module, whether or not one of them is optional. */
static bool in_list_before(const char *text, size_t before, const char *name, size_t name_len)
{
    const char *element;
    size_t pos = 0, len;

    while (pos < before && pipci_list_next(text, before, &pos, &element, &len)) {
        if (len > 0 && element[0] == '-') {
            element++;
            len--;
        }
        if (len == name_len && memcmp(element, name, len) == 0)
            return true;
    }
    return false;
}

static bool names_ok(const char *text, size_t len, size_t max)
{
    const char *name;
    size_t pos = 0, from = 0, name_len, count = 0;

    while (pipci_list_next(text, len, &pos, &name, &name_len)) {
        if (name_len > 0 && name[0] == '-') {
            name++;
            name_len--;
        }
        if (!pipci_module_name_ok(name, name_len) || ++count > max ||
            in_list_before(text, from ? from - 1 : 0, name, name_len))
            return false;
        from = pos;
    }
    return true;
}

static bool number_ok(const struct pipci_key *key, const char *text, size_t len)
{
    uint64_t number;

    return pipci_number_parse(text, len, &number) &&
           ((number >= key->min && number <= key->max) || (key->zero && number == 0));
}

static bool path_ok(const char *text, size_t len)
{
    char copy[PIPCI_INI_LINE_MAX + 1];

    memcpy(copy, text, len);
    copy[len] = '\0';
    return pipci_path_is_absolute(copy);
}

static bool value_ok(const struct pipci_key *key, const char *text, size_t len)
{
    switch (key->type) {
    case PIPCI_VALUE_NUMBER:
        return number_ok(key, text, len);
    case PIPCI_VALUE_PATH:
        return path_ok(text, len);
    case PIPCI_VALUE_TRANSPORTS:
        return names_ok(text, len, PIPCI_PLANES_MAX);
    case PIPCI_VALUE_CODECS:
        return names_ok(text, len, SIZE_MAX);
    case PIPCI_VALUE_NAME:
        return pipci_module_name_ok(text, len);
    case PIPCI_VALUE_LEVEL:
        return pipci_level_parse(text, len) != UINT32_MAX;
    default:
        return true; /* run_dir: any text */
    }
}

static const char *expected(const struct pipci_key *key, char *buf, size_t cap)
{
    switch (key->type) {
    case PIPCI_VALUE_NUMBER:
        (void)snprintf(buf, cap, "%sa number from %llu to %llu", key->zero ? "0 or " : "",
                       (unsigned long long)key->min, (unsigned long long)key->max);
        return buf;
    case PIPCI_VALUE_PATH:
        return "an absolute path";
    case PIPCI_VALUE_TRANSPORTS:
        return "at most 16 names of modules with commas between, none twice, - before optional "
               "ones";
    case PIPCI_VALUE_CODECS:
        return "names of modules with commas between, none twice, - before optional ones";
    case PIPCI_VALUE_NAME:
        return "the name of a module, [a-z][a-z0-9_]{0,31}";
    case PIPCI_VALUE_LEVEL:
        return "error, warning, info or debug";
    default:
        return "a path";
    }
}

static pipc_result refuse_value(const struct pipci_place *p, const char *accepted,
                                struct pipc_error *err)
{
    char shown[PIPCI_SHOWN];

    pipci_show(shown, sizeof(shown), p->value, p->value_len);
    return pipci_place_fail(err, PIPC_ERR_CONFIG, 0, p, "found \"%s\", expected %s", shown,
                            accepted);
}

/* ---- keys ---- */

static pipc_result refuse_key(const struct pipci_place *p, struct pipc_error *err)
{
    char known[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < PIPCI_COUNT(keys); i++) {
        if ((keys[i].sections & (1u << p->kind)) && used < sizeof(known))
            used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
                                     keys[i].name);
    }
    return pipci_place_fail(err, PIPC_ERR_CONFIG, 0, p, "unknown key, expected one of %s", known);
}

/* A key of a module's option: [a-z][a-z0-9_]*, of any length. */
static bool option_key_ok(const char *key, size_t len)
{
    if (len == 0 || key[0] < 'a' || key[0] > 'z')
        return false;
    for (size_t i = 1; i < len; i++) {
        if (key[i] != '_' && !(key[i] >= 'a' && key[i] <= 'z') && !(key[i] >= '0' && key[i] <= '9'))
            return false;
    }
    return true;
}

pipc_result pipci_key_check(const struct pipci_place *p, struct pipc_error *err)
{
    const struct pipci_key *const key = find_key(p->kind, p->key, p->key_len);
    char buf[96];

    if (p->kind <= PIPCI_SECTION_SERVICE && p->key_len == 5 && memcmp(p->key, "token", 5) == 0)
        return pipci_place_fail(err, PIPC_ERR_CONFIG, 0, p,
                                "a token does not belong here, expected token_file and the path of "
                                "a file that holds it");
    if (!key && (p->kind <= PIPCI_SECTION_SERVICE || !option_key_ok(p->key, p->key_len)))
        return refuse_key(p, err);
    if (p->value_len == 0)
        return pipci_place_fail(err, PIPC_ERR_CONFIG, 0, p, "the value is empty, expected %s",
                                key ? expected(key, buf, sizeof(buf)) : "one");
    if (!pipci_utf8_ok(p->value, p->value_len) || memchr(p->value, '\n', p->value_len))
        return refuse_value(p, "one line of UTF-8", err);
    if (key && !value_ok(key, p->value, p->value_len))
        return refuse_value(p, expected(key, buf, sizeof(buf)), err);
    return PIPC_OK;
}
