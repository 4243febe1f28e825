/* ranks: mail to rank 0: messages of any length, which their senders forget and rank 0 takes when it has time. */
#include "dstn/ranks.h"
#include "group.h"

#include <stdlib.h>
#include <string.h>

typedef struct ranks_letter {
    struct ranks_letter *next;
    MPI_Request sending;
    size_t size;
    void *bytes;
} ranks_letter;

struct dstn_mail {
    MPI_Comm comm;
    int rank;
    ranks_letter *first, **end; /* elsewhere: what is under way; on rank 0: what has come and nobody has taken */
    int64_t sent, received;     /* rank 0 receives nothing from itself */
};

dstn_mail *dstn_mail_new(const dstn_group *world) {
    dstn_mail *mail = dstn_alloc(1, sizeof *mail);
    mail->rank = world->rank;
    mail->end = &mail->first;
    MPI_Comm_dup(world->comm, &mail->comm);
    return mail;
}

static ranks_letter *append(dstn_mail *mail, void *bytes, size_t size) {
    ranks_letter *letter = dstn_alloc(1, sizeof *letter);
    letter->bytes = bytes;
    letter->size = size;
    *mail->end = letter;
    mail->end = &letter->next;
    return letter;
}

static ranks_letter *take_first(dstn_mail *mail) {
    ranks_letter *letter = mail->first;
    mail->first = letter->next;
    if (!mail->first) {
        mail->end = &mail->first;
    }
    return letter;
}

static void forget_first(dstn_mail *mail) {
    ranks_letter *letter = take_first(mail);
    free(letter->bytes);
    free(letter);
}

static void forget_what_has_left(dstn_mail *mail) {
    int has_left = 1;
    while (mail->first && has_left) {
        MPI_Test(&mail->first->sending, &has_left, MPI_STATUS_IGNORE);
        if (has_left) {
            forget_first(mail);
        }
    }
}

void dstn_mail_send(dstn_mail *mail, const void *bytes, size_t size) {
    void *copy = dstn_alloc(size + 1, 1);
    memcpy(copy, bytes, size);
    if (mail->rank == 0) {
        append(mail, copy, size);
        return;
    }
    forget_what_has_left(mail);
    ranks_letter *letter = append(mail, copy, size);
    MPI_Isend(copy, (int)size, MPI_BYTE, 0, 0, mail->comm, &letter->sending);
    mail->sent++;
}

static void receive(dstn_mail *mail) {
    int is_there = 1;
    while (is_there) {
        MPI_Status status;
        MPI_Iprobe(MPI_ANY_SOURCE, 0, mail->comm, &is_there, &status);
        if (is_there) {
            int size = 0;
            MPI_Get_count(&status, MPI_BYTE, &size);
            void *bytes = dstn_alloc((size_t)size + 1, 1);
            MPI_Recv(bytes, size, MPI_BYTE, status.MPI_SOURCE, 0, mail->comm, MPI_STATUS_IGNORE);
            append(mail, bytes, (size_t)size);
            mail->received++;
        }
    }
}

void *dstn_mail_take(dstn_mail *mail, size_t *size) {
    receive(mail);
    if (!mail->first) {
        return NULL;
    }
    ranks_letter *letter = take_first(mail);
    void *bytes = letter->bytes;
    *size = letter->size;
    free(letter);
    return bytes;
}

/* Rank 0 receives until it has all that the others say they have sent: a long message leaves only then. */
void dstn_mail_close(dstn_mail *mail) {
    int64_t all = 0;
    int is_known = 0;
    MPI_Request request;
    MPI_Ireduce(&mail->sent, &all, 1, MPI_INT64_T, MPI_SUM, 0, mail->comm, &request);
    if (mail->rank != 0) {
        while (mail->first) {
            MPI_Wait(&mail->first->sending, MPI_STATUS_IGNORE);
            forget_first(mail);
        }
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        return;
    }
    while (!is_known || mail->received < all) {
        receive(mail);
        MPI_Test(&request, &is_known, MPI_STATUS_IGNORE);
    }
}

void dstn_mail_destroy(dstn_mail *mail) {
    if (!mail) {
        return;
    }
    while (mail->first) {
        forget_first(mail);
    }
    MPI_Comm_free(&mail->comm);
    free(mail);
}
