/* Evaluation of the learned best response at the current λ over a whole part of the data. */
#include "trainer.h"

#include <math.h>

/* One piece of a part: rows first … first+rows-1. Returns the mean's share of the loss. */
static double evaluate_rows(dstn_trainer *trainer, dstn_part part, int64_t first, int64_t rows, int64_t *correct) {
    dstn_model *model = trainer->model;
    for (int64_t r = 0; r < rows; r++) {
        trainer->indices[r] = first + r;
    }
    dstn_dataset_gather(trainer->dataset, part, trainer->indices, rows, trainer->kernel, trainer->x, trainer->targets,
                        trainer->labels);
    /* Not centred, the weights at λ are general + response at z = λ; centred, z = λ − λ_0 = 0. */
    bool at_lambda = trainer->method->tunes && !trainer->method->centered;
    dstn_share share = {part, NULL, trainer->dataset->rows[part], first, rows};
    dstn_pass pass = dstn_trainer_pass(trainer, &share, at_lambda ? DSTN_PASS_RESPONSE : DSTN_PASS_GENERAL, NULL);
    dstn_model_forward(model, &pass, trainer->x);
    return dstn_model_loss(model, &pass, trainer->targets, trainer->labels, correct);
}

void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy) {
    int64_t first, count, correct = 0;
    dstn_group_share(trainer->group, trainer->dataset->rows[part], &first, &count);
    double sums[2] = {0, 0};
    for (int64_t done = 0; done < count; done += trainer->model->max_rows) {
        int64_t rows = count - done < trainer->model->max_rows ? count - done : trainer->model->max_rows;
        sums[0] += evaluate_rows(trainer, part, first + done, rows, &correct);
    }
    sums[1] = (double)correct;
    dstn_group_sum(trainer->group, sums, 2);
    *loss = sums[0];
    bool counts = trainer->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    *accuracy = counts ? sums[1] / (double)trainer->dataset->rows[part] : NAN;
}
