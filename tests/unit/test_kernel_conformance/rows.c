/* Cases of operations on the rows and columns of matrices, and the places of images. */
#include "kernel_cases.h"

/* Rows and columns, around the tile of columns and what counts as few. */
static const int64_t matrices[][CASE_ARGUMENTS] = {{0, 5},   {1, 1},   {3, 1},  {7, 1},   {1, 6},   {5, 4},  {4, 17},
                                                   {20, 33}, {11, 63}, {9, 64}, {13, 65}, {5, 200}, {64, 64}};

static void check_add_row(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    k->add_row(k, m[0], m[1], a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        a->b.y.value[i] += a->b.x.value[i % m[1]];
    }
}

static void check_sum_rows(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    k->sum_rows(k, m[0], m[1], a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        a->b.y.value[i % m[1]] += a->b.x.value[i];
    }
    a->terms = 1 + (double)m[0];
}

/* ---- columns, summed in double ----------------------------------------------------------------------------------- */

static void check_column_sums(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    k->column_sums(k, m[0], m[1], a->b.x.raw, a->sums);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        a->want_sums[i % m[1]] += a->b.x.value[i];
    }
}

static void draw_centers(double *center) {
    for (int c = 0; c < CASE_COLUMNS; c++) {
        center[c] = cos(c);
    }
}

static void check_column_dots(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    double center[CASE_COLUMNS];
    draw_centers(center);
    k->column_dots(k, m[0], m[1], a->b.x.raw, a->b.y.raw, center, a->sums);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        a->want_sums[i % m[1]] += a->b.x.value[i] * (a->b.y.value[i] - center[i % m[1]]);
    }
}

static void check_column_squares(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    double center[CASE_COLUMNS];
    draw_centers(center);
    k->column_squares(k, m[0], m[1], a->b.x.raw, center, a->sums);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        double difference = a->b.x.value[i] - center[i % m[1]];
        a->want_sums[i % m[1]] += difference * difference;
    }
}

/* Third argument 1: without x; fourth: in place of v (1) or x (2). */
static const int64_t maps[][CASE_ARGUMENTS] = {{0, 5},         {1, 1},         {20, 33},      {9, 64},
                                               {13, 65},       {5, 200},       {3, 7, 1},     {9, 64, 1},
                                               {13, 65, 1, 1}, {13, 65, 0, 1}, {13, 65, 0, 2}};

static void check_column_affine(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    double factor[CASE_COLUMNS], slope[CASE_COLUMNS], shift[CASE_COLUMNS];
    for (int c = 0; c < CASE_COLUMNS; c++) {
        factor[c] = 1 + c % 7;
        slope[c] = -0.5 * (c % 3);
        shift[c] = 0.25 * (c % 5);
    }
    bool has_x = m[2] == 0;
    twin *to = m[3] == 0 ? &a->b.z : m[3] == 1 ? &a->b.x : &a->b.y;
    k->column_affine(k, m[0], m[1], factor, a->b.x.raw, has_x ? slope : NULL, has_x ? a->b.y.raw : NULL, shift,
                     to->raw);
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        int64_t c = i % m[1];
        to->value[i] = factor[c] * a->b.x.value[i] + shift[c] + (has_x ? slope[c] * a->b.y.value[i] : 0);
    }
    a->terms = 10;
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

/* Rows, places, channels; the factor in quarters (4 is 1). */
static const int64_t images[][CASE_ARGUMENTS] = {{0, 3, 4, 1},  {1, 1, 1, 2},   {3, 1, 5, -4}, {2, 9, 6, 6},
                                                 {4, 4, 17, 1}, {1, 60, 33, 4}, {5, 2, 32, 4}};

static int64_t example_channel(const int64_t *image, int64_t i) {
    return i / image[2] / image[1] * image[2] + i % image[2];
}

static void check_plane_sum(case_arrays *a, const dstn_kernel *k, const int64_t *image) {
    k->plane_sum(k, image[0], image[1], image[2], 0.25 * (double)image[3], a->b.x.raw, a->b.y.raw);
    memset(a->b.y.value, 0, (size_t)(image[0] * image[2]) * sizeof(double));
    for (int64_t i = 0; i < image[0] * image[1] * image[2]; i++) {
        a->b.y.value[example_channel(image, i)] += 0.25 * (double)image[3] * a->b.x.value[i];
    }
    a->terms = (double)image[1];
}

static void check_plane_spread(case_arrays *a, const dstn_kernel *k, const int64_t *image) {
    k->plane_spread(k, image[0], image[1], image[2], -1.5 * (double)image[3], a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < image[0] * image[1] * image[2]; i++) {
        a->b.y.value[i] = -1.5 * (double)image[3] * a->b.x.value[example_channel(image, i)];
    }
}

const kernel_case kernel_cases_of_rows[] = {
    KERNEL_CASE(add_row, check_add_row, matrices),
    KERNEL_CASE(sum_rows, check_sum_rows, matrices),
    KERNEL_CASE(column_sums, check_column_sums, matrices),
    KERNEL_CASE(column_dots, check_column_dots, matrices),
    KERNEL_CASE(column_squares, check_column_squares, matrices),
    KERNEL_CASE(column_affine, check_column_affine, maps),
    KERNEL_CASE(plane_sum, check_plane_sum, images),
    KERNEL_CASE(plane_spread, check_plane_spread, images),
    {0},
};
