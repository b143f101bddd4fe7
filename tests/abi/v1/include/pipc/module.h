/* SPDX-License-Identifier: Apache-2.0
 *
 * What a module is: one exported constant descriptor, judged before anything of the module runs.
 *
 * A module named NAME exports exactly one symbol, `const struct pipc_module pipc_module_NAME`. It
 * imports nothing from the core: what it needs arrives in the host table at init. The same source
 * builds as .so / .dll or linked in. Modules have no constructors, destructors or global state,
 * make no threads and install no handlers. They stay mapped for the life of the process; teardown
 * is `fini`.
 */
#ifndef PIPC_MODULE_H
#define PIPC_MODULE_H

#include <pipc/codec.h>
#include <pipc/transport.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "PIPM"; the upper half is not zero, so that a zeroed or text file never looks right */
#define PIPC_MODULE_MAGIC UINT32_C(0x4d504950)

enum { PIPC_MODULE_TRANSPORT = 1, PIPC_MODULE_CODEC = 2 };

/* Minor of the host table. Bumps are logged here: 1.0 first. */
#define PIPC_HOST_MINOR 0u

/* Types of options (docs/config.md 1 and 5). */
enum {
    PIPC_OPTION_NUMBER = 1, /* decimal or 0x, min to max */
    PIPC_OPTION_YESNO = 2,  /* yes or no; value in `number` */
    PIPC_OPTION_LIST = 3,   /* names or numbers with commas between; value in `list` */
    PIPC_OPTION_PATH = 4,   /* absolute path */
    PIPC_OPTION_CHOICE = 5, /* one of `choices` ("a|b|c") */
    PIPC_OPTION_TEXT = 6,   /* a name or number that the module judges itself */
    PIPC_OPTION_CHOICE_NUMBER =
        7 /* one of `choices`, or a number min to max; a choice has `text` set */
};
#define PIPC_OPTION_SECRET 1u /* flags: never shown */

/* A declared option. */
struct pipc_option {
    const char *key; /* [a-z][a-z0-9_]* */
    uint32_t type;   /* PIPC_OPTION_... */
    uint32_t flags;
    uint64_t min;
    uint64_t max;
    const char *choices;      /* words with | between, NULL for types without */
    const char *default_text; /* in the form of the text; NULL: none, `given` is then 0 */
    const char *help;         /* one sentence */
};

/* A checked value, in the order of the declarations. Lives until fini. */
struct pipc_option_value {
    const char *key;
    uint32_t type;
    uint32_t given;          /* 1: configured, 0: default or none */
    uint64_t number;         /* NUMBER, YESNO, CHOICE_NUMBER without text */
    const char *text;        /* TEXT, PATH, CHOICE, CHOICE_NUMBER if a word; NULL if none */
    const char *const *list; /* LIST */
    uint64_t list_count;
};

/* Levels of the log, most important first. */
enum { PIPC_LOG_ERROR = 0, PIPC_LOG_WARNING = 1, PIPC_LOG_INFO = 2, PIPC_LOG_DEBUG = 3 };

/* What the core offers to a module. Lives until fini. Every function may be called from any thread
 * that is inside an entry of the module, with `host` as given. */
struct pipc_host {
    uint32_t size;
    uint32_t minor; /* PIPC_HOST_MINOR of the core */
    /* The context's allocator. alloc returns NULL on failure. */
    void *(*alloc)(const struct pipc_host *host, size_t size);
    void *(*realloc)(const struct pipc_host *host, void *ptr, size_t size);
    void (*free)(const struct pipc_host *host, void *ptr);
    /* One line to the context's log; `text` is a sentence without a line end. */
    void (*log)(const struct pipc_host *host, uint32_t level, const char *text);
    /* Monotonic clock in nanoseconds: the one of deadlines. */
    uint64_t (*clock_ns)(const struct pipc_host *host);
    /* Fills an error record (NULL: nothing happens); cuts the text to fit. */
    void (*error_set)(const struct pipc_host *host, struct pipc_error *err, pipc_result result,
                      int32_t os_code, const char *text);
    uint32_t cpus; /* CPUs that this process may use, at the time of init */
    uint32_t reserved;
    uint64_t sleep_cost_ns; /* measured cost of one sleep and wake-up on this machine */
    /* Another transport of this context, loaded if need be, for wrappers. MODULE_... as when
     * configured. */
    pipc_result (*find_transport)(const struct pipc_host *host, const char *name,
                                  const struct pipc_transport_ops **ret_ops, void **ret_self,
                                  struct pipc_error *err);
    /* A codec by name, or with name NULL by method code. MODULE_NOT_FOUND. */
    pipc_result (*find_codec)(const struct pipc_host *host, const char *name, uint32_t code,
                              const struct pipc_codec_ops **ret_ops, struct pipc_error *err);
    /* "header", "chunk", "hello", "hello_ack": pipc_wire_walk for modules. */
    pipc_result (*wire_walk)(const struct pipc_host *host, const char *structure, const void *bytes,
                             size_t len, const struct pipc_visitor *visitor);
    void *context; /* the core's own */
};

/* The descriptor. The head, up to and including `size`, is frozen for ever. */
struct pipc_module {
    uint32_t magic;     /* PIPC_MODULE_MAGIC */
    uint32_t kind;      /* PIPC_MODULE_TRANSPORT or PIPC_MODULE_CODEC */
    uint16_t abi_major; /* of its kind: must equal the core's */
    uint16_t abi_minor; /* of its kind: that it was built with, for information */
    uint16_t
        host_minor; /* lowest PIPC_HOST_MINOR that it needs; written by the author, not stamped */
    uint16_t reserved;
    uint32_t size; /* sizeof(struct pipc_module) when it was built */
    uint32_t option_count;
    const char *name;    /* [a-z][a-z0-9_]{0,31}, the NAME of the symbol */
    const char *version; /* of the module */
    const char *vendor;
    const char *build_id; /* may be NULL */
    const char *summary;  /* one sentence for the info tool */
    const struct pipc_option *options;
    /* struct pipc_transport_ops or struct pipc_codec_ops, by kind; begins with its size */
    const void *ops;
    /* Makes the instance of one context. May be NULL (self is then NULL). May be called several
     * times, for several contexts. PIPC_ERR_CONFIG for options that do not fit together, ALLOC,
     * MODULE_INIT. */
    pipc_result (*init)(const struct pipc_host *host, const struct pipc_option_value *values,
                        uint32_t value_count, void **ret_self, struct pipc_error *err);
    /* Frees it; every object of it is closed already. Never blocks. May be NULL. */
    void (*fini)(void *self);
};

#ifdef __cplusplus
}
#endif
#endif
