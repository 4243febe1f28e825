/* search: asynchronous successive halving (Li et al. 2020, "A system for massively parallel hyperparameter tuning",
 * Algorithm 2). Trials at random points are trained for a little; the best 1/η of those that have got as far as a rung,
 * η = reduction, go on for η times as long. Whoever is free promotes one as soon as one can be, the highest rung first,
 * and starts a new trial otherwise, so that nobody waits for a rung to be full. */
#include "methods.h"
#include "ranked.h"
#include "space.h"

#include <math.h>
#include <stdlib.h>

typedef struct halving_settings {
    search_common common;
    int64_t members;
    const char *length;
    int64_t least, most, reduction;
} halving_settings;

static const dstn_option halving_options[] = {
    SEARCH_SPACE_ROWS(halving_settings, common),
    SEARCH_MEMBERS_ROW(halving_settings, members, "how many trials a search starts"),
    SEARCH_LENGTH_ROW(halving_settings, length),
    DSTN_INT("least", halving_settings, least, 1, 9007199254740992.0, "1", "the length of every trial to begin with"),
    DSTN_INT("most", halving_settings, most, 1, 9007199254740992.0, DSTN_REQUIRED,
             "the length of the best ones in the end: least times a power of reduction"),
    DSTN_INT("reduction", halving_settings, reduction, 2, 1000000, "3",
             "how many times as long the best go on, and the how manieth part of all they are"),
    DSTN_OPTIONS_END,
};

typedef struct halving {
    search_space space;
    dstn_rng rng;
    const char *length; /* the document's */
    int64_t trials, least, reduction;
    int64_t top; /* the last rung, from 0 */
} halving;

static const char *const axes[] = {"trial", "rung"};

static void destroy(void *self) {
    halving *h = self;
    search_space_clear(&h->space);
    free(h);
}

/* Rung k is at least·reduction^k, the last one at most. */
static dstn_status count_rungs(halving *h, const halving_settings *s, dstn_node root, dstn_error *err) {
    int64_t length = s->least;
    if (s->most < s->least) {
        return dstn_node_fail(dstn_node_child(root, "most"), err, "%lld is below least; accepted: at least %lld",
                              (long long)s->most, (long long)s->least);
    }
    for (h->top = 0; length <= s->most / s->reduction; h->top++) {
        length *= s->reduction;
    }
    if (length != s->most) {
        return dstn_node_fail(dstn_node_child(root, "most"), err,
                              "%lld is not least times a power of reduction; accepted: %lld or %.0f",
                              (long long)s->most, (long long)length, (double)length * (double)s->reduction);
    }
    if (s->members < s->most / s->least) {
        return dstn_node_fail(dstn_node_child(root, "members"), err,
                              "%lld trials are too few for one to get as far as most; accepted: at least %lld, or a "
                              "smaller most",
                              (long long)s->members, (long long)(s->most / s->least));
    }
    if (s->members > DSTN_MAX_MEMBERS / (h->top + 1)) {
        return dstn_node_fail(dstn_node_child(root, "members"), err,
                              "%lld trials of %lld rungs are too many members; accepted: up to %d",
                              (long long)s->members, (long long)h->top + 1, DSTN_MAX_MEMBERS);
    }
    return DSTN_OK;
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const halving_settings *s = settings;
    halving *h = dstn_alloc(1, sizeof *h);
    *h = (halving){.rng = search_rng(&s->common),
                   .length = s->length,
                   .trials = s->members,
                   .least = s->least,
                   .reduction = s->reduction};
    if (search_space_read(root, false, &h->space, err) || search_space_check_length(&h->space, root, s->length, err) ||
        count_rungs(h, s, root, err)) {
        destroy(h);
        return err->status;
    }
    *search = (dstn_search){.self = h,
                            .axis_count = 2,
                            .axes = axes,
                            .dimensions = h->space.count,
                            .coordinates = h->space.paths,
                            .descent = DSTN_DESCENT_LONGER,
                            .most_members = h->trials * (h->top + 1),
                            .place = dstn_node_child(root, "space")};
    return DSTN_OK;
}

/* ---- the rule ---------------------------------------------------------------------------------------------------- */

/* The member of a rung that is to be promoted next: the best one that has not been, among the best 1/reduction of those
 * that the rung has measured so far. −1: none. */
static int64_t find_promotable(const halving *h, const dstn_history *history, int64_t rung) {
    search_ranked *ranked = dstn_alloc((size_t)history->count + 1, sizeof *ranked);
    int64_t best = search_rank(history, rung, ranked) / h->reduction, found = -1;
    bool *is_promoted = dstn_alloc((size_t)history->count + 1, sizeof *is_promoted);
    for (int64_t m = 0; m < history->count; m++) {
        if (history->proposals[m].parent >= 0) {
            is_promoted[history->proposals[m].parent] = true;
        }
    }
    for (int64_t i = 0; i < best && found < 0; i++) {
        found = isfinite(ranked[i].value) && !is_promoted[ranked[i].member] ? ranked[i].member : -1;
    }
    free(is_promoted);
    free(ranked);
    return found;
}

static int64_t find_promotion(const halving *h, const dstn_history *history) {
    int64_t found = -1;
    for (int64_t rung = h->top - 1; rung >= 0 && found < 0; rung--) {
        found = find_promotable(h, history, rung);
    }
    return found;
}

static int64_t count_trials(const dstn_history *history) {
    int64_t count = 0;
    for (int64_t m = 0; m < history->count; m++) {
        count += history->proposals[m].place[1] == 0;
    }
    return count;
}

/* Whether a rung below the last is to have another result; with_failed: also by a member that is tried again. */
static bool may_change(const halving *h, const dstn_history *history, bool with_failed) {
    for (int64_t m = 0; m < history->count; m++) {
        bool is_open = search_is_open(history->states[m]) || (with_failed && history->states[m] == DSTN_MEMBER_FAILED);
        if (is_open && history->proposals[m].place[1] < h->top) {
            return true;
        }
    }
    return false;
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const halving *h = self;
    int64_t lower = find_promotion(h, history), trial = count_trials(history);
    if (lower >= 0) {
        const dstn_proposal *from = &history->proposals[lower];
        proposal->parent = lower;
        proposal->place[0] = from->place[0];
        proposal->place[1] = from->place[1] + 1;
        for (int i = 0; i < h->space.count; i++) {
            proposal->point[i] = from->point[i];
        }
        return DSTN_ANSWER_MEMBER;
    }
    if (trial < h->trials) {
        proposal->parent = -1;
        proposal->place[0] = trial;
        proposal->place[1] = 0;
        search_space_draw(&h->space, h->rng, (uint64_t)trial, 0, proposal->point);
        return DSTN_ANSWER_MEMBER;
    }
    return may_change(h, history, false) ? DSTN_ANSWER_WAIT : DSTN_ANSWER_END;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    const halving *h = self;
    (void)index;
    int64_t length = h->least;
    for (int64_t rung = 0; rung < proposal->place[1]; rung++) {
        length *= h->reduction;
    }
    search_member_label(member, search_number_label("t", proposal->place[0], 4),
                        search_number_label("r", proposal->place[1], 1));
    search_space_settings(&h->space, proposal->point, 1, member);
    search_member_set(member, h->space.doc, h->length, length);
}

/* A rung never measures more than there are trials, and nobody's rank gets better. */
static bool needs(const void *self, const dstn_history *history, int64_t index) {
    const halving *h = self;
    int64_t rung = history->proposals[index].place[1];
    if (rung >= h->top || !isfinite(search_value(history, index)) ||
        search_rank_of(history, index) >= h->trials / h->reduction) {
        return false;
    }
    for (int64_t m = 0; m < history->count; m++) {
        if (history->proposals[m].parent == index) {
            return false;
        }
    }
    return count_trials(history) < h->trials || may_change(h, history, true) || find_promotion(h, history) >= 0;
}

const dstn_search_method search_halving = {
    .name = "halving",
    .help = "asynchronous successive halving: many short trials, the best of which go on",
    .example = "members: 9\nmost: 9\nlength: train.iterations\nspace: {optimizer.rate: {low: 1e-3, high: 0.1}}",
    .options = halving_options,
    .settings_size = sizeof(halving_settings),
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = needs,
    .destroy = destroy,
};
