/* SPDX-License-Identifier: Apache-2.0
 *
 * Lists of rights of files and directories, given as SDDL. Wine turns them into the mode bits of
 * the file, of which Everyone's are those of others.
 */
#include "rights.h"
#include "test.h"

#include <windows.h>

#include <sddl.h>

void test_set_rights(const char *path, const char *sddl)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;

    CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, &descriptor,
                                                               NULL));
    /* Sets the list as it is; SetNamedSecurityInfo may add what the folder hands down. */
    CHECK(SetFileSecurityA(path, DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                           descriptor));
    LocalFree(descriptor);
}

static void own_sid(char *buf, size_t cap)
{
    union {
        TOKEN_USER user;
        unsigned char room[256];
    } token;
    HANDLE handle;
    DWORD len;
    char *text = NULL;

    CHECK(OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &handle));
    CHECK(GetTokenInformation(handle, TokenUser, &token, sizeof(token), &len));
    CHECK(ConvertSidToStringSidA(token.user.User.Sid, &text));
    snprintf(buf, cap, "%s", text);
    LocalFree(text);
    CloseHandle(handle);
}

void test_give_everyone(const char *path, const char *rights)
{
    char sid[128], sddl[512], everyone[64] = "";

    own_sid(sid, sizeof(sid));
    if (rights)
        snprintf(everyone, sizeof(everyone), "(A;;%s;;;WD)", rights);
    snprintf(sddl, sizeof(sddl), "D:P(A;;FA;;;SY)(A;;FA;;;%s)%s", sid, everyone);
    test_set_rights(path, sddl);
}
