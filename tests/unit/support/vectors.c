/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden vectors: see the header.
 */
#include "vectors.h"

#include "json_fields.h"
#include "test.h"

#include <stdarg.h>

#define LINE_MAX_BYTES (1u << 20)

void vector_fail(const char *file, int line, const struct vector *v, const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    test_fail(file, line, "%s line %u, %s: %s", v->file, v->line, v->id, text);
}

unsigned char *vector_copy(const unsigned char *bytes, size_t len, unsigned shift, void **ret_block)
{
    /* One byte is asked for at least; no bytes then begin behind it, so that reading one is seen.
     */
    unsigned char *block = malloc(len + shift > 0 ? len + shift : 1);
    CHECK(block != NULL);
    *ret_block = block;
    unsigned char *copy = len + shift > 0 ? block + shift : block + 1;
    if (len > 0)
        memcpy(copy, bytes, len);
    return copy;
}

static const char *text_of(struct json_object *json, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(json, name, &value) ? json_object_get_string(value) : NULL;
}

static bool flag_of(struct json_object *json, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(json, name, &value) && json_object_get_boolean(value);
}

static void run_line(const char *text, struct vector *v, vector_check check, void *arg)
{
    v->json = json_tokener_parse(text);
    v->id = v->json ? text_of(v->json, "id") : NULL;
    v->kind = v->json ? text_of(v->json, "kind") : NULL;
    const char *hex = v->json ? text_of(v->json, "hex") : NULL;
    CHECK_MSG(v->id && v->kind && hex, "%s line %u is no vector", v->file, v->line);
    v->valid = flag_of(v->json, "valid");
    v->canonical = flag_of(v->json, "canonical");
    v->error = text_of(v->json, "error");
    v->why = text_of(v->json, "why");
    v->fields = v->build = NULL;
    json_object_object_get_ex(v->json, "fields", &v->fields);
    json_object_object_get_ex(v->json, "build", &v->build);
    struct json_object *count = NULL;
    json_object_object_get_ex(v->json, "item_count", &count);
    v->item_count = count ? (uint32_t)json_object_get_uint64(count) : 0;
    CHECK_MSG(v->valid ? v->fields != NULL : v->error != NULL, "%s line %u lacks fields or error",
              v->file, v->line);

    void *block = NULL;
    unsigned char *bytes = json_hex_bytes(hex, &v->len);
    v->bytes = vector_copy(bytes, v->len, 0, &block);
    free(bytes);
    check(v, arg);
    free(block);
    json_object_put(v->json);
}

static unsigned run_file(FILE *f, const char *name, vector_check check, void *arg)
{
    char *line = malloc(LINE_MAX_BYTES);
    CHECK(line != NULL);
    struct vector v = {.file = name};
    unsigned count = 0;
    while (fgets(line, LINE_MAX_BYTES, f)) {
        v.line++;
        CHECK_MSG(strchr(line, '\n') != NULL, "%s line %u is too long or not ended", name, v.line);
        if (line[0] == '\n')
            continue;
        run_line(line, &v, check, arg);
        count++;
    }
    free(line);
    CHECK_MSG(count > 0, "%s has no line", name);
    printf("counted: %s: %u lines\n", name, count);
    return count;
}

static bool little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1;
}

static void skip_unless_little_endian(void)
{
    if (!little_endian())
        test_skip("golden vectors are bytes of a little-endian host");
}

unsigned vectors_each(const char *kind, vector_check check, void *arg)
{
    const char *given = getenv("PIPC_VECTORS");
    char path[4096];
    skip_unless_little_endian();
    if (given && given[0])
        snprintf(path, sizeof(path), "%s/%s.jsonl", given, kind);
    else
        snprintf(path, sizeof(path), "%s/../shared/vectors/%s.jsonl", PIPC_TEST_SOURCE_DIR, kind);
    FILE *f = fopen(path, "r");
    if (!f)
        test_skip("golden vectors are absent: %s", path);
    const unsigned count = run_file(f, kind, check, arg);
    fclose(f);
    return count;
}

unsigned vectors_own(const char *name, vector_check check, void *arg)
{
    char path[4096];
    skip_unless_little_endian();
    snprintf(path, sizeof(path), "%s/tests/vectors/%s.jsonl", PIPC_TEST_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    CHECK_MSG(f != NULL, "%s is missing", path);
    const unsigned count = run_file(f, name, check, arg);
    fclose(f);
    return count;
}

void vector_check_fields(const struct vector *v, struct json_object *made)
{
    if (!json_object_equal(made, v->fields))
        vector_fail(__FILE__, __LINE__, v, "fields are %s, expected %s",
                    json_object_to_json_string_ext(made, JSON_C_TO_STRING_PLAIN),
                    json_object_to_json_string_ext(v->fields, JSON_C_TO_STRING_PLAIN));
}
