/* search: population-based training (Jaderberg et al. 2017). Each of some workers trains a member a generation, which
 * goes on from its last one; but one in the worst quantile takes the weights of one in the best (exploit) and alters
 * its point (explore), and so does one whose member has diverged or failed. What is compared and copied are members of
 * one generation, which are equally long, as far as they have come to an end: nobody waits for a generation to be full.
 */
#include "methods.h"
#include "ranked.h"
#include "space.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct population_settings {
    search_common common;
    int64_t members;
    const char *length;
    int64_t interval, generations;
    double quantile, resample;
    dstn_real_list factors;
} population_settings;

static const dstn_option population_options[] = {
    SEARCH_SPACE_ROWS(population_settings, common),
    DSTN_INT("members", population_settings, members, 2, DSTN_MAX_MEMBERS, DSTN_REQUIRED,
             "how many workers a population has"),
    SEARCH_LENGTH_ROW(population_settings, length),
    DSTN_INT("interval", population_settings, interval, 1, 1000000000, "1", "the length of a generation"),
    DSTN_INT("generations", population_settings, generations, 1, DSTN_MAX_MEMBERS, DSTN_REQUIRED,
             "how many generations there are", DSTN_MAY_DIFFER),
    DSTN_REAL("quantile", population_settings, quantile, DBL_MIN, 0.5, "0.25",
              "the part of a population that takes another's weights, and from which they are taken"),
    DSTN_REAL("resample", population_settings, resample, 0, 1, "0.25",
              "with what probability a number is drawn anew when a point is altered, rather than multiplied"),
    DSTN_REALS(
        "factors", population_settings, factors, DBL_MIN, 1e6, "[1.2, 0.8]",
        "by one of which a number is multiplied otherwise; of integers and lists: up or down by a step at least"),
    DSTN_OPTIONS_END,
};

typedef struct population {
    search_space space;
    dstn_rng rng;
    const population_settings *s; /* alive until `destroy` */
} population;

static const char *const axes[] = {"worker", "generation"};

static void destroy(void *self) {
    population *p = self;
    search_space_clear(&p->space);
    free(p);
}

/* The part of so many that the quantile stands for, whatever the rounding of its decimals. */
static int64_t count_quantile(const population *p, int64_t count) {
    return (int64_t)floor(p->s->quantile * (double)count + 1e-9);
}

/* The best epoch of a line of members goes on with its weights, however bad these have become. */
static dstn_status check_objective(dstn_node root, dstn_error *err) {
    dstn_node objective = dstn_node_child(root, "objective");
    const char *name = dstn_node_text(objective);
    return !name || strcmp(name, "valid_loss") == 0
               ? DSTN_OK
               : dstn_node_fail(objective, err,
                                "%s says nothing of the weights that a population copies; accepted: valid_loss", name);
}

static dstn_status check_settings(const population *p, dstn_node root, dstn_error *err) {
    const population_settings *s = p->s;
    if (check_objective(root, err)) {
        return err->status;
    }
    if (count_quantile(p, s->members) == 0) {
        return dstn_node_fail(dstn_node_child(root, "members"), err,
                              "a quantile of %g is less than one of %lld workers; accepted: at least %.0f members",
                              s->quantile, (long long)s->members, ceil(1 / s->quantile - 1e-9));
    }
    if (s->members > DSTN_MAX_MEMBERS / s->generations) {
        return dstn_node_fail(dstn_node_child(root, "generations"), err,
                              "%lld generations of %lld workers are too many members; accepted: up to %d",
                              (long long)s->generations, (long long)s->members, DSTN_MAX_MEMBERS);
    }
    if (s->factors.count == 0) {
        return dstn_node_fail(dstn_node_child(root, "factors"), err, "has no factor; accepted: [1.2, 0.8]");
    }
    return DSTN_OK;
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const population_settings *s = settings;
    population *p = dstn_alloc(1, sizeof *p);
    p->s = s;
    p->rng = search_rng(&s->common);
    if (search_space_read(root, false, &p->space, err) || search_space_check_length(&p->space, root, s->length, err) ||
        check_settings(p, root, err)) {
        destroy(p);
        return err->status;
    }
    *search = (dstn_search){.self = p,
                            .axis_count = 2,
                            .axes = axes,
                            .dimensions = p->space.count,
                            .coordinates = p->space.paths,
                            .descent = DSTN_DESCENT_ALTERED,
                            .most_members = s->members * s->generations,
                            .place = dstn_node_child(root, "space")};
    return DSTN_OK;
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

/* Each member has draws of its own, whenever it is asked for; the first generation's are a random search's. */
enum { DRAW_POINT, DRAW_NEW_NUMBER, DRAW_CHANGE, DRAW_PARENT };

static uint64_t draw_step(const population *p, int64_t worker, int64_t generation) {
    return (uint64_t)(generation * p->s->members + worker);
}

/* The value `steps` behind (or before) the nearest in a list, as far as it goes. */
static double step_in_list(const search_coordinate *c, double unit, int steps) {
    int at = (int)(unit * c->value_count) + steps;
    at = at < 0 ? 0 : at >= c->value_count ? c->value_count - 1 : at;
    return c->values[at];
}

/* One number times a factor, in its range. */
static double multiply(const population *p, int i, double value, double factor) {
    const search_coordinate *c = &p->space.items[i];
    int direction = (factor > 1) - (factor < 1);
    if (c->values) {
        return step_in_list(c, search_space_unit(&p->space, i, value), direction);
    }
    double x = value * factor;
    if (c->is_integer) {
        x = round(x) == value ? value + direction : round(x);
    }
    return fmin(fmax(x, c->low), c->high);
}

static void explore(const population *p, uint64_t step, double *point) {
    const dstn_real_list *factors = &p->s->factors;
    for (int i = 0; i < p->space.count; i++) {
        double uniforms[2];
        dstn_rng_uniforms(p->rng, step, DRAW_CHANGE, (uint64_t)i, uniforms);
        double factor = factors->values[(int)(uniforms[1] * factors->count)];
        point[i] = uniforms[0] < p->s->resample ? search_space_draw_one(&p->space, i, p->rng, step, DRAW_NEW_NUMBER)
                                                : multiply(p, i, point[i], factor);
    }
}

/* ---- exploit ----------------------------------------------------------------------------------------------------- */

/* The member that the next one of a worker goes on from, whose last one is `own`: that one, or one of the best of its
 * generation. −1: its own is of no use, and there is no other yet. */
static int64_t choose_parent(const population *p, const dstn_history *history, int64_t own) {
    const dstn_proposal *last = &history->proposals[own];
    search_ranked *ranked = dstn_alloc((size_t)history->count, sizeof *ranked);
    int64_t count = search_rank(history, last->place[1], ranked), part = count_quantile(p, count), usable = 0;
    while (usable < count && isfinite(ranked[usable].value)) {
        usable++;
    }
    bool is_lost = !isfinite(search_value(history, own));
    int64_t parent = own;
    if (is_lost || search_rank_of(history, own) >= count - part) {
        int64_t best = part < 1 ? 1 : part;
        best = best < usable ? best : usable;
        double uniforms[2];
        dstn_rng_uniforms(p->rng, draw_step(p, last->place[0], last->place[1] + 1), DRAW_PARENT, 0, uniforms);
        parent = best ? ranked[(int64_t)(uniforms[0] * (double)best)].member : -1;
    }
    free(ranked);
    return parent;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* last [workers]: the latest member of each, or −1 */
static int64_t *find_last(const population *p, const dstn_history *history) {
    int64_t *last = dstn_alloc((size_t)p->s->members, sizeof *last);
    for (int64_t w = 0; w < p->s->members; w++) {
        last[w] = -1;
    }
    for (int64_t m = 0; m < history->count; m++) {
        last[history->proposals[m].place[0]] = m;
    }
    return last;
}

/* What a worker would be asked to do: its generation and the parent. */
typedef struct turn {
    int64_t worker, generation, parent;
} turn;

/* The worker that is to go on: of those that can, the first of those least far. Returns DSTN_ANSWER_MEMBER, or why
 * there is none. */
static dstn_answer find_turn(const population *p, const dstn_history *history, turn *found) {
    int64_t *last = find_last(p, history);
    dstn_answer answer = DSTN_ANSWER_END;
    *found = (turn){.generation = p->s->generations, .parent = -1};
    for (int64_t w = 0; w < p->s->members; w++) {
        int64_t generation = last[w] < 0 ? 0 : history->proposals[last[w]].place[1] + 1, parent = -1;
        if (generation >= found->generation && answer == DSTN_ANSWER_MEMBER) {
            continue;
        }
        if (generation >= p->s->generations) {
            continue;
        }
        if (last[w] >= 0 && search_is_open(history->states[last[w]])) {
            answer = answer == DSTN_ANSWER_END ? DSTN_ANSWER_WAIT : answer;
            continue;
        }
        parent = last[w] < 0 ? -1 : choose_parent(p, history, last[w]);
        if (last[w] < 0 || parent >= 0) {
            *found = (turn){w, generation, parent};
            answer = DSTN_ANSWER_MEMBER;
        }
    }
    free(last);
    return answer;
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const population *p = self;
    turn next;
    dstn_answer answer = find_turn(p, history, &next);
    if (answer != DSTN_ANSWER_MEMBER) {
        return answer;
    }
    uint64_t step = draw_step(p, next.worker, next.generation);
    proposal->parent = next.parent;
    proposal->place[0] = next.worker;
    proposal->place[1] = next.generation;
    if (next.parent < 0) {
        search_space_draw(&p->space, p->rng, step, DRAW_POINT, proposal->point);
        return answer;
    }
    const dstn_proposal *parent = &history->proposals[next.parent];
    for (int i = 0; i < p->space.count; i++) {
        proposal->point[i] = parent->point[i];
    }
    if (parent->place[0] != next.worker) {
        explore(p, step, proposal->point);
    }
    return answer;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    const population *p = self;
    (void)index;
    search_member_label(member, search_number_label("w", proposal->place[0], 2),
                        search_number_label("g", proposal->place[1], 4));
    search_space_settings(&p->space, proposal->point, 1, member);
    search_member_set(member, p->space.doc, p->s->length, p->s->interval * (proposal->place[1] + 1));
}

/* Its own worker may go on from it, after the last generation too, where another launch is to have more of them; and,
 * while it is among the best, any other one that has not gone on from its generation. Nobody's rank gets better. */
static bool needs(const void *self, const dstn_history *history, int64_t index) {
    const population *p = self;
    const dstn_proposal *of = &history->proposals[index];
    if (!isfinite(search_value(history, index))) {
        return false;
    }
    int64_t *last = find_last(p, history);
    bool is_best = search_rank_of(history, index) < count_quantile(p, p->s->members),
         needed = last[of->place[0]] == index;
    for (int64_t w = 0; w < p->s->members && !needed; w++) {
        needed = is_best && (last[w] < 0 || history->proposals[last[w]].place[1] <= of->place[1]);
    }
    free(last);
    return needed;
}

const dstn_search_method search_population = {
    .name = "population",
    .help = "population-based training: the worst of a population go on from the weights of the best",
    .example = "members: 4\ngenerations: 3\nlength: train.iterations\nspace: {optimizer.rate: {low: 1e-3, high: 0.1}}",
    .options = population_options,
    .settings_size = sizeof(population_settings),
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = needs,
    .destroy = destroy,
};
