/* ranks: groups of ranks, where they live, and how a batch is shared out among them. */
#include "group.h"

#include <stdlib.h>
#include <string.h>

enum { HOST_SIZE = MPI_MAX_PROCESSOR_NAME + 1 };

static int compare_hosts(const void *a, const void *b) {
    return memcmp(a, b, HOST_SIZE);
}

/* Collective. */
static void count_hosts(dstn_group *group) {
    char mine[HOST_SIZE] = {0};
    int length = 0;
    MPI_Get_processor_name(mine, &length);
    char *all = dstn_alloc((size_t)group->size, HOST_SIZE);
    MPI_Allgather(mine, HOST_SIZE, MPI_CHAR, all, HOST_SIZE, MPI_CHAR, group->comm);
    group->first_host = dstn_strdup(all);
    for (int r = 0; r < group->size; r++) {
        group->host_ranks += compare_hosts(all + (size_t)r * HOST_SIZE, mine) == 0;
    }
    qsort(all, (size_t)group->size, HOST_SIZE, compare_hosts);
    group->hosts = 1;
    for (int r = 1; r < group->size; r++) {
        group->hosts += compare_hosts(all + (size_t)r * HOST_SIZE, all + (size_t)(r - 1) * HOST_SIZE) != 0;
    }
    free(all);
}

/* Takes over a communicator that was made for this group. */
static dstn_group *group_of(MPI_Comm comm) {
    dstn_group *group = dstn_alloc(1, sizeof *group);
    group->comm = comm;
    MPI_Comm_rank(comm, &group->rank);
    MPI_Comm_size(comm, &group->size);
    count_hosts(group);
    group->kept = dstn_alloc(RANKS_NODES, sizeof *group->kept);
    return group;
}

static dstn_group *group_like(MPI_Comm comm) {
    MPI_Comm own;
    MPI_Comm_dup(comm, &own);
    return group_of(own);
}

dstn_group *dstn_group_world(void) {
    return group_like(MPI_COMM_WORLD);
}

dstn_group *dstn_group_self(void) {
    return group_like(MPI_COMM_SELF);
}

dstn_status dstn_group_split(const dstn_group *parent, int size, dstn_group **out, dstn_error *err) {
    *out = NULL;
    if (size < 1 || parent->size % size != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%d ranks can't be split into groups of %d: the size of a group must divide the number of "
                         "ranks",
                         parent->size, size);
    }
    MPI_Comm comm;
    MPI_Comm_split(parent->comm, parent->rank / size, parent->rank, &comm);
    *out = group_of(comm);
    return DSTN_OK;
}

dstn_group *dstn_group_of_first(const dstn_group *parent, int count) {
    MPI_Comm comm;
    MPI_Comm_split(parent->comm, parent->rank < count ? 0 : MPI_UNDEFINED, parent->rank, &comm);
    return comm == MPI_COMM_NULL ? NULL : group_of(comm);
}

void dstn_group_destroy(dstn_group *group) {
    if (!group) {
        return;
    }
    for (int i = 0; i < RANKS_NODES; i++) {
        if (group->kept[i].is_made) {
            MPI_Comm_free(&group->kept[i].peers);
            MPI_Comm_free(&group->kept[i].node);
        }
    }
    MPI_Comm_free(&group->comm);
    free(group->kept);
    free(group->first_host);
    free(group);
}

int dstn_group_rank(const dstn_group *group) {
    return group->rank;
}

int dstn_group_size(const dstn_group *group) {
    return group->size;
}

bool dstn_group_leads(const dstn_group *group) {
    return group->rank == 0;
}

int dstn_group_fortran_handle(const dstn_group *group) {
    return (int)MPI_Comm_c2f(group->comm);
}

int dstn_group_hosts(const dstn_group *group, const char **first) {
    if (first) {
        *first = group->first_host;
    }
    return group->hosts;
}

int dstn_group_host_ranks(const dstn_group *group) {
    return group->host_ranks;
}

void dstn_share_of(int64_t total, int64_t parts, int64_t part, int64_t *first, int64_t *count) {
    int64_t each = total / parts, more = total % parts;
    *first = part * each + (part < more ? part : more);
    *count = each + (part < more);
}

void dstn_group_share(const dstn_group *group, int64_t total, int64_t *first, int64_t *count) {
    dstn_share_of(total, group->size, group->rank, first, count);
}
