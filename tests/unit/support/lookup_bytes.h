/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookup payloads for tests, made without the library's encoders: the examples of the pages, open
 * to change, and items put together byte by byte.
 */
#ifndef PIPC_TESTS_LOOKUP_BYTES_H
#define PIPC_TESTS_LOOKUP_BYTES_H

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

#include <stddef.h>
#include <stdint.h>

/* A payload, and what kind of structure it is. */
struct lk_bytes {
    const char *kind;
    const unsigned char *at;
    size_t len;
};

/* The examples of codec-cgroups-lookup.md 6: paths "/a" and "/bcdefgh", keys at 32 and 40; items at
 * 32 (61 bytes: KNOWN, K8S, "/a", "n", label "k" = "v1") and 96 (32 bytes: UNKNOWN_PERMANENT,
 * "/b").
 */
extern const struct lk_bytes lk_paths, lk_cgroups;
/* Those of codec-apps-lookup.md 6: PIDs 1 and 4242, keys at 32 and 40; items at 32 (91 bytes: PID
 * 42, KNOWN, "sh", "/c", "x", label "k" = "") and 128 (63 bytes: PID 43, UNKNOWN). */
extern const struct lk_bytes lk_pids, lk_apps;

/* A number that is written over some bytes. */
struct lk_change {
    size_t at;
    uint32_t width; /* 1, 2, 4 or 8 bytes; 0: the payload ends at `at` */
    uint64_t value;
};

/* Verdict of a payload with these changes, read from a block of exactly its length. */
pipc_result lk_verdict(const struct lk_bytes *bytes, const struct lk_change *changes,
                       unsigned count);
#define LK_VERDICT(bytes, ...)                                 \
    lk_verdict(bytes, (const struct lk_change[]){__VA_ARGS__}, \
               sizeof((const struct lk_change[]){__VA_ARGS__}) / sizeof(struct lk_change))
/* The same with all offsets counted from `from`. */
pipc_result lk_verdict_from(const struct lk_bytes *bytes, size_t from,
                            const struct lk_change *changes, unsigned count);
#define LK_VERDICT_FROM(bytes, from, ...)                                 \
    lk_verdict_from(bytes, from, (const struct lk_change[]){__VA_ARGS__}, \
                    sizeof((const struct lk_change[]){__VA_ARGS__}) / sizeof(struct lk_change))

/* An item under construction. */
struct lk_item {
    unsigned char at[1024];
    size_t len;
};
/* A fixed header of zeros but for the version, with all strings to be placed. */
void lk_cgroups_item(struct lk_item *item, uint16_t status);
void lk_apps_item(struct lk_item *item, uint16_t status, uint16_t cgroup_status);
/* Places a string with its NUL at `at`, and says so in the two fields at `field`. The item becomes
 * as long as that needs. */
void lk_place(struct lk_item *item, size_t field, size_t at, const char *text);
void lk_put(struct lk_item *item, size_t at, unsigned width, uint64_t value);
/* Verdict of a response with this item alone. */
pipc_result lk_item_verdict(const char *kind, const struct lk_item *item);

/* Strings and labels as encoders take them. */
struct pipc_str_view lk_str(const char *text);
struct pipc_label_view lk_label(const char *key, const char *value);
struct pipc_cgroups_lookup_item lk_cgroup(const char *path, const char *name);
struct pipc_apps_lookup_item lk_app(uint32_t pid, const char *comm, const char *path,
                                    const char *name);

#endif
