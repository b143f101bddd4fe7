/* SPDX-License-Identifier: Apache-2.0
 *
 * Is the file of a module a whole object for this machine: dlopen of a cut one ends the process
 * with SIGBUS.
 *
 * Reads headers only, at most 64 program headers at a time; nothing of the file is mapped. Any
 * thread.
 */
#include "trust.h"

#include "../../base/platform.h"
#include "../name.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#elif defined(__s390x__)
#define OWN_MACHINE EM_S390
#else
#define OWN_MACHINE EM_NONE /* not compared */
#endif

#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define OWN_DATA  (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct object {
    const char *file;
    int fd;
    uint64_t size;
    struct pipc_error *err;
};

static pipc_result refuse(const struct object *o, int code, const char *what)
{
    char shown[PIPCI_SHOWN], text[64];

    return pipci_fail(o->err, PIPC_ERR_MODULE_OPEN, code, "%s: %s%s%s",
                      pipci_show_tail(shown, sizeof(shown), o->file, strlen(o->file)), what,
                      code ? ": " : "", code ? pipci_os_text(code, text, sizeof(text)) : "");
}

/* Reads what lies inside the size. 0, or what failed; a file that has become shorter is EIO. */
static int read_at(const struct object *o, uint64_t offset, void *buf, size_t len)
{
    ssize_t n;

    do {
        n = pread(o->fd, buf, len, (off_t)offset);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno;
    return n == (ssize_t)len ? 0 : EIO;
}

static bool inside(const struct object *o, uint64_t offset, uint64_t len)
{
    return offset <= o->size && len <= o->size - offset;
}

static pipc_result check_header(const struct object *o, const ElfW(Ehdr) * h)
{
    if (memcmp(h->e_ident, ELFMAG, SELFMAG) != 0)
        return refuse(o, 0, "is no ELF object");
    if (h->e_ident[EI_CLASS] != OWN_CLASS || h->e_ident[EI_DATA] != OWN_DATA ||
        (OWN_MACHINE != EM_NONE && h->e_machine != OWN_MACHINE))
        return refuse(o, 0, "is an object for another machine");
    if (h->e_type != ET_DYN || h->e_phentsize != sizeof(ElfW(Phdr)) || h->e_phnum == 0)
        return refuse(o, 0, "is no shared object");
    if (!inside(o, h->e_phoff, (uint64_t)h->e_phnum * h->e_phentsize) ||
        (h->e_shoff != 0 && !inside(o, h->e_shoff, (uint64_t)h->e_shnum * h->e_shentsize)))
        return refuse(o, 0, "is cut off: its tables of headers are not whole");
    return PIPC_OK;
}

static pipc_result check_segments(const struct object *o, const ElfW(Ehdr) * h)
{
    bool dynamic = false;

    for (uint32_t i = 0; i < h->e_phnum; i++) {
        ElfW(Phdr) p;
        const int code = read_at(o, h->e_phoff + (uint64_t)i * sizeof(p), &p, sizeof(p));
        if (code != 0)
            return refuse(o, code, "cannot be read");
        if (p.p_type != PT_LOAD && p.p_type != PT_DYNAMIC)
            continue;
        dynamic = dynamic || p.p_type == PT_DYNAMIC;
        if (!inside(o, p.p_offset, p.p_filesz) || p.p_filesz > p.p_memsz)
            return refuse(o, 0, "is cut off: a segment ends behind the end of the file");
    }
    return dynamic ? PIPC_OK : refuse(o, 0, "is no shared object");
}

pipc_result pipci_trust_object(const char *file, int fd, struct pipc_error *err)
{
    struct object o = {file, fd, 0, err};
    struct stat st;
    ElfW(Ehdr) h;

    if (fstat(fd, &st) != 0)
        return refuse(&o, errno, "cannot be looked at");
    o.size = (uint64_t)st.st_size;
    if (!inside(&o, 0, sizeof(h)))
        return refuse(&o, 0, "is too short for an ELF object");
    const int code = read_at(&o, 0, &h, sizeof(h));
    if (code != 0)
        return refuse(&o, code, "cannot be read");
    const pipc_result result = check_header(&o, &h);
    return result == PIPC_OK ? check_segments(&o, &h) : result;
}
