/* search: a plan by a method that is given, rather than named in the sweep file, and the method at work on it. */
#ifndef SEARCH_PLAN_H
#define SEARCH_PLAN_H

#include "axis.h"
#include "dstn/search.h"

/* The method at work, and what belongs to the plan alone. */
typedef struct search_asker {
    const dstn_search_method *method;
    dstn_node root; /* of the sweep file */
    void *settings; /* the method's */
    dstn_search search;
    search_settings common;      /* `set:` */
    int64_t capacity;            /* members */
    dstn_texts names;            /* of the members */
    dstn_member_state *standing; /* [capacity] as the method sees it: what is still to come is queued */
    int64_t *children;           /* [capacity] members that go on from it and have not ended */
} search_asker;

dstn_status search_plan_read_with(dstn_node node, const dstn_search_method *method, dstn_sweep_plan **out,
                                  dstn_error *err);

/* Labels [count] joined by '-'; free with free(). */
char *search_member_name(char *const *labels, int count);
/* Frees what a member has: its settings, its labels [axis_count] and its name, if there is one yet. */
void search_member_clear(dstn_member *member, int axis_count);

/* ---- asking and telling ------------------------------------------------------------------------------------------ */

bool search_plan_is_planned(const dstn_sweep_plan *plan);
/* The most members that there will ever be. */
int64_t search_plan_most(const dstn_sweep_plan *plan);

/* Asks the method. proposal [out]: its point is the caller's array. DSTN_ERROR_RUN: an answer that no method may give,
 * such as to wait where there is nothing to wait for. */
dstn_status search_plan_ask(const dstn_sweep_plan *plan, dstn_proposal *proposal, dstn_answer *answer, dstn_error *err);
/* The member that a proposal would be if it came next; search_member_clear. */
dstn_member search_plan_describe(const dstn_sweep_plan *plan, const dstn_proposal *proposal);
/* Adds the member that a proposal, which is copied, stands for. DSTN_ERROR_USAGE: a name that can't be. */
dstn_status search_plan_add(dstn_sweep_plan *plan, const dstn_proposal *proposal, dstn_error *err);
/* A run of a member has come to this; value: the objective, where it is done. */
void search_plan_end(dstn_sweep_plan *plan, int64_t index, dstn_member_state state, double value);
/* A member is to be run again. */
dstn_status search_plan_requeue(dstn_sweep_plan *plan, int64_t index, dstn_error *err);
/* Whether another member may still go on from one that is done. */
bool search_plan_needs(const dstn_sweep_plan *plan, int64_t index);

#endif
