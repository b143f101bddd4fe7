/* SPDX-License-Identifier: Apache-2.0
 *
 * Results and error records.
 *
 * One set of results for the whole library, made from one table (docs/results.md). Names are
 * stable, numbers are not, and neither is ever on the wire. Functions return a pipc_result; where a
 * cause exists, a struct pipc_error given by the caller (NULL: not wanted) receives the result, the
 * system's code and a sentence that names the object.
 *
 * Everything here may be called from any thread.
 */
#ifndef PIPC_RESULT_H
#define PIPC_RESULT_H

#include <pipc/export.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* name, sentence, kind */
#define PIPC_RESULT_MAP(X)                                                             \
    X(BAD_PARAM, "wrong argument", USAGE)                                              \
    X(PATH_TOO_LONG, "name does not fit this system", USAGE)                           \
    X(NOT_SUPPORTED, "not supported by this module or build", USAGE)                   \
    X(FORKED, "object belongs to the parent process", USAGE)                           \
    X(CONFIG, "wrong configuration", CONFIG)                                           \
    X(MODULE_NOT_FOUND, "no such module", CONFIG)                                      \
    X(MODULE_UNSAFE, "module file or directory is not safe", CONFIG)                   \
    X(MODULE_OPEN, "module cannot be opened", CONFIG)                                  \
    X(MODULE_SYMBOL, "file has no descriptor of that module", CONFIG)                  \
    X(MODULE_ABI, "module needs another ABI", CONFIG)                                  \
    X(MODULE_INIT, "module failed to start", CONFIG)                                   \
    X(NO_LOADER, "dynamic loading is not built in", CONFIG)                            \
    X(ADDR_IN_USE, "name is in use", SYSTEM)                                           \
    X(SOCKET, "endpoint or connection object cannot be made", SYSTEM)                  \
    X(CONNECT, "nobody accepts connections there", PEER)                               \
    X(ACCEPT, "accepting failed", SYSTEM)                                              \
    X(SEND, "sending failed", PEER)                                                    \
    X(RECV, "receiving failed", PEER)                                                  \
    X(DISCONNECTED, "the other side closed", PEER)                                     \
    X(TIMEOUT, "time is over", TIMEOUT)                                                \
    X(ABORTED, "aborted", ABORTED)                                                     \
    X(BUSY, "no free session slot", LIMIT)                                             \
    X(AUTH_FAILED, "token refused", PEER)                                              \
    X(INCOMPATIBLE, "other protocol or layout version, or unusable packet size", PEER) \
    X(NO_PROFILE, "no data plane in common", PEER)                                     \
    X(HANDSHAKE, "refused by the other side", PEER)                                    \
    X(LIMIT_EXCEEDED, "above an agreed or accepted limit", LIMIT)                      \
    X(DUPLICATE_MSG_ID, "message id is in flight", USAGE)                              \
    X(UNKNOWN_MSG_ID, "answer without a request", PEER)                                \
    X(PROTOCOL, "the other side broke the protocol", PEER)                             \
    X(CHUNK, "wrong chunk", PEER)                                                      \
    X(BROKEN, "session is broken", STATE)                                              \
    X(ALLOC, "no memory", SYSTEM)                                                      \
    X(REGION_OPEN, "region cannot be opened", SYSTEM)                                  \
    X(REGION_ALLOCATE, "no room for the region", SYSTEM)                               \
    X(REGION_MAP, "region cannot be mapped", SYSTEM)                                   \
    X(REGION_NOT_READY, "region is not complete", PEER)                                \
    X(REGION_BAD_MAGIC, "not a region", PEER)                                          \
    X(REGION_BAD_VERSION, "region of another version", PEER)                           \
    X(REGION_BAD_HEADER, "wrong header of a region", PEER)                             \
    X(REGION_BAD_SIZE, "wrong sizes in a region", PEER)                                \
    X(TRUNCATED, "bytes are missing", PEER)                                            \
    X(BAD_MAGIC, "wrong magic number", PEER)                                           \
    X(BAD_VERSION, "wrong version", PEER)                                              \
    X(BAD_HEADER_LEN, "wrong header length", PEER)                                     \
    X(BAD_KIND, "unknown kind of message", PEER)                                       \
    X(BAD_LAYOUT, "wrong layout or content", PEER)                                     \
    X(OUT_OF_BOUNDS, "index, offset or length out of bounds", PEER)                    \
    X(MISSING_NUL, "string without its final NUL", PEER)                               \
    X(BAD_ALIGNMENT, "offset is not aligned", PEER)                                    \
    X(BAD_ITEM_COUNT, "wrong number of items", PEER)                                   \
    X(OVERFLOW, "does not fit", LIMIT)                                                 \
    X(HANDLER_FAILED, "the service's callback failed", PEER)                           \
    X(NOT_READY, "not connected", STATE)

enum {
    PIPC_OK = 0,
#define PIPC_RESULT_ENUM_(name, text, kind) PIPC_ERR_##name,
    PIPC_RESULT_MAP(PIPC_RESULT_ENUM_)
#undef PIPC_RESULT_ENUM_
        PIPC_RESULT_COUNT_
};

/* What a function came to: PIPC_OK or one of PIPC_ERR_... A fixed-width integer, because it crosses
 * the line between core and modules. */
typedef uint32_t pipc_result;

enum {
    PIPC_RESULT_KIND_NONE,    /* PIPC_OK */
    PIPC_RESULT_KIND_USAGE,   /* the caller's arguments or order of calls */
    PIPC_RESULT_KIND_CONFIG,  /* configuration or modules */
    PIPC_RESULT_KIND_LIMIT,   /* a ceiling, of either side */
    PIPC_RESULT_KIND_PEER,    /* the other side, or bytes from it */
    PIPC_RESULT_KIND_STATE,   /* not now */
    PIPC_RESULT_KIND_SYSTEM,  /* the operating system */
    PIPC_RESULT_KIND_TIMEOUT, /* a deadline passed */
    PIPC_RESULT_KIND_ABORTED  /* somebody asked to stop */
};

/* Bytes of the sentence in an error record, the final NUL included. */
#define PIPC_ERROR_TEXT_LEN 256

/* Error record. The caller sets `size` (PIPC_ERROR_INIT); the library writes at most that many
 * bytes. Written on failure only. */
struct pipc_error {
    uint32_t size;        /* sizeof(struct pipc_error), set by the caller */
    pipc_result result;   /* the result that the function returned */
    int32_t os_code;      /* errno or GetLastError() of the cause, 0 if there is none */
    uint32_t peer_status; /* transport_status that the peer sent (PIPC_STATUS_...), 0 if none */
    char text[PIPC_ERROR_TEXT_LEN]; /* one English sentence, no line end, names the object */
};

#define PIPC_ERROR_INIT                                     \
    {                                                       \
        (uint32_t)sizeof(struct pipc_error), PIPC_OK, 0, 0, \
        {                                                   \
            0                                               \
        }                                                   \
    }

/* Name of a result without its prefix, in lower case ("bad_param"); "unknown" for other numbers.
 * Constant string. Never blocks. docs/results.md. */
PIPC_API const char *pipc_result_name(pipc_result result);

/* Sentence that the library says when it knows nothing better; never NULL. Constant string. */
PIPC_API const char *pipc_result_text(pipc_result result);

/* Kind of a result, PIPC_RESULT_KIND_...; PEER for unknown numbers. */
PIPC_API uint32_t pipc_result_kind(pipc_result result);

#ifdef __cplusplus
}
#endif
#endif
