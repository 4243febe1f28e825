/* search: a method at work: what it is asked, on which history, and what it is told. */
#include "plan.h"

#include <math.h>
#include <string.h>

bool search_plan_is_planned(const dstn_sweep_plan *plan) {
    return plan->asker->method->is_planned;
}

int64_t search_plan_most(const dstn_sweep_plan *plan) {
    int64_t most = plan->asker->search.most_members;
    return search_plan_is_planned(plan) || most < plan->count ? plan->count : most;
}

static dstn_history history_of(const dstn_sweep_plan *plan) {
    return (dstn_history){.count = plan->count,
                          .proposals = plan->proposals,
                          .states = plan->asker->standing,
                          .values = plan->values,
                          .ended_count = plan->ended_count,
                          .ended = plan->ended};
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* What no method may do, in words; NULL: all is well. */
static const char *fault_of_proposal(const dstn_sweep_plan *plan, const dstn_proposal *proposal) {
    const search_asker *asker = plan->asker;
    if (plan->count >= asker->search.most_members) {
        return "asks for more members than it said it would";
    }
    if (proposal->parent < -1 || proposal->parent >= plan->count ||
        (proposal->parent >= 0 && plan->states[proposal->parent] != DSTN_MEMBER_DONE)) {
        return "asks for a member that goes on from one that is not done";
    }
    for (int i = 0; i < asker->search.dimensions; i++) {
        if (!isfinite(proposal->point[i])) {
            return "asks for a point that is not finite";
        }
    }
    return NULL;
}

static const char *fault_of_answer(const dstn_sweep_plan *plan, dstn_answer answer, const dstn_proposal *proposal) {
    switch (answer) {
    case DSTN_ANSWER_MEMBER:
        return fault_of_proposal(plan, proposal);
    case DSTN_ANSWER_WAIT:
        return plan->ended_count == plan->count ? "waits for a member to end, and all have" : NULL;
    default:
        return NULL;
    }
}

dstn_status search_plan_ask(const dstn_sweep_plan *plan, dstn_proposal *proposal, dstn_answer *answer,
                            dstn_error *err) {
    const search_asker *asker = plan->asker;
    dstn_history history = history_of(plan);
    double *point = proposal->point;
    *proposal = (dstn_proposal){.parent = -1, .point = point};
    memset(point, 0, (size_t)asker->search.dimensions * sizeof *point);
    *answer = asker->method->ask(asker->search.self, &history, proposal);
    const char *fault = fault_of_answer(plan, *answer, proposal);
    return fault ? dstn_fail(err, DSTN_ERROR_RUN,
                             "the search method \"%s\" %s (%lld members, %lld of which have ended): an error of the "
                             "method, not of the sweep file",
                             asker->method->name, fault, (long long)plan->count, (long long)plan->ended_count)
                 : DSTN_OK;
}

/* ---- telling ----------------------------------------------------------------------------------------------------- */

void search_plan_end(dstn_sweep_plan *plan, int64_t index, dstn_member_state state, double value) {
    search_asker *asker = plan->asker;
    int64_t parent = plan->members[index].parent;
    plan->states[index] = state;
    if (state == DSTN_MEMBER_PREEMPTED) {
        return;
    }
    asker->standing[index] = state;
    plan->values[index] = state == DSTN_MEMBER_DONE ? value : NAN;
    plan->ended[plan->ended_count++] = index;
    if (parent >= 0 && dstn_member_has_ended(state)) {
        asker->children[parent]--;
    }
    dstn_history history = history_of(plan);
    asker->method->tell(asker->search.self, &history);
}

/* The method has no way to forget what it was told, so it begins anew. */
static dstn_status tell_anew(dstn_sweep_plan *plan, dstn_error *err) {
    search_asker *asker = plan->asker;
    dstn_history history = history_of(plan);
    asker->method->destroy(asker->search.self);
    asker->search.self = NULL;
    dstn_status status = asker->method->init(asker->root, asker->settings, &asker->search, err);
    if (status != DSTN_OK) {
        return status;
    }
    plan->axes = asker->search.axes;
    plan->coordinates = asker->search.coordinates;
    for (history.ended_count = 1; history.ended_count <= plan->ended_count; history.ended_count++) {
        asker->method->tell(asker->search.self, &history);
    }
    return DSTN_OK;
}

dstn_status search_plan_requeue(dstn_sweep_plan *plan, int64_t index, dstn_error *err) {
    int64_t kept = 0;
    for (int64_t i = 0; i < plan->ended_count; i++) {
        if (plan->ended[i] != index) {
            plan->ended[kept++] = plan->ended[i];
        }
    }
    bool had_ended = kept < plan->ended_count;
    plan->ended_count = kept;
    plan->states[index] = plan->asker->standing[index] = DSTN_MEMBER_QUEUED;
    plan->values[index] = NAN;
    return had_ended ? tell_anew(plan, err) : DSTN_OK;
}

bool search_plan_needs(const dstn_sweep_plan *plan, int64_t index) {
    const search_asker *asker = plan->asker;
    dstn_history history = history_of(plan);
    return asker->children[index] > 0 || asker->method->needs(asker->search.self, &history, index);
}
