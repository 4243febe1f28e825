/* ranks: groups of ranks, what they exchange, and the shared work window. MPI stays inside this room. */
#ifndef DSTN_RANKS_H
#define DSTN_RANKS_H

#include "dstn/core.h"
#include "dstn/kernel.h"

/* ---- process ---------------------------------------------------------------------------------------------------- */

/* MPI_Init (with threads serialized) and MPI_Finalize. A program started without mpirun is one rank. What Open MPI
 * needs to make windows between hosts is set in the environment before, where neither it nor the user's files have it.
 * DSTN_ERROR_USAGE where srun has started several tasks and told none of the others: one task speaks, the others leave
 * `err` without a message. */
dstn_status dstn_ranks_start(int *argc, char ***argv, dstn_error *err);
/* Agrees on the largest-priority exit code over all ranks (75 before 1 before 5, else the highest), finalizes MPI and
 * returns that code. */
int dstn_ranks_finish(int code);
/* MPI_Abort: for what is irrecoverable. */
void dstn_ranks_abort(int code);
/* Why the launcher that this rank prints through (mpirun, where it runs on this host) can't write to its own stdout, as
 * an errno: it loses what it is given without a word. 0: it can, or that can't be seen. Nothing is written. */
int dstn_ranks_launcher_refuses(void);
/* A descriptor of the terminal that this rank's stderr comes to through mpirun, where that is a terminal, for its size;
 * −1: none. The caller's to close. */
int dstn_ranks_open_launcher_terminal(void);
const char *dstn_ranks_version(void); /* "Open MPI v4.1.4 …", one line, owned by ranks */

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* A set of ranks that train one member together, or the world. */
typedef struct dstn_group dstn_group;

dstn_group *dstn_group_world(void); /* every rank; owned by the caller */
/* For launches that write, after the start: DSTN_ERROR_USAGE where srun has started several tasks and MPI made each of
 * them a world of one rank (one speaks, as above), and a warning where one rank runs in a Slurm job of several tasks.
 * Local. */
dstn_status dstn_ranks_check_lone(const dstn_group *world, const dstn_log *log, dstn_error *err);
/* Consecutive ranks of `parent` in groups of `size` (which divides the parent's size; else DSTN_ERROR_USAGE).
 * Collective over the parent. */
dstn_status dstn_group_split(const dstn_group *parent, int size, dstn_group **out, dstn_error *err);
/* The first `count` ranks of `parent`; NULL on the others. Collective over the parent. */
dstn_group *dstn_group_of_first(const dstn_group *parent, int count);
dstn_group *dstn_group_self(void);          /* this rank alone */
void dstn_group_destroy(dstn_group *group); /* collective over the group */

int dstn_group_rank(const dstn_group *group);
int dstn_group_size(const dstn_group *group);
bool dstn_group_leads(const dstn_group *group); /* rank 0 */
/* The communicator as Fortran handle, for libraries that want one (BLACS). */
int dstn_group_fortran_handle(const dstn_group *group);
/* Hosts of the group: number of distinct ones, and the first rank's (owned by the group; first may be NULL). */
int dstn_group_hosts(const dstn_group *group, const char **first);

int dstn_group_host_ranks(const dstn_group *group); /* ranks of the group on this rank's host */

/* Part `part` of `parts` of 0 … total − 1: the first `total mod parts` parts get one more. */
void dstn_share_of(int64_t total, int64_t parts, int64_t part, int64_t *first, int64_t *count);
/* Rows of a global batch that this rank of the group works on: its part of `size`. */
void dstn_group_share(const dstn_group *group, int64_t total, int64_t *first, int64_t *count);

/* ---- exchange ---------------------------------------------------------------------------------------------------- */

void dstn_group_sum(const dstn_group *group, double *values, int64_t count);  /* in place, on every rank */
void dstn_group_broadcast(const dstn_group *group, void *bytes, size_t size); /* from the leader */
/* `size` bytes of every rank to the leader, in the order of ranks: all [size of the group * size], unused elsewhere. */
void dstn_group_gather(const dstn_group *group, const void *bytes, size_t size, void *all);
void dstn_group_barrier(const dstn_group *group);
/* A barrier for ranks that may wait for long: each polls, calls `idle` (which may be NULL) and naps until all are
 * there, so that it takes no processor from those that work, and what they ask of it is answered. */
void dstn_group_meet(const dstn_group *group, void (*idle)(void *user), void *user);
int64_t dstn_group_max(const dstn_group *group, int64_t value);
/* The verdict of the first rank that failed, with its message, on every rank: how an error found on one rank makes all
 * leave together. Returns err->status. */
dstn_status dstn_group_agree(const dstn_group *group, dstn_status status, dstn_error *err);
/* The leader's verdict and message alone count (config is judged on rank 0). */
dstn_status dstn_group_verdict(const dstn_group *group, dstn_status status, dstn_error *err);
/* A string of the leader's on every rank; text is NULL or ignored elsewhere. Free with free(). */
char *dstn_group_broadcast_text(const dstn_group *group, const char *text);

/* table [shards, width], of which every rank has filled the rows of its shards (dstn_group_share): row 0 becomes the
 * sum of all, pairwise in the order of shards, on every rank; the others are no longer what they were. Collective. */
void dstn_shards_sum(const dstn_group *group, int64_t shards, int64_t width, double *table);

/* ---- rows and state ---------------------------------------------------------------------------------------------- */

/* An array whose rows, of row_bytes each, are spread over the group in order of rank, `count` on this one (0 is
 * allowed): from all ranks to `all` on the leader, and from there back. `all` is not looked at elsewhere. Collective.
 */
void dstn_group_gather_rows(const dstn_group *group, const void *rows, int64_t count, size_t row_bytes, void *all);
void dstn_group_scatter_rows(const dstn_group *group, const void *all, int64_t count, size_t row_bytes, void *rows);

/* The whole of a group's state from this rank's: what is split has all rows on the leader (none elsewhere), in an array
 * from the arena; the rest is borrowed. An entry has the same place in both lists. False: memory is short. Collective.
 */
bool dstn_group_whole_state(const dstn_group *group, const dstn_state *local, dstn_arena *arena, dstn_state *whole);
/* Brings the split arrays of the whole up to date, and from the leader's whole to every rank's own. Collective. */
void dstn_group_gather_state(const dstn_group *group, const dstn_state *local, const dstn_state *whole);
void dstn_group_spread_state(const dstn_group *group, const dstn_state *whole, const dstn_state *local);

/* ---- shared memory ----------------------------------------------------------------------------------------------- */

/* Memory for what a group of ranks trains. Ranks of one node (host) share it, in a file of /dev/shm, or of the folder
 * that DSTN_SHARED_MEMORY names, which they map: what they have in common (weights, moments) is there once a node, and
 * what each has of its own (gradients) all of them can read. Where a node has too little memory of that kind, or ranks
 * of one host see other files, as in containers, each rank of the group is a node of its own, with a copy of
 * everything; the functions are the same.
 *
 * Who may touch what, and when. In a step, every rank
 *   1. reads the weights and fills its own gradients, in all passes of the step; it tells dstn_reducer_ready what is
 *      final, after which it leaves that part of its gradient alone, and slices of it are summed by their owners;
 *   2. dstn_reducer_finish: its slices are sums over the group;
 *   3. meets the others of its node (dstn_shared_arrive and _await): their passes are done, nobody reads weights;
 *   4. updates weights and moments, its slices alone, and sends these to the other nodes
 *      (dstn_reducer_spread_slice, and _await_spread);
 *   5. arrives again, and awaits the others before it reads weights, or writes its gradients, of the next step: all
 *      slices are new by then.
 * Between 5 and the next 3, weights and moments don't change: passes without gradients (hyperparameter steps,
 * evaluations), digests and checkpoints may read them then, each rank in its own time, since no other rank gets past
 * the next 3 before this one has got there. Moments of other nodes' ranks are only up to date after they were spread as
 * in 4, at the same time on all ranks, for whoever wants to read them. Whatever else writes what is in common (initial
 * values, a checkpoint's) is done by the node's leader alone, between two meetings. */
typedef struct dstn_shared dstn_shared;

typedef struct dstn_shared_request {
    size_t common_bytes, own_bytes; /* that will be taken: sums of dstn_shared_bytes of every array */
    int most_ranks;                 /* of a host that share memory, those next to each other; 0: all */
} dstn_shared_request;

size_t dstn_shared_bytes(size_t bytes); /* what an array of so many bytes takes */
/* Collective over the group, which must outlive it. DSTN_ERROR_RUN, on all ranks: memory is short. */
dstn_status dstn_shared_new(const dstn_group *group, const dstn_shared_request *request, dstn_shared **out,
                            dstn_error *err);
void dstn_shared_destroy(dstn_shared *shared); /* collective over the group; NULL is allowed */
/* Arrays that are zero and 64-byte-aligned and live as long as the object; taken by all ranks in the same order. NULL:
 * more than was asked for. */
void *dstn_shared_take_common(dstn_shared *shared, size_t bytes);
void *dstn_shared_take_own(dstn_shared *shared, size_t bytes);
/* The object of this process in whose memory an array is; NULL: none. */
dstn_shared *dstn_shared_holding(const void *address);
bool dstn_shared_leads(const dstn_shared *shared); /* of its node; NULL: true */
/* Why ranks of one host share no memory; NULL: they do, or are alone. Owned by the object. */
const char *dstn_shared_lack(const dstn_shared *shared);
size_t dstn_shared_memory_used(const dstn_shared *shared); /* this rank's share of what its node takes; NULL: 0 */

/* A meeting of the ranks of a node, in two halves, between which other things can be done: what a rank did before it
 * arrived, all see after they have awaited. No communication of its own. NULL: nothing. */
void dstn_shared_arrive(dstn_shared *shared);
void dstn_shared_await(const dstn_shared *shared);

/* ---- sums of gradients ------------------------------------------------------------------------------------------- */

/* Sums a range of gradients over the group while the backward pass still fills the rest of it: layers become ready from
 * the last to the first, so it goes in buckets from the end of the range. Every element of the sum belongs to one rank,
 * which updates what it stands for: a rank has a slice of every bucket. Sums are made in the order of ranks in a node,
 * then in the order of nodes; they don't depend on timing. */
typedef struct dstn_reducer dstn_reducer;

/* arrays: the gradient [count], alone where `shards` is 0; borrowed, and taken from a dstn_shared's own memory, in the
 * same order on all ranks, where ranks share memory. bucket_bytes 0: a sensible default. shared NULL, or of one rank:
 * the sum is the gradient, and nothing happens at all. NULL: no memory, or too many reducers of one dstn_shared.
 *
 * shards > 0 makes sums that are the same, to the last bit, on every number of ranks, and on any number of nodes: the
 * shards are shared out over the ranks (dstn_group_share), each fills the gradient anew, and sums go pairwise in the
 * order of shards, ((0+1)+(2+3)) + ((4+5)+(6+7)), for any number of them. arrays are then dstn_reducer_arrays of this
 * length, the gradient first. Collective over the group. */
dstn_reducer *dstn_reducer_new(dstn_shared *shared, const dstn_kernel *kernel, int64_t count, void *const *arrays,
                               int shards, size_t bucket_bytes);
int dstn_reducer_arrays(const dstn_group *group, int shards); /* 1 without shards */
void dstn_reducer_destroy(dstn_reducer *reducer);             /* NULL is allowed */
size_t dstn_reducer_memory_used(const dstn_reducer *reducer);
/* Everything at and after `offset` is final; adds what all others have filled too. Doesn't wait. */
void dstn_reducer_ready(dstn_reducer *reducer, int64_t offset);
/* What all have filled by now is added, if this rank has told of any of its own. Doesn't wait: for whoever computes
 * something else meanwhile. */
void dstn_reducer_advance(dstn_reducer *reducer);
/* Between the passes of two of this rank's shards: all of the first one's gradient is final. */
void dstn_reducer_next_shard(dstn_reducer *reducer);
/* All of it is final: waits until this rank's slices are summed. */
void dstn_reducer_finish(dstn_reducer *reducer);

/* The array [count] in which this rank's slices of the sum are: the gradient of its node's leader, until that one fills
 * it again, or with shards perhaps one of its partial sums. */
const void *dstn_reducer_sum(const dstn_reducer *reducer);
/* Slice i = 0, 1, … of this rank, `count` elements (which may be 0) at `first`; false: there are no more. One rank has
 * one, which is everything. */
bool dstn_reducer_slice(const dstn_reducer *reducer, int64_t i, int64_t *first, int64_t *count);
/* The sum of the squares of the whole sum, on every rank. They are added in an order that doesn't depend on the number
 * of ranks (where there are several, or shards) nor of nodes. Collective over the group. */
double dstn_reducer_squares(const dstn_reducer *reducer);
/* This rank's slices of an array [count] that is in common memory, or of the sum, to all other nodes. Every element has
 * arrived in a node when its ranks have met after this. Collective over the group. */
void dstn_reducer_spread(const dstn_reducer *reducer, void *array);
/* The same in parts: each of this rank's slices once, in any order, as soon as it is there; then the wait for all of
 * them, and for those of the other nodes. */
void dstn_reducer_spread_slice(const dstn_reducer *reducer, int64_t i, void *array);
void dstn_reducer_await_spread(const dstn_reducer *reducer);

/* ---- shared work ------------------------------------------------------------------------------------------------- */

/* A counter in an MPI window that leaders draw work from: one-sided, under a lock, so that no rank idles as a master.
 * Where MPI makes no window over these hosts, rank 0 answers messages whenever it polls. */
typedef struct dstn_work dstn_work;

/* Collective over the world. The counter goes from 0 to total-1. */
dstn_work *dstn_work_new(const dstn_group *world, int64_t total);
void dstn_work_destroy(dstn_work *work); /* collective; NULL is allowed */
/* Draws the next item for the whole group: its leader asks and broadcasts. -1: none left, for good; rank 0 has to poll
 * until all others have got theirs (dstn_group_meet, or dstn_work_destroy). Collective over the group. */
int64_t dstn_work_draw(dstn_work *work, const dstn_group *group);

/* ---- the journal: what has happened, in one order for all ranks -------------------------------------------------- */

/* Records of one size that are only ever appended, kept by rank 0 as above. Whoever is not rank 0 waits for that one in
 * every call, where there is no window: rank 0 has to poll until all others have left the journal alone
 * (dstn_group_meet, or dstn_journal_destroy). */
typedef struct dstn_journal dstn_journal;

/* An empty one, with room for `capacity` records. Collective over the world. */
dstn_journal *dstn_journal_new(const dstn_group *world, size_t record_bytes, int64_t capacity);
void dstn_journal_destroy(dstn_journal *journal); /* collective; NULL is allowed */
/* Waits for this rank's turn, those first who came first: polls, calls `idle` (which may be NULL) and naps meanwhile.
 * Nobody else has a turn until it is unlocked. Not to be locked twice by one rank. */
void dstn_journal_lock(dstn_journal *journal, void (*idle)(void *user), void *user);
void dstn_journal_unlock(dstn_journal *journal);
int64_t dstn_journal_count(dstn_journal *journal);
/* Records first … first + count − 1, which have been appended. */
void dstn_journal_read(dstn_journal *journal, int64_t first, int64_t count, void *records);
/* By whoever has the turn. False: there is no room. */
bool dstn_journal_append(dstn_journal *journal, const void *record);

/* ---- the board: what every rank last said of itself, for rank 0 to show ------------------------------------------ */

/* One slot of fixed size per rank, in a window on rank 0 or by messages, as above. Nobody waits for rank 0. */
typedef struct dstn_board dstn_board;

dstn_board *dstn_board_new(const dstn_group *world, size_t slot_bytes); /* collective; slots are zero */
void dstn_board_destroy(dstn_board *board);                             /* collective; NULL is allowed */
int dstn_board_slots(const dstn_board *board);                          /* ranks of the world */
void dstn_board_post(dstn_board *board, const void *bytes);             /* into this rank's slot */
void dstn_board_read(dstn_board *board, int slot, void *bytes);         /* on rank 0 */

/* ---- profile ----------------------------------------------------------------------------------------------------- */

/* Where a run is. */
typedef enum dstn_phase {
    DSTN_PHASE_OUTSIDE, /* of training */
    DSTN_PHASE_TRAIN,
    DSTN_PHASE_HYPER,
    DSTN_PHASE_EVALUATION,
    DSTN_PHASE_BETWEEN, /* steps: records, digests, checkpoints, agreement on a stop */
    DSTN_PHASES
} dstn_phase;

enum { DSTN_PROFILE_CALLS = 30 };

typedef struct dstn_profile_count {
    int64_t calls;
    int64_t bytes;  /* handed over or asked for; sums: read and written in the node's shared memory */
    double seconds; /* in the calls; in shared memory, those of waiting alone */
} dstn_profile_count;

/* What this rank has asked of MPI, counted in the calls themselves, the libraries' too; and how long it has waited in
 * the node's shared memory, which asks MPI for nothing. */
typedef struct dstn_profile {
    dstn_profile_count counts[DSTN_PHASES][DSTN_PROFILE_CALLS];
    int64_t times[DSTN_PHASES]; /* that a phase was entered */
    double seconds[DSTN_PHASES];
} dstn_profile;

const char *dstn_phase_name(dstn_phase phase);
const char *dstn_profile_call_name(int call);
void dstn_profile_switch(bool on); /* off at the start of the program; counts begin at 0 */
bool dstn_profile_is_on(void);
/* Counts go to this phase from now on. Returns the one before, which is to be gone back to. */
dstn_phase dstn_profile_enter(dstn_phase phase);
void dstn_profile_leave(dstn_phase before);
void dstn_profile_read(dstn_profile *out);
void dstn_profile_subtract(dstn_profile *profile, const dstn_profile *before);
/* The sum over a group, on every rank. Collective. */
void dstn_profile_sum(const dstn_group *group, dstn_profile *profile);
/* What a phase has come to. */
typedef struct dstn_traffic {
    double calls, barriers; /* of MPI; looks whether something has come are none */
    double sent;            /* bytes of messages that don't wait: gradients and weights */
    double added;           /* bytes read and written in sums of gradients */
} dstn_traffic;
dstn_traffic dstn_profile_traffic(const dstn_profile *profile, dstn_phase phase);
/* A sum over so many ranks, as a table of what one of them did on average. */
void dstn_profile_log(const dstn_profile *sum, int ranks, const dstn_log *log);

/* ---- mail: what ranks have to say, in order, for rank 0 to pass on ---------------------------------------------- */

/* Where the board has what a rank said last, nothing of this is lost. Nobody waits for rank 0. */
typedef struct dstn_mail dstn_mail;

dstn_mail *dstn_mail_new(const dstn_group *world); /* collective */
/* The bytes are copied. */
void dstn_mail_send(dstn_mail *mail, const void *bytes, size_t size);
/* On rank 0: the next one that has come, of any rank's, rank 0's own too; one rank's come in the order in which it sent
 * them. size [out]. NULL: there is none now. Free with free(). */
void *dstn_mail_take(dstn_mail *mail, size_t *size);
/* All that was sent is then there to be taken, and no more is sent. Collective. */
void dstn_mail_close(dstn_mail *mail);
void dstn_mail_destroy(dstn_mail *mail); /* closed; NULL is allowed */

/* Lets MPI progress one-sided calls, and answers messages, that other ranks are waiting for; called at each step
 * boundary. */
void dstn_ranks_poll(void);

#endif
