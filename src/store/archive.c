/* store: types, paths and error messages of HDF5. */
#include "archive.h"

#include "dstn/store.h"

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

hid_t store_hdf5_text_type(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

const char *store_hdf5_path(const char *name) {
    return name[0] ? name : "/";
}

bool store_hdf5_exists(hid_t file, const char *name) {
    char *path = dstn_strdup(name);
    bool there = true;
    for (char *end = path; there && *end;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char next = *end;
        *end = 0;
        if (path[strspn(path, "/")]) {
            there = H5Lexists(file, path, H5P_DEFAULT) > 0 && H5Oexists_by_name(file, path, H5P_DEFAULT) > 0;
        }
        *end = next;
    }
    free(path);
    return there;
}

const char *dstn_store_version(void) {
    static char version[64];
    unsigned major = 0, minor = 0, release = 0, hash = XXH_versionNumber();
    H5get_libversion(&major, &minor, &release);
    snprintf(version, sizeof version, "HDF5 %u.%u.%u, xxHash %u.%u.%u", major, minor, release, hash / 10000,
             hash / 100 % 100, hash % 100);
    return version;
}
