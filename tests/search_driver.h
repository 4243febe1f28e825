/* A search that is driven as a sweep drives it, with several members under way that end in a random order, some of them
 * badly. Every answer is asked for again: of the same search, and of one that has only been told the history. */
#ifndef DSTN_TEST_SEARCH_DRIVER_H
#define DSTN_TEST_SEARCH_DRIVER_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/search.h"

enum { DRIVER_MOST = 4000 };

/* The objective of a member by what it is. */
typedef double driver_objective(const dstn_proposal *proposal);
/* Looks at a proposal before it is added to the history that it was made of. */
typedef void driver_check(const dstn_history *history, const dstn_proposal *proposal);

typedef struct driver {
    dstn_doc *doc;
    const dstn_search_method *method;
    void *settings;
    dstn_search search;
    dstn_search larger; /* the same with more to do; self NULL: nobody asks */
    dstn_history history;
    dstn_proposal *proposals;
    dstn_member_state *states;
    double *values;
    int64_t *ended;
    bool *is_unneeded; /* whether `needs` has said no */
    dstn_texts names;
    char **name_texts; /* [history.count] */
    int64_t asks;
    uint64_t seed, draws;
    double diverged, failed; /* with what probability a member comes to that */
    driver_objective *objective;
    driver_check *check; /* or NULL */
} driver;

static inline double driver_uniform(driver *d) {
    double out[2];
    dstn_rng_uniforms((dstn_rng){(uint32_t)d->seed, DSTN_PURPOSE_TEST}, d->draws++, 0, 0, out);
    return out[0];
}

static inline void driver_init_search(const driver *d, dstn_search *search) {
    dstn_error err;
    *search = (dstn_search){0};
    if (d->method->init(dstn_doc_root(d->doc), d->settings, search, &err)) {
        fail_msg("%s", err.message);
    }
}

/* keys: those of the method in a sweep file */
static inline void driver_read(driver *d, const char *keys) {
    dstn_error err;
    d->settings = dstn_alloc(1, d->method->settings_size);
    d->doc = NULL;
    if (dstn_doc_parse(keys, "s.yaml", &d->doc, &err)) {
        fail_msg("%s", err.message);
    }
    const dstn_binding binding = {d->method->options, d->settings};
    if (dstn_options_read(dstn_doc_root(d->doc), "", &binding, 1, &err)) {
        fail_msg("%s", err.message);
    }
}

static inline void driver_open(driver *d, const dstn_search_method *method, const char *keys) {
    d->method = method;
    driver_read(d, keys);
    driver_init_search(d, &d->search);
    d->proposals = dstn_alloc(DRIVER_MOST, sizeof *d->proposals);
    d->states = dstn_alloc(DRIVER_MOST, sizeof *d->states);
    d->values = dstn_alloc(DRIVER_MOST, sizeof *d->values);
    d->ended = dstn_alloc(DRIVER_MOST, sizeof *d->ended);
    d->is_unneeded = dstn_alloc(DRIVER_MOST, sizeof *d->is_unneeded);
    d->name_texts = dstn_alloc(DRIVER_MOST, sizeof *d->name_texts);
    d->history = (dstn_history){.proposals = d->proposals, .states = d->states, .values = d->values, .ended = d->ended};
}

static inline void driver_close(driver *d) {
    for (int64_t m = 0; m < d->history.count; m++) {
        free(d->proposals[m].point);
        free(d->name_texts[m]);
    }
    d->method->destroy(d->search.self);
    dstn_texts_clear(&d->names);
    dstn_doc_destroy(d->doc);
    free(d->name_texts);
    free(d->proposals);
    free(d->states);
    free(d->values);
    free(d->ended);
    free(d->is_unneeded);
    free(d->settings);
    *d = (driver){0};
}

/* A search that knows what a launch that goes on knows. */
static inline dstn_search driver_restart(const driver *d) {
    dstn_search search;
    dstn_history so_far = d->history;
    driver_init_search(d, &search);
    for (so_far.ended_count = 1; so_far.ended_count <= d->history.ended_count; so_far.ended_count++) {
        d->method->tell(search.self, &so_far);
    }
    return search;
}

static inline void driver_expect_same(const driver *d, const void *self, dstn_answer answer,
                                      const dstn_proposal *proposal) {
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal again = {.parent = -1, .point = point};
    assert_int_equal(d->method->ask(self, &d->history, &again), answer);
    if (answer == DSTN_ANSWER_MEMBER) {
        assert_int_equal(again.parent, proposal->parent);
        assert_memory_equal(again.place, proposal->place, sizeof again.place);
        assert_memory_equal(point, proposal->point, (size_t)d->search.dimensions * sizeof *point);
    }
}

/* What has been said not to be needed is not asked for, now or later. */
static inline void driver_look_at_needs(const driver *d) {
    for (int64_t m = 0; m < d->history.count; m++) {
        if (d->states[m] == DSTN_MEMBER_DONE && !d->method->needs(d->search.self, &d->history, m)) {
            d->is_unneeded[m] = true;
        }
    }
}

static inline void driver_add(driver *d, const dstn_proposal *proposal) {
    int64_t index = d->history.count;
    dstn_member member = {.parent = proposal->parent};
    d->method->describe(d->search.self, index, proposal, &member);
    char *name = dstn_format("%s%s%s", member.labels[0], d->search.axis_count > 1 ? "-" : "",
                             d->search.axis_count > 1 ? member.labels[1] : "");
    assert_int_equal(dstn_texts_put(&d->names, name, index), index);
    for (int a = 0; a < d->search.axis_count; a++) {
        free(member.labels[a]);
    }
    for (int i = 0; i < member.setting_count; i++) {
        free(member.settings[i].path);
        free(member.settings[i].yaml);
    }
    free(member.labels);
    free(member.settings);
    d->name_texts[index] = name;
    d->proposals[index] = *proposal;
    d->states[index] = DSTN_MEMBER_QUEUED;
    d->values[index] = NAN;
    d->history.count++;
    assert_true(d->history.count <= d->search.most_members && d->history.count < DRIVER_MOST);
}

static inline dstn_answer driver_ask(driver *d) {
    dstn_proposal proposal = {.parent = -1,
                              .point = dstn_alloc((size_t)d->search.dimensions + 1, sizeof *proposal.point)};
    dstn_answer answer = d->method->ask(d->search.self, &d->history, &proposal);
    driver_expect_same(d, d->search.self, answer, &proposal);
    if (d->asks++ % 7 == 0) {
        dstn_search fresh = driver_restart(d);
        driver_expect_same(d, fresh.self, answer, &proposal);
        d->method->destroy(fresh.self);
    }
    if (answer != DSTN_ANSWER_MEMBER) {
        free(proposal.point);
        return answer;
    }
    if (proposal.parent >= 0) {
        assert_int_equal(d->states[proposal.parent], DSTN_MEMBER_DONE);
        assert_false(d->is_unneeded[proposal.parent]);
    }
    if (d->larger.self) {
        driver_expect_same(d, d->larger.self, answer, &proposal);
    }
    if (d->check) {
        d->check(&d->history, &proposal);
    }
    driver_add(d, &proposal);
    return answer;
}

static inline int64_t driver_count(const driver *d, dstn_member_state state) {
    int64_t count = 0;
    for (int64_t m = 0; m < d->history.count; m++) {
        count += d->states[m] == state;
    }
    return count;
}

/* Some member that is under way ends. */
static inline void driver_end_one(driver *d) {
    int64_t nth = (int64_t)(driver_uniform(d) * (double)driver_count(d, DSTN_MEMBER_QUEUED)), m = 0;
    for (; d->states[m] != DSTN_MEMBER_QUEUED || nth-- > 0; m++) {
    }
    double fate = driver_uniform(d);
    d->states[m] = fate < d->diverged               ? DSTN_MEMBER_DIVERGED
                   : fate < d->diverged + d->failed ? DSTN_MEMBER_FAILED
                                                    : DSTN_MEMBER_DONE;
    d->values[m] = d->states[m] == DSTN_MEMBER_DONE ? d->objective(&d->proposals[m]) : NAN;
    d->ended[d->history.ended_count++] = m;
    d->method->tell(d->search.self, &d->history);
    driver_look_at_needs(d);
}

/* A launch with so many groups, to its end. What it is told last of is that nothing comes any more. */
static inline void driver_launch(driver *d, int64_t groups) {
    for (;;) {
        dstn_answer answer = DSTN_ANSWER_MEMBER;
        while (answer == DSTN_ANSWER_MEMBER && driver_count(d, DSTN_MEMBER_QUEUED) < groups) {
            answer = driver_ask(d);
        }
        if (driver_count(d, DSTN_MEMBER_QUEUED) == 0) {
            assert_int_equal(answer, DSTN_ANSWER_END);
            return;
        }
        do { /* several may end before anybody asks */
            driver_end_one(d);
        } while (driver_count(d, DSTN_MEMBER_QUEUED) > 0 && driver_uniform(d) < 0.3);
        if (answer == DSTN_ANSWER_END) {
            assert_int_equal(driver_ask(d), DSTN_ANSWER_END);
        }
    }
}

/* Another launch tries those again that have failed. */
static inline void driver_try_again(driver *d) {
    int64_t kept = 0;
    for (int64_t e = 0; e < d->history.ended_count; e++) {
        int64_t m = d->ended[e];
        if (d->states[m] == DSTN_MEMBER_FAILED) {
            d->states[m] = DSTN_MEMBER_QUEUED;
        } else {
            d->ended[kept++] = m;
        }
    }
    d->history.ended_count = kept;
    dstn_search fresh = driver_restart(d);
    d->method->destroy(d->search.self);
    d->search = fresh;
}

#endif
