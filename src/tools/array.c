/* Data sets of any HDF5 file: values in the file's own type, and the paths of all there are. */
#include "array.h"

#include <stdlib.h>
#include <string.h>

/* ---- one data set ---- */

dstn_status tools_array_read(const dstn_reader *reader, const char *name, tools_array *out, dstn_error *err) {
    dstn_data_set about;
    *out = (tools_array){.scalar = DSTN_F64};
    dstn_status status = dstn_reader_describe(reader, name, &about, err);
    if (status != DSTN_OK) {
        return status;
    }
    out->scalar = about.scalar;
    out->rank = about.rank;
    out->count = about.count;
    memcpy(out->shape, about.shape, sizeof(out->shape));
    if (!about.is_numbers) { /* which the reader says better */
        return dstn_reader_array(reader, name, DSTN_F64, about.count, NULL, err);
    }
    out->data = calloc((size_t)about.count + 1, dstn_scalar_size(about.scalar));
    if (!out->data) {
        return dstn_fail(err, DSTN_ERROR_RUN, "data set %s doesn't fit into memory", name);
    }
    status = dstn_reader_array(reader, name, about.scalar, about.count, out->data, err);
    if (status != DSTN_OK) {
        tools_array_clear(out);
    }
    return status;
}

void tools_array_clear(tools_array *array) {
    free(array->data);
    array->data = NULL;
}

double tools_array_value(const tools_array *array, int64_t i) {
    switch (array->scalar) {
    case DSTN_F32:
        return ((const float *)array->data)[i];
    case DSTN_F64:
        return ((const double *)array->data)[i];
    case DSTN_I64:
        return (double)((const int64_t *)array->data)[i];
    case DSTN_U8:
        break;
    }
    return ((const uint8_t *)array->data)[i];
}

int64_t tools_array_rows(const tools_array *array) {
    return array->rank > 0 ? array->shape[0] : 1;
}

int64_t tools_array_columns(const tools_array *array) {
    int64_t columns = 1;
    for (int d = 1; d < array->rank; d++) {
        columns *= array->shape[d];
    }
    return columns;
}

char *tools_array_shape_text(const tools_array *array) {
    char *text = dstn_strdup("");
    for (int d = 0; d < array->rank; d++) {
        char *longer = dstn_format("%s%s%lld", text, d ? "×" : "", (long long)array->shape[d]);
        free(text);
        text = longer;
    }
    return text;
}

/* ---- all of them ---- */

typedef struct path_list {
    char **paths; /* [capacity] */
    int64_t count, capacity;
} path_list;

static void add_path(path_list *list, char *path) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 64;
        char **larger = dstn_alloc((size_t)list->capacity, sizeof(char *));
        if (list->count) {
            memcpy(larger, list->paths, (size_t)list->count * sizeof(char *));
        }
        free(list->paths);
        list->paths = larger;
    }
    list->paths[list->count++] = path;
}

enum { DEEPEST = 32 }; /* groups within groups; a file may link a group into itself */

static dstn_status walk(const dstn_reader *reader, const char *group, int depth, path_list *list, dstn_error *err) {
    int64_t count;
    char **names;
    if (depth > DEEPEST) {
        return dstn_fail(err, DSTN_ERROR_DATA, "group %s lies more than %d groups deep", group, DEEPEST);
    }
    dstn_status status = dstn_reader_list(reader, group, &count, &names, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
        char *path = dstn_format("%s%s%s", group, *group ? "/" : "", names[i]);
        if (!dstn_reader_is_group(reader, path)) {
            add_path(list, path);
            continue;
        }
        status = walk(reader, path, depth + 1, list, err);
        free(path);
    }
    tools_paths_destroy(count, names);
    return status;
}

dstn_status tools_paths_below(const dstn_reader *reader, const char *group, int64_t *count, char ***paths,
                              dstn_error *err) {
    path_list list = {NULL, 0, 0};
    dstn_status status = DSTN_OK;
    if (*group == '\0' || dstn_reader_has(reader, group)) {
        status = walk(reader, group, 0, &list, err);
    }
    *count = list.count;
    *paths = list.paths;
    if (status != DSTN_OK) {
        tools_paths_destroy(list.count, list.paths);
        *count = 0;
        *paths = NULL;
    }
    return status;
}

void tools_paths_destroy(int64_t count, char **paths) {
    for (int64_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
}
