/* data: arrays of people's HDF5 files, as they are or with the reason why they can't be read. */
#include "hdf5_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "moments.h"
#include "sources.h"

enum { MOST_SHOWN = 12, MOST_DEPTH = 6 };

/* A list in words that is being made. */
typedef struct name_list {
    char *text;
    int64_t count;
} name_list;

static void add_name(name_list *list, const char *name, const char *stroke) {
    if (list->count++ > MOST_SHOWN) {
        return;
    }
    char *longer = list->count > MOST_SHOWN
                       ? dstn_format("%s, ...", list->text)
                       : dstn_format("%s%s%.80s%s", list->text, list->count > 1 ? ", " : "", name, stroke);
    free(list->text);
    list->text = longer;
}

/* Adds the data sets below a group, and groups that have none with a stroke behind them. */
static void add_names(const data_hdf5_file *file, const char *group, int depth, name_list *list) {
    int64_t count = 0;
    char **names = NULL;
    dstn_error ignored;
    bool is_known = dstn_reader_list(file->reader, group, &count, &names, &ignored) == DSTN_OK;
    for (int64_t i = 0; is_known && i < count; i++) {
        char *path = dstn_format("%s%s%s", group, *group ? "/" : "", names[i]);
        bool is_group = dstn_reader_is_group(file->reader, path);
        int64_t before = list->count;
        if (is_group && depth < MOST_DEPTH && list->count <= MOST_SHOWN) {
            add_names(file, path, depth + 1, list);
        }
        if (list->count == before) {
            add_name(list, path, is_group ? "/" : "");
        }
        free(path);
        free(names[i]);
    }
    free(is_known ? names : NULL);
}

/* "train/x, train/y, meta/": some of what the file has. */
static char *list_names(const data_hdf5_file *file) {
    static const char *const nothing[] = {NULL};
    const dstn_foreign how = {.wanted = nothing, .deep = true, .external = file->external};
    name_list list = {.text = dstn_strdup("")};
    data_hdf5_file deep = *file;
    dstn_error ignored;
    bool is_open = dstn_reader_open_foreign(file->path, &how, DSTN_ERROR_DATA, &deep.reader, &ignored) == DSTN_OK;
    add_names(is_open ? &deep : file, "", 1, &list);
    if (is_open) {
        dstn_reader_close(deep.reader);
    }
    return list.text;
}

static dstn_status fail_missing(const data_hdf5_file *file, const char *name, const char *accepted, dstn_error *err) {
    char *list = list_names(file);
    dstn_fail(err, DSTN_ERROR_DATA, "%s: has no array %s at its top, but %s; accepted: %s %s", file->path, name,
              *list ? list : "nothing", name, accepted);
    free(list);
    return err->status;
}

/* What was never written, HDF5 makes up. */
static dstn_status check_written(const data_hdf5_array *array, dstn_error *err) {
    const dstn_data_set *about = &array->about;
    const char *path = array->file->path;
    if (about->missing > 0 && about->missing == about->pieces) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s was never written: all its values would be made up by HDF5",
                         path, array->name);
    }
    if (about->missing > 0) {
        dstn_log_warn(
            array->file->log,
            "%s: %s: %lld of its %lld pieces (chunks; elements of a virtual data set) were never written, and "
            "HDF5 makes up their values",
            path, array->name, (long long)about->missing, (long long)about->pieces);
    }
    return DSTN_OK;
}

static dstn_status check_axes(const data_hdf5_array *array, int least, int most, const char *accepted,
                              dstn_error *err) {
    const dstn_data_set *about = &array->about;
    const char *path = array->file->path;
    if (about->rank < least || about->rank > most) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has %d axes; accepted: %s", path, array->name, about->rank,
                         accepted);
    }
    if (about->count == 0) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s is empty; accepted: %s", path, array->name, accepted);
    }
    return DSTN_OK;
}

dstn_status data_hdf5_open_array(const data_hdf5_file *file, const char *name, int least, int most,
                                 const char *accepted, data_hdf5_array *array, dstn_error *err) {
    *array = (data_hdf5_array){.file = file, .name = name};
    if (!dstn_reader_has(file->reader, name)) {
        return fail_missing(file, name, accepted, err);
    }
    if (dstn_reader_is_group(file->reader, name)) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s is a group and no array; accepted: %s %s", file->path, name,
                         name, accepted);
    }
    dstn_status status = dstn_reader_describe(file->reader, name, &array->about, err);
    if (status == DSTN_OK && array->about.why[0]) {
        bool leads_out = strstr(array->about.why, "followed") || strstr(array->about.why, "leads out");
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s %s; accepted: %s %s%s", file->path, name, array->about.why, name,
                         accepted, leads_out && !file->external ? ", or data.external: true, which follows it" : "");
    }
    if (status == DSTN_OK && !array->about.is_numbers) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s: %s doesn't hold numbers but %s; accepted: integers, floating-point numbers or booleans",
                         file->path, name, array->about.what);
    }
    if (status == DSTN_OK) {
        status = check_axes(array, least, most, accepted, err);
    }
    return status == DSTN_OK ? check_written(array, err) : status;
}

bool data_hdf5_is_boolean(const data_hdf5_array *array) {
    return array->about.scalar == DSTN_U8 && strncmp(array->about.what, "unsigned", 8) != 0;
}

/* The type's own numbers are whole, and not all of them are doubles. */
static void warn_of_inexact(const data_hdf5_array *array, int64_t count, const double *values) {
    int64_t inexact = 0;
    bool is_whole = strstr(array->about.what, "integers") != NULL;
    for (int64_t i = 0; is_whole && i < count; i++) {
        inexact += fabs(values[i]) >= DATA_LARGEST_EXACT;
    }
    if (inexact > 0) {
        dstn_log_warn(array->file->log, "%s: %s: %lld whole numbers are 2^53 or more and may lose their last digits",
                      array->file->path, array->name, (long long)inexact);
    }
}

dstn_status data_hdf5_doubles(const data_hdf5_array *array, double **out, dstn_error *err) {
    int64_t count;
    dstn_status status = dstn_reader_doubles(array->file->reader, array->name, &count, out, err);
    int64_t each = array->about.count / array->about.shape[0];
    double most = data_hdf5_is_boolean(array) ? 1 : DATA_LARGEST;
    for (int64_t i = 0; status == DSTN_OK && i < count; i++) {
        double value = (*out)[i];
        if (!(fabs(value) <= most)) {
            status = dstn_fail(err, DSTN_ERROR_DATA, "%s: %s: row %lld, element %lld: %g is %s; accepted: %s",
                               array->file->path, array->name, (long long)(i / each), (long long)(i % each), value,
                               most == 1         ? "no boolean"
                               : isfinite(value) ? "too large to compute with"
                                                 : "not finite",
                               most == 1 ? "0 and 1" : "finite numbers, up to 1e140");
        }
    }
    if (status == DSTN_OK) {
        warn_of_inexact(array, count, *out);
    } else {
        free(*out);
        *out = NULL;
    }
    return status;
}

dstn_status data_hdf5_bytes(const data_hdf5_array *array, uint8_t **out, dstn_error *err) {
    int64_t count = array->about.count;
    *out = malloc((size_t)count);
    if (!*out) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s: the %lld elements of %s don't fit into memory", array->file->path,
                         (long long)count, array->name);
    }
    dstn_status status = dstn_reader_array(array->file->reader, array->name, DSTN_U8, count, *out, err);
    for (int64_t i = 0; status == DSTN_OK && data_hdf5_is_boolean(array) && i < count; i++) {
        (*out)[i] = (*out)[i] ? 255 : 0;
    }
    if (status != DSTN_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}

dstn_status data_hdf5_check_rows(const data_hdf5_array *array, int64_t rows, dstn_error *err) {
    const dstn_data_set *about = &array->about;
    bool is_turned = about->rank == 2 && about->shape[0] == 1 && about->shape[1] == rows;
    if (about->shape[0] == rows || is_turned) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has %lld rows, and x has %lld; accepted: as many", array->file->path,
                     array->name, (long long)about->shape[0], (long long)rows);
}

dstn_status data_hdf5_check_single(const data_hdf5_array *array, int64_t rows, const char *accepted, dstn_error *err) {
    dstn_status status = data_hdf5_check_rows(array, rows, err);
    if (status == DSTN_OK && array->about.count != rows) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has 2 axes, %lld x %lld; accepted: %s", array->file->path,
                         array->name, (long long)array->about.shape[0], (long long)array->about.shape[1], accepted);
    }
    return status;
}

dstn_status data_hdf5_open(dstn_node section, data_hdf5_file *file, dstn_error *err) {
    static const char *const wanted[] = {"x",           "y",          "split", "tokens", "valid_tokens",
                                         "test_tokens", "vocabulary", NULL};
    const dstn_foreign how = {.wanted = wanted, .external = file->external};
    const char *reason = data_why_unreadable(file->path);
    if (reason) {
        return data_fail_at_key(section, "path", err, "%s: can't be read: %s; accepted: an HDF5 file with x and y",
                                file->path, reason);
    }
    dstn_error why = {DSTN_OK, ""};
    dstn_status status = dstn_reader_open_foreign(file->path, &how, DSTN_ERROR_DATA, &file->reader, &why);
    if (status == DSTN_OK) {
        return DSTN_OK;
    }
    data_fail_at_key(section, "path", err, "%s; accepted: an HDF5 file with x and y", why.message);
    return err->status = status;
}
