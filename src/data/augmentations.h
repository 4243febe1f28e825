/* data: the list of all augmentations. A new one is a file with its dstn_augmentation, and one entry here. */
#ifndef DSTN_DATA_AUGMENTATIONS_H
#define DSTN_DATA_AUGMENTATIONS_H

#include "dstn/data.h"

#define DATA_AUGMENTATIONS(X) X(cutout)

#define DATA_DECLARE_AUGMENTATION(name) extern const dstn_augmentation data_augmentation_##name;
DATA_AUGMENTATIONS(DATA_DECLARE_AUGMENTATION)
#undef DATA_DECLARE_AUGMENTATION

#endif
