/* bilevel: evaluation of the learned best response at the current λ over a whole part of the data. */
#include "trainer.h"

#include <math.h>
#include <stdlib.h>

/* One piece of a part: rows first … first+rows-1. */
static dstn_evaluation evaluate_rows(dstn_trainer *trainer, dstn_part part, int64_t first, int64_t rows) {
    for (int64_t r = 0; r < rows; r++) {
        trainer->indices[r] = first + r;
    }
    dstn_batch_fill(&trainer->batch, trainer->dataset, trainer->kernel, part, trainer->indices, 1, rows, first,
                    trainer->dataset->rows[part], NULL);
    const dstn_perturbation none = {NULL, NULL};
    return dstn_problem_evaluate(trainer->problem, trainer->method->evaluation, &trainer->batch, none,
                                 trainer->progress.step);
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

void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy) {
    double sums[2] = {0, 0};
    dstn_phase before = dstn_profile_enter(DSTN_PHASE_EVALUATION);
    (trainer->settings.shards > 0 ? evaluate_in_order : evaluate_share)(trainer, part, sums);
    dstn_profile_leave(before);
    *loss = sums[0];
    bool counts = trainer->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    *accuracy = counts ? sums[1] / (double)trainer->dataset->rows[part] : NAN;
}
