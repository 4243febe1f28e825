/* data: the registry of augmentations, and the list of them that a config's section `augment:` describes. */
#include "augmentations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- registry ---------------------------------------------------------------------------------------------------- */

#define AUGMENTATION_ENTRY(name) &data_augmentation_##name,
static const dstn_augmentation *const augmentations[] = {DATA_AUGMENTATIONS(AUGMENTATION_ENTRY)};

#define AUGMENTATION_NAME(name) #name,
static const char *const augmentation_names[] = {DATA_AUGMENTATIONS(AUGMENTATION_NAME)};

enum { AUGMENTATIONS = sizeof augmentations / sizeof augmentations[0], MAX_ITEMS = 64, LANE_BITS = 32, BLOCK = 8 };

const dstn_augmentation *dstn_augmentation_at(size_t i) {
    return i < AUGMENTATIONS ? augmentations[i] : NULL;
}

static dstn_status find(dstn_node node, const char *name, const dstn_augmentation **out, dstn_error *err) {
    for (size_t i = 0; i < AUGMENTATIONS; i++) {
        if (strcmp(augmentations[i]->name, name) == 0) {
            *out = augmentations[i];
            return DSTN_OK;
        }
    }
    return dstn_node_fail_name(node, "augmentation", name, augmentation_names, AUGMENTATIONS, err);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

typedef struct augment_item {
    const dstn_augmentation *type;
    void *settings;
} augment_item;

struct dstn_augment {
    int64_t channels, height, width;
    size_t count;
    augment_item *items; /* [count] */
};

static dstn_status read_entry(dstn_node entry, const dstn_dataset *dataset, dstn_names hypers, augment_item *item,
                              dstn_error *err) {
    dstn_node options;
    const char *name = dstn_entry_name(entry, &options);
    if (!name) {
        return dstn_node_fail(entry, err, "accepted: an augmentation's name, or its name with its options");
    }
    dstn_status status = find(entry, name, &item->type, err);
    if (status != DSTN_OK) {
        return status;
    }
    item->settings = dstn_alloc(1, item->type->settings_size);
    dstn_binding binding = {item->type->options, item->settings};
    status = dstn_entry_read(entry, options, name, &binding, 1, hypers, err);
    if (status != DSTN_OK || !item->type->plan) {
        return status;
    }
    return item->type->plan(item->settings, options.handle ? options : entry, dataset, err);
}

static dstn_status check_list(dstn_node list, const dstn_dataset *dataset, dstn_error *err) {
    if (dstn_node_get_kind(list) != DSTN_NODE_SEQUENCE) {
        return dstn_node_fail(list, err, "accepted: a list of augmentations, as in [cutout: {holes: 1, length: 8}]");
    }
    if (dstn_node_count(list) > MAX_ITEMS) {
        return dstn_node_fail(list, err, "has %zu augmentations; accepted: up to %d", dstn_node_count(list),
                              (int)MAX_ITEMS);
    }
    if (dstn_node_count(list) > 0 && dataset->words > 0) {
        return dstn_node_fail(list, err, "augmentation is for images, and %s is a text; accepted: an empty list",
                              dataset->source);
    }
    if (dstn_node_count(list) > 0 && dataset->rank != 3) {
        return dstn_node_fail(list, err,
                              "augmentation is for images, and %s has %lld features without height and width; "
                              "accepted: an empty list",
                              dataset->source, (long long)dataset->features);
    }
    return DSTN_OK;
}

/* An image can't become pixels again. */
static dstn_status check_order(dstn_node entry, const dstn_augmentation *before, const dstn_augmentation *type,
                               dstn_error *err) {
    if (before->stage <= type->stage) {
        return DSTN_OK;
    }
    return dstn_node_fail(entry, err,
                          "%s acts on pixels and stands behind %s, which acts on normalized values; accepted: %s "
                          "before %s",
                          type->name, before->name, type->name, before->name);
}

dstn_status dstn_augment_read(dstn_node list, const dstn_dataset *dataset, dstn_names hypers, dstn_augment **out,
                              dstn_error *err) {
    *out = NULL;
    bool is_there = dstn_node_get_kind(list) != DSTN_NODE_NONE;
    dstn_status status = is_there ? check_list(list, dataset, err) : DSTN_OK;
    if (status != DSTN_OK) {
        return status;
    }
    dstn_augment *augment = dstn_alloc(1, sizeof *augment);
    *augment = (dstn_augment){dataset->shape[0], dataset->shape[1], dataset->shape[2], dstn_node_count(list), NULL};
    augment->items = dstn_alloc(augment->count, sizeof *augment->items);
    for (size_t i = 0; i < augment->count && status == DSTN_OK; i++) {
        status = read_entry(dstn_node_at(list, i), dataset, hypers, &augment->items[i], err);
        if (status == DSTN_OK && i > 0) {
            status = check_order(dstn_node_at(list, i), augment->items[i - 1].type, augment->items[i].type, err);
        }
    }
    if (status != DSTN_OK) {
        dstn_augment_destroy(augment);
        return status;
    }
    *out = augment;
    return DSTN_OK;
}

void dstn_augment_destroy(dstn_augment *augment) {
    if (!augment) {
        return;
    }
    for (size_t i = 0; i < augment->count; i++) {
        free(augment->items[i].settings);
    }
    free(augment->items);
    free(augment);
}

bool dstn_augment_is_empty(const dstn_augment *augment) {
    return augment->count == 0;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

double dstn_images_quantity(const dstn_images *images, const dstn_quantity *quantity, int64_t row) {
    return quantity->name ? images->values[row * images->hypers + quantity->index] : quantity->number;
}

uint64_t dstn_images_row(const dstn_images *images, int64_t row) {
    int64_t number = images->first_row + row;
    return (uint64_t)(images->drawn_rows > 0 ? number % images->drawn_rows : number);
}

bool data_is_used(const dstn_quantity *quantity) {
    return quantity->name || quantity->number > 0;
}

dstn_status data_check_used(const char *name, const dstn_option *options, const void *settings, dstn_node node,
                            dstn_error *err) {
    char *keys = dstn_strdup("");
    bool is_any = false;
    for (const dstn_option *option = options; option->key; option++) {
        is_any = is_any || data_is_used((const dstn_quantity *)((const char *)settings + option->offset));
        const char *between = option == options ? "" : option[1].key ? ", " : " and ";
        char *longer = dstn_format("%s%s%s", keys, between, option->key);
        free(keys);
        keys = longer;
    }
    dstn_status status = is_any ? DSTN_OK
                                : dstn_node_fail(node, err,
                                                 "%s changes nothing; accepted: at least one of %s, a number above 0 "
                                                 "or a hyperparameter's name",
                                                 name, keys);
    free(keys);
    return status;
}

double data_strength(const dstn_images *images, const dstn_quantity *quantity, int64_t row, double most) {
    double value = dstn_images_quantity(images, quantity, row);
    return !(value > 0) ? 0 : value < most ? value : most;
}

size_t data_pixel_size(const dstn_images *images) {
    return (size_t)images->channels * (images->pixels ? 1 : images->kernel->size);
}

dstn_status data_check_whole(const dstn_quantity *quantity, dstn_node node, const char *key, dstn_error *err) {
    if (quantity->name || quantity->number == floor(quantity->number)) {
        return DSTN_OK;
    }
    return dstn_node_fail(dstn_node_child(node, key), err,
                          "%g is no whole number; accepted: a whole number, or the name of a discrete hyperparameter",
                          quantity->number);
}

bool data_augment_has(const dstn_augment *augment, dstn_stage stage) {
    for (size_t i = 0; i < augment->count; i++) {
        if (augment->items[i].type->stage == stage) {
            return true;
        }
    }
    return false;
}

typedef struct augment_work {
    const augment_item *item;
    const dstn_images *images;
} augment_work;

static void apply_to_rows(void *context, int64_t first, int64_t count, int thread) {
    const augment_work *work = context;
    work->item->type->apply(work->item->settings, work->images, first, count, thread);
}

void data_augment(const dstn_augmenting *augmenting, dstn_stage stage, dstn_images images) {
    const dstn_augment *augment = augmenting->augment;
    images.height = augment->height;
    images.width = augment->width;
    images.channels = augment->channels;
    images.values = augmenting->values;
    images.hypers = augmenting->hypers;
    images.rng = augmenting->rng;
    images.step = augmenting->step;
    for (size_t i = 0; i < augment->count; i++) {
        images.lane = (uint64_t)i << LANE_BITS;
        if (augment->items[i].type->stage == stage) {
            augment_work work = {&augment->items[i], &images};
            dstn_kernel_for_rows(images.rows, BLOCK, apply_to_rows, &work);
        }
    }
}
