/* SPDX-License-Identifier: Apache-2.0
 *
 * Settings: sections, keys and value texts, each with the place where it was given; and the table
 * of the keys that the core knows.
 *
 * A list of settings is used by one thread at a time; once a context has been opened, its own is
 * only read.
 */
#ifndef PIPCI_SETTINGS_H
#define PIPCI_SETTINGS_H

#include "../base/base.h"
#include "ini.h"

/* Kinds of sections. */
enum {
    PIPCI_SECTION_PIPC = 1,
    PIPCI_SECTION_SERVICE = 2,
    PIPCI_SECTION_TRANSPORT = 3,
    PIPCI_SECTION_CODEC = 4
};

/* Who gave a setting. */
enum {
    PIPCI_SOURCE_TEXT = 0,
    PIPCI_SOURCE_API = 1,
    PIPCI_SOURCE_DEFAULT = 3, /* a program's own default */
    PIPCI_SOURCE_SECTION = 2  /* no setting, but the mark that the section exists; its key is "" */
};

struct pipci_setting {
    struct pipci_setting *next;    /* in order of their coming */
    struct pipci_setting *chained; /* in the same bucket */
    uint32_t hash;
    uint32_t source; /* PIPCI_SOURCE_... */
    uint32_t kind;   /* PIPCI_SECTION_... */
    uint32_t line;   /* 0: not from a text */
    const char *origin;
    const char *section; /* as written, without brackets */
    const char *name;    /* the part behind the first dot, "" for [pipc] */
    const char *key;
    const char *value;
    void *owner; /* mark of a service's section in a context: what was made of it */
};

#define PIPCI_SETTING_BUCKETS 1024u

struct pipci_settings {
    const struct pipc_allocator *allocator;
    struct pipci_setting *first;
    struct pipci_setting *last;
    struct pipci_setting *buckets[PIPCI_SETTING_BUCKETS];
};

/* What stands in the text or in a call, before it has become a setting. */
struct pipci_place {
    const char *origin;
    uint32_t line; /* 0: a call, whose name is the origin */
    uint32_t kind;
    const char *section;
    size_t section_len;
    const char *name;
    size_t name_len;
    const char *key;
    size_t key_len;
    const char *value;
    size_t value_len;
};

/* Adds a copy, unless it is the mark of a section that is marked already. ALLOC. */
pipc_result pipci_settings_add(struct pipci_settings *settings, const struct pipci_place *place,
                               uint32_t source, struct pipc_error *err);
/* NULL if there is none. A mark is found with key "". */
struct pipci_setting *pipci_settings_find(const struct pipci_settings *settings, uint32_t kind,
                                          const char *name, size_t name_len, const char *key,
                                          size_t key_len, uint32_t source);
/* By call, else by text, else a program's default: what counts for a section alone. */
const struct pipci_setting *pipci_settings_pick(const struct pipci_settings *settings,
                                                uint32_t kind, const char *name, const char *key);
void pipci_settings_remove(struct pipci_settings *settings, struct pipci_setting *setting);
/* Moves all of `from`, which is empty afterwards; takes no memory. */
void pipci_settings_move(struct pipci_settings *to, struct pipci_settings *from);
pipc_result pipci_settings_copy(struct pipci_settings *to, const struct pipci_settings *from,
                                struct pipc_error *err);
void pipci_settings_clear(struct pipci_settings *settings);

/* The place of a setting, for messages. */
struct pipci_place pipci_setting_place(const struct pipci_setting *setting);

/* Fails with the place in front: "ORIGIN:LINE: [SECTION] KEY: ...". */
pipc_result pipci_place_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                             const struct pipci_place *place, const char *format, ...)
    PIPCI_PRINTF(5, 6);
pipc_result pipci_setting_fail(struct pipc_error *err, pipc_result result, int32_t os_code,
                               const struct pipci_setting *setting, const char *format, ...)
    PIPCI_PRINTF(5, 6);

/* ---- the keys of the core (docs/config.md 2) ---- */

enum {
    PIPCI_VALUE_NUMBER = 1,
    PIPCI_VALUE_PATH = 2,
    PIPCI_VALUE_RUN_DIR = 3,    /* a path that may be relative, as a service's run_dir may */
    PIPCI_VALUE_TRANSPORTS = 4, /* list of names, a leading - allowed, at most PIPCI_PLANES_MAX */
    PIPCI_VALUE_CODECS = 5,     /* the same without a bound */
    PIPCI_VALUE_NAME = 6,       /* of a module */
    PIPCI_VALUE_LEVEL = 7       /* of the log */
};

struct pipci_key {
    const char *name;
    uint32_t sections; /* 1 << PIPCI_SECTION_..., several */
    uint32_t type;
    uint64_t min;
    uint64_t max;
    uint32_t zero;  /* 1: 0 is accepted beside min to max */
    uint32_t width; /* of a number's field in struct pipci_service, 0: none */
    size_t offset;  /* of that field */
};

/* Kind and name of a section; PIPC_ERR_CONFIG for one that is none. Fills place->kind, name,
 * name_len. */
pipc_result pipci_section_check(struct pipci_place *place, struct pipc_error *err);

/* Key and value of a known section. Keys that only a module can know are let through with a
 * well-formed value. */
pipc_result pipci_key_check(const struct pipci_place *place, struct pipc_error *err);

/* Entry `index` of the table; NULL behind the last. */
const struct pipci_key *pipci_key_at(size_t index);

/* Level of the log by its word, PIPC_LOG_...; UINT32_MAX for none. */
uint32_t pipci_level_parse(const char *text, size_t len);

#endif
