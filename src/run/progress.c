/* Progress: every group's leader posts what its member is doing on the board; rank 0 shows the board, as live lines on
 * a terminal (redrawn in place), else as a plain line now and then. */
#include "observers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/kernel.h"

static const double least_steps = 10, least_seconds = 2;                    /* a rate over less is noise */
static const double post_every = 0.2, redraw_every = 0.2, plain_every = 10; /* seconds */

typedef enum row_activity {
    IDLE, /* also what a row of the board holds that nobody has posted to */
    RUNNING
} row_activity;

/* What a member shows of itself; a row of the board that rank 0 displays. */
typedef struct row {
    char name[64];
    int64_t step, steps;
    double train_loss, hyper_loss;
    double fraction_of_peak; /* matrix-product FLOPs over time and peak; NAN: not known */
    double seconds_left;
    row_activity activity;
} row;

struct dstn_display {
    const dstn_console *console;
    dstn_board *board;
    double drawn; /* when, in seconds */
    int lines;    /* live lines on the terminal now */
};

/* ---- the display ---- */

dstn_display *dstn_display_new(const dstn_console *console) {
    dstn_display *display = dstn_alloc(1, sizeof(*display));
    display->console = console;
    display->board = dstn_board_new(console->world, sizeof(row));
    display->drawn = dstn_seconds();
    return display;
}

/* Moves to the first live line and erases from there down. */
static void erase(dstn_display *display) {
    if (display->lines > 0) {
        fprintf(stderr, "\033[%dA\033[J", display->lines);
        display->lines = 0;
    }
}

void dstn_display_destroy(dstn_display *display) {
    if (display) {
        erase(display);
        dstn_board_destroy(display->board);
        free(display);
    }
}

static void print_time(char *text, size_t size, double seconds) {
    long whole = seconds > 0 && seconds < 1e8 ? (long)seconds : 0;
    if (whole >= 3600) {
        snprintf(text, size, "%ldh%02ldm", whole / 3600, whole / 60 % 60);
    } else {
        snprintf(text, size, "%ldm%02lds", whole / 60, whole % 60);
    }
}

static void print_loss(char *text, size_t size, double loss) {
    if (isnan(loss)) {
        snprintf(text, size, "-"); /* none yet */
    } else {
        snprintf(text, size, "%.4g", loss);
    }
}

static void print_member(const row *m) {
    char left[32], peak[32] = "", train[32], valid[32];
    print_time(left, sizeof(left), m->seconds_left);
    print_loss(train, sizeof(train), m->train_loss);
    print_loss(valid, sizeof(valid), m->hyper_loss);
    if (isfinite(m->fraction_of_peak)) {
        snprintf(peak, sizeof(peak), "  %2.0f%% of peak", 100 * m->fraction_of_peak);
    }
    dstn_print_line(stderr, "%-40s %3.0f%%  step %lld/%lld  train %s  valid %s%s  %s left", m->name,
                    100 * (double)m->step / (double)(m->steps > 0 ? m->steps : 1), (long long)m->step,
                    (long long)m->steps, train, valid, peak, left);
}

/* Redraws, at most a few times a second. Rank 0 only; elsewhere nothing. */
static void update(dstn_display *display) {
    const dstn_console *console = display->console;
    double now = dstn_seconds();
    if (!console->log.out || console->log.level == DSTN_LOG_QUIET ||
        now - display->drawn < (console->is_terminal ? redraw_every : plain_every)) {
        return;
    }
    display->drawn = now;
    erase(display);
    for (int slot = 0; slot < dstn_board_slots(display->board); slot++) {
        row member;
        dstn_board_read(display->board, slot, &member);
        if (member.activity == RUNNING) {
            print_member(&member);
            display->lines += console->is_terminal;
        }
    }
}

/* ---- the observer ---- */

run_progress_observer *run_progress_observer_new(dstn_job *job, dstn_display *display, const char *name) {
    run_progress_observer *observer = dstn_alloc(1, sizeof(*observer));
    observer->job = job;
    observer->display = display;
    observer->name = name;
    observer->started = dstn_seconds();
    observer->posted = observer->started;
    observer->first_step = dstn_trainer_progress(job->trainer)->step;
    return observer;
}

/* NAN where nobody sees it: the peak is measured for those who do. */
static double fraction_of_peak(const run_progress_observer *o, double steps_per_second) {
    if (o->display->console->log.level == DSTN_LOG_QUIET) {
        return NAN;
    }
    double flops = dstn_trainer_step_flops(o->job->trainer) / dstn_group_size(o->job->group);
    return flops * steps_per_second / (dstn_kernel_peak(o->job->kernel) * 1e9);
}

static void post(run_progress_observer *o, row_activity activity) {
    const dstn_trainer *trainer = o->job->trainer;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    row member = {.step = progress->step, .steps = progress->steps, .activity = activity};
    snprintf(member.name, sizeof(member.name), "%s", o->name);
    member.train_loss = progress->train_loss;
    member.hyper_loss = progress->hyper_loss;
    double elapsed = dstn_seconds() - o->started, done = (double)(progress->step - o->first_step);
    bool measured = activity == RUNNING && (done >= least_steps || (done > 0 && elapsed > least_seconds));
    member.fraction_of_peak = NAN;
    if (measured) {
        member.fraction_of_peak = fraction_of_peak(o, done / elapsed);
        member.seconds_left = elapsed / done * (double)(progress->steps - progress->step);
    }
    dstn_board_post(o->display->board, &member);
}

void run_progress_observer_destroy(run_progress_observer *observer) {
    if (!observer) {
        return;
    }
    if (dstn_group_leads(observer->job->group)) {
        post(observer, IDLE);
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
        post(o, RUNNING);
        update(o->display);
    }
    return DSTN_OK;
}

dstn_observer run_progress_observer_as_observer(run_progress_observer *observer) {
    return (dstn_observer){observer, on_step, dstn_observer_ignore, dstn_observer_ignore};
}
