/* layer: words and their vectors, e = W_g[w] + (U z) ⊙ W_r[w]: a response map that is a table. Whole words can be
 * dropped; a decoder that is tied to the table has them all. */
#include "response_map.h"

typedef struct embedding_settings {
    int64_t out, padding;
    dstn_quantity dropout;
} embedding_settings;

static const dstn_option options[] = {
    DSTN_INT("out", embedding_settings, out, 1, 1e9, DSTN_REQUIRED, "values of a word's vector"),
    DSTN_INT("padding", embedding_settings, padding, -1, 2147483647.0, "-1",
             "number of a word whose vector is not trained by being looked up; -1: none"),
    DSTN_QUANTITY("dropout", embedding_settings, dropout, 0, 0.999, "~",
                  "probability that a word is left out wherever it stands in a batch, in training: a number, or the "
                  "name of a hyperparameter",
                  DSTN_PER_BATCH),
    DSTN_OPTIONS_END};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const embedding_settings *settings = layer->settings;
    const dstn_map_request request = {.shape = dstn_map_shape_of_matrix(layer->in.words, settings->out),
                                      .responds = true,
                                      .init = MAP_WORDS,
                                      .is_table = true,
                                      .padding = settings->padding,
                                      .weight_dropout = &settings->dropout};
    layer->out = (dstn_shape){.rank = 1, .dims = {settings->out}};
    if (settings->padding >= layer->in.words) {
        return dstn_node_fail(dstn_node_child(node, "padding"), err,
                              "word %lld of a vocabulary of %lld; accepted: -1 to %lld", (long long)settings->padding,
                              (long long)layer->in.words, (long long)layer->in.words - 1);
    }
    return dstn_response_map_plan(layer->content, layer, &request, node, err);
}

const dstn_layer_type layer_embedding = {
    .name = "embedding",
    .help = "words as vectors of a table, with a response to the hyperparameters",
    .options = options,
    .settings_size = sizeof(embedding_settings),
    .content_size = sizeof(dstn_response_map),
    .kind = DSTN_LAYER_BATCH,
    .takes_words = true,
    .example = "[embedding: {out: 3}]",
    .example_in = {.rank = 1, .dims = {1}, .words = 7},
    .plan = plan,
    .batch = MAP_LAYER_OPERATIONS,
};
