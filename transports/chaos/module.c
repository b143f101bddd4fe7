/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "chaos.h"

static const struct pipc_option options[PIPC_CHAOS_OPTION_COUNT] = {
    [PIPC_CHAOS_OPTION_WRAPS] = {"wraps", PIPC_OPTION_TEXT, 0, 0, 0, NULL, "uds",
                                 "The transport to which things happen."},
    [PIPC_CHAOS_OPTION_SEED] = {"seed", PIPC_OPTION_NUMBER, 0, 0, UINT64_MAX, NULL, "0",
                                "What everything is drawn from; the same one, the same fate."},
    [PIPC_CHAOS_OPTION_AFTER] = {"after", PIPC_OPTION_NUMBER, 0, 0, UINT32_MAX, NULL, "0",
                                 "Packets of a connection that pass unharmed first."},
    [PIPC_CHAOS_OPTION_DELAY_US] = {"delay_us", PIPC_OPTION_NUMBER, 0, 0, 10000000, NULL, "1000",
                                    "Longest delay in microseconds."},
    [PIPC_CHAOS_OPTION_DELAY] = {"delay", PIPC_OPTION_NUMBER, 0, 0, CHAOS_THOUSAND, NULL, "0",
                                 "How many of a thousand packets are delayed."},
    [PIPC_CHAOS_OPTION_DISCONNECT] = {"disconnect", PIPC_OPTION_NUMBER, 0, 0, CHAOS_THOUSAND, NULL,
                                      "0", "How many of a thousand packets end the connection."},
    [PIPC_CHAOS_OPTION_SHORT] = {"short", PIPC_OPTION_NUMBER, 0, 0, CHAOS_THOUSAND, NULL, "0",
                                 "How many of a thousand packets arrive in part."},
    [PIPC_CHAOS_OPTION_FAIL] = {"fail", PIPC_OPTION_NUMBER, 0, 0, CHAOS_THOUSAND, NULL, "0",
                                "How many of a thousand operations fail."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_WRAPPER,
    .listen = pipc_wrapped_listen,
    .adopt = pipc_wrapped_adopt,
    .accept = chaos_accept,
    .connect = chaos_connect,
    .listener_wait_handle = pipc_wrapped_listener_wait_handle,
    .listener_close = pipc_wrapped_listener_close,
    .usable = pipc_wrapped_usable,
    .offer = chaos_offer,
    .attach = chaos_attach,
    .sweep = pipc_wrapped_sweep,
    .send = chaos_send,
    .receive = chaos_receive,
    .look = chaos_look,
    .finish = chaos_finish,
    .packet_max = pipc_wrapped_packet_max,
    .wait_handle = pipc_wrapped_wait_handle,
    .interrupt = chaos_interrupt,
    .peer = pipc_wrapped_peer,
    .admit = pipc_wrapped_admit,
    .waiter = pipc_wrapped_waiter,
    .memory = pipc_wrapped_memory,
    .close = chaos_close,
    .wake = pipc_wrapped_wake,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_chaos = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_CHAOS_OPTION_COUNT,
    .name = "chaos",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Delays, cuts, breaks and fails what another transport carries, by a seed.",
    .options = options,
    .ops = &ops,
    .init = chaos_instance_make,
    .fini = chaos_instance_free,
};
