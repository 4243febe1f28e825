/* Gradients summed in buckets while they are still being filled, by ranks that share memory, by such that don't, and by
 * nodes of two. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static dstn_group *world;

/* A range with its memory, and what a trainer does with it. */
typedef struct range {
    const dstn_kernel *kernel;
    dstn_shared *shared;
    dstn_reducer *reducer;
    int64_t count;
    void *gradient, *weights; /* [count] */
} range;

static const dstn_kernel *kernel_of(dstn_scalar scalar) {
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("reference", scalar, &kernel, &err), DSTN_OK);
    return kernel;
}

static range range_new(dstn_scalar scalar, int64_t count, size_t bucket_bytes, int most_ranks) {
    range r = {.kernel = kernel_of(scalar), .count = count};
    size_t bytes = (size_t)count * r.kernel->size;
    dstn_shared_request request = {dstn_shared_bytes(bytes), dstn_shared_bytes(bytes), most_ranks};
    dstn_error err;
    assert_int_equal(dstn_shared_new(world, &request, &r.shared, &err), DSTN_OK);
    r.gradient = dstn_shared_take_own(r.shared, bytes);
    r.weights = dstn_shared_take_common(r.shared, bytes);
    assert_non_null(r.gradient);
    assert_non_null(r.weights);
    assert_int_equal((uintptr_t)r.gradient % 64, 0);
    assert_int_equal((uintptr_t)r.weights % 64, 0);
    r.reducer = dstn_reducer_new(r.shared, r.kernel, count, &r.gradient, 0, bucket_bytes);
    assert_non_null(r.reducer);
    return r;
}

static void range_destroy(range *r) {
    dstn_reducer_destroy(r->reducer);
    dstn_shared_destroy(r->shared);
}

static void meet(range *r) {
    dstn_shared_arrive(r->shared);
    dstn_shared_await(r->shared);
}

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

static void put(const range *r, void *array, int64_t i, double x) {
    if (r->kernel->scalar == DSTN_F32) {
        ((float *)array)[i] = (float)x;
    } else {
        ((double *)array)[i] = x;
    }
}

static double get(const range *r, const void *array, int64_t i) {
    return r->kernel->scalar == DSTN_F32 ? (double)((const float *)array)[i] : ((const double *)array)[i];
}

/* Fills the range from its end in layers of `layer` elements. */
static void fill_in_layers(const range *r, int64_t layer, int pass, bool tells) {
    int64_t first;
    for (int64_t end = r->count; end > 0; end = first) {
        first = end > layer ? end - layer : 0;
        for (int64_t i = first; i < end; i++) {
            put(r, r->gradient, i, value(dstn_group_rank(world), i, pass));
        }
        if (tells) {
            dstn_reducer_ready(r->reducer, first);
        }
    }
}

/* Every element is in a slice of one rank of the group. */
static void check_owners(const range *r) {
    double *owners = dstn_alloc((size_t)r->count + 1, sizeof *owners);
    int64_t first, count;
    for (int64_t i = 0; dstn_reducer_slice(r->reducer, i, &first, &count); i++) {
        for (int64_t k = first; k < first + count; k++) {
            owners[k]++;
        }
    }
    dstn_group_sum(world, owners, r->count);
    for (int64_t i = 0; i < r->count; i++) {
        assert_true(owners[i] == 1);
    }
    free(owners);
}

static bool is_summed(const range *r, int pass) {
    int64_t first, count;
    for (int64_t i = 0; dstn_reducer_slice(r->reducer, i, &first, &count); i++) {
        for (int64_t k = first; k < first + count; k++) {
            if (get(r, dstn_reducer_sum(r->reducer), k) != sum_of_ranks(k, pass)) {
                return false;
            }
        }
    }
    return true;
}

static void check_sum(const range *r, int pass) {
    assert_true(is_summed(r, pass));
}

/* Each rank updates its slices: w ← w + sum. */
static void update(range *r, int pass) {
    const void *sum = dstn_reducer_sum(r->reducer);
    int64_t first, count;
    check_sum(r, pass);
    for (int64_t i = 0; dstn_reducer_slice(r->reducer, i, &first, &count); i++) {
        for (int64_t k = first; k < first + count; k++) {
            put(r, r->weights, k, get(r, r->weights, k) + get(r, sum, k));
        }
    }
    dstn_reducer_spread(r->reducer, r->weights);
}

static void reduce_in_layers(dstn_scalar scalar, int64_t count, int64_t layer, size_t bucket_bytes, int most_ranks) {
    range r = range_new(scalar, count, bucket_bytes, most_ranks);
    check_owners(&r);
    double squares = 0;
    for (int pass = 0; pass < 3; pass++) {
        fill_in_layers(&r, layer, pass, pass != 1); /* the second pass leaves everything to `finish` */
        dstn_reducer_finish(r.reducer);
        meet(&r);
        squares = dstn_reducer_squares(r.reducer);
        update(&r, pass);
        meet(&r);
        for (int64_t i = 0; i < count; i++) {
            double want = 0;
            for (int p = 0; p <= pass; p++) {
                want += sum_of_ranks(i, p);
            }
            assert_true(get(&r, r.weights, i) == want);
        }
        meet(&r);
    }
    double want = 0;
    for (int64_t i = 0; i < count; i++) {
        want += sum_of_ranks(i, 2) * sum_of_ranks(i, 2);
    }
    assert_true(fabs(squares - want) <= 1e-6 * want);
    range_destroy(&r);
}

static void every_element_is_summed_once_whatever_the_bucket(void **state) {
    (void)state;
    const int64_t counts[] = {1, 7, 64, 1000, 4099}, layers[] = {1, 13, 5000};
    const size_t buckets[] = {1, 8, 100, 4096, 0};
    for (int c = 0; c < 5; c++) {
        for (int l = c < 3 ? 0 : 1; l < 3; l++) {
            for (int b = c < 3 ? 0 : 2; b < 5; b++) {
                for (int most = 0; most < 3; most++) {
                    reduce_in_layers(DSTN_F32, counts[c], layers[l], buckets[b], most);
                    reduce_in_layers(DSTN_F64, counts[c], layers[l], buckets[b], most);
                }
            }
        }
    }
}

static void an_empty_range_is_no_work(void **state) {
    (void)state;
    range r = range_new(DSTN_F64, 0, 0, 0);
    dstn_reducer_ready(r.reducer, 0);
    dstn_reducer_finish(r.reducer);
    range_destroy(&r);
}

/* The leader's gradient, which takes the sums, is of interest to those who listen. */
static void gathered_slices_are_the_whole_sum_at_every_node(void **state) {
    (void)state;
    for (int most = 0; most < 3; most++) {
        range r = range_new(DSTN_F64, 5000, 1000, most);
        fill_in_layers(&r, 100, 0, true);
        dstn_reducer_finish(r.reducer);
        dstn_reducer_spread(r.reducer, (void *)dstn_reducer_sum(r.reducer));
        meet(&r);
        for (int64_t i = 0; i < r.count && dstn_shared_leads(r.shared); i++) {
            assert_true(get(&r, r.gradient, i) == sum_of_ranks(i, 0));
        }
        meet(&r);
        range_destroy(&r);
    }
}

static void what_is_not_final_is_not_summed(void **state) {
    (void)state;
    range r = range_new(DSTN_F64, 400, 100 * sizeof(double), 0);
    for (int i = 0; i < 400; i++) {
        put(&r, r.gradient, i, i < 150 ? 1e6 : 1);
    }
    dstn_reducer_ready(r.reducer, 150); /* two buckets and a half: [100, 200) must wait */
    dstn_group_barrier(world);
    dstn_reducer_ready(r.reducer, 150);
    dstn_group_barrier(world);
    for (int i = 0; i < 150; i++) {
        put(&r, r.gradient, i, 2);
    }
    dstn_reducer_ready(r.reducer, 0);
    dstn_reducer_finish(r.reducer);
    int64_t first, count;
    for (int64_t s = 0; dstn_reducer_slice(r.reducer, s, &first, &count); s++) {
        for (int64_t i = first; i < first + count; i++) {
            assert_true(get(&r, dstn_reducer_sum(r.reducer), i) == (i < 150 ? 2 : 1) * dstn_group_size(world));
        }
    }
    meet(&r);
    range_destroy(&r);
}

/* As at the end of a first pass, while a second one fills another range. */
static void what_slower_ranks_fill_is_added_without_waiting(void **state) {
    (void)state;
    range r = range_new(DSTN_F64, 5000, 1000 * sizeof(double), 0);
    bool is_first = dstn_group_leads(world);
    dstn_reducer_advance(r.reducer); /* nothing is filled */
    if (is_first) {
        fill_in_layers(&r, 100, 0, true);
    }
    dstn_group_barrier(world);
    if (!is_first) {
        fill_in_layers(&r, 100, 0, true);
    }
    dstn_group_barrier(world);
    dstn_reducer_advance(r.reducer);
    for (int look = 0; dstn_shared_lack(r.shared) && !is_summed(&r, 0) && look < 100000; look++) {
        dstn_reducer_advance(r.reducer); /* a message is on its way for a while */
    }
    check_sum(&r, 0);
    dstn_reducer_finish(r.reducer);
    check_sum(&r, 0);
    dstn_reducer_advance(r.reducer); /* of the next pass nothing is filled */
    check_sum(&r, 0);
    meet(&r);
    range_destroy(&r);
}

/* On two ranks that is a + b, on more ((a + b) + c) + … in the order of ranks. */
static void sums_are_made_in_the_order_of_ranks(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    dstn_rng rng = {.seed = 5, .purpose = DSTN_PURPOSE_TEST};
    for (int run = 0; run < 2; run++) {
        range r = range_new(DSTN_F64, COUNT, 16384, 0);
        for (int64_t i = COUNT - 1; i >= 0; i--) {
            double draws[2];
            dstn_rng_normals(rng, 0, (uint64_t)dstn_group_rank(world), (uint64_t)i, draws);
            put(&r, r.gradient, i, draws[0]);
            if (i % (run == 0 ? 17 : 1900) == 0) {
                dstn_reducer_ready(r.reducer, i);
            }
        }
        dstn_reducer_finish(r.reducer);
        int64_t first, count;
        for (int64_t s = 0; dstn_reducer_slice(r.reducer, s, &first, &count); s++) {
            for (int64_t i = first; i < first + count; i++) {
                double want = 0;
                for (int rank = 0; rank < dstn_group_size(world); rank++) {
                    double draws[2];
                    dstn_rng_normals(rng, 0, (uint64_t)rank, (uint64_t)i, draws);
                    want = rank == 0 ? draws[0] : want + draws[0];
                }
                assert_true(get(&r, dstn_reducer_sum(r.reducer), i) == want);
            }
        }
        meet(&r);
        range_destroy(&r);
    }
}

/* ---- shards ------------------------------------------------------------------------------------------------------ */

static double draw(int shard, int64_t i, int pass) {
    double draws[2];
    dstn_rng rng = {.seed = 8, .purpose = DSTN_PURPOSE_TEST};
    dstn_rng_normals(rng, (uint64_t)pass, (uint64_t)shard, (uint64_t)i, draws);
    return draws[0];
}

/* Pairwise, as the tree of shards has it: halves of the smallest power of two that holds them. */
static double pairwise(int first, int count, int64_t i, int pass) {
    int half = 1;
    while (2 * half < count) {
        half *= 2;
    }
    return count == 1 ? draw(first, i, pass)
                      : pairwise(first, half, i, pass) + pairwise(first + half, count - half, i, pass);
}

/* The squares of the last pass. */
static double reduce_shards(const dstn_group *group, int shards, int most_ranks, int64_t count) {
    enum { PASSES = 2, LAYER = 300 };
    const dstn_kernel *kernel = kernel_of(DSTN_F64);
    int number = dstn_reducer_arrays(group, shards);
    size_t bytes = dstn_shared_bytes((size_t)count * sizeof(double));
    dstn_shared_request request = {0, bytes * (size_t)number, most_ranks};
    dstn_shared *shared;
    dstn_error err;
    void *arrays[16];
    assert_int_equal(dstn_shared_new(group, &request, &shared, &err), DSTN_OK);
    for (int a = 0; a < number; a++) {
        arrays[a] = dstn_shared_take_own(shared, bytes);
    }
    dstn_reducer *reducer = dstn_reducer_new(shared, kernel, count, arrays, shards, 2048);
    assert_non_null(reducer);
    int64_t first, own, at, length;
    double squares = 0;
    dstn_group_share(group, shards, &first, &own);
    for (int pass = 0; pass < PASSES; pass++) {
        for (int64_t shard = first; shard < first + own; shard++) {
            for (int64_t i = count - 1; i >= 0; i--) {
                ((double *)arrays[0])[i] = draw((int)shard, i, pass);
                if (i % LAYER == 0 && pass == 0) {
                    dstn_reducer_ready(reducer, i);
                }
            }
            dstn_reducer_next_shard(reducer);
        }
        dstn_reducer_finish(reducer);
        const double *sum = dstn_reducer_sum(reducer);
        for (int64_t s = 0; dstn_reducer_slice(reducer, s, &at, &length); s++) {
            for (int64_t i = at; i < at + length; i++) {
                assert_true(sum[i] == pairwise(0, shards, i, pass));
            }
        }
        squares = dstn_reducer_squares(reducer);
        dstn_shared_arrive(shared);
        dstn_shared_await(shared);
    }
    dstn_reducer_destroy(reducer);
    dstn_shared_destroy(shared);
    return squares;
}

static void sums_of_shards_are_pairwise_on_any_number_of_ranks(void **state) {
    (void)state;
    dstn_group *self = dstn_group_self();
    const int shards[] = {1, 2, 3, 5, 8, 11, 16};
    for (size_t s = 0; s < sizeof shards / sizeof *shards; s++) {
        if (shards[s] < dstn_group_size(world)) {
            continue;
        }
        double alone = reduce_shards(self, shards[s], 0, 1501);
        for (int most = 0; most < 4; most++) {
            assert_true(reduce_shards(world, shards[s], most, 1501) == alone);
        }
    }
    dstn_group_destroy(self);
}

/* ---- the protocol under delays ----------------------------------------------------------------------------------- */

static void delay(uint64_t step, uint64_t place) {
    double draws[2];
    dstn_rng rng = {.seed = 11, .purpose = DSTN_PURPOSE_TEST};
    dstn_rng_uniforms(rng, step, (uint64_t)dstn_group_rank(world), place, draws);
    if (draws[0] < 0.3) {
        const struct timespec time = {0, (long)(draws[1] * 2e5)};
        nanosleep(&time, NULL);
    }
}

/* Weights of one step are the same everywhere, while a pass reads them; and gradients are functions of them. */
static void read_weights(const range *r, double want) {
    for (int64_t i = 0; i < r->count; i++) {
        if (get(r, r->weights, i) != want) {
            fail_msg("element %lld is %g in a pass where all weights are %g", (long long)i, get(r, r->weights, i),
                     want);
        }
    }
}

/* One objective: the pass reads all weights again before each piece of its gradient, as layers do, and after the last:
 * there may be layers below that have no parameters in this range. */
static void stressed_pass(range *r, range *other, double want, int step, int pass) {
    enum { LAYERS = 4 };
    int64_t each = r->count / LAYERS;
    for (int layer = LAYERS - 1; layer >= 0; layer--) {
        int64_t first = layer * each, end = layer == LAYERS - 1 ? r->count : first + each;
        read_weights(r, want);
        read_weights(other, want);
        for (int64_t i = first; i < end; i++) {
            put(r, r->gradient, i, 1 + dstn_group_rank(world));
        }
        delay((uint64_t)step, (uint64_t)(10 * pass + layer));
        dstn_reducer_ready(r->reducer, first);
    }
    delay((uint64_t)step, (uint64_t)(10 * pass + LAYERS));
    read_weights(other, want);
    read_weights(r, want);
}

static void stressed_update(range *r, double want) {
    const void *sum = dstn_reducer_sum(r->reducer);
    int64_t first, count;
    for (int64_t i = 0; dstn_reducer_slice(r->reducer, i, &first, &count); i++) {
        for (int64_t k = first; k < first + count; k++) {
            assert_true(get(r, sum, k) == want);
            put(r, r->weights, k, get(r, r->weights, k) + 1);
        }
        dstn_reducer_spread_slice(r->reducer, i, r->weights);
    }
}

/* Two objectives a step, one after the other, with a range each; both read the weights of both. Delays of each rank, at
 * each place, are drawn. Every third step is followed by a pass without gradients. */
static void nobody_reads_weights_that_are_being_updated(void **state) {
    (void)state;
    const int steps = 150;
    double all = 0.5 * dstn_group_size(world) * (dstn_group_size(world) + 1);
    for (int most = 0; most < 3; most++) {
        range a = range_new(DSTN_F32, 3000, 512, most), b = range_new(DSTN_F32, 1500, 4096, most);
        for (int step = 0; step < steps; step++) {
            stressed_pass(&a, &b, step, step, 1);
            stressed_pass(&b, &a, step, step, 2);
            dstn_reducer_finish(a.reducer);
            delay((uint64_t)step, 30);
            dstn_reducer_finish(b.reducer);
            meet(&a);
            delay((uint64_t)step, 31);
            stressed_update(&a, all);
            stressed_update(&b, all);
            dstn_reducer_await_spread(a.reducer);
            dstn_reducer_await_spread(b.reducer);
            delay((uint64_t)step, 32);
            dstn_shared_arrive(a.shared);
            delay((uint64_t)step, 33);
            dstn_shared_await(a.shared);
            if (step % 3 == 0) {
                delay((uint64_t)step, 34);
                read_weights(&a, step + 1);
                read_weights(&b, step + 1);
            }
        }
        range_destroy(&a);
        range_destroy(&b);
    }
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
        cmocka_unit_test(gathered_slices_are_the_whole_sum_at_every_node),
        cmocka_unit_test(what_is_not_final_is_not_summed),
        cmocka_unit_test(what_slower_ranks_fill_is_added_without_waiting),
        cmocka_unit_test(sums_are_made_in_the_order_of_ranks),
        cmocka_unit_test(sums_of_shards_are_pairwise_on_any_number_of_ranks),
        cmocka_unit_test(nobody_reads_weights_that_are_being_updated),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
