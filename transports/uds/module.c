/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "uds.h"

static const struct pipc_option options[PIPC_UDS_OPTION_COUNT] = {
    [PIPC_UDS_OPTION_SPIN] =
        {"spin", PIPC_OPTION_CHOICE_NUMBER, 0, 0, 1000000, "adaptive|off", "adaptive",
         "How long a receive spins before it sleeps: adaptive, off, or microseconds."},
    [PIPC_UDS_OPTION_MODE] = {"mode", PIPC_OPTION_CHOICE, 0, 0, 0, "0600|0660", "0600",
                              "Mode of the socket file; 0660 needs the option group."},
    [PIPC_UDS_OPTION_GROUP] = {"group", PIPC_OPTION_TEXT, 0, 0, 0, NULL, NULL,
                               "Group of the socket file, by name or number."},
    [PIPC_UDS_OPTION_ALLOW_UID] =
        {"allow_uid", PIPC_OPTION_LIST, 0, 0, 0, NULL, NULL,
         "Users that may connect, by name or number; the own user and root always may."},
    [PIPC_UDS_OPTION_ALLOW_GID] = {"allow_gid", PIPC_OPTION_LIST, 0, 0, 0, NULL, NULL,
                                   "Groups whose processes may connect, by name or number."},
    [PIPC_UDS_OPTION_BACKLOG] = {"backlog", PIPC_OPTION_NUMBER, 0, 0, 2147483647, NULL, "16",
                                 "Clients that may wait to be accepted; 0 means the default."},
    [PIPC_UDS_OPTION_PACKET_SIZE] =
        {"packet_size", PIPC_OPTION_NUMBER, 0, 33, UINT32_MAX, NULL, NULL,
         "Largest packet to propose; without it the socket is asked, up to 65536."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_BASELINE | PIPC_TRAIT_WAIT_HANDLE | PIPC_TRAIT_PEER_CREDENTIALS |
              PIPC_TRAIT_ADOPT,
    .listen = uds_listen,
    .adopt = uds_adopt,
    .accept = uds_accept,
    .connect = uds_connect,
    .listener_wait_handle = uds_listener_wait_handle,
    .listener_close = uds_listener_close,
    .send = uds_send,
    .receive = uds_receive,
    .look = uds_look,
    .finish = uds_finish,
    .packet_max = uds_packet_max,
    .wait_handle = uds_wait_handle,
    .interrupt = uds_interrupt,
    .peer = uds_peer,
    .admit = uds_admit,
    .waiter = uds_waiter,
    .close = uds_close,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_uds = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_UDS_OPTION_COUNT,
    .name = "uds",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Packets over AF_UNIX SOCK_SEQPACKET, the baseline of POSIX systems.",
    .options = options,
    .ops = &ops,
    .init = uds_instance_make,
    .fini = uds_instance_free,
};
