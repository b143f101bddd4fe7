/* SPDX-License-Identifier: Apache-2.0
 *
 * The live provider that Windows can be asked for: name and parent of a process, from a snapshot of
 * the process table that is taken for each request.
 *
 * Users are no numbers here and there are no cgroups, so that uid is unset and every process counts
 * as one of the host; the field for the start time is 0 outside Linux (codec-apps-lookup.md 5).
 * Callbacks run on session threads, several at a time.
 */
#include "../provider.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>
#include <pipc/codecs/cgroups_snapshot.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <tlhelp32.h>

#define COMM_MAX   15u /* bytes of a name in an answer */
#define GENERATION 1u  /* one for the whole life of a provider (codec.md 7.7) */

struct process {
    uint32_t pid, ppid;
    char name[MAX_PATH * 3];
};

struct table {
    struct process *items;
    size_t count, room;
};

static bool add(struct table *t, const PROCESSENTRY32W *entry)
{
    if (t->count == t->room) {
        const size_t room = t->room ? 2 * t->room : 256;
        struct process *const items = realloc(t->items, room * sizeof(*items));
        if (!items)
            return false;
        t->items = items;
        t->room = room;
    }
    struct process *const p = &t->items[t->count++];
    p->pid = entry->th32ProcessID;
    p->ppid = entry->th32ParentProcessID;
    if (WideCharToMultiByte(CP_UTF8, 0, entry->szExeFile, -1, p->name, sizeof(p->name), NULL,
                            NULL) <= 1)
        strcpy(p->name, "?");
    return true;
}

/* False: the machine has no room to find out. */
static bool table_take(struct table *t)
{
    const HANDLE snapshot = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    PROCESSENTRY32W entry = {.dwSize = sizeof(entry)};
    bool good = snapshot != INVALID_HANDLE_VALUE;

    for (BOOL more = good && Process32FirstW(snapshot, &entry); more && good;
         more = Process32NextW(snapshot, &entry))
        good = add(t, &entry);
    if (snapshot != INVALID_HANDLE_VALUE)
        CloseHandle(snapshot);
    return good;
}

static const struct process *table_find(const struct table *t, uint32_t pid)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->items[i].pid == pid)
            return &t->items[i];
    return NULL;
}

/* The name without ".exe", cut to what fits, but in no character of UTF-8. */
static struct pipc_str_view comm_of(const struct process *p)
{
    size_t len = strlen(p->name);

    if (len > 4 && _stricmp(p->name + len - 4, ".exe") == 0)
        len -= 4;
    if (len > COMM_MAX)
        for (len = COMM_MAX; len > 1 && ((unsigned char)p->name[len] & 0xc0) == 0x80; len--)
            ;
    return (struct pipc_str_view){p->name, len};
}

static pipc_result answer(const struct table *t, uint32_t pid,
                          struct pipc_apps_lookup_builder *builder)
{
    struct pipc_apps_lookup_item item = {
        .status = PIPC_PID_LOOKUP_UNKNOWN, .pid = pid, .uid = PIPC_UID_UNSET};
    const struct process *const p = table_find(t, pid);

    if (p) {
        item.status = PIPC_PID_LOOKUP_KNOWN;
        item.ppid = p->ppid;
        item.comm = comm_of(p);
        item.cgroup_status = PIPC_APPS_CGROUP_HOST_ROOT;
    }
    return pipc_apps_lookup_builder_add(builder, &item);
}

static uint32_t lookup(void *user, const struct pipc_request *from,
                       const struct pipc_apps_lookup_request_view *request,
                       struct pipc_apps_lookup_builder *builder)
{
    struct pipc_apps_lookup_request_item_view key;
    struct table table = {0};
    bool good = table_take(&table);

    (void)user;
    (void)from;
    pipc_apps_lookup_builder_set_generation(builder, GENERATION);
    for (uint32_t i = 0; good && i < request->item_count; i++)
        good = pipc_apps_lookup_request_item(request, i, &key) == PIPC_OK &&
               answer(&table, key.pid, builder) == PIPC_OK;
    free(table.items);
    return good;
}

static const struct pipc_apps_lookup_handler handler = {.size = sizeof(handler), .lookup = lookup};

static int reread(struct provider *p)
{
    (void)p;
    return 0;
}

static void stop(struct provider *p)
{
    (void)p;
}

bool provider_is_live(const char *kind)
{
    return strcmp(kind, PIPC_CGROUPS_SNAPSHOT_NAME) == 0 ||
           strcmp(kind, PIPC_CGROUPS_LOOKUP_NAME) == 0 || strcmp(kind, PIPC_APPS_LOOKUP_NAME) == 0;
}

int provider_live(struct provider *p)
{
    if (strcmp(p->kind, PIPC_APPS_LOOKUP_NAME) != 0)
        return complain(EXIT_FAILED, "this system has no cgroups: %s needs --data FILE", p->kind);
    p->handler = &handler;
    p->reread = reread;
    p->stop = stop;
    return -1;
}
