/* SPDX-License-Identifier: Apache-2.0
 *
 * One HELLO of a raw client against our server: the packet as a test bends it, the answer byte for
 * byte and the result that must come of it, and slots that a server has.
 *
 * One thread; the rig is opened and closed inside the check.
 */
#ifndef PIPC_TESTS_SESSION_SHAKE_H
#define PIPC_TESTS_SESSION_SHAKE_H

#include "session_rig.h"

struct shake {
    uint8_t packet[512];
    size_t len;
    struct pipc_hello hello;
    struct session_rig rig;
    const char *transports;
    struct pipc_session_settings settings;
};

/* A good HELLO without a token, and default settings. */
void shake_start(struct shake *s);
/* Row 4 onwards need the right token unless they say otherwise. */
void shake_start_right(struct shake *s);
/* The HELLO payload as it stands in s->hello now. */
void shake_renew(struct shake *s);
void shake_put16(struct shake *s, size_t at, uint16_t value);
/* A client with a good HELLO is served. */
void shake_next_is_served(struct session_rig *rig);
/* The 80 bytes of a HELLO_ACK that says `status`. */
void shake_rejection(uint16_t status, uint8_t *packet);

#define SILENT (-1)

/* The server, with token 7 and the settings of `s`, answers with the rejection `status`, byte for
 * byte, or not at all, and closes. */
void shake_expect(struct shake *s, int status, pipc_result result);

struct shake_slots {
    unsigned free, taken, given;
};

/* The settings' slot functions; their argument is a struct shake_slots. */
pipc_result shake_slot_take(void *arg);
void shake_slot_give(void *arg);
/* So many are free. */
void shake_with_slots(struct shake *s, struct shake_slots *slots, unsigned free);

#endif
