/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshot payloads for tests: see the header.
 */
#include "codec_snapshot.h"

#include "test.h"

void cgsnap_put16(struct cgsnap_bytes *bytes, size_t at, uint16_t value)
{
    CHECK(at + 2 <= bytes->len);
    memcpy(bytes->at + at, &value, 2);
}

void cgsnap_put32(struct cgsnap_bytes *bytes, size_t at, uint32_t value)
{
    CHECK(at + 4 <= bytes->len);
    memcpy(bytes->at + at, &value, 4);
}

static size_t item_len(const char *name, const char *path)
{
    return 34 + strlen(name) + strlen(path);
}

static void put_item(struct cgsnap_bytes *bytes, size_t at, const char *name, const char *path)
{
    const size_t name_len = strlen(name), path_len = strlen(path);
    cgsnap_put16(bytes, at, 1);
    cgsnap_put32(bytes, at + 16, 32);
    cgsnap_put32(bytes, at + 20, (uint32_t)name_len);
    cgsnap_put32(bytes, at + 24, (uint32_t)(33 + name_len));
    cgsnap_put32(bytes, at + 28, (uint32_t)path_len);
    memcpy(bytes->at + at + 32, name, name_len);
    memcpy(bytes->at + at + 33 + name_len, path, path_len);
}

struct cgsnap_bytes cgsnap_make(const char *const *names, const char *const *paths, uint32_t count)
{
    struct cgsnap_bytes bytes = {.len = 24 + 8 * (size_t)count};
    for (uint32_t i = 0; i < count; i++)
        bytes.len = (bytes.len + 7) / 8 * 8 + item_len(names[i], paths[i]);
    bytes.at = calloc(1, bytes.len);
    CHECK(bytes.at != NULL);
    cgsnap_put16(&bytes, 0, 1);
    cgsnap_put32(&bytes, 4, count);
    size_t at = 24 + 8 * (size_t)count;
    const size_t packed = at;
    for (uint32_t i = 0; i < count; i++) {
        at = (at + 7) / 8 * 8;
        cgsnap_put32(&bytes, 24 + 8 * (size_t)i, (uint32_t)(at - packed));
        cgsnap_put32(&bytes, 28 + 8 * (size_t)i, (uint32_t)item_len(names[i], paths[i]));
        put_item(&bytes, at, names[i], paths[i]);
        at += item_len(names[i], paths[i]);
    }
    CHECK_EQ(at, bytes.len);
    return bytes;
}

struct cgsnap_bytes cgsnap_two(void)
{
    static const char *const names[] = {"nm", "xy"}, *const paths[] = {"/p", "/q"};
    const struct cgsnap_bytes bytes = cgsnap_make(names, paths, 2);
    CHECK_EQ(bytes.len, TWO_LEN);
    return bytes;
}

void cgsnap_free(struct cgsnap_bytes *bytes)
{
    free(bytes->at);
    bytes->at = NULL;
}

struct pipc_cgroups_snapshot_view cgsnap_view(const struct cgsnap_bytes *bytes)
{
    struct pipc_cgroups_snapshot_view view;
    CHECK_OK(
        pipc_cgroups_snapshot_decode(pipc_cgroups_snapshot_linked(), bytes->at, bytes->len, &view));
    return view;
}

void cgsnap_check_item(const struct pipc_cgroups_snapshot_view *view, uint32_t index,
                       const char *name, const char *path)
{
    struct pipc_cgroups_snapshot_item_view item;
    CHECK_OK(pipc_cgroups_snapshot_item(view, index, &item));
    CHECK_EQ(item.name.len, strlen(name));
    CHECK_EQ(item.path.len, strlen(path));
    CHECK_STR(item.name.ptr, name);
    CHECK_STR(item.path.ptr, path);
}
