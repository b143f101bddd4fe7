/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a context: its modules, the record of every attempt to load one, and what was made
 * of the configuration.
 *
 * Threads: `lock` guards the record and the turn; lists of modules grow at their head by one atomic
 * store and are read without a lock. One thread at a time has the turn to load, and may come back
 * into it from a module's init. No module code and no log callback runs while `lock` is held.
 */
#ifndef PIPCI_REGISTRY_H
#define PIPCI_REGISTRY_H

#include "arena.h"
#include "context.h"
#include "descriptor.h"
#include "loader.h"
#include "settings.h"

#include "../base/platform.h"

/* A module in use by a context. Published when it is ready, and constant from then on. */
struct pipci_instance {
    struct pipci_instance *next;
    struct pipc_context *context;
    const struct pipc_module *module;
    const char *file; /* NULL: built in */
    struct pipci_arena arena;
    struct pipc_host host;
    void *self;
    const struct pipci_instance *wrapped; /* NULL: not a wrapper */
    uint32_t listed; /* 1: a list of transports has it; set while the context opens */
    uint32_t reserved;
    struct pipci_transport transport;
    struct pipci_codec codec;
    struct pipci_codec_tables tables;
};

/* One attempt. Its strings are behind it, in the same block. */
struct pipci_attempt {
    struct pipci_attempt *next;
    struct pipc_module_info info;
};

/* A module whose init is running, so that a circle of wrappers is seen. */
struct pipci_pending {
    const struct pipci_pending *outer;
    const char *name;
};

/* What the configuration says of a service, or why it cannot be used (PIPC_OPEN_INSPECT). */
struct pipci_service_entry {
    pipc_result result;
    struct pipc_error error;
    struct pipci_service service;
};

/* What the log was told of a subject, so that it is not told again. `what` 0: free. */
struct pipci_said {
    uint64_t subject;
    uint64_t what;
};
#define PIPCI_SAID_MAX 32u

struct pipc_context {
    struct pipc_allocator allocator;
    pipc_log_fn log;
    void *log_arg;
    uint32_t log_level;
    uint32_t flags;
    uint64_t process;
    uint32_t objects; /* atomic */
    uint32_t frozen;  /* atomic */

    struct pipci_mutex lock;
    struct pipci_cond turn_free;
    uint64_t turn_owner; /* thread, while turn_depth is not 0 */
    uint32_t turn_depth;
    uint32_t attempt_count;
    const struct pipci_pending *pending; /* of the thread that has the turn */
    struct pipci_attempt *first_attempt;
    struct pipci_attempt *last_attempt;

    struct pipci_instance *instances; /* atomic head, the last one ready first */

    struct pipci_settings settings;
    struct pipci_arena arena;           /* plans and their texts */
    const struct pipc_module **modules; /* built-in and handed in */
    uint32_t module_count;
    uint32_t cpus;
    uint64_t sleep_cost_ns;
    struct pipci_said said[PIPCI_SAID_MAX]; /* by `lock` */
    uint32_t said_next;
    const char *module_dir;
    struct pipci_service_entry fallback; /* services without a section */
};

/* ---- builtin.c ---- */

/* The list of modules that are linked in. CONFIG for two of one name, unless a file is configured
 * for it. ALLOC. */
pipc_result pipci_builtin_collect(struct pipc_context *context,
                                  const struct pipc_module *const *handed_in, uint32_t count,
                                  struct pipc_error *err);
const struct pipc_module *pipci_builtin_find(const struct pipc_context *context, const char *name);

/* ---- available.c ---- */

/* Fails with the sentence of `cause` and the names of what is there in place of `name`, those of
 * `kind` first (0: any). With a place in front of it unless that is NULL. What the cause says of a
 * configuration or of memory is left as it is. */
pipc_result pipci_unavailable(struct pipc_context *context, uint32_t kind, const char *name,
                              const struct pipci_place *place, const struct pipc_error *cause,
                              struct pipc_error *err);

/* ---- registry.c ---- */

/* "find" to "ready" */
const char *pipci_stage_name(uint32_t stage);

void pipci_turn_take(struct pipc_context *context);
void pipci_turn_give(struct pipc_context *context);

/* The instance of that name; NULL if it is not loaded. Any thread, without a lock. */
struct pipci_instance *pipci_instance_find(struct pipc_context *context, const char *name);
struct pipci_instance *pipci_instance_by_code(struct pipc_context *context, uint32_t code);

/* The same, loaded if need be. `optional`: the failure is written down as that of an optional
 * module. */
pipc_result pipci_instance_load(struct pipc_context *context, uint32_t kind, const char *name,
                                bool optional, struct pipci_instance **ret_instance,
                                struct pipc_error *err);
/* Ends and frees all of them, the last one first. */
void pipci_instances_end(struct pipc_context *context);
void pipci_attempts_free(struct pipc_context *context);

/* ---- instance.c ---- */

/* Makes an instance of a judged descriptor: options, host, wrapped transport, init. *ret_stage is
 * set at a failure. */
pipc_result pipci_instance_start(struct pipc_context *context, const struct pipc_module *module,
                                 const char *file, struct pipci_instance **ret_instance,
                                 uint32_t *ret_stage, struct pipc_error *err);
void pipci_instance_end(struct pipci_instance *instance);

/* ---- host.c ---- */

void pipci_host_fill(struct pipci_instance *instance);

/* ---- plan.c and service.c ---- */

/* Planes, carrier and masks of a service ("" : those without a section) into a zeroed struct. */
pipc_result pipci_plan_make(struct pipc_context *context, const char *service,
                            struct pipci_service *ret_service, struct pipc_error *err);
/* The setting that counts for a key of [service.NAME] and [pipc]; NULL: the default. */
const struct pipci_setting *pipci_service_pick(const struct pipci_settings *settings,
                                               const char *service, const char *key);
/* All services of the configuration. */
pipc_result pipci_services_make(struct pipc_context *context, struct pipc_error *err);
/* A module section that nothing uses, and one profile bit of two modules, are errors. */
pipc_result pipci_sections_check(const struct pipc_context *context, struct pipc_error *err);
pipc_result pipci_bits_check(const struct pipc_context *context, struct pipc_error *err);

#endif
