/* search: running a plan: groups of ranks draw members from the shared window, and all ranks learn how each ended. */
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What is drawn from: the members that wait. */
typedef struct queue {
    int64_t *indices; /* [count] */
    int64_t count;
} queue;

/* Of members that differ by less than what one timed step is worth, the first comes first. */
static const double step_of_work = 1.2;

typedef struct waiting {
    int64_t index;
    double work; /* in whole steps: a logarithm */
} waiting;

/* Longest first: what is begun last is short, and ranks are idle for no longer than that takes. */
static int compare_waiting(const void *a, const void *b) {
    const waiting *left = a, *right = b;
    if (left->work != right->work) {
        return left->work < right->work ? 1 : -1;
    }
    return (left->index > right->index) - (left->index < right->index);
}

static void put_longest_first(const dstn_sweep_plan *plan, queue *q) {
    waiting *all = dstn_alloc((size_t)q->count + 1, sizeof *all);
    for (int64_t i = 0; i < q->count; i++) {
        double work = plan->work[q->indices[i]];
        all[i] = (waiting){q->indices[i], work > 0 ? floor(log(work) / log(step_of_work)) : -INFINITY};
    }
    qsort(all, (size_t)q->count, sizeof *all, compare_waiting);
    for (int64_t i = 0; i < q->count; i++) {
        q->indices[i] = all[i].index;
    }
    free(all);
}

static queue members_that_wait(const dstn_sweep_plan *plan) {
    queue q = {.indices = dstn_alloc((size_t)plan->count + 1, sizeof *q.indices)};
    for (int64_t m = 0; m < plan->count; m++) {
        if (plan->states[m] == DSTN_MEMBER_QUEUED || plan->states[m] == DSTN_MEMBER_PREEMPTED) {
            q.indices[q.count++] = m;
        }
    }
    put_longest_first(plan, &q);
    return q;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static dstn_member_state run_one(dstn_sweep_plan *plan, int64_t index, const dstn_group *group, const char *folder,
                                 const dstn_sweep_calls *calls) {
    dstn_error err = {DSTN_OK, ""};
    char *own_folder = dstn_format("%s/members/%s", folder, plan->members[index].name);
    dstn_status status = calls->run(calls->user, plan, index, own_folder, group, &err);
    free(own_folder);
    dstn_member_state state = dstn_member_state_after(dstn_group_agree(group, status, &err));
    if (state == DSTN_MEMBER_FAILED || state == DSTN_MEMBER_DIVERGED) {
        free(plan->messages[index]);
        plan->messages[index] = dstn_strdup(err.message[0] ? err.message : "no reason given");
    }
    return state;
}

/* Emptying the window is how a stopped group makes the others stop drawing. */
static void draw_the_rest(dstn_work *work, const dstn_group *group) {
    while (dstn_work_draw(work, group) >= 0) {
        continue;
    }
}

/* came_to [q->count]: what the members that this group has run came to; queued for the others. */
static void run_members(dstn_sweep_plan *plan, const queue *q, dstn_work *work, const dstn_group *group,
                        const char *folder, const dstn_sweep_calls *calls, double *came_to) {
    int64_t drawn;
    while ((drawn = dstn_work_draw(work, group)) >= 0) {
        dstn_member_state state = run_one(plan, q->indices[drawn], group, folder, calls);
        came_to[drawn] = state;
        if (state == DSTN_MEMBER_PREEMPTED) {
            draw_the_rest(work, group);
        }
    }
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* What a member came to is known to the group that ran it; its leader tells it to the world. Queued is zero, so that a
 * sum over the leaders is the whole table. A member that nobody drew stays as it was. */
static void gather_states(const dstn_group *world, const dstn_group *group, const queue *q, double *came_to,
                          dstn_sweep_plan *plan) {
    if (!dstn_group_leads(group)) {
        memset(came_to, 0, (size_t)q->count * sizeof *came_to);
    }
    dstn_group_sum(world, came_to, q->count);
    for (int64_t i = 0; i < q->count; i++) {
        if (came_to[i] > 0) {
            plan->states[q->indices[i]] = (dstn_member_state)came_to[i];
        }
    }
}

/* The message of a member is the verdict of whoever has it. */
void search_gather_messages(const dstn_group *world, dstn_sweep_plan *plan, const int64_t *members, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        int64_t m = members[i];
        if (plan->states[m] != DSTN_MEMBER_FAILED && plan->states[m] != DSTN_MEMBER_DIVERGED) {
            continue;
        }
        dstn_error err = {DSTN_OK, ""};
        if (plan->messages[m]) {
            dstn_fail(&err, DSTN_ERROR_RUN, "%s", plan->messages[m]);
        }
        dstn_group_agree(world, err.status, &err);
        free(plan->messages[m]);
        plan->messages[m] = err.status ? dstn_strdup(err.message) : NULL;
    }
}

dstn_status search_judge(const dstn_sweep_plan *plan, bool is_stopped, dstn_error *err) {
    int64_t counts[DSTN_MEMBER_STATES];
    dstn_sweep_plan_count(plan, counts);
    int64_t ended = counts[DSTN_MEMBER_DONE] + counts[DSTN_MEMBER_DIVERGED] + counts[DSTN_MEMBER_FAILED];
    if (is_stopped) {
        return dstn_fail(err, DSTN_STOPPED, "%lld of %lld members have ended", (long long)ended,
                         (long long)plan->count);
    }
    for (int64_t m = 0; m < plan->count; m++) {
        if (plan->states[m] == DSTN_MEMBER_FAILED) {
            return dstn_fail(err, DSTN_MEMBERS_FAILED, "%lld of %lld members failed, first %s: %s",
                             (long long)counts[DSTN_MEMBER_FAILED], (long long)plan->count, plan->members[m].name,
                             plan->messages[m] ? plan->messages[m] : "no reason given");
        }
    }
    return DSTN_OK;
}

dstn_status dstn_sweep_run(dstn_sweep_plan *plan, const dstn_group *world, int ranks_per_member, const char *folder,
                           const dstn_sweep_calls *calls, dstn_error *err) {
    dstn_group *group;
    if (dstn_group_split(world, ranks_per_member, &group, err)) {
        return err->status;
    }
    queue q = members_that_wait(plan);
    dstn_work *work = dstn_work_new(world, q.count);
    double *came_to = dstn_alloc((size_t)q.count + 1, sizeof *came_to);
    run_members(plan, &q, work, group, folder, calls, came_to);
    dstn_group_meet(world, calls->idle, calls->user);
    gather_states(world, group, &q, came_to, plan);
    search_gather_messages(world, plan, q.indices, q.count);
    int64_t counts[DSTN_MEMBER_STATES];
    dstn_sweep_plan_count(plan, counts);
    dstn_status status = search_judge(plan, counts[DSTN_MEMBER_PREEMPTED] > 0, err);
    free(came_to);
    free(q.indices);
    dstn_work_destroy(work);
    dstn_group_destroy(group);
    return status;
}
