/* data: texts: their data sets, the pieces that batches take of their streams, and synthetic ones. */
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

enum { MOST_EPOCHS = 6, SHORTEST = 5, ABOVE = 20 };

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

/* Walks an epoch: every stream is read from its beginning, without gaps, and what is left at its end is too short.
 * Returns the batches. */
static int64_t walk_epoch(dstn_sampler *sampler, const dstn_sampler_request *request) {
    int64_t places = request->rows / request->batch, at = 0, batches = 0,
            epoch = dstn_sampler_epoch(sampler, dstn_sampler_position(sampler));
    while (dstn_sampler_epoch(sampler, dstn_sampler_position(sampler)) == epoch) {
        dstn_draw draw = dstn_sampler_next(sampler);
        assert_int_equal(draw.carried, batches > 0);
        for (int64_t b = 0; b < request->batch; b++) {
            assert_int_equal(draw.indices[b], b * places + at);
        }
        assert_true(draw.steps >= 1 && draw.steps <= dstn_sampler_most_steps(sampler));
        at += draw.steps;
        batches++;
    }
    assert_true(at <= places && batches == dstn_sampler_batches(sampler, epoch));
    assert_true(request->varies || places - at < dstn_sampler_most_steps(sampler));
    return batches;
}

/* Rows, batch, length; an odd remainder, a length that fits exactly, one longer than a stream, one stream, single
 * places. */
static const dstn_sampler_request requests[] = {
    {.rows = 1003, .batch = 4, .length = 7}, {.rows = 40, .batch = 4, .length = 5},
    {.rows = 41, .batch = 4, .length = 70},  {.rows = 100, .batch = 1, .length = 9},
    {.rows = 12, .batch = 12, .length = 3},  {.rows = 9, .batch = 2, .length = 1},
    {.rows = 9000, .batch = 3, .length = 70}};

enum { REQUESTS = sizeof requests / sizeof requests[0] };

static void streams_are_read_from_their_beginnings_piece_after_piece(void **state) {
    (void)state;
    for (size_t i = 0; i < 2 * (size_t)REQUESTS; i++) {
        dstn_sampler_request request = requests[i / 2];
        request.rng = rng;
        request.varies = i % 2;
        dstn_sampler *sampler = dstn_sampler_new(&request);
        int64_t before = 0;
        for (int epoch = 0; epoch < MOST_EPOCHS; epoch++) {
            assert_int_equal(dstn_sampler_before(sampler, epoch), before);
            before += walk_epoch(sampler, &request);
            assert_int_equal(dstn_sampler_position(sampler), before);
        }
        dstn_sampler_destroy(sampler);
    }
}

static void batches_of_a_text_have_the_length_that_was_asked_for(void **state) {
    (void)state;
    static const int64_t most[REQUESTS] = {7, 5, 10, 9, 1, 1, 70}, batches[REQUESTS] = {35, 2, 1, 11, 1, 4, 42};
    for (int i = 0; i < REQUESTS; i++) {
        dstn_sampler *sampler = dstn_sampler_new(&requests[i]);
        assert_int_equal(dstn_sampler_most_steps(sampler), most[i]);
        assert_int_equal(dstn_sampler_batches(sampler, 3), batches[i]);
        assert_int_equal(dstn_sampler_next(sampler).steps, most[i]);
        dstn_sampler_destroy(sampler);
    }
}

/* One in 20 around half of the length, the others around it, with a deviation of 5. Merity et al. (2018) */
static void varied_lengths_are_distributed_as_they_should(void **state) {
    (void)state;
    enum { LENGTH = 70, EPOCHS = 40 };
    dstn_sampler *sampler = dstn_sampler_new(
        &(dstn_sampler_request){.rng = rng, .rows = 20000, .batch = 2, .length = LENGTH, .varies = true});
    double sum = 0, squares = 0, halves = 0, wholes = 0;
    int64_t first[2] = {0}, half_at[2] = {-1, -1};
    while (dstn_sampler_epoch(sampler, dstn_sampler_position(sampler)) < EPOCHS) {
        int64_t position = dstn_sampler_position(sampler), epoch = dstn_sampler_epoch(sampler, position);
        int64_t steps = dstn_sampler_next(sampler).steps;
        assert_true(steps >= SHORTEST && steps <= LENGTH + ABOVE);
        if (epoch < 2 && position == dstn_sampler_before(sampler, epoch)) {
            first[epoch] = steps;
        }
        if (epoch < 2 && steps <= LENGTH * 3 / 4 && half_at[epoch] < 0) {
            half_at[epoch] = position - dstn_sampler_before(sampler, epoch);
        }
        halves += steps <= LENGTH * 3 / 4;
        if (steps > LENGTH * 3 / 4) {
            wholes++;
            sum += (double)steps;
            squares += (double)(steps * steps);
        }
    }
    double all = halves + wholes, mean = sum / wholes, deviation = sqrt(squares / wholes - mean * mean);
    assert_true(fabs(halves / all - 0.05) < 5 * sqrt(0.05 * 0.95 / all));
    assert_true(fabs(mean - (LENGTH - 0.5)) < 5 * 5 / sqrt(wholes));
    assert_true(fabs(deviation - 5) < 0.25);
    assert_true(first[0] != first[1] && half_at[0] != half_at[1]);
    dstn_sampler_destroy(sampler);
}

/* Lengths below 10 would have halves below 5, and longer ones go up to 20 more. */
static void varied_lengths_keep_their_bounds(void **state) {
    (void)state;
    static const int64_t lengths[] = {1, 4, 12, 100};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        dstn_sampler_request request = {.rng = rng, .rows = 30000, .batch = 3, .length = lengths[i], .varies = true};
        dstn_sampler *sampler = dstn_sampler_new(&request);
        int64_t least = INT64_MAX, most = 0;
        assert_int_equal(dstn_sampler_most_steps(sampler), lengths[i] + ABOVE);
        for (int s = 0; s < 3000; s++) {
            int64_t steps = dstn_sampler_next(sampler).steps;
            least = steps < least ? steps : least;
            most = steps > most ? steps : most;
        }
        assert_true(least >= SHORTEST && most <= lengths[i] + ABOVE);
        assert_true(lengths[i] > 12 || least == SHORTEST);
        dstn_sampler_destroy(sampler);
    }
}

typedef struct piece {
    int64_t first, steps;
    bool carried;
} piece;

/* Forwards, backwards, and with questions about other epochs in between. */
static void a_resumed_text_goes_on_anywhere(void **state) {
    (void)state;
    enum { STEPS = 60 };
    for (int varies = 0; varies < 2; varies++) {
        dstn_sampler_request request = {.rng = rng, .rows = 1000, .batch = 3, .length = 30, .varies = varies};
        dstn_sampler *sampler = dstn_sampler_new(&request);
        piece want[STEPS];
        for (int s = 0; s < STEPS; s++) {
            dstn_draw draw = dstn_sampler_next(sampler);
            want[s] = (piece){draw.indices[1], draw.steps, draw.carried};
        }
        for (int i = 0; i < 3 * STEPS; i++) {
            int s = i < STEPS ? STEPS - 1 - i : i * 7 % STEPS;
            dstn_sampler_seek(sampler, s);
            int64_t epoch = dstn_sampler_epoch(sampler, s), before = dstn_sampler_before(sampler, i % 5);
            assert_true(before >= i % 5 && dstn_sampler_epoch(sampler, before) == i % 5);
            assert_true(dstn_sampler_before(sampler, epoch) <= s && dstn_sampler_before(sampler, epoch + 1) > s);
            dstn_draw draw = dstn_sampler_next(sampler);
            assert_int_equal(draw.indices[1], want[s].first);
            assert_int_equal(draw.steps, want[s].steps);
            assert_int_equal(draw.carried, want[s].carried);
            assert_int_equal(dstn_sampler_position(sampler), s + 1);
        }
        dstn_sampler_destroy(sampler);
    }
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

static void labels_are_the_next_words(void **state) {
    (void)state;
    enum { WORDS = 50, ROWS = 400, BATCH = 3, LENGTH = 11 };
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F32, &kernel, &err), DSTN_OK);
    dstn_dataset *dataset = dstn_dataset_synthetic_text(WORDS, ROWS, 3);
    dstn_arena *arena = dstn_arena_new();
    for (int part = 0; part < DSTN_PART_TEST; part++) {
        const int32_t *text = dataset->tokens[part];
        dstn_sampler_request request = {
            .rng = rng, .rows = dataset->rows[part], .batch = BATCH, .length = LENGTH, .varies = part};
        dstn_sampler *sampler = dstn_sampler_new(&request);
        dstn_batch batch;
        assert_true(dstn_batch_bind(&batch, dataset, kernel, BATCH, dstn_sampler_most_steps(sampler), arena));
        assert_true(batch.tokens && batch.labels && !batch.x && !batch.targets && !batch.pixels && !batch.spare);
        for (int s = 0; s < 30; s++) {
            dstn_draw draw = dstn_sampler_next(sampler);
            dstn_batch_fill(&batch, dataset, kernel, (dstn_part)part, draw.indices, draw.steps, BATCH, 0, BATCH, NULL);
            assert_int_equal(batch.steps, draw.steps);
            for (int64_t b = 0; b < BATCH; b++) {
                for (int64_t t = 0; t < draw.steps; t++) {
                    assert_int_equal(batch.tokens[b * draw.steps + t], text[draw.indices[b] + t]);
                    assert_int_equal(batch.labels[b * draw.steps + t], text[draw.indices[b] + t + 1]);
                }
            }
        }
        dstn_sampler_destroy(sampler);
    }
    dstn_arena_destroy(arena);
    dstn_dataset_destroy(dataset);
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static void synthetic_texts_have_frequent_and_rare_words(void **state) {
    (void)state;
    enum { WORDS = 100, ROWS = 40000 };
    dstn_dataset *dataset = dstn_dataset_synthetic_text(WORDS, ROWS, 2),
                 *same = dstn_dataset_synthetic_text(WORDS, ROWS, 2),
                 *other = dstn_dataset_synthetic_text(WORDS, ROWS, 3);
    assert_true(dstn_dataset_is_valid(dataset));
    assert_int_equal(dataset->task, DSTN_TASK_CLASSIFICATION);
    assert_true(dataset->words == WORDS && dataset->outputs == WORDS && dataset->features == 1 && dataset->rank == 1);
    assert_true(dataset->rows[DSTN_PART_TRAIN] == 30000 && dataset->rows[DSTN_PART_VALID] == 10000);
    assert_memory_equal(dataset->tokens[DSTN_PART_VALID], same->tokens[DSTN_PART_VALID], 10001 * sizeof(int32_t));
    assert_memory_not_equal(dataset->tokens[DSTN_PART_VALID], other->tokens[DSTN_PART_VALID], 10001 * sizeof(int32_t));
    assert_memory_not_equal(dataset->tokens[DSTN_PART_VALID], dataset->tokens[DSTN_PART_TRAIN],
                            10001 * sizeof(int32_t));
    int64_t counts[WORDS];
    dstn_dataset_class_rows(dataset, DSTN_PART_TRAIN, counts);
    for (int k = 0; k < WORDS; k++) {
        double chance = log((k + 2.) / (k + 1)) / log(WORDS + 1);
        assert_true(fabs((double)counts[k] - 30000 * chance) < 5 * sqrt(30000 * chance));
    }
    dstn_dataset_destroy(dataset);
    dstn_dataset_destroy(same);
    dstn_dataset_destroy(other);
}

static void what_is_asked_of_rows_can_be_asked_of_words(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic_text(9, 4, 1);
    const int32_t text[] = {2, 2, 7, 3};
    memcpy(dataset->tokens[DSTN_PART_TRAIN], text, sizeof text);
    double low, high;
    dstn_dataset_range(dataset, DSTN_PART_TRAIN, -1, &low, &high);
    assert_true(low == 2 && high == 7);
    int64_t counts[9], want[9] = {[2] = 1, [3] = 1, [7] = 1};
    dstn_dataset_class_rows(dataset, DSTN_PART_TRAIN, counts);
    assert_memory_equal(counts, want, sizeof want);
    dstn_error err;
    assert_int_equal(dstn_dataset_check_range(dataset, DSTN_F32, &err), DSTN_OK);
    assert_int_equal(dstn_dataset_memory_used(dataset), sizeof *dataset + 6 * sizeof(int32_t));
    assert_string_equal(dataset->summary, "synthetic: 4 training and 2 validation words, vocabulary 9");
    dstn_dataset_destroy(dataset);
}

static void a_broken_text_is_not_valid(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic_text(9, 40, 1);
    int32_t *last = &dataset->tokens[DSTN_PART_VALID][dataset->rows[DSTN_PART_VALID]], kept = *last;
    assert_true(dstn_dataset_is_valid(dataset));
    *last = 9;
    assert_false(dstn_dataset_is_valid(dataset));
    *last = -1;
    assert_false(dstn_dataset_is_valid(dataset));
    *last = kept;
    dataset->outputs = 8;
    assert_false(dstn_dataset_is_valid(dataset));
    dataset->outputs = 9;
    dataset->task = DSTN_TASK_REGRESSION;
    assert_false(dstn_dataset_is_valid(dataset));
    dataset->task = DSTN_TASK_CLASSIFICATION;
    dataset->rows[DSTN_PART_TEST] = 3;
    assert_false(dstn_dataset_is_valid(dataset));
    dataset->rows[DSTN_PART_TEST] = 0;
    dataset->vocabulary = dstn_alloc(9, sizeof(char *));
    assert_false(dstn_dataset_is_valid(dataset));
    for (int w = 0; w < 9; w++) {
        dataset->vocabulary[w] = dstn_strdup("word");
    }
    assert_true(dstn_dataset_is_valid(dataset));
    assert_int_equal(dstn_dataset_memory_used(dataset),
                     sizeof *dataset + 42 * sizeof(int32_t) + 9 * (sizeof(char *) + 5));
    dstn_dataset_destroy(dataset);
}

static void words_have_no_pixels_to_augment(void **state) {
    (void)state;
    dstn_dataset *dataset = dstn_dataset_synthetic_text(9, 40, 1);
    dstn_doc *doc;
    dstn_augment *augment;
    dstn_error err;
    assert_int_equal(dstn_doc_parse("augment: [flip]\nnone: []\n", "job.yaml", &doc, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(doc);
    assert_int_equal(dstn_augment_read(dstn_node_child(root, "augment"), dataset, (dstn_names){0}, &augment, &err),
                     DSTN_ERROR_USAGE);
    assert_string_equal(err.message,
                        "job.yaml:1: augment: augmentation is for images, and synthetic is a text; accepted: "
                        "an empty list");
    assert_int_equal(dstn_augment_read(dstn_node_child(root, "none"), dataset, (dstn_names){0}, &augment, &err),
                     DSTN_OK);
    dstn_augment_destroy(augment);
    dstn_doc_destroy(doc);
    dstn_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_read_from_their_beginnings_piece_after_piece),
        cmocka_unit_test(batches_of_a_text_have_the_length_that_was_asked_for),
        cmocka_unit_test(varied_lengths_are_distributed_as_they_should),
        cmocka_unit_test(varied_lengths_keep_their_bounds),
        cmocka_unit_test(a_resumed_text_goes_on_anywhere),
        cmocka_unit_test(labels_are_the_next_words),
        cmocka_unit_test(synthetic_texts_have_frequent_and_rare_words),
        cmocka_unit_test(what_is_asked_of_rows_can_be_asked_of_words),
        cmocka_unit_test(a_broken_text_is_not_valid),
        cmocka_unit_test(words_have_no_pixels_to_augment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
