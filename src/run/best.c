/* The best epoch so far, in memory, in the checkpoints and in a file of its own. */
#include "best.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

/* ---- making ---- */

static bool copy_entry(run_best *best, const dstn_state_entry *entry) {
    void *copy = dstn_arena_take(best->arena, dstn_state_bytes(entry));
    if (copy) {
        dstn_state_add(&best->kept, entry->name, entry->scalar, entry->rank, entry->shape, copy, entry->split);
    }
    return copy != NULL;
}

static void add_numbers(run_best *best) {
    static const char *const losses[DSTN_PARTS] = {NULL, "progress/valid_loss", "progress/test_loss"};
    static const char *const accuracies[DSTN_PARTS] = {NULL, "progress/valid_accuracy", "progress/test_accuracy"};
    dstn_state_add_values(&best->kept, "progress/step", DSTN_I64, 1, &best->step);
    dstn_state_add_values(&best->kept, "progress/epoch", DSTN_I64, 1, &best->epoch);
    for (int part = DSTN_PART_VALID; part < DSTN_PARTS; part++) {
        dstn_state_add_values(&best->kept, losses[part], DSTN_F64, 1, &best->loss[part]);
        dstn_state_add_values(&best->kept, accuracies[part], DSTN_F64, 1, &best->accuracy[part]);
    }
}

dstn_status run_best_new(dstn_job *job, const char *checkpoints, const char *config, run_best **out, dstn_error *err) {
    run_best *best = dstn_alloc(1, sizeof(*best));
    best->job = job;
    best->config = config;
    best->folder = dstn_strdup(checkpoints);
    best->path = dstn_format("%s/best.h5", best->folder);
    best->step = best->epoch = -1;
    for (int part = 0; part < DSTN_PARTS; part++) {
        best->loss[part] = best->accuracy[part] = NAN;
    }
    best->arena = dstn_arena_new();
    dstn_model_add_state(job->model, &best->live);
    dstn_space_add_state(job->space, &best->live);
    bool enough = true;
    for (size_t i = 0; i < best->live.count && enough && dstn_group_leads(job->group); i++) {
        enough = copy_entry(best, &best->live.entries[i]);
    }
    if (!enough) {
        run_best_destroy(best);
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "out of memory for a copy of the model; checkpoint_best: false keeps none");
    }
    add_numbers(best);
    *out = best;
    return DSTN_OK;
}

void run_best_destroy(run_best *best) {
    if (!best) {
        return;
    }
    dstn_state_clear(&best->live);
    dstn_state_clear(&best->kept);
    dstn_arena_destroy(best->arena);
    free(best->folder);
    free(best->path);
    free(best);
}

void run_best_add_state(run_best *best, dstn_state *state) {
    for (size_t i = 0; i < best->kept.count; i++) {
        const dstn_state_entry *entry = &best->kept.entries[i];
        char *name = dstn_format("best/%s", entry->name);
        dstn_state_add(state, name, entry->scalar, entry->rank, entry->shape, entry->data, entry->split);
        free(name);
    }
}

/* ---- keeping ---- */

/* On the leader. */
static void keep_if_better(run_best *best, const dstn_trainer *trainer) {
    const dstn_epoch *epoch = dstn_trainer_last_epoch(trainer);
    double loss = epoch->loss[DSTN_PART_VALID];
    bool first = best->step < 0 && isfinite(loss);
    if (!first && !(loss < best->loss[DSTN_PART_VALID])) {
        return;
    }
    best->step = dstn_trainer_progress(trainer)->step;
    best->epoch = epoch->epoch;
    memcpy(best->loss, epoch->loss, sizeof(best->loss));
    memcpy(best->accuracy, epoch->accuracy, sizeof(best->accuracy));
    for (size_t i = 0; i < best->live.count; i++) {
        size_t bytes = dstn_state_bytes(&best->live.entries[i]);
        if (bytes > 0) {
            memcpy(best->kept.entries[i].data, best->live.entries[i].data, bytes);
        }
    }
    best->is_written = false;
}

static dstn_status on_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    run_best *best = self;
    dstn_trainer_show_average(trainer, true);
    if (dstn_group_leads(best->job->group)) {
        keep_if_better(best, trainer);
    }
    dstn_trainer_show_average(trainer, false);
    return DSTN_OK;
}

dstn_observer run_best_observer(run_best *best) {
    return (dstn_observer){best, dstn_observer_ignore, dstn_observer_ignore, on_epoch};
}

void run_best_restored(run_best *best) {
    best->is_written = false;
}

/* ---- the file ---- */

dstn_status run_best_write(run_best *best, dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (best->is_written) {
        return DSTN_OK;
    }
    if (best->step >= 0) {
        status = dstn_store_make_folder(best->folder, err);
        if (status == DSTN_OK) {
            const dstn_origin origin = run_job_origin(best->job, best->config);
            status = dstn_checkpoint_save(best->path, best->step, &best->kept, &origin, err);
        }
    } else if (unlink(best->path) != 0 && errno != ENOENT) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "%s can't be removed: %s", best->path, strerror(errno));
    }
    best->is_written = status == DSTN_OK;
    return status;
}
