/* ranks: sums, broadcasts and verdicts over a group. */
#include "shared.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* MPI counts are ints: longer arrays go in parts of this many elements. */
enum { PART = 1 << 28 };

static int part_of(int64_t rest) {
    return rest < PART ? (int)rest : PART;
}

void dstn_group_sum(const dstn_group *group, double *values, int64_t count) {
    if (group->size == 1) {
        return;
    }
    for (int64_t done = 0; done < count; done += PART) {
        MPI_Allreduce(MPI_IN_PLACE, values + done, part_of(count - done), MPI_DOUBLE, MPI_SUM, group->comm);
    }
}

static void broadcast(MPI_Comm comm, void *bytes, size_t size) {
    for (int64_t done = 0; done < (int64_t)size; done += PART) {
        MPI_Bcast((char *)bytes + done, part_of((int64_t)size - done), MPI_BYTE, 0, comm);
    }
}

void dstn_group_broadcast(const dstn_group *group, void *bytes, size_t size) {
    if (group->size > 1) {
        broadcast(group->comm, bytes, size);
    }
}

void ranks_shared_broadcast(const dstn_shared *shared, void *bytes, size_t size) {
    if (shared->nodes > 1) {
        broadcast(shared->peers, bytes, size);
    }
}

void dstn_group_gather(const dstn_group *group, const void *bytes, size_t size, void *all) {
    MPI_Gather(bytes, (int)size, MPI_BYTE, all, (int)size, MPI_BYTE, 0, group->comm);
}

void dstn_group_barrier(const dstn_group *group) {
    MPI_Barrier(group->comm);
}

void dstn_group_meet(const dstn_group *group, void (*idle)(void *user), void *user) {
    const struct timespec nap = {0, 1000000};
    MPI_Request request;
    int is_complete = 0;
    MPI_Ibarrier(group->comm, &request);
    for (;;) {
        MPI_Test(&request, &is_complete, MPI_STATUS_IGNORE);
        dstn_ranks_poll();
        if (idle) {
            idle(user);
        }
        if (is_complete) {
            return;
        }
        nanosleep(&nap, NULL);
    }
}

int64_t dstn_group_max(const dstn_group *group, int64_t value) {
    int64_t highest = value;
    MPI_Allreduce(&value, &highest, 1, MPI_INT64_T, MPI_MAX, group->comm);
    return highest;
}

/* err becomes the verdict of rank `judge` on every rank. */
static dstn_status spread_verdict(const dstn_group *group, int judge, dstn_status status, dstn_error *err) {
    if (group->rank == judge) {
        err->status = status;
    }
    MPI_Bcast(err, (int)sizeof *err, MPI_BYTE, judge, group->comm);
    return err->status;
}

static dstn_status all_is_well(dstn_error *err) {
    err->status = DSTN_OK;
    err->message[0] = 0;
    return DSTN_OK;
}

dstn_status dstn_group_agree(const dstn_group *group, dstn_status status, dstn_error *err) {
    int mine = status == DSTN_OK ? group->size : group->rank, judge = mine;
    MPI_Allreduce(&mine, &judge, 1, MPI_INT, MPI_MIN, group->comm);
    return judge == group->size ? all_is_well(err) : spread_verdict(group, judge, status, err);
}

dstn_status dstn_group_verdict(const dstn_group *group, dstn_status status, dstn_error *err) {
    int failed = status != DSTN_OK;
    MPI_Bcast(&failed, 1, MPI_INT, 0, group->comm);
    return failed ? spread_verdict(group, 0, status, err) : all_is_well(err);
}

char *dstn_group_broadcast_text(const dstn_group *group, const char *text) {
    const int64_t none = -1;
    int64_t length = none;
    if (group->rank == 0 && text) {
        length = (int64_t)strlen(text);
    }
    MPI_Bcast(&length, 1, MPI_INT64_T, 0, group->comm);
    if (length == none) {
        return NULL;
    }
    char *copy = dstn_alloc((size_t)length + 1, 1);
    if (group->rank == 0) {
        memcpy(copy, text, (size_t)length);
    }
    dstn_group_broadcast(group, copy, (size_t)length);
    return copy;
}
