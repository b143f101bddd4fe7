/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one table of options, each with the commands that take it. Options may stand
 * before or after the command; `--` ends them.
 */
#include "tool.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* DEFAULTED: a number, or 0 for the default of the library. */
enum kind { FLAG, TEXT, TEXTS, NUMBER, NUMBER64, DEFAULTED };

struct option_row {
    const char *name;
    enum kind kind;
    size_t offset; /* of the value in struct options */
    size_t given;  /* of its "given" flag, 0: none */
    uint64_t min, max;
    const char *commands;        /* with spaces around each name; NULL: every command */
    const char *argument, *help; /* help NULL: not shown */
};

#define AT(member)  offsetof(struct options, member)
#define U32         UINT32_MAX
#define PAYLOAD_MAX UINT64_C(4294967263)
#define ASKS        " call watch "
#define PEERS       " call watch serve "
#define JUDGES      " conformance "

static const struct option_row rows[] = {
    {"config", TEXT, AT(config), 0, 0, 0, NULL, "FILE", "INI configuration; options win over it"},
    {"module-dir", TEXT, AT(module_dir), 0, 0, 0, NULL, "DIR", "directory of loadable modules"},
    {"json", FLAG, AT(json), 0, 0, 0, NULL, NULL, "machine output"},
    {"verbose", FLAG, AT(verbose), 0, 0, 0, NULL, NULL, "the library's log on standard error (-v)"},
    {"run-dir", TEXT, AT(run_dir), 0, 0, 0, NULL, "DIR", "service namespace"},
    {"service", TEXT, AT(service), 0, 0, 0, NULL, "NAME", "service name"},
    {"token", NUMBER64, AT(token), AT(token_given), 0, UINT64_MAX, NULL, "N", "auth token"},
    {"token-file", TEXT, AT(token_file), 0, 0, 0, NULL, "FILE", "file with the auth token"},
    {"transports", TEXT, AT(transports), 0, 0, 0, NULL, "A,B",
     "permitted data planes, preferred first"},
    {"carrier", TEXT, AT(carrier), 0, 0, 0, NULL, "NAME", "baseline that carries handshakes"},
    {"timeout", NUMBER, AT(timeout_ms), AT(timeout_given), 0, U32, NULL, "MS",
     "deadline of a call"},
    {"max-request-bytes", NUMBER, AT(max_request_bytes), 0, 0, PAYLOAD_MAX, NULL, "N",
     "request payload limit"},
    {"max-response-bytes", NUMBER, AT(max_response_bytes), 0, 0, PAYLOAD_MAX, NULL, "N",
     "response payload limit"},
    {"max-batch-items", NUMBER, AT(max_batch_items), 0, 0, U32, NULL, "N", "items of a batch"},
    {"packet-size", DEFAULTED, AT(packet_size), 0, 33, U32, NULL, "N",
     "packet size of the handshake"},
    {"growth-ceiling-bytes", NUMBER, AT(growth_ceiling_bytes), 0, 0, PAYLOAD_MAX, NULL, "N",
     "how far sizes may grow"},
    {"response-ceiling-bytes", NUMBER, AT(response_ceiling_bytes), 0, 0, PAYLOAD_MAX, NULL, "N",
     "largest response limit accepted"},
    {"check", TEXT, AT(check), 0, 0, 0, " info ", "FILE", "judge a module file without using it"},
    {"explain", FLAG, AT(explain), 0, 0, 0, " info ", NULL, "what a session would use, and why"},
    {"data", TEXT, AT(data), 0, 0, 0, " serve ", "FILE", "serve the fields in this JSON file"},
    {"live", FLAG, AT(live), 0, 0, 0, " serve ", NULL, "serve this machine (the default)"},
    {"max-sessions", NUMBER, AT(max_sessions), 0, 1, 65535, " serve ", "N", "sessions at a time"},
    {"cgroup-root", TEXT, AT(cgroup_root), 0, 0, 0, " serve call ", "DIR", "cgroup tree to read"},
    {"proc-root", TEXT, AT(proc_root), 0, 0, 0, " serve call top ", "DIR", "process tree to read"},
    {"interval", NUMBER, AT(interval_ms), 0, 1, U32, " serve watch top ", "MS", "cadence"},
    {"stats", NUMBER, AT(stats_ms), 0, 1, U32, " serve ", "MS", "print counters on this cadence"},
    {"stdin", FLAG, AT(from_stdin), 0, 0, 0, " call ", NULL,
     "more keys from standard input, one a line"},
    {"all", FLAG, AT(all), 0, 0, 0, " call ", NULL, "all keys that there are (lookups)"},
    {"batch", FLAG, AT(batch), 0, 0, 0, " call ", NULL, "all keys in one batch message"},
    {"repeat", NUMBER, AT(repeat), 0, 1, U32, " call ", "N", "the same call N times on one client"},
    {"wait", NUMBER, AT(wait_ms), AT(wait_given), 0, U32, " call ", "MS",
     "until the service is there"},
    {"count", NUMBER, AT(count), AT(count_given), 1, U32, " watch top ", "N",
     "end after N refreshes"},
    {"once", FLAG, AT(once), 0, 0, 0, " top ", NULL, "end after one refresh"},
    {"find", TEXT, AT(find), 0, 0, 0, " watch ", "NAME", "show items of this name alone"},
    {"clean", FLAG, AT(clean), 0, 0, 0, " doctor ", NULL, "remove what dead servers left"},
    {"hex", FLAG, AT(hex), 0, 0, 0, " decode encode ", NULL, "bytes as hexadecimal text"},
    {"lines", FLAG, AT(lines), 0, 0, 0, " decode encode ", NULL, "one case a line"},
    {"items", NUMBER, AT(items), AT(items_given), 0, U32, " decode bench ", "N",
     "item count of a batch or a snapshot"},
    {"duration", TEXT, AT(duration), 0, 0, 0, " bench ", "S",
     "seconds that each side of a comparison is measured"},
    {"rounds", NUMBER, AT(rounds), 0, 1, 101, " bench ", "N", "slices that this is split into"},
    {"rate", NUMBER, AT(rate), AT(rate_given), 0, 10000000, " bench ", "N",
     "target rate a second, 0: full speed"},
    {"depth", NUMBER, AT(depth), 0, 1, 1024, " bench ", "N", "requests outstanding of a pipeline"},
    {"spin", TEXT, AT(spin), 0, 0, 0, " bench ", "A,B", "adaptive, off or microseconds"},
    {"level", TEXT, AT(level), 0, 0, 0, " bench ", "A,B", "levels to measure: l1, l2, l3"},
    {"pin", TEXT, AT(pin), 0, 0, 0, " bench ", "C,S", "CPUs of client and server"},
    {"csv", FLAG, AT(csv), 0, 0, 0, " bench ", NULL, "comma-separated values"},
    {"no-server", FLAG, AT(no_server), 0, 0, 0, " bench ", NULL,
     "measure a server that is already running"},
    {"no-floor", FLAG, AT(no_floor), 0, 0, 0, " bench ", NULL, "levels alone, for profilers"},
    {"module", TEXT, AT(module), 0, 0, 0, JUDGES, "FILE", "judge this module file"},
    {"builtin", TEXT, AT(builtin), 0, 0, 0, JUDGES, "NAME", "judge this module of the build"},
    {"samples", TEXT, AT(samples), 0, 0, 0, JUDGES, "FILE",
     "messages of a codec, \"request HEX\" or \"response HEX\" a line"},
    {"wraps", TEXT, AT(wraps), 0, 0, 0, JUDGES, "NAME", "what a wrapper under test wraps"},
    {"option", TEXTS, AT(module_options), 0, 0, 0, JUDGES, "KEY=VALUE",
     "option of the module under test, in place of its default"},
    {"list", FLAG, AT(list), 0, 0, 0, JUDGES, NULL, "show the cases that apply, run none"},
    {"only", TEXT, AT(only), 0, 0, 0, JUDGES, "ID", "run this case alone (ID,ID: these)"},
    {"limit", NUMBER, AT(limit_s), 0, 1, 86400, JUDGES, "SECONDS", "time limit of a case"},
    /* what the command tells the child of a case */
    {"case", TEXT, AT(one_case), 0, 0, 0, JUDGES, "ID", NULL},
    {"case-dir", TEXT, AT(case_dir), 0, 0, 0, JUDGES, "DIR", NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct {
    const char *name, *arguments, *help;
} commands[] = {
    {"info", "[NAME...]",
     "modules: file, ABI, traits, profile bits or method code, options; why one failed"},
    {"serve", "KIND", "serve a message type until SIGINT or SIGTERM"},
    {"call", "KIND [KEY...]", "one typed call"},
    {"watch", "KIND", "keep a cache of a snapshot kind and show it"},
    {"top", "", "processes of this machine, grouped by container"},
    {"decode", "STRUCTURE [FILE | -]", "bytes to fields"},
    {"encode", "STRUCTURE [FILE | -]", "fields (JSON) to bytes"},
    {"doctor", "[KIND]", "why a client does not get what it wants, and what is left over"},
    {"bench", "[SCENARIO...]", "throughput, latency and CPU time, next to the raw exchange"},
    {"conformance", "", "judge a module by the rules of its kind (TAP)"},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

bool number_parse(const char *text, uint64_t max, uint64_t *ret_value)
{
    const bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digit = hex ? text + 2 : text;
    const unsigned base = hex ? 16 : 10;
    uint64_t value = 0;

    if (!*digit)
        return false;
    for (; *digit; digit++) {
        unsigned d;
        if (*digit >= '0' && *digit <= '9')
            d = (unsigned)(*digit - '0');
        else if (hex && (*digit | 32) >= 'a' && (*digit | 32) <= 'f')
            d = (unsigned)((*digit | 32) - 'a' + 10);
        else
            return false;
        if (value > (UINT64_MAX - d) / base)
            return false;
        value = value * base + d;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

static void help(void)
{
    printf("usage: pipc [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\ncommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  %-11s %-21s %s\n", commands[i].name, commands[i].arguments, commands[i].help);
    printf("\noptions:\n");
    for (size_t i = 0; i < ROWS; i++) {
        char left[48];
        if (!rows[i].help)
            continue;
        snprintf(left, sizeof(left), "--%s %s", rows[i].name,
                 rows[i].argument ? rows[i].argument : "");
        /* The list has a blank at both ends. */
        const char *const list = rows[i].commands ? rows[i].commands + 1 : "";
        printf("  %-30s %s%s%.*s%s\n", left, rows[i].help, *list ? " (" : "",
               *list ? (int)strlen(list) - 1 : 0, list, *list ? ")" : "");
    }
    printf("  %-30s %s\n", "--version", "versions of the product, of the ABIs and of the wire");
}

static int texts_take(const struct option_row *row, const char *text, struct option_texts *texts)
{
    if (texts->count == OPTION_TEXTS)
        return usage("--%s is given more than %u times", row->name, OPTION_TEXTS);
    texts->at[texts->count++] = text;
    return -1;
}

static int option_take(const struct option_row *row, const char *text, struct options *o)
{
    char *const base = (char *)o;
    uint64_t value;

    if (row->kind == FLAG) {
        *(bool *)(void *)(base + row->offset) = true;
        return -1;
    }
    if (row->kind == TEXT || row->kind == TEXTS) {
        if (!*text)
            return usage("--%s needs a value", row->name);
        if (row->kind == TEXTS)
            return texts_take(row, text, (struct option_texts *)(void *)(base + row->offset));
        *(const char **)(void *)(base + row->offset) = text;
        return -1;
    }
    const bool zero = row->kind == DEFAULTED;
    if (!number_parse(text, row->max, &value) || (value < row->min && !(zero && value == 0)))
        return usage("--%s '%s': expected a decimal or 0x number%s from %llu to %llu", row->name,
                     text, zero ? ", 0, or" : "", (unsigned long long)row->min,
                     (unsigned long long)row->max);
    if (row->kind == NUMBER64)
        *(uint64_t *)(void *)(base + row->offset) = value;
    else
        *(uint32_t *)(void *)(base + row->offset) = (uint32_t)value;
    if (row->given)
        *(bool *)(void *)(base + row->given) = true;
    return -1;
}

/* Options that the command does not take are errors: a typing mistake must not be passed over. */
static int options_fit(const struct options *o, const bool *seen)
{
    char needle[64];

    snprintf(needle, sizeof(needle), " %s ", o->command);
    for (size_t i = 0; i < ROWS; i++) {
        if (seen[i] && rows[i].commands && !strstr(rows[i].commands, needle))
            return usage("%s takes no --%s", o->command, rows[i].name);
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, o->command) == 0)
            return -1;
    }
    return usage("unknown command '%s' (pipc --help lists them)", o->command);
}

static int print_version(bool json)
{
    if (json)
        printf("{\"version\":\"%s\",\"transport_abi\":\"%u.%u\",\"codec_abi\":\"%u.%u\",\"host_"
               "minor\":%u,\"wire\":%u}\n",
               pipc_version(), PIPC_TRANSPORT_ABI_MAJOR, PIPC_TRANSPORT_ABI_MINOR,
               PIPC_CODEC_ABI_MAJOR, PIPC_CODEC_ABI_MINOR, PIPC_HOST_MINOR, PIPC_WIRE_VERSION);
    else
        printf("pipc %s, transport ABI %u.%u, codec ABI %u.%u, host minor %u, wire version %u\n",
               pipc_version(), PIPC_TRANSPORT_ABI_MAJOR, PIPC_TRANSPORT_ABI_MINOR,
               PIPC_CODEC_ABI_MAJOR, PIPC_CODEC_ABI_MINOR, PIPC_HOST_MINOR, PIPC_WIRE_VERSION);
    return EXIT_DONE;
}

/* What getopt_long gives: a letter, or these; above them the rows of the table. */
enum { VERSION = 1000, HELP, FIRST_ROW };

static void table_fill(struct option table[ROWS + 3])
{
    memset(table, 0, (ROWS + 3) * sizeof(*table));
    for (size_t i = 0; i < ROWS; i++)
        table[i] =
            (struct option){rows[i].name, rows[i].kind == FLAG ? no_argument : required_argument,
                            NULL, FIRST_ROW + (int)i};
    table[ROWS] = (struct option){"version", no_argument, NULL, VERSION};
    table[ROWS + 1] = (struct option){"help", no_argument, NULL, HELP};
}

/* getopt_long takes every beginning of a name that is unique today; scripts must not come to rely
 * on that. */
static bool spelled_out(char **argv, const struct option *option)
{
    const char *const word = argv[optind - (optarg && optarg == argv[optind - 1] ? 2 : 1)];
    const size_t len = strlen(option->name);

    return strncmp(word, "--", 2) != 0 ||
           (strncmp(word + 2, option->name, len) == 0 && (!word[2 + len] || word[2 + len] == '='));
}

static int option_unknown(char **argv, int found)
{
    if (optopt > 0 && optopt < VERSION)
        return usage("unknown option '-%c'", optopt);
    return usage("%s '%s'",
                 found == ':'        ? "a value is missing behind"
                 : optopt >= VERSION ? "no value is taken by"
                                     : "unknown option",
                 argv[optind - 1]);
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
    struct option table[ROWS + 3];
    bool seen[ROWS] = {false}, version = false;
    int code, found, row;

    table_fill(table);
    memset(ret_options, 0, sizeof(*ret_options));
    opterr = 0;
    while ((found = getopt_long(argc, argv, ":vh", table, &row)) != -1) {
        if (found == '?' || found == ':')
            return option_unknown(argv, found);
        if (found >= VERSION && !spelled_out(argv, &table[row]))
            return usage("unknown option '%s' (--%s?)", argv[optind - 1], table[row].name);
        if (found == 'h' || found == HELP) {
            help();
            return EXIT_DONE;
        }
        if (found == 'v' || found == VERSION) {
            version = version || found == VERSION;
            ret_options->verbose = ret_options->verbose || found == 'v';
            continue;
        }
        seen[found - FIRST_ROW] = true;
        code = option_take(&rows[found - FIRST_ROW], optarg, ret_options);
        if (code >= 0)
            return code;
    }
    if (version)
        return print_version(ret_options->json);
    if (optind == argc)
        return usage("no command (pipc --help lists them)");
    ret_options->command = argv[optind];
    ret_options->words = argv + optind + 1;
    ret_options->word_count = argc - optind - 1;
    return options_fit(ret_options, seen);
}
