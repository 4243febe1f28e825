/* A sweep on a folder of its own, whose members are trained by nobody: what its bookkeeping comes to. */
#ifndef DSTN_TEST_SWEEP_FIXTURE_H
#define DSTN_TEST_SWEEP_FIXTURE_H

#include "../src/search/plan.h"
#include "../src/search/sweep.h"
#include "scratch.h"

/* What stands for training, by the name of the member; and how often it was called on this rank. */
typedef dstn_status sweep_train(const char *name, dstn_error *err);
static sweep_train *sweep_trains;
static int64_t sweep_calls;

static inline dstn_status sweep_check_nothing(const dstn_sweep *sweep, int64_t index, bool *longer, double *work,
                                              dstn_error *err) {
    (void)sweep;
    (void)index;
    (void)longer;
    (void)work;
    (void)err;
    return DSTN_OK;
}

/* What a member comes to: no round number. */
static inline double sweep_value(const char *name) {
    double value = 0;
    for (; *name; name++) {
        value = value / 3 + *name / 7.0;
    }
    return value;
}

static inline dstn_status sweep_check_no_space(const dstn_sweep *sweep, dstn_error *err) {
    (void)sweep;
    (void)err;
    return DSTN_OK;
}

static inline dstn_status sweep_train_nothing(const dstn_sweep *sweep, int64_t index, const char *folder,
                                              const dstn_group *group, double *value, dstn_error *err) {
    (void)folder;
    (void)group;
    sweep_calls++;
    *value = sweep_value(sweep->plan->members[index].name);
    return sweep_trains ? sweep_trains(sweep->plan->members[index].name, err) : DSTN_OK;
}

/* The leader's scratch folder, known to all ranks; scratch_remove of it on the leader. */
static inline char *sweep_folder(const dstn_group *world) {
    char path[512] = "";
    if (dstn_group_leads(world)) {
        char *made = scratch_make();
        snprintf(path, sizeof path, "%s", made);
        free(made);
    }
    dstn_group_broadcast(world, path, sizeof path);
    return dstn_strdup(path);
}

/* method: NULL for the one that the text names. */
static inline dstn_sweep *sweep_new(const dstn_console *console, const char *text, const dstn_search_method *method,
                                    const char *folder, dstn_error *err) {
    dstn_sweep *sweep = dstn_alloc(1, sizeof *sweep);
    *sweep = (dstn_sweep){.console = console, .ranks_per_member = 1, .folder = folder, .resumes = true};
    sweep->work = (search_work){sweep_check_nothing, sweep_train_nothing, sweep_check_no_space};
    dstn_status status = dstn_doc_parse(text, "s.yaml", &sweep->doc, err);
    if (status == DSTN_OK) {
        dstn_node root = dstn_doc_root(sweep->doc);
        status = method ? search_plan_read_with(root, method, &sweep->plan, err)
                        : dstn_sweep_plan_read(root, &sweep->plan, err);
    }
    if (status != DSTN_OK) {
        fprintf(stderr, "%s\n", err->message);
        abort();
    }
    return sweep;
}

/* One launch on the folder. */
static inline dstn_status sweep_launch(dstn_sweep *sweep, dstn_error *err) {
    *err = (dstn_error){DSTN_OK, ""};
    sweep_calls = 0;
    dstn_status status = search_history_replay(sweep, err);
    status = status == DSTN_OK ? search_run_members(sweep, err) : status;
    dstn_ledger_close(sweep->ledger);
    sweep->ledger = NULL;
    return status;
}

#endif
