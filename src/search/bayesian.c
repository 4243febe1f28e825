/* search: Bayesian optimization (Snoek, Larochelle and Adams 2012): the next member is where a Gaussian process that
 * saw the others expects the largest improvement, averaged over samples of the process' hyperparameters. An ask draws
 * by its own number and looks at the history alone: no chain goes on from one ask to the next. */
#include "acquisition.h"
#include "evidence.h"
#include "methods.h"
#include "posterior.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct bayesian_settings {
    search_common common;
    int64_t members, initial, samples;
} bayesian_settings;

static const dstn_option bayesian_options[] = {
    SEARCH_SPACE_ROWS(bayesian_settings, common),
    SEARCH_MEMBERS_ROW(bayesian_settings, members, "how many members there are"),
    DSTN_INT("initial", bayesian_settings, initial, 1, 10000, "~",
             "how many members are spread evenly before any is chosen by the results; by default one more than there "
             "are coordinates, and at least 2"),
    DSTN_INT("samples", bayesian_settings, samples, 1, 1000, "10",
             "samples of the Gaussian process' hyperparameters that the expected improvement is averaged over"),
    DSTN_OPTIONS_END,
};

/* GLOBAL candidates all over the cube and NEAR ones around the best member, of which so many are climbed from. */
enum { GLOBAL = 1000, NEAR = 60, GLOBAL_CLIMBS = 6, NEAR_CLIMBS = 3, BURN_IN = 40 };
/* Tries to find a point that was not proposed before. */
enum { MOST_TRIES = 1000 };
/* A coordinate of more integers than that is climbed along, and rounded where the climb ends. */
enum { MOST_PINNED = 32 };
/* Members that the process is shown; the time of an ask grows with their cube. */
enum { MOST_SEEN = 250 };

/* What an ask draws for; 0 is search_space_draw's. */
enum { STREAM_DESIGN = 1, STREAM_CHAIN, STREAM_GLOBAL, STREAM_NEAR, STREAM_TRIES };
/* Where permutations, which have no stream, count their steps from. */
static const uint64_t design_steps = (uint64_t)1 << 40;

typedef struct bayesian {
    search_space space;
    dstn_rng rng;
    int64_t members, initial;
    int samples;
    bool pinned[DSTN_MAX_DIMENSIONS];
} bayesian;

/* ---- beginning and end ------------------------------------------------------------------------------------------- */

static void destroy(void *self) {
    bayesian *b = self;
    search_space_clear(&b->space);
    free(b);
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const bayesian_settings *s = settings;
    bayesian *b = dstn_alloc(1, sizeof *b);
    if (search_space_read(root, false, &b->space, err) != DSTN_OK) {
        destroy(b);
        return err->status;
    }
    int spread = b->space.count + 1;
    b->rng = search_rng(&s->common);
    b->members = s->members;
    b->samples = (int)s->samples;
    b->initial = s->initial > 0 ? s->initial : spread > 2 ? spread : 2;
    for (int j = 0; j < b->space.count; j++) {
        const search_coordinate *c = &b->space.items[j];
        b->pinned[j] = c->values || (c->is_integer && c->high - c->low < MOST_PINNED);
    }
    static const char *const axes[] = {"member"};
    *search = (dstn_search){.self = b,
                            .axis_count = 1,
                            .axes = axes,
                            .dimensions = b->space.count,
                            .coordinates = b->space.paths,
                            .most_members = b->members,
                            .place = dstn_node_child(root, "space")};
    return DSTN_OK;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    const bayesian *b = self;
    search_member_label(member, search_number_label("", index, 4), NULL);
    search_space_settings(&b->space, proposal->point, 0, member);
}

/* ---- points ------------------------------------------------------------------------------------------------------ */

static void put_natural(const search_space *space, const double *x, double *point) {
    for (int j = 0; j < space->count; j++) {
        point[j] = search_space_natural(space, j, x[j]);
    }
}

/* An ask, and all points of its history in the unit cube. */
typedef struct asking {
    const bayesian *b;
    const dstn_history *history;
    double *seen; /* [history->count, dimensions] */
} asking;

static asking begin_ask(const bayesian *b, const dstn_history *history) {
    int d = b->space.count;
    asking a = {b, history, dstn_alloc((size_t)(history->count * d), sizeof(double))};
    for (int64_t i = 0; i < history->count; i++) {
        for (int j = 0; j < d; j++) {
            a.seen[i * d + j] = search_space_unit(&b->space, j, history->proposals[i].point[j]);
        }
    }
    return a;
}

/* Whether no member lies where x does, or so near that its training would be the same. */
static bool is_new(const asking *a, const double *x) {
    const double near = 1e-4;
    int d = a->b->space.count;
    for (int64_t i = 0; i < a->history->count; i++) {
        int j = 0;
        while (j < d && fabs(a->seen[i * d + j] - x[j]) < near) {
            j++;
        }
        if (j == d) {
            return false;
        }
    }
    return true;
}

static bool is_new_point(const asking *a, const double *point) {
    double x[DSTN_MAX_DIMENSIONS];
    for (int j = 0; j < a->b->space.count; j++) {
        x[j] = search_space_unit(&a->b->space, j, point[j]);
    }
    return is_new(a, x);
}

/* A Latin hypercube (McKay, Beckman and Conover 1979): x [count, dimensions] has one point in each of `count` equal
 * parts of every coordinate. Permutations count from `step`. */
static void spread(const search_space *space, search_draws *draws, uint64_t step, int64_t count, double *x) {
    int64_t *order = dstn_alloc((size_t)count, sizeof *order);
    for (int j = 0; j < space->count; j++) {
        dstn_rng_permutation(draws->rng, step + (uint64_t)j, count, order);
        for (int64_t i = 0; i < count; i++) {
            x[i * space->count + j] = ((double)order[i] + search_draw_uniform(draws)) / (double)count;
        }
    }
    free(order);
}

/* Without a model: the next point of the initial design, or any that is new. */
static dstn_answer ask_design(const asking *a, double *point) {
    const bayesian *b = a->b;
    const search_space *space = &b->space;
    int64_t ask = a->history->count;
    if (ask < b->initial) {
        double *x = dstn_alloc((size_t)(b->initial * space->count), sizeof *x);
        search_draws draws = {b->rng, 0, STREAM_DESIGN, 0};
        spread(space, &draws, design_steps, b->initial, x);
        put_natural(space, x + ask * space->count, point);
        free(x);
        if (is_new_point(a, point)) {
            return DSTN_ANSWER_MEMBER;
        }
    }
    for (uint64_t i = 0; i < MOST_TRIES; i++) {
        search_space_draw(space, b->rng, (uint64_t)ask, STREAM_TRIES + i, point);
        if (is_new_point(a, point)) {
            return DSTN_ANSWER_MEMBER;
        }
    }
    return DSTN_ANSWER_END;
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

/* Hyperparameters are drawn for what was seen alone. */
static void make_surrogate(const bayesian *b, const search_evidence *e, uint64_t ask, search_surrogate *surrogate) {
    search_gp_hypers *samples = dstn_alloc((size_t)b->samples, sizeof *samples);
    search_draws draws = {b->rng, ask, STREAM_CHAIN, 0};
    const search_data seen = {e->ended, e->dimensions, e->points, e->values};
    search_sample_posterior(&seen, &draws, BURN_IN, b->samples, samples);
    search_surrogate_init(surrogate, &seen, e->count, samples, b->samples);
    free(samples);
}

/* ---- where the improvement is largest ---------------------------------------------------------------------------- */

/* Around the best point at scales from fine to coarse; a coordinate of few values is now and then drawn anew. */
static void surround(const bayesian *b, const search_evidence *e, search_draws *draws, double *x) {
    static const double scales[] = {0.001, 0.01, 0.1};
    const double share = 0.25;
    const double *best = e->points + (size_t)e->best * (size_t)e->dimensions;
    for (int i = 0; i < NEAR; i++) {
        double scale = scales[i % 3];
        for (int j = 0; j < e->dimensions; j++) {
            double *at = &x[i * e->dimensions + j];
            bool is_anew = b->pinned[j] && search_draw_uniform(draws) < share;
            *at = is_anew        ? search_draw_uniform(draws)
                  : b->pinned[j] ? best[j]
                                 : fmin(fmax(best[j] + scale * search_draw_normal(draws), 0), 1);
        }
    }
}

/* What is proposed: a point of the unit cube, and what is expected of it; −1: none yet. */
typedef struct choice {
    double x[DSTN_MAX_DIMENSIONS];
    double improvement;
} choice;

static void consider(const asking *a, const double *x, double improvement, choice *best) {
    if (improvement > best->improvement && is_new(a, x)) {
        memcpy(best->x, x, (size_t)a->b->space.count * sizeof *x);
        best->improvement = improvement;
    }
}

/* Of candidates x [count, dimensions] the best ones are climbed from, one after the other; those that were proposed
 * before aren't looked at. */
static void climb_best(const asking *a, search_surrogate *s, double *x, int count, int climbs, choice *best) {
    const bayesian *b = a->b;
    int d = s->dimensions;
    double *improvements = dstn_alloc((size_t)count, sizeof *improvements);
    for (int i = 0; i < count; i++) {
        double improvement = search_surrogate_round(s, &b->space, x + i * d);
        improvements[i] = is_new(a, x + i * d) ? improvement : -1;
    }
    for (int c = 0; c < climbs; c++) {
        int first = 0;
        for (int i = 1; i < count; i++) {
            first = improvements[i] > improvements[first] ? i : first;
        }
        if (improvements[first] < 0) {
            break;
        }
        consider(a, x + first * d, improvements[first], best);
        search_surrogate_climb(s, b->pinned, x + first * d);
        consider(a, x + first * d, search_surrogate_round(s, &b->space, x + first * d), best);
        improvements[first] = -1;
    }
    free(improvements);
}

static dstn_answer ask_model(const asking *a, double *point) {
    const bayesian *b = a->b;
    uint64_t ask = (uint64_t)a->history->count;
    search_evidence e;
    search_evidence_gather(&b->space, a->history, b->initial, MOST_SEEN, &e);
    search_surrogate s;
    make_surrogate(b, &e, ask, &s);
    double *x = dstn_alloc((size_t)((GLOBAL + NEAR) * e.dimensions), sizeof *x), *near = x + GLOBAL * e.dimensions;
    search_draws global = {b->rng, ask, STREAM_GLOBAL, 0}, around = {b->rng, ask, STREAM_NEAR, 0};
    choice best = {.improvement = -1};
    spread(&b->space, &global, design_steps + DSTN_MAX_DIMENSIONS * (ask + 1), GLOBAL, x);
    surround(b, &e, &around, near);
    if (s.count > 0) {
        climb_best(a, &s, x, GLOBAL, GLOBAL_CLIMBS, &best);
        climb_best(a, &s, near, NEAR, NEAR_CLIMBS, &best);
    }
    search_surrogate_clear(&s);
    search_evidence_clear(&e);
    free(x);
    if (best.improvement < 0) {
        return ask_design(a, point);
    }
    put_natural(&b->space, best.x, point);
    return DSTN_ANSWER_MEMBER;
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const bayesian *b = self;
    if (history->count >= b->members) {
        return DSTN_ANSWER_END;
    }
    bool has_model = history->count >= b->initial && history->ended_count >= 2;
    proposal->parent = -1;
    proposal->place[0] = proposal->place[1] = 0;
    asking a = begin_ask(b, history);
    dstn_answer answer = (has_model ? ask_model : ask_design)(&a, proposal->point);
    free(a.seen);
    return answer;
}

const dstn_search_method search_bayesian = {
    .name = "bayesian",
    .help = "where a Gaussian process expects the largest improvement",
    .example = "members: 5\nspace: {optimizer.rate: {low: 1e-3, high: 0.1, scale: log}}",
    .options = bayesian_options,
    .settings_size = sizeof(bayesian_settings),
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = search_need_none,
    .destroy = destroy,
};
