/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may open a pipe: the user of this process, LocalSystem and the Administrators (3.2).
 *
 * Made from its text, so that what is asked for can be read. There is no fallback: without it
 * nothing listens. The listening thread.
 */
#include "np.h"

#include <sddl.h>
#include <stdio.h>

/* The longest SID has 15 parts of ten digits each. */
#define SID_TEXT_MAX 200u

/* The SID of this process's user as text. 0, or the system's error. */
static DWORD user_text(char *text, size_t cap)
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

DWORD np_security_make(SECURITY_DESCRIPTOR **ret_security)
{
    char user[SID_TEXT_MAX], text[SID_TEXT_MAX + 64];
    PSECURITY_DESCRIPTOR made = NULL;
    const DWORD code = user_text(user, sizeof(user));

    if (code != 0)
        return code;
    (void)snprintf(text, sizeof(text), "D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)", user);
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &made, NULL))
        return GetLastError();
    *ret_security = made;
    return 0;
}
