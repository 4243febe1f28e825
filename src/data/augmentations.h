/* data: the list of all augmentations. A new one is a file with its dstn_augmentation, and one entry here. */
#ifndef DSTN_DATA_AUGMENTATIONS_H
#define DSTN_DATA_AUGMENTATIONS_H

#include "dstn/data.h"

#define DATA_AUGMENTATIONS(X) X(flip) X(cutout)

#define DATA_DECLARE_AUGMENTATION(name) extern const dstn_augmentation data_augmentation_##name;
DATA_AUGMENTATIONS(DATA_DECLARE_AUGMENTATION)
#undef DATA_DECLARE_AUGMENTATION

/* Whether the list has an augmentation of this stage. */
bool data_augment_has(const dstn_augment *augment, dstn_stage stage);
/* Applies those of one stage. `images` says kernel, rows, first_row, and pixels or x; the rest is filled in. */
void data_augment(const dstn_augmenting *augmenting, dstn_stage stage, dstn_images images);

#endif
