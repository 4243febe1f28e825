/* tools: what `dstn data check` says of a text: its parts, with their <unk> and ends of lines, the words that it has
 * most often, and the streams that batches are made of. */
#include "data_text.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN = 10 };

static const char *const part_names[DSTN_PARTS] = {"training", "validation", "test"};

/* The number of a word, −1: there is none. */
static int64_t find_word(const dstn_dataset *dataset, const char *word) {
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        if (strcmp(dataset->vocabulary[w], word) == 0) {
            return w;
        }
    }
    return -1;
}

static int64_t count_word(const dstn_dataset *dataset, int part, int64_t word) {
    int64_t count = 0;
    for (int64_t i = 0; i <= dataset->rows[part]; i++) {
        count += dataset->tokens[part][i] == word;
    }
    return count;
}

/* One line a part; what isn't in the vocabulary isn't counted. */
static void describe_parts(FILE *out, const dstn_dataset *dataset) {
    int64_t unknown = find_word(dataset, "<unk>"), line_end = find_word(dataset, "<eos>");
    for (int p = 0; p < DSTN_PARTS; p++) {
        int64_t words = dataset->rows[p] + 1;
        if (!dataset->tokens[p]) {
            continue;
        }
        fprintf(out, "%-10s %lld words", part_names[p], (long long)words);
        if (line_end >= 0) {
            fprintf(out, ", %lld of them <eos>", (long long)count_word(dataset, p, line_end));
        }
        if (unknown >= 0) {
            int64_t count = count_word(dataset, p, unknown);
            fprintf(out, ", %lld <unk> (%.2g%%)", (long long)count, 100 * (double)count / (double)words);
        }
        fprintf(out, "\n");
    }
}

typedef struct word_count {
    int64_t count, word;
} word_count;

static int compare_counts(const void *a, const void *b) {
    const word_count *x = a, *y = b;
    if (x->count != y->count) {
        return x->count > y->count ? -1 : 1;
    }
    return (x->word > y->word) - (x->word < y->word);
}

/* "most often the (8%), and (6.5%), ..." of the training part, and how many words it has but once. */
static void describe_words(FILE *out, const dstn_dataset *dataset) {
    word_count *counts = dstn_alloc((size_t)dataset->words, sizeof *counts);
    double all = (double)dataset->rows[DSTN_PART_TRAIN] + 1;
    int64_t single = 0;
    for (int64_t w = 0; w < dataset->words; w++) {
        counts[w].word = w;
    }
    for (int64_t i = 0; i <= dataset->rows[DSTN_PART_TRAIN]; i++) {
        counts[dataset->tokens[DSTN_PART_TRAIN][i]].count++;
    }
    for (int64_t w = 0; w < dataset->words; w++) {
        single += counts[w].count == 1;
    }
    qsort(counts, (size_t)dataset->words, sizeof *counts, compare_counts);
    char *line = dstn_strdup("");
    for (int64_t w = 0; w < dataset->words && w < SHOWN; w++) {
        int64_t word = counts[w].word;
        char *name =
            dataset->vocabulary ? dstn_strdup(dataset->vocabulary[word]) : dstn_format("%lld", (long long)word);
        char *longer =
            dstn_format("%s%s%.40s (%.2g%%)", line, w ? ", " : "", name, 100 * (double)counts[w].count / all);
        free(name);
        free(line);
        line = longer;
    }
    dstn_print_line(out, "vocabulary %lld words, %lld of them once in the training part; most often %s",
                    (long long)dataset->words, (long long)single, line);
    free(line);
    free(counts);
}

/* What batches a config's section `train:` makes of the training part. */
static void describe_streams(FILE *out, const dstn_job *job) {
    dstn_train_settings train;
    dstn_error err;
    dstn_binding binding = {dstn_train_options, &train};
    int64_t rows = job->dataset->rows[DSTN_PART_TRAIN];
    if (!job->settings.train.handle || dstn_options_read(job->settings.train, "train", &binding, 1, &err) != DSTN_OK) {
        return;
    }
    if (rows / train.length < train.batch) {
        fprintf(out, "streams    none: %lld words to be told are fewer than train.batch times train.length, %lld\n",
                (long long)rows, (long long)(train.batch * train.length));
        return;
    }
    dstn_sampler *sampler =
        dstn_sampler_new(&(dstn_sampler_request){.rng = {(uint32_t)job->settings.seed, DSTN_PURPOSE_ORDER},
                                                 .rows = rows,
                                                 .batch = train.batch,
                                                 .length = train.length,
                                                 .varies = train.vary_length});
    fprintf(out, "streams    %lld of %lld words, %s%lld batches an epoch, each of %s%lld words of every stream\n",
            (long long)train.batch, (long long)(rows / train.batch), train.vary_length ? "about " : "",
            (long long)dstn_sampler_batches(sampler, 0), train.vary_length ? "up to " : "",
            (long long)dstn_sampler_most_steps(sampler));
    dstn_sampler_destroy(sampler);
}

void tools_describe_text(FILE *out, const dstn_job *job) {
    describe_parts(out, job->dataset);
    describe_words(out, job->dataset);
    describe_streams(out, job);
}
