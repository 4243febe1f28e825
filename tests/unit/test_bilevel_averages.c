/* bilevel: averages of the weights: what is evaluated, while training knows nothing of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text_world.h"

static dstn_status see_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self, (void)trainer, (void)err;
    return DSTN_OK;
}

static void hear_gradient(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)self, (void)trainer, (void)gradient;
}

enum { EPOCHS = 9, MOST_STEPS = 5 * EPOCHS };

/* General weights after every step, and validation losses. */
typedef struct history {
    const text_world *w;
    double *weights[MOST_STEPS];
    double losses[EPOCHS];
    int steps, epochs;
} history;

static void keep_weights(void *self, dstn_trainer *trainer) {
    history *h = self;
    if (dstn_trainer_progress(trainer)->step > h->steps) {
        size_t bytes = (size_t)h->w->model->count[0] * sizeof(double);
        h->weights[h->steps] = dstn_alloc(bytes, 1);
        memcpy(h->weights[h->steps++], h->w->model->value[0], bytes);
    }
}

static void hear_no_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)self, (void)trainer, (void)evaluation;
}

static dstn_status keep_loss(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    history *h = self;
    h->losses[h->epochs++] = dstn_trainer_last_epoch(trainer)->loss[DSTN_PART_VALID];
    return DSTN_OK;
}

static void run(text_world *w, const text_plan *plan, history *h) {
    *h = (history){.w = w};
    text_must_build(w, plan);
    const dstn_listener listener = {h, hear_no_pass, hear_gradient, keep_weights};
    const dstn_observer observer = {h, see_step, dstn_observer_ignore, keep_loss};
    dstn_trainer_set_listener(w->trainer, &listener);
    assert_int_equal(dstn_trainer_run(w->trainer, &observer, 1, &w->err), DSTN_OK);
}

static void forget(history *h) {
    for (int i = 0; i < h->steps; i++) {
        free(h->weights[i]);
    }
    text_tear_down((text_world *)h->w);
}

/* The epoch after which averaging begins: its loss is above that of an epoch before the last. */
static int first_risen(const history *h) {
    double least = INFINITY;
    for (int e = 2; e < h->epochs; e++) {
        least = fmin(least, h->losses[e - 2]);
        if (h->losses[e] > least) {
            return e + 1;
        }
    }
    return h->epochs;
}

/* Training is as without, evaluations are of the mean. */
static void check_average(int method) {
    text_plan plan = text_plan_of(method);
    plan.train.epochs = EPOCHS;
    plan.optimizer = "{rate: 6}";
    text_world w, v;
    history with, without;
    run(&v, &plan, &without);
    plan.optimizer = "{rate: 6, average_after: 1}";
    run(&w, &plan, &with);
    int64_t count = w.model->count[0];
    assert_memory_equal(w.model->value[0], v.model->value[0], (size_t)count * sizeof(double));
    assert_true(method == TEXT_FIXED || w.space->lambda[0] == v.space->lambda[0]);
    int from = 5 * first_risen(&with);
    assert_true(from < with.steps - 5);
    dstn_trainer_show_average(w.trainer, true);
    for (int64_t i = 0; i < count; i++) {
        double mean = 0, shown = ((const double *)w.model->value[0])[i];
        for (int s = from; s < with.steps; s++) {
            mean += with.weights[s][i] / (double)(with.steps - from);
        }
        assert_true(fabs(shown - mean) <= 1e-12 * (1 + fabs(mean)));
    }
    if (method != TEXT_STN) { /* whose weights are those at z = λ */
        text_check_part(&w, DSTN_PART_VALID, TEXT_VALID_BATCH);
        dstn_trainer_show_average(w.trainer, false);
        double loss, accuracy, own;
        dstn_trainer_evaluate(w.trainer, DSTN_PART_VALID, &loss, &accuracy);
        dstn_trainer_evaluate(v.trainer, DSTN_PART_VALID, &own, &accuracy);
        assert_true(loss == with.losses[EPOCHS - 1] && loss != own);
    }
    forget(&with);
    forget(&without);
}

static void evaluations_are_of_the_average_and_training_is_not(void **state) {
    (void)state;
    check_average(TEXT_FIXED);
    check_average(TEXT_DELTA_STN);
    check_average(TEXT_STN);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluations_are_of_the_average_and_training_is_not),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? DSTN_ERROR_RUN : DSTN_OK);
}
