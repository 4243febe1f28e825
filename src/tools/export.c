/* dstn export: a trained network, or a schedule of hyperparameters, for other programs. */
#include "export.h"

#include "dstn/tools.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

/* ---- the network of a checkpoint ---- */

static dstn_status load(const dstn_console *console, const dstn_export_request *request, dstn_doc **doc,
                        dstn_error *err) {
    dstn_status status = dstn_job_load_checkpoint(request->path, request->set, doc, err);
    return dstn_group_agree(console->world, status, err);
}

/* Where the data are gone, the network's own `input:` does. */
static dstn_status make_job_without_data(const dstn_console *console, const dstn_export_request *request,
                                         dstn_job **job, dstn_error *err) {
    dstn_doc *doc;
    dstn_error without = {DSTN_OK, ""};
    dstn_status status = load(console, request, &doc, &without);
    if (status == DSTN_OK) {
        status = dstn_job_new_without_data(doc, console->world, &console->log, job, &without);
    }
    if (status != DSTN_OK) {
        return dstn_fail_in(err, "%s needs its data for the shape of the network's input", request->path);
    }
    dstn_log_warn(&console->log, "%s; exported without them, and without what their images were normalized by",
                  err->message);
    *err = (dstn_error){DSTN_OK, ""};
    return DSTN_OK;
}

static dstn_status make_job(const dstn_console *console, const dstn_export_request *request, dstn_job **job,
                            dstn_error *err) {
    dstn_doc *doc;
    int64_t words;
    char **vocabulary;
    dstn_status status = load(console, request, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_checkpoint_vocabulary(request->path, &words, &vocabulary, err);
    status = dstn_group_agree(console->world, status, err);
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    if (words > 0) {
        return dstn_job_new_of_words(doc, words, vocabulary, console->world, &console->log, job, err);
    }
    status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_MODEL, job, err);
    return status == DSTN_ERROR_DATA ? make_job_without_data(console, request, job, err) : status;
}

/* FOLDER/NAME.h5 → FOLDER/NAME.npz; free with free(). */
static char *name_beside(const char *path, const char *ending) {
    size_t length = strlen(path);
    bool is_h5 = length > 3 && strcmp(path + length - 3, ".h5") == 0;
    return dstn_format("%.*s.%s", (int)(is_h5 ? length - 3 : length), path, ending);
}

/* The metadata as the one text of safetensors' __metadata__; "pt" is what loaders of PyTorch's look for. */
static char *as_text_of_header(const char *metadata) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return NULL;
    }
    fputs("{\"format\":\"pt\",\"dstn\":", out);
    tools_json_text(out, metadata);
    fputc('}', out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static dstn_status write_network(const char *path, bool safetensors, const tools_tensors *tensors, const char *metadata,
                                 dstn_error *err) {
    if (!safetensors) {
        return dstn_tensors_write_npz(path, tensors->count, tensors->items, metadata, err);
    }
    char *header = as_text_of_header(metadata);
    dstn_status status = header ? dstn_tensors_write_safetensors(path, tensors->count, tensors->items, header, err)
                                : dstn_fail(err, DSTN_ERROR_RUN, "out of memory");
    free(header);
    return status;
}

static dstn_status export_network(const dstn_console *console, const dstn_export_request *request, const dstn_job *job,
                                  int64_t step, dstn_error *err) {
    bool safetensors = request->format && strcmp(request->format, "safetensors") == 0;
    char *path =
        request->out ? dstn_strdup(request->out) : name_beside(request->path, safetensors ? "safetensors" : "npz");
    char *metadata = tools_export_metadata(job, step, request->response);
    tools_tensors tensors = {0};
    tools_export_network(job, request->response, &tensors);
    dstn_status status = metadata ? write_network(path, safetensors, &tensors, metadata, err)
                                  : dstn_fail(err, DSTN_ERROR_RUN, "out of memory");
    if (status == DSTN_OK) {
        fprintf(console->out, "step %lld\narrays %lld\n", (long long)step, (long long)tensors.count);
        dstn_print_line(console->out, "network %s", path);
    }
    tools_tensors_clear(&tensors);
    free(metadata);
    free(path);
    return status;
}

/* The data say what images were normalized by: they must be those that it was trained on. */
static dstn_status take_checkpoint(dstn_job *job, const char *path, int64_t *step, dstn_error *err) {
    bool has_data = job->dataset && job->dataset->digest[0] != '\0';
    dstn_status status = has_data ? dstn_job_has_data_of(job, path, err) : DSTN_OK;
    return status == DSTN_OK ? dstn_job_start_from(job, path, step, err) : status;
}

static dstn_status export_checkpoint(const dstn_console *console, const dstn_export_request *request, dstn_error *err) {
    dstn_job *job;
    int64_t step;
    dstn_status status = make_job(console, request, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = take_checkpoint(job, request->path, &step, err);
    if (status == DSTN_OK && request->response && job->space->count == 0) {
        status = dstn_fail(err, DSTN_ERROR_USAGE, "--response: %s has no hyperparameters to respond to", request->path);
    }
    if (status == DSTN_OK && dstn_group_leads(console->world)) {
        status = export_network(console, request, job, step, err);
    }
    status = dstn_group_verdict(console->world, status, err);
    dstn_job_destroy(job);
    return status;
}

/* ---- the command ---- */

static bool is_one_of(const char *format, const char *first, const char *second) {
    return !format || strcmp(format, first) == 0 || strcmp(format, second) == 0;
}

dstn_status dstn_export(const dstn_console *console, const dstn_export_request *request, dstn_error *err) {
    const char *formats[] = {request->schedule ? "csv" : "npz", request->schedule ? "json" : "safetensors"};
    if (!is_one_of(request->format, formats[0], formats[1])) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--format %s: accepted: %s, %s%s", request->format, formats[0],
                         formats[1], request->schedule ? " of a schedule" : " of a network");
    }
    if (request->schedule && (request->response || request->set.count > 0)) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--%s: has no meaning with --schedule",
                         request->response ? "response" : "set");
    }
    if (!request->schedule) {
        return export_checkpoint(console, request, err);
    }
    bool json = request->format && strcmp(request->format, "json") == 0;
    dstn_status status = dstn_group_leads(console->world)
                             ? tools_export_schedule(console, request->path, json, request->out, err)
                             : DSTN_OK;
    return dstn_group_verdict(console->world, status, err);
}
