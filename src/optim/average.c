/* optim: when averaging of the weights begins (NT-ASGD, Merity et al., 2018): with the first epoch whose validation
 * loss is above the least one of those that lie more than n epochs back, so that it no longer falls. */
#include "dstn/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST, LAST }; /* the least loss more than n epochs back, and the last n, the oldest first */

struct dstn_averaging {
    int64_t after;  /* n */
    double *memory; /* [LAST + n] */
};

dstn_averaging *dstn_averaging_new(int64_t after) {
    dstn_averaging *averaging = dstn_alloc(1, sizeof *averaging);
    *averaging = (dstn_averaging){.after = after, .memory = dstn_alloc((size_t)(LAST + after), sizeof(double))};
    averaging->memory[LEAST] = INFINITY;
    for (int64_t i = 0; i < after; i++) {
        averaging->memory[LAST + i] = INFINITY;
    }
    return averaging;
}

void dstn_averaging_destroy(dstn_averaging *averaging) {
    if (averaging) {
        free(averaging->memory);
        free(averaging);
    }
}

bool dstn_averaging_is_due(dstn_averaging *averaging, double valid_loss) {
    double *memory = averaging->memory, *last = memory + LAST;
    size_t others = (size_t)averaging->after - 1;
    bool is_due = valid_loss > memory[LEAST];
    memory[LEAST] = fmin(memory[LEAST], last[0]);
    memmove(last, last + 1, others * sizeof *last);
    last[others] = valid_loss;
    return is_due;
}

void dstn_averaging_add_state(dstn_averaging *averaging, const char *prefix, dstn_state *state) {
    char name[DSTN_NAME_SIZE];
    snprintf(name, sizeof name, "%s/memory", prefix);
    dstn_state_add_values(state, name, DSTN_F64, LAST + averaging->after, averaging->memory);
}
