/* SPDX-License-Identifier: Apache-2.0
 *
 * Providers that compute: increment and string_reverse without a data file. Callbacks run on
 * session threads and share nothing.
 */
#include "provider.h"

#include <pipc/codecs/increment.h>
#include <pipc/codecs/string_reverse.h>
#include <string.h>

static uint32_t add_one(void *user, const struct pipc_request *from, uint64_t value,
                        uint64_t *ret_value)
{
    (void)user;
    (void)from;
    *ret_value = value + 1;
    return 1;
}

static uint32_t reverse(void *user, const struct pipc_request *from, const char *str, size_t len,
                        char *space, size_t space_len, size_t *ret_len)
{
    (void)user;
    (void)from;
    for (size_t i = 0; i < len && i < space_len; i++)
        space[i] = str[len - 1 - i];
    *ret_len = len; /* above the space: the codec answers that it does not fit */
    return 1;
}

static int reread_nothing(struct provider *p)
{
    (void)p;
    return 0;
}

static void stop_nothing(struct provider *p)
{
    (void)p;
}

int provider_compute(struct provider *p)
{
    static const struct pipc_increment_handler increment = {.size = sizeof(increment),
                                                            .increment = add_one};
    static const struct pipc_string_reverse_handler string = {.size = sizeof(string),
                                                              .string_reverse = reverse};

    p->reread = reread_nothing;
    p->stop = stop_nothing;
    if (strcmp(p->kind, "increment") == 0)
        p->handler = &increment;
    else if (strcmp(p->kind, "string_reverse") == 0)
        p->handler = &string;
    else
        return usage("%s has no provider here", p->kind);
    return -1;
}
