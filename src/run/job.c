/* Assembles a job: every section of the config is read by the room that it belongs to, in the order in which they need
 * each other. */
#include "job.h"

#include <math.h>
#include <stdlib.h>

const dstn_option run_job_options[] = {
    DSTN_INT("seed", dstn_job_settings, seed, 0, 4294967295.0, "0",
             "of initial weights, data order and noise; the same for every method that is compared"),
    DSTN_CHOICE("precision", dstn_job_settings, precision, "f32|f64", "f32",
                "scalar type of the model; losses and hyperparameters are always double"),
    DSTN_TEXT("backend", dstn_job_settings, backend, "auto",
              "library behind the matrix products: auto, openblas or onednn"),
    DSTN_REAL("checkpoint_every", dstn_job_settings, checkpoint_every, 0, INFINITY, "60", "seconds between checkpoints",
              DSTN_MAY_DIFFER),
    DSTN_INT("checkpoint_steps", dstn_job_settings, checkpoint_steps, 0, 1e12, "0",
             "training steps between checkpoints; 0: checkpoint_every decides", DSTN_MAY_DIFFER),
    DSTN_INT("checkpoint_keep", dstn_job_settings, checkpoint_keep, 1, 1e6, "2",
             "checkpoints that are kept, the newest ones", DSTN_MAY_DIFFER),
    DSTN_SWITCH("checkpoint_best", dstn_job_settings, checkpoint_best, "auto",
                "keep the epoch of the lowest validation loss, checkpoints/best.h5; auto: where epochs are evaluated"),
    DSTN_INT("digest_every", dstn_job_settings, digest_every, 0, 1e12, "0",
             "training steps between digests of the whole state; 0: one an epoch"),
    DSTN_BOOL(
        "reproducible", dstn_job_settings, reproducible, "false",
        "the same result to the last bit on any number of ranks that a member has, up to `shards`, if all have the "
        "same OMP_NUM_THREADS; a rank with n shards keeps up to 1 + log2(n) gradients"),
    DSTN_INT("shards", dstn_job_settings, shards, 1, 4096, "8",
             "parts of a batch that are computed one by one and summed in a fixed order, where reproducible is true"),
    DSTN_SECTION("data", dstn_job_settings, data, "the data set"),
    DSTN_SECTION("augment", dstn_job_settings, augment, "a list of augmentations of the training images"),
    DSTN_SECTION("model", dstn_job_settings, model, "the network, or the path of a file with it"),
    DSTN_SECTION("regularizers", dstn_job_settings, regularizers, "penalties added to the training loss, by name"),
    DSTN_SECTION("hyperparameters", dstn_job_settings, hyperparameters, "what is tuned, by name"),
    DSTN_SECTION("train", dstn_job_settings, train, "lengths, batches and intervals"),
    DSTN_SECTION("optimizer", dstn_job_settings, optimizer, "for general and response weights"),
    DSTN_SECTION("hyper_optimizer", dstn_job_settings, hyper_optimizer, "for lambda and the perturbation scales"),
    DSTN_SECTION("schedule", dstn_job_settings, schedule,
                 "with method: fixed, the run whose hyperparameters are followed from step to step"),
    DSTN_SECTION("record", dstn_job_settings, record, "what run.h5 keeps"),
    DSTN_OPTIONS_END,
};

const dstn_option run_record_options[] = {
    DSTN_INT("every", dstn_record_settings, every, 0, 1e12, "50",
             "training steps between rows of the record; 0: the first row alone"),
    DSTN_SWITCH("oracle", dstn_record_settings, oracle, "auto",
                "record the exact answer beside the learned one; auto: where there is a closed form"),
    DSTN_OPTIONS_END,
};

static dstn_status require(dstn_node root, dstn_node section, const char *key, dstn_error *err) {
    return section.handle ? DSTN_OK : dstn_node_fail(root, err, "missing section \"%s\"", key);
}

static dstn_status read_table(dstn_node node, const char *path, const dstn_option *options, void *settings,
                              dstn_error *err) {
    dstn_binding binding = {options, settings};
    return dstn_options_read(node, path, &binding, 1, err);
}

/* A model that is given as a path stands in a file of its own, which takes the path's place in the document. */
static dstn_status inline_model_file(dstn_job *job, dstn_error *err) {
    dstn_doc_expect_file(job->doc, "model");
    dstn_status status = dstn_doc_inline_file(job->doc, err);
    job->settings.model = dstn_node_child(dstn_doc_root(job->doc), "model");
    return status;
}

/* The top level and the sections that belong to no other room; with the model, if that has a file of its own, it is all
 * that the ranks are to have in common. */
static dstn_status read_settings(dstn_job *job, dstn_error *err) {
    dstn_node root = dstn_doc_root(job->doc);
    dstn_method_settings method;
    dstn_binding bindings[] = {{dstn_method_options, &method}, {run_job_options, &job->settings}};
    dstn_status status = dstn_options_read(root, "", bindings, 2, err);
    if (status == DSTN_OK) {
        status = dstn_method_choose(&method, &job->method, err);
        if (status != DSTN_OK) {
            return dstn_fail_in(err, "%s", dstn_doc_name(job->doc));
        }
    }
    return status == DSTN_OK ? inline_model_file(job, err) : status;
}

static dstn_scalar scalar_of(const dstn_job *job) {
    return job->settings.precision == 1 ? DSTN_F64 : DSTN_F32;
}

static dstn_status read_data(dstn_job *job, dstn_error *err) {
    dstn_node root = dstn_doc_root(job->doc);
    dstn_status status = require(root, job->settings.data, "data", err);
    if (status == DSTN_OK) {
        status = dstn_dataset_read(job->settings.data, (uint32_t)job->settings.seed, job->log, &job->dataset, err);
    }
    if (status == DSTN_OK) {
        status = dstn_dataset_check_range(job->dataset, scalar_of(job), err);
    }
    return status;
}

static dstn_status check_loss(const dstn_job *job, dstn_error *err) {
    bool classifies = job->dataset->task == DSTN_TASK_CLASSIFICATION;
    if (classifies != (job->model->loss == DSTN_LOSS_CROSS_ENTROPY)) {
        dstn_node place = dstn_node_child(job->settings.model, "loss");
        return dstn_node_fail(place, err, "data.task is %s, which needs loss: %s",
                              classifies ? "classification" : "regression", classifies ? "cross_entropy" : "mse");
    }
    return DSTN_OK;
}

static dstn_status read_augment(dstn_job *job, dstn_error *err) {
    return dstn_augment_read(job->settings.augment, job->dataset, dstn_space_names(job->space), &job->augment, err);
}

/* What nothing uses would walk somewhere with the noise, and be reported as a result. */
static void warn_of_unused(const dstn_job *job) {
    for (int i = 0; i < job->space->count; i++) {
        if (!job->space->used[i]) {
            dstn_log_warn(job->log,
                          "hyperparameters.%s: no layer, regularizer or augmentation uses it: its value says nothing",
                          job->space->items[i].name);
        }
    }
}

static dstn_status read_tables(dstn_job *job, dstn_error *err) {
    dstn_status status = read_table(job->settings.train, "train", dstn_train_options, &job->train, err);
    job->train.shards = job->settings.reproducible && !job->is_apart ? job->settings.shards : 0;
    if (!job->method->tunes && !job->method->train[0]->perturbed) { /* samples would be the same */
        job->train.samples = 1;
        job->train.antithetic = false;
    }
    if (status == DSTN_OK) {
        status = read_table(job->settings.record, "record", run_record_options, &job->record, err);
    }
    if (status == DSTN_OK) {
        status = dstn_kernel_find(job->settings.backend, scalar_of(job), &job->kernel, err);
    }
    if (status == DSTN_OK) {
        status = dstn_space_read(job->settings.hyperparameters, &job->space, err);
    }
    return status == DSTN_OK ? require(dstn_doc_root(job->doc), job->settings.model, "model", err) : status;
}

/* For rows of this shape (rank 0: the model's own `input:`), as many outputs (0: any), and data of which sizes alone
 * need to be known. */
static dstn_status build_model(dstn_job *job, dstn_shape input, int64_t outputs, const dstn_dataset *data,
                               dstn_error *err) {
    dstn_model_request request = {
        .node = job->settings.model,
        .regularizers = job->settings.regularizers,
        .kernel = job->kernel,
        .space = job->space,
        .input = input,
        .outputs = outputs,
        .train_rows = data->rows[DSTN_PART_TRAIN],
    };
    dstn_train_size_model(&job->train, data, job->group, &request);
    dstn_status status = dstn_model_new(&request, &job->model, err);
    if (status == DSTN_OK) {
        dstn_model_initialize(job->model, (uint32_t)job->settings.seed);
        dstn_space_reset(job->space);
    }
    return status;
}

static dstn_status read_model(dstn_job *job, dstn_error *err) {
    const dstn_dataset *dataset = job->dataset;
    const int64_t *shape = dataset->shape;
    dstn_status status = read_tables(job, err);
    if (status == DSTN_OK) {
        const dstn_shape input = {
            .rank = dataset->rank, .dims = {shape[0], shape[1], shape[2]}, .words = dataset->words};
        status = build_model(job, input, dataset->outputs, dataset, err);
    }
    if (status == DSTN_OK) {
        status = check_loss(job, err);
    }
    if (status == DSTN_OK) {
        status = read_augment(job, err);
    }
    if (status == DSTN_OK) {
        warn_of_unused(job);
    }
    return status;
}

/* The data take the model's shape, not the other way round. */
static dstn_status read_model_and_make_data(dstn_job *job, dstn_error *err) {
    dstn_status status = read_tables(job, err);
    if (status == DSTN_OK) {
        const dstn_dataset sizes = dstn_synthetic_sizes(job->settings.model, &job->train);
        status = build_model(job, dstn_synthetic_shape(job->settings.model), 0, &sizes, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    job->dataset = dstn_synthetic_data(job->model, &job->train, (uint32_t)job->settings.seed);
    return read_augment(job, err);
}

/* What is less good than it could be, once a process: a sweep has many members. How much it takes differs a little from
 * rank to rank, and the leader's is enough. */
static void tell_lack(const dstn_job *job) {
    static bool is_told;
    char *lack = dstn_trainer_lack(job->trainer);
    if (lack && !is_told && dstn_group_leads(job->group)) {
        dstn_log_warn(job->log, "%s", lack);
        is_told = true;
    }
    free(lack);
}

/* Batches of other rows are another algorithm, not another rounding; said once a process, too. */
static void tell_statistics(const dstn_job *job) {
    static bool is_told;
    int64_t shards = job->train.shards, batch = job->train.batch;
    if (shards == 0 || job->model->buffer_count == 0 || is_told || !dstn_group_leads(job->group)) {
        return;
    }
    dstn_log_info(job->log,
                  "batch normalization takes the statistics of each shard, %lld rows, not of the batch's %lld "
                  "(reproducible: true, shards: %lld)",
                  (long long)((batch + shards - 1) / shards), (long long)batch, (long long)shards);
    is_told = true;
}

static dstn_trainer_request trainer_request(const dstn_job *job) {
    return (dstn_trainer_request){
        .method = job->method,
        .train = job->train,
        .seed = (uint32_t)job->settings.seed,
        .optimizer = job->settings.optimizer,
        .hyper_optimizer = job->settings.hyper_optimizer,
        .wants_evaluation = job->settings.checkpoint_best == DSTN_SWITCH_TRUE,
        .augment = job->augment,
        .model = job->model,
        .space = job->space,
        .dataset = job->dataset,
        .group = job->group,
        .most_ranks = job->is_apart ? 1 : 0,
    };
}

dstn_status dstn_job_check_ranks(const dstn_job *job, int64_t ranks, dstn_error *err) {
    dstn_trainer_request request = trainer_request(job);
    return dstn_trainer_check_ranks(&request, ranks, err);
}

static dstn_status make_trainer(dstn_job *job, dstn_error *err) {
    dstn_trainer_request request = trainer_request(job);
    dstn_status status = dstn_trainer_new(&request, &job->trainer, err);
    if (status == DSTN_OK) {
        tell_lack(job);
        tell_statistics(job);
    }
    return status;
}

typedef dstn_status job_stage(dstn_job *job, dstn_error *err);

static dstn_job *start_job(dstn_doc *doc, const dstn_group *group, const dstn_log *log) {
    dstn_job *job = dstn_alloc(1, sizeof(*job));
    job->doc = doc;
    job->group = group;
    job->log = log;
    return job;
}

static dstn_status finish_job(dstn_job *job, dstn_status status, dstn_job **out) {
    if (status == DSTN_OK) {
        *out = job;
    } else {
        dstn_job_destroy(job);
    }
    return status;
}

dstn_status dstn_job_new(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job_stage stage,
                         dstn_job **out, dstn_error *err) {
    job_stage *const stages[] = {read_data, read_model, make_trainer};
    dstn_job *job = start_job(doc, group, log);
    job->is_apart = stage == DSTN_JOB_APART;
    int last = job->is_apart ? DSTN_JOB_TRAINER : (int)stage;
    dstn_status status = dstn_group_agree(group, read_settings(job, err), err);
    if (status == DSTN_OK) {
        status = dstn_ranks_have_same_config(job->doc, group, err);
    }
    if (status == DSTN_OK) {
        status = run_job_ranks_compute_alike(job, err);
    }
    for (int s = DSTN_JOB_DATA; s <= last && status == DSTN_OK; s++) {
        status = dstn_group_agree(group, stages[s](job, err), err);
        /* Before anything is sized by them. */
        if (status == DSTN_OK && s == DSTN_JOB_DATA) {
            status = run_job_ranks_have_same_data(job, err);
        }
        if (status == DSTN_OK && s == DSTN_JOB_MODEL && stage == DSTN_JOB_TRAINER) {
            status = run_job_read_schedule(job, err);
        }
    }
    if (status == DSTN_OK && job->course.rows > 0) {
        dstn_trainer_set_course(job->trainer, &job->course);
    }
    return finish_job(job, status, out);
}

dstn_status dstn_job_new_synthetic(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job **out,
                                   dstn_error *err) {
    dstn_job *job = start_job(doc, group, log);
    dstn_status status = dstn_group_agree(group, read_settings(job, err), err);
    if (status == DSTN_OK) {
        status = dstn_ranks_have_same_config(job->doc, group, err);
    }
    if (status == DSTN_OK) {
        status = dstn_group_agree(group, read_model_and_make_data(job, err), err);
    }
    if (status == DSTN_OK) {
        status = dstn_group_agree(group, make_trainer(job, err), err);
    }
    return finish_job(job, status, out);
}

dstn_status dstn_job_new_of_words(dstn_doc *doc, int64_t words, char **vocabulary, const dstn_group *group,
                                  const dstn_log *log, dstn_job **out, dstn_error *err) {
    dstn_job *job = start_job(doc, group, log);
    job->is_apart = true;
    job->dataset = dstn_dataset_of_words(words, vocabulary);
    dstn_status status = read_settings(job, err);
    if (status == DSTN_OK) {
        status = read_model(job, err);
    }
    return finish_job(job, dstn_group_agree(group, status, err), out);
}

dstn_status dstn_job_new_without_data(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job **out,
                                      dstn_error *err) {
    dstn_job *job = start_job(doc, group, log);
    job->is_apart = true;
    dstn_status status = read_settings(job, err);
    if (status == DSTN_OK) {
        status = read_tables(job, err);
    }
    if (status == DSTN_OK) {
        const dstn_dataset sizes = dstn_synthetic_sizes(job->settings.model, &job->train);
        status = build_model(job, (dstn_shape){0}, 0, &sizes, err);
    }
    return finish_job(job, dstn_group_agree(group, status, err), out);
}

/* That there is no closed form is an error only where it is asked for. */
static dstn_status find_oracle(dstn_job *job, dstn_error *err) {
    if (job->record.oracle == DSTN_SWITCH_FALSE) {
        return DSTN_OK;
    }
    dstn_error none = {DSTN_OK, ""};
    dstn_status status = dstn_oracle_new(job->model, job->space, job->dataset, job->group, &job->oracle, &none);
    if (status == DSTN_ERROR_USAGE && job->record.oracle == DSTN_SWITCH_AUTO) {
        return DSTN_OK;
    }
    if (status != DSTN_OK) {
        *err = none;
    }
    return status;
}

dstn_status dstn_job_add_oracle(dstn_job *job, dstn_error *err) {
    return dstn_group_agree(job->group, find_oracle(job, err), err);
}

bool run_job_is_longer(const dstn_job *job, dstn_doc *before) {
    dstn_train_settings train;
    dstn_error ignored;
    dstn_node section = dstn_node_child(dstn_doc_root(before), "train");
    if (read_table(section, "train", dstn_train_options, &train, &ignored) != DSTN_OK) {
        return false;
    }
    int64_t steps = train.iterations > 0 ? train.iterations : dstn_trainer_steps(job->trainer, train.epochs);
    return dstn_trainer_progress(job->trainer)->steps > steps || job->train.stop_below_rate < train.stop_below_rate;
}

bool run_job_keeps_best(const dstn_job *job) {
    return dstn_switch_is(job->settings.checkpoint_best, dstn_trainer_evaluates_epochs(job->trainer));
}

bool run_job_records_step(const dstn_job *job, int64_t step) {
    return job->record.every > 0 && step % job->record.every == 0;
}

void dstn_job_destroy(dstn_job *job) {
    if (!job) {
        return;
    }
    dstn_oracle_destroy(job->oracle);
    dstn_trainer_destroy(job->trainer);
    dstn_model_destroy(job->model);
    dstn_space_destroy(job->space);
    free(job->course.steps);
    free(job->course.lambda);
    dstn_augment_destroy(job->augment);
    dstn_dataset_destroy(job->dataset);
    dstn_doc_destroy(job->doc);
    free(job);
}
