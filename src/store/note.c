/* store: notes: what the first of several writers has to say, which all that come later read, on any host. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_BYTES = 16384 };

/* The last line: a note without it is being written, or its writer died. */
static const char end_mark[] = "end of note\n";

/* A time limit for whoever writes: hosts that share a file system may see what others write after a while. */
static const double most_seconds = 60;

/* 0, or the reason why it isn't written; EEXIST: somebody was first. */
static int write_first(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return errno;
    }
    char *whole = dstn_format("%s%s", text, end_mark);
    size_t size = strlen(whole), written = 0;
    ssize_t got = 0;
    errno = 0;
    while (written < size && ((got = write(descriptor, whole + written, size - written)) > 0 || errno == EINTR)) {
        written += got > 0 ? (size_t)got : 0;
    }
    free(whole);
    /* A write that is cut short leaves no reason; a full disk is the common one. */
    int reason = written < size || fsync(descriptor) != 0 ? errno ? errno : ENOSPC : 0;
    close(descriptor);
    if (reason) {
        unlink(path);
    }
    return reason;
}

/* The text of a whole note in a new string, or NULL with the reason; 0: it is not whole. */
static char *read_whole(const char *path, int *reason) {
    char *text = dstn_alloc(MOST_BYTES + 1, 1);
    FILE *file = fopen(path, "rb");
    *reason = file ? 0 : errno;
    size_t size = file ? fread(text, 1, MOST_BYTES, file) : 0, mark = sizeof end_mark - 1;
    if (file) {
        *reason = ferror(file) ? EIO : 0;
        fclose(file);
    }
    if (*reason == 0 && size >= mark && memcmp(text + size - mark, end_mark, mark) == 0) {
        text[size - mark] = '\0';
        return text;
    }
    free(text);
    return NULL;
}

dstn_status dstn_note_leave(const char *path, const char *text, char **standing, dstn_error *err) {
    *standing = NULL;
    int reason = write_first(path, text);
    if (reason && reason != EEXIST) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", path, strerror(reason));
    }
    double start = dstn_seconds();
    while (!(*standing = read_whole(path, &reason)) && reason == 0 && dstn_seconds() - start < most_seconds) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    if (*standing) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be read: %s", path,
                     reason ? strerror(reason) : "its writer has died over it, and the next launch removes it");
}

char *dstn_note_read(const char *path) {
    int ignored;
    return read_whole(path, &ignored);
}

char *dstn_note_line(const char *text, const char *name) {
    size_t length = strlen(name);
    while (text && *text) {
        size_t line = strcspn(text, "\n");
        if (line > length && strncmp(text, name, length) == 0 && text[length] == ' ') {
            return dstn_format("%.*s", (int)(line - length - 1), text + length + 1);
        }
        text += line + (text[line] == '\n');
    }
    return NULL;
}

bool dstn_note_is_unfinished(const char *path) {
    int reason;
    char *text = read_whole(path, &reason);
    bool is_whole = text != NULL;
    free(text);
    return !is_whole && reason == 0;
}
