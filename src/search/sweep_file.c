/* search: FOLDER/sweep.yaml: the sweep file as it was resolved, so that a sweep's folder says by itself what was
 * searched, and how. */
#include "plan.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *search_kept_file(const char *folder) {
    return dstn_format("%s/sweep.yaml", folder);
}

/* From anywhere. Free with free(). */
static char *absolute(const char *path) {
    char *real = realpath(path, NULL);
    return real ? real : dstn_strdup(path);
}

/* The sweep file with its base from anywhere; other paths in it are as they were written. */
static dstn_status resolve(const dstn_sweep *sweep, dstn_doc **out, dstn_error *err) {
    char *text = dstn_doc_text(sweep->doc), *base = absolute(sweep->plan->base);
    dstn_status status = dstn_doc_parse(text, dstn_doc_name(sweep->doc), out, err);
    if (status == DSTN_OK && (status = dstn_doc_put_text(*out, "base", base, "base", err)) != DSTN_OK) {
        dstn_doc_destroy(*out);
    }
    free(base);
    free(text);
    return status;
}

/* Whether a base that lies elsewhere now is the same is seen in the members' configs. */
static dstn_status compare(dstn_doc *before, dstn_doc *now, const dstn_sweep *sweep, dstn_error *err) {
    dstn_difference found;
    size_t count;
    dstn_section *sections = dstn_search_schema(&count);
    const char *base = dstn_node_text(dstn_node_child(dstn_doc_root(now), "base"));
    dstn_status status = dstn_doc_put_text(before, "base", base, "base", err);
    if (status == DSTN_OK && dstn_schema_differs(sections, count, dstn_doc_root(before), dstn_doc_root(now), &found)) {
        status = dstn_fail(err, DSTN_ERROR_USAGE,
                           "%s: \"%s\" is not as it was when the sweep started: %s then, %s now; put it back, or start "
                           "a new sweep",
                           sweep->folder, found.key, found.before, found.now);
    }
    free(sections);
    return status;
}

/* What was asked for within larger bounds can't be asked for again within smaller ones. */
static dstn_status compare_bounds(dstn_doc *before, const dstn_sweep *sweep, dstn_error *err) {
    dstn_sweep_plan *plan;
    if (search_plan_is_planned(sweep->plan)) {
        return DSTN_OK;
    }
    dstn_status status = dstn_sweep_plan_read(dstn_doc_root(before), &plan, err);
    if (status == DSTN_OK && search_plan_most(plan) > search_plan_most(sweep->plan)) {
        status = dstn_fail(err, DSTN_ERROR_USAGE,
                           "%s: the search had up to %lld members when the sweep was last started, and has up to %lld "
                           "now; members may be added on resume, not taken away",
                           sweep->folder, (long long)search_plan_most(plan), (long long)search_plan_most(sweep->plan));
    }
    dstn_sweep_plan_destroy(plan);
    return status;
}

static dstn_status compare_file(const dstn_sweep *sweep, const char *path, dstn_error *err) {
    dstn_doc *now, *before = NULL;
    dstn_status status = resolve(sweep, &now, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_doc_load(path, &before, err);
    if (status == DSTN_OK) {
        status = compare(before, now, sweep, err);
    }
    if (status == DSTN_OK) {
        status = compare_bounds(before, sweep, err);
    }
    dstn_doc_destroy(before);
    dstn_doc_destroy(now);
    return status;
}

dstn_status search_compare_file(const dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    char *path = search_kept_file(sweep->folder);
    bool is_there = dstn_group_leads(world) && access(path, F_OK) == 0;
    dstn_status status = dstn_group_verdict(world, is_there ? compare_file(sweep, path, err) : DSTN_OK, err);
    free(path);
    return status;
}

dstn_status search_write_file(const dstn_sweep *sweep, dstn_error *err) {
    dstn_doc *doc;
    dstn_status status = resolve(sweep, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    char *yaml = dstn_doc_text(doc), *from = absolute(dstn_doc_name(sweep->doc));
    char *text =
        dstn_format("# The sweep file as resolved; paths in its settings are relative to that of %s\n%s", from, yaml);
    char *path = search_kept_file(sweep->folder);
    status = dstn_store_write_text(path, text, err);
    free(path);
    free(text);
    free(from);
    free(yaml);
    dstn_doc_destroy(doc);
    return status;
}
