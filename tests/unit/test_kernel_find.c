/* kernel: which table is found by which name; versions and peaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "dstn/kernel.h"

static const dstn_kernel *find(const char *backend, dstn_scalar scalar) {
    const dstn_kernel *kernel = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find(backend, scalar, &kernel, &err), DSTN_OK);
    assert_int_equal(kernel->scalar, scalar);
    assert_int_equal(kernel->size, dstn_scalar_size(scalar));
    return kernel;
}

static void every_table_is_found_by_its_name(void **state) {
    (void)state;
    int count = 0;
    for (const dstn_kernel *kernel; (kernel = dstn_kernel_at(count)); count++) {
        assert_ptr_equal(find(kernel->backend, kernel->scalar), kernel);
    }
    assert_true(count >= 4); /* OpenBLAS and the references, in two types */
    assert_string_equal(find("openblas", DSTN_F32)->backend, "openblas");
    assert_string_equal(find("reference", DSTN_F64)->backend, "reference");
}

static void the_choice_is_the_first_table_and_never_the_references(void **state) {
    (void)state;
    assert_ptr_equal(find("auto", DSTN_F32), dstn_kernel_at(0));
    assert_string_equal(find("auto", DSTN_F64)->backend, "openblas");
    assert_string_not_equal(find("auto", DSTN_F32)->backend, "reference");
}

static void unknown_backends_are_refused_with_the_known_ones(void **state) {
    (void)state;
    const dstn_kernel *kernel = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblsa", DSTN_F32, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "openblas"));
    assert_int_equal(dstn_kernel_find("onednn", DSTN_F64, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "openblas"));
    assert_int_equal(dstn_kernel_find("auto", DSTN_I64, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "i64"));
}

static void the_version_names_the_libraries(void **state) {
    (void)state;
    const dstn_kernel *kernel;
    dstn_error err;
    assert_non_null(strstr(dstn_kernel_version(), "OpenBLAS"));
    bool has_onednn = dstn_kernel_find("onednn", DSTN_F32, &kernel, &err) == DSTN_OK;
    assert_int_equal(strstr(dstn_kernel_version(), "oneDNN") != NULL, has_onednn);
}

/* ---- the peak ---------------------------------------------------------------------------------------------------- */

static int products;

static void counted_gemm(const dstn_kernel *kernel, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                         const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc) {
    const dstn_kernel *inner = kernel->state;
    products++;
    inner->gemm(inner, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void a_measurement_repeats_as_often_as_it_is_told(void **state) {
    (void)state;
    dstn_kernel inner = *find("auto", DSTN_F32), counting = inner;
    counting.state = &inner;
    counting.gemm = counted_gemm;
    products = 0;
    assert_true(dstn_kernel_measure(&counting, 64, 2) > 0);
    assert_int_equal(products, 2);
}

/* Two measurements are never equal to the last bit. */
static void the_peak_is_measured_once(void **state) {
    (void)state;
    for (int i = 0; dstn_kernel_at(i); i++) {
        double first = dstn_kernel_peak(dstn_kernel_at(i));
        assert_true(first > 0);
        for (int again = 0; again < 3; again++) {
            assert_true(dstn_kernel_peak(dstn_kernel_at(i)) == first);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_is_found_by_its_name),
        cmocka_unit_test(the_choice_is_the_first_table_and_never_the_references),
        cmocka_unit_test(unknown_backends_are_refused_with_the_known_ones),
        cmocka_unit_test(the_version_names_the_libraries),
        cmocka_unit_test(a_measurement_repeats_as_often_as_it_is_told),
        cmocka_unit_test(the_peak_is_measured_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
