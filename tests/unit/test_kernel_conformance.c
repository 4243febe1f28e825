/* kernel: one list of cases runs over all operations of all tables, so that a new backend, and a new operation, is
 * tested by being there. */
#include "kernel_cases.h"

static const kernel_case *const lists[] = {kernel_cases_of_vectors, kernel_cases_of_rows,   kernel_cases_of_response,
                                           kernel_cases_of_images,  kernel_cases_of_losses, kernel_cases_of_products,
                                           kernel_cases_of_maps,    kernel_cases_of_words};
enum { LISTS = sizeof lists / sizeof lists[0] };

static void renew_all(case_arrays *a) {
    renew(&a->b);
    a->b.tolerance = rounding_of(a->b.kernel);
    a->terms = 1;
    for (int i = 0; i < SPACE; i++) {
        a->bytes[i] = a->want_bytes[i] = (uint8_t)(i * 7 + i / 3);
    }
    for (int i = 0; i < CASE_COLUMNS; i++) {
        a->sums[i] = a->want_sums[i] = 2 + sin(i);
    }
}

static void compare_all(case_arrays *a, const char *what) {
    a->b.tolerance *= a->terms;
    check(&a->b, what, &a->b.x);
    check(&a->b, what, &a->b.y);
    check(&a->b, what, &a->b.z);
    check(&a->b, what, &a->b.u);
    if (memcmp(a->bytes, a->want_bytes, sizeof a->bytes) != 0) {
        fail_msg("%s of %s in %s: bytes differ", what, a->b.kernel->backend, dstn_scalar_name(a->b.kernel->scalar));
    }
    for (int i = 0; i < CASE_COLUMNS; i++) {
        if (!(fabs(a->sums[i] - a->want_sums[i]) <= 1e-13 * (1 + fabs(a->want_sums[i])))) {
            fail_msg("%s of %s in %s: column %d is %.17g, not %.17g", what, a->b.kernel->backend,
                     dstn_scalar_name(a->b.kernel->scalar), i, a->sums[i], a->want_sums[i]);
        }
    }
}

static void run_case(case_arrays *a, const kernel_case *c) {
    for (int i = 0; i < c->count; i++) {
        const int64_t number[CASE_ARGUMENTS] = {i}, *args = c->args ? c->args[i] : number;
        char what[160];
        int length = snprintf(what, sizeof what, "%s(", c->operation);
        for (int k = 0; k < CASE_ARGUMENTS; k++) {
            length += snprintf(what + length, sizeof what - (size_t)length, k ? " %d" : "%d", (int)args[k]);
        }
        snprintf(what + length, sizeof what - (size_t)length, ")");
        renew_all(a);
        c->check(a, a->b.kernel, args);
        compare_all(a, what);
    }
}

static void every_operation_of_every_table_does_what_its_formula_says(void **state) {
    (void)state;
    static case_arrays a;
    for (int i = 0; (a.b.kernel = dstn_kernel_at(i)); i++) {
        for (int l = 0; l < LISTS; l++) {
            for (const kernel_case *c = lists[l]; c->operation; c++) {
                run_case(&a, c);
            }
        }
    }
}

typedef void operation(void);

/* All that follows `gemm` in the table is operations. */
static void every_operation_has_cases_and_every_table_all_operations(void **state) {
    (void)state;
    for (size_t at = offsetof(dstn_kernel, gemm); at < sizeof(dstn_kernel); at += sizeof(operation *)) {
        bool has_cases = false;
        for (int l = 0; l < LISTS; l++) {
            for (const kernel_case *c = lists[l]; c->operation; c++) {
                has_cases = has_cases || c->offset == at;
            }
        }
        if (!has_cases) {
            fail_msg("operation %d of the table has no case",
                     (int)((at - offsetof(dstn_kernel, gemm)) / sizeof(operation *)));
        }
        for (int i = 0; dstn_kernel_at(i); i++) {
            operation *there;
            memcpy(&there, (const char *)dstn_kernel_at(i) + at, sizeof there);
            assert_true(there != NULL);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_of_every_table_does_what_its_formula_says),
        cmocka_unit_test(every_operation_has_cases_and_every_table_all_operations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
