/* SPDX-License-Identifier: Apache-2.0
 *
 * Judging the descriptor of a module, before anything of it runs (docs/module-abi.md 2, 3, 4).
 *
 * Every refusal names the module and both sides of what does not fit. Pure: reads the descriptor
 * and what it points to. Any thread.
 */
#include "descriptor.h"

#include "name.h"

#include <string.h>

/* Bytes of the head that are frozen for ever, `size` included. */
#define HEAD_LEN   (offsetof(struct pipc_module, size) + sizeof(uint32_t))
#define MODULE_MIN (offsetof(struct pipc_module, fini) + sizeof(void (*)(void *)))

const char *pipci_kind_name(uint32_t kind)
{
    if (kind == PIPC_MODULE_TRANSPORT)
        return "transport";
    return kind == PIPC_MODULE_CODEC ? "codec" : "module";
}

static bool name_ok(const char *name)
{
    return name && pipci_module_name_ok(name, strnlen(name, PIPCI_NAME_MAX + 1));
}

bool pipci_module_head_ok(const struct pipc_module *module)
{
    return module && module->magic == PIPC_MODULE_MAGIC &&
           module->size >= offsetof(struct pipc_module, version) && name_ok(module->name);
}

static pipc_result judge_head(const struct pipc_module *m, size_t readable, const char *subject,
                              struct pipc_error *err)
{
    if (readable < HEAD_LEN || m->magic != PIPC_MODULE_MAGIC)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: magic is 0x%08x, expected 0x%08x",
                          subject, readable < HEAD_LEN ? 0u : m->magic, PIPC_MODULE_MAGIC);
    if (m->kind != PIPC_MODULE_TRANSPORT && m->kind != PIPC_MODULE_CODEC)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: kind is %u, expected 1 (transport) or 2 (codec)", subject, m->kind);
    const uint32_t major =
        m->kind == PIPC_MODULE_TRANSPORT ? PIPC_TRANSPORT_ABI_MAJOR : PIPC_CODEC_ABI_MAJOR;
    const uint32_t minor =
        m->kind == PIPC_MODULE_TRANSPORT ? PIPC_TRANSPORT_ABI_MINOR : PIPC_CODEC_ABI_MINOR;
    if (m->abi_major != major)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: built for %s ABI %u.%u, this library has %u.%u", subject,
                          pipci_kind_name(m->kind), m->abi_major, m->abi_minor, major, minor);
    if (m->host_minor > PIPC_HOST_MINOR)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: needs host minor %u, this library has %u", subject, m->host_minor,
                          PIPC_HOST_MINOR);
    if (m->size < MODULE_MIN || m->size > readable)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: size of the descriptor is %u, expected %zu to %zu", subject, m->size,
                          MODULE_MIN, readable);
    return PIPC_OK;
}

static pipc_result judge_names(const struct pipc_module *m, uint32_t kind, const char *name,
                               const char *subject, struct pipc_error *err)
{
    char shown[PIPCI_SHOWN];

    if (!name_ok(m->name) || (name && strcmp(m->name, name) != 0))
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                          "%s: the descriptor's name is \"%s\", expected \"%s\"", subject,
                          m->name ? pipci_show(shown, sizeof(shown), m->name,
                                               strnlen(m->name, PIPCI_NAME_MAX + 1))
                                  : "(none)",
                          name ? name : "[a-z][a-z0-9_]{0,31}");
    if (kind && m->kind != kind)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: is a %s, expected a %s", subject,
                          pipci_kind_name(m->kind), pipci_kind_name(kind));
    if (!m->version || !m->vendor || !m->summary)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: has no %s", subject,
                          !m->version  ? "version"
                          : !m->vendor ? "vendor"
                                       : "summary");
    if (!m->ops)
        return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0, "%s: has no table of entries", subject);
    return PIPC_OK;
}

pipc_result pipci_module_judge(const struct pipc_module *module, size_t readable, uint32_t kind,
                               const char *name, const char *file, struct pipc_error *err)
{
    char subject[PIPCI_SHOWN];
    const char *const what = file ? file : name ? name : "module";

    pipci_show_tail(subject, sizeof(subject), what, strlen(what));
    pipc_result result = judge_head(module, readable, subject, err);
    if (result == PIPC_OK)
        result = judge_names(module, kind, name, subject, err);
    if (result == PIPC_OK)
        result = pipci_options_judge(module, subject, err);
    if (result != PIPC_OK)
        return result;
    if (module->kind == PIPC_MODULE_CODEC)
        return pipci_codec_judge(module->ops, subject, err);
    result = pipci_transport_judge(module->ops, subject, err);
    if (result != PIPC_OK)
        return result;
    const struct pipc_transport_ops *const ops = module->ops;
    if (!(ops->traits & PIPC_TRAIT_WRAPPER))
        return PIPC_OK;
    for (uint32_t i = 0; i < module->option_count; i++) {
        if (strcmp(module->options[i].key, "wraps") == 0 &&
            module->options[i].type == PIPC_OPTION_TEXT)
            return PIPC_OK;
    }
    return pipci_fail(err, PIPC_ERR_MODULE_ABI, 0,
                      "%s: claims to be a wrapper and declares no option \"wraps\" of type text",
                      subject);
}
