/* data: mean and deviation of images and bytes, one for all values or one for each channel. */
#include "normalize.h"

static int64_t channels_of(const dstn_dataset *dataset) {
    return dataset->rank == 3 ? dataset->shape[0] : 1;
}

static dstn_status check_count(dstn_node node, const char *key, const dstn_real_list *list, int64_t channels,
                               dstn_error *err) {
    if (list->count == 1 || list->count == channels) {
        return DSTN_OK;
    }
    dstn_node place = dstn_node_child(node, key);
    if (channels == 1) {
        return dstn_node_fail(place, err, "has %d numbers; accepted: one number, there being one channel", list->count);
    }
    return dstn_node_fail(place, err, "has %d numbers; accepted: one number, or a list of %lld, one for each channel",
                          list->count, (long long)channels);
}

dstn_status data_check_normalization(dstn_node node, const dstn_dataset *dataset,
                                     const data_normalization *normalization, dstn_error *err) {
    int64_t channels = channels_of(dataset);
    dstn_status status = check_count(node, "mean", &normalization->mean, channels, err);
    return status == DSTN_OK ? check_count(node, "std", &normalization->deviation, channels, err) : status;
}

/* Entry c, or the one that all have. */
static double entry(const dstn_real_list *list, int64_t c) {
    return list->values[list->count > 1 ? c : 0];
}

static int64_t entries(const data_normalization *normalization) {
    return normalization->mean.count > 1 ? normalization->mean.count : normalization->deviation.count;
}

void data_set_normalization(dstn_dataset *dataset, const data_normalization *normalization) {
    dataset->channels = entries(normalization);
    dataset->scale = dstn_alloc((size_t)dataset->channels, sizeof *dataset->scale);
    dataset->shift = dstn_alloc((size_t)dataset->channels, sizeof *dataset->shift);
    for (int64_t c = 0; c < dataset->channels; c++) {
        double deviation = entry(&normalization->deviation, c);
        dataset->scale[c] = 1 / (255 * deviation);
        dataset->shift[c] = -entry(&normalization->mean, c) / deviation;
    }
}

void data_normalize(const data_normalization *normalization, int64_t count, double *x) {
    int64_t channels = entries(normalization);
    for (int64_t i = 0; i < count; i++) {
        int64_t c = i % channels;
        x[i] = (x[i] - entry(&normalization->mean, c)) / entry(&normalization->deviation, c);
    }
}
