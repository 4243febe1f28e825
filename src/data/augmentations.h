/* data: the list of all augmentations. A new one is a file with its dstn_augmentation, and one entry here. */
#ifndef DSTN_DATA_AUGMENTATIONS_H
#define DSTN_DATA_AUGMENTATIONS_H

#include "dstn/data.h"

#define DATA_AUGMENTATIONS(X) X(flip) X(affine) X(color) X(crop) X(cutout)

#define DATA_DECLARE_AUGMENTATION(name) extern const dstn_augmentation data_augmentation_##name;
DATA_AUGMENTATIONS(DATA_DECLARE_AUGMENTATION)
#undef DATA_DECLARE_AUGMENTATION

/* Whether a strength is there at all: a hyperparameter, or a number above 0. */
bool data_is_used(const dstn_quantity *quantity);
/* Whether the list has an augmentation of this stage. */
bool data_augment_has(const dstn_augment *augment, dstn_stage stage);
/* Applies those of one stage. `images` says kernel, rows, first_row, and pixels or x; the rest is filled in. */
void data_augment(const dstn_augmenting *augmenting, dstn_stage stage, dstn_images images);

/* ---- for augmentations ---- */

/* That at least one of an augmentation's strengths, which are all its options, is there; else DSTN_ERROR_USAGE. */
dstn_status data_check_used(const char *name, const dstn_option *options, const void *settings, dstn_node node,
                            dstn_error *err);
/* A quantity's value for row r of the batch, from 0 to `most`; what is no number counts as 0. */
double data_strength(const dstn_images *images, const dstn_quantity *quantity, int64_t row, double most);
/* Bytes of a pixel with all its channels. */
size_t data_pixel_size(const dstn_images *images);
/* That a quantity which counts pixels or holes is a whole number, or a hyperparameter's name; else DSTN_ERROR_USAGE at
 * the key of `node`. */
dstn_status data_check_whole(const dstn_quantity *quantity, dstn_node node, const char *key, dstn_error *err);

#endif
