/* The task whose best augmentation is known: its pictures are the same everywhere, and what changes them is what the
 * limits say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dstn/data.h"

enum { SIDE = 32, PIXELS = SIDE * SIDE };

static const dstn_synth all_limits = {7, {30, 20, 0.3, 0.2, 0.5, 0.6, 0.7, 0.2}};

static dstn_synth usual(uint32_t seed) {
    dstn_synth task = {.seed = seed};
    for (int i = 0; i < DSTN_SYNTH_LIMITS; i++) {
        task.limits[i] = dstn_synth_limits[i].usual;
    }
    return task;
}

/* One limit alone. */
static dstn_synth only(dstn_synth_kind kind, double limit) {
    dstn_synth task = {.seed = 3};
    task.limits[kind] = limit;
    return task;
}

/* FNV-1a of what two files begin with, found once: no libm, and no machine, has a say in it. */
static void bytes_are_the_same_on_every_machine(void **state) {
    (void)state;
    dstn_synth task = usual(0);
    uint64_t hash = UINT64_C(14695981039346656037);
    for (int i = 0; i < 60; i++) {
        uint8_t planes[DSTN_SYNTH_BYTES];
        hash = (hash ^ (uint64_t)dstn_synth_image(&task, i % 2 ? 4 : 0, i / 2, i % 2, planes, NULL)) *
               UINT64_C(1099511628211);
        for (int b = 0; b < DSTN_SYNTH_BYTES; b++) {
            hash = (hash ^ planes[b]) * UINT64_C(1099511628211);
        }
    }
    assert_int_equal(hash, UINT64_C(0x1dd04c0ce877027e));
}

static void pictures_differ_by_seed_file_and_row(void **state) {
    (void)state;
    const dstn_synth tasks[2] = {usual(0), usual(1)};
    uint8_t planes[4][DSTN_SYNTH_BYTES];
    dstn_synth_image(&tasks[0], 0, 0, false, planes[0], NULL);
    dstn_synth_image(&tasks[1], 0, 0, false, planes[1], NULL);
    dstn_synth_image(&tasks[0], 1, 0, false, planes[2], NULL);
    dstn_synth_image(&tasks[0], 0, 1, false, planes[3], NULL);
    for (int i = 1; i < 4; i++) {
        assert_memory_not_equal(planes[0], planes[i], DSTN_SYNTH_BYTES);
    }
}

static void what_is_learned_from_is_not_changed(void **state) {
    (void)state;
    const dstn_synth none = {.seed = 7};
    uint8_t plain[DSTN_SYNTH_BYTES], unchanged[DSTN_SYNTH_BYTES], changed[DSTN_SYNTH_BYTES];
    dstn_synth_change made;
    for (int row = 0; row < 10; row++) {
        int label = dstn_synth_image(&all_limits, 0, row, false, plain, &made);
        assert_true(made.rotation == 0 && made.shear == 0 && made.scale == 1 && made.hue == 0);
        assert_true(made.translation[0] == 0 && made.translation[1] == 0);
        assert_true(made.brightness == 1 && made.contrast == 1 && made.saturation == 1);
        assert_int_equal(dstn_synth_image(&none, 0, row, true, unchanged, NULL), label);
        assert_memory_equal(plain, unchanged, DSTN_SYNTH_BYTES);
        assert_int_equal(dstn_synth_image(&all_limits, 0, row, true, changed, NULL), label);
        assert_memory_not_equal(plain, changed, DSTN_SYNTH_BYTES);
    }
}

static void changes_fill_their_limits_and_keep_within(void **state) {
    (void)state;
    enum { ROWS = 400, DRAWN = 9 };
    double low[DRAWN], high[DRAWN], mean[DRAWN] = {0};
    int classes[DSTN_SYNTH_CLASSES] = {0}, first[4] = {0};
    for (int row = 0; row < ROWS; row++) {
        uint8_t planes[DSTN_SYNTH_BYTES];
        dstn_synth_change made;
        classes[dstn_synth_image(&all_limits, 4, row, true, planes, &made)]++;
        first[made.order[0] - DSTN_SYNTH_BRIGHTNESS]++;
        const double *limits = all_limits.limits;
        const double parts[DRAWN] = {made.rotation / limits[DSTN_SYNTH_ROTATION],
                                     made.shear / limits[DSTN_SYNTH_SHEAR],
                                     (made.scale - 1) / limits[DSTN_SYNTH_SCALE],
                                     made.translation[0] / limits[DSTN_SYNTH_TRANSLATION],
                                     made.translation[1] / limits[DSTN_SYNTH_TRANSLATION],
                                     (made.brightness - 1) / limits[DSTN_SYNTH_BRIGHTNESS],
                                     (made.contrast - 1) / limits[DSTN_SYNTH_CONTRAST],
                                     (made.saturation - 1) / limits[DSTN_SYNTH_SATURATION],
                                     made.hue / limits[DSTN_SYNTH_HUE]};
        for (int i = 0; i < DRAWN; i++) {
            low[i] = row && low[i] < parts[i] ? low[i] : parts[i];
            high[i] = row && high[i] > parts[i] ? high[i] : parts[i];
            mean[i] += parts[i] / ROWS;
        }
    }
    for (int i = 0; i < DRAWN; i++) {
        assert_true(low[i] >= -1 && low[i] < -0.95 && high[i] <= 1 && high[i] > 0.95);
        assert_true(fabs(mean[i]) < 0.12); /* 4 standard errors */
    }
    for (int c = 0; c < DSTN_SYNTH_CLASSES; c++) {
        assert_in_range(classes[c], 16, 64);
    }
    for (int i = 0; i < 4; i++) {
        assert_in_range(first[i], 65, 135);
    }
}

/* How far a point lies inside of the frame that the change moves, in pixels: the smallest distance to the lines through
 * its corners, which torchvision's matrix T(t) R(angle) [1 −tan(shear); 0 1] scale moves forward. */
static double inside_by(const dstn_synth_change *made, double x, double y) {
    const double degree = acos(-1) / 180, slant = tan(made->shear * degree);
    const double c = cos(made->rotation * degree), s = sin(made->rotation * degree);
    double corners[4][2], least = INFINITY;
    for (int i = 0; i < 4; i++) {
        double own_x = (i == 1 || i == 2 ? 1 : -1), own_y = (i >= 2 ? 1 : -1);
        double slanted = own_x - slant * own_y;
        corners[i][0] = made->scale * (c * slanted - s * own_y) + 2 * made->translation[0];
        corners[i][1] = made->scale * (s * slanted + c * own_y) + 2 * made->translation[1];
    }
    for (int i = 0; i < 4; i++) {
        const double *from = corners[i], *to = corners[(i + 1) % 4];
        double along[2] = {to[0] - from[0], to[1] - from[1]};
        double cross = along[0] * (y - from[1]) - along[1] * (x - from[0]);
        double distance = cross / hypot(along[0], along[1]) * SIDE / 2;
        least = distance < least ? distance : least;
    }
    return least;
}

static void geometry_is_that_of_affine(void **state) {
    (void)state;
    dstn_synth task = all_limits;
    memset(task.limits + DSTN_SYNTH_BRIGHTNESS, 0, 4 * sizeof *task.limits);
    int outside = 0, within = 0, dark = 0;
    for (int row = 0; row < 40; row++) {
        uint8_t planes[DSTN_SYNTH_BYTES];
        dstn_synth_change made;
        dstn_synth_image(&task, 5, row, true, planes, &made);
        for (int p = 0; p < PIXELS; p++) {
            double x = (2 * (p % SIDE) + 1.) / SIDE - 1, y = (2 * (p / SIDE) + 1.) / SIDE - 1;
            double by = inside_by(&made, x, y);
            bool is_black = planes[p] == 0 && planes[PIXELS + p] == 0 && planes[2 * PIXELS + p] == 0;
            if (by < -1.2) {
                assert_true(is_black);
                outside++;
            } else if (by > 1.2) {
                dark += is_black;
                within++;
            }
        }
    }
    assert_true(outside > 2000);
    assert_true(dark < within / 100);
}

static void colours_are_those_of_color(void **state) {
    (void)state;
    const dstn_synth bright = only(DSTN_SYNTH_BRIGHTNESS, 0.9), turned = only(DSTN_SYNTH_HUE, 0.4);
    for (int row = 0; row < 10; row++) {
        uint8_t plain[DSTN_SYNTH_BYTES], planes[DSTN_SYNTH_BYTES];
        dstn_synth_change made;
        dstn_synth_image(&bright, 5, row, false, plain, NULL);
        dstn_synth_image(&bright, 5, row, true, planes, &made);
        for (int b = 0; b < DSTN_SYNTH_BYTES; b++) {
            assert_true(fabs(fmin(plain[b] * made.brightness, 255) - planes[b]) < 1.5);
        }
        /* A turn of hue keeps the largest and the smallest of three, and turns (1, 0, 0) by thirds of a turn. */
        dstn_synth_image(&turned, 5, row, true, planes, &made);
        double angle = 0, weight = 0;
        for (int p = 0; p < PIXELS; p++) {
            double was[3], is[3];
            for (int c = 0; c < 3; c++) {
                was[c] = plain[c * PIXELS + p];
                is[c] = planes[c * PIXELS + p];
            }
            assert_true(fabs(fmax(was[0], fmax(was[1], was[2])) - fmax(is[0], fmax(is[1], is[2]))) < 1.5);
            assert_true(fabs(fmin(was[0], fmin(was[1], was[2])) - fmin(is[0], fmin(is[1], is[2]))) < 1.5);
            double turn = atan2(sqrt(3) * (is[1] - is[2]), 2 * is[0] - is[1] - is[2]) -
                          atan2(sqrt(3) * (was[1] - was[2]), 2 * was[0] - was[1] - was[2]);
            turn /= 2 * acos(-1);
            double chroma = fmax(was[0], fmax(was[1], was[2])) - fmin(was[0], fmin(was[1], was[2]));
            angle += chroma * (turn - made.hue - round(turn - made.hue));
            weight += chroma;
        }
        assert_true(fabs(angle / weight) < 0.01);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_the_same_on_every_machine),
        cmocka_unit_test(pictures_differ_by_seed_file_and_row),
        cmocka_unit_test(what_is_learned_from_is_not_changed),
        cmocka_unit_test(changes_fill_their_limits_and_keep_within),
        cmocka_unit_test(geometry_is_that_of_affine),
        cmocka_unit_test(colours_are_those_of_color),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
