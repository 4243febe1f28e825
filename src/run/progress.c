/* Progress: what a run posts of itself for the display, a few times a second. */
#include "display.h"
#include "observers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/kernel.h"

static const double least_steps = 10, least_seconds = 2; /* a rate over less is noise */
static const double post_every = 0.2;                    /* seconds */

run_progress_observer *run_progress_observer_new(dstn_job *job, const dstn_run_request *request) {
    run_progress_observer *observer = dstn_alloc(1, sizeof(*observer));
    observer->job = job;
    observer->display = request->display;
    observer->name = request->name;
    observer->member = request->member;
    observer->started = dstn_seconds();
    observer->posted = observer->started;
    observer->first_step = dstn_trainer_progress(job->trainer)->step;
    return observer;
}

/* NAN where nobody sees it: the peak is measured for those who do. */
static double fraction_of_peak(const run_progress_observer *o, double steps_per_second) {
    if (run_display_is_quiet(o->display)) {
        return NAN;
    }
    double flops = dstn_trainer_step_flops(o->job->trainer) / dstn_group_size(o->job->group);
    return flops * steps_per_second / (dstn_kernel_peak(o->job->kernel) * 1e9);
}

/* As many as there is room for. */
static void print_values(const dstn_space *space, char *text, size_t size) {
    size_t length = 0;
    for (int i = 0; i < space->count; i++) {
        char *pair =
            dstn_format("%s%s %.4g", i ? "  " : "", space->items[i].name, dstn_space_value(space, i, space->lambda[i]));
        size_t more = strlen(pair);
        bool fits = length + more < size;
        if (fits) {
            memcpy(text + length, pair, more + 1);
            length += more;
        }
        free(pair);
        if (!fits) {
            return;
        }
    }
}

static void post(run_progress_observer *o, run_activity activity) {
    const dstn_trainer *trainer = o->job->trainer;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    run_row row = {.member = o->member, .step = progress->step, .steps = progress->steps, .activity = activity};
    snprintf(row.name, sizeof(row.name), "%s", o->name);
    row.is_text = dstn_trainer_reads_text(trainer);
    row.train_loss = row.is_text ? exp(progress->fit) : progress->train_loss;
    row.hyper_loss = row.is_text ? exp(progress->hyper_loss) : progress->hyper_loss;
    double elapsed = dstn_seconds() - o->started, done = (double)(progress->step - o->first_step);
    bool measured = activity == RUN_TRAINS && (done >= least_steps || (done > 0 && elapsed > least_seconds));
    row.fraction_of_peak = measured ? fraction_of_peak(o, done / elapsed) : NAN;
    row.seconds_left = measured ? elapsed / done * (double)(progress->steps - progress->step) : NAN;
    print_values(o->job->space, row.values, sizeof(row.values));
    run_display_post(o->display, &row);
}

void run_progress_observer_destroy(run_progress_observer *observer) {
    if (!observer) {
        return;
    }
    if (dstn_group_leads(observer->job->group)) {
        post(observer, RUN_IDLE);
    }
    free(observer);
}

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)trainer;
    (void)err;
    run_progress_observer *o = self;
    double now = dstn_seconds();
    if (dstn_group_leads(o->job->group) && now - o->posted >= post_every) {
        o->posted = now;
        post(o, RUN_TRAINS);
        dstn_display_update(o->display);
    }
    return DSTN_OK;
}

dstn_observer run_progress_observer_as_observer(run_progress_observer *observer) {
    return (dstn_observer){observer, on_step, dstn_observer_ignore, dstn_observer_ignore};
}
