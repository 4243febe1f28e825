/* data: the augmentations of pixels by what is drawn for them: each parameter from a number of its own, pieces and
 * movements by whole pixels, and which images have colors. What becomes of pixels is compared with Pillow elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/data.h"

enum { HEIGHT = 9, WIDTH = 7, ROWS = 64, FIRST = 10, STEP = 4 };

static const dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_AUGMENTATION};

static dstn_dataset *make_bytes(int64_t channels) {
    const int64_t shape[] = {channels, HEIGHT, WIDTH};
    return dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shape, 3, 200, 1);
}

static dstn_status read_list(const char *list, const dstn_dataset *dataset, dstn_augment **out, dstn_error *err) {
    char *text = dstn_format("augment: %s\n", list);
    dstn_doc *doc;
    assert_int_equal(dstn_doc_parse(text, "job.yaml", &doc, err), DSTN_OK);
    free(text);
    dstn_status status =
        dstn_augment_read(dstn_node_child(dstn_doc_root(doc), "augment"), dataset, (dstn_names){0}, out, err);
    dstn_doc_destroy(doc);
    return status;
}

/* Rows FIRST … of a global batch, augmented, as bytes [ROWS, H, W, C], owned by the caller. */
static uint8_t *fill(const dstn_dataset *dataset, const char *list) {
    const dstn_kernel *kernel;
    dstn_augment *augment;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    if (read_list(list, dataset, &augment, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    const dstn_augmenting augmenting = {augment, rng, STEP, NULL, 0};
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    int64_t indices[ROWS], count = ROWS * dataset->features;
    for (int64_t r = 0; r < ROWS; r++) {
        indices[r] = r;
    }
    assert_true(dstn_batch_bind(&batch, dataset, kernel, ROWS, 1, arena));
    dstn_batch_fill(&batch, dataset, kernel, DSTN_PART_TRAIN, indices, 1, ROWS, FIRST, 1000, &augmenting);
    uint8_t *bytes = dstn_alloc((size_t)count, 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = i % dataset->channels;
        bytes[i] = (uint8_t)lround((((const double *)batch.x)[i] - dataset->shift[at]) / dataset->scale[at]);
    }
    dstn_arena_destroy(arena);
    dstn_augment_destroy(augment);
    return bytes;
}

static void uniforms(int64_t row, uint64_t lane, double u[2]) {
    dstn_rng_uniforms(rng, STEP, (uint64_t)(FIRST + row), lane, u);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* "[affine: {shear: 20, rotation: 1e-9, …}]": one strength, and the others so small that they change nothing, or none.
 */
static char *list_of(const char *name, const char *const *keys, int count, int chosen, double strength, double others) {
    char text[256];
    int used = snprintf(text, sizeof text, "[%s: {%s: %g", name, keys[chosen], strength);
    for (int k = 0; k < count; k++) {
        if (k != chosen && others > 0) {
            used += snprintf(text + used, sizeof text - (size_t)used, ", %s: %g", keys[k], others);
        }
    }
    return dstn_format("%s}]", text);
}

/* Else the passes of Δ-STN, whose strengths differ, would see unlike images, and a strength's effect would be hidden
 * behind the noise of the others'. */
static void check_draws(const char *name, const char *const *keys, const double *strengths, int count) {
    dstn_dataset *dataset = make_bytes(3);
    uint8_t *plain = fill(dataset, "[]");
    for (int k = 0; k < count; k++) {
        char *lists[] = {list_of(name, keys, count, k, strengths[k], 0),
                         list_of(name, keys, count, k, strengths[k], 1e-9)};
        uint8_t *alone = fill(dataset, lists[0]), *with = fill(dataset, lists[1]);
        size_t bytes = (size_t)(ROWS * dataset->features);
        if (memcmp(alone, with, bytes) != 0 || memcmp(alone, plain, bytes) == 0) {
            fail_msg("%s and %s should be the same, and change images", lists[0], lists[1]);
        }
        free(alone);
        free(with);
        free(lists[0]);
        free(lists[1]);
    }
    free(plain);
    dstn_dataset_destroy(dataset);
}

static void a_draw_stays_where_it_is_when_another_strength_changes(void **state) {
    (void)state;
    const char *const moves[] = {"rotation", "shear", "scale", "translation"};
    check_draws("affine", moves, (const double[]){30, 20, 0.5, 0.4}, 4);
    const char *const colors[] = {"brightness", "contrast", "saturation"};
    check_draws("color", colors, (const double[]){0.5, 0.7, 0.9}, 3);
}

/* ---- movements --------------------------------------------------------------------------------------------------- */

/* That image `moved` has at (y, x) what the other has at (y + down, x + right), 0 where that lies outside. */
static void check_moved(const uint8_t *moved, const uint8_t *plain, int64_t channels, int64_t down, int64_t right) {
    for (int64_t y = 0; y < HEIGHT; y++) {
        for (int64_t x = 0; x < WIDTH; x++) {
            int64_t from_y = y + down, from_x = x + right;
            bool is_inside = from_y >= 0 && from_y < HEIGHT && from_x >= 0 && from_x < WIDTH;
            for (int64_t c = 0; c < channels; c++) {
                uint8_t want = is_inside ? plain[(from_y * WIDTH + from_x) * channels + c] : 0;
                assert_int_equal(moved[(y * WIDTH + x) * channels + c], want);
            }
        }
    }
}

/* All 2p + 1 places of each axis as likely, a piece beyond the image's end empty. */
static void a_crop_is_a_piece_of_the_padded_image(void **state) {
    (void)state;
    for (int64_t channels = 1; channels <= 3; channels++) {
        dstn_dataset *dataset = make_bytes(channels);
        uint8_t *plain = fill(dataset, "[]");
        for (int padding = 0; padding < 12; padding += 1 + padding) {
            char list[64];
            snprintf(list, sizeof list, "[crop: {padding: %d}]", padding);
            uint8_t *cropped = fill(dataset, list);
            for (int64_t r = 0; r < ROWS; r++) {
                double u[2];
                uniforms(r, 0, u);
                int64_t places = 2 * padding + 1, at = r * dataset->features;
                check_moved(cropped + at, plain + at, channels, (int64_t)(u[0] * (double)places) - padding,
                            (int64_t)(u[1] * (double)places) - padding);
            }
            free(cropped);
        }
        free(plain);
        dstn_dataset_destroy(dataset);
    }
}

static void translations_are_rounded_to_whole_pixels(void **state) {
    (void)state;
    dstn_dataset *dataset = make_bytes(2);
    uint8_t *plain = fill(dataset, "[]"), *moved = fill(dataset, "[affine: {translation: 0.4}]");
    for (int64_t r = 0; r < ROWS; r++) {
        double u[2];
        uniforms(r, 1, u);
        int64_t right = lrint(0.4 * WIDTH * (2 * u[0] - 1)), down = lrint(0.4 * HEIGHT * (2 * u[1] - 1));
        check_moved(moved + r * dataset->features, plain + r * dataset->features, 2, -down, -right);
    }
    free(plain);
    free(moved);
    dstn_dataset_destroy(dataset);
}

/* ---- colors ------------------------------------------------------------------------------------------------------ */

static void assert_refused(const dstn_dataset *dataset, const char *list, const char *const *parts) {
    dstn_augment *augment;
    dstn_error err = {0};
    assert_int_equal(read_list(list, dataset, &augment, &err), DSTN_ERROR_USAGE);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

static void colors_are_for_bytes_of_one_or_three_channels(void **state) {
    (void)state;
#define REFUSED(list, ...) assert_refused(dataset, list, (const char *const[]){"augment.0.color", __VA_ARGS__, NULL})
    dstn_dataset *dataset = make_bytes(1);
    uint8_t *plain = fill(dataset, "[]"), *changed = fill(dataset, "[color: {brightness: 1, contrast: 1}]");
    assert_memory_not_equal(changed, plain, (size_t)(ROWS * dataset->features));
    free(plain);
    free(changed);
    REFUSED("[color: {brightness: 1, saturation: 0.5}]", "saturation", "accepted: brightness and contrast");
    REFUSED("[color: {hue: 0.1}]", "hue", "one channel", "accepted: brightness and contrast");
    REFUSED("[color: {hue: 0.6}]", "hue", "0.6", "0 to 0.5");
    dstn_dataset_destroy(dataset);
    dataset = make_bytes(2);
    REFUSED("[color: {brightness: 1}]", "2 channels", "accepted: 3 channels or 1");
    dstn_dataset_destroy(dataset);
    const int64_t shape[] = {3, HEIGHT, WIDTH};
    dataset = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 3, shape, 3, 40, 1);
    REFUSED("[color: {brightness: 1}]", "images of numbers", "accepted: images of bytes", "uint8");
    dstn_dataset_destroy(dataset);
#undef REFUSED
}

static void what_changes_nothing_is_refused(void **state) {
    (void)state;
    dstn_dataset *dataset = make_bytes(3);
    assert_refused(dataset, "[color]", (const char *const[]){"augment.0", "brightness, contrast, saturation", NULL});
    assert_refused(dataset, "[flip, affine: {shear: 0}]",
                   (const char *const[]){"augment.1.affine", "rotation, shear, scale", NULL});
    dstn_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draw_stays_where_it_is_when_another_strength_changes),
        cmocka_unit_test(a_crop_is_a_piece_of_the_padded_image),
        cmocka_unit_test(translations_are_rounded_to_whole_pixels),
        cmocka_unit_test(what_changes_nothing_is_refused),
        cmocka_unit_test(colors_are_for_bytes_of_one_or_three_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
