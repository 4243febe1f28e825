/* dstn sweep --plan: members, time, memory and disk of a sweep, from what one member of each kind costs: its setting
 * up, some timed steps, an evaluation, and files of its size that are written where the sweep's will be, and removed.
 * Members are of one kind where they differ in their seed alone, and all points of a space are. */
#include "plan.h"
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const double timed_seconds = 0.2; /* at least, per kind */

/* What one member costs. */
typedef struct cost {
    double seconds, fixed; /* all of it, and the part that doesn't grow with its steps */
    double memory, disk;   /* bytes */
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
    if (plan->dimensions > 0 || !search_plan_is_planned(plan)) {
        memset(first, 0, (size_t)plan->count * sizeof *first);
        return;
    }
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

static search_step_time time_one(dstn_trainer *trainer, void (*step)(dstn_trainer *trainer), double seconds) {
    search_step_time time = {0, INFINITY};
    int64_t steps = 0;
    step(trainer); /* the first one pays for touching memory */
    for (double start = dstn_seconds(); steps == 0 || dstn_seconds() - start < seconds; steps++) {
        double before = dstn_seconds();
        step(trainer);
        double one = dstn_seconds() - before;
        time.mean += one;
        time.least = fmin(time.least, one);
    }
    time.mean /= (double)steps;
    return time;
}

search_step_time search_time_step(const dstn_job *job, double seconds) {
    const dstn_train_settings *train = &job->train;
    search_step_time time = time_one(job->trainer, dstn_trainer_train_step, seconds);
    if (job->method->tunes && train->valid_steps > 0) {
        search_step_time hyper = time_one(job->trainer, dstn_trainer_hyper_step, seconds);
        double share = (double)train->valid_steps / (double)train->train_steps;
        time.mean += share * hyper.mean;
        time.least += share * hyper.least;
    }
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

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A folder for trials, on the file system that `folder`, which may not be there yet, will be on; NULL: none can be
 * made. Free with free(). */
static char *make_trial_folder(const char *folder) {
    struct stat about;
    char *above = dstn_strdup(folder), *slash;
    while (stat(above, &about) != 0 && (slash = strrchr(above, '/')) && slash != above) {
        *slash = '\0';
    }
    bool is_there = stat(above, &about) == 0;
    char *trial = dstn_format("%s/.dstn-plan-XXXXXX", is_there ? above : ".");
    free(above);
    if (mkdtemp(trial)) {
        return trial;
    }
    free(trial);
    return NULL;
}

/* Written, timed and removed, twice, of which the shorter counts; a disk that can't be written to is told by the sweep
 * itself. */
static double time_file(const char *path, dstn_status (*write)(void *user, const char *path, dstn_error *err),
                        void *user) {
    dstn_error ignored;
    double least = INFINITY;
    for (int i = 0; i < 2; i++) {
        double start = dstn_seconds();
        write(user, path, &ignored);
        least = fmin(least, dstn_seconds() - start);
        unlink(path);
    }
    return least;
}

static dstn_status write_config(void *user, const char *path, dstn_error *err) {
    char *text = dstn_job_config_text(user, NULL);
    dstn_status status = dstn_store_write_text(path, text, err);
    free(text);
    return status;
}

static dstn_status write_checkpoint(void *user, const char *path, dstn_error *err) {
    const dstn_job *job = user;
    dstn_state state = {NULL, 0, 0};
    dstn_trainer_add_state(job->trainer, &state);
    dstn_status status = dstn_checkpoint_save(path, 0, &state, &(dstn_origin){.config = NULL}, err);
    dstn_state_clear(&state);
    return status;
}

static dstn_status write_record(void *user, const char *path, dstn_error *err) {
    return dstn_record_write(user, path, err);
}

/* A record of so many rows. */
static dstn_record *make_record(int64_t rows, int64_t columns) {
    enum { MOST = 100000 };
    dstn_record *record = dstn_record_new();
    double *row = dstn_alloc((size_t)columns, sizeof *row);
    int series = dstn_record_series(record, "all", DSTN_F64, columns);
    for (int64_t r = 0; r < rows && r < MOST; r++) {
        row[0] = (double)r;
        dstn_record_append(record, series, row);
    }
    free(row);
    return record;
}

/* Of a member's files: at its start (and two lines of the ledger), and at every checkpoint. */
typedef struct file_times {
    double start, checkpoint;
} file_times;

static file_times time_files(dstn_job *job, const char *folder, int64_t rows, int64_t columns) {
    if (!folder) {
        return (file_times){0, 0};
    }
    char *path = dstn_format("%s/trial", folder);
    dstn_record *record = make_record(rows, columns);
    double text = time_file(path, write_config, job);
    file_times times = {3 * text, time_file(path, write_checkpoint, job) + time_file(path, write_record, record)};
    dstn_record_destroy(record);
    free(path);
    return times;
}

/* ---- a member ---------------------------------------------------------------------------------------------------- */

/* What the model has in memory that ranks share isn't counted with the model. */
static double shared_bytes(const dstn_job *job) {
    dstn_state state = {NULL, 0, 0};
    dstn_trainer_add_state(job->trainer, &state);
    const dstn_shared *shared = state.count > 0 ? dstn_shared_holding(state.entries[0].data) : NULL;
    dstn_state_clear(&state);
    return (double)dstn_shared_memory_used(shared);
}

static double checkpoints_between(const dstn_job *job, double steps, double seconds) {
    const dstn_job_settings *settings = &job->settings;
    double every = settings->checkpoint_every > 0 ? settings->checkpoint_every : 1;
    return floor(settings->checkpoint_steps > 0 ? steps / (double)settings->checkpoint_steps : seconds / every);
}

/* setup: seconds that it took to assemble the job. */
static cost measure(dstn_job *job, double setup, double ranks, const char *folder) {
    enum { SERIES = 16, FILE_OVERHEAD = 40000 }; /* columns of a row; bytes of a record's and a checkpoint's frame */
    double steps = (double)dstn_trainer_progress(job->trainer)->steps;
    double epochs = dstn_trainer_evaluates_epochs(job->trainer) ? dstn_trainer_epochs(job->trainer, (int64_t)steps) : 0;
    double rows = job->record.every > 0 ? steps / (double)job->record.every : 1;
    double evaluations = epochs > 0 ? epochs : rows;
    double state = state_bytes(job);
    int64_t columns = SERIES + 3 * job->space->count;
    double trains = steps * search_time_step(job, timed_seconds).mean, evaluation = time_evaluation(job);
    file_times files = time_files(job, folder, (int64_t)(rows + epochs), columns);
    double fixed = setup + evaluation + files.start + files.checkpoint; /* the last checkpoint is the end's */
    trains += evaluations * evaluation;
    return (cost){.seconds = fixed + trains + checkpoints_between(job, steps, trains) * files.checkpoint,
                  .fixed = fixed,
                  .memory = (double)dstn_model_memory_used(job->model) + shared_bytes(job) +
                            ranks * (double)dstn_dataset_memory_used(job->dataset) + 2 * state,
                  .disk = (rows + epochs) * (double)columns * sizeof(double) +
                          (double)job->settings.checkpoint_keep * state + FILE_OVERHEAD};
}

static dstn_status measure_member(const dstn_sweep *sweep, int64_t index, const dstn_group *self, const char *folder,
                                  cost *out, dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    double start = dstn_seconds();
    dstn_status status = search_member_config(sweep, index, &doc, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, self, NULL, DSTN_JOB_TRAINER, &job, err);
    }
    if (status == DSTN_OK && (status = dstn_job_add_oracle(job, err)) != DSTN_OK) {
        dstn_job_destroy(job);
    }
    if (status != DSTN_OK) {
        return dstn_fail_in(err, "member %s", sweep->plan->members[index].name);
    }
    *out = measure(job, dstn_seconds() - start, (double)sweep->ranks_per_member, folder);
    dstn_job_destroy(job);
    return DSTN_OK;
}

/* costs [plan->count]: of the first member of every kind. */
static dstn_status measure_kinds(const dstn_sweep *sweep, const char *folder, const int64_t *first, cost *costs,
                                 dstn_error *err) {
    dstn_status status = DSTN_OK;
    dstn_group *self = dstn_group_self();
    char *trial = make_trial_folder(folder);
    if (sweep->plan->count > 0) {
        status = measure_member(sweep, 0, self, trial, &costs[0], err); /* pays for what a process pays once */
    }
    for (int64_t m = 0; m < sweep->plan->count && status == DSTN_OK; m++) {
        if (first[m] == m) {
            status = measure_member(sweep, m, self, trial, &costs[m], err);
        }
    }
    if (trial) {
        rmdir(trial);
    }
    free(trial);
    dstn_group_destroy(self);
    return status;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

/* The first member of a method that asks as it goes stands for all that are to come. */
static dstn_status ask_first(dstn_sweep_plan *plan, dstn_error *err) {
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal proposal = {.point = point};
    dstn_answer answer = DSTN_ANSWER_END;
    if (search_plan_is_planned(plan)) {
        return DSTN_OK;
    }
    dstn_status status = search_plan_ask(plan, &proposal, &answer, err);
    return status == DSTN_OK && answer == DSTN_ANSWER_MEMBER ? search_plan_add(plan, &proposal, err) : status;
}

static void say_what_is_counted(const dstn_sweep *sweep) {
    if (sweep->ranks_per_member > 1) {
        dstn_log_info(
            &sweep->console->log,
            "times are those of members on one rank: %lld ranks per member share the rows of a batch, and take "
            "less",
            (long long)sweep->ranks_per_member);
    }
    if (!search_plan_is_planned(sweep->plan)) {
        dstn_log_info(&sweep->console->log,
                      "members are as many as the method may ask for, each counted as its first one: what it asks for "
                      "later may be longer, or not come to be");
    }
}

static void print_plan(const dstn_sweep *sweep, const cost *costs, const int64_t *first, double groups) {
    const dstn_sweep_plan *plan = sweep->plan;
    double seconds = 0, disk = 0, memory = 0, longest = 0;
    int64_t most = search_plan_most(plan);
    double times = plan->count > 0 ? (double)most / (double)plan->count : 1;
    for (int64_t m = 0; m < plan->count; m++) {
        const cost *c = &costs[first[m]];
        seconds += c->seconds;
        disk += c->disk;
        memory = fmax(memory, c->memory);
        longest = fmax(longest, c->seconds);
        if (first[m] == m) {
            dstn_print_line(sweep->console->out, "kind %s %.3g s %.3g MB, %.3g s of it at any length",
                            plan->members[m].name, c->seconds, c->memory / 1e6, c->fixed);
        }
    }
    say_what_is_counted(sweep);
    fprintf(sweep->console->out, "members %lld\n", (long long)most);
    fprintf(sweep->console->out, "groups %.0f\n", groups);
    fprintf(sweep->console->out, "seconds %.4g\n", fmax(longest, times * seconds / groups));
    fprintf(sweep->console->out, "memory_per_group_bytes %.4g\n", memory);
    fprintf(sweep->console->out, "disk_bytes %.4g\n", 2 * times * disk); /* records stand in sweep.h5 once more */
}

dstn_status dstn_sweep_print_plan(const dstn_sweep *sweep, const char *folder, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(world)) {
        dstn_sweep_plan *plan = sweep->plan;
        status = ask_first(plan, err);
        cost *costs = dstn_alloc((size_t)plan->count + 1, sizeof(cost));
        int64_t *first = dstn_alloc((size_t)plan->count + 1, sizeof(int64_t));
        search_first_of_kind(plan, first);
        if (status == DSTN_OK) {
            status = measure_kinds(sweep, folder, first, costs, err);
        }
        if (status == DSTN_OK) {
            print_plan(sweep, costs, first, (double)(dstn_group_size(world) / sweep->ranks_per_member));
        }
        free(first);
        free(costs);
    }
    return dstn_group_verdict(world, status, err);
}
