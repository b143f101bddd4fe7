/* SPDX-License-Identifier: Apache-2.0
 *
 * Names, sentences and kinds of results, from the one table in pipc/result.h.
 *
 * Constant data only. Any thread; never blocks.
 */
#include <pipc/result.h>

struct entry {
    const char *text;
    uint32_t kind;
};

/* The table spells its names in upper case and the preprocessor cannot change that, so the small
 * letters are written down here; a test compares them with the table. */
static const char *const names[PIPC_RESULT_COUNT_] = {
    [PIPC_OK] = "ok",
    [PIPC_ERR_BAD_PARAM] = "bad_param",
    [PIPC_ERR_PATH_TOO_LONG] = "path_too_long",
    [PIPC_ERR_NOT_SUPPORTED] = "not_supported",
    [PIPC_ERR_FORKED] = "forked",
    [PIPC_ERR_CONFIG] = "config",
    [PIPC_ERR_MODULE_NOT_FOUND] = "module_not_found",
    [PIPC_ERR_MODULE_UNSAFE] = "module_unsafe",
    [PIPC_ERR_MODULE_OPEN] = "module_open",
    [PIPC_ERR_MODULE_SYMBOL] = "module_symbol",
    [PIPC_ERR_MODULE_ABI] = "module_abi",
    [PIPC_ERR_MODULE_INIT] = "module_init",
    [PIPC_ERR_NO_LOADER] = "no_loader",
    [PIPC_ERR_ADDR_IN_USE] = "addr_in_use",
    [PIPC_ERR_SOCKET] = "socket",
    [PIPC_ERR_CONNECT] = "connect",
    [PIPC_ERR_ACCEPT] = "accept",
    [PIPC_ERR_SEND] = "send",
    [PIPC_ERR_RECV] = "recv",
    [PIPC_ERR_DISCONNECTED] = "disconnected",
    [PIPC_ERR_TIMEOUT] = "timeout",
    [PIPC_ERR_ABORTED] = "aborted",
    [PIPC_ERR_BUSY] = "busy",
    [PIPC_ERR_AUTH_FAILED] = "auth_failed",
    [PIPC_ERR_INCOMPATIBLE] = "incompatible",
    [PIPC_ERR_NO_PROFILE] = "no_profile",
    [PIPC_ERR_HANDSHAKE] = "handshake",
    [PIPC_ERR_LIMIT_EXCEEDED] = "limit_exceeded",
    [PIPC_ERR_DUPLICATE_MSG_ID] = "duplicate_msg_id",
    [PIPC_ERR_UNKNOWN_MSG_ID] = "unknown_msg_id",
    [PIPC_ERR_PROTOCOL] = "protocol",
    [PIPC_ERR_CHUNK] = "chunk",
    [PIPC_ERR_BROKEN] = "broken",
    [PIPC_ERR_ALLOC] = "alloc",
    [PIPC_ERR_REGION_OPEN] = "region_open",
    [PIPC_ERR_REGION_ALLOCATE] = "region_allocate",
    [PIPC_ERR_REGION_MAP] = "region_map",
    [PIPC_ERR_REGION_NOT_READY] = "region_not_ready",
    [PIPC_ERR_REGION_BAD_MAGIC] = "region_bad_magic",
    [PIPC_ERR_REGION_BAD_VERSION] = "region_bad_version",
    [PIPC_ERR_REGION_BAD_HEADER] = "region_bad_header",
    [PIPC_ERR_REGION_BAD_SIZE] = "region_bad_size",
    [PIPC_ERR_TRUNCATED] = "truncated",
    [PIPC_ERR_BAD_MAGIC] = "bad_magic",
    [PIPC_ERR_BAD_VERSION] = "bad_version",
    [PIPC_ERR_BAD_HEADER_LEN] = "bad_header_len",
    [PIPC_ERR_BAD_KIND] = "bad_kind",
    [PIPC_ERR_BAD_LAYOUT] = "bad_layout",
    [PIPC_ERR_OUT_OF_BOUNDS] = "out_of_bounds",
    [PIPC_ERR_MISSING_NUL] = "missing_nul",
    [PIPC_ERR_BAD_ALIGNMENT] = "bad_alignment",
    [PIPC_ERR_BAD_ITEM_COUNT] = "bad_item_count",
    [PIPC_ERR_OVERFLOW] = "overflow",
    [PIPC_ERR_HANDLER_FAILED] = "handler_failed",
    [PIPC_ERR_NOT_READY] = "not_ready",
};

static const struct entry entries[PIPC_RESULT_COUNT_] = {
    [PIPC_OK] = {"done", PIPC_RESULT_KIND_NONE},
#define ENTRY(name, text, kind) [PIPC_ERR_##name] = {text, PIPC_RESULT_KIND_##kind},
    PIPC_RESULT_MAP(ENTRY)
#undef ENTRY
};

const char *pipc_result_name(pipc_result result)
{
    return result < PIPC_RESULT_COUNT_ ? names[result] : "unknown";
}

const char *pipc_result_text(pipc_result result)
{
    return result < PIPC_RESULT_COUNT_ ? entries[result].text : "unknown result";
}

uint32_t pipc_result_kind(pipc_result result)
{
    return result < PIPC_RESULT_COUNT_ ? entries[result].kind : PIPC_RESULT_KIND_PEER;
}
