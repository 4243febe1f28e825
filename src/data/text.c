/* data: texts, as data sets keep them. */
#include "text.h"

#include <stdlib.h>
#include <string.h>

#include "sources.h"

dstn_dataset *data_new_text(const char *source, int64_t words, char **vocabulary) {
    dstn_dataset *dataset = data_new(source, DSTN_TASK_CLASSIFICATION, 1, (int64_t[]){1}, words);
    dataset->words = words;
    dataset->vocabulary = vocabulary;
    dataset->target_name = dstn_strdup("the next word");
    return dataset;
}

dstn_dataset *dstn_dataset_of_words(int64_t words, char **vocabulary) {
    return data_new_text("a vocabulary", words, vocabulary);
}

void data_take_text(dstn_dataset *dataset, dstn_part part, int64_t count, int32_t *tokens) {
    dataset->rows[part] = count - 1;
    dataset->tokens[part] = tokens;
}

int64_t data_text_length(const dstn_dataset *dataset, int part) {
    return dataset->tokens[part] ? dataset->rows[part] + 1 : 0;
}

void data_split_text(dstn_dataset *dataset, int64_t valid) {
    int64_t train = data_text_length(dataset, DSTN_PART_TRAIN) - valid;
    int32_t *tokens = dstn_alloc((size_t)valid, sizeof *tokens);
    memcpy(tokens, dataset->tokens[DSTN_PART_TRAIN] + train, (size_t)valid * sizeof *tokens);
    data_take_text(dataset, DSTN_PART_TRAIN, train, dataset->tokens[DSTN_PART_TRAIN]);
    data_take_text(dataset, DSTN_PART_VALID, valid, tokens);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

static bool is_part_valid(const dstn_dataset *dataset, int part) {
    const int32_t *tokens = dataset->tokens[part];
    bool has_rows = dataset->rows[part] > 0;
    if (dataset->x[part] || dataset->bytes[part] || dataset->targets[part] || dataset->labels[part] ||
        dataset->source_rows[part] || has_rows != (tokens != NULL) || dataset->rows[part] < 0) {
        return false;
    }
    int64_t i = 0, length = data_text_length(dataset, part);
    while (i < length && tokens[i] >= 0 && tokens[i] < dataset->words) {
        i++;
    }
    return i == length;
}

bool data_is_text_valid(const dstn_dataset *dataset) {
    bool is_valid = dataset->task == DSTN_TASK_CLASSIFICATION && dataset->rank == 1 && dataset->shape[0] == 1 &&
                    dataset->features == 1 && dataset->outputs == dataset->words && dataset->rows[DSTN_PART_TRAIN] > 0;
    for (int64_t w = 0; is_valid && dataset->vocabulary && w < dataset->words; w++) {
        is_valid = dataset->vocabulary[w] != NULL;
    }
    for (int part = 0; is_valid && part < DSTN_PARTS; part++) {
        is_valid = is_part_valid(dataset, part);
    }
    return is_valid;
}

void data_warn_of_absent_words(const dstn_dataset *dataset, const dstn_log *log) {
    bool *seen = dstn_alloc((size_t)dataset->words, sizeof *seen);
    int64_t absent = dataset->words, first = 0;
    for (int64_t i = 0; i < data_text_length(dataset, DSTN_PART_TRAIN); i++) {
        int32_t word = dataset->tokens[DSTN_PART_TRAIN][i];
        absent -= !seen[word];
        seen[word] = true;
    }
    while (absent > 0 && seen[first]) {
        first++;
    }
    if (absent > 0 && dataset->vocabulary) {
        dstn_log_warn(log, "%s: the training part has %lld of the vocabulary's %lld words nowhere (\"%s\" is one)",
                      dataset->source, (long long)absent, (long long)dataset->words, dataset->vocabulary[first]);
    } else if (absent > 0) {
        dstn_log_warn(log, "%s: the training part has %lld of the vocabulary's %lld words nowhere (%lld is one)",
                      dataset->source, (long long)absent, (long long)dataset->words, (long long)first);
    }
    free(seen);
}

dstn_status data_check_text(const dstn_dataset *dataset, dstn_error *err) {
    const int32_t *tokens = dataset->tokens[DSTN_PART_TRAIN];
    int64_t i = 1, length = data_text_length(dataset, DSTN_PART_TRAIN);
    while (i < length && tokens[i] == tokens[0]) {
        i++;
    }
    if (i < length) {
        return DSTN_OK;
    }
    char *word = dataset->vocabulary ? dstn_strdup(dataset->vocabulary[tokens[0]]) : dstn_format("%d", (int)tokens[0]);
    dstn_fail(err, DSTN_ERROR_DATA,
              "%s: its training text is the word \"%s\" %lld times and has no other; accepted: a text of several words",
              dataset->source, word, (long long)length);
    free(word);
    return err->status;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

char *data_summarize_text(const dstn_dataset *dataset, bool is_from_end) {
    const char *slash = strrchr(dataset->source, '/');
    int64_t test = data_text_length(dataset, DSTN_PART_TEST);
    char *tested = test > 0 ? dstn_format(" and %lld test words", (long long)test) : dstn_strdup(" words");
    char *summary =
        dstn_format("%s: %lld training%s%lld validation%s, vocabulary %lld%s", slash ? slash + 1 : dataset->source,
                    (long long)data_text_length(dataset, DSTN_PART_TRAIN), test > 0 ? ", " : " and ",
                    (long long)data_text_length(dataset, DSTN_PART_VALID), tested, (long long)dataset->words,
                    is_from_end ? ", validation from the end" : "");
    free(tested);
    return summary;
}
