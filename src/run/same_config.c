/* Compares the config of a run with the one that it is resumed with. */
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstn/store.h"

dstn_status run_job_same_hyperparameters(const dstn_job *job, dstn_doc *before, dstn_error *err) {
    dstn_node section = dstn_node_child(dstn_doc_root(before), "hyperparameters");
    bool same = dstn_node_count(section) == (size_t)job->space->count;
    for (int i = 0; same && i < job->space->count; i++) {
        same = strcmp(dstn_node_key_at(section, (size_t)i), job->space->items[i].name) == 0;
    }
    if (!same) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s: \"hyperparameters\" are not the same, or not in the same order: lambda is a vector",
                         dstn_doc_name(before));
    }
    return DSTN_OK;
}

static bool differs(const dstn_job *job, dstn_doc *before, dstn_difference *found) {
    size_t count;
    dstn_section *sections = dstn_run_schema(&count);
    bool is_other = dstn_schema_differs(sections, count, dstn_doc_root(before), dstn_doc_root(job->doc), found);
    free(sections);
    return is_other;
}

bool run_job_is_same(const dstn_job *job, dstn_doc *before) {
    dstn_difference found;
    dstn_error ignored;
    return !differs(job, before, &found) && run_job_same_hyperparameters(job, before, &ignored) == DSTN_OK;
}

static dstn_status compare(const dstn_job *job, dstn_doc *before, const char *folder, bool *longer, dstn_error *err) {
    dstn_difference found;
    if (differs(job, before, &found)) {
        return dstn_fail(
            err, DSTN_ERROR_USAGE,
            "%s: \"%s\" is not as it was when the run started: %s then, %s now; only how long it goes on, checkpoint "
            "and logging keys may change on resume",
            folder, found.key, found.before, found.now);
    }
    if (longer) {
        *longer = run_job_is_longer(job, before);
    }
    return run_job_same_hyperparameters(job, before, err);
}

/* The config in the newest checkpoint that has a readable one; *out stays NULL where there is none. */
static dstn_status config_of_checkpoints(const char *folder, dstn_doc **out, dstn_error *err) {
    char *checkpoints = dstn_run_checkpoints(folder), **paths;
    int64_t count;
    dstn_status status = dstn_checkpoint_list(checkpoints, &count, &paths, err);
    free(checkpoints);
    if (status != DSTN_OK) {
        return status;
    }
    for (int64_t i = 0; i < count; i++) {
        dstn_checkpoint_facts about = {0};
        dstn_error damaged;
        if (!*out && dstn_checkpoint_describe(paths[i], &about, &damaged) == DSTN_OK) {
            status = dstn_doc_parse(about.config, paths[i], out, err);
        }
        dstn_checkpoint_facts_clear(&about);
        free(paths[i]);
    }
    free(paths);
    return status;
}

/* The one in the record; *out stays NULL where there is none. */
static dstn_status config_of_record(const char *folder, dstn_doc **out, dstn_error *err) {
    char *path = dstn_format("%s/run.h5", folder), *config = NULL;
    dstn_reader *reader;
    dstn_error ignored;
    dstn_status status = DSTN_OK;
    if (access(path, F_OK) == 0 && dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
        config = dstn_reader_text(reader, "provenance", "config");
        dstn_reader_close(reader);
    }
    if (config) {
        status = dstn_doc_parse(config, path, out, err);
    }
    free(config);
    free(path);
    return status;
}

dstn_status run_job_same_origin(const dstn_job *job, const dstn_checkpoint_facts *about, const char *folder,
                                dstn_error *err) {
    dstn_doc *before = NULL;
    char *checkpoints = dstn_run_checkpoints(folder);
    char *name = dstn_format("%s/step-%08lld.h5", checkpoints, (long long)about->step);
    free(checkpoints);
    dstn_status status = dstn_doc_parse(about->config, name, &before, err);
    if (status == DSTN_OK) {
        status = compare(job, before, name, NULL, err);
    }
    if (status == DSTN_OK && about->data_digest[0]) {
        status = run_job_has_data(job, about->data_digest, name, err);
    }
    dstn_doc_destroy(before);
    free(name);
    return status;
}

dstn_status dstn_job_same_config(const dstn_job *job, const char *folder, bool *longer, dstn_error *err) {
    char *path = dstn_format("%s/config.yaml", folder);
    dstn_doc *before = NULL;
    dstn_status status =
        access(path, F_OK) == 0 ? dstn_doc_load(path, &before, err) : config_of_checkpoints(folder, &before, err);
    if (status == DSTN_OK && !before) {
        status = config_of_record(folder, &before, err);
    }
    if (status == DSTN_OK && before) {
        status = compare(job, before, folder, longer, err);
    }
    dstn_doc_destroy(before);
    free(path);
    return status;
}

dstn_status run_job_has_data(const dstn_job *job, const char *digest, const char *where, dstn_error *err) {
    return strcmp(job->dataset->digest, digest) == 0
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_USAGE,
                           "data.path: %s does not hold the data of %s (digest %s then, %s now); put those back, or "
                           "start a new run",
                           job->dataset->source, where, digest, job->dataset->digest);
}

dstn_status dstn_job_has_data_of(const dstn_job *job, const char *checkpoint, dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(job->group)) {
        dstn_checkpoint_facts about = {0};
        status = dstn_checkpoint_describe(checkpoint, &about, err);
        if (status == DSTN_OK && about.data_digest[0]) {
            status = run_job_has_data(job, about.data_digest, checkpoint, err);
        }
        dstn_checkpoint_facts_clear(&about);
    }
    return dstn_group_verdict(job->group, status, err);
}
