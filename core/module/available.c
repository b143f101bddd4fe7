/* SPDX-License-Identifier: Apache-2.0
 *
 * What is there in place of a module that cannot be had (docs/module-abi.md 1), for the sentence of
 * that error.
 *
 * Nothing is loaded to tell what a file is: where neither a loaded or linked-in module nor the
 * configuration says it, the name comes behind those that are known to be of the wanted kind. Any
 * thread; no lock is held.
 */
#include "registry.h"

#include "name.h"

#include <pipc_builtin.h>

#include <stdio.h>
#include <string.h>

#define LIST_LEN 160u

struct listing {
    struct pipc_context *context;
    uint32_t kind;      /* 0: any */
    const char *except; /* the one that cannot be had */
    char *buf;
    size_t cap;
    size_t used;
    bool cut;
    char unknown[512]; /* names of unknown kind, each with a blank behind it */
    size_t unknown_used;
};

static bool list_has(const char *list, const char *name)
{
    const char *element;
    size_t pos = 0, len;
    const size_t name_len = strlen(name), list_len = strlen(list);

    while (pipci_list_next(list, list_len, &pos, &element, &len)) {
        const size_t mark = len > 0 && element[0] == '-';
        if (len - mark == name_len && memcmp(element + mark, name, name_len) == 0)
            return true;
    }
    return false;
}

/* What the configuration takes a name for; 0 where it does not say. */
static uint32_t configured_kind(const struct pipc_context *context, const char *name)
{
    if (list_has(pipci_default_transports, name) || strcmp(pipci_default_carrier, name) == 0)
        return PIPC_MODULE_TRANSPORT;
    for (const struct pipci_setting *s = context->settings.first; s; s = s->next) {
        if (s->kind >= PIPCI_SECTION_TRANSPORT && strcmp(s->name, name) == 0)
            return s->kind == PIPCI_SECTION_TRANSPORT ? PIPC_MODULE_TRANSPORT : PIPC_MODULE_CODEC;
        if (s->kind >= PIPCI_SECTION_TRANSPORT)
            continue;
        if (strcmp(s->key, "codecs") == 0 && list_has(s->value, name))
            return PIPC_MODULE_CODEC;
        if ((strcmp(s->key, "transports") == 0 || strcmp(s->key, "carrier") == 0) &&
            list_has(s->value, name))
            return PIPC_MODULE_TRANSPORT;
    }
    return 0;
}

static uint32_t kind_of(struct pipc_context *context, const char *name)
{
    const struct pipci_instance *const loaded = pipci_instance_find(context, name);
    const struct pipc_module *const builtin = pipci_builtin_find(context, name);

    if (loaded || builtin)
        return loaded ? loaded->module->kind : builtin->kind;
    return configured_kind(context, name);
}

/* Room for the dots is kept free, so that a list that was cut says so. */
static void list_name(struct listing *l, const char *name, size_t len)
{
    static const char comma[] = ", ", dots[] = "...";
    const size_t before = l->used ? sizeof(comma) - 1 : 0;

    if (l->cut)
        return;
    l->cut = l->used + before + len + sizeof(comma) - 1 + sizeof(dots) > l->cap;
    if (l->cut) {
        name = dots;
        len = sizeof(dots) - 1;
    }
    if (l->used + before + len >= l->cap)
        return;
    memcpy(l->buf + l->used, comma, before);
    memcpy(l->buf + l->used + before, name, len);
    l->used += before + len;
    l->buf[l->used] = '\0';
}

static void on_found(void *arg, const char *name, const char *file)
{
    struct listing *const l = arg;
    const uint32_t kind = l->kind ? kind_of(l->context, name) : 0;
    const size_t len = strlen(name);

    (void)file;
    if (strcmp(name, l->except) == 0 || (kind && kind != l->kind))
        return;
    if (kind == l->kind) {
        list_name(l, name, len);
    } else if (l->unknown_used + len + 1 < sizeof(l->unknown)) {
        memcpy(l->unknown + l->unknown_used, name, len);
        l->unknown_used += len;
        l->unknown[l->unknown_used++] = ' ';
    }
}

/* "a, b, c" into `buf`, which ends with dots where it was cut. Looks into the directory. */
static void list_available(struct pipc_context *context, uint32_t kind, const char *except,
                           char *buf, size_t cap)
{
    struct listing l = {.context = context, .kind = kind, .except = except, .buf = buf, .cap = cap};

    buf[0] = '\0';
    const pipc_result result = pipc_module_scan(context, &l, on_found, NULL);
    for (size_t at = 0; result == PIPC_OK && at < l.unknown_used;) {
        const size_t len = strcspn(l.unknown + at, " ");
        list_name(&l, l.unknown + at, len);
        at += len + 1;
    }
    if (l.used == 0)
        (void)snprintf(buf, cap, "nothing");
}

static pipc_result say(const struct pipci_place *place, const char *name,
                       const struct pipc_error *cause, const char *why, const char *list,
                       struct pipc_error *err)
{
    if (place)
        return pipci_place_fail(err, cause->result, cause->os_code, place,
                                "\"%s\": %s; available: %s", name, why, list);
    return pipci_fail(err, cause->result, cause->os_code, "%s; available: %s", why, list);
}

/* A sentence without its beginning, where it is too long: the end of a path tells more. */
static const char *end_of(const char *text, size_t room, char buf[PIPC_ERROR_TEXT_LEN])
{
    const size_t len = strlen(text);

    if (len <= room)
        return text;
    const size_t keep = room > 3 ? room - 3 : 0;
    (void)snprintf(buf, PIPC_ERROR_TEXT_LEN, "...%s", text + (len - keep));
    return buf;
}

pipc_result pipci_unavailable(struct pipc_context *context, uint32_t kind, const char *name,
                              const struct pipci_place *place, const struct pipc_error *cause,
                              struct pipc_error *err)
{
    struct pipc_error frame = PIPC_ERROR_INIT;
    char list[LIST_LEN], why[PIPC_ERROR_TEXT_LEN];

    if (cause->result == PIPC_ERR_CONFIG || cause->result == PIPC_ERR_ALLOC) {
        pipci_error_copy(err, cause);
        return cause->result;
    }
    if (!err)
        return cause->result;
    (void)say(place, name, cause, "", "", &frame);
    const size_t room = sizeof(frame.text) - 1 - strlen(frame.text);
    const size_t most = room * 2 / 3 + sizeof("...");
    list_available(context, kind, name, list, most < sizeof(list) ? most : sizeof(list));
    const size_t left = room > strlen(list) ? room - strlen(list) : 0;
    return say(place, name, cause, end_of(cause->text, left, why), list, err);
}
