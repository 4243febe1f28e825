/* bilevel: a text in streams: what batches go on from, lengths, and the evaluation of whole parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "text_world.h"

static const double *kept(const text_world *w, int stream) {
    return w->model->layers[0]->states[0].value[stream];
}

static void check_states(const text_world *w, dstn_part part, int64_t batch, int64_t places) {
    double want[TEXT_BATCH * TEXT_WIDTH];
    text_states(w->dataset, part, batch, places, want);
    assert_memory_equal(kept(w, part), want, (size_t)batch * TEXT_WIDTH * sizeof(double));
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* 25 places a stream, 5 pieces an epoch; 20 places and 4 pieces of the validation part. */
static void check_pieces(int method, int64_t shards) {
    text_plan plan = text_plan_of(method);
    text_world w;
    plan.train.shards = shards;
    text_must_build(&w, &plan);
    for (int64_t step = 0; step < 11; step++) {
        dstn_trainer_train_step(w.trainer);
        check_states(&w, DSTN_PART_TRAIN, TEXT_BATCH, (step % 5 + 1) * TEXT_LENGTH);
        if (method != TEXT_FIXED) {
            dstn_trainer_hyper_step(w.trainer);
            check_states(&w, DSTN_PART_VALID, TEXT_VALID_BATCH, (step % 4 + 1) * TEXT_LENGTH);
        }
    }
    text_tear_down(&w);
}

static void streams_go_on_from_batch_to_batch_and_begin_anew_with_the_epoch(void **state) {
    (void)state;
    check_pieces(TEXT_FIXED, 0);
    check_pieces(TEXT_STN, 0);
    check_pieces(TEXT_DELTA_STN, 0);
}

static void every_shard_goes_on_from_its_own_rows(void **state) {
    (void)state;
    check_pieces(TEXT_STN, 3);
    check_pieces(TEXT_DELTA_STN, 2);
}

/* w ← w − α T/length ∇. */
static void the_rate_follows_the_length_that_was_drawn(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    plan.train.vary_length = true;
    plan.train.length = 12;
    text_world w;
    text_must_build(&w, &plan);
    const dstn_sampler_request request = {
        .rng = {4, DSTN_PURPOSE_ORDER}, .rows = 103, .batch = TEXT_BATCH, .length = 12, .varies = true};
    dstn_sampler *sampler = dstn_sampler_new(&request);
    int64_t count = w.model->count[DSTN_RANGE_GENERAL], others = 0;
    double *before = dstn_alloc((size_t)count, sizeof *before), rate;
    for (int step = 0; step < 8; step++) {
        const double *weights = w.model->value[DSTN_RANGE_GENERAL], *gradient = w.model->gradient[DSTN_RANGE_GENERAL];
        memcpy(before, weights, (size_t)count * sizeof *before);
        dstn_trainer_train_step(w.trainer);
        int64_t steps = dstn_sampler_next(sampler).steps;
        rate = 0.5 * (double)steps / 12;
        others += steps != 12;
        for (int64_t i = 0; i < count; i++) {
            assert_true(fabs(weights[i] - (before[i] - rate * gradient[i])) <= 1e-15);
        }
    }
    assert_true(others > 2);
    dstn_sampler_destroy(sampler);
    free(before);
    text_tear_down(&w);
}

static void epochs_are_counted_by_the_batches_that_they_have(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    text_world w;
    text_must_build(&w, &plan);
    assert_int_equal(dstn_trainer_progress(w.trainer)->steps, 4 * 5);
    assert_int_equal(dstn_trainer_steps(w.trainer, 3), 15);
    assert_true(dstn_trainer_epochs(w.trainer, 7) == 1.4);
    text_tear_down(&w);
    plan.train.vary_length = true;
    text_must_build(&w, &plan);
    int64_t two = dstn_trainer_steps(w.trainer, 2), three = dstn_trainer_steps(w.trainer, 3);
    assert_true(dstn_trainer_epochs(w.trainer, two) == 2 && dstn_trainer_epochs(w.trainer, three) == 3);
    double within = dstn_trainer_epochs(w.trainer, two + 1);
    assert_true(fabs(within - (2 + 1 / (double)(three - two))) < 1e-15);
    text_tear_down(&w);
}

/* ---- whole parts ------------------------------------------------------------------------------------------------- */

/* 61 = 3·20 + 1 places of validation in pieces of 5, and of 7, which don't divide them; 38 = 3·12 + 2 of the test. */
static void every_word_of_a_part_is_told_once(void **state) {
    (void)state;
    const int64_t lengths[] = {5, 7, 1}, shards[] = {0, 2, 3};
    for (int i = 0; i < 3; i++) {
        text_plan plan = text_plan_of(TEXT_DELTA_STN);
        plan.train.length = lengths[i];
        plan.train.shards = shards[i];
        text_world w;
        text_must_build(&w, &plan);
        for (int step = 0; step < 3; step++) {
            dstn_trainer_train_step(w.trainer);
        }
        text_check_part(&w, DSTN_PART_VALID, TEXT_VALID_BATCH);
        text_check_part(&w, DSTN_PART_TEST, TEXT_VALID_BATCH);
        text_tear_down(&w);
    }
}

/* Fewer words than a piece, and two pieces: each stream is a piece at least, since it begins from nothing. */
static void short_parts_are_evaluated_in_few_streams(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    plan.rows[DSTN_PART_VALID] = 4;
    plan.rows[DSTN_PART_TEST] = 11;
    text_world w;
    text_must_build(&w, &plan);
    text_check_part(&w, DSTN_PART_VALID, 1);
    text_check_part(&w, DSTN_PART_TEST, 2);
    text_tear_down(&w);
    plan.train.valid_batch = 0;
    text_must_build(&w, &plan);
    text_check_part(&w, DSTN_PART_VALID, 1);
    text_tear_down(&w);
}

static void an_evaluation_leaves_what_steps_go_on_from(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_STN);
    text_world w, v;
    double loss, accuracy;
    text_must_build(&w, &plan);
    text_must_build(&v, &plan);
    for (int step = 0; step < 3; step++) {
        dstn_trainer_train_step(w.trainer);
        dstn_trainer_train_step(v.trainer);
        dstn_trainer_hyper_step(w.trainer);
        dstn_trainer_hyper_step(v.trainer);
        dstn_trainer_evaluate(w.trainer, DSTN_PART_VALID, &loss, &accuracy);
        check_states(&w, DSTN_PART_TRAIN, TEXT_BATCH, (step + 1) * TEXT_LENGTH);
        check_states(&w, DSTN_PART_VALID, TEXT_VALID_BATCH, (step + 1) * TEXT_LENGTH);
    }
    for (int r = 0; r < DSTN_RANGES; r++) {
        assert_memory_equal(w.model->value[r], v.model->value[r], (size_t)w.model->count[r] * sizeof(double));
    }
    assert_true(w.space->lambda[0] == v.space->lambda[0]);
    text_tear_down(&w);
    text_tear_down(&v);
}

/* ---- epochs ------------------------------------------------------------------------------------------------------ */

/* Steps' losses without penalties, a word counting as much as any other. */
typedef struct witness {
    double losses, words;
    int64_t epochs;
} witness;

static dstn_status see_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self, (void)trainer, (void)err;
    return DSTN_OK;
}

static dstn_status see_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    witness *seen = self;
    const dstn_epoch *epoch = dstn_trainer_last_epoch(trainer);
    assert_true(epoch->perplexity[DSTN_PART_VALID] == exp(epoch->loss[DSTN_PART_VALID]));
    assert_true(epoch->perplexity[DSTN_PART_TEST] == exp(epoch->loss[DSTN_PART_TEST]));
    double want = exp(seen->losses / seen->words), got = epoch->perplexity[DSTN_PART_TRAIN];
    assert_true(fabs(got - want) <= 1e-12 * want);
    seen->epochs++;
    seen->losses = seen->words = 0;
    return DSTN_OK;
}

static void hear_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)trainer;
    witness *seen = self;
    if (evaluation->objective->part == DSTN_PART_TRAIN && evaluation->objective->tracks_statistics) {
        assert_true(evaluation->penalty > 0.01);
        seen->losses += (double)evaluation->batch->steps * evaluation->loss;
        seen->words += (double)evaluation->batch->steps;
    }
}

static void hear_gradient(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)self, (void)trainer, (void)gradient;
}

static void hear_update(void *self, dstn_trainer *trainer) {
    (void)self, (void)trainer;
}

static void perplexities_are_of_words_without_penalties(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_DELTA_STN);
    plan.train.vary_length = true;
    plan.train.epochs = 2;
    plan.regularizers = "{l2: {strength: 5, penalty_over_n: false}}";
    text_world w;
    witness seen = {0};
    const dstn_listener listener = {&seen, hear_pass, hear_gradient, hear_update};
    const dstn_observer observer = {&seen, see_step, dstn_observer_ignore, see_epoch};
    text_must_build(&w, &plan);
    dstn_trainer_set_listener(w.trainer, &listener);
    assert_int_equal(dstn_trainer_run(w.trainer, &observer, 1, &w.err), DSTN_OK);
    assert_int_equal(seen.epochs, 2);
    text_tear_down(&w);
}

/* With shards the same from the shards' sums. */
static void the_fit_is_the_loss_alone_in_shards_too(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_STN);
    plan.regularizers = "{l2: {strength: 5, penalty_over_n: false}}";
    double fits[2], losses[2];
    for (int i = 0; i < 2; i++) {
        text_world w;
        plan.train.shards = i == 0 ? 0 : 3;
        text_must_build(&w, &plan);
        dstn_trainer_train_step(w.trainer);
        fits[i] = dstn_trainer_progress(w.trainer)->fit;
        losses[i] = dstn_trainer_progress(w.trainer)->train_loss;
        text_tear_down(&w);
    }
    assert_true(fits[0] > 0 && fits[0] < losses[0] - 0.01);
    assert_true(fabs(fits[0] - fits[1]) < 1e-12 && fabs(losses[0] - losses[1]) < 1e-12);
}

static void training_ends_with_the_epoch_that_brings_the_rate_below(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    plan.optimizer = "{rate: 0.5, schedule: step, milestones: [1, 2, 3], factor: 0.1}";
    plan.train.stop_below_rate = 0.01;
    text_world w;
    text_must_build(&w, &plan);
    const dstn_progress *progress = dstn_trainer_progress(w.trainer);
    for (int launch = 0; launch < 2; launch++) {
        assert_int_equal(dstn_trainer_run(w.trainer, NULL, 0, &w.err), DSTN_OK);
        assert_int_equal(progress->step, 2 * 5);
        assert_int_equal(progress->steps, 4 * 5);
        assert_true(dstn_trainer_is_over(w.trainer));
    }
    text_tear_down(&w);
    plan.train.stop_below_rate = 0.005; /* which the rate comes down to, and no lower than */
    text_must_build(&w, &plan);
    assert_int_equal(dstn_trainer_run(w.trainer, NULL, 0, &w.err), DSTN_OK);
    assert_int_equal(dstn_trainer_progress(w.trainer)->step, 3 * 5);
    text_tear_down(&w);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void check_refused(text_plan plan, const char *const words[3]) {
    text_world w;
    text_build(&w, &plan, dstn_group_self());
    assert_int_equal(w.status, DSTN_ERROR_USAGE);
    for (int i = 0; i < 3; i++) {
        if (!strstr(w.err.message, words[i])) {
            fail_msg("\"%s\" is not in: %s", words[i], w.err.message);
        }
    }
    text_tear_down(&w);
}

static void texts_shorter_than_a_batch_are_refused_with_numbers(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_DELTA_STN);
    plan.train.batch = 21; /* 105 words */
    check_refused(plan, (const char *const[3]){"train.batch", "105", "103"});
    plan = text_plan_of(TEXT_DELTA_STN);
    plan.train.valid_batch = 13;
    check_refused(plan, (const char *const[3]){"train.valid_batch", "65", "61"});
    plan.train.valid_batch = 0;
    plan.rows[DSTN_PART_VALID] = 4;
    check_refused(plan, (const char *const[3]){"train.batch", "validation", "a longer text"});
    plan = text_plan_of(TEXT_DELTA_STN);
    plan.train.vary_length = true;
    plan.train.iterations = 0;
    plan.train.epochs = 1000000000;
    check_refused(plan, (const char *const[3]){"train.epochs: 1000000000", "train.vary_length", "accepted: up to "});
    plan.train.epochs = 1;
    plan.train.warmup_epochs = 1000000000;
    check_refused(plan, (const char *const[3]){"train.warmup_epochs: 1000000000", "vary", "accepted: up to "});
    plan = text_plan_of(TEXT_DELTA_STN);
    plan.train.samples = 2;
    check_refused(plan, (const char *const[3]){"train.samples: 2", "state", "accepted: 1"});
}

static void a_rate_that_ends_training_before_it_begins_is_refused(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    plan.train.stop_below_rate = 0.6;
    check_refused(plan, (const char *const[3]){"train.stop_below_rate", "0.6", "0.5"});
}

static void a_batch_may_have_all_of_a_text(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_DELTA_STN);
    plan.rows[DSTN_PART_TRAIN] = 20;
    plan.rows[DSTN_PART_VALID] = 15;
    text_world w;
    text_must_build(&w, &plan);
    assert_int_equal(dstn_trainer_progress(w.trainer)->steps, 4);
    dstn_trainer_train_step(w.trainer);
    dstn_trainer_hyper_step(w.trainer);
    dstn_trainer_train_step(w.trainer);
    check_states(&w, DSTN_PART_TRAIN, TEXT_BATCH, TEXT_LENGTH);
    text_tear_down(&w);
}

static void a_steps_operations_are_those_of_all_its_words(void **state) {
    (void)state;
    text_plan plan = text_plan_of(TEXT_FIXED);
    double flops[2];
    for (int i = 0; i < 2; i++) {
        text_world w;
        plan.train.length = i == 0 ? 5 : 10;
        text_must_build(&w, &plan);
        flops[i] = dstn_trainer_step_flops(w.trainer);
        text_tear_down(&w);
    }
    assert_true(flops[0] > 0 && flops[1] == 2 * flops[0]);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_go_on_from_batch_to_batch_and_begin_anew_with_the_epoch),
        cmocka_unit_test(every_shard_goes_on_from_its_own_rows),
        cmocka_unit_test(the_rate_follows_the_length_that_was_drawn),
        cmocka_unit_test(epochs_are_counted_by_the_batches_that_they_have),
        cmocka_unit_test(every_word_of_a_part_is_told_once),
        cmocka_unit_test(short_parts_are_evaluated_in_few_streams),
        cmocka_unit_test(an_evaluation_leaves_what_steps_go_on_from),
        cmocka_unit_test(perplexities_are_of_words_without_penalties),
        cmocka_unit_test(the_fit_is_the_loss_alone_in_shards_too),
        cmocka_unit_test(training_ends_with_the_epoch_that_brings_the_rate_below),
        cmocka_unit_test(a_rate_that_ends_training_before_it_begins_is_refused),
        cmocka_unit_test(texts_shorter_than_a_batch_are_refused_with_numbers),
        cmocka_unit_test(a_batch_may_have_all_of_a_text),
        cmocka_unit_test(a_steps_operations_are_those_of_all_its_words),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? DSTN_ERROR_RUN : DSTN_OK);
}
