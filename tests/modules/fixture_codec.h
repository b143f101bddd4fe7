/* SPDX-License-Identifier: Apache-2.0
 *
 * A codec module in a file, good unless the file that includes this defines one of the FIXTURE_
 * macros otherwise.
 */
#include "fixture.h"

#include <pipc/export.h>

#define FIXTURE_JOIN_(a, b) a##b
#define FIXTURE_JOIN(a, b)  FIXTURE_JOIN_(a, b)
#define FIXTURE_TEXT_(a)    #a
#define FIXTURE_TEXT(a)     FIXTURE_TEXT_(a)

#ifndef FIXTURE_MAGIC
#define FIXTURE_MAGIC PIPC_MODULE_MAGIC
#endif
#ifndef FIXTURE_KIND
#define FIXTURE_KIND PIPC_MODULE_CODEC
#endif
#ifndef FIXTURE_MAJOR
#define FIXTURE_MAJOR PIPC_CODEC_ABI_MAJOR
#endif
#ifndef FIXTURE_MINOR
#define FIXTURE_MINOR PIPC_CODEC_ABI_MINOR
#endif
#ifndef FIXTURE_HOST_MINOR
#define FIXTURE_HOST_MINOR 0
#endif
#ifndef FIXTURE_SIZE
#define FIXTURE_SIZE sizeof(struct pipc_module)
#endif
#ifndef FIXTURE_DESCRIPTOR_NAME
#define FIXTURE_DESCRIPTOR_NAME FIXTURE_TEXT(FIXTURE_NAME)
#endif
#ifndef FIXTURE_CODE
#define FIXTURE_CODE 700
#endif
#ifndef FIXTURE_TRAITS
#define FIXTURE_TRAITS PIPC_CODEC_BATCH
#endif
#ifndef FIXTURE_MORE
#define FIXTURE_MORE .size = sizeof(struct pipc_codec_ops)
#endif
#ifndef FIXTURE_INIT
#define FIXTURE_INIT NULL
#define FIXTURE_FINI NULL
#endif
#ifndef FIXTURE_OPTIONS
#define FIXTURE_OPTIONS        NULL
#define FIXTURE_OPTIONS_LENGTH 0
#endif

static const struct {
    uint32_t size;
    uint32_t answer;
} fixture_table = {sizeof(fixture_table), 42};

static const struct pipc_call_ops fixture_call = {.size = sizeof(fixture_call),
                                                  FIXTURE_CALL_ENTRIES};

static const struct pipc_codec_ops fixture_ops = {
    .code = FIXTURE_CODE,
    .traits = FIXTURE_TRAITS,
    .table_major = 1,
    .table = &fixture_table,
    .call = &fixture_call,
    FIXTURE_CODEC_ENTRIES,
    FIXTURE_MORE,
};

PIPC_MODULE_EXPORT extern const struct pipc_module FIXTURE_JOIN(pipc_module_, FIXTURE_NAME);
const struct pipc_module FIXTURE_JOIN(pipc_module_, FIXTURE_NAME) = {
    .magic = FIXTURE_MAGIC,
    .kind = FIXTURE_KIND,
    .abi_major = FIXTURE_MAJOR,
    .abi_minor = FIXTURE_MINOR,
    .host_minor = FIXTURE_HOST_MINOR,
    .size = FIXTURE_SIZE,
    .option_count = FIXTURE_OPTIONS_LENGTH,
    .name = FIXTURE_DESCRIPTOR_NAME,
    .version = "1.2.3",
    .vendor = "tests",
    .summary = "A codec of the tests.",
    .options = FIXTURE_OPTIONS,
    .ops = &fixture_ops,
    .init = FIXTURE_INIT,
    .fini = FIXTURE_FINI,
};
