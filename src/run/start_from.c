/* Takes the model of a checkpoint of any run, to train on from it or to evaluate it; or all of it, to go on from there.
 */
#include "checkpoint.h"

#include <stdlib.h>

#include "job.h"

/* That it is of the same hyperparameters in the same order. */
static dstn_status check_start(const dstn_job *job, const dstn_reader *reader, const char *path, dstn_error *err) {
    char *text = dstn_reader_text(reader, "", "config");
    dstn_doc *doc = NULL;
    dstn_status status = text ? dstn_doc_parse(text, path, &doc, err)
                              : dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute config", path);
    if (status == DSTN_OK) {
        status = run_job_same_hyperparameters(job, doc, err);
    }
    dstn_doc_destroy(doc);
    free(text);
    return status;
}

static dstn_status leader_reads(const dstn_job *job, const dstn_state *start, const char *path, int64_t *step,
                                dstn_error *err) {
    dstn_reader *reader;
    dstn_status status = dstn_checkpoint_open(path, &reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = check_start(job, reader, path, err);
    if (status == DSTN_OK && !dstn_reader_integer(reader, "", "step", step)) {
        status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s has no attribute step", path);
    }
    for (size_t i = 0; i < start->count && status == DSTN_OK; i++) {
        const dstn_state_entry *entry = &start->entries[i];
        int64_t count = (int64_t)(dstn_state_bytes(entry) / dstn_scalar_size(entry->scalar));
        char *name = dstn_format("state/%s", entry->name);
        status = dstn_reader_array(reader, name, entry->scalar, count, entry->data, err);
        free(name);
    }
    dstn_reader_close(reader);
    return status;
}

/* Takes the entries of a list, which it clears. */
static dstn_status take(dstn_job *job, dstn_state *state, const char *path, int64_t *step, dstn_error *err) {
    int64_t made = 0;
    dstn_status status = dstn_group_leads(job->group) ? leader_reads(job, state, path, &made, err) : DSTN_OK;
    status = dstn_group_verdict(job->group, status, err);
    if (status == DSTN_OK) {
        run_state_spread(job->group, state);
        dstn_group_broadcast(job->group, &made, sizeof(made));
    }
    if (step) {
        *step = made;
    }
    dstn_state_clear(state);
    return status;
}

dstn_status dstn_job_start_from(dstn_job *job, const char *path, int64_t *step, dstn_error *err) {
    dstn_state state = {NULL, 0, 0};
    dstn_model_add_state(job->model, &state);
    dstn_space_add_state(job->space, &state);
    return take(job, &state, path, step, err);
}

dstn_status dstn_job_continue(dstn_job *job, const char *path, dstn_error *err) {
    dstn_state state = {NULL, 0, 0};
    dstn_trainer_add_state(job->trainer, &state);
    dstn_status status = take(job, &state, path, NULL, err);
    if (status == DSTN_OK) {
        dstn_trainer_restored(job->trainer);
    }
    return status;
}
