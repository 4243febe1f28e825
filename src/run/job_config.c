/* Loads configs, and writes those of runs: as resolved, with the data's path absolute, so that they are found from
 * anywhere, and once more from the run's folder, so that they are found when all of it has moved. */
#include "job.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstn/store.h"

enum { HEADING_SIZE = 8192 };

/* ---- where things lie -------------------------------------------------------------------------------------------- */

/* "a/b", or "/b" where the folder is the root; free with free(). */
static char *join(const char *folder, const char *name) {
    return dstn_format("%s%s%s", folder, folder[0] && folder[strlen(folder) - 1] == '/' ? "" : "/", name);
}

/* A path from the root, with the links of its folders resolved, but not that of a file; what is not there stays as it
 * is written. Free with free(). */
static char *absolute_of(const char *path) {
    char *own = dstn_strdup(path);
    for (size_t end = strlen(own); end > 1 && own[end - 1] == '/'; end--) {
        own[end - 1] = '\0';
    }
    char *slash = strrchr(own, '/'), *name = dstn_strdup(slash ? slash + 1 : own), *folder = NULL, *found = NULL;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        found = realpath(own, NULL);
    } else if (slash) {
        slash[slash == own] = '\0';
        folder = absolute_of(own);
    } else {
        folder = realpath(".", NULL);
    }
    if (folder) {
        found = join(folder, name);
    }
    free(folder);
    free(name);
    free(own);
    return found ? found : dstn_strdup(path);
}

/* The way from an absolute folder to an absolute path: "../data/x.csv". Free with free(). */
static char *relative_to(const char *folder, const char *path) {
    size_t common = 0, i = 0;
    for (; folder[i] && folder[i] == path[i]; i++) {
        common = folder[i] == '/' ? i + 1 : common;
    }
    bool is_below = !folder[i] && path[i] == '/';
    common = is_below ? i + 1 : common;
    char *way = dstn_strdup(path + common);
    for (const char *rest = is_below || common > strlen(folder) ? "" : folder + common; *rest;) {
        char *longer = dstn_format("../%s", way);
        free(way);
        way = longer;
        rest += strcspn(rest, "/");
        rest += *rest == '/';
    }
    return way;
}

/* ---- configs beside a run's files -------------------------------------------------------------------------------- */

static const char heading[] = "# data.path from the run's folder: ";
/* Of runs before there was that one: the path itself is relative then. */
static const char old_heading[] = "# paths in it are relative to ";

/* The text with the data's path absolute; NULL: it would not be read again. */
static char *with_absolute_path(const char *text, const char *path) {
    dstn_doc *doc, *again = NULL;
    dstn_error ignored;
    char *changed = NULL;
    if (dstn_doc_parse(text, "config.yaml", &doc, &ignored) != DSTN_OK) {
        return NULL;
    }
    if (dstn_doc_put_text(doc, "data.path", path, "config.yaml", &ignored) == DSTN_OK) {
        changed = dstn_doc_text(doc);
    }
    /* Names of folders need not be UTF-8. */
    if (changed && dstn_doc_parse(changed, "config.yaml", &again, &ignored) != DSTN_OK) {
        free(changed);
        changed = NULL;
    }
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again);
    return changed;
}

char *dstn_job_config_text(const dstn_job *job, const char *folder) {
    char *text = dstn_doc_text(job->doc);
    dstn_node place = dstn_node_child(job->settings.data, "path");
    const char *written = dstn_node_text(place);
    char *resolved = written ? dstn_doc_resolve_path(place, written) : NULL;
    char *path = resolved ? absolute_of(resolved) : NULL;
    char *changed = path ? with_absolute_path(text, path) : NULL;
    if (changed) {
        free(text);
        text = changed;
    }
    if (changed && folder && !strchr(path, '\n')) {
        char *own = absolute_of(folder), *way = relative_to(own, path);
        text = own[0] == '/' ? dstn_format("%s%s\n%s", heading, way, changed) : dstn_strdup(changed);
        free(changed);
        free(own);
        free(way);
    }
    free(resolved);
    free(path);
    return text;
}

/* What follows a heading on the first line of a text; NULL: it has another first line. Free with free(). */
static char *rest_of_heading(const char *text, const char *start) {
    size_t length = strlen(start);
    bool begins = strncmp(text, start, length) == 0;
    return begins ? dstn_format("%.*s", (int)strcspn(text + length, "\r\n"), text + length) : NULL;
}

/* Puts the data's path where it leads from here; `folder` is the run's, as it is named now. */
static dstn_status find_data(dstn_doc *doc, const char *first_line, const char *folder, dstn_error *err) {
    dstn_node data = dstn_node_child(dstn_doc_root(doc), "data");
    const char *path = dstn_node_text(dstn_node_child(data, "path"));
    char *way = rest_of_heading(first_line, heading), *old = rest_of_heading(first_line, old_heading), *found = NULL;
    if (path && old && path[0] != '/') {
        found = join(old, path);
    } else if (path && way && access(path, F_OK) != 0) {
        found = folder[0] ? join(folder, way) : dstn_strdup(way);
    }
    /* Of two places that both have nothing the first one is told. */
    bool is_put = found && (old || access(found, F_OK) == 0);
    dstn_status status = is_put ? dstn_doc_put_text(doc, "data.path", found, dstn_doc_name(doc), err) : DSTN_OK;
    free(way);
    free(old);
    free(found);
    return status;
}

/* The folder of a path, "" where it is the current one; free with free(). */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? dstn_format("%.*s", (int)(slash - path) + (slash == path), path) : dstn_strdup("");
}

/* The first line of a file, as much of it as a heading and a path can have; "": it can't be read. */
static void read_first_line(const char *path, char line[HEADING_SIZE]) {
    FILE *file = fopen(path, "r");
    if (!file || !fgets(line, HEADING_SIZE, file)) {
        line[0] = '\0';
    }
    if (file) {
        fclose(file);
    }
}

/* ---- loading ----------------------------------------------------------------------------------------------------- */

static dstn_status finish(dstn_doc *doc, dstn_status status, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    dstn_doc_expect_file(doc, "model");
    for (int i = 0; status == DSTN_OK && i < set.count; i++) {
        status = dstn_doc_set(doc, set.items[i], err);
    }
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return DSTN_OK;
}

dstn_status dstn_job_load(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    char first_line[HEADING_SIZE];
    dstn_doc *doc;
    dstn_status status = dstn_doc_load(path, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    read_first_line(path, first_line);
    char *folder = folder_of(path);
    status = find_data(doc, first_line, folder, err);
    free(folder);
    return finish(doc, status, set, out, err);
}

/* Checkpoints lie in a folder of their own in the run's. */
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
    char *beside = folder_of(path), *folder = beside[0] ? join(beside, "..") : dstn_strdup("..");
    status = find_data(doc, about.config, folder, err);
    if (status == DSTN_OK && dstn_node_child(dstn_doc_root(doc), "schedule").handle) {
        status = dstn_doc_put(doc, "schedule", "~", path, err); /* the state has what it came to */
    }
    free(folder);
    free(beside);
    dstn_checkpoint_facts_clear(&about);
    return finish(doc, status, set, out, err);
}

/* The config of a record, in the run's folder. */
static dstn_status load_record(const char *path, dstn_doc **doc, dstn_error *err) {
    dstn_reader *reader;
    dstn_status status = dstn_reader_open(path, DSTN_ERROR_DATA, &reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    char *text = dstn_reader_text(reader, "provenance", "config");
    dstn_reader_close(reader);
    status = text ? dstn_doc_parse(text, path, doc, err)
                  : dstn_fail(err, DSTN_ERROR_DATA, "%s has no config; accepted: the record of a run, run.h5", path);
    if (status == DSTN_OK) {
        char *folder = folder_of(path);
        status = find_data(*doc, text, folder, err);
        free(folder);
    }
    free(text);
    return status;
}

dstn_status dstn_job_load_replay(const char *record, bool final, dstn_assignments set, dstn_doc **out,
                                 dstn_error *err) {
    static const char *const keys[][2] = {
        {"method", "fixed"}, {"centered", "auto"}, {"split_objective", "auto"}, {"linearize", "auto"}};
    dstn_doc *doc = NULL;
    dstn_status status = load_record(record, &doc, err);
    if (!doc) {
        return status;
    }
    char *absolute = absolute_of(record);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && status == DSTN_OK; i++) {
        status = dstn_doc_put(doc, keys[i][0], keys[i][1], record, err);
    }
    if (status == DSTN_OK) {
        status = dstn_doc_put(doc, "schedule", final ? "{final: true}" : "{final: false}", record, err);
    }
    if (status == DSTN_OK) {
        status = dstn_doc_put_text(doc, "schedule.from", absolute, record, err);
    }
    free(absolute);
    return finish(doc, status, set, out, err);
}

dstn_origin run_job_origin(const dstn_job *job, const char *config) {
    const dstn_dataset *dataset = job->dataset;
    return (dstn_origin){.config = config,
                         .data_digest = dataset->digest,
                         .words = dataset->words,
                         .vocabulary = (const char *const *)dataset->vocabulary};
}
