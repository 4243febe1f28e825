/* search: the plain list of members: the product of axes, the first varying slowest, known from the start. */
#include "axis.h"
#include "methods.h"

#include <stdlib.h>
#include <string.h>

typedef struct list_settings {
    dstn_node axes;
} list_settings;

static const dstn_option list_options[] = {
    DSTN_SECTION("axes", list_settings, axes,
                 "axis: a list of values, {from, count}, or label and settings; the members are their product",
                 DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};

typedef struct list {
    search_axis *axes; /* [axis_count] */
    int axis_count;
    const char **names; /* [axis_count] of the axes */
    int64_t count;      /* of members */
} list;

static dstn_status read_axes(list *l, dstn_node root, dstn_node axes, dstn_error *err) {
    const char *accepted = "a mapping from axes to their values, such as {seed: {from: 0, count: 5}}";
    if (!axes.handle) {
        return dstn_node_fail((dstn_node){root.doc, NULL}, err, "axes: missing; accepted: %s", accepted);
    }
    size_t count = dstn_node_count(axes);
    if (dstn_node_get_kind(axes) != DSTN_NODE_MAPPING || count == 0) {
        return dstn_node_fail(axes, err, "has no axis; accepted: %s", accepted);
    }
    l->axes = dstn_alloc(count, sizeof *l->axes);
    l->names = dstn_alloc(count, sizeof *l->names);
    for (size_t a = 0; a < count; a++) {
        l->names[a] = dstn_node_key_at(axes, a);
        if (search_axis_read(l->names[a], dstn_node_at(axes, a), &l->axes[l->axis_count++], err)) {
            return err->status;
        }
    }
    return DSTN_OK;
}

/* The size of the product; false where it is above DSTN_MAX_MEMBERS. */
static bool count_members(list *l) {
    l->count = 1;
    for (int a = 0; a < l->axis_count; a++) {
        if (l->count > DSTN_MAX_MEMBERS / l->axes[a].count) {
            return false;
        }
        l->count *= l->axes[a].count;
    }
    return true;
}

static void destroy(void *self) {
    list *l = self;
    for (int a = 0; a < l->axis_count; a++) {
        search_axis_clear(&l->axes[a]);
    }
    free(l->axes);
    free(l->names);
    free(l);
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const list_settings *s = settings;
    list *l = dstn_alloc(1, sizeof *l);
    dstn_status status = read_axes(l, root, s->axes, err);
    if (status == DSTN_OK && !count_members(l)) {
        status = dstn_node_fail(s->axes, err, "too many members; accepted: up to %d", DSTN_MAX_MEMBERS);
    }
    if (status != DSTN_OK) {
        destroy(l);
        return status;
    }
    *search = (dstn_search){.self = l, .axis_count = l->axis_count, .axes = l->names, .place = s->axes};
    return DSTN_OK;
}

/* The number of a member, counted in the mixed base of the axes' sizes, gives its position on each axis. */
static dstn_answer ask(void *self, const dstn_history *history, dstn_member *member) {
    const list *l = self;
    int64_t at = history->count;
    if (at == l->count) {
        return DSTN_ANSWER_END;
    }
    const search_settings **chosen = dstn_alloc((size_t)l->axis_count, sizeof *chosen);
    int settings = 0;
    member->labels = dstn_alloc((size_t)l->axis_count, sizeof *member->labels);
    for (int a = l->axis_count - 1; a >= 0; a--) {
        const search_axis *axis = &l->axes[a];
        member->labels[a] = dstn_strdup(axis->labels[at % axis->count]);
        chosen[a] = &axis->settings[at % axis->count];
        settings += chosen[a]->count;
        at /= axis->count;
    }
    member->settings = dstn_alloc((size_t)settings + 1, sizeof *member->settings);
    for (int a = 0; a < l->axis_count; a++) {
        member->setting_count += search_settings_copy(chosen[a], member->settings + member->setting_count);
    }
    free(chosen);
    return DSTN_ANSWER_MEMBER;
}

static void tell(void *self, const dstn_history *history, int64_t index) {
    (void)self;
    (void)history;
    (void)index;
}

const dstn_search_method search_list = {
    .name = "list",
    .help = "the product of axes",
    .options = list_options,
    .settings_size = sizeof(list_settings),
    .init = init,
    .ask = ask,
    .tell = tell,
    .destroy = destroy,
};
