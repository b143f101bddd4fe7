/* SPDX-License-Identifier: Apache-2.0
 *
 * APPS_LOOKUP: what are these processes? One item comes back for each PID, in the same order: data
 * of the process joined with that of its cgroup (docs/codec-apps-lookup.md).
 *
 * The typed table is reached through a context or, linked in, through the descriptor; every view
 * and builder begins with its address. Everything here is pure and may be called from any thread,
 * on different objects at the same time, except the typed call, which belongs to the owner of its
 * client.
 */
#ifndef PIPC_CODECS_APPS_LOOKUP_H
#define PIPC_CODECS_APPS_LOOKUP_H

#include <pipc/client.h>
#include <pipc/codec.h>
#include <pipc/codecs/lookup.h>
#include <pipc/module.h>
#include <pipc/server.h>

#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_METHOD_APPS_LOOKUP       5u
#define PIPC_APPS_LOOKUP_KEY_LEN      8u
#define PIPC_APPS_LOOKUP_ITEM_HDR_LEN 60u /* sizeof of a struct with these fields would be 64 */
#define PIPC_APPS_COMM_MAX            15u
#define PIPC_UID_UNSET                UINT32_C(0xffffffff)

/* Status of the process (docs/codec-apps-lookup.md 3.2). All but KNOWN have no data. */
enum {
    PIPC_PID_LOOKUP_KNOWN = 0,
    PIPC_PID_LOOKUP_UNKNOWN = 1,
    PIPC_PID_LOOKUP_PAYLOAD_EXCEEDED = 2,
    PIPC_PID_LOOKUP_OVERSIZED_ITEM = 3
};

/* Status of the cgroup of a process that is KNOWN (docs/codec-apps-lookup.md 3.3). */
enum {
    PIPC_APPS_CGROUP_KNOWN = 0,
    PIPC_APPS_CGROUP_UNKNOWN_RETRY_LATER = 1,
    PIPC_APPS_CGROUP_UNKNOWN_PERMANENT = 2,
    PIPC_APPS_CGROUP_HOST_ROOT = 3
};

/* Name of the codec, and version of the typed table that this header describes. */
#define PIPC_APPS_LOOKUP_NAME        "apps_lookup"
#define PIPC_APPS_LOOKUP_TABLE_MAJOR 1u
#define PIPC_APPS_LOOKUP_TABLE_MINOR 0u

struct pipc_apps_lookup_table;

/* A decoded request, all of it checked. It borrows: valid while the payload stays in place and
 * unchanged; in a server's callback until that returns. It has no strings; what is needed longer is
 * asked of it and kept. */
struct pipc_apps_lookup_request_view {
    const struct pipc_apps_lookup_table *table;
    uint32_t item_count;
    uint32_t reserved;
    const void *payload; /* private */
    size_t payload_len;  /* private */
};

/* One key of a request. It borrows nothing. A PID gives no permission: never act on a process for
 * it. */
struct pipc_apps_lookup_request_item_view {
    uint32_t pid;
};

/* A decoded response, all of it checked. It borrows: valid while the payload stays in place and
 * unchanged; of a client's answer until the next operation on the client. What is needed longer
 * must be copied at once (pipc_apps_lookup_copy). */
struct pipc_apps_lookup_view {
    const struct pipc_apps_lookup_table *table;
    uint16_t layout_version;
    uint16_t flags;
    uint32_t item_count;
    uint64_t generation;
    const void *payload; /* private */
    size_t payload_len;  /* private */
};

/* One item. It borrows from the payload, and lives as long as that, not as long as the view it was
 * taken from. What is needed longer must be copied at once (pipc_apps_lookup_item_copy). */
struct pipc_apps_lookup_item_view {
    const struct pipc_apps_lookup_table *table;
    uint16_t status;        /* PIPC_PID_LOOKUP_... */
    uint16_t orchestrator;  /* PIPC_ORCHESTRATOR_..., or any other number */
    uint16_t cgroup_status; /* PIPC_APPS_CGROUP_... */
    uint16_t label_count;
    uint32_t pid;
    uint32_t ppid;
    uint32_t uid; /* PIPC_UID_UNSET: not known */
    uint32_t reserved;
    uint64_t starttime; /* in clock ticks since boot; 0 on systems other than Linux */
    struct pipc_str_view comm;
    struct pipc_str_view cgroup_path;
    struct pipc_str_view cgroup_name;
    struct pipc_label_table labels; /* private: pipc_apps_lookup_label */
};

/* One item as an encoder takes it, and as an owned copy has it; then it is one block of the
 * allocator that made it, labels and strings included, each string with a NUL behind it. */
struct pipc_apps_lookup_item {
    uint16_t status;
    uint16_t orchestrator;
    uint16_t cgroup_status;
    uint16_t reserved;
    uint32_t pid;
    uint32_t ppid;
    uint32_t uid;
    uint32_t label_count;
    uint64_t starttime;
    struct pipc_str_view comm; /* at most PIPC_APPS_COMM_MAX bytes */
    struct pipc_str_view cgroup_path;
    struct pipc_str_view cgroup_name;
    const struct pipc_label_view *labels;
};

/* An owned copy of a whole response, one block of the allocator that made it. */
struct pipc_apps_lookup {
    uint32_t item_count;
    uint32_t reserved;
    uint64_t generation;
    const struct pipc_apps_lookup_item *items; /* inside the same block */
};

/* Builder of a response over a buffer of the caller; made by one of the inits, or handed to a
 * server's callback. Used by one thread at a time. The members are private. */
struct pipc_apps_lookup_builder {
    const struct pipc_apps_lookup_table *table;
    struct pipc_apps_lookup_request_view request; /* no table: there is none */
    struct pipc_lookup_builder state;
};

/* What a server does with a request. The struct is copied when a server is made of it; `user` must
 * live as long as the server. */
struct pipc_apps_lookup_handler {
    uint32_t size; /* sizeof(struct pipc_apps_lookup_handler) */
    uint32_t reserved;
    void *user; /* handed back */
    /* Adds one item for each key, in the order of the request, as if room were no object: what
     * does not fit becomes a placeholder. Sets the generation, which is 0 otherwise. Returns 1 for
     * success, 0 for failure (PIPC_ERR_HANDLER_FAILED). An error of the last add wins over what is
     * returned. Called on session threads, at the same time for different sessions. `request` and
     * `builder` are valid until it returns; `from` may be NULL outside of a managed server. NULL in
     * place of the function: every request fails. */
    uint32_t (*lookup)(void *user, const struct pipc_request *from,
                       const struct pipc_apps_lookup_request_view *request,
                       struct pipc_apps_lookup_builder *builder);
};

/* The typed table. Appended to within a major; a function is there when `size` covers it. */
struct pipc_apps_lookup_table {
    uint32_t size;
    uint16_t major; /* PIPC_APPS_LOOKUP_TABLE_MAJOR */
    uint16_t minor;
    pipc_result (*request_encode)(const uint32_t *pids, uint32_t count, void *buf, size_t cap,
                                  size_t *ret_len);
    pipc_result (*request_decode)(const void *payload, size_t len,
                                  struct pipc_apps_lookup_request_view *ret_view);
    pipc_result (*request_item)(const struct pipc_apps_lookup_request_view *view, uint32_t index,
                                struct pipc_apps_lookup_request_item_view *ret_item);
    pipc_result (*decode)(const void *payload, size_t len, struct pipc_apps_lookup_view *ret_view);
    pipc_result (*item)(const struct pipc_apps_lookup_view *view, uint32_t index,
                        struct pipc_apps_lookup_item_view *ret_item);
    pipc_result (*label)(const struct pipc_apps_lookup_item_view *item, uint32_t index,
                         struct pipc_label_view *ret_label);
    pipc_result (*copy)(const struct pipc_apps_lookup_view *view,
                        const struct pipc_allocator *allocator, struct pipc_apps_lookup **ret_copy);
    pipc_result (*item_copy)(const struct pipc_apps_lookup_item_view *item,
                             const struct pipc_allocator *allocator,
                             struct pipc_apps_lookup_item **ret_copy);
    pipc_result (*raw_item)(const struct pipc_apps_lookup_view *view, uint32_t index,
                            struct pipc_lookup_raw *ret_raw);
    pipc_result (*assemble)(const struct pipc_lookup_raw *items, uint32_t count,
                            uint64_t generation, void *buf, size_t cap, size_t *ret_len);
    uint32_t (*estimate)(uint64_t cap);
    pipc_result (*builder_init)(struct pipc_apps_lookup_builder *builder, void *buf, size_t cap,
                                uint32_t max_items, uint64_t generation);
    pipc_result (*builder_init_request)(struct pipc_apps_lookup_builder *builder, void *buf,
                                        size_t cap,
                                        const struct pipc_apps_lookup_request_view *request,
                                        uint64_t generation);
    void (*builder_set_generation)(struct pipc_apps_lookup_builder *builder, uint64_t generation);
    pipc_result (*builder_add)(struct pipc_apps_lookup_builder *builder,
                               const struct pipc_apps_lookup_item *item);
    size_t (*builder_finish)(struct pipc_apps_lookup_builder *builder);
};

/* The descriptor, for programs that link the codec in (pipc_config_add_module). */
extern PIPC_MODULE_EXPORT const struct pipc_module pipc_module_apps_lookup;

/* The typed table of a context's codec. Loads the codec if need be, as pipc_codec_table. NULL when
 * it is not there or has another major. It lives as long as the context. */
static inline const struct pipc_apps_lookup_table *pipc_apps_lookup_table(
    struct pipc_context *context)
{
    return (const struct pipc_apps_lookup_table *)pipc_codec_table(context, PIPC_APPS_LOOKUP_NAME,
                                                                   PIPC_APPS_LOOKUP_TABLE_MAJOR);
}

/* The typed table of a codec that is linked in. Needs no context; never NULL; constant. */
static inline const struct pipc_apps_lookup_table *pipc_apps_lookup_linked(void)
{
    return (const struct pipc_apps_lookup_table *)((const struct pipc_codec_ops *)
                                                       pipc_module_apps_lookup.ops)
        ->table;
}

/* ---- request ---- */

/* Writes a request of 16 + 16 * count bytes to `buf` with room for `cap`, and sets *ret_len. No
 * PIDs give the 16-byte header alone, which asks for the generation. The same PID may stand there
 * several times. PIPC_ERR_OVERFLOW, BAD_PARAM (no ret_len; no pids with a count above 0; no buf
 * with room above 0); *ret_len is unchanged then. docs/codec-apps-lookup.md 2. */
static inline pipc_result pipc_apps_lookup_request_encode(
    const struct pipc_apps_lookup_table *table, const uint32_t *pids, uint32_t count, void *buf,
    size_t cap, size_t *ret_len)
{
    return table->request_encode(pids, count, buf, cap, ret_len);
}

/* Reads and checks a whole request; *ret_view borrows from the payload. PIPC_ERR_TRUNCATED,
 * BAD_LAYOUT, BAD_ALIGNMENT, OUT_OF_BOUNDS, BAD_ITEM_COUNT, BAD_PARAM (no ret_view; no payload with
 * a length above 0); *ret_view is unchanged then. docs/codec-apps-lookup.md 2. */
static inline pipc_result pipc_apps_lookup_request_decode(
    const struct pipc_apps_lookup_table *table, const void *payload, size_t len,
    struct pipc_apps_lookup_request_view *ret_view)
{
    return table->request_decode(payload, len, ret_view);
}

/* Key `index`. PIPC_ERR_OUT_OF_BOUNDS for an index that is not
 * below item_count; nothing else can fail on a view that was decoded. Also BAD_PARAM (no or zeroed
 * view, no ret_item), and the errors of decoding on a view whose members were changed; *ret_item is
 * unchanged then. docs/codec.md 6.3. */
static inline pipc_result pipc_apps_lookup_request_item(
    const struct pipc_apps_lookup_request_view *view, uint32_t index,
    struct pipc_apps_lookup_request_item_view *ret_item)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->request_item(view, index, ret_item);
}

/* ---- response ---- */

/* Reads and checks a whole response, items and labels included; *ret_view borrows from the payload.
 * Linear in the payload. PIPC_ERR_TRUNCATED, BAD_LAYOUT, BAD_ALIGNMENT, OUT_OF_BOUNDS,
 * BAD_ITEM_COUNT, MISSING_NUL, BAD_PARAM (no ret_view; no payload with a length above 0); *ret_view
 * is unchanged then. docs/codec-apps-lookup.md 4. */
static inline pipc_result pipc_apps_lookup_decode(const struct pipc_apps_lookup_table *table,
                                                  const void *payload, size_t len,
                                                  struct pipc_apps_lookup_view *ret_view)
{
    return table->decode(payload, len, ret_view);
}

/* Item `index`; *ret_item borrows from the payload. PIPC_ERR_OUT_OF_BOUNDS for an index that is not
 * below item_count; nothing else can fail on a view that was decoded. Also BAD_PARAM (no or zeroed
 * view, no ret_item), and the errors of decoding on a view whose members were changed; *ret_item is
 * unchanged then. docs/codec.md 6.3. */
static inline pipc_result pipc_apps_lookup_item(const struct pipc_apps_lookup_view *view,
                                                uint32_t index,
                                                struct pipc_apps_lookup_item_view *ret_item)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->item(view, index, ret_item);
}

/* Label `index` of an item, in the order of its table; results as pipc_apps_lookup_item. */
static inline pipc_result pipc_apps_lookup_label(const struct pipc_apps_lookup_item_view *item,
                                                 uint32_t index, struct pipc_label_view *ret_label)
{
    if (!item || !item->table)
        return PIPC_ERR_BAD_PARAM;
    return item->table->label(item, index, ret_label);
}

/* Makes an owned copy of header and all items, which the caller releases with
 * pipc_apps_lookup_free and the same allocator. PIPC_ERR_ALLOC, BAD_PARAM, and the errors of
 * decoding on a view whose members were changed; nothing is left behind and *ret_copy is unchanged
 * then. docs/codec.md 6.5. */
static inline pipc_result pipc_apps_lookup_copy(const struct pipc_apps_lookup_view *view,
                                                const struct pipc_allocator *allocator,
                                                struct pipc_apps_lookup **ret_copy)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->copy(view, allocator, ret_copy);
}

/* Releases a copy; NULL is accepted. `allocator` is the one that made it. */
static inline void pipc_apps_lookup_free(const struct pipc_allocator *allocator,
                                         struct pipc_apps_lookup *copy)
{
    if (copy)
        allocator->free(allocator->arg, copy);
}

/* Makes an owned copy of one item, which the caller releases with pipc_apps_lookup_item_free and
 * the same allocator. Results as pipc_apps_lookup_copy. */
static inline pipc_result pipc_apps_lookup_item_copy(const struct pipc_apps_lookup_item_view *item,
                                                     const struct pipc_allocator *allocator,
                                                     struct pipc_apps_lookup_item **ret_copy)
{
    if (!item || !item->table)
        return PIPC_ERR_BAD_PARAM;
    return item->table->item_copy(item, allocator, ret_copy);
}

/* Releases a copy of an item; NULL is accepted. `allocator` is the one that made it. */
static inline void pipc_apps_lookup_item_free(const struct pipc_allocator *allocator,
                                              struct pipc_apps_lookup_item *copy)
{
    if (copy)
        allocator->free(allocator->arg, copy);
}

/* ---- stitching ---- */

/* The exact bytes of item `index`, borrowed from the payload; results as pipc_apps_lookup_item.
 * docs/codec.md 8.5. */
static inline pipc_result pipc_apps_lookup_raw_item(const struct pipc_apps_lookup_view *view,
                                                    uint32_t index, struct pipc_lookup_raw *ret_raw)
{
    if (!view || !view->table)
        return PIPC_ERR_BAD_PARAM;
    return view->table->raw_item(view, index, ret_raw);
}

/* Packs raw items, copied unchanged, into a new response in `buf` with room for `cap`, and sets
 * *ret_len. Each item is decoded first. The item's own error, PIPC_ERR_OVERFLOW, BAD_PARAM (no
 * ret_len; no items with a count above 0; no buf with room above 0); *ret_len is unchanged then.
 * docs/codec.md 8.5. */
static inline pipc_result pipc_apps_lookup_assemble(const struct pipc_apps_lookup_table *table,
                                                    const struct pipc_lookup_raw *items,
                                                    uint32_t count, uint64_t generation, void *buf,
                                                    size_t cap, size_t *ret_len)
{
    return table->assemble(items, count, generation, buf, cap, ret_len);
}

/* ---- builder ---- */

/* Upper bound of the number of items in a response of `cap` bytes; 0 up to 16 bytes. Cannot fail.
 * docs/codec.md 8.6. */
static inline uint32_t pipc_apps_lookup_estimate(const struct pipc_apps_lookup_table *table,
                                                 uint64_t cap)
{
    return table->estimate(cap);
}

/* Begins a response of at most `cap` bytes in `buf`, which stays the caller's and must live until
 * finish, with `max_items` directory slots and no reserve. PIPC_ERR_OVERFLOW when header and slots
 * do not fit `cap` or 32 bits, BAD_PARAM without builder, or without buf with cap above 0; a
 * builder that failed refuses every add with that error, and its finish returns 0. docs/codec.md
 * 6.4. */
static inline pipc_result pipc_apps_lookup_builder_init(const struct pipc_apps_lookup_table *table,
                                                        struct pipc_apps_lookup_builder *builder,
                                                        void *buf, size_t cap, uint32_t max_items,
                                                        uint64_t generation)
{
    return table->builder_init(builder, buf, cap, max_items, generation);
}

/* The same for the answer to a decoded request, whose payload must live until finish: one slot for
 * each key, and room is kept so that every key can be answered with a placeholder at least. Also
 * PIPC_ERR_OVERFLOW when that room exceeds 32 bits, BAD_PARAM without request. docs/codec.md 8.2.
 */
static inline pipc_result pipc_apps_lookup_builder_init_request(
    const struct pipc_apps_lookup_table *table, struct pipc_apps_lookup_builder *builder, void *buf,
    size_t cap, const struct pipc_apps_lookup_request_view *request, uint64_t generation)
{
    return table->builder_init_request(builder, buf, cap, request, generation);
}

/* Sets the generation; at any time before finish, the last call counts. Cannot fail. */
static inline void pipc_apps_lookup_builder_set_generation(struct pipc_apps_lookup_builder *builder,
                                                           uint64_t generation)
{
    builder->table->builder_set_generation(builder, generation);
}

/* Appends one item, in the order of the request. Labels and strings are read during the call and
 * must not overlap the buffer. An item that is KNOWN and does not fit becomes a placeholder, which
 * is a success: OVERSIZED_ITEM if it is the first, else PAYLOAD_EXCEEDED, and so do all after it.
 * PIPC_ERR_OVERFLOW (no slot, or no room for a placeholder), BAD_LAYOUT (a status or a combination
 * that docs/codec-apps-lookup.md 3.2 and 3.3 do not have, comm too long, NUL inside a string, empty
 * label key), BAD_PARAM (no item, null string with a length above 0, no labels with a count above
 * 0). Nothing was added then; a later add that succeeds clears the error. docs/codec.md 8.3. */
static inline pipc_result pipc_apps_lookup_builder_add(struct pipc_apps_lookup_builder *builder,
                                                       const struct pipc_apps_lookup_item *item)
{
    return builder->table->builder_add(builder, item);
}

/* An item that says no more than its PID and its status; what an add of a status other than KNOWN
 * needs. */
static inline struct pipc_apps_lookup_item pipc_apps_lookup_item_of(uint32_t pid, uint16_t status)
{
    struct pipc_apps_lookup_item item;
    memset(&item, 0, sizeof(item));
    item.status = status;
    item.pid = pid;
    item.uid = PIPC_UID_UNSET;
    return item;
}

/* The same as add, for a PID that is not KNOWN. */
static inline pipc_result pipc_apps_lookup_builder_add_status(
    struct pipc_apps_lookup_builder *builder, uint32_t pid, uint16_t status)
{
    const struct pipc_apps_lookup_item item = pipc_apps_lookup_item_of(pid, status);
    return builder->table->builder_add(builder, &item);
}

/* Writes header and directory and returns the length of the payload, which begins at the first byte
 * of the buffer; 0 when init or the last add failed. Calling it again gives the same; nothing can
 * be added after it. docs/codec.md 8.4. */
static inline size_t pipc_apps_lookup_builder_finish(struct pipc_apps_lookup_builder *builder)
{
    return builder->table->builder_finish(builder);
}

/* The failure of init or of the last add, PIPC_OK when there is none. */
static inline pipc_result pipc_apps_lookup_builder_error(
    const struct pipc_apps_lookup_builder *builder)
{
    return builder->state.error;
}

/* ---- level 2 ---- */

/* One logical call: one item for each PID, in the same order, whatever number of exchanges it
 * takes. No PIDs ask for the generation alone. Blocks up to timeout_ms (0: the client's default).
 * The owner of the client calls. *ret_view borrows from the client until its next operation, and is
 * zeroed on every error. Results of level 2, 9 and 11. */
PIPC_MUST_CHECK static inline pipc_result pipc_client_call_apps_lookup(
    struct pipc_client *client, const uint32_t *pids, uint32_t count,
    struct pipc_apps_lookup_view *ret_view, uint32_t timeout_ms, struct pipc_error *err)
{
    const pipc_result result =
        pipc_client_call_lookup(client, PIPC_APPS_LOOKUP_NAME, PIPC_APPS_LOOKUP_TABLE_MAJOR, pids,
                                count, ret_view, timeout_ms, err);
    if (result != PIPC_OK && ret_view)
        memset(ret_view, 0, sizeof(*ret_view));
    return result;
}

/* A managed server of this kind; arguments, results and ownership as pipc_server_create (level
 * 2, 10.1). The usual service name, for a null `service`, is "apps-lookup". */
PIPC_MUST_CHECK static inline pipc_result pipc_server_create_apps_lookup(
    struct pipc_context *context, const char *run_dir, const char *service,
    const struct pipc_apps_lookup_handler *handler, int32_t workers,
    const struct pipc_server_config *config, struct pipc_server **ret_server,
    struct pipc_error *err)
{
    return pipc_server_create(context, run_dir, service, PIPC_APPS_LOOKUP_NAME,
                              PIPC_APPS_LOOKUP_TABLE_MAJOR, handler, workers, config, ret_server,
                              err);
}

#ifdef __cplusplus
}
#endif
#endif
