/* ranks: the journal: records that rank 0 keeps in the order in which ranks have appended them, one at a turn. Turns
 * are given by tickets: whoever has drawn the number that is called may write. */
#include "keep.h"

#include <stdlib.h>
#include <time.h>

struct dstn_journal {
    ranks_keep *keep; /* three integers, then the records */
    size_t record_bytes;
    int64_t capacity;
};

enum { DRAWN = 0, CALLED = sizeof(int64_t), COUNT = 2 * sizeof(int64_t), RECORDS = 3 * sizeof(int64_t) };

dstn_journal *dstn_journal_new(const dstn_group *world, size_t record_bytes, int64_t capacity) {
    dstn_journal *journal = dstn_alloc(1, sizeof *journal);
    journal->record_bytes = record_bytes;
    journal->capacity = capacity;
    journal->keep = ranks_keep_new(world, RECORDS + record_bytes * (size_t)capacity, record_bytes);
    return journal;
}

void dstn_journal_destroy(dstn_journal *journal) {
    if (!journal) {
        return;
    }
    ranks_keep_destroy(journal->keep);
    free(journal);
}

void dstn_journal_lock(dstn_journal *journal, void (*idle)(void *user), void *user) {
    static const struct timespec nap = {0, 1000000};
    int64_t own = ranks_keep_add(journal->keep, DRAWN, 1);
    while (ranks_keep_add(journal->keep, CALLED, 0) != own) {
        dstn_ranks_poll();
        if (idle) {
            idle(user);
        }
        nanosleep(&nap, NULL);
    }
}

void dstn_journal_unlock(dstn_journal *journal) {
    ranks_keep_add(journal->keep, CALLED, 1);
}

int64_t dstn_journal_count(dstn_journal *journal) {
    return ranks_keep_add(journal->keep, COUNT, 0);
}

static size_t place_of(const dstn_journal *journal, int64_t record) {
    return RECORDS + journal->record_bytes * (size_t)record;
}

/* In pieces of a size that MPI counts. */
void dstn_journal_read(dstn_journal *journal, int64_t first, int64_t count, void *records) {
    enum { PIECE = 1 << 20 };
    size_t bytes = journal->record_bytes * (size_t)count, offset = place_of(journal, first);
    for (size_t done = 0; done < bytes; done += PIECE) {
        size_t piece = bytes - done < PIECE ? bytes - done : PIECE;
        ranks_keep_get(journal->keep, offset + done, (char *)records + done, piece);
    }
}

/* The record is there before it counts. */
bool dstn_journal_append(dstn_journal *journal, const void *record) {
    int64_t count = dstn_journal_count(journal);
    if (count == journal->capacity) {
        return false;
    }
    ranks_keep_put_surely(journal->keep, place_of(journal, count), record, journal->record_bytes);
    ranks_keep_add(journal->keep, COUNT, 1);
    return true;
}
