/* Fuzzes the loader of HDF5 files, in this process and so with its memory watched: the input is a list of instructions
 * by which HDF5 itself composes a file, so that HDF5 can read it, whatever it holds: types, shapes, claims, attributes,
 * links, cycles, filters, storage elsewhere. */
#include "dstn/store.h"

#include "fuzz.h"
#include "import.h"

typedef struct instructions {
    const uint8_t *next, *end;
} instructions;

static unsigned take(instructions *from) {
    return from->next < from->end ? *from->next++ : 0;
}

/* A short name, often one that is there already. */
static void take_name(instructions *from, char name[16]) {
    static const char *const names[] = {"a", "b", "x", "a/b", "c", "a/b/c", "\x1b[1m", "λ"};
    snprintf(name, 16, "%s", names[take(from) % 8]);
}

static hid_t take_type(instructions *from) {
    hid_t type = -1;
    switch (take(from) % 12) {
    case 0:
        return H5Tcopy(H5T_IEEE_F64LE);
    case 1:
        return H5Tcopy(H5T_IEEE_F32BE);
    case 2:
        return H5Tcopy(H5T_STD_U8LE);
    case 3:
        return H5Tcopy(H5T_STD_I16BE);
    case 4:
        return H5Tcopy(H5T_STD_U64LE);
    case 5:
        type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, H5T_VARIABLE);
        return type;
    case 6:
        type = H5Tcopy(H5T_C_S1);
        H5Tset_size(type, 1 + take(from) % 40);
        H5Tset_strpad(type, (H5T_str_t)(take(from) % 3));
        return type;
    case 7:
        type = H5Tenum_create(H5T_NATIVE_INT8);
        H5Tenum_insert(type, take(from) % 2 ? "FALSE" : "no", &(int8_t){0});
        H5Tenum_insert(type, "TRUE", &(int8_t){(int8_t)take(from)});
        return type;
    case 8:
        return H5Tcopy(take(from) % 2 ? H5T_STD_B8LE : H5T_STD_B16LE);
    case 9:
        type = H5Tcreate(H5T_COMPOUND, 8);
        H5Tinsert(type, "a", 0, H5T_NATIVE_INT);
        return type;
    case 10:
        return H5Tvlen_create(H5T_NATIVE_INT);
    default:
        return H5Tarray_create2(H5T_NATIVE_INT, 1, (const hsize_t[]){1 + take(from) % 5});
    }
}

static hid_t take_space(instructions *from, int *rank, hsize_t shape[6]) {
    *rank = (int)(take(from) % 6);
    if (take(from) % 16 == 0) {
        return H5Screate(H5S_NULL);
    }
    for (int d = 0; d < *rank; d++) {
        unsigned size = take(from);
        shape[d] = size < 250 ? size % 7 : (hsize_t)1 << (size - 250) * 12;
    }
    return *rank ? H5Screate_simple(*rank, shape, NULL) : H5Screate(H5S_SCALAR);
}

static hid_t take_layout(instructions *from, int rank, const hsize_t *shape) {
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    unsigned kind = take(from) % 8;
    hsize_t chunk[6];
    for (int d = 0; d < rank; d++) {
        chunk[d] = 1 + take(from) % 4;
        chunk[d] = chunk[d] < shape[d] ? chunk[d] : shape[d] ? shape[d] : 1;
    }
    if (kind < 4 && rank > 0) {
        H5Pset_chunk(properties, rank, chunk);
        if (kind & 1) {
            H5Pset_deflate(properties, 1);
        }
        if (kind & 2) {
            H5Pset_fletcher32(properties);
        }
    } else if (kind == 4) {
        H5Pset_layout(properties, H5D_COMPACT);
    } else if (kind == 5) {
        H5Pset_external(properties, "/etc/hostname", 0, H5F_UNLIMITED);
    }
    return properties;
}

/* Values of any type but those that hold addresses. */
static void write_values(hid_t set, hid_t type, hid_t space) {
    H5T_class_t kind = H5Tget_class(type);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    size_t size = H5Tget_size(type);
    if (count <= 0 || count > 5000 || kind == H5T_VLEN || size > 200) {
        return;
    }
    if (H5Tis_variable_str(type) > 0) {
        const char **texts = dstn_alloc((size_t)count, sizeof *texts);
        for (hssize_t i = 0; i < count; i++) {
            texts[i] = i % 3 ? "text" : i % 2 ? "" : NULL;
        }
        H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts);
        free(texts);
        return;
    }
    uint8_t *values = dstn_alloc((size_t)count, size);
    for (size_t i = 0; i < (size_t)count * size; i++) {
        values[i] = (uint8_t)(i * 37 + 1);
    }
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    free(values);
}

static void add_set(instructions *from, hid_t file, hid_t creation) {
    char name[16];
    hsize_t shape[6];
    int rank;
    take_name(from, name);
    hid_t type = take_type(from), space = take_space(from, &rank, shape);
    hid_t properties = take_layout(from, space >= 0 ? rank : 0, shape);
    hid_t set = space >= 0 ? H5Dcreate2(file, name, type, space, creation, properties, H5P_DEFAULT) : -1;
    if (set >= 0) {
        if (take(from) % 4 && H5Pget_external_count(properties) == 0) {
            write_values(set, type, space);
        }
        H5Dclose(set);
    }
    H5Pclose(properties);
    H5Sclose(space);
    H5Tclose(type);
}

static void add_attribute(instructions *from, hid_t file) {
    char owner[16], name[16];
    hsize_t shape[6];
    int rank;
    take_name(from, owner);
    take_name(from, name);
    hid_t type = take_type(from), space = take_space(from, &rank, shape);
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    bool small = count >= 0 && count < 2000 && H5Lexists(file, "a", H5P_DEFAULT) > 0;
    hid_t made = small ? H5Acreate_by_name(file, take(from) % 2 ? "/" : "a", name, type, space, H5P_DEFAULT,
                                           H5P_DEFAULT, H5P_DEFAULT)
                       : -1;
    if (made >= 0) {
        uint8_t *zeros = dstn_alloc((size_t)count + 1, H5Tget_size(type) > 32 ? H5Tget_size(type) : 32);
        H5Awrite(made, type, zeros);
        free(zeros);
        H5Aclose(made);
    }
    H5Sclose(space);
    H5Tclose(type);
}

static void add_link(instructions *from, hid_t file) {
    char name[16], target[16];
    take_name(from, name);
    take_name(from, target);
    switch (take(from) % 4) {
    case 0:
        H5Lcreate_hard(file, target, file, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 1:
        H5Lcreate_hard(file, "/", file, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    case 2:
        H5Lcreate_soft(target, file, name, H5P_DEFAULT, H5P_DEFAULT);
        break;
    default:
        H5Lcreate_external("nowhere.h5", target, file, name, H5P_DEFAULT, H5P_DEFAULT);
    }
}

/* The file's bytes; free with free(). NULL: HDF5 wouldn't make it. */
static unsigned char *compose(instructions *from, size_t *size) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_fapl_core(access, 1 << 16, 0);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_create_intermediate_group(creation, 1);
    if (take(from) % 2) {
        H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    }
    hid_t file = H5Fcreate("fuzz", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    for (int steps = 0; steps < 40 && from->next < from->end; steps++) {
        switch (take(from) % 4) {
        case 0:
            add_attribute(from, file);
            break;
        case 1:
            add_link(from, file);
            break;
        default:
            add_set(from, file, creation);
        }
    }
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t length = H5Fget_file_image(file, NULL, 0);
    unsigned char *bytes = length > 0 ? malloc((size_t)length) : NULL;
    if (bytes && H5Fget_file_image(file, bytes, (size_t)length) < 0) {
        free(bytes);
        bytes = NULL;
    }
    H5Fclose(file);
    H5Pclose(creation);
    H5Pclose(access);
    *size = length > 0 ? (size_t)length : 0;
    return bytes;
}

static void look_at(const store_tree *tree) {
    size_t first, end, bytes = 0;
    store_tree_below(tree, "a", &first, &end);
    for (size_t i = 0; i < tree->count; i++) {
        const store_node *node = &tree->nodes[i];
        if (!store_tree_find(tree, node->path, node->attribute)) {
            abort();
        }
        for (size_t b = 0; b < node->size; b++) {
            bytes += ((const unsigned char *)node->data)[b];
        }
    }
    if (bytes == 1 && first > end) {
        abort();
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    instructions from = {bytes, bytes + size};
    size_t length;
    store_hdf5_quiet();
    unsigned char *image = compose(&from, &length);
    static const char *const wanted[] = {"x", "a/b/c", NULL};
    store_load_request requests[] = {
        {.ours = true, .fixed_texts = true}, {.ours = true}, {.external = false}, {.wanted = wanted}};
    for (int i = 0; image && i < 4; i++) {
        store_tree tree = {0};
        store_source source = {"fuzz.h5", image, length};
        dstn_error err = {DSTN_OK, ""};
        requests[i].path = "fuzz.h5";
        requests[i].file_size = (int64_t)length;
        if (store_import(&source, &requests[i], &tree, &err) == DSTN_OK) {
            look_at(&tree);
        }
        fuzz_check_message(&err);
        store_tree_clear(&tree);
    }
    free(image);
}

FUZZ_TARGET(fuzz_start_plain)
