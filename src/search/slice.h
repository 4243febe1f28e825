/* search, private: draws of one ask, and slice sampling (Neal 2003, "Slice sampling", Annals of Statistics 31). */
#ifndef SEARCH_SLICE_H
#define SEARCH_SLICE_H

#include "dstn/core.h"

/* Random numbers one after the other, which depend on rng, step and stream alone. */
typedef struct search_draws {
    dstn_rng rng;
    uint64_t step;   /* number of the ask */
    uint64_t stream; /* what they are drawn for */
    uint64_t next;   /* 0 at first */
} search_draws;

double search_draw_uniform(search_draws *draws); /* in (0, 1) */
double search_draw_normal(search_draws *draws);

/* ln p(x), up to a constant; −INFINITY (or NAN) where there is none. */
typedef double search_log_density(void *user, const double *x);

/* A chain that has p as its stationary distribution. */
typedef struct search_slice {
    search_log_density *log_density;
    void *user;
    int count;
    double *x;  /* [count] where it stands */
    double log; /* log_density(x), finite */
} search_slice;

/* One move along x + t direction [count]: the slice p > u p(x), u uniform, is bracketed by stepping out from an
 * interval of `width` (Neal's Fig. 3), and a point of it is found by shrinking the bracket (Fig. 5). */
void search_slice_move(search_slice *slice, search_draws *draws, const double *direction, double width);

#endif
