/* SPDX-License-Identifier: Apache-2.0
 *
 * What the transports of Windows share: who may open what they make, namely the user of this
 * process, LocalSystem and the Administrators (docs/level1-windows-np.md 3.2,
 * docs/level1-windows-shm.md 4).
 *
 * Made from its text, so that what is asked for can be read. There is no fallback: without it
 * nothing listens and no session has shared memory. Any thread.
 */
#ifndef PIPC_TRANSPORTS_COMMON_WINDOWS_SECURITY_H
#define PIPC_TRANSPORTS_COMMON_WINDOWS_SECURITY_H

#include <sddl.h>
#include <stdio.h>
#include <windows.h>

/* The longest SID has 15 parts of ten digits each. */
#define SID_TEXT_MAX 200u

/* The SID of this process's user as text. 0, or the system's error. */
static inline DWORD security_user_text(char *text, size_t cap)
{
    union {
        TOKEN_USER user;
        char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } u;
    HANDLE token = NULL;
    char *made = NULL;
    DWORD len = 0, code = 0;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return GetLastError();
    if (!GetTokenInformation(token, TokenUser, &u, (DWORD)sizeof(u), &len) ||
        !ConvertSidToStringSidA(u.user.User.Sid, &made))
        code = GetLastError();
    (void)CloseHandle(token);
    if (code != 0)
        return code;
    (void)snprintf(text, cap, "%s", made);
    (void)LocalFree(made);
    return 0;
}

/* The descriptor is the caller's, for LocalFree. 0, or the system's error. */
static inline DWORD security_make(SECURITY_DESCRIPTOR **ret_security)
{
    char user[SID_TEXT_MAX], text[SID_TEXT_MAX + 64];
    PSECURITY_DESCRIPTOR made = NULL;
    const DWORD code = security_user_text(user, sizeof(user));

    if (code != 0)
        return code;
    (void)snprintf(text, sizeof(text), "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", user);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &made, NULL))
        return GetLastError();
    *ret_security = made;
    return 0;
}

#endif
