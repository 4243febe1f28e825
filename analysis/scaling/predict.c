/* Predicts the seconds of a training step on a cluster: the sums of src/ranks, as they are, over simulated ranks
 * (SMPI), between which computation takes the seconds that were measured on a real core.
 *
 * What is code: the messages between nodes, bucket by bucket, and all that starts and awaits them (reducer.c and
 * slices.c), in the order of bilevel's Δ-STN step, and the sum of the losses over all ranks. What is model: passes
 * (seconds of an objective, measured, shared out over layers by their products), and what the ranks of one node do in
 * its shared memory, whose flags a simulation can't spin on: a slice's sum over the node's ranks and its update take
 * measured seconds a byte. All ranks are equally fast, and processors of a node don't slow each other down.
 *
 * Ranks with the same number in their nodes exchange slices, so they are a group of one rank a node here: rank
 * r · nodes + n of the world is rank r of node n. To follow every message of a thousand ranks takes hours: where SLICES
 * is less than the ranks of a node, that many simulated ranks have all messages of the node, which are then fewer and
 * larger; the bytes through a node's link are the same.
 *
 *   predict NODES RANKS SLICES BUCKET SUM UPDATE STEPS general FORWARD [ELEMENTS BACKWARD]... response FORWARD ...
 * BUCKET: bytes of a bucket for each node, 1048576 in reducer.c; SUM, UPDATE: seconds a byte read or written in a sum,
 * seconds a byte of weights updated; then of each objective the seconds of its forward pass, and of its layers, from
 * the first, the weights and the seconds of the backward pass. Prints seconds a step. */
#include "dstn/ranks.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 32, OBJECTIVES = 2, ELEMENT = sizeof(float) };

typedef struct layer {
    double elements, backward;
} layer;

typedef struct objective {
    double forward;
    layer layers[MOST_LAYERS];
    int layer_count;
    double elements; /* of all layers */
    dstn_reducer *reducer;
    void *array; /* gradient, weights and moments, of which no element is looked at */
} objective;

typedef struct simulation {
    int nodes, ranks, slices; /* the last two of a node */
    size_t bucket;
    double sum, renewal; /* seconds a byte */
    int steps;
    objective objectives[OBJECTIVES];
    dstn_group *world, *peers;
    dstn_shared *shared;
} simulation;

/* ---- computation ------------------------------------------------------------------------------------------------- */

static double owed; /* seconds of sums that a reducer has made since they were last taken */
static double seconds_a_byte, seconds_an_added_byte;

static void add(const dstn_kernel *kernel, int64_t n, double a, const void *x, void *y) {
    (void)a;
    (void)x;
    (void)y;
    owed += (double)n * (double)kernel->size * seconds_an_added_byte;
}

static void copy(const dstn_kernel *kernel, int64_t n, const void *x, void *y) {
    (void)x;
    (void)y;
    owed += 2 * (double)n * (double)kernel->size * seconds_a_byte;
}

static void compute(double seconds) {
    seconds += owed;
    owed = 0;
    if (seconds > 0) {
        smpi_execute(seconds);
    }
}

/* ---- a step ------------------------------------------------------------------------------------------------------ */

/* What is filled of a range when a layer is done; the reducer's range is one rank's part of it. */
static int64_t offset_of(const simulation *s, const objective *o, int layer) {
    double before = 0;
    for (int l = 0; l < layer; l++) {
        before += o->layers[l].elements;
    }
    return (int64_t)(before / s->slices);
}

/* As dstn_problem_evaluate: the reducers of both objectives go on whenever something is ready. */
static void evaluate(simulation *s, objective *o) {
    compute(o->forward);
    for (int l = o->layer_count - 1; l >= 0; l--) {
        double bytes = o->layers[l].elements * ELEMENT;
        /* Every rank's gradient of this slice is read, the sum is written. */
        compute(o->layers[l].backward + (s->ranks > 1 ? (s->ranks + 1) * bytes / s->ranks * s->sum : 0));
        dstn_reducer_ready(o->reducer, offset_of(s, o, l));
        for (int i = 0; i < OBJECTIVES; i++) {
            dstn_reducer_advance(s->objectives[i].reducer);
        }
    }
}

/* As update_slices of src/bilevel/steps.c. */
static void update(simulation *s, objective *o) {
    int64_t first, count;
    for (int64_t i = 0; dstn_reducer_slice(o->reducer, i, &first, &count); i++) {
        compute((double)count * ELEMENT * s->slices / s->ranks * s->renewal);
        dstn_reducer_spread_slice(o->reducer, i, o->array);
    }
}

static void train_step(simulation *s) {
    double losses[OBJECTIVES] = {0};
    for (int i = 0; i < OBJECTIVES; i++) {
        evaluate(s, &s->objectives[i]);
    }
    for (int i = 0; i < OBJECTIVES; i++) {
        dstn_reducer_finish(s->objectives[i].reducer);
    }
    for (int i = 0; i < OBJECTIVES; i++) {
        update(s, &s->objectives[i]);
    }
    for (int i = 0; i < OBJECTIVES; i++) {
        dstn_reducer_await_spread(s->objectives[i].reducer);
    }
    dstn_group_sum(s->world, losses, OBJECTIVES);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void read_objectives(simulation *s, int argc, char **argv) {
    int at = 8;
    for (int i = 0; i < OBJECTIVES && at + 1 < argc; i++) {
        objective *o = &s->objectives[i];
        o->forward = atof(argv[at + 1]);
        for (at += 2; at + 1 < argc && argv[at][0] != 'r'; at += 2) {
            o->layers[o->layer_count++] = (layer){atof(argv[at]), atof(argv[at + 1])};
            o->elements += atof(argv[at]);
        }
    }
}

static bool make(simulation *s, const dstn_kernel *kernel) {
    dstn_error err;
    const dstn_shared_request request = {.most_ranks = 1};
    s->world = dstn_group_world();
    if (dstn_group_split(s->world, s->nodes, &s->peers, &err) != DSTN_OK ||
        dstn_shared_new(s->peers, &request, &s->shared, &err) != DSTN_OK) {
        fprintf(stderr, "predict: %s\n", err.message);
        return false;
    }
    for (int i = 0; i < OBJECTIVES; i++) {
        objective *o = &s->objectives[i];
        int64_t count = (int64_t)(o->elements / s->slices) + 1;
        o->array = SMPI_SHARED_MALLOC((size_t)count * ELEMENT);
        o->reducer =
            dstn_reducer_new(s->shared, kernel, count, &o->array, 0, s->bucket * (size_t)s->nodes / (size_t)s->slices);
    }
    return true;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    simulation s = {.nodes = atoi(argv[1]),
                    .ranks = atoi(argv[2]),
                    .slices = atoi(argv[3]),
                    .bucket = (size_t)atol(argv[4]),
                    .sum = atof(argv[5]),
                    .renewal = atof(argv[6]),
                    .steps = atoi(argv[7])};
    const dstn_kernel kernel = {.size = ELEMENT, .axpy = add, .copy = copy};
    seconds_a_byte = s.sum * s.slices / s.ranks; /* a simulated rank adds what several would at the same time */
    /* Parts of all nodes are read and one is written, in nodes − 1 additions. */
    seconds_an_added_byte = s.nodes > 1 ? seconds_a_byte * (s.nodes + 1) / (s.nodes - 1) : 0;
    read_objectives(&s, argc, argv);
    if (!make(&s, &kernel)) {
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    for (int step = 0; step < s.steps; step++) {
        train_step(&s);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (dstn_group_leads(s.world)) {
        printf("%.9g\n", (MPI_Wtime() - start) / s.steps);
    }
    MPI_Finalize();
    return 0;
}
