/* layer: residual connections: a list of layers with a shortcut round it, or the two places of a flat list where such a
 * connection leaves and comes back. The values that go round are the business of the list's owner, not a layer's: these
 * types have a line in the list and nothing else. */
#include "layer_private.h"

static const dstn_option options[] = {
    DSTN_SECTION("layers", dstn_residual_settings, layers,
                 "list of layers, which may hold residual connections themselves"),
    DSTN_SECTION("shortcut", dstn_residual_settings, shortcut,
                 "list of layers that the input goes through before it is added; none: the identity"),
    DSTN_OPTIONS_END,
};

const dstn_layer_type layer_residual = {
    .name = "residual",
    .help = "the sum of what a list of layers and a shortcut make of the same input",
    .options = options,
    .settings_size = sizeof(dstn_residual_settings),
    .kind = DSTN_LAYER_RESIDUAL,
    .example = "[residual: {layers: [linear: {out: 3}, relu], shortcut: [linear: {out: 3}]}]",
};

const dstn_layer_type layer_residual_begin = {
    .name = "residual_begin",
    .help = "keeps its input for residual_end",
    .kind = DSTN_LAYER_RESIDUAL_BEGIN,
    .example = "[residual_begin, linear, residual_end]",
};

const dstn_layer_type layer_residual_end = {
    .name = "residual_end",
    .help = "adds what residual_begin kept",
    .kind = DSTN_LAYER_RESIDUAL_END,
    .example = "[residual_begin, linear, residual_end]",
};
