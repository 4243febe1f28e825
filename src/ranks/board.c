/* ranks: the board, one slot per rank in a window on rank 0, through which members that train elsewhere are shown. */
#include "group.h"

#include <stdlib.h>
#include <string.h>

enum { KEEPER = 0 };

struct dstn_board {
    MPI_Comm comm;
    MPI_Win window;
    char *slots; /* [size * slot_bytes] on the keeper */
    size_t slot_bytes;
    int rank, size;
};

dstn_status dstn_board_new(const dstn_group *world, size_t slot_bytes, dstn_board **out, dstn_error *err) {
    *out = NULL;
    dstn_board *board = dstn_alloc(1, sizeof *board);
    board->slot_bytes = slot_bytes;
    board->rank = world->rank;
    board->size = world->size;
    MPI_Comm_dup(world->comm, &board->comm);
    MPI_Comm_set_errhandler(board->comm, MPI_ERRORS_RETURN);
    size_t bytes = world->rank == KEEPER ? slot_bytes * (size_t)world->size : 0;
    int code = MPI_Win_allocate((MPI_Aint)bytes, 1, MPI_INFO_NULL, board->comm, &board->slots, &board->window);
    if (code != MPI_SUCCESS) {
        char reason[MPI_MAX_ERROR_STRING] = "";
        int length = 0;
        MPI_Error_string(code, reason, &length);
        MPI_Comm_free(&board->comm);
        free(board);
        return dstn_fail(err, DSTN_ERROR_RUN, "the window for progress can't be made: %s", reason);
    }
    if (world->rank == KEEPER) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, KEEPER, 0, board->window);
        memset(board->slots, 0, bytes);
        MPI_Win_unlock(KEEPER, board->window);
    }
    MPI_Barrier(board->comm);
    *out = board;
    return DSTN_OK;
}

void dstn_board_destroy(dstn_board *board) {
    if (!board) {
        return;
    }
    MPI_Win_free(&board->window);
    MPI_Comm_free(&board->comm);
    free(board);
}

int dstn_board_slots(const dstn_board *board) {
    return board->size;
}

void dstn_board_post(dstn_board *board, const void *bytes) {
    MPI_Aint offset = (MPI_Aint)((size_t)board->rank * board->slot_bytes);
    MPI_Win_lock(MPI_LOCK_EXCLUSIVE, KEEPER, 0, board->window);
    MPI_Put(bytes, (int)board->slot_bytes, MPI_BYTE, KEEPER, offset, (int)board->slot_bytes, MPI_BYTE, board->window);
    MPI_Win_unlock(KEEPER, board->window);
}

void dstn_board_read(dstn_board *board, int slot, void *bytes) {
    MPI_Aint offset = (MPI_Aint)((size_t)slot * board->slot_bytes);
    MPI_Win_lock(MPI_LOCK_SHARED, KEEPER, 0, board->window);
    MPI_Get(bytes, (int)board->slot_bytes, MPI_BYTE, KEEPER, offset, (int)board->slot_bytes, MPI_BYTE, board->window);
    MPI_Win_unlock(KEEPER, board->window);
}
