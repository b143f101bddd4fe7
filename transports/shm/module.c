/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "shm.h"

static const struct pipc_option options[PIPC_SHM_OPTION_COUNT] = {
    [PIPC_SHM_OPTION_SPIN] =
        {"spin", PIPC_OPTION_CHOICE_NUMBER, 0, 0, 1000000, "adaptive|off", "adaptive",
         "How long a receive spins before it sleeps: adaptive, off, or microseconds."},
    [PIPC_SHM_OPTION_ANY_FS] =
        {"any_fs", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "no",
         "Whether regions may lie on any file system, not only on tmpfs, ramfs, ext4 and xfs."},
    [PIPC_SHM_OPTION_FOREIGN_OWNERS] =
        {"foreign_owners", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "no",
         "Whether a client attaches to regions of users other than its own and root."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_UPGRADE | PIPC_TRAIT_NO_CHUNKS | PIPC_TRAIT_ONE_OUTSTANDING |
              PIPC_TRAIT_WRITE_IN_PLACE,
    .profile_bits = SHM_BITS,
    .unlisted_bits = PIPC_PROFILE_SHM_FUTEX,
    .usable = shm_usable,
    .offer = shm_offer,
    .attach = shm_attach,
    .sweep = shm_sweep,
    .send = shm_send,
    .receive = shm_receive,
    .look = shm_look,
    .finish = shm_finish,
    .packet_max = shm_packet_max,
    .interrupt = shm_interrupt,
    .waiter = shm_waiter,
    .memory = shm_memory,
    .close = shm_close,
    .reserve = shm_reserve,
    .commit = shm_commit,
    .wake = shm_wake,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_shm = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_SHM_OPTION_COUNT,
    .name = "shm",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Messages in a mapped region with futexes, the upgrade of Linux.",
    .options = options,
    .ops = &ops,
    .init = shm_instance_make,
    .fini = shm_instance_free,
};
