/* optim: the schedule that leaves the learning rate alone. */
#include "schedules.h"

static const dstn_option options[] = {DSTN_OPTIONS_END};

static double next(const void *settings, double *memory, const dstn_epoch_end *end) {
    (void)settings, (void)memory;
    return end->rate;
}

const dstn_schedule_type optim_schedule_constant = {
    .name = "constant",
    .help = "the rate stays as it is",
    .options = options,
    .example = "{}",
    .next = next,
};
