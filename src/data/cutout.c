/* data: the augmentation `cutout`: square holes of value 0 (the mean, after normalization) in all channels of an image,
 * their centres uniform over the pixels, cut off at the border. */
#include "augmentations.h"

enum { MAX_HOLES = 1000, MAX_LENGTH = 16384 };

typedef struct cutout_settings {
    dstn_quantity holes, length;
} cutout_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("holes", cutout_settings, holes, 0, MAX_HOLES, DSTN_REQUIRED,
                  "holes an image, a whole number or a discrete hyperparameter's name"),
    DSTN_QUANTITY("length", cutout_settings, length, 0, MAX_LENGTH, DSTN_REQUIRED,
                  "side of a hole in pixels, a whole number or a discrete hyperparameter's name"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(const void *settings, dstn_node node, const dstn_dataset *dataset, dstn_error *err) {
    (void)dataset;
    const cutout_settings *cutout = settings;
    dstn_status status = data_check_whole(&cutout->holes, node, "holes", err);
    return status == DSTN_OK ? data_check_whole(&cutout->length, node, "length", err) : status;
}

typedef struct cutout_span {
    int64_t from, to; /* pixels from … to-1 of an axis */
} cutout_span;

/* `length` pixels around the pixel that u in (0, 1) falls on, as many of them as lie within the `extent`; an even
 * length has one more before the centre than behind it. */
static cutout_span span_of(double u, int64_t extent, int64_t length) {
    int64_t centre = (int64_t)(u * (double)extent);
    centre = centre < extent ? centre : extent - 1;
    int64_t from = centre - length / 2, to = from + length;
    return (cutout_span){from > 0 ? from : 0, to < extent ? to : extent};
}

static void cut(const dstn_images *images, int64_t row, cutout_span rows, cutout_span columns) {
    const dstn_kernel *kernel = images->kernel;
    int64_t width = images->width, channels = images->channels;
    char *x = (char *)images->x + (size_t)(row * images->height * width * channels) * kernel->size;
    for (int64_t y = rows.from; y < rows.to; y++) {
        kernel->fill(kernel, (columns.to - columns.from) * channels, 0,
                     x + (size_t)((y * width + columns.from) * channels) * kernel->size);
    }
}

/* Hole k has a lane of its own, so that it stays where it is when their number changes. */
static void apply(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread) {
    (void)thread;
    const cutout_settings *cutout = settings;
    for (int64_t r = first; r < first + count; r++) {
        /* Hyperparameters that aren't discrete are rounded down. */
        int64_t holes = (int64_t)data_strength(images, &cutout->holes, r, MAX_HOLES);
        int64_t length = (int64_t)data_strength(images, &cutout->length, r, MAX_LENGTH);
        for (int64_t k = 0; length > 0 && k < holes; k++) {
            double u[2];
            dstn_rng_uniforms(images->rng, images->step, dstn_images_row(images, r), images->lane + (uint64_t)k, u);
            cut(images, r, span_of(u[0], images->height, length), span_of(u[1], images->width, length));
        }
    }
}

const dstn_augmentation data_augmentation_cutout = {
    .name = "cutout",
    .help = "square holes in the images, at random places",
    .stage = DSTN_STAGE_VALUES,
    .options = options,
    .settings_size = sizeof(cutout_settings),
    .example = "{holes: a, length: b}",
    .plan = plan,
    .apply = apply,
};
