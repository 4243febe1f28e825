/* What fills a table of operations, one function for each backend and scalar type, and what backends share. */
#ifndef DSTN_KERNEL_PRIVATE_H
#define DSTN_KERNEL_PRIVATE_H

#include "dstn/kernel.h"

/* ---- tables ------------------------------------------------------------------------------------------------------ */

/* Fill the whole table. The references are plain C; a backend begins with them, or with another backend, and puts its
 * own operations in the place of some. */
void kernel_reference_f32(dstn_kernel *table);
void kernel_reference_f64(dstn_kernel *table);
void kernel_openblas_f32(dstn_kernel *table);
void kernel_openblas_f64(dstn_kernel *table);
#ifdef DSTN_ONEDNN
void kernel_onednn_f32(dstn_kernel *table);
const char *kernel_onednn_version(void);
#endif

/* ---- maps -------------------------------------------------------------------------------------------------------- */

/* What every backend knows of a map. */
struct dstn_map {
    dstn_map_shape shape;
    int64_t max_rows;
    void *patches; /* the references' scratch array; NULL: not needed yet */
    size_t patches_bytes;
    void *own; /* what a backend keeps beside; NULL in the references */
};

/* Without arrays yet; freed with free(). */
dstn_map *kernel_map_new(const dstn_map_shape *shape, int64_t max_rows);
/* A patch is a place and the image the matrix of patches: a plain product. */
bool kernel_map_is_plain(const dstn_map *map);
/* Products with what lies within the image are then faster than a convolution: its kernel often reaches beyond the
 * image, and its weight is larger than the images. */
bool kernel_map_is_small(const dstn_map_shape *shape);
int64_t kernel_map_places(const dstn_map *map);      /* of an output image */
int64_t kernel_map_input_size(const dstn_map *map);  /* elements of one example */
int64_t kernel_map_output_size(const dstn_map *map); /* elements of one example */
int64_t kernel_map_weights(const dstn_map *map);     /* elements of the weight */

#endif
