/* ranks, private: bytes that rank 0 of a group, the keeper, keeps for all of its ranks: in an MPI window where one can
 * be made, else by messages that the keeper answers whenever it polls. Not every MPI has windows between hosts: with
 * Open MPI that depends on the network, on its version and on how it is configured. */
#ifndef RANKS_KEEP_H
#define RANKS_KEEP_H

#include "dstn/ranks.h"

typedef struct ranks_keep ranks_keep;

/* `bytes` zero bytes, of which at most `largest` are put at once. Collective over the group. */
ranks_keep *ranks_keep_new(const dstn_group *group, size_t bytes, size_t largest);
void ranks_keep_destroy(ranks_keep *keep); /* collective; every put has then arrived */

/* Nobody waits for the keeper: where an earlier put of this rank is still under way, this one is left out. */
void ranks_keep_put(ranks_keep *keep, size_t offset, const void *bytes, size_t size);
/* The same, never left out: waits until the put before it has left. This rank's later calls find the bytes there. */
void ranks_keep_put_surely(ranks_keep *keep, size_t offset, const void *bytes, size_t size);
/* Elsewhere than on the keeper it waits for that one, as ranks_keep_add does. */
void ranks_keep_get(ranks_keep *keep, size_t offset, void *bytes, size_t size);
/* Adds to the integer at `offset`, atomically, and returns what it was; waits for the keeper, which without a window
 * has to poll until all ranks have added what they will. */
int64_t ranks_keep_add(ranks_keep *keep, size_t offset, int64_t value);

/* Answers what has come in for any of this process's keeps; called by dstn_ranks_poll. */
void ranks_keep_serve_all(void);

#endif
