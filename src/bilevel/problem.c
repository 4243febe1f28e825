/* bilevel: objectives on a mini-batch. From an objective's row in the table come the values and inputs of its pass, and
 * what is done with the model; check, trace and trainer evaluate objectives here and nowhere else. */
#include "dstn/bilevel.h"

#include "hypergradient.h"
#include "shards.h"

#include <stdlib.h>
#include <string.h>

struct dstn_problem {
    dstn_model *model;
    dstn_space *space;
    const dstn_group *group;
    const dstn_kernel *kernel;
    uint32_t seed;
    dstn_shared *shared; /* its own, where the model's parameters are in none; else NULL */
    dstn_reducer *reducers[DSTN_RANGES];
    int shards;      /* 0: evaluations are of the whole of a rank's rows */
    double *values;  /* [B, h], hyperparameters in natural units; B = max_rows of the model */
    double *inputs;  /* [B, h], the hypernetwork's input z in double */
    double *adjoint; /* [B, h], ∂L/∂z in double */
    void *z, *dz;    /* [B, h], both in the model's scalar type */
    double *sums;    /* [2h + 1]: the hypergradient and the loss */
    dstn_arena *arena;
};

/* ---- making ----------------------------------------------------------------------------------------------------- */

static bool take_memory(dstn_problem *problem) {
    size_t rows = (size_t)problem->model->max_rows, h = (size_t)problem->space->count;
    double **const tables[] = {&problem->values, &problem->inputs, &problem->adjoint};
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        *tables[i] = dstn_arena_take(problem->arena, rows * h * sizeof(double));
        if (!*tables[i]) {
            return false;
        }
    }
    problem->z = dstn_arena_take(problem->arena, rows * h * problem->kernel->size);
    problem->dz = dstn_arena_take(problem->arena, rows * h * problem->kernel->size);
    problem->sums = dstn_arena_take(problem->arena, (2 * h + 1) * sizeof(double));
    return problem->z && problem->dz && problem->sums;
}

/* A model that is in nobody's shared memory is copied on every rank. */
static dstn_status make_reducers(dstn_problem *problem, const bilevel_sums *sums, dstn_error *err) {
    const dstn_model *model = problem->model;
    dstn_shared *shared = bilevel_shared_of(model);
    if (!shared && dstn_group_size(problem->group) > 1) {
        const dstn_shared_request request = {.most_ranks = 1};
        dstn_status status = dstn_shared_new(problem->group, &request, &problem->shared, err);
        if (status != DSTN_OK) {
            return status;
        }
        shared = problem->shared;
    }
    bool enough = true;
    for (int r = 0; r < DSTN_RANGES; r++) {
        void *const *arrays = sums ? sums->arrays[r] : &model->gradient[r];
        problem->reducers[r] =
            dstn_reducer_new(shared, model->kernel, model->count[r], arrays, sums ? sums->shards : 0, 0);
        enough = enough && problem->reducers[r];
    }
    return enough ? DSTN_OK : dstn_fail(err, DSTN_ERROR_RUN, "out of memory for sums of gradients");
}

dstn_status dstn_problem_new(dstn_model *model, dstn_space *space, const dstn_group *group, uint32_t seed,
                             dstn_problem **out, dstn_error *err) {
    return bilevel_problem_new(model, space, group, seed, NULL, out, err);
}

dstn_status bilevel_problem_new(dstn_model *model, dstn_space *space, const dstn_group *group, uint32_t seed,
                                const bilevel_sums *sums, dstn_problem **out, dstn_error *err) {
    dstn_problem *problem = dstn_alloc(1, sizeof(*problem));
    *problem = (dstn_problem){.model = model,
                              .space = space,
                              .group = group,
                              .kernel = model->kernel,
                              .seed = seed,
                              .shards = sums ? sums->shards : 0,
                              .arena = dstn_arena_new()};
    dstn_status status = DSTN_OK;
    if (!take_memory(problem)) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "out of memory for the hyperparameters of %lld examples",
                           (long long)model->max_rows);
    }
    /* Memory of a group is made, and given back, by all ranks together. */
    if (dstn_group_agree(group, status, err) == DSTN_OK) {
        dstn_group_agree(group, make_reducers(problem, sums, err), err);
    }
    if (err->status != DSTN_OK) {
        dstn_problem_destroy(problem);
        return err->status;
    }
    *out = problem;
    return DSTN_OK;
}

void dstn_problem_destroy(dstn_problem *problem) {
    if (!problem) {
        return;
    }
    for (int r = 0; r < DSTN_RANGES; r++) {
        dstn_reducer_destroy(problem->reducers[r]);
    }
    dstn_shared_destroy(problem->shared);
    dstn_arena_destroy(problem->arena);
    free(problem);
}

size_t dstn_problem_memory_used(const dstn_problem *problem) {
    size_t bytes = dstn_arena_memory_used(problem->arena) + dstn_shared_memory_used(problem->shared);
    for (int r = 0; r < DSTN_RANGES; r++) {
        bytes += dstn_reducer_memory_used(problem->reducers[r]);
    }
    return bytes;
}

/* ---- the pass of an objective ----------------------------------------------------------------------------------- */

const double *dstn_problem_values(dstn_problem *problem, const dstn_objective *objective,
                                  dstn_perturbation perturbation, int64_t rows) {
    dstn_space_values(problem->space, objective->perturbed ? perturbation.epsilon : NULL, rows, problem->values);
    return problem->values;
}

/* z of each row, as the objective has it: λ + ε or ε. */
static const void *fill_inputs(dstn_problem *problem, const dstn_objective *objective, dstn_perturbation perturbation,
                               int64_t rows) {
    const double *epsilon = objective->perturbed ? perturbation.epsilon : NULL;
    int h = problem->space->count;
    for (int64_t b = 0; b < rows; b++) {
        for (int i = 0; i < h; i++) {
            double origin = objective->input == DSTN_INPUT_LAMBDA ? problem->space->lambda[i] : 0;
            problem->inputs[b * h + i] = origin + (epsilon ? epsilon[b * h + i] : 0);
        }
    }
    problem->kernel->from_double(problem->kernel, rows * h, problem->inputs, problem->z);
    return problem->z;
}

/* Ranges of objectives that came before in this step may still be summed, as slower ranks get there. */
static void advance_sums(dstn_problem *problem) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        dstn_reducer_advance(problem->reducers[r]);
    }
}

static void gradient_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    (void)count;
    dstn_problem *problem = user;
    dstn_reducer_ready(problem->reducers[range], offset);
    advance_sums(problem);
}

/* Synchronized batch statistics. */
static void reduce(void *user, double *values, int64_t count) {
    dstn_problem *problem = user;
    dstn_group_sum(problem->group, values, count);
}

static dstn_pass pass_of(dstn_problem *problem, const dstn_objective *objective, const dstn_batch *batch,
                         dstn_perturbation perturbation, int64_t step) {
    bool has_input = objective->input != DSTN_INPUT_NONE;
    dstn_pass pass = {
        .kind = objective->kind,
        .training = objective->part == DSTN_PART_TRAIN,
        .grad = {objective->grad[0], objective->grad[1]},
        .track_statistics = objective->tracks_statistics,
        .carried = batch->carried,
        .stream = batch->stream,
        .state_row = batch->state_row,
        .tokens = batch->tokens,
        .rows = batch->rows,
        .steps = batch->steps,
        .first_row = batch->first_row,
        .batch_rows = batch->global_rows,
        .drawn_rows = batch->drawn_rows,
        .values = dstn_problem_values(problem, objective, perturbation, batch->rows),
        .z = has_input ? fill_inputs(problem, objective, perturbation, batch->rows) : NULL,
        .masks = {problem->seed, DSTN_PURPOSE_DROPOUT},
        .step = (uint64_t)step,
        .on_gradient_ready = gradient_ready,
        .reduce = problem->shards > 0 ? NULL : reduce,
        .user = problem,
    };
    if (objective->hyper) {
        problem->kernel->fill(problem->kernel, batch->rows * problem->space->count, 0, problem->dz);
        pass.dz = problem->dz;
    }
    return pass;
}

/* Penalties of parameters add to the gradients before the layers do; without any, the layers start them anew. */
static void start_gradients(dstn_problem *problem, dstn_pass *pass) {
    pass->overwrite = !dstn_model_penalizes_parameters(problem->model);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (pass->grad[r] && !pass->overwrite) {
            dstn_model_zero_gradient(problem->model, (dstn_range)r);
        }
    }
}

dstn_evaluation dstn_problem_evaluate(dstn_problem *problem, const dstn_objective *objective, const dstn_batch *batch,
                                      dstn_perturbation perturbation, int64_t step) {
    dstn_model *model = problem->model;
    dstn_pass pass = pass_of(problem, objective, batch, perturbation, step);
    dstn_evaluation evaluation = {
        .objective = objective, .batch = batch, .perturbation = perturbation, .values = pass.values};
    advance_sums(problem);
    start_gradients(problem, &pass);
    dstn_model_forward(model, &pass, batch->x);
    advance_sums(problem);
    evaluation.loss = dstn_model_loss(model, &pass, batch->targets, batch->labels, &evaluation.correct);
    if (pass.training) {
        evaluation.penalty = dstn_model_penalty(model, &pass);
    }
    if (objective->grad[0] || objective->grad[1] || objective->hyper) {
        dstn_model_adjoint(model, &pass);
    }
    if (objective->hyper) {
        problem->kernel->to_double(problem->kernel, batch->rows * problem->space->count, problem->dz, problem->adjoint);
        evaluation.dz = problem->adjoint;
    }
    return evaluation;
}

/* ---- sums over the group ---------------------------------------------------------------------------------------- */

void dstn_problem_sum_gradients(dstn_problem *problem, const dstn_objective *objective) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            dstn_reducer_finish(problem->reducers[r]);
        }
    }
}

void dstn_problem_gather_gradients(dstn_problem *problem, const dstn_objective *objective) {
    dstn_shared *shared = bilevel_shared_of(problem->model);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            dstn_reducer_spread(problem->reducers[r], (void *)dstn_reducer_sum(problem->reducers[r]));
        }
    }
    dstn_shared_arrive(shared);
    dstn_shared_await(shared);
    for (int r = 0; r < DSTN_RANGES; r++) {
        const void *sum = dstn_reducer_sum(problem->reducers[r]);
        void *gradient = problem->model->gradient[r];
        if (objective->grad[r] && sum != gradient && dstn_shared_leads(shared)) { /* a partial sum of shards */
            problem->kernel->copy(problem->kernel, problem->model->count[r], sum, gradient);
        }
    }
}

void dstn_problem_next_shard(dstn_problem *problem, const dstn_objective *objective) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            dstn_reducer_next_shard(problem->reducers[r]);
        }
    }
}

dstn_reducer *dstn_problem_reducer(const dstn_problem *problem, dstn_range range) {
    return problem->reducers[range];
}

dstn_hypergradient dstn_problem_hypergradient(dstn_problem *problem, const dstn_evaluation *evaluation,
                                              double entropy_weight) {
    dstn_space *space = problem->space;
    if (evaluation->shards) {
        return bilevel_hypergradient_of_shards(space, problem->group, problem->shards, evaluation, entropy_weight);
    }
    double *sums = problem->sums;
    int h = space->count;
    bilevel_hypergradient(space, evaluation->batch->rows, evaluation->dz, evaluation->perturbation.noise, sums,
                          sums + h);
    sums[2 * h] = evaluation->loss;
    dstn_group_sum(problem->group, sums, 2 * h + 1);
    bilevel_subtract_entropy(space, entropy_weight, sums + h);
    return (dstn_hypergradient){
        .loss = sums[2 * h], .entropy = dstn_space_entropy(space), .lambda = sums, .raw_scale = sums + h};
}
