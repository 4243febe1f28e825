/* store: writes a ledger: one durable line a transition. */
#include "ledger.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct dstn_ledger {
    int descriptor;
    char *path;
    int64_t sequence; /* of the next line */
    off_t end;        /* bytes of whole lines */
};

/* Cuts off what a killed launch left of its last line, so that the next one begins where a line begins. */
static dstn_status open_file(const char *folder, const char *writer, dstn_ledger *ledger, dstn_error *err) {
    store_ledger_file file;
    dstn_status status = store_ledger_file_read(folder, writer, &file, err);
    ledger->end = (off_t)file.good_bytes;
    ledger->path = store_ledger_path(folder, writer);
    store_ledger_file_clear(&file);
    if (status != DSTN_OK) {
        return status;
    }
    ledger->descriptor = store_open_own(ledger->path, O_WRONLY | O_APPEND);
    if (ledger->descriptor < 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", ledger->path, store_open_own_reason(errno));
    }
    if (ftruncate(ledger->descriptor, ledger->end) != 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", ledger->path, strerror(errno));
    }
    char *holder = store_folder_of(ledger->path);
    status = store_sync_folder(holder, err);
    free(holder);
    return status;
}

dstn_status dstn_ledger_open(const char *folder, const char *writer, dstn_ledger **out, dstn_error *err) {
    *out = NULL;
    char *path = dstn_format("%s/ledger", folder);
    dstn_status status = dstn_store_make_folder(path, err);
    free(path);
    dstn_ledger_book *book = NULL;
    if (status != DSTN_OK || dstn_ledger_read(folder, NULL, &book, err) != DSTN_OK) {
        return err->status;
    }
    dstn_ledger *ledger = dstn_alloc(1, sizeof *ledger);
    ledger->descriptor = -1;
    ledger->sequence = book->line_count ? book->lines[book->line_count - 1].sequence + 1 : 1;
    dstn_ledger_book_destroy(book);
    if (ledger->sequence > STORE_LAST_SEQUENCE / 2) {
        status =
            dstn_fail(err, DSTN_ERROR_CHECKPOINT, "the ledger of %s has the number %lld, after which there are none",
                      folder, (long long)ledger->sequence - 1);
        dstn_ledger_close(ledger);
        return status;
    }
    status = open_file(folder, writer, ledger, err);
    if (status != DSTN_OK) {
        dstn_ledger_close(ledger);
        return status;
    }
    *out = ledger;
    return DSTN_OK;
}

void dstn_ledger_close(dstn_ledger *ledger) {
    if (!ledger) {
        return;
    }
    if (ledger->descriptor >= 0) {
        close(ledger->descriptor);
    }
    free(ledger->path);
    free(ledger);
}

int64_t dstn_ledger_last(const dstn_ledger *ledger) {
    return ledger->sequence - 1;
}

void dstn_ledger_raise(dstn_ledger *ledger, int64_t sequence) {
    ledger->sequence = ledger->sequence > sequence ? ledger->sequence : sequence + 1;
}

static void tell_time(char text[32]) {
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t length = strftime(text, 24, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text + length, 32 - length, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* Of a buffer that holds whole lines, all or nothing stays in the file. */
static dstn_status append_bytes(dstn_ledger *ledger, const char *bytes, size_t length, dstn_error *err) {
    size_t written = 0;
    ssize_t got = 0;
    errno = 0;
    while (written < length && (got = write(ledger->descriptor, bytes + written, length - written)) > 0) {
        written += (size_t)got;
    }
    if (written == length && fsync(ledger->descriptor) == 0) {
        ledger->end += (off_t)length;
        return DSTN_OK;
    }
    /* A write that is cut short leaves no reason; a full disk is the common one. */
    int reason = errno ? errno : ENOSPC;
    if (ftruncate(ledger->descriptor, ledger->end) != 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written (%s), nor can an unfinished line be taken back: %s",
                         ledger->path, strerror(reason), strerror(errno));
    }
    return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", ledger->path, strerror(reason));
}

dstn_status dstn_ledger_append_all(dstn_ledger *ledger, int64_t count, const char *const *members,
                                   dstn_member_state state, const char *const *details, dstn_error *err) {
    char time[32], *lines = NULL;
    size_t length = 0;
    if (count == 0) {
        return DSTN_OK;
    }
    tell_time(time);
    FILE *out = open_memstream(&lines, &length);
    for (int64_t i = 0; out && i < count; i++) {
        char *line = store_ledger_line_make(ledger->sequence + i, time, members[i], state, details[i]);
        fputs(line, out);
        free(line);
    }
    if (!out || fclose(out) != 0) {
        free(lines);
        return dstn_fail(err, DSTN_ERROR_RUN, "%s: no memory for %lld lines", ledger->path, (long long)count);
    }
    dstn_status status = append_bytes(ledger, lines, length, err);
    ledger->sequence += status == DSTN_OK ? count : 0;
    free(lines);
    return status;
}

dstn_status dstn_ledger_append(dstn_ledger *ledger, const char *member, dstn_member_state state, const char *detail,
                               dstn_error *err) {
    return dstn_ledger_append_all(ledger, 1, &member, state, &detail, err);
}
