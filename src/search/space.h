/* The space of a search: coordinates, each a path of the run's config with a range of numbers, and the unit cube that
 * stands for it. All draws of a search are made here. */
#ifndef SEARCH_SPACE_H
#define SEARCH_SPACE_H

#include "axis.h"

/* One coordinate: all numbers of a range, its integers, or a list of numbers. */
typedef struct search_coordinate {
    const char *path; /* the document's */
    double low, high; /* both ends are in it; of a list: its first and last value */
    bool is_log;      /* equal factors are equally far, not equal differences */
    bool is_integer;
    double *values;  /* [value_count] in rising order; NULL: a range */
    int value_count; /* 0: a range */
    int64_t points;  /* how many of them a grid has; 0: it isn't said */
    dstn_node place; /* in the sweep file, for messages */
} search_coordinate;

/* Zeroed, it is empty. */
typedef struct search_space {
    int count;                /* of coordinates, 1 to DSTN_MAX_DIMENSIONS */
    search_coordinate *items; /* [count] in the order of the sweep file */
    const char **paths;       /* [count] of them */
    dstn_doc *doc;            /* of the sweep file */
} search_space;

/* What every method that searches a space reads of a sweep file, and the rows of its table for that: MEMBER is the
 * search_common in the settings TYPE. `members` has a row of its own, since not all mean the same by it. */
typedef struct search_common {
    dstn_node space;
    int64_t seed;
} search_common;

#define SEARCH_SPACE_ROWS(TYPE, MEMBER)                                                                                \
    DSTN_SECTION("space", TYPE, MEMBER.space,                                                                          \
                 "what is searched: path of the run's config and {low, high}, with scale: log or integer: true, or "   \
                 "{values: [...]}"),                                                                                   \
        DSTN_INT("search_seed", TYPE, MEMBER.seed, 0, 4294967295.0, "0", "seed of the search's own draws")
#define SEARCH_MEMBERS_ROW(TYPE, MEMBER, WHAT)                                                                         \
    DSTN_INT("members", TYPE, MEMBER, 1, DSTN_MAX_MEMBERS, DSTN_REQUIRED, WHAT, DSTN_MAY_DIFFER)

#define SEARCH_LENGTH_ROW(TYPE, MEMBER)                                                                                \
    DSTN_TEXT("length", TYPE, MEMBER, "train.epochs", "the key of a run's config that says how long it is trained")

/* The keys of a coordinate, and those that it has in a grid beside them, for the schema. */
extern const dstn_option search_coordinate_options[], search_coordinate_grid_options[];

/* Reads `space:` of a sweep file; with_points: coordinates may say `points` (grid). DSTN_ERROR_USAGE with file:line: no
 * coordinate, or too many; a path within another; a range without numbers. To be cleared whatever the status. */
dstn_status search_space_read(dstn_node root, bool with_points, search_space *space, dstn_error *err);
void search_space_clear(search_space *space);

/* Refuses a `length:` that is no path, or names what a coordinate sets as well. */
dstn_status search_space_check_length(const search_space *space, dstn_node root, const char *length, dstn_error *err);

/* The number at `unit` in [0, 1] of coordinate i. Integers and values of a list have equal parts of the unit interval
 * (integers on a log scale: those from half below to half above them). */
double search_space_natural(const search_space *space, int i, double unit);
/* Its inverse: the middle of a value's part. A number beyond the range counts as its end. */
double search_space_unit(const search_space *space, int i, double natural);

/* A uniform draw from the unit cube, in natural units: point [count]. (step, example) is the draw's own; a search's
 * member number `step` has example 0. */
void search_space_draw(const search_space *space, dstn_rng rng, uint64_t step, uint64_t example, double *point);
/* Of one coordinate, as search_space_draw makes it. */
double search_space_draw_one(const search_space *space, int i, dstn_rng rng, uint64_t step, uint64_t example);
/* The key of a search's draws. */
dstn_rng search_rng(const search_common *common);

/* Sets the numbers of a point at their paths, with room for `more` settings behind them; members without settings. */
void search_space_settings(const search_space *space, const double *point, int more, dstn_member *member);
/* Adds a setting of an integer, in the room that there is. */
void search_member_set(dstn_member *member, dstn_doc *doc, const char *path, int64_t value);

/* The number as YAML, with all its digits; free with free(). */
char *search_number_text(double number);

/* "t0012" of ("t", 12, 4): numbers of as many digits at least sort as texts do; free with free(). */
char *search_number_label(const char *letter, int64_t number, int digits);
/* Gives a member one label, or two: new strings, which it takes over; second NULL: one. */
void search_member_label(dstn_member *member, char *first, char *second);

#endif
