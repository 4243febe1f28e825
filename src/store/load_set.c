/* store: loads one data set: its shape and type, what is stored of it, and then its values block by block. */
#include "load.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 << 20 };

/* A data set that is being loaded. */
typedef struct set_load {
    hid_t set, file_type, space, properties;
    store_type type;
    store_claim claim;
    store_node node;
    char why[512];
    const store_load_request *request;
    const store_sink *sink;
} set_load;

/* ---- shape ------------------------------------------------------------------------------------------------------- */

static bool find_shape(set_load *load) {
    store_node *node = &load->node;
    hsize_t extent[H5S_MAX_RANK];
    int rank = H5Sget_simple_extent_dims(load->space, extent, NULL);
    if (H5Sget_simple_extent_type(load->space) == H5S_NULL) {
        rank = 1;
        extent[0] = 0;
    }
    if (rank < 0 || rank > DSTN_MAX_RANK) {
        store_say(load->why, sizeof load->why, "has %d dimensions, and %d is the most that can be read", rank,
                  (int)DSTN_MAX_RANK);
        return false;
    }
    node->rank = rank;
    uint64_t count = 1, most = (uint64_t)INT64_MAX / 16 / (load->type.size + 8);
    bool empty = false;
    for (int d = 0; d < rank; d++) {
        empty = empty || extent[d] == 0;
        if (extent[d] > most || (extent[d] && count > most / extent[d])) {
            store_say(load->why, sizeof load->why, "has more elements than can be counted");
            return false;
        }
        node->shape[d] = (int64_t)extent[d];
        count *= extent[d] ? extent[d] : 1;
    }
    node->count = empty ? 0 : (int64_t)count;
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Rows of a block: as many as fit, in whole chunks, so that no chunk is unpacked twice. */
static int64_t block_rows(const set_load *load, size_t row_bytes) {
    int64_t rows = (int64_t)(BLOCK_BYTES / (row_bytes ? row_bytes : 1)), chunk = (int64_t)load->claim.chunk_rows;
    if (chunk > 0) {
        rows = rows < chunk ? chunk : rows / chunk * chunk;
    }
    return rows > 0 ? rows : 1;
}

static bool read_block(const set_load *load, int64_t first, int64_t rows, void *values, store_hdf5_reason *why) {
    const store_node *node = &load->node;
    hsize_t start[DSTN_MAX_RANK] = {(hsize_t)first}, extent[DSTN_MAX_RANK];
    for (int d = 0; d < node->rank; d++) {
        extent[d] = (hsize_t)(d ? node->shape[d] : rows);
    }
    hid_t memory = H5Screate_simple(node->rank, extent, NULL);
    bool good = memory >= 0 && H5Sselect_hyperslab(load->space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0 &&
                H5Dread(load->set, load->type.memory, memory, load->space, H5P_DEFAULT, values) >= 0;
    *why = store_hdf5_why(); /* before the next call clears it */
    if (memory >= 0) {
        H5Sclose(memory);
    }
    return good;
}

static bool read_single(const set_load *load, void *value, store_hdf5_reason *why) {
    bool good = H5Dread(load->set, load->type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, value) >= 0;
    *why = store_hdf5_why();
    return good;
}

static bool fail_values(const set_load *load, const store_hdf5_reason *why) {
    char text[sizeof why->text + 32];
    store_say(text, sizeof text, "can't be read (HDF5: %s)", why->text);
    return load->sink->fail_node(load->sink->self, load->claim.filter[0] ? load->claim.filter : text);
}

/* False: the sink wants no more. */
static bool send_numbers(const set_load *load) {
    const store_node *node = &load->node;
    int64_t all = node->rank > 0 ? node->shape[0] : 1;
    size_t row_bytes = node->size / (size_t)all;
    int64_t rows = block_rows(load, row_bytes);
    rows = rows < all ? rows : all;
    void *values = malloc((size_t)rows * row_bytes);
    bool going = true, good = values != NULL;
    if (!good) {
        going = load->sink->fail_node(load->sink->self, "doesn't fit into memory");
    }
    for (int64_t first = 0; good && going && first < all; first += rows) {
        int64_t here = all - first < rows ? all - first : rows;
        load->sink->progress(load->sink->self, here * (int64_t)row_bytes);
        store_hdf5_reason why;
        H5Eclear2(H5E_DEFAULT);
        good = node->rank > 0 ? read_block(load, first, here, values, &why) : read_single(load, values, &why);
        going =
            good ? load->sink->take_bytes(load->sink->self, values, (size_t)here * row_bytes) : fail_values(load, &why);
    }
    free(values);
    return going;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* One text of a fixed-length type: it ends at a zero, or at its length; those padded with spaces lose them. */
static size_t length_of_fixed(const char *bytes, size_t size, H5T_str_t padding) {
    size_t length = strnlen(bytes, size);
    while (padding == H5T_STR_SPACEPAD && length > 0 && bytes[length - 1] == ' ') {
        length--;
    }
    return length;
}

static bool read_raw(hid_t object, bool is_attribute, hid_t type, void *bytes) {
    return (is_attribute ? H5Aread(object, type, bytes)
                         : H5Dread(object, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes)) >= 0;
}

static hid_t type_of_object(hid_t object, bool is_attribute) {
    return is_attribute ? H5Aget_type(object) : H5Dget_type(object);
}

/* What HDF5 read, packed: each text with one zero behind it. */
static char *pack_fixed(const char *bytes, int64_t count, size_t element, H5T_str_t padding, size_t *size) {
    char *packed = malloc((size_t)count * (element + 1) + 1), *to = packed;
    for (int64_t i = 0; packed && i < count; i++) {
        size_t length = length_of_fixed(bytes + (size_t)i * element, element, padding);
        memcpy(to, bytes + (size_t)i * element, length);
        to[length] = 0;
        to += length + 1;
    }
    *size = packed ? (size_t)(to - packed) : 0;
    return packed;
}

static char *pack_variable(char *const *texts, int64_t count, int64_t limit, size_t *size) {
    uint64_t total = 0;
    for (int64_t i = 0; i < count && total <= (uint64_t)limit; i++) {
        total += (texts[i] ? strlen(texts[i]) : 0) + 1;
    }
    char *packed = total <= (uint64_t)limit ? malloc((size_t)total + 1) : NULL, *to = packed;
    for (int64_t i = 0; packed && i < count; i++) {
        size_t length = texts[i] ? strlen(texts[i]) : 0;
        memcpy(to, texts[i] ? texts[i] : "", length + 1);
        to += length + 1;
    }
    *size = (size_t)total;
    return packed;
}

static char *load_fixed(hid_t object, bool is_attribute, hid_t type, const store_type *about, int64_t count,
                        size_t *size) {
    char *bytes = calloc((size_t)count + 1, about->size), *packed = NULL;
    if (bytes && read_raw(object, is_attribute, type, bytes)) {
        packed = pack_fixed(bytes, count, about->size, H5Tget_strpad(type), size);
    }
    free(bytes);
    return packed;
}

static char *load_variable(hid_t object, bool is_attribute, hid_t type, int64_t count, int64_t limit, size_t *size) {
    /* HDF5 doesn't convert between character sets, so the memory type takes the file's. */
    hid_t memory = H5Tcopy(H5T_C_S1);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    char **texts = calloc((size_t)count + 1, sizeof *texts), *packed = NULL;
    if (texts && read_raw(object, is_attribute, memory, texts)) {
        packed = pack_variable(texts, count, limit, size);
        for (int64_t i = 0; i < count; i++) {
            H5free_memory(texts[i]);
        }
    }
    free(texts);
    H5Tclose(memory);
    return packed;
}

char *store_load_texts(hid_t object, bool is_attribute, const store_type *about, int64_t count, int64_t limit,
                       size_t *size, char why[256]) {
    char *packed = NULL;
    *size = 0;
    if (count > limit || (!about->variable && about->size > (uint64_t)limit / (uint64_t)(count > 0 ? count : 1))) {
        store_say(why, 256, "claims more texts than the file has room for");
        return NULL;
    }
    hid_t type = type_of_object(object, is_attribute);
    H5Eclear2(H5E_DEFAULT);
    if (type >= 0 && about->variable) {
        packed = load_variable(object, is_attribute, type, count, limit, size);
    } else if (type >= 0) {
        packed = load_fixed(object, is_attribute, type, about, count, size);
    }
    if (!packed) {
        store_say(why, 256, "can't be read (HDF5: %s)", store_hdf5_why().text);
    }
    if (type >= 0) {
        H5Tclose(type);
    }
    return packed;
}

static bool send_texts(set_load *load) {
    char why[256] = "";
    int64_t size = load->request->file_size;
    int64_t limit = load->type.variable ? store_justified_texts(size) : store_justified_bytes(size);
    load->sink->progress(load->sink->self, load->request->file_size);
    char *packed = store_load_texts(load->set, false, &load->type, load->node.count, limit, &load->node.size, why);
    load->node.why = why;
    bool going = load->sink->take_node(load->sink->self, &load->node);
    if (packed && going && load->node.size > 0) {
        going = load->sink->take_bytes(load->sink->self, packed, load->node.size);
    }
    free(packed);
    return going;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static bool is_wanted(const set_load *load) {
    const char *const *wanted = load->request->wanted;
    bool found = wanted == NULL;
    for (; !found && *wanted; wanted++) {
        found = strcmp(*wanted, load->node.path) == 0;
    }
    return found;
}

/* Fills in the node; what speaks against reading the values goes into `why`. */
static void describe(set_load *load) {
    load->file_type = H5Dget_type(load->set);
    load->properties = H5Dget_create_plist(load->set);
    if (load->file_type < 0 || load->properties < 0) {
        store_say(load->why, sizeof load->why, "can't be read (HDF5: %s)", store_hdf5_why().text);
        return;
    }
    load->type = store_type_of(load->file_type);
    if (!store_claim_follow(load->properties, load->request, &load->claim)) {
        store_say(load->why, sizeof load->why, "%s", load->claim.why);
        return;
    }
    load->space = H5Dget_space(load->set);
    if (load->space < 0) {
        store_say(load->why, sizeof load->why, "can't be read (HDF5: %s)", store_hdf5_why().text);
        return;
    }
    if (!find_shape(load)) {
        return;
    }
    store_claim_judge(load->set, load->properties, &load->node, &load->type, load->request, &load->claim);
    store_say(load->why, sizeof load->why, "%s", load->claim.why);
    if (!load->why[0] && load->type.kind == STORE_OTHER) {
        store_say(load->why, sizeof load->why, "holds %s, which can't be read", load->type.what);
    }
    if (!load->why[0] && load->type.variable && load->request->fixed_texts) {
        store_say(load->why, sizeof load->why, "holds texts of variable length");
    }
}

static void close_all(const set_load *load) {
    if (load->space >= 0) {
        H5Sclose(load->space);
    }
    if (load->properties >= 0) {
        H5Pclose(load->properties);
    }
    if (load->file_type >= 0) {
        H5Tclose(load->file_type);
    }
}

bool store_load_set(hid_t set, const char *path, const store_load_request *request, const store_sink *sink,
                    dstn_error *err) {
    set_load load = {.set = set, .file_type = -1, .space = -1, .properties = -1, .request = request, .sink = sink};
    load.node = (store_node){.path = (char *)path, .attribute = "", .what = load.type.what, .why = load.why};
    sink->progress(sink->self, request->file_size / 64); /* its index of chunks may be that long */
    describe(&load);
    if (request->ours && load.why[0]) {
        close_all(&load);
        dstn_fail(err, DSTN_ERROR_DATA, "%s %s", path, load.why);
        return false;
    }
    store_node *node = &load.node;
    node->kind = load.why[0] ? STORE_OTHER : load.type.kind;
    node->scalar = load.type.scalar;
    node->exact = load.type.exact;
    node->pieces = load.claim.pieces;
    node->missing = load.claim.missing;
    bool readable = node->kind != STORE_OTHER && is_wanted(&load), going;
    if (readable && node->kind == STORE_TEXTS) {
        going = send_texts(&load);
    } else {
        node->size = readable ? (size_t)node->count * dstn_scalar_size(node->scalar) : 0;
        going = sink->take_node(sink->self, node);
        if (going && node->size > 0) {
            going = send_numbers(&load);
        }
    }
    close_all(&load);
    return going;
}
