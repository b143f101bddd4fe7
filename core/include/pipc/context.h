/* SPDX-License-Identifier: Apache-2.0
 *
 * Configuration and context (docs/config.md, docs/module-abi.md).
 *
 * A configuration is text and settings, collected on one thread and read once, when a context is
 * opened. A context owns everything: modules' instances, services' settings, allocator, log. There
 * is no global state; two contexts in one process do not meet. Opening clients, servers, sessions,
 * listeners and caches from a context is safe from any thread.
 */
#ifndef PIPC_CONTEXT_H
#define PIPC_CONTEXT_H

#include <pipc/module.h>
#include <pipc/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Three numbers: product (text), ABI (pipc/transport.h, pipc/codec.h, pipc/module.h), wire.
 * Constant string "X.Y.Z". */
PIPC_API const char *pipc_version(void);

struct pipc_config;
struct pipc_context;

/* An empty configuration: everything at its default. NULL allocator: malloc. Free it with
 * pipc_config_free. PIPC_ERR_ALLOC. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_new(const struct pipc_allocator *allocator,
                                                     struct pipc_config **ret_config);

/* Frees; NULL is accepted. A context opened from it lives on. */
PIPC_API void pipc_config_free(struct pipc_config *config);

/* Reads INI text (config.md 1); `origin` names it in errors. All or nothing: on PIPC_ERR_CONFIG
 * (the sentence has origin, line, section, key, the value and what is accepted) or PIPC_ERR_ALLOC
 * the configuration is unchanged. Keys of module options are checked when the context is opened.
 * PIPC_ERR_NOT_SUPPORTED in a build without the reader. Never blocks. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_read_text(struct pipc_config *config,
                                                           const char *text, size_t len,
                                                           const char *origin,
                                                           struct pipc_error *err);

/* The same from a file, at most 1 MiB. PIPC_ERR_CONFIG with the system's code when it cannot be
 * read. Blocks for the file. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_read_file(struct pipc_config *config,
                                                           const char *path,
                                                           struct pipc_error *err);

/* Sets one key by section ("pipc", "service.NAME", "transport.NAME", "codec.NAME"), key and value
 * text; wins over text and over earlier calls. Errors as above, naming the call in place of the
 * line. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_set(struct pipc_config *config,
                                                     const char *section, const char *key,
                                                     const char *value, struct pipc_error *err);

/* The same with the lowest precedence: it counts where neither text nor pipc_config_set has the
 * key. For programs with defaults of their own. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_set_default(struct pipc_config *config,
                                                             const char *section, const char *key,
                                                             const char *value,
                                                             struct pipc_error *err);

/* Hands in the descriptor of a module that the program linked itself; it counts as built-in. The
 * descriptor must live as long as contexts do. PIPC_ERR_BAD_PARAM, ALLOC. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_config_add_module(struct pipc_config *config,
                                                            const struct pipc_module *module,
                                                            struct pipc_error *err);

/* Receives log lines: a sentence without a line end, on the thread that caused it, never under a
 * lock. May not call back into the library. */
typedef void (*pipc_log_fn)(void *arg, uint32_t level, const char *text);

/* How a context is opened. */
struct pipc_open_options {
    uint32_t size;
    uint32_t reserved;
    const struct pipc_allocator
        *allocator;  /* NULL: malloc; copied; its functions live as long as the context */
    pipc_log_fn log; /* NULL: nobody listens */
    void *log_arg;
    uint32_t flags; /* PIPC_OPEN_... */
    uint32_t reserved2;
};
/* For tools that show what is there: a module that cannot be loaded is recorded and is no error of
 * pipc_open; a service that needs it gives that error when it is used. */
#define PIPC_OPEN_INSPECT 1u

/* Opens a context: loads and starts every module that the configuration names, all or nothing. NULL
 * config: defaults. NULL options: defaults. Blocks for files. PIPC_ERR_CONFIG, MODULE_...,
 * NO_LOADER, ALLOC; the error names file, line, key or module. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_open(const struct pipc_config *config,
                                               const struct pipc_open_options *options,
                                               struct pipc_context **ret_context,
                                               struct pipc_error *err);

/* Forbids further loading (before privileges are dropped, chroot, ...): what was not loaded gives
 * PIPC_ERR_MODULE_NOT_FOUND afterwards. Any thread. */
PIPC_API void pipc_freeze(struct pipc_context *context);

/* Closes; NULL is accepted. PIPC_ERR_BAD_PARAM while clients, servers, sessions, listeners or
 * caches of it live; nothing has happened then. In a forked child frees memory only. */
PIPC_API pipc_result pipc_close(struct pipc_context *context);

/* One module of a context, or a failed attempt to load one. Strings live as long as the context. */
struct pipc_module_info {
    uint32_t size;
    uint32_t kind; /* PIPC_MODULE_..., 0 if it is not known */
    const char *name;
    const char *file; /* NULL: built in (or handed in) */
    uint32_t builtin; /* 1: linked in */
    uint32_t loaded;  /* 1: usable in this context */
    const struct pipc_module
        *module;           /* descriptor; NULL when loading failed before it was accepted */
    uint32_t profile_bits; /* transports: bits in force (baseline: bit 0), assigned ones included */
    pipc_result result;    /* PIPC_OK, or the stage's result */
    int32_t os_code;
    uint32_t optional;   /* 1: configured with a leading '-' */
    uint64_t elapsed_ns; /* of the attempt */
    const char
        *stage; /* stage reached: "find", "security", "open", "symbol", "abi", "init", "ready" */
    const char *reason; /* sentence of a failure, "" otherwise; the loader's full text is in it */
};

/* Record `index` of the context's modules and attempts, in order of the attempts;
 * PIPC_ERR_OUT_OF_BOUNDS past the end. Any thread. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_module_info(struct pipc_context *context, uint32_t index,
                                                      struct pipc_module_info *ret_info);

/* Judges one module file without starting it: every stage up to "abi". The record's strings are in
 * `text` (at least 1024 bytes). `name` NULL: the name is taken from the file's name up to the first
 * dot (a tool's convenience). Loads and closes the file; an accepted file stays mapped. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_module_check(struct pipc_context *context,
                                                       const char *file, const char *name,
                                                       struct pipc_module_info *ret_info,
                                                       char *text, size_t text_len,
                                                       struct pipc_error *err);

/* Loads one more module by name, of either kind with kind 0, for tools (all of module_dir is found
 * with pipc_module_scan). Errors as pipc_open. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_module_load(struct pipc_context *context, uint32_t kind,
                                                      const char *name, struct pipc_error *err);

/* Names of the modules that could be loaded: built-in ones and the files of module_dir, sorted,
 * each once; calls `found` for each, with its file or NULL. Blocks for the directory. For the info
 * tool; loads nothing. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_module_scan(struct pipc_context *context, void *arg,
                                                      void (*found)(void *arg, const char *name,
                                                                    const char *file),
                                                      struct pipc_error *err);

/* The directory of loadable modules in force; "" in a build without loader. */
PIPC_API const char *pipc_module_dir(struct pipc_context *context);

/* Generic table of a codec, by name or (name NULL) by method code; loads it when it is not loaded
 * yet and loading is not frozen. Lives as long as the context. MODULE_..., NO_LOADER. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_codec_find(struct pipc_context *context, const char *name,
                                                     uint32_t code,
                                                     const struct pipc_codec_ops **ret_ops,
                                                     const char **ret_name, struct pipc_error *err);

/* Typed table of a codec, for the inline wrappers of its header; NULL when the codec is not there
 * or its table has another major. */
PIPC_API const void *pipc_codec_table(struct pipc_context *context, const char *name,
                                      uint32_t major);

/* What a session of a service would use, for the info tool (`--explain`) and tests. */
struct pipc_plan {
    uint32_t size;
    uint32_t supported; /* masks of HELLO before `usable` */
    uint32_t preferred;
    uint32_t plane_count;
    const char *carrier;             /* name; lives as long as the context */
    const char *run_dir;             /* configured run_dir, NULL if none */
    uint64_t auth_token_fingerprint; /* never the token itself */
    /* In the order of the list. */
    struct pipc_plan_plane {
        const char *name;
        uint32_t bits; /* 0: not available */
        uint32_t reserved;
        const char *reason; /* why not, "" if available */
    } planes[16];
    /* As configured; 0: not given. */
    uint32_t call_timeout_ms;
    uint32_t max_response_bytes;
    uint32_t growth_ceiling_bytes;
};

/* The plan of a service under this configuration. PIPC_ERR_BAD_PARAM for a wrong name. */
PIPC_MUST_CHECK PIPC_API pipc_result pipc_service_plan(struct pipc_context *context,
                                                       const char *service,
                                                       struct pipc_plan *ret_plan,
                                                       struct pipc_error *err);

#ifdef __cplusplus
}
#endif
#endif
