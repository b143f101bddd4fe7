/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "winshm.h"

static const struct pipc_option options[PIPC_WIN_SHM_OPTION_COUNT] = {
    [PIPC_WIN_SHM_OPTION_SPIN] = {"spin", PIPC_OPTION_CHOICE_NUMBER, 0, 0, 1000000, "adaptive|off",
                                  "adaptive",
                                  "How long a receive spins before it sleeps: adaptive, off, or "
                                  "microseconds."},
    [PIPC_WIN_SHM_OPTION_PLANES] = {"planes", PIPC_OPTION_CHOICE, 0, 0, 0,
                                    "hybrid|busywait|hybrid,busywait", "hybrid",
                                    "Which of hybrid and busywait are offered; busywait keeps a "
                                    "processor busy on each side."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_UPGRADE | PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING |
              PIPC_TRAIT_WRITE_IN_PLACE,
    .profile_bits = WINSHM_BITS,
    .usable = winshm_usable,
    .offer = winshm_offer,
    .attach = winshm_attach,
    .sweep = winshm_sweep,
    .send = winshm_send,
    .receive = winshm_receive,
    .look = winshm_look,
    .finish = winshm_finish,
    .packet_max = winshm_packet_max,
    .interrupt = winshm_interrupt,
    .waiter = winshm_waiter,
    .memory = winshm_memory,
    .close = winshm_close,
    .reserve = winshm_reserve,
    .commit = winshm_commit,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_winshm = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_WIN_SHM_OPTION_COUNT,
    .name = "winshm",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Messages in a shared mapping, with events or by spinning, an upgrade of np.",
    .options = options,
    .ops = &ops,
    .init = winshm_instance_make,
    .fini = winshm_instance_free,
};
