/* dstn data check CONFIG.yaml: reads the data set and says what it found, and whether its files are as they
 * were published. */
#include "dstn/store.h"
#include "dstn/tools.h"

#include <stdlib.h>
#include <string.h>

#include "data_text.h"

static const char *const part_names[DSTN_PARTS] = {"training", "validation", "test"};

static void describe_shape(FILE *out, const dstn_dataset *dataset) {
    fprintf(out, "shape      ");
    for (int axis = 0; axis < dataset->rank; axis++) {
        fprintf(out, "%s%lld", axis ? " x " : "", (long long)dataset->shape[axis]);
    }
    const char *kept = dataset->bytes[DSTN_PART_TRAIN] ? "bytes" : "doubles";
    fprintf(out, " %s, kept as %s\n", dataset->rank == 3 ? "(channels x height x width)" : "(features)", kept);
}

/* One line a part: its rows and the range of their values, as a batch has them. */
static void describe_parts(FILE *out, const dstn_dataset *dataset) {
    for (int p = 0; p < DSTN_PARTS; p++) {
        if (dataset->rows[p] > 0) {
            double low, high;
            dstn_dataset_range(dataset, (dstn_part)p, -1, &low, &high);
            fprintf(out, "%-10s %lld rows, values %.4g to %.4g\n", part_names[p], (long long)dataset->rows[p], low,
                    high);
        }
    }
}

static void print_numbers(FILE *out, const char *name, int64_t count, const double *numbers) {
    fprintf(out, " %s", name);
    for (int64_t i = 0; i < count; i++) {
        fprintf(out, " %.6g", numbers[i]);
    }
}

/* What images and bytes were normalized by: of each channel, or of all together. */
static void describe_normalization(FILE *out, const dstn_dataset *dataset) {
    if (!dataset->mean) {
        return;
    }
    fprintf(out, "normalized");
    print_numbers(out, "mean", dataset->channels, dataset->mean);
    fprintf(out, ",");
    print_numbers(out, "std", dataset->channels, dataset->deviation);
    fprintf(out, ", %s\n", dataset->is_measured ? "measured on the training part" : "as the config says");
}

static void describe_features(FILE *out, const dstn_dataset *dataset) {
    for (int64_t f = 0; dataset->feature_names && f < dataset->features; f++) {
        double low, high;
        dstn_dataset_range(dataset, DSTN_PART_TRAIN, f, &low, &high);
        dstn_print_line(out, "  %-24s %10.4g to %.4g", dataset->feature_names[f], low, high);
    }
}

/* A line a class, with its rows in each part. */
static void describe_classes(FILE *out, const dstn_dataset *dataset) {
    if (dataset->task != DSTN_TASK_CLASSIFICATION) {
        return;
    }
    size_t classes = (size_t)dataset->outputs;
    int64_t *counts = dstn_alloc(DSTN_PARTS * classes, sizeof(*counts));
    fprintf(out, "%-10s", "class");
    for (int p = 0; p < DSTN_PARTS; p++) {
        if (dataset->rows[p] > 0) {
            dstn_dataset_class_rows(dataset, (dstn_part)p, counts + (size_t)p * classes);
            fprintf(out, " %10s", part_names[p]);
        }
    }
    fprintf(out, "\n");
    for (size_t c = 0; c < classes; c++) {
        fprintf(out, "%-10zu", c);
        for (int p = 0; p < DSTN_PARTS; p++) {
            if (dataset->rows[p] > 0) {
                fprintf(out, " %10lld", (long long)counts[(size_t)p * classes + c]);
            }
        }
        fprintf(out, "\n");
    }
    free(counts);
}

/* A line for each file of a data set that is known by its names. Those that have the size of the published ones, and
 * other content, are worth a warning: nobody has part of a data set so. */
static void describe_files(FILE *out, const dstn_log *log, const dstn_dataset *dataset) {
    int changed = 0;
    for (int64_t f = 0; f < dataset->file_count; f++) {
        char *line;
        changed += dstn_published_compare(dataset->files[f], &line) == DSTN_PUBLISHED_CHANGED;
        if (line) {
            dstn_print_line(out, "file       %s", line);
        }
        free(line);
    }
    if (changed > 0) {
        dstn_log_warn(log,
                      "%s: %d of %lld files have the size of the published ones and not their content: they are "
                      "damaged, or of another data set in the same form",
                      dataset->source, changed, (long long)dataset->file_count);
    }
}

static void describe_rows(FILE *out, const dstn_dataset *dataset) {
    describe_shape(out, dataset);
    describe_normalization(out, dataset);
    describe_parts(out, dataset);
    fprintf(out, "features   %lld\noutputs    %lld\n", (long long)dataset->features, (long long)dataset->outputs);
    describe_features(out, dataset);
    describe_classes(out, dataset);
}

static void describe(FILE *out, const dstn_log *log, const dstn_job *job) {
    const dstn_dataset *dataset = job->dataset;
    dstn_print_line(out, "%s", dataset->summary);
    if (dataset->words > 0) {
        tools_describe_text(out, job);
    } else {
        describe_rows(out, dataset);
    }
    fprintf(out, "digest     %s\n", dataset->digest);
    describe_files(out, log, dataset);
}

dstn_status dstn_describe_data(const dstn_console *console, const char *config, dstn_assignments set, dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_job_load(config, set, &doc, err);
    if (dstn_group_agree(console->world, status, err) != DSTN_OK) {
        return err->status;
    }
    status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_DATA, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (console->out) {
        describe(console->out, &console->log, job);
    }
    dstn_job_destroy(job);
    return DSTN_OK;
}
