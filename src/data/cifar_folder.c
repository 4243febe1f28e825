/* data: finds the files of CIFAR-10 and CIFAR-100, or says what lies there in their place. */
#include "cifar_folder.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "listing.h"
#include "sources.h"

static const data_cifar_form forms[] = {
    {.name = "CIFAR-10",
     .folder = "cifar-10-batches-bin",
     .train = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"},
     .test = "test_batch.bin",
     .labels = 1,
     .classes = {10},
     .label_names = {"label"},
     .train_rows = 50000,
     .test_rows = 10000},
    {.name = "CIFAR-100",
     .folder = "cifar-100-binary",
     .train = {"train.bin"},
     .test = "test.bin",
     .labels = 2,
     .classes = {20, 100},
     .label_names = {"coarse label", "fine label"},
     .train_rows = 50000,
     .test_rows = 10000},
};

enum { FORMS = sizeof forms / sizeof forms[0] };

/* ---- what a folder has ------------------------------------------------------------------------------------------- */

/* Whether some of a form's files are there. */
static bool has_form(const data_listing *listing, const data_cifar_form *form) {
    bool has = data_listing_has(listing, form->test);
    for (int b = 0; b < DATA_CIFAR_BATCHES && form->train[b]; b++) {
        has = has || data_listing_has(listing, form->train[b]);
    }
    return has;
}

/* What people have in place of the binary version, by patterns of names, and what is to be done. */
static const char *foreign_hint(const data_listing *listing) {
    static const struct {
        const char *pattern, *hint;
    } known[] = {
        {"cifar-10*-binary.tar*", "that archive is still packed: unpack it with tar -xf"},
        {"cifar-10*-python*", "that is the Python version, and the binary version is read"},
        {"cifar-10-batches-py", "that is the Python version, and the binary version is read"},
        {"data_batch_[1-5]", "those are files of the Python version, and the binary version is read"},
        {"cifar-10*-matlab*", "that is the MATLAB version, and the binary version is read"},
        {"cifar-10-batches-mat", "that is the MATLAB version, and the binary version is read"},
        {"data_batch_[1-5].mat", "those are files of the MATLAB version, and the binary version is read"},
        {"*_batch*.bin.*", "those files are packed: unpack them"},
        {"train.bin.*", "those files are packed: unpack them"},
        {"train", "those are files of the Python version, if of CIFAR-100, and the binary version is read"},
    };
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        for (size_t i = 0; i < listing->count; i++) {
            if (fnmatch(known[k].pattern, listing->names[i], 0) == 0) {
                return known[k].hint;
            }
        }
    }
    return NULL;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

static dstn_status fail_missing(dstn_node node, const char *path, const char *what, const data_listing *listing,
                                dstn_error *err) {
    char *others = data_listing_join(listing);
    const char *hint = foreign_hint(listing);
    data_fail_at_key(node, "path", err, "%s has %s%s%s%s%s; accepted: " DATA_CIFAR_ACCEPTED, path, what,
                     *others ? ", but " : "", others, hint ? ": " : "", hint ? hint : "");
    free(others);
    return err->status;
}

/* Every training file must be there; a data set without a test part is one all the same. */
static dstn_status take_form(dstn_node node, const data_cifar_form *form, const data_listing *listing,
                             data_cifar_folder *out, dstn_error *err) {
    out->form = form;
    out->has_test = data_listing_has(listing, form->test);
    for (int b = 0; b < DATA_CIFAR_BATCHES && form->train[b]; b++) {
        if (!data_listing_has(listing, form->train[b])) {
            char *what = dstn_format("no file %s", form->train[b]);
            fail_missing(node, out->path, what, listing, err);
            free(what);
            return err->status;
        }
    }
    return DSTN_OK;
}

static dstn_status check_folder(dstn_node node, const char *path, dstn_error *err) {
    struct stat about;
    if (stat(path, &about) != 0) {
        return data_fail_at_key(node, "path", err, "%s can't be read: %s; accepted: " DATA_CIFAR_ACCEPTED, path,
                                strerror(errno));
    }
    if (!S_ISDIR(about.st_mode)) {
        bool is_archive = fnmatch("*.tar*", path, 0) == 0 || fnmatch("*gz", path, 0) == 0;
        return data_fail_at_key(node, "path", err, "%s is a file%s; accepted: " DATA_CIFAR_ACCEPTED, path,
                                is_archive ? ", an archive that is still packed: unpack it with tar -xf" : "");
    }
    return DSTN_OK;
}

/* How many forms have files in a folder; *form [out]: one that has. */
static int count_forms(const data_listing *listing, const data_cifar_form **form) {
    int found = 0;
    for (int f = 0; f < FORMS; f++) {
        if (has_form(listing, &forms[f])) {
            *form = &forms[f];
            found++;
        }
    }
    return found;
}

/* The same of the folders below, by their names; *below [out]: one of them. */
static int count_folders(const data_listing *listing, const char **below) {
    int found = 0;
    for (int f = 0; f < FORMS; f++) {
        if (data_listing_has(listing, forms[f].folder)) {
            *below = forms[f].folder;
            found++;
        }
    }
    return found;
}

static dstn_status list(dstn_node node, const char *path, data_listing *listing, dstn_error *err) {
    data_listing_clear(listing);
    int reason = data_listing_read(path, listing);
    return reason ? data_fail_at_key(node, "path", err, "%s can't be listed: %s; accepted: " DATA_CIFAR_ACCEPTED, path,
                                     strerror(reason))
                  : DSTN_OK;
}

/* Takes the folder itself or, where it has no files of either form, the one below it. */
static dstn_status choose(dstn_node node, data_listing *listing, data_cifar_folder *out, dstn_error *err) {
    const data_cifar_form *form = NULL;
    const char *below = NULL;
    int found = count_forms(listing, &form);
    if (found == 0) {
        found = count_folders(listing, &below);
    }
    if (found > 1) {
        return data_fail_at_key(node, "path", err,
                                "%s has both %s and %s; accepted: a folder with one of them, such as %s/%s", out->path,
                                forms[0].name, forms[1].name, out->path, forms[0].folder);
    }
    if (below) {
        char *path = dstn_format("%s/%s", out->path, below);
        free(out->path);
        out->path = path;
        if (list(node, path, listing, err) != DSTN_OK) {
            return err->status;
        }
        found = count_forms(listing, &form);
    }
    return found == 1 ? take_form(node, form, listing, out, err)
                      : fail_missing(node, out->path, "no files of CIFAR-10 or CIFAR-100", listing, err);
}

dstn_status data_cifar_find(dstn_node node, const char *path, data_cifar_folder *out, dstn_error *err) {
    *out = (data_cifar_folder){.path = dstn_strdup(path)};
    data_listing listing = {0};
    dstn_status status = check_folder(node, path, err);
    if (status == DSTN_OK) {
        status = list(node, path, &listing, err);
    }
    if (status == DSTN_OK) {
        status = choose(node, &listing, out, err);
    }
    data_listing_clear(&listing);
    return status;
}

void data_cifar_clear(data_cifar_folder *folder) {
    free(folder->path);
}
