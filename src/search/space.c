/* search: the space that a method searches: read from a sweep file, mapped to the unit cube, and put into configs. */
#include "space.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct coordinate_settings {
    double low, high; /* NAN: not given */
    int scale;        /* -1: not given */
    bool integer;
    dstn_real_list values;
    int64_t points;
} coordinate_settings;

enum { SCALE_LOG = 1 };

/* Integers that a double holds exactly. */
static const double largest_integer = 9007199254740992.0;

/* The difference of two numbers of a range is a number still. */
const dstn_option search_coordinate_options[] = {
    DSTN_REAL("low", coordinate_settings, low, -1e300, 1e300, "~", "the least number of a range"),
    DSTN_REAL("high", coordinate_settings, high, -1e300, 1e300, "~", "the largest number of a range"),
    DSTN_CHOICE("scale", coordinate_settings, scale, "linear|log", "~",
                "of a range: linear, the default, or log, where equal factors are equally far"),
    DSTN_BOOL("integer", coordinate_settings, integer, "~", "whether the range has its integers alone"),
    DSTN_REALS("values", coordinate_settings, values, -1e300, 1e300, "~",
               "in place of a range: a list of numbers in rising order"),
    DSTN_OPTIONS_END,
};

const dstn_option search_coordinate_grid_options[] = {
    DSTN_INT("points", coordinate_settings, points, 1, DSTN_MAX_MEMBERS, "~",
             "of a grid: how many numbers of the range it has, both ends among them"),
    DSTN_OPTIONS_END,
};

static dstn_status check_list(const coordinate_settings *s, dstn_node place, dstn_error *err) {
    const char *accepted = "either {values: [...]} alone or {low, high} with scale and integer";
    if (!isnan(s->low) || !isnan(s->high) || s->scale >= 0 || s->integer || s->points) {
        return dstn_node_fail(place, err, "has values and a range; accepted: %s", accepted);
    }
    for (int i = 1; i < s->values.count; i++) {
        if (!(s->values.values[i] > s->values.values[i - 1])) {
            return dstn_node_fail(dstn_node_at(dstn_node_child(place, "values"), (size_t)i), err,
                                  "%g comes after %g; accepted: numbers in rising order, each once",
                                  s->values.values[i], s->values.values[i - 1]);
        }
    }
    return DSTN_OK;
}

static dstn_status check_integer(dstn_node end, double value, dstn_error *err) {
    if (value == floor(value) && fabs(value) <= largest_integer) {
        return DSTN_OK;
    }
    return dstn_node_fail(end, err, "%g is no end of a range of integers; accepted: integers up to 2^53", value);
}

static dstn_status check_range(const coordinate_settings *s, dstn_node place, dstn_error *err) {
    dstn_node low = dstn_node_child(place, "low"), high = dstn_node_child(place, "high");
    if (isnan(s->low) || isnan(s->high)) {
        return dstn_node_fail(place, err, "has no range; accepted: {low: 0, high: 1}, or {values: [1, 2, 4]}");
    }
    if (!(s->low < s->high)) {
        return dstn_node_fail(high, err, "%g is not above low, %g; accepted: low < high", s->high, s->low);
    }
    if (s->scale == SCALE_LOG && !(s->low > 0)) {
        return dstn_node_fail(low, err, "%g has no logarithm; accepted with scale: log: numbers above 0", s->low);
    }
    if (s->integer && (check_integer(low, s->low, err) || check_integer(high, s->high, err))) {
        return err->status;
    }
    return DSTN_OK;
}

static dstn_status read_coordinate(dstn_node place, const char *path, bool with_points, search_coordinate *out,
                                   dstn_error *err) {
    coordinate_settings s = {0};
    const dstn_binding bindings[] = {{search_coordinate_options, &s}, {search_coordinate_grid_options, &s}};
    if (dstn_node_get_kind(place) != DSTN_NODE_MAPPING) {
        return dstn_node_fail(place, err, "is no range; accepted: {low: 0, high: 1}, or {values: [1, 2, 4]}");
    }
    if (search_path_check(place, path, err) || dstn_options_read(place, path, bindings, with_points ? 2 : 1, err)) {
        return err->status;
    }
    bool is_list = s.values.count > 0;
    if ((is_list ? check_list : check_range)(&s, place, err)) {
        return err->status;
    }
    *out = (search_coordinate){.path = path,
                               .low = s.low,
                               .high = s.high,
                               .is_log = s.scale == SCALE_LOG,
                               .is_integer = s.integer,
                               .points = s.points,
                               .place = place};
    if (is_list) {
        out->value_count = s.values.count;
        out->values = dstn_alloc((size_t)s.values.count, sizeof *out->values);
        memcpy(out->values, s.values.values, (size_t)s.values.count * sizeof *out->values);
        out->low = out->values[0];
        out->high = out->values[out->value_count - 1];
    }
    return DSTN_OK;
}

/* Whether one of two different paths lies in the other. */
static bool is_within(const char *inner, const char *outer) {
    size_t length = strlen(outer);
    return strncmp(inner, outer, length) == 0 && (inner[length] == '.' || inner[length] == '\0');
}

/* Of a path that is to be set beside what the coordinates set. */
static dstn_status check_alone(const search_space *space, dstn_node key, const char *path, dstn_error *err) {
    for (int i = 0; i < space->count; i++) {
        if (is_within(path, space->paths[i]) || is_within(space->paths[i], path)) {
            return dstn_node_fail(key, err,
                                  "%s is set by %s of the space too; accepted: paths none of which is another "
                                  "one or lies in it",
                                  path, space->paths[i]);
        }
    }
    return DSTN_OK;
}

dstn_status search_space_check_length(const search_space *space, dstn_node root, const char *length, dstn_error *err) {
    dstn_node key = dstn_node_child(root, "length");
    dstn_status status = search_path_check(key, length, err);
    return status == DSTN_OK ? check_alone(space, key, length, err) : status;
}

dstn_status search_space_read(dstn_node root, bool with_points, search_space *space, dstn_error *err) {
    *space = (search_space){.doc = root.doc};
    dstn_node node = dstn_node_child(root, "space");
    const char *accepted = "paths of the run's config with ranges, such as {optimizer.rate: {low: 0.001, high: 0.1}}";
    size_t count = dstn_node_count(node);
    if (!node.handle) {
        return dstn_node_fail(node, err, "space: missing; accepted: %s", accepted);
    }
    if (dstn_node_get_kind(node) != DSTN_NODE_MAPPING || count == 0) {
        return dstn_node_fail(node, err, "has no coordinate; accepted: %s", accepted);
    }
    if (count > DSTN_MAX_DIMENSIONS) {
        return dstn_node_fail(node, err, "has %zu coordinates; accepted: up to %d", count, DSTN_MAX_DIMENSIONS);
    }
    space->items = dstn_alloc(count, sizeof *space->items);
    space->paths = dstn_alloc(count, sizeof *space->paths);
    for (size_t i = 0; i < count; i++) {
        const char *path = dstn_node_key_at(node, i);
        dstn_node place = dstn_node_at(node, i);
        if (check_alone(space, place, path, err) || read_coordinate(place, path, with_points, &space->items[i], err)) {
            return err->status;
        }
        space->paths[space->count++] = path;
    }
    return DSTN_OK;
}

void search_space_clear(search_space *space) {
    for (int i = 0; i < space->count; i++) {
        free(space->items[i].values);
    }
    free(space->items);
    free(space->paths);
    *space = (search_space){0};
}

/* ---- the unit cube ----------------------------------------------------------------------------------------------- */

static double clamp(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}

/* What the unit interval is stretched over: integers have half a step on either side. */
static void find_ends(const search_coordinate *c, double ends[2]) {
    double margin = c->is_integer ? 0.5 : 0;
    ends[0] = c->low - margin;
    ends[1] = c->high + margin;
    if (c->is_log) {
        ends[0] = log(ends[0]);
        ends[1] = log(ends[1]);
    }
}

double search_space_natural(const search_space *space, int i, double unit) {
    const search_coordinate *c = &space->items[i];
    unit = clamp(unit, 0, 1);
    if (c->values) {
        int at = (int)(unit * c->value_count);
        return c->values[at < c->value_count ? at : c->value_count - 1];
    }
    double ends[2];
    find_ends(c, ends);
    /* Rounding of the logarithms must not miss an end. */
    if (unit == 0 || unit == 1) {
        return unit == 0 ? c->low : c->high;
    }
    double x = ends[0] + unit * (ends[1] - ends[0]);
    x = c->is_log ? exp(x) : x;
    return clamp(c->is_integer ? round(x) : x, c->low, c->high);
}

static int nearest_value(const search_coordinate *c, double natural) {
    int at = 0;
    for (int v = 1; v < c->value_count; v++) {
        at = fabs(c->values[v] - natural) < fabs(c->values[at] - natural) ? v : at;
    }
    return at;
}

double search_space_unit(const search_space *space, int i, double natural) {
    const search_coordinate *c = &space->items[i];
    if (c->values) {
        return (nearest_value(c, natural) + 0.5) / c->value_count;
    }
    double ends[2];
    find_ends(c, ends);
    double x = clamp(natural, c->low, c->high);
    return clamp(((c->is_log ? log(x) : x) - ends[0]) / (ends[1] - ends[0]), 0, 1);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

dstn_rng search_rng(const search_common *common) {
    return (dstn_rng){(uint32_t)common->seed, DSTN_PURPOSE_SEARCH};
}

double search_space_draw_one(const search_space *space, int i, dstn_rng rng, uint64_t step, uint64_t example) {
    double uniforms[2];
    dstn_rng_uniforms(rng, step, example, (uint64_t)i / 2, uniforms);
    return search_space_natural(space, i, uniforms[i % 2]);
}

void search_space_draw(const search_space *space, dstn_rng rng, uint64_t step, uint64_t example, double *point) {
    for (int i = 0; i < space->count; i++) {
        point[i] = search_space_draw_one(space, i, rng, step, example);
    }
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

char *search_number_text(double number) {
    if (number == floor(number) && fabs(number) <= largest_integer) {
        return dstn_format("%lld", (long long)number);
    }
    return dstn_format("%.17g", number);
}

/* Takes `yaml` over. */
static void append(dstn_member *member, dstn_doc *doc, const char *path, char *yaml) {
    member->settings[member->setting_count++] = (dstn_setting){dstn_strdup(path), yaml, {doc, NULL}};
}

void search_space_settings(const search_space *space, const double *point, int more, dstn_member *member) {
    member->settings = dstn_alloc((size_t)(space->count + more), sizeof *member->settings);
    for (int i = 0; i < space->count; i++) {
        append(member, space->doc, space->paths[i], search_number_text(point[i]));
    }
}

void search_member_set(dstn_member *member, dstn_doc *doc, const char *path, int64_t value) {
    append(member, doc, path, dstn_format("%lld", (long long)value));
}

char *search_number_label(const char *letter, int64_t number, int digits) {
    return dstn_format("%s%0*lld", letter, digits, (long long)number);
}

void search_member_label(dstn_member *member, char *first, char *second) {
    member->labels = dstn_alloc(2, sizeof *member->labels);
    member->labels[0] = first;
    member->labels[1] = second;
}
