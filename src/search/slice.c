/* search: slice sampling along a direction (Neal 2003, Sections 4.1 and 4.2). */
#include "slice.h"

#include <math.h>
#include <stdlib.h>

/* Steps out of the first interval, together on both sides; moves that shrink the bracket. The second is never reached
 * but where a density jumps between neighbouring numbers. */
enum { MOST_STEPS = 32, MOST_SHRINKS = 200 };

double search_draw_uniform(search_draws *draws) {
    double pair[2];
    dstn_rng_uniforms(draws->rng, draws->step, draws->stream, draws->next++, pair);
    return pair[0];
}

double search_draw_normal(search_draws *draws) {
    double pair[2];
    dstn_rng_normals(draws->rng, draws->step, draws->stream, draws->next++, pair);
    return pair[0];
}

/* A line through where the chain stands. */
typedef struct line {
    search_slice *slice;
    const double *direction;
    double *at; /* [count] the point that was looked at last */
    double log; /* and its density */
} line;

static bool is_above(line *l, double t, double level) {
    for (int i = 0; i < l->slice->count; i++) {
        l->at[i] = l->slice->x[i] + t * l->direction[i];
    }
    l->log = l->slice->log_density(l->slice->user, l->at);
    return l->log > level;
}

/* [low, high] around 0, both ends outside of the slice, or as far as MOST_STEPS lead. That these are dealt out to both
 * sides at random keeps the chain reversible. */
static void step_out(line *l, search_draws *draws, double level, double width, double bracket[2]) {
    bracket[0] = -width * search_draw_uniform(draws);
    bracket[1] = bracket[0] + width;
    int below = (int)(MOST_STEPS * search_draw_uniform(draws));
    for (int i = 0; i < below && is_above(l, bracket[0], level); i++) {
        bracket[0] -= width;
    }
    for (int i = below; i < MOST_STEPS - 1 && is_above(l, bracket[1], level); i++) {
        bracket[1] += width;
    }
}

void search_slice_move(search_slice *slice, search_draws *draws, const double *direction, double width) {
    line l = {slice, direction, dstn_alloc((size_t)slice->count, sizeof(double)), 0};
    double level = slice->log + log(search_draw_uniform(draws)), bracket[2];
    step_out(&l, draws, level, width, bracket);
    for (int i = 0; i < MOST_SHRINKS; i++) {
        double t = bracket[0] + (bracket[1] - bracket[0]) * search_draw_uniform(draws);
        if (is_above(&l, t, level)) {
            for (int k = 0; k < slice->count; k++) {
                slice->x[k] = l.at[k];
            }
            slice->log = l.log;
            break;
        }
        bracket[t > 0] = t;
    }
    free(l.at);
}
