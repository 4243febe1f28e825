/* Loops over elements that do not depend on each other, split over the threads of the process. */
#ifndef DSTN_KERNEL_SPLIT_H
#define DSTN_KERNEL_SPLIT_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a loop that touches so many elements is worth a region of its own: it is long, there are threads, and they
 * are not at work already. */
bool kernel_splits(int64_t elements);
/* This thread's part of 0 … n−1 within such a region. */
void kernel_piece(int64_t n, int64_t *first, int64_t *end);

/* Runs WORK for `first` … `end`−1, which it may name, being 0 … n−1 in all. OpenMP is not entered for a loop of few
 * elements nor by one thread: a region costs more than the step of a small network. */
#define KERNEL_PRAGMA(text) _Pragma(#text)
#ifdef _OPENMP
#define KERNEL_SPLIT(n, elements, WORK)                                                                                \
    do {                                                                                                               \
        int64_t first = 0, end = (n);                                                                                  \
        if (kernel_splits(elements)) {                                                                                 \
            KERNEL_PRAGMA(omp parallel private(first, end)) {                                                          \
                kernel_piece((n), &first, &end);                                                                       \
                WORK;                                                                                                  \
            }                                                                                                          \
        } else {                                                                                                       \
            WORK;                                                                                                      \
        }                                                                                                              \
    } while (0)
#else
#define KERNEL_SPLIT(n, elements, WORK)                                                                                \
    do {                                                                                                               \
        int64_t first = 0, end = (n);                                                                                  \
        WORK;                                                                                                          \
    } while (0)
#endif

#endif
