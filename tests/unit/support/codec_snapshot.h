/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshot payloads for tests, made without the library's builder: items side by side, every number
 * open to change.
 */
#ifndef PIPC_TESTS_CODEC_SNAPSHOT_H
#define PIPC_TESTS_CODEC_SNAPSHOT_H

#include <pipc/codecs/cgroups_snapshot.h>

#include <stddef.h>
#include <stdint.h>

/* A payload in a heap block of exactly its length. */
struct cgsnap_bytes {
    unsigned char *at;
    size_t len;
};

/* A payload of `count` items with the given texts, laid out as the page says. Free it with
 * cgsnap_free. */
struct cgsnap_bytes cgsnap_make(const char *const *names, const char *const *paths, uint32_t count);
/* Two items, ("nm", "/p") and ("xy", "/q"): 118 bytes, items of 38 bytes at 40 and at 80. */
struct cgsnap_bytes cgsnap_two(void);
/* Where things are in it. */
enum { TWO_ENTRY0 = 24, TWO_ENTRY1 = 32, TWO_ITEM0 = 40, TWO_ITEM1 = 80, TWO_LEN = 118 };
void cgsnap_free(struct cgsnap_bytes *bytes);

/* Writes a number of 2 or 4 bytes at an offset. */
void cgsnap_put16(struct cgsnap_bytes *bytes, size_t at, uint16_t value);
void cgsnap_put32(struct cgsnap_bytes *bytes, size_t at, uint32_t value);

/* Decodes, and must succeed. */
struct pipc_cgroups_snapshot_view cgsnap_view(const struct cgsnap_bytes *bytes);
/* The item has these texts. */
void cgsnap_check_item(const struct pipc_cgroups_snapshot_view *view, uint32_t index,
                       const char *name, const char *path);

#endif
