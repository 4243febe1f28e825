/* ranks: bytes that the keeper keeps for all ranks of a group, in a window or by messages. */
#include "keep.h"
#include "group.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

enum { KEEPER = 0, REQUEST = 1, ANSWER = 2 };

typedef enum keep_action { PUT, ADD, GET } keep_action;

/* What a rank asks of the keeper; the bytes of a put follow it. */
typedef struct keep_request {
    int64_t action, offset;
    int64_t value; /* to add, or how many bytes to get */
} keep_request;

struct ranks_keep {
    MPI_Comm comm; /* reports its errors, where the groups' communicators end the program */
    int rank, size;
    bool has_window;
    MPI_Win window;
    char *bytes; /* on the keeper */

    /* Without a window. */
    char *outgoing, *incoming; /* one request each */
    size_t request_size;       /* of the largest request */
    MPI_Request sending;
    int64_t sent, received; /* requests */
    ranks_keep *next_served;
};

/* The keeps that this process answers for; polls have no other way to find them. */
static ranks_keep *served;

/* ---- making one -------------------------------------------------------------------------------------------------- */

/* Open MPI puts windows of one host's ranks into files of /dev/shm, and where the first of them can't make its own, the
 * others wait for it for ever. */
static bool has_room(size_t bytes) {
    static const unsigned long long margin = 1 << 20; /* for its own states, and what it wants to be left */
    struct statvfs about;
    return statvfs("/dev/shm", &about) != 0 ||
           (unsigned long long)about.f_bavail * about.f_frsize >= 2ULL * bytes + margin;
}

static bool all_say(const ranks_keep *keep, bool yes) {
    int own = yes, all = own;
    MPI_Allreduce(&own, &all, 1, MPI_INT, MPI_MIN, keep->comm);
    return all;
}

/* Some MPIs find out on one rank alone that there can be no window. What the others have made then can't be given back,
 * since that takes all ranks. */
static bool make_window(ranks_keep *keep, size_t bytes) {
    if (!all_say(keep, has_room(bytes))) {
        return false;
    }
    MPI_Aint own = keep->rank == KEEPER ? (MPI_Aint)bytes : 0;
    int code = MPI_Win_allocate(own, 1, MPI_INFO_NULL, keep->comm, &keep->bytes, &keep->window);
    if (!all_say(keep, code == MPI_SUCCESS)) {
        return false;
    }
    if (keep->rank == KEEPER) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, KEEPER, 0, keep->window);
        memset(keep->bytes, 0, bytes);
        MPI_Win_unlock(KEEPER, keep->window);
    }
    MPI_Barrier(keep->comm);
    return true;
}

static void prepare_messages(ranks_keep *keep, size_t bytes, size_t largest) {
    keep->request_size = sizeof(keep_request) + largest;
    keep->bytes = NULL;
    keep->sending = MPI_REQUEST_NULL;
    if (keep->rank == KEEPER) {
        keep->bytes = dstn_alloc(bytes, 1);
        keep->incoming = dstn_alloc(keep->request_size, 1);
        keep->next_served = served;
        served = keep;
    } else {
        keep->outgoing = dstn_alloc(keep->request_size, 1);
    }
}

ranks_keep *ranks_keep_new(const dstn_group *group, size_t bytes, size_t largest) {
    ranks_keep *keep = dstn_alloc(1, sizeof *keep);
    keep->rank = group->rank;
    keep->size = group->size;
    MPI_Comm_dup(group->comm, &keep->comm);
    MPI_Comm_set_errhandler(keep->comm, MPI_ERRORS_RETURN);
    keep->has_window = group->size > 1 && make_window(keep, bytes); /* nobody else could look into it */
    if (!keep->has_window) {
        prepare_messages(keep, bytes, largest);
    }
    return keep;
}

/* ---- the keeper's side of messages ------------------------------------------------------------------------------- */

static void answer(ranks_keep *keep, int rank, const keep_request *request, size_t size) {
    char *at = keep->bytes + request->offset;
    int64_t before;
    switch ((keep_action)request->action) {
    case PUT:
        memcpy(at, request + 1, size - sizeof *request);
        break;
    case ADD:
        before = *(int64_t *)at;
        *(int64_t *)at += request->value;
        MPI_Send(&before, 1, MPI_INT64_T, rank, ANSWER, keep->comm); /* which is being waited for */
        break;
    case GET:
        MPI_Send(at, (int)request->value, MPI_BYTE, rank, ANSWER, keep->comm);
        break;
    }
}

static void serve(ranks_keep *keep) {
    int waiting = 1;
    while (waiting) {
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, REQUEST, keep->comm, &waiting, &status);
        if (waiting) {
            int size = 0;
            MPI_Get_count(&status, MPI_BYTE, &size);
            MPI_Recv(keep->incoming, size, MPI_BYTE, status.MPI_SOURCE, REQUEST, keep->comm, MPI_STATUS_IGNORE);
            keep->received++;
            answer(keep, status.MPI_SOURCE, (const keep_request *)(const void *)keep->incoming, (size_t)size);
        }
    }
}

void ranks_keep_serve_all(void) {
    for (ranks_keep *keep = served; keep; keep = keep->next_served) {
        serve(keep);
    }
}

/* ---- the other ranks' -------------------------------------------------------------------------------------------- */

/* Whether the request could be sent; its bytes [size] may be NULL. */
static bool send_request(ranks_keep *keep, keep_request request, const void *bytes, size_t size) {
    int is_free = 0;
    MPI_Test(&keep->sending, &is_free, MPI_STATUS_IGNORE);
    if (!is_free) {
        return false;
    }
    memcpy(keep->outgoing, &request, sizeof request);
    if (size > 0) {
        memcpy(keep->outgoing + sizeof request, bytes, size);
    }
    MPI_Isend(keep->outgoing, (int)(sizeof request + size), MPI_BYTE, KEEPER, REQUEST, keep->comm, &keep->sending);
    keep->sent++;
    return true;
}

static void finish_sending(ranks_keep *keep) {
    MPI_Wait(&keep->sending, MPI_STATUS_IGNORE);
}

void ranks_keep_put(ranks_keep *keep, size_t offset, const void *bytes, size_t size) {
    if (keep->has_window) {
        MPI_Win_lock(MPI_LOCK_EXCLUSIVE, KEEPER, 0, keep->window);
        MPI_Put(bytes, (int)size, MPI_BYTE, KEEPER, (MPI_Aint)offset, (int)size, MPI_BYTE, keep->window);
        MPI_Win_unlock(KEEPER, keep->window);
    } else if (keep->rank == KEEPER) {
        memcpy(keep->bytes + offset, bytes, size);
    } else {
        send_request(keep, (keep_request){.action = PUT, .offset = (int64_t)offset}, bytes, size);
    }
}

void ranks_keep_put_surely(ranks_keep *keep, size_t offset, const void *bytes, size_t size) {
    if (!keep->has_window && keep->rank != KEEPER) {
        finish_sending(keep);
    }
    ranks_keep_put(keep, offset, bytes, size);
}

static void get_by_message(ranks_keep *keep, size_t offset, void *bytes, size_t size) {
    finish_sending(keep);
    send_request(keep, (keep_request){.action = GET, .offset = (int64_t)offset, .value = (int64_t)size}, NULL, 0);
    MPI_Recv(bytes, (int)size, MPI_BYTE, KEEPER, ANSWER, keep->comm, MPI_STATUS_IGNORE);
}

void ranks_keep_get(ranks_keep *keep, size_t offset, void *bytes, size_t size) {
    if (!keep->has_window && keep->rank != KEEPER) {
        get_by_message(keep, offset, bytes, size);
        return;
    }
    if (!keep->has_window) {
        serve(keep);
        memcpy(bytes, keep->bytes + offset, size);
        return;
    }
    MPI_Win_lock(MPI_LOCK_SHARED, KEEPER, 0, keep->window);
    MPI_Get(bytes, (int)size, MPI_BYTE, KEEPER, (MPI_Aint)offset, (int)size, MPI_BYTE, keep->window);
    MPI_Win_unlock(KEEPER, keep->window);
}

/* Atomic against the other ranks' additions, which is why a shared lock is enough. */
static int64_t add_in_window(ranks_keep *keep, size_t offset, int64_t value) {
    int64_t before = 0;
    MPI_Win_lock(MPI_LOCK_SHARED, KEEPER, 0, keep->window);
    MPI_Fetch_and_op(&value, &before, MPI_INT64_T, KEEPER, (MPI_Aint)offset, MPI_SUM, keep->window);
    MPI_Win_unlock(KEEPER, keep->window);
    return before;
}

static int64_t add_by_message(ranks_keep *keep, size_t offset, int64_t value) {
    int64_t before = 0;
    finish_sending(keep);
    send_request(keep, (keep_request){.action = ADD, .offset = (int64_t)offset, .value = value}, NULL, 0);
    MPI_Recv(&before, 1, MPI_INT64_T, KEEPER, ANSWER, keep->comm, MPI_STATUS_IGNORE);
    return before;
}

int64_t ranks_keep_add(ranks_keep *keep, size_t offset, int64_t value) {
    if (keep->has_window) {
        return add_in_window(keep, offset, value);
    }
    if (keep->rank != KEEPER) {
        return add_by_message(keep, offset, value);
    }
    serve(keep);
    int64_t *at = (int64_t *)(void *)(keep->bytes + offset), before = *at;
    *at += value;
    return before;
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

static void stop_serving(const ranks_keep *keep) {
    ranks_keep **link = &served;
    while (*link != keep) {
        link = &(*link)->next_served;
    }
    *link = keep->next_served;
}

/* The keeper answers until it has all that the others say they have sent. */
static void finish_messages(ranks_keep *keep) {
    int64_t all = 0;
    int done = 0;
    MPI_Request request;
    if (keep->rank != KEEPER) {
        finish_sending(keep);
    }
    MPI_Ireduce(&keep->sent, &all, 1, MPI_INT64_T, MPI_SUM, KEEPER, keep->comm, &request);
    if (keep->rank != KEEPER) {
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        return;
    }
    while (!done || keep->received < all) {
        serve(keep);
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    }
    stop_serving(keep);
}

void ranks_keep_destroy(ranks_keep *keep) {
    if (keep->has_window) {
        MPI_Win_free(&keep->window);
    } else {
        finish_messages(keep);
        free(keep->bytes);
        free(keep->outgoing);
        free(keep->incoming);
    }
    MPI_Comm_free(&keep->comm);
    free(keep);
}
