/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "np.h"

static const struct pipc_option options[PIPC_NP_OPTION_COUNT] = {
    [PIPC_NP_OPTION_SPIN] = {"spin", PIPC_OPTION_CHOICE_NUMBER, 0, 0, 1000000, "adaptive|off",
                             "adaptive",
                             "How long a receive spins before it sleeps: adaptive, off, or "
                             "microseconds."},
    [PIPC_NP_OPTION_PACKET_SIZE] = {"packet_size", PIPC_OPTION_NUMBER, 0, 33, UINT32_MAX, NULL,
                                    "65536",
                                    "Largest packet to propose; the pipe's quota follows it, from "
                                    "64 KiB to 1 MiB."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_BASELINE | PIPC_TRAIT_WAIT_HANDLE | PIPC_TRAIT_PEER_CREDENTIALS |
              PIPC_TRAIT_WHOLE_HANDSHAKE,
    .listen = np_listen,
    .accept = np_accept,
    .connect = np_connect,
    .listener_wait_handle = np_listener_wait_handle,
    .listener_close = np_listener_close,
    .send = np_send,
    .receive = np_receive,
    .look = np_look,
    .finish = np_finish,
    .packet_max = np_packet_max,
    .wait_handle = np_wait_handle,
    .interrupt = np_interrupt,
    .peer = np_peer,
    .waiter = np_waiter,
    .close = np_close,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_np = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_NP_OPTION_COUNT,
    .name = "np",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Packets over named pipes in message mode, the baseline of Windows.",
    .options = options,
    .ops = &ops,
    .init = np_instance_make,
    .fini = np_instance_free,
};
