/* oracle, private: the Fortran routines of BLACS, ScaLAPACK and LAPACK that it calls; none of them has a C header that
 * every distribution brings. All arguments are pointers, after which come the lengths of those that are text;
 * arrays are column-major. */
#ifndef ORACLE_FORTRAN_H
#define ORACLE_FORTRAN_H

#include <stddef.h>

/* ---- BLACS: process grids ---- */
int sys2blacs_handle_(const int *communicator);
void free_blacs_system_handle_(const int *handle);
/* context [in, out]: a system handle in, the grid's context out (negative on ranks that have no place in it). */
void blacs_gridinit_(int *context, const char *order, const int *rows, const int *cols);
void blacs_gridinfo_(const int *context, int *rows, int *cols, int *row, int *col);
void blacs_gridexit_(const int *context);

/* ---- ScaLAPACK ---- */
/* How many of n rows (columns), dealt out in blocks, the process at `position` of `count` has. */
int numroc_(const int *n, const int *block, const int *position, const int *first, const int *count);
void descinit_(int *descriptor, const int *m, const int *n, const int *row_block, const int *col_block,
               const int *first_row, const int *first_col, const int *context, const int *leading, int *info);
/* Eigenvalues w and eigenvectors z of a symmetric a, by divide and conquer. */
void pdsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *ia, const int *ja,
              const int *descriptor_a, double *w, double *z, const int *iz, const int *jz, const int *descriptor_z,
              double *work, const int *work_size, int *iwork, const int *iwork_size, int *info, size_t job_length,
              size_t triangle_length);
void pilaver_(int *major, int *minor, int *patch);

/* ---- LAPACK ---- */
/* a [m, n] ← R in its upper triangle, of a = Q R. */
void dgeqrf_(const int *m, const int *n, double *a, const int *leading, double *tau, double *work, const int *work_size,
             int *info);
/* Eigenvalues (to diagonal) and eigenvectors z [n, n] of a symmetric tridiagonal matrix. */
void dstev_(const char *job, const int *n, double *diagonal, double *beside, double *z, const int *leading,
            double *work, int *info, size_t job_length);

#endif
