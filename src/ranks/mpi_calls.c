/* ranks: the calls of MPI that this program and its libraries make, counted (the profiling interface: MPI_X is ours,
 * PMPI_X the library's). Bytes are those that this rank hands over or asks for, whatever the library makes of them.
 * Where nothing is counted a call costs one look at a flag more. */
#include "calls.h"

#include <mpi.h>

static int64_t bytes_of(int64_t count, MPI_Datatype type) {
    int size = 0;
    if (ranks_profile_on) {
        PMPI_Type_size(type, &size);
    }
    return count * size;
}

static int end(ranks_call call, int64_t bytes, double start, int status) {
    ranks_profile_add(call, 1, bytes, start);
    return status;
}

/* ---- collectives ------------------------------------------------------------------------------------------------- */

int MPI_Barrier(MPI_Comm comm) {
    double start = ranks_profile_clock();
    return end(RANKS_BARRIER, 0, start, PMPI_Barrier(comm));
}

int MPI_Ibarrier(MPI_Comm comm, MPI_Request *request) {
    double start = ranks_profile_clock();
    return end(RANKS_IBARRIER, 0, start, PMPI_Ibarrier(comm, request));
}

int MPI_Allreduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, MPI_Comm comm) {
    double start = ranks_profile_clock();
    return end(RANKS_ALLREDUCE, bytes_of(count, type), start, PMPI_Allreduce(from, to, count, type, op, comm));
}

int MPI_Reduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm) {
    double start = ranks_profile_clock();
    return end(RANKS_REDUCE, bytes_of(count, type), start, PMPI_Reduce(from, to, count, type, op, root, comm));
}

int MPI_Ireduce(const void *from, void *to, int count, MPI_Datatype type, MPI_Op op, int root, MPI_Comm comm,
                MPI_Request *request) {
    double start = ranks_profile_clock();
    int status = PMPI_Ireduce(from, to, count, type, op, root, comm, request);
    return end(RANKS_IREDUCE, bytes_of(count, type), start, status);
}

int MPI_Bcast(void *buffer, int count, MPI_Datatype type, int root, MPI_Comm comm) {
    double start = ranks_profile_clock();
    return end(RANKS_BCAST, bytes_of(count, type), start, PMPI_Bcast(buffer, count, type, root, comm));
}

int MPI_Gather(const void *from, int count, MPI_Datatype type, void *to, int to_count, MPI_Datatype to_type, int root,
               MPI_Comm comm) {
    double start = ranks_profile_clock();
    int status = PMPI_Gather(from, count, type, to, to_count, to_type, root, comm);
    return end(RANKS_GATHER, bytes_of(count, type), start, status);
}

int MPI_Gatherv(const void *from, int count, MPI_Datatype type, void *to, const int *to_counts, const int *places,
                MPI_Datatype to_type, int root, MPI_Comm comm) {
    double start = ranks_profile_clock();
    int status = PMPI_Gatherv(from, count, type, to, to_counts, places, to_type, root, comm);
    return end(RANKS_GATHERV, bytes_of(count, type), start, status);
}

int MPI_Scatterv(const void *from, const int *counts, const int *places, MPI_Datatype type, void *to, int count,
                 MPI_Datatype to_type, int root, MPI_Comm comm) {
    double start = ranks_profile_clock();
    int status = PMPI_Scatterv(from, counts, places, type, to, count, to_type, root, comm);
    return end(RANKS_SCATTERV, bytes_of(count, to_type), start, status);
}

int MPI_Allgather(const void *from, int count, MPI_Datatype type, void *to, int to_count, MPI_Datatype to_type,
                  MPI_Comm comm) {
    double start = ranks_profile_clock();
    int status = PMPI_Allgather(from, count, type, to, to_count, to_type, comm);
    return end(RANKS_ALLGATHER, bytes_of(to_count, to_type), start, status);
}

int MPI_Allgatherv(const void *from, int count, MPI_Datatype type, void *to, const int *to_counts, const int *places,
                   MPI_Datatype to_type, MPI_Comm comm) {
    double start = ranks_profile_clock();
    int status = PMPI_Allgatherv(from, count, type, to, to_counts, places, to_type, comm);
    return end(RANKS_ALLGATHERV, from == MPI_IN_PLACE ? 0 : bytes_of(count, type), start, status);
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

int MPI_Send(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm) {
    double start = ranks_profile_clock();
    return end(RANKS_SEND, bytes_of(count, type), start, PMPI_Send(buffer, count, type, to, tag, comm));
}

int MPI_Isend(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm, MPI_Request *request) {
    double start = ranks_profile_clock();
    return end(RANKS_ISEND, bytes_of(count, type), start, PMPI_Isend(buffer, count, type, to, tag, comm, request));
}

int MPI_Recv(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Status *status) {
    double start = ranks_profile_clock();
    return end(RANKS_RECV, bytes_of(count, type), start, PMPI_Recv(buffer, count, type, from, tag, comm, status));
}

int MPI_Irecv(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm, MPI_Request *request) {
    double start = ranks_profile_clock();
    return end(RANKS_IRECV, bytes_of(count, type), start, PMPI_Irecv(buffer, count, type, from, tag, comm, request));
}

int MPI_Wait(MPI_Request *request, MPI_Status *status) {
    double start = ranks_profile_clock();
    return end(RANKS_WAIT, 0, start, PMPI_Wait(request, status));
}

int MPI_Test(MPI_Request *request, int *done, MPI_Status *status) {
    double start = ranks_profile_clock();
    return end(RANKS_TEST, 0, start, PMPI_Test(request, done, status));
}

int MPI_Testall(int count, MPI_Request requests[], int *done, MPI_Status statuses[]) {
    double start = ranks_profile_clock();
    return end(RANKS_TESTALL, 0, start, PMPI_Testall(count, requests, done, statuses));
}

int MPI_Iprobe(int from, int tag, MPI_Comm comm, int *there, MPI_Status *status) {
    double start = ranks_profile_clock();
    return end(RANKS_IPROBE, 0, start, PMPI_Iprobe(from, tag, comm, there, status));
}

/* ---- one-sided --------------------------------------------------------------------------------------------------- */

int MPI_Put(const void *from, int count, MPI_Datatype type, int rank, MPI_Aint place, int to_count,
            MPI_Datatype to_type, MPI_Win window) {
    double start = ranks_profile_clock();
    int status = PMPI_Put(from, count, type, rank, place, to_count, to_type, window);
    return end(RANKS_PUT, bytes_of(count, type), start, status);
}

int MPI_Get(void *to, int count, MPI_Datatype type, int rank, MPI_Aint place, int from_count, MPI_Datatype from_type,
            MPI_Win window) {
    double start = ranks_profile_clock();
    int status = PMPI_Get(to, count, type, rank, place, from_count, from_type, window);
    return end(RANKS_GET, bytes_of(count, type), start, status);
}

int MPI_Fetch_and_op(const void *from, void *result, MPI_Datatype type, int rank, MPI_Aint place, MPI_Op op,
                     MPI_Win window) {
    double start = ranks_profile_clock();
    int status = PMPI_Fetch_and_op(from, result, type, rank, place, op, window);
    return end(RANKS_FETCH_AND_OP, bytes_of(1, type), start, status);
}

int MPI_Win_lock(int kind, int rank, int assertion, MPI_Win window) {
    double start = ranks_profile_clock();
    return end(RANKS_WIN_LOCK, 0, start, PMPI_Win_lock(kind, rank, assertion, window));
}

int MPI_Win_unlock(int rank, MPI_Win window) {
    double start = ranks_profile_clock();
    return end(RANKS_WIN_UNLOCK, 0, start, PMPI_Win_unlock(rank, window));
}

int MPI_Win_allocate(MPI_Aint size, int unit, MPI_Info info, MPI_Comm comm, void *base, MPI_Win *window) {
    double start = ranks_profile_clock();
    return end(RANKS_WIN_ALLOCATE, size, start, PMPI_Win_allocate(size, unit, info, comm, base, window));
}

/* ---- communicators ----------------------------------------------------------------------------------------------- */

int MPI_Comm_split(MPI_Comm comm, int color, int key, MPI_Comm *made) {
    double start = ranks_profile_clock();
    return end(RANKS_COMM_SPLIT, 0, start, PMPI_Comm_split(comm, color, key, made));
}

int MPI_Comm_split_type(MPI_Comm comm, int type, int key, MPI_Info info, MPI_Comm *made) {
    double start = ranks_profile_clock();
    return end(RANKS_COMM_SPLIT, 0, start, PMPI_Comm_split_type(comm, type, key, info, made));
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *made) {
    double start = ranks_profile_clock();
    return end(RANKS_COMM_DUP, 0, start, PMPI_Comm_dup(comm, made));
}
