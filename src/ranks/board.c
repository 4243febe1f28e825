/* ranks: the board, one slot per rank on rank 0, through which members that train elsewhere are shown. */
#include "keep.h"

#include <stdlib.h>

struct dstn_board {
    ranks_keep *keep; /* [size * slot_bytes] */
    size_t slot_bytes;
    int rank, size;
};

dstn_board *dstn_board_new(const dstn_group *world, size_t slot_bytes) {
    dstn_board *board = dstn_alloc(1, sizeof *board);
    board->slot_bytes = slot_bytes;
    board->rank = dstn_group_rank(world);
    board->size = dstn_group_size(world);
    board->keep = ranks_keep_new(world, slot_bytes * (size_t)board->size, slot_bytes);
    return board;
}

void dstn_board_destroy(dstn_board *board) {
    if (!board) {
        return;
    }
    ranks_keep_destroy(board->keep);
    free(board);
}

int dstn_board_slots(const dstn_board *board) {
    return board->size;
}

void dstn_board_post(dstn_board *board, const void *bytes) {
    ranks_keep_put(board->keep, (size_t)board->rank * board->slot_bytes, bytes, board->slot_bytes);
}

void dstn_board_read(dstn_board *board, int slot, void *bytes) {
    ranks_keep_get(board->keep, (size_t)slot * board->slot_bytes, bytes, board->slot_bytes);
}
