/* What the tests of IDX data sets share: the folder of the test that runs, written and read. */
#ifndef TESTS_UNIT_IDX_FILES_H
#define TESTS_UNIT_IDX_FILES_H

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "data_files.h"
#include "scratch.h"

enum { TRAIN = 12, TEST = 4, HEIGHT = 2, WIDTH = 3, PIXELS = HEIGHT * WIDTH, CLASSES = 3 };

#define TRAIN_IMAGES "train-images-idx3-ubyte"
#define TRAIN_LABELS "train-labels-idx1-ubyte"
#define TEST_IMAGES "t10k-images-idx3-ubyte"
#define TEST_LABELS "t10k-labels-idx1-ubyte"

static char *folder; /* of the test that runs */

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* An IDX file as it could be, and how it is damaged. */
typedef struct idx_plan {
    const char *name;
    uint32_t magic;
    int axes;
    uint32_t extent[3];
    int64_t bytes; /* behind the header */
    uint8_t first; /* of them; the others count on, labels modulo CLASSES */
} idx_plan;

static inline idx_plan images_of(const char *name, uint32_t rows) {
    return (idx_plan){name, 0x803, 3, {rows, HEIGHT, WIDTH}, (int64_t)rows * PIXELS, 0};
}

static inline idx_plan labels_of(const char *name, uint32_t rows) {
    return (idx_plan){name, 0x801, 1, {rows}, rows, 0};
}

static inline void put_number(uint8_t *to, uint32_t number) {
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(number >> (24 - 8 * i));
    }
}

static inline char *path_of(const char *name, const char *ending) {
    return dstn_format("%s/%s%s", folder, name, ending);
}

static inline void remove_file(const char *name) {
    char *path = path_of(name, "");
    remove(path);
    free(path);
}

static inline void write_idx(const idx_plan *plan, bool gzip) {
    size_t header = 4 + 4 * (size_t)plan->axes, size = header + (size_t)plan->bytes;
    uint8_t *all = dstn_alloc(size, 1);
    put_number(all, plan->magic);
    for (int axis = 0; axis < plan->axes; axis++) {
        put_number(all + 4 + 4 * axis, plan->extent[axis]);
    }
    for (int64_t i = 0; i < plan->bytes; i++) {
        all[header + (size_t)i] = (uint8_t)(plan->first + (plan->axes == 1 ? i % CLASSES : i));
    }
    char *path = path_of(plan->name, gzip ? ".gz" : "");
    if (gzip) {
        gzFile file = gzopen(path, "wb");
        assert_int_equal(gzwrite(file, all, (unsigned)size), size);
        assert_int_equal(gzclose(file), Z_OK);
    } else {
        assert_true(scratch_write(path, all, size));
    }
    free(path);
    free(all);
}

static inline void write_folder(bool gzip) {
    const idx_plan plans[] = {images_of(TRAIN_IMAGES, TRAIN), labels_of(TRAIN_LABELS, TRAIN),
                              images_of(TEST_IMAGES, TEST), labels_of(TEST_LABELS, TEST)};
    for (int i = 0; i < 4; i++) {
        write_idx(&plans[i], gzip);
    }
}

static inline int start(void **state) {
    (void)state;
    folder = scratch_make();
    write_folder(false);
    return folder ? 0 : 1;
}

static inline int finish(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static inline dstn_status read_folder(const char *more, const dstn_log *log, dstn_dataset **out, dstn_error *err) {
    char section[512];
    snprintf(section, sizeof section, "source: idx, path: %s, task: classification, classes: 3, valid_fraction: 0.25%s",
             folder, more);
    return read_section(section, 1, log, out, err);
}

static inline dstn_dataset *read_good(const char *more) {
    dstn_dataset *dataset;
    dstn_error err;
    if (read_folder(more, NULL, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    return dataset;
}

static inline void assert_bad(dstn_status status, const char *more, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    assert_int_equal(read_folder(more, NULL, &dataset, &err), status);
    assert_null(dataset);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

#define BAD(...) assert_bad(DSTN_ERROR_DATA, "", (const char *const[]){__VA_ARGS__, NULL})

/* The folder is as it was again afterwards. */
static inline void assert_bad_file(idx_plan plan, const char *const *parts) {
    for (int gzip = 0; gzip < 2; gzip++) {
        remove_file(plan.name);
        write_idx(&plan, gzip);
        assert_bad(DSTN_ERROR_DATA, "", parts);
        char *path = path_of(plan.name, gzip ? ".gz" : "");
        remove(path);
        free(path);
    }
    write_folder(false);
}

#define BAD_FILE(plan, ...) assert_bad_file(plan, (const char *const[]){__VA_ARGS__, NULL})

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, start, finish)

#endif
