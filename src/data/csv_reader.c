/* data: records and fields of a CSV file, unquoted in place. */
#include "csv_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* Text of the file with a NUL behind it; false with errno set. */
static bool read_all(FILE *file, char **text, size_t *length) {
    size_t capacity = 1 << 16;
    *length = 0;
    *text = NULL;
    for (size_t got = 1; got > 0; *length += got) {
        char *larger = *text && *length + 1 < capacity ? *text : realloc(*text, capacity *= 2);
        if (!larger) {
            return false;
        }
        *text = larger;
        got = fread(*text + *length, 1, capacity - *length - 1, file);
    }
    (*text)[*length] = '\0';
    return !ferror(file);
}

int data_csv_open(csv_reader *reader, const char *path) {
    *reader = (csv_reader){.path = path, .line = 1};
    size_t length = 0;
    errno = 0;
    FILE *file = fopen(path, "rb");
    bool is_read = file && read_all(file, &reader->text, &length);
    int reason = errno ? errno : EIO;
    if (file) {
        fclose(file);
    }
    if (!is_read) {
        free(reader->text);
        return reason;
    }
    reader->end = reader->text + length;
    reader->at = reader->text + (strncmp(reader->text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0);
    return 0;
}

void data_csv_close(csv_reader *reader) {
    free(reader->fields);
    free(reader->text);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool ends_line(const csv_reader *reader) {
    return reader->at == reader->end || *reader->at == '\n' || *reader->at == '\r';
}

/* Past a line's end: LF, CRLF or CR. */
static void skip_line_end(csv_reader *reader) {
    if (reader->at == reader->end) {
        return;
    }
    if (*reader->at++ == '\r' && *reader->at == '\n') {
        reader->at++;
    }
    reader->line++;
}

/* Past blank lines, if nothing else follows them. */
static bool is_at_end(csv_reader *reader) {
    const char *rest = reader->at;
    while (rest < reader->end && (is_blank(*rest) || *rest == '\n' || *rest == '\r')) {
        rest++;
    }
    return rest == reader->end;
}

static void add_field(csv_reader *reader, char *field) {
    if (reader->count == reader->capacity) {
        size_t capacity = reader->capacity ? 2 * reader->capacity : 32;
        char **fields = dstn_alloc(capacity, sizeof *fields);
        if (reader->count) {
            memcpy(fields, reader->fields, reader->count * sizeof *fields);
        }
        free(reader->fields);
        reader->fields = fields;
        reader->capacity = capacity;
    }
    reader->fields[reader->count++] = field;
}

/* From an opening quote to behind the closing one; the field without them stays in place, and *field_end is where its
 * NUL goes. A line's end inside the quotes belongs to the field. */
static dstn_status read_quoted(csv_reader *reader, char **field_end, dstn_error *err) {
    int64_t opened = reader->line;
    char *to = ++reader->at;
    while (reader->at < reader->end) {
        char c = *reader->at++;
        if (c == '"' && *reader->at != '"') {
            *field_end = to;
            return DSTN_OK;
        }
        reader->at += c == '"';
        reader->line += c == '\n';
        *to++ = c;
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: column %zu: its quotes don't close", reader->path,
                     (long long)opened, reader->count + 1);
}

static char *read_bare(csv_reader *reader, char *start) {
    while (!ends_line(reader) && *reader->at != ',') {
        reader->at++;
    }
    char *end = reader->at;
    while (end > start && is_blank(end[-1])) {
        end--;
    }
    return end;
}

/* One field; `at` is then behind its comma, or at the line's end, which *last tells. */
static dstn_status read_field(csv_reader *reader, bool *last, dstn_error *err) {
    while (!ends_line(reader) && is_blank(*reader->at)) {
        reader->at++;
    }
    char *start = reader->at, *field_end = NULL;
    bool is_quoted = !ends_line(reader) && *start == '"';
    if (is_quoted) {
        start++;
        dstn_status status = read_quoted(reader, &field_end, err);
        if (status != DSTN_OK) {
            return status;
        }
        while (!ends_line(reader) && is_blank(*reader->at)) {
            reader->at++;
        }
        if (!ends_line(reader) && *reader->at != ',') {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: column %zu: text behind closing quotes; accepted: a comma",
                             reader->path, (long long)reader->line, reader->count + 1);
        }
    } else {
        field_end = read_bare(reader, start);
    }
    *last = ends_line(reader);
    if (*last) {
        skip_line_end(reader);
    } else {
        reader->at++;
    }
    *field_end = '\0';
    add_field(reader, start);
    return DSTN_OK;
}

/* A NUL byte would end a field early, and no text has one. */
static dstn_status check_text(csv_reader *reader, dstn_error *err) {
    const char *nul = reader->is_checked ? NULL : memchr(reader->at, '\0', (size_t)(reader->end - reader->at));
    int64_t line = 1;
    reader->is_checked = true;
    if (!nul) {
        return DSTN_OK;
    }
    for (const char *c = reader->at; c < nul; c++) {
        line += *c == '\n';
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: has a NUL byte; accepted: UTF-8 text", reader->path,
                     (long long)line);
}

dstn_status data_csv_next(csv_reader *reader, bool *found, dstn_error *err) {
    reader->count = 0;
    reader->record_line = reader->line;
    *found = !is_at_end(reader);
    dstn_status status = check_text(reader, err);
    for (bool last = !*found; !last && status == DSTN_OK;) {
        status = read_field(reader, &last, err);
    }
    return status;
}
