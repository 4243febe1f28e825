/* data: the pictures of the synthetic task: a striped shape before a background that tells little of it. */
#include "synth.h"

#include <math.h>

enum { SHAPE_DISK, SHAPE_SQUARE, SHAPE_DIAMOND, SHAPE_PLUS, SHAPE_CROSS };

static const double half_root = 0.70710678118654752440; /* √½ */

/* ---- draws ------------------------------------------------------------------------------------------------------- */

static void draw_distractors(data_synth_draws *draws, data_synth_patch *patches) {
    for (int d = 0; d < DATA_SYNTH_DISTRACTORS; d++) {
        data_synth_patch *patch = &patches[d];
        /* Along a side of the image, where the shape seldom is. */
        double along = data_synth_uniform(draws, -1, 1), across = data_synth_uniform(draws, 0.65, 0.95);
        double side = data_synth_uniform(draws, 0, 4);
        across = side < 2 ? across : -across;
        bool is_level = side < 1 || side >= 3;
        patch->x = is_level ? along : across;
        patch->y = is_level ? across : along;
        patch->radius = data_synth_uniform(draws, 0.08, 0.22);
        double hue = data_synth_uniform(draws, 0, 1), saturation = data_synth_uniform(draws, 0.3, 0.8);
        data_synth_from_hsv(hue, saturation, data_synth_uniform(draws, 0.3, 0.9), patch->color);
    }
}

/* Three times in four the hue is that of the class, and else any: it tells something, but not all. */
static void draw_shape_colors(data_synth_draws *draws, int label, double (*colors)[3]) {
    bool tells = data_synth_uniform(draws, 0, 1) < 0.75;
    double own = label / 10. + data_synth_uniform(draws, -0.02, 0.02), any = data_synth_uniform(draws, 0, 1);
    double hue = tells ? own : any;
    double saturation = data_synth_uniform(draws, 0.55, 0.8), value = data_synth_uniform(draws, 0.6, 0.75);
    double contrast = data_synth_uniform(draws, 0.35, 0.6);
    data_synth_from_hsv(hue, saturation, value, colors[0]);
    data_synth_from_hsv(hue, saturation, value * (1 - contrast), colors[1]);
}

/* The light of the background tells of the stripes in the same way. */
static void draw_ground(data_synth_draws *draws, data_synth_scene *scene) {
    bool tells = data_synth_uniform(draws, 0, 1) < 0.75;
    double own = data_synth_uniform(draws, 0.25, 0.35) + (scene->slant ? 0.2 : 0),
           any = data_synth_uniform(draws, 0.25, 0.55);
    double level = tells ? own : any;
    for (int end = 0; end < 2; end++) {
        double hue = data_synth_uniform(draws, 0, 1), saturation = data_synth_uniform(draws, 0, 0.4);
        data_synth_from_hsv(hue, saturation, level + data_synth_uniform(draws, -0.08, 0.08), scene->ground[end]);
    }
    scene->slope[0] = data_synth_uniform(draws, -0.7, 0.7);
    scene->slope[1] = data_synth_uniform(draws, -0.7, 0.7);
    scene->ripple = data_synth_uniform(draws, 0.02, 0.12);
    scene->ripple_phase = data_synth_uniform(draws, 0, 1);
    scene->ripple_is_upright = data_synth_uniform(draws, 0, 1) < 0.5;
}

void data_synth_scene_draw(data_synth_draws *draws, int label, data_synth_scene *out) {
    out->shape = label / 2;
    int way = data_synth_uniform(draws, 0, 1) < 0.5 ? 1 : -1; /* a mirrored picture is of the same class */
    out->slant = label % 2 ? way : 0;
    out->x = data_synth_uniform(draws, -0.03, 0.03);
    out->y = data_synth_uniform(draws, -0.03, 0.03);
    out->size = data_synth_uniform(draws, 0.52, 0.62);
    double turn = data_synth_uniform(draws, -0.035, 0.035); /* 2 degrees */
    out->cosine = data_synth_cosine(turn);
    out->sine = data_synth_sine(turn);
    out->period = data_synth_uniform(draws, 0.28, 0.4);
    out->phase = data_synth_uniform(draws, 0, 1);
    draw_shape_colors(draws, label, out->colors);
    draw_ground(draws, out);
    draw_distractors(draws, out->distractors);
    out->noise = data_synth_uniform(draws, 0.05, 0.11);
}

/* ---- colours of points ------------------------------------------------------------------------------------------- */

/* Distance to the edge of a shape of radius 1, negative inside; near enough to the true one to smooth the edge by. */
static double shape_distance(int shape, double x, double y) {
    double ax = fabs(x), ay = fabs(y), turned = fabs(x + y) * half_root, other = fabs(x - y) * half_root;
    const double side = 0.8, arm = 0.28;
    switch (shape) {
    case SHAPE_DISK:
        return sqrt(x * x + y * y) - 0.92;
    case SHAPE_SQUARE:
        return fmax(ax, ay) - side;
    case SHAPE_DIAMOND:
        return fmax(turned, other) - side;
    case SHAPE_PLUS:
        return fmin(fmax(ax - 1, ay - arm), fmax(ax - arm, ay - 1));
    default:
        return fmin(fmax(turned - 1, other - arm), fmax(turned - arm, other - 1));
    }
}

/* Stripes of height 0 … 1 and period 1, with smooth edges. */
static double stripes(double at) {
    double wave = fabs(2 * (at - floor(at)) - 1);
    return data_synth_clamp(0.5 + 1.5 * (wave - 0.5));
}

static void mix(double part, const double with[3], double color[3]) {
    for (int c = 0; c < 3; c++) {
        color[c] += part * (with[c] - color[c]);
    }
}

/* How much of a pixel is inside of an edge at this distance. */
static double inside(double distance, double width) {
    return data_synth_clamp(0.5 - distance / width);
}

static void ground_color(const data_synth_scene *scene, double x, double y, double width, double color[3]) {
    double along = data_synth_clamp(0.5 + scene->slope[0] * x + scene->slope[1] * y);
    double ripple = scene->ripple * (stripes((scene->ripple_is_upright ? x : y) / 0.34 + scene->ripple_phase) - 0.5);
    for (int c = 0; c < 3; c++) {
        color[c] = scene->ground[0][c] + along * (scene->ground[1][c] - scene->ground[0][c]) + ripple;
    }
    for (int d = 0; d < DATA_SYNTH_DISTRACTORS; d++) {
        const data_synth_patch *patch = &scene->distractors[d];
        double dx = x - patch->x, dy = y - patch->y;
        mix(inside(sqrt(dx * dx + dy * dy) - patch->radius, width), patch->color, color);
    }
}

void data_synth_scene_color(const data_synth_scene *scene, double x, double y, double width, double color[3]) {
    ground_color(scene, x, y, width, color);
    double dx = (x - scene->x) / scene->size, dy = (y - scene->y) / scene->size;
    double own_x = scene->cosine * dx + scene->sine * dy, own_y = scene->cosine * dy - scene->sine * dx;
    double part = inside(shape_distance(scene->shape, own_x, own_y) * scene->size, width);
    double across = scene->slant == 0 ? own_y : half_root * (own_y + scene->slant * own_x);
    double at = across * scene->size / scene->period + scene->phase;
    double striped[3] = {scene->colors[0][0], scene->colors[0][1], scene->colors[0][2]};
    mix(stripes(at), scene->colors[1], striped);
    mix(part, striped, color);
}
