/* The crash that a drill rehearses, from the inside: SIGKILL at a step or between writing a file and renaming it. */
#include "drill_hook.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/run.h"
#include "dstn/store.h"

/* What this process dies of; set once, before training. The store's hook takes no argument. */
static struct {
    int64_t step;     /* 0: at no step */
    const char *part; /* of the path of the files that are counted */
    int64_t writes;   /* until the one that is the last */
} armed;

static void die_in_write(const char *path) {
    if (strstr(path, armed.part) && --armed.writes == 0) {
        raise(SIGKILL);
    }
}

static dstn_status die_at_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self;
    (void)err;
    if (dstn_trainer_progress(trainer)->step == armed.step) {
        raise(SIGKILL);
    }
    return DSTN_OK;
}

static void arm_writes(const char *part, int64_t writes) {
    armed.part = part;
    armed.writes = writes;
    dstn_store_set_write_hook(die_in_write);
}

dstn_status dstn_drill_arm(const dstn_group *world, dstn_error *err) {
    const char *text = getenv(DSTN_DRILL_VARIABLE);
    if (!text) {
        return DSTN_OK;
    }
    long long rank, count;
    int read = 0, length = (int)strlen(text);
    if (sscanf(text, "kill:%lld:%lld%n", &rank, &count, &read) == 2 && read == length) {
        armed.step = rank == dstn_group_rank(world) ? count : 0;
    } else if (sscanf(text, "checkpoint:%lld%n", &count, &read) == 1 && read == length) {
        arm_writes("/step-", count);
    } else if (sscanf(text, "record:%lld%n", &count, &read) == 1 && read == length) {
        arm_writes("/run.h5", count);
    } else {
        return dstn_fail(
            err, DSTN_ERROR_USAGE,
            "environment variable " DSTN_DRILL_VARIABLE "=%s: accepted: kill:RANK:STEP, checkpoint:N, record:N", text);
    }
    return DSTN_OK;
}

bool run_drill_kills_at_step(void) {
    return armed.step > 0;
}

dstn_observer run_drill_observer(void) {
    return (dstn_observer){NULL, die_at_step, dstn_observer_ignore, dstn_observer_ignore};
}
