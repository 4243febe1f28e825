/* data: the source `idx`: a folder with the four files of MNIST and its relatives: images and labels, for training
 * and for the test. */
#include "idx_reader.h"
#include "normalize.h"
#include "sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DEFAULT_FOLDER "/usr/share/datasets/fashion-mnist"
#define ACCEPTED                                                                                                       \
    "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "                      \
    "t10k-labels-idx1-ubyte, each plain or with .gz"

typedef struct idx_settings {
    const char *path;
    data_normalization normalization;
    int64_t classes;
} idx_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", idx_settings, path, DEFAULT_FOLDER,
              "the folder with the four files, each plain or .gz, relative to the folder of the config that names it",
              DSTN_MAY_DIFFER),
    DATA_NORMALIZATION(idx_settings, normalization),
    DSTN_INT("classes", idx_settings, classes, 2, 256, "10", "number of classes: labels go from 0 to one below it"),
    DSTN_OPTIONS_END,
};

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A part of the data set: its two files, and what they hold. */
typedef struct idx_pair {
    const char *images_name, *labels_name;
    char *images_path, *labels_path; /* NULL: there is no such file */
    idx_file images, labels;
} idx_pair;

static void close_pair(idx_pair *pair) {
    free(pair->images_path);
    free(pair->labels_path);
    free(pair->images.bytes);
    free(pair->labels.bytes);
}

/* The plain file, else the gzipped one, else NULL. */
static char *find_file(const char *folder, const char *name) {
    static const char *const endings[] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        char *path = dstn_format("%s/%s%s", folder, name, endings[i]);
        struct stat about;
        if (stat(path, &about) == 0) {
            return path;
        }
        free(path);
    }
    return NULL;
}

static void find_pair(const char *folder, idx_pair *pair) {
    pair->images_path = find_file(folder, pair->images_name);
    pair->labels_path = find_file(folder, pair->labels_name);
}

static dstn_status fail_missing(dstn_node node, const char *folder, const char *name, dstn_error *err) {
    return data_fail_at_key(node, "path", err, "%s has no file %s or %s.gz; accepted: " ACCEPTED, folder, name, name);
}

static dstn_status check_folder(dstn_node node, const char *folder, dstn_error *err) {
    struct stat about;
    if (stat(folder, &about) != 0) {
        return data_fail_at_key(node, "path", err,
                                "%s can't be read: %s; install the Debian package dataset-fashion-mnist, which brings "
                                "" DEFAULT_FOLDER ", or set data.path to " ACCEPTED,
                                folder, strerror(errno));
    }
    if (!S_ISDIR(about.st_mode)) {
        return data_fail_at_key(node, "path", err, "%s is a file; accepted: " ACCEPTED, folder);
    }
    return DSTN_OK;
}

static dstn_status check_labels(const idx_pair *pair, int64_t classes, dstn_error *err) {
    for (int64_t r = 0; r < pair->labels.count; r++) {
        if (pair->labels.bytes[r] >= classes) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: row %lld: label %d; accepted: 0 to %lld, by data.classes",
                             pair->labels_path, (long long)r, (int)pair->labels.bytes[r], (long long)classes - 1);
        }
    }
    return DSTN_OK;
}

static dstn_status read_pair(dstn_node node, const char *folder, int64_t classes, idx_pair *pair, dstn_error *err) {
    if (!pair->images_path) {
        return fail_missing(node, folder, pair->images_name, err);
    }
    if (!pair->labels_path) {
        return fail_missing(node, folder, pair->labels_name, err);
    }
    dstn_status status = data_idx_read(pair->images_path, 3, &pair->images, err);
    if (status == DSTN_OK) {
        status = data_idx_read(pair->labels_path, 1, &pair->labels, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (pair->images.count != pair->labels.count) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: has %lld labels, and %s has %lld images; accepted: as many",
                         pair->labels_path, (long long)pair->labels.count, pair->images_path,
                         (long long)pair->images.count);
    }
    return check_labels(pair, classes, err);
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

/* Moves a pair's content to a part. */
static void take_pair(dstn_dataset *dataset, dstn_part part, idx_pair *pair) {
    data_take_bytes(dataset, part, pair->images.count, pair->images.bytes);
    pair->images.bytes = NULL;
    for (int64_t r = 0; r < pair->labels.count; r++) {
        dataset->labels[part][r] = pair->labels.bytes[r];
    }
}

/* A folder without a test part is a data set all the same, one with half of it is a mistake. */
static dstn_status read_test(dstn_node node, const char *folder, int64_t classes, const dstn_log *log,
                             dstn_dataset *dataset, dstn_error *err) {
    idx_pair pair = {.images_name = "t10k-images-idx3-ubyte", .labels_name = "t10k-labels-idx1-ubyte"};
    find_pair(folder, &pair);
    dstn_status status = DSTN_OK;
    if (!pair.images_path && !pair.labels_path) {
        dstn_log_warn(log, "%s: there is no test part: it has neither %s nor %s", folder, pair.images_name,
                      pair.labels_name);
    } else {
        status = read_pair(node, folder, classes, &pair, err);
    }
    if (status == DSTN_OK && pair.images.bytes) {
        if (pair.images.height == dataset->shape[1] && pair.images.width == dataset->shape[2]) {
            take_pair(dataset, DSTN_PART_TEST, &pair);
        } else {
            status = dstn_fail(err, DSTN_ERROR_DATA,
                               "%s: has images of %lld x %lld; accepted: %lld x %lld, as in "
                               "the training part",
                               pair.images_path, (long long)pair.images.height, (long long)pair.images.width,
                               (long long)dataset->shape[1], (long long)dataset->shape[2]);
        }
    }
    close_pair(&pair);
    return status;
}

static dstn_status read_folder(const idx_settings *idx, dstn_node node, const char *folder, const dstn_log *log,
                               dstn_dataset **out, dstn_error *err) {
    idx_pair pair = {.images_name = "train-images-idx3-ubyte", .labels_name = "train-labels-idx1-ubyte"};
    dstn_status status = check_folder(node, folder, err);
    if (status == DSTN_OK) {
        find_pair(folder, &pair);
        status = read_pair(node, folder, idx->classes, &pair, err);
    }
    if (status == DSTN_OK) {
        const int64_t shape[] = {1, pair.images.height, pair.images.width};
        dstn_dataset *dataset = data_new(folder, DSTN_TASK_CLASSIFICATION, 3, shape, idx->classes);
        dataset->target_name = dstn_strdup("label");
        take_pair(dataset, DSTN_PART_TRAIN, &pair);
        status = read_test(node, folder, idx->classes, log, dataset, err);
        if (status == DSTN_OK) {
            *out = dataset;
        } else {
            dstn_dataset_destroy(dataset);
        }
    }
    close_pair(&pair);
    return status;
}

static dstn_status read_idx(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                            dstn_dataset **out, dstn_error *err) {
    const idx_settings *idx = settings;
    if (task != DSTN_TASK_CLASSIFICATION) {
        return dstn_node_fail(dstn_node_child(node, "task"), err,
                              "the source idx has class labels; accepted: classification");
    }
    char *folder = dstn_doc_resolve_path(dstn_node_child(node, "path"), idx->path);
    for (size_t end = strlen(folder); end > 1 && folder[end - 1] == '/'; end--) {
        folder[end - 1] = '\0';
    }
    dstn_status status = read_folder(idx, node, folder, log, out, err);
    free(folder);
    return status;
}

static const data_normalization *normalization_of(const void *settings) {
    return &((const idx_settings *)settings)->normalization;
}

const dstn_data_source data_source_idx = {
    .name = "idx",
    .help = "images and labels in IDX files, as of MNIST and Fashion-MNIST",
    .options = options,
    .settings_size = sizeof(idx_settings),
    .example = "{task: classification}",
    .ends_with_valid = true,
    .read = read_idx,
    .normalization = normalization_of,
};
