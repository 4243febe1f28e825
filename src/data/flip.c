/* data: the augmentation `flip`: an image is exchanged for its mirror image, left for right, with a probability. */
#include "augmentations.h"

typedef struct flip_settings {
    dstn_quantity rate;
} flip_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("rate", flip_settings, rate, 0, 1, "0.5",
                  "probability that an image is mirrored, a number or a hyperparameter's name"),
    DSTN_OPTIONS_END,
};

static void exchange(char *a, char *b, size_t size) {
    for (size_t i = 0; i < size; i++) {
        char kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

/* A line of `width` pixels of `size` bytes, in place. */
static void mirror_line(char *line, int64_t width, size_t size) {
    char *left = line, *right = line + (size_t)(width - 1) * size;
    for (; left < right; left += size, right -= size) {
        exchange(left, right, size);
    }
}

static void apply(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread) {
    (void)thread;
    const flip_settings *flip = settings;
    size_t pixel = data_pixel_size(images), line = (size_t)images->width * pixel;
    char *image = (images->pixels ? (char *)images->pixels : images->x) + (size_t)(first * images->height) * line;
    for (int64_t r = first; r < first + count; r++, image += (size_t)images->height * line) {
        double u[2];
        dstn_rng_uniforms(images->rng, images->step, dstn_images_row(images, r), images->lane, u);
        bool is_mirrored = u[0] < dstn_images_quantity(images, &flip->rate, r);
        for (int64_t y = 0; is_mirrored && y < images->height; y++) {
            mirror_line(image + (size_t)y * line, images->width, pixel);
        }
    }
}

const dstn_augmentation data_augmentation_flip = {
    .name = "flip",
    .help = "mirror images, left for right, of some of the images",
    .stage = DSTN_STAGE_PIXELS,
    .options = options,
    .settings_size = sizeof(flip_settings),
    .example = "{rate: a}",
    .apply = apply,
};
