/* What the fuzz targets share. A target defines fuzz_one and ends with FUZZ_TARGET(start): libFuzzer calls it with
 * inputs that it makes up (preset fuzz, clang), replay.c with those of the corpus (any compiler). A target must leave
 * nothing behind: no memory, no open file. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include "dstn/core.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A folder of the process's own, in memory where there is such a file system, that stays for all inputs. */
static char fuzz_folder[64];

static inline void fuzz_remove_folder(void) {
    char *command = dstn_format("rm -rf '%s'", fuzz_folder);
    if (system(command) != 0) {
        perror(command);
    }
    free(command);
}

static inline void fuzz_make_folder(void) {
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(fuzz_folder, sizeof fuzz_folder, "%s/dstn-fuzz-XXXXXX", base);
    if (!mkdtemp(fuzz_folder)) {
        perror(fuzz_folder);
        exit(1);
    }
    atexit(fuzz_remove_folder);
}

static inline char *fuzz_path(const char *name) {
    return dstn_format("%s/%s", fuzz_folder, name);
}

static inline void fuzz_write(const char *path, const void *bytes, size_t size) {
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* The input as a string; free with free(). */
static inline char *fuzz_text(const uint8_t *bytes, size_t size) {
    char *text = dstn_alloc(size + 1, 1);
    if (size) {
        memcpy(text, bytes, size);
    }
    return text;
}

/* Messages are one line that can be shown. */
static inline void fuzz_check_message(const dstn_error *err) {
    if (err->status == DSTN_OK) {
        return;
    }
    for (const char *c = err->message; *c;) {
        uint32_t code;
        int length = dstn_utf8_length(c, &code);
        if (!length || !dstn_is_printable(code)) {
            fprintf(stderr, "not printable at byte %ld: %s\n", (long)(c - err->message), err->message);
            abort();
        }
        c += length;
    }
    if (!err->message[0]) {
        fputs("a failure without a message\n", stderr);
        abort();
    }
}

#define FUZZ_TARGET(START)                                                                                             \
    int LLVMFuzzerInitialize(int *argc, char ***argv) {                                                                \
        START(argc, argv);                                                                                             \
        return 0;                                                                                                      \
    }                                                                                                                  \
    int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {                                                    \
        fuzz_one(bytes, size);                                                                                         \
        return 0;                                                                                                      \
    }

static inline void fuzz_start_in_folder(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    fuzz_make_folder();
}

static inline void fuzz_start_plain(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
}

#endif
