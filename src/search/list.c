/* search: the plain list of members: the product of axes, the first varying slowest, known from the start. */
#include "axis.h"
#include "distinct.h"
#include "methods.h"
#include "plan.h"

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

/* The number of a member, counted in the mixed base of the axes' sizes, gives its position on each axis. */
static void make_member(const list *l, int64_t at, dstn_member *member) {
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
}

/* ---- equal members ----------------------------------------------------------------------------------------------- */

/* What is asked about each path that axis `own` sets. */
typedef bool path_question(dstn_texts *owners, const char *path, int own);

/* Whether another axis sets the path; if not, it is `own`'s from now on. */
static bool is_claimed(dstn_texts *owners, const char *path, int own) {
    return dstn_texts_put(owners, path, own) != own;
}

/* Whether another axis sets something that the path lies in. */
static bool is_within(dstn_texts *owners, const char *path, int own) {
    char *part = dstn_strdup(path);
    bool found = false;
    for (char *dot; !found && (dot = strrchr(part, '.'));) {
        *dot = '\0';
        int64_t owner = dstn_texts_find(owners, part);
        found = owner >= 0 && owner != own;
    }
    free(part);
    return found;
}

static bool ask_axis(const search_axis *axis, int own, path_question *question, dstn_texts *owners) {
    for (int64_t i = 0; i < axis->count; i++) {
        for (int s = 0; s < axis->settings[i].count; s++) {
            if (question(owners, axis->settings[i].items[s].path, own)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether an axis sets something that another one sets too. Where none does, points that differ make members that do.
 */
static bool axes_meet(const list *l) {
    dstn_texts owners = {0};
    bool meet = false;
    for (int a = 0; a < l->axis_count && !meet; a++) {
        meet = ask_axis(&l->axes[a], a, is_claimed, &owners);
    }
    for (int a = 0; a < l->axis_count && !meet; a++) {
        meet = ask_axis(&l->axes[a], a, is_within, &owners);
    }
    dstn_texts_clear(&owners);
    return meet;
}

static dstn_status fail_equal(const list *l, int64_t first, int64_t second, dstn_node axes, dstn_error *err) {
    int64_t numbers[] = {first, second};
    char *names[2];
    for (int i = 0; i < 2; i++) {
        dstn_member member = {0};
        make_member(l, numbers[i], &member);
        names[i] = search_member_name(member.labels, l->axis_count);
        search_member_clear(&member, l->axis_count);
    }
    dstn_node_fail(axes, err,
                   "the members \"%s\" and \"%s\" have the same settings, since an axis sets again what one before it "
                   "has set; accepted: axes whose points make different members",
                   names[0], names[1]);
    free(names[0]);
    free(names[1]);
    return err->status;
}

/* Later axes override earlier ones. */
static dstn_status check_members(const list *l, dstn_node axes, dstn_error *err) {
    search_distinct distinct = {0};
    dstn_status status = DSTN_OK;
    for (int64_t m = 0; m < l->count && status == DSTN_OK; m++) {
        dstn_member member = {0};
        make_member(l, m, &member);
        int64_t first = search_distinct_put(&distinct, &(search_settings){member.settings, member.setting_count}, m);
        search_member_clear(&member, l->axis_count);
        status = first == m ? DSTN_OK : fail_equal(l, first, m, axes, err);
    }
    search_distinct_clear(&distinct);
    return status;
}

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    const list_settings *s = settings;
    list *l = dstn_alloc(1, sizeof *l);
    dstn_status status = read_axes(l, root, s->axes, err);
    if (status == DSTN_OK && !count_members(l)) {
        status = dstn_node_fail(s->axes, err, "too many members; accepted: up to %d", DSTN_MAX_MEMBERS);
    }
    if (status == DSTN_OK && axes_meet(l)) {
        status = check_members(l, s->axes, err);
    }
    if (status != DSTN_OK) {
        destroy(l);
        return status;
    }
    *search = (dstn_search){
        .self = l, .axis_count = l->axis_count, .axes = l->names, .most_members = l->count, .place = s->axes};
    return DSTN_OK;
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const list *l = self;
    (void)proposal;
    return history->count == l->count ? DSTN_ANSWER_END : DSTN_ANSWER_MEMBER;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    (void)proposal;
    make_member(self, index, member);
}

const dstn_search_method search_list = {
    .name = "list",
    .help = "the product of axes",
    .example = "axes: {seed: {from: 0, count: 3}}",
    .options = list_options,
    .settings_size = sizeof(list_settings),
    .is_planned = true,
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = search_need_none,
    .destroy = destroy,
};
