/* ranks: start and end of the program as a set of ranks, and progress of what other ranks ask for. */
#include "dstn/ranks.h"
#include "environment.h"
#include "keep.h"
#include "lone.h"

#include <mpi.h>
#include <string.h>

dstn_status dstn_ranks_start(int *argc, char ***argv, dstn_error *err) {
    int started = 0, level = MPI_THREAD_SINGLE;
    MPI_Initialized(&started);
    if (started) {
        MPI_Query_thread(&level);
    }
    if (!started) {
        char version[MPI_MAX_LIBRARY_VERSION_STRING] = "";
        int length = 0;
        MPI_Get_library_version(version, &length);
        ranks_prepare_environment(version);
        if (ranks_check_tasks(version, err) != DSTN_OK) {
            return err->status;
        }
    }
    if (!started && MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &level) != MPI_SUCCESS) {
        return dstn_fail(err, DSTN_ERROR_RUN, "MPI can't be started");
    }
    if (level < MPI_THREAD_SERIALIZED) {
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "%s gives only thread level %d where MPI_THREAD_SERIALIZED (%d) is needed: "
                         "use an MPI that is built with threads",
                         dstn_ranks_version(), level, (int)MPI_THREAD_SERIALIZED);
    }
    return DSTN_OK;
}

/* A sweep's verdict: what asks to be run again goes before an error, and an error before failed members. */
static const int priority[] = {DSTN_MEMBERS_FAILED, DSTN_ERROR_RUN, DSTN_STOPPED};
enum { PRIORITIES = sizeof priority / sizeof priority[0], ABOVE_ALL_CODES = 256 };

static int rank_of_code(int code) {
    for (int i = 0; i < PRIORITIES; i++) {
        if (priority[i] == code) {
            return ABOVE_ALL_CODES + i;
        }
    }
    return code;
}

static int code_of_rank(int rank) {
    return rank >= ABOVE_ALL_CODES ? priority[rank - ABOVE_ALL_CODES] : rank;
}

int dstn_ranks_finish(int code) {
    int mine = rank_of_code(code), highest = mine;
    MPI_Allreduce(&mine, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    MPI_Finalize();
    return code_of_rank(highest);
}

void dstn_ranks_abort(int code) {
    MPI_Abort(MPI_COMM_WORLD, code);
}

const char *dstn_ranks_version(void) {
    static char version[MPI_MAX_LIBRARY_VERSION_STRING];
    if (version[0]) {
        return version;
    }
    int length = 0;
    MPI_Get_library_version(version, &length);
    /* "Open MPI v4.1.4, package: …": the name and the number are enough. */
    version[strcspn(version, ",\r\n")] = 0;
    for (char *c = version; *c; c++) {
        if (*c == '\t') {
            *c = ' ';
        }
    }
    return version;
}

void dstn_ranks_poll(void) {
    int waiting;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &waiting, MPI_STATUS_IGNORE);
    ranks_keep_serve_all();
}
