/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of `pipc bench` share.
 *
 * A *row* is one scenario over one transport at one rate. It is measured by *contenders*: raw
 * floors and the levels of the library, each with another side in a process of its own, which takes
 * turns in short slices, round after round, so that what disturbs the machine disturbs all of them.
 * Everything here runs on the main thread of the command; other sides are forked while it has no
 * other thread.
 */
#ifndef PIPC_BENCH_H
#define PIPC_BENCH_H

#include "../tool.h"

#include "measure/measure.h"

#include <sys/types.h>

#define ROUNDS_MOST 101u
#define SPINS_MOST  4u
#define NS_PER_S    UINT64_C(1000000000)
#define PATH_LEN    256u

enum level { LEVEL_FLOOR, LEVEL_L1, LEVEL_L2, LEVEL_L3 };
const char *level_name(enum level level);

struct bench;

/* ---- machine ---- */

/* Where the two sides run; -1: not pinned, one CPU for both when they are equal. */
struct pins {
    int client, server;
};

uint64_t clock_now(void); /* monotonic, nanoseconds */
/* Chooses two CPUs that this process may use, or takes those of `text` ("C,S"). False: the text is
 * no such pair; `ret_why` says why. */
bool pins_choose(const char *text, struct pins *ret_pins, char *ret_why, size_t why_len);
/* Moves the calling thread, and what it starts, to one CPU. A context must be opened before: it
 * counts the CPUs that it may use. */
void pin_to(int cpu);
/* Back to all CPUs that the process had. */
void pin_off(void);
/* CPU time of a process so far; 0 when it cannot be read. */
uint64_t cpu_time_of(pid_t pid);
/* Times that threads of a process gave up the CPU to wait. */
uint64_t sleeps_of(pid_t pid);

/* ---- the other side ---- */

/* A process that is the other side of a contender. It exits when `control` is closed. */
struct side {
    pid_t pid;   /* 0: none, or somebody else's */
    int control; /* -1: none */
};

/* Forks. The child runs `serve` with its end of the control channel and the descriptor `keep` (-1:
 * none), all others closed, and exits with what that returns. False when there is no process. */
bool side_start(struct side *side, int keep, int (*serve)(void *arg, int control), void *arg);
/* Waits for the child's word that clients may come. False with its reason. */
bool side_ready(const struct side *side, char *ret_why, size_t why_len);
/* Child: says that clients may come; or that there is nothing to come to, and why. */
void side_say_ready(int control);
void side_say_failed(int control, const char *why);
void side_stop(struct side *side);
/* Child: until the other end of its channel is closed. */
void side_wait_end(int control);
/* Before anything is made: a reader of the results that has gone must not leave directories behind.
 */
void side_signals_block(void);

/* ---- directories ---- */

/* The directory of all services of a run, into `bench->base`. -1, or an exit code. */
int base_make(struct bench *bench);
void base_remove(const char *path);
bool dir_make(const char *path);

/* ---- contenders ---- */

/* What one contender did in one slice. */
struct slice {
    uint64_t duration_ns;
    uint32_t rate; /* 0: full speed */
    uint64_t exchanges, wall_ns;
    uint64_t client_cpu_ns, server_cpu_ns, client_sleeps, server_sleeps, allocations;
    struct histogram latency;   /* from when the request was due */
    struct histogram from_send; /* from when it was sent; filled at target rates alone */
};

/* Figures of one round, or their medians. */
struct figures {
    double throughput;                              /* operations a second */
    double p50, p95, p99, p999, send_p50, send_p99; /* nanoseconds */
    double client_cpu, server_cpu;                  /* shares of one CPU */
    double client_sleeps, server_sleeps;            /* a second */
};

struct contender;

/* What a contender can do. Results are those of the library; err names the object. */
struct contender_ops {
    /* After all sides of the row have been started. */
    pipc_result (*open)(struct contender *c, struct pipc_error *err);
    /* One exchange. */
    pipc_result (*exchange)(struct contender *c, struct pipc_error *err);
    /* Its halves, for a pipeline. Ids come back in order. */
    pipc_result (*send)(struct contender *c, struct pipc_error *err);
    pipc_result (*receive)(struct contender *c, struct pipc_error *err);
    /* Wakes and parks the other side around a slice; may be NULL. */
    void (*begin)(struct contender *c);
    void (*end)(struct contender *c);
    /* In place of exchanges: waits for so long without a request; may be NULL. */
    pipc_result (*idle)(struct contender *c, uint64_t ns, struct pipc_error *err);
    /* Ends a wait of the client; async-signal-safe; may be NULL. */
    void (*interrupt)(struct contender *c);
    void (*close)(struct contender *c);
};

struct contender {
    const struct contender_ops *ops;
    enum level level;
    const char *name; /* of a floor: what it is */
    const char *spin; /* value of the option, NULL: not given */
    bool hidden;      /* takes part for comparison alone */
    bool per_item;    /* what an item costs is the time of an exchange, shared by all of them */
    uint32_t items;   /* of a message */
    uint32_t units;   /* operations of one exchange */
    uint32_t depth;   /* requests outstanding, 1: ping-pong */
    struct side side;
    int server_cpu;   /* where the other side pins itself; -1: anywhere */
    pid_t server_pid; /* whose CPU time is the server's; 0: nobody's */
    void *state;
    uint64_t allocations; /* by the context of this contender so far */
    struct slice *slice;
    struct figures rounds[ROUNDS_MOST];
    uint64_t allocated; /* while it was measured */
    bool opened;
};

/* Makes a contender's state of this size, zero-filled; gives it back. */
void *contender_state(struct contender *c, size_t size);

/* Runs one slice. Interrupted by a signal: PIPC_ERR_ABORTED. */
pipc_result slice_run(struct contender *c, struct slice *slice, struct pipc_error *err);

/* ---- a row ---- */

#define CONTENDERS_MOST 16u

struct row {
    struct bench *bench;
    const struct scenario *scenario;
    const char *transport;
    uint32_t rate, items, depth;
    bool upgrade, one_outstanding; /* traits of the transport */
    uint32_t packet_size;          /* of raw packets */
    struct contender contenders[CONTENDERS_MOST];
    uint32_t count;
};

/* Adds a contender; NULL when there is no room. */
struct contender *row_add(struct row *row, enum level level, const char *spin,
                          const struct contender_ops *ops);
/* The floor that a contender is compared with. NULL: none. */
const struct contender *row_floor(const struct row *row, const struct contender *c);
/* From here on SIGINT and SIGTERM end a row with EXIT_ABORTED, and the command tidies up. */
void rows_watch_signals(void);
/* Waits for the sides, opens the clients, measures all rounds. -1, or an exit code with the reason
 * said. */
int row_run(struct row *row);
/* Closes the clients, ends the sides, frees. */
void row_end(struct row *row);
/* Each figure's median over the rounds; its mean for an idle connection. */
struct figures contender_median(const struct contender *c, uint32_t rounds);
/* Median over the rounds of the ratio of throughputs, floor and contender of the same round. */
double contender_ratio(const struct contender *c, const struct contender *floor, uint32_t rounds);
/* The same of the median times, which a machine with other work disturbs less. */
double contender_ratio_p50(const struct contender *c, const struct contender *floor,
                           uint32_t rounds);
/* The ratio of the p99 latencies, to the floor. */
double contender_ratio_p99(const struct contender *c, const struct contender *floor,
                           uint32_t rounds);
/* CPU of both sides to that of the same level with spin off, where it runs in the same rounds of a
 * target rate; false: it does not. */
bool contender_cpu_to_off(const struct row *row, const struct contender *c, double *ret_ratio);
/* Nanoseconds that an item costs, by median times: of a batch beyond one call of the same level in
 * the same rounds, of lookups and codecs its share of the whole. False: neither. */
bool contender_item_ns(const struct row *row, const struct contender *c, double *ret_ns);

/* ---- scenarios ---- */

struct scenario {
    const char *name;
    const char *kind;     /* message type of its server */
    const char *service;  /* usual name of that */
    bool rates;           /* measured at target rates too when none is given */
    bool full_speed_only; /* knows no rate */
    bool pipelined;       /* more than one request outstanding */
    bool once;            /* the transport does not matter: the first one alone */
    bool local;           /* asks no server */
    uint32_t items[6];    /* when --items is not given; ends with 0 */
    uint32_t items_most;
    uint32_t levels; /* bits 1 << enum level */
    /* Adds the contenders and starts the other sides. -1, or an exit code with the reason said. */
    int (*make)(struct row *row);
};
extern const struct scenario scenarios[];
extern const size_t scenario_count;
bool scenario_has_level(const struct scenario *scenario, const bool *levels);

/* ---- the run ---- */

struct bench {
    const struct options *o;
    struct pins pins;
    double duration_s; /* of one contender in one row */
    uint32_t rounds;
    const char *spins[SPINS_MOST]; /* values of --spin; [0] NULL: not given */
    char spin_text[128];
    uint32_t spin_count;
    bool levels[4];               /* by enum level */
    struct pipc_context *context; /* of all transports, for what they are */
    char base[PATH_LEN];          /* directory of our own services */
    uint32_t dirs;                /* made in it so far */
    uint32_t rows_done, rows_all;
    bool header_printed;
};

/* A directory of its own for one service of this run, below the base. */
bool bench_dir(struct bench *bench, char *ret_path, size_t len);
/* Context for one contender: the row's transport alone, its spin, allocations counted into `c`. */
pipc_result bench_context(const struct row *row, struct contender *c,
                          struct pipc_context **ret_context, struct pipc_error *err);
/* Service of a row's scenario, and where it is: of our own, with a directory of its own, or with
 * --no-server that of somebody else. -1, or an exit code with the reason said. */
int bench_service(const struct row *row, const char **ret_service, char *ret_dir, size_t len);

/* ---- contenders of the scenarios ---- */

/* Raw exchanges of messages of these sizes. Chosen by the transport and by spin. */
int floor_add(struct row *row, const char *spin, size_t request_len, size_t response_len);
int floor_line_add(struct row *row, bool sleeps, size_t request_len, size_t response_len);
int floor_socket_add(struct row *row, bool sleeps, size_t request_len, size_t response_len);
/* Connects, exchanges the bytes of a handshake and closes. */
int floor_connect_add(struct row *row);
/* INCREMENT at level 1 and 2, `items` values in a message. */
enum increment_use { USE_CALLS, USE_CONNECT, USE_IDLE };
int increment_add(struct row *row, enum level level, const char *spin, uint32_t items,
                  enum increment_use use);
/* Payload of a message of so many values, both ways. */
uint32_t increment_len(uint32_t items);
/* Snapshots: the call alone (level 2), refresh of a cache (level 3), look-ups in it and in a bare
 * table with the same keys. */
int snapshot_add(struct row *row, enum level level, const char *spin);
int cache_add(struct row *row);
/* Logical lookups (level 2) of the scenario's kind. */
int lookup_add(struct row *row, const char *spin);
/* The lookup codec of the scenario's kind alone, with so many labels an item, and its floor. */
int codec_add(struct row *row, uint32_t label_count);
/* Bytes of the answer of a snapshot server with so many items. */
size_t snapshot_len(uint32_t items);

/* ---- output ---- */

void output_row(const struct row *row);
void output_skipped(const struct row *row, const char *reason);
void progress_show(const struct row *row, uint32_t round);
void progress_clear(void);

#endif
