/* dstn sweep --plan: members, time, memory and disk of a sweep, from some timed steps of one member of each kind.
 * Members are of one kind where they differ in their seed alone. */
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double timed_seconds = 0.2; /* at least, per kind */

/* What one member costs. */
typedef struct cost {
    double seconds;
    double memory, disk; /* bytes */
} cost;

/* Labels of a member on all axes but the seed; no label has a slash. Free with free(). */
static char *kind_of(const dstn_sweep_plan *plan, const dstn_member *member) {
    size_t length = 1;
    for (int axis = 0; axis < plan->axis_count; axis++) {
        length += strlen(member->labels[axis]) + 1;
    }
    char *kind = dstn_alloc(length, 1), *end = kind;
    for (int axis = 0; axis < plan->axis_count; axis++) {
        if (strcmp(plan->axes[axis], "seed") != 0) {
            end += sprintf(end, "%s/", member->labels[axis]);
        }
    }
    return kind;
}

void search_first_of_kind(const dstn_sweep_plan *plan, int64_t *first) {
    dstn_texts kinds = {0};
    char **texts = dstn_alloc((size_t)plan->count + 1, sizeof *texts);
    for (int64_t m = 0; m < plan->count; m++) {
        texts[m] = kind_of(plan, &plan->members[m]);
        first[m] = dstn_texts_put(&kinds, texts[m], m);
    }
    dstn_texts_clear(&kinds);
    for (int64_t m = 0; m < plan->count; m++) {
        free(texts[m]);
    }
    free(texts);
}

/* As often as a training step has one, in the mean. */
static double time_round(const dstn_job *job) {
    double start = dstn_seconds();
    for (int64_t s = 0; s < job->train.train_steps; s++) {
        dstn_trainer_train_step(job->trainer);
    }
    for (int64_t s = 0; job->method->tunes && s < job->train.valid_steps; s++) {
        dstn_trainer_hyper_step(job->trainer);
    }
    return (dstn_seconds() - start) / (double)job->train.train_steps;
}

search_step_time search_time_step(const dstn_job *job, double seconds) {
    search_step_time time = {0, INFINITY};
    int64_t rounds = 0;
    time_round(job); /* the first one pays for touching memory */
    for (double start = dstn_seconds(); rounds == 0 || dstn_seconds() - start < seconds; rounds++) {
        double one = time_round(job);
        time.mean += one;
        time.least = fmin(time.least, one);
    }
    time.mean /= (double)rounds;
    return time;
}

/* Of one row of the record: with the test part, if it is an epoch's. */
static double time_evaluation(const dstn_job *job) {
    double loss, accuracy, start = dstn_seconds();
    dstn_trainer_evaluate(job->trainer, DSTN_PART_VALID, &loss, &accuracy);
    if (dstn_trainer_evaluates_epochs(job->trainer) && job->dataset->rows[DSTN_PART_TEST] > 0) {
        dstn_trainer_evaluate(job->trainer, DSTN_PART_TEST, &loss, &accuracy);
    }
    return dstn_seconds() - start;
}

static double state_bytes(const dstn_job *job) {
    dstn_state state = {NULL, 0, 0};
    double bytes = 0;
    dstn_trainer_add_state(job->trainer, &state);
    for (size_t i = 0; i < state.count; i++) {
        bytes += (double)dstn_state_bytes(&state.entries[i]);
    }
    dstn_state_clear(&state);
    return bytes;
}

static cost measure(const dstn_job *job) {
    enum { SERIES = 16, FILE_OVERHEAD = 40000 }; /* columns of a row; bytes of a record's and a checkpoint's frame */
    double steps = (double)dstn_trainer_progress(job->trainer)->steps;
    double batches = (double)(job->dataset->rows[DSTN_PART_TRAIN] / job->train.batch);
    double epochs = dstn_trainer_evaluates_epochs(job->trainer) ? steps / batches : 0;
    double rows = job->record.every > 0 ? steps / (double)job->record.every : 1;
    double evaluations = epochs > 0 ? epochs : rows;
    double state = state_bytes(job);
    return (cost){.seconds = steps * search_time_step(job, timed_seconds).mean + evaluations * time_evaluation(job),
                  .memory = (double)dstn_model_memory_used(job->model) +
                            (double)dstn_dataset_memory_used(job->dataset) + 2 * state,
                  .disk = (rows + epochs) * (SERIES + 3 * job->space->count) * sizeof(double) +
                          (double)job->settings.checkpoint_keep * state + FILE_OVERHEAD};
}

static dstn_status measure_member(const dstn_sweep *sweep, int64_t index, const dstn_group *self, cost *out,
                                  dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = search_member_config(sweep, index, &doc, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, self, NULL, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return dstn_fail_in(err, "member %s", sweep->plan->members[index].name);
    }
    *out = measure(job);
    dstn_job_destroy(job);
    return DSTN_OK;
}

static void print_plan(const dstn_sweep *sweep, const cost *costs, const int64_t *first, double groups) {
    const dstn_sweep_plan *plan = sweep->plan;
    double seconds = 0, disk = 0, memory = 0, longest = 0;
    for (int64_t m = 0; m < plan->count; m++) {
        const cost *c = &costs[first[m]];
        seconds += c->seconds;
        disk += c->disk;
        memory = fmax(memory, c->memory);
        longest = fmax(longest, c->seconds);
        if (first[m] == m) {
            dstn_print_line(sweep->console->out, "kind %s %.3g s %.3g MB", plan->members[m].name, c->seconds,
                            c->memory / 1e6);
        }
    }
    fprintf(sweep->console->out, "members %lld\n", (long long)plan->count);
    fprintf(sweep->console->out, "groups %.0f\n", groups);
    fprintf(sweep->console->out, "seconds %.4g\n", fmax(longest, seconds / groups));
    fprintf(sweep->console->out, "memory_per_group_bytes %.4g\n", memory);
    fprintf(sweep->console->out, "disk_bytes %.4g\n", 2 * disk); /* records stand in sweep.h5 once more */
}

dstn_status dstn_sweep_print_plan(const dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(world)) {
        const dstn_sweep_plan *plan = sweep->plan;
        cost *costs = dstn_alloc((size_t)plan->count, sizeof(cost));
        int64_t *first = dstn_alloc((size_t)plan->count, sizeof(int64_t));
        dstn_group *self = dstn_group_self();
        search_first_of_kind(plan, first);
        for (int64_t m = 0; m < plan->count && status == DSTN_OK; m++) {
            if (first[m] == m) {
                status = measure_member(sweep, m, self, &costs[m], err);
            }
        }
        if (status == DSTN_OK) {
            print_plan(sweep, costs, first, (double)(dstn_group_size(world) / sweep->ranks_per_member));
        }
        dstn_group_destroy(self);
        free(first);
        free(costs);
    }
    return dstn_group_verdict(world, status, err);
}
