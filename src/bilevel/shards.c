/* bilevel: objectives on a mini-batch in shards, for results that don't depend on the number of ranks.
 *
 * Each shard is a pass of its own, in calls of its own shape, and what it comes to is a row of a table; gradients are
 * added by the reducers. Sums over shards are made pairwise in their order. Batch statistics are the shard's own; the
 * running ones, r ← r + m (s − r) of each shard from the same r, are averaged over the shards. */
#include "shards.h"

#include <string.h>

/* Columns of the table; the hypergradient's follow. */
enum { LOSS, PENALTY, CORRECT, HYPER };

static int64_t width_of(const dstn_space *space) {
    return HYPER + 2 * (int64_t)space->count;
}

bool bilevel_take_shards(dstn_trainer *trainer) {
    size_t shards = (size_t)trainer->settings.shards, buffers = (size_t)trainer->model->buffer_count;
    if (shards == 0) {
        return true;
    }
    size_t table = shards * (size_t)width_of(trainer->space) * sizeof(double);
    for (int t = 0; t < DSTN_METHOD_PASSES; t++) {
        trainer->tables[t] = dstn_arena_take(trainer->arena, table);
        if (!trainer->tables[t]) {
            return false;
        }
    }
    trainer->buffers = dstn_arena_take(trainer->arena, (shards + 1) * buffers * sizeof(double));
    return trainer->buffers != NULL;
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

/* Rows of one shard among those of the objective's global batch, and their noise among this rank's. */
typedef struct shard_rows {
    int64_t number, first, count;
    dstn_perturbation perturbation;
} shard_rows;

static shard_rows rows_of(const dstn_trainer *trainer, int64_t number, const bilevel_span *span,
                          dstn_perturbation perturbation) {
    shard_rows shard = {.number = number};
    dstn_share_of(span->total, trainer->settings.shards, number, &shard.first, &shard.count);
    if (perturbation.epsilon) {
        int64_t at = (shard.first - span->first_row) * trainer->space->count;
        shard.perturbation.noise = perturbation.noise + at;
        shard.perturbation.epsilon = perturbation.epsilon + at;
    }
    return shard;
}

static void note(const dstn_trainer *trainer, const dstn_evaluation *evaluation, double *row) {
    memset(row, 0, (size_t)width_of(trainer->space) * sizeof *row);
    row[LOSS] = evaluation->loss;
    row[PENALTY] = evaluation->penalty;
    row[CORRECT] = (double)evaluation->correct;
    if (evaluation->dz) {
        bilevel_hypergradient(trainer->space, evaluation->batch->rows, evaluation->dz, evaluation->perturbation.noise,
                              row + HYPER, row + HYPER + trainer->space->count);
    }
}

/* ---- running statistics ------------------------------------------------------------------------------------------ */

static bool tracks(const dstn_trainer *trainer, const dstn_objective *objective) {
    return objective->tracks_statistics && trainer->model->buffer_count > 0;
}

/* The statistics before the batch are behind those of the shards. */
static double *buffers_of(const dstn_trainer *trainer, int64_t shard) {
    return trainer->buffers + shard * trainer->model->buffer_count;
}

static void copy_buffers(const dstn_trainer *trainer, const double *from, double *to) {
    memcpy(to, from, (size_t)trainer->model->buffer_count * sizeof(double));
}

static void keep_statistics(const dstn_trainer *trainer, const shard_rows *shard, int64_t total) {
    double *kept = buffers_of(trainer, shard->number), share = (double)shard->count / (double)total;
    for (int64_t i = 0; i < trainer->model->buffer_count; i++) {
        kept[i] = share * trainer->model->buffers[i];
    }
}

/* ---- the objective ----------------------------------------------------------------------------------------------- */

dstn_evaluation bilevel_evaluate_shards(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows,
                                        dstn_perturbation perturbation) {
    int64_t first, count, shards = trainer->settings.shards;
    const bilevel_span *span = bilevel_span_of(rows.share, objective);
    double *table = trainer->tables[trainer->table_turn], *before = buffers_of(trainer, shards);
    bool moves = tracks(trainer, objective);
    dstn_evaluation evaluation = {0};
    trainer->table_turn = (trainer->table_turn + 1) % DSTN_METHOD_PASSES;
    dstn_group_share(trainer->group, shards, &first, &count);
    if (moves) {
        copy_buffers(trainer, trainer->model->buffers, before);
    }
    for (int64_t s = first; s < first + count; s++) {
        shard_rows shard = rows_of(trainer, s, span, perturbation);
        bilevel_fill_rows(trainer, objective, rows, shard.first, shard.count, shard.perturbation);
        if (moves) {
            copy_buffers(trainer, before, trainer->model->buffers);
        }
        evaluation = dstn_problem_evaluate(trainer->problem, objective, &trainer->batch, shard.perturbation,
                                           trainer->progress.step);
        dstn_problem_next_shard(trainer->problem, objective);
        note(trainer, &evaluation, table + s * width_of(trainer->space));
        if (moves) {
            keep_statistics(trainer, &shard, span->total);
        }
    }
    if (moves) {
        dstn_shards_sum(trainer->group, shards, trainer->model->buffer_count, trainer->buffers);
        copy_buffers(trainer, trainer->buffers, trainer->model->buffers);
    }
    evaluation.perturbation = perturbation;
    evaluation.shards = table;
    return evaluation;
}

double bilevel_sum_loss_of_shards(const dstn_trainer *trainer, const dstn_evaluation *evaluation, double *fit) {
    dstn_shards_sum(trainer->group, trainer->settings.shards, width_of(trainer->space), evaluation->shards);
    *fit = evaluation->shards[LOSS];
    return evaluation->shards[LOSS] + evaluation->shards[PENALTY];
}

dstn_hypergradient bilevel_hypergradient_of_shards(const dstn_space *space, const dstn_group *group, int shards,
                                                   const dstn_evaluation *evaluation, double entropy_weight) {
    double *sum = evaluation->shards, *lambda = sum + HYPER, *raw_scale = lambda + space->count;
    dstn_shards_sum(group, shards, width_of(space), sum);
    bilevel_subtract_entropy(space, entropy_weight, raw_scale);
    return (dstn_hypergradient){
        .loss = sum[LOSS], .entropy = dstn_space_entropy(space), .lambda = lambda, .raw_scale = raw_scale};
}
