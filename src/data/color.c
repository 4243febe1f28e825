/* data: the augmentation `color`: brightness, contrast, saturation and hue of an image of bytes are changed by random
 * amounts, in a random order, as torchvision's ColorJitter does it to an image of Pillow, to the byte. */
#include "augmentations.h"

#include <math.h>

enum { STRIP = 128, RGB = 3, ORDERS = 24 };

#define MOST_CHANGE 10.0
#define MOST_HUE 0.5

typedef enum color_change { BRIGHTNESS, CONTRAST, SATURATION, HUE, CHANGES } color_change;

typedef struct color_settings {
    dstn_quantity brightness, contrast, saturation, hue;
} color_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("brightness", color_settings, brightness, 0, MOST_CHANGE, "0",
                  "v: brightness times a factor uniform from max(0, 1 - v) to 1 + v, a number or a hyperparameter's "
                  "name"),
    DSTN_QUANTITY(
        "contrast", color_settings, contrast, 0, MOST_CHANGE, "0",
        "v: contrast times a factor uniform from max(0, 1 - v) to 1 + v, a number or a hyperparameter's name"),
    DSTN_QUANTITY("saturation", color_settings, saturation, 0, MOST_CHANGE, "0",
                  "v: saturation times a factor uniform from max(0, 1 - v) to 1 + v, a number or a hyperparameter's "
                  "name"),
    DSTN_QUANTITY("hue", color_settings, hue, 0, MOST_HUE, "0",
                  "hue moved up to this part of the circle either way, a number or a hyperparameter's name"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(const void *settings, dstn_node node, const dstn_dataset *dataset, dstn_error *err) {
    const color_settings *color = settings;
    long long channels = dataset->shape[0];
    if (!dataset->bytes[DSTN_PART_TRAIN]) {
        return dstn_node_fail(node, err,
                              "color acts on bytes from 0 to 255, and %s has images of numbers, whose range it doesn't "
                              "know; accepted: images of bytes (in an HDF5 file: x of type uint8)",
                              dataset->source);
    }
    if (channels != 1 && channels != RGB) {
        return dstn_node_fail(node, err,
                              "color acts on images of red, green and blue, or grey ones, and those of %s have %lld "
                              "channels; accepted: 3 channels or 1",
                              dataset->source, channels);
    }
    bool is_grey = channels == 1;
    if (is_grey && (data_is_used(&color->saturation) || data_is_used(&color->hue))) {
        return dstn_node_fail(dstn_node_child(node, data_is_used(&color->saturation) ? "saturation" : "hue"), err,
                              "images of one channel have no color; accepted: brightness and contrast");
    }
    return data_check_used("color", options, settings, node, err);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

typedef struct color_draw {
    bool is_made[CHANGES];
    double amount[CHANGES]; /* factors, and the part of the circle by which the hue is moved */
    color_change order[CHANGES];
} color_draw;

/* One of the 24 orders: each place takes one of those that are left. */
static void put_in_order(int number, color_change *order) {
    color_change left[CHANGES] = {BRIGHTNESS, CONTRAST, SATURATION, HUE};
    for (int count = CHANGES; count > 0; count--, order++) {
        int chosen = number % count;
        number /= count;
        *order = left[chosen];
        for (int i = chosen; i < count - 1; i++) {
            left[i] = left[i + 1];
        }
    }
}

/* Each parameter has a uniform number of its own, so that it stays where it is when the strength of another changes. */
static color_draw draw(const color_settings *color, const dstn_images *images, int64_t row) {
    const dstn_quantity *quantities[CHANGES] = {&color->brightness, &color->contrast, &color->saturation, &color->hue};
    double u[CHANGES], order[2];
    uint64_t number = dstn_images_row(images, row);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane, u);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane + 1, u + 2);
    dstn_rng_uniforms(images->rng, images->step, number, images->lane + 2, order);
    color_draw d;
    for (int c = 0; c < CHANGES; c++) {
        double v = data_strength(images, quantities[c], row, c == HUE ? MOST_HUE : MOST_CHANGE);
        double low = c == HUE ? -v : fmax(0, 1 - v), high = c == HUE ? v : 1 + v;
        d.is_made[c] = v > 0;
        d.amount[c] = low + (high - low) * u[c];
    }
    int drawn = (int)(order[0] * ORDERS);
    put_in_order(drawn < ORDERS ? drawn : ORDERS - 1, d.order);
    return d;
}

/* ---- blends ------------------------------------------------------------------------------------------------------ */

/* What of one byte and another is at `factor` beyond the first, cut off at 0 and 255. */
static inline uint8_t blend(uint8_t from, uint8_t to, float factor) {
    float mixed = (float)from + factor * (float)(to - from);
    mixed = mixed > 0 ? mixed : 0;
    return (uint8_t)(int)(mixed < 255 ? mixed : 255);
}

/* ITU-R 601-2, in fixed point. */
static inline int grey_of(const uint8_t *pixel) {
    return (19595 * pixel[0] + 38470 * pixel[1] + 7471 * pixel[2] + 0x8000) >> 16;
}

static void blend_with(uint8_t grey, int64_t bytes, float factor, uint8_t *image) {
    for (int64_t i = 0; i < bytes; i++) {
        image[i] = blend(grey, image[i], factor);
    }
}

static void change_brightness(int64_t pixels, int64_t channels, double factor, uint8_t *image) {
    blend_with(0, pixels * channels, (float)factor, image);
}

static int64_t sum_of_greys(int64_t pixels, int64_t channels, const uint8_t *image) {
    int64_t sum = 0;
    if (channels == 1) {
        for (int64_t i = 0; i < pixels; i++) {
            sum += image[i];
        }
        return sum;
    }
    for (int64_t i = 0; i < pixels; i++) {
        sum += grey_of(image + RGB * i);
    }
    return sum;
}

/* Away from the image's mean grey. */
static void change_contrast(int64_t pixels, int64_t channels, double factor, uint8_t *image) {
    double mean = (double)sum_of_greys(pixels, channels, image) / (double)pixels;
    blend_with((uint8_t)(mean + 0.5), pixels * channels, (float)factor, image);
}

/* Away from each pixel's own grey. */
static void change_saturation(int64_t pixels, int64_t channels, double factor, uint8_t *image) {
    (void)channels;
    for (int64_t i = 0; i < pixels; i++) {
        uint8_t *pixel = image + RGB * i, grey = (uint8_t)grey_of(pixel);
        for (int c = 0; c < RGB; c++) {
            pixel[c] = blend(grey, pixel[c], (float)factor);
        }
    }
}

/* ---- hue --------------------------------------------------------------------------------------------------------- */

/* Pixels in planes, as numbers that are bytes. Loops over them have no branches, so that compilers make vectors of
 * them.
 */
typedef struct color_strip {
    int32_t red[STRIP], green[STRIP], blue[STRIP];
    int32_t hue[STRIP], saturation[STRIP], value[STRIP];
    int32_t sector[STRIP], low[STRIP], falling[STRIP], rising[STRIP];
} color_strip;

/* Both conversions round where Pillow's do (float or double, cut off or to the nearest): a hue that is off by one is
 * six grey levels. In units of a sixth of the circle the hue is base + (up − down)/range. */
static void to_hsv(int count, color_strip *restrict s) {
    for (int i = 0; i < count; i++) {
        int32_t r = s->red[i], g = s->green[i], b = s->blue[i];
        int32_t most = r > g ? r : g, fewest = r < g ? r : g;
        most = most > b ? most : b;
        fewest = fewest < b ? fewest : b;
        int32_t is_red = r == most, is_green = (1 - is_red) * (g == most), is_blue = 1 - is_red - is_green;
        int32_t base = 2 * is_green + 4 * is_blue;
        int32_t up = most - (is_red * b + is_green * r + is_blue * g);
        int32_t down = most - (is_red * g + is_green * b + is_blue * r);
        int32_t range = most - fewest, divisor = range + (range == 0);
        double risen = (float)up / (float)divisor, fallen = (float)down / (float)divisor;
        float turn = (float)(base + risen - fallen);
        double around = turn / 6.0 + 1.0;
        turn = (float)(around - (int32_t)around);
        s->hue[i] = (int32_t)(turn * 255.0);
        s->saturation[i] = (int32_t)((float)range / (float)(most + (most == 0)) * 255.0);
        s->value[i] = most;
    }
}

static inline int32_t part_of(int32_t value, double part) {
    return (int32_t)(value * part + 0.5);
}

/* What colors are made of at hues moved by `shift` bytes, around. */
static void split_hues(int count, int32_t shift, color_strip *restrict s) {
    for (int i = 0; i < count; i++) {
        double turn = ((s->hue[i] + shift) & 255) * 6.0 / 255.0;
        int32_t whole = (int32_t)turn, value = s->value[i];
        float rest = (float)(turn - whole), saturation = (float)(s->saturation[i] / 255.0);
        float fallen = saturation * rest;
        s->sector[i] = whole < 6 ? whole : 0;
        s->low[i] = part_of(value, 1.0 - saturation);
        s->falling[i] = part_of(value, 1.0 - fallen);
        s->rising[i] = part_of(value, 1.0 - saturation * (1.0 - rest));
    }
}

/* Of each pair of sectors one color is low; of the others, in turn, the first or the second is the value. */
static void to_rgb(int count, color_strip *restrict s) {
    for (int i = 0; i < count; i++) {
        int32_t pair = s->sector[i] / 2, even = s->sector[i] % 2 == 0, value = s->value[i], low = s->low[i];
        int32_t first = even ? value : s->falling[i], second = even ? s->rising[i] : value;
        s->red[i] = pair == 0 ? first : pair == 1 ? low : second;
        s->green[i] = pair == 1 ? first : pair == 2 ? low : second;
        s->blue[i] = pair == 2 ? first : pair == 0 ? low : second;
    }
}

static void change_hue(int64_t pixels, int64_t channels, double part, uint8_t *image) {
    (void)channels;
    int32_t shift = (int32_t)(part * 255);
    color_strip s;
    for (int64_t first = 0; first < pixels; first += STRIP) {
        int count = (int)(pixels - first < STRIP ? pixels - first : STRIP);
        uint8_t *pixel = image + RGB * first;
        for (int i = 0; i < count; i++) {
            s.red[i] = pixel[RGB * i];
            s.green[i] = pixel[RGB * i + 1];
            s.blue[i] = pixel[RGB * i + 2];
        }
        to_hsv(count, &s);
        split_hues(count, shift, &s);
        to_rgb(count, &s);
        for (int i = 0; i < count; i++) {
            pixel[RGB * i] = (uint8_t)s.red[i];
            pixel[RGB * i + 1] = (uint8_t)s.green[i];
            pixel[RGB * i + 2] = (uint8_t)s.blue[i];
        }
    }
}

/* ---- images ------------------------------------------------------------------------------------------------------ */

typedef void change_image(int64_t pixels, int64_t channels, double amount, uint8_t *image);
static change_image *const changes[CHANGES] = {[BRIGHTNESS] = change_brightness,
                                               [CONTRAST] = change_contrast,
                                               [SATURATION] = change_saturation,
                                               [HUE] = change_hue};

static void apply(const void *settings, const dstn_images *images, int64_t first, int64_t count, int thread) {
    (void)thread;
    int64_t pixels = images->height * images->width, channels = images->channels;
    for (int64_t r = first; r < first + count; r++) {
        color_draw d = draw(settings, images, r);
        for (int k = 0; k < CHANGES; k++) {
            color_change c = d.order[k];
            if (d.is_made[c]) {
                changes[c](pixels, channels, d.amount[c], images->pixels + r * pixels * channels);
            }
        }
    }
}

const dstn_augmentation data_augmentation_color = {
    .name = "color",
    .help = "brightness, contrast, saturation and hue of images of bytes, changed at random",
    .stage = DSTN_STAGE_PIXELS,
    .options = options,
    .settings_size = sizeof(color_settings),
    .example = "{brightness: a, contrast: b, saturation: a, hue: b}",
    .plan = plan,
    .apply = apply,
};
