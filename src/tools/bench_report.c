/* What dstn bench prints: one `name value` a line, or the same as one JSON object on one line. */
#include <math.h>
#include <string.h>

#include "bench.h"

typedef struct report {
    FILE *out;
    bool json;
    int count; /* printed so far */
} report;

static void put_name(report *r, const char *name) {
    if (r->json) {
        fprintf(r->out, "%s\"%s\":", r->count ? "," : "{", name);
    } else {
        fprintf(r->out, "%s ", name);
    }
    r->count++;
}

static void end_value(report *r) {
    if (!r->json) {
        fputc('\n', r->out);
    }
}

static void put_number(report *r, const char *name, double value) {
    put_name(r, name);
    if (isfinite(value)) {
        fprintf(r->out, "%.6g", value);
    } else {
        fputs(r->json ? "null" : "nan", r->out);
    }
    end_value(r);
}

static void put_count(report *r, const char *name, int64_t value) {
    put_name(r, name);
    fprintf(r->out, "%lld", (long long)value);
    end_value(r);
}

/* A number of bytes; −1: not known. */
static void put_bytes(report *r, const char *name, int64_t value) {
    if (value >= 0) {
        put_count(r, name, value);
    } else {
        put_number(r, name, NAN);
    }
}

static void put_text(report *r, const char *name, const char *text) {
    put_name(r, name);
    if (!r->json) {
        fputs(text, r->out);
    } else {
        fputc('"', r->out);
        for (const char *c = text; *c; c++) {
            bool is_special = *c == '"' || *c == '\\';
            fprintf(r->out, (unsigned char)*c < 0x20 ? "\\u%04x" : is_special ? "\\%c" : "%c", (unsigned char)*c);
        }
        fputc('"', r->out);
    }
    end_value(r);
}

static void put_setting(report *r, const tools_bench *bench, const tools_bench_times *times) {
    put_text(r, "model", bench->path);
    put_text(r, "method", bench->method->name);
    put_count(r, "batch", bench->train.batch);
    put_count(r, "hyperparameters", bench->space->count);
    put_count(r, "general_parameters", bench->model->count[DSTN_RANGE_GENERAL]);
    put_count(r, "response_parameters", bench->model->count[DSTN_RANGE_RESPONSE]);
    put_text(r, "backend", bench->kernel->backend);
    put_text(r, "precision", dstn_scalar_name(bench->kernel->scalar));
    put_text(r, "library", dstn_kernel_version());
    put_count(r, "ranks", dstn_group_size(bench->group));
    put_count(r, "threads", dstn_kernel_init_threads());
    put_count(r, "steps", times->steps);
    put_count(r, "blocks", times->blocks);
}

static void put_seconds(report *r, const tools_bench_times *times) {
    put_number(r, "seconds_per_step", times->step.median);
    put_number(r, "seconds_per_step_best", times->step.low);
    put_number(r, "seconds_per_step_quartile_1", times->step.quartile);
    put_number(r, "seconds_per_step_quartile_3", times->step.upper_quartile);
    put_number(r, "hyper_seconds_per_step", times->hyper.median);
    put_number(r, "hyper_seconds_per_step_best", times->hyper.low);
    put_number(r, "ordinary_seconds_per_step", times->ordinary.median);
    put_number(r, "ordinary_seconds_per_step_best", times->ordinary.low);
    put_number(r, "cost_ratio", times->step.median / times->ordinary.median);
}

/* Medians with medians, the best with the best: the two fractions say how much the machine was disturbed. */
static void put_rates(report *r, double gflop, double ordinary_gflop, const tools_bench_times *times) {
    put_number(r, "gflop_per_step", gflop);
    put_number(r, "ordinary_gflop_per_step", ordinary_gflop);
    put_number(r, "gflops", gflop / times->step.median);
    put_number(r, "gemm_peak_gflops", times->peak.median);
    put_number(r, "gemm_peak_gflops_best", times->peak.high);
    put_number(r, "gemm_peak_gflops_quartile_1", times->peak.quartile);
    put_number(r, "gemm_peak_gflops_quartile_3", times->peak.upper_quartile);
    put_number(r, "fraction_of_peak", gflop / times->step.median / times->peak.median);
    put_number(r, "fraction_of_peak_best", gflop / times->step.low / times->peak.high);
}

static void put_memory(report *r, const tools_bench *bench, const tools_bench_memory *memory) {
    put_bytes(r, "rss_start", bench->rss_start);
    put_bytes(r, "hwm_after", memory->hwm_after);
    put_bytes(r, "memory_used", memory->used);
    put_count(r, "memory_counted", memory->counted);
    put_number(r, "memory_ratio", memory->used >= 0 ? (double)memory->used / (double)memory->counted : NAN);
    put_count(r, "memory_steps", memory->steps);
}

void tools_bench_print(const tools_bench *bench, const tools_bench_memory *memory, const tools_bench_times *times,
                       const dstn_trainer *ordinary, bool json, FILE *out) {
    report r = {out, json, 0};
    put_setting(&r, bench, times);
    put_seconds(&r, times);
    put_rates(&r, 1e-9 * dstn_trainer_step_flops(bench->trainer), 1e-9 * dstn_trainer_step_flops(ordinary), times);
    put_memory(&r, bench, memory);
    if (json) {
        fputs("}\n", out);
    }
}
