/* layer: the logits of all words of the vocabulary, y = W x + b: a linear layer that is as wide as the vocabulary, and
 * whose weight may be that of an embedding. */
#include "response_map.h"

typedef struct decoder_settings {
    bool bias, response;
} decoder_settings;

static const dstn_option options[] = {
    DSTN_BOOL("bias", decoder_settings, bias, "true", "whether a bias, which starts at 0, is added"),
    DSTN_BOOL("response", decoder_settings, response, "false", "whether it responds to the hyperparameters"),
    DSTN_OPTIONS_END};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const decoder_settings *settings = layer->settings;
    if (layer->words == 0) {
        return dstn_node_fail(node, err,
                              "decoder has an output for every word, but the network's input is no text; accepted: "
                              "linear: {out: N}");
    }
    const dstn_map_request request = {.shape = dstn_map_shape_of_matrix(dstn_shape_count(layer->in), layer->words),
                                      .channels = dstn_shape_channels(layer->in),
                                      .bias = settings->bias,
                                      .responds = settings->response,
                                      .init = MAP_WORDS,
                                      .is_whole_layer = true};
    layer->out = (dstn_shape){.rank = 1, .dims = {layer->words}};
    return dstn_response_map_plan(layer->content, layer, &request, node, err);
}

const dstn_layer_type layer_decoder = {
    .name = "decoder",
    .help = "logits of all words, y = W x + b; with share: {general_weight: NAME} tied to an embedding",
    .options = options,
    .settings_size = sizeof(decoder_settings),
    .content_size = sizeof(dstn_response_map),
    .kind = DSTN_LAYER_BATCH,
    .gives_words = true,
    .example = "[embedding: {out: 3, name: words}, decoder: {share: {general_weight: words}}]",
    .example_in = {.rank = 1, .dims = {1}, .words = 7},
    .plan = plan,
    .batch = MAP_LAYER_OPERATIONS,
};
