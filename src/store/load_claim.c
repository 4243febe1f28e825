/* store: what a data set claims to hold, against what is stored of it. */
#include "load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { ALWAYS = 1 << 20, MOST_PACKED = 1100, MOST_UNWRITTEN = 16, NAMES_SHOWN = 4 };

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

static void judge_storage(hid_t set, hid_t properties, const store_node *node, const store_type *type,
                          const store_load_request *request, store_claim *claim) {
    claim->stored = (int64_t)H5Dget_storage_size(set);
    int64_t claimed = node->count * (int64_t)type->size; /* node->count is known to be small enough */
    if (claim->stored < 0 || claim->stored > request->file_size) {
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

static bool has_data_set(const char *path, const char *name) {
    hid_t file = store_hdf5_open_path(path, &(store_hdf5_reason){""});
    hid_t set = file >= 0 ? H5Dopen2(file, name, H5P_DEFAULT) : -1;
    if (set >= 0) {
        H5Dclose(set);
    }
    if (file >= 0) {
        H5Fclose(file);
    }
    return set >= 0;
}

/* A source must be a file that can be opened and have the data set; "." is the file itself, and a name with % stands
 * for many. */
static void judge_source(const char *file, const char *name, const store_load_request *request, store_claim *claim) {
    if (strcmp(file, ".") == 0 || strchr(file, '%') || strchr(name, '%')) {
        return;
    }
    char *path = path_of_source(file, request);
    struct stat about;
    const char *reason = NULL;
    if (stat(path, &about) != 0) {
        reason = strerror(errno);
    } else if (!S_ISREG(about.st_mode)) {
        reason = "it is no regular file";
    } else if (!has_data_set(path, name)) {
        reason = "it is no HDF5 file with that data set";
    }
    if (reason) {
        store_say(claim->why, sizeof claim->why, "takes values from %s, data set %s, which can't be opened: %s", path,
                  name, reason);
    }
    free(path);
}

/* The first source that can't be opened is why; elements that none covers are missing. */
static void judge_sources(hid_t properties, const store_node *node, const store_load_request *request,
                          store_claim *claim) {
    size_t count = 0;
    int64_t covered = 0;
    H5Pget_virtual_count(properties, &count);
    for (size_t i = 0; i < count && !claim->why[0]; i++) {
        char file[1024] = "", name[1024] = "";
        hid_t space = H5Pget_virtual_vspace(properties, i);
        H5Pget_virtual_filename(properties, i, file, sizeof file);
        H5Pget_virtual_dsetname(properties, i, name, sizeof name);
        judge_source(file, name, request, claim);
        hssize_t part = H5Sget_select_npoints(space);
        covered += part > 0 ? (int64_t)part : node->count; /* an unlimited one covers what there is */
        H5Sclose(space);
    }
    claim->pieces = node->count;
    claim->missing = covered < node->count ? node->count - covered : 0;
}

/* ---- both ---------------------------------------------------------------------------------------------------------
 */

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
    } else if (!claim->is_external) {
        judge_storage(set, properties, node, type, request, claim);
    }
}
