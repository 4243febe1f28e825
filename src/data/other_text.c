/* data: another text in place of a data set's test text, in the words that the data set has. */
#include "ptb_reader.h"
#include "sources.h"
#include "text.h"

static dstn_status fail_unknown(const data_words *words, const data_ptb_text *text, dstn_error *err) {
    return dstn_fail(
        err, DSTN_ERROR_DATA,
        "%s:%lld: the vocabulary doesn't have the word \"%s\", and no <unk> to stand for it; accepted: its "
        "words",
        text->path, (long long)text->new_line, words->texts[text->new_word]);
}

/* Words that the vocabulary doesn't have become <unk>. */
static dstn_status number_unknown(const dstn_dataset *dataset, const data_words *words, data_ptb_text *text,
                                  int64_t *unknown, dstn_error *err) {
    int64_t unk = dstn_texts_find(&words->numbers, DATA_UNKNOWN_WORD);
    bool has_unk = unk >= 0 && unk < dataset->words;
    if (text->new_word >= 0 && !has_unk) {
        return fail_unknown(words, text, err);
    }
    *unknown = 0;
    for (int64_t i = 0; i < text->count; i++) {
        if (text->tokens[i] >= dataset->words) {
            text->tokens[i] = (int32_t)unk;
        }
        *unknown += has_unk && text->tokens[i] == unk;
    }
    return DSTN_OK;
}

static dstn_status take_text(dstn_dataset *dataset, data_words *words, data_ptb_text *text, int64_t *unknown,
                             dstn_error *err) {
    dstn_status status = data_ptb_read(words, text, err);
    if (status == DSTN_OK && text->count < DATA_TEXT_LEAST) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s: has one word, and none that follows it; accepted: a longer text",
                           text->path);
    }
    if (status == DSTN_OK) {
        status = number_unknown(dataset, words, text, unknown, err);
    }
    if (status == DSTN_OK) {
        data_clear_part(dataset, DSTN_PART_TEST);
        data_take_text(dataset, DSTN_PART_TEST, text->count, text->tokens);
        text->tokens = NULL;
    }
    return status;
}

dstn_status dstn_dataset_take_text(dstn_dataset *dataset, const char *path, int64_t *unknown, dstn_error *err) {
    if (!dataset->vocabulary) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: %s", path,
                         dataset->words > 0 ? "the data have numbers of words, but not the words"
                                            : "the data are no text, and have no vocabulary for another one");
    }
    data_words words = {0};
    data_ptb_text text = {.path = path, .known = dataset->words};
    for (int64_t w = 0; w < dataset->words; w++) {
        data_words_number(&words, dataset->vocabulary[w]);
    }
    dstn_status status = take_text(dataset, &words, &text, unknown, err);
    data_ptb_clear(&text);
    data_words_clear(&words);
    return status;
}
