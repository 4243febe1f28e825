/* bilevel: averages of the weights, which stand in their place while whole parts are evaluated. Ranks of a node have
 * the weights in common, and each the average of its own slices: they are exchanged in place, and the slices go to the
 * other nodes as after an update. */
#include "trainer.h"

#include <string.h>

dstn_status bilevel_plan_average(dstn_trainer *trainer, dstn_error *err) {
    int64_t after = dstn_optimizer_average_after(trainer->weights[DSTN_RANGE_GENERAL]);
    if (trainer->lambda && dstn_optimizer_average_after(trainer->lambda) > 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "hyper_optimizer.average_after: hyperparameters are not averaged; accepted: 0, and "
                         "optimizer.average_after for the weights");
    }
    trainer->averaging = after > 0 ? dstn_averaging_new(after) : NULL;
    return DSTN_OK;
}

void bilevel_end_epoch_of_average(dstn_trainer *trainer, double valid_loss) {
    if (trainer->averaging && dstn_averaging_is_due(trainer->averaging, valid_loss)) {
        for (int r = 0; r < DSTN_RANGES; r++) {
            dstn_optimizer_begin_average(trainer->weights[r]);
        }
    }
}

static void exchange(char *a, char *b, size_t bytes) {
    char held[4096];
    for (size_t at = 0; at < bytes; at += sizeof held) {
        size_t size = bytes - at < sizeof held ? bytes - at : sizeof held;
        memcpy(held, a + at, size);
        memcpy(a + at, b + at, size);
        memcpy(b + at, held, size);
    }
}

static void exchange_range(dstn_trainer *trainer, int range) {
    const dstn_reducer *reducer = dstn_problem_reducer(trainer->problem, (dstn_range)range);
    char *weights = trainer->model->value[range], *average = dstn_optimizer_average(trainer->weights[range]);
    size_t size = trainer->kernel->size;
    int64_t first, count;
    if (!average) {
        return;
    }
    for (int64_t i = 0; dstn_reducer_slice(reducer, i, &first, &count); i++) {
        exchange(weights + (size_t)first * size, average + (size_t)first * size, (size_t)count * size);
    }
    dstn_reducer_spread(reducer, weights);
}

bool dstn_trainer_averages(const dstn_trainer *trainer) {
    return trainer->averaging != NULL;
}

void dstn_trainer_show_average(dstn_trainer *trainer, bool shown) {
    if (!trainer->averaging || trainer->shows_average == shown) {
        return;
    }
    trainer->shows_average = shown;
    dstn_shared_arrive(trainer->shared); /* nobody reads weights any more */
    dstn_shared_await(trainer->shared);
    for (int r = 0; r < DSTN_RANGES; r++) {
        exchange_range(trainer, r);
    }
    dstn_shared_arrive(trainer->shared);
    dstn_shared_await(trainer->shared);
}
