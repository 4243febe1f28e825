/* data: texts in HDF5 files of people's own, good ones and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hdf5_files.h"

enum { COUNT = 12 };

static const int text[COUNT] = {0, 3, 1, 1, 4, 0, 2, 2, 0, 1, 3, 4};

/* Texts of variable length, as h5py writes them, or of a fixed one. */
static void put_words(hid_t file, const char *name, hsize_t count, const char *const *words, bool variable) {
    hid_t type = H5Tcopy(H5T_C_S1);
    char fixed[COUNT * 8] = {0};
    H5Tset_size(type, variable ? H5T_VARIABLE : 8);
    for (hsize_t i = 0; i < count && !variable; i++) {
        snprintf(fixed + 8 * i, 8, "%s", words[i]);
    }
    put(file, name, type, 1, &count, type, variable ? (const void *)words : fixed);
    H5Tclose(type);
}

static hid_t create_text(void) {
    hid_t file = create();
    put_integers(file, "tokens", COUNT, text);
    return file;
}

static void bad(dstn_status status, const char *more, const char *message) {
    assert_bad(status, more, (const char *const[]){message, "own.h5", NULL});
}

/* ---- good ones --------------------------------------------------------------------------------------------------- */

static void tokens_are_a_text_whose_end_validates(void **state) {
    (void)state;
    H5Fclose(create_text());
    dstn_dataset *dataset = read_good("");
    assert_true(dataset->words == 5 && dataset->outputs == 5 && !dataset->vocabulary);
    assert_true(dataset->task == DSTN_TASK_CLASSIFICATION && dataset->file_count == 1);
    assert_true(dataset->rows[DSTN_PART_TRAIN] == 8 && dataset->rows[DSTN_PART_VALID] == 2);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(dataset->tokens[i / 9][i % 9], text[i]);
    }
    assert_non_null(
        strstr(dataset->summary, "own.h5: 9 training and 3 validation words, vocabulary 5, validation from"));
    dstn_dataset_destroy(dataset);
    dataset = read_good(", classes: 50, split: end");
    assert_int_equal(dataset->words, 50);
    dstn_dataset_destroy(dataset);
}

static void texts_of_their_own_and_words_are_taken(void **state) {
    (void)state;
    static const char *const words[] = {"the", "k\xC3\xB6nig", "", "is", "<eos>", "here"};
    const int valid[] = {5, 1}, test[] = {1, 5, 5};
    const hsize_t turned[] = {1, 3};
    char digest[DSTN_DIGEST_SIZE] = "";
    for (int variable = 0; variable < 2; variable++) {
        hid_t file = create_text();
        put_integers(file, "valid_tokens", 2, valid);
        put(file, "test_tokens", H5T_STD_I32LE, 2, turned, H5T_NATIVE_INT, test);
        put_words(file, "vocabulary", 6, words, variable);
        H5Fclose(file);
        dstn_dataset *dataset = read_good("");
        assert_int_equal(dataset->words, 6);
        for (int w = 0; w < 6; w++) {
            assert_string_equal(dataset->vocabulary[w], words[w]);
        }
        assert_true(dataset->rows[0] == COUNT - 1 && dataset->rows[1] == 1 && dataset->rows[2] == 2);
        assert_true(dataset->tokens[1][0] == 5 && dataset->tokens[2][2] == 5 && dataset->tokens[2][0] == 1);
        assert_true(!variable || strcmp(digest, dataset->digest) == 0);
        memcpy(digest, dataset->digest, sizeof digest);
        dstn_dataset_destroy(dataset);
    }
}

/* Words that only the other texts have count as well. */
static void the_largest_number_of_all_texts_counts(void **state) {
    (void)state;
    hid_t file = create_text();
    put_integers(file, "test_tokens", 2, (const int[]){9, 0});
    H5Fclose(file);
    dstn_dataset *dataset = read_good("");
    assert_int_equal(dataset->words, 10);
    dstn_dataset_destroy(dataset);
}

static void rows_are_rows_whatever_else_the_file_has(void **state) {
    (void)state;
    hid_t file = create_text();
    put_table(file);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(", task: classification");
    assert_true(dataset->words == 0 && dataset->features == 2);
    dstn_dataset_destroy(dataset);
}

/* ---- bad ones ---------------------------------------------------------------------------------------------------- */

static void numbers_that_are_no_words_are_refused(void **state) {
    (void)state;
    const hsize_t extent = 3;
    const double half[] = {0, 1.5, 1}, low[] = {0, 1, -1}, high[] = {0, 1000000, 1};
    const double *const all[] = {half, low, high};
    static const char *const messages[] = {"element 1: 1.5 is no word's number", "element 2: -1 is no word's number",
                                           "element 1: 1e+06 is no word's number; accepted: integers from 0 to 999999"};
    for (int i = 0; i < 3; i++) {
        hid_t file = create();
        put_doubles(file, "tokens", 1, &extent, all[i]);
        H5Fclose(file);
        bad(DSTN_ERROR_DATA, "", messages[i]);
    }
    H5Fclose(create_text());
    bad(DSTN_ERROR_DATA, ", classes: 4",
        "tokens: element 4: 4 is no word's number; accepted: integers from 0 to 3, by");
    hid_t file = create_text();
    put_words(file, "vocabulary", 4, (const char *const[]){"a", "b", "c", "d"}, true);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "integers from 0 to 3, by the vocabulary");
    bad(DSTN_ERROR_USAGE, ", classes: 5", "data.classes: 5, but the vocabulary");
}

static void arrays_of_another_form_are_refused(void **state) {
    (void)state;
    const hsize_t square[] = {3, 4}, one = 1;
    hid_t file = create();
    put(file, "tokens", H5T_STD_I32LE, 2, square, H5T_NATIVE_INT, text);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "tokens has 2 axes, 3 x 4; accepted: [N], integers");
    file = create();
    put_integers(file, "tokens", one, text);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "tokens has one word alone; accepted: at least 2");
    file = create();
    put_words(file, "tokens", 2, (const char *const[]){"the", "king"}, false);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "tokens doesn't hold numbers");
    file = create_text();
    put_integers(file, "vocabulary", COUNT, text);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "vocabulary");
    file = create_text();
    put_integers(file, "split", COUNT, text);
    H5Fclose(file);
    bad(DSTN_ERROR_DATA, "", "has split, which is for the rows of x, beside tokens; accepted: valid_tokens");
}

static void keys_that_say_nothing_of_words_are_refused(void **state) {
    (void)state;
    H5Fclose(create_text());
    bad(DSTN_ERROR_USAGE, ", layout: nhwc", "data.layout: is for images");
    bad(DSTN_ERROR_USAGE, ", task: regression", "data.task: regression is for numbers");
    bad(DSTN_ERROR_USAGE, ", mean: 0.5", "data.mean: ");
    bad(DSTN_ERROR_USAGE, ", std: 0.5", "data.std: ");
    bad(DSTN_ERROR_USAGE, ", split: random", "data.split: ");
    bad(DSTN_ERROR_USAGE, ", features: quadratic", "has words; accepted: raw");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tokens_are_a_text_whose_end_validates, start, finish),
        cmocka_unit_test_setup_teardown(texts_of_their_own_and_words_are_taken, start, finish),
        cmocka_unit_test_setup_teardown(the_largest_number_of_all_texts_counts, start, finish),
        cmocka_unit_test_setup_teardown(rows_are_rows_whatever_else_the_file_has, start, finish),
        cmocka_unit_test_setup_teardown(numbers_that_are_no_words_are_refused, start, finish),
        cmocka_unit_test_setup_teardown(arrays_of_another_form_are_refused, start, finish),
        cmocka_unit_test_setup_teardown(keys_that_say_nothing_of_words_are_refused, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
