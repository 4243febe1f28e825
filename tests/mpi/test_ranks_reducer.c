/* Gradients summed in buckets while they are still being filled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"

#include <stdlib.h>
#include <string.h>

static dstn_group *world;

/* What rank r puts at place i in a pass; halves and small integers, whose sums are exact in f32. */
static double value(int rank, int64_t i, int pass) {
    return (double)((i * 7 + rank * 13 + pass * 5) % 101) - 50 + 0.5 * (rank % 2);
}

static double sum_of_ranks(int64_t i, int pass) {
    double sum = 0;
    for (int r = 0; r < dstn_group_size(world); r++) {
        sum += value(r, i, pass);
    }
    return sum;
}

static void put(void *gradient, dstn_scalar scalar, int64_t i, double x) {
    if (scalar == DSTN_F32) {
        ((float *)gradient)[i] = (float)x;
    } else {
        ((double *)gradient)[i] = x;
    }
}

static double get(const void *gradient, dstn_scalar scalar, int64_t i) {
    return scalar == DSTN_F32 ? (double)((const float *)gradient)[i] : ((const double *)gradient)[i];
}

/* Passes that fill the range from its end in layers of `layer` elements. */
static void reduce_in_layers(dstn_scalar scalar, int64_t count, int64_t layer, size_t bucket_bytes) {
    size_t element = dstn_scalar_size(scalar);
    char *memory = dstn_alloc((size_t)count + 2, element); /* with a guard on each side */
    void *gradient = memory + element;
    put(memory, scalar, 0, 77);
    put(memory, scalar, count + 1, 77);
    dstn_reducer *reducer = dstn_reducer_new(world, scalar, count, gradient, bucket_bytes);
    for (int pass = 0; pass < 3; pass++) {
        int64_t end = count;
        while (end > 0) {
            int64_t first = end > layer ? end - layer : 0;
            for (int64_t i = first; i < end; i++) {
                put(gradient, scalar, i, value(dstn_group_rank(world), i, pass));
            }
            if (pass != 1) { /* the second pass leaves everything to `finish` */
                dstn_reducer_ready(reducer, first);
            }
            end = first;
        }
        dstn_reducer_finish(reducer);
        for (int64_t i = 0; i < count; i++) {
            assert_true(get(gradient, scalar, i) == sum_of_ranks(i, pass));
        }
    }
    assert_true(get(memory, scalar, 0) == 77 && get(memory, scalar, count + 1) == 77);
    dstn_reducer_destroy(reducer);
    free(memory);
}

static void every_element_is_summed_once_whatever_the_bucket(void **state) {
    (void)state;
    const int64_t counts[] = {1, 7, 64, 1000, 4099}, layers[] = {1, 13, 5000};
    const size_t buckets[] = {1, 8, 100, 4096, 0};
    for (int c = 0; c < 5; c++) {
        for (int l = c < 3 ? 0 : 1; l < 3; l++) {
            for (int b = c < 3 ? 0 : 2; b < 5; b++) {
                reduce_in_layers(DSTN_F32, counts[c], layers[l], buckets[b]);
                reduce_in_layers(DSTN_F64, counts[c], layers[l], buckets[b]);
            }
        }
    }
}

static void an_empty_range_is_no_work(void **state) {
    (void)state;
    dstn_reducer *reducer = dstn_reducer_new(world, DSTN_F64, 0, NULL, 0);
    dstn_reducer_ready(reducer, 0);
    dstn_reducer_finish(reducer);
    dstn_reducer_destroy(reducer);
}

static void what_is_not_final_is_not_sent(void **state) {
    (void)state;
    enum { COUNT = 400 };
    double gradient[COUNT];
    dstn_reducer *reducer = dstn_reducer_new(world, DSTN_F64, COUNT, gradient, 100 * sizeof(double));
    for (int i = 0; i < COUNT; i++) {
        gradient[i] = i < 150 ? 1e6 : 1;
    }
    dstn_reducer_ready(reducer, 150); /* two buckets and a half: [100, 200) must wait */
    dstn_group_barrier(world);
    for (int i = 0; i < 150; i++) {
        gradient[i] = 2;
    }
    dstn_reducer_ready(reducer, 0);
    dstn_reducer_finish(reducer);
    for (int i = 0; i < COUNT; i++) {
        assert_true(gradient[i] == (i < 150 ? 2 : 1) * dstn_group_size(world));
    }
    dstn_reducer_destroy(reducer);
}

static void rounding_is_the_same_on_every_rank_and_in_every_run(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    static double gradient[2][COUNT], leader[COUNT];
    dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_TEST};
    for (int run = 0; run < 2; run++) {
        dstn_reducer *reducer = dstn_reducer_new(world, DSTN_F64, COUNT, gradient[run], 16384);
        for (int64_t i = COUNT - 1; i >= 0; i--) {
            double draws[2];
            dstn_rng_normals(rng, 0, (uint64_t)dstn_group_rank(world), (uint64_t)i, draws);
            gradient[run][i] = draws[0];
            if (i % (run == 0 ? 17 : 1900) == 0) {
                dstn_reducer_ready(reducer, i);
            }
        }
        dstn_reducer_finish(reducer);
        dstn_reducer_destroy(reducer);
    }
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
    memcpy(leader, gradient[0], sizeof leader);
    dstn_group_broadcast(world, leader, sizeof leader);
    assert_memory_equal(gradient[0], leader, sizeof leader);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_element_is_summed_once_whatever_the_bucket),
        cmocka_unit_test(an_empty_range_is_no_work),
        cmocka_unit_test(what_is_not_final_is_not_sent),
        cmocka_unit_test(rounding_is_the_same_on_every_rank_and_in_every_run),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
