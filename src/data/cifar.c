/* data: the source `cifar`: the folder of CIFAR-10 or CIFAR-100, binary version. A record is one label (CIFAR-100: a
 * coarse and a fine one) and 3072 pixels, red, green and blue planes [3, 32, 32]. */
#include "cifar_folder.h"
#include "normalize.h"
#include "sources.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SIDE = 32, CHANNELS = 3, PLANE = SIDE * SIDE, PIXELS = CHANNELS * PLANE, BUFFER = 1 << 20 };

/* Which of CIFAR-100's labels is learned; without the key it is the last one, in either form. */
typedef enum cifar_labels { LABELS_FINE, LABELS_COARSE } cifar_labels;

typedef struct cifar_settings {
    const char *path;
    int labels; /* cifar_labels, -1: not given */
    data_normalization normalization;
} cifar_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", cifar_settings, path, DSTN_REQUIRED,
              "the folder with the .bin files, or the one above it, relative to the folder of the config that names it",
              DSTN_MAY_DIFFER),
    DSTN_CHOICE("labels", cifar_settings, labels, "fine|coarse", "~",
                "CIFAR-100 alone: its 100 classes, or their 20 superclasses; default: fine"),
    DATA_NORMALIZATION(cifar_settings, normalization),
    DSTN_OPTIONS_END,
};

/* ---- one file ---------------------------------------------------------------------------------------------------- */

/* The files of one part, as they are read one after the other. */
typedef struct cifar_part {
    const data_cifar_folder *folder;
    int label;                       /* which of a record's labels is taken */
    char *files[DATA_CIFAR_BATCHES]; /* NULL past the last one */
    int64_t file_rows[DATA_CIFAR_BATCHES];
    int64_t rows;    /* of all files */
    uint8_t *pixels; /* [rows, 32, 32, 3] */
    uint8_t *labels; /* [rows] */
} cifar_part;

static int64_t record_size(const cifar_part *part) {
    return part->folder->form->labels + PIXELS;
}

/* Rows of a file by its size. */
static dstn_status measure(const cifar_part *part, const char *path, int64_t *rows, dstn_error *err) {
    struct stat about;
    int64_t each = record_size(part);
    const char *reason = data_why_unreadable(path);
    if (reason || stat(path, &about) != 0) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, reason ? reason : strerror(errno));
    }
    *rows = about.st_size / each;
    if (about.st_size > 0 && about.st_size % each == 0) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s: has %lld bytes, which are %lld records of %lld bytes and %lld bytes more; accepted: whole "
                     "records, 10000 of them (%lld bytes) in each file of %s as published",
                     path, (long long)about.st_size, (long long)*rows, (long long)each,
                     (long long)(about.st_size % each), (long long)(10000 * each), part->folder->form->name);
}

/* What the first bytes of files say that aren't records at all. */
static const char *foreign_content(const uint8_t *bytes) {
    return bytes[0] == 0x1f && bytes[1] == 0x8b ? " (a gzip stream? it is to be unpacked)"
           : bytes[0] == 0x80                   ? " (a Python pickle? accepted is the binary version)"
                                                : "";
}

static dstn_status check_labels(const cifar_part *part, const char *path, int64_t row, const uint8_t *record,
                                dstn_error *err) {
    const data_cifar_form *form = part->folder->form;
    for (int l = 0; l < form->labels; l++) {
        if (record[l] >= form->classes[l]) {
            return dstn_fail(err, DSTN_ERROR_DATA,
                             "%s: record %lld (byte %lld): %s %d; accepted: 0 to %d, records of %s's binary version%s",
                             path, (long long)row, (long long)(row * record_size(part)), form->label_names[l],
                             (int)record[l], form->classes[l] - 1, form->name, row == 0 ? foreign_content(record) : "");
        }
    }
    return DSTN_OK;
}

/* [3, 32, 32] to [32, 32, 3] */
static void to_channels_last(const uint8_t *planes, uint8_t *pixels) {
    for (int64_t p = 0; p < PLANE; p++) {
        for (int64_t c = 0; c < CHANNELS; c++) {
            pixels[p * CHANNELS + c] = planes[c * PLANE + p];
        }
    }
}

static dstn_status read_records(const cifar_part *part, FILE *file, const char *path, int64_t first, int64_t rows,
                                dstn_error *err) {
    uint8_t record[DATA_CIFAR_LABELS + PIXELS];
    size_t size = (size_t)record_size(part);
    int before = part->folder->form->labels;
    for (int64_t r = 0; r < rows; r++) {
        errno = 0;
        if (fread(record, 1, size, file) != size) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: record %lld (byte %lld) can't be read: %s", path, (long long)r,
                             (long long)r * (long long)size,
                             errno ? strerror(errno) : "the file has become shorter since it was opened");
        }
        if (check_labels(part, path, r, record, err) != DSTN_OK) {
            return err->status;
        }
        part->labels[first + r] = record[part->label];
        to_channels_last(record + before, part->pixels + (first + r) * PIXELS);
    }
    return DSTN_OK;
}

static dstn_status read_file(const cifar_part *part, int f, int64_t first, dstn_error *err) {
    const char *path = part->files[f];
    FILE *file = fopen(path, "rb");
    if (!file) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, strerror(errno));
    }
    setvbuf(file, NULL, _IOFBF, BUFFER);
    dstn_status status = read_records(part, file, path, first, part->file_rows[f], err);
    fclose(file);
    return status;
}

/* ---- the parts --------------------------------------------------------------------------------------------------- */

static void clear_part(cifar_part *part) {
    for (int f = 0; f < DATA_CIFAR_BATCHES; f++) {
        free(part->files[f]);
    }
    free(part->pixels);
    free(part->labels);
}

/* Sizes first, so that a file that is cut off is told of before any is read. */
static dstn_status read_part(const data_cifar_folder *folder, const char *const *names, int count, int label,
                             cifar_part *part, dstn_error *err) {
    *part = (cifar_part){.folder = folder, .label = label};
    for (int f = 0; f < count && names[f]; f++) {
        part->files[f] = dstn_format("%s/%s", folder->path, names[f]);
        if (measure(part, part->files[f], &part->file_rows[f], err) != DSTN_OK) {
            return err->status;
        }
        part->rows += part->file_rows[f];
    }
    part->pixels = malloc((size_t)part->rows * PIXELS);
    part->labels = malloc((size_t)part->rows);
    if (!part->pixels || !part->labels) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s: its %lld images don't fit into memory", folder->path,
                         (long long)part->rows);
    }
    int64_t first = 0;
    for (int f = 0; f < DATA_CIFAR_BATCHES && part->files[f]; f++) {
        if (read_file(part, f, first, err) != DSTN_OK) {
            return err->status;
        }
        first += part->file_rows[f];
    }
    return DSTN_OK;
}

/* Moves what was read to a part of the data set. */
static void take_part(dstn_dataset *dataset, dstn_part to, cifar_part *part) {
    for (int f = 0; f < DATA_CIFAR_BATCHES && part->files[f]; f++) {
        data_add_file(dataset, part->files[f]);
    }
    data_take_bytes(dataset, to, part->rows, part->pixels);
    part->pixels = NULL;
    for (int64_t r = 0; r < part->rows; r++) {
        dataset->labels[to][r] = part->labels[r];
    }
}

static dstn_status read_into(const data_cifar_folder *folder, int label, bool is_test, dstn_dataset *dataset,
                             dstn_error *err) {
    cifar_part part;
    dstn_status status = is_test ? read_part(folder, &folder->form->test, 1, label, &part, err)
                                 : read_part(folder, folder->form->train, DATA_CIFAR_BATCHES, label, &part, err);
    if (status == DSTN_OK) {
        take_part(dataset, is_test ? DSTN_PART_TEST : DSTN_PART_TRAIN, &part);
    }
    clear_part(&part);
    return status;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

/* The names are CIFAR's: who has part of it, or another data set in its form, is to know. */
static void tell_rows(const data_cifar_folder *folder, const dstn_dataset *dataset, const dstn_log *log) {
    const data_cifar_form *form = folder->form;
    int64_t train = dataset->rows[DSTN_PART_TRAIN], test = dataset->rows[DSTN_PART_TEST];
    if (!folder->has_test) {
        dstn_log_warn(log, "%s: there is no test part: it has no %s", folder->path, form->test);
    }
    if (train != form->train_rows || (folder->has_test && test != form->test_rows)) {
        dstn_log_info(log, "%s: has %lld training and %lld test images, where %s as published has %lld and %lld",
                      folder->path, (long long)train, (long long)test, form->name, (long long)form->train_rows,
                      (long long)form->test_rows);
    }
}

static dstn_status read_parts(const data_cifar_folder *folder, int label, const dstn_log *log, dstn_dataset **out,
                              dstn_error *err) {
    static const int64_t shape[] = {CHANNELS, SIDE, SIDE};
    dstn_dataset *dataset = data_new(folder->path, DSTN_TASK_CLASSIFICATION, 3, shape, folder->form->classes[label]);
    dataset->target_name = dstn_strdup(folder->form->label_names[label]);
    dstn_status status = read_into(folder, label, false, dataset, err);
    if (status == DSTN_OK && folder->has_test) {
        status = read_into(folder, label, true, dataset, err);
    }
    if (status != DSTN_OK) {
        dstn_dataset_destroy(dataset);
        return status;
    }
    tell_rows(folder, dataset, log);
    *out = dataset;
    return DSTN_OK;
}

/* Which of a record's labels the key names. */
static dstn_status choose_label(dstn_node node, int labels, const data_cifar_form *form, int *label, dstn_error *err) {
    *label = labels == LABELS_COARSE ? 0 : form->labels - 1;
    if (labels >= 0 && form->labels == 1) {
        return dstn_node_fail(dstn_node_child(node, "labels"), err,
                              "is for CIFAR-100, and these are files of %s, which has one kind; accepted: ~ (or no "
                              "such key)",
                              form->name);
    }
    return DSTN_OK;
}

static dstn_status read_cifar(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                              dstn_dataset **out, dstn_error *err) {
    const cifar_settings *cifar = settings;
    if (task != DSTN_TASK_CLASSIFICATION) {
        return dstn_node_fail(dstn_node_child(node, "task"), err,
                              "the source cifar has class labels; accepted: classification");
    }
    char *path = dstn_doc_resolve_path(dstn_node_child(node, "path"), cifar->path);
    data_trim_slashes(path);
    data_cifar_folder folder;
    int label = 0;
    dstn_status status = data_cifar_find(node, path, &folder, err);
    if (status == DSTN_OK) {
        status = choose_label(node, cifar->labels, folder.form, &label, err);
    }
    if (status == DSTN_OK) {
        status = read_parts(&folder, label, log, out, err);
    }
    data_cifar_clear(&folder);
    free(path);
    return status;
}

static const data_normalization *normalization_of(const void *settings) {
    return &((const cifar_settings *)settings)->normalization;
}

const dstn_data_source data_source_cifar = {
    .name = "cifar",
    .help = "images and labels of CIFAR-10 or CIFAR-100, binary version",
    .options = options,
    .settings_size = sizeof(cifar_settings),
    .example = "{task: classification}",
    .ends_with_valid = true,
    .read = read_cifar,
    .normalization = normalization_of,
};
