/* search: the members of a sweep file: the product of its axes, the first varying slowest. */
#include "axis.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 250 }; /* file systems take 255 bytes */

typedef struct sweep_settings {
    const char *base;
    dstn_node set, axes;
    int64_t ranks_per_member;
} sweep_settings;

const dstn_option dstn_sweep_options[] = {
    DSTN_TEXT("base", sweep_settings, base, DSTN_REQUIRED,
              "config that every member starts from, relative to the sweep file"),
    DSTN_SECTION("set", sweep_settings, set, "settings of all members: dotted path and value", DSTN_MAY_DIFFER),
    DSTN_SECTION("axes", sweep_settings, axes,
                 "axis: a list of values, {from, count}, or label and settings; the members are their product",
                 DSTN_MAY_DIFFER),
    DSTN_INT("ranks_per_member", sweep_settings, ranks_per_member, 1, 1 << 20, "1",
             "ranks that train one member together", DSTN_MAY_DIFFER),
    {0},
};

/* ---- axes -------------------------------------------------------------------------------------------------------- */

typedef struct axis_list {
    search_axis *items; /* [count] */
    int count;
    search_settings common; /* `set:` */
} axis_list;

static dstn_status read_axes(dstn_node root, const sweep_settings *settings, axis_list *axes, dstn_error *err) {
    const char *accepted = "a mapping from axes to their values, such as {seed: {from: 0, count: 5}}";
    if (search_settings_read(settings->set, &axes->common, err)) {
        return err->status;
    }
    if (!settings->axes.handle) {
        dstn_node_fail((dstn_node){root.doc, NULL}, err, "axes: missing; accepted: %s", accepted);
        return err->status;
    }
    if (dstn_node_get_kind(settings->axes) != DSTN_NODE_MAPPING || dstn_node_count(settings->axes) == 0) {
        return dstn_node_fail(settings->axes, err, "has no axis; accepted: %s", accepted);
    }
    size_t count = dstn_node_count(settings->axes);
    axes->items = dstn_alloc(count, sizeof *axes->items);
    for (size_t a = 0; a < count; a++) {
        const char *name = dstn_node_key_at(settings->axes, a);
        if (search_axis_read(name, dstn_node_at(settings->axes, a), &axes->items[axes->count++], err)) {
            return err->status;
        }
    }
    return DSTN_OK;
}

static void clear_axes(axis_list *axes) {
    for (int a = 0; a < axes->count; a++) {
        search_axis_clear(&axes->items[a]);
    }
    free(axes->items);
    search_settings_clear(&axes->common);
}

/* The size of the product; DSTN_MAX_MEMBERS + 1 stands for anything larger. */
static int64_t count_members(const axis_list *axes) {
    int64_t count = 1;
    for (int a = 0; a < axes->count; a++) {
        if (count > DSTN_MAX_MEMBERS / axes->items[a].count) {
            return DSTN_MAX_MEMBERS + 1;
        }
        count *= axes->items[a].count;
    }
    return count;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static void append_copies(dstn_member *member, const search_settings *settings) {
    for (int i = 0; i < settings->count; i++) {
        const dstn_setting *from = &settings->items[i];
        member->settings[member->setting_count++] =
            (dstn_setting){dstn_strdup(from->path), dstn_strdup(from->yaml), from->value};
    }
}

static char *join_labels(char *const *labels, int count) {
    size_t length = 1;
    for (int a = 0; a < count; a++) {
        length += strlen(labels[a]) + 1;
    }
    char *name = dstn_alloc(length, 1), *end = name;
    for (int a = 0; a < count; a++) {
        end += sprintf(end, "%s%s", a ? "-" : "", labels[a]);
    }
    return name;
}

/* `index` counted in the mixed base of the axes' sizes gives the position on each axis. */
static void build_member(const axis_list *axes, int64_t index, dstn_member *member) {
    const search_settings **chosen = dstn_alloc((size_t)axes->count, sizeof *chosen);
    member->labels = dstn_alloc((size_t)axes->count, sizeof *member->labels);
    int settings = axes->common.count;
    for (int a = axes->count - 1; a >= 0; a--) {
        const search_axis *axis = &axes->items[a];
        int64_t at = index % axis->count;
        index /= axis->count;
        member->labels[a] = dstn_strdup(axis->labels[at]);
        chosen[a] = &axis->settings[at];
        settings += chosen[a]->count;
    }
    member->name = join_labels(member->labels, axes->count);
    member->settings = dstn_alloc((size_t)settings + 1, sizeof *member->settings);
    append_copies(member, &axes->common);
    for (int a = 0; a < axes->count; a++) {
        append_copies(member, chosen[a]);
    }
    free(chosen);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Labels that differ on every axis can still be joined to one name: "a-b", "c" and "a", "b-c". */
static dstn_status check_names(const dstn_sweep_plan *plan, dstn_node place, dstn_error *err) {
    const char **names = dstn_alloc((size_t)plan->count, sizeof *names);
    for (int64_t m = 0; m < plan->count; m++) {
        names[m] = plan->members[m].name;
    }
    qsort(names, (size_t)plan->count, sizeof *names, compare_names);
    dstn_status status = DSTN_OK;
    for (int64_t m = 0; m < plan->count && !status; m++) {
        if (strlen(names[m]) > MAX_NAME) {
            status = dstn_node_fail(place, err,
                                    "the member name \"%.60s...\" is too long; accepted: labels of %d "
                                    "characters together",
                                    names[m], MAX_NAME);
        } else if (m > 0 && strcmp(names[m - 1], names[m]) == 0) {
            status = dstn_node_fail(place, err,
                                    "two members have the name \"%s\"; accepted: labels that give each "
                                    "member its own name when joined by '-'",
                                    names[m]);
        }
    }
    free(names);
    return status;
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static dstn_status build_plan(const sweep_settings *settings, const axis_list *axes, dstn_sweep_plan *plan,
                              dstn_error *err) {
    int64_t count = count_members(axes);
    if (count > DSTN_MAX_MEMBERS) {
        return dstn_node_fail(settings->axes, err, "too many members; accepted: up to %d", DSTN_MAX_MEMBERS);
    }
    plan->ranks_per_member = settings->ranks_per_member;
    plan->axis_count = axes->count;
    plan->axes = dstn_alloc((size_t)axes->count, sizeof *plan->axes);
    for (int a = 0; a < axes->count; a++) {
        plan->axes[a] = dstn_strdup(axes->items[a].name);
    }
    plan->members = dstn_alloc((size_t)count, sizeof *plan->members);
    for (; plan->count < count; plan->count++) {
        build_member(axes, plan->count, &plan->members[plan->count]);
    }
    return check_names(plan, settings->axes, err);
}

dstn_status dstn_sweep_plan_read(dstn_node node, dstn_sweep_plan **out, dstn_error *err) {
    *out = NULL;
    sweep_settings settings = {0};
    const dstn_binding binding = {dstn_sweep_options, &settings};
    if (dstn_options_read(node, "", &binding, 1, err)) {
        return err->status;
    }
    axis_list axes = {0};
    dstn_sweep_plan *plan = dstn_alloc(1, sizeof *plan);
    plan->base = dstn_doc_resolve_path(dstn_node_child(node, "base"), settings.base);
    dstn_status status = read_axes(node, &settings, &axes, err);
    if (status == DSTN_OK) {
        status = build_plan(&settings, &axes, plan, err);
    }
    clear_axes(&axes);
    if (status == DSTN_OK) {
        *out = plan;
    } else {
        dstn_sweep_plan_destroy(plan);
    }
    return status;
}

void dstn_sweep_plan_destroy(dstn_sweep_plan *plan) {
    if (!plan) {
        return;
    }
    for (int64_t m = 0; m < plan->count; m++) {
        dstn_member *member = &plan->members[m];
        search_settings_clear(&(search_settings){member->settings, member->setting_count});
        for (int a = 0; a < plan->axis_count; a++) {
            free(member->labels[a]);
        }
        free(member->labels);
        free(member->name);
    }
    for (int a = 0; a < plan->axis_count; a++) {
        free(plan->axes[a]);
    }
    free(plan->axes);
    free(plan->members);
    free(plan->base);
    free(plan);
}

dstn_status dstn_member_apply(const dstn_member *member, dstn_doc *config, dstn_error *err) {
    for (int i = 0; i < member->setting_count; i++) {
        const dstn_setting *setting = &member->settings[i];
        dstn_status status = setting->value.handle ? dstn_doc_graft(config, setting->path, setting->value, err)
                                                   : dstn_doc_put(config, setting->path, setting->yaml,
                                                                  dstn_doc_name(setting->value.doc), err);
        if (status) {
            return status;
        }
    }
    return DSTN_OK;
}
