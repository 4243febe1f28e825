/* data: texts in people's HDF5 files. */
#include "hdf5_text.h"

#include <math.h>
#include <stdlib.h>

#include "sources.h"
#include "text.h"

enum { MOST_WORDS = 1000000 };

#define ACCEPTED "[N], integers, the number of each word"

static const char *const names[DSTN_PARTS] = {"tokens", "valid_tokens", "test_tokens"};

bool data_hdf5_has_text(const data_hdf5_file *file) {
    return !dstn_reader_has(file->reader, "x") && dstn_reader_has(file->reader, names[DSTN_PART_TRAIN]);
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* One number a word; other programs also write [N, 1] and [1, N]. */
static dstn_status open_tokens(const data_hdf5_file *file, const char *name, data_hdf5_array *array, dstn_error *err) {
    dstn_status status = data_hdf5_open_array(file, name, 1, 2, ACCEPTED, array, err);
    const dstn_data_set *about = &array->about;
    if (status == DSTN_OK && about->rank == 2 && about->shape[0] > 1 && about->shape[1] > 1) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has 2 axes, %lld x %lld; accepted: " ACCEPTED, file->path, name,
                         (long long)about->shape[0], (long long)about->shape[1]);
    }
    if (status == DSTN_OK && about->count < DATA_TEXT_LEAST) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: %s has one word alone; accepted: at least %d", file->path, name,
                         (int)DATA_TEXT_LEAST);
    }
    return status;
}

/* Checks the numbers, below `words` (0: any), and converts them; *most [in,out]: the largest. */
static dstn_status convert(const data_hdf5_array *array, const double *values, int64_t words, int64_t *most,
                           int32_t *tokens, dstn_error *err) {
    double limit = (double)(words ? words : MOST_WORDS);
    for (int64_t i = 0; i < array->about.count; i++) {
        if (values[i] != floor(values[i]) || values[i] < 0 || values[i] >= limit) {
            return dstn_fail(err, DSTN_ERROR_DATA,
                             "%s: %s: element %lld: %g is no word's number; accepted: integers "
                             "from 0 to %.0f%s",
                             array->file->path, array->name, (long long)i, values[i], limit - 1,
                             words ? ", by the vocabulary, or data.classes" : "");
        }
        tokens[i] = (int32_t)values[i];
        *most = *most > tokens[i] ? *most : tokens[i];
    }
    return DSTN_OK;
}

static dstn_status read_tokens(const data_hdf5_file *file, int part, int64_t words, int64_t *most,
                               dstn_dataset *dataset, dstn_error *err) {
    data_hdf5_array array;
    double *values = NULL;
    dstn_status status = open_tokens(file, names[part], &array, err);
    if (status == DSTN_OK) {
        status = data_hdf5_doubles(&array, &values, err);
    }
    if (status == DSTN_OK) {
        int32_t *tokens = dstn_alloc((size_t)array.about.count, sizeof *tokens);
        data_take_text(dataset, (dstn_part)part, array.about.count, tokens);
        status = convert(&array, values, words, most, tokens, err);
    }
    free(values);
    return status;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* A word has one number: other texts are read by them. */
static dstn_status check_words(const data_hdf5_file *file, int64_t count, char *const *words, dstn_error *err) {
    dstn_texts known = {0};
    dstn_status status = DSTN_OK;
    for (int64_t w = 0; w < count && status == DSTN_OK; w++) {
        int64_t before = dstn_texts_find(&known, words[w]);
        if (before >= 0) {
            status = dstn_fail(err, DSTN_ERROR_DATA,
                               "%s: vocabulary: elements %lld and %lld are both \"%s\"; accepted: every word once",
                               file->path, (long long)before, (long long)w, words[w]);
        }
        dstn_texts_put(&known, words[w], w);
    }
    dstn_texts_clear(&known);
    return status;
}

/* The texts of the vocabulary, if there are some; *words [in,out]: their number. */
static dstn_status read_vocabulary(dstn_node section, const data_hdf5_file *file, int64_t *words, char ***vocabulary,
                                   dstn_error *err) {
    int64_t count = 0;
    *vocabulary = NULL;
    if (!dstn_reader_has(file->reader, "vocabulary")) {
        return DSTN_OK;
    }
    dstn_status status = dstn_reader_strings(file->reader, "vocabulary", &count, vocabulary, err);
    if (status == DSTN_OK && (count < 1 || count > MOST_WORDS)) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s: vocabulary has %lld words; accepted: 1 to %d", file->path,
                           (long long)count, (int)MOST_WORDS);
    }
    if (status == DSTN_OK && *words > 0 && *words != count) {
        status = dstn_node_fail(dstn_node_child(section, "classes"), err,
                                "%lld, but the vocabulary of %s has %lld words; accepted: %lld, or no data.classes",
                                (long long)*words, file->path, (long long)count, (long long)count);
    }
    if (status == DSTN_OK) {
        status = check_words(file, count, *vocabulary, err);
    }
    *words = count;
    return status;
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static dstn_status check_split(const data_hdf5_file *file, dstn_error *err) {
    return !dstn_reader_has(file->reader, "split")
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_DATA,
                           "%s: has split, which is for the rows of x, beside tokens; accepted: valid_tokens and "
                           "test_tokens, texts of their own",
                           file->path);
}

dstn_status data_hdf5_read_text(dstn_node section, const data_hdf5_file *file, int64_t words, dstn_dataset **out,
                                dstn_error *err) {
    char **vocabulary;
    int64_t most = 0;
    dstn_status status = read_vocabulary(section, file, &words, &vocabulary, err);
    dstn_dataset *dataset = data_new_text(file->path, words, vocabulary);
    data_add_file(dataset, file->path);
    if (status == DSTN_OK) {
        status = check_split(file, err);
    }
    for (int part = 0; part < DSTN_PARTS && status == DSTN_OK; part++) {
        if (part == DSTN_PART_TRAIN || dstn_reader_has(file->reader, names[part])) {
            status = read_tokens(file, part, words, &most, dataset, err);
        }
    }
    if (status != DSTN_OK) {
        dstn_dataset_destroy(dataset);
        return status;
    }
    dataset->words = dataset->outputs = words > 0 ? words : most + 1;
    *out = dataset;
    return DSTN_OK;
}
