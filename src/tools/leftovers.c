/* What launches of a sweep have left undone: members that a dead one was running, files that it was writing, and
 * members that wait. The next launch sees to all of it. */
#include "leftovers.h"
#include "dstn/search.h"

#include <stdlib.h>
#include <string.h>

typedef struct leftovers {
    int64_t files;
    char *first; /* one of them */
} leftovers;

static void add_file(void *user, const char *path) {
    leftovers *l = user;
    l->files++;
    l->first = l->first ? l->first : dstn_strdup(path);
}

/* Of members that have ended there are none. */
static leftovers find_files(const char *folder, const dstn_ledger_book *book) {
    leftovers l = {0, NULL};
    dstn_store_for_remnants(folder, add_file, &l);
    for (int64_t m = 0; m < book->member_count; m++) {
        if (!dstn_member_has_ended(book->members[m].state)) {
            char *own = dstn_format("%s/members/%s", folder, book->members[m].name), *inner = dstn_run_checkpoints(own);
            dstn_store_for_remnants(own, add_file, &l);
            if (strcmp(own, inner) != 0) {
                dstn_store_for_remnants(inner, add_file, &l);
            }
            free(inner);
            free(own);
        }
    }
    dstn_sweep_for_unfinished_notes(folder, add_file, &l);
    return l;
}

static const char *first_running(const dstn_ledger_book *book) {
    for (int64_t m = 0; m < book->member_count; m++) {
        if (book->members[m].state == DSTN_MEMBER_RUNNING) {
            return book->members[m].name;
        }
    }
    return NULL;
}

static void say_dead(FILE *out, const char *holder, const dstn_ledger_book *book, const leftovers *l) {
    int64_t running = book->states[DSTN_MEMBER_RUNNING];
    const char *who = *holder ? holder : "which has left no name";
    if (running > 0) {
        dstn_print_line(out,
                        "a launch has died (%s) while it ran %lld members, first %s: they go on from their "
                        "checkpoints",
                        who, (long long)running, first_running(book));
    }
    if (l->files > 0) {
        dstn_print_line(out, "a launch has died while it wrote %lld files, first %s: they are removed",
                        (long long)l->files, l->first);
    }
}

void tools_say_leftovers(FILE *out, const char *folder, const dstn_ledger_book *book) {
    char holder[256];
    dstn_lock_state state = dstn_lock_look(folder, holder);
    if (state == DSTN_LOCK_HELD) {
        dstn_print_line(out, "a launch is at work (%s)", holder[0] ? holder : "which has not given its name yet");
        return;
    }
    leftovers l = find_files(folder, book);
    int64_t waiting =
        book->states[DSTN_MEMBER_QUEUED] + book->states[DSTN_MEMBER_PREEMPTED] + book->states[DSTN_MEMBER_RUNNING];
    say_dead(out, holder, book, &l);
    if (waiting > 0 || l.files > 0) {
        dstn_print_line(out, "%lld members have not ended; go on with: dstn sweep SWEEP.yaml --out %s --resume",
                        (long long)waiting, folder);
    }
    free(l.first);
}
