/* What a training run takes of the machine's memory, as the system sees it and as its parts count it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* A line "NAME:  123 kB" of the process's status, in bytes; −1: there is none. */
static int64_t status_bytes(const char *name) {
    FILE *file = fopen("/proc/self/status", "r");
    if (!file) {
        return -1;
    }
    char line[256];
    long long kilobytes = -1;
    size_t length = strlen(name);
    while (kilobytes < 0 && fgets(line, sizeof(line), file)) {
        if (strncmp(line, name, length) == 0 && line[length] == ':') {
            sscanf(line + length + 1, "%lld", &kilobytes);
        }
    }
    fclose(file);
    return kilobytes < 0 ? -1 : kilobytes * 1024;
}

int64_t tools_bench_resident(void) {
    return status_bytes("VmRSS");
}

/* Training steps with their share of hyperparameter steps; seconds of the training steps alone. */
static double run(tools_bench *bench, int64_t steps) {
    double seconds = 0;
    for (int64_t s = 1; s <= steps; s++) {
        double start = dstn_seconds();
        dstn_trainer_train_step(bench->trainer);
        seconds += dstn_seconds() - start;
        if (bench->method->tunes && (s % bench->train.train_steps == 0 || s == steps)) {
            dstn_trainer_hyper_step(bench->trainer);
        }
    }
    return seconds;
}

/* A hundred steps in all, or as many as take about ten seconds. The leader's clock decides. */
static int64_t choose_rest(const tools_bench *bench, double seconds) {
    const double time = 10, fewest = 2, most = 97;
    int64_t steps = seconds > 0 ? (int64_t)fmin(most, fmax(fewest, time / seconds)) : (int64_t)most;
    dstn_group_broadcast(bench->group, &steps, sizeof steps);
    return steps;
}

tools_bench_memory tools_bench_measure_memory(tools_bench *bench, double *seconds) {
    enum { FIRST = 3 };
    int64_t rest = choose_rest(bench, run(bench, FIRST) / FIRST);
    *seconds = run(bench, rest) / (double)rest;
    tools_bench_memory memory = {.steps = FIRST + rest, .hwm_after = status_bytes("VmHWM"), .used = -1};
    memory.counted = (int64_t)(dstn_model_memory_used(bench->model) + dstn_trainer_memory_used(bench->trainer));
    if (memory.hwm_after >= 0 && bench->rss_start >= 0) {
        memory.used = memory.hwm_after - bench->rss_start;
    }
    return memory;
}
