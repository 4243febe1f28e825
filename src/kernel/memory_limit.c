/* kernel: what threads and OpenBLAS take of memory that is limited (ulimit -v, ulimit -d), looked at before they ask
 * for it. OpenBLAS up to 0.3.29 asks for ever for a buffer that it doesn't get, in threads that it starts when it is
 * loaded, so before main(), and in the first product. */
#include "dstn/kernel.h"

#include <cblas.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* OpenBLAS's buffers, if it is built as usual; each of them serves one product at a time, and is kept. */
extern void *blas_memory_alloc(int position) __attribute__((weak));
extern void blas_memory_free(void *buffer) __attribute__((weak));

static const size_t megabyte = (size_t)1 << 20;
static const size_t buffer_size = (size_t)128 << 20; /* BUFFER_SIZE of its x86-64 and ARM64 */
static const size_t start_size = (size_t)256 << 20;  /* what MPI and the other libraries map when they start */

enum { LIMITS = 2, MOST_THREADS = 1024 };

/* A limit of this process, and where /proc/self/statm counts what it limits. */
static const struct limit {
    int resource;
    int column;
    const char *name;
} limits[LIMITS] = {{RLIMIT_AS, 0, "address space (ulimit -v)"}, {RLIMIT_DATA, 5, "data (ulimit -d)"}};

static bool is_limited(const struct limit *limit, size_t *bytes) {
    struct rlimit now;
    bool found = getrlimit(limit->resource, &now) == 0 && now.rlim_cur != RLIM_INFINITY;
    *bytes = found ? (size_t)now.rlim_cur : 0;
    return found;
}

/* Bytes that the process has of what a limit counts. Without stdio, since it is called before the C library has
 * started. */
static size_t used(const struct limit *limit) {
    char text[256] = "", *at = text;
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) {
        text[0] = '\0';
    }
    if (file >= 0) {
        close(file);
    }
    size_t pages = 0;
    for (int i = 0; i <= limit->column; i++) {
        pages = (size_t)strtoull(at, &at, 10);
    }
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- before main() ----------------------------------------------------------------------------------------------- */

static const char *value_of(char **environment, const char *name) {
    size_t length = strlen(name);
    for (; environment && *environment; environment++) {
        if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=') {
            return *environment + length + 1;
        }
    }
    return NULL;
}

/* As the first of two variables has it, or else the second. */
static size_t threads_of(char **environment, const char *first, const char *second, size_t fallback) {
    const char *text = value_of(environment, first);
    text = text ? text : value_of(environment, second);
    long count = text ? strtol(text, NULL, 10) : 0;
    return count < 1 ? fallback : count > MOST_THREADS ? MOST_THREADS : (size_t)count;
}

static size_t stack_size(void) {
    struct rlimit now;
    bool found = getrlimit(RLIMIT_STACK, &now) == 0 && now.rlim_cur != RLIM_INFINITY;
    return found ? (size_t)now.rlim_cur : 8 * megabyte;
}

/* What is taken before any array of ours: threads of OpenBLAS, which starts as many as there are processors where
 * nobody says otherwise, and of OpenMP; a buffer for each thread that computes products. */
static size_t size_at_start(char **environment) {
    bool has_threads = openblas_get_parallel() == OPENBLAS_THREAD;
    size_t processors = (size_t)openblas_get_num_procs();
    size_t blas = has_threads ? threads_of(environment, "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", processors) : 1;
    size_t own = threads_of(environment, "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", 1);
    return (blas - 1) * (stack_size() + buffer_size) + (own - 1) * stack_size() + own * buffer_size + start_size;
}

static void look_at_limits(int argc, char **argv, char **environment) {
    (void)argc;
    (void)argv;
    for (int i = 0; i < LIMITS; i++) {
        size_t most, needed;
        if (!is_limited(&limits[i], &most)) {
            continue;
        }
        needed = used(&limits[i]) + size_at_start(environment);
        if (needed > most) {
            char text[320];
            int length =
                snprintf(text, sizeof text,
                         "dstn: %s is limited to %zu MB, and the libraries and threads take %zu MB before "
                         "any array: raise the limit, or set OMP_NUM_THREADS and OPENBLAS_NUM_THREADS to less\n",
                         limits[i].name, most / megabyte, needed / megabyte + 1);
            if (write(STDERR_FILENO, text, (size_t)length) < 0) {
                _exit(DSTN_ERROR_RUN); /* there is nobody else to tell */
            }
            _exit(DSTN_ERROR_RUN);
        }
    }
}

/* Called before the constructors of all libraries, where the C library knows this section; elsewhere never. */
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **,
                                                                                       char **) = look_at_limits;

/* ---- at the start ------------------------------------------------------------------------------------------------ */

static bool has_room(size_t bytes) {
    void *volatile room = malloc(bytes); /* so large a block is mapped, as OpenBLAS's are */
    free(room);
    return room != NULL;
}

dstn_status dstn_kernel_reserve(int threads, dstn_error *err) {
    size_t most;
    if ((!is_limited(&limits[0], &most) && !is_limited(&limits[1], &most)) || !blas_memory_alloc || !blas_memory_free) {
        return DSTN_OK;
    }
    size_t size = (size_t)threads * buffer_size + megabyte;
    if (!has_room(size)) {
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "memory is limited (ulimit -v or -d), and OpenBLAS's buffers for %d threads need %zu MB more: "
                         "raise the limit, or set OMP_NUM_THREADS to less",
                         threads, size / megabyte);
    }
    void **buffers = dstn_alloc((size_t)threads, sizeof *buffers);
    for (int i = 0; i < threads; i++) {
        buffers[i] = blas_memory_alloc(0);
    }
    for (int i = 0; i < threads; i++) {
        blas_memory_free(buffers[i]);
    }
    free(buffers);
    return DSTN_OK;
}
