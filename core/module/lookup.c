/* SPDX-License-Identifier: Apache-2.0
 *
 * Modules by request: codecs by name or code, loading and judging for tools.
 *
 * Any thread. What is loaded is found without a lock; what is not is loaded by one thread at a
 * time, unless loading is frozen.
 */
#include "registry.h"

#include "../base/platform.h"

#include "name.h"

#include <stdio.h>
#include <string.h>

/* What else could be loaded is no answer when loading is frozen. */
static pipc_result fail_with_list(struct pipc_context *context, uint32_t kind, const char *name,
                                  const struct pipc_error *cause, struct pipc_error *err)
{
    if (!__atomic_load_n(&context->frozen, __ATOMIC_ACQUIRE))
        return pipci_unavailable(context, kind, name, NULL, cause, err);
    pipci_error_copy(err, cause);
    return cause->result;
}

static pipc_result get_codec(struct pipc_context *context, const char *name,
                             struct pipci_instance **ret_instance, struct pipc_error *err)
{
    struct pipci_instance *const found = pipci_instance_find(context, name);
    struct pipc_error cause = PIPC_ERROR_INIT;

    if (found && found->module->kind == PIPC_MODULE_CODEC) {
        *ret_instance = found;
        return PIPC_OK;
    }
    if (pipci_instance_load(context, PIPC_MODULE_CODEC, name, false, ret_instance, &cause) ==
        PIPC_OK)
        return PIPC_OK;
    return fail_with_list(context, PIPC_MODULE_CODEC, name, &cause, err);
}

pipc_result pipci_context_codec(struct pipc_context *context, const char *name,
                                const struct pipci_codec **ret_codec, struct pipc_error *err)
{
    struct pipci_instance *instance = NULL;
    const pipc_result result = get_codec(context, name, &instance, err);

    if (result == PIPC_OK)
        *ret_codec = &instance->codec;
    return result;
}

pipc_result pipc_codec_find(struct pipc_context *context, const char *name, uint32_t code,
                            const struct pipc_codec_ops **ret_ops, const char **ret_name,
                            struct pipc_error *err)
{
    struct pipci_instance *instance = NULL;

    if (!context || !ret_ops)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_codec_find: %s is NULL",
                          context ? "ret_ops" : "context");
    if (name) {
        const pipc_result result = get_codec(context, name, &instance, err);
        if (result != PIPC_OK)
            return result;
    } else {
        instance = pipci_instance_by_code(context, code);
    }
    if (!instance)
        return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, 0,
                          "method code %u: no codec that is loaded has it", code);
    *ret_ops = &instance->codec.ops;
    if (ret_name)
        *ret_name = instance->codec.name;
    return PIPC_OK;
}

const void *pipc_codec_table(struct pipc_context *context, const char *name, uint32_t major)
{
    struct pipci_instance *instance = NULL;

    if (!context || !name || get_codec(context, name, &instance, NULL) != PIPC_OK ||
        instance->codec.ops.table_major != major)
        return NULL;
    return instance->codec.ops.table;
}

pipc_result pipc_module_load(struct pipc_context *context, uint32_t kind, const char *name,
                             struct pipc_error *err)
{
    struct pipci_instance *instance = NULL;
    struct pipc_error cause = PIPC_ERROR_INIT;

    if (!context || !name || kind > PIPC_MODULE_CODEC)
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0,
                          "pipc_module_load: expected a context, a kind and a name");
    const pipc_result result = pipci_instance_load(context, kind, name, false, &instance, &cause);
    if (result == PIPC_ERR_MODULE_NOT_FOUND || result == PIPC_ERR_NO_LOADER)
        return fail_with_list(context, kind, name, &cause, err);
    if (result != PIPC_OK) /* of a module that is there its own fault is told, as in its record */
        pipci_error_copy(err, &cause);
    return result;
}

/* ---- judging a file without starting it ---- */

/* The texts of a record, in the caller's memory. */
struct texts {
    char *at;
    size_t left;
};

static const char *keep_text(struct texts *texts, const char *text, size_t len)
{
    if (texts->left == 0)
        return "";
    if (len >= texts->left)
        len = texts->left - 1;
    char *const copy = texts->at;
    memcpy(copy, text, len);
    copy[len] = '\0';
    texts->at += len + 1;
    texts->left -= len + 1;
    return copy;
}

/* "/a/b/NAME.so.1" gives NAME. */
static const char *name_of_file(struct texts *texts, const char *file)
{
    const char *const from = pipci_path_base(file);

    return keep_text(texts, from, strcspn(from, "."));
}

static pipc_result judge_file(const char *file, const char *name, struct pipc_module_info *info,
                              struct pipc_error *err)
{
    struct pipci_library library = {0};
    uint32_t stage = PIPCI_STAGE_FIND;
    char shown[PIPCI_SHOWN];

    info->stage = "find";
    if (!pipci_module_name_ok(name, strlen(name)))
        return pipci_fail(err, PIPC_ERR_MODULE_NOT_FOUND, 0,
                          "module name \"%s\": expected [a-z][a-z0-9_]{0,31}",
                          pipci_show(shown, sizeof(shown), name, strlen(name)));
    pipc_result result = pipci_loader_open(file, name, &library, &stage, err);
    info->stage = pipci_stage_name(stage);
    if (result != PIPC_OK)
        return result;
    info->stage = pipci_stage_name(PIPCI_STAGE_ABI);
    result = pipci_module_judge(library.module, library.readable, 0, name, file, err);
    if (result != PIPC_OK) {
        pipci_loader_close(&library);
        return result;
    }
    result = pipci_loader_keep(&library, file, err);
    if (result == PIPC_OK) {
        info->module = library.module;
        info->kind = library.module->kind;
        if (info->kind == PIPC_MODULE_TRANSPORT)
            info->profile_bits =
                ((const struct pipc_transport_ops *)library.module->ops)->profile_bits;
    }
    return result;
}

pipc_result pipc_module_check(struct pipc_context *context, const char *file, const char *name,
                              struct pipc_module_info *ret_info, char *text, size_t text_len,
                              struct pipc_error *err)
{
    struct pipc_error cause = PIPC_ERROR_INIT;
    struct pipc_module_info info = {0};
    struct texts texts = {text, text_len};

    if (!context || !file || !ret_info || (!text && text_len > 0))
        return pipci_fail(err, PIPC_ERR_BAD_PARAM, 0, "pipc_module_check: an argument is NULL");
    info.size = (uint32_t)sizeof(info);
    const uint64_t began = pipci_clock_ns();
    info.name = name ? keep_text(&texts, name, strlen(name)) : name_of_file(&texts, file);
    pipci_turn_take(context);
    if (__atomic_load_n(&context->frozen, __ATOMIC_ACQUIRE)) {
        info.stage = "find";
        info.result =
            pipci_fail(&cause, PIPC_ERR_MODULE_NOT_FOUND, 0, "%s: loading is frozen", info.name);
    } else {
        info.result = judge_file(file, info.name, &info, &cause);
    }
    pipci_turn_give(context);
    info.elapsed_ns = pipci_clock_ns() - began;
    info.os_code = cause.os_code;
    info.reason = info.result == PIPC_OK ? "" : keep_text(&texts, cause.text, strlen(cause.text));
    info.file = keep_text(&texts, file, strlen(file));
    pipci_out_copy(ret_info, &info, sizeof(info));
    if (info.result != PIPC_OK)
        pipci_error_copy(err, &cause);
    return info.result;
}
