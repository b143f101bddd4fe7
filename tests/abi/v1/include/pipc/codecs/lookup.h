/* SPDX-License-Identifier: Apache-2.0
 *
 * What the headers of the keyed lookups share: labels, orchestrators, the state of a builder
 * (docs/codec.md 7 and 8).
 *
 * Data and constants alone; the functions are in the header of each lookup.
 */
#ifndef PIPC_CODECS_LOOKUP_H
#define PIPC_CODECS_LOOKUP_H

#include <pipc/codec.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PIPC_LOOKUP_HDR_LEN  16u /* of a request and of a response */
#define PIPC_LABEL_ENTRY_LEN 16u
#ifndef PIPC_DIR_ENTRY_LEN
#define PIPC_DIR_ENTRY_LEN 8u
#endif

/* Who runs a cgroup. Where a value is allowed at all, any 16-bit number is handed on unchanged
 * (docs/codec.md 7.6). */
enum {
    PIPC_ORCHESTRATOR_UNKNOWN = 0,
    PIPC_ORCHESTRATOR_SYSTEMD = 1,
    PIPC_ORCHESTRATOR_DOCKER = 2,
    PIPC_ORCHESTRATOR_K8S = 3,
    PIPC_ORCHESTRATOR_KVM = 4,
    PIPC_ORCHESTRATOR_LXC = 5,
    PIPC_ORCHESTRATOR_PODMAN = 6,
    PIPC_ORCHESTRATOR_NSPAWN = 7
};

/* One label. Of a decoded item it borrows from the payload and lives as long as that; what is
 * needed longer must be copied at once. A builder takes the same struct, and reads it during the
 * call only. */
struct pipc_label_view {
    struct pipc_str_view key;
    struct pipc_str_view value;
};

/* Where the labels of a decoded item are; what the label accessors start from. Private. */
struct pipc_label_table {
    const void *item;
    uint32_t item_len;
    uint32_t at; /* of the label table, from the start of the item */
};

/* State of a response under construction. Private; it holds everything that a builder needs later,
 * because nothing read back from the buffer may decide a length or an address. */
struct pipc_lookup_builder {
    unsigned char *buf;
    uint64_t cap;     /* bytes that may be written to buf */
    uint64_t pos;     /* end of the last item, from the start of buf */
    uint64_t reserve; /* placeholders of all keys not answered yet (docs/codec.md 8.2) */
    uint64_t generation;
    uint32_t max_items; /* directory slots reserved */
    uint32_t count;     /* items added */
    uint32_t exceeded;  /* 1: every further item is a PAYLOAD_EXCEEDED placeholder */
    pipc_result failed; /* of init, final */
    pipc_result error;  /* of the last add, or of init */
    uint32_t cut;       /* 1: an item that did not fit became a placeholder */
};

#ifdef __cplusplus
}
#endif
#endif
