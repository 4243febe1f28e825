/* dstn bench, as its files share it. */
#ifndef TOOLS_BENCH_H
#define TOOLS_BENCH_H

#include "dstn/run.h"
#include "dstn/tools.h"

/* What is timed: a network on data of noise. */
typedef struct tools_bench {
    const dstn_group *group;
    const dstn_log *log; /* NULL: silent */
    const char *path;    /* of a model, or a config */
    dstn_job *job;       /* of a config, to which all that follows belongs then; NULL: of a model */
    dstn_doc *file, *setup;
    dstn_node optimizer, hyper_optimizer; /* of setup */
    const dstn_augment *augment;          /* NULL: none */
    const dstn_method *method;
    const dstn_kernel *kernel;
    dstn_train_settings train;
    dstn_space *space;
    dstn_model *model;
    dstn_dataset *dataset;
    dstn_trainer *trainer;
    int64_t rss_start; /* bytes that the process held before there were a model and a trainer, the data included */
} tools_bench;

/* Where no others are asked for. */
enum { TOOLS_BENCH_BATCH = 128 };
#define TOOLS_BENCH_METHOD "delta-stn"

/* What `request` asks for, on the ranks of bench->group; log and path are set, too. Collective over the group. To be
 * closed whatever comes of it. */
dstn_status tools_bench_open(tools_bench *bench, const dstn_bench_request *request, dstn_error *err);
void tools_bench_close(tools_bench *bench); /* by all ranks of the group together */

/* ---- the space: bench_space.c ---- */

/* One hyperparameter for every name that stands for a number in the file's layers, in the order of the file, and
 * `inert` ones that nothing uses. Owned by the caller. DSTN_ERROR_USAGE where a name can't be one. */
dstn_status tools_bench_space(dstn_node layers, int64_t inert, dstn_space **out, dstn_error *err);

/* ---- memory: bench_memory.c ---- */

/* Bytes; −1 where the system does not say. */
typedef struct tools_bench_memory {
    int64_t steps;     /* training steps after which it was read */
    int64_t hwm_after; /* the most that the process ever held */
    int64_t used;      /* hwm_after − rss_start */
    int64_t counted;   /* what model and trainer say they take */
} tools_bench_memory;

int64_t tools_bench_resident(void);
/* Takes steps of both kinds until no more memory is taken: 100 training steps, fewer where they are slow. What is left
 * in *seconds is a training step's time. Before anything else takes memory, since the mark is the process's highest. */
tools_bench_memory tools_bench_measure_memory(tools_bench *bench, double *seconds);

/* ---- time: bench_time.c ---- */

enum { TOOLS_BENCH_BLOCKS = 10 };

/* Of the blocks of one quantity. */
typedef struct tools_bench_spread {
    double low, quartile, median, upper_quartile, high;
} tools_bench_spread;

typedef struct tools_bench_times {
    int64_t steps;
    int blocks;
    tools_bench_spread step, hyper, ordinary; /* seconds a step; hyper: NAN where the method has none */
    tools_bench_spread peak;                  /* GFLOP/s, summed over the ranks */
    double augment;                           /* seconds of a step; NAN: of a model */
} tools_bench_times;

/* Training steps, hyperparameter steps, steps of the ordinary network and matrix products in alternating blocks, so
 * that what disturbs the machine disturbs all of them. `ordinary` is a trainer of method fixed on the same network. */
tools_bench_times tools_bench_measure_times(const tools_bench *bench, dstn_trainer *ordinary, int64_t steps);

tools_bench_spread tools_bench_spread_of(double *values, int count); /* which are sorted */

typedef void tools_bench_step(dstn_trainer *trainer);
/* Seconds of a step, from barrier to barrier of the group, after one that is not counted, which brings the weights back
 * into the caches. */
double tools_bench_time_block(const dstn_group *group, tools_bench_step *take, dstn_trainer *trainer, int64_t steps);

/* ---- augmentation: bench_augment.c ---- */

/* Seconds of a training step, the mean over the ranks: what the batches of its objectives take beyond the one batch
 * that there were without augmentation. NAN for a model, which has none. Collective. */
double tools_bench_measure_augment(const tools_bench *bench);

/* ---- what ranks move: bench_traffic.c ---- */

/* A training step's bytes, of all ranks together, and the fewest that there can be. */
typedef struct tools_bench_traffic {
    dstn_traffic step; /* its calls are those of one rank, on average */
    double fewest_added, fewest_sent;
} tools_bench_traffic;

/* Counts some training steps. A sum over r ranks that share memory reads r gradients and writes one; n hosts add n
 * parts of every slice and send 2 (n − 1) gradients in all, which is 2 (n − 1)/n for each. */
tools_bench_traffic tools_bench_measure_traffic(const tools_bench *bench);

/* ---- on some of the ranks: bench_scaling.c ---- */

/* dstn bench --scaling: the network on 1, 2, 4, … ranks of the world, the others asleep. */
dstn_status tools_bench_scaling(const dstn_console *console, const dstn_bench_request *request, dstn_error *err);

/* ---- the report: bench_report.c ---- */

/* Facts, one `name value` a line, or as members of one JSON object on one line. */
typedef struct tools_report {
    FILE *out;
    bool json;
    int count; /* printed so far */
} tools_report;

void tools_report_text(tools_report *report, const char *name, const char *text);
void tools_report_number(tools_report *report, const char *name, double value);
void tools_report_count(tools_report *report, const char *name, int64_t value);

void tools_bench_print(const tools_bench *bench, const tools_bench_memory *memory, const tools_bench_times *times,
                       const tools_bench_traffic *traffic, const dstn_trainer *ordinary, bool json, FILE *out);

#endif
