/* data: the source `hdf5`, for people's own data: x [N, …], y [N] or [N, k], and optionally split [N], in one file,
 * which store reads with bounds; or a text (hdf5_text.h). */
#include "hdf5_file.h"
#include "hdf5_text.h"
#include "moments.h"
#include "normalize.h"
#include "sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_AXES = 4, MAX_CLASSES = 100000 };

/* The order of an image's axes; without the key it is that of nchw, and doubtful shapes are told of. */
typedef enum hdf5_layout { LAYOUT_NCHW, LAYOUT_NHWC } hdf5_layout;

typedef struct hdf5_settings {
    const char *path;
    data_normalization normalization;
    int64_t classes; /* 0: as many as there are labels */
    int layout;      /* hdf5_layout, -1: not given */
    bool external;
} hdf5_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", hdf5_settings, path, DSTN_REQUIRED,
              "the file, relative to the folder of the config that names it", DSTN_MAY_DIFFER),
    DATA_NORMALIZATION(hdf5_settings, normalization),
    DSTN_INT("classes", hdf5_settings, classes, 2, MAX_CLASSES, "~",
             "number of classes, or words; default: the largest label, or word's number, and one"),
    DSTN_CHOICE("layout", hdf5_settings, layout, "nchw|nhwc", "~",
                "axes of images: [N, channels, height, width], or channels last; default: nchw, with a warning where "
                "channels seem to be last"),
    DSTN_BOOL("external", hdf5_settings, external, "false",
              "follow links, external storage and virtual data sets to other files", DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};

/* ---- x ----------------------------------------------------------------------------------------------------------- */

/* One image from [C, pixels] to [pixels, C], in place; `image` is room for one. */
#define DEFINE_TO_CHANNELS_LAST(name, type)                                                                            \
    static void name(type *x, int64_t rows, int64_t channels, int64_t pixels) {                                        \
        type *image = dstn_alloc((size_t)(channels * pixels), sizeof *image);                                          \
        for (int64_t r = 0; r < rows; r++, x += channels * pixels) {                                                   \
            for (int64_t c = 0; c < channels; c++)                                                                     \
                for (int64_t p = 0; p < pixels; p++)                                                                   \
                    image[p * channels + c] = x[c * pixels + p];                                                       \
            memcpy(x, image, (size_t)(channels * pixels) * sizeof *image);                                             \
        }                                                                                                              \
        free(image);                                                                                                   \
    }
DEFINE_TO_CHANNELS_LAST(bytes_to_channels_last, uint8_t)
DEFINE_TO_CHANNELS_LAST(doubles_to_channels_last, double)

/* [N, features]; [N, H, W] is one channel; [N, C, H, W], or channels last. */
static dstn_dataset *make_dataset(const data_hdf5_array *x, int layout, dstn_task task, int64_t outputs) {
    const int64_t *extent = x->about.shape;
    bool is_last = x->about.rank == 4 && layout == LAYOUT_NHWC, has_channels = x->about.rank == 4;
    int64_t shape[3] = {extent[1]};
    if (x->about.rank > 2) {
        shape[0] = has_channels ? extent[is_last ? 3 : 1] : 1;
        shape[1] = extent[has_channels && !is_last ? 2 : 1];
        shape[2] = extent[has_channels && !is_last ? 3 : 2];
    }
    dstn_dataset *dataset = data_new(x->file->path, task, x->about.rank == 2 ? 1 : 3, shape, outputs);
    data_add_file(dataset, x->file->path);
    return dataset;
}

static bool counts_channels(int64_t extent) {
    return extent == 1 || extent == 3 || extent == 4;
}

static void warn_of_layout(const data_hdf5_array *x, int layout) {
    const int64_t *extent = x->about.shape;
    if (layout < 0 && x->about.rank == 4 && counts_channels(extent[3]) && !counts_channels(extent[1])) {
        dstn_log_warn(
            x->file->log,
            "%s: x is read as images of %lld channels of %lld x %lld pixels; if its channels are the last axis, "
            "set data.layout: nhwc (nchw: they are not)",
            x->file->path, (long long)extent[1], (long long)extent[2], (long long)extent[3]);
    }
}

/* Whether the axes are to be exchanged: images are kept with channels last. */
static bool has_channels_first(const dstn_dataset *dataset, int layout) {
    return dataset->rank == 3 && dataset->shape[0] > 1 && layout != LAYOUT_NHWC;
}

static dstn_status take_bytes(dstn_dataset *dataset, int layout, const data_hdf5_array *array, dstn_error *err) {
    uint8_t *x;
    dstn_status status = data_hdf5_bytes(array, &x, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t rows = array->about.shape[0];
    if (has_channels_first(dataset, layout)) {
        bytes_to_channels_last(x, rows, dataset->shape[0], dataset->shape[1] * dataset->shape[2]);
    }
    data_take_bytes(dataset, DSTN_PART_TRAIN, rows, x);
    return DSTN_OK;
}

static dstn_status take_doubles(dstn_dataset *dataset, int layout, const data_hdf5_array *array, dstn_error *err) {
    double *x;
    dstn_status status = data_hdf5_doubles(array, &x, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t rows = array->about.shape[0];
    if (has_channels_first(dataset, layout)) {
        doubles_to_channels_last(x, rows, dataset->shape[0], dataset->shape[1] * dataset->shape[2]);
    }
    data_take_doubles(dataset, DSTN_PART_TRAIN, rows, x);
    /* Columns have no names in such a file; messages need some. */
    if (dataset->rank == 1) {
        dataset->feature_names = dstn_alloc((size_t)dataset->features, sizeof(char *));
    }
    for (int64_t f = 0; dataset->feature_names && f < dataset->features; f++) {
        dataset->feature_names[f] = dstn_format("x%lld", (long long)f);
    }
    return DSTN_OK;
}

/* Booleans are kept as bytes where they are pixels; in a table they are numbers in columns. */
static dstn_status take_x(dstn_dataset *dataset, int layout, const data_hdf5_array *array, dstn_error *err) {
    bool as_bytes = array->about.scalar == DSTN_U8 && (!data_hdf5_is_boolean(array) || dataset->rank == 3);
    return as_bytes ? take_bytes(dataset, layout, array, err) : take_doubles(dataset, layout, array, err);
}

/* ---- y ----------------------------------------------------------------------------------------------------------- */

/* Checks labels; *classes [in,out]: 0 becomes the largest label and one. */
static dstn_status check_labels(const data_hdf5_array *array, const double *y, int64_t *classes, dstn_error *err) {
    const char *path = array->file->path;
    double largest = 1;
    double most = (double)(*classes ? *classes : MAX_CLASSES);
    for (int64_t r = 0; r < array->about.count; r++) {
        if (y[r] != floor(y[r]) || y[r] < 0 || y[r] >= most) {
            return dstn_fail(err, DSTN_ERROR_DATA,
                             "%s: y: row %lld: %g is no class label; accepted: integers from 0 to "
                             "%.0f%s",
                             path, (long long)r, y[r], most - 1, *classes ? ", by data.classes" : "");
        }
        largest = fmax(largest, y[r]);
    }
    if (!*classes) {
        *classes = (int64_t)largest + 1;
    }
    return DSTN_OK;
}

#define LABELS_ACCEPTED "[N] or [N, 1], a label for each row of x"

/* y as doubles, checked for the task; *outputs [out]: target columns or classes. */
static dstn_status read_y(const data_hdf5_file *file, const hdf5_settings *settings, dstn_task task, int64_t rows,
                          double **y, int64_t *outputs, dstn_error *err) {
    bool classifies = task == DSTN_TASK_CLASSIFICATION;
    data_hdf5_array array;
    dstn_status status =
        data_hdf5_open_array(file, "y", 1, 2, classifies ? LABELS_ACCEPTED : "[N] or [N, k], numbers", &array, err);
    *y = NULL;
    *outputs = settings->classes;
    if (status == DSTN_OK) {
        status = classifies ? data_hdf5_check_single(&array, rows, LABELS_ACCEPTED, err)
                            : data_hdf5_check_rows(&array, rows, err);
    }
    if (status == DSTN_OK) {
        status = data_hdf5_doubles(&array, y, err);
    }
    if (status == DSTN_OK && classifies) {
        status = check_labels(&array, *y, outputs, err);
    } else if (status == DSTN_OK) {
        *outputs = array.about.count / rows;
    }
    if (status != DSTN_OK) {
        free(*y);
        *y = NULL;
    }
    return status;
}

static void take_y(dstn_dataset *dataset, const double *y) {
    dataset->target_name = dstn_strdup("y");
    int64_t rows = dataset->rows[DSTN_PART_TRAIN];
    if (dataset->task == DSTN_TASK_REGRESSION) {
        memcpy(dataset->targets[DSTN_PART_TRAIN], y, (size_t)(rows * dataset->outputs) * sizeof *y);
    }
    for (int64_t r = 0; dataset->task == DSTN_TASK_CLASSIFICATION && r < rows; r++) {
        dataset->labels[DSTN_PART_TRAIN][r] = (int64_t)y[r];
    }
}

/* ---- split ------------------------------------------------------------------------------------------------------- */

#define SPLIT_ACCEPTED "[N] or [N, 1], integers: 0 training, 1 validation, 2 test"

/* Moves the examples to the parts that split [rows] names. */
static dstn_status divide(const data_hdf5_file *file, const double *split, dstn_dataset *dataset, dstn_error *err) {
    int64_t rows = dataset->rows[DSTN_PART_TRAIN], counts[DSTN_PARTS] = {0};
    int64_t *orders[DSTN_PARTS];
    dstn_status status = DSTN_OK;
    for (int part = 0; part < DSTN_PARTS; part++) {
        orders[part] = dstn_alloc((size_t)rows, sizeof *orders[part]);
    }
    for (int64_t r = 0; r < rows && status == DSTN_OK; r++) {
        if (split[r] == 0 || split[r] == 1 || split[r] == 2) {
            orders[(int)split[r]][counts[(int)split[r]]++] = r;
        } else {
            status = dstn_fail(err, DSTN_ERROR_DATA,
                               "%s: split: row %lld: %g names no part; accepted: 0 training, 1 "
                               "validation, 2 test",
                               file->path, (long long)r, split[r]);
        }
    }
    if (status == DSTN_OK && counts[DSTN_PART_TRAIN] == 0) {
        status =
            dstn_fail(err, DSTN_ERROR_DATA, "%s: split: no row is for training; accepted: some rows of 0", file->path);
    }
    if (status == DSTN_OK) {
        const int64_t *const constant[DSTN_PARTS] = {orders[0], orders[1], orders[2]};
        data_divide(dataset, constant, counts);
    }
    for (int part = 0; part < DSTN_PARTS; part++) {
        free(orders[part]);
    }
    return status;
}

static dstn_status read_split(const data_hdf5_file *file, dstn_dataset *dataset, dstn_error *err) {
    if (!dstn_reader_has(file->reader, "split")) {
        return DSTN_OK;
    }
    data_hdf5_array array;
    double *split = NULL;
    dstn_status status = data_hdf5_open_array(file, "split", 1, 2, SPLIT_ACCEPTED, &array, err);
    if (status == DSTN_OK) {
        status = data_hdf5_check_single(&array, dataset->rows[DSTN_PART_TRAIN], SPLIT_ACCEPTED, err);
    }
    if (status == DSTN_OK) {
        status = data_hdf5_doubles(&array, &split, err);
    }
    if (status == DSTN_OK) {
        status = divide(file, split, dataset, err);
    }
    free(split);
    return status;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static dstn_status read_arrays(const data_hdf5_file *file, const hdf5_settings *settings, dstn_task task,
                               dstn_dataset **out, dstn_error *err) {
    data_hdf5_array x;
    double *y = NULL;
    int64_t outputs;
    dstn_dataset *dataset = NULL;
    dstn_status status = data_hdf5_open_array(file, "x", 2, MAX_AXES,
                                              "[N, features], [N, H, W] or [N, C, H, W], bytes or numbers", &x, err);
    if (status == DSTN_OK) {
        warn_of_layout(&x, settings->layout);
        status = read_y(file, settings, task, x.about.shape[0], &y, &outputs, err);
    }
    if (status == DSTN_OK) {
        dataset = make_dataset(&x, settings->layout, task, outputs);
        status = take_x(dataset, settings->layout, &x, err);
    }
    if (status == DSTN_OK) {
        take_y(dataset, y);
        status = read_split(file, dataset, err);
    }
    free(y);
    if (status == DSTN_OK) {
        *out = dataset;
    } else {
        dstn_dataset_destroy(dataset);
    }
    return status;
}

static dstn_status read_text(dstn_node node, const data_hdf5_file *file, const hdf5_settings *settings,
                             dstn_dataset **out, dstn_error *err) {
    if (settings->layout >= 0) {
        return dstn_node_fail(dstn_node_child(node, "layout"), err,
                              "is for images, and %s has a text; accepted: no data.layout", file->path);
    }
    return data_hdf5_read_text(node, file, settings->classes, out, err);
}

static dstn_status read_hdf5(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                             dstn_dataset **out, dstn_error *err) {
    const hdf5_settings *hdf5 = settings;
    char *path = dstn_doc_resolve_path(dstn_node_child(node, "path"), hdf5->path);
    data_hdf5_file file = {.path = path, .external = hdf5->external, .log = log};
    dstn_status status = data_hdf5_open(node, &file, err);
    if (status == DSTN_OK) {
        status = data_hdf5_has_text(&file) ? read_text(node, &file, hdf5, out, err)
                                           : read_arrays(&file, hdf5, task, out, err);
        dstn_reader_close(file.reader);
    }
    free(path);
    return status;
}

static const data_normalization *normalization_of(const void *settings) {
    return &((const hdf5_settings *)settings)->normalization;
}

const dstn_data_source data_source_hdf5 = {
    .name = "hdf5",
    .help = "your own data in an HDF5 file: x [N, ...], y [N] or [N, k], optionally split [N]; or a text: tokens [N], "
            "optionally valid_tokens, test_tokens and vocabulary [words]",
    .options = options,
    .settings_size = sizeof(hdf5_settings),
    .example = "{}",
    .read = read_hdf5,
    .normalization = normalization_of,
};
