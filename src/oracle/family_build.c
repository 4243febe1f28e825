/* oracle: makes a family: scales, decomposes, and takes the validation part to the eigenbasis. */
#include "family.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

#include "eigen.h"
#include "fortran.h"

static double *take(oracle_family *family, int64_t count) {
    return dstn_arena_take(family->arena, (size_t)count * sizeof(double));
}

static dstn_status out_of_memory(int64_t d, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_RUN, "out of memory for an exact best response of %lld weights", (long long)d);
}

static dstn_status check_data(const oracle_family_data *data, const dstn_kernel *kernel, dstn_error *err) {
    if (data->n > INT_MAX || data->v > INT_MAX || data->d > INT_MAX) {
        return dstn_fail(err, DSTN_ERROR_RUN, "more than %d rows or features are too many for an exact best response",
                         INT_MAX);
    }
    if (!kernel->all_finite(kernel, data->n * data->d, data->x) || !kernel->all_finite(kernel, data->n, data->t) ||
        !kernel->all_finite(kernel, data->v * data->d, data->x_valid) ||
        !kernel->all_finite(kernel, data->v, data->t_valid)) {
        return dstn_fail(err, DSTN_ERROR_DATA, "the data have values that are not finite: no exact best response");
    }
    return DSTN_OK;
}

static dstn_status take_spectrum(oracle_family *family, dstn_error *err) {
    int64_t d = family->dimension;
    family->root = take(family, d);
    family->inverse = take(family, d);
    family->eigenvalues = take(family, d);
    family->projection = take(family, d);
    family->vectors = take(family, d * d);
    if (!family->root || !family->inverse || !family->eigenvalues || !family->projection || !family->vectors) {
        return out_of_memory(d, err);
    }
    return DSTN_OK;
}

static void fill_weighting(oracle_family *family, const oracle_family_data *data) {
    int64_t d = data->d;
    for (int64_t j = 0; j < d; j++) {
        double square = 1;
        if (data->weighting == DSTN_WEIGHTING_FEATURES) {
            square = 0;
            for (int64_t r = 0; r < data->n; r++) {
                square += data->x[r * d + j] * data->x[r * d + j];
            }
        }
        family->root[j] = sqrt(square);
        family->inverse[j] = square > 0 ? 1 / family->root[j] : 0;
    }
}

/* At least one mode stays, so that no product has an empty side. */
static void leave_out_modes(oracle_family *family) {
    const double negligible = 1e-12;
    int64_t d = family->dimension;
    double *values = family->eigenvalues;
    family->modes = 1;
    while (family->modes < d && values[d - family->modes - 1] > negligible * values[d - 1]) {
        family->modes++;
    }
    for (int64_t i = 0; i < d - family->modes; i++) {
        values[i] = 0;
    }
    if (values[d - 1] < 0) {
        values[d - 1] = 0;
    }
}

/* g = Qᵀ D^-½ Xᵀt, and Qᵀ D^-½ for the kept modes to `basis` [k, d]. */
static void fill_target(oracle_family *family, const oracle_family_data *data, double *basis) {
    const dstn_kernel *kernel = family->kernel;
    int64_t d = data->d, k = family->modes;
    const double *vectors = family->vectors + (d - k) * d;
    for (int64_t i = 0; i < k; i++) {
        kernel->multiply(kernel, d, vectors + i * d, family->inverse, basis + i * d);
    }
    double *correlation = family->projection;
    kernel->gemm(kernel, false, false, 1, d, data->n, 1, data->t, data->n, data->x, d, 0, correlation, d);
    kernel->gemm(kernel, false, true, 1, k, d, 1, correlation, d, basis, d, 0, family->target, k);
}

/* Zᵀ [k, v] with t_v as one more row below it. The validation rows are taken in blocks, which the ranks share, so that
 * the products have the same shapes, and the numbers the same bits, in a group of any size. */
static void fill_design(const oracle_family *family, const oracle_family_data *data, const dstn_group *group,
                        const double *basis, double *design) {
    enum { BLOCK = 256 };
    int64_t first, count, k = family->modes, v = data->v, d = data->d;
    dstn_group_share(group, (v + BLOCK - 1) / BLOCK, &first, &count);
    for (int64_t row = first * BLOCK; row < (first + count) * BLOCK && row < v; row += BLOCK) {
        int64_t rows = v - row < BLOCK ? v - row : BLOCK;
        family->kernel->gemm(family->kernel, false, true, k, rows, d, 1, basis, d, data->x_valid + row * d, d, 0,
                             design + row, v);
    }
    /* Every element comes from one rank and is zero on the others. */
    dstn_group_sum(group, design, k * v);
    family->kernel->copy(family->kernel, v, data->t_valid, design + k * v);
}

/* [k + 1, v] row-major, which is [Z t_v] column-major, to its triangle R, m = k + 1 rows. False: out of memory. */
static bool compress_design(oracle_family *family, dstn_arena *arena, double *full, int64_t v) {
    const int m = (int)v, columns = (int)family->modes + 1, query = -1;
    int info, size;
    double wanted;
    double *tau = dstn_arena_take(arena, (size_t)columns * sizeof(double));
    if (!tau) {
        return false;
    }
    dgeqrf_(&m, &columns, full, &m, tau, &wanted, &query, &info);
    size = (int)wanted;
    double *work = dstn_arena_take(arena, (size_t)size * sizeof(double));
    if (!work) {
        return false;
    }
    dgeqrf_(&m, &columns, full, &m, tau, work, &size, &info);
    for (int64_t column = 0; column < columns; column++) {
        double *to = column < family->modes ? family->design + column * family->rows : family->observed;
        family->kernel->copy(family->kernel, column + 1, full + column * v, to);
    }
    return true;
}

static bool take_modes(oracle_family *family, int64_t v) {
    int64_t k = family->modes;
    family->rows = v < k + 1 ? v : k + 1;
    family->target = take(family, k);
    family->design = take(family, k * family->rows);
    family->observed = take(family, family->rows);
    family->coefficients = take(family, DSTN_FAMILY_CHUNK * k);
    family->residuals = take(family, DSTN_FAMILY_CHUNK * family->rows);
    return family->target && family->design && family->observed && family->coefficients && family->residuals;
}

static dstn_status fill_modes(oracle_family *family, const oracle_family_data *data, const dstn_group *group,
                              dstn_arena *arena, dstn_error *err) {
    int64_t k = family->modes, v = data->v;
    double *basis = dstn_arena_take(arena, (size_t)(k * data->d) * sizeof(double));
    double *full = dstn_arena_take(arena, (size_t)((k + 1) * v) * sizeof(double));
    dstn_status status = basis && full && take_modes(family, v) ? DSTN_OK : out_of_memory(data->d, err);
    status = dstn_group_agree(group, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    fill_target(family, data, basis);
    fill_design(family, data, group, basis, full);
    if (family->rows < v) {
        status = compress_design(family, arena, full, v) ? DSTN_OK : out_of_memory(data->d, err);
    } else {
        family->kernel->copy(family->kernel, k * v, full, family->design);
        family->kernel->copy(family->kernel, v, full + k * v, family->observed);
    }
    status = dstn_group_agree(group, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    /* Ranks on processors of another kind round in another way. */
    dstn_group_broadcast(group, family->target, (size_t)k * sizeof(double));
    dstn_group_broadcast(group, family->design, (size_t)(k * family->rows) * sizeof(double));
    dstn_group_broadcast(group, family->observed, (size_t)family->rows * sizeof(double));
    return DSTN_OK;
}

static dstn_status build(oracle_family *family, const oracle_family_data *data, const dstn_group *group,
                         dstn_error *err) {
    dstn_status status = check_data(data, family->kernel, err);
    if (status == DSTN_OK) {
        status = take_spectrum(family, err);
    }
    status = dstn_group_agree(group, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    fill_weighting(family, data);
    oracle_quadrature_fill(&family->quadrature);
    status = oracle_eigen_gram(group, family->kernel, data->n, data->d, data->x, family->inverse,
                               oracle_eigen_deal(group, data->d), family->eigenvalues, family->vectors, err);
    if (status != DSTN_OK) {
        return status;
    }
    leave_out_modes(family);
    dstn_arena *arena = dstn_arena_new();
    status = fill_modes(family, data, group, arena, err);
    dstn_arena_destroy(arena);
    return status;
}

dstn_status oracle_family_new(const oracle_family_data *data, const dstn_group *group, oracle_family **out,
                              dstn_error *err) {
    const dstn_kernel *kernel;
    dstn_status status = dstn_kernel_find("openblas", DSTN_F64, &kernel, err);
    if (status != DSTN_OK) {
        return status;
    }
    oracle_family *family = dstn_alloc(1, sizeof *family);
    family->kernel = kernel;
    family->arena = dstn_arena_new();
    family->strength = data->strength;
    family->dimension = data->d;
    family->mean = 0.5 / (double)data->v;
    status = build(family, data, group, err);
    if (status != DSTN_OK) {
        oracle_family_destroy(family);
        return status;
    }
    *out = family;
    return DSTN_OK;
}

void oracle_family_destroy(oracle_family *family) {
    if (!family) {
        return;
    }
    dstn_arena_destroy(family->arena);
    free(family);
}
