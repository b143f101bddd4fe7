/* SPDX-License-Identifier: Apache-2.0
 *
 * Packets, processes and threads of a case that drives a transport directly. See rig.h.
 */
#include "rig.h"

#include <stdlib.h>
#include <string.h>

pipc_result kit_send(struct kit_rig *rig, void *channel, const void *bytes, size_t len, int ms)
{
    const struct pipc_piece piece = {(void *)(uintptr_t)bytes, len};
    const struct pipc_wait wait = kit_wait(ms);

    return rig->m.ops.send(channel, &piece, 1, &wait, &rig->err);
}

pipc_result kit_receive(struct kit_rig *rig, void *channel, void *bytes, size_t len, int ms,
                        struct pipc_received *ret_received)
{
    const struct pipc_piece piece = {bytes, len};
    const struct pipc_wait wait = kit_wait(ms);

    *ret_received = (struct pipc_received){.size = sizeof(*ret_received)};
    return rig->m.ops.receive(channel, &piece, 1, &wait, ret_received, &rig->err);
}

const char *kit_text(const char *what)
{
    static _Thread_local char text[KIT_LEN];

    memset(text, '.', sizeof(text));
    memcpy(text, what, strnlen(what, sizeof(text)));
    return text;
}

bool kit_is_text(const void *bytes, uint64_t len, const char *what)
{
    return len == KIT_LEN && memcmp(bytes, kit_text(what), KIT_LEN) == 0;
}

void kit_pass(struct kit_rig *rig, void *from, void *to, const char *text)
{
    struct pipc_received received;
    char got[256];
    pipc_result r = kit_send(rig, from, kit_text(text), KIT_LEN, KIT_SOON_MS);

    KIT_CHECK_MSG(r == PIPC_OK, "send of '%s': %s (%s)", text, pipc_result_name(r), rig->err.text);
    r = kit_receive(rig, to, got, sizeof(got), KIT_SOON_MS, &received);
    KIT_CHECK_MSG(r == PIPC_OK, "receive of '%s': %s (%s)", text, pipc_result_name(r),
                  rig->err.text);
    KIT_CHECK_MSG(received.flags == 0 && kit_is_text(got, received.len, text),
                  "sent '%s', got %llu bytes with flags %u: '%.*s'", text,
                  (unsigned long long)received.len, (unsigned)received.flags,
                  (int)(received.len < sizeof(got) ? received.len : 0), got);
}

void kit_exchange(struct kit_rig *rig, struct kit_pair *pair, unsigned number)
{
    char text[64];

    snprintf(text, sizeof(text), "request %u of this session, to the server", number);
    kit_pass(rig, pair->client, pair->server, text);
    snprintf(text, sizeof(text), "answer %u", number);
    kit_pass(rig, pair->server, pair->client, text);
}

void kit_error_check(const struct kit_rig *rig, pipc_result result, const char *what)
{
    KIT_CHECK_MSG(rig->err.result == result, "%s gave %s, its error record says %s", what,
                  pipc_result_name(result), pipc_result_name(rig->err.result));
    KIT_CHECK_MSG(rig->err.text[0] && !strchr(rig->err.text, '\n'),
                  "%s: the error record has no sentence of one line", what);
    KIT_CHECK_MSG(strstr(rig->err.text, KIT_SERVICE) || strstr(rig->err.text, rig->run_dir),
                  "%s: the sentence does not name the object: %s", what, rig->err.text);
}

struct thread_start {
    void *(*run)(void *arg);
    void *arg;
};

static void *thread_main(void *arg)
{
    const struct thread_start start = *(struct thread_start *)arg;

    free(arg);
    kit_thread_known();
    return start.run(start.arg);
}

pthread_t kit_thread(void *(*run)(void *arg), void *arg)
{
    struct thread_start *const start = malloc(sizeof(*start));
    pthread_t thread;

    KIT_CHECK(start);
    *start = (struct thread_start){run, arg};
    KIT_CHECK(pthread_create(&thread, NULL, thread_main, start) == 0);
    return thread;
}
