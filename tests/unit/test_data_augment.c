/* data: the list of augmentations as a config gives it, the holes that cutout makes, mirror images, and the order of
 * pixels and values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/data.h"

enum { CHANNELS = 2, HEIGHT = 9, WIDTH = 7, FEATURES = CHANNELS * HEIGHT * WIDTH, ROWS = 64, HYPERS = 2 };

static const dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_AUGMENTATION};

static dstn_dataset *make_images(void) {
    const int64_t shape[] = {CHANNELS, HEIGHT, WIDTH};
    return dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shape, 3, 40, 1);
}

static dstn_dataset *make_numbers(void) {
    const int64_t shape[] = {CHANNELS, HEIGHT, WIDTH};
    return dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 3, shape, 3, 100, 1);
}

static const char *name_at(const void *user, size_t i) {
    const char *const *names = user;
    return i < HYPERS ? names[i] : NULL;
}

static dstn_status read_list(const char *list, const dstn_dataset *dataset, dstn_augment **out, dstn_error *err) {
    char *text = dstn_format("seed: 1\naugment: %s\n", list);
    dstn_doc *doc;
    dstn_status status = dstn_doc_parse(text, "job.yaml", &doc, err);
    free(text);
    assert_int_equal(status, DSTN_OK);
    static const char *const names[HYPERS] = {"number", "side"};
    dstn_names hypers = {.at = name_at, .user = names};
    status = dstn_augment_read(dstn_node_child(dstn_doc_root(doc), "augment"), dataset, hypers, out, err);
    dstn_doc_destroy(doc);
    return status;
}

static dstn_augment *read_good(const char *list) {
    dstn_dataset *dataset = make_images();
    dstn_augment *augment;
    dstn_error err;
    if (read_list(list, dataset, &augment, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    dstn_dataset_destroy(dataset);
    return augment;
}

static const dstn_kernel *kernel_of(dstn_scalar scalar) {
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", scalar, &kernel, &err), DSTN_OK);
    return kernel;
}

/* Rows first_row … of the training part in a batch that begins there, augmented: x [rows, H, W, C] as doubles, owned by
 * the caller. */
static double *fill_batch(const dstn_dataset *dataset, const dstn_augment *augment, dstn_scalar scalar, uint64_t step,
                          int64_t first_row, int64_t rows, const double *values) {
    const dstn_kernel *kernel = kernel_of(scalar);
    const dstn_augmenting augmenting = {augment, rng, step, values, HYPERS};
    dstn_arena *arena = dstn_arena_new();
    int64_t *indices = dstn_alloc((size_t)rows, sizeof *indices);
    double *out = dstn_alloc((size_t)(rows * FEATURES), sizeof *out);
    for (int64_t r = 0; r < rows; r++) {
        indices[r] = (first_row + r) % dataset->rows[DSTN_PART_TRAIN];
    }
    dstn_batch batch;
    assert_true(dstn_batch_bind(&batch, dataset, kernel, rows, 1, arena));
    dstn_batch_fill(&batch, dataset, kernel, DSTN_PART_TRAIN, indices, 1, rows, first_row, 1000, &augmenting);
    kernel->to_double(kernel, rows * FEATURES, batch.x, out);
    free(indices);
    dstn_arena_destroy(arena);
    return out;
}

/* The same of images that are 1 everywhere. */
static double *augmented(const dstn_augment *augment, dstn_scalar scalar, uint64_t step, int64_t first_row,
                         int64_t rows, const double *values) {
    dstn_dataset *dataset = make_numbers();
    for (int64_t i = 0; i < dataset->rows[DSTN_PART_TRAIN] * FEATURES; i++) {
        dataset->x[DSTN_PART_TRAIN][i] = 1;
    }
    double *x = fill_batch(dataset, augment, scalar, step, first_row, rows, values);
    dstn_dataset_destroy(dataset);
    return x;
}

static double *cut(const char *list, uint64_t step, int64_t first_row, int64_t rows) {
    dstn_augment *augment = read_good(list);
    double *x = augmented(augment, DSTN_F64, step, first_row, rows, NULL);
    dstn_augment_destroy(augment);
    return x;
}

/* ---- holes ------------------------------------------------------------------------------------------------------- */

/* Where hole k of a row has its centre: uniform over the pixels. */
static void centre_of(uint64_t step, int64_t row, int k, int64_t *y, int64_t *x) {
    double u[2];
    dstn_rng_uniforms(rng, step, (uint64_t)row, (uint64_t)k, u);
    *y = (int64_t)(u[0] * HEIGHT);
    *x = (int64_t)(u[1] * WIDTH);
}

static bool is_within(int64_t at, int64_t centre, int64_t length) {
    return at >= centre - length / 2 && at <= centre - length / 2 + length - 1;
}

static void check_holes(int holes, int64_t length, uint64_t step, int64_t row, const double *image) {
    for (int64_t y = 0; y < HEIGHT; y++) {
        for (int64_t x = 0; x < WIDTH; x++) {
            bool is_hole = false;
            for (int k = 0; k < holes; k++) {
                int64_t centre_y, centre_x;
                centre_of(step, row, k, &centre_y, &centre_x);
                is_hole = is_hole || (is_within(y, centre_y, length) && is_within(x, centre_x, length));
            }
            for (int c = 0; c < CHANNELS; c++) {
                assert_true(image[(y * WIDTH + x) * CHANNELS + c] == (is_hole ? 0 : 1));
            }
        }
    }
}

static void holes_are_squares_cut_off_at_the_border_in_all_channels(void **state) {
    (void)state;
    for (int holes = 0; holes < 4; holes++) {
        for (int length = 0; length < 13; length += 1 + (length > 4)) {
            char list[96];
            snprintf(list, sizeof list, "[cutout: {holes: %d, length: %d}]", holes, length);
            double *x = cut(list, 3, 0, ROWS);
            for (int64_t r = 0; r < ROWS; r++) {
                check_holes(holes, length, 3, r, x + r * FEATURES);
            }
            free(x);
        }
    }
}

/* Else a validation of n holes would compare other images. */
static void a_hole_stays_where_it_is_when_others_come(void **state) {
    (void)state;
    double *one = cut("[cutout: {holes: 1, length: 4}]", 3, 0, ROWS);
    double *three = cut("[cutout: {holes: 3, length: 4}]", 3, 0, ROWS);
    int64_t more = 0;
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        assert_true(one[i] == 1 || three[i] == 0);
        more += one[i] != three[i];
    }
    assert_true(more > ROWS * CHANNELS);
    free(one);
    free(three);
}

static void two_augmentations_of_a_list_draw_apart(void **state) {
    (void)state;
    double *once = cut("[cutout: {holes: 1, length: 1}]", 3, 0, ROWS);
    double *twice = cut("[cutout: {holes: 1, length: 1}, cutout: {holes: 1, length: 1}]", 3, 0, ROWS);
    int64_t more = 0;
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        more += once[i] != twice[i];
    }
    assert_true(more > ROWS * CHANNELS * 3 / 4);
    free(once);
    free(twice);
}

static void centres_are_uniform_over_the_pixels(void **state) {
    (void)state;
    enum { STEPS = 200 };
    dstn_augment *augment = read_good("[cutout: {holes: 1, length: 1}]");
    int64_t seen[HEIGHT * WIDTH] = {0};
    for (uint64_t step = 0; step < STEPS; step++) {
        double *x = augmented(augment, DSTN_F32, step, 0, ROWS, NULL);
        for (int64_t i = 0; i < ROWS * HEIGHT * WIDTH; i++) {
            seen[i % (HEIGHT * WIDTH)] += x[i * CHANNELS] == 0;
        }
        free(x);
    }
    double wanted = (double)STEPS * ROWS / (HEIGHT * WIDTH);
    for (int i = 0; i < HEIGHT * WIDTH; i++) {
        assert_true(fabs((double)seen[i] - wanted) < 5 * sqrt(wanted));
    }
    dstn_augment_destroy(augment);
}

/* Each example has its own values, in either precision; a value that no image has room for is cut off. */
static void hyperparameters_count_for_each_example(void **state) {
    (void)state;
    double values[ROWS][HYPERS];
    for (int r = 0; r < ROWS; r++) {
        values[r][0] = r % 4;
        values[r][1] = r == 7 ? 1e18 : r == 11 ? NAN : r % 5;
    }
    dstn_augment *augment = read_good("[cutout: {holes: number, length: side}]");
    for (dstn_scalar scalar = DSTN_F32; scalar <= DSTN_F64; scalar++) {
        double *x = augmented(augment, scalar, 2, 100, ROWS, &values[0][0]);
        for (int64_t r = 0; r < ROWS; r++) {
            int64_t length = r == 7 ? 100 : r == 11 ? 0 : r % 5;
            check_holes((int)(r % 4), length, 2, 100 + r, x + r * FEATURES);
        }
        free(x);
    }
    dstn_augment_destroy(augment);
}

/* ---- mirror images ----------------------------------------------------------------------------------------------- */

static double *fill(const dstn_dataset *dataset, const char *list, dstn_scalar scalar, int64_t first_row, int64_t rows,
                    const double *values) {
    dstn_augment *augment = read_good(list);
    double *x = fill_batch(dataset, augment, scalar, 4, first_row, rows, values);
    dstn_augment_destroy(augment);
    return x;
}

/* 1: the image is the mirror image of the other, 0: the other itself. */
static bool is_mirrored(const double *image, const double *plain) {
    bool same = memcmp(image, plain, FEATURES * sizeof *plain) == 0;
    for (int64_t i = 0; !same && i < FEATURES; i++) {
        int64_t y = i / (WIDTH * CHANNELS), x = i / CHANNELS % WIDTH, c = i % CHANNELS;
        assert_true(image[i] == plain[(y * WIDTH + WIDTH - 1 - x) * CHANNELS + c]);
    }
    return !same;
}

static bool draws_a_mirror_image(int64_t row, double rate) {
    double u[2];
    dstn_rng_uniforms(rng, 4, (uint64_t)row, 0, u);
    return u[0] < rate;
}

/* Exactly, of bytes and of numbers, in either precision. */
static void check_flip(const dstn_dataset *dataset, dstn_scalar scalar) {
    double *plain = fill(dataset, "[]", scalar, 0, ROWS, NULL), *half = fill(dataset, "[flip]", scalar, 0, ROWS, NULL);
    double *all = fill(dataset, "[flip: {rate: 1}]", scalar, 0, ROWS, NULL);
    double *none = fill(dataset, "[flip: {rate: 0}]", scalar, 0, ROWS, NULL);
    int mirrored = 0;
    for (int64_t r = 0; r < ROWS; r++) {
        assert_true(is_mirrored(half + r * FEATURES, plain + r * FEATURES) == draws_a_mirror_image(r, 0.5));
        assert_true(is_mirrored(all + r * FEATURES, plain + r * FEATURES));
        mirrored += draws_a_mirror_image(r, 0.5);
    }
    assert_memory_equal(none, plain, ROWS * FEATURES * sizeof *plain);
    assert_true(mirrored > ROWS / 4 && mirrored < ROWS * 3 / 4);
    free(plain);
    free(half);
    free(all);
    free(none);
}

static void mirror_images_are_exact_for_bytes_and_numbers(void **state) {
    (void)state;
    dstn_dataset *bytes = make_images(), *numbers = make_numbers();
    for (dstn_scalar scalar = DSTN_F32; scalar <= DSTN_F64; scalar++) {
        check_flip(bytes, scalar);
        check_flip(numbers, scalar);
    }
    dstn_dataset_destroy(bytes);
    dstn_dataset_destroy(numbers);
}

static void the_rate_of_mirror_images_is_each_example_s_own(void **state) {
    (void)state;
    dstn_dataset *dataset = make_images();
    double values[ROWS][HYPERS];
    for (int r = 0; r < ROWS; r++) {
        values[r][1] = r == 3 ? NAN : r % 3 * 0.5;
    }
    double *plain = fill(dataset, "[]", DSTN_F64, 0, ROWS, NULL);
    double *mixed = fill(dataset, "[flip: {rate: side}]", DSTN_F64, 0, ROWS, &values[0][0]);
    for (int64_t r = 0; r < ROWS; r++) {
        double rate = r == 3 ? 0 : (double)(r % 3) * 0.5;
        assert_true(is_mirrored(mixed + r * FEATURES, plain + r * FEATURES) == draws_a_mirror_image(r, rate));
    }
    free(plain);
    free(mixed);
    dstn_dataset_destroy(dataset);
}

/* A hole is the mean, 0, after normalization: a hole in the bytes would be black. */
static void holes_are_cut_after_normalization_and_where_they_were_drawn(void **state) {
    (void)state;
    dstn_dataset *dataset = make_images();
    const char *list = "[flip: {rate: 1}, cutout: {holes: 1, length: 3}]";
    double *plain = fill(dataset, "[flip: {rate: 1}]", DSTN_F64, 0, ROWS, NULL);
    double *both = fill(dataset, list, DSTN_F64, 0, ROWS, NULL);
    int64_t holes = 0;
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        int64_t r = i / FEATURES, y = i % FEATURES / (WIDTH * CHANNELS), x = i / CHANNELS % WIDTH;
        double u[2];
        dstn_rng_uniforms(rng, 4, (uint64_t)r, (uint64_t)1 << 32, u);
        bool is_hole = is_within(y, (int64_t)(u[0] * HEIGHT), 3) && is_within(x, (int64_t)(u[1] * WIDTH), 3);
        assert_true(both[i] == (is_hole ? 0 : plain[i]));
        holes += is_hole;
    }
    assert_true(holes > ROWS * CHANNELS * 4);
    free(plain);
    free(both);
    dstn_dataset_destroy(dataset);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static void without_a_list_nothing_changes(void **state) {
    (void)state;
    dstn_dataset *dataset = make_images();
    dstn_augment *augment;
    dstn_error err;
    assert_int_equal(dstn_augment_read((dstn_node){0}, dataset, (dstn_names){0}, &augment, &err), DSTN_OK);
    assert_true(dstn_augment_is_empty(augment));
    double *x = augmented(augment, DSTN_F64, 1, 0, ROWS, NULL);
    for (int64_t i = 0; i < ROWS * FEATURES; i++) {
        assert_true(x[i] == 1);
    }
    free(x);
    dstn_augment_destroy(augment);
    dstn_augment_destroy(NULL);
    dstn_dataset_destroy(dataset);
    augment = read_good("[]");
    assert_true(dstn_augment_is_empty(augment));
    dstn_augment_destroy(augment);
    augment = read_good("[cutout: {holes: 1, length: 2}]");
    assert_false(dstn_augment_is_empty(augment));
    dstn_augment_destroy(augment);
}

static void assert_bad(const dstn_dataset *dataset, const char *list, const char *const *parts) {
    dstn_augment *augment;
    dstn_error err = {0};
    assert_int_equal(read_list(list, dataset, &augment, &err), DSTN_ERROR_USAGE);
    assert_null(augment);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

static void bad_lists_are_refused_by_place(void **state) {
    (void)state;
#define BAD(list, ...) assert_bad(dataset, list, (const char *const[]){"job.yaml:2", "augment", __VA_ARGS__, NULL})
    dstn_dataset *dataset = make_images();
    BAD("cutout", "accepted: a list");
    BAD("[cutuot: {holes: 1, length: 2}]", "no augmentation \"cutuot\"", "did you mean \"cutout\"?");
    BAD("[mirror]", "no augmentation \"mirror\"", "accepted: flip, affine, color, crop, cutout");
    BAD("[flip: {rate: 1.5}]", "rate", "1.5", "0 to 1");
    BAD("[flip, cutout: {holes: 1, length: 2}, flip]", "augment.2", "flip acts on pixels",
        "accepted: flip before cutout");
    BAD("[[cutout]]", "accepted: an augmentation's name");
    BAD("[cutout]", "holes", "missing");
    BAD("[cutout: {holes: 1}]", "length", "missing");
    BAD("[cutout: {hole: 1, length: 2}]", "hole", "did you mean \"holes\"?");
    BAD("[cutout: {holes: 1.5, length: 2}]", "holes", "1.5 is no whole number");
    BAD("[cutout: {holes: 1, length: 2.5}]", "length", "2.5 is no whole number");
    BAD("[cutout: {holes: -1, length: 2}]", "holes", "-1");
    BAD("[cutout: {holes: numbr, length: 2}]", "holes", "no hyperparameter \"numbr\"; did you mean \"number\"?",
        "accepted: a number from 0 to 1000, or the name");
    dstn_dataset_destroy(dataset);
    const int64_t shape[] = {12};
    dataset = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 1, shape, 3, 40, 1);
    BAD("[cutout: {holes: 1, length: 2}]", "for images", "12 features");
    dstn_dataset_destroy(dataset);
#undef BAD
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holes_are_squares_cut_off_at_the_border_in_all_channels),
        cmocka_unit_test(a_hole_stays_where_it_is_when_others_come),
        cmocka_unit_test(two_augmentations_of_a_list_draw_apart),
        cmocka_unit_test(centres_are_uniform_over_the_pixels),
        cmocka_unit_test(hyperparameters_count_for_each_example),
        cmocka_unit_test(mirror_images_are_exact_for_bytes_and_numbers),
        cmocka_unit_test(the_rate_of_mirror_images_is_each_example_s_own),
        cmocka_unit_test(holes_are_cut_after_normalization_and_where_they_were_drawn),
        cmocka_unit_test(without_a_list_nothing_changes),
        cmocka_unit_test(bad_lists_are_refused_by_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
