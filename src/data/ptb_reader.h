/* data: the words of texts, numbered as they appear. */
#ifndef DATA_PTB_READER_H
#define DATA_PTB_READER_H

#include "dstn/core.h"

#define DATA_UNKNOWN_WORD "<unk>"
#define DATA_LINE_END "<eos>"

/* Words by the order of their first appearance. Zeroed, there are none. */
typedef struct data_words {
    dstn_texts numbers;
    char **texts; /* [count] owned */
    int64_t count, capacity;
} data_words;

/* The number of a word, which is a new one where it isn't there yet. */
int64_t data_words_number(data_words *words, const char *text);
void data_words_clear(data_words *words);

/* One file's text. Zeroed but for path and known, it is empty. */
typedef struct data_ptb_text {
    const char *path;
    int64_t known; /* words with this number and larger ones are new to it: */
    int32_t *tokens;
    int64_t count, capacity;
    int64_t new_word, new_line; /* the first of those, −1: none, and the line it is in */
    int64_t written_ends;       /* how often the file has the word <eos> itself */
} data_ptb_text;

/* Reads a file, plain or gzipped: UTF-8, words separated by blanks, each line's end (LF, CRLF, CR) the word <eos>; the
 * last line's may be missing. Memory in proportion to it. DSTN_ERROR_DATA: it can't be read, is binary, has a word that
 * is no word any more, or has none at all; DSTN_ERROR_RUN: it doesn't fit into memory. text to be cleared in any case.
 */
dstn_status data_ptb_read(data_words *words, data_ptb_text *text, dstn_error *err);
void data_ptb_clear(data_ptb_text *text);

#endif
