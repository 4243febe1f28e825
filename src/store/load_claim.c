/* store: what a data set claims to hold, against what is stored of it. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALWAYS = 1 << 20, MOST_PACKED = 1100, MOST_UNWRITTEN = 16, NAMES_SHOWN = 4, DEEPEST_SOURCE = 4 };

static int64_t justify(int64_t stored, int64_t factor) {
    return stored > (INT64_MAX - ALWAYS) / factor ? INT64_MAX : ALWAYS + factor * stored;
}

int64_t store_justified_bytes(int64_t stored) {
    return justify(stored, MOST_PACKED);
}

int64_t store_justified_texts(int64_t file_size) {
    return justify(file_size, 1);
}

/* Filters may have packed the values; of chunks, some may not be written yet. */
static int64_t justify_set(hid_t properties, int64_t stored) {
    if (H5Pget_layout(properties) != H5D_CHUNKED) {
        return justify(stored, 1);
    }
    return justify(stored, H5Pget_nfilters(properties) > 0 ? MOST_PACKED : MOST_UNWRITTEN);
}

/* ---- filters -------------------------------------------------------------------------------------------------- */

/* The first filter that HDF5 doesn't have here: what was packed by it can't be read. */
static void find_missing_filter(hid_t properties, store_claim *claim) {
    int count = H5Pget_nfilters(properties);
    for (int i = 0; i < count && !claim->filter[0]; i++) {
        char name[64] = "";
        unsigned flags, values[1];
        size_t value_count = 1;
        H5Z_filter_t filter =
            H5Pget_filter2(properties, (unsigned)i, &flags, &value_count, values, sizeof name - 1, name, NULL);
        if (filter < 0 || H5Zfilter_avail(filter) <= 0) {
            store_say(
                claim->filter, sizeof claim->filter,
                "is packed by the filter %s (number %d), which HDF5 doesn't have here: its plugin belongs into the "
                "folder that HDF5_PLUGIN_PATH names",
                name[0] ? name : "without a name", (int)filter);
        }
    }
}

/* ---- storage in this file --------------------------------------------------------------------------------------- */

/* Counts the chunks that the shape asks for, and those that were never written. False: a chunk is too large. */
static bool count_chunks(hid_t set, hid_t properties, const store_node *node, const store_type *type,
                         store_claim *claim) {
    hsize_t chunk[H5S_MAX_RANK], written = 0;
    if (H5Pget_chunk(properties, H5S_MAX_RANK, chunk) != node->rank) {
        return false;
    }
    uint64_t bytes = type->size, limit = (uint64_t)justify_set(properties, claim->stored);
    claim->pieces = node->count > 0 ? 1 : 0;
    for (int d = 0; d < node->rank; d++) {
        if (chunk[d] == 0 || bytes > limit / chunk[d]) {
            return false;
        }
        bytes *= chunk[d];
        claim->pieces *= (node->shape[d] + (int64_t)chunk[d] - 1) / (int64_t)chunk[d];
    }
    claim->chunk_rows = chunk[0];
    hid_t space = H5Dget_space(set);
#if H5_VERSION_GE(1, 10, 5)
    bool counted = H5Dget_num_chunks(set, space, &written) >= 0;
#else
    bool counted = false;
#endif
    H5Sclose(space);
    if (counted && (int64_t)written < claim->pieces) {
        claim->missing = claim->pieces - (int64_t)written;
    } else if (!counted && claim->stored == 0) {
        claim->missing = claim->pieces;
    }
    return true;
}

/* Of the file that the data set lies in, which a link may have led to. */
static int64_t file_size_of(hid_t set, const store_load_request *request) {
    hid_t file = request->external ? H5Iget_file_id(set) : -1;
    hsize_t size = (hsize_t)request->file_size;
    if (file >= 0) {
        H5Fget_filesize(file, &size);
        H5Fclose(file);
    }
    return (int64_t)size;
}

static void judge_storage(hid_t set, hid_t properties, const store_node *node, const store_type *type,
                          const store_load_request *request, store_claim *claim) {
    claim->stored = (int64_t)H5Dget_storage_size(set);
    int64_t claimed = node->count * (int64_t)type->size; /* node->count is known to be small enough */
    if (claim->stored < 0 || claim->stored > file_size_of(set, request)) {
        store_say(claim->why, sizeof claim->why, "claims more bytes of storage than the file has");
        return;
    }
    bool sound = true;
    if (H5Pget_layout(properties) == H5D_CHUNKED) {
        sound = count_chunks(set, properties, node, type, claim);
    } else if (claim->stored == 0 && claimed > 0) {
        claim->pieces = claim->missing = 1;
    }
    if (!sound || claimed > justify_set(properties, claim->stored)) {
        store_say(claim->why, sizeof claim->why, "claims %lld bytes of values where %lld bytes are stored",
                  (long long)claimed, (long long)claim->stored);
    }
}

/* ---- storage elsewhere ------------------------------------------------------------------------------------------ */

/* Adds "file: data set" of a source to a list in words. */
static void add_name(char *list, size_t size, const char *file, const char *name, size_t index) {
    size_t length = strlen(list);
    if (index < NAMES_SHOWN) {
        store_say(list + length, size - length, "%s%s%s%s", index ? ", " : "", file, name[0] ? ":" : "", name);
    } else if (index == NAMES_SHOWN) {
        store_say(list + length, size - length, ", ...");
    }
}

static void refuse_elsewhere(hid_t properties, bool is_virtual, store_claim *claim) {
    char list[256] = "";
    size_t count = 0;
    if (!is_virtual) {
        count = (size_t)H5Pget_external_count(properties);
    } else if (H5Pget_virtual_count(properties, &count) < 0) {
        count = 0;
    }
    for (size_t i = 0; i < count && i <= NAMES_SHOWN; i++) {
        char file[128] = "", name[128] = "";
        off_t offset;
        hsize_t size;
        if (is_virtual) {
            H5Pget_virtual_filename(properties, i, file, sizeof file);
            H5Pget_virtual_dsetname(properties, i, name, sizeof name);
        } else {
            H5Pget_external(properties, (unsigned)i, sizeof file - 1, file, &offset, &size);
        }
        add_name(list, sizeof list, file, name, i);
    }
    store_say(claim->why, sizeof claim->why, "has its values in other places (%s: %s), which are not followed",
              is_virtual ? "a virtual data set" : "external storage", list);
}

/* The path of a source: as it is named, or beside the file that names it. Free with free(). */
static char *path_of_source(const char *name, const store_load_request *request) {
    const char *slash = strrchr(request->path, '/');
    if (name[0] == '/' || !slash) {
        return dstn_strdup(name);
    }
    return dstn_format("%.*s/%s", (int)(slash - request->path), request->path, name);
}

/* NULL, or why a file can't be read from. size [out]: its bytes. */
static const char *look_at_file(const char *path, int64_t *size) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return strerror(errno);
    }
    *size = (int64_t)about.st_size;
    return S_ISREG(about.st_mode) ? access(path, R_OK) == 0 ? NULL : strerror(errno) : "it is no regular file";
}

/* External storage: runs of bytes of other files, which HDF5 goes on with zeros where they end too early. */
static void judge_files(hid_t properties, const store_node *node, const store_type *type,
                        const store_load_request *request, store_claim *claim) {
    int count = H5Pget_external_count(properties);
    int64_t left = node->count * (int64_t)type->size;
    for (int i = 0; i < count && left > 0 && !claim->why[0]; i++) {
        char name[1024] = "";
        off_t offset = 0;
        hsize_t run = 0;
        H5Pget_external(properties, (unsigned)i, sizeof name - 1, name, &offset, &run);
        int64_t taken = run >= (hsize_t)left ? left : (int64_t)run, size = 0; /* an unlimited run is the largest */
        char *path = path_of_source(name, request);
        const char *reason = look_at_file(path, &size);
        if (reason) {
            store_say(claim->why, sizeof claim->why, "takes values from %s, which can't be opened: %s", path, reason);
        } else if (offset < 0 || size < offset || size - offset < taken) {
            store_say(claim->why, sizeof claim->why,
                      "takes %lld bytes from byte %lld of %s on, which has %lld: HDF5 would make up the rest",
                      (long long)taken, (long long)offset, path, (long long)size);
        }
        left -= taken;
        free(path);
    }
    if (left > 0 && !claim->why[0]) {
        store_say(claim->why, sizeof claim->why, "has %lld bytes of values that its external storage has no place for",
                  (long long)left);
    }
}

/* ---- virtual data sets ---- */

/* A part of a virtual data set, and where its values are. */
typedef struct source_part {
    char file[1024], name[1024];
    hid_t space;      /* what is selected of the source */
    int64_t elements; /* of the virtual data set that it stands for */
    bool is_bounded;  /* so many, and not as many as there are */
} source_part;

static void judge_sources(hid_t properties, const store_node *node, const store_load_request *request,
                          store_claim *claim);

/* "" or why the source's extent doesn't hold what is selected of it. Of a selection of all, the file has no extent. */
static void compare_extent(const store_node *source, const source_part *part, char why[256]) {
    hsize_t low[H5S_MAX_RANK], high[H5S_MAX_RANK];
    if (H5Sget_select_type(part->space) == H5S_SEL_ALL) {
        if (part->is_bounded && source->count < part->elements) {
            store_say(why, 256, "it has %lld elements, and %lld are wanted", (long long)source->count,
                      (long long)part->elements);
        }
        return;
    }
    bool is_bounded =
        H5Sget_simple_extent_ndims(part->space) == source->rank && H5Sget_select_bounds(part->space, low, high) >= 0;
    for (int d = 0; is_bounded && d < source->rank && !why[0]; d++) {
        bool is_limited = high[d] < (hsize_t)INT64_MAX / 2; /* an unlimited one takes what there is */
        if (is_limited && high[d] >= (hsize_t)source->shape[d]) {
            store_say(why, 256, "axis %d has %lld entries, and %llu are wanted", d, (long long)source->shape[d],
                      (unsigned long long)high[d] + 1);
        }
    }
}

/* How many elements nobody has written. */
static int64_t count_unwritten(hid_t set, hid_t properties, const store_node *source) {
    hsize_t chunk[H5S_MAX_RANK] = {0}, written = 0, each = 1, all = (hsize_t)source->count;
    int rank = H5Pget_layout(properties) == H5D_CHUNKED ? H5Pget_chunk(properties, H5S_MAX_RANK, chunk) : 0;
    for (int d = 0; d < rank; d++) {
        each *= chunk[d];
    }
#if H5_VERSION_GE(1, 10, 5)
    hid_t space = rank > 0 ? H5Dget_space(set) : -1;
    bool is_counted = space >= 0 && H5Dget_num_chunks(set, space, &written) >= 0;
    if (space >= 0) {
        H5Sclose(space);
    }
    if (is_counted) {
        return written * each < all ? (int64_t)(all - written * each) : 0;
    }
#endif
    return H5Pget_layout(properties) != H5D_COMPACT && H5Dget_storage_size(set) == 0 ? source->count : 0;
}

/* The source's data set must hold what is taken from it, and may itself have its values elsewhere. Returns how many
 * elements are missing there. */
static int64_t judge_source_set(hid_t set, const char *path, const source_part *part, const store_load_request *request,
                                int depth, char why[256]) {
    hid_t properties = H5Dget_create_plist(set), space = H5Dget_space(set), type = H5Dget_type(set);
    hsize_t extent[H5S_MAX_RANK];
    store_node source = {.rank = H5Sget_simple_extent_dims(space, extent, NULL)};
    source.count = (int64_t)H5Sget_simple_extent_npoints(space);
    for (int d = 0; d < source.rank && d < DSTN_MAX_RANK; d++) {
        source.shape[d] = (int64_t)extent[d];
    }
    store_load_request beside = *request;
    beside.path = path;
    store_claim own = {.depth = depth + 1};
    const store_type about = store_type_of(type);
    if (source.rank < 0 || source.rank > DSTN_MAX_RANK || source.count < 0) {
        store_say(why, 256, "it has more axes or elements than can be read");
    } else if (H5Pget_layout(properties) == H5D_VIRTUAL) {
        judge_sources(properties, &source, &beside, &own);
    } else if (H5Pget_external_count(properties) > 0) {
        judge_files(properties, &source, &about, &beside, &own);
    } else {
        own.missing = count_unwritten(set, properties, &source);
    }
    if (own.why[0]) {
        store_say(why, 256, "it %s", own.why);
    } else if (!why[0]) {
        compare_extent(&source, part, why);
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Pclose(properties);
    return own.missing;
}

/* HDF5 may have opened it for an unlimited data set's shape, in its own way, and then takes no other. */
static hid_t open_source(const char *path) {
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    return file >= 0 ? file : store_hdf5_open_path(path, &(store_hdf5_reason){""});
}

static int64_t look_at_source(const char *path, const source_part *part, const store_load_request *request, int depth,
                              char why[256]) {
    hid_t file = open_source(path);
    hid_t set = file >= 0 ? H5Dopen2(file, part->name, H5P_DEFAULT) : -1;
    int64_t missing = 0;
    if (set >= 0) {
        missing = judge_source_set(set, path, part, request, depth, why);
        H5Dclose(set);
    } else {
        store_say(why, 256, "it is no HDF5 file with that data set");
    }
    if (file >= 0) {
        H5Fclose(file);
    }
    return missing < part->elements ? missing : part->elements;
}

/* A source must be a file that can be opened and have the data set; "." is the file itself, and a name with % stands
 * for many. */
static void judge_source(const source_part *part, const store_load_request *request, store_claim *claim) {
    if (strchr(part->file, '%') || strchr(part->name, '%')) {
        return;
    }
    char *path = strcmp(part->file, ".") == 0 ? dstn_strdup(request->path) : path_of_source(part->file, request);
    char why[256] = "";
    int64_t size;
    const char *reason = claim->depth > DEEPEST_SOURCE ? "it leads through too many files" : look_at_file(path, &size);
    if (!reason) {
        claim->missing += look_at_source(path, part, request, claim->depth, why);
        reason = why[0] ? why : NULL;
    }
    if (reason) {
        store_say(claim->why, sizeof claim->why, "takes values from %s, data set %s, which can't be read: %s", path,
                  part->name, reason);
    }
    free(path);
}

/* The first source that can't be used is why; elements that none covers are missing, and those that the sources lack.
 */
static void judge_sources(hid_t properties, const store_node *node, const store_load_request *request,
                          store_claim *claim) {
    size_t count = 0;
    int64_t covered = 0;
    H5Pget_virtual_count(properties, &count);
    for (size_t i = 0; i < count && !claim->why[0]; i++) {
        source_part part = {.file = ""};
        hid_t space = H5Pget_virtual_vspace(properties, i);
        part.space = H5Pget_virtual_srcspace(properties, i);
        H5Pget_virtual_filename(properties, i, part.file, sizeof part.file);
        H5Pget_virtual_dsetname(properties, i, part.name, sizeof part.name);
        hssize_t points = H5Sget_select_npoints(space);
        part.is_bounded = points > 0;
        part.elements = points > 0 ? (int64_t)points : node->count;
        judge_source(&part, request, claim);
        covered += part.elements;
        H5Sclose(space);
        H5Sclose(part.space);
    }
    claim->pieces = node->count;
    claim->missing += covered < node->count ? node->count - covered : 0;
    claim->missing = claim->missing < node->count ? claim->missing : node->count;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

bool store_claim_follow(hid_t properties, const store_load_request *request, store_claim *claim) {
    *claim = (store_claim){.is_virtual = H5Pget_layout(properties) == H5D_VIRTUAL};
    claim->is_external = !claim->is_virtual && H5Pget_external_count(properties) > 0;
    if ((claim->is_virtual || claim->is_external) && !request->external) {
        refuse_elsewhere(properties, claim->is_virtual, claim);
    } else {
        find_missing_filter(properties, claim);
    }
    return !claim->why[0];
}

void store_claim_judge(hid_t set, hid_t properties, const store_node *node, const store_type *type,
                       const store_load_request *request, store_claim *claim) {
    if (claim->is_virtual) {
        judge_sources(properties, node, request, claim);
    } else if (claim->is_external) {
        judge_files(properties, node, type, request, claim);
    } else {
        judge_storage(set, properties, node, type, request, claim);
    }
}
