/* SPDX-License-Identifier: Apache-2.0
 *
 * The command pipc (docs/cli.md): parses the command line, runs one command, turns results into
 * exit codes.
 */
#include "tool.h"

#include "json.h"
#include "system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int output_error; /* of the first failure to write to standard output */

bool output_flush(void)
{
    if (!output_error && fflush(stdout) != 0)
        output_error = errno;
    else if (!output_error && ferror(stdout))
        output_error = EIO; /* an earlier write, whose reason is not kept */
    return !output_error;
}

/* Names of any bytes must not break the line. */
int complain(int code, const char *format, ...)
{
    char text[3072], line[4096] = "pipc: ";
    size_t used = strlen(line);
    va_list args;

    (void)output_flush();
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (const char *c = text; *c && used + 8 < sizeof(line); c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            used += (size_t)snprintf(line + used, 5, "\\x%02x", (unsigned char)*c);
        else
            line[used++] = *c;
    }
    line[used++] = '\n';
    system_complain(line, used);
    return code;
}

/* A connection that never became READY. */
int exit_of_attempt(pipc_result result)
{
    switch (result) {
    case PIPC_ERR_CONNECT:
    case PIPC_ERR_HANDSHAKE:
    case PIPC_ERR_DISCONNECTED:
    case PIPC_ERR_RECV:
    case PIPC_ERR_SEND:
    case PIPC_ERR_BROKEN:
    case PIPC_ERR_NOT_READY:
        return EXIT_NOT_THERE;
    default:
        return exit_of(result);
    }
}

/* A call on a connection: an error status of the server is no bad data. */
int exit_of_call(const struct pipc_error *err)
{
    if (err->result == PIPC_ERR_BAD_LAYOUT && err->peer_status != PIPC_STATUS_OK)
        return EXIT_FAILED;
    return exit_of(err->result);
}

int exit_of(pipc_result result)
{
    switch (result) {
    case PIPC_OK:
        return EXIT_DONE;
    case PIPC_ERR_CONNECT:
    case PIPC_ERR_HANDSHAKE:
    case PIPC_ERR_NOT_READY:
        return EXIT_NOT_THERE;
    case PIPC_ERR_AUTH_FAILED:
        return EXIT_AUTH;
    case PIPC_ERR_INCOMPATIBLE:
    case PIPC_ERR_NO_PROFILE:
    case PIPC_ERR_LIMIT_EXCEEDED:
    case PIPC_ERR_OVERFLOW:
        return EXIT_INCOMPATIBLE;
    case PIPC_ERR_TIMEOUT:
        return EXIT_TIMEOUT;
    case PIPC_ERR_ABORTED:
        return EXIT_ABORTED;
    case PIPC_ERR_ADDR_IN_USE:
        return EXIT_IN_USE;
    case PIPC_ERR_PROTOCOL:
    case PIPC_ERR_CHUNK:
    case PIPC_ERR_UNKNOWN_MSG_ID:
    case PIPC_ERR_TRUNCATED:
    case PIPC_ERR_BAD_MAGIC:
    case PIPC_ERR_BAD_VERSION:
    case PIPC_ERR_BAD_HEADER_LEN:
    case PIPC_ERR_BAD_KIND:
    case PIPC_ERR_BAD_LAYOUT:
    case PIPC_ERR_OUT_OF_BOUNDS:
    case PIPC_ERR_MISSING_NUL:
    case PIPC_ERR_BAD_ALIGNMENT:
    case PIPC_ERR_BAD_ITEM_COUNT:
        return EXIT_BAD_DATA;
    case PIPC_ERR_BAD_PARAM:
    case PIPC_ERR_PATH_TOO_LONG:
        return EXIT_USAGE;
    default:
        return pipc_result_kind(result) == PIPC_RESULT_KIND_CONFIG ? EXIT_USAGE : EXIT_FAILED;
    }
}

int fail(const struct options *o, const struct pipc_error *err, int code)
{
    const char *text = err->text[0] ? err->text : pipc_result_text(err->result);

    if (o->json)
        json_print_error(err->result, text);
    return complain(code, "%s", text);
}

int fail_with(const struct options *o, pipc_result result, int code, const char *format, ...)
{
    struct pipc_error err = PIPC_ERROR_INIT;
    va_list args;

    err.result = result;
    va_start(args, format);
    vsnprintf(err.text, sizeof(err.text), format, args);
    va_end(args);
    return fail(o, &err, code);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(const struct options *o);
    } commands[] = {{"info", command_info},     {"serve", command_serve},
                    {"call", command_call},     {"watch", command_watch},
                    {"top", command_top},       {"decode", command_decode},
                    {"encode", command_encode}, {"doctor", command_doctor},
                    {"bench", command_bench},   {"conformance", command_conformance}};
    struct options o;
    int code;

    system_begin(&argc, &argv);
    code = options_parse(argc, argv, &o);
    for (size_t i = 0; code < 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, o.command) == 0)
            code = commands[i].run(&o);
    }
    if (!output_flush())
        return output_error == EPIPE
                   ? EXIT_DONE
                   : complain(EXIT_FAILED, "standard output: %s", strerror(output_error));
    return code;
}
