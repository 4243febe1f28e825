/* bilevel: the trainer: what it is made of, and its state. */
#include "shards.h"
#include "sizes.h"

#include <math.h>
#include <stdlib.h>

const dstn_option dstn_train_options[] = {
    DSTN_INT("iterations", dstn_train_settings, iterations, 0, 1e12, "0",
             "training steps; 0: as many as `epochs` makes", DSTN_MAY_DIFFER),
    DSTN_INT("epochs", dstn_train_settings, epochs, 0, 1e9, "0", "passes over the training part, where iterations is 0",
             DSTN_MAY_DIFFER),
    DSTN_INT("batch", dstn_train_settings, batch, 1, 1e9, "128",
             "examples of a training batch, over all ranks of the group"),
    DSTN_INT(
        "valid_batch", dstn_train_settings, valid_batch, 0, 1e9, "0",
        "examples of a hyperparameter step's validation batch; 0: as many as in a training batch, of a text no more "
        "streams than there are pieces of train.length in the validation part"),
    DSTN_INT("length", dstn_train_settings, length, 1, 1e6, "70",
             "of a text: words of each stream in a batch, after which back-propagation through time is truncated; a "
             "batch has `batch` streams"),
    DSTN_BOOL("vary_length", dstn_train_settings, vary_length, "false",
              "of a text: the length of each training batch is drawn, mostly a few words from `length`, one in twenty "
              "times from half of it, and the step's learning rate is multiplied by length drawn / length (Merity et "
              "al., 2018)"),
    DSTN_INT("train_steps", dstn_train_settings, train_steps, 1, 1e9, "5",
             "training steps between hyperparameter steps (T_train)"),
    DSTN_INT("valid_steps", dstn_train_settings, valid_steps, 1, 1e9, "1", "hyperparameter steps taken then (T_valid)"),
    DSTN_INT("warmup", dstn_train_settings, warmup, 0, 1e12, "0",
             "iterations that perturb but don't update hyperparameters"),
    DSTN_INT("warmup_epochs", dstn_train_settings, warmup_epochs, 0, 1e9, "0",
             "the same in epochs; the longer of the two counts"),
    DSTN_REAL("stop_below_rate", dstn_train_settings, stop_below_rate, 0, INFINITY, "0",
              "training ends with the epoch after which the schedule sets the learning rate of the weights below this; "
              "0: after the last epoch or iteration",
              DSTN_MAY_DIFFER),
    DSTN_REAL("entropy_weight", dstn_train_settings, entropy_weight, 0, INFINITY, "0",
              "weight of the perturbation's entropy in the objective of its scale (tau)"),
    DSTN_INT("samples", dstn_train_settings, samples, 1, 1e6, "1",
             "perturbations of each example in a step, each with dropout masks and augmentation of its own, over which "
             "loss and gradients are means; objectives that are not perturbed (Delta-STN's of the general weights, "
             "fixed) take one row an example"),
    DSTN_BOOL(
        "antithetic", dstn_train_settings, antithetic, "false",
        "samples come in pairs that differ in the sign of the perturbation alone, with the same draws of masks and "
        "augmentation; needs an even train.samples"),
    DSTN_SWITCH("evaluate", dstn_train_settings, evaluate, "auto",
                "validation and test part at the end of every epoch, instead of at every row of the record; auto: for "
                "classification, and where a schedule or checkpoint_best needs it"),
    DSTN_OPTIONS_END,
};

/* ---- making a trainer ---- */

static bool keeps_row_state(dstn_model *model) {
    dstn_state list = {NULL, 0, 0};
    dstn_model_add_row_state(model, &list);
    bool keeps = list.count > 0;
    dstn_state_clear(&list);
    return keeps;
}

/* Rows are numbers of 32 bits to what is drawn for them. */
static dstn_status check_samples(const dstn_trainer_request *request, dstn_error *err) {
    const dstn_train_settings *train = &request->train;
    const int64_t most = INT64_C(1) << 31, samples = bilevel_samples_of(train);
    int64_t larger = bilevel_more(bilevel_valid_batch_of(train, request->dataset), train->batch);
    if (samples > 1 && keeps_row_state(request->model)) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "train.samples: %lld makes several rows of an example, which can't carry on the state that "
                         "layers of this network keep of each row; accepted: 1",
                         (long long)samples);
    }
    if (samples > 1 && dstn_model_weight_hyper(request->model)) {
        return dstn_fail(
            err, DSTN_ERROR_USAGE,
            "train.samples: %lld gives an example several values of hyperparameter \"%s\", but weights are "
            "dropped at one rate for a whole batch; accepted: 1, or a number for weight_dropout",
            (long long)samples, dstn_model_weight_hyper(request->model));
    }
    if (train->antithetic && samples % 2 != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "train.antithetic: true takes samples in pairs, and train.samples is %lld; accepted: an even "
                         "number of samples, or antithetic: false",
                         (long long)samples);
    }
    if (samples > most / larger) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "train.samples: %lld of %lld examples are more rows than the 2^31 that a batch may have; "
                         "accepted: at most %lld",
                         (long long)samples, (long long)larger, (long long)(most / larger));
    }
    return DSTN_OK;
}

/* The batch that has the fewest rows for ranks or shards to divide. */
typedef struct smallest_batch {
    int64_t rows;
    dstn_part part;
    bool sampled;
} smallest_batch;

static void find_smaller(const dstn_trainer_request *request, const dstn_objective *objective, smallest_batch *least) {
    const dstn_train_settings *train = &request->train;
    dstn_part part = objective->part;
    int64_t batch = part == DSTN_PART_TRAIN ? train->batch : bilevel_valid_batch_of(train, request->dataset),
            rows = batch;
    if (objective->perturbed) {
        rows = dstn_sampling_rows(bilevel_sampling(train, request->space, part, batch));
    }
    if (least->rows == 0 || rows < least->rows) {
        *least = (smallest_batch){rows, part, rows > batch};
    }
}

dstn_status dstn_trainer_check_ranks(const dstn_trainer_request *request, int64_t size, dstn_error *err) {
    const dstn_train_settings *train = &request->train;
    smallest_batch least = {0};
    for (const dstn_objective *const *objective = request->method->train; *objective; objective++) {
        find_smaller(request, *objective, &least);
    }
    if (request->method->tunes) {
        find_smaller(request, request->method->valid, &least);
    }
    bool is_train = least.part == DSTN_PART_TRAIN;
    const char *what = least.sampled ? "examples times samples" : "examples";
    if (train->shards > 0 && (size > train->shards || train->shards > least.rows)) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "shards: %lld; accepted with %lld ranks a member and %lld %s of a %s batch: %lld to %lld "
                         "(reproducible: true)",
                         (long long)train->shards, (long long)size, (long long)least.rows, what,
                         is_train ? "training" : "validation", (long long)size, (long long)least.rows);
    }
    if (size > least.rows) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%lld ranks are more than the %lld %s of a %s batch; start at most %lld ranks a member, or "
                         "raise train.%s",
                         (long long)size, (long long)least.rows, what, is_train ? "training" : "validation",
                         (long long)least.rows, is_train ? "batch" : "valid_batch");
    }
    return DSTN_OK;
}

static dstn_status check_request(const dstn_trainer_request *request, dstn_error *err) {
    const dstn_train_settings *train = &request->train;
    if (train->iterations == 0 && train->epochs == 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "train: neither iterations nor epochs says how long to train; set one of them above 0");
    }
    dstn_status status = bilevel_check_batches(train, request->dataset, request->method->tunes, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (request->method->tunes && request->space->count == 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "method %s tunes hyperparameters, but the section \"hyperparameters\" names none; "
                         "method: fixed trains without",
                         request->method->name);
    }
    status = check_samples(request, err);
    return status == DSTN_OK ? dstn_trainer_check_ranks(request, dstn_group_size(request->group), err) : status;
}

static bilevel_share make_share(const dstn_trainer *trainer, dstn_part part, dstn_purpose order, dstn_purpose noise,
                                int64_t batch) {
    bilevel_share share = {.part = part, .noise = noise, .batch = batch};
    const dstn_sampler_request request = {.rng = {trainer->seed, order},
                                          .rows = trainer->dataset->rows[part],
                                          .batch = batch,
                                          .length = bilevel_length_of(&trainer->settings, trainer->dataset),
                                          .varies = part == DSTN_PART_TRAIN && trainer->settings.vary_length};
    share.sampler = dstn_sampler_new(&request);
    bilevel_share_rows(trainer, &share);
    return share;
}

/* Optimizers of both weight ranges from one section, of λ and raw_scale from another. */
static dstn_status read_optimizers(dstn_trainer *trainer, const dstn_trainer_request *request, dstn_error *err) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        dstn_status status = dstn_optimizer_read(request->optimizer, "optimizer", "sgd", trainer->kernel,
                                                 trainer->model->count[r], NULL, &trainer->weights[r], err);
        if (status != DSTN_OK) {
            return status;
        }
    }
    dstn_status status = dstn_schedule_read(request->optimizer, "optimizer", "sgd", &trainer->schedule, err);
    if (status != DSTN_OK || !trainer->method->tunes) {
        return status;
    }
    const dstn_kernel *kernel;
    status = dstn_kernel_find("openblas", DSTN_F64, &kernel, err);
    dstn_optimizer **optimizers[2] = {&trainer->lambda, &trainer->scale};
    for (int i = 0; i < 2 && status == DSTN_OK; i++) {
        status = dstn_optimizer_read(request->hyper_optimizer, "hyper_optimizer", "rmsprop", kernel,
                                     trainer->space->count, trainer->arena, optimizers[i], err);
    }
    if (status == DSTN_OK) {
        status =
            dstn_schedule_read(request->hyper_optimizer, "hyper_optimizer", "rmsprop", &trainer->hyper_schedule, err);
    }
    return status;
}

static bool take_memory(dstn_trainer *trainer) {
    dstn_arena *arena = trainer->arena;
    int64_t rows = trainer->model->max_rows;
    int64_t own = bilevel_more(trainer->train.sampled.rows, trainer->valid.sampled.rows);
    size_t table = (size_t)bilevel_more(own, rows) * (size_t)trainer->space->count * sizeof(double);
    trainer->indices = dstn_arena_take(arena, (size_t)rows * sizeof(int64_t));
    trainer->noise = dstn_arena_take(arena, table);
    trainer->epsilon = dstn_arena_take(arena, table);
    return trainer->indices && trainer->noise && trainer->epsilon && bilevel_take_shards(trainer) &&
           dstn_batch_bind(&trainer->batch, trainer->dataset, trainer->kernel, rows, trainer->model->max_steps, arena);
}

dstn_status dstn_trainer_new(const dstn_trainer_request *request, dstn_trainer **out, dstn_error *err) {
    dstn_status status = check_request(request, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_trainer *trainer = dstn_alloc(1, sizeof(*trainer));
    trainer->method = request->method;
    trainer->settings = request->train;
    trainer->seed = request->seed;
    trainer->model = request->model;
    trainer->space = request->space;
    trainer->dataset = request->dataset;
    trainer->group = request->group;
    trainer->kernel = request->model->kernel;
    trainer->augment = request->augment && !dstn_augment_is_empty(request->augment) ? request->augment : NULL;
    trainer->arena = dstn_arena_new();
    trainer->sums.shards = (int)request->train.shards;
    trainer->train = make_share(trainer, DSTN_PART_TRAIN, DSTN_PURPOSE_ORDER, DSTN_PURPOSE_NOISE, request->train.batch);
    trainer->valid = make_share(trainer, DSTN_PART_VALID, DSTN_PURPOSE_VALID_ORDER, DSTN_PURPOSE_VALID_NOISE,
                                bilevel_valid_batch_of(&request->train, request->dataset));
    const dstn_train_settings *train = &trainer->settings;
    trainer->progress.steps =
        train->iterations > 0 ? train->iterations : dstn_sampler_before(trainer->train.sampler, train->epochs);
    trainer->progress.train_loss = trainer->progress.response_loss = trainer->progress.hyper_loss = NAN;
    trainer->progress.fit = NAN;
    trainer->warmup = bilevel_more(train->warmup, dstn_sampler_before(trainer->train.sampler, train->warmup_epochs));
    status = read_optimizers(trainer, request, err);
    if (status == DSTN_OK && dstn_trainer_is_over(trainer)) {
        status =
            dstn_fail(err, DSTN_ERROR_USAGE,
                      "train.stop_below_rate: %g is above the learning rate at the start, %g; accepted: at most that",
                      train->stop_below_rate, dstn_optimizer_rate(trainer->weights[DSTN_RANGE_GENERAL]));
    }
    if (status == DSTN_OK) {
        status = bilevel_plan_average(trainer, err);
    }
    if (status == DSTN_OK) {
        status = bilevel_plan_epochs(trainer, request->wants_evaluation, err);
    }
    if (status == DSTN_OK && !take_memory(trainer)) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "out of memory for batches of %lld examples", (long long)train->batch);
    }
    /* What is shared is made, and given back, by all ranks together: whoever fails alone, fails between. */
    if (dstn_group_agree(trainer->group, status, err) == DSTN_OK) {
        status = bilevel_share_memory(trainer, request->most_ranks, err);
        if (status == DSTN_OK) {
            status = bilevel_problem_new(request->model, request->space, request->group, request->seed,
                                         trainer->sums.shards > 0 ? &trainer->sums : NULL, &trainer->problem, err);
        }
        dstn_group_agree(trainer->group, status, err);
    }
    status = err->status;
    if (status != DSTN_OK) {
        dstn_trainer_destroy(trainer);
        return status;
    }
    *out = trainer;
    return DSTN_OK;
}

void dstn_trainer_destroy(dstn_trainer *trainer) {
    if (!trainer) {
        return;
    }
    for (int r = 0; r < DSTN_RANGES; r++) {
        dstn_optimizer_destroy(trainer->weights[r]);
    }
    dstn_problem_destroy(trainer->problem);
    dstn_shared_destroy(trainer->own_shared);
    dstn_optimizer_destroy(trainer->lambda);
    dstn_optimizer_destroy(trainer->scale);
    dstn_averaging_destroy(trainer->averaging);
    dstn_schedule_destroy(trainer->schedule);
    dstn_schedule_destroy(trainer->hyper_schedule);
    dstn_sampler_destroy(trainer->train.sampler);
    dstn_sampler_destroy(trainer->valid.sampler);
    for (int r = 0; r < DSTN_RANGES; r++) {
        free(trainer->sums.arrays[r]);
    }
    dstn_arena_destroy(trainer->arena);
    free(trainer);
}

/* ---- what others see of it ---- */

void dstn_trainer_set_listener(dstn_trainer *trainer, const dstn_listener *listener) {
    trainer->listener = listener;
}

const dstn_progress *dstn_trainer_progress(const dstn_trainer *trainer) {
    return &trainer->progress;
}

double dstn_trainer_step_flops(const dstn_trainer *trainer) {
    double flops = 0;
    int64_t steps = bilevel_more(1, bilevel_length_of(&trainer->settings, trainer->dataset));
    for (const dstn_objective *const *objective = trainer->method->train; *objective; objective++) {
        flops += dstn_objective_flops(*objective, trainer->model, bilevel_span_of(&trainer->train, *objective)->total,
                                      steps);
    }
    return flops;
}

size_t dstn_trainer_memory_used(const dstn_trainer *trainer) {
    return dstn_arena_memory_used(trainer->arena) + dstn_problem_memory_used(trainer->problem) +
           dstn_shared_memory_used(trainer->own_shared);
}

void dstn_trainer_add_state(dstn_trainer *trainer, dstn_state *state) {
    dstn_model_add_state(trainer->model, state);
    dstn_model_add_row_state(trainer->model, state);
    dstn_space_add_state(trainer->space, state);
    dstn_optimizer_add_state(trainer->weights[DSTN_RANGE_GENERAL], "optimizer/general", state);
    dstn_optimizer_add_state(trainer->weights[DSTN_RANGE_RESPONSE], "optimizer/response", state);
    if (trainer->method->tunes) {
        dstn_optimizer_add_state(trainer->lambda, "optimizer/lambda", state);
        dstn_optimizer_add_state(trainer->scale, "optimizer/scale", state);
        dstn_schedule_add_state(trainer->hyper_schedule, "optimizer/hyper_schedule", state);
    }
    dstn_schedule_add_state(trainer->schedule, "optimizer/schedule", state);
    if (trainer->averaging) {
        dstn_averaging_add_state(trainer->averaging, "optimizer/averaging", state);
    }
    if (trainer->evaluates) {
        dstn_state_add_values(state, "progress/epoch_loss", DSTN_F64, 1, &trainer->epoch_loss);
        if (dstn_trainer_reads_text(trainer)) {
            dstn_state_add_values(state, "progress/epoch_words", DSTN_F64, 2, trainer->epoch_words);
        }
    }
    dstn_state_add_values(state, "progress/step", DSTN_I64, 1, &trainer->progress.step);
    dstn_state_add_values(state, "progress/hyper_step", DSTN_I64, 1, &trainer->progress.hyper_step);
    dstn_state_add_values(state, "progress/clipped", DSTN_I64, DSTN_CLIPPED, trainer->progress.clipped);
    dstn_state_add_values(state, "progress/train_loss", DSTN_F64, 1, &trainer->progress.train_loss);
    dstn_state_add_values(state, "progress/response_loss", DSTN_F64, 1, &trainer->progress.response_loss);
    dstn_state_add_values(state, "progress/hyper_loss", DSTN_F64, 1, &trainer->progress.hyper_loss);
}

bool dstn_trainer_reads_text(const dstn_trainer *trainer) {
    return trainer->dataset->words > 0;
}

bool dstn_trainer_is_over(const dstn_trainer *trainer) {
    const dstn_progress *progress = &trainer->progress;
    return progress->step >= progress->steps ||
           dstn_optimizer_rate(trainer->weights[DSTN_RANGE_GENERAL]) < trainer->settings.stop_below_rate;
}

int64_t dstn_trainer_steps(const dstn_trainer *trainer, int64_t epochs) {
    return dstn_sampler_before(trainer->train.sampler, epochs);
}

double dstn_trainer_epochs(const dstn_trainer *trainer, int64_t step) {
    dstn_sampler *sampler = trainer->train.sampler;
    int64_t epoch = trainer->settings.vary_length ? dstn_sampler_epoch(sampler, step) : 0;
    return (double)epoch +
           (double)(step - dstn_sampler_before(sampler, epoch)) / (double)dstn_sampler_batches(sampler, epoch);
}

void dstn_trainer_restored(dstn_trainer *trainer) {
    dstn_sampler_seek(trainer->train.sampler, trainer->progress.step);
    dstn_sampler_seek(trainer->valid.sampler, trainer->progress.hyper_step);
    trainer->progress.epoch = dstn_sampler_epoch(trainer->train.sampler, trainer->progress.step);
}
