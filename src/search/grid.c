/* search: a grid over the space: the product of some numbers of each coordinate, the first varying slowest. */
#include "methods.h"
#include "space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct grid_settings {
    search_common common;
} grid_settings;

static const dstn_option grid_options[] = {
    SEARCH_SPACE_ROWS(grid_settings, common),
    DSTN_OPTIONS_END,
};

/* The numbers of one coordinate. */
typedef struct grid_line {
    double *values; /* [count] in rising order */
    char **labels;  /* [count] each its own */
    int64_t count;
} grid_line;

typedef struct grid {
    search_space space;
    grid_line *lines; /* [space.count] */
    int64_t members;
} grid;

static void destroy(void *self) {
    grid *g = self;
    for (int i = 0; g->lines && i < g->space.count; i++) {
        for (int64_t v = 0; v < g->lines[i].count; v++) {
            free(g->lines[i].labels[v]);
        }
        free(g->lines[i].labels);
        free(g->lines[i].values);
    }
    free(g->lines);
    search_space_clear(&g->space);
    free(g);
}

/* ---- the numbers of a coordinate --------------------------------------------------------------------------------- */

/* Number i of `points` at equal distances, the ends among them; a single one is in the middle. */
static double spread(const search_coordinate *c, int64_t i, int64_t points) {
    double part = points > 1 ? (double)i / (double)(points - 1) : 0.5;
    if (part == 0 || part == 1) {
        return part == 0 ? c->low : c->high;
    }
    double x = c->is_log ? exp(log(c->low) + part * (log(c->high) - log(c->low))) : c->low + part * (c->high - c->low);
    return c->is_integer ? round(x) : x;
}

static dstn_status fill_line(const search_coordinate *c, grid_line *line, dstn_error *err) {
    int64_t count = c->values ? c->value_count : c->points;
    if (count == 0) {
        return dstn_node_fail(c->place, err, "has no points; accepted: {low, high, points: 5}, or {values: [1, 2, 4]}");
    }
    line->values = dstn_alloc((size_t)count, sizeof *line->values);
    for (int64_t i = 0; i < count; i++) {
        line->values[i] = c->values ? c->values[i] : spread(c, i, count);
        if (i > 0 && !(line->values[i] > line->values[i - 1])) {
            return dstn_node_fail(dstn_node_child(c->place, "points"), err,
                                  "%lld numbers of this range are not all different: %.17g comes twice; accepted: "
                                  "fewer points",
                                  (long long)count, line->values[i]);
        }
    }
    line->count = count;
    return DSTN_OK;
}

/* The fewest digits, three at least, with which all numbers of the line are told apart. */
static int count_digits(const grid_line *line) {
    int digits = 3;
    for (int64_t i = 1; i < line->count; i++) {
        char before[32], now[32];
        do {
            snprintf(before, sizeof before, "%.*g", digits, line->values[i - 1]);
            snprintf(now, sizeof now, "%.*g", digits, line->values[i]);
        } while (strcmp(before, now) == 0 && digits++ < 17);
    }
    return digits;
}

static void label_line(grid_line *line) {
    int digits = count_digits(line);
    line->labels = dstn_alloc((size_t)line->count, sizeof *line->labels);
    for (int64_t i = 0; i < line->count; i++) {
        double value = line->values[i];
        bool is_short = value == floor(value) && fabs(value) < 1e6;
        line->labels[i] = is_short ? search_number_text(value) : dstn_format("%.*g", digits, value);
    }
}

static dstn_status fill(grid *g, dstn_node root, dstn_error *err) {
    g->lines = dstn_alloc((size_t)g->space.count, sizeof *g->lines);
    g->members = 1;
    for (int i = 0; i < g->space.count; i++) {
        if (fill_line(&g->space.items[i], &g->lines[i], err)) {
            return err->status;
        }
        label_line(&g->lines[i]);
        if (g->members > DSTN_MAX_MEMBERS / g->lines[i].count) {
            return dstn_node_fail(dstn_node_child(root, "space"), err, "too many members; accepted: up to %d",
                                  DSTN_MAX_MEMBERS);
        }
        g->members *= g->lines[i].count;
    }
    return DSTN_OK;
}

/* ---- the method -------------------------------------------------------------------------------------------------- */

static dstn_status init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    (void)settings;
    grid *g = dstn_alloc(1, sizeof *g);
    if (search_space_read(root, true, &g->space, err) || fill(g, root, err)) {
        destroy(g);
        return err->status;
    }
    *search = (dstn_search){.self = g,
                            .axis_count = g->space.count,
                            .axes = g->space.paths,
                            .dimensions = g->space.count,
                            .coordinates = g->space.paths,
                            .most_members = g->members,
                            .place = dstn_node_child(root, "space")};
    return DSTN_OK;
}

/* Where member `index`, counted in the mixed base of the lines' sizes, is on each line: at [space.count]. */
static void locate(const grid *g, int64_t index, int64_t *at) {
    for (int i = g->space.count - 1; i >= 0; i--) {
        at[i] = index % g->lines[i].count;
        index /= g->lines[i].count;
    }
}

static dstn_answer ask(const void *self, const dstn_history *history, dstn_proposal *proposal) {
    const grid *g = self;
    int64_t at[DSTN_MAX_DIMENSIONS];
    if (history->count >= g->members) {
        return DSTN_ANSWER_END;
    }
    locate(g, history->count, at);
    proposal->parent = -1;
    proposal->place[0] = history->count;
    proposal->place[1] = 0;
    for (int i = 0; i < g->space.count; i++) {
        proposal->point[i] = g->lines[i].values[at[i]];
    }
    return DSTN_ANSWER_MEMBER;
}

static void describe(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member) {
    const grid *g = self;
    int64_t at[DSTN_MAX_DIMENSIONS];
    locate(g, index, at);
    member->labels = dstn_alloc((size_t)g->space.count, sizeof *member->labels);
    for (int i = 0; i < g->space.count; i++) {
        member->labels[i] = dstn_strdup(g->lines[i].labels[at[i]]);
    }
    search_space_settings(&g->space, proposal->point, 0, member);
}

const dstn_search_method search_grid = {
    .name = "grid",
    .help = "all combinations of some numbers of each coordinate of a space",
    .example = "space: {optimizer.rate: {low: 1e-3, high: 0.1, scale: log, points: 3}, train.batch: {values: [8, 16]}}",
    .options = grid_options,
    .settings_size = sizeof(grid_settings),
    .is_planned = true,
    .init = init,
    .ask = ask,
    .describe = describe,
    .tell = search_tell_nothing,
    .needs = search_need_none,
    .destroy = destroy,
};
