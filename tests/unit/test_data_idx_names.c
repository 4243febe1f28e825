/* data: the names that people's IDX files have, and why a file of a folder can't be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "idx_files.h"

/* The folder's four files under other names: PREFIX PART -images SEPARATOR idx3-ubyte, gzipped or not. */
static void write_names(const char *prefix, const char *test, char separator, bool gzip, uint32_t rows) {
    const char *const parts[] = {"train", test};
    for (int i = 0; i < 4; i++) {
        char *name = dstn_format("%s%s-%s%cidx%d-ubyte", prefix, parts[i / 2], i % 2 ? "labels" : "images", separator,
                                 i % 2 ? 1 : 3);
        idx_plan plan = i % 2 ? labels_of(name, i < 2 ? rows : TEST) : images_of(name, i < 2 ? rows : TEST);
        write_idx(&plan, gzip);
        free(name);
    }
}

static void remove_standard(void) {
    const char *const names[] = {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS};
    for (int i = 0; i < 4; i++) {
        remove_file(names[i]);
    }
}

static void assert_rows(const char *more, int64_t rows) {
    dstn_dataset *dataset = read_good(more);
    assert_int_equal(dataset->rows[DSTN_PART_TRAIN] + dataset->rows[DSTN_PART_VALID], rows);
    assert_int_equal(dataset->rows[DSTN_PART_TEST], TEST);
    dstn_dataset_destroy(dataset);
}

static void names_with_dots_and_prefixes_are_read(void **state) {
    (void)state;
    const struct {
        const char *prefix, *test;
        char separator;
        bool gzip;
    } cases[] = {{"", "t10k", '.', false},
                 {"", "t10k", '.', true},
                 {"emnist-letters-", "test", '-', true},
                 {"emnist-by-class-", "test", '-', false},
                 {"qmnist-", "t10k", '.', false},
                 {"", "test", '-', false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        scratch_remove(folder);
        folder = scratch_make();
        write_names(cases[i].prefix, cases[i].test, cases[i].separator, cases[i].gzip, 24);
        assert_rows("", 24);
    }
}

/* Names as they always were go first, and what is unpacked before what is packed. */
static void the_standard_names_come_first(void **state) {
    (void)state;
    write_names("", "t10k", '.', false, 24);
    write_names("emnist-letters-", "test", '-', false, 36);
    assert_rows("", TRAIN);
    remove_standard();
    assert_rows("", 24);
    write_names("", "t10k", '-', true, 48);
    assert_rows("", 48);
    write_names("", "t10k", '-', false, 60);
    assert_rows("", 60);
}

static void one_of_several_sets_is_chosen_by_its_prefix(void **state) {
    (void)state;
    write_names("emnist-letters-", "test", '-', true, 24);
    write_names("emnist-digits-", "test", '-', true, 36);
    assert_rows(", prefix: emnist-letters", 24);
    assert_rows(", prefix: emnist-digits", 36);
    remove_standard();
    BAD("has several sets of files; accepted: data.prefix, one of emnist-digits, emnist-letters");
    assert_bad(
        DSTN_ERROR_DATA, ", prefix: emnist-leters",
        (const char *const[]){"data.prefix", "begin with emnist-leters-train-", "emnist-digits, emnist-letters", NULL});
    assert_rows(", prefix: emnist-digits", 36);
}

static void a_folder_without_the_files_is_named_with_what_it_has(void **state) {
    (void)state;
    remove_standard();
    const char *const others[] = {"train-images.idx3", "train.csv", "images-idx3-ubyte", "xtrain-images-idx3-ubyte"};
    for (int i = 0; i < 4; i++) {
        idx_plan plan = images_of(others[i], TRAIN);
        write_idx(&plan, false);
    }
    BAD("has no file train-images-idx3-ubyte or train-images-idx3-ubyte.gz, but images-idx3-ubyte, train-images.idx3, "
        "train.csv, xtrain-images-idx3-ubyte; accepted: a folder with");
}

static void reasons_are_those_of_the_system(void **state) {
    (void)state;
    char *path = path_of(TRAIN_LABELS, "");
    remove(path);
    assert_int_equal(symlink(TRAIN_LABELS, path), 0); /* to itself */
    BAD(TRAIN_LABELS ": can't be read: Too many levels of symbolic links");
    remove(path);
    assert_int_equal(symlink("nowhere", path), 0);
    BAD(TRAIN_LABELS ": can't be read: No such file or directory");
    remove(path);
    assert_int_equal(mkfifo(path, 0600), 0); /* nobody writes into it */
    BAD(TRAIN_LABELS ": can't be read: is a pipe");
    remove(path);
    assert_int_equal(mkdir(path, 0700), 0);
    BAD(TRAIN_LABELS ": can't be read: Is a directory");
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(names_with_dots_and_prefixes_are_read),
        TEST_CASE(the_standard_names_come_first),
        TEST_CASE(one_of_several_sets_is_chosen_by_its_prefix),
        TEST_CASE(a_folder_without_the_files_is_named_with_what_it_has),
        TEST_CASE(reasons_are_those_of_the_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
