/* data: the augmentation `affine`: an image is rotated, sheared, scaled and moved about its centre, by amounts that are
 * uniform within their strengths; nearest pixel, 0 where the source has none.
 *
 * As torchvision's RandomAffine does it to an image of Pillow: with R the rotation, S the scale, H the shear along x
 * and t the translation in whole pixels, the point p comes from (R S H)^-1 (p − c − t) + c of the source, c the centre
 * of the image and pixels' centres at halves. */
#include "augmentations.h"

#include <math.h>
#include <string.h>

enum { STRIP = 256 };

#define MOST_ROTATION 180.0
#define MOST_SHEAR 80.0
#define MOST_SCALE 0.95
#define MOST_TRANSLATION 1.0

typedef struct affine_settings {
    dstn_quantity rotation, shear, scale, translation;
} affine_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("rotation", affine_settings, rotation, 0, MOST_ROTATION, "0",
                  "rotation uniform up to so many degrees either way, a number or a hyperparameter's name"),
    DSTN_QUANTITY("shear", affine_settings, shear, 0, MOST_SHEAR, "0",
                  "shear along x uniform up to so many degrees either way, a number or a hyperparameter's name"),
    DSTN_QUANTITY("scale", affine_settings, scale, 0, MOST_SCALE, "0",
                  "factor s of the size uniform from 1 - s to 1 + s, a number or a hyperparameter's name"),
    DSTN_QUANTITY("translation", affine_settings, translation, 0, MOST_TRANSLATION, "0",
                  "moved up to this fraction of width and height either way, by whole pixels, a number or a "
                  "hyperparameter's name"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(const void *settings, dstn_node node, const dstn_dataset *dataset, dstn_error *err) {
    (void)dataset;
    return data_check_used("affine", options, settings, node, err);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

typedef struct affine_draw {
    double rotation, shear; /* radians */
    double scale;           /* a factor */
    double x, y;            /* whole pixels */
} affine_draw;

/* Each parameter has a uniform number of its own, so that it stays where it is when the strength of another changes. */
static affine_draw draw(const affine_settings *affine, const dstn_images *images, int64_t row) {
    const double radians = 3.14159265358979323846 / 180;
    double angles[2], moves[2], scales[2];
    uint64_t number = dstn_images_row(images, row);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane, angles);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane + 1, moves);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane + 2, scales);
    double move = data_strength(images, &affine->translation, row, MOST_TRANSLATION);
    return (affine_draw){
        .rotation = data_strength(images, &affine->rotation, row, MOST_ROTATION) * (2 * angles[0] - 1) * radians,
        .shear = data_strength(images, &affine->shear, row, MOST_SHEAR) * (2 * angles[1] - 1) * radians,
        .scale = 1 + data_strength(images, &affine->scale, row, MOST_SCALE) * (2 * scales[0] - 1),
        .x = nearbyint(move * (double)images->width * (2 * moves[0] - 1)),
        .y = nearbyint(move * (double)images->height * (2 * moves[1] - 1)),
    };
}

static bool is_identity(const affine_draw *d) {
    return d->rotation == 0 && d->shear == 0 && d->scale == 1 && d->x == 0 && d->y == 0;
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

/* Where the pixel in column x and line y comes from, in fixed point of so many bits behind the point: column
 * at[0] + x·right[0] + y·down[0], line at[1] + x·right[1] + y·down[1]. */
typedef struct affine_map {
    int64_t at[2], right[2], down[2];
    int bits;
} affine_map;

/* Pillow computes with 16 bits, and without rotation and shear in floating point, which 32 bits stand for: the same
 * nearest pixels as there. */
static affine_map invert(const affine_draw *d, int64_t width, int64_t height) {
    double sine = sin(d->rotation), cosine = cos(d->rotation), slope = tan(d->shear);
    double xx = (cosine - sine * slope) / d->scale, xy = (cosine * slope + sine) / d->scale;
    double yx = -sine / d->scale, yy = cosine / d->scale;
    double centre_x = 0.5 * (double)width, centre_y = 0.5 * (double)height;
    double x = xx * (-centre_x - d->x) + xy * (-centre_y - d->y) + centre_x;
    double y = yx * (-centre_x - d->x) + yy * (-centre_y - d->y) + centre_y;
    int bits = xy == 0 && yx == 0 ? 32 : 16;
    double one = (double)((int64_t)1 << bits);
#define FIXED(value) (int64_t) floor((value)*one + 0.5)
    return (affine_map){
        .at = {FIXED(x + xx * 0.5 + xy * 0.5), FIXED(y + yx * 0.5 + yy * 0.5)},
        .right = {FIXED(xx), FIXED(yx)},
        .down = {FIXED(xy), FIXED(yy)},
        .bits = bits,
    };
#undef FIXED
}

/* from[i] = number of the pixel that column x0 + i of line y comes from, −1 where it lies outside. */
static void find_sources(const affine_map *map, int64_t width, int64_t height, int64_t y, int64_t x0, int64_t count,
                         int64_t *restrict from) {
    const int bits = map->bits;
    const int64_t end_x = width << bits, end_y = height << bits, right_x = map->right[0], right_y = map->right[1];
    const int64_t at_x = map->at[0] + y * map->down[0] + x0 * right_x;
    const int64_t at_y = map->at[1] + y * map->down[1] + x0 * right_y;
    for (int64_t i = 0; i < count; i++) {
        int64_t column = at_x + i * right_x, line = at_y + i * right_y;
        bool is_inside = column >= 0 && column < end_x && line >= 0 && line < end_y;
        from[i] = is_inside ? (line >> bits) * width + (column >> bits) : -1;
    }
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

static inline void copy_pixels(const char *source, const int64_t *from, int64_t count, size_t size, char *to) {
    for (int64_t i = 0; i < count; i++, to += size) {
        if (from[i] >= 0) {
            memcpy(to, source + (size_t)from[i] * size, size);
        } else {
            memset(to, 0, size);
        }
    }
}

/* The sizes of usual pixels are known to the compiler. */
static void take_pixels(const char *source, const int64_t *from, int64_t count, size_t size, char *to) {
    switch (size) {
    case 1:
        copy_pixels(source, from, count, 1, to);
        break;
    case 3:
        copy_pixels(source, from, count, 3, to);
        break;
    case sizeof(float):
        copy_pixels(source, from, count, sizeof(float), to);
        break;
    case 3 * sizeof(float):
        copy_pixels(source, from, count, 3 * sizeof(float), to);
        break;
    default:
        copy_pixels(source, from, count, size, to);
    }
}

/* `spare` has room for an image. */
static void transform(const affine_map *map, const dstn_images *images, size_t pixel, char *image, char *spare) {
    int64_t width = images->width, height = images->height, from[STRIP];
    memcpy(spare, image, (size_t)(width * height) * pixel);
    for (int64_t y = 0; y < height; y++) {
        for (int64_t x = 0; x < width; x += STRIP) {
            int64_t count = width - x < STRIP ? width - x : STRIP;
            find_sources(map, width, height, y, x, count, from);
            take_pixels(spare, from, count, pixel, image + (size_t)(y * width + x) * pixel);
        }
    }
}

static void apply(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread) {
    size_t pixel = data_pixel_size(images), bytes = (size_t)(images->width * images->height) * pixel;
    char *image = images->pixels ? (char *)images->pixels : images->x;
    for (int64_t r = first; r < first + count; r++) {
        affine_draw d = draw(settings, images, r);
        if (!is_identity(&d)) {
            affine_map map = invert(&d, images->width, images->height);
            transform(&map, images, pixel, image + (size_t)r * bytes, (char *)images->spare + (size_t)thread * bytes);
        }
    }
}

const dstn_augmentation data_augmentation_affine = {
    .name = "affine",
    .help = "images rotated, sheared, scaled and moved at random",
    .stage = DSTN_STAGE_PIXELS,
    .options = options,
    .settings_size = sizeof(affine_settings),
    .example = "{rotation: a, shear: b, scale: a, translation: b}",
    .plan = plan,
    .apply = apply,
};
