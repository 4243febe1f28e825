/* search: the configs of a sweep and of its members. What is set on the command line goes to the one or to the others.
 */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static bool has_key(const dstn_option *options, const char *text, size_t length) {
    for (; options->key; options++) {
        if (strlen(options->key) == length && strncmp(options->key, text, length) == 0) {
            return true;
        }
    }
    return false;
}

/* --set of a key that a sweep file has changes the sweep; any other goes to the config of every member. */
static bool is_for_sweep(const char *assignment) {
    size_t length = strcspn(assignment, ".=");
    const dstn_search_method *method;
    bool found = has_key(dstn_sweep_options, assignment, length);
    for (size_t i = 0; !found && (method = dstn_search_method_at(i)); i++) {
        found = has_key(method->options, assignment, length);
    }
    return found;
}

dstn_status search_load_sweep(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    const char **own = dstn_alloc((size_t)set.count + 1, sizeof(char *));
    int count = 0;
    for (int i = 0; i < set.count; i++) {
        if (is_for_sweep(set.items[i])) {
            own[count++] = set.items[i];
        }
    }
    dstn_status status = dstn_job_load(path, (dstn_assignments){own, count}, out, err);
    free(own);
    return status;
}

/* A launch may take days, in which somebody edits the base for the next one. */
static dstn_status load_base(const dstn_sweep *sweep, dstn_doc **out, dstn_error *err) {
    dstn_status status = dstn_job_load(sweep->plan->base, (dstn_assignments){0}, out, err);
    if (status != DSTN_OK || !sweep->base) {
        return status;
    }
    char *now = dstn_doc_text(*out);
    bool is_same = strcmp(now, sweep->base) == 0;
    free(now);
    if (is_same) {
        return DSTN_OK;
    }
    dstn_doc_destroy(*out);
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "%s is not as it was when the launch began; put it back, or start a new sweep", sweep->plan->base);
}

dstn_status search_config_of(const dstn_sweep *sweep, const dstn_member *member, dstn_doc **out, dstn_error *err) {
    dstn_doc *doc;
    dstn_status status = load_base(sweep, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_member_apply(member, doc, err);
    for (int i = 0; i < sweep->set.count && status == DSTN_OK; i++) {
        if (!is_for_sweep(sweep->set.items[i])) {
            status = dstn_doc_set(doc, sweep->set.items[i], err);
        }
    }
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return DSTN_OK;
}

dstn_status search_member_config(const dstn_sweep *sweep, int64_t index, dstn_doc **out, dstn_error *err) {
    return search_config_of(sweep, &sweep->plan->members[index], out, err);
}
