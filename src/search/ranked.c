/* search: members of one length by what they came to. */
#include "ranked.h"

#include <math.h>
#include <stdlib.h>

bool search_is_open(dstn_member_state state) {
    return state == DSTN_MEMBER_QUEUED || state == DSTN_MEMBER_RUNNING || state == DSTN_MEMBER_PREEMPTED;
}

double search_value(const dstn_history *history, int64_t member) {
    bool is_done = history->states[member] == DSTN_MEMBER_DONE && isfinite(history->values[member]);
    return is_done ? history->values[member] : INFINITY;
}

static bool is_measured(const dstn_history *history, int64_t member, int64_t level) {
    dstn_member_state state = history->states[member];
    return history->proposals[member].place[1] == level && (state == DSTN_MEMBER_DONE || state == DSTN_MEMBER_DIVERGED);
}

static int compare(const void *a, const void *b) {
    const search_ranked *x = a, *y = b;
    int by_value = (x->value > y->value) - (x->value < y->value);
    return by_value ? by_value : (x->member > y->member) - (x->member < y->member);
}

int64_t search_rank(const dstn_history *history, int64_t level, search_ranked *ranked) {
    int64_t count = 0;
    for (int64_t m = 0; m < history->count; m++) {
        if (is_measured(history, m, level)) {
            ranked[count++] = (search_ranked){search_value(history, m), m};
        }
    }
    qsort(ranked, (size_t)count, sizeof *ranked, compare);
    return count;
}

int64_t search_rank_of(const dstn_history *history, int64_t member) {
    const search_ranked own = {search_value(history, member), member};
    int64_t before = 0;
    for (int64_t m = 0; m < history->count; m++) {
        if (is_measured(history, m, history->proposals[member].place[1])) {
            const search_ranked other = {search_value(history, m), m};
            before += compare(&other, &own) < 0;
        }
    }
    return before;
}
