/* Digests, checkpoints, stop and resume of a run. A record is written before the checkpoint that it belongs to, and cut
 * back to the checkpoint's step on resume, so that a run that was killed anywhere goes on as if nothing had happened.
 */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstn/run.h"
#include "job.h"

/* The lists of the whole group, in which rows that are spread over its ranks are together. */
static void gather_lists(run_checkpointer *c) {
    const dstn_group *group = c->job->group;
    bool enough = dstn_group_whole_state(group, &c->own_state, c->arena, &c->state);
    enough = dstn_group_whole_state(group, &c->own_whole, c->arena, &c->whole) && enough;
    if (!enough) {
        fprintf(stderr, "dstn: out of memory for the state of %d ranks\n", dstn_group_size(group));
        dstn_ranks_abort(DSTN_ERROR_RUN);
    }
}

run_checkpointer *run_checkpointer_new(dstn_job *job, dstn_record *record, run_best *best, const char *folder,
                                       const char *checkpoints, const char *config) {
    run_checkpointer *c = dstn_alloc(1, sizeof(*c));
    c->job = job;
    c->record = record;
    c->best = best;
    c->folder = folder;
    c->config = config;
    c->checkpoints = checkpoints;
    c->record_path = dstn_format("%s/run.h5", folder);
    c->arena = dstn_arena_new();
    dstn_trainer_add_state(job->trainer, &c->own_state);
    dstn_trainer_add_state(job->trainer, &c->own_whole);
    dstn_state_add_values(&c->own_whole, "digest/chain", DSTN_U8, sizeof(c->chain), c->chain);
    gather_lists(c);
    if (best && dstn_group_leads(job->group)) { /* it has no other place than the leader's memory */
        run_best_add_state(best, &c->whole);
    }
    c->digest_step = dstn_record_series(record, "/digest/step", DSTN_I64, 0);
    c->digest_hash = dstn_record_series(record, "/digest/hash", DSTN_U8, 16);
    c->written_at = dstn_seconds();
    c->step = -1;
    return c;
}

void run_checkpointer_destroy(run_checkpointer *c) {
    if (!c) {
        return;
    }
    dstn_state_clear(&c->own_state);
    dstn_state_clear(&c->own_whole);
    dstn_state_clear(&c->state);
    dstn_state_clear(&c->whole);
    dstn_arena_destroy(c->arena);
    free(c->record_path);
    free(c);
}

/* ---- digests ---- */

static int hex_value(char digit) {
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

void run_checkpointer_digest(const run_checkpointer *c, char digest[33]) {
    dstn_trainer_gather_state(c->job->trainer);
    dstn_group_gather_state(c->job->group, &c->own_state, &c->state);
    if (dstn_group_leads(c->job->group)) { /* which alone has all of the state, and the record */
        dstn_state_digest(&c->state, c->chain[0] ? c->chain : NULL, digest);
    } else {
        digest[0] = '\0';
    }
}

static void append_digest(run_checkpointer *c) {
    double step = (double)dstn_trainer_progress(c->job->trainer)->step, bytes[16];
    run_checkpointer_digest(c, c->chain);
    if (!dstn_group_leads(c->job->group)) {
        return;
    }
    for (int i = 0; i < 16; i++) {
        bytes[i] = 16 * hex_value(c->chain[2 * i]) + hex_value(c->chain[2 * i + 1]);
    }
    dstn_record_append(c->record, c->digest_step, &step);
    dstn_record_append(c->record, c->digest_hash, bytes);
}

static dstn_status digest_on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    run_checkpointer *c = self;
    int64_t every = c->job->settings.digest_every;
    if (every > 0 && dstn_trainer_progress(trainer)->step % every == 0) {
        append_digest(c);
    }
    return DSTN_OK;
}

static dstn_status digest_on_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)trainer;
    (void)err;
    run_checkpointer *c = self;
    if (c->job->settings.digest_every == 0) {
        append_digest(c);
    }
    return DSTN_OK;
}

dstn_observer run_digest_observer(run_checkpointer *checkpointer) {
    return (dstn_observer){checkpointer, digest_on_step, dstn_observer_ignore, digest_on_epoch};
}

/* ---- checkpoints ---- */

dstn_status run_checkpointer_write(run_checkpointer *c, dstn_error *err) {
    dstn_status status = DSTN_OK;
    double start = dstn_seconds();
    int64_t step = dstn_trainer_progress(c->job->trainer)->step;
    dstn_trainer_gather_state(c->job->trainer);
    dstn_group_gather_state(c->job->group, &c->own_whole, &c->whole);
    if (dstn_group_leads(c->job->group)) {
        status = dstn_record_write(c->record, c->record_path, err);
        if (status == DSTN_OK) {
            const dstn_origin origin = run_job_origin(c->job, c->config);
            status = dstn_checkpoint_write(c->checkpoints, step, &c->whole, &origin,
                                           (int)c->job->settings.checkpoint_keep, err);
        }
        if (status == DSTN_OK && c->best) {
            status = run_best_write(c->best, err);
        }
    }
    c->step = step;
    c->count++;
    c->written_at = dstn_seconds();
    c->cost += c->written_at - start;
    dstn_log_detail(c->job->log, "%s: checkpoint and record at step %lld in %.1f ms", c->folder, (long long)step,
                    1e3 * (c->written_at - start));
    return dstn_group_verdict(c->job->group, status, err);
}

enum { NOTHING, DUE, STOP };

/* The leader's clock says when a checkpoint is due; any rank may have been asked to stop. */
static int64_t wish(const run_checkpointer *c, int64_t step) {
    if (dstn_stop_asked()) {
        return STOP;
    }
    int64_t steps = c->job->settings.checkpoint_steps;
    bool due = steps > 0 ? step % steps == 0
                         : dstn_group_leads(c->job->group) &&
                               dstn_seconds() - c->written_at >= c->job->settings.checkpoint_every;
    return due ? DUE : NOTHING;
}

static dstn_status checkpoint_on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    run_checkpointer *c = self;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    int64_t agreed = dstn_group_max(c->job->group, wish(c, progress->step));
    if (agreed == NOTHING || dstn_trainer_is_over(trainer)) {
        return DSTN_OK;
    }
    dstn_status status = run_checkpointer_write(c, err);
    if (status == DSTN_OK && agreed == STOP) {
        status =
            dstn_fail(err, DSTN_STOPPED, "stopped by %s at step %lld with a checkpoint written; go on with --resume",
                      dstn_stop_reason(), (long long)progress->step);
    }
    return status;
}

dstn_observer run_checkpoint_observer(run_checkpointer *checkpointer) {
    return (dstn_observer){checkpointer, checkpoint_on_step, dstn_observer_ignore, dstn_observer_ignore};
}

/* ---- resume ---- */

dstn_status dstn_job_same_data(const dstn_job *job, const char *folder, dstn_error *err) {
    char *path = dstn_format("%s/run.h5", folder);
    dstn_reader *reader;
    dstn_error ignored;
    dstn_status status = DSTN_OK;
    if (access(path, F_OK) == 0 && dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
        char *digest = dstn_reader_text(reader, "provenance", "data_digest");
        status = digest ? run_job_has_data(job, digest, path, err) : DSTN_OK;
        free(digest);
        dstn_reader_close(reader);
    }
    free(path);
    return status;
}

/* What stands in the folder is of this config and of these data: the checkpoint says so itself, the record where there
 * is none, or one that says nothing of its data. */
static dstn_status check_origin(const run_checkpointer *c, bool found, const dstn_checkpoint_facts *about,
                                dstn_error *err) {
    dstn_status status = found ? run_job_same_origin(c->job, about, c->folder, err) : DSTN_OK;
    if (status == DSTN_OK && (!found || !about->data_digest[0])) {
        status = dstn_job_same_data(c->job, c->folder, err);
    }
    return status;
}

static dstn_status leader_restores(run_checkpointer *c, const dstn_log *log, bool *found, dstn_error *err) {
    dstn_checkpoint_facts about = {0};
    dstn_status status = dstn_job_same_config(c->job, c->folder, NULL, err);
    if (status == DSTN_OK) {
        status = dstn_checkpoint_newest(c->checkpoints, &c->whole, log, found, &about, err);
    }
    if (status == DSTN_OK) {
        status = check_origin(c, *found, &about, err);
    }
    int64_t steps = dstn_trainer_progress(c->job->trainer)->steps;
    if (status == DSTN_OK && *found && about.step > steps) {
        status =
            dstn_fail(err, DSTN_ERROR_USAGE, "%s: the run has made %lld steps already, more than the %lld asked for",
                      c->folder, (long long)about.step, (long long)steps);
    }
    if (status == DSTN_OK && *found) {
        status = dstn_record_recover(c->record, c->record_path, about.step, log, err);
    }
    dstn_checkpoint_facts_clear(&about);
    return status;
}

dstn_status run_checkpointer_resume(run_checkpointer *c, const dstn_log *log, bool *found, dstn_error *err) {
    const dstn_group *group = c->job->group;
    *found = false;
    dstn_status status = dstn_group_leads(group) ? leader_restores(c, log, found, err) : DSTN_OK;
    status = dstn_group_verdict(group, status, err);
    dstn_group_broadcast(group, found, sizeof(*found));
    return status == DSTN_OK && *found ? run_checkpointer_spread(c, err) : status;
}

dstn_status run_checkpointer_spread(run_checkpointer *c, dstn_error *err) {
    const dstn_group *group = c->job->group;
    dstn_status status = DSTN_OK;
    dstn_group_spread_state(group, &c->whole, &c->own_whole);
    dstn_trainer_restored(c->job->trainer);
    c->step = dstn_trainer_progress(c->job->trainer)->step;
    if (c->best) {
        run_best_restored(c->best);
        status = dstn_group_leads(group) ? run_best_write(c->best, err) : DSTN_OK;
        status = dstn_group_verdict(group, status, err);
    }
    return status;
}
