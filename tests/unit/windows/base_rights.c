/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may change a file, by the entries of its list of rights. Wine keeps no lists but what mode
 * bits can say, so the list comes from the test.
 */
#include "core/base/windows/win32.h"
#include "test.h"

#include <aclapi.h>

static struct {
    union {
        ACL list;
        unsigned char room[512];
    } rights;
    unsigned char owner[SECURITY_MAX_SID_SIZE];
} given;

/* ---- what the library asks for ---- */

static DWORD WINAPI fake_GetSecurityInfo(HANDLE file, SE_OBJECT_TYPE type,
                                         SECURITY_INFORMATION what, PSID *owner, PSID *group,
                                         PACL *list, PACL *audit, PSECURITY_DESCRIPTOR *descriptor)
{
    (void)file;
    CHECK_EQ(type, SE_FILE_OBJECT);
    CHECK_EQ(what, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION);
    CHECK(!group && !audit);
    *owner = given.owner;
    *list = &given.rights.list;
    *descriptor = LocalAlloc(LMEM_FIXED, 1);
    return ERROR_SUCCESS;
}
extern void *const __imp_GetSecurityInfo;
void *const __imp_GetSecurityInfo = (void *)fake_GetSecurityInfo;

/* ---- lists ---- */

static void sid_of(WELL_KNOWN_SID_TYPE who, unsigned char *sid)
{
    DWORD len = SECURITY_MAX_SID_SIZE;

    CHECK(CreateWellKnownSid(who, NULL, sid, &len));
}

/* One entry of any type; those of objects have a word of flags before the SID. */
static void entry(BYTE type, BYTE flags, WELL_KNOWN_SID_TYPE who, DWORD mask, bool object)
{
    union {
        ACE_HEADER header;
        unsigned char bytes[16 + SECURITY_MAX_SID_SIZE];
    } ace = {.header = {.AceType = type, .AceFlags = flags}};
    unsigned char sid[SECURITY_MAX_SID_SIZE];
    const size_t at = sizeof(ACE_HEADER) + sizeof(DWORD) + (object ? sizeof(DWORD) : 0);

    sid_of(who, sid);
    memcpy(ace.bytes + sizeof(ACE_HEADER), &mask, sizeof(mask));
    memcpy(ace.bytes + at, sid, GetLengthSid(sid));
    ace.header.AceSize = (WORD)(at + GetLengthSid(sid));
    CHECK(AddAce(&given.rights.list, ACL_REVISION_DS, MAXDWORD, &ace, ace.header.AceSize));
}

/* The system may do everything; what others may do comes with one more entry. */
static uint32_t found_with(BYTE type, BYTE flags, WELL_KNOWN_SID_TYPE who, DWORD mask, bool object)
{
    uint32_t found = UINT32_MAX;

    CHECK(InitializeAcl(&given.rights.list, sizeof(given.rights), ACL_REVISION_DS));
    sid_of(WinLocalSystemSid, given.owner);
    entry(ACCESS_ALLOWED_ACE_TYPE, 0, WinLocalSystemSid, GENERIC_ALL, false);
    entry(type, flags, who, mask, object);
    CHECK_EQ(pipci_win_examine(NULL, &found), ERROR_SUCCESS);
    return found;
}

TEST(base_rights, an_entry_of_any_type_that_lets_others_write_or_read_counts)
{
    static const struct {
        BYTE type;
        bool object;
    } rows[] = {{ACCESS_ALLOWED_ACE_TYPE, false},
                {ACCESS_ALLOWED_CALLBACK_ACE_TYPE, false},
                {ACCESS_ALLOWED_OBJECT_ACE_TYPE, true},
                {ACCESS_ALLOWED_CALLBACK_OBJECT_ACE_TYPE, true},
                {ACCESS_ALLOWED_COMPOUND_ACE_TYPE, true}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        CHECK_EQ(found_with(rows[i].type, 0, WinWorldSid, FILE_APPEND_DATA, rows[i].object),
                 PIPCI_WIN_OTHERS_WRITE);
        CHECK_EQ(found_with(rows[i].type, 0, WinWorldSid, FILE_READ_DATA, rows[i].object),
                 PIPCI_WIN_OTHERS_READ);
        CHECK_EQ(found_with(rows[i].type, 0, WinWorldSid, GENERIC_ALL, rows[i].object),
                 PIPCI_WIN_OTHERS_WRITE | PIPCI_WIN_OTHERS_READ);
        CHECK_EQ(found_with(rows[i].type, 0, WinWorldSid, SYNCHRONIZE, rows[i].object), 0);
        CHECK_EQ(
            found_with(rows[i].type, INHERIT_ONLY_ACE, WinWorldSid, GENERIC_ALL, rows[i].object),
            0);
    }
}

TEST(base_rights, entries_that_deny_and_those_of_the_trusted_give_others_nothing)
{
    CHECK_EQ(found_with(ACCESS_DENIED_ACE_TYPE, 0, WinWorldSid, GENERIC_ALL, false), 0);
    CHECK_EQ(found_with(ACCESS_DENIED_CALLBACK_ACE_TYPE, 0, WinWorldSid, GENERIC_ALL, false), 0);
    CHECK_EQ(found_with(ACCESS_DENIED_OBJECT_ACE_TYPE, 0, WinWorldSid, GENERIC_ALL, true), 0);
    CHECK_EQ(found_with(ACCESS_DENIED_CALLBACK_OBJECT_ACE_TYPE, 0, WinWorldSid, GENERIC_ALL, true),
             0);
    CHECK_EQ(
        found_with(ACCESS_ALLOWED_ACE_TYPE, 0, WinBuiltinAdministratorsSid, GENERIC_ALL, false), 0);
    CHECK_EQ(found_with(ACCESS_ALLOWED_CALLBACK_ACE_TYPE, 0, WinBuiltinAdministratorsSid,
                        GENERIC_ALL, false),
             0);
}

TEST(base_rights, without_a_trusted_owner_the_file_is_foreign)
{
    CHECK_EQ(found_with(ACCESS_ALLOWED_ACE_TYPE, 0, WinLocalSystemSid, GENERIC_ALL, false), 0);
    uint32_t found = 0;
    sid_of(WinWorldSid, given.owner);
    CHECK_EQ(pipci_win_examine(NULL, &found), ERROR_SUCCESS);
    CHECK_EQ(found, PIPCI_WIN_OWNER_FOREIGN);
}
