/* SPDX-License-Identifier: Apache-2.0
 *
 * The descriptor of this module: its name, its options and its table.
 *
 * Constant data; the only symbol that the module exports.
 */
#include "trace.h"

static const struct pipc_option options[PIPC_TRACE_OPTION_COUNT] = {
    [PIPC_TRACE_OPTION_WRAPS] = {"wraps", PIPC_OPTION_TEXT, 0, 0, 0, NULL, "uds",
                                 "The transport whose packets are written down."},
    [PIPC_TRACE_OPTION_FORMAT] = {"format", PIPC_OPTION_CHOICE, 0, 0, 0, "text|json|pcapng", "text",
                                  "How: lines for people, JSON lines, or pcapng for Wireshark."},
    [PIPC_TRACE_OPTION_TO] = {"to", PIPC_OPTION_PATH, 0, 0, 0, NULL, NULL,
                              "File to append to; without it lines go to the log, level info."},
    [PIPC_TRACE_OPTION_FIELDS] = {"fields", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "yes",
                                  "Whether codecs decode the payloads."},
    [PIPC_TRACE_OPTION_PACKET_BYTES] = {"packet_bytes", PIPC_OPTION_NUMBER, 0, 96, 262144, NULL,
                                        "65536", "pcapng: how much of a packet is kept."},
    [PIPC_TRACE_OPTION_MESSAGE_BYTES] = {"message_bytes", PIPC_OPTION_NUMBER, 0, 0, 67108864, NULL,
                                         "1048576", "Longest payload that is decoded."},
    [PIPC_TRACE_OPTION_SHOW_TOKEN] = {"show_token", PIPC_OPTION_YESNO, 0, 0, 0, NULL, "no",
                                      "Whether the auth token of a HELLO is written, too."},
};

static const struct pipc_transport_ops ops = {
    .size = sizeof(struct pipc_transport_ops),
    .traits = PIPC_TRAIT_WRAPPER,
    .listen = pipc_wrapped_listen,
    .adopt = pipc_wrapped_adopt,
    .accept = trace_accept,
    .connect = trace_connect,
    .listener_wait_handle = pipc_wrapped_listener_wait_handle,
    .listener_close = pipc_wrapped_listener_close,
    .usable = pipc_wrapped_usable,
    .offer = trace_offer,
    .attach = trace_attach,
    .sweep = pipc_wrapped_sweep,
    .send = trace_send,
    .receive = trace_receive,
    .look = pipc_wrapped_look,
    .finish = pipc_wrapped_finish,
    .packet_max = pipc_wrapped_packet_max,
    .wait_handle = pipc_wrapped_wait_handle,
    .interrupt = pipc_wrapped_interrupt,
    .peer = pipc_wrapped_peer,
    .admit = pipc_wrapped_admit,
    .waiter = pipc_wrapped_waiter,
    .memory = pipc_wrapped_memory,
    .close = trace_close,
    .wake = pipc_wrapped_wake,
};

PIPC_MODULE_EXPORT const struct pipc_module pipc_module_trace = {
    .magic = PIPC_MODULE_MAGIC,
    .kind = PIPC_MODULE_TRANSPORT,
    .abi_major = PIPC_TRANSPORT_ABI_MAJOR,
    .abi_minor = PIPC_TRANSPORT_ABI_MINOR,
    .host_minor = 0,
    .size = sizeof(struct pipc_module),
    .option_count = PIPC_TRACE_OPTION_COUNT,
    .name = "trace",
    .version = "0.1.0",
    .vendor = "plugin-ipc",
    .summary = "Writes down what another transport carries: text, JSON lines or pcapng.",
    .options = options,
    .ops = &ops,
    .init = trace_instance_make,
    .fini = trace_instance_free,
};
