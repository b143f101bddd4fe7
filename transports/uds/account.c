/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of users and groups by name.
 *
 * Asks the system's files first, as name services do, then the name services. The latter load
 * libraries, which a static program cannot (it would crash), so builds for static programs leave
 * them out (UDS_NSS 0). Runs at init only, on the thread that opens the context.
 */
#include "uds.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>

#define LOOKUP_BUFFER_FIRST 1024u
#define LOOKUP_BUFFER_MOST  ((size_t)1024 * 1024)

int uds_account_number(const char *text, const char *end, uint32_t *ret_id)
{
    uint64_t number = 0;
    const char *at;

    for (at = text; at < end; at++) {
        if (*at < '0' || *at > '9')
            return 0;
        number = number * 10 + (uint64_t)(*at - '0');
        if (number >= UINT32_MAX) /* the highest value means "no id" */
            return -1;
    }
    if (at == text)
        return -1;
    *ret_id = (uint32_t)number;
    return 1;
}

/* "name:password:number:..." */
bool uds_account_in_line(const char *line, const char *name, uint32_t *ret_id)
{
    const size_t len = strlen(name);
    const char *number, *end;

    if (strncmp(line, name, len) != 0 || line[len] != ':')
        return false;
    number = strchr(line + len + 1, ':');
    end = number ? strchr(number + 1, ':') : NULL;
    return end && uds_account_number(number + 1, end, ret_id) == 1;
}

/* 0: found; ENOENT: not there; else the system's error. */
int uds_account_in_file(const char *path, const char *name, uint32_t *ret_id)
{
    char line[1024];
    bool begins = true, found = false;
    FILE *file = fopen(path, "re");

    if (!file)
        return errno;
    while (!found && fgets(line, sizeof(line), file)) {
        found = begins && uds_account_in_line(line, name, ret_id);
        begins = strchr(line, '\n') != NULL; /* of a long line only the beginning matters */
    }
    (void)fclose(file);
    return found ? 0 : ENOENT;
}

#if UDS_NSS
/* 0: found; ENOENT: no such name; ERANGE: the buffer is too small; else the system's error. */
static int ask_once(enum uds_account kind, const char *name, char *buffer, size_t size,
                    uint32_t *ret_id)
{
    struct passwd user, *user_found = NULL;
    struct group group, *group_found = NULL;
    int code;

    if (kind == UDS_ACCOUNT_USER) {
        code = getpwnam_r(name, &user, buffer, size, &user_found);
        if (user_found)
            *ret_id = (uint32_t)user.pw_uid;
    } else {
        code = getgrnam_r(name, &group, buffer, size, &group_found);
        if (group_found)
            *ret_id = (uint32_t)group.gr_gid;
    }
    if (user_found || group_found)
        return 0;
    /* The libraries differ in how they say "no such name". */
    return code == ERANGE || code == ENOMEM || code == EMFILE || code == ENFILE ? code : ENOENT;
}

static int ask_services(const struct pipc_host *host, enum uds_account kind, const char *name,
                        uint32_t *ret_id)
{
    size_t size = LOOKUP_BUFFER_FIRST;
    char *buffer;
    int code;

    do {
        buffer = host->alloc(host, size);
        if (!buffer)
            return ENOMEM;
        code = ask_once(kind, name, buffer, size, ret_id);
        host->free(host, buffer);
        size *= 2;
    } while (code == ERANGE && size <= LOOKUP_BUFFER_MOST);
    return code;
}
#endif

int uds_account_find(const struct pipc_host *host, enum uds_account kind, const char *name,
                     uint32_t *ret_id)
{
    const char *path = kind == UDS_ACCOUNT_USER ? "/etc/passwd" : "/etc/group";
    const int code = uds_account_in_file(path, name, ret_id);

    if (code == 0)
        return 0;
#if UDS_NSS
    return ask_services(host, kind, name, ret_id);
#else
    (void)host;
    return code;
#endif
}
