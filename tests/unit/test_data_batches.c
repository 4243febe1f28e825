/* data: the order of examples, batches gathered from it, and synthetic data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/data.h"

static const dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_ORDER};

enum { ROWS = 23, BATCH = 5, BATCHES = 4 };

/* Every example at most once an epoch, the incomplete last batch dropped, another order the next time. */
static void an_epoch_is_the_start_of_its_permutation(void **state) {
    (void)state;
    dstn_sampler *sampler = dstn_sampler_new(&(dstn_sampler_request){.rng = rng, .rows = ROWS, .batch = BATCH});
    assert_int_equal(dstn_sampler_batches(sampler, 0), BATCHES);
    int64_t order[ROWS], last[ROWS] = {0};
    for (int epoch = 0; epoch < 3; epoch++) {
        dstn_rng_permutation(rng, (uint64_t)epoch, ROWS, order);
        assert_memory_not_equal(order, last, sizeof order);
        memcpy(last, order, sizeof order);
        for (int b = 0; b < BATCHES; b++) {
            assert_int_equal(dstn_sampler_epoch(sampler, dstn_sampler_position(sampler)), epoch);
            assert_int_equal(dstn_sampler_position(sampler), epoch * BATCHES + b);
            assert_memory_equal(dstn_sampler_next(sampler).indices, order + b * BATCH, BATCH * sizeof(int64_t));
        }
    }
    assert_int_equal(dstn_sampler_epoch(sampler, dstn_sampler_position(sampler)), 3);
    dstn_sampler_destroy(sampler);
    dstn_sampler_destroy(NULL);
}

static void a_resumed_sampler_continues_anywhere(void **state) {
    (void)state;
    enum { STEPS = 3 * BATCHES + 2 };
    int64_t want[STEPS][BATCH];
    dstn_sampler *sampler = dstn_sampler_new(&(dstn_sampler_request){.rng = rng, .rows = ROWS, .batch = BATCH});
    for (int s = 0; s < STEPS; s++) {
        memcpy(want[s], dstn_sampler_next(sampler).indices, sizeof want[s]);
    }
    for (int s = STEPS - 1; s >= 0; s--) {
        dstn_sampler_seek(sampler, s);
        assert_int_equal(dstn_sampler_position(sampler), s);
        assert_int_equal(dstn_sampler_epoch(sampler, dstn_sampler_position(sampler)), s / BATCHES);
        assert_memory_equal(dstn_sampler_next(sampler).indices, want[s], sizeof want[s]);
    }
    dstn_sampler_destroy(sampler);
}

static void a_batch_may_be_the_whole_part(void **state) {
    (void)state;
    dstn_sampler *sampler = dstn_sampler_new(&(dstn_sampler_request){.rng = rng, .rows = ROWS, .batch = ROWS});
    assert_int_equal(dstn_sampler_batches(sampler, 0), 1);
    for (int epoch = 0; epoch < 2; epoch++) {
        const int64_t *batch = dstn_sampler_next(sampler).indices;
        int64_t sum = 0;
        for (int i = 0; i < ROWS; i++) {
            sum += batch[i];
        }
        assert_int_equal(sum, ROWS * (ROWS - 1) / 2);
    }
    dstn_sampler_destroy(sampler);
}

static const int64_t shape[] = {3, 2, 2};

static const dstn_kernel *kernel_of(dstn_scalar scalar) {
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", scalar, &kernel, &err), DSTN_OK);
    return kernel;
}

static void check_gather(dstn_task task, dstn_scalar scalar) {
    const int64_t indices[] = {7, 0, 7, 3};
    const dstn_kernel *kernel = kernel_of(scalar);
    dstn_dataset *dataset = dstn_dataset_synthetic(task, 3, shape, 5, 40, 2);
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    double x[4 * 12], targets[4 * 5];
    bool regresses = task == DSTN_TASK_REGRESSION;
    assert_true(dstn_batch_bind(&batch, dataset, kernel, 4, 1, arena));
    assert_true(regresses ? batch.targets && !batch.labels : batch.labels && !batch.targets);
    dstn_batch_fill(&batch, dataset, kernel, DSTN_PART_VALID, indices, 1, 4, 0, 4, NULL);
    kernel->to_double(kernel, 4 * 12, batch.x, x);
    if (regresses) {
        kernel->to_double(kernel, 4 * 5, batch.targets, targets);
    }
    double tolerance = scalar == DSTN_F32 ? 1e-6 : 0;
    for (int i = 0; i < 4; i++) {
        for (int f = 0; f < 12; f++) {
            assert_true(fabs(x[12 * i + f] - dataset->x[DSTN_PART_VALID][12 * indices[i] + f]) <= tolerance);
        }
        for (int c = 0; regresses && c < 5; c++) {
            assert_true(fabs(targets[5 * i + c] - dataset->targets[DSTN_PART_VALID][5 * indices[i] + c]) <= tolerance);
        }
        if (!regresses) {
            assert_int_equal(batch.labels[i], dataset->labels[DSTN_PART_VALID][indices[i]]);
        }
    }
    dstn_arena_destroy(arena);
    dstn_dataset_destroy(dataset);
}

/* What a pass and an observer ask of a batch, with a smaller one after a larger. */
static void a_batch_knows_its_place_in_the_global_one(void **state) {
    (void)state;
    const int64_t indices[] = {7, 0, 7, 3};
    const dstn_kernel *kernel = kernel_of(DSTN_F64);
    dstn_dataset *dataset = dstn_dataset_synthetic(DSTN_TASK_REGRESSION, 3, shape, 5, 40, 2);
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    assert_true(dstn_batch_bind(&batch, dataset, kernel, 4, 1, arena));
    for (int64_t rows = 4; rows > 0; rows--) {
        dstn_part part = rows % 2 ? DSTN_PART_VALID : DSTN_PART_TRAIN;
        dstn_batch_fill(&batch, dataset, kernel, part, indices, 1, rows, 10 + rows, 30 + rows, NULL);
        assert_int_equal(batch.rows, rows);
        assert_int_equal(batch.first_row, 10 + rows);
        assert_int_equal(batch.global_rows, 30 + rows);
        assert_int_equal(batch.part, part);
        assert_ptr_equal(batch.indices, indices);
        assert_int_equal(batch.steps, 1);
        assert_true(!batch.carried && !batch.tokens && !batch.pixels);
        assert_memory_equal(batch.x, dataset->x[part] + 7 * 12, 12 * sizeof(double));
    }
    dstn_arena_destroy(arena);
    dstn_dataset_destroy(dataset);
}

static void gathered_rows_are_those_that_were_asked_for(void **state) {
    (void)state;
    check_gather(DSTN_TASK_REGRESSION, DSTN_F32);
    check_gather(DSTN_TASK_REGRESSION, DSTN_F64);
    check_gather(DSTN_TASK_CLASSIFICATION, DSTN_F32);
    check_gather(DSTN_TASK_CLASSIFICATION, DSTN_F64);
}

/* What a step sees of an image is its bytes, normalized, in the kernel's scalar type. */
static void check_bytes(dstn_scalar scalar, double tolerance) {
    const int64_t indices[] = {7, 0, 7, 3};
    const dstn_kernel *kernel = kernel_of(scalar);
    dstn_dataset *dataset = dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shape, 5, 40, 2);
    dataset->scale[0] = 1 / (255 * 0.3081);
    dataset->shift[0] = -0.1307 / 0.3081;
    assert_true(dstn_dataset_is_valid(dataset));
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    double x[4 * 12];
    assert_true(dstn_batch_bind(&batch, dataset, kernel, 4, 1, arena));
    dstn_batch_fill(&batch, dataset, kernel, DSTN_PART_VALID, indices, 1, 4, 0, 4, NULL);
    kernel->to_double(kernel, 4 * 12, batch.x, x);
    for (int i = 0; i < 4; i++) {
        for (int f = 0; f < 12; f++) {
            double byte = dataset->bytes[DSTN_PART_VALID][12 * indices[i] + f];
            assert_true(fabs(x[12 * i + f] - (byte / 255 - 0.1307) / 0.3081) <= tolerance);
        }
        assert_int_equal(batch.labels[i], dataset->labels[DSTN_PART_VALID][indices[i]]);
    }
    dstn_arena_destroy(arena);
    dstn_dataset_destroy(dataset);
}

static void gathered_bytes_are_normalized(void **state) {
    (void)state;
    check_bytes(DSTN_F32, 1e-6);
    check_bytes(DSTN_F64, 1e-14);
}

static void synthetic_bytes_decode_to_mean_0_and_deviation_1(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic_bytes(DSTN_TASK_REGRESSION, 3, shape, 1, 2000, 2);
    assert_true(dstn_dataset_is_valid(dataset));
    double sum = 0, squares = 0;
    int64_t count = 1500 * 12, seen[256] = {0};
    for (int64_t i = 0; i < count; i++) {
        uint8_t byte = dataset->bytes[DSTN_PART_TRAIN][i];
        double x = dataset->scale[0] * byte + dataset->shift[0];
        sum += x;
        squares += x * x;
        seen[byte]++;
    }
    assert_true(fabs(sum / (double)count) < 5 / sqrt((double)count));
    assert_true(fabs(squares / (double)count - 1) < 5 / sqrt((double)count));
    assert_true(seen[0] > 0 && seen[255] > 0);
    dataset->scale[0] = 0;
    assert_false(dstn_dataset_is_valid(dataset));
    dstn_dataset_destroy(dataset);
}

static void synthetic_data_are_standard_normal(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic(DSTN_TASK_REGRESSION, 3, shape, 5, 2001, 2);
    assert_true(dstn_dataset_is_valid(dataset));
    assert_int_equal(dataset->rows[DSTN_PART_VALID], 500);
    assert_int_equal(dataset->rows[DSTN_PART_TRAIN], 1501);
    assert_int_equal(dataset->features, 12);
    double sum = 0, squares = 0, products = 0;
    int64_t count = 1501 * 12;
    for (int64_t i = 0; i < count; i++) {
        double x = dataset->x[DSTN_PART_TRAIN][i];
        sum += x;
        squares += x * x;
        products += x * dataset->x[DSTN_PART_TRAIN][(i + 1) % count];
    }
    assert_true(fabs(sum / (double)count) < 5 / sqrt((double)count));
    assert_true(fabs(squares / (double)count - 1) < 5 * sqrt(2 / (double)count));
    assert_true(fabs(products / (double)count) < 5 / sqrt((double)count));
    /* Neither the targets nor the validation part repeat the training part's numbers. */
    assert_memory_not_equal(dataset->x[DSTN_PART_TRAIN], dataset->x[DSTN_PART_VALID], 12 * sizeof(double));
    assert_memory_not_equal(dataset->x[DSTN_PART_TRAIN], dataset->targets[DSTN_PART_TRAIN], 2 * sizeof(double));
    dstn_dataset_destroy(dataset);
}

static void synthetic_labels_cover_all_classes_alike(void **state) {
    (void)state;
    enum { CLASSES = 7, COUNT = 7000 };
    dstn_dataset *dataset = dstn_dataset_synthetic(DSTN_TASK_CLASSIFICATION, 1, shape, CLASSES, COUNT / 3 * 4, 2);
    assert_true(dstn_dataset_is_valid(dataset));
    int64_t seen[CLASSES] = {0}, rows = dataset->rows[DSTN_PART_TRAIN];
    for (int64_t r = 0; r < rows; r++) {
        seen[dataset->labels[DSTN_PART_TRAIN][r]]++;
    }
    for (int c = 0; c < CLASSES; c++) {
        assert_true(fabs((double)seen[c] - (double)rows / CLASSES) < 5 * sqrt((double)rows / CLASSES));
    }
    dataset->labels[DSTN_PART_VALID][3] = CLASSES;
    assert_false(dstn_dataset_is_valid(dataset));
    dataset->labels[DSTN_PART_VALID][3] = 0;
    dataset->x[DSTN_PART_TRAIN][11] = NAN;
    assert_false(dstn_dataset_is_valid(dataset));
    dstn_dataset_destroy(dataset);
    dstn_dataset_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_is_the_start_of_its_permutation),
        cmocka_unit_test(a_resumed_sampler_continues_anywhere),
        cmocka_unit_test(a_batch_may_be_the_whole_part),
        cmocka_unit_test(gathered_rows_are_those_that_were_asked_for),
        cmocka_unit_test(a_batch_knows_its_place_in_the_global_one),
        cmocka_unit_test(gathered_bytes_are_normalized),
        cmocka_unit_test(synthetic_bytes_decode_to_mean_0_and_deviation_1),
        cmocka_unit_test(synthetic_data_are_standard_normal),
        cmocka_unit_test(synthetic_labels_cover_all_classes_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
