/* optim: the rate is multiplied by a factor whenever `patience` epochs in a row have not lowered the least validation
 * loss so far. A loss that is not known (NAN) lowers nothing. */
#include "schedules.h"

#include <math.h>

typedef struct plateau_settings {
    double factor, min_rate;
    int64_t patience;
} plateau_settings;

static const dstn_option options[] = {
    DSTN_REAL("factor", plateau_settings, factor, 0, 1, "0.1",
              "what the rate is multiplied by where the validation loss stays"),
    DSTN_INT("patience", plateau_settings, patience, 1, 1e9, "10",
             "epochs without a lower validation loss after which the rate falls"),
    DSTN_REAL("min_rate", plateau_settings, min_rate, 0, 1e30, "0", "the rate does not fall below this"),
    DSTN_OPTIONS_END,
};

enum { BEST, WAITED, MEMORY }; /* least loss so far, and epochs since it or since the rate fell */

static void start(double *memory) {
    memory[BEST] = INFINITY;
    memory[WAITED] = 0;
}

static double next(const void *settings, double *memory, const dstn_epoch_end *end) {
    const plateau_settings *plateau = settings;
    if (end->valid_loss < memory[BEST]) {
        memory[BEST] = end->valid_loss;
        memory[WAITED] = 0;
        return end->rate;
    }
    memory[WAITED]++;
    if (memory[WAITED] < (double)plateau->patience) {
        return end->rate;
    }
    memory[WAITED] = 0;
    return fmin(end->rate, fmax(plateau->factor * end->rate, plateau->min_rate));
}

const dstn_schedule_type optim_schedule_plateau = {
    .name = "plateau",
    .help = "the rate falls where the validation loss no longer does",
    .options = options,
    .settings_size = sizeof(plateau_settings),
    .example = "{patience: 2, factor: 0.5}",
    .needs_validation = true,
    .memory = MEMORY,
    .start = start,
    .next = next,
};
