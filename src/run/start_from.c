/* Takes the model of a checkpoint of any run, to train on from it or to evaluate it; or all of it, to go on from there.
 * STN's weights at λ are general + response at z = λ, those of all other methods general alone (z = λ − λ_0 = 0):
 * between the two kinds the response is folded at λ, so that the network stays the one that it was. */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "job.h"

/* Whether a method's response starts at z = λ. */
static bool starts_at_lambda(const dstn_method *method) {
    return method->tunes && !method->centered;
}

static dstn_status read_method(dstn_doc *doc, const dstn_method **method, dstn_error *err) {
    dstn_method_settings settings;
    dstn_job_settings others;
    dstn_binding bindings[] = {{dstn_method_options, &settings}, {run_job_options, &others}};
    dstn_status status = dstn_options_read(dstn_doc_root(doc), "", bindings, 2, err);
    return status == DSTN_OK ? dstn_method_choose(&settings, method, err) : status;
}

/* That it is of the same hyperparameters in the same order, and what method it is of. */
static dstn_status check_start(const dstn_job *job, const dstn_reader *reader, const char *path,
                               const dstn_method **method, dstn_error *err) {
    char *text = dstn_reader_text(reader, "", "config");
    dstn_doc *doc = NULL;
    dstn_status status = text ? dstn_doc_parse(text, path, &doc, err)
                              : dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute config", path);
    if (status == DSTN_OK) {
        status = run_job_same_hyperparameters(job, doc, err);
    }
    if (status == DSTN_OK) {
        status = read_method(doc, method, err);
    }
    dstn_doc_destroy(doc);
    free(text);
    return status;
}

/* Rows of an embedding and outputs of a decoder stand for words by their numbers. */
static dstn_status compare_words(const dstn_dataset *dataset, const char *path, int64_t words, char *const *vocabulary,
                                 dstn_error *err) {
    if (words != dataset->words) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                         "%s is of a vocabulary of %lld words, and %s has %lld; accepted: a checkpoint of a text with "
                         "the same vocabulary",
                         path, (long long)words, dataset->source, (long long)dataset->words);
    }
    for (int64_t w = 0; w < words && vocabulary; w++) {
        if (strcmp(vocabulary[w], dataset->vocabulary[w]) != 0) {
            return dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                             "%s has \"%s\" as word %lld, and %s has \"%s\"; accepted: a checkpoint of a text with the "
                             "same vocabulary",
                             path, vocabulary[w], (long long)w, dataset->source, dataset->vocabulary[w]);
        }
    }
    return DSTN_OK;
}

static dstn_status check_words(const dstn_job *job, const char *path, dstn_error *err) {
    int64_t words;
    char **vocabulary;
    if (!job->dataset || !job->dataset->vocabulary) {
        return DSTN_OK;
    }
    dstn_status status = dstn_checkpoint_vocabulary(path, &words, &vocabulary, err);
    if (status == DSTN_OK) {
        status = compare_words(job->dataset, path, words, vocabulary, err);
    }
    for (int64_t w = 0; vocabulary && w < words; w++) {
        free(vocabulary[w]);
    }
    free(vocabulary);
    return status;
}

/* What the leader learns of a checkpoint beside its state. */
typedef struct origin {
    int64_t step;
    bool starts_at_lambda;
} origin;

/* The averages of a range's weights, which are what was evaluated, once there are any. */
static const char *const averages[][3] = {
    {"model/general", "state/optimizer/general/averaged", "state/optimizer/general/average"},
    {"model/response", "state/optimizer/response/averaged", "state/optimizer/response/average"},
};

/* What a model's entry is taken from; free with free(). */
static char *source_of(const dstn_reader *reader, const char *entry) {
    for (size_t r = 0; r < sizeof averages / sizeof averages[0]; r++) {
        int64_t averaged = 0;
        dstn_error ignored;
        if (strcmp(entry, averages[r][0]) == 0 && dstn_reader_has(reader, averages[r][1]) &&
            dstn_reader_array(reader, averages[r][1], DSTN_I64, 1, &averaged, &ignored) == DSTN_OK && averaged > 0) {
            return dstn_strdup(averages[r][2]);
        }
    }
    return dstn_format("state/%s", entry);
}

static dstn_status leader_reads(const dstn_job *job, const dstn_state *start, bool is_all, const char *path,
                                origin *from, dstn_error *err) {
    const dstn_method *method = job->method;
    dstn_reader *reader;
    dstn_status status = check_words(job, path, err);
    if (status == DSTN_OK) {
        status = dstn_checkpoint_open(path, &reader, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    status = check_start(job, reader, path, &method, err);
    if (status == DSTN_OK && !dstn_reader_integer(reader, "", "step", &from->step)) {
        status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute step", path);
    }
    for (size_t i = 0; i < start->count && status == DSTN_OK; i++) {
        const dstn_state_entry *entry = &start->entries[i];
        int64_t count = (int64_t)(dstn_state_bytes(entry) / dstn_scalar_size(entry->scalar));
        char *name = is_all ? dstn_format("state/%s", entry->name) : source_of(reader, entry->name);
        status = dstn_reader_array(reader, name, entry->scalar, count, entry->data, err);
        free(name);
    }
    dstn_reader_close(reader);
    from->starts_at_lambda = starts_at_lambda(method);
    return status;
}

static dstn_status fold(const dstn_job *job, const origin *from, dstn_error *err) {
    bool at_lambda = starts_at_lambda(job->method);
    if (at_lambda == from->starts_at_lambda) {
        return DSTN_OK;
    }
    const dstn_space *space = job->space;
    double *z = dstn_alloc((size_t)space->count + 1, sizeof(double));
    for (int i = 0; i < space->count; i++) {
        z[i] = at_lambda ? -space->lambda[i] : space->lambda[i];
    }
    dstn_status status = dstn_model_fold_response(job->model, z, err);
    free(z);
    return status;
}

/* By one rank of those that have the weights in common. */
static dstn_status fold_once(const dstn_job *job, const origin *from, dstn_error *err) {
    dstn_shared *shared = dstn_shared_holding(job->model->value[DSTN_RANGE_GENERAL]);
    dstn_status status = dstn_shared_leads(shared) ? fold(job, from, err) : DSTN_OK;
    return dstn_group_agree(job->group, status, err);
}

/* Takes the entries of a list, which it clears. is_all: to go on from them, so that weights are the weights. */
static dstn_status take(dstn_job *job, dstn_state *state, bool is_all, const char *path, int64_t *step,
                        dstn_error *err) {
    origin from = {0, false};
    dstn_status status = dstn_group_leads(job->group) ? leader_reads(job, state, is_all, path, &from, err) : DSTN_OK;
    status = dstn_group_verdict(job->group, status, err);
    if (status == DSTN_OK) {
        dstn_group_spread_state(job->group, state, state);
        dstn_group_broadcast(job->group, &from, sizeof(from));
        status = fold_once(job, &from, err);
    }
    if (step) {
        *step = from.step;
    }
    dstn_state_clear(state);
    return status;
}

dstn_status dstn_job_start_from(dstn_job *job, const char *path, int64_t *step, dstn_error *err) {
    dstn_state state = {NULL, 0, 0};
    dstn_model_add_state(job->model, &state);
    dstn_space_add_state(job->space, &state);
    dstn_status status = take(job, &state, false, path, step, err);
    if (status == DSTN_OK && job->trainer) {
        dstn_trainer_follow(job->trainer);
    }
    return status;
}

dstn_status dstn_job_continue(dstn_job *job, const char *path, dstn_error *err) {
    dstn_state state = {NULL, 0, 0};
    dstn_trainer_add_state(job->trainer, &state);
    dstn_status status = take(job, &state, true, path, NULL, err);
    if (status == DSTN_OK) {
        dstn_trainer_restored(job->trainer);
    }
    return status;
}
