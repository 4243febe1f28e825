/* bilevel: evaluation of the learned best response at the current λ over a whole part of the data. */
#include "trainer.h"

#include <math.h>

/* One piece of a part: rows first … first+rows-1. */
static dstn_evaluation evaluate_rows(dstn_trainer *trainer, dstn_part part, int64_t first, int64_t rows) {
    for (int64_t r = 0; r < rows; r++) {
        trainer->indices[r] = first + r;
    }
    dstn_batch_fill(&trainer->batch, trainer->dataset, trainer->kernel, part, trainer->indices, rows, first,
                    trainer->dataset->rows[part], NULL);
    const dstn_perturbation none = {NULL, NULL};
    return dstn_problem_evaluate(trainer->problem, trainer->method->evaluation, &trainer->batch, none,
                                 trainer->progress.step);
}

void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy) {
    int64_t first, count, most = trainer->model->max_rows;
    dstn_group_share(trainer->group, trainer->dataset->rows[part], &first, &count);
    double sums[2] = {0, 0};
    for (int64_t done = 0; done < count; done += most) {
        dstn_evaluation piece = evaluate_rows(trainer, part, first + done, count - done < most ? count - done : most);
        sums[0] += piece.loss;
        sums[1] += (double)piece.correct;
    }
    dstn_group_sum(trainer->group, sums, 2);
    *loss = sums[0];
    bool counts = trainer->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    *accuracy = counts ? sums[1] / (double)trainer->dataset->rows[part] : NAN;
}
