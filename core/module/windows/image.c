/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the file of a module a whole library for this machine, so that the reason can be told when it
 * is not: the system's loader has one code for all of them.
 *
 * Reads headers only; nothing of the file is mapped. Any thread.
 */
#include "image.h"

#include "../name.h"

#include <string.h>

#if defined(__x86_64__)
#define OWN_MACHINE IMAGE_FILE_MACHINE_AMD64
#elif defined(__aarch64__)
#define OWN_MACHINE 0xaa64u
#else
#define OWN_MACHINE IMAGE_FILE_MACHINE_I386
#endif

struct object {
    const struct pipci_image *image;
    const char *file;
    uint64_t size;
    struct pipc_error *err;
};

static pipc_result refuse(const struct object *o, const char *what)
{
    char shown[PIPCI_SHOWN];

    return pipci_fail(o->err, PIPC_ERR_MODULE_OPEN, 0, "%s: %s",
                      pipci_show_tail(shown, sizeof(shown), o->file, strlen(o->file)), what);
}

static bool read_at(const struct object *o, uint64_t offset, void *buf, DWORD len)
{
    OVERLAPPED at = {0};
    DWORD n = 0;

    if (offset > o->size || len > o->size - offset)
        return false;
    at.Offset = (DWORD)offset;
    at.OffsetHigh = (DWORD)(offset >> 32);
    return ReadFile(o->image->file, buf, len, &n, &at) && n == len;
}

static pipc_result check_sections(const struct object *o, uint64_t offset, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        IMAGE_SECTION_HEADER section;
        if (!read_at(o, offset + i * sizeof(section), &section, sizeof(section)))
            return refuse(o, "is cut off: its tables of headers are not whole");
        if ((uint64_t)section.PointerToRawData + section.SizeOfRawData > o->size)
            return refuse(o, "is cut off: a section ends behind the end of the file");
    }
    return PIPC_OK;
}

pipc_result pipci_image_check(const struct pipci_image *image, const char *file,
                              struct pipc_error *err)
{
    struct object o = {image, file, 0, err};
    IMAGE_DOS_HEADER dos;
    DWORD signature;
    IMAGE_FILE_HEADER header;
    LARGE_INTEGER size;

    if (GetFileSizeEx(image->file, &size))
        o.size = (uint64_t)size.QuadPart;
    if (!read_at(&o, 0, &dos, sizeof(dos)) || dos.e_magic != IMAGE_DOS_SIGNATURE)
        return refuse(&o, "is no library of Windows");
    const uint64_t at = (uint32_t)dos.e_lfanew;
    if (!read_at(&o, at, &signature, sizeof(signature)) || signature != IMAGE_NT_SIGNATURE ||
        !read_at(&o, at + sizeof(signature), &header, sizeof(header)))
        return refuse(&o, "is no library of Windows, or is cut off");
    if (header.Machine != OWN_MACHINE)
        return refuse(&o, "is an image for another machine");
    if (!(header.Characteristics & IMAGE_FILE_DLL))
        return refuse(&o, "is a program and no library");
    return check_sections(&o, at + sizeof(signature) + sizeof(header) + header.SizeOfOptionalHeader,
                          header.NumberOfSections);
}
