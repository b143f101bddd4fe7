/* SPDX-License-Identifier: Apache-2.0
 *
 * Inputs and outputs at the edges of guarded memory, and what a crash says of them.
 *
 * What lies in an area ends at memory that cannot be touched, or begins there. Single-threaded.
 */
#include "codec_kit.h"

#include <string.h>

/* The sample under test and the input that was put last, for the report of a crash. */
static struct {
    const char *sample;
    const unsigned char *bytes;
    size_t len;
} shown;

static const unsigned char *put(struct area *area, size_t at, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(area->write + at, bytes, len);
    shown.bytes = area->read + at;
    shown.len = len;
    return area->read + at;
}

const unsigned char *area_put_last(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, area->size - len, bytes, len);
}

const unsigned char *area_put_first(struct area *area, const void *bytes, size_t len)
{
    KIT_CHECK(len <= area->size);
    return put(area, 0, bytes, len);
}

/* Bytes in front of a room that are filled and looked at; the rest of an area is never written. */
#define FRONT 64u

static size_t front_of(const struct area *area, size_t cap)
{
    return area->size - cap < FRONT ? area->size - cap : FRONT;
}

unsigned char *area_room(struct area *area, size_t cap, unsigned char fill)
{
    KIT_CHECK(cap <= area->size);
    const size_t front = front_of(area, cap);
    memset(area->write + area->size - cap - front, fill, front + cap);
    return area->write + area->size - cap;
}

static bool all_are(const unsigned char *bytes, size_t len, unsigned char value)
{
    return len == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, len - 1) == 0);
}

bool area_front_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front, fill);
}

bool area_kept(const struct area *area, size_t cap, unsigned char fill)
{
    const size_t front = front_of(area, cap);
    return all_are(area->write + area->size - cap - front, front + cap, fill);
}

/* ---- report of a crash ---- */

void area_show(const char *sample)
{
    shown.sample = sample;
}

void area_say_shown(void)
{
    static const char digits[] = "0123456789abcdef";

    if (shown.sample) {
        area_say("sample: ", 8);
        area_say(shown.sample, strlen(shown.sample));
        area_say("\n", 1);
    }
    if (shown.bytes)
        area_say("input: ", 7);
    for (size_t i = 0; shown.bytes && i < shown.len && i < 512; i++)
        area_say((const char[]){digits[shown.bytes[i] >> 4], digits[shown.bytes[i] & 15]}, 2);
    area_say("\n", 1);
}
