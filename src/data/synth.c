/* data: the synthetic task, whose best augmentation is known: an image is a function of (seed, file, row). */
#include "synth.h"

#include <math.h>

enum { SIDE = 32, PIXELS = SIDE * SIDE };
enum { LANE_SCENE = 0, LANE_CHANGE = 1 << 16, LANE_NOISE = 2 << 16 };

/* Ranges as tuned strengths have them (App. H.2.3). */
const dstn_synth_limit dstn_synth_limits[DSTN_SYNTH_LIMITS] = {
    {"rotation", 20, 45, "degrees, either way"},
    {"shear", 0, 45, "degrees, either way"},
    {"scale", 0, 0.5, "size by a factor of 1 - this to 1 + this"},
    {"translation", 0.12, 0.5, "part of the side, either way, along both axes"},
    {"brightness", 0.4, 1, "by a factor of 1 - this to 1 + this"},
    {"contrast", 0, 1, "by a factor of 1 - this to 1 + this"},
    {"saturation", 0.4, 1, "by a factor of 1 - this to 1 + this"},
    {"hue", 0.1, 0.5, "of a turn round the colours, either way"},
};

double data_synth_uniform(data_synth_draws *draws, double low, double high) {
    if (draws->left == 0) {
        dstn_rng_uniforms(draws->rng, draws->file, draws->row, draws->lane++, draws->pair);
        draws->left = 2;
    }
    return low + draws->pair[--draws->left] * (high - low);
}

/* x − x³/3! + … + x¹⁷/17! */
double data_synth_sine(double x) {
    double sum = 0, term = x;
    for (int n = 1; n <= 17; n += 2) {
        sum += term;
        term *= -x * x / ((n + 1) * (n + 2));
    }
    return sum;
}

double data_synth_cosine(double x) {
    double sum = 0, term = 1;
    for (int n = 0; n <= 18; n += 2) {
        sum += term;
        term *= -x * x / ((n + 1) * (n + 2));
    }
    return sum;
}

/* ---- the change -------------------------------------------------------------------------------------------------- */

static double both_ways(data_synth_draws *draws, double limit) {
    return data_synth_uniform(draws, -limit, limit);
}

/* The order of the four changes of colour: each as likely as the others. */
static void draw_order(data_synth_draws *draws, int order[4]) {
    for (int i = 0; i < 4; i++) {
        order[i] = DSTN_SYNTH_BRIGHTNESS + i;
    }
    for (int i = 3; i > 0; i--) {
        int j = (int)data_synth_uniform(draws, 0, i + 1); /* below i + 1, as uniforms are below 1 */
        int swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}

static void draw_change(const dstn_synth *task, data_synth_draws *draws, dstn_synth_change *out) {
    const double *limits = task->limits;
    out->rotation = both_ways(draws, limits[DSTN_SYNTH_ROTATION]);
    out->shear = both_ways(draws, limits[DSTN_SYNTH_SHEAR]);
    out->scale = 1 + both_ways(draws, limits[DSTN_SYNTH_SCALE]);
    out->translation[0] = both_ways(draws, limits[DSTN_SYNTH_TRANSLATION]);
    out->translation[1] = both_ways(draws, limits[DSTN_SYNTH_TRANSLATION]);
    out->brightness = 1 + both_ways(draws, limits[DSTN_SYNTH_BRIGHTNESS]);
    out->contrast = 1 + both_ways(draws, limits[DSTN_SYNTH_CONTRAST]);
    out->saturation = 1 + both_ways(draws, limits[DSTN_SYNTH_SATURATION]);
    out->hue = both_ways(draws, limits[DSTN_SYNTH_HUE]);
    draw_order(draws, out->order);
}

/* ---- the image --------------------------------------------------------------------------------------------------- */

/* Where in the unchanged picture the points of the changed one come from: p ← S⁻¹ R⁻¹ (p − t) / scale. */
typedef struct inverse {
    double matrix[2][2], shift[2];
    double width; /* of a pixel there */
} inverse;

static inverse invert(const dstn_synth_change *change) {
    const double degree = 0.017453292519943295769;
    double cosine = data_synth_cosine(change->rotation * degree), sine = data_synth_sine(change->rotation * degree);
    double slant = data_synth_sine(change->shear * degree) / data_synth_cosine(change->shear * degree);
    double by = 1 / change->scale;
    return (inverse){{{by * (cosine - slant * sine), by * (sine + slant * cosine)}, {-by * sine, by * cosine}},
                     {2 * change->translation[0], 2 * change->translation[1]},
                     by * 2 / SIDE};
}

static double frame_part(double x, double y, double width) {
    double distance = fmax(fabs(x), fabs(y)) - 1;
    double part = 0.5 - distance / width;
    return part < 0 ? 0 : part > 1 ? 1 : part;
}

/* Three sums of four bytes, near enough to normal, of deviation 1. */
static void draw_noise(dstn_rng rng, uint64_t file, uint64_t row, int pixel, double noise[3]) {
    const double mean = 510, deviation = 147.80054; /* √(4 (256² − 1)/12) */
    uint32_t bits[4];
    dstn_rng_bits(rng, file, row, LANE_NOISE + (uint64_t)pixel, bits);
    for (int c = 0; c < 3; c++) {
        uint32_t sum = (bits[c] & 255) + (bits[c] >> 8 & 255) + (bits[c] >> 16 & 255) + (bits[c] >> 24);
        noise[c] = (sum - mean) / deviation;
    }
}

/* Outside of the picture's frame there is black, as augmented images have it. */
static void render(const data_synth_scene *scene, const inverse *from, const data_synth_draws *draws,
                   double (*image)[3]) {
    for (int p = 0; p < PIXELS; p++) {
        double x = (2 * (p % SIDE) + 1.) / SIDE - 1 - from->shift[0];
        double y = (2 * (p / SIDE) + 1.) / SIDE - 1 - from->shift[1];
        double own_x = from->matrix[0][0] * x + from->matrix[0][1] * y;
        double own_y = from->matrix[1][0] * x + from->matrix[1][1] * y;
        double part = frame_part(own_x, own_y, from->width), noise[3];
        draw_noise(draws->rng, draws->file, draws->row, p, noise);
        data_synth_scene_color(scene, own_x, own_y, from->width, image[p]);
        for (int c = 0; c < 3; c++) {
            double value = image[p][c] + scene->noise * noise[c];
            image[p][c] = part * (value < 0 ? 0 : value > 1 ? 1 : value);
        }
    }
}

int dstn_synth_image(const dstn_synth *task, uint64_t file, int64_t row, bool is_changed, uint8_t *planes,
                     dstn_synth_change *made) {
    data_synth_draws draws = {.rng = {task->seed, DSTN_PURPOSE_TEST}, .file = file, .row = (uint64_t)row};
    int label = (int)data_synth_uniform(&draws, 0, 10);
    data_synth_scene scene;
    data_synth_scene_draw(&draws, label, &scene);
    dstn_synth_change change = {.scale = 1, .brightness = 1, .contrast = 1, .saturation = 1, .order = {4, 5, 6, 7}};
    if (is_changed) {
        data_synth_draws own = draws;
        own.lane = LANE_CHANGE;
        own.left = 0;
        draw_change(task, &own, &change);
    }
    inverse from = invert(&change);
    double image[PIXELS][3];
    render(&scene, &from, &draws, image);
    data_synth_recolor(&change, PIXELS, image);
    for (int p = 0; p < PIXELS; p++) {
        for (int c = 0; c < 3; c++) {
            planes[c * PIXELS + p] = (uint8_t)(255 * image[p][c] + 0.5);
        }
    }
    if (made) {
        *made = change;
    }
    return label;
}
