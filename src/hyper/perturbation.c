/* hyper: the perturbation ε = σ ⊙ noise, σ = softplus(raw_scale), and its entropy. */
#include "dstn/hyper.h"

#include <math.h>

/* The example that stands for the whole mini-batch in its first sample, those before it in the others; rows' own
 * numbers stay below them. */
static const uint64_t whole_batch = 0xffffffff;

/* Below this, softplus(x) = e^x to rounding, and its logarithm and relative derivative are taken of e^x itself, which
 * may underflow. */
static const double far_below = -40;

double dstn_space_sigma(const dstn_space *space, int i) {
    return dstn_softplus(space->raw_scale[i]);
}

double dstn_space_entropy(const dstn_space *space) {
    const double half_log_two_pi_e = 1.4189385332046727418;
    double entropy = 0;
    for (int i = 0; i < space->count; i++) {
        double raw = space->raw_scale[i];
        entropy += (raw < far_below ? raw : log(dstn_softplus(raw))) + half_log_two_pi_e;
    }
    return entropy;
}

double dstn_space_entropy_slope(const dstn_space *space, int i) {
    double raw = space->raw_scale[i];
    return raw < far_below ? 1 : dstn_logistic(raw) / dstn_softplus(raw);
}

/* One example's noise for the hyperparameters that draw per batch, or for the others. */
static void draw_row(const dstn_space *space, dstn_rng rng, uint64_t step, uint64_t example, bool per_batch,
                     double *row) {
    int h = space->count;
    for (int i = 0; i < h; i += 2) {
        bool takes[2] = {space->items[i].per_batch == per_batch,
                         i + 1 < h && space->items[i + 1].per_batch == per_batch};
        double pair[2];
        if (!takes[0] && !takes[1]) {
            continue;
        }
        dstn_rng_normals(rng, step, example, (uint64_t)i / 2, pair);
        for (int k = 0; k < 2; k++) {
            if (takes[k]) {
                row[i + k] = pair[k];
            }
        }
    }
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

int64_t dstn_sampling_rows(dstn_sampling sampling) {
    return sampling.examples * (sampling.samples > 1 ? sampling.samples : 1);
}

int64_t dstn_sampling_drawn(dstn_sampling sampling) {
    int64_t rows = dstn_sampling_rows(sampling);
    return sampling.antithetic ? rows / 2 : rows;
}

/* Rows of one sample. */
static void draw_sample(const dstn_space *space, dstn_rng rng, uint64_t step, int64_t sample, int64_t first_row,
                        int64_t rows, double *noise) {
    int h = space->count;
    draw_row(space, rng, step, whole_batch - (uint64_t)sample, true, noise);
    for (int64_t r = 0; r < rows; r++) {
        double *row = noise + r * h;
        draw_row(space, rng, step, (uint64_t)(first_row + r), false, row);
        for (int i = 0; r > 0 && i < h; i++) {
            if (space->items[i].per_batch) {
                row[i] = noise[i];
            }
        }
    }
}

void dstn_space_noise(const dstn_space *space, dstn_rng rng, uint64_t step, int64_t first_row, int64_t rows,
                      double *noise) {
    if (rows > 0) {
        draw_sample(space, rng, step, 0, first_row, rows, noise);
    }
}

void dstn_space_sample_noise(const dstn_space *space, dstn_rng rng, uint64_t step, dstn_sampling sampling,
                             int64_t first_row, int64_t rows, double *noise) {
    int64_t drawn = dstn_sampling_drawn(sampling), h = space->count;
    for (int64_t done = 0; done < rows;) {
        int64_t row = (first_row + done) % drawn, sample = row / sampling.examples;
        int64_t left = (sample + 1) * sampling.examples - row, count = left < rows - done ? left : rows - done;
        draw_sample(space, rng, step, sample, row, count, noise + done * h);
        for (int64_t i = 0; first_row + done >= drawn && i < count * h; i++) {
            noise[done * h + i] = -noise[done * h + i];
        }
        done += count;
    }
}

void dstn_space_perturbation(const dstn_space *space, const double *noise, int64_t rows, double *epsilon) {
    int h = space->count;
    for (int i = 0; i < h; i++) {
        double sigma = dstn_space_sigma(space, i);
        for (int64_t r = 0; r < rows; r++) {
            epsilon[r * h + i] = sigma * noise[r * h + i];
        }
    }
}
