/* optim: the rate is multiplied by a factor after each of some epochs: after e epochs it is
 * rate · factor^|{milestones ≤ e}|. */
#include "schedules.h"

typedef struct step_settings {
    dstn_int_list milestones;
    double factor;
} step_settings;

static const dstn_option options[] = {
    DSTN_INTS("milestones", step_settings, milestones, 1, 1e9, DSTN_REQUIRED,
              "epochs after which the rate is multiplied by factor, in rising order"),
    DSTN_REAL("factor", step_settings, factor, 0, 1, "0.1", "what the rate is multiplied by after each milestone"),
    DSTN_OPTIONS_END,
};

static dstn_status check(const void *settings, dstn_node node, dstn_error *err) {
    const step_settings *step = settings;
    for (int i = 1; i < step->milestones.count; i++) {
        if (step->milestones.values[i] <= step->milestones.values[i - 1]) {
            return dstn_node_fail(dstn_node_child(node, "milestones"), err,
                                  "%lld comes after %lld; accepted: epochs in rising order",
                                  (long long)step->milestones.values[i], (long long)step->milestones.values[i - 1]);
        }
    }
    return DSTN_OK;
}

/* From the first rate, so that it is a function of the epoch alone. */
static double next(const void *settings, double *memory, const dstn_epoch_end *end) {
    (void)memory;
    const step_settings *step = settings;
    double rate = end->first_rate;
    for (int i = 0; i < step->milestones.count; i++) {
        if (step->milestones.values[i] <= end->epochs) {
            rate *= step->factor;
        }
    }
    return rate;
}

const dstn_schedule_type optim_schedule_step = {
    .name = "step",
    .help = "the rate falls after given epochs",
    .options = options,
    .settings_size = sizeof(step_settings),
    .example = "{milestones: [2, 5], factor: 0.5}",
    .check = check,
    .next = next,
};
