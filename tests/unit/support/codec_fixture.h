/* SPDX-License-Identifier: Apache-2.0
 *
 * What the tests of the codecs share: the structures of the golden vectors by name, read through
 * the generic table or through the typed one, and random bytes that are the same in every run.
 */
#ifndef PIPC_TESTS_CODEC_FIXTURE_H
#define PIPC_TESTS_CODEC_FIXTURE_H

#include <pipc/codec.h>
#include <pipc/context.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Structures of the vectors: "increment_req", "string_reverse", "cgroups_snapshot_req",
 * "cgroups_snapshot_resp", "cgroups_lookup_req", "cgroups_lookup_resp", "apps_lookup_req",
 * "apps_lookup_resp". */
extern const char *const codec_kinds[];
#define CODEC_KINDS 8u

/* Generic table of the codec that is linked into the test. */
const struct pipc_codec_ops *codec_linked(const char *kind);
/* The same of a context's codec; fails the test when it is not there. */
const struct pipc_codec_ops *codec_loaded(struct pipc_context *context, const char *kind);
/* A context that has the codecs: loaded from the build's folder, or built in. Close it with
 * pipc_close. */
struct pipc_context *codec_context(void);

/* The generic entries of a structure. */
pipc_result codec_check(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                        size_t len);
pipc_result codec_walk(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                       size_t len, const struct pipc_visitor *visitor);
pipc_result codec_build(const struct pipc_codec_ops *ops, const char *kind,
                        const struct pipc_fields *fields, void *buf, size_t cap, size_t *ret_len);

/* Tells the fields to a visitor through the typed table: decode, then every item. */
pipc_result codec_typed_walk(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                             size_t len, const struct pipc_visitor *visitor);

/* A visitor that reads every byte that it is told of into a sum. */
struct codec_reader {
    struct pipc_visitor visitor;
    uint64_t sum;
    uint64_t calls;
    uint64_t fail_at; /* this call returns fail_with, counted from 1; 0: none */
    pipc_result fail_with;
};
void codec_reader_init(struct codec_reader *reader);

/* Check, walk and typed walk of the bytes agree and touch nothing outside; returns the verdict. */
pipc_result codec_verdict(const struct pipc_codec_ops *ops, const char *kind, const void *bytes,
                          size_t len);

/* The next of a sequence of numbers that begins with *state (not 0). */
uint64_t codec_random(uint64_t *state);

#endif
