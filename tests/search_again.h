/* A search method for tests: `width` members, and one more for each that is done, which goes on from it, as soon as it
 * is. */
#ifndef DSTN_TEST_SEARCH_AGAIN_H
#define DSTN_TEST_SEARCH_AGAIN_H

#include "dstn/search.h"

#include <stdlib.h>

typedef struct again {
    int64_t width, fault;
    int64_t told; /* ends */
} again;

static const dstn_option again_options[] = {
    DSTN_INT("width", again, width, 1, 32, DSTN_REQUIRED, "members that begin at the start"),
    DSTN_INT("fault", again, fault, 0, 3, "0", "1 waits for nothing, 2 asks for too many, 3 for a parent not done"),
    DSTN_OPTIONS_END,
};

static const char *const again_axes[] = {"try", "seed"};
static const char *const again_coordinates[] = {"optimizer.rate", "seed"};

static dstn_status again_init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    (void)err;
    again *a = dstn_alloc(1, sizeof *a);
    *a = *(const again *)settings;
    a->told = 0;
    *search = (dstn_search){.self = a,
                            .axis_count = 2,
                            .axes = again_axes,
                            .dimensions = 2,
                            .coordinates = again_coordinates,
                            .most_members = a->fault == 2 ? 3 : 2 * a->width,
                            .place = root};
    return DSTN_OK;
}

static bool has_child(const dstn_history *history, int64_t index) {
    for (int64_t m = 0; m < history->count; m++) {
        if (history->proposals[m].parent == index) {
            return true;
        }
    }
    return false;
}

static dstn_answer again_ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const again *a = self;
    assert_int_equal(a->told, history->ended_count);
    if (a->fault == 1 && history->count == 1) {
        return DSTN_ANSWER_WAIT;
    }
    if (history->count < a->width) {
        proposal->parent = a->fault == 3 && history->count == 2 ? 2 : -1;
        proposal->place[1] = history->count;
        proposal->point[0] = 1 / (3.0 + (double)history->count);
        proposal->point[1] = (double)history->count;
        return DSTN_ANSWER_MEMBER;
    }
    for (int64_t i = 0; i < history->ended_count; i++) {
        int64_t index = history->ended[i];
        if (history->states[index] == DSTN_MEMBER_DONE && index < a->width && !has_child(history, index)) {
            proposal->parent = index;
            proposal->place[0] = 1;
            proposal->place[1] = index;
            proposal->point[0] = history->values[index] / 3;
            proposal->point[1] = (double)history->ended_count;
            return DSTN_ANSWER_MEMBER;
        }
    }
    return history->ended_count < history->count ? DSTN_ANSWER_WAIT : DSTN_ANSWER_END;
}

static void again_describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    (void)self;
    (void)index;
    member->labels = dstn_alloc(2, sizeof *member->labels);
    member->labels[0] = dstn_strdup(proposal->place[0] ? "again" : "first");
    member->labels[1] = dstn_format("%lld", (long long)proposal->place[1]);
    member->settings = dstn_alloc(1, sizeof *member->settings);
    member->settings[0] =
        (dstn_setting){.path = dstn_strdup("optimizer.rate"), .yaml = dstn_format("%.17g", proposal->point[0])};
    member->setting_count = 1;
}

static void again_tell(void *self, const dstn_history *history) {
    again *a = self;
    assert_int_equal(++a->told, history->ended_count);
    assert_true(history->states[history->ended[history->ended_count - 1]] != DSTN_MEMBER_QUEUED);
}

static bool again_needs(const void *self, const dstn_history *history, int64_t index) {
    return index < ((const again *)self)->width && !has_child(history, index);
}

static const dstn_search_method again_method = {.name = "again",
                                                .help = "what is done is gone on with",
                                                .options = again_options,
                                                .settings_size = sizeof(again),
                                                .init = again_init,
                                                .ask = again_ask,
                                                .describe = again_describe,
                                                .tell = again_tell,
                                                .needs = again_needs,
                                                .destroy = free};

#endif
