/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of settings: one block of memory per setting, found by hash, in the order of their
 * coming.
 *
 * A text of 1 MiB may hold tens of thousands of keys, so nothing here looks through the whole list
 * for one. One thread at a time.
 */
#include "settings.h"

#include "name.h"

#include <stdio.h>
#include <string.h>

static uint32_t hash_bytes(uint32_t hash, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)text[i]) * UINT32_C(16777619);
    return (hash ^ 0xffu) * UINT32_C(16777619);
}

static uint32_t hash_of(uint32_t kind, const char *name, size_t name_len, const char *key,
                        size_t key_len)
{
    const uint32_t hash = hash_bytes(UINT32_C(2166136261) ^ kind, name, name_len);

    return hash_bytes(hash, key, key_len);
}

static bool text_is(const char *text, const char *other, size_t len)
{
    return strlen(text) == len && memcmp(text, other, len) == 0;
}

struct pipci_setting *pipci_settings_find(const struct pipci_settings *settings, uint32_t kind,
                                          const char *name, size_t name_len, const char *key,
                                          size_t key_len, uint32_t source)
{
    const uint32_t hash = hash_of(kind, name, name_len, key, key_len);

    for (struct pipci_setting *s = settings->buckets[hash % PIPCI_SETTING_BUCKETS]; s;
         s = s->chained) {
        if (s->hash == hash && s->kind == kind && s->source == source &&
            text_is(s->name, name, name_len) && text_is(s->key, key, key_len))
            return s;
    }
    return NULL;
}

const struct pipci_setting *pipci_settings_pick(const struct pipci_settings *settings,
                                                uint32_t kind, const char *name, const char *key)
{
    static const uint32_t sources[] = {PIPCI_SOURCE_API, PIPCI_SOURCE_TEXT, PIPCI_SOURCE_DEFAULT};
    const size_t name_len = strlen(name), key_len = strlen(key);
    const struct pipci_setting *found = NULL;

    for (size_t i = 0; !found && i < PIPCI_COUNT(sources); i++)
        found = pipci_settings_find(settings, kind, name, name_len, key, key_len, sources[i]);
    return found;
}

static void append(struct pipci_settings *settings, struct pipci_setting *setting)
{
    struct pipci_setting **const bucket = &settings->buckets[setting->hash % PIPCI_SETTING_BUCKETS];

    setting->next = NULL;
    setting->chained = *bucket;
    *bucket = setting;
    if (settings->last)
        settings->last->next = setting;
    else
        settings->first = setting;
    settings->last = setting;
}

/* Copies a text behind the struct and moves the place where the next one goes. */
static const char *put_text(char **at, const char *text, size_t len)
{
    char *const copy = *at;

    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    *at = copy + len + 1;
    return copy;
}

static struct pipci_setting *make(const struct pipci_settings *settings,
                                  const struct pipci_place *p)
{
    const size_t origin_len = strlen(p->origin);
    struct pipci_setting *const s =
        pipci_zalloc(settings->allocator, sizeof(*s) + origin_len + p->section_len + p->name_len +
                                              p->key_len + p->value_len + 5);

    if (!s)
        return NULL;
    char *at = (char *)(s + 1);
    s->origin = put_text(&at, p->origin, origin_len);
    s->section = put_text(&at, p->section, p->section_len);
    s->name = put_text(&at, p->name, p->name_len);
    s->key = put_text(&at, p->key, p->key_len);
    s->value = put_text(&at, p->value, p->value_len);
    s->kind = p->kind;
    s->line = p->line;
    s->hash = hash_of(p->kind, p->name, p->name_len, p->key, p->key_len);
    return s;
}

pipc_result pipci_settings_add(struct pipci_settings *settings, const struct pipci_place *place,
                               uint32_t source, struct pipc_error *err)
{
    struct pipci_place p = *place;

    if (source == PIPCI_SOURCE_SECTION) {
        p.key = p.value = "";
        p.key_len = p.value_len = 0;
        if (pipci_settings_find(settings, p.kind, p.name, p.name_len, "", 0, source))
            return PIPC_OK;
    }
    struct pipci_setting *const setting = make(settings, &p);
    if (!setting)
        return pipci_place_fail(err, PIPC_ERR_ALLOC, 0, place, "no memory");
    setting->source = source;
    append(settings, setting);
    return PIPC_OK;
}

static void unlink_from_bucket(struct pipci_settings *settings, const struct pipci_setting *setting)
{
    struct pipci_setting **link = &settings->buckets[setting->hash % PIPCI_SETTING_BUCKETS];

    while (*link != setting)
        link = &(*link)->chained;
    *link = setting->chained;
}

void pipci_settings_remove(struct pipci_settings *settings, struct pipci_setting *setting)
{
    struct pipci_setting *before = NULL;

    unlink_from_bucket(settings, setting);
    if (settings->first == setting) {
        settings->first = setting->next;
    } else {
        for (before = settings->first; before->next != setting;)
            before = before->next;
        before->next = setting->next;
    }
    if (settings->last == setting)
        settings->last = before;
    pipci_free(settings->allocator, setting);
}

void pipci_settings_move(struct pipci_settings *to, struct pipci_settings *from)
{
    struct pipci_setting *next;

    for (struct pipci_setting *s = from->first; s; s = next) {
        next = s->next;
        if (s->source == PIPCI_SOURCE_SECTION &&
            pipci_settings_find(to, s->kind, s->name, strlen(s->name), "", 0, s->source))
            pipci_free(from->allocator, s);
        else
            append(to, s);
    }
    from->first = from->last = NULL;
    memset(from->buckets, 0, sizeof(from->buckets));
}

pipc_result pipci_settings_copy(struct pipci_settings *to, const struct pipci_settings *from,
                                struct pipc_error *err)
{
    for (const struct pipci_setting *s = from->first; s; s = s->next) {
        const struct pipci_place place = pipci_setting_place(s);
        const pipc_result result = pipci_settings_add(to, &place, s->source, err);
        if (result != PIPC_OK)
            return result;
    }
    return PIPC_OK;
}

void pipci_settings_clear(struct pipci_settings *settings)
{
    while (settings->first) {
        struct pipci_setting *const setting = settings->first;
        settings->first = setting->next;
        pipci_free(settings->allocator, setting);
    }
    settings->last = NULL;
    memset(settings->buckets, 0, sizeof(settings->buckets));
}

struct pipci_place pipci_setting_place(const struct pipci_setting *s)
{
    const struct pipci_place place = {s->origin,          s->line,  s->kind,         s->section,
                                      strlen(s->section), s->name,  strlen(s->name), s->key,
                                      strlen(s->key),     s->value, strlen(s->value)};
    return place;
}

PIPCI_PRINTF(5, 0)
static pipc_result place_vfail(struct pipc_error *err, pipc_result result, int32_t os_code,
                               const struct pipci_place *p, const char *format, va_list args)
{
    char origin[PIPCI_SHOWN], section[PIPCI_SHOWN], key[40], line[16] = "", text[256];

    pipci_show_tail(origin, sizeof(origin), p->origin, strlen(p->origin));
    pipci_show(section, sizeof(section), p->section, p->section_len);
    pipci_show(key, sizeof(key), p->key, p->key_len);
    if (p->line)
        (void)snprintf(line, sizeof(line), ":%u", p->line);
    (void)vsnprintf(text, sizeof(text), format, args);
    return pipci_fail(err, result, os_code, "%s%s: [%s]%s%s: %s", origin, line, section,
                      p->key_len ? " " : "", key, text);
}

pipc_result pipci_place_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                             const struct pipci_place *place, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)place_vfail(err, result, os_code, place, format, args);
    va_end(args);
    return result;
}

pipc_result pipci_setting_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                               const struct pipci_setting *setting, const char *format, ...)
{
    const struct pipci_place place = pipci_setting_place(setting);
    va_list args;

    va_start(args, format);
    (void)place_vfail(err, result, os_code, &place, format, args);
    va_end(args);
    return result;
}
