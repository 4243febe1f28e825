/* bilevel: what training needs of a model, and of the data: rows of a batch on a rank, time steps, and the streams of a
 * text. */
#include "sizes.h"

/* A product of so many rows is as fast, a row, as one of a whole batch. */
enum { EVALUATED_ROWS = 64 };

/* Pieces of varied lengths that a run may have: they are counted when it starts, in seconds. */
enum { MOST_VARIED_PIECES = 20000000 };

int64_t bilevel_more(int64_t a, int64_t b) {
    return a > b ? a : b;
}

int64_t bilevel_less(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t bilevel_streams_of(const dstn_train_settings *settings, const dstn_dataset *dataset, dstn_part part,
                           int64_t most) {
    return bilevel_less(most, bilevel_more(1, dataset->rows[part] / settings->length));
}

static int64_t rounded_up(int64_t count, int64_t parts) {
    return (count + parts - 1) / parts;
}

int64_t bilevel_samples_of(const dstn_train_settings *settings) {
    return bilevel_more(settings->samples, 1);
}

static bool is_text(const dstn_dataset *dataset) {
    return dataset->words > 0;
}

int64_t bilevel_length_of(const dstn_train_settings *settings, const dstn_dataset *dataset) {
    return is_text(dataset) ? settings->length : 0;
}

int64_t bilevel_valid_batch_of(const dstn_train_settings *settings, const dstn_dataset *dataset) {
    if (settings->valid_batch > 0) {
        return settings->valid_batch;
    }
    return is_text(dataset) ? bilevel_streams_of(settings, dataset, DSTN_PART_VALID, settings->batch)
                            : bilevel_less(settings->batch, dataset->rows[DSTN_PART_VALID]);
}

/* ---- of a model -------------------------------------------------------------------------------------------------- */

static int64_t most_rows(const dstn_train_settings *settings) {
    return bilevel_samples_of(settings) * bilevel_more(settings->valid_batch, settings->batch);
}

int64_t dstn_train_max_rows(const dstn_train_settings *settings, const dstn_group *group) {
    int64_t largest = most_rows(settings);
    if (settings->shards == 0) {
        return rounded_up(largest, dstn_group_size(group));
    }
    /* Pieces of evaluations must be the same on any number of ranks, but needn't be as small as shards. */
    return bilevel_more(rounded_up(largest, settings->shards), bilevel_less(largest, EVALUATED_ROWS));
}

/* A text too short for a batch is refused when the trainer is made. */
static int64_t most_steps(const dstn_train_settings *settings, const dstn_dataset *dataset) {
    const dstn_sampler_request request = {.rows = dataset->rows[DSTN_PART_TRAIN],
                                          .batch = settings->batch,
                                          .length = settings->length,
                                          .varies = settings->vary_length};
    if (!is_text(dataset) || request.rows < request.batch * request.length) {
        return 1;
    }
    dstn_sampler *sampler = dstn_sampler_new(&request);
    int64_t steps = dstn_sampler_most_steps(sampler);
    dstn_sampler_destroy(sampler);
    return steps;
}

void dstn_train_size_model(const dstn_train_settings *settings, const dstn_dataset *dataset, const dstn_group *group,
                           dstn_model_request *request) {
    int64_t first, shards = settings->shards, valid = bilevel_valid_batch_of(settings, dataset);
    /* Streams are evaluated shard by shard, each to its end. */
    request->max_rows =
        is_text(dataset) && shards > 0 ? rounded_up(most_rows(settings), shards) : dstn_train_max_rows(settings, group);
    request->max_steps = most_steps(settings, dataset);
    bilevel_share_of(group, shards, settings->batch, &first, &request->stream_rows[DSTN_PART_TRAIN]);
    bilevel_share_of(group, shards, valid, &first, &request->stream_rows[DSTN_PART_VALID]);
    request->stream_rows[DSTN_STREAM_EVALUATION] = rounded_up(valid, shards > 0 ? shards : dstn_group_size(group));
}

void bilevel_share_of(const dstn_group *group, int64_t shards, int64_t total, int64_t *first, int64_t *rows) {
    int64_t shard, count, last, last_rows;
    if (shards == 0) {
        dstn_group_share(group, total, first, rows);
        return;
    }
    dstn_group_share(group, shards, &shard, &count);
    dstn_share_of(total, shards, shard, first, rows);
    dstn_share_of(total, shards, shard + count - 1, &last, &last_rows);
    *rows = last + last_rows - *first;
}

/* ---- of the data ------------------------------------------------------------------------------------------------- */

static dstn_status check_words(const dstn_train_settings *settings, const dstn_dataset *dataset, dstn_part part,
                               int64_t batch, dstn_error *err) {
    int64_t rows = dataset->rows[part], length = settings->length;
    if (batch <= rows / length) {
        return DSTN_OK;
    }
    bool is_train = part == DSTN_PART_TRAIN;
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "train.%s: %lld streams of at least %lld words (train.length) are %lld words, more than the %lld "
                     "of the %s text of which the next one is known; accepted: %s",
                     is_train || settings->valid_batch == 0 ? "batch" : "valid_batch", (long long)batch,
                     (long long)length, (long long)(batch * length), (long long)rows,
                     is_train ? "training" : "validation",
                     rows < length ? "a longer text, or a smaller train.length" : "fewer streams, or shorter pieces");
}

/* As many epochs as are asked for, each of about as many pieces as there are of the usual length. */
static dstn_status check_varied(const dstn_train_settings *settings, const dstn_dataset *dataset, dstn_error *err) {
    int64_t pieces = dataset->rows[DSTN_PART_TRAIN] / settings->batch / settings->length;
    int64_t most = MOST_VARIED_PIECES / bilevel_more(1, pieces);
    bool by_epochs = settings->iterations == 0 && settings->epochs > most;
    if (!settings->vary_length || (!by_epochs && settings->warmup_epochs <= most)) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "train.%s: %lld epochs of pieces whose lengths vary (train.vary_length) are too many to count; "
                     "accepted: up to %lld",
                     by_epochs ? "epochs" : "warmup_epochs",
                     (long long)(by_epochs ? settings->epochs : settings->warmup_epochs), (long long)most);
}

static dstn_status check_examples(const dstn_train_settings *settings, const dstn_dataset *dataset, bool tunes,
                                  dstn_error *err) {
    if (settings->batch > dataset->rows[DSTN_PART_TRAIN]) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "train.batch: %lld is more than the %lld training examples",
                         (long long)settings->batch, (long long)dataset->rows[DSTN_PART_TRAIN]);
    }
    if (tunes && settings->valid_batch > dataset->rows[DSTN_PART_VALID]) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "train.valid_batch: %lld is more than the %lld validation examples",
                         (long long)settings->valid_batch, (long long)dataset->rows[DSTN_PART_VALID]);
    }
    return DSTN_OK;
}

dstn_status bilevel_check_batches(const dstn_train_settings *settings, const dstn_dataset *dataset, bool tunes,
                                  dstn_error *err) {
    if (!is_text(dataset)) {
        return check_examples(settings, dataset, tunes, err);
    }
    dstn_status status = check_words(settings, dataset, DSTN_PART_TRAIN, settings->batch, err);
    if (status == DSTN_OK) {
        status = check_varied(settings, dataset, err);
    }
    if (status == DSTN_OK && tunes) {
        status = check_words(settings, dataset, DSTN_PART_VALID, bilevel_valid_batch_of(settings, dataset), err);
    }
    return status;
}
