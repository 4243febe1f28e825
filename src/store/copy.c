/* store: copies a file of ours into a group of one that is being written, object by object. (HDF5's own H5Ocopy fails
 * on groups with many text attributes.) */
#include "archive.h"

#include <stdlib.h>
#include <string.h>

#include "dstn/store.h"

/* Something being copied: where it stands in the new file. */
typedef struct target {
    dstn_writer *writer;
    const char *path;
} target;

static bool scalar_of(hid_t type, dstn_scalar *scalar) {
    static const dstn_scalar all[] = {DSTN_F32, DSTN_F64, DSTN_I64, DSTN_U8};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (H5Tequal(type, store_hdf5_file_type(all[i])) > 0) {
            *scalar = all[i];
            return true;
        }
    }
    return false;
}

/* ---- attributes ---- */

static bool copy_text(const target *to, const char *name, hid_t attribute) {
    hid_t type = store_hdf5_text_type();
    char *text = NULL;
    bool good = H5Aread(attribute, type, &text) >= 0;
    if (good) {
        dstn_writer_text(to->writer, to->path, name, text ? text : "");
    }
    H5free_memory(text);
    H5Tclose(type);
    return good;
}

static bool copy_number(const target *to, const char *name, hid_t attribute, hid_t type) {
    double real;
    int64_t whole;
    if (H5Tget_class(type) == H5T_FLOAT && H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0) {
        dstn_writer_number(to->writer, to->path, name, real);
        return true;
    }
    if (H5Tget_class(type) == H5T_INTEGER && H5Aread(attribute, H5T_NATIVE_INT64, &whole) >= 0) {
        dstn_writer_integer(to->writer, to->path, name, whole);
        return true;
    }
    return false;
}

static herr_t copy_attribute(hid_t owner, const char *name, const H5A_info_t *info, void *user) {
    (void)info;
    hid_t attribute = H5Aopen(owner, name, H5P_DEFAULT);
    if (attribute < 0) {
        return -1;
    }
    hid_t type = H5Aget_type(attribute);
    bool is_text = H5Tget_class(type) == H5T_STRING;
    bool good = is_text ? copy_text(user, name, attribute) : copy_number(user, name, attribute, type);
    H5Tclose(type);
    H5Aclose(attribute);
    return good ? 0 : -1;
}

/* ---- data sets ---- */

static bool copy_strings(const target *to, hid_t set, int64_t count) {
    hid_t type = store_hdf5_text_type();
    char **strings = dstn_alloc((size_t)count + 1, sizeof *strings);
    bool good = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, strings) >= 0;
    if (good) {
        dstn_writer_strings(to->writer, to->path, count, (const char *const *)strings);
    }
    for (int64_t i = 0; i < count; i++) {
        H5free_memory(strings[i]);
    }
    free(strings);
    H5Tclose(type);
    return good;
}

static bool copy_values(const target *to, hid_t set, hid_t type, int rank, const hsize_t *extent) {
    dstn_scalar scalar;
    if (!scalar_of(type, &scalar)) {
        return false;
    }
    int64_t shape[DSTN_MAX_RANK], count = 1;
    for (int d = 0; d < rank; d++) {
        shape[d] = (int64_t)extent[d];
        count *= shape[d];
    }
    void *values = malloc((size_t)count * dstn_scalar_size(scalar) + 1);
    bool good = values && H5Dread(set, store_hdf5_memory_type(scalar), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0;
    if (good) {
        dstn_writer_array(to->writer, to->path, scalar, rank, shape, values);
    }
    free(values);
    return good;
}

static bool copy_set(const target *to, hid_t set) {
    hid_t type = H5Dget_type(set), space = H5Dget_space(set);
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t extent[DSTN_MAX_RANK];
    bool good = rank >= 0 && rank <= DSTN_MAX_RANK && H5Sget_simple_extent_dims(space, extent, NULL) >= 0;
    if (good) {
        good = H5Tget_class(type) == H5T_STRING ? copy_strings(to, set, H5Sget_simple_extent_npoints(space))
                                                : copy_values(to, set, type, rank, extent);
    }
    H5Sclose(space);
    H5Tclose(type);
    return good;
}

/* ---- groups ---- */

static bool copy_object(const target *to, hid_t object);

static bool copy_member(const target *to, hid_t group, hsize_t index) {
    char name[DSTN_NAME_SIZE];
    if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, index, name, sizeof name, H5P_DEFAULT) < 0) {
        return false;
    }
    hid_t member = H5Oopen(group, name, H5P_DEFAULT);
    if (member < 0) {
        return false;
    }
    char *path = dstn_format("%s/%s", to->path, name);
    target deeper = {to->writer, path};
    bool good = copy_object(&deeper, member);
    free(path);
    H5Oclose(member);
    return good;
}

static bool copy_object(const target *to, hid_t object) {
    if (H5Iget_type(object) == H5I_DATASET) {
        return copy_set(to, object);
    }
    H5G_info_t info;
    bool good = H5Gget_info(object, &info) >= 0;
    for (hsize_t i = 0; good && i < info.nlinks; i++) {
        good = copy_member(to, object, i);
    }
    return good && H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, NULL, copy_attribute, (void *)to) >= 0;
}

dstn_status dstn_writer_copy_file(dstn_writer *writer, const char *group, const char *path, dstn_error *err) {
    store_hdf5_quiet();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t root = file >= 0 ? H5Oopen(file, "/", H5P_DEFAULT) : -1;
    target to = {writer, group};
    dstn_status status = DSTN_OK;
    if (root < 0 || !copy_object(&to, root)) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "%s: can't be copied: it is damaged, or no record of dstn", path);
    }
    if (root >= 0) {
        H5Oclose(root);
    }
    if (file >= 0) {
        H5Fclose(file);
    }
    return status;
}
