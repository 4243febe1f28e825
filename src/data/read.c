/* data: the registry of sources, and a data set read and prepared as a config's section `data:` says. */
#include "prepare.h"
#include "sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- registry ---------------------------------------------------------------------------------------------------- */

#define SOURCE_ENTRY(name) &data_source_##name,
static const dstn_data_source *const sources[] = {DATA_SOURCES(SOURCE_ENTRY)};

#define SOURCE_NAME(name) #name,
static const char *const source_names[] = {DATA_SOURCES(SOURCE_NAME)};

#define SOURCE_IN_LIST(name) " " #name
static const char source_list[] = DATA_SOURCES(SOURCE_IN_LIST);

enum { SOURCES = sizeof sources / sizeof sources[0] };

#define DEFAULT_SOURCE "csv"

const dstn_data_source *dstn_data_source_find(const char *name) {
    for (size_t i = 0; i < SOURCES; i++)
        if (strcmp(sources[i]->name, name) == 0)
            return sources[i];
    return NULL;
}

const dstn_data_source *dstn_data_source_at(size_t i) {
    return i < SOURCES ? sources[i] : NULL;
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

typedef enum data_features { FEATURES_RAW, FEATURES_QUADRATIC } data_features;

typedef struct data_settings {
    const char *source;
    int task;     /* dstn_task */
    int features; /* data_features */
    bool standardize;
    double valid_fraction;
    int64_t split_seed;
} data_settings;

const dstn_option dstn_data_options[] = {
    {"source", DSTN_OPTION_TEXT, offsetof(data_settings, source), 0, 0, NULL, DEFAULT_SOURCE, "kind of data", false},
    {"task", DSTN_OPTION_CHOICE, offsetof(data_settings, task), 0, 0, "regression|classification", "regression",
     "whether targets are numbers or class labels", false},
    {"features", DSTN_OPTION_CHOICE, offsetof(data_settings, features), 0, 0, "raw|quadratic", "raw",
     "the columns as they are, or with all their squares and products", false},
    {"standardize", DSTN_OPTION_BOOL, offsetof(data_settings, standardize), 0, 0, NULL, "true",
     "mean 0 and deviation 1 for features, and targets of a regression, by the training part", false},
    {"valid_fraction", DSTN_OPTION_REAL, offsetof(data_settings, valid_fraction), 1e-300, 1, NULL, "0.2",
     "part of the rows, below 1, that is kept for validation", false},
    {"split_seed", DSTN_OPTION_INT, offsetof(data_settings, split_seed), -1, UINT32_MAX, NULL, "-1",
     "seed of the random split; -1: the run's seed", false},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL, false},
};

static dstn_status choose_source(dstn_node node, const dstn_data_source **out, dstn_error *err) {
    dstn_node place = dstn_node_child(node, "source");
    const char *name = dstn_node_text(place);
    *out = dstn_data_source_find(name ? name : DEFAULT_SOURCE);
    if (*out)
        return DSTN_OK;
    const char *nearest = dstn_nearest_name(name, source_names, SOURCES);
    if (nearest)
        return dstn_node_fail(place, err, "unknown source \"%s\"; did you mean \"%s\"? accepted:%s", name, nearest,
                              source_list);
    return dstn_node_fail(place, err, "unknown source \"%s\"; accepted:%s", name, source_list);
}

/* ---- preparation ------------------------------------------------------------------------------------------------- */

static dstn_status split(dstn_node node, const data_settings *settings, uint32_t seed, dstn_dataset *dataset,
                         dstn_error *err) {
    int64_t rows = dataset->rows[DSTN_PART_TRAIN];
    int64_t valid = llround(settings->valid_fraction * (double)rows);
    if (dataset->rows[DSTN_PART_VALID] > 0)
        return DSTN_OK;
    if (valid < 1 || valid >= rows)
        return dstn_node_fail(dstn_node_child(node, "valid_fraction"), err,
                              "%g of %lld rows leaves none for %s; accepted: %g to %g", settings->valid_fraction,
                              (long long)rows, valid < 1 ? "validation" : "training", 1. / (double)rows,
                              1 - 1. / (double)rows);
    data_split(dataset, valid, seed);
    return DSTN_OK;
}

static dstn_status check_quadratic(dstn_node node, const data_settings *settings, const dstn_dataset *dataset,
                                   dstn_error *err) {
    const int64_t most = 20000;
    int64_t features = data_quadratic_features(dataset->features);
    if (settings->features != FEATURES_QUADRATIC)
        return DSTN_OK;
    if (!settings->standardize)
        return dstn_node_fail(dstn_node_child(node, "standardize"), err,
                              "false doesn't go with features: quadratic; accepted: true");
    if (dataset->features > most || features > most)
        return dstn_node_fail(dstn_node_child(node, "features"), err,
                              "quadratic makes %lld columns of %lld; accepted: up to %lld", (long long)features,
                              (long long)dataset->features, (long long)most);
    return DSTN_OK;
}

static dstn_status make_features(const data_settings *settings, const dstn_log *log, dstn_dataset *dataset,
                                 dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (settings->standardize) {
        status = data_standardize_features(dataset, log, err);
        data_standardize_targets(dataset);
    }
    if (status == DSTN_OK && settings->features == FEATURES_QUADRATIC)
        status = data_make_quadratic(dataset, log, err);
    return status;
}

/* "boston.csv: 405 training and 101 validation rows, 13 features, target medv, split 3" */
static char *summarize(const dstn_dataset *dataset, bool is_split, uint32_t seed) {
    const char *slash = strrchr(dataset->source, '/');
    char classes[40] = "", split_text[24] = "";
    if (dataset->task == DSTN_TASK_CLASSIFICATION)
        snprintf(classes, sizeof classes, " of %lld classes", (long long)dataset->outputs);
    if (is_split)
        snprintf(split_text, sizeof split_text, ", split %lu", (unsigned long)seed);
    return dstn_format("%s: %lld training and %lld validation rows, %lld features, target %s%s%s",
                       slash ? slash + 1 : dataset->source, (long long)dataset->rows[DSTN_PART_TRAIN],
                       (long long)dataset->rows[DSTN_PART_VALID], (long long)dataset->features,
                       dataset->target_name ? dataset->target_name : "unnamed", classes, split_text);
}

static dstn_status prepare(dstn_node node, const data_settings *settings, uint32_t seed, const dstn_log *log,
                           dstn_dataset *dataset, dstn_error *err) {
    bool is_split = dataset->rows[DSTN_PART_VALID] == 0;
    dstn_status status = check_quadratic(node, settings, dataset, err);
    if (status == DSTN_OK)
        status = split(node, settings, seed, dataset, err);
    if (status == DSTN_OK)
        status = data_check_targets(dataset, err);
    if (status == DSTN_OK)
        status = make_features(settings, log, dataset, err);
    if (status == DSTN_OK)
        dataset->summary = summarize(dataset, is_split, seed);
    return status;
}

dstn_status dstn_dataset_read(dstn_node node, uint32_t seed, const dstn_log *log, dstn_dataset **out, dstn_error *err) {
    *out = NULL;
    const dstn_data_source *source;
    dstn_status status = choose_source(node, &source, err);
    if (status != DSTN_OK)
        return status;
    data_settings settings;
    void *own = dstn_alloc(1, source->settings_size);
    dstn_binding bindings[] = {{dstn_data_options, &settings}, {source->options, own}};
    dstn_dataset *dataset = NULL;
    status = dstn_options_read(node, "data", bindings, 2, err);
    if (status == DSTN_OK)
        status = source->read(own, node, (dstn_task)settings.task, &dataset, err);
    if (status == DSTN_OK)
        status =
            prepare(node, &settings, settings.split_seed < 0 ? seed : (uint32_t)settings.split_seed, log, dataset, err);
    free(own);
    if (status != DSTN_OK) {
        dstn_dataset_destroy(dataset);
        return status;
    }
    *out = dataset;
    return DSTN_OK;
}
