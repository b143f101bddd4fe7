/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of Windows that come to the test first. What the compiler calls for a function of a DLL is
 * a pointer named __imp_ and the function; this file defines such pointers, so the linker takes
 * them in place of those of the import library.
 */
#include "windows/win_calls.h"

#include "test.h"

#include <sddl.h>

static struct {
    uint32_t count, after, times;
    DWORD code;
    bool (*before)(void *arg);
    void *arg;
} calls[WIN_CALLS];

#define MADE_MAX 64u
static struct win_made made[MADE_MAX];
static uint32_t made_count;

void win_refuse(enum win_call call, uint32_t after, uint32_t times, DWORD code)
{
    calls[call].code = code;
    calls[call].times = times;
    __atomic_store_n(&calls[call].after, after, __ATOMIC_SEQ_CST);
}

void win_before(enum win_call call, bool (*what)(void *arg), void *arg)
{
    calls[call].arg = arg;
    calls[call].before = what;
}

uint32_t win_count(enum win_call call)
{
    return __atomic_load_n(&calls[call].count, __ATOMIC_SEQ_CST);
}

static bool refused(enum win_call call)
{
    bool (*const before)(void *arg) = calls[call].before;

    calls[call].before = NULL;
    if (before && before(calls[call].arg))
        calls[call].before = before;
    __atomic_add_fetch(&calls[call].count, 1, __ATOMIC_SEQ_CST);
    if (calls[call].times == 0)
        return false;
    if (calls[call].after > 0) {
        calls[call].after--;
        return false;
    }
    calls[call].times--;
    SetLastError(calls[call].code);
    return true;
}

uint32_t win_made_count(void)
{
    return made_count;
}

const struct win_made *win_made(uint32_t n)
{
    CHECK(n < made_count);
    return &made[n];
}

void win_made_forget(void)
{
    made_count = 0;
}

static void note_security(struct win_made *m, const SECURITY_ATTRIBUTES *attributes)
{
    char *text = NULL;

    m->secured = attributes && attributes->lpSecurityDescriptor;
    m->inherited = attributes && attributes->bInheritHandle;
    if (m->secured && ConvertSecurityDescriptorToStringSecurityDescriptorA(
                          attributes->lpSecurityDescriptor, SDDL_REVISION_1,
                          DACL_SECURITY_INFORMATION, &text, NULL)) {
        (void)snprintf(m->sddl, sizeof(m->sddl), "%s", text);
        (void)LocalFree(text);
    }
}

static struct win_made *note(enum win_call call, const wchar_t *name,
                             const SECURITY_ATTRIBUTES *attributes)
{
    static struct win_made unused;
    struct win_made *const m = name && made_count < MADE_MAX ? &made[made_count++] : &unused;

    memset(m, 0, sizeof(*m));
    m->call = call;
    for (size_t i = 0; name && name[i] && i < sizeof(m->name) - 1; i++)
        m->name[i] = (char)name[i];
    note_security(m, attributes);
    return m;
}

static void *real(const char *library, const char *name)
{
    void *const found = (void *)GetProcAddress(GetModuleHandleA(library), name);

    CHECK_MSG(found, "%s is not in %s", name, library);
    return found;
}

/* TYPE name(params) with these arguments, and what is returned in place of a refused call. */
#define WRAP(library, type, name, params, args, refusal, record) \
    static type WINAPI fake_##name params                        \
    {                                                            \
        typedef type WINAPI function params;                     \
        const DWORD last = GetLastError();                       \
        record;                                                  \
        SetLastError(last);                                      \
        if (refused(WIN_##name))                                 \
            return refusal;                                      \
        return ((function *)real(library, #name))args;           \
    }                                                            \
    extern void *const __imp_##name;                             \
    void *const __imp_##name = (void *)fake_##name

#define NOTHING ((void)0)
#define K       "kernel32.dll"

static void note_pipe(const wchar_t *name, DWORD access, DWORD mode, DWORD instances, DWORD out,
                      DWORD in, DWORD timeout, const SECURITY_ATTRIBUTES *attributes)
{
    struct win_made *const m = note(WIN_CreateNamedPipeW, name, attributes);

    m->access = access;
    m->mode = mode;
    m->instances = instances;
    m->out_size = out;
    m->in_size = in;
    m->timeout = timeout;
}

static void note_file(const wchar_t *name, DWORD access, DWORD share,
                      const SECURITY_ATTRIBUTES *attributes, DWORD disposition, DWORD flags)
{
    struct win_made *const m = note(WIN_CreateFileW, name, attributes);

    m->access = access;
    m->share = share;
    m->disposition = disposition;
    m->mode = flags;
}

static void note_mapping(const SECURITY_ATTRIBUTES *attributes, DWORD protection, DWORD high,
                         DWORD low, const wchar_t *name)
{
    struct win_made *const m = note(WIN_CreateFileMappingW, name, attributes);

    m->access = protection;
    m->size = ((uint64_t)high << 32) | low;
}

static void note_event(const SECURITY_ATTRIBUTES *attributes, BOOL manual, BOOL initial,
                       const wchar_t *name)
{
    struct win_made *const m = note(WIN_CreateEventW, name, attributes);

    m->manual = manual;
    m->initial = initial;
}

WRAP(K, HANDLE, CreateNamedPipeW,
     (const wchar_t *name, DWORD access, DWORD mode, DWORD instances, DWORD out, DWORD in,
      DWORD timeout, SECURITY_ATTRIBUTES *attributes),
     (name, access, mode, instances, out, in, timeout, attributes), INVALID_HANDLE_VALUE,
     note_pipe(name, access, mode, instances, out, in, timeout, attributes));
WRAP(K, BOOL, ConnectNamedPipe, (HANDLE pipe, OVERLAPPED *overlapped), (pipe, overlapped), FALSE,
     NOTHING);
WRAP(K, BOOL, DisconnectNamedPipe, (HANDLE pipe), (pipe), FALSE, NOTHING);
WRAP(K, BOOL, WaitNamedPipeW, (const wchar_t *name, DWORD ms), (name, ms), FALSE, NOTHING);
WRAP(K, HANDLE, CreateFileW,
     (const wchar_t *name, DWORD access, DWORD share, SECURITY_ATTRIBUTES *attributes,
      DWORD disposition, DWORD flags, HANDLE model),
     (name, access, share, attributes, disposition, flags, model), INVALID_HANDLE_VALUE,
     note_file(name, access, share, attributes, disposition, flags));
WRAP(K, BOOL, SetNamedPipeHandleState, (HANDLE pipe, DWORD *mode, DWORD *count, DWORD *ms),
     (pipe, mode, count, ms), FALSE, NOTHING);
WRAP(K, BOOL, ReadFile, (HANDLE file, void *bytes, DWORD len, DWORD *moved, OVERLAPPED *overlapped),
     (file, bytes, len, moved, overlapped), FALSE, NOTHING);
WRAP(K, BOOL, WriteFile,
     (HANDLE file, const void *bytes, DWORD len, DWORD *moved, OVERLAPPED *overlapped),
     (file, bytes, len, moved, overlapped), FALSE, NOTHING);
WRAP(K, HANDLE, CreateEventW,
     (SECURITY_ATTRIBUTES * attributes, BOOL manual, BOOL initial, const wchar_t *name),
     (attributes, manual, initial, name), NULL, note_event(attributes, manual, initial, name));
WRAP("advapi32.dll", BOOL, OpenProcessToken, (HANDLE process, DWORD access, HANDLE *token),
     (process, access, token), FALSE, NOTHING);
WRAP("advapi32.dll", BOOL, GetTokenInformation,
     (HANDLE token, TOKEN_INFORMATION_CLASS what, void *bytes, DWORD len, DWORD *needed),
     (token, what, bytes, len, needed), FALSE, NOTHING);
WRAP("advapi32.dll", BOOL, ConvertStringSecurityDescriptorToSecurityDescriptorA,
     (const char *text, DWORD revision, PSECURITY_DESCRIPTOR *descriptor, ULONG *size),
     (text, revision, descriptor, size), FALSE, NOTHING);
WRAP(K, BOOL, TrySubmitThreadpoolCallback,
     (PTP_SIMPLE_CALLBACK callback, void *arg, PTP_CALLBACK_ENVIRON environment),
     (callback, arg, environment), FALSE, NOTHING);
WRAP(K, BOOL, GetNamedPipeClientProcessId, (HANDLE pipe, ULONG *pid), (pipe, pid), FALSE, NOTHING);
WRAP(K, BOOL, PeekNamedPipe,
     (HANDLE pipe, void *bytes, DWORD len, DWORD *got, DWORD *there, DWORD *left),
     (pipe, bytes, len, got, there, left), FALSE, NOTHING);
WRAP(K, HANDLE, CreateFileMappingW,
     (HANDLE file, SECURITY_ATTRIBUTES *attributes, DWORD protection, DWORD high, DWORD low,
      const wchar_t *name),
     (file, attributes, protection, high, low, name), NULL,
     note_mapping(attributes, protection, high, low, name));
WRAP(K, void *, MapViewOfFile, (HANDLE mapping, DWORD access, DWORD high, DWORD low, SIZE_T len),
     (mapping, access, high, low, len), NULL, NOTHING);
WRAP(K, HANDLE, OpenFileMappingW, (DWORD access, BOOL inherit, const wchar_t *name),
     (access, inherit, name), NULL, NOTHING);
WRAP(K, HANDLE, OpenEventW, (DWORD access, BOOL inherit, const wchar_t *name),
     (access, inherit, name), NULL, NOTHING);
WRAP(K, SIZE_T, VirtualQuery,
     (const void *address, MEMORY_BASIC_INFORMATION *information, SIZE_T len),
     (address, information, len), 0, NOTHING);
