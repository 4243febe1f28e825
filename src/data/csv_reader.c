/* data: records and fields of a CSV file, unquoted in place. */
#include "csv_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char separators[] = ",;\t| "; /* by preference */

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

int data_csv_open(data_csv_reader *reader, const char *path) {
    *reader = (data_csv_reader){.path = path, .line = 1, .separator = ','};
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

void data_csv_close(data_csv_reader *reader) {
    free(reader->fields);
    free(reader->text);
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Blanks around a field are none of it; where tabs separate, a tab is no blank. */
static bool is_margin(const data_csv_reader *reader, char c) {
    return c == ' ' || (c == '\t' && reader->separator != '\t');
}

static bool separates(const data_csv_reader *reader, char c) {
    return reader->separator == ' ' ? is_blank(c) : c == reader->separator;
}

static bool ends_line(const data_csv_reader *reader) {
    return reader->at == reader->end || *reader->at == '\n' || *reader->at == '\r';
}

/* Past a line's end: LF, CRLF or CR. */
static void skip_line_end(data_csv_reader *reader) {
    if (reader->at == reader->end) {
        return;
    }
    if (*reader->at++ == '\r' && *reader->at == '\n') {
        reader->at++;
    }
    reader->line++;
}

/* Past blank lines, if nothing else follows them. */
static bool is_at_end(data_csv_reader *reader) {
    const char *rest = reader->at;
    while (rest < reader->end && (is_blank(*rest) || *rest == '\n' || *rest == '\r')) {
        rest++;
    }
    return rest == reader->end;
}

static void add_field(data_csv_reader *reader, char *field) {
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
static dstn_status read_quoted(data_csv_reader *reader, char **field_end, dstn_error *err) {
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

static char *read_bare(data_csv_reader *reader, char *start) {
    while (!ends_line(reader) && !separates(reader, *reader->at)) {
        reader->at++;
    }
    char *end = reader->at;
    while (end > start && is_margin(reader, end[-1])) {
        end--;
    }
    return end;
}

static void skip_margin(data_csv_reader *reader) {
    while (!ends_line(reader) && is_margin(reader, *reader->at)) {
        reader->at++;
    }
}

static dstn_status fail_behind_quotes(const data_csv_reader *reader, dstn_error *err) {
    static const char *const names[] = {"a comma", "a semicolon", "a tab", "a bar", "a blank"};
    const char *known = strchr(separators, reader->separator);
    return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: column %zu: text behind closing quotes; accepted: %s",
                     reader->path, (long long)reader->line, reader->count + 1,
                     known ? names[known - separators] : "the separator");
}

/* One field; `at` is then behind its separator, or at the line's end, which *last tells. */
static dstn_status read_field(data_csv_reader *reader, bool *last, dstn_error *err) {
    skip_margin(reader);
    char *start = reader->at, *field_end = NULL;
    if (!ends_line(reader) && *start == '"') {
        start++;
        dstn_status status = read_quoted(reader, &field_end, err);
        if (status != DSTN_OK) {
            return status;
        }
    } else {
        field_end = read_bare(reader, start);
    }
    bool has_gap = !ends_line(reader) && separates(reader, *reader->at);
    skip_margin(reader);
    *last = ends_line(reader);
    if (*last) {
        skip_line_end(reader);
    } else if (reader->separator != ' ' && *reader->at == reader->separator) {
        reader->at++;
    } else if (reader->separator != ' ' || !has_gap) {
        return fail_behind_quotes(reader, err);
    }
    *field_end = '\0';
    add_field(reader, start);
    return DSTN_OK;
}

dstn_status data_csv_next(data_csv_reader *reader, bool *found, dstn_error *err) {
    reader->count = 0;
    reader->record_line = reader->line;
    *found = !is_at_end(reader);
    dstn_status status = DSTN_OK;
    for (bool last = !*found; !last && status == DSTN_OK;) {
        status = read_field(reader, &last, err);
    }
    return status;
}

/* ---- what a file is ---------------------------------------------------------------------------------------------- */

dstn_status data_csv_check_text(const data_csv_reader *reader, dstn_error *err) {
    static const struct {
        const char *beginning, *name;
    } kinds[] = {
        {"\x1f\x8b", "compressed by gzip"},
        {"BZh", "compressed by bzip2"},
        {"\xfd"
         "7zXZ",
         "compressed by xz"},
        {"\x28\xb5\x2f\xfd", "compressed by zstd"},
        {"PK\x03\x04", "a ZIP archive or a workbook"},
        {"\x89HDF", "an HDF5 file (source: hdf5)"},
        {"PAR1", "a Parquet file"},
        {"\xff\xfe", "text in UTF-16"},
        {"\xfe\xff", "text in UTF-16"},
    };
    size_t length = (size_t)(reader->end - reader->text);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t size = strlen(kinds[i].beginning);
        if (length >= size && memcmp(reader->text, kinds[i].beginning, size) == 0) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s: is %s; accepted: a table as plain text, UTF-8", reader->path,
                             kinds[i].name);
        }
    }
    /* A NUL byte would end a field early, and no text has one; but for UTF-16, where letters are pairs with one. */
    const char *nul = memchr(reader->text, '\0', length);
    if (!nul) {
        return DSTN_OK;
    }
    int64_t line = 1;
    for (const char *c = reader->text; c < nul; c++) {
        line += *c == '\n';
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: has a NUL byte%s; accepted: UTF-8 text", reader->path,
                     (long long)line, nul - reader->text < 2 ? ", as text in UTF-16 has" : "");
}

/* How many separators stand in a line, outside of quotes; *line [in,out] becomes the next one. Any number of blanks
 * between two fields counts as one. */
static int64_t count_separators(const data_csv_reader *reader, char separator, const char **line) {
    const char *c = *line;
    bool in_quotes = false, has_field = false, has_gap = false;
    int64_t count = 0;
    for (; c < reader->end && (in_quotes || (*c != '\n' && *c != '\r')); c++) {
        in_quotes ^= *c == '"';
        bool is_gap = !in_quotes && is_blank(*c);
        count += separator == ' ' ? !is_gap && has_field && has_gap : !in_quotes && *c == separator;
        has_field |= !is_gap;
        has_gap = is_gap;
    }
    c += c < reader->end && *c == '\r';
    *line = c + (c < reader->end && *c == '\n');
    return count;
}

/* How many stand in the header if as many stand in some lines below, else 0. */
static int64_t agreed_count(const data_csv_reader *reader, char separator) {
    const int most = 20;
    const char *line = reader->at;
    int64_t count = count_separators(reader, separator, &line);
    for (int i = 0; i < most && line < reader->end; i++) {
        const char *start = line;
        int64_t here = count_separators(reader, separator, &line);
        bool is_empty = *start == '\n' || *start == '\r';
        if (here != count && !is_empty) {
            return 0;
        }
    }
    return count;
}

char data_csv_skip_preface(data_csv_reader *reader) {
    static const char mark[] = "sep=";
    const size_t length = sizeof mark - 1;
    const char *line = reader->at;
    char said = '\0';
    if (strncmp(line, mark, length) == 0 && line[length] && strchr("\r\n", line[length + 1])) {
        said = line[length];
        reader->at += length + 1;
        skip_line_end(reader);
    }
    for (char *rest = reader->at; !is_at_end(reader) && (is_blank(*rest) || *rest == '\n' || *rest == '\r');) {
        rest += strspn(rest, " \t");
        if (*rest == '\n' || *rest == '\r') {
            reader->at = rest;
            skip_line_end(reader);
            rest = reader->at;
        }
    }
    return said;
}

char data_csv_guess_separator(const data_csv_reader *reader) {
    for (const char *separator = separators; *separator; separator++) {
        if (agreed_count(reader, *separator) > 0) {
            return *separator;
        }
    }
    /* Rows that have too few or too many are told of by what the header has. */
    for (const char *separator = separators; *separator && *separator != ' '; separator++) {
        const char *line = reader->at;
        if (count_separators(reader, *separator, &line) > 0) {
            return *separator;
        }
    }
    return ',';
}
