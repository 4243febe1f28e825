/* The cases of the kernel's conformance test: every operation of the table with what it should do, in double and in
 * plain loops. */
#ifndef DSTN_TESTS_KERNEL_CASES_H
#define DSTN_TESTS_KERNEL_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_fixture.h"

enum { CASE_ARGUMENTS = 9, CASE_COLUMNS = 256 };

/* What a case works on: arrays in the kernel's type, which are renewed before it, and others. The operation is run on
 * `raw`, `bytes` and `sums`; the same is done in plain loops to `value`, `want_bytes` and `want_sums`. All are compared
 * then over their whole length, inputs too. */
typedef struct case_arrays {
    bench b;
    double terms; /* numbers that are summed in the kernel's precision for one result; 1 before each case */
    uint8_t bytes[SPACE], want_bytes[SPACE];
    double sums[CASE_COLUMNS], want_sums[CASE_COLUMNS]; /* in double, whatever the kernel's type */
} case_arrays;

typedef struct kernel_case {
    const char *operation;
    size_t offset; /* of the operation in the table */
    void (*check)(case_arrays *a, const dstn_kernel *k, const int64_t *args);
    const int64_t (*args)[CASE_ARGUMENTS]; /* [count]: the check is run with each; NULL: with 0 … count−1 */
    int count;
} kernel_case;

#define KERNEL_CASE(operation, check, args)                                                                            \
    { #operation, offsetof(dstn_kernel, operation), check, args, sizeof args / sizeof args[0] }

#define KERNEL_CASES(operation, check, count)                                                                          \
    { #operation, offsetof(dstn_kernel, operation), check, NULL, count }

/* Lists end with an operation NULL. */
extern const kernel_case kernel_cases_of_vectors[], kernel_cases_of_rows[], kernel_cases_of_response[],
    kernel_cases_of_images[], kernel_cases_of_losses[], kernel_cases_of_products[], kernel_cases_of_maps[],
    kernel_cases_of_words[];

/* Element i of an array in the kernel's type. */
static inline void *case_at(const dstn_kernel *kernel, twin *t, int64_t i) {
    return (char *)t->raw + (size_t)i * kernel->size;
}

#endif
