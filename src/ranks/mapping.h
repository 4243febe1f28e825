/* ranks, private: memory of which the processes of one node map the same pages. */
#ifndef RANKS_MAPPING_H
#define RANKS_MAPPING_H

#include "group.h"

typedef struct ranks_mapping {
    char *bytes; /* at the start of a page; NULL: nothing is mapped */
    size_t size;
} ranks_mapping;

/* Maps `total` zero bytes in each process of the node, of which this one gives the `count` bytes from `first` on; all
 * of them together give everything. A node of one rank maps nothing. Collective over the group, of which all ranks
 * succeed or none does: the first one's reason is then on all of them. */
dstn_status ranks_map(const dstn_group *group, MPI_Comm node, size_t first, size_t count, size_t total,
                      ranks_mapping *out, dstn_error *err);
void ranks_unmap(ranks_mapping *mapping); /* of this process alone */

#endif
