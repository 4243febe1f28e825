/* store: reads a ledger: the lines of all files in one order, and what they come to for every member. */
#include "ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char suffix[] = ".txt";

char *store_ledger_path(const char *folder, const char *writer) {
    return dstn_format("%s/ledger/%s%s", folder, writer, suffix);
}

/* ---- one file --------------------------------------------------------------------------------------------- */

/* Opened without waiting for the writer of a pipe; -1 and errno. */
static int open_regular(const char *path) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat about;
    if (descriptor >= 0 && (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))) {
        close(descriptor);
        errno = EINVAL;
        return -1;
    }
    return descriptor;
}

/* The whole of a file and a zero; *size -1 where there is none. */
static char *read_whole(const char *path, int64_t *size) {
    *size = -1;
    int descriptor = open_regular(path);
    if (descriptor < 0) {
        return NULL;
    }
    size_t capacity = 1 << 16, length = 0;
    char *text = dstn_alloc(capacity, 1);
    ssize_t got;
    while ((got = read(descriptor, text + length, capacity - length - 1)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            break;
        }
        length += (size_t)got;
        if (length + 1 == capacity) {
            capacity *= 2;
            char *larger = dstn_alloc(capacity, 1);
            memcpy(larger, text, length);
            free(text);
            text = larger;
        }
    }
    int reason = errno;
    close(descriptor);
    if (got < 0) {
        free(text);
        errno = reason;
        return NULL;
    }
    text[length] = 0;
    *size = (int64_t)length;
    return text;
}

static void add_line(store_ledger_file *file, const dstn_ledger_line *line) {
    if (file->count == file->capacity) {
        file->capacity = file->capacity ? 2 * file->capacity : 64;
        dstn_ledger_line *larger = dstn_alloc((size_t)file->capacity, sizeof *larger);
        if (file->count) {
            memcpy(larger, file->lines, (size_t)file->count * sizeof *larger);
        }
        free(file->lines);
        file->lines = larger;
    }
    file->lines[file->count] = *line;
    file->lines[file->count++].writer = dstn_strdup(file->writer);
}

/* A crash leaves a last line without its end, or with zeros for what never reached the disk. Anything else that is
 * wrong is none of a crash's doing. */
static bool is_unfinished(const char *start, const char *end, size_t rest) {
    if (!end) {
        return true;
    }
    size_t length = (size_t)(end - start);
    return length + 1 == rest && memchr(start, 0, length);
}

static dstn_status parse_lines(store_ledger_file *file, const char *text, dstn_error *err) {
    while (file->good_bytes < file->bytes) {
        const char *start = text + file->good_bytes;
        size_t rest = (size_t)(file->bytes - file->good_bytes);
        const char *end = memchr(start, '\n', rest);
        if (is_unfinished(start, end, rest)) {
            return DSTN_OK;
        }
        dstn_ledger_line line;
        if (!store_ledger_line_parse(start, (size_t)(end - start), &line)) {
            return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s:%lld: this line of the ledger is damaged", file->path,
                             (long long)file->count + 1);
        }
        bool rises = file->count == 0 || line.sequence > file->lines[file->count - 1].sequence;
        add_line(file, &line);
        if (!rises) {
            return dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                             "%s:%lld: sequence number %lld doesn't rise above that of the line before", file->path,
                             (long long)file->count, (long long)line.sequence);
        }
        file->good_bytes = end - text + 1;
    }
    return DSTN_OK;
}

dstn_status store_ledger_file_read(const char *folder, const char *writer, store_ledger_file *file, dstn_error *err) {
    *file = (store_ledger_file){.writer = dstn_strdup(writer), .path = store_ledger_path(folder, writer)};
    char *text = read_whole(file->path, &file->bytes);
    if (!text) {
        file->bytes = 0;
        if (errno == ENOENT) {
            return DSTN_OK;
        }
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s can't be read: %s", file->path,
                         errno == EINVAL ? "it is no regular file" : strerror(errno));
    }
    dstn_status status = parse_lines(file, text, err);
    free(text);
    return status;
}

void store_ledger_file_clear(store_ledger_file *file) {
    for (int64_t i = 0; i < file->count; i++) {
        store_ledger_line_clear(&file->lines[i]);
    }
    free(file->lines);
    free(file->writer);
    free(file->path);
}

/* ---- the book --------------------------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b) {
    const dstn_ledger_line *left = a, *right = b;
    if (left->sequence != right->sequence) {
        return left->sequence < right->sequence ? -1 : 1;
    }
    int by_time = strcmp(left->time, right->time);
    return by_time ? by_time : strcmp(left->writer, right->writer);
}

static int compare_by_member(const void *a, const void *b) {
    const dstn_ledger_line *const *left = a, *const *right = b;
    int by_name = strcmp((*left)->member, (*right)->member);
    /* Lines of one member keep their order, which is that of the array they lie in. */
    return by_name ? by_name : (*left > *right) - (*left < *right);
}

static void fold(dstn_ledger_book *book) {
    const dstn_ledger_line **sorted = dstn_alloc((size_t)book->line_count, sizeof *sorted);
    for (int64_t i = 0; i < book->line_count; i++) {
        sorted[i] = &book->lines[i];
    }
    qsort(sorted, (size_t)book->line_count, sizeof *sorted, compare_by_member);
    book->members = dstn_alloc((size_t)book->line_count, sizeof *book->members);
    for (int64_t i = 0; i < book->line_count; i++) {
        const dstn_ledger_line *line = sorted[i];
        if (i == 0 || strcmp(line->member, sorted[i - 1]->member) != 0) {
            book->member_count++;
        }
        dstn_ledger_member *member = &book->members[book->member_count - 1];
        member->name = line->member;
        member->state = line->state;
        member->detail = line->detail;
        member->times[line->state]++;
    }
    for (int64_t i = 0; i < book->member_count; i++) {
        book->states[book->members[i].state]++;
    }
    free(sorted);
}

/* Takes the file's lines over. */
static void add_lines(dstn_ledger_book *book, int64_t *capacity, store_ledger_file *file) {
    int64_t count = book->line_count + file->count;
    if (count > *capacity) {
        *capacity = count > 2 * *capacity ? count : 2 * *capacity;
        dstn_ledger_line *larger = dstn_alloc((size_t)*capacity, sizeof *larger);
        if (book->line_count) {
            memcpy(larger, book->lines, (size_t)book->line_count * sizeof *larger);
        }
        free(book->lines);
        book->lines = larger;
    }
    if (file->count) {
        memcpy(book->lines + book->line_count, file->lines, (size_t)file->count * sizeof *file->lines);
    }
    book->line_count = count;
    file->count = 0;
}

static dstn_status read_file(dstn_ledger_book *book, int64_t *capacity, const char *folder, const char *name,
                             const dstn_log *log, dstn_error *err) {
    size_t length = strlen(name);
    if (length < sizeof suffix || strcmp(name + length - (sizeof suffix - 1), suffix) != 0) {
        return DSTN_OK;
    }
    char *writer = dstn_format("%.*s", (int)(length - (sizeof suffix - 1)), name);
    store_ledger_file file;
    dstn_status status = store_ledger_file_read(folder, writer, &file, err);
    if (status == DSTN_OK && file.good_bytes < file.bytes) {
        dstn_log_warn(log, "%s:%lld: the last line was not finished and doesn't count", file.path,
                      (long long)file.count + 1);
    }
    add_lines(book, capacity, &file);
    store_ledger_file_clear(&file);
    free(writer);
    return status;
}

dstn_status dstn_ledger_read(const char *folder, const dstn_log *log, dstn_ledger_book **out, dstn_error *err) {
    *out = NULL;
    char *path = dstn_format("%s/ledger", folder);
    dstn_ledger_book *book = dstn_alloc(1, sizeof *book);
    dstn_status status = DSTN_OK;
    int64_t capacity = 0; /* of the lines */
    DIR *open = opendir(path);
    if (!open && errno != ENOENT) {
        status = dstn_fail(err, DSTN_ERROR_CHECKPOINT, "folder %s can't be read: %s", path, strerror(errno));
    }
    for (struct dirent *entry; open && status == DSTN_OK && (entry = readdir(open));) {
        status = read_file(book, &capacity, folder, entry->d_name, log, err);
    }
    if (open) {
        closedir(open);
    }
    free(path);
    if (status != DSTN_OK) {
        dstn_ledger_book_destroy(book);
        return status;
    }
    if (book->line_count) {
        qsort(book->lines, (size_t)book->line_count, sizeof *book->lines, compare_lines);
    }
    fold(book);
    *out = book;
    return DSTN_OK;
}

void dstn_ledger_book_destroy(dstn_ledger_book *book) {
    if (!book) {
        return;
    }
    for (int64_t i = 0; i < book->line_count; i++) {
        store_ledger_line_clear(&book->lines[i]);
    }
    free(book->lines);
    free(book->members);
    free(book);
}

static int compare_to_name(const void *name, const void *member) {
    return strcmp(name, ((const dstn_ledger_member *)member)->name);
}

const dstn_ledger_member *dstn_ledger_find(const dstn_ledger_book *book, const char *member) {
    return bsearch(member, book->members, (size_t)book->member_count, sizeof *book->members, compare_to_name);
}
