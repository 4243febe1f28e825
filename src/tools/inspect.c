/* dstn inspect FILE.h5: what a record, a sweep's table, a checkpoint, an oracle's answer or a fixture is and holds. */
#include "inspect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/tools.h"

/* ---- what it is ---- */

/* A kind of file is known by two things that it holds. */
typedef struct kind {
    const char *name, *holds[2];
    bool is_ours; /* we wrote it, and sealed it */
} kind;

static const kind kinds[] = {
    {"run", {"series/step", "series"}, true},
    {"sweep", {"members/name", "members/outcome"}, true},
    {"oracle", {"grid", "curve"}, true},
    {"curve", {"curve/predicted", "curve/lambda"}, true},
    {"checkpoint", {"state", "state/progress"}, true},
    {"trace", {"steps", "start/lambda"}, true},
    {"fixture", {"expect", "input/x"}, false},
    {"other", {"", ""}, false},
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

/* Whether a path is there, or would be if the group that it lies in could be opened. */
static bool shows(const dstn_reader *reader, const char *path) {
    char *group = dstn_format("%.*s", (int)strcspn(path, "/"), path);
    dstn_data_set about;
    dstn_error ignored;
    bool shown = dstn_reader_has(reader, path) || (dstn_reader_describe(reader, group, &about, &ignored) == DSTN_OK &&
                                                   strchr(path, '/') && about.why[0]);
    free(group);
    return shown;
}

static const kind *kind_of(const dstn_reader *reader) {
    const kind *found = kinds;
    while (!shows(reader, found->holds[0]) || !shows(reader, found->holds[1])) {
        found++; /* the root is in every file */
    }
    return found;
}

/* What looks like a file of ours and has no seal has lost its end, or was changed: its numbers prove nothing, and HDF5
 * doesn't get to read them. */
static dstn_status refuse_unsealed(const char *path, dstn_error *err) {
    if (dstn_store_has_seal(path)) {
        return DSTN_OK;
    }
    const char *signs[2 * KINDS + 1] = {NULL};
    for (int k = 0; k < 2 * KINDS; k++) {
        signs[k] = kinds[k / 2].holds[k % 2];
    }
    const dstn_foreign how = {.wanted = signs};
    dstn_reader *reader;
    dstn_status status = dstn_reader_open_foreign(path, &how, DSTN_ERROR_DATA, &reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    const kind *found = kind_of(reader);
    dstn_reader_close(reader);
    return !found->is_ours
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                           "%s is damaged: it holds what a %s of dstn holds, and has no seal at its end: that "
                           "is lost, or another program has changed the file",
                           path, found->name);
}

/* ---- attributes ---- */

typedef struct attribute {
    const char *group, *name;
    bool is_long; /* shown with -v only */
} attribute;

static const attribute attributes[] = {
    {"provenance", "method", false},
    {"provenance", "seed", false},
    {"provenance", "data", false},
    {"provenance", "backend", false},
    {"provenance", "ranks", false},
    {"provenance", "threads", false},
    {"provenance", "host", false},
    {"provenance", "version", false},
    {"provenance", "commit", false},
    {"provenance", "instruction_set", false},
    {"provenance", "libraries", true},
    {"provenance", "config", true},
    {"oracle", "name", false},
    {"oracle", "edge", false},
    {"oracle", "lambda_star", false},
    {"oracle", "best_loss", false},
    {"oracle", "regret_start", false},
    {"result", "status", false},
    {"result", "message", false},
    {"result", "digest", false},
    {"result", "best_epoch", false},
    {"result", "best_valid_loss", false},
    {"result", "best_valid_accuracy", false},
    {"result", "best_valid_perplexity", false},
    {"result", "best_test_loss", false},
    {"result", "best_test_perplexity", false},
    {"result", "best_test_accuracy", false},
    {"result", "seconds", false},
    {"result", "checkpoints", false},
    {"result", "checkpoint_seconds", false},
    {"", "format", false},
    {"", "step", false},
    {"", "digest", false},
    {"", "config", true},
    {"", "axes", false},
    {"", "edge", false},
    {"", "closed_form", false},
    {"", "best_loss", false},
    {"", "layers", false},
    {"", "loss", false},
    {"", "hyper", false},
    {"", "method", false},
    {"", "current_value", false},
    {"", "current_lambda", false},
    {"", "sigma", false},
    {"", "baseline", false},
    {"", "retrain_steps", false},
    {"", "response", false},
    {"", "entropy_weight", false},
};
enum { ATTRIBUTES = sizeof(attributes) / sizeof(attributes[0]) };

static void gather_facts(const dstn_reader *reader, tools_inspection *inspection) {
    inspection->facts = dstn_alloc(ATTRIBUTES, sizeof(tools_fact));
    for (int i = 0; i < ATTRIBUTES; i++) {
        const attribute *a = &attributes[i];
        tools_fact fact = {.text = dstn_reader_text(reader, a->group, a->name)};
        bool there = fact.text || dstn_reader_number(reader, a->group, a->name, &fact.number);
        if (there && (inspection->whole || !a->is_long)) {
            fact.name = dstn_format("%s%s%s", a->group, *a->group ? "/" : "", a->name);
            inspection->facts[inspection->fact_count++] = fact;
        } else {
            free(fact.text);
        }
    }
}

/* ---- data sets ---- */

/* The norm is of what is divided by the largest, so that no square overflows. */
static void summarize(tools_holding *h) {
    double largest = 0, sum = 0, squares = 0;
    h->low = h->high = h->mean = h->norm = NAN;
    for (int64_t i = 0; i < h->array.count; i++) {
        double x = tools_array_value(&h->array, i);
        if (isfinite(x)) {
            h->low = fmin(h->low, x);
            h->high = fmax(h->high, x);
            largest = fmax(largest, fabs(x));
            h->finite++;
        }
    }
    for (int64_t i = 0; i < h->array.count && h->finite; i++) {
        double x = tools_array_value(&h->array, i), part = largest > 0 ? x / largest : 0;
        if (isfinite(x)) {
            sum += part;
            squares += part * part;
        }
    }
    if (h->finite) {
        h->mean = largest * (sum / (double)h->finite);
        h->norm = largest * sqrt(squares);
    }
}

static dstn_status read_holding(const dstn_reader *reader, const char *path, tools_holding *h, dstn_error *err) {
    dstn_error no_strings;
    h->path = dstn_strdup(path);
    dstn_status status = tools_array_read(reader, path, &h->array, err);
    if (status == DSTN_OK) {
        summarize(h);
        return DSTN_OK;
    }
    return dstn_reader_strings(reader, path, &h->string_count, &h->strings, &no_strings) == DSTN_OK ? DSTN_OK : status;
}

/* The records within a sweep's table are shown by their own files. */
static bool is_shown(const tools_inspection *inspection, const char *path) {
    return strcmp(inspection->kind, "sweep") != 0 || strncmp(path, "runs/", 5) != 0;
}

static dstn_status gather_holdings(const dstn_reader *reader, tools_inspection *inspection, dstn_error *err) {
    int64_t count;
    char **paths;
    dstn_status status = tools_paths_below(reader, "", &count, &paths, err);
    if (status != DSTN_OK) {
        return status;
    }
    inspection->holdings = dstn_alloc((size_t)count + 1, sizeof(tools_holding));
    for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
        if (is_shown(inspection, paths[i])) {
            status = read_holding(reader, paths[i], &inspection->holdings[inspection->holding_count++], err);
        }
    }
    tools_paths_destroy(count, paths);
    return status;
}

bool tools_holding_is_series(const tools_inspection *inspection, const tools_holding *h) {
    return strcmp(inspection->kind, "run") == 0 && !h->strings &&
           (strncmp(h->path, "series/", 7) == 0 || strncmp(h->path, "epochs/", 7) == 0 ||
            strncmp(h->path, "digest/", 7) == 0);
}

/* ---- the command ---- */

static void clear(tools_inspection *inspection) {
    for (int64_t i = 0; i < inspection->fact_count; i++) {
        free(inspection->facts[i].name);
        free(inspection->facts[i].text);
    }
    for (int64_t i = 0; i < inspection->holding_count; i++) {
        tools_holding *h = &inspection->holdings[i];
        free(h->path);
        tools_array_clear(&h->array);
        tools_paths_destroy(h->string_count, h->strings);
    }
    free(inspection->facts);
    free(inspection->holdings);
}

static dstn_status inspect(FILE *out, const char *path, bool json, bool whole, dstn_error *err) {
    tools_inspection inspection = {.path = path, .whole = whole};
    dstn_reader *reader;
    dstn_status status = refuse_unsealed(path, err);
    if (status == DSTN_OK) {
        status = dstn_reader_open_any(path, DSTN_ERROR_DATA, &reader, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    inspection.kind = kind_of(reader)->name;
    gather_facts(reader, &inspection);
    status = gather_holdings(reader, &inspection, err);
    dstn_reader_close(reader);
    if (status == DSTN_OK) {
        (json ? tools_inspection_print_json : tools_inspection_print)(&inspection, out);
    }
    clear(&inspection);
    return status;
}

dstn_status dstn_inspect(const dstn_console *console, const char *path, bool json, bool whole, dstn_error *err) {
    dstn_status status = dstn_group_leads(console->world) ? inspect(console->out, path, json, whole, err) : DSTN_OK;
    return dstn_group_verdict(console->world, status, err);
}
