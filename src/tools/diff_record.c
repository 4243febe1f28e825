/* Compares the records of two runs: digests, series and results. Times, hosts and provenance are no part of a run. */
#include "diff_pair.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- rows of a record ---- */

/* The rows that two series of steps have in common. */
typedef struct matching {
    int64_t count, *rows[2]; /* [count] */
    int64_t *steps;          /* [count] */
    int64_t totals[2];       /* all rows */
    int64_t alone[2];        /* rows whose step the other lacks */
    int64_t first_alone[2];  /* the step of the first of them */
} matching;

static int64_t step_at(const tools_array *steps, int64_t row) {
    return (int64_t)tools_array_value(steps, row);
}

static void add_alone(matching *m, int side, int64_t step) {
    m->first_alone[side] = m->alone[side] ? m->first_alone[side] : step;
    m->alone[side]++;
}

static void match(const tools_array steps[2], matching *m) {
    size_t most = (size_t)(steps[0].count < steps[1].count ? steps[0].count : steps[1].count) + 1;
    *m = (matching){.totals = {steps[0].count, steps[1].count}};
    m->rows[0] = dstn_alloc(most, sizeof(int64_t));
    m->rows[1] = dstn_alloc(most, sizeof(int64_t));
    m->steps = dstn_alloc(most, sizeof(int64_t));
    int64_t i = 0, j = 0;
    while (i < steps[0].count || j < steps[1].count) {
        bool a_left = i < steps[0].count, b_left = j < steps[1].count;
        int64_t a = a_left ? step_at(&steps[0], i) : 0, b = b_left ? step_at(&steps[1], j) : 0;
        if (a_left && b_left && a == b) {
            m->rows[0][m->count] = i++;
            m->rows[1][m->count] = j++;
            m->steps[m->count++] = a;
        } else if (a_left && (!b_left || a < b)) {
            add_alone(m, 0, a);
            i++;
        } else {
            add_alone(m, 1, b);
            j++;
        }
    }
}

static void clear_matching(matching *m) {
    free(m->rows[0]);
    free(m->rows[1]);
    free(m->steps);
}

/* Whether both, or neither (*either false), have something of this name; the one that lacks it is a difference. */
static bool both_have(tools_comparison *c, dstn_reader *const readers[2], const char *name) {
    bool a = dstn_reader_has(readers[0], name), b = dstn_reader_has(readers[1], name);
    if (a != b) {
        tools_diff_say(c, "%s: only %s has it", name, a ? "A" : "B");
    }
    return a && b;
}

static dstn_status match_steps(tools_comparison *c, dstn_reader *const readers[2], const char *name, matching *m,
                               dstn_error *err) {
    tools_array steps[2];
    dstn_status status = tools_diff_read_both(readers, name, steps, err);
    if (status != DSTN_OK) {
        return status;
    }
    match(steps, m);
    tools_array_clear(&steps[0]);
    tools_array_clear(&steps[1]);
    if (m->alone[0] + m->alone[1] > 0) {
        int side = m->alone[0] == 0 || (m->alone[1] > 0 && m->first_alone[1] < m->first_alone[0]);
        tools_diff_say(
            c,
            "%s: lengths %lld and %lld; %lld rows of A and %lld of B have no counterpart, the first at step %lld of %s",
            name, (long long)m->totals[0], (long long)m->totals[1], (long long)m->alone[0], (long long)m->alone[1],
            (long long)m->first_alone[side], side ? "B" : "A");
    }
    return DSTN_OK;
}

/* Where the rows of two arrays differ. */
typedef struct row_difference {
    int64_t rows;  /* how many */
    int64_t first; /* number of the first among the common rows */
    int64_t column;
    double largest, values[2]; /* at the first */
} row_difference;

static row_difference compare_rows(const tools_array arrays[2], const matching *m) {
    row_difference found = {.first = -1};
    int64_t columns = tools_array_columns(&arrays[0]);
    for (int64_t r = 0; r < m->count; r++) {
        bool differs = false;
        for (int64_t k = 0; k < columns; k++) {
            int64_t i = m->rows[0][r] * columns + k, j = m->rows[1][r] * columns + k;
            if (tools_diff_is_same(&arrays[0], i, &arrays[1], j)) {
                continue;
            }
            double x = tools_array_value(&arrays[0], i), y = tools_array_value(&arrays[1], j);
            if (found.first < 0) {
                found = (row_difference){.first = r, .column = k, .values = {x, y}};
            }
            differs = true;
            found.largest = fmax(found.largest, tools_diff_distance(x, y));
        }
        found.rows += differs;
    }
    return found;
}

static void say_series(tools_comparison *c, const char *name, const tools_array arrays[2], const matching *m) {
    row_difference found = compare_rows(arrays, m);
    if (found.rows == 0) {
        return;
    }
    int64_t step = m->steps[found.first];
    char *column =
        tools_array_columns(&arrays[0]) > 1 ? dstn_format(", column %lld", (long long)found.column) : dstn_strdup("");
    tools_diff_note_step(c, step, name);
    tools_diff_say(c, "%s: from step %lld%s: %.17g and %.17g; in %lld of %lld rows, by up to %.3g", name,
                   (long long)step, column, found.values[0], found.values[1], (long long)found.rows,
                   (long long)m->count, found.largest);
    free(column);
}

static dstn_status compare_series(tools_comparison *c, dstn_reader *const readers[2], const char *name,
                                  const matching *m, dstn_error *err) {
    tools_array arrays[2];
    if (!both_have(c, readers, name)) {
        return DSTN_OK;
    }
    dstn_status status = tools_diff_read_both(readers, name, arrays, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t rows[2] = {tools_array_rows(&arrays[0]), tools_array_rows(&arrays[1])};
    int64_t columns[2] = {tools_array_columns(&arrays[0]), tools_array_columns(&arrays[1])};
    if (columns[0] != columns[1]) {
        tools_diff_say(c, "%s: %lld and %lld columns", name, (long long)columns[0], (long long)columns[1]);
    } else if (rows[0] != m->totals[0] || rows[1] != m->totals[1]) {
        tools_diff_say(c, "%s: lengths %lld and %lld where there are %lld and %lld steps", name, (long long)rows[0],
                       (long long)rows[1], (long long)m->totals[0], (long long)m->totals[1]);
    } else {
        say_series(c, name, arrays, m);
    }
    tools_array_clear(&arrays[0]);
    tools_array_clear(&arrays[1]);
    return DSTN_OK;
}

/* ---- digests ---- */

static dstn_status compare_digests(tools_comparison *c, dstn_reader *const readers[2], dstn_error *err) {
    static const char steps[] = "digest/step", hashes[] = "digest/hash";
    tools_array arrays[2];
    matching m;
    if (!both_have(c, readers, steps) || !both_have(c, readers, hashes)) {
        return DSTN_OK;
    }
    dstn_status status = tools_diff_read_both(readers, hashes, arrays, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = match_steps(c, readers, steps, &m, err);
    if (status == DSTN_OK) {
        bool fits = tools_array_rows(&arrays[0]) == m.totals[0] && tools_array_rows(&arrays[1]) == m.totals[1] &&
                    tools_array_columns(&arrays[0]) == tools_array_columns(&arrays[1]);
        row_difference found = {0};
        if (!fits) {
            tools_diff_say(c, "%s: its length is not that of %s", hashes, steps);
        } else if ((found = compare_rows(arrays, &m)).rows > 0) {
            tools_diff_note_step(c, m.steps[found.first], hashes);
            tools_diff_say(c, "%s: from step %lld; %lld of %lld digests", hashes, (long long)m.steps[found.first],
                           (long long)found.rows, (long long)m.count);
        }
        clear_matching(&m);
    }
    tools_array_clear(&arrays[0]);
    tools_array_clear(&arrays[1]);
    return status;
}

/* ---- records ---- */

/* A group of series with the steps that its rows are of. */
typedef struct series_group {
    const char *name, *steps, *time; /* the last is no part of the run; NULL: there is none */
} series_group;

static const series_group every_few_steps = {"series", "series/step", NULL};
static const series_group every_epoch = {"epochs", "epochs/step", "epochs/seconds"};

static dstn_status compare_group(tools_comparison *c, dstn_reader *const readers[2], const series_group *group,
                                 dstn_error *err) {
    matching m;
    tools_diff_names u;
    if (!both_have(c, readers, group->steps)) {
        return DSTN_OK;
    }
    dstn_status status = match_steps(c, readers, group->steps, &m, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = tools_diff_list_names(readers, group->name, &u, err);
    for (int64_t i = 0; i < u.count && status == DSTN_OK; i++) {
        bool is_time = group->time && strcmp(u.names[i], group->time) == 0;
        if (!is_time && strcmp(u.names[i], group->steps) != 0) {
            status = compare_series(c, readers, u.names[i], &m, err);
        }
    }
    if (status == DSTN_OK) {
        tools_diff_free_names(&u);
    }
    clear_matching(&m);
    return status;
}

/* An attribute that belongs to the run and not to the launch. */
typedef struct attribute {
    const char *group, *name;
    bool number;
} attribute;

static const attribute attributes[] = {
    {"oracle", "name", false},           {"oracle", "edge", false},        {"oracle", "lambda_star", true},
    {"oracle", "best_loss", true},       {"oracle", "regret_start", true}, {"result", "status", false},
    {"result", "message", false},        {"result", "digest", false},      {"result", "best_step", true},
    {"result", "best_valid_loss", true},
};

static void compare_number(tools_comparison *c, dstn_reader *const readers[2], const attribute *a) {
    double values[2];
    bool has[2];
    for (int side = 0; side < 2; side++) {
        has[side] = dstn_reader_number(readers[side], a->group, a->name, &values[side]);
    }
    if (has[0] != has[1]) {
        tools_diff_say(c, "%s/%s: only %s has it", a->group, a->name, has[0] ? "A" : "B");
    } else if (has[0] && values[0] != values[1] && !(isnan(values[0]) && isnan(values[1]))) {
        tools_diff_say(c, "%s/%s: %.17g and %.17g", a->group, a->name, values[0], values[1]);
    }
}

static void compare_text(tools_comparison *c, dstn_reader *const readers[2], const attribute *a) {
    char *texts[2] = {dstn_reader_text(readers[0], a->group, a->name), dstn_reader_text(readers[1], a->group, a->name)};
    if (!texts[0] != !texts[1]) {
        tools_diff_say(c, "%s/%s: only %s has it", a->group, a->name, texts[0] ? "A" : "B");
    } else if (texts[0] && strcmp(texts[0], texts[1]) != 0) {
        tools_diff_say(c, "%s/%s: \"%s\" and \"%s\"", a->group, a->name, texts[0], texts[1]);
    }
    free(texts[0]);
    free(texts[1]);
}

static dstn_status compare_valid_rows(tools_comparison *c, dstn_reader *const readers[2], dstn_error *err) {
    static const char name[] = "data/valid_rows";
    tools_array arrays[2];
    if (!both_have(c, readers, name)) {
        return DSTN_OK;
    }
    dstn_status status = tools_diff_read_both(readers, name, arrays, err);
    if (status != DSTN_OK) {
        return status;
    }
    bool differs = arrays[0].count != arrays[1].count;
    for (int64_t i = 0; i < arrays[0].count && !differs; i++) {
        differs = !tools_diff_is_same(&arrays[0], i, &arrays[1], i);
    }
    if (differs) {
        tools_diff_say(c, "%s: not the same validation rows", name);
    }
    tools_array_clear(&arrays[0]);
    tools_array_clear(&arrays[1]);
    return DSTN_OK;
}

static dstn_status compare_hyper_names(tools_comparison *c, dstn_reader *const readers[2], dstn_error *err) {
    static const char name[] = "hyper/names";
    int64_t counts[2];
    char **names[2];
    if (!both_have(c, readers, name)) {
        return DSTN_OK;
    }
    dstn_status status = dstn_reader_strings(readers[0], name, &counts[0], &names[0], err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_reader_strings(readers[1], name, &counts[1], &names[1], err);
    if (status == DSTN_OK) {
        bool differs = counts[0] != counts[1];
        for (int64_t i = 0; i < counts[0] && !differs; i++) {
            differs = strcmp(names[0][i], names[1][i]) != 0;
        }
        if (differs) {
            tools_diff_say(c, "%s: not the same hyperparameters", name);
        }
        tools_paths_destroy(counts[1], names[1]);
    }
    tools_paths_destroy(counts[0], names[0]);
    return status;
}

static dstn_status compare_open_records(tools_comparison *c, dstn_reader *const readers[2], dstn_error *err) {
    dstn_status status = compare_hyper_names(c, readers, err);
    if (status == DSTN_OK) {
        status = compare_valid_rows(c, readers, err);
    }
    if (status == DSTN_OK) {
        status = compare_digests(c, readers, err);
    }
    if (status == DSTN_OK) {
        status = compare_group(c, readers, &every_few_steps, err);
    }
    if (status == DSTN_OK) {
        status = compare_group(c, readers, &every_epoch, err);
    }
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && status == DSTN_OK; i++) {
        (attributes[i].number ? compare_number : compare_text)(c, readers, &attributes[i]);
    }
    return status;
}

dstn_status tools_compare_records(tools_comparison *c, const char *const paths[2], dstn_error *err) {
    dstn_reader *readers[2];
    dstn_status status = tools_diff_open_both(paths, "series/step", readers, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = compare_open_records(c, readers, err);
    dstn_reader_close(readers[0]);
    dstn_reader_close(readers[1]);
    return status;
}
