/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may have changed, or may read, a file or a directory: its owner and its list of rights.
 *
 * Judged through an open handle, so that a swap of the name changes nothing. Rights that are only
 * handed down, and entries that deny, give nobody anything and are passed over; every other entry
 * gives what its mask says, on whatever condition. Any thread.
 */
#include "win32.h"

#include <aclapi.h>
#include <string.h>

/* What lets somebody change a file, or what is in a directory, now or by changing its rights. */
#define WRITE_RIGHTS                                                                             \
    (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER | \
     GENERIC_WRITE | GENERIC_ALL)
#define READ_RIGHTS (FILE_READ_DATA | GENERIC_READ | GENERIC_ALL)

/* The user of this process, as its token has it. */
struct self {
    union {
        TOKEN_USER user;
        unsigned char room[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
    } token;
};

static DWORD find_self(struct self *self)
{
    DWORD code = ERROR_SUCCESS, len;
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return GetLastError(); /* LCOV_EXCL_LINE: the own token can be opened */
    if (!GetTokenInformation(token, TokenUser, &self->token, sizeof(self->token), &len))
        code = GetLastError(); /* LCOV_EXCL_LINE: the own token has a user */
    CloseHandle(token);
    return code;
}

/* NT SERVICE\TrustedInstaller, to whom the system's own directories belong. */
static bool is_installer(PSID sid)
{
    static const DWORD authorities[] = {
        SECURITY_SERVICE_ID_BASE_RID, 956008885, 3418522649, 1831038044, 1853292631, 2271478464};
    static const SID_IDENTIFIER_AUTHORITY nt = {SECURITY_NT_AUTHORITY};

    if (*GetSidSubAuthorityCount(sid) != PIPCI_COUNT(authorities) ||
        memcmp(GetSidIdentifierAuthority(sid), &nt, sizeof(nt)) != 0)
        return false;
    for (DWORD i = 0; i < PIPCI_COUNT(authorities); i++)
        if (*GetSidSubAuthority(sid, i) != authorities[i])
            return false;
    return true;
}

static bool is_trusted(const struct self *self, PSID sid)
{
    return EqualSid(sid, self->token.user.User.Sid) || IsWellKnownSid(sid, WinLocalSystemSid) ||
           IsWellKnownSid(sid, WinBuiltinAdministratorsSid) ||
           IsWellKnownSid(sid, WinCreatorOwnerRightsSid) || is_installer(sid);
}

static bool denies(const ACE_HEADER *header)
{
    return header->AceType == ACCESS_DENIED_ACE_TYPE ||
           header->AceType == ACCESS_DENIED_CALLBACK_ACE_TYPE ||
           header->AceType == ACCESS_DENIED_OBJECT_ACE_TYPE ||
           header->AceType == ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE;
}

/* Whether the SID follows the mask, as it does in no other type that gives rights. */
static bool is_plain(const ACE_HEADER *header)
{
    return header->AceType == ACCESS_ALLOWED_ACE_TYPE ||
           header->AceType == ACCESS_ALLOWED_CALLBACK_ACE_TYPE;
}

/* What one entry of the list lets somebody do who is not trusted; whom an entry of another type
 * means is not looked into. */
static uint32_t judge_entry(const struct self *self, const ACE_HEADER *header)
{
    const ACCESS_ALLOWED_ACE *const entry = (const ACCESS_ALLOWED_ACE *)(const void *)header;
    uint32_t found = 0;

    if (denies(header) || (header->AceFlags & INHERIT_ONLY_ACE))
        return 0;
    if (is_plain(header) && is_trusted(self, (PSID)(uintptr_t)&entry->SidStart))
        return 0;
    if (entry->Mask & WRITE_RIGHTS)
        found |= PIPCI_WIN_OTHERS_WRITE;
    if (entry->Mask & READ_RIGHTS)
        found |= PIPCI_WIN_OTHERS_READ;
    return found;
}

static uint32_t judge(const struct self *self, PSID owner, PACL list)
{
    uint32_t found = owner && is_trusted(self, owner) ? 0 : PIPCI_WIN_OWNER_FOREIGN;

    if (!list) /* without a list everybody may do everything */
        return found | PIPCI_WIN_OTHERS_WRITE | PIPCI_WIN_OTHERS_READ;
    for (DWORD i = 0; i < list->AceCount; i++) {
        void *entry = NULL;
        if (GetAce(list, i, &entry))
            found |= judge_entry(self, entry);
    }
    return found;
}

DWORD pipci_win_examine(HANDLE file, uint32_t *ret_found)
{
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    struct self self;
    DWORD code = find_self(&self);

    if (code == ERROR_SUCCESS)
        code = GetSecurityInfo(file, SE_FILE_OBJECT,
                               OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner, NULL,
                               &list, NULL, &descriptor);
    if (code != ERROR_SUCCESS)
        return code;
    *ret_found = judge(&self, owner, list);
    LocalFree(descriptor);
    return ERROR_SUCCESS;
}
