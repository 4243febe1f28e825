/* search: whether the space of a sweep suits its base config, before anything is logged: a range whose ends no run can
 * have, or a number that one may not go on with from another's, would be found by some member after hours. */
#include "plan.h"
#include "space.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

/* A path into hyperparameters that the config doesn't have would make one that nothing uses. */
static dstn_status check_hyperparameter(const search_coordinate *c, dstn_node hyperparameters, dstn_error *err) {
    static const char section[] = "hyperparameters.";
    if (strncmp(c->path, section, sizeof section - 1) != 0) {
        return DSTN_OK;
    }
    const char *name = c->path + sizeof section - 1;
    size_t length = strcspn(name, "."), count = dstn_node_count(hyperparameters);
    const char **names = dstn_alloc(count + 1, sizeof *names);
    bool is_there = false;
    for (size_t i = 0; i < count; i++) {
        names[i] = dstn_node_key_at(hyperparameters, i);
        is_there = is_there || (strlen(names[i]) == length && strncmp(names[i], name, length) == 0);
    }
    dstn_status status = DSTN_OK;
    if (!is_there) {
        char *own = dstn_format("%.*s", (int)length, name);
        status = dstn_node_fail_name(c->place, "hyperparameter", own, names, count, err);
        free(own);
    }
    free(names);
    return status;
}

static dstn_status check_hyperparameters(const dstn_sweep *sweep, const search_space *space, dstn_error *err) {
    const search_settings *common = &sweep->plan->asker->common;
    const dstn_member bare = {.settings = common->items, .setting_count = common->count};
    dstn_doc *doc;
    dstn_status status = search_config_of(sweep, &bare, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_node hyperparameters = dstn_node_child(dstn_doc_root(doc), "hyperparameters");
    for (int i = 0; i < space->count && status == DSTN_OK; i++) {
        status = check_hyperparameter(&space->items[i], hyperparameters, err);
    }
    dstn_doc_destroy(doc);
    return status;
}

/* ---- corners ----------------------------------------------------------------------------------------------------- */

typedef struct corner {
    const char *what; /* in messages */
    double unit;      /* of every coordinate: 0 or 1 */
    int64_t level;    /* place[1] of its proposal */
} corner;

/* The job of a member there. *out [out]: NULL where its data can't be read, which the member itself says. */
static dstn_status open_corner(const dstn_sweep *sweep, const search_space *space, const corner *at,
                               const dstn_group *self, dstn_job **out, dstn_error *err) {
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal proposal = {.parent = at->level > 0 ? 0 : -1, .place = {0, at->level}, .point = point};
    for (int i = 0; i < space->count; i++) {
        point[i] = search_space_natural(space, i, at->unit);
    }
    dstn_member member = search_plan_describe(sweep->plan, &proposal);
    dstn_doc *doc;
    *out = NULL;
    dstn_status status = search_config_of(sweep, &member, &doc, err);
    search_member_clear(&member, sweep->plan->axis_count);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, self, NULL, DSTN_JOB_TRAINER, out, err);
    }
    if (status != DSTN_OK) {
        *out = NULL;
    }
    return status == DSTN_ERROR_USAGE ? dstn_fail_in(err, "%s of the space", at->what) : DSTN_OK;
}

static dstn_status check_steps(const dstn_sweep *sweep, int64_t steps, const dstn_job *longer, dstn_error *err) {
    dstn_node length = dstn_node_child(dstn_doc_root(sweep->doc), "length");
    return dstn_trainer_progress(longer->trainer)->steps > steps
               ? DSTN_OK
               : dstn_node_fail(length, err,
                                "%s makes no run longer; accepted: train.epochs or train.iterations, "
                                "whichever the base config has",
                                dstn_node_text(length));
}

/* A member there can go on from the end of a run of the config `before` of so many steps. */
static dstn_status check_descent(const dstn_sweep *sweep, const search_space *space, const corner *at,
                                 const dstn_group *self, dstn_doc *before, int64_t steps, dstn_error *err) {
    dstn_job *job;
    dstn_status status = open_corner(sweep, space, at, self, &job, err);
    if (status == DSTN_OK && job) {
        status = dstn_job_may_go_on(job, before, err);
        status = status == DSTN_OK ? check_steps(sweep, steps, job, err) : status;
    }
    dstn_job_destroy(job);
    return status;
}

/* config [out]: of the member there; NULL where it can't be told. */
static dstn_status check_corner(const dstn_sweep *sweep, const search_space *space, const corner *at,
                                const dstn_group *self, dstn_doc **config, int64_t *steps, dstn_error *err) {
    dstn_job *job;
    dstn_status status = open_corner(sweep, space, at, self, &job, err);
    *config = NULL;
    if (status == DSTN_OK && job) {
        char *text = dstn_job_config_text(job, NULL), *name = dstn_format("%s: space", dstn_doc_name(sweep->doc));
        *steps = dstn_trainer_progress(job->trainer)->steps;
        status = dstn_doc_parse(text, name, config, err);
        free(text);
        free(name);
    }
    dstn_job_destroy(job);
    return status;
}

static dstn_status check_corners(const dstn_sweep *sweep, const search_space *space, const dstn_group *self,
                                 dstn_error *err) {
    static const corner low = {"the lowest point", 0, 0}, high = {"the highest point", 1, 0};
    dstn_descent descent = sweep->plan->asker->search.descent;
    const corner child = {descent == DSTN_DESCENT_ALTERED ? high.what : low.what, descent == DSTN_DESCENT_ALTERED, 1};
    dstn_doc *config, *ignored = NULL;
    int64_t steps = 0, ignored_steps;
    dstn_status status = check_corner(sweep, space, &low, self, &config, &steps, err);
    if (status == DSTN_OK) {
        status = check_corner(sweep, space, &high, self, &ignored, &ignored_steps, err);
    }
    if (status == DSTN_OK && descent != DSTN_DESCENT_NONE && config) {
        status = check_descent(sweep, space, &child, self, config, steps, err);
    }
    dstn_doc_destroy(config);
    dstn_doc_destroy(ignored);
    return status;
}

dstn_status search_check_space(const dstn_sweep *sweep, dstn_error *err) {
    search_space space;
    dstn_node root = dstn_doc_root(sweep->doc);
    bool is_planned = search_plan_is_planned(sweep->plan);
    if (sweep->plan->dimensions == 0) {
        return DSTN_OK;
    }
    dstn_status status = search_space_read(root, is_planned, &space, err);
    if (status == DSTN_OK) {
        status = check_hyperparameters(sweep, &space, err);
    }
    if (status == DSTN_OK) {
        dstn_group *self = dstn_group_self();
        status = check_corners(sweep, &space, self, err);
        dstn_group_destroy(self);
    }
    search_space_clear(&space);
    return status;
}
