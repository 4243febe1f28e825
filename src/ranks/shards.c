/* ranks: sums of short rows of doubles in the order of shards. */
#include "group.h"

#include <stdlib.h>

/* Rows of all ranks, in place. */
static void gather(const dstn_group *group, int64_t shards, int64_t width, double *table) {
    int *counts = dstn_alloc(2 * (size_t)group->size, sizeof *counts), *places = counts + group->size;
    for (int r = 0; r < group->size; r++) {
        int64_t first, count;
        dstn_share_of(shards, group->size, r, &first, &count);
        counts[r] = (int)(count * width);
        places[r] = (int)(first * width);
    }
    MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, table, counts, places, MPI_DOUBLE, group->comm);
    free(counts);
}

void dstn_shards_sum(const dstn_group *group, int64_t shards, int64_t width, double *table) {
    if (group->size > 1) {
        gather(group, shards, width, table);
    }
    for (int64_t apart = 1; apart < shards; apart *= 2) {
        for (int64_t s = 0; s + apart < shards; s += 2 * apart) {
            for (int64_t i = 0; i < width; i++) {
                table[s * width + i] += table[(s + apart) * width + i];
            }
        }
    }
}
