/* SPDX-License-Identifier: Apache-2.0
 *
 * The codec under test and its samples: messages that are valid, made by its own builders from
 * made-up fields, or given by the user.
 *
 * One per process. Single-threaded.
 */
#include "codec_kit.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

const char *direction_name(enum direction direction)
{
    return direction == REQUEST ? "request" : "response";
}

pipc_result codec_check(const struct codec *codec, enum direction direction, const void *bytes,
                        size_t len)
{
    return direction == REQUEST ? codec->ops->check_request(bytes, len)
                                : codec->ops->check_response(bytes, len);
}

pipc_result codec_walk(const struct codec *codec, enum direction direction, const void *bytes,
                       size_t len, struct record *ret_record)
{
    return direction == REQUEST ? codec->ops->walk_request(bytes, len, &ret_record->visitor)
                                : codec->ops->walk_response(bytes, len, &ret_record->visitor);
}

bool codec_builds(const struct codec *codec, enum direction direction)
{
    return direction == REQUEST ? codec->ops->build_request != NULL
                                : codec->ops->build_response != NULL;
}

pipc_result codec_build(const struct codec *codec, enum direction direction,
                        const struct pipc_fields *fields, void *buf, size_t cap, size_t *ret_len)
{
    return direction == REQUEST ? codec->ops->build_request(fields, buf, cap, ret_len)
                                : codec->ops->build_response(fields, buf, cap, ret_len);
}

void codec_sample_add(struct codec *codec, enum direction direction, const void *bytes, size_t len,
                      struct source *source, const char *origin)
{
    struct sample *const to = &codec->samples[direction][codec->sample_count[direction]];

    if (codec->sample_count[direction] == SAMPLES_MAX)
        return;
    to->bytes = malloc(len + 1);
    KIT_CHECK_MSG(to->bytes, "no memory for a sample");
    if (len > 0)
        memcpy(to->bytes, bytes, len);
    to->len = len;
    to->source = source;
    snprintf(to->origin, sizeof(to->origin), "%s", origin);
    codec->sample_count[direction]++;
}

/* ---- samples from the codec's own builders ---- */

struct attempt {
    struct codec *codec;
    enum direction direction;
    size_t len;
};

static bool attempt_build(void *arg, struct source *source)
{
    struct attempt *a = arg;

    a->len = 0;
    return codec_build(a->codec, a->direction, &source->fields, a->codec->output.write,
                       a->codec->output.size, &a->len) == PIPC_OK &&
           a->len <= INPUT_MAX;
}

static bool is_known(const struct codec *codec, const struct attempt *a)
{
    for (uint32_t i = 0; i < codec->sample_count[a->direction]; i++) {
        const struct sample *s = &codec->samples[a->direction][i];
        if (s->len == a->len && memcmp(s->bytes, codec->output.write, s->len) == 0)
            return true;
    }
    return false;
}

static void sample_make(struct codec *codec, enum direction direction,
                        const struct profile *profile)
{
    struct attempt attempt = {codec, direction, 0};
    struct source *const source = malloc(sizeof(*source));
    char origin[64];

    KIT_CHECK_MSG(source, "no memory for a sample");
    if (!source_settle(source, profile, attempt_build, &attempt) || is_known(codec, &attempt)) {
        free(source);
        return;
    }
    snprintf(origin, sizeof(origin), "%s \"%s\"", direction_name(direction), profile->name);
    codec_sample_add(codec, direction, codec->output.write, attempt.len, source, origin);
}

static struct codec under_test;

struct codec *codec_open(struct kit *kit)
{
    const struct kit_subject *const subject = kit->subject;
    struct codec *const codec = &under_test;
    struct pipc_error err = PIPC_ERROR_INIT;

    if (pipc_codec_find(subject->context, subject->module->name, 0, &codec->ops, NULL, &err) !=
        PIPC_OK)
        kit_fail(__FILE__, __LINE__, "%s", err.text);
    area_open(&codec->input, ROOM_MAX);
    area_open(&codec->output, ROOM_MAX);
    area_open(&codec->extra, ROOM_MAX);
    area_open(&codec->item, ROOM_MAX);
#ifndef SANITIZED
    area_report_crashes();
#endif
    for (unsigned direction = 0; direction < DIRECTIONS; direction++) {
        for (const struct profile *p = source_profiles;
             codec_builds(codec, (enum direction)direction) && p->name; p++)
            sample_make(codec, (enum direction)direction, p);
    }
    if (subject->options->samples)
        codec_samples_read(codec, subject->options->samples);
    return codec;
}

struct codec *codec_open_with_samples(struct kit *kit)
{
    struct codec *const opened = codec_open(kit);

    if (opened->sample_count[REQUEST] + opened->sample_count[RESPONSE] == 0)
        kit_skip("no samples: the codec has no builders, and --samples gives none");
    return opened;
}

void codec_each(struct codec *codec, void (*each)(struct codec *codec, enum direction direction,
                                                  const struct sample *sample))
{
    for (unsigned direction = 0; direction < DIRECTIONS; direction++) {
        for (uint32_t i = 0; i < codec->sample_count[direction]; i++) {
            area_show(codec->samples[direction][i].origin);
            each(codec, (enum direction)direction, &codec->samples[direction][i]);
        }
    }
}
