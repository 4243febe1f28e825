/* kernel: the processors that the threads of this process may run on. */
#define _GNU_SOURCE
#include "dstn/kernel.h"

#ifdef __linux__
#include <sched.h>
#include <stdlib.h>

enum { BYTE_BITS = 8 };

typedef struct processor_set {
    unsigned char *bits; /* [threads][size] */
    size_t size;
} processor_set;

static void ask_thread(void *context, int64_t first, int64_t count, int thread) {
    (void)first, (void)count;
    const processor_set *sets = context;
    unsigned char *bits = sets->bits + (size_t)thread * sets->size;
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
        return;
    }
    for (size_t p = 0; p < BYTE_BITS * sets->size && p < CPU_SETSIZE; p++) {
        bits[p / BYTE_BITS] |= (unsigned char)(CPU_ISSET(p, &allowed) ? 1u << p % BYTE_BITS : 0);
    }
}

void dstn_kernel_processors(unsigned char *bits, size_t size) {
    size_t threads = (size_t)dstn_kernel_threads();
    processor_set sets = {dstn_alloc(threads, size), size};
    dstn_kernel_for_rows((int64_t)threads, 1, ask_thread, &sets);
    for (size_t i = 0; i < size; i++) {
        bits[i] = 0;
        for (size_t t = 0; t < threads; t++) {
            bits[i] |= sets.bits[t * size + i];
        }
    }
    free(sets.bits);
}
#else
void dstn_kernel_processors(unsigned char *bits, size_t size) {
    for (size_t i = 0; i < size; i++) {
        bits[i] = 0;
    }
}
#endif
