/* search: the plan of a sweep file: the members that its method has asked for so far. */
#include "plan.h"
#include "methods.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 250 }; /* file systems take 255 bytes */

typedef struct sweep_settings {
    const char *base, *search;
    dstn_node set;
    int64_t ranks_per_member;
    int keep, objective;
} sweep_settings;

#define IN_HELP(name) " " #name

const dstn_option dstn_sweep_options[] = {
    DSTN_TEXT("base", sweep_settings, base, DSTN_REQUIRED,
              "config that every member starts from, relative to the sweep file"),
    DSTN_TEXT("search", sweep_settings, search, "list",
              "the method that says which members there are:" SEARCH_METHODS(IN_HELP)),
    DSTN_SECTION("set", sweep_settings, set, "settings of all members: dotted path and value", DSTN_MAY_DIFFER),
    DSTN_INT("ranks_per_member", sweep_settings, ranks_per_member, 1, 1 << 20, "1",
             "ranks that train one member together", DSTN_MAY_DIFFER),
    DSTN_CHOICE(
        "objective", sweep_settings, objective, "valid_loss|best_valid_loss", "valid_loss",
        "what members are compared by, the lower the better: the validation loss at the end of a run, or that of "
        "its best epoch"),
    DSTN_CHOICE("keep", sweep_settings, keep, "all|record", "all",
                "of a member that has ended: all, or its record run.h5 alone, which has its config and result; made "
                "longer it then starts anew",
                DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};

/* ---- members ----------------------------------------------------------------------------------------------------- */

void search_member_clear(dstn_member *member, int axis_count) {
    search_settings_clear(&(search_settings){member->settings, member->setting_count});
    for (int a = 0; a < axis_count; a++) {
        free(member->labels[a]);
    }
    free(member->labels);
    free(member->name);
}

char *search_member_name(char *const *labels, int count) {
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

static void *enlarge(void *old, size_t used, size_t size, size_t element) {
    char *larger = dstn_alloc(size, element);
    if (used) {
        memcpy(larger, old, used * element);
    }
    free(old);
    return larger;
}

static void make_room(dstn_sweep_plan *plan) {
    search_asker *asker = plan->asker;
    if (plan->count < asker->capacity) {
        return;
    }
    size_t used = (size_t)plan->count, size = used ? 2 * used : 64;
    asker->capacity = (int64_t)size;
    plan->members = enlarge(plan->members, used, size, sizeof *plan->members);
    plan->states = enlarge(plan->states, used, size, sizeof *plan->states);
    plan->messages = enlarge(plan->messages, used, size, sizeof *plan->messages);
    plan->work = enlarge(plan->work, used, size, sizeof *plan->work);
    plan->proposals = enlarge(plan->proposals, used, size, sizeof *plan->proposals);
    plan->values = enlarge(plan->values, used, size, sizeof *plan->values);
    plan->ended = enlarge(plan->ended, used, size, sizeof *plan->ended);
    asker->standing = enlarge(asker->standing, used, size, sizeof *asker->standing);
    asker->children = enlarge(asker->children, used, size, sizeof *asker->children);
}

/* What is set for all comes before what the method sets. */
static void put_common_first(const search_settings *common, dstn_member *member) {
    int own = member->setting_count;
    dstn_setting *settings = dstn_alloc((size_t)(common->count + own) + 1, sizeof *settings);
    member->setting_count = search_settings_copy(common, settings);
    if (own) {
        memcpy(settings + member->setting_count, member->settings, (size_t)own * sizeof *settings);
    }
    member->setting_count += own;
    free(member->settings);
    member->settings = settings;
}

/* Labels that differ on every axis can still be joined to one name: "a-b", "c" and "a", "b-c". */
static dstn_status check_name(dstn_sweep_plan *plan, int64_t index, dstn_error *err) {
    const char *name = plan->members[index].name;
    dstn_node place = plan->asker->search.place;
    if (strlen(name) > MAX_NAME) {
        return dstn_node_fail(place, err,
                              "the member name \"%.60s...\" is too long; accepted: labels of %d characters together",
                              name, MAX_NAME);
    }
    if (dstn_texts_put(&plan->asker->names, name, index) != index) {
        return dstn_node_fail(place, err,
                              "two members have the name \"%s\"; accepted: labels that give each member its own name "
                              "when joined by '-'",
                              name);
    }
    return DSTN_OK;
}

int64_t dstn_sweep_plan_find(const dstn_sweep_plan *plan, const char *name) {
    return dstn_texts_find(&plan->asker->names, name);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void keep_proposal(dstn_sweep_plan *plan, const dstn_proposal *proposal) {
    int dimensions = plan->asker->search.dimensions;
    dstn_proposal copy = *proposal;
    copy.point = NULL;
    if (dimensions > 0) {
        copy.point = dstn_alloc((size_t)dimensions, sizeof(double));
        memcpy(copy.point, proposal->point, (size_t)dimensions * sizeof(double));
    }
    if (copy.parent >= 0) {
        plan->asker->children[copy.parent]++;
    }
    plan->proposals[plan->count] = copy;
    plan->values[plan->count] = NAN;
}

dstn_member search_plan_describe(const dstn_sweep_plan *plan, const dstn_proposal *proposal) {
    const search_asker *asker = plan->asker;
    dstn_member member = {.parent = proposal->parent};
    asker->method->describe(asker->search.self, plan->count, proposal, &member);
    member.name = search_member_name(member.labels, plan->axis_count);
    put_common_first(&asker->common, &member);
    return member;
}

dstn_status search_plan_add(dstn_sweep_plan *plan, const dstn_proposal *proposal, dstn_error *err) {
    search_asker *asker = plan->asker;
    dstn_member member = search_plan_describe(plan, proposal);
    make_room(plan);
    keep_proposal(plan, proposal);
    plan->members[plan->count++] = member;
    if (plan->count > DSTN_MAX_MEMBERS) {
        return dstn_node_fail(asker->search.place, err, "too many members; accepted: up to %d", DSTN_MAX_MEMBERS);
    }
    return check_name(plan, plan->count - 1, err);
}

/* All members of a method that needs no results. */
static dstn_status ask_all(dstn_sweep_plan *plan, dstn_error *err) {
    const search_asker *asker = plan->asker;
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal proposal = {.parent = -1, .point = point};
    dstn_history history = {0};
    dstn_status status = DSTN_OK;
    while (status == DSTN_OK && asker->method->is_planned &&
           asker->method->ask(asker->search.self, &history, &proposal) == DSTN_ANSWER_MEMBER) {
        status = search_plan_add(plan, &proposal, err);
        history.count = plan->count;
    }
    return status;
}

/* ---- the plan ---------------------------------------------------------------------------------------------------- */

static dstn_status start_search(dstn_sweep_plan *plan, dstn_node root, dstn_node set, dstn_error *err) {
    search_asker *asker = plan->asker;
    dstn_status status = search_settings_read(set, &asker->common, err);
    if (status == DSTN_OK) {
        status = asker->method->init(root, asker->settings, &asker->search, err);
    }
    if (status == DSTN_OK) {
        plan->axis_count = asker->search.axis_count;
        plan->axes = asker->search.axes;
        plan->dimensions = asker->search.dimensions;
        plan->coordinates = asker->search.coordinates;
        status = ask_all(plan, err);
    }
    return status;
}

static dstn_sweep_plan *new_plan(dstn_node root, const dstn_search_method *method) {
    dstn_sweep_plan *plan = dstn_alloc(1, sizeof *plan);
    plan->asker = dstn_alloc(1, sizeof *plan->asker);
    plan->asker->root = root;
    plan->asker->method = method;
    plan->asker->settings = dstn_alloc(1, method->settings_size);
    return plan;
}

dstn_status search_plan_read_with(dstn_node node, const dstn_search_method *method, dstn_sweep_plan **out,
                                  dstn_error *err) {
    dstn_sweep_plan *plan = new_plan(node, method);
    sweep_settings settings = {0};
    const dstn_binding bindings[] = {{dstn_sweep_options, &settings}, {method->options, plan->asker->settings}};
    dstn_status status = dstn_options_read(node, "", bindings, 2, err);
    if (status == DSTN_OK) {
        plan->ranks_per_member = settings.ranks_per_member;
        plan->keep = (dstn_sweep_keep)settings.keep;
        plan->objective = (dstn_sweep_objective)settings.objective;
        plan->base = dstn_doc_resolve_path(dstn_node_child(node, "base"), settings.base);
        status = start_search(plan, node, settings.set, err);
    }
    if (status != DSTN_OK) {
        dstn_sweep_plan_destroy(plan);
        return status;
    }
    *out = plan;
    return DSTN_OK;
}

/* A name that is no text is left to the reader of options, which says so. */
dstn_status dstn_sweep_plan_read(dstn_node node, dstn_sweep_plan **out, dstn_error *err) {
    *out = NULL;
    dstn_node place = dstn_node_child(node, "search");
    const char *name = dstn_node_text(place);
    const dstn_search_method *method;
    dstn_status status = search_method_find(name ? name : "list", place, &method, err);
    return status == DSTN_OK ? search_plan_read_with(node, method, out, err) : status;
}

void dstn_sweep_plan_destroy(dstn_sweep_plan *plan) {
    if (!plan) {
        return;
    }
    search_asker *asker = plan->asker;
    for (int64_t m = 0; m < plan->count; m++) {
        search_member_clear(&plan->members[m], plan->axis_count);
        free(plan->messages[m]);
        free(plan->proposals[m].point);
    }
    if (asker->search.self) {
        asker->method->destroy(asker->search.self);
    }
    search_settings_clear(&asker->common);
    free(asker->settings);
    dstn_texts_clear(&asker->names);
    free(asker->standing);
    free(asker->children);
    free(asker);
    free(plan->proposals);
    free(plan->values);
    free(plan->ended);
    free(plan->members);
    free(plan->states);
    free(plan->messages);
    free(plan->work);
    free(plan->base);
    free(plan);
}

void dstn_sweep_plan_count(const dstn_sweep_plan *plan, int64_t counts[DSTN_MEMBER_STATES]) {
    memset(counts, 0, DSTN_MEMBER_STATES * sizeof *counts);
    for (int64_t m = 0; m < plan->count; m++) {
        counts[plan->states[m]]++;
    }
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
