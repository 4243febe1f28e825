/* The schema of a sweep file beside that of a run's config. */
#include "dstn/search.h"

#include <stdlib.h>
#include <string.h>

dstn_section *dstn_search_schema(size_t *count) {
    const dstn_section own[] = {{"", "sweep file", "the top level of a sweep file", dstn_sweep_options}};
    size_t runs;
    dstn_section *of_run = dstn_run_schema(&runs), *all = dstn_alloc(runs + 1, sizeof(*all));
    memcpy(all, of_run, runs * sizeof(*all));
    memcpy(all + runs, own, sizeof(own));
    free(of_run);
    *count = runs + 1;
    return all;
}
