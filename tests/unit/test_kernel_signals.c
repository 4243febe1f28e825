/* kernel: signals that arrive within matrix products. oneDNN's generated products use the stack pointer as one more
 * register: a handler on the ordinary stack then writes over the heap, and a program dies long after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "dstn/kernel.h"

enum { ROWS = 128, SIDE = 600, PRODUCTS = 400, MICROSECONDS = 300 };

static volatile sig_atomic_t ticks;
static volatile sig_atomic_t left_the_stack;

/* The system knows on which stack the handler stands; the addresses of variables may be those of a sanitizer's own
 * stack. */
static void on_tick(int number) {
    (void)number;
    stack_t now;
    ticks++;
    left_the_stack = sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK) != 0;
}

static void set_timer(int microseconds) {
    struct itimerval timer = {{0, microseconds}, {0, microseconds}};
    assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void multiply(const dstn_kernel *kernel, dstn_arena *arena, void *results[2]) {
    void *x = dstn_arena_take(arena, ROWS * SIDE * kernel->size),
         *w = dstn_arena_take(arena, SIDE * SIDE * kernel->size);
    void *y = dstn_arena_take(arena, ROWS * SIDE * kernel->size),
         *g = dstn_arena_take(arena, SIDE * SIDE * kernel->size);
    assert_true(x && w && y && g);
    kernel->fill(kernel, ROWS * SIDE, 0.5, x);
    kernel->fill(kernel, SIDE * SIDE, 0.25, w);
    for (int i = 0; i < PRODUCTS; i++) {
        kernel->gemm(kernel, false, false, ROWS, SIDE, SIDE, 1, x, SIDE, w, SIDE, 0, y, SIDE);
        kernel->gemm(kernel, true, false, SIDE, SIDE, ROWS, 1, x, SIDE, y, SIDE, 0, g, SIDE);
    }
    results[0] = y;
    results[1] = g;
}

static void signals_within_products_harm_nothing(void **state) {
    (void)state;
    const dstn_kernel *kernel = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("auto", DSTN_F32, &kernel, &err), DSTN_OK);
    dstn_arena *arena = dstn_arena_new();
    void *want[2], *got[2];
    multiply(kernel, arena, want);
    dstn_on_signal(SIGALRM, on_tick, 0);
    set_timer(MICROSECONDS);
    multiply(kernel, arena, got);
    set_timer(0);
    assert_true(ticks > 0);
    assert_true(left_the_stack);
    assert_memory_equal(got[0], want[0], ROWS * SIDE * kernel->size);
    assert_memory_equal(got[1], want[1], SIDE * SIDE * kernel->size);
    dstn_arena_destroy(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_within_products_harm_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
