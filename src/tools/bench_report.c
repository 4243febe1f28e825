/* What dstn bench prints: one `name value` a line, or the same as one JSON object on one line. */
#include <math.h>
#include <string.h>

#include "bench.h"

static void put_name(tools_report *r, const char *name) {
    if (r->json) {
        fprintf(r->out, "%s\"%s\":", r->count ? "," : "{", name);
    } else {
        fprintf(r->out, "%s ", name);
    }
    r->count++;
}

static void end_value(tools_report *r) {
    if (!r->json) {
        fputc('\n', r->out);
    }
}

void tools_report_number(tools_report *r, const char *name, double value) {
    put_name(r, name);
    if (isfinite(value)) {
        fprintf(r->out, "%.6g", value);
    } else {
        fputs(r->json ? "null" : "nan", r->out);
    }
    end_value(r);
}

void tools_report_count(tools_report *r, const char *name, int64_t value) {
    put_name(r, name);
    fprintf(r->out, "%lld", (long long)value);
    end_value(r);
}

/* A number of bytes; −1: not known. */
static void put_bytes(tools_report *r, const char *name, int64_t value) {
    if (value >= 0) {
        tools_report_count(r, name, value);
    } else {
        tools_report_number(r, name, NAN);
    }
}

void tools_report_text(tools_report *r, const char *name, const char *text) {
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

static void put_setting(tools_report *r, const tools_bench *bench, const tools_bench_times *times) {
    tools_report_text(r, "model", bench->path);
    tools_report_text(r, "method", bench->method->name);
    tools_report_count(r, "batch", bench->train.batch);
    tools_report_count(r, "samples", bench->train.samples);
    if (bench->model->in.words > 0) {
        tools_report_count(r, "words", bench->model->in.words);
        tools_report_count(r, "length", bench->train.length);
    }
    tools_report_count(r, "hyperparameters", bench->space->count);
    tools_report_count(r, "general_parameters", bench->model->count[DSTN_RANGE_GENERAL]);
    tools_report_count(r, "response_parameters", bench->model->count[DSTN_RANGE_RESPONSE]);
    tools_report_count(r, "winograd_maps", dstn_model_winograd_maps(bench->model));
    tools_report_text(r, "backend", bench->kernel->backend);
    tools_report_text(r, "precision", dstn_scalar_name(bench->kernel->scalar));
    tools_report_text(r, "library", dstn_kernel_version());
    tools_report_count(r, "ranks", dstn_group_size(bench->group));
    tools_report_count(r, "threads", dstn_kernel_init_threads());
    tools_report_count(r, "steps", times->steps);
    tools_report_count(r, "blocks", times->blocks);
}

static void put_seconds(tools_report *r, const tools_bench_times *times) {
    tools_report_number(r, "seconds_per_step", times->step.median);
    tools_report_number(r, "seconds_per_step_best", times->step.low);
    tools_report_number(r, "seconds_per_step_quartile_1", times->step.quartile);
    tools_report_number(r, "seconds_per_step_quartile_3", times->step.upper_quartile);
    tools_report_number(r, "hyper_seconds_per_step", times->hyper.median);
    tools_report_number(r, "hyper_seconds_per_step_best", times->hyper.low);
    tools_report_number(r, "ordinary_seconds_per_step", times->ordinary.median);
    tools_report_number(r, "ordinary_seconds_per_step_best", times->ordinary.low);
    tools_report_number(r, "cost_ratio", times->step.median / times->ordinary.median);
    if (isfinite(times->augment)) {
        tools_report_number(r, "augment_seconds_per_step", times->augment);
        tools_report_number(r, "augment_fraction_of_step", times->augment / times->step.median);
    }
}

/* Medians with medians, the best with the best: the two fractions say how much the machine was disturbed. */
static void put_rates(tools_report *r, double gflop, double ordinary_gflop, const tools_bench_times *times) {
    tools_report_number(r, "gflop_per_step", gflop);
    tools_report_number(r, "ordinary_gflop_per_step", ordinary_gflop);
    tools_report_number(r, "gflops", gflop / times->step.median);
    tools_report_number(r, "gemm_peak_gflops", times->peak.median);
    tools_report_number(r, "gemm_peak_gflops_best", times->peak.high);
    tools_report_number(r, "gemm_peak_gflops_quartile_1", times->peak.quartile);
    tools_report_number(r, "gemm_peak_gflops_quartile_3", times->peak.upper_quartile);
    tools_report_number(r, "fraction_of_peak", gflop / times->step.median / times->peak.median);
    tools_report_number(r, "fraction_of_peak_best", gflop / times->step.low / times->peak.high);
}

static void put_memory(tools_report *r, const tools_bench *bench, const tools_bench_memory *memory) {
    put_bytes(r, "rss_start", bench->rss_start);
    put_bytes(r, "hwm_after", memory->hwm_after);
    put_bytes(r, "memory_used", memory->used);
    tools_report_count(r, "memory_counted", memory->counted);
    tools_report_number(r, "memory_ratio", memory->used >= 0 ? (double)memory->used / (double)memory->counted : NAN);
    tools_report_count(r, "memory_steps", memory->steps);
}

static void put_traffic(tools_report *r, const tools_bench_traffic *traffic) {
    tools_report_number(r, "bytes_added_per_step", traffic->step.added);
    tools_report_number(r, "bytes_added_minimum", traffic->fewest_added);
    tools_report_number(r, "bytes_sent_per_step", traffic->step.sent);
    tools_report_number(r, "bytes_sent_minimum", traffic->fewest_sent);
    tools_report_number(r, "mpi_calls_per_step", traffic->step.calls);
    tools_report_number(r, "barriers_per_step", traffic->step.barriers);
}

void tools_bench_print(const tools_bench *bench, const tools_bench_memory *memory, const tools_bench_times *times,
                       const tools_bench_traffic *traffic, const dstn_trainer *ordinary, bool json, FILE *out) {
    tools_report r = {out, json, 0};
    put_setting(&r, bench, times);
    put_seconds(&r, times);
    put_rates(&r, 1e-9 * dstn_trainer_step_flops(bench->trainer), 1e-9 * dstn_trainer_step_flops(ordinary), times);
    put_memory(&r, bench, memory);
    put_traffic(&r, traffic);
    if (json) {
        fputs("}\n", out);
    }
}
