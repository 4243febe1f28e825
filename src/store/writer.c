/* store: writes an HDF5 file. HDF5 composes it in memory and knows no disk: so no failure of one can leave HDF5 with a
 * file that it can't close, and every write is ours, with the system's own reason where it fails. */
#include "archive.h"
#include "file.h"

#include <stdlib.h>
#include <string.h>

enum {
    CHUNK_BYTES = 1 << 20, /* a checksum each; HDF5's cache holds one of this size */
    GROWTH = 1 << 20       /* bytes by which HDF5 enlarges the image at least */
};

/* The bytes of the file, which HDF5 allocates through us and leaves to us when it closes. */
typedef struct image {
    unsigned char *bytes; /* [size]; beyond the end of the file there is slack */
    size_t size;
} image;

struct dstn_writer {
    store_file *file;
    image image;
    hid_t hdf5;         /* negative where it couldn't be made */
    char *path;         /* for messages */
    dstn_error failure; /* the first one; DSTN_OK until then */
};

/* ---- the image -------------------------------------------------------------------------------------------- */

static void *image_allocate(size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)operation;
    image *to = user;
    to->bytes = malloc(size ? size : 1);
    to->size = to->bytes ? size : 0;
    return to->bytes;
}

static void *image_resize(void *bytes, size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)operation;
    image *to = user;
    unsigned char *moved = realloc(bytes, size ? size : 1);
    if (moved) {
        *to = (image){moved, size};
    }
    return moved;
}

static void *image_copy(void *to, const void *from, size_t size, H5FD_file_image_op_t operation, void *user) {
    (void)operation;
    (void)user;
    return memcpy(to, from, size);
}

/* At close the bytes stay: they are what is written to disk. */
static herr_t image_keep(void *bytes, H5FD_file_image_op_t operation, void *user) {
    (void)bytes;
    (void)operation;
    (void)user;
    return 0;
}

static void *image_share(void *user) {
    return user;
}

static herr_t image_unshare(void *user) {
    (void)user;
    return 0;
}

/* The end of the file as HDF5 wrote it into the superblock when it closed ("End of File Address" of versions 2 and 3
 * in HDF5's format specification). 0: the image is no such file. */
static size_t image_end(const image *made) {
    static const unsigned char signature[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    enum { VERSION = 8, OFFSET_SIZE = 9, END = 28, SUPERBLOCK = 48 };
    if (made->size < SUPERBLOCK || memcmp(made->bytes, signature, sizeof signature) != 0) {
        return 0;
    }
    if (made->bytes[VERSION] < 2 || made->bytes[OFFSET_SIZE] != 8) {
        return 0;
    }
    uint64_t end = 0;
    for (int i = 7; i >= 0; i--) {
        end = end << 8 | made->bytes[END + i];
    }
    return end <= made->size ? (size_t)end : 0;
}

static hid_t create_in_memory(image *made) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    H5FD_file_image_callbacks_t callbacks = {image_allocate, image_copy,    image_resize, image_keep,
                                             image_share,    image_unshare, made};
    /* The latest format of HDF5 1.10, and not of the library that happens to write: one of 1.10 can then read what one
     * of 1.14 has written. */
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_fapl_core(access, GROWTH, 0);
    H5Pset_file_image_callbacks(access, &callbacks);
    /* Without times a file is a function of its content. */
    H5Pset_obj_track_times(creation, 0);
    /* HDF5 takes the name to tell files apart that are open at the same time; no file of this name is touched. */
    char name[64];
    snprintf(name, sizeof name, "dstn-image-%p", (void *)made);
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, creation, access);
    H5Pclose(creation);
    H5Pclose(access);
    return file;
}

/* ---- opening and closing ---------------------------------------------------------------------------------- */

/* Keeps the first failure; `what` is the thing in the file that could not be written. */
static void keep_failure(dstn_writer *writer, const char *what) {
    if (writer->failure.status != DSTN_OK) {
        return;
    }
    store_hdf5_reason why = store_hdf5_why();
    dstn_fail(&writer->failure, DSTN_ERROR_RUN, "%s: %s can't be written%s%s%s", writer->path, what,
              why.text[0] ? " (HDF5: " : "", why.text, why.text[0] ? ")" : "");
}

dstn_status dstn_writer_open(const char *path, dstn_writer **out, dstn_error *err) {
    *out = NULL;
    store_file *file;
    if (store_file_open(path, &file, err) != DSTN_OK) {
        return err->status;
    }
    store_hdf5_quiet();
    dstn_writer *writer = dstn_alloc(1, sizeof *writer);
    writer->file = file;
    writer->path = dstn_strdup(path);
    writer->hdf5 = create_in_memory(&writer->image);
    if (writer->hdf5 < 0) {
        keep_failure(writer, "the beginning of the file");
    }
    *out = writer;
    return DSTN_OK;
}

static void release(dstn_writer *writer) {
    free(writer->image.bytes);
    free(writer->path);
    free(writer);
}

static void close_image(dstn_writer *writer) {
    if (writer->hdf5 >= 0 && H5Fclose(writer->hdf5) < 0) {
        keep_failure(writer, "the end of the file");
    }
    writer->hdf5 = -1;
}

dstn_status dstn_writer_commit(dstn_writer *writer, dstn_error *err) {
    close_image(writer);
    size_t end = image_end(&writer->image);
    if (end == 0) {
        keep_failure(writer, "the superblock");
    }
    *err = writer->failure;
    if (err->status == DSTN_OK) {
        store_file_write(writer->file, writer->image.bytes, end, err);
    }
    if (err->status == DSTN_OK) {
        unsigned char seal[STORE_SEAL_SIZE];
        store_seal_make(writer->image.bytes, end, seal);
        store_file_write(writer->file, seal, sizeof seal, err);
    }
    if (err->status == DSTN_OK) {
        store_file_commit(writer->file, err);
    } else {
        store_file_abandon(writer->file);
    }
    release(writer);
    return err->status;
}

void dstn_writer_abandon(dstn_writer *writer) {
    if (!writer) {
        return;
    }
    close_image(writer);
    store_file_abandon(writer->file);
    release(writer);
}

/* ---- groups ----------------------------------------------------------------------------------------------- */

static void make_group(dstn_writer *writer, const char *path, hid_t creation) {
    if (H5Lexists(writer->hdf5, path, H5P_DEFAULT) > 0) {
        return;
    }
    hid_t group = H5Gcreate2(writer->hdf5, path, H5P_DEFAULT, creation, H5P_DEFAULT);
    if (group < 0) {
        keep_failure(writer, path);
    } else {
        H5Gclose(group);
    }
}

/* The groups on the way to a path, and the path itself where it is one. HDF5 can make those on the way, but puts the
 * time into them. */
static void make_groups(dstn_writer *writer, const char *name, bool itself) {
    char *path = dstn_strdup(name);
    hid_t creation = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_obj_track_times(creation, 0);
    for (char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (path[0]) {
            make_group(writer, path, creation);
        }
        *slash = '/';
    }
    if (itself && path[0]) {
        make_group(writer, path, creation);
    }
    H5Pclose(creation);
    free(path);
}

/* ---- data sets -------------------------------------------------------------------------------------------- */

static int64_t elements(int rank, const int64_t *shape) {
    int64_t count = 1;
    for (int d = 0; d < rank; d++) {
        count *= shape[d];
    }
    return count;
}

/* Whole rows, as many as fit; where one row is too long, it is divided in turn. */
static void choose_chunk(int rank, const int64_t *shape, size_t element, hsize_t *chunk) {
    int64_t room = CHUNK_BYTES / (int64_t)element, rest = elements(rank, shape);
    for (int d = 0; d < rank; d++) {
        rest /= shape[d];
        int64_t fitting = rest < room ? room / rest : 1;
        chunk[d] = (hsize_t)(fitting < shape[d] ? fitting : shape[d]);
    }
}

/* Chunks with a checksum each. A scalar lies in the object's header, which has one; an empty array has no bytes. Texts
 * are as long as the longest of them, so they are packed. */
static hid_t creation_properties(int rank, const int64_t *shape, hid_t file_type) {
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_obj_track_times(creation, 0);
    if (rank == 0) {
        H5Pset_layout(creation, H5D_COMPACT);
    } else if (elements(rank, shape) > 0) {
        hsize_t chunk[DSTN_MAX_RANK];
        choose_chunk(rank, shape, H5Tget_size(file_type), chunk);
        H5Pset_chunk(creation, rank, chunk);
        if (H5Tget_class(file_type) == H5T_STRING && H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0) {
            H5Pset_deflate(creation, 1);
        }
        H5Pset_fletcher32(creation);
    }
    return creation;
}

static hid_t space_of(int rank, const int64_t *shape) {
    hsize_t extent[DSTN_MAX_RANK];
    if (rank == 0) {
        return H5Screate(H5S_SCALAR);
    }
    for (int d = 0; d < rank; d++) {
        extent[d] = (hsize_t)shape[d];
    }
    return H5Screate_simple(rank, extent, NULL);
}

static void write_data_set(dstn_writer *writer, const char *name, hid_t file_type, hid_t memory_type, int rank,
                           const int64_t *shape, const void *data) {
    if (writer->failure.status != DSTN_OK) {
        return;
    }
    make_groups(writer, name, false);
    hid_t space = space_of(rank, shape), creation = creation_properties(rank, shape, file_type);
    hid_t set = H5Dcreate2(writer->hdf5, name, file_type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    bool good = set >= 0;
    if (good && elements(rank, shape) > 0) {
        good = H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    }
    if (!good) {
        keep_failure(writer, name);
    }
    if (set >= 0 && H5Dclose(set) < 0) {
        keep_failure(writer, name);
    }
    H5Pclose(creation);
    H5Sclose(space);
}

void dstn_writer_array(dstn_writer *writer, const char *name, dstn_scalar scalar, int rank, const int64_t *shape,
                       const void *data) {
    write_data_set(writer, name, store_hdf5_file_type(scalar), store_hdf5_memory_type(scalar), rank, shape, data);
}

/* Texts have a fixed length: those of variable length would lie in HDF5's global heap, whose metadata has no checksums
 * and which HDF5 reads without looking. */
void dstn_writer_strings(dstn_writer *writer, const char *name, int64_t count, const char *const *strings) {
    size_t longest = 1;
    for (int64_t i = 0; i < count; i++) {
        size_t length = strlen(strings[i]);
        longest = length > longest ? length : longest;
    }
    char *bytes = (uint64_t)count < PTRDIFF_MAX / longest ? calloc((size_t)count + 1, longest) : NULL;
    if (!bytes) {
        H5Eclear2(H5E_DEFAULT);
        keep_failure(writer, name);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(bytes + (size_t)i * longest, strings[i], strlen(strings[i]));
    }
    hid_t type = store_hdf5_text_type(longest);
    write_data_set(writer, name, type, type, 1, &count, bytes);
    H5Tclose(type);
    free(bytes);
}

/* ---- attributes ------------------------------------------------------------------------------------------- */

/* The group (or data set) that an attribute belongs to, made where it isn't there yet. */
static hid_t open_owner(dstn_writer *writer, const char *group) {
    make_groups(writer, group, true);
    return H5Oopen(writer->hdf5, store_hdf5_path(group), H5P_DEFAULT);
}

static void write_attribute(dstn_writer *writer, hid_t owner, const char *attribute, hid_t file_type, hid_t memory_type,
                            const void *data) {
    if (H5Aexists(owner, attribute) > 0) {
        H5Adelete(owner, attribute);
    }
    hid_t space = H5Screate(H5S_SCALAR);
    hid_t made = H5Acreate2(owner, attribute, file_type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (made < 0 || H5Awrite(made, memory_type, data) < 0) {
        keep_failure(writer, attribute);
    }
    if (made >= 0 && H5Aclose(made) < 0) {
        keep_failure(writer, attribute);
    }
    H5Sclose(space);
}

static void put_attribute(dstn_writer *writer, const char *group, const char *attribute, hid_t file_type,
                          hid_t memory_type, const void *data) {
    if (writer->failure.status != DSTN_OK) {
        return;
    }
    hid_t owner = open_owner(writer, group);
    if (owner < 0) {
        keep_failure(writer, group);
        return;
    }
    write_attribute(writer, owner, attribute, file_type, memory_type, data);
    H5Oclose(owner);
}

void dstn_writer_text(dstn_writer *writer, const char *group, const char *attribute, const char *text) {
    hid_t type = store_hdf5_text_type(strlen(text));
    put_attribute(writer, group, attribute, type, type, text);
    H5Tclose(type);
}

void dstn_writer_number(dstn_writer *writer, const char *group, const char *attribute, double value) {
    put_attribute(writer, group, attribute, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

void dstn_writer_integer(dstn_writer *writer, const char *group, const char *attribute, int64_t value) {
    put_attribute(writer, group, attribute, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}
