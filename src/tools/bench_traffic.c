/* What the ranks of a benchmark move in a training step, counted, and the least that a sum over them can move. */
#include "bench.h"

static double trained_bytes(const tools_bench *bench) {
    double bytes = 0;
    for (int r = 0; r < DSTN_RANGES; r++) {
        bool is_trained = r == DSTN_RANGE_GENERAL || bench->method->tunes;
        bytes += is_trained ? (double)bench->model->count[r] * (double)bench->kernel->size : 0;
    }
    return bytes;
}

static void count_fewest(const tools_bench *bench, tools_bench_traffic *traffic) {
    double bytes = trained_bytes(bench), sharing = dstn_group_host_ranks(bench->group), in_hosts;
    int hosts = dstn_group_hosts(bench->group, NULL);
    in_hosts = sharing > 1 ? (sharing + 1) / sharing : 0; /* this rank's part of its host's */
    dstn_group_sum(bench->group, &in_hosts, 1);
    traffic->fewest_added = (in_hosts + (hosts > 1 ? hosts + 1 : 0)) * bytes;
    traffic->fewest_sent = 2.0 * (hosts - 1) * bytes;
}

tools_bench_traffic tools_bench_measure_traffic(const tools_bench *bench) {
    enum { STEPS = 4 };
    tools_bench_traffic traffic = {{0}, 0, 0};
    dstn_profile profile;
    dstn_profile_switch(true);
    for (int s = 0; s < STEPS; s++) {
        dstn_trainer_train_step(bench->trainer);
    }
    dstn_profile_read(&profile);
    dstn_profile_switch(false);
    dstn_profile_sum(bench->group, &profile);
    const double steps = STEPS, ranks = dstn_group_size(bench->group);
    dstn_traffic all = dstn_profile_traffic(&profile, DSTN_PHASE_TRAIN);
    traffic.step = (dstn_traffic){.calls = all.calls / steps / ranks,
                                  .barriers = all.barriers / steps / ranks,
                                  .sent = all.sent / steps,
                                  .added = all.added / steps};
    count_fewest(bench, &traffic);
    return traffic;
}
