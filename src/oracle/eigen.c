/* oracle: the eigendecomposition of S XᵀX S with ScaLAPACK's divide and conquer. The matrix is dealt out in square
 * blocks over a two-dimensional grid of the group's ranks; since all of them hold X, each forms its own blocks by one
 * product of two sets of X's columns, without any communication. */
#include "eigen.h"

#include <limits.h>
#include <math.h>

#include "fortran.h"

typedef struct process_grid {
    int handle;     /* BLACS' name of the group's communicator */
    int context;    /* negative: this rank has no place in the grid */
    int rows, cols; /* of the grid */
    int row, col;   /* of this rank */
} process_grid;

/* This rank's share of a d × d matrix, column-major [rows, cols]. */
typedef struct local_blocks {
    int descriptor[9];
    int block;
    int64_t rows, cols;
    double *gram, *vectors;
} local_blocks;

oracle_deal oracle_eigen_deal(const dstn_group *group, int64_t d) {
    return (oracle_deal){DSTN_EIGEN_BLOCK, d <= DSTN_EIGEN_ALONE ? 1 : dstn_group_size(group)};
}

/* As square as possible, and never with more rows or columns than there are blocks: a rank without a single one would
 * have nothing to do. The first rank, the leader, is always in it. */
static process_grid grid_new(const dstn_group *group, int64_t d, oracle_deal deal) {
    int64_t blocks = (d + deal.block - 1) / deal.block;
    int size = deal.ranks < dstn_group_size(group) ? deal.ranks : dstn_group_size(group);
    int side = 1;
    while ((side + 1) * (side + 1) <= size) {
        side++;
    }
    process_grid grid = {0};
    grid.rows = side < blocks ? side : (int)blocks;
    grid.cols = size / side < blocks ? size / side : (int)blocks;
    int communicator = dstn_group_fortran_handle(group);
    grid.handle = sys2blacs_handle_(&communicator);
    grid.context = grid.handle;
    blacs_gridinit_(&grid.context, "Row-major", &grid.rows, &grid.cols);
    if (grid.context >= 0) {
        blacs_gridinfo_(&grid.context, &grid.rows, &grid.cols, &grid.row, &grid.col);
    }
    return grid;
}

static void grid_free(const process_grid *grid) {
    if (grid->context >= 0) {
        blacs_gridexit_(&grid->context);
    }
    free_blacs_system_handle_(&grid->handle);
}

/* Row (column) of the whole matrix at `local` of the process at `position` of `count`. */
static int64_t global_index(int64_t local, int block, int position, int count) {
    return (local / block * count + position) * block + local % block;
}

/* The columns of X S that this rank's rows (columns) of the matrix belong to: [n, columns]. */
static double *select_columns(dstn_arena *arena, int64_t n, int64_t d, const double *x, const double *scale,
                              int64_t columns, int block, int position, int count) {
    double *selected = dstn_arena_take(arena, (size_t)(n * columns) * sizeof(double));
    if (!selected) {
        return NULL;
    }
    for (int64_t j = 0; j < columns; j++) {
        int64_t from = global_index(j, block, position, count);
        for (int64_t r = 0; r < n; r++) {
            selected[r * columns + j] = x[r * d + from] * scale[from];
        }
    }
    return selected;
}

static bool form_gram(dstn_arena *arena, const dstn_kernel *kernel, const process_grid *grid, int64_t n, int64_t d,
                      const double *x, const double *scale, int block, local_blocks *local) {
    const int order = (int)d, zero = 0;
    local->block = block;
    local->rows = numroc_(&order, &block, &grid->row, &zero, &grid->rows);
    local->cols = numroc_(&order, &block, &grid->col, &zero, &grid->cols);
    const int leading = (int)local->rows;
    int info;
    descinit_(local->descriptor, &order, &order, &block, &block, &zero, &zero, &grid->context, &leading, &info);
    size_t bytes = (size_t)(local->rows * local->cols) * sizeof(double);
    local->gram = dstn_arena_take(arena, bytes);
    local->vectors = dstn_arena_take(arena, bytes);
    double *left = select_columns(arena, n, d, x, scale, local->rows, block, grid->row, grid->rows);
    double *right = select_columns(arena, n, d, x, scale, local->cols, block, grid->col, grid->cols);
    if (info != 0 || !local->gram || !local->vectors || !left || !right) {
        return false;
    }
    /* Row-major [cols, rows] is column-major [rows, cols]. */
    kernel->gemm(kernel, true, false, local->cols, local->rows, n, 1, right, local->cols, left, local->rows, 0,
                 local->gram, local->rows);
    return true;
}

typedef struct workspace {
    double *work;
    int *iwork;
    int work_size, iwork_size;
} workspace;

/* What pdsyevd asks for, and what its parts need (PDSTEDC and its PDLASRT, PDSYTRD, PDORMTR): up to version 2.2 its
 * query forgets some of them, which for small matrices ends in eigenvectors that are wrong without a word in `info`. */
static bool take_workspace(dstn_arena *arena, const local_blocks *local, int order, workspace *space) {
    const int one = 1, query = -1;
    double wanted = 0, nothing = 0;
    int integers = 0, info = 0;
    pdsyevd_("V", "L", &order, local->gram, &one, &one, local->descriptor, &nothing, local->vectors, &one, &one,
             local->descriptor, &wanted, &query, &integers, &query, &info, 1, 1);
    double rows = (double)local->rows, cols = (double)local->cols, block = local->block;
    /* Computed anew, since the library's own number is an int that may have wrapped around. */
    wanted = fmax(wanted, 9.0 * order + 2 * rows * cols);
    wanted += 7.0 * order + rows * (block + cols) + block * (3 * block + 2 * (rows + cols));
    if (info != 0 || !(wanted < INT_MAX)) {
        return false;
    }
    space->work_size = (int)wanted;
    space->iwork_size = integers + 2 * order;
    space->work = dstn_arena_take(arena, (size_t)space->work_size * sizeof(double));
    space->iwork = dstn_arena_take(arena, (size_t)space->iwork_size * sizeof(int));
    return space->work && space->iwork;
}

/* Puts this rank's part of the eigenvectors into its place of the whole. */
static void place_vectors(const process_grid *grid, const local_blocks *local, int64_t d, double *vectors) {
    for (int64_t j = 0; j < local->cols; j++) {
        int64_t mode = global_index(j, local->block, grid->col, grid->cols);
        for (int64_t i = 0; i < local->rows; i++) {
            int64_t component = global_index(i, local->block, grid->row, grid->rows);
            vectors[mode * d + component] = local->vectors[j * local->rows + i];
        }
    }
}

static dstn_status out_of_memory(int64_t d, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_RUN,
                     "out of memory for the eigenvectors of a matrix of order %lld; more ranks share it", (long long)d);
}

static dstn_status solve(dstn_arena *arena, const dstn_group *group, const dstn_kernel *kernel,
                         const process_grid *grid, int64_t n, int64_t d, const double *x, const double *scale,
                         int block, double *values, double *vectors, dstn_error *err) {
    const int order = (int)d, one = 1;
    bool takes_part = grid->context >= 0;
    local_blocks local = {0};
    workspace space = {0};
    dstn_status status = DSTN_OK;
    if (takes_part && !(form_gram(arena, kernel, grid, n, d, x, scale, block, &local) &&
                        take_workspace(arena, &local, order, &space))) {
        status = out_of_memory(d, err);
    }
    /* Every rank of the grid must enter the solver, or none. */
    status = dstn_group_agree(group, status, err);
    if (status != DSTN_OK || !takes_part) {
        return status;
    }
    int info = 0;
    pdsyevd_("V", "L", &order, local.gram, &one, &one, local.descriptor, values, local.vectors, &one, &one,
             local.descriptor, space.work, &space.work_size, space.iwork, &space.iwork_size, &info, 1, 1);
    if (info != 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "the eigenvalues of a matrix of order %lld do not converge (PDSYEVD %d)",
                         (long long)d, info);
    }
    place_vectors(grid, &local, d, vectors);
    return DSTN_OK;
}

/* Whether Qᵀ Λ Q p = S XᵀX S p for one vector p that has a part in every mode: what the library did not tell. */
static bool reproduces(const dstn_kernel *kernel, int64_t n, int64_t d, const double *x, const double *scale,
                       const double *values, const double *vectors, dstn_arena *arena) {
    double *probe = dstn_arena_take(arena, (size_t)d * sizeof(double));
    double *modes = dstn_arena_take(arena, (size_t)d * sizeof(double));
    double *image = dstn_arena_take(arena, (size_t)d * sizeof(double));
    double *rows = dstn_arena_take(arena, (size_t)n * sizeof(double));
    if (!probe || !modes || !image || !rows) {
        return false;
    }
    for (int64_t j = 0; j < d; j++) {
        probe[j] = sin(1 + (double)j);
    }
    kernel->gemm(kernel, false, true, 1, d, d, 1, probe, d, vectors, d, 0, modes, d);
    kernel->multiply(kernel, d, modes, values, modes);
    kernel->gemm(kernel, false, false, 1, d, d, 1, modes, d, vectors, d, 0, image, d);
    kernel->multiply(kernel, d, probe, scale, probe);
    kernel->gemm(kernel, false, true, 1, n, d, 1, probe, d, x, d, 0, rows, n);
    kernel->gemm(kernel, false, false, 1, d, n, 1, rows, n, x, d, 0, modes, d);
    kernel->multiply(kernel, d, modes, scale, modes);
    kernel->axpy(kernel, d, -1, modes, image);
    /* ‖p‖² is about d/2. */
    return sqrt(kernel->dot(kernel, d, image, image)) <= 1e-10 * values[d - 1] * sqrt((double)d);
}

dstn_status oracle_eigen_gram(const dstn_group *group, const dstn_kernel *kernel, int64_t n, int64_t d, const double *x,
                              const double *scale, oracle_deal deal, double *values, double *vectors, dstn_error *err) {
    if (d > INT_MAX / 2) {
        return dstn_fail(err, DSTN_ERROR_RUN, "a matrix of order %lld is too large", (long long)d);
    }
    process_grid grid = grid_new(group, d, deal);
    dstn_arena *arena = dstn_arena_new();
    kernel->fill(kernel, d * d, 0, vectors);
    dstn_status status = solve(arena, group, kernel, &grid, n, d, x, scale, deal.block, values, vectors, err);
    grid_free(&grid);
    status = dstn_group_agree(group, status, err);
    if (status == DSTN_OK) {
        dstn_group_broadcast(group, values, (size_t)d * sizeof(double));
        /* Each element comes from one rank and is zero on the others, so that the sum is exact. */
        dstn_group_sum(group, vectors, d * d);
        if (!reproduces(kernel, n, d, x, scale, values, vectors, arena)) {
            status =
                dstn_fail(err, DSTN_ERROR_RUN, "the eigenvectors of a matrix of order %lld that %s found are wrong",
                          (long long)d, oracle_eigen_version());
        }
        status = dstn_group_agree(group, status, err);
    }
    dstn_arena_destroy(arena);
    return status;
}

/* The library tells its version at run time only. The text is the same whoever writes it. */
const char *oracle_eigen_version(void) {
    static char text[64];
    int major = 0, minor = 0, patch = 0;
    pilaver_(&major, &minor, &patch);
    snprintf(text, sizeof text, "ScaLAPACK %d.%d.%d", major, minor, patch);
    return text;
}
