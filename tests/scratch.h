/* A folder of a test's own, removed with everything in it at the end. */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include "dstn/core.h"

#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static inline char *scratch_make(void) {
    const char *base = getenv("TMPDIR");
    char *folder = dstn_format("%s/dstn-test-XXXXXX", base ? base : "/tmp");
    return mkdtemp(folder) ? folder : NULL;
}

static inline int scratch_remove_one(const char *path, const struct stat *about, int kind, struct FTW *walk) {
    (void)about;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void scratch_remove(char *folder) {
    nftw(folder, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

/* A whole file; NULL where there is none. */
static inline unsigned char *scratch_read(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return NULL;
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    unsigned char *bytes = dstn_alloc(*size + 1, 1);
    size_t got = fread(bytes, 1, *size, file);
    fclose(file);
    if (got == *size) {
        return bytes;
    }
    free(bytes);
    return NULL;
}

static inline bool scratch_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    bool good = file && fwrite(bytes, 1, size, file) == size;
    return file && fclose(file) == 0 && good;
}

/* Flips bits of one byte in place: far cheaper than a new file for each. */
static inline bool scratch_flip(const char *path, size_t at, unsigned char bits) {
    FILE *file = fopen(path, "r+b");
    int byte = file && fseek(file, (long)at, SEEK_SET) == 0 ? fgetc(file) : EOF;
    bool good = byte != EOF && fseek(file, (long)at, SEEK_SET) == 0 && fputc(byte ^ bits, file) != EOF;
    return file && fclose(file) == 0 && good;
}

#endif
