/* bilevel: where weights, gradients and moments are. On one rank they stay where model and trainer took them; a group
 * keeps them in the memory that the ranks of a node share. */
#include "trainer.h"

#include <stdlib.h>

dstn_shared *bilevel_shared_of(const dstn_model *model) {
    dstn_shared *shared = dstn_shared_holding(model->gradient[DSTN_RANGE_GENERAL]);
    return shared ? shared : dstn_shared_holding(model->gradient[DSTN_RANGE_RESPONSE]);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static size_t range_bytes(const dstn_trainer *trainer, int range) {
    return (size_t)trainer->model->count[range] * trainer->kernel->size;
}

/* One rank's moments come from its arena. */
static void *take_moment(dstn_trainer *trainer, int range) {
    size_t bytes = range_bytes(trainer, range);
    return trainer->own_shared ? dstn_shared_take_common(trainer->own_shared, bytes)
                               : dstn_arena_take(trainer->arena, bytes);
}

static dstn_status give_moments(dstn_trainer *trainer, dstn_error *err) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        for (int k = 0; k < dstn_optimizer_moments(trainer->weights[r]); k++) {
            void *moment = take_moment(trainer, r);
            if (!moment) {
                return dstn_fail(err, DSTN_ERROR_RUN, "not enough memory for %zu bytes of an optimizer's moments",
                                 range_bytes(trainer, r));
            }
            dstn_optimizer_set_moment(trainer->weights[r], k, moment);
        }
    }
    return DSTN_OK;
}

/* The gradient, and partial sums of shards. */
static int arrays_of(const dstn_trainer *trainer) {
    return dstn_reducer_arrays(trainer->group, (int)trainer->settings.shards);
}

static void move_model(dstn_trainer *trainer) {
    void *value[DSTN_RANGES], *gradient[DSTN_RANGES];
    dstn_shared *shared = trainer->own_shared;
    int arrays = arrays_of(trainer);
    for (int r = 0; r < DSTN_RANGES; r++) {
        value[r] = dstn_shared_take_common(shared, range_bytes(trainer, r));
        trainer->sums.arrays[r] = dstn_alloc((size_t)arrays, sizeof(void *));
        for (int a = 0; a < arrays; a++) {
            trainer->sums.arrays[r][a] = dstn_shared_take_own(shared, range_bytes(trainer, r));
        }
        gradient[r] = trainer->sums.arrays[r][0];
    }
    dstn_model_move_parameters(trainer->model, value, gradient, dstn_shared_leads(shared));
    dstn_shared_arrive(shared);
    dstn_shared_await(shared);
}

dstn_status bilevel_share_memory(dstn_trainer *trainer, int most_ranks, dstn_error *err) {
    if (dstn_group_size(trainer->group) == 1 && trainer->settings.shards == 0) {
        return give_moments(trainer, err);
    }
    dstn_shared *holder = bilevel_shared_of(trainer->model);
    bool moves = !holder;
    if (!moves && trainer->settings.shards > 0) {
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "the network has a trainer with others already, and partial sums of shards have no place in "
                         "what they share; a network with shards has one trainer");
    }
    dstn_shared_request request = {.most_ranks = most_ranks};
    for (int r = 0; r < DSTN_RANGES; r++) {
        size_t bytes = dstn_shared_bytes(range_bytes(trainer, r));
        request.own_bytes += moves ? bytes * (size_t)arrays_of(trainer) : 0;
        request.common_bytes += bytes * (size_t)(dstn_optimizer_moments(trainer->weights[r]) + moves);
    }
    dstn_status status = dstn_shared_new(trainer->group, &request, &trainer->own_shared, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (moves) {
        move_model(trainer);
    }
    trainer->shared = moves ? trainer->own_shared : holder;
    return give_moments(trainer, err);
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

void dstn_trainer_gather_state(dstn_trainer *trainer) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        const dstn_reducer *reducer = dstn_problem_reducer(trainer->problem, (dstn_range)r);
        for (int k = 0; k < dstn_optimizer_moments(trainer->weights[r]); k++) {
            dstn_reducer_spread(reducer, dstn_optimizer_moment(trainer->weights[r], k));
        }
    }
    dstn_shared_arrive(trainer->shared);
    dstn_shared_await(trainer->shared);
}

char *dstn_trainer_lack(const dstn_trainer *trainer) {
    const char *why = dstn_shared_lack(trainer->own_shared);
    if (!why) {
        return NULL;
    }
    double bytes = (double)dstn_shared_memory_used(trainer->own_shared);
    for (int r = 0; r < DSTN_RANGES; r++) {
        bytes += (double)dstn_reducer_memory_used(dstn_problem_reducer(trainer->problem, (dstn_range)r));
    }
    return dstn_format(
        "ranks of one host share no memory, since %s: each keeps its own weights, gradients, moments and "
        "what comes from the others, %.3g MB, and sums and updates go between them as messages",
        why, 1e-6 * bytes);
}
