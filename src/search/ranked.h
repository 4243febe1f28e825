/* Members of a history in the order of what they came to, for methods that compare those of one length: of a rung, of a
 * generation (place[1] of a proposal). */
#ifndef SEARCH_RANKED_H
#define SEARCH_RANKED_H

#include "dstn/search.h"

typedef struct search_ranked {
    double value; /* INFINITY: diverged */
    int64_t member;
} search_ranked;

/* Whether a member is still to come to its end. */
bool search_is_open(dstn_member_state state);
/* What a member came to, INFINITY where that is nothing to go on from: it diverged, failed or is under way. */
double search_value(const dstn_history *history, int64_t member);

/* Those of a level that have been measured, that is, are done or diverged, best first, the earlier one of equals;
 * failures say nothing of a point. ranked [history->count] out; returns how many. */
int64_t search_rank(const dstn_history *history, int64_t level, search_ranked *ranked);
/* How many of the measured ones of its level come before a member. */
int64_t search_rank_of(const dstn_history *history, int64_t member);

#endif
