/* What augmentation takes of a training step: the batches of its objectives are filled as the trainer does it, with and
 * without. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

enum { ROUNDS = 25 };

/* This rank's rows of a step, and room for them. */
typedef struct fill_room {
    dstn_sampling sampling;
    int64_t first, rows;
    dstn_batch batch;
    int64_t *indices;                 /* [rows] */
    double *noise, *epsilon, *values; /* [rows, h] */
} fill_room;

static void take_room(const tools_bench *bench, dstn_arena *arena, fill_room *room) {
    const dstn_train_settings *train = &bench->train;
    room->sampling = (dstn_sampling){train->batch, train->samples, train->antithetic};
    dstn_group_share(bench->group, dstn_sampling_rows(room->sampling), &room->first, &room->rows);
    size_t rows = (size_t)room->rows, values = rows * (size_t)bench->space->count;
    room->indices = dstn_alloc(rows + 1, sizeof(int64_t));
    room->noise = dstn_alloc(3 * values + 1, sizeof(double));
    room->epsilon = room->noise + values;
    room->values = room->epsilon + values;
    for (int64_t r = 0; r < room->rows; r++) {
        room->indices[r] = (room->first + r) % train->batch;
    }
    if (!dstn_batch_bind(&room->batch, bench->dataset, bench->kernel, room->rows, 1, arena)) {
        room->rows = 0;
    }
}

static void fill(const tools_bench *bench, fill_room *room, const dstn_augmenting *augmenting) {
    dstn_batch_fill(&room->batch, bench->dataset, bench->kernel, DSTN_PART_TRAIN, room->indices, 1, room->rows,
                    room->first, dstn_sampling_rows(room->sampling), augmenting);
}

/* Objectives share a batch that isn't augmented. */
static double time_step(const tools_bench *bench, fill_room *room, int step) {
    dstn_rng noise = {0, DSTN_PURPOSE_NOISE};
    dstn_augmenting augmenting = {.augment = bench->augment,
                                  .rng = {0, DSTN_PURPOSE_AUGMENTATION},
                                  .step = (uint64_t)step,
                                  .values = room->values,
                                  .hypers = bench->space->count};
    dstn_space_sample_noise(bench->space, noise, (uint64_t)step, room->sampling, room->first, room->rows, room->noise);
    dstn_space_perturbation(bench->space, room->noise, room->rows, room->epsilon);
    room->batch.drawn_rows = dstn_sampling_drawn(room->sampling);
    double start = dstn_seconds();
    fill(bench, room, NULL);
    double plain = dstn_seconds() - start;
    start = dstn_seconds();
    for (int p = 0; bench->method->train[p]; p++) {
        const double *epsilon = bench->method->train[p]->perturbed ? room->epsilon : NULL;
        dstn_space_values(bench->space, epsilon, room->rows, room->values);
        fill(bench, room, &augmenting);
    }
    return dstn_seconds() - start - plain;
}

double tools_bench_measure_augment(const tools_bench *bench) {
    if (!bench->job) {
        return NAN;
    }
    double seconds[ROUNDS], mean = 0;
    if (!dstn_augment_is_empty(bench->augment)) {
        fill_room room = {.rows = 0};
        dstn_arena *arena = dstn_arena_new();
        take_room(bench, arena, &room);
        for (int round = 0; round < ROUNDS; round++) {
            seconds[round] = time_step(bench, &room, round);
        }
        mean = tools_bench_spread_of(seconds, ROUNDS).median / dstn_group_size(bench->group);
        free(room.indices);
        free(room.noise);
        dstn_arena_destroy(arena);
    }
    dstn_group_sum(bench->group, &mean, 1);
    return mean;
}
