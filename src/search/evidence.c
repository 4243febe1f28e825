/* search: what a Gaussian process is shown of a history. */
#include "evidence.h"

#include <math.h>
#include <stdlib.h>

/* ---- which members ----------------------------------------------------------------------------------------------- */

/* A member that has ended. */
typedef struct result {
    double value;          /* INFINITY: none */
    int64_t member, order; /* order: of ending */
} result;

static int compare_values(const void *left, const void *right) {
    const result *a = left, *b = right;
    return a->value != b->value ? (a->value > b->value) - (a->value < b->value)
                                : (a->order > b->order) - (a->order < b->order);
}

static int compare_orders(const void *left, const void *right) {
    const result *a = left, *b = right;
    return (a->order > b->order) - (a->order < b->order);
}

/* All that have ended, in that order; *count [in, out] is how many are wanted, and there. The caller's. */
static result *choose(const dstn_history *history, int64_t *count) {
    int64_t all = history->ended_count, best = *count / 2, kept = 0;
    result *results = dstn_alloc((size_t)all, sizeof *results);
    for (int64_t i = 0; i < all; i++) {
        double value = history->values[history->ended[i]];
        results[i] = (result){isfinite(value) ? value : INFINITY, history->ended[i], i};
    }
    if (all <= *count) {
        *count = all;
        return results;
    }
    qsort(results, (size_t)all, sizeof *results, compare_values);
    qsort(results + best, (size_t)(all - best), sizeof *results, compare_orders);
    for (int64_t i = all - (*count - best); i < all; i++) {
        results[best + kept++] = results[i];
    }
    qsort(results, (size_t)*count, sizeof *results, compare_orders);
    return results;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* The median of the first results; NAN: there are none. */
static double first_median(const dstn_history *history, int64_t initial) {
    int64_t count = 0;
    double median = NAN;
    result *results = dstn_alloc((size_t)history->ended_count, sizeof *results);
    for (int64_t i = 0; i < history->ended_count && count < initial; i++) {
        double value = history->values[history->ended[i]];
        if (isfinite(value)) {
            results[count] = (result){value, history->ended[i], count};
            count++;
        }
    }
    if (count > 0) {
        qsort(results, (size_t)count, sizeof *results, compare_values);
        median = 0.5 * (results[(count - 1) / 2].value + results[count / 2].value);
    }
    free(results);
    return median;
}

static void bound_values(search_evidence *e, double median) {
    const double most = 20;
    double best = INFINITY, worst = NAN;
    for (int i = 0; i < e->ended; i++) {
        best = fmin(best, e->values[i]);
    }
    double bound = median > best ? best + most * (median - best) : INFINITY;
    for (int i = 0; i < e->ended; i++) {
        if (isfinite(e->values[i])) {
            e->values[i] = fmin(e->values[i], bound);
            worst = fmax(worst, e->values[i]);
        }
    }
    for (int i = 0; i < e->ended; i++) {
        e->values[i] = isfinite(e->values[i]) ? e->values[i] : worst;
    }
}

/* Where all are equal, or none is a number, they become 0. */
static void standardize(search_evidence *e) {
    double mean = 0, squares = 0, scale = 0;
    for (int i = 0; i < e->ended; i++) {
        scale = fmax(scale, fabs(e->values[i]));
    }
    for (int i = 0; i < e->ended; i++) {
        e->values[i] = scale > 0 ? e->values[i] / scale : 0; /* whose squares are no infinities */
        mean += e->values[i] / e->ended;
    }
    for (int i = 0; i < e->ended; i++) {
        e->values[i] -= mean;
        squares += e->values[i] * e->values[i] / e->ended;
    }
    const double rounding = 1e-14;
    bool differ = sqrt(squares) > rounding;
    for (int i = 0; i < e->ended; i++) {
        e->values[i] = differ ? e->values[i] / sqrt(squares) : 0;
        e->best = e->values[i] < e->values[e->best] ? i : e->best;
    }
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static void add_point(const search_space *space, const dstn_proposal *proposal, search_evidence *e) {
    double *x = e->points + (size_t)e->count * (size_t)e->dimensions;
    for (int j = 0; j < e->dimensions; j++) {
        x[j] = search_space_unit(space, j, proposal->point[j]);
    }
    e->count++;
}

void search_evidence_gather(const search_space *space, const dstn_history *history, int64_t initial, int64_t most,
                            search_evidence *evidence) {
    int64_t count = most;
    result *results = choose(history, &count);
    size_t room = (size_t)(count + history->count - history->ended_count);
    *evidence = (search_evidence){.dimensions = space->count};
    evidence->points = dstn_alloc(room * (size_t)space->count, sizeof(double));
    evidence->values = dstn_alloc((size_t)count, sizeof(double));
    for (int64_t i = 0; i < count; i++) {
        add_point(space, &history->proposals[results[i].member], evidence);
        evidence->values[i] = results[i].value;
    }
    free(results);
    evidence->ended = evidence->count;
    bound_values(evidence, first_median(history, initial));
    standardize(evidence);
    bool *has_ended = dstn_alloc((size_t)history->count, sizeof *has_ended);
    for (int64_t i = 0; i < history->ended_count; i++) {
        has_ended[history->ended[i]] = true;
    }
    for (int64_t i = 0; i < history->count; i++) {
        if (!has_ended[i]) {
            add_point(space, &history->proposals[i], evidence);
        }
    }
    free(has_ended);
}

void search_evidence_clear(search_evidence *evidence) {
    free(evidence->points);
    free(evidence->values);
}
