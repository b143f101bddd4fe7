/* SPDX-License-Identifier: Apache-2.0
 *
 * Lookup payloads told to a visitor through the typed tables, field by field.
 */
#ifndef PIPC_TESTS_CODEC_LOOKUP_H
#define PIPC_TESTS_CODEC_LOOKUP_H

#include <pipc/codecs/apps_lookup.h>
#include <pipc/codecs/cgroups_lookup.h>

pipc_result typed_cgroups_request(const struct pipc_cgroups_lookup_table *table, const void *bytes,
                                  size_t len, const struct pipc_visitor *v);
pipc_result typed_cgroups_response(const struct pipc_cgroups_lookup_table *table, const void *bytes,
                                   size_t len, const struct pipc_visitor *v);
pipc_result typed_apps_request(const struct pipc_apps_lookup_table *table, const void *bytes,
                               size_t len, const struct pipc_visitor *v);
pipc_result typed_apps_response(const struct pipc_apps_lookup_table *table, const void *bytes,
                                size_t len, const struct pipc_visitor *v);

#endif
