/* Compares the states of two runs at the checkpoints that both have. */
#include "diff_pair.h"
#include "dstn/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What two arrays of a state come to: empty where they are equal. Free with free(). */
static char *describe_difference(const tools_array arrays[2]) {
    char *shapes[2] = {tools_array_shape_text(&arrays[0]), tools_array_shape_text(&arrays[1])}, *text = NULL;
    if (arrays[0].scalar != arrays[1].scalar || strcmp(shapes[0], shapes[1]) != 0) {
        text = dstn_format("%s [%s] and %s [%s]", dstn_scalar_name(arrays[0].scalar), shapes[0],
                           dstn_scalar_name(arrays[1].scalar), shapes[1]);
    }
    free(shapes[0]);
    free(shapes[1]);
    int64_t differing = 0;
    double largest = 0;
    for (int64_t i = 0; i < arrays[0].count && !text; i++) {
        if (!tools_diff_is_same(&arrays[0], i, &arrays[1], i)) {
            differing++;
            largest =
                fmax(largest, tools_diff_distance(tools_array_value(&arrays[0], i), tools_array_value(&arrays[1], i)));
        }
    }
    if (text || differing == 0) {
        return text ? text : dstn_strdup("");
    }
    return dstn_format("%lld of %lld elements, by up to %.3g", (long long)differing, (long long)arrays[0].count,
                       largest);
}

static dstn_status describe_state(dstn_reader *const readers[2], const char *name, char **text, dstn_error *err) {
    bool a = dstn_reader_has(readers[0], name), b = dstn_reader_has(readers[1], name);
    if (!a || !b) {
        *text = dstn_format("only %s has it", a ? "A" : "B");
        return DSTN_OK;
    }
    tools_array arrays[2];
    dstn_status status = tools_diff_read_both(readers, name, arrays, err);
    if (status == DSTN_OK) {
        *text = describe_difference(arrays);
        tools_array_clear(&arrays[0]);
        tools_array_clear(&arrays[1]);
    }
    return status;
}

/* The chain of digests differs wherever anything did before, so that any other array says more. */
static bool is_better(const char *name, const char *than) {
    return !than || (strcmp(than, "state/digest/chain") == 0 && strcmp(name, than) != 0);
}

static dstn_status compare_open_states(tools_comparison *c, dstn_reader *const readers[2], int64_t step,
                                       dstn_error *err) {
    tools_diff_names u;
    const char *first = NULL;
    char *first_text = NULL;
    int64_t differing = 0;
    dstn_status status = tools_diff_list_names(readers, "state", &u, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int64_t i = 0; i < u.count && status == DSTN_OK; i++) {
        char *text = NULL;
        status = describe_state(readers, u.names[i], &text, err);
        bool differs = text && *text;
        differing += differs;
        if (differs && is_better(u.names[i], first)) {
            char *old = first_text;
            first_text = text;
            text = old;
            first = u.names[i];
        }
        free(text);
    }
    if (status == DSTN_OK && first) {
        tools_diff_note_step(c, step, first);
        tools_diff_say(c, "%s at step %lld: %s; %lld of %lld arrays differ", first, (long long)step, first_text,
                       (long long)differing, (long long)u.count);
    }
    free(first_text);
    tools_diff_free_names(&u);
    return status;
}

static dstn_status compare_states(tools_comparison *c, const char *const paths[2], dstn_error *err) {
    dstn_reader *readers[2];
    dstn_status status = tools_diff_open_both(paths, "state", readers, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t step = 0;
    dstn_reader_integer(readers[0], "", "step", &step);
    status = compare_open_states(c, readers, step, err);
    dstn_reader_close(readers[0]);
    dstn_reader_close(readers[1]);
    return status;
}

static const char *file_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

dstn_status tools_compare_checkpoints(tools_comparison *c, const char *const folders[2], dstn_error *err) {
    int64_t counts[2] = {0, 0}, before = c->differences;
    char **paths[2] = {NULL, NULL};
    dstn_status status = DSTN_OK;
    for (int side = 0; side < 2 && status == DSTN_OK; side++) {
        char *folder = dstn_run_checkpoints(folders[side]);
        status = dstn_checkpoint_list(folder, &counts[side], &paths[side], err);
        free(folder);
    }
    for (int64_t i = counts[0] - 1; i >= 0 && status == DSTN_OK && c->differences == before; i--) {
        for (int64_t j = counts[1] - 1; j >= 0 && status == DSTN_OK; j--) {
            if (strcmp(file_name(paths[0][i]), file_name(paths[1][j])) == 0) {
                status = compare_states(c, (const char *const[]){paths[0][i], paths[1][j]}, err);
            }
        }
    }
    tools_paths_destroy(counts[0], paths[0]);
    tools_paths_destroy(counts[1], paths[1]);
    return status;
}

dstn_status tools_compare_best(tools_comparison *c, const char *const folders[2], dstn_error *err) {
    char *paths[2];
    bool there[2];
    for (int side = 0; side < 2; side++) {
        char *folder = dstn_run_checkpoints(folders[side]);
        paths[side] = dstn_format("%s/best.h5", folder);
        free(folder);
        there[side] = access(paths[side], F_OK) == 0;
    }
    dstn_status status = DSTN_OK;
    if (there[0] != there[1]) {
        tools_diff_say(c, "best.h5: only %s has it", there[0] ? "A" : "B");
    } else if (there[0]) {
        status = compare_states(c, (const char *const[]){paths[0], paths[1]}, err);
    }
    free(paths[0]);
    free(paths[1]);
    return status;
}
