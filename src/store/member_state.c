/* store: the states of a sweep's members: the one table of their names, and what a run's status makes of one. */
#include "dstn/store.h"

const char *dstn_member_state_name(dstn_member_state state) {
    static const char *const names[DSTN_MEMBER_STATES] = {
        [DSTN_MEMBER_QUEUED] = "queued", [DSTN_MEMBER_RUNNING] = "running",   [DSTN_MEMBER_PREEMPTED] = "preempted",
        [DSTN_MEMBER_FAILED] = "failed", [DSTN_MEMBER_DIVERGED] = "diverged", [DSTN_MEMBER_DONE] = "done"};
    return names[state];
}

dstn_member_state dstn_member_state_after(dstn_status status) {
    switch (status) {
    case DSTN_OK:
        return DSTN_MEMBER_DONE;
    case DSTN_DIVERGED:
        return DSTN_MEMBER_DIVERGED;
    case DSTN_STOPPED:
        return DSTN_MEMBER_PREEMPTED;
    default:
        return DSTN_MEMBER_FAILED;
    }
}

bool dstn_member_has_ended(dstn_member_state state) {
    return state == DSTN_MEMBER_DONE || state == DSTN_MEMBER_DIVERGED;
}
