/* dstn bench --scaling: what more ranks bring. The same network is trained on 1, 2, 4, … up to all ranks of the launch,
 * in turn, while the others sleep:
 *   strong      one member, the same batch on any number of ranks
 *   weak        one member, the same rows on each rank
 *   population  a member on each rank, which know nothing of each other
 * Each is made anew for every block of steps, so that no more than one is in memory, and all are timed in every round.
 */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

enum { ROUNDS = 7, SIZES = 32 };

typedef enum trial_kind { STRONG, WEAK, POPULATION, KINDS } trial_kind;
static const char *const kind_names[KINDS] = {[STRONG] = "strong", [WEAK] = "weak", [POPULATION] = "population"};

typedef struct trial {
    trial_kind kind;
    int ranks;
    int64_t batch;           /* of a member */
    const dstn_group *group; /* of its ranks; NULL: this one sleeps */
    double seconds[ROUNDS], gain[ROUNDS];
} trial;

typedef struct scaling {
    const dstn_group *world, *self;
    const dstn_bench_request *request;
    dstn_group *groups[SIZES];
    int sizes;
    trial *trials; /* [count]; the first is of one rank, with which the others are compared */
    int count, rounds;
    int64_t steps; /* of a block */
    int64_t batch; /* of one member on any number of ranks */
    const char *method;
} scaling;

/* ---- trials ------------------------------------------------------------------------------------------------------ */

static void add_trial(scaling *s, trial_kind kind, int ranks, const dstn_group *group) {
    s->trials[s->count++] =
        (trial){.kind = kind, .ranks = ranks, .batch = kind == WEAK ? ranks * s->batch : s->batch, .group = group};
}

/* What a config says of batch and method, and whether it can be done at all: each rank for itself. */
static dstn_status read_settings(scaling *s, const dstn_log *log, dstn_error *err) {
    tools_bench bench = {.group = s->self, .log = log, .path = s->request->path};
    dstn_status status = tools_bench_open(&bench, s->request, err);
    if (status == DSTN_OK) {
        s->batch = bench.train.batch;
        s->method = bench.method->name;
    }
    tools_bench_close(&bench);
    return dstn_group_agree(s->world, status, err);
}

/* Powers of two, and all ranks. */
static void plan(scaling *s) {
    int most = dstn_group_size(s->world);
    s->trials = dstn_alloc((size_t)KINDS * SIZES, sizeof *s->trials);
    for (int ranks = 1; s->sizes == 0 || ranks < 2 * most; ranks *= 2) {
        int count = ranks < most ? ranks : most;
        dstn_group *group = dstn_group_of_first(s->world, count);
        s->groups[s->sizes++] = group;
        for (int k = 0; k < (count > 1 ? KINDS : 1); k++) {
            add_trial(s, (trial_kind)k, count, group);
        }
    }
}

static void forget(scaling *s) {
    for (int i = 0; i < s->sizes; i++) {
        dstn_group_destroy(s->groups[i]);
    }
    free(s->trials);
}

/* On the ranks that take part. *steps [in,out]: 0: as many as take about half a second. */
static dstn_status time_trial(const scaling *s, const trial *t, int64_t *steps, double *seconds, dstn_error *err) {
    dstn_bench_request request = *s->request;
    request.batch = t->batch;
    tools_bench bench = {.group = t->kind == POPULATION ? s->self : t->group, .path = request.path};
    dstn_status status = dstn_group_agree(t->group, tools_bench_open(&bench, &request, err), err);
    if (status == DSTN_OK) {
        const int64_t few = 2, most = 1000;
        double time = tools_bench_time_block(t->group, dstn_trainer_train_step, bench.trainer, few);
        *steps = *steps > 0 ? *steps : (int64_t)fmin((double)most, fmax((double)few, 0.5 / time));
        dstn_group_broadcast(t->group, steps, sizeof *steps);
        *seconds = tools_bench_time_block(t->group, dstn_trainer_train_step, bench.trainer, *steps);
    }
    tools_bench_close(&bench);
    return status;
}

static dstn_status run_round(scaling *s, int round, dstn_error *err) {
    for (int i = 0; i < s->count; i++) {
        trial *t = &s->trials[i];
        dstn_status status = t->group ? time_trial(s, t, &s->steps, &t->seconds[round], err) : DSTN_OK;
        dstn_group_meet(s->world, NULL, NULL);
        if (dstn_group_agree(s->world, status, err) != DSTN_OK) {
            return err->status;
        }
        dstn_group_broadcast(s->world, &s->steps, sizeof s->steps); /* as the first trial has chosen them */
        /* Rows a second against those of one rank in the same round. */
        double members = t->kind == STRONG ? 1 : t->ranks;
        t->gain[round] = members * s->trials[0].seconds[round] / t->seconds[round];
    }
    return DSTN_OK;
}

/* ---- the report -------------------------------------------------------------------------------------------------- */

static void print_trial(scaling *s, trial *t, trial_kind kind, bool is_first, FILE *out) {
    tools_bench_spread time = tools_bench_spread_of(t->seconds, s->rounds);
    double gain = tools_bench_spread_of(t->gain, s->rounds).median;
    const char *format = s->request->json ? "%s{\"kind\":\"%s\",\"ranks\":%d,\"batch\":%lld,\"seconds_per_step\":%.6g,"
                                            "\"seconds_per_step_best\":%.6g,\"gain\":%.6g,\"efficiency\":%.6g}"
                                          : "%s%-10s %5d %7lld %16.6g %21.6g %8.3f %10.3f\n";
    fprintf(out, format, s->request->json && !is_first ? "," : "", kind_names[kind], t->ranks, (long long)t->batch,
            time.median, time.low, gain, gain / t->ranks);
}

/* One rank is the beginning of every kind. */
static void print_table(scaling *s, FILE *out) {
    bool is_first = true;
    if (!s->request->json) {
        fprintf(out, "%-10s %5s %7s %16s %21s %8s %10s\n", "kind", "ranks", "batch", "seconds_per_step",
                "seconds_per_step_best", "gain", "efficiency");
    }
    for (int k = 0; k < KINDS; k++) {
        for (int i = 0; i < s->count; i++) {
            if (i == 0 || s->trials[i].kind == (trial_kind)k) {
                print_trial(s, &s->trials[i], (trial_kind)k, is_first, out);
                is_first = false;
            }
        }
    }
}

static void print(scaling *s, FILE *out) {
    tools_report report = {out, s->request->json, 0};
    tools_report_text(&report, "model", s->request->path);
    tools_report_text(&report, "method", s->method);
    tools_report_count(&report, "ranks", dstn_group_size(s->world));
    tools_report_count(&report, "hosts", dstn_group_hosts(s->world, NULL));
    tools_report_count(&report, "threads", dstn_kernel_init_threads());
    tools_report_count(&report, "steps", s->steps);
    tools_report_count(&report, "blocks", s->rounds);
    fputs(s->request->json ? ",\"scaling\":[" : "", out);
    print_table(s, out);
    fputs(s->request->json ? "]}\n" : "", out);
}

dstn_status tools_bench_scaling(const dstn_console *console, const dstn_bench_request *request, dstn_error *err) {
    dstn_group *self = dstn_group_self();
    scaling s = {.world = console->world, .self = self, .request = request, .rounds = ROUNDS};
    if (request->steps > 0) {
        s.rounds = request->steps < ROUNDS ? (int)request->steps : ROUNDS;
        s.steps = request->steps / s.rounds;
    }
    dstn_announce(console, request->path);
    dstn_status status = read_settings(&s, &console->log, err);
    if (status == DSTN_OK) {
        plan(&s);
    }
    for (int round = 0; round < s.rounds && status == DSTN_OK; round++) {
        status = run_round(&s, round, err);
    }
    if (status == DSTN_OK && console->out) {
        print(&s, console->out);
    }
    forget(&s);
    dstn_group_destroy(self);
    return status;
}
