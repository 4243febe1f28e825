/* data: the source `idx`: a folder with the four files of MNIST and its relatives: images and labels, for training
 * and for the test. */
#include "idx_folder.h"
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
    "t10k-labels-idx1-ubyte, each plain or with .gz, with data.prefix before their names where they have one"

typedef struct idx_settings {
    const char *path, *prefix;
    data_normalization normalization;
    int64_t classes;
} idx_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", idx_settings, path, DEFAULT_FOLDER,
              "the folder with the four files, each plain or .gz, relative to the folder of the config that names it",
              DSTN_MAY_DIFFER),
    DSTN_TEXT(
        "prefix", idx_settings, prefix, "~",
        "what the files' names have before -train- and -test-, as emnist-letters; needed where a folder has several"),
    DATA_NORMALIZATION(idx_settings, normalization),
    DSTN_INT("classes", idx_settings, classes, 2, 256, "10", "number of classes: labels go from 0 to one below it"),
    DSTN_OPTIONS_END,
};

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* A part of the data set: its two files, and what they hold. */
typedef struct idx_pair {
    const data_idx_folder *folder;
    int part; /* 0 training, 1 test */
    data_idx_file images, labels;
} idx_pair;

static void close_pair(idx_pair *pair) {
    free(pair->images.bytes);
    free(pair->labels.bytes);
}

static const char *file_of(const idx_pair *pair, data_idx_kind kind) {
    return pair->folder->files[pair->part][kind];
}

static dstn_status fail_missing(dstn_node node, const idx_pair *pair, data_idx_kind kind, dstn_error *err) {
    const data_idx_folder *folder = pair->folder;
    const char *name = data_idx_names[pair->part][kind];
    return data_fail_at_key(node, "path", err, "%s has no file %s or %s.gz%s%s; accepted: " ACCEPTED, folder->path,
                            name, name, *folder->others ? ", but " : "", folder->others);
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
                             file_of(pair, DATA_IDX_LABELS), (long long)r, (int)pair->labels.bytes[r],
                             (long long)classes - 1);
        }
    }
    return DSTN_OK;
}

static dstn_status read_file(dstn_node node, const idx_pair *pair, data_idx_kind kind, data_idx_file *out,
                             dstn_error *err) {
    const char *path = file_of(pair, kind);
    if (!path) {
        return fail_missing(node, pair, kind, err);
    }
    const char *reason = data_why_unreadable(path);
    if (reason) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, reason);
    }
    return data_idx_read(path, kind == DATA_IDX_IMAGES ? 3 : 1, out, err);
}

static dstn_status read_pair(dstn_node node, int64_t classes, idx_pair *pair, dstn_error *err) {
    dstn_status status = read_file(node, pair, DATA_IDX_IMAGES, &pair->images, err);
    if (status == DSTN_OK) {
        status = read_file(node, pair, DATA_IDX_LABELS, &pair->labels, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (pair->images.count != pair->labels.count) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: has %lld labels, and %s has %lld images; accepted: as many",
                         file_of(pair, DATA_IDX_LABELS), (long long)pair->labels.count, file_of(pair, DATA_IDX_IMAGES),
                         (long long)pair->images.count);
    }
    return check_labels(pair, classes, err);
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

/* Moves a pair's content to a part. */
static void take_pair(dstn_dataset *dataset, dstn_part part, idx_pair *pair) {
    for (int kind = 0; kind < DATA_IDX_KINDS; kind++) {
        data_add_file(dataset, file_of(pair, (data_idx_kind)kind));
    }
    data_take_bytes(dataset, part, pair->images.count, pair->images.bytes);
    pair->images.bytes = NULL;
    for (int64_t r = 0; r < pair->labels.count; r++) {
        dataset->labels[part][r] = pair->labels.bytes[r];
    }
}

/* A folder without a test part is a data set all the same, one with half of it is a mistake. */
static dstn_status read_test(dstn_node node, const data_idx_folder *folder, int64_t classes, const dstn_log *log,
                             dstn_dataset *dataset, dstn_error *err) {
    idx_pair pair = {.folder = folder, .part = 1};
    dstn_status status = DSTN_OK;
    if (!file_of(&pair, DATA_IDX_IMAGES) && !file_of(&pair, DATA_IDX_LABELS)) {
        dstn_log_warn(log, "%s: there is no test part: it has neither %s nor %s", folder->path,
                      data_idx_names[1][DATA_IDX_IMAGES], data_idx_names[1][DATA_IDX_LABELS]);
    } else {
        status = read_pair(node, classes, &pair, err);
    }
    if (status == DSTN_OK && pair.images.bytes) {
        if (pair.images.height == dataset->shape[1] && pair.images.width == dataset->shape[2]) {
            take_pair(dataset, DSTN_PART_TEST, &pair);
        } else {
            status =
                dstn_fail(err, DSTN_ERROR_DATA,
                          "%s: has images of %lld x %lld; accepted: %lld x %lld, as in "
                          "the training part",
                          file_of(&pair, DATA_IDX_IMAGES), (long long)pair.images.height, (long long)pair.images.width,
                          (long long)dataset->shape[1], (long long)dataset->shape[2]);
        }
    }
    close_pair(&pair);
    return status;
}

static dstn_status read_parts(const idx_settings *idx, dstn_node node, const data_idx_folder *folder,
                              const dstn_log *log, dstn_dataset **out, dstn_error *err) {
    idx_pair pair = {.folder = folder};
    dstn_status status = read_pair(node, idx->classes, &pair, err);
    if (status == DSTN_OK) {
        const int64_t shape[] = {1, pair.images.height, pair.images.width};
        dstn_dataset *dataset = data_new(folder->path, DSTN_TASK_CLASSIFICATION, 3, shape, idx->classes);
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

static dstn_status read_folder(const idx_settings *idx, dstn_node node, const char *path, const dstn_log *log,
                               dstn_dataset **out, dstn_error *err) {
    dstn_status status = check_folder(node, path, err);
    if (status != DSTN_OK) {
        return status;
    }
    data_idx_folder folder;
    status = data_idx_find(node, path, idx->prefix, &folder, err);
    if (status == DSTN_OK) {
        status = read_parts(idx, node, &folder, log, out, err);
    }
    data_idx_clear(&folder);
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
    data_trim_slashes(folder);
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
