/* data: reads a text word by word. zlib reads plain files and gzipped ones alike. */
#include "ptb_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "sources.h"

enum { BUFFER = 1 << 17, FIRST_WORDS = 1 << 12, LONGEST_WORD = 1000 };

/* ---- words ------------------------------------------------------------------------------------------------------- */

int64_t data_words_number(data_words *words, const char *text) {
    int64_t number = dstn_texts_find(&words->numbers, text);
    if (number >= 0) {
        return number;
    }
    if (words->count == words->capacity) {
        words->capacity = words->capacity ? 2 * words->capacity : FIRST_WORDS;
        char **texts = dstn_alloc((size_t)words->capacity, sizeof *texts);
        if (words->count > 0) {
            memcpy(texts, words->texts, (size_t)words->count * sizeof *texts);
        }
        free(words->texts);
        words->texts = texts;
    }
    words->texts[words->count] = dstn_strdup(text);
    dstn_texts_put(&words->numbers, words->texts[words->count], words->count);
    return words->count++;
}

void data_words_clear(data_words *words) {
    for (int64_t w = 0; w < words->count; w++) {
        free(words->texts[w]);
    }
    free(words->texts);
    dstn_texts_clear(&words->numbers);
    *words = (data_words){0};
}

void data_ptb_clear(data_ptb_text *text) {
    free(text->tokens);
    text->tokens = NULL;
}

/* ---- one text ---------------------------------------------------------------------------------------------------- */

/* Where in a file the reader is. */
typedef struct ptb_reader {
    data_words *words;
    data_ptb_text *text;
    int64_t line;
    int64_t offset; /* of the next byte */
    char word[LONGEST_WORD + 1];
    size_t length;       /* of the word so far */
    bool has_words;      /* the line has some */
    bool follows_return; /* the byte before was a CR: LF belongs to it */
    int64_t line_end;    /* number of <eos> */
} ptb_reader;

static dstn_status add_token(ptb_reader *reader, int64_t number, dstn_error *err) {
    data_ptb_text *text = reader->text;
    if (text->count == text->capacity) {
        int64_t capacity = text->capacity ? 2 * text->capacity : FIRST_WORDS;
        int32_t *tokens = realloc(text->tokens, (size_t)capacity * sizeof *tokens);
        if (!tokens) {
            return dstn_fail(err, DSTN_ERROR_RUN, "%s: its words (%lld so far) don't fit into memory", text->path,
                             (long long)text->count);
        }
        text->tokens = tokens;
        text->capacity = capacity;
    }
    if (number > INT32_MAX) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: has too many different words; accepted: up to %lld",
                         text->path, (long long)reader->line, (long long)INT32_MAX);
    }
    if (number >= text->known && text->new_word < 0) {
        text->new_word = number;
        text->new_line = reader->line;
    }
    text->tokens[text->count++] = (int32_t)number;
    return DSTN_OK;
}

static dstn_status end_word(ptb_reader *reader, dstn_error *err) {
    if (reader->length == 0) {
        return DSTN_OK;
    }
    reader->word[reader->length] = '\0';
    reader->length = 0;
    reader->has_words = true;
    int64_t number = data_words_number(reader->words, reader->word);
    reader->text->written_ends += number == reader->line_end;
    return add_token(reader, number, err);
}

static dstn_status end_line(ptb_reader *reader, dstn_error *err) {
    dstn_status status = end_word(reader, err);
    if (status == DSTN_OK) {
        status = add_token(reader, reader->line_end, err);
    }
    reader->line++;
    reader->has_words = false;
    return status;
}

static dstn_status fail_long_word(const ptb_reader *reader, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s:%lld: a word of more than %d bytes (\"%.20s...\"); accepted: words separated by blanks",
                     reader->text->path, (long long)reader->line, (int)LONGEST_WORD, reader->word);
}

static dstn_status take_byte(ptb_reader *reader, char byte, dstn_error *err) {
    bool follows_return = reader->follows_return;
    reader->follows_return = byte == '\r';
    switch (byte) {
    case '\0':
        return dstn_fail(
            err, DSTN_ERROR_DATA,
            "%s:%lld: a NUL byte (byte %lld of the file): a binary file, or UTF-16; accepted: text in UTF-8",
            reader->text->path, (long long)reader->line, (long long)reader->offset);
    case '\n':
        return follows_return ? DSTN_OK : end_line(reader, err);
    case '\r':
        return end_line(reader, err);
    case ' ':
    case '\t':
    case '\v':
    case '\f':
        return end_word(reader, err);
    default:
        if (reader->length == LONGEST_WORD) {
            return fail_long_word(reader, err);
        }
        reader->word[reader->length++] = byte;
        return DSTN_OK;
    }
}

static dstn_status take_bytes(ptb_reader *reader, const char *bytes, int count, dstn_error *err) {
    int from = reader->offset == 0 && count >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    reader->offset += from;
    for (int i = from; i < count; i++, reader->offset++) {
        if (take_byte(reader, bytes[i], err) != DSTN_OK) {
            return err->status;
        }
    }
    return DSTN_OK;
}

/* ---- the file ---------------------------------------------------------------------------------------------------- */

/* What zlib says where it gives no more bytes, as an error if it is one. */
static dstn_status check_end(gzFile file, const char *path, int got, dstn_error *err) {
    int code, reason = errno;
    const char *message = gzerror(file, &code);
    if (code == Z_ERRNO) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", path, strerror(reason));
    }
    if (got < 0 && code != Z_BUF_ERROR) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: its gzip stream is damaged (%s)", path, message);
    }
    if (code == Z_BUF_ERROR) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: its gzip stream is cut off", path);
    }
    return DSTN_OK;
}

static dstn_status read_bytes(ptb_reader *reader, gzFile file, dstn_error *err) {
    char *bytes = dstn_alloc(BUFFER, 1);
    dstn_status status = DSTN_OK;
    int got;
    do {
        errno = 0;
        got = gzread(file, bytes, BUFFER);
        status = got > 0 ? take_bytes(reader, bytes, got, err) : check_end(file, reader->text->path, got, err);
    } while (status == DSTN_OK && got > 0);
    free(bytes);
    if (status == DSTN_OK && (reader->has_words || reader->length > 0)) {
        status = end_line(reader, err);
    }
    return status;
}

dstn_status data_ptb_read(data_words *words, data_ptb_text *text, dstn_error *err) {
    text->new_word = -1;
    ptb_reader reader = {.words = words, .text = text, .line = 1, .line_end = data_words_number(words, DATA_LINE_END)};
    const char *reason = data_why_unreadable(text->path);
    gzFile file = reason ? NULL : gzopen(text->path, "rb");
    if (!file) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: can't be read: %s", text->path, reason ? reason : strerror(errno));
    }
    gzbuffer(file, BUFFER);
    dstn_status status = read_bytes(&reader, file, err);
    gzclose(file);
    if (status == DSTN_OK && text->count < 2) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s: %s; accepted: lines of words separated by blanks", text->path,
                           text->count == 0 ? "is empty" : "has an empty line alone");
    }
    return status;
}
