/* ranks: a counter that leaders draw work from, in an MPI window on rank 0 of the world. Draws are one-sided (passive
 * target): rank 0 takes no part in them beyond the progress that its own calls of MPI make. */
#include "group.h"

#include <stdlib.h>

enum { KEEPER = 0 };

struct dstn_work {
    MPI_Comm comm; /* reports its errors, where the groups' communicators end the program */
    MPI_Win window;
    int64_t *next; /* in the window, on the keeper alone */
    int64_t total;
};

static dstn_status fail_with(int code, const char *what, dstn_error *err) {
    char reason[MPI_MAX_ERROR_STRING] = "";
    int length = 0;
    MPI_Error_string(code, reason, &length);
    return dstn_fail(err, DSTN_ERROR_RUN, "%s: %s", what, reason);
}

dstn_status dstn_work_new(const dstn_group *world, int64_t total, dstn_work **out, dstn_error *err) {
    *out = NULL;
    dstn_work *work = dstn_alloc(1, sizeof *work);
    work->total = total;
    MPI_Comm_dup(world->comm, &work->comm);
    MPI_Comm_set_errhandler(work->comm, MPI_ERRORS_RETURN);
    MPI_Aint bytes = world->rank == KEEPER ? (MPI_Aint)sizeof(int64_t) : 0;
    int code = MPI_Win_allocate(bytes, (int)sizeof(int64_t), MPI_INFO_NULL, work->comm, &work->next, &work->window);
    if (code != MPI_SUCCESS) {
        MPI_Comm_free(&work->comm);
        free(work);
        return fail_with(code, "the window that work is drawn from can't be made", err);
    }
    if (world->rank == KEEPER) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, KEEPER, 0, work->window);
        *work->next = 0;
        MPI_Win_unlock(KEEPER, work->window);
    }
    MPI_Barrier(work->comm);
    *out = work;
    return DSTN_OK;
}

void dstn_work_destroy(dstn_work *work) {
    if (!work) {
        return;
    }
    MPI_Win_free(&work->window);
    MPI_Comm_free(&work->comm);
    free(work);
}

/* Atomic against the other leaders' draws, which is why a shared lock is enough. */
static int64_t take_next(dstn_work *work) {
    const int64_t one = 1;
    int64_t item = 0;
    MPI_Win_lock(MPI_LOCK_SHARED, KEEPER, 0, work->window);
    MPI_Fetch_and_op(&one, &item, MPI_INT64_T, KEEPER, 0, MPI_SUM, work->window);
    MPI_Win_unlock(KEEPER, work->window);
    return item < work->total ? item : -1;
}

int64_t dstn_work_draw(dstn_work *work, const dstn_group *group) {
    int64_t item = -1;
    if (group->rank == 0) {
        item = take_next(work);
    }
    dstn_group_broadcast(group, &item, sizeof item);
    return item;
}
