/* data: texts, as data sets keep them: the numbers of their words. */
#ifndef DATA_TEXT_H
#define DATA_TEXT_H

#include "dstn/data.h"

/* A part has a word to read and one to tell. */
enum { DATA_TEXT_LEAST = 2 };

/* A data set of texts with a vocabulary of so many words, without any text yet. `source` is copied; vocabulary [words]
 * and its texts, or NULL, are the data set's from now on. Owned by the caller. */
dstn_dataset *data_new_text(const char *source, int64_t words, char **vocabulary);
/* Makes a text [count] that of a part that has none; the data set then owns it. count ≥ DATA_TEXT_LEAST. */
void data_take_text(dstn_dataset *dataset, dstn_part part, int64_t count, int32_t *tokens);
/* Words of a part's text, 0 where it has none. */
int64_t data_text_length(const dstn_dataset *dataset, int part);
/* Makes the last `valid` words of the training text the validation text; both keep DATA_TEXT_LEAST at least. */
void data_split_text(dstn_dataset *dataset, int64_t valid);

bool data_is_text_valid(const dstn_dataset *dataset);
/* Words that the training text doesn't have are never learned: a warning, where there are some. */
void data_warn_of_absent_words(const dstn_dataset *dataset, const dstn_log *log);
/* DSTN_ERROR_DATA where the training text is one word again and again. */
dstn_status data_check_text(const dstn_dataset *dataset, dstn_error *err);
/* "kjv: 699215 training, 47000 validation and 48000 test words, vocabulary 10000"; free with free(). */
char *data_summarize_text(const dstn_dataset *dataset, bool is_from_end);

#endif
