/* Times of the steps of a network, and of matrix products between them. */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

double tools_bench_time_block(const dstn_group *group, tools_bench_step *take, dstn_trainer *trainer, int64_t steps) {
    take(trainer);
    dstn_group_barrier(group);
    double start = dstn_seconds();
    for (int64_t s = 0; s < steps; s++) {
        take(trainer);
        dstn_ranks_poll();
    }
    dstn_group_barrier(group);
    return (dstn_seconds() - start) / (double)steps;
}

/* The best rate that every rank reaches while all of them try, summed. */
static double measure_peak(const dstn_group *group, const dstn_kernel *kernel) {
    static const struct {
        int64_t size;
        int repetitions;
    } products[] = {{2048, 2}, {1024, 4}};
    double best = 0;
    dstn_group_barrier(group);
    for (size_t p = 0; p < sizeof(products) / sizeof(products[0]); p++) {
        best = fmax(best, dstn_kernel_measure(kernel, products[p].size, products[p].repetitions));
    }
    dstn_group_sum(group, &best, 1);
    return best;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Between neighbours of sorted values. */
static double quantile(const double *sorted, int count, double part) {
    double at = part * (count - 1);
    int below = (int)at, above = below + 1 < count ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

tools_bench_spread tools_bench_spread_of(double *values, int count) {
    qsort(values, (size_t)count, sizeof(double), compare);
    return (tools_bench_spread){values[0], quantile(values, count, 0.25), quantile(values, count, 0.5),
                                quantile(values, count, 0.75), values[count - 1]};
}

tools_bench_times tools_bench_measure_times(const tools_bench *bench, dstn_trainer *ordinary, int64_t steps) {
    double step[TOOLS_BENCH_BLOCKS], hyper[TOOLS_BENCH_BLOCKS], plain[TOOLS_BENCH_BLOCKS], peak[TOOLS_BENCH_BLOCKS];
    int blocks = steps < TOOLS_BENCH_BLOCKS ? (int)steps : TOOLS_BENCH_BLOCKS;
    const dstn_group *group = bench->group;
    for (int b = 0; b < blocks; b++) {
        int64_t count = steps / blocks + (b < steps % blocks);
        int64_t hypers = (count + bench->train.train_steps - 1) / bench->train.train_steps;
        peak[b] = measure_peak(group, bench->kernel);
        step[b] = tools_bench_time_block(group, dstn_trainer_train_step, bench->trainer, count);
        plain[b] = tools_bench_time_block(group, dstn_trainer_train_step, ordinary, count);
        hyper[b] =
            bench->method->tunes ? tools_bench_time_block(group, dstn_trainer_hyper_step, bench->trainer, hypers) : NAN;
    }
    return (tools_bench_times){.steps = steps,
                               .blocks = blocks,
                               .step = tools_bench_spread_of(step, blocks),
                               .hyper = tools_bench_spread_of(hyper, blocks),
                               .ordinary = tools_bench_spread_of(plain, blocks),
                               .peak = tools_bench_spread_of(peak, blocks)};
}
