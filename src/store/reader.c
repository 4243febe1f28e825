/* store: reads HDF5 files, ours and other people's, as trees of named arrays. */
#include "archive.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct dstn_reader {
    hid_t hdf5;
    char *path;
    dstn_status status; /* of everything that is wrong with the file */
};

/* ---- opening ---------------------------------------------------------------------------------------------- */

/* What can be said of a file before HDF5 looks at it. */
static dstn_status judge_file(const char *path, dstn_status status, dstn_error *err) {
    struct stat about;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || fstat(descriptor, &about) != 0) {
        int reason = errno;
        if (descriptor >= 0) {
            close(descriptor);
        }
        return dstn_fail(err, status, "%s can't be read: %s", path, strerror(reason));
    }
    dstn_status verdict = DSTN_OK;
    if (S_ISDIR(about.st_mode)) {
        verdict = dstn_fail(err, status, "%s is a folder where an HDF5 file is expected", path);
    } else if (about.st_size == 0) {
        verdict = dstn_fail(err, status, "%s is empty: no HDF5 file", path);
    } else if (S_ISREG(about.st_mode) && !store_seal_holds(descriptor, about.st_size)) {
        verdict = errno ? dstn_fail(err, status, "%s can't be read: %s", path, strerror(errno))
                        : dstn_fail(err, status, "%s is damaged: its bytes are not those that its checksum was made of",
                                    path);
    }
    close(descriptor);
    return verdict;
}

static hid_t open_hdf5(const char *path, store_hdf5_reason *why) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    /* Files appear by renaming, so nothing can change under a reader; and some cluster file systems know no locks. */
    H5Pset_file_locking(access, 0, 1);
#endif
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    *why = store_hdf5_why();
    H5Pclose(access);
    return file;
}

dstn_status dstn_reader_open(const char *path, dstn_status status, dstn_reader **out, dstn_error *err) {
    *out = NULL;
    if (judge_file(path, status, err) != DSTN_OK) {
        return err->status;
    }
    store_hdf5_quiet();
    store_hdf5_reason why;
    hid_t file = open_hdf5(path, &why);
    if (file < 0) {
        return dstn_fail(err, status, "%s is no HDF5 file, or damaged or cut off (HDF5: %s)", path, why.text);
    }
    dstn_reader *reader = dstn_alloc(1, sizeof *reader);
    *reader = (dstn_reader){file, dstn_strdup(path), status};
    *out = reader;
    return DSTN_OK;
}

void dstn_reader_close(dstn_reader *reader) {
    if (!reader) {
        return;
    }
    H5Fclose(reader->hdf5);
    free(reader->path);
    free(reader);
}

bool dstn_reader_has(const dstn_reader *reader, const char *name) {
    return store_hdf5_exists(reader->hdf5, name);
}

bool dstn_reader_is_group(const dstn_reader *reader, const char *name) {
    if (!store_hdf5_exists(reader->hdf5, name)) {
        return false;
    }
    hid_t object = H5Oopen(reader->hdf5, store_hdf5_path(name), H5P_DEFAULT);
    bool group = object >= 0 && H5Iget_type(object) == H5I_GROUP;
    if (object >= 0) {
        H5Oclose(object);
    }
    return group;
}

/* ---- data sets -------------------------------------------------------------------------------------------- */

/* A data set that is open for reading. */
typedef struct data_set {
    hid_t set, type, space;
    H5T_class_t kind;
    int64_t count;
} data_set;

static void close_data_set(data_set *open) {
    if (open->space >= 0) {
        H5Sclose(open->space);
    }
    if (open->type >= 0) {
        H5Tclose(open->type);
    }
    if (open->set >= 0) {
        H5Dclose(open->set);
    }
}

static dstn_status fail_to_read(const dstn_reader *reader, const char *name, store_hdf5_reason why, dstn_error *err) {
    return dstn_fail(err, reader->status, "%s: data set %s can't be read (HDF5: %s)", reader->path, name, why.text);
}

static dstn_status open_data_set(const dstn_reader *reader, const char *name, data_set *open, dstn_error *err) {
    *open = (data_set){-1, -1, -1, H5T_NO_CLASS, 0};
    if (!store_hdf5_exists(reader->hdf5, name)) {
        return dstn_fail(err, reader->status, "%s has no data set %s", reader->path, name);
    }
    open->set = H5Dopen2(reader->hdf5, name, H5P_DEFAULT);
    if (open->set >= 0) {
        open->type = H5Dget_type(open->set);
        open->space = H5Dget_space(open->set);
    }
    if (open->type < 0 || open->space < 0) {
        fail_to_read(reader, name, store_hdf5_why(), err);
        close_data_set(open);
        return err->status;
    }
    open->kind = H5Tget_class(open->type);
    open->count = (int64_t)H5Sget_simple_extent_npoints(open->space);
    return DSTN_OK;
}

static bool is_numeric(const data_set *open) {
    return open->kind == H5T_INTEGER || open->kind == H5T_FLOAT;
}

dstn_status dstn_reader_shape(const dstn_reader *reader, const char *name, int *rank, int64_t shape[DSTN_MAX_RANK],
                              dstn_error *err) {
    data_set open;
    if (open_data_set(reader, name, &open, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = DSTN_OK;
    hsize_t extent[H5S_MAX_RANK];
    *rank = H5Sget_simple_extent_dims(open.space, extent, NULL);
    if (*rank < 0) {
        status = fail_to_read(reader, name, store_hdf5_why(), err);
    } else if (*rank > DSTN_MAX_RANK) {
        status =
            dstn_fail(err, reader->status, "%s: data set %s has %d dimensions, and %d is the most that can be read",
                      reader->path, name, *rank, (int)DSTN_MAX_RANK);
    } else if (H5Sget_simple_extent_type(open.space) == H5S_NULL) {
        *rank = 1;
        extent[0] = 0;
    }
    for (int d = 0; status == DSTN_OK && d < *rank; d++) {
        shape[d] = (int64_t)extent[d];
    }
    close_data_set(&open);
    return status;
}

bool dstn_reader_scalar(const dstn_reader *reader, const char *name, dstn_scalar *scalar) {
    data_set open;
    dstn_error ignored;
    if (open_data_set(reader, name, &open, &ignored) != DSTN_OK) {
        return false;
    }
    bool known = false;
    for (dstn_scalar s = DSTN_F32; !known && s <= DSTN_U8; s++) {
        if (H5Tequal(open.type, store_hdf5_file_type(s)) > 0) {
            *scalar = s;
            known = true;
        }
    }
    close_data_set(&open);
    return known;
}

static dstn_status read_numbers(const dstn_reader *reader, const char *name, const data_set *open, dstn_scalar scalar,
                                void *data, dstn_error *err) {
    if (!is_numeric(open)) {
        return dstn_fail(err, reader->status, "%s: data set %s doesn't hold numbers", reader->path, name);
    }
    if (open->count > 0 &&
        H5Dread(open->set, store_hdf5_memory_type(scalar), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0) {
        return fail_to_read(reader, name, store_hdf5_why(), err);
    }
    return DSTN_OK;
}

dstn_status dstn_reader_array(const dstn_reader *reader, const char *name, dstn_scalar scalar, int64_t count,
                              void *data, dstn_error *err) {
    data_set open;
    if (open_data_set(reader, name, &open, err) != DSTN_OK) {
        return err->status;
    }
    dstn_status status = open.count == count ? read_numbers(reader, name, &open, scalar, data, err)
                                             : dstn_fail(err, reader->status,
                                                         "%s: data set %s has %lld elements where %lld are expected",
                                                         reader->path, name, (long long)open.count, (long long)count);
    close_data_set(&open);
    return status;
}

/* Memory for what a file claims to hold, which may be more than there is. */
static dstn_status take_memory(const dstn_reader *reader, const char *name, int64_t count, size_t element, void **out,
                               dstn_error *err) {
    *out = NULL;
    if ((uint64_t)count < PTRDIFF_MAX / element) {
        *out = calloc((size_t)count + 1, element);
    }
    if (!*out) {
        return dstn_fail(err, reader->status, "%s: data set %s has %lld elements, more than fit into memory",
                         reader->path, name, (long long)count);
    }
    return DSTN_OK;
}

dstn_status dstn_reader_doubles(const dstn_reader *reader, const char *name, int64_t *count, double **data,
                                dstn_error *err) {
    data_set open;
    *count = 0;
    *data = NULL;
    if (open_data_set(reader, name, &open, err) != DSTN_OK) {
        return err->status;
    }
    void *memory = NULL;
    dstn_status status = take_memory(reader, name, open.count, sizeof(double), &memory, err);
    if (status == DSTN_OK) {
        status = read_numbers(reader, name, &open, DSTN_F64, memory, err);
    }
    if (status == DSTN_OK) {
        *count = open.count;
        *data = memory;
    } else {
        free(memory);
    }
    close_data_set(&open);
    return status;
}

/* ---- strings ---------------------------------------------------------------------------------------------- */

/* One string of a fixed-length type: it ends at a zero, or at its length; those padded with spaces lose them. */
static char *text_of_fixed(const char *bytes, size_t size, H5T_str_t padding) {
    size_t length = 0;
    while (length < size && bytes[length]) {
        length++;
    }
    while (padding == H5T_STR_SPACEPAD && length > 0 && bytes[length - 1] == ' ') {
        length--;
    }
    char *text = dstn_alloc(length + 1, 1);
    memcpy(text, bytes, length);
    return text;
}

/* Reads the strings of a data set or attribute by `read`, into `strings` [count]. */
typedef herr_t (*read_function)(hid_t object, hid_t type, void *bytes);

static herr_t read_data_set(hid_t object, hid_t type, void *bytes) {
    return H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
}

static herr_t read_attribute(hid_t object, hid_t type, void *bytes) {
    return H5Aread(object, type, bytes);
}

static bool read_variable(hid_t object, read_function read, hid_t space, int64_t count, hid_t type, char **strings,
                          store_hdf5_reason *why) {
    /* HDF5 doesn't convert between character sets, so the memory type takes the file's. */
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    char **found = dstn_alloc((size_t)count, sizeof *found);
    bool good = read(object, memory, found) >= 0;
    *why = store_hdf5_why();
    for (int64_t i = 0; good && i < count; i++) {
        strings[i] = dstn_strdup(found[i] ? found[i] : "");
    }
    if (good) {
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, found);
    }
    free(found);
    H5Tclose(memory);
    return good;
}

static bool read_fixed(hid_t object, read_function read, int64_t count, hid_t type, char **strings,
                       store_hdf5_reason *why) {
    size_t size = H5Tget_size(type);
    char *bytes = size > 0 && (uint64_t)count < PTRDIFF_MAX / size ? calloc((size_t)count + 1, size) : NULL;
    bool good = bytes && read(object, type, bytes) >= 0;
    *why = store_hdf5_why();
    for (int64_t i = 0; good && i < count; i++) {
        strings[i] = text_of_fixed(bytes + (size_t)i * size, size, H5Tget_strpad(type));
    }
    free(bytes);
    return good;
}

static bool read_texts(hid_t object, read_function read, hid_t space, int64_t count, hid_t type, char **strings,
                       store_hdf5_reason *why) {
    return H5Tis_variable_str(type) > 0 ? read_variable(object, read, space, count, type, strings, why)
                                        : read_fixed(object, read, count, type, strings, why);
}

dstn_status dstn_reader_strings(const dstn_reader *reader, const char *name, int64_t *count, char ***strings,
                                dstn_error *err) {
    data_set open;
    *count = 0;
    *strings = NULL;
    if (open_data_set(reader, name, &open, err) != DSTN_OK) {
        return err->status;
    }
    void *memory = NULL;
    store_hdf5_reason why;
    dstn_status status = DSTN_OK;
    if (open.kind != H5T_STRING) {
        status = dstn_fail(err, reader->status, "%s: data set %s doesn't hold strings", reader->path, name);
    }
    if (status == DSTN_OK) {
        status = take_memory(reader, name, open.count, sizeof(char *), &memory, err);
    }
    if (status == DSTN_OK && open.count > 0 &&
        !read_texts(open.set, read_data_set, open.space, open.count, open.type, memory, &why)) {
        status = fail_to_read(reader, name, why, err);
    }
    if (status == DSTN_OK) {
        *count = open.count;
        *strings = memory;
    } else {
        free(memory);
    }
    close_data_set(&open);
    return status;
}

/* ---- attributes ------------------------------------------------------------------------------------------- */

/* An attribute of one element; negative where there is none. */
static hid_t open_attribute(const dstn_reader *reader, const char *group, const char *attribute) {
    const char *path = store_hdf5_path(group);
    if (!store_hdf5_exists(reader->hdf5, group) || H5Aexists_by_name(reader->hdf5, path, attribute, H5P_DEFAULT) <= 0) {
        return -1;
    }
    return H5Aopen_by_name(reader->hdf5, path, attribute, H5P_DEFAULT, H5P_DEFAULT);
}

char *dstn_reader_text(const dstn_reader *reader, const char *group, const char *attribute) {
    hid_t open = open_attribute(reader, group, attribute);
    if (open < 0) {
        return NULL;
    }
    char *text = NULL;
    hid_t type = H5Aget_type(open), space = H5Aget_space(open);
    if (H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1) {
        read_texts(open, read_attribute, space, 1, type, &text, &(store_hdf5_reason){""});
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(open);
    return text;
}

/* Reads one number, integer or floating, as `memory_type`. */
static bool read_one_number(const dstn_reader *reader, const char *group, const char *attribute, hid_t memory_type,
                            void *value) {
    hid_t open = open_attribute(reader, group, attribute);
    if (open < 0) {
        return false;
    }
    hid_t type = H5Aget_type(open), space = H5Aget_space(open);
    H5T_class_t kind = H5Tget_class(type);
    bool good = (kind == H5T_INTEGER || kind == H5T_FLOAT) && H5Sget_simple_extent_npoints(space) == 1 &&
                H5Aread(open, memory_type, value) >= 0;
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(open);
    return good;
}

bool dstn_reader_number(const dstn_reader *reader, const char *group, const char *attribute, double *value) {
    return read_one_number(reader, group, attribute, H5T_NATIVE_DOUBLE, value);
}

bool dstn_reader_integer(const dstn_reader *reader, const char *group, const char *attribute, int64_t *value) {
    return read_one_number(reader, group, attribute, H5T_NATIVE_INT64, value);
}

/* ---- members of a group ----------------------------------------------------------------------------------- */

typedef struct name_list {
    char **names; /* [capacity] */
    int64_t count, capacity;
} name_list;

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *about, void *user) {
    (void)group;
    (void)about;
    name_list *list = user;
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 16;
        char **larger = dstn_alloc((size_t)list->capacity, sizeof *larger);
        if (list->count) {
            memcpy(larger, list->names, (size_t)list->count * sizeof *larger);
        }
        free(list->names);
        list->names = larger;
    }
    list->names[list->count++] = dstn_strdup(name);
    return 0;
}

dstn_status dstn_reader_list(const dstn_reader *reader, const char *group, int64_t *count, char ***names,
                             dstn_error *err) {
    *count = 0;
    *names = NULL;
    if (!store_hdf5_exists(reader->hdf5, group)) {
        return dstn_fail(err, reader->status, "%s has no group %s", reader->path, group);
    }
    name_list list = {0};
    hid_t open = H5Gopen2(reader->hdf5, store_hdf5_path(group), H5P_DEFAULT);
    herr_t verdict = open < 0 ? -1 : H5Literate(open, H5_INDEX_NAME, H5_ITER_INC, NULL, add_name, &list);
    store_hdf5_reason why = store_hdf5_why();
    if (open >= 0) {
        H5Gclose(open);
    }
    if (verdict < 0) {
        for (int64_t i = 0; i < list.count; i++) {
            free(list.names[i]);
        }
        free(list.names);
        return dstn_fail(err, reader->status, "%s: group %s can't be read (HDF5: %s)", reader->path, group, why.text);
    }
    *count = list.count;
    *names = list.names ? list.names : dstn_alloc(1, sizeof *list.names);
    return DSTN_OK;
}
