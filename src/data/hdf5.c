/* data: the source `hdf5`, for people's own data: x [N, …], y [N] or [N, k], and optionally split [N], in one file. The
 * one file of this room that names HDF5. */
#include "moments.h"
#include "normalize.h"
#include "sources.h"

#include <errno.h>
#include <hdf5.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_AXES = 4, MAX_CLASSES = 100000 };

typedef struct hdf5_settings {
    const char *path;
    data_normalization normalization;
    int64_t classes; /* 0: as many as there are labels */
} hdf5_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", hdf5_settings, path, DSTN_REQUIRED,
              "the file, relative to the folder of the config that names it", DSTN_MAY_DIFFER),
    DATA_NORMALIZATION(hdf5_settings, normalization),
    DSTN_INT("classes", hdf5_settings, classes, 2, MAX_CLASSES, "~",
             "number of classes; default: the largest label and one"),
    DSTN_OPTIONS_END,
};

/* ---- arrays of a file -------------------------------------------------------------------------------------------- */

typedef struct hdf5_file {
    const char *path;
    hid_t id;
} hdf5_file;

/* An array that is open for reading. */
typedef struct hdf5_array {
    const hdf5_file *file;
    const char *name;
    hid_t set, type, space;
    H5T_class_t kind;
    int axes;
    hsize_t extent[MAX_AXES];
    int64_t count; /* of all elements */
} hdf5_array;

static bool has_array(const hdf5_file *file, const char *name) {
    return H5Lexists(file->id, name, H5P_DEFAULT) > 0;
}

static void close_array(hdf5_array *array) {
    if (array->space >= 0) {
        H5Sclose(array->space);
    }
    if (array->type >= 0) {
        H5Tclose(array->type);
    }
    if (array->set >= 0) {
        H5Dclose(array->set);
    }
}

static dstn_status find_extents(hdf5_array *array, int least, int most, const char *accepted, dstn_error *err) {
    const char *path = array->file->path;
    array->axes = H5Sget_simple_extent_ndims(array->space);
    if (array->axes < least || array->axes > most) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has %d axes; accepted: %s", path, array->name, array->axes,
                         accepted);
    }
    H5Sget_simple_extent_dims(array->space, array->extent, NULL);
    array->count = 1;
    for (int axis = 0; axis < array->axes; axis++) {
        if (array->extent[axis] == 0) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s is empty; accepted: %s", path, array->name, accepted);
        }
        if (array->extent[axis] > (hsize_t)(INT64_MAX / 16 / array->count)) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has more elements than can be counted", path, array->name);
        }
        array->count *= (int64_t)array->extent[axis];
    }
    return DSTN_OK;
}

/* Of `least` to `most` axes; `accepted` says so in words. The array is to be closed in any case. */
static dstn_status open_array(const hdf5_file *file, const char *name, int least, int most, const char *accepted,
                              hdf5_array *array, dstn_error *err) {
    *array = (hdf5_array){.file = file, .name = name, .set = -1, .type = -1, .space = -1};
    if (!has_array(file, name)) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: has no array %s; accepted: %s %s", file->path, name, name,
                         accepted);
    }
    array->set = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (array->set >= 0) {
        array->type = H5Dget_type(array->set);
        array->space = H5Dget_space(array->set);
    }
    if (array->type < 0 || array->space < 0) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s is no array that can be read; accepted: %s %s", file->path, name,
                         name, accepted);
    }
    array->kind = H5Tget_class(array->type);
    return find_extents(array, least, most, accepted, err);
}

static bool is_bytes(const hdf5_array *array) {
    return array->kind == H5T_INTEGER && H5Tget_size(array->type) == 1 && H5Tget_sign(array->type) == H5T_SGN_NONE;
}

/* The whole array in a type of memory; owned by the caller. */
static dstn_status read_array(const hdf5_array *array, hid_t type, void **out, dstn_error *err) {
    const char *path = array->file->path;
    *out = NULL;
    if (array->kind != H5T_INTEGER && array->kind != H5T_FLOAT) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: %s doesn't hold numbers; accepted: integers or floating-point "
                         "numbers",
                         path, array->name);
    }
    void *values = malloc((size_t)array->count * H5Tget_size(type));
    if (!values) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s: the %lld elements of %s don't fit into memory", path,
                         (long long)array->count, array->name);
    }
    if (H5Dread(array->set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
        free(values);
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: %s can't be read: the file is damaged, or compressed by a filter "
                         "that HDF5 doesn't have here",
                         path, array->name);
    }
    *out = values;
    return DSTN_OK;
}

static dstn_status read_doubles(const hdf5_array *array, double **out, dstn_error *err) {
    void *values;
    dstn_status status = read_array(array, H5T_NATIVE_DOUBLE, &values, err);
    *out = values;
    int64_t each = array->count / (int64_t)array->extent[0];
    for (int64_t i = 0; status == DSTN_OK && i < array->count; i++) {
        double value = (*out)[i];
        if (!(fabs(value) <= DATA_LARGEST)) {
            status = dstn_fail(err, DSTN_ERROR_DATA,
                               "%s: %s: row %lld, element %lld: %g is %s; accepted: finite numbers, up to 1e140",
                               array->file->path, array->name, (long long)(i / each), (long long)(i % each), value,
                               isfinite(value) ? "too large to compute with" : "not finite");
        }
    }
    if (status != DSTN_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

static dstn_status check_rows(const hdf5_array *array, int64_t rows, dstn_error *err) {
    if ((int64_t)array->extent[0] == rows) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has %lld rows, and x has %lld; accepted: as many", array->file->path,
                     array->name, (long long)array->extent[0], (long long)rows);
}

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

/* [N, features]; [N, H, W] is one channel; [N, C, H, W]. */
static dstn_dataset *make_dataset(const hdf5_array *x, dstn_task task, int64_t outputs) {
    int64_t shape[3] = {(int64_t)x->extent[1]};
    if (x->axes == 3) {
        shape[0] = 1;
        shape[1] = (int64_t)x->extent[1];
        shape[2] = (int64_t)x->extent[2];
    }
    for (int axis = 1; x->axes == 4 && axis < 4; axis++) {
        shape[axis - 1] = (int64_t)x->extent[axis];
    }
    return data_new(x->file->path, task, x->axes == 2 ? 1 : 3, shape, outputs);
}

static dstn_status take_bytes(dstn_dataset *dataset, const hdf5_array *array, dstn_error *err) {
    void *x;
    dstn_status status = read_array(array, H5T_NATIVE_UINT8, &x, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t rows = (int64_t)array->extent[0];
    if (dataset->rank == 3 && dataset->shape[0] > 1) {
        bytes_to_channels_last(x, rows, dataset->shape[0], dataset->shape[1] * dataset->shape[2]);
    }
    data_take_bytes(dataset, DSTN_PART_TRAIN, rows, x);
    return DSTN_OK;
}

static dstn_status take_doubles(dstn_dataset *dataset, const hdf5_array *array, dstn_error *err) {
    double *x;
    dstn_status status = read_doubles(array, &x, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t rows = (int64_t)array->extent[0];
    if (dataset->rank == 3 && dataset->shape[0] > 1) {
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

/* ---- y ----------------------------------------------------------------------------------------------------------- */

/* Checks labels; *classes [in,out]: 0 becomes the largest label and one. */
static dstn_status check_labels(const hdf5_array *array, const double *y, int64_t *classes, dstn_error *err) {
    const char *path = array->file->path;
    double largest = 1;
    double most = (double)(*classes ? *classes : MAX_CLASSES);
    for (int64_t r = 0; r < array->count; r++) {
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

/* y as doubles, checked for the task; *outputs [out]: target columns or classes. */
static dstn_status read_y(const hdf5_file *file, const hdf5_settings *settings, dstn_task task, int64_t rows,
                          double **y, int64_t *outputs, dstn_error *err) {
    bool classifies = task == DSTN_TASK_CLASSIFICATION;
    hdf5_array array;
    dstn_status status =
        open_array(file, "y", 1, classifies ? 1 : 2,
                   classifies ? "[N], a label for each row of x" : "[N] or [N, k], numbers", &array, err);
    *y = NULL;
    *outputs = settings->classes;
    if (status == DSTN_OK) {
        status = check_rows(&array, rows, err);
    }
    if (status == DSTN_OK) {
        status = read_doubles(&array, y, err);
    }
    if (status == DSTN_OK && classifies) {
        status = check_labels(&array, *y, outputs, err);
    } else if (status == DSTN_OK) {
        *outputs = array.count / rows;
    }
    close_array(&array);
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

#define SPLIT_ACCEPTED "[N], integers: 0 training, 1 validation, 2 test"

/* Moves the examples to the parts that split [rows] names. */
static dstn_status divide(const hdf5_file *file, const double *split, dstn_dataset *dataset, dstn_error *err) {
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

static dstn_status read_split(const hdf5_file *file, dstn_dataset *dataset, dstn_error *err) {
    if (!has_array(file, "split")) {
        return DSTN_OK;
    }
    hdf5_array array;
    double *split = NULL;
    dstn_status status = open_array(file, "split", 1, 1, SPLIT_ACCEPTED, &array, err);
    if (status == DSTN_OK) {
        status = check_rows(&array, dataset->rows[DSTN_PART_TRAIN], err);
    }
    if (status == DSTN_OK) {
        status = read_doubles(&array, &split, err);
    }
    if (status == DSTN_OK) {
        status = divide(file, split, dataset, err);
    }
    close_array(&array);
    free(split);
    return status;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static dstn_status read_arrays(const hdf5_file *file, const hdf5_settings *settings, dstn_task task, dstn_dataset **out,
                               dstn_error *err) {
    hdf5_array x;
    double *y = NULL;
    int64_t outputs;
    dstn_dataset *dataset = NULL;
    dstn_status status =
        open_array(file, "x", 2, 4, "[N, features], [N, H, W] or [N, C, H, W], bytes or numbers", &x, err);
    if (status == DSTN_OK) {
        status = read_y(file, settings, task, (int64_t)x.extent[0], &y, &outputs, err);
    }
    if (status == DSTN_OK) {
        dataset = make_dataset(&x, task, outputs);
        status = is_bytes(&x) ? take_bytes(dataset, &x, err) : take_doubles(dataset, &x, err);
    }
    if (status == DSTN_OK) {
        take_y(dataset, y);
        status = read_split(file, dataset, err);
    }
    close_array(&x);
    free(y);
    if (status == DSTN_OK) {
        *out = dataset;
    } else {
        dstn_dataset_destroy(dataset);
    }
    return status;
}

static hid_t open_file(const char *path) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    /* Nobody writes to a data set that is trained on, and some cluster file systems know no locks. */
    H5Pset_file_locking(access, 0, 1);
#endif
    hid_t id = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return id;
}

static dstn_status read_file(dstn_node node, const char *path, const hdf5_settings *settings, dstn_task task,
                             dstn_dataset **out, dstn_error *err) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return data_fail_at_key(node, "path", err, "%s: can't be read: %s", path, strerror(errno));
    }
    if (S_ISDIR(about.st_mode)) {
        return data_fail_at_key(node, "path", err, "%s: is a folder; accepted: an HDF5 file", path);
    }
    hdf5_file file = {path, open_file(path)};
    if (file.id < 0) {
        return data_fail_at_key(
            node, "path", err, "%s: is no HDF5 file, or damaged or cut off; accepted: an HDF5 file with x and y", path);
    }
    dstn_status status = read_arrays(&file, settings, task, out, err);
    H5Fclose(file.id);
    return status;
}

static dstn_status read_hdf5(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                             dstn_dataset **out, dstn_error *err) {
    (void)log;
    const hdf5_settings *hdf5 = settings;
    char *path = dstn_doc_resolve_path(dstn_node_child(node, "path"), hdf5->path);
    /* What goes wrong is said in our own words; HDF5's printing is as it was afterwards. */
    H5E_auto2_t print;
    void *client;
    H5Eget_auto2(H5E_DEFAULT, &print, &client);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    dstn_status status = read_file(node, path, hdf5, task, out, err);
    H5Eset_auto2(H5E_DEFAULT, print, client);
    free(path);
    return status;
}

static const data_normalization *normalization_of(const void *settings) {
    return &((const hdf5_settings *)settings)->normalization;
}

const dstn_data_source data_source_hdf5 = {
    .name = "hdf5",
    .help = "your own data in an HDF5 file: x [N, ...], y [N] or [N, k], optionally split [N]",
    .options = options,
    .settings_size = sizeof(hdf5_settings),
    .example = "{}",
    .read = read_hdf5,
    .normalization = normalization_of,
};
