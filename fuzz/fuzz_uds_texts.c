/* SPDX-License-Identifier: Apache-2.0
 *
 * Texts that the baseline transport judges: run directory and service name ('n', with a NUL
 * between), a number of an account ('i'), a line of the system's files of accounts ('l', the name
 * first, with a NUL between).
 */
#include "fuzz.h"
#include "transports/uds/uds.h"

#include <stdlib.h>

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void name(const char *dir, const char *service)
{
    const struct pipc_endpoint endpoint = {
        .size = sizeof(endpoint), .run_dir = dir, .service = service};
    const size_t len = strlen(dir) + 1 + strlen(service) + 5;
    struct sockaddr_un address;
    struct uds_name made;
    const pipc_result result = uds_name_make(NULL, &endpoint, &made, NULL);

    if (result != PIPC_OK) {
        must(result == PIPC_ERR_BAD_PARAM ||
             (result == PIPC_ERR_PATH_TOO_LONG && len > UDS_PATH_MAX));
        return;
    }
    must(len <= UDS_PATH_MAX && strlen(made.path) == len);
    must(*service && !strchr(service, '/') && strcmp(service, "..") != 0);
    must(made.entry == strlen(dir) + 1 && strncmp(made.path, dir, made.dir) == 0);
    must(strncmp(made.path + made.entry, service, strlen(service)) == 0);
    must(strcmp(made.path + len - 5, ".sock") == 0);
    uds_name_address(&made, &address);
    must(address.sun_family == AF_UNIX && strcmp(address.sun_path, made.path) == 0);
}

static void number(const char *text)
{
    uint32_t id = 0;

    if (uds_account_number(text, text + strlen(text), &id) == 1)
        must(id == strtoull(text, NULL, 10) && id != UINT32_MAX);
}

static void line(const char *wanted, const char *text)
{
    uint32_t id = 0;

    if (uds_account_in_line(text, wanted, &id))
        must(strncmp(text, wanted, strlen(wanted)) == 0 && id != UINT32_MAX);
}

void fuzz_one(const uint8_t *data, size_t len)
{
    char *text, *second;

    if (len < 2)
        return;
    text = malloc(len);
    if (!text)
        return;
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    second = text + strlen(text);
    if (second < text + len - 1)
        second++;
    if (data[0] == 'n')
        name(text, second);
    else if (data[0] == 'i')
        number(text);
    else
        line(text, second);
    free(text);
}
