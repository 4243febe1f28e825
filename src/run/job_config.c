/* Loads configs: from their files, and from a run's, where they stand as resolved but away from what their paths are
 * relative to. */
#include "job.h"

#include <stdlib.h>
#include <string.h>

#include "dstn/store.h"

static dstn_status apply_settings(dstn_doc *doc, dstn_assignments set, dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int i = 0; status == DSTN_OK && i < set.count; i++) {
        status = dstn_doc_set(doc, set.items[i], err);
    }
    return status;
}

dstn_status dstn_job_load(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    dstn_doc *doc;
    dstn_status status = dstn_doc_load(path, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = apply_settings(doc, set, err);
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return DSTN_OK;
}

/* ---- configs beside a run's files ---- */

static const char heading[] = "# paths in it are relative to ";

/* The folder that the data's path is relative to, absolute; NULL: it can't be told. */
static char *data_folder(const dstn_job *job) {
    char *folder = dstn_doc_resolve_path(dstn_node_child(job->settings.data, "path"), ".");
    char *absolute = realpath(folder, NULL);
    free(folder);
    return absolute;
}

char *dstn_job_config_text(const dstn_job *job) {
    char *text = dstn_doc_text(job->doc), *folder = data_folder(job);
    if (folder && !strchr(folder, '\n')) {
        char *headed = dstn_format("%s%s\n%s", heading, folder, text);
        free(text);
        text = headed;
    }
    free(folder);
    return text;
}

/* Puts the data's path where it leads from here. */
static dstn_status find_data(dstn_doc *doc, const char *text, const char *name, dstn_error *err) {
    size_t length = sizeof(heading) - 1;
    dstn_node data = dstn_node_child(dstn_doc_root(doc), "data");
    const char *path = dstn_node_text(dstn_node_child(data, "path"));
    if (!path || path[0] == '/' || strncmp(text, heading, length) != 0) {
        return DSTN_OK;
    }
    int folder_length = (int)strcspn(text + length, "\n");
    char *found = dstn_format("%.*s/%s", folder_length, text + length, path);
    /* Single quotes make any text a YAML scalar, but for themselves. */
    char *yaml = strchr(found, '\'') ? dstn_strdup(found) : dstn_format("'%s'", found);
    dstn_status status = dstn_doc_put(doc, "data.path", yaml, name, err);
    free(yaml);
    free(found);
    return status;
}

dstn_status dstn_job_load_checkpoint(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    dstn_checkpoint_facts about;
    dstn_doc *doc;
    dstn_status status = dstn_checkpoint_describe(path, &about, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_doc_parse(about.config, path, &doc, err);
    if (status != DSTN_OK) {
        dstn_checkpoint_facts_clear(&about);
        return err->status = DSTN_ERROR_CHECKPOINT;
    }
    status = find_data(doc, about.config, path, err);
    dstn_checkpoint_facts_clear(&about);
    if (status == DSTN_OK) {
        status = apply_settings(doc, set, err);
    }
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return DSTN_OK;
}
