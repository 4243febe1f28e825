/* What layers keep of their rows from batch to batch. */
#include "model_private.h"

#include <stdlib.h>

static bool bind_state(dstn_model *model, dstn_row_state *state, int stream) {
    size_t bytes = (size_t)(model->stream_rows[stream] * state->count) * model->kernel->size;
    if (bytes == 0) {
        return true;
    }
    state->value[stream] = dstn_arena_take(model->arena, bytes);
    state->next[stream] = dstn_arena_take(model->arena, bytes);
    return state->value[stream] && state->next[stream];
}

bool model_bind_rows(dstn_model *model) {
    bool is_bound = true;
    for (int l = 0; l < model->layer_count; l++) {
        for (int s = 0; s < model->layers[l]->state_count * DSTN_STREAMS; s++) {
            dstn_row_state *state = &model->layers[l]->states[s / DSTN_STREAMS];
            is_bound = is_bound && bind_state(model, state, s % DSTN_STREAMS);
        }
    }
    return is_bound;
}

/* Every rank names the same entries, also one whose share has no rows. An evaluation's state ends with it. */
void dstn_model_add_row_state(dstn_model *model, dstn_state *list) {
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int s = 0; s < layer->state_count * DSTN_STREAM_EVALUATION; s++) {
            const dstn_row_state *state = &layer->states[s / DSTN_STREAM_EVALUATION];
            int stream = s % DSTN_STREAM_EVALUATION;
            const int64_t shape[] = {model->stream_rows[stream], state->count};
            char *name = dstn_format("model/rows/%d/%d/%s", stream, layer->index, state->name);
            dstn_state_add(list, name, model->kernel->scalar, 2, shape, state->value[stream], true);
            free(name);
        }
    }
}

void dstn_model_advance(dstn_model *model, int stream) {
    const dstn_kernel *kernel = model->kernel;
    for (int l = 0; l < model->layer_count; l++) {
        for (int s = 0; s < model->layers[l]->state_count; s++) {
            dstn_row_state *state = &model->layers[l]->states[s];
            kernel->copy(kernel, model->stream_rows[stream] * state->count, state->next[stream], state->value[stream]);
        }
    }
}
