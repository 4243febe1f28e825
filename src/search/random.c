/* search: random search: members at points drawn uniformly from the space, known from the start. */
#include "methods.h"
#include "space.h"

#include <stdlib.h>

typedef struct random_settings {
    search_common common;
    int64_t members;
} random_settings;

static const dstn_option random_options[] = {
    SEARCH_SPACE_ROWS(random_settings, common),
    SEARCH_MEMBERS_ROW(random_settings, members, "how many members a search has"),
    DSTN_OPTIONS_END,
};

typedef struct random_search {
    search_space space;
    dstn_rng rng;
    int64_t members;
} random_search;

static const char *const axes[] = {"member"};

static void destroy(void *self) {
    random_search *r = self;
    search_space_clear(&r->space);
    free(r);
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const random_settings *s = settings;
    random_search *r = dstn_alloc(1, sizeof *r);
    r->rng = search_rng(&s->common);
    r->members = s->members;
    if (search_space_read(root, false, &r->space, err)) {
        destroy(r);
        return err->status;
    }
    *search = (dstn_search){.self = r,
                            .axis_count = 1,
                            .axes = axes,
                            .dimensions = r->space.count,
                            .coordinates = r->space.paths,
                            .most_members = r->members,
                            .place = dstn_node_child(root, "space")};
    return DSTN_OK;
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const random_search *r = self;
    if (history->count >= r->members) {
        return DSTN_ANSWER_END;
    }
    proposal->parent = -1;
    proposal->place[0] = history->count;
    proposal->place[1] = 0;
    search_space_draw(&r->space, r->rng, (uint64_t)history->count, 0, proposal->point);
    return DSTN_ANSWER_MEMBER;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    const random_search *r = self;
    search_member_label(member, search_number_label("", index, 4), NULL);
    search_space_settings(&r->space, proposal->point, 0, member);
}

const dstn_search_method search_random = {
    .name = "random",
    .help = "points drawn uniformly from a space",
    .example = "members: 5\nspace: {optimizer.rate: {low: 1e-3, high: 0.1, scale: log}}",
    .options = random_options,
    .settings_size = sizeof(random_settings),
    .is_planned = true,
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = search_need_none,
    .destroy = destroy,
};
