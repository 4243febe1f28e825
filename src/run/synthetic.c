/* run: data of noise, made to fit a network that is by itself. */
#include "dstn/run.h"

static bool reads_words(dstn_node model) {
    dstn_node first = dstn_node_at(dstn_node_child(model, "layers"), 0);
    bool is_one = dstn_node_get_kind(first) == DSTN_NODE_MAPPING && dstn_node_count(first) > 0;
    const dstn_layer_type *type = is_one ? dstn_layer_type_find(dstn_node_key_at(first, 0)) : NULL;
    return type && type->takes_words;
}

dstn_shape dstn_synthetic_shape(dstn_node model) {
    bool is_said = dstn_node_get_kind(dstn_node_child(model, "words")) != DSTN_NODE_NONE;
    if (is_said || !reads_words(model)) {
        return (dstn_shape){0};
    }
    return (dstn_shape){.rank = 1, .dims = {1}, .words = DSTN_SYNTHETIC_WORDS};
}

/* Of a text, its places, and one word more in either part. */
static int64_t all_rows(const dstn_train_settings *train, bool is_text) {
    int64_t batches = DSTN_SYNTHETIC_BATCHES * train->batch;
    return is_text ? batches * train->length + 4 : batches;
}

dstn_dataset dstn_synthetic_sizes(dstn_node model, const dstn_train_settings *train) {
    bool is_text = reads_words(model);
    int64_t rows = all_rows(train, is_text);
    return (dstn_dataset){
        .words = is_text,
        .rows = {[DSTN_PART_TRAIN] = rows - rows / 4 - is_text, [DSTN_PART_VALID] = rows / 4 - is_text}};
}

dstn_dataset *dstn_synthetic_data(const dstn_model *model, const dstn_train_settings *train, uint32_t seed) {
    int64_t rows = all_rows(train, model->in.words > 0);
    if (model->in.words > 0) {
        return dstn_dataset_synthetic_text(model->in.words, rows, seed);
    }
    dstn_task task = model->loss == DSTN_LOSS_CROSS_ENTROPY ? DSTN_TASK_CLASSIFICATION : DSTN_TASK_REGRESSION;
    return (model->in.rank == 3 ? dstn_dataset_synthetic_bytes : dstn_dataset_synthetic)(
        task, model->in.rank, model->in.dims, dstn_shape_count(model->out), rows, seed);
}
