/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cases of codecs share: the codec under test, guarded memory, recorded walks, sources of
 * fields, samples, hostile inputs.
 *
 * Every case runs in a process of its own, single-threaded, so that the codec under test is one
 * static object there. Nothing here knows a codec by name.
 */
#ifndef PIPC_CODEC_KIT_H
#define PIPC_CODEC_KIT_H

#include "kit.h"

/* ---- guarded memory (codec_area.c, codec_guard.c of the system) ---- */

/* Memory between two pages that cannot be touched. Inputs are written through `write` and handed
 * out through `read`, a second mapping of the same pages that cannot be written to. */
struct area {
    unsigned char *write;
    const unsigned char *read;
    size_t size; /* bytes, whole pages */
};
#define AREA_FILL 0xa5

void area_open(struct area *area, size_t size);
/* Copies an input so that it ends (begins) at the page that cannot be touched. Read only. The bytes
 * are shown when the process is ended by a signal. */
const unsigned char *area_put_last(struct area *area, const void *bytes, size_t len);
const unsigned char *area_put_first(struct area *area, const void *bytes, size_t len);
/* Room for `cap` bytes of output right before the page that cannot be touched; it and all in front
 * of it is filled with `fill`. */
unsigned char *area_room(struct area *area, size_t cap, unsigned char fill);
/* Whether all in front of the room (and, with `room` too, the room itself) still holds the fill. */
bool area_front_kept(const struct area *area, size_t cap, unsigned char fill);
bool area_kept(const struct area *area, size_t cap, unsigned char fill);

/* From now on a signal that ends the process shows the input that was put last. For programs
 * without sanitizers, which say more. */
void area_report_crashes(void);
/* Names the sample under test for that; the text stays where it is. */
void area_show(const char *sample);
/* Says sample and input; with area_say, which writes to the output at once. For signal handlers. */
void area_say_shown(void);
void area_say(const char *text, size_t len);

/* ---- recorded walks (codec_record.c) ---- */

enum field_kind {
    FIELD_NUMBER,
    FIELD_STRING,
    FIELD_BLOB,
    FIELD_LIST,
    FIELD_ITEM,
    FIELD_ITEM_END,
    FIELD_LIST_END
};

struct field {
    enum field_kind kind;
    uint32_t width;  /* number */
    uint64_t value;  /* number; count of a list */
    size_t name, at; /* in the pool */
    size_t len;      /* string, blob */
};

/* A visitor that remembers what it was told: all of it as a digest, and the fields themselves as
 * far as there is room. */
struct record {
    struct pipc_visitor visitor;
    uint64_t digest;
    uint32_t calls;
    uint32_t fail_at; /* the call that answers with fail_with, from 1; 0: none */
    pipc_result fail_with;
    const char *broken; /* the first rule of walking that was broken; NULL: none */
    bool cut;           /* fields are missing */
    size_t count, used; /* fields, bytes of the pool */
    uint32_t depth;
    struct {
        uint32_t expected, seen;
        bool in_item;
    } lists[16];
    struct field fields[4096];
    char pool[65536];
};

void record_begin(struct record *record);
const char *record_name(const struct record *record, const struct field *field);
/* A source of fields that gives what was recorded. */
void record_source(const struct record *record, struct pipc_fields *ret_fields);

/* ---- made-up fields (codec_source.c) ---- */

/* What the fields of one sample look like. */
struct profile {
    const char *name;
    uint32_t list; /* items of every list */
    enum { NUMBERS_DEFAULT, NUMBERS_ZERO, NUMBERS_ONE, NUMBERS_MAX, NUMBERS_MIXED } numbers;
    enum { STRINGS_DEFAULT, STRINGS_EMPTY, STRINGS_SHORT, STRINGS_LONG, STRINGS_MIXED } strings;
};

/* What is given for one field: a builder may refuse what the profile says, for example where one
 * value is permitted. */
struct choice {
    char path[72]; /* names of the lists it is in and its own, with '.' between */
    enum field_kind kind;
    uint8_t pick;
};

struct source_node {
    const struct source_node *parent;
    const char *list;
    uint32_t index;
};

struct source {
    struct pipc_fields fields;
    const struct profile *profile;
    uint8_t otherwise[3]; /* pick for a number, string, list that has no choice yet */
    uint32_t calls;
    uint32_t fail_at; /* the call that answers with fail_with, from 1; 0: none */
    pipc_result fail_with;
    size_t choice_count, node_count;
    size_t last; /* the choice that was asked for last */
    struct choice choices[96];
    struct source_node nodes[256];
    char strings[4096]; /* answers of this build */
    size_t string_used;
};

/* Before every build with it. */
void source_rewind(struct source *source);
/* Finds a choice for every field with which the codec builds; false: there is none. */
bool source_settle(struct source *source, const struct profile *profile,
                   bool (*build)(void *arg, struct source *source), void *arg);
extern const struct profile source_profiles[]; /* ends with a name of NULL */

/* ---- the codec under test (codec_subject.c) ---- */

enum direction { REQUEST = 0, RESPONSE = 1, DIRECTIONS = 2 };

struct sample {
    char origin[40];       /* "request sample mixed", "response of line 3" */
    struct source *source; /* that it was built from; NULL: given by the user */
    unsigned char *bytes;
    size_t len;
};

#define SAMPLES_MAX 64u
#define INPUT_MAX   65536u /* bytes of a sample, and of what is made of it */
#define ROOM_MAX    131072u

struct codec {
    const struct pipc_codec_ops *ops;
    struct area input, output, extra, item;
    uint32_t sample_count[DIRECTIONS];
    struct sample samples[DIRECTIONS][SAMPLES_MAX];
    struct record record, other;
};

/* Opens the codec and makes its samples. */
struct codec *codec_open(struct kit *kit);
/* Skips the case when no direction has a sample. */
struct codec *codec_open_with_samples(struct kit *kit);
const char *direction_name(enum direction direction);
pipc_result codec_check(const struct codec *codec, enum direction direction, const void *bytes,
                        size_t len);
pipc_result codec_walk(const struct codec *codec, enum direction direction, const void *bytes,
                       size_t len, struct record *ret_record);
bool codec_builds(const struct codec *codec, enum direction direction);
pipc_result codec_build(const struct codec *codec, enum direction direction,
                        const struct pipc_fields *fields, void *buf, size_t cap, size_t *ret_len);
/* Calls `each` for every sample of both directions. */
void codec_each(struct codec *codec, void (*each)(struct codec *codec, enum direction direction,
                                                  const struct sample *sample));
/* Samples from --samples FILE (codec_samples.c). */
void codec_samples_read(struct codec *codec, const char *path);
void codec_sample_add(struct codec *codec, enum direction direction, const void *bytes, size_t len,
                      struct source *source, const char *origin);

/* ---- hostile input (codec_judge.c) ---- */

/* Check and walk of an input that may be anything: verdicts agree, are repeated, and are a codec's
 * errors. `what` names the input in a failure. */
pipc_result judge_input(struct codec *codec, enum direction direction, const void *bytes,
                        size_t len, const char *what);
/* The same at both ends of guarded memory. */
pipc_result judge_bytes(struct codec *codec, enum direction direction, const void *bytes,
                        size_t len, const char *what);
/* The decoder of the call: its output is untouched on failure, and it accepts what check does. */
pipc_result judge_decode(struct codec *codec, const void *bytes, size_t len, const char *what,
                         const void **ret_output);
/* Snapshot hooks on an output, whatever the items are: errors or items inside their bounds. */
void judge_hooks(struct codec *codec, const void *output, const char *what);
/* Builds from fields that may be anything; what is built has the fields that were asked for. */
void judge_fields(struct codec *codec, enum direction direction, const struct pipc_fields *given,
                  const char *what);
/* A dispatch of anything, with a handler that answers nothing. */
void judge_dispatch(struct codec *codec, const void *bytes, size_t len, const char *what);

/* Deterministic random numbers. */
uint64_t random_next(uint64_t *state);

/* ---- dispatch (codec_dispatch.c) ---- */

/* A handler of any codec: size, reserved, user, then callbacks, which end with `answer`. */
struct any_handler {
    uint32_t size;
    uint32_t reserved;
    void *user;
    uint32_t (*callbacks[16])(void *user);
};
/* A callback gets more arguments than it takes: those of the codec, behind `user`. Every calling
 * convention that we know allows that; a sanitizer of function types must not look at it. */
#if defined(__clang__)
#define CALLED_WITH_MORE __attribute__((no_sanitize("function")))
#else
#define CALLED_WITH_MORE
#endif
void any_handler_fill(struct any_handler *handler, uint32_t (*callback)(void *user), void *user);

/* Tables of cases. */
extern const struct kit_case codec_cases_table[], codec_cases_read[], codec_cases_pure[],
    codec_cases_hostile[], codec_cases_fuzz[], codec_cases_build[], codec_cases_call[],
    codec_cases_dispatch[], codec_cases_snapshot[], codec_cases_lookup[], codec_cases_uniform[];

#endif
