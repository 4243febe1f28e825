/* data, private: what one image of the synthetic task shows, and how it is changed. Lengths are in halves of the image:
 * its middle is 0, its edges −1 and 1, x to the right and y down. Colours are red, green and blue, 0 … 1.
 *
 * Everything is made of draws by +, −, ×, ÷, sqrt and floor in doubles, which IEEE 754 rounds the same everywhere, and
 * of no function of libm: an image is the same bytes on every machine (whose compiler doesn't fuse × and +). */
#ifndef DATA_SYNTH_H
#define DATA_SYNTH_H

#include "dstn/data.h"

enum { DATA_SYNTH_DISTRACTORS = 4 };

/* A round patch that is lit evenly. */
typedef struct data_synth_patch {
    double x, y, radius;
    double color[3];
} data_synth_patch;

typedef struct data_synth_scene {
    int shape;                   /* disk, square, diamond, plus, cross */
    int slant;                   /* of its stripes: 0 level, or ±1 for half a right angle */
    double x, y, size;           /* the shape's centre and radius */
    double cosine, sine;         /* of its natural turn */
    double period, phase;        /* of the stripes */
    double colors[2][3];         /* that they change between */
    double ground[2][3];         /* the background runs from one to the other… */
    double slope[2];             /* …along this direction */
    double ripple, ripple_phase; /* height and phase of the stripes in the background */
    bool ripple_is_upright;
    data_synth_patch distractors[DATA_SYNTH_DISTRACTORS];
    double noise; /* standard deviation of each value's */
} data_synth_scene;

/* Draws of one image, one after another. */
typedef struct data_synth_draws {
    dstn_rng rng;
    uint64_t file, row, lane;
    double pair[2];
    int left; /* of the pair */
} data_synth_draws;

/* x held to 0 … 1. */
static inline double data_synth_clamp(double x) {
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

double data_synth_uniform(data_synth_draws *draws, double low, double high);

/* sin and cos for |x| ≤ π/2, to 1e-11. */
double data_synth_sine(double x);
double data_synth_cosine(double x);
/* Hue (mod 1), saturation and value to a colour and back. */
void data_synth_from_hsv(double hue, double saturation, double value, double color[3]);
void data_synth_to_hsv(const double color[3], double hsv[3]);

void data_synth_scene_draw(data_synth_draws *draws, int label, data_synth_scene *out);
/* The colour of a point, averaged over about `width`. */
void data_synth_scene_color(const data_synth_scene *scene, double x, double y, double width, double color[3]);

/* Brightness, contrast, saturation and hue of an image [pixels, 3] in the order of `change`. */
void data_synth_recolor(const dstn_synth_change *change, int64_t pixels, double (*image)[3]);

#endif
