/* dstn diff A B: the first step and tensor at which two runs, or the members of two sweeps, part. */
#include "diff.h"
#include "array.h"
#include "dstn/tools.h"
#include "folder.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_sweep(const char *path) {
    char *members = dstn_format("%s/members", path), *ledger = dstn_format("%s/ledger", path);
    bool found = tools_folder_is_there(members) || tools_folder_is_there(ledger);
    free(members);
    free(ledger);
    return found;
}

/* ---- one run ---- */

static void say_verdict(const tools_comparison *c, FILE *out, bool brief) {
    const char *member = c->member ? c->member : "", *colon = c->member ? ": " : "";
    if (c->first_name) {
        dstn_print_line(out, "different %s%sfirst at step %lld: %s", member, colon, (long long)c->first_step,
                        c->first_name);
    } else if (brief) {
        dstn_print_line(out, "different %s%s%s", member, colon, c->first_text);
    }
}

/* Folders are those of runs; those without checkpoints are NULL. */
static dstn_status compare_runs(tools_comparison *c, const char *const records[2], const char *const folders[2],
                                dstn_error *err) {
    dstn_status status = tools_compare_records(c, records, err);
    if (status == DSTN_OK && folders[0] && folders[1]) {
        int64_t before = c->differences;
        status = tools_compare_checkpoints(c, folders, err);
        if (status == DSTN_OK && c->differences == before) {
            status = tools_compare_best(c, folders, err);
        }
    }
    if (status == DSTN_ERROR_CHECKPOINT) {
        err->status = status = DSTN_ERROR_DATA;
    }
    return status;
}

static void clear(tools_comparison *c) {
    free(c->first_text);
    free(c->first_name);
}

static dstn_status diff_runs(const dstn_console *console, const char *const operands[2], bool *differ,
                             dstn_error *err) {
    char *records[2];
    const char *folders[2];
    for (int side = 0; side < 2; side++) {
        bool folder = tools_folder_is_there(operands[side]);
        folders[side] = folder ? operands[side] : NULL;
        records[side] = folder ? dstn_format("%s/run.h5", operands[side]) : dstn_strdup(operands[side]);
    }
    tools_comparison c = {.out = console->out, .first_step = -1};
    dstn_status status = compare_runs(&c, (const char *const[]){records[0], records[1]}, folders, err);
    *differ = c.differences > 0;
    if (status == DSTN_OK && *differ) {
        say_verdict(&c, console->out, false);
    }
    clear(&c);
    free(records[0]);
    free(records[1]);
    return status;
}

/* ---- sweeps ---- */

/* One member that both sweeps have. Without records on both sides there is nothing to compare: it never began. */
static dstn_status diff_member(const dstn_console *console, const char *const operands[2], const char *name,
                               bool *differ, dstn_error *err) {
    char *folders[2], *records[2];
    bool has[2];
    for (int side = 0; side < 2; side++) {
        folders[side] = dstn_format("%s/members/%s", operands[side], name);
        records[side] = dstn_format("%s/run.h5", folders[side]);
        has[side] = access(records[side], F_OK) == 0;
    }
    dstn_status status = DSTN_OK;
    *differ = has[0] != has[1];
    if (*differ) {
        dstn_print_line(console->out, "different %s: only %s has a record", name, has[0] ? "A" : "B");
    } else if (has[0]) {
        bool brief = console->log.level < DSTN_LOG_VERBOSE;
        tools_comparison c = {.out = brief ? NULL : console->out, .member = name, .first_step = -1};
        status = compare_runs(&c, (const char *const[]){records[0], records[1]},
                              (const char *const[]){folders[0], folders[1]}, err);
        *differ = c.differences > 0;
        if (status == DSTN_OK && *differ) {
            say_verdict(&c, console->out, brief);
        }
        clear(&c);
    }
    for (int side = 0; side < 2; side++) {
        free(folders[side]);
        free(records[side]);
    }
    return status;
}

/* All members of both, in alphabetical order. */
static dstn_status diff_members(const dstn_console *console, const char *const operands[2], char **lists[2],
                                const int64_t counts[2], int64_t *different, dstn_error *err) {
    dstn_status status = DSTN_OK;
    int64_t i = 0, j = 0, compared = 0;
    while ((i < counts[0] || j < counts[1]) && status == DSTN_OK) {
        int order = i == counts[0] ? 1 : j == counts[1] ? -1 : strcmp(lists[0][i], lists[1][j]);
        const char *name = order <= 0 ? lists[0][i] : lists[1][j];
        bool differ = true;
        if (order == 0) {
            status = diff_member(console, operands, name, &differ, err);
        } else {
            dstn_print_line(console->out, "different %s: only %s has it", name, order < 0 ? "A" : "B");
        }
        *different += differ;
        compared++;
        i += order <= 0;
        j += order >= 0;
    }
    if (status == DSTN_OK) {
        fprintf(console->out, "%lld members, %lld different\n", (long long)compared, (long long)*different);
    }
    return status;
}

static dstn_status diff_sweeps(const dstn_console *console, const char *const operands[2], bool *differ,
                               dstn_error *err) {
    int64_t counts[2] = {0, 0}, different = 0;
    char **lists[2] = {NULL, NULL};
    dstn_status status = DSTN_OK;
    for (int side = 0; side < 2 && status == DSTN_OK; side++) {
        char *members = dstn_format("%s/members", operands[side]);
        status = tools_folder_list(members, &counts[side], &lists[side], err);
        free(members);
    }
    if (status == DSTN_OK && counts[0] + counts[1] == 0) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "neither %s nor %s has members yet", operands[0], operands[1]);
    }
    if (status == DSTN_OK) {
        status = diff_members(console, operands, lists, counts, &different, err);
    }
    *differ = different > 0;
    tools_paths_destroy(counts[0], lists[0]);
    tools_paths_destroy(counts[1], lists[1]);
    return status;
}

/* ---- the command ---- */

/* DSTN_ERROR_RUN without a message: they differ, as stdout says. */
static dstn_status diff(const dstn_console *console, const char *const operands[2], dstn_error *err) {
    bool sweeps[2] = {is_sweep(operands[0]), is_sweep(operands[1])}, differ = false;
    if (sweeps[0] != sweeps[1]) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s is a sweep and %s is not; accepted: two runs, or two sweeps",
                         operands[!sweeps[0]], operands[sweeps[0]]);
    }
    dstn_status status = (sweeps[0] ? diff_sweeps : diff_runs)(console, operands, &differ, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (differ) {
        *err = (dstn_error){DSTN_ERROR_RUN, ""};
        return DSTN_ERROR_RUN;
    }
    fprintf(console->out, "equal\n");
    return DSTN_OK;
}

dstn_status dstn_diff(const dstn_console *console, const char *const paths[2], dstn_error *err) {
    dstn_status status = dstn_group_leads(console->world) ? diff(console, paths, err) : DSTN_OK;
    return dstn_group_verdict(console->world, status, err);
}
