/* data: colours of the synthetic task: hue, saturation and value, and the changes of an image's colours, in the
 * formulas that torchvision's ColorJitter has, in doubles. */
#include "synth.h"

#include <math.h>

void data_synth_from_hsv(double hue, double saturation, double value, double color[3]) {
    double sixth = 6 * (hue - floor(hue));
    static const int offsets[3] = {5, 3, 1}; /* f(n) = v − v s max(0, min(k, 4 − k, 1)), k = (n + 6 h) mod 6 */
    for (int c = 0; c < 3; c++) {
        double k = offsets[c] + sixth;
        k = k < 6 ? k : k - 6;
        color[c] = value - value * saturation * fmax(0, fmin(fmin(k, 4 - k), 1));
    }
}

void data_synth_to_hsv(const double color[3], double hsv[3]) {
    double high = fmax(color[0], fmax(color[1], color[2])), low = fmin(color[0], fmin(color[1], color[2]));
    double range = high - low;
    hsv[1] = high > 0 ? range / high : 0;
    hsv[2] = high;
    if (!(range > 0)) {
        hsv[0] = 0;
    } else if (high == color[0]) {
        hsv[0] = (color[1] - color[2]) / range / 6;
    } else if (high == color[1]) {
        hsv[0] = (2 + (color[2] - color[0]) / range) / 6;
    } else {
        hsv[0] = (4 + (color[0] - color[1]) / range) / 6;
    }
    hsv[0] -= floor(hsv[0]);
}

static double gray(const double color[3]) {
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2];
}

/* color = data_synth_clamp(factor color + (1 − factor) with) */
static void blend(double factor, double with, double color[3]) {
    for (int c = 0; c < 3; c++) {
        color[c] = data_synth_clamp(factor * color[c] + (1 - factor) * with);
    }
}

static double mean_gray(int64_t pixels, double (*image)[3]) {
    double sum = 0;
    for (int64_t p = 0; p < pixels; p++) {
        sum += gray(image[p]);
    }
    return sum / (double)pixels;
}

static void apply(int which, double by, int64_t pixels, double (*image)[3]) {
    double middle = which == DSTN_SYNTH_CONTRAST ? mean_gray(pixels, image) : 0;
    for (int64_t p = 0; p < pixels; p++) {
        if (which == DSTN_SYNTH_HUE) {
            double hsv[3];
            data_synth_to_hsv(image[p], hsv);
            data_synth_from_hsv(hsv[0] + by, hsv[1], hsv[2], image[p]);
        } else {
            blend(by, which == DSTN_SYNTH_SATURATION ? gray(image[p]) : middle, image[p]);
        }
    }
}

void data_synth_recolor(const dstn_synth_change *change, int64_t pixels, double (*image)[3]) {
    for (int i = 0; i < 4; i++) {
        int which = change->order[i];
        double by = which == DSTN_SYNTH_HUE          ? change->hue
                    : which == DSTN_SYNTH_BRIGHTNESS ? change->brightness
                    : which == DSTN_SYNTH_CONTRAST   ? change->contrast
                                                     : change->saturation;
        /* Nothing to do, and nothing is to be rounded. */
        if (by != (which == DSTN_SYNTH_HUE ? 0 : 1)) {
            apply(which, by, pixels, image);
        }
    }
}
