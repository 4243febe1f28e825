/* The chain of steps as it grows while the lists of layers are read. */
#include "model_private.h"

#include <stdlib.h>
#include <string.h>

model_chain *model_chain_new(void) {
    return dstn_alloc(1, sizeof(model_chain));
}

void model_chain_destroy(model_chain *chain) {
    if (!chain) {
        return;
    }
    for (int i = 0; i < chain->branch_count; i++) {
        free(chain->branches[i]);
    }
    for (int i = 0; i < chain->tap_count; i++) {
        free(chain->taps[i]);
    }
    free(chain->taps);
    free(chain->branches);
    free(chain->steps);
    free(chain->segments);
    free(chain);
}

/* An array with room for one more. It has room for a power of two: it is another one, twice as long and with the old
 * one freed, where there are as many items. */
static void *longer(void *items, int count, size_t size) {
    if (count & (count - 1)) {
        return items;
    }
    void *more = dstn_alloc(count ? 2 * (size_t)count : 1, size);
    if (count > 0) {
        memcpy(more, items, (size_t)count * size);
    }
    free(items);
    return more;
}

model_step *model_chain_add_step(model_chain *chain, model_step_kind kind) {
    chain->steps = longer(chain->steps, chain->step_count, sizeof *chain->steps);
    model_step *step = &chain->steps[chain->step_count++];
    step->kind = kind;
    return step;
}

model_branch *model_chain_add_branch(model_chain *chain) {
    chain->branches = longer(chain->branches, chain->branch_count, sizeof *chain->branches);
    model_branch *branch = dstn_alloc(1, sizeof *branch);
    chain->branches[chain->branch_count++] = branch;
    return branch;
}

/* Whether the output of a step depends on parameters, from whether its input does. */
static bool output_moves(model_step *step) {
    model_branch *branch = step->branch;
    switch (step->kind) {
    case STEP_BATCH:
        return step->in_moves || step->layer->parameter_count > 0;
    case STEP_ROWS:
    case STEP_SHAPE:
    case STEP_TAP:
        return step->in_moves;
    case STEP_FORK:
        branch->in_moves = step->in_moves;
        return step->in_moves;
    case STEP_TURN:
        branch->main_moves = step->in_moves;
        return branch->in_moves;
    case STEP_JOIN:
        return step->in_moves || (branch->has_shortcut ? branch->main_moves : branch->in_moves);
    }
    return true;
}

void model_chain_find_moves(model_chain *chain) {
    bool moves = false;
    for (int i = 0; i < chain->step_count; i++) {
        chain->steps[i].in_moves = moves;
        chain->steps[i].out_moves = moves = output_moves(&chain->steps[i]);
    }
}

/* ---- taps -------------------------------------------------------------------------------------------------------- */

/* The step that has the layer's output: of lists in a list, where they are joined. */
static int output_step(const model_chain *chain, const dstn_layer *layer) {
    bool is_list = layer->type->kind == DSTN_LAYER_RESIDUAL;
    int i = chain->step_count - 1;
    while (i > 0 && !(is_list ? chain->steps[i].kind == STEP_JOIN && chain->steps[i].branch->layer == layer
                              : chain->steps[i].layer == layer)) {
        i--;
    }
    return i;
}

static void insert_tap(model_chain *chain, int at, dstn_tap *tap) {
    model_chain_add_step(chain, STEP_TAP);
    model_step *steps = chain->steps, *before = &steps[at - 1];
    memmove(&steps[at + 1], &steps[at], (size_t)(chain->step_count - 1 - at) * sizeof *steps);
    steps[at] = (model_step){.kind = STEP_TAP, .tap = tap, .in = before->out, .out = before->out};
    model_chain_find_moves(chain);
}

dstn_tap *model_chain_tap(model_chain *chain, const dstn_layer *layer) {
    for (int i = 0; i < chain->tap_count; i++) {
        if (chain->taps[i]->layer == layer) {
            return chain->taps[i];
        }
    }
    int step = output_step(chain, layer);
    if (!chain->steps[step].out_moves) {
        return NULL;
    }
    dstn_tap *tap = dstn_alloc(1, sizeof *tap);
    tap->layer = layer;
    chain->taps = longer(chain->taps, chain->tap_count, sizeof *chain->taps);
    chain->taps[chain->tap_count++] = tap;
    insert_tap(chain, step + 1, tap);
    return tap;
}
