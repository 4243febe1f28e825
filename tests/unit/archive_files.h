/* What the tests of HDF5 archives share: a folder of their own, and files in it. */
#ifndef DSTN_TEST_ARCHIVE_FILES_H
#define DSTN_TEST_ARCHIVE_FILES_H

#include "dstn/store.h"
#include "scratch.h"

#include <dirent.h>

static char *folder;

static inline char *path_of(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

static inline dstn_reader *open_good(const char *path) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    if (dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return reader;
}

static inline dstn_reader *open_foreign(const char *path, const dstn_foreign *how) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    if (dstn_reader_open_foreign(path, how, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return reader;
}

static inline void commit(dstn_writer *writer) {
    dstn_error err = {0};
    if (dstn_writer_commit(writer, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
}

static inline dstn_writer *start(const char *path) {
    dstn_writer *writer = NULL;
    dstn_error err = {0};
    if (dstn_writer_open(path, &writer, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return writer;
}

static inline int entries_of(const char *path) {
    DIR *open = opendir(path);
    int count = -2; /* . and .. */
    while (readdir(open)) {
        count++;
    }
    closedir(open);
    return count;
}

static inline void free_strings(int64_t count, char **strings) {
    for (int64_t i = 0; i < count; i++) {
        free(strings[i]);
    }
    free(strings);
}

static inline int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static inline int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

#endif
