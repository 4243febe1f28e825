/* search: a plan by a method that is given, rather than named in the sweep file. */
#ifndef SEARCH_PLAN_H
#define SEARCH_PLAN_H

#include "dstn/search.h"

dstn_status search_plan_read_with(dstn_node node, const dstn_search_method *method, dstn_sweep_plan **out,
                                  dstn_error *err);

/* Labels [count] joined by '-'; free with free(). */
char *search_member_name(char *const *labels, int count);
/* Frees what a member has: its settings, its labels [axis_count] and its name, if there is one yet. */
void search_member_clear(dstn_member *member, int axis_count);

#endif
