/* data: finds the files of a data set in IDX files. */
#include "idx_folder.h"

#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "sources.h"

const char *const data_idx_names[2][DATA_IDX_KINDS] = {{"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
                                                       {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"}};

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* What a file's name says. */
typedef struct idx_name {
    char *prefix; /* before "-train-…", "" where nothing is; owned */
    int part, kind;
    int rank; /* among files for the same purpose: the lowest is taken */
} idx_name;

static bool ends_with(const char *text, size_t length, const char *ending) {
    size_t size = strlen(ending);
    return length >= size && memcmp(text + length - size, ending, size) == 0;
}

/* Takes an ending off. */
static bool take(const char *text, size_t *length, const char *ending) {
    bool has_it = ends_with(text, *length, ending);
    *length -= has_it ? strlen(ending) : 0;
    return has_it;
}

/* Whether a name is one of a data set's: [PREFIX-](train|t10k|test)-(images|labels)(-|.)idx(3|1)-ubyte[.gz] */
static bool parse_name(const char *text, idx_name *out) {
    static const char *const endings[DATA_IDX_KINDS][2] = {{"-images-idx3-ubyte", "-images.idx3-ubyte"},
                                                           {"-labels-idx1-ubyte", "-labels.idx1-ubyte"}};
    static const char *const parts[] = {"train", "t10k", "test"};
    size_t length = strlen(text);
    out->rank = take(text, &length, ".gz");
    int ending = 0, part = 0;
    while (ending < 4 && !take(text, &length, endings[ending / 2][ending % 2])) {
        ending++;
    }
    while (part < 3 && !take(text, &length, parts[part])) {
        part++;
    }
    if (ending == 4 || part == 3 || (length > 0 && !take(text, &length, "-"))) {
        return false;
    }
    out->kind = ending / 2;
    out->part = part > 0;
    out->rank += 2 * (ending % 2) + 4 * (part == 2);
    out->prefix = dstn_format("%.*s", (int)length, text);
    return true;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

typedef struct idx_listing {
    data_listing files;
    idx_name *names; /* [files.count]; prefix NULL: not of a data set */
} idx_listing;

static int list_folder(const char *path, idx_listing *listing) {
    int reason = data_listing_read(path, &listing->files);
    listing->names = dstn_alloc(listing->files.count, sizeof *listing->names);
    for (size_t i = 0; i < listing->files.count; i++) {
        parse_name(listing->files.names[i], &listing->names[i]);
    }
    return reason;
}

static void clear_listing(idx_listing *listing) {
    for (size_t i = 0; i < listing->files.count; i++) {
        free(listing->names[i].prefix);
    }
    data_listing_clear(&listing->files);
    free(listing->names);
}

/* The prefix of a set's training images, each set once. */
static const char *set_prefix(const void *list, size_t i) {
    const idx_listing *listing = list;
    const idx_name *name = &listing->names[i];
    if (!name->prefix || name->part != 0 || name->kind != DATA_IDX_IMAGES) {
        return NULL;
    }
    for (size_t before = 0; before < i; before++) {
        const idx_name *other = &listing->names[before];
        if (other->prefix && other->part == 0 && other->kind == DATA_IDX_IMAGES &&
            strcmp(other->prefix, name->prefix) == 0) {
            return NULL;
        }
    }
    return name->prefix;
}

/* The only set's prefix, or "" where there is one without, or none; NULL: there are several. */
static const char *only_prefix(const idx_listing *listing) {
    const char *only = NULL;
    size_t sets = 0;
    for (size_t i = 0; i < listing->files.count; i++) {
        const char *prefix = set_prefix(listing, i);
        if (prefix && !*prefix) {
            return prefix;
        }
        sets += prefix != NULL;
        only = prefix ? prefix : only;
    }
    return sets > 1 ? NULL : sets == 1 ? only : "";
}

static dstn_status fail_sets(dstn_node node, const char *path, const char *prefix, const idx_listing *listing,
                             dstn_error *err) {
    char *sets = data_join(listing, listing->files.count, set_prefix);
    if (prefix) {
        data_fail_at_key(node, "prefix", err, "%s has no files that begin with %s-train-; accepted: %s", path, prefix,
                         *sets ? sets : "~ for none");
    } else {
        data_fail_at_key(node, "prefix", err, "%s has several sets of files; accepted: data.prefix, one of %s", path,
                         sets);
    }
    free(sets);
    return err->status;
}

static void choose_files(const char *path, const char *prefix, const idx_listing *listing, data_idx_folder *out) {
    int best[2][DATA_IDX_KINDS] = {{0}};
    for (size_t i = 0; i < listing->files.count; i++) {
        const idx_name *name = &listing->names[i];
        if (!name->prefix || strcmp(name->prefix, prefix) != 0) {
            continue;
        }
        char **file = &out->files[name->part][name->kind];
        if (!*file || name->rank < best[name->part][name->kind]) {
            free(*file);
            *file = dstn_format("%s/%s", path, listing->files.names[i]);
            best[name->part][name->kind] = name->rank;
        }
    }
}

dstn_status data_idx_find(dstn_node node, const char *path, const char *prefix, data_idx_folder *out, dstn_error *err) {
    *out = (data_idx_folder){.path = path};
    idx_listing listing = {0};
    dstn_status status = DSTN_OK;
    int reason = list_folder(path, &listing);
    const char *chosen = prefix ? prefix : only_prefix(&listing);
    if (reason) {
        status = data_fail_at_key(node, "path", err, "%s can't be listed: %s", path, strerror(reason));
    } else if (chosen) {
        choose_files(path, chosen, &listing, out);
    }
    if (status == DSTN_OK && (!chosen || (prefix && !out->files[0][DATA_IDX_IMAGES]))) {
        status = fail_sets(node, path, prefix, &listing, err);
    }
    out->others = data_listing_join(&listing.files);
    clear_listing(&listing);
    return status;
}

void data_idx_clear(data_idx_folder *folder) {
    for (int part = 0; part < 2; part++) {
        for (int kind = 0; kind < DATA_IDX_KINDS; kind++) {
            free(folder->files[part][kind]);
        }
    }
    free(folder->others);
}
