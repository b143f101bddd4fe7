/* SPDX-License-Identifier: Apache-2.0
 *
 * Integers of the wire, moved by memcpy in host byte order, so that no buffer needs an alignment.
 *
 * A cursor walks through bytes whose length its user has checked as a whole. Pure; any thread.
 */
#ifndef PIPCI_WIRE_BYTES_H
#define PIPCI_WIRE_BYTES_H

#include <stdint.h>
#include <string.h>

struct pipci_reader {
    const uint8_t *at;
};

struct pipci_writer {
    uint8_t *at;
};

static inline uint32_t pipci_load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline void pipci_store32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static inline uint16_t pipci_get16(struct pipci_reader *r)
{
    uint16_t value;
    memcpy(&value, r->at, sizeof(value));
    r->at += sizeof(value);
    return value;
}

static inline uint32_t pipci_get32(struct pipci_reader *r)
{
    const uint32_t value = pipci_load32(r->at);
    r->at += sizeof(value);
    return value;
}

static inline uint64_t pipci_get64(struct pipci_reader *r)
{
    uint64_t value;
    memcpy(&value, r->at, sizeof(value));
    r->at += sizeof(value);
    return value;
}

static inline void pipci_put16(struct pipci_writer *w, uint16_t value)
{
    memcpy(w->at, &value, sizeof(value));
    w->at += sizeof(value);
}

static inline void pipci_put32(struct pipci_writer *w, uint32_t value)
{
    pipci_store32(w->at, value);
    w->at += sizeof(value);
}

static inline void pipci_put64(struct pipci_writer *w, uint64_t value)
{
    memcpy(w->at, &value, sizeof(value));
    w->at += sizeof(value);
}

#endif
