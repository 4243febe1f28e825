/* The schema of a sweep file beside that of a run's config. */
#include "methods.h"
#include "space.h"

#include <stdlib.h>
#include <string.h>

#define VARIANT(name) "search: " #name,
static const char *const variants[] = {SEARCH_METHODS(VARIANT)};

static const dstn_section coordinates[] = {
    {"space.*", NULL, "one coordinate of the space that is searched", search_coordinate_options},
    {"space.*", "search: grid", "one coordinate of a grid", search_coordinate_grid_options},
};

enum { COORDINATES = sizeof coordinates / sizeof coordinates[0] };

dstn_section *dstn_search_schema(size_t *count) {
    size_t runs, methods = sizeof variants / sizeof variants[0];
    dstn_section *of_run = dstn_run_schema(&runs), *all = dstn_alloc(runs + 1 + methods + COORDINATES, sizeof(*all));
    memcpy(all, of_run, runs * sizeof(*all));
    free(of_run);
    all[runs] = (dstn_section){"", "sweep file", "the top level of a sweep file", dstn_sweep_options};
    for (size_t i = 0; i < methods; i++) {
        const dstn_search_method *method = dstn_search_method_at(i);
        all[runs + 1 + i] = (dstn_section){"", variants[i], method->help, method->options};
    }
    memcpy(all + runs + 1 + methods, coordinates, sizeof coordinates);
    *count = runs + 1 + methods + COORDINATES;
    return all;
}
