/* One axis of a sweep: labels, each with the settings that it stands for. */
#ifndef SEARCH_AXIS_H
#define SEARCH_AXIS_H

#include "dstn/search.h"

typedef struct search_settings {
    dstn_setting *items; /* [count] */
    int count;
} search_settings;

typedef struct search_axis {
    char *name;
    int64_t count;
    char **labels;             /* [count] */
    search_settings *settings; /* [count] */
} search_axis;

/* `name` and its value in the `axes:` mapping. The axis is to be cleared whatever the status. */
dstn_status search_axis_read(const char *name, dstn_node value, search_axis *axis, dstn_error *err);
void search_axis_clear(search_axis *axis);

/* Whether a path of the run's config that a search has a coordinate at can name a column of tables. DSTN_ERROR_USAGE,
 * at `place`, says what it has too much. */
dstn_status search_path_check(dstn_node place, const char *path, dstn_error *err);

/* A mapping from dotted paths to values; an absent node is an empty one. To be cleared whatever the status. */
dstn_status search_settings_read(dstn_node mapping, search_settings *settings, dstn_error *err);
/* Copies of all to a place that has room for them; returns how many. */
int search_settings_copy(const search_settings *settings, dstn_setting *to);
void search_settings_clear(search_settings *settings);

#endif
