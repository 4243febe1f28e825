/* data: the augmentation `crop`: zeros are put around an image, and a piece of its own size is cut out at a random
 * place: it is moved by up to so many pixels each way. */
#include "augmentations.h"

#include <string.h>

enum { MAX_PADDING = 16384 };

typedef struct crop_settings {
    dstn_quantity padding;
} crop_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("padding", crop_settings, padding, 0, MAX_PADDING, DSTN_REQUIRED,
                  "zeros on each side before the crop, a whole number or a discrete hyperparameter's name"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(const void *settings, dstn_node node, const dstn_dataset *dataset, dstn_error *err) {
    (void)dataset;
    const crop_settings *crop = settings;
    return data_check_whole(&crop->padding, node, "padding", err);
}

/* From −padding to padding, each as likely. */
static int64_t offset_of(double u, int64_t padding) {
    int64_t places = 2 * padding + 1, place = (int64_t)(u * (double)places);
    return (place < places ? place : places - 1) - padding;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* In place: pixel x becomes the one at x + right, 0 where there is none. */
static void move_line(char *line, int64_t width, size_t pixel, int64_t right) {
    int64_t gone = least(right < 0 ? -right : right, width);
    size_t kept = (size_t)(width - gone) * pixel, empty = (size_t)gone * pixel;
    if (right > 0) {
        memmove(line, line + empty, kept);
        memset(line + kept, 0, empty);
    } else {
        memmove(line + empty, line, kept);
        memset(line, 0, empty);
    }
}

static void move_image(char *image, int64_t height, int64_t width, size_t pixel, int64_t down, int64_t right) {
    size_t line = (size_t)width * pixel;
    move_line(image, height, line, down); /* whose pixels are lines */
    for (int64_t y = 0; y < height && right != 0; y++) {
        move_line(image + (size_t)y * line, width, pixel, right);
    }
}

static void apply(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread) {
    (void)thread;
    const crop_settings *crop = settings;
    size_t pixel = data_pixel_size(images), bytes = (size_t)(images->width * images->height) * pixel;
    char *image = (images->pixels ? (char *)images->pixels : images->x) + (size_t)first * bytes;
    for (int64_t r = first; r < first + count; r++, image += bytes) {
        double u[2];
        int64_t padding = (int64_t)data_strength(images, &crop->padding, r, MAX_PADDING);
        dstn_rng_uniforms(images->rng, images->step, dstn_images_row(images, r), images->lane, u);
        move_image(image, images->height, images->width, pixel, offset_of(u[0], padding), offset_of(u[1], padding));
    }
}

const dstn_augmentation data_augmentation_crop = {
    .name = "crop",
    .help = "images cut out at random of themselves with zeros around them",
    .stage = DSTN_STAGE_PIXELS,
    .options = options,
    .settings_size = sizeof(crop_settings),
    .example = "{padding: a}",
    .plan = plan,
    .apply = apply,
};
