/* SPDX-License-Identifier: Apache-2.0
 *
 * Labels of a cgroup: what its path tells, and what the runtime of its container keeps in files.
 *
 *   container_id         the id of the container
 *   image                docker, podman: the image as it was named
 *   k8s_pod_uid, k8s_qos_class                             from the path
 *   k8s_namespace, k8s_pod_name, k8s_container_name        from the cgroup's name (live/names.h)
 *   systemd_slice, systemd_unit                            from the path
 *   docker: the labels of the container (config.v2.json)
 *   podman, containerd, CRI-O: the annotations of the container (config.json of the runtime bundle)
 *
 * The texts belong to others and may be anything: reads are bounded, what does not look right is
 * not there, and a label of a file never takes the place of one from the path. One thread at a time
 * for each reader; finished labels are immutable.
 */
#ifndef PIPC_LIVE_LABELS_H
#define PIPC_LIVE_LABELS_H

#include "names.h"

#include <pipc/codecs/lookup.h>

#include <stddef.h>
#include <stdint.h>

/* What one cgroup has at most; further labels, and longer ones, are left out. */
#define LIVE_LABELS_MAX      128u
#define LIVE_LABELS_BYTES    16384u
#define LIVE_LABEL_KEY_MAX   255u
#define LIVE_LABEL_VALUE_MAX 4096u

/* Labels that are being collected. */
struct live_label_list {
    uint32_t count;
    size_t used;
    struct pipc_label_view labels[LIVE_LABELS_MAX]; /* into `text` */
    char text[LIVE_LABELS_BYTES];
};

void live_label_add(struct live_label_list *list, const char *key, size_t key_len,
                    const char *value, size_t value_len);
/* What path and name tell. */
void live_labels_of_path(struct live_label_list *list, const struct live_name *name);
/* The parsers of files, on text of any origin: docker's config.v2.json, podman's containers.json
 * (the image of container `id`), the config.json of a bundle. 1, or 0 if it is no such text. */
int live_labels_of_docker(struct live_label_list *list, const char *text, size_t len);
int live_labels_of_podman(struct live_label_list *list, const char *text, size_t len,
                          const char *id);
int live_labels_of_bundle(struct live_label_list *list, const char *text, size_t len);

/* Reads files below `host_root` ("": this machine), as far as the labels of this name ask for them.
 * 1 when nothing more can be expected of a later look, 0 when a file of the container was not there
 * or could not be read. */
int live_labels_read(struct live_label_list *list, const char *host_root,
                     const struct live_name *name);

#endif
