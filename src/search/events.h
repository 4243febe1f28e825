/* search: what happens to the members of a method that looks at results: one order of events, which the ledger keeps
 * and the ranks of a launch read in a journal. The same events make the same plan. */
#ifndef SEARCH_EVENT_H
#define SEARCH_EVENT_H

#include "plan.h"

typedef enum search_event_kind {
    SEARCH_ASKED,   /* a new member: parent, place, point */
    SEARCH_RUNNING, /* a group is at a member */
    SEARCH_ENDED,   /* for now or for good: state, value */
    SEARCH_AGAIN,   /* queued once more */
    SEARCH_STOPPED  /* nobody asks any more in this launch */
} search_event_kind;

/* Plain bytes, of search_event_bytes(). */
typedef struct search_event {
    int64_t kind, member;
    int64_t sequence; /* number of its last line in the ledger */
    int64_t state;    /* a dstn_member_state */
    int64_t parent, place[2];
    double value;
    double point[]; /* [dimensions] */
} search_event;

size_t search_event_bytes(const dstn_sweep_plan *plan);
void search_event_put_proposal(const dstn_sweep_plan *plan, search_event *event, const dstn_proposal *proposal);
/* What the event makes of the plan. DSTN_ERROR_USAGE: a member that can't be. */
dstn_status search_event_apply(dstn_sweep_plan *plan, const search_event *event, dstn_error *err);

/* The detail of the line that says that a member was asked for, "new; parent=NAME place=1,2 point=0.1,0.25", with "-"
 * for none; and of the one that says that it is done, "value=0.5". Free with free(). */
char *search_event_asked_detail(const dstn_sweep_plan *plan, int64_t index);
char *search_event_done_detail(double value);
/* What a line of the ledger says; event [out]: search_event_bytes(). DSTN_ERROR_USAGE: of a member that was not asked
 * for; DSTN_ERROR_CHECKPOINT: the detail can't be understood. */
dstn_status search_event_of_line(const dstn_sweep_plan *plan, const dstn_ledger_line *line, search_event *event,
                                 dstn_error *err);

/* Puts the plan where a line of the ledger says that it was then: of the line, its event, applied. */
dstn_status search_history_take_line(dstn_sweep_plan *plan, const dstn_ledger_line *line, search_event *event,
                                     dstn_error *err);

/* As dstn_sweep_ask_again, by a plan that has no members yet; folder NULL: there are no records to compare with. */
void search_ask_again(dstn_sweep_plan *plan, const char *folder, const dstn_ledger_book *book, const dstn_log *log,
                      dstn_sweep_finding found, void *user);

#endif
