/* kernel: maps of images by oneDNN primitives. A primitive is made for one number of examples, so a map keeps those of
 * the numbers it was last asked for (training, validation, the rest of a part). */
#include <stdlib.h>

#include "map_products.h"
#include "onednn.h"

typedef struct map_plan {
    int64_t rows; /* 0: none yet */
    bool is_tried[KERNEL_MAP_PASSES];
    kernel_product *products[KERNEL_MAP_PASSES]; /* NULL: there is no fast one */
} map_plan;

enum { MAP_PLANS = 8 };

/* What a map keeps beside its patches. */
typedef struct map_plans {
    kernel_place place;
    map_plan plans[MAP_PLANS];
    int next;   /* plan to replace */
    float *sum; /* of dx or dweight, where the primitive can't add */
    size_t sum_size;
} map_plans;

/* ---- the object -------------------------------------------------------------------------------------------------- */

static map_plans *plans_new(void) {
    map_plans *own = dstn_alloc(1, sizeof *own);
    if (dnnl_engine_create(&own->place.engine, dnnl_cpu, 0) != dnnl_success) {
        free(own);
        return NULL;
    }
    if (dnnl_stream_create(&own->place.stream, own->place.engine, dnnl_stream_default_flags) != dnnl_success) {
        dnnl_engine_destroy(own->place.engine);
        free(own);
        return NULL;
    }
    return own;
}

/* Without patches, which are taken when first needed. */
static dstn_map *map_new(const dstn_kernel *kernel, const dstn_map_shape *shape, int64_t max_rows) {
    map_plans *own = plans_new();
    if (!own) {
        return NULL;
    }
    dstn_map *map = kernel_map_new(shape, max_rows);
    map->own = own;
    return map;
}

static void destroy_plan(map_plan *plan) {
    for (int i = 0; i < KERNEL_MAP_PASSES; i++) {
        kernel_product_destroy(plan->products[i]);
    }
    *plan = (map_plan){0};
}

static void map_destroy(const dstn_kernel *kernel, dstn_map *map) {
    if (!map) {
        return;
    }
    map_plans *own = map->own;
    for (int i = 0; i < MAP_PLANS; i++) {
        destroy_plan(&own->plans[i]);
    }
    dnnl_stream_destroy(own->place.stream);
    dnnl_engine_destroy(own->place.engine);
    free(own->sum);
    free(own);
    const dstn_kernel *plain = kernel->state;
    plain->map_destroy(kernel, map);
}

static size_t map_memory(const dstn_kernel *kernel, const dstn_map *map) {
    const dstn_kernel *plain = kernel->state;
    const map_plans *own = map->own;
    size_t bytes = plain->map_memory(kernel, map) + sizeof *own + own->sum_size * sizeof(float);
    for (int i = 0; i < MAP_PLANS; i++) {
        for (int k = 0; k < KERNEL_MAP_PASSES; k++) {
            bytes += own->plans[i].products[k] ? kernel_product_memory(own->plans[i].products[k]) : 0;
        }
    }
    return bytes;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

/* NULL: by patches. */
static kernel_product *product_for(dstn_map *map, int64_t rows, kernel_map_pass what) {
    map_plans *own = map->own;
    map_plan *plan = NULL;
    for (int i = 0; i < MAP_PLANS && !plan; i++) {
        plan = own->plans[i].rows == rows ? &own->plans[i] : NULL;
    }
    if (!plan) {
        plan = &own->plans[own->next];
        own->next = (own->next + 1) % MAP_PLANS;
        destroy_plan(plan);
        plan->rows = rows;
    }
    if (!plan->is_tried[what]) {
        plan->products[what] = kernel_map_product(map, &own->place, rows, what);
        plan->is_tried[what] = true;
    }
    return plan->products[what];
}

static float *sum_array(map_plans *own, int64_t count) {
    if (own->sum_size < (size_t)count) {
        free(own->sum);
        own->sum = malloc((size_t)count * sizeof(float));
        own->sum_size = own->sum ? (size_t)count : 0;
    }
    return own->sum;
}

/* What is computed, and how much of it. */
typedef struct map_target {
    double beta;
    int64_t count;
    void *data; /* [count] */
} map_target;

/* target = beta target + the product. */
static bool run_and_add(const dstn_kernel *kernel, map_plans *own, kernel_product *p, const void *first,
                        const void *second, map_target target) {
    if (target.beta == 0) {
        return kernel_product_run(p, &own->place, first, second, target.data);
    }
    float *sum = sum_array(own, target.count);
    if (!sum || !kernel_product_run(p, &own->place, first, second, sum)) {
        return false;
    }
    if (target.beta != 1) {
        kernel->scale(kernel, target.count, target.beta, target.data);
    }
    kernel->axpy(kernel, target.count, 1, sum, target.data);
    return true;
}

static void map_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                        void *y) {
    const dstn_kernel *plain = kernel->state;
    map_plans *own = map->own;
    kernel_product *p = product_for(map, rows, KERNEL_MAP_FORWARD);
    if (!p || !kernel_product_run(p, &own->place, x, weight, y)) {
        plain->map_forward(kernel, map, rows, x, weight, y);
    }
}

static void map_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                        double beta, void *dx) {
    const dstn_kernel *plain = kernel->state;
    map_plans *own = map->own;
    kernel_product *p = beta == 1 ? product_for(map, rows, KERNEL_MAP_ADJOINT_SUM) : NULL;
    if (p && kernel_product_run(p, &own->place, dy, weight, dx)) {
        return;
    }
    map_target target = {beta, rows * kernel_map_input_size(map), dx};
    p = product_for(map, rows, KERNEL_MAP_ADJOINT);
    if (!p || !run_and_add(kernel, own, p, dy, weight, target)) {
        plain->map_adjoint(kernel, map, rows, dy, weight, beta, dx);
    }
}

static void map_gradient(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                         double beta, void *dweight) {
    const dstn_kernel *plain = kernel->state;
    map_target target = {beta, kernel_map_weights(map), dweight};
    kernel_product *p = product_for(map, rows, KERNEL_MAP_GRADIENT);
    if (!p || !run_and_add(kernel, map->own, p, x, dy, target)) {
        plain->map_gradient(kernel, map, rows, x, dy, beta, dweight);
    }
}

void kernel_onednn_put_maps(dstn_kernel *table) {
    table->map_new = map_new;
    table->map_destroy = map_destroy;
    table->map_memory = map_memory;
    table->map_forward = map_forward;
    table->map_adjoint = map_adjoint;
    table->map_gradient = map_gradient;
}
