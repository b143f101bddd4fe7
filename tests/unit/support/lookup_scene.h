/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookups of words: a managed server whose provider knows the words that begin with a number, keeps
 * a record of what it was asked, and lies on request; and a client of it.
 *
 * The provider runs on the server's threads, one call at a time for one client. A test reads its
 * record between calls and changes it only then.
 */
#ifndef PIPC_TESTS_LOOKUP_SCENE_H
#define PIPC_TESTS_LOOKUP_SCENE_H

#include "client_script.h"
#include "word_count.h"

#include <pthread.h>

#define LOOKUP_RECORD 16384u

/* A word "12:abc" is known and stands on 12 lines, any other is unknown. */
struct provider {
    pthread_mutex_t lock; /* held while it runs; see lookup_sync */
    uint32_t calls;
    uint32_t keys; /* of all calls */
    uint64_t generation;
    uint64_t bump;                 /* added to the generation behind each call */
    uint32_t asked[LOOKUP_RECORD]; /* keys of each call */
    uint32_t first[LOOKUP_RECORD]; /* number behind the colon in the first of them */
    /* When set, makes the payload of call number `call`, counted from 0; PIPC_ERR_NOT_SUPPORTED
     * leaves it to the honest provider, another result is the outcome. */
    pipc_result (*raw)(struct provider *provider, uint32_t call,
                       const struct word_count_builder *request, void *buf, size_t cap,
                       size_t *ret_len);
    const void *arg; /* of the test */
};

struct lookup_scene {
    struct pipc_context *context;
    struct pipc_server *server; /* NULL: none is running */
    pthread_t thread;
    struct provider *provider;
    const char *codec;
    struct pipc_client *client;
    struct word_count_view view;
    struct pipc_error err;
};

/* Sizes of 0: defaults. The client is connected, its pauses are short. */
struct lookup_scene lookup_open(uint32_t request_limit, uint32_t response_limit);
/* The same with all settings. NULL: defaults. */
struct lookup_scene lookup_open_with(const char *codec, const struct pipc_client_config *client,
                                     const struct pipc_server_config *server,
                                     const struct pipc_allocator *allocator);
void lookup_close(struct lookup_scene *s);
/* Ends the server, and starts another one with its own limits at the same place. */
void lookup_server_stop(struct lookup_scene *s);
void lookup_server_start(struct lookup_scene *s, const struct pipc_server_config *config);
/* A context with the baseline, the codecs and word_count. */
struct pipc_context *lookup_context(const struct pipc_allocator *allocator);
/* The same where word_count is a file of tests/modules. Skips the test in a build without loader.
 */
struct pipc_context *lookup_context_of_files(void);

/* Hands the provider over between the test and the server's threads, which meet in a data plane
 * that no tool can look into. The calls below do it; a test that calls by itself does it before and
 * after. */
void lookup_sync(const struct lookup_scene *s);
/* Calls with words that strings hold; the view is garbage before. */
pipc_result lookup_call(struct lookup_scene *s, const char *const *words, uint32_t count);
pipc_result lookup_call_keys(struct lookup_scene *s, const struct pipc_str_view *words,
                             uint32_t count, uint32_t timeout_ms);
/* The view has exactly these words in this order, each as the provider knows it, none of them
 * FULL; those longer than `longest` are OVERSIZED (0: none is). */
void lookup_check(const struct lookup_scene *s, const struct pipc_str_view *words, uint32_t count,
                  size_t longest);
/* The call failed with this result and sentence, left a zeroed view and this state, and was counted
 * once; a call after it succeeds, connecting again where the state says so. */
void lookup_check_failed(struct lookup_scene *s, pipc_result got, pipc_result expected,
                         const char *text, uint32_t state);

/* A response made by hand: an item without lines for each word. */
#define FORGED_MAX 64u
struct forged {
    uint64_t generation;
    uint32_t n;
    struct pipc_str_view words[FORGED_MAX];
    uint32_t status[FORGED_MAX];
};
/* The honest answer to a request whose words are all unknown, generation 42. */
struct forged lookup_forged(const struct word_count_builder *request);
/* Its bytes; returns their number. */
size_t lookup_forge(const struct forged *f, void *buf, size_t cap);

/* `count` words "LINES:NUMBER" in one block; free the array. */
struct pipc_str_view *lookup_words(uint32_t count, uint32_t lines);
/* One such word with filling up to `len` bytes, into a ring of 8. */
struct pipc_str_view lookup_word(uint32_t lines, size_t len);
struct pipc_str_view lookup_str(const char *text);

#endif
