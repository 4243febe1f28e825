/* store: types, paths and error messages of HDF5. */
#include "archive.h"

#include "dstn/store.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void store_hdf5_quiet(void) {
    H5open();
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* The walk begins at the place that failed, so the first record is the reason. */
static herr_t take_first(unsigned n, const H5E_error2_t *record, void *user) {
    store_hdf5_reason *reason = user;
    if (n == 0 && record->desc) {
        snprintf(reason->text, sizeof reason->text, "%s", record->desc);
    }
    return 0;
}

store_hdf5_reason store_hdf5_why(void) {
    store_hdf5_reason reason = {""};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
    return reason;
}

void store_say(char *to, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(to, size, format, args);
    va_end(args);
}

hid_t store_hdf5_file_type(dstn_scalar scalar) {
    switch (scalar) {
    case DSTN_F32:
        return H5T_IEEE_F32LE;
    case DSTN_F64:
        return H5T_IEEE_F64LE;
    case DSTN_I64:
        return H5T_STD_I64LE;
    case DSTN_U8:
        break;
    }
    return H5T_STD_U8LE;
}

hid_t store_hdf5_memory_type(dstn_scalar scalar) {
    switch (scalar) {
    case DSTN_F32:
        return H5T_NATIVE_FLOAT;
    case DSTN_F64:
        return H5T_NATIVE_DOUBLE;
    case DSTN_I64:
        return H5T_NATIVE_INT64;
    case DSTN_U8:
        break;
    }
    return H5T_NATIVE_UINT8;
}

hid_t store_hdf5_text_type(size_t length) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, length ? length : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

const char *store_hdf5_path(const char *name) {
    return name[0] ? name : "/";
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

hid_t store_hdf5_open_path(const char *path, store_hdf5_reason *why) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 10, 7)
    /* Nobody writes to a file that is read here, and some cluster file systems know no locks. */
    H5Pset_file_locking(access, 0, 1);
#endif
    H5Eclear2(H5E_DEFAULT);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    *why = store_hdf5_why();
    H5Pclose(access);
    return file;
}

/* HDF5 would copy the bytes of a file in memory, twice; these callbacks give it ours each time. */
typedef struct bytes_in_memory {
    const unsigned char *bytes;
    size_t size;
} bytes_in_memory;

static void *lend(size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)operation;
    const bytes_in_memory *from = user;
    return size == from->size ? (void *)from->bytes : NULL;
}

static void *copy_nothing(void *to, const void *from, size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)size;
    (void)operation;
    (void)user;
    return to == from ? to : NULL;
}

/* It is open for reading alone. */
static void *refuse_to_grow(void *bytes, size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)bytes;
    (void)size;
    (void)operation;
    (void)user;
    return NULL;
}

static herr_t keep(void *bytes, H5FD_file_image_op_t operation, void *user) {
    (void)bytes;
    (void)operation;
    (void)user;
    return 0;
}

/* HDF5 asks for copies of the user's data, and frees them when it pleases. */
static void *copy_user(void *user) {
    bytes_in_memory *copy = malloc(sizeof *copy);
    if (copy) {
        *copy = *(const bytes_in_memory *)user;
    }
    return copy;
}

static herr_t free_user(void *user) {
    free(user);
    return 0;
}

hid_t store_hdf5_open_bytes(const unsigned char *bytes, size_t size, store_hdf5_reason *why) {
    bytes_in_memory from = {bytes, size};
    H5FD_file_image_callbacks_t callbacks = {lend, copy_nothing, refuse_to_grow, keep, copy_user, free_user, &from};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_fapl_core(access, 1 << 16, 0);
    H5Pset_file_image_callbacks(access, &callbacks);
    H5Eclear2(H5E_DEFAULT);
    /* HDF5 takes the name to tell files apart that are open at the same time; no file of this name is touched. */
    char name[64];
    snprintf(name, sizeof name, "dstn-bytes-%p", (const void *)bytes);
    hid_t file = -1;
    if (H5Pset_file_image(access, (void *)bytes, size) >= 0) {
        file = H5Fopen(name, H5F_ACC_RDONLY, access);
    }
    *why = store_hdf5_why();
    H5Pclose(access);
    return file;
}

const char *dstn_store_version(void) {
    static char version[64];
    unsigned major = 0, minor = 0, release = 0, hash = XXH_versionNumber();
    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "HDF5 %u.%u.%u, xxHash %u.%u.%u", major, minor, release, hash / 10000,
             hash / 100 % 100, hash % 100);
    return version;
}
