/* search, private: what a Gaussian process is shown of a history. */
#ifndef SEARCH_EVIDENCE_H
#define SEARCH_EVIDENCE_H

#include "space.h"

/* Points of the unit cube, those of members that have ended, in that order, and then those still to come; and values,
 * whose mean is 0 and whose variance is 1. */
typedef struct search_evidence {
    int count, ended, dimensions;
    double *points; /* [count, dimensions] */
    double *values; /* [ended] */
    int best;       /* the least one */
} search_evidence;

/* Members that diverged or failed, or whose value is no number, get the worst value that any came to: their place is
 * bad, and no worse than that. One bad number must not make all others look the same: what is above best + 20 (median
 * − best), with the median of the first `initial` results, counts as that.
 *
 * Of more than `most` members that have ended, the best half of so many are taken, and of the others those that ended
 * last. At least one has ended. To be cleared. */
void search_evidence_gather(const search_space *space, const dstn_history *history, int64_t initial, int64_t most,
                            search_evidence *evidence);
void search_evidence_clear(search_evidence *evidence);

#endif
