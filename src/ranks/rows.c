/* ranks: arrays whose rows are spread over a group, in order of rank: gathered on the leader and spread again, however
 * many rows each rank has. So a checkpoint holds rows by their global number, and any number of ranks can take it up.
 */
#include "shared.h"

#include <stdlib.h>

/* Rows of every rank and where they begin, on the leader; free with free(). */
static int *places_of(const dstn_group *group, int64_t count) {
    int own = (int)count;
    int *places = dstn_alloc(2 * (size_t)group->size, sizeof *places), *first = places + group->size;
    MPI_Gather(&own, 1, MPI_INT, places, 1, MPI_INT, 0, group->comm);
    for (int r = 1; r < group->size; r++) {
        first[r] = first[r - 1] + places[r - 1];
    }
    return places;
}

static MPI_Datatype row_type(size_t row_bytes) {
    MPI_Datatype type;
    MPI_Type_contiguous((int)row_bytes, MPI_BYTE, &type);
    MPI_Type_commit(&type);
    return type;
}

void dstn_group_gather_rows(const dstn_group *group, const void *rows, int64_t count, size_t row_bytes, void *all) {
    MPI_Datatype type = row_type(row_bytes);
    int *places = places_of(group, count);
    MPI_Gatherv(rows, (int)count, type, all, places, places + group->size, type, 0, group->comm);
    MPI_Type_free(&type);
    free(places);
}

void dstn_group_scatter_rows(const dstn_group *group, const void *all, int64_t count, size_t row_bytes, void *rows) {
    MPI_Datatype type = row_type(row_bytes);
    int *places = places_of(group, count);
    MPI_Scatterv(all, places, places + group->size, type, rows, (int)count, type, 0, group->comm);
    MPI_Type_free(&type);
    free(places);
}

/* ---- lists of state ---------------------------------------------------------------------------------------------- */

static size_t row_bytes(const dstn_state_entry *entry) {
    size_t bytes = dstn_scalar_size(entry->scalar);
    for (int d = 1; d < entry->rank; d++) {
        bytes *= (size_t)entry->shape[d];
    }
    return bytes;
}

/* Rows of the whole, on the leader; none elsewhere. */
static int64_t whole_rows(const dstn_group *group, int64_t count) {
    int64_t sum = 0;
    MPI_Reduce(&count, &sum, 1, MPI_INT64_T, MPI_SUM, 0, group->comm);
    return group->rank == 0 ? sum : 0;
}

bool dstn_group_whole_state(const dstn_group *group, const dstn_state *local, dstn_arena *arena, dstn_state *whole) {
    bool is_complete = true;
    for (size_t i = 0; i < local->count; i++) {
        dstn_state_entry entry = local->entries[i];
        if (entry.split) {
            entry.shape[0] = whole_rows(group, entry.shape[0]);
            entry.data = dstn_arena_take(arena, dstn_state_bytes(&entry));
            is_complete = is_complete && entry.data;
        }
        dstn_state_add(whole, entry.name, entry.scalar, entry.rank, entry.shape, entry.data, entry.split);
    }
    return is_complete;
}

void dstn_group_gather_state(const dstn_group *group, const dstn_state *local, const dstn_state *whole) {
    for (size_t i = 0; i < local->count; i++) {
        const dstn_state_entry *entry = &local->entries[i];
        if (entry->split) {
            dstn_group_gather_rows(group, entry->data, entry->shape[0], row_bytes(entry), whole->entries[i].data);
        }
    }
}

/* What the ranks of a node have in common, only their leaders take. */
static void broadcast_entry(const dstn_group *group, const dstn_state_entry *entry) {
    const dstn_shared *shared = dstn_shared_holding(entry->data);
    if (!shared) {
        dstn_group_broadcast(group, entry->data, dstn_state_bytes(entry));
    } else if (dstn_shared_leads(shared)) {
        ranks_shared_broadcast(shared, entry->data, dstn_state_bytes(entry));
    }
}

void dstn_group_spread_state(const dstn_group *group, const dstn_state *whole, const dstn_state *local) {
    for (size_t i = 0; i < local->count; i++) {
        const dstn_state_entry *entry = &local->entries[i];
        if (entry->split) {
            dstn_group_scatter_rows(group, whole->entries[i].data, entry->shape[0], row_bytes(entry), entry->data);
        } else {
            broadcast_entry(group, entry);
        }
    }
    dstn_group_barrier(group);
}
