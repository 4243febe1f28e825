/* A run that takes its hyperparameters from the record of another one, from step to step: the section `schedule`. */
#include "job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/store.h"

typedef struct schedule_settings {
    const char *from, *digest;
    bool final;
} schedule_settings;

const dstn_option run_schedule_options[] = {
    DSTN_TEXT("from", schedule_settings, from, DSTN_REQUIRED,
              "the record of a run that is done, run.h5, relative to the folder of the config that names it; {seed} in "
              "it is this run's seed. Before each step hyperparameters are as they stand there at that step, in the "
              "last row of the series or of the epochs at or before it (so record.every says how fine they are), and "
              "after the last row they stay",
              DSTN_MAY_DIFFER),
    DSTN_BOOL("final", schedule_settings, final, "false", "its last values throughout"),
    DSTN_TEXT("digest", schedule_settings, digest, "~",
              "of steps and values as they were read, which the resolved config holds: a run is not resumed with "
              "others"),
    DSTN_OPTIONS_END,
};

/* ---- the record -------------------------------------------------------------------------------------------------- */

/* Rows of λ in the order of their steps, as a record has them. */
typedef struct table {
    int64_t rows;
    double *steps, *lambda; /* [rows], [rows, h] */
} table;

static void clear_table(table *t) {
    free(t->steps);
    free(t->lambda);
}

static dstn_status read_rows(const dstn_reader *reader, const char *path, const char *group, int h, table *out,
                             dstn_error *err) {
    char *steps = dstn_format("%s/step", group), *lambda = dstn_format("%s/lambda", group);
    int64_t count = 0;
    dstn_status status = dstn_reader_doubles(reader, steps, &out->rows, &out->steps, err);
    if (status == DSTN_OK) {
        status = dstn_reader_doubles(reader, lambda, &count, &out->lambda, err);
    }
    if (status == DSTN_OK && count != out->rows * h) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s: data set %s is not %lld rows of %d values", path, lambda,
                           (long long)out->rows, h);
    }
    free(steps);
    free(lambda);
    return status;
}

/* A record that another run's rows go on in would be another schedule tomorrow. */
static dstn_status check_done(const dstn_reader *reader, const char *path, dstn_error *err) {
    char *status = dstn_reader_text(reader, "result", "status");
    dstn_status verdict = DSTN_OK;
    if (!status || !dstn_reader_has(reader, "series/lambda")) {
        verdict = dstn_fail(err, DSTN_ERROR_DATA, "%s has no schedule; accepted: the record of a run, run.h5", path);
    } else if (strcmp(status, dstn_member_state_name(DSTN_MEMBER_DONE)) != 0) {
        verdict = dstn_fail(err, DSTN_ERROR_DATA, "%s: that run is %s; accepted: the record of a run that is done",
                            path, status);
    }
    free(status);
    return verdict;
}

/* The hyperparameters that the record is of; *out is the caller's. */
static dstn_status read_space(const dstn_reader *reader, const char *path, dstn_space **out, dstn_error *err) {
    char *config = dstn_reader_text(reader, "provenance", "config");
    dstn_doc *doc = NULL;
    dstn_status status = config ? dstn_doc_parse(config, path, &doc, err)
                                : dstn_fail(err, DSTN_ERROR_DATA, "%s has no provenance/config", path);
    if (status == DSTN_OK) {
        status = dstn_space_read(dstn_node_child(dstn_doc_root(doc), "hyperparameters"), out, err);
    }
    dstn_doc_destroy(doc);
    free(config);
    return status;
}

/* ---- from the record's hyperparameters to the run's ---------------------------------------------------------------
 */

/* columns [own->count], out: the record's index of each of the run's. */
static dstn_status match_names(dstn_node place, const dstn_space *own, const dstn_space *there, const char *path,
                               int *columns, dstn_error *err) {
    for (int i = 0; i < own->count; i++) {
        columns[i] = dstn_space_find(there, own->items[i].name);
        if (columns[i] < 0) {
            return dstn_node_fail(place, err,
                                  "%s has no hyperparameter \"%s\", and this run has; accepted: the same names", path,
                                  own->items[i].name);
        }
    }
    for (int j = 0; j < there->count; j++) {
        if (dstn_space_find(own, there->items[j].name) < 0) {
            return dstn_node_fail(place, err,
                                  "%s has a hyperparameter \"%s\", and this run has not; accepted: the same names",
                                  path, there->items[j].name);
        }
    }
    return DSTN_OK;
}

/* λ of the natural value that λ `lambda` is there: itself, where both have one range and map. */
static double own_lambda(const dstn_hyper *own, const dstn_space *there, int j, double lambda) {
    const dstn_hyper *other = &there->items[j];
    bool is_same = own->transform == other->transform && own->low == other->low && own->high == other->high;
    return is_same ? lambda : own->transform->inverse(dstn_space_unrounded(there, j, lambda), own->low, own->high);
}

/* Appends a row; one of the same step takes the last one's place, and one of the same values is left out. */
static void append(dstn_course *course, int64_t step, const double *lambda, int h) {
    double *last = course->rows > 0 ? course->lambda + (course->rows - 1) * h : NULL;
    size_t bytes = (size_t)h * sizeof *lambda;
    if (last && course->steps[course->rows - 1] == step) {
        memcpy(last, lambda, bytes);
    } else if (!last || memcmp(last, lambda, bytes) != 0) {
        course->steps[course->rows] = step;
        memcpy(course->lambda + course->rows++ * h, lambda, bytes);
    }
}

typedef struct conversion {
    dstn_node place; /* for messages */
    const char *path;
    const dstn_space *own, *there;
    const int *columns;
} conversion;

static dstn_status convert_row(const conversion *c, int64_t step, const double *from, double *to, dstn_error *err) {
    for (int i = 0; i < c->own->count; i++) {
        int j = c->columns[i];
        to[i] = own_lambda(&c->own->items[i], c->there, j, from[j]);
        if (!isfinite(to[i])) {
            return dstn_node_fail(c->place, err, "%s: \"%s\" is %g at step %lld, which is not in its range here",
                                  c->path, c->own->items[i].name, dstn_space_unrounded(c->there, j, from[j]),
                                  (long long)step);
        }
    }
    return DSTN_OK;
}

/* Both tables in the order of their steps; at one step the series have the last word, since a fork's moves are there.
 */
static dstn_status merge(const conversion *c, const table *series, const table *epochs, dstn_course *course,
                         dstn_error *err) {
    int h = c->own->count;
    double *row = dstn_alloc((size_t)h + 1, sizeof *row);
    dstn_status status = DSTN_OK;
    int64_t s = 0, e = 0;
    while (status == DSTN_OK && (s < series->rows || e < epochs->rows)) {
        bool takes_epoch = e < epochs->rows && (s == series->rows || epochs->steps[e] <= series->steps[s]);
        const table *from = takes_epoch ? epochs : series;
        int64_t r = takes_epoch ? e++ : s++, step = (int64_t)from->steps[r];
        status = convert_row(c, step, from->lambda + r * h, row, err);
        if (status == DSTN_OK) {
            append(course, step, row, h);
        }
    }
    free(row);
    return status;
}

static void make_room(dstn_course *course, int64_t rows, int h) {
    course->steps = dstn_alloc((size_t)rows + 1, sizeof *course->steps);
    course->lambda = dstn_alloc((size_t)(rows * h) + 1, sizeof *course->lambda);
}

static dstn_status read_course(const conversion *c, const dstn_reader *reader, dstn_course *course, dstn_error *err) {
    table series = {0}, epochs = {0};
    int h = c->there->count;
    dstn_status status = read_rows(reader, c->path, "series", h, &series, err);
    if (status == DSTN_OK && dstn_reader_has(reader, "epochs/lambda")) {
        status = read_rows(reader, c->path, "epochs", h, &epochs, err);
    }
    if (status == DSTN_OK && (series.rows == 0 || series.steps[0] != 0)) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s has lost the beginning of its series", c->path);
    }
    if (status == DSTN_OK) {
        make_room(course, series.rows + epochs.rows, h);
        status = merge(c, &series, &epochs, course, err);
    }
    clear_table(&series);
    clear_table(&epochs);
    return status;
}

/* On the leader. */
static dstn_status read_record(dstn_job *job, dstn_node place, const char *path, dstn_error *err) {
    dstn_reader *reader;
    dstn_space *there = NULL;
    int *columns = dstn_alloc((size_t)job->space->count + 1, sizeof *columns);
    dstn_status status = dstn_reader_open(path, DSTN_ERROR_DATA, &reader, err);
    if (status == DSTN_OK) {
        status = check_done(reader, path, err);
        if (status == DSTN_OK) {
            status = read_space(reader, path, &there, err);
        }
        if (status == DSTN_OK) {
            status = match_names(place, job->space, there, path, columns, err);
        }
        if (status == DSTN_OK) {
            const conversion c = {place, path, job->space, there, columns};
            status = read_course(&c, reader, &job->course, err);
        }
        dstn_reader_close(reader);
    }
    dstn_space_destroy(there);
    free(columns);
    return status;
}

/* ---- the section --------------------------------------------------------------------------------------------------
 */

/* The text with {seed} replaced; free with free(). */
static char *with_seed(const char *text, int64_t seed) {
    static const char mark[] = "{seed}";
    char *out = dstn_strdup(text), *found;
    while ((found = strstr(out, mark)) != NULL) {
        char *next = dstn_format("%.*s%lld%s", (int)(found - out), out, (long long)seed, found + strlen(mark));
        free(out);
        out = next;
    }
    return out;
}

static bool is_utf8(const char *text) {
    uint32_t code;
    int length = 1;
    for (; *text && length > 0; text += length > 0 ? length : 0) {
        length = dstn_utf8_length(text, &code);
    }
    return length > 0;
}

/* The resolved config leads to the record from anywhere; names of folders that YAML can't hold stay as they were. */
static dstn_status put_path(dstn_job *job, const char *path, dstn_error *err) {
    char *absolute = realpath(path, NULL);
    const char *name = dstn_doc_name(job->doc);
    dstn_status status =
        absolute && is_utf8(absolute) ? dstn_doc_put_text(job->doc, "schedule.from", absolute, name, err) : DSTN_OK;
    free(absolute);
    return status;
}

static void digest_of(const dstn_course *course, int h, char digest[DSTN_DIGEST_SIZE]) {
    dstn_state list = {NULL, 0, 0};
    dstn_state_add_values(&list, "steps", DSTN_I64, course->rows, course->steps);
    dstn_state_add_values(&list, "lambda", DSTN_F64, course->rows * h, course->lambda);
    dstn_state_digest(&list, NULL, digest);
    dstn_state_clear(&list);
}

/* Its last row, from the start. */
static void keep_final(dstn_course *course, int h) {
    memmove(course->lambda, course->lambda + (course->rows - 1) * h, (size_t)h * sizeof(double));
    course->rows = 1;
}

static dstn_status check_method(const dstn_job *job, dstn_node place, dstn_error *err) {
    return job->method->tunes || job->method->train[0]->perturbed
               ? dstn_node_fail(place, err, "hyperparameters follow a schedule with method: fixed alone, not with %s",
                                job->method->name)
               : DSTN_OK;
}

/* From the leader, who alone has read the record. */
static void spread(dstn_job *job) {
    int h = job->space->count;
    dstn_course *course = &job->course;
    dstn_group_broadcast(job->group, &course->rows, sizeof(course->rows));
    if (!dstn_group_leads(job->group)) {
        make_room(course, course->rows, h);
    }
    dstn_group_broadcast(job->group, course->steps, (size_t)course->rows * sizeof(*course->steps));
    dstn_group_broadcast(job->group, course->lambda, (size_t)(course->rows * h) * sizeof(double));
}

/* What was read is part of the config, and is what the config may already say. */
static dstn_status put_digest(dstn_job *job, dstn_node place, const char *before, const char *path, dstn_error *err) {
    char digest[DSTN_DIGEST_SIZE];
    digest_of(&job->course, job->space->count, digest);
    if (before && strcmp(before, digest) != 0) {
        return dstn_node_fail(place, err, "%s does not hold the schedule of this config (digest %s then, %s now)", path,
                              before, digest);
    }
    return dstn_doc_put_text(job->doc, "schedule.digest", digest, dstn_doc_name(job->doc), err);
}

static dstn_status read_schedule(dstn_job *job, dstn_node place, const schedule_settings *settings, const char *path,
                                 dstn_error *err) {
    dstn_status status = dstn_group_leads(job->group) ? read_record(job, place, path, err) : DSTN_OK;
    status = dstn_group_verdict(job->group, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    spread(job);
    if (settings->final) {
        keep_final(&job->course, job->space->count);
    }
    status = put_digest(job, place, settings->digest, path, err);
    if (status == DSTN_OK) {
        status = put_path(job, path, err);
    }
    return dstn_group_agree(job->group, status, err);
}

dstn_status run_job_read_schedule(dstn_job *job, dstn_error *err) {
    dstn_node place = dstn_node_child(dstn_doc_root(job->doc), "schedule");
    const char *text = dstn_node_text(place);
    if (!place.handle || (text && strcmp(text, "~") == 0)) {
        return DSTN_OK;
    }
    schedule_settings settings;
    dstn_binding binding = {run_schedule_options, &settings};
    dstn_status status = dstn_options_read(place, "schedule", &binding, 1, err);
    if (status == DSTN_OK) {
        status = check_method(job, place, err);
    }
    status = dstn_group_agree(job->group, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    char *written = with_seed(settings.from, job->settings.seed);
    char *path = dstn_doc_resolve_path(dstn_node_child(place, "from"), written);
    status = read_schedule(job, place, &settings, path, err);
    free(path);
    free(written);
    return status;
}
