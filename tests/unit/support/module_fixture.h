/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors to hand in, made at run time so that a test may spoil one member, and contexts opened
 * from text and from them.
 *
 * A fixture lives in its test's process; what its init saw is in `seen`.
 */
#ifndef PIPC_TESTS_MODULE_FIXTURE_H
#define PIPC_TESTS_MODULE_FIXTURE_H

#include "tests/modules/fixture.h"

#include <pipc/context.h>

#define MODULE_FIXTURES_MAX 12

struct module_seen {
    unsigned inits;
    unsigned finis;
    const struct pipc_host *host;
    const struct pipc_option_value *values;
    uint32_t value_count;
    pipc_result give;      /* what init returns */
    const char *give_text; /* and says */
};

struct module_fixture {
    struct pipc_module module;
    struct pipc_transport_ops transport;
    struct pipc_codec_ops codec;
    struct pipc_call_ops call;
    struct pipc_snapshot_hooks hooks;
    struct pipc_lookup_hooks lookup;
    uint32_t table[2];
    struct module_seen seen;
};

/* Good ones. Options: those of fixture.h, if `options`. The fixture's number (0 to
 * MODULE_FIXTURES_MAX - 1) picks the init that writes into its `seen`. */
struct module_fixture *module_fixture_baseline(unsigned number, const char *name);
struct module_fixture *module_fixture_upgrade(unsigned number, const char *name, uint32_t bits);
struct module_fixture *module_fixture_wrapper(unsigned number, const char *name);
struct module_fixture *module_fixture_codec(unsigned number, const char *name, uint16_t code);
void module_fixture_options(struct module_fixture *fixture);

/* A configuration that has the fixtures made so far; the caller frees it. */
struct pipc_config *module_config(void);

/* Opens a context from text (INI) with the fixtures made so far, by calls where the build has no
 * reader: every `key = value` line is then one pipc_config_set. The log goes to module_log(). */
pipc_result module_open(const char *text, struct pipc_context **ret_context,
                        struct pipc_error *err);
/* The same, which must succeed. */
struct pipc_context *module_context(const char *text);
/* The same, which must fail with this result; *err has the sentence. */
void module_refused(const char *text, pipc_result result, struct pipc_error *err);

/* What the contexts of this test have logged so far, a line each, "LEVEL text". */
const char *module_log(void);
/* For struct pipc_open_options. */
void module_log_take(void *arg, uint32_t level, const char *text);

/* Feeds text to a configuration, by text or by calls as the build allows. */
pipc_result module_feed(struct pipc_config *config, const char *text, struct pipc_error *err);

/* Record of a name in a context; fails the test if there is none. */
struct pipc_module_info module_record(struct pipc_context *context, const char *name);

/* Skips the test in a build without loader. */
void module_need_loader(void);
/* Path of a module file of tests/modules. Skips the test in a build without loader. */
const char *module_file(const char *name);
/* Copies a file; the copy has `mode`. */
void module_copy(const char *from, const char *to, unsigned mode);
/* Writes and reads whole files. */
void module_put(const char *path, const void *bytes, size_t len);
size_t module_read(const char *path, unsigned char *buf, size_t cap);

/* A context whose transports are handed in and whose module_dir is `dir`, or that of the module
 * files of the tests. */
struct pipc_context *module_open_private(const char *dir);
struct pipc_context *module_open_dir(void);
/* A codec that must not load; its record must say so. */
void module_load_fails(struct pipc_context *context, const char *name, pipc_result result,
                       const char *stage, const char *sentence);

#endif
