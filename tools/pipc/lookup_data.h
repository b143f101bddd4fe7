/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers to lookups from the fields of a data file (docs/cli.md, "JSON"): items found by key, and
 * a default for the keys that are not there.
 *
 * Immutable once read; any thread. Strings are borrowed from the JSON that was read.
 */
#ifndef PIPC_TOOL_LOOKUP_DATA_H
#define PIPC_TOOL_LOOKUP_DATA_H

#include "json.h"
#include "tool.h"

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

struct lookup_data;

/* Reads the object of `source`. `table` is the codec's typed table, by which every item is judged,
 * so that no item fails an answer later. `readings` is the generation when the file has none. On
 * failure source->why has the place and the reason. */
pipc_result lookup_data_read(const char *kind, const void *table, struct json_source *source,
                             uint64_t readings, struct lookup_data **ret_data);
void lookup_data_free(struct lookup_data *data); /* NULL is accepted */

/* Adds one item for each key; 0 when an add fails. */
uint32_t lookup_data_cgroups(const struct lookup_data *data,
                             const struct pipc_cgroups_lookup_request_view *request,
                             struct pipc_cgroups_lookup_builder *builder);
uint32_t lookup_data_apps(const struct lookup_data *data,
                          const struct pipc_apps_lookup_request_view *request,
                          struct pipc_apps_lookup_builder *builder);

#endif
