/* data: the registry of sources, and a data set read and prepared as a config's section `data:` says. */
#include "moments.h"
#include "normalize.h"
#include "prepare.h"
#include "sources.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- registry ---------------------------------------------------------------------------------------------------- */

#define SOURCE_ENTRY(name) &data_source_##name,
static const dstn_data_source *const sources[] = {DATA_SOURCES(SOURCE_ENTRY)};

#define SOURCE_NAME(name) #name,
static const char *const source_names[] = {DATA_SOURCES(SOURCE_NAME)};

enum { SOURCES = sizeof sources / sizeof sources[0] };

#define DEFAULT_SOURCE "csv"

const dstn_data_source *dstn_data_source_find(const char *name) {
    for (size_t i = 0; i < SOURCES; i++) {
        if (strcmp(sources[i]->name, name) == 0) {
            return sources[i];
        }
    }
    return NULL;
}

const dstn_data_source *dstn_data_source_at(size_t i) {
    return i < SOURCES ? sources[i] : NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

typedef enum data_features { FEATURES_RAW, FEATURES_QUADRATIC } data_features;
typedef enum data_split { SPLIT_AUTO, SPLIT_RANDOM, SPLIT_END } data_split;

typedef struct data_settings {
    const char *source;
    int task;     /* dstn_task */
    int features; /* data_features */
    bool standardize;
    int split; /* data_split */
    double valid_fraction;
    int64_t split_seed;
} data_settings;

#define IN_HELP(name) " " #name

const dstn_option dstn_data_options[] = {
    DSTN_TEXT("source", data_settings, source, DEFAULT_SOURCE, "kind of data:" DATA_SOURCES(IN_HELP)),
    DSTN_CHOICE("task", data_settings, task, "regression|classification", "regression",
                "whether targets are numbers or class labels"),
    DSTN_CHOICE("features", data_settings, features, "raw|quadratic", "raw",
                "the columns as they are, or with all their squares and products"),
    DSTN_BOOL(
        "standardize", data_settings, standardize, "true",
        "tables of numbers only: mean 0 and deviation 1 for features, and targets of a regression, by the training "
        "part; images and bytes are normalized by the keys mean and std instead, and this key changes nothing"),
    DSTN_CHOICE("split", data_settings, split, "auto|random|end", "auto",
                "where validation rows come from: random ones, or the end of the file; auto: end for idx and cifar, "
                "the file's own split for hdf5 where it has one, else random"),
    DSTN_REAL("valid_fraction", data_settings, valid_fraction, 1e-300, 1, "0.2",
              "part of the rows, below 1, that is kept for validation"),
    DSTN_INT("split_seed", data_settings, split_seed, -1, UINT32_MAX, "-1",
             "seed of the random split; -1: the run's seed"),
    DSTN_OPTIONS_END,
};

static dstn_status choose_source(dstn_node node, const dstn_data_source **out, dstn_error *err) {
    dstn_node place = dstn_node_child(node, "source");
    const char *name = dstn_node_text(place);
    *out = dstn_data_source_find(name ? name : DEFAULT_SOURCE);
    if (*out) {
        return DSTN_OK;
    }
    return dstn_node_fail_name(place, "source", name, source_names, SOURCES, err);
}

dstn_status data_fail_at_key(dstn_node node, const char *key, dstn_error *err, const char *format, ...) {
    char message[sizeof err->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    dstn_node child = dstn_node_child(node, key);
    dstn_node_fail(child.handle ? child : node, err, "%s", message);
    return err->status = DSTN_ERROR_DATA;
}

const char *data_why_unreadable(const char *path) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return strerror(errno);
    }
    if (S_ISDIR(about.st_mode)) {
        return strerror(EISDIR);
    }
    if (!S_ISREG(about.st_mode)) {
        return "is a pipe, a socket or a device; accepted: a file";
    }
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) {
        return strerror(errno);
    }
    close(file);
    return NULL;
}

void data_trim_slashes(char *path) {
    for (size_t end = strlen(path); end > 1 && path[end - 1] == '/'; end--) {
        path[end - 1] = '\0';
    }
}

/* ---- preparation ------------------------------------------------------------------------------------------------- */

/* How the validation part came about, resolved. */
typedef enum split_kind { SPLIT_KIND_OWN, SPLIT_KIND_RANDOM, SPLIT_KIND_END } split_kind;

static split_kind choose_split(const data_settings *settings, const dstn_data_source *source,
                               const dstn_dataset *dataset) {
    if (dataset->rows[DSTN_PART_VALID] > 0) {
        return SPLIT_KIND_OWN;
    }
    bool from_end = dataset->words > 0 || settings->split == SPLIT_END ||
                    (settings->split == SPLIT_AUTO && source->ends_with_valid);
    return from_end ? SPLIT_KIND_END : SPLIT_KIND_RANDOM;
}

/* Rows, or words of which a part needs more than one. */
static dstn_status fail_fraction(dstn_node node, const data_settings *settings, int64_t rows, int64_t least,
                                 int64_t valid, const dstn_dataset *dataset, dstn_error *err) {
    const char *part = valid < least ? "validation" : "training", *what = dataset->words > 0 ? "words" : "rows";
    double low = (double)least / (double)rows;
    if (dataset->words > 0 && rows < 2 * least) {
        return dstn_fail(
            err, DSTN_ERROR_DATA,
            "%s: its training text has %lld words, too few to keep some for validation; accepted: at least "
            "%lld",
            dataset->source, (long long)rows, 2 * (long long)least);
    }
    return dstn_node_fail(dstn_node_child(node, "valid_fraction"), err,
                          "%g of %lld %s leaves %s for %s; accepted: %g to %g", settings->valid_fraction,
                          (long long)rows, what, least > 1 ? "too few" : "none", part, low, 1 - low);
}

static dstn_status split(dstn_node node, const data_settings *settings, split_kind kind, uint32_t seed,
                         dstn_dataset *dataset, dstn_error *err) {
    bool is_text = dataset->words > 0;
    int64_t rows = is_text ? data_text_length(dataset, DSTN_PART_TRAIN) : dataset->rows[DSTN_PART_TRAIN];
    int64_t valid = llround(settings->valid_fraction * (double)rows), least = is_text ? DATA_TEXT_LEAST : 1;
    if (kind == SPLIT_KIND_OWN && settings->split != SPLIT_AUTO) {
        return dstn_node_fail(dstn_node_child(node, "split"), err,
                              "%s has a validation part of its own; accepted: auto, which takes it", dataset->source);
    }
    if (kind == SPLIT_KIND_OWN) {
        return DSTN_OK;
    }
    if (is_text && settings->split == SPLIT_RANDOM) {
        return dstn_node_fail(dstn_node_child(node, "split"), err,
                              "random is for rows in no order, and %s is a text; accepted: auto or end, which keep "
                              "its last words for validation",
                              dataset->source);
    }
    if (valid < least || valid > rows - least) {
        return fail_fraction(node, settings, rows, least, valid, dataset, err);
    }
    if (is_text) {
        data_split_text(dataset, valid);
    } else if (kind == SPLIT_KIND_END) {
        data_split_end(dataset, valid);
    } else {
        data_split_random(dataset, valid, seed);
    }
    return DSTN_OK;
}

/* Numbers in columns, as opposed to images and bytes. */
static bool is_table(const dstn_dataset *dataset) {
    return dataset->rank == 1 && !dataset->bytes[DSTN_PART_TRAIN] && dataset->words == 0;
}

static dstn_status check_quadratic(dstn_node node, const data_settings *settings, const dstn_dataset *dataset,
                                   dstn_error *err) {
    const int64_t most = 20000;
    int64_t features = data_quadratic_features(dataset->features);
    if (settings->features != FEATURES_QUADRATIC) {
        return DSTN_OK;
    }
    if (!is_table(dataset)) {
        return dstn_node_fail(dstn_node_child(node, "features"), err,
                              "quadratic is for tables of numbers, and %s has %s; accepted: raw", dataset->source,
                              dataset->words > 0 ? "words" : "images or bytes");
    }
    if (!settings->standardize) {
        return dstn_node_fail(dstn_node_child(node, "standardize"), err,
                              "false doesn't go with features: quadratic; accepted: true");
    }
    if (dataset->features > most || features > most) {
        return dstn_node_fail(dstn_node_child(node, "features"), err,
                              "quadratic makes %lld columns of %lld; accepted: up to %lld", (long long)features,
                              (long long)dataset->features, (long long)most);
    }
    return DSTN_OK;
}

static dstn_status make_features(const data_settings *settings, const dstn_log *log, dstn_dataset *dataset,
                                 dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (settings->standardize && is_table(dataset)) {
        status = data_standardize_features(dataset, log, err);
        data_standardize_targets(dataset);
    }
    if (status == DSTN_OK) {
        status = data_check_range(dataset, DATA_LARGEST, "f64", err);
    }
    if (status == DSTN_OK && settings->features == FEATURES_QUADRATIC) {
        status = data_make_quadratic(dataset, log, err);
    }
    return status;
}

/* A class without examples is never learned; labels that count from 1 show here. */
static void warn_of_empty_classes(const dstn_dataset *dataset, const dstn_log *log) {
    if (dataset->task != DSTN_TASK_CLASSIFICATION) {
        return;
    }
    bool *seen = dstn_alloc((size_t)dataset->outputs, sizeof *seen);
    int64_t missing = 0, first = -1;
    for (int64_t r = 0; r < dataset->rows[DSTN_PART_TRAIN]; r++) {
        seen[dataset->labels[DSTN_PART_TRAIN][r]] = true;
    }
    for (int64_t c = 0; c < dataset->outputs; c++) {
        if (!seen[c] && missing++ == 0) {
            first = c;
        }
    }
    if (missing > 0) {
        dstn_log_warn(log, "%s: %lld of %lld classes (the first: %lld) have no training example; labels count from 0",
                      dataset->source, (long long)missing, (long long)dataset->outputs, (long long)first);
    }
    free(seen);
}

/* "405 training and 101 validation rows", "6 training, 2 validation and 2 test rows" */
static void describe_rows(const dstn_dataset *dataset, char *text, size_t size) {
    const int64_t *rows = dataset->rows;
    if (rows[DSTN_PART_TEST] > 0) {
        snprintf(text, size, "%lld training, %lld validation and %lld test rows", (long long)rows[DSTN_PART_TRAIN],
                 (long long)rows[DSTN_PART_VALID], (long long)rows[DSTN_PART_TEST]);
    } else {
        snprintf(text, size, "%lld training and %lld validation rows", (long long)rows[DSTN_PART_TRAIN],
                 (long long)rows[DSTN_PART_VALID]);
    }
}

/* "boston.csv: 405 training and 101 validation rows, 13 features, target medv, split 3" */
static char *summarize(const dstn_dataset *dataset, split_kind kind, uint32_t seed) {
    const char *slash = strrchr(dataset->source, '/');
    char rows[128], examples[96], classes[40] = "", split_text[40] = "";
    describe_rows(dataset, rows, sizeof rows);
    if (dataset->rank == 3) {
        snprintf(examples, sizeof examples, "%lldx%lldx%lld images", (long long)dataset->shape[0],
                 (long long)dataset->shape[1], (long long)dataset->shape[2]);
    } else {
        snprintf(examples, sizeof examples, "%lld features", (long long)dataset->features);
    }
    if (dataset->task == DSTN_TASK_CLASSIFICATION) {
        snprintf(classes, sizeof classes, " of %lld classes", (long long)dataset->outputs);
    }
    if (kind == SPLIT_KIND_RANDOM) {
        snprintf(split_text, sizeof split_text, ", split %lu", (unsigned long)seed);
    } else {
        snprintf(split_text, sizeof split_text, ", %s",
                 kind == SPLIT_KIND_END ? "validation from the end" : "split of the file");
    }
    return dstn_format("%s: %s, %s, target %s%s%s", slash ? slash + 1 : dataset->source, rows, examples,
                       dataset->target_name ? dataset->target_name : "unnamed", classes, split_text);
}

/* What the steps of the preparation share. */
typedef struct preparation {
    dstn_node node;
    const data_settings *settings;
    const dstn_data_source *source;
    const data_normalization *normalization; /* NULL: none */
    const dstn_log *log;
    uint32_t seed;
} preparation;

static dstn_status prepare(const preparation *p, dstn_dataset *dataset, dstn_error *err) {
    split_kind kind = choose_split(p->settings, p->source, dataset);
    dstn_status status = check_quadratic(p->node, p->settings, dataset, err);
    if (status == DSTN_OK) {
        status = split(p->node, p->settings, kind, p->seed, dataset, err);
    }
    if (status == DSTN_OK) {
        status = dataset->words > 0 ? data_check_text(dataset, err) : data_check_targets(dataset, err);
    }
    if (status == DSTN_OK && p->normalization) {
        status = data_normalize(p->node, p->normalization, p->log, dataset, err);
    }
    if (status == DSTN_OK) {
        status = make_features(p->settings, p->log, dataset, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (dataset->words > 0) {
        data_warn_of_absent_words(dataset, p->log);
        dataset->summary = data_summarize_text(dataset, kind == SPLIT_KIND_END);
    } else {
        warn_of_empty_classes(dataset, p->log);
        dataset->summary = summarize(dataset, kind, p->seed);
    }
    return DSTN_OK;
}

/* What is told of a text are words, whatever is said of the task: nothing, or that it is so. The config as resolved
 * says it, so that it can be read again. */
static dstn_status settle_task(dstn_node node, bool is_given, const data_settings *settings,
                               const dstn_dataset *dataset, dstn_error *err) {
    if (dataset->words == 0 || settings->task == DSTN_TASK_CLASSIFICATION) {
        return DSTN_OK;
    }
    if (is_given) {
        return dstn_node_fail(dstn_node_child(node, "task"), err,
                              "regression is for numbers, and %s is a text, whose next words are to be told; accepted: "
                              "classification, which is meant without the key",
                              dataset->source);
    }
    return dstn_doc_put(node.doc, "data.task", "classification", dstn_doc_name(node.doc), err);
}

dstn_status dstn_dataset_read(dstn_node node, uint32_t seed, const dstn_log *log, dstn_dataset **out, dstn_error *err) {
    *out = NULL;
    const dstn_data_source *source;
    dstn_status status = choose_source(node, &source, err);
    if (status != DSTN_OK) {
        return status;
    }
    data_settings settings;
    void *own = dstn_alloc(1, source->settings_size);
    dstn_binding bindings[] = {{dstn_data_options, &settings}, {source->options, own}};
    dstn_dataset *dataset = NULL;
    bool has_task = dstn_node_child(node, "task").handle != NULL;
    status = dstn_options_read(node, "data", bindings, 2, err);
    if (status == DSTN_OK) {
        status = source->read(own, node, (dstn_task)settings.task, log, &dataset, err);
    }
    if (status == DSTN_OK) {
        status = settle_task(node, has_task, &settings, dataset, err);
    }
    if (status == DSTN_OK) {
        data_digest(dataset);
        uint32_t split_seed = settings.split_seed < 0 ? seed : (uint32_t)settings.split_seed;
        const data_normalization *normalization = source->normalization ? source->normalization(own) : NULL;
        preparation p = {node, &settings, source, normalization, log, split_seed};
        status = prepare(&p, dataset, err);
    }
    free(own);
    if (status != DSTN_OK) {
        dstn_dataset_destroy(dataset);
        return status;
    }
    *out = dataset;
    return DSTN_OK;
}
