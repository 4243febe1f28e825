/* data: mean and deviation of images and bytes, one for all values or one for each channel. */
#include "normalize.h"

#include <math.h>
#include <stdlib.h>

#include "moments.h"

static int64_t channels_of(const dstn_dataset *dataset) {
    return dataset->rank == 3 ? dataset->shape[0] : 1;
}

/* ---- the keys ---------------------------------------------------------------------------------------------------- */

static dstn_status check_count(dstn_node node, const char *key, const dstn_real_list *list, int64_t channels,
                               dstn_error *err) {
    if (list->automatic || list->count == 1 || list->count == channels) {
        return DSTN_OK;
    }
    dstn_node place = dstn_node_child(node, key);
    if (channels == 1) {
        return dstn_node_fail(place, err, "has %d numbers; accepted: one number, there being one channel, or auto",
                              list->count);
    }
    return dstn_node_fail(place, err,
                          "has %d numbers; accepted: one number, a list of %lld, one for each channel, or auto",
                          list->count, (long long)channels);
}

/* Numbers [channels] of a list that is not `auto`. */
static void take_given(const dstn_real_list *list, int64_t channels, double *numbers) {
    for (int64_t c = 0; c < channels && !list->automatic; c++) {
        numbers[c] = list->values[list->count > 1 ? c : 0];
    }
}

/* ---- the training part ------------------------------------------------------------------------------------------- */

/* Of channel c of bytes, as numbers from 0 to 1: exact, whatever the order of the rows, from how often each comes. */
static data_moments moments_of_bytes(const dstn_dataset *dataset, int64_t channels, int64_t c) {
    int64_t often[256] = {0}, values = dataset->rows[DSTN_PART_TRAIN] * dataset->features;
    const uint8_t *bytes = dataset->bytes[DSTN_PART_TRAIN];
    for (int64_t i = c; i < values; i += channels) {
        often[bytes[i]]++;
    }
    double count = (double)(values / channels), sum = 0, squares = 0;
    for (int b = 0; b < 256; b++) {
        sum += (double)often[b] * b;
    }
    double mean = sum / count;
    for (int b = 0; b < 256; b++) {
        squares += (double)often[b] * (b - mean) * (b - mean);
    }
    return (data_moments){.mean = mean / 255, .deviation = sqrt(squares / count) / 255, .is_constant = squares == 0};
}

static data_moments moments_of_channel(const dstn_dataset *dataset, int64_t channels, int64_t c) {
    dstn_part train = DSTN_PART_TRAIN;
    return dataset->bytes[train]
               ? moments_of_bytes(dataset, channels, c)
               : data_moments_of(dataset->x[train] + c, dataset->rows[train] * dataset->features / channels, channels);
}

/* Fills in what is `auto`. */
static dstn_status measure(const data_normalization *normalization, const dstn_log *log, const dstn_dataset *dataset,
                           int64_t channels, double *mean, double *deviation, dstn_error *err) {
    int64_t constant = 0;
    for (int64_t c = 0; c < channels; c++) {
        data_moments moments = moments_of_channel(dataset, channels, c);
        if (moments.is_mark) {
            return data_fail_mark(dataset, false, c, &moments, err);
        }
        if (moments.is_constant) {
            constant++;
            dstn_log_warn(log, "%s: channel %lld is %g everywhere in the training part", dataset->source, (long long)c,
                          moments.mean);
        }
        if (normalization->mean.automatic) {
            mean[c] = moments.mean;
        }
        if (normalization->deviation.automatic) {
            deviation[c] = moments.is_constant ? 1 : moments.deviation;
        }
    }
    if (constant < channels) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s: every channel is constant in the training part; accepted: at least one "
                     "that varies",
                     dataset->source);
}

/* ---- what they come to ------------------------------------------------------------------------------------------- */

void data_set_normalization(dstn_dataset *dataset, int64_t channels, double *mean, double *deviation) {
    dataset->channels = channels;
    dataset->mean = mean;
    dataset->deviation = deviation;
    if (!dataset->bytes[DSTN_PART_TRAIN]) {
        return;
    }
    dataset->scale = dstn_alloc((size_t)channels, sizeof *dataset->scale);
    dataset->shift = dstn_alloc((size_t)channels, sizeof *dataset->shift);
    for (int64_t c = 0; c < channels; c++) {
        dataset->scale[c] = 1 / (255 * deviation[c]);
        dataset->shift[c] = -mean[c] / deviation[c];
    }
}

static void apply(dstn_dataset *dataset) {
    int64_t channels = dataset->channels;
    for (int part = 0; part < DSTN_PARTS; part++) {
        double *x = dataset->x[part];
        for (int64_t i = 0; x && i < dataset->rows[part] * dataset->features; i++) {
            x[i] = (x[i] - dataset->mean[i % channels]) / dataset->deviation[i % channels];
        }
    }
}

/* One entry serves for all channels, where none has one of its own. */
static int64_t entries(const data_normalization *normalization, const dstn_dataset *dataset) {
    const dstn_real_list *mean = &normalization->mean, *deviation = &normalization->deviation;
    bool are_single = !mean->automatic && !deviation->automatic && mean->count == 1 && deviation->count == 1;
    return are_single ? 1 : channels_of(dataset);
}

/* Words have no mean. */
static dstn_status check_words(dstn_node node, const data_normalization *normalization, const dstn_dataset *dataset,
                               dstn_error *err) {
    if (normalization->mean.automatic && normalization->deviation.automatic) {
        return DSTN_OK;
    }
    return dstn_node_fail(dstn_node_child(node, normalization->mean.automatic ? "std" : "mean"), err,
                          "%s is a text, and words aren't normalized; accepted: auto", dataset->source);
}

dstn_status data_normalize(dstn_node node, const data_normalization *normalization, const dstn_log *log,
                           dstn_dataset *dataset, dstn_error *err) {
    if (dataset->words > 0) {
        return check_words(node, normalization, dataset, err);
    }
    dstn_status status = check_count(node, "mean", &normalization->mean, channels_of(dataset), err);
    if (status == DSTN_OK) {
        status = check_count(node, "std", &normalization->deviation, channels_of(dataset), err);
    }
    bool is_table = dataset->rank == 1 && !dataset->bytes[DSTN_PART_TRAIN];
    bool is_automatic = normalization->mean.automatic || normalization->deviation.automatic;
    if (status != DSTN_OK || (is_table && normalization->mean.automatic && normalization->deviation.automatic)) {
        return status;
    }
    int64_t channels = entries(normalization, dataset);
    double *mean = dstn_alloc((size_t)channels, sizeof *mean);
    double *deviation = dstn_alloc((size_t)channels, sizeof *deviation);
    for (int64_t c = 0; c < channels; c++) {
        deviation[c] = 1;
    }
    take_given(&normalization->mean, channels, mean);
    take_given(&normalization->deviation, channels, deviation);
    if (is_automatic && !is_table) {
        status = measure(normalization, log, dataset, channels, mean, deviation, err);
    }
    if (status != DSTN_OK) {
        free(mean);
        free(deviation);
        return status;
    }
    data_set_normalization(dataset, channels, mean, deviation);
    dataset->is_measured = is_automatic && !is_table;
    apply(dataset);
    return DSTN_OK;
}
