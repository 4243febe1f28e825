/* The oneDNN backend's own: maps of images. */
#ifndef DSTN_KERNEL_ONEDNN_H
#define DSTN_KERNEL_ONEDNN_H

#include "../kernel_private.h"

/* Puts maps by oneDNN's primitives into a table whose `state` is the table with the maps by patches, for what there is
 * no fast primitive for. */
void kernel_onednn_put_maps(dstn_kernel *table);

#endif
