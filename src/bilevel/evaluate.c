/* bilevel: evaluation of the learned best response at the current λ over a whole part of the data. */
#include "sizes.h"
#include "trainer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is in the batch, at the response to the current λ, or as the response predicts another one: then z = λ' − λ, of
 * an STN z = λ', in every row. */
static dstn_evaluation evaluate_batch(dstn_trainer *trainer) {
    dstn_objective objective = *trainer->method->evaluation;
    dstn_perturbation shift = {NULL, NULL};
    int64_t h = trainer->space->count;
    if (trainer->shift) {
        objective.kind = DSTN_PASS_RESPONSE;
        objective.input = trainer->method->centered ? DSTN_INPUT_EPSILON : DSTN_INPUT_LAMBDA;
        objective.perturbed = true;
        shift.epsilon = trainer->epsilon;
        for (int64_t b = 0; b < trainer->batch.rows; b++) {
            memcpy(trainer->epsilon + b * h, trainer->shift, (size_t)h * sizeof *trainer->shift);
        }
    }
    return dstn_problem_evaluate(trainer->problem, &objective, &trainer->batch, shift, trainer->progress.step);
}

/* ---- examples ---------------------------------------------------------------------------------------------------- */

/* One piece of a part: rows first … first+rows-1. */
static dstn_evaluation evaluate_rows(dstn_trainer *trainer, dstn_part part, int64_t first, int64_t rows) {
    for (int64_t r = 0; r < rows; r++) {
        trainer->indices[r] = first + r;
    }
    dstn_batch_fill(&trainer->batch, trainer->dataset, trainer->kernel, part, trainer->indices, 1, rows, first,
                    trainer->dataset->rows[part], NULL);
    return evaluate_batch(trainer);
}

/* Pieces that are the same on any number of ranks, summed pairwise in their order. */
static void evaluate_in_order(dstn_trainer *trainer, dstn_part part, double sums[2]) {
    int64_t most = trainer->model->max_rows, rows = trainer->dataset->rows[part], first, count;
    int64_t pieces = (rows + most - 1) / most;
    double *table = dstn_alloc(2 * (size_t)pieces + 2, sizeof *table);
    dstn_group_share(trainer->group, pieces, &first, &count);
    for (int64_t p = first; p < first + count; p++) {
        int64_t rest = rows - p * most;
        dstn_evaluation piece = evaluate_rows(trainer, part, p * most, rest < most ? rest : most);
        table[2 * p] = piece.loss;
        table[2 * p + 1] = (double)piece.correct;
    }
    dstn_shards_sum(trainer->group, pieces, 2, table);
    sums[0] = table[0];
    sums[1] = table[1];
    free(table);
}

/* This rank's share of the part, as much at a time as a pass takes. */
static void evaluate_share(dstn_trainer *trainer, dstn_part part, double sums[2]) {
    int64_t first, count, most = trainer->model->max_rows;
    dstn_group_share(trainer->group, trainer->dataset->rows[part], &first, &count);
    for (int64_t done = 0; done < count; done += most) {
        dstn_evaluation piece = evaluate_rows(trainer, part, first + done, count - done < most ? count - done : most);
        sums[0] += piece.loss;
        sums[1] += (double)piece.correct;
    }
    dstn_group_sum(trainer->group, sums, 2);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

static int64_t streams_of(const dstn_trainer *trainer, dstn_part part) {
    return bilevel_streams_of(&trainer->settings, trainer->dataset, part, trainer->valid.batch);
}

/* Streams first … first+count-1 of the `total` that a part is read in, from their places `at` on, so many steps. */
typedef struct stream_piece {
    dstn_part part;
    int64_t total, first, count, at, steps;
} stream_piece;

/* Adds the sum of the losses, as a part of the mean over all words, and how many words were told rightly. */
static void evaluate_words(dstn_trainer *trainer, const stream_piece *piece, double sums[2]) {
    dstn_batch *batch = &trainer->batch;
    int64_t words = trainer->dataset->rows[piece->part], length;
    for (int64_t b = 0; b < piece->count; b++) {
        dstn_share_of(words, piece->total, piece->first + b, &trainer->indices[b], &length);
        trainer->indices[b] += piece->at;
    }
    batch->carried = piece->at > 0;
    batch->state_row = 0;
    dstn_batch_fill(batch, trainer->dataset, trainer->kernel, piece->part, trainer->indices, piece->steps, piece->count,
                    piece->first, piece->total, NULL);
    batch->stream = DSTN_STREAM_EVALUATION;
    dstn_evaluation evaluation = evaluate_batch(trainer);
    dstn_model_advance(trainer->model, DSTN_STREAM_EVALUATION);
    sums[0] += evaluation.loss * (double)(piece->total * piece->steps) / (double)words;
    sums[1] += (double)evaluation.correct;
}

/* To the ends of the streams, the first of which may be a word longer than the others. */
static void evaluate_streams(dstn_trainer *trainer, dstn_part part, int64_t first, int64_t count, double sums[2]) {
    int64_t words = trainer->dataset->rows[part], length = trainer->settings.length;
    int64_t total = streams_of(trainer, part), places = words / total;
    stream_piece piece = {.part = part, .total = total, .first = first, .count = count};
    for (piece.at = 0; piece.at < places && count > 0; piece.at += piece.steps) {
        piece.steps = bilevel_less(length, places - piece.at);
        evaluate_words(trainer, &piece, sums);
    }
    piece.count = bilevel_less(words % total - first, count);
    if (piece.count > 0) {
        piece.steps = 1;
        evaluate_words(trainer, &piece, sums);
    }
}

/* A shard's streams at a time, which are the same on any number of ranks; sums pairwise in their order. */
static void evaluate_streams_in_order(dstn_trainer *trainer, dstn_part part, double sums[2]) {
    int64_t shards = trainer->settings.shards, own, count;
    double *table = dstn_alloc(2 * (size_t)shards, sizeof *table);
    dstn_group_share(trainer->group, shards, &own, &count);
    for (int64_t s = own; s < own + count; s++) {
        int64_t first, streams;
        dstn_share_of(streams_of(trainer, part), shards, s, &first, &streams);
        table[2 * s] = table[2 * s + 1] = 0;
        evaluate_streams(trainer, part, first, streams, table + 2 * s);
    }
    dstn_shards_sum(trainer->group, shards, 2, table);
    sums[0] = table[0];
    sums[1] = table[1];
    free(table);
}

static void evaluate_share_of_streams(dstn_trainer *trainer, dstn_part part, double sums[2]) {
    int64_t first, count;
    dstn_group_share(trainer->group, streams_of(trainer, part), &first, &count);
    evaluate_streams(trainer, part, first, count, sums);
    dstn_group_sum(trainer->group, sums, 2);
}

/* ---- any part ---------------------------------------------------------------------------------------------------- */

typedef void part_evaluation(dstn_trainer *trainer, dstn_part part, double sums[2]);

void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy) {
    part_evaluation *const of_examples[] = {evaluate_share, evaluate_in_order}, *const of_text[] = {
                                                                                    evaluate_share_of_streams,
                                                                                    evaluate_streams_in_order};
    bool is_text = trainer->dataset->words > 0, in_order = trainer->settings.shards > 0;
    double sums[2] = {0, 0};
    bool was_shown = trainer->shows_average;
    dstn_phase before = dstn_profile_enter(DSTN_PHASE_EVALUATION);
    dstn_trainer_show_average(trainer, true);
    (is_text ? of_text : of_examples)[in_order](trainer, part, sums);
    dstn_trainer_show_average(trainer, was_shown);
    dstn_profile_leave(before);
    *loss = sums[0];
    bool counts = trainer->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    *accuracy = counts ? sums[1] / (double)trainer->dataset->rows[part] : NAN;
}

void dstn_trainer_predict(dstn_trainer *trainer, dstn_part part, const double *shift, double *loss, double *accuracy) {
    trainer->shift = shift;
    dstn_trainer_evaluate(trainer, part, loss, accuracy);
    trainer->shift = NULL;
}
