/* SPDX-License-Identifier: Apache-2.0
 *
 * CGROUPS_SNAPSHOT: one call returns all cgroups that the provider knows
 * (docs/codec-cgroups-snapshot.md).
 *
 * The typed table is reached through a context or, linked in, through the descriptor; every top
 * view and builder begins with its address. Everything here is pure and may be called from any
 * thread, on different objects at the same time, except the typed calls, which belong to the owner
 * of their client. The typed cache (level 3) is in cgroups_cache.h.
 */
#ifndef PIPC_CODECS_CGROUPS_SNAPSHOT_H
#define PIPC_CODECS_CGROUPS_SNAPSHOT_H

#include <pipc/client.h>
#include <pipc/codec.h>
#include <pipc/module.h>
#include <pipc/server.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_METHOD_CGROUPS_SNAPSHOT       2u
#define PIPC_CGROUPS_SNAPSHOT_REQ_LEN      4u
#define PIPC_CGROUPS_SNAPSHOT_HDR_LEN      24u
#define PIPC_CGROUPS_SNAPSHOT_ITEM_HDR_LEN 32u
#ifndef PIPC_DIR_ENTRY_LEN
#define PIPC_DIR_ENTRY_LEN 8u
#endif

/* Name of the codec, and version of the typed table that this header describes. */
#define PIPC_CGROUPS_SNAPSHOT_NAME        "cgroups_snapshot"
#define PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR 1u
#define PIPC_CGROUPS_SNAPSHOT_TABLE_MINOR 0u

struct pipc_cgroups_snapshot_table;

/* A decoded request. It borrows nothing beyond its table, and may be kept as long as the module is
 * there. */
struct pipc_cgroups_snapshot_request_view {
    const struct pipc_cgroups_snapshot_table *table;
    uint16_t layout_version;
    uint16_t flags;
    uint32_t reserved;
};

/* A decoded response: the scalars, and what items are found by. Its items are checked when they are
 * asked for. It borrows: valid while the payload stays in place and unchanged; of a client's answer
 * until the next operation on the client. What is needed longer must be copied at once
 * (pipc_cgroups_snapshot_copy). */
struct pipc_cgroups_snapshot_view {
    const struct pipc_cgroups_snapshot_table *table;
    uint16_t layout_version;
    uint16_t flags;
    uint32_t item_count;
    uint32_t systemd_enabled; /* as received; not 0 means yes */
    uint32_t reserved;
    uint64_t generation;
    const void *payload; /* private */
    size_t payload_len;  /* private */
};

/* One decoded item. It borrows from the payload, and lives as long as that, not as long as the view
 * it was taken from. What is needed longer must be copied at once
 * (pipc_cgroups_snapshot_item_copy). The strings may hold NUL bytes. */
struct pipc_cgroups_snapshot_item_view {
    uint32_t hash;    /* chosen by the provider; with the name the identity */
    uint32_t options; /* not interpreted */
    uint32_t enabled; /* as received; not 0 means yes */
    uint32_t reserved;
    struct pipc_str_view name;
    struct pipc_str_view path;
};

/* An owned copy of an item, one block of the allocator that made it. */
struct pipc_cgroups_snapshot_item {
    uint32_t hash;
    uint32_t options;
    uint32_t enabled;
    uint32_t reserved;
    struct pipc_str_view name; /* inside the same block, as path; each with a NUL behind it */
    struct pipc_str_view path;
};

/* An owned copy of a whole snapshot, one block of the allocator that made it. */
struct pipc_cgroups_snapshot {
    uint32_t item_count;
    uint32_t systemd_enabled;
    uint64_t generation;
    const struct pipc_cgroups_snapshot_item *items; /* inside the same block */
};

/* Builder of a response over a buffer of the caller; made by init, or handed to a server's
 * callback. Used by one thread at a time. The members are private; they hold everything that the
 * builder needs later, because nothing read back from the buffer may decide a length or an address.
 */
struct pipc_cgroups_snapshot_builder {
    const struct pipc_cgroups_snapshot_table *table;
    unsigned char *buf;
    uint64_t cap; /* bytes that may be written to buf */
    uint64_t pos; /* end of the last item, from the start of buf */
    uint64_t generation;
    uint32_t max_items; /* directory slots reserved */
    uint32_t count;     /* items added */
    uint32_t systemd_enabled;
    pipc_result error; /* first failure, sticky */
};

/* What a server does with a request. The struct is copied when a server is made of it; `user` must
 * live as long as the server. */
struct pipc_cgroups_snapshot_handler {
    uint32_t size; /* sizeof(struct pipc_cgroups_snapshot_handler) */
    uint32_t reserved;
    void *user; /* handed back */
    /* Adds all items to the builder and sets its header. Returns 1 for success, 0 for failure
     * (PIPC_ERR_HANDLER_FAILED). An error that the builder has remembered wins over what is
     * returned. Called on session threads, at the same time for different sessions. `request` and
     * `builder` are valid until it returns; `from` may be NULL outside of a managed server. NULL in
     * place of the function: every request fails. */
    uint32_t (*snapshot)(void *user, const struct pipc_request *from,
                         const struct pipc_cgroups_snapshot_request_view *request,
                         struct pipc_cgroups_snapshot_builder *builder);
};

/* The typed table. Appended to within a major; a function is there when `size` covers it. */
struct pipc_cgroups_snapshot_table {
    uint32_t size;
    uint16_t major; /* PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR */
    uint16_t minor;
    pipc_result (*request_encode)(void *buf, size_t cap, size_t *ret_len);
    pipc_result (*request_decode)(const void *payload, size_t len,
                                  struct pipc_cgroups_snapshot_request_view *ret_view);
    pipc_result (*decode)(const void *payload, size_t len,
                          struct pipc_cgroups_snapshot_view *ret_view);
    pipc_result (*item)(const struct pipc_cgroups_snapshot_view *view, uint32_t index,
                        struct pipc_cgroups_snapshot_item_view *ret_item);
    pipc_result (*copy)(const struct pipc_cgroups_snapshot_view *view,
                        const struct pipc_allocator *allocator,
                        struct pipc_cgroups_snapshot **ret_copy);
    pipc_result (*item_copy)(const struct pipc_cgroups_snapshot_item_view *item,
                             const struct pipc_allocator *allocator,
                             struct pipc_cgroups_snapshot_item **ret_copy);
    uint32_t (*estimate)(uint64_t cap);
    pipc_result (*builder_init)(struct pipc_cgroups_snapshot_builder *builder, void *buf,
                                size_t cap, uint32_t max_items, uint32_t systemd_enabled,
                                uint64_t generation);
    void (*builder_set_header)(struct pipc_cgroups_snapshot_builder *builder,
                               uint32_t systemd_enabled, uint64_t generation);
    pipc_result (*builder_add)(struct pipc_cgroups_snapshot_builder *builder,
                               const struct pipc_cgroups_snapshot_item_view *item);
    size_t (*builder_finish)(struct pipc_cgroups_snapshot_builder *builder);
};

/* The descriptor, for programs that link the codec in (pipc_config_add_module). */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_cgroups_snapshot;

/* The typed table of a context's codec. Loads the codec if need be, as pipc_codec_table. NULL when
 * it is not there or has another major. It lives as long as the context. */
static inline const struct pipc_cgroups_snapshot_table *pipc_cgroups_snapshot_table(
    struct pipc_context *context)
{
    return (const struct pipc_cgroups_snapshot_table *)pipc_codec_table(
        context, PIPC_CGROUPS_SNAPSHOT_NAME, PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR);
}

/* The typed table of a codec that is linked in. Needs no context; never NULL; constant. */
static inline const struct pipc_cgroups_snapshot_table *pipc_cgroups_snapshot_linked(void)
{
    return (const struct pipc_cgroups_snapshot_table *)((const struct pipc_codec_ops *)
                                                            pipc_module_cgroups_snapshot.ops)
        ->table;
}

/* ---- request ---- */

/* Writes the one request there is, PIPC_CGROUPS_SNAPSHOT_REQ_LEN bytes, to `buf` with room for
 * `cap`, and sets *ret_len. PIPC_ERR_OVERFLOW, BAD_PARAM (no ret_len; no buf with room above 0);
 * *ret_len is unchanged then. docs/codec-cgroups-snapshot.md 2. */
static inline pipc_result pipc_cgroups_snapshot_request_encode(
    const struct pipc_cgroups_snapshot_table *table, void *buf, size_t cap, size_t *ret_len)
{
    return table->request_encode(buf, cap, ret_len);
}

/* Reads a request. PIPC_ERR_TRUNCATED, BAD_LAYOUT, BAD_PARAM (no ret_view; no payload with a length
 * above 0); *ret_view is unchanged then. docs/codec-cgroups-snapshot.md 2. */
static inline pipc_result pipc_cgroups_snapshot_request_decode(
    const struct pipc_cgroups_snapshot_table *table, const void *payload, size_t len,
    struct pipc_cgroups_snapshot_request_view *ret_view)
{
    return table->request_decode(payload, len, ret_view);
}

/* ---- response ---- */

/* Reads the header and checks the directory of a response; items are checked when they are asked
 * for. *ret_view borrows from the payload. Linear in the number of items. PIPC_ERR_TRUNCATED,
 * BAD_LAYOUT, BAD_ALIGNMENT, OUT_OF_BOUNDS, BAD_PARAM (no ret_view; no payload with a length above
 * 0); *ret_view is unchanged then. docs/codec-cgroups-snapshot.md 5. */
static inline pipc_result pipc_cgroups_snapshot_decode(
    const struct pipc_cgroups_snapshot_table *table, const void *payload, size_t len,
    struct pipc_cgroups_snapshot_view *ret_view)
{
    return table->decode(payload, len, ret_view);
}

/* Reads item `index`, checked anew at every call; *ret_item borrows from the payload.
 * PIPC_ERR_OUT_OF_BOUNDS (also: no such index), TRUNCATED, BAD_ALIGNMENT, BAD_LAYOUT, MISSING_NUL,
 * BAD_PARAM (no or zeroed view, no ret_item); *ret_item is unchanged then. A consumer that needs
 * the whole snapshot must treat one bad item as a bad snapshot. docs/codec-cgroups-snapshot.md 5.
 */
static inline pipc_result pipc_cgroups_snapshot_item(
    const struct pipc_cgroups_snapshot_view *view, uint32_t index,
    struct pipc_cgroups_snapshot_item_view *ret_item)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->item(view, index, ret_item);
}

/* Makes an owned copy of header and all items, which the caller releases with
 * pipc_cgroups_snapshot_free and the same allocator. An item's own error; PIPC_ERR_BAD_LAYOUT when
 * the strings add up to more than the payload, which only items that share bytes can; ALLOC,
 * BAD_PARAM. Nothing is left behind and *ret_copy is unchanged then. docs/codec.md 6.5. */
static inline pipc_result pipc_cgroups_snapshot_copy(const struct pipc_cgroups_snapshot_view *view,
                                                     const struct pipc_allocator *allocator,
                                                     struct pipc_cgroups_snapshot **ret_copy)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->copy(view, allocator, ret_copy);
}

/* Releases a copy; NULL is accepted. `allocator` is the one that made it. */
static inline void pipc_cgroups_snapshot_free(const struct pipc_allocator *allocator,
                                              struct pipc_cgroups_snapshot *copy)
{
    if (copy)
        allocator->free(allocator->arg, copy);
}

/* Makes an owned copy of one item, which the caller releases with pipc_cgroups_snapshot_item_free
 * and the same allocator. PIPC_ERR_ALLOC, BAD_PARAM; nothing is left behind and *ret_copy is
 * unchanged then. docs/codec.md 6.5. */
static inline pipc_result pipc_cgroups_snapshot_item_copy(
    const struct pipc_cgroups_snapshot_table *table,
    const struct pipc_cgroups_snapshot_item_view *item, const struct pipc_allocator *allocator,
    struct pipc_cgroups_snapshot_item **ret_copy)
{
    return table->item_copy(item, allocator, ret_copy);
}

/* Releases a copy of an item; NULL is accepted. `allocator` is the one that made it. */
static inline void pipc_cgroups_snapshot_item_free(const struct pipc_allocator *allocator,
                                                   struct pipc_cgroups_snapshot_item *copy)
{
    if (copy)
        allocator->free(allocator->arg, copy);
}

/* ---- builder ---- */

/* Upper bound of the number of items in a response of `cap` bytes, to reserve directory slots by; 0
 * up to 24 bytes. Cannot fail. docs/codec.md 8.6. */
static inline uint32_t pipc_cgroups_snapshot_estimate(
    const struct pipc_cgroups_snapshot_table *table, uint64_t cap)
{
    return table->estimate(cap);
}

/* Begins a response of at most `cap` bytes in `buf`, which stays the caller's and must live until
 * finish, with `max_items` directory slots reserved. PIPC_ERR_OVERFLOW when header and slots do not
 * fit `cap` or 32 bits, BAD_PARAM without builder, or without buf with cap above 0; a builder that
 * failed refuses every add, and its finish returns 0. docs/codec-cgroups-snapshot.md 4. */
static inline pipc_result pipc_cgroups_snapshot_builder_init(
    const struct pipc_cgroups_snapshot_table *table, struct pipc_cgroups_snapshot_builder *builder,
    void *buf, size_t cap, uint32_t max_items, uint32_t systemd_enabled, uint64_t generation)
{
    return table->builder_init(builder, buf, cap, max_items, systemd_enabled, generation);
}

/* Sets the scalars of the header; at any time before finish, the last call counts. Cannot fail. */
static inline void pipc_cgroups_snapshot_builder_set_header(
    struct pipc_cgroups_snapshot_builder *builder, uint32_t systemd_enabled, uint64_t generation)
{
    builder->table->builder_set_header(builder, systemd_enabled, generation);
}

/* Appends one item. The strings are read during the call and must not overlap the buffer.
 * PIPC_ERR_OVERFLOW (no room or no slot), BAD_LAYOUT (a NUL inside a string), BAD_PARAM (null
 * string with a length above 0). Every failure is remembered and returned by all later adds: a
 * snapshot is complete or it is an error. docs/codec-cgroups-snapshot.md 4. */
static inline pipc_result pipc_cgroups_snapshot_builder_add(
    struct pipc_cgroups_snapshot_builder *builder, uint32_t hash, uint32_t options,
    uint32_t enabled, struct pipc_str_view name, struct pipc_str_view path)
{
    struct pipc_cgroups_snapshot_item_view item;
    item.hash = hash;
    item.options = options;
    item.enabled = enabled;
    item.reserved = 0;
    item.name = name;
    item.path = path;
    return builder->table->builder_add(builder, &item);
}

/* The same with NUL-terminated strings; NULL is the empty string. */
static inline pipc_result pipc_cgroups_snapshot_builder_add_text(
    struct pipc_cgroups_snapshot_builder *builder, uint32_t hash, uint32_t options,
    uint32_t enabled, const char *name, const char *path)
{
    struct pipc_str_view name_view, path_view;
    name_view.ptr = name;
    name_view.len = name ? strlen(name) : 0;
    path_view.ptr = path;
    path_view.len = path ? strlen(path) : 0;
    return pipc_cgroups_snapshot_builder_add(builder, hash, options, enabled, name_view, path_view);
}

/* Writes header and directory and returns the length of the payload, which begins at the first byte
 * of the buffer; 0 when the builder has an error. Calling it again gives the same; nothing can be
 * added after it. docs/codec-cgroups-snapshot.md 4. */
static inline size_t pipc_cgroups_snapshot_builder_finish(
    struct pipc_cgroups_snapshot_builder *builder)
{
    return builder->table->builder_finish(builder);
}

/* The failure that the builder remembers, PIPC_OK when there is none. */
static inline pipc_result pipc_cgroups_snapshot_builder_error(
    const struct pipc_cgroups_snapshot_builder *builder)
{
    return builder->error;
}

/* ---- level 2 ---- */

/* One call: asks for the whole snapshot. Blocks up to timeout_ms (0: the client's default). The
 * owner of the client calls. *ret_view borrows from the client until its next operation, and is
 * zeroed on every error. Single items may still be found malformed. Results of level 2, 11; level
 * 2, 7. */
PIPC_MUST_CHECK static inline pipc_result pipc_client_call_cgroups_snapshot(
    struct pipc_client *client, struct pipc_cgroups_snapshot_view *ret_view, uint32_t timeout_ms,
    struct pipc_error *err)
{
    const pipc_result result =
        pipc_client_call(client, PIPC_CGROUPS_SNAPSHOT_NAME, PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR,
                         NULL, ret_view, timeout_ms, err);
    if (result != PIPC_OK && ret_view)
        memset(ret_view, 0, sizeof(*ret_view));
    return result;
}

/* A managed server of this kind; arguments, results and ownership as pipc_server_create (level
 * 2, 10.1). The usual service name, for a null `service`, is "cgroups-snapshot". Directory slots:
 * config->snapshot_items. */
PIPC_MUST_CHECK static inline pipc_result pipc_server_create_cgroups_snapshot(
    struct pipc_context *context, const char *run_dir, const char *service,
    const struct pipc_cgroups_snapshot_handler *handler, int32_t workers,
    const struct pipc_server_config *config, struct pipc_server **ret_server,
    struct pipc_error *err)
{
    return pipc_server_create(context, run_dir, service, PIPC_CGROUPS_SNAPSHOT_NAME,
                              PIPC_CGROUPS_SNAPSHOT_TABLE_MAJOR, handler, workers, config,
                              ret_server, err);
}

#ifdef __cplusplus
}
#endif
#endif
