/* SPDX-License-Identifier: Apache-2.0
 *
 * Names that container runtimes keep in files of the host: docker, podman (of root), kubernetes.
 *
 * All of it is optional: what cannot be read or does not look right is not there, and the caller
 * falls back to the id. Read at most once for each object; one thread at a time.
 */
#ifndef PIPC_LIVE_RUNTIME_H
#define PIPC_LIVE_RUNTIME_H

#include <stddef.h>

#define LIVE_ID_LEN           64u /* hexadecimal digits of a container id */
#define LIVE_RUNTIME_NAME_MAX 256u

struct live_runtime;

/* host_root: "" for this machine, or where its root directory is seen. NULL without memory. */
struct live_runtime *live_runtime_new(const char *host_root);
void live_runtime_free(struct live_runtime *runtime); /* NULL is accepted */

/* Each: 1 and the name, or 0. `id` has LIVE_ID_LEN digits. A runtime of NULL knows nothing. */
int live_runtime_docker(struct live_runtime *runtime, const char *id,
                        char ret_name[LIVE_RUNTIME_NAME_MAX]);
int live_runtime_podman(struct live_runtime *runtime, const char *id,
                        char ret_name[LIVE_RUNTIME_NAME_MAX]);
/* "NAMESPACE_POD_CONTAINER". */
int live_runtime_k8s(struct live_runtime *runtime, const char *id,
                     char ret_name[LIVE_RUNTIME_NAME_MAX]);

/* The parsers behind them, on text of any origin.
 * Docker's config.v2.json: the member "Name" of the outer object, without its slash. */
int live_docker_name(const char *text, size_t len, char ret_name[LIVE_RUNTIME_NAME_MAX]);
/* Podman's containers.json: the first of "names" of the object whose "id" is `id`. */
int live_podman_name(const char *text, size_t len, const char *id,
                     char ret_name[LIVE_RUNTIME_NAME_MAX]);
/* A file name of /var/log/containers: "POD_NAMESPACE_CONTAINER-<id>.log". */
int live_k8s_name(const char *file, const char *id, char ret_name[LIVE_RUNTIME_NAME_MAX]);

#endif
