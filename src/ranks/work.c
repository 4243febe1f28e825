/* ranks: a counter on rank 0 of the world that leaders draw work from. Where it stands in a window, draws are one-sided
 * (passive target): rank 0 takes no part in them beyond the progress that its own calls of MPI make. */
#include "keep.h"

#include <stdlib.h>

struct dstn_work {
    ranks_keep *keep; /* the next item, an int64_t */
    int64_t total;
    bool is_empty; /* this rank has seen that nothing is left */
};

dstn_work *dstn_work_new(const dstn_group *world, int64_t total) {
    dstn_work *work = dstn_alloc(1, sizeof *work);
    work->total = total;
    work->keep = ranks_keep_new(world, sizeof(int64_t), 0);
    return work;
}

void dstn_work_destroy(dstn_work *work) {
    if (!work) {
        return;
    }
    ranks_keep_destroy(work->keep);
    free(work);
}

int64_t dstn_work_draw(dstn_work *work, const dstn_group *group) {
    int64_t item = -1;
    if (work->is_empty) {
        return item;
    }
    if (dstn_group_leads(group)) {
        int64_t next = ranks_keep_add(work->keep, 0, 1);
        item = next < work->total ? next : -1;
    }
    dstn_group_broadcast(group, &item, sizeof item);
    if (item < 0) {
        work->is_empty = true;
    }
    return item;
}
