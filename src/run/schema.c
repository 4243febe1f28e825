/* Composes the rooms' option tables into the schema of a config file, for `dstn help KEY` and for resume. */
#include "job.h"

#include <stdlib.h>

/* Grows by doubling. The caller of dstn_run_schema owns the sections; what they point at is static. */
typedef struct schema {
    dstn_section *sections;
    size_t count, capacity;
} schema;

static void add(schema *s, const char *path, const char *variant, const char *help, const dstn_option *options) {
    if (s->count == s->capacity) {
        s->capacity = s->capacity ? 2 * s->capacity : 32;
        s->sections = realloc(s->sections, s->capacity * sizeof(dstn_section));
        if (!s->sections) {
            abort();
        }
    }
    s->sections[s->count++] = (dstn_section){path, variant, help, options};
}

dstn_section *dstn_run_schema(size_t *count) {
    schema s = {NULL, 0, 0};
    add(&s, "", NULL, "the top level of a config", dstn_method_options);
    add(&s, "", NULL, "the top level of a config", run_job_options);
    add(&s, "data", NULL, "the data set", dstn_data_options);
    const dstn_data_source *source;
    for (size_t i = 0; (source = dstn_data_source_at(i)) != NULL; i++) {
        add(&s, "data", source->name, source->help, source->options);
    }
    const dstn_augmentation *augmentation;
    for (size_t i = 0; (augmentation = dstn_augmentation_at(i)) != NULL; i++) {
        add(&s, "augment.*", augmentation->name, augmentation->help, augmentation->options);
    }
    add(&s, "model", NULL, "the network", dstn_model_options);
    add(&s, "model.layers.*", NULL, "what any layer may have", dstn_layer_options);
    const dstn_layer_type *layer;
    for (size_t i = 0; (layer = dstn_layer_type_at(i)) != NULL; i++) {
        add(&s, "model.layers.*", layer->name, layer->help, layer->options);
    }
    const dstn_regularizer_type *regularizer;
    for (size_t i = 0; (regularizer = dstn_regularizer_type_at(i)) != NULL; i++) {
        add(&s, "regularizers", regularizer->name, regularizer->help, regularizer->options);
    }
    add(&s, "hyperparameters.*", NULL, "one hyperparameter", dstn_hyper_options);
    add(&s, "train", NULL, "lengths, batches and intervals", dstn_train_options);
    const char *optimizers[] = {"optimizer", "hyper_optimizer"};
    for (size_t i = 0; i < 2; i++) {
        add(&s, optimizers[i], NULL, "an optimizer", dstn_optimizer_options);
        const dstn_optimizer_type *type;
        for (size_t t = 0; (type = dstn_optimizer_type_at(t)) != NULL; t++) {
            add(&s, optimizers[i], type->name, type->help, type->options);
        }
        const dstn_schedule_type *schedule;
        for (size_t t = 0; (schedule = dstn_schedule_type_at(t)) != NULL; t++) {
            add(&s, optimizers[i], schedule->name, schedule->help, schedule->options);
        }
    }
    add(&s, "schedule", NULL, "hyperparameters as another run had them", run_schedule_options);
    add(&s, "record", NULL, "what run.h5 keeps", run_record_options);
    *count = s.count;
    return s.sections;
}
