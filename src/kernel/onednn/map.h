/* Maps of images by oneDNN primitives. A primitive is made for one number of examples, so a map keeps those of the
 * numbers it was last asked for (training, validation, the rest of a part). */

/* The three products of a map, and the adjoint that adds to what is there. */
typedef enum map_product { MAP_FORWARD, MAP_ADJOINT, MAP_GRADIENT, MAP_ADJOINT_SUM, MAP_PRODUCTS } map_product;

typedef struct map_plan {
    int64_t rows; /* 0: none yet */
    bool is_tried[MAP_PRODUCTS];
    product *products[MAP_PRODUCTS]; /* NULL: there is no fast one */
} map_plan;

enum { MAP_PLANS = 8, LEAST_PLAIN = 4096 };

struct dstn_map {
    patches patches; /* its scratch array is taken when first needed */
    int64_t max_rows;
    product_place place;
    map_plan plans[MAP_PLANS];
    int next;  /* plan to replace */
    real *sum; /* of dx or dweight, where the primitive can't add */
    size_t sum_size;
};

static dstn_map *map_new(const dstn_kernel *kernel, const dstn_map_shape *shape, int64_t max_rows) {
    dstn_map *map = dstn_alloc(1, sizeof *map);
    map->max_rows = max_rows;
    map->patches = patches_of(shape, max_rows);
    if (dnnl_engine_create(&map->place.engine, dnnl_cpu, 0) != dnnl_success ||
        dnnl_stream_create(&map->place.stream, map->place.engine, dnnl_stream_default_flags) != dnnl_success) {
        free(map);
        return NULL;
    }
    return map;
}

static void destroy_plan(map_plan *plan) {
    for (int i = 0; i < MAP_PRODUCTS; i++) {
        product_destroy(plan->products[i]);
    }
    *plan = (map_plan){0};
}

static void map_destroy(const dstn_kernel *kernel, dstn_map *map) {
    if (!map) {
        return;
    }
    for (int i = 0; i < MAP_PLANS; i++) {
        destroy_plan(&map->plans[i]);
    }
    dnnl_stream_destroy(map->place.stream);
    dnnl_engine_destroy(map->place.engine);
    free(map->patches.rows);
    free(map->sum);
    free(map);
}

static size_t map_memory(const dstn_kernel *kernel, const dstn_map *map) {
    size_t bytes = sizeof *map + patches_memory(&map->patches) + map->sum_size * sizeof(real);
    for (int i = 0; i < MAP_PLANS; i++) {
        for (int k = 0; k < MAP_PRODUCTS; k++) {
            bytes += map->plans[i].products[k] ? product_memory(map->plans[i].products[k]) : 0;
        }
    }
    return bytes;
}

/* ---- making products --------------------------------------------------------------------------------------------- */

/* Descriptors of a map's operands; those of the primitive may leave the order to oneDNN. */
typedef struct map_descs {
    api_desc x, y, weight;                /* as our arrays are */
    api_desc x_best, y_best, weight_best; /* as the primitive is asked for them */
} map_descs;

static void free_descs(map_descs *d) {
    const api_desc all[] = {d->x, d->y, d->weight, d->x_best, d->y_best, d->weight_best};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        api_desc_free(all[i]);
    }
}

static bool are_made(const map_descs *d) {
    return d->x && d->y && d->weight && d->x_best && d->y_best && d->weight_best;
}

/* Channels-last with up to 16 channels is the same memory as one block of channels, for which oneDNN has other, faster
 * implementations; but one channel alone is best called channels-first. */
static dnnl_format_tag_t image_tag(int64_t channels, bool blocked) {
    if (channels == 1) {
        return dnnl_nchw;
    }
    return blocked && channels == 16 ? dnnl_nChw16c : dnnl_nhwc;
}

static map_descs image_descs(const dstn_map_shape *s, int64_t rows) {
    const dnnl_dims_t x = {rows, s->in, s->in_height, s->in_width}, y = {rows, s->out, s->out_height, s->out_width};
    const dnnl_dims_t weight = {s->out, s->in, s->kernel, s->kernel};
    bool blocked = s->in == 1 && s->out == 16;
    return (map_descs){
        .x = api_desc_new(4, x, image_tag(s->in, blocked)),
        .y = api_desc_new(4, y, image_tag(s->out, blocked)),
        .weight = api_desc_new(4, weight, dnnl_hwio),
        .x_best = api_desc_new(4, x, image_tag(s->in, blocked)),
        .y_best = api_desc_new(4, y, image_tag(s->out, blocked)),
        .weight_best = api_desc_new(4, weight, dnnl_format_tag_any),
    };
}

/* Our scratchpads, so that they are counted; with `sum`, results are added. */
static dnnl_primitive_attr_t attributes(bool sum) {
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t operations = NULL;
    bool made = dnnl_primitive_attr_create(&attr) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success;
    if (made && sum) {
        made = dnnl_post_ops_create(&operations) == dnnl_success && api_append_sum(operations) == dnnl_success &&
               dnnl_primitive_attr_set_post_ops(attr, operations) == dnnl_success;
        dnnl_post_ops_destroy(operations);
    }
    return made ? attr : NULL;
}

static product *forward_product(const dstn_map *map, const map_descs *d, const api_window *window,
                                dnnl_primitive_attr_t attr) {
    dnnl_primitive_desc_t primitive;
    if (api_forward(&primitive, map->place.engine, d->x_best, d->weight_best, d->y_best, window, attr)) {
        return NULL;
    }
    const product_operand operands[] = {{DNNL_ARG_SRC, d->x}, {DNNL_ARG_WEIGHTS, d->weight}, {DNNL_ARG_DST, d->y}};
    return product_new(&map->place, primitive, operands);
}

static product *backward_product(const dstn_map *map, const map_descs *d, const api_window *window, map_product what,
                                 dnnl_primitive_attr_t attr) {
    dnnl_primitive_desc_t forward, primitive;
    dnnl_engine_t engine = map->place.engine;
    if (api_forward(&forward, engine, d->x_best, d->weight_best, d->y_best, window, attr)) {
        return NULL;
    }
    dnnl_status_t status =
        what == MAP_ADJOINT
            ? api_adjoint(&primitive, engine, d->x_best, d->weight_best, d->y_best, window, forward, attr)
            : api_gradient(&primitive, engine, d->x_best, d->weight_best, d->y_best, window, forward, attr);
    dnnl_primitive_desc_destroy(forward);
    if (status != dnnl_success) {
        return NULL;
    }
    const product_operand adjoint[] = {
        {DNNL_ARG_DIFF_DST, d->y}, {DNNL_ARG_WEIGHTS, d->weight}, {DNNL_ARG_DIFF_SRC, d->x}};
    const product_operand gradient[] = {
        {DNNL_ARG_SRC, d->x}, {DNNL_ARG_DIFF_DST, d->y}, {DNNL_ARG_DIFF_WEIGHTS, d->weight}};
    return product_new(&map->place, primitive, what == MAP_ADJOINT ? adjoint : gradient);
}

static product *image_product(const dstn_map *map, int64_t rows, map_product what) {
    const dstn_map_shape *s = &map->patches.shape;
    const api_window window = {{s->stride, s->stride}, {s->padding, s->padding}};
    map_descs descs = image_descs(s, rows);
    dnnl_primitive_attr_t attr = attributes(false);
    product *made = NULL;
    if (attr && are_made(&descs)) {
        made = what == MAP_FORWARD ? forward_product(map, &descs, &window, attr)
                                   : backward_product(map, &descs, &window, what, attr);
    }
    free_descs(&descs);
    dnnl_primitive_attr_destroy(attr);
    return made;
}

/* dx [rows, in] = dy [rows, out] Wᵀ with W [in, out]: oneDNN's matmul takes a large transposed operand far better than
 * its sgemm does. */
static product *plain_adjoint(const dstn_map *map, int64_t rows, bool sum) {
    const dstn_map_shape *s = &map->patches.shape;
    const dnnl_dims_t dy = {rows, s->out}, weight = {s->out, s->in}, dx = {rows, s->in};
    api_desc a = api_desc_new(2, dy, dnnl_ab), b = api_desc_new(2, weight, dnnl_ba), c = api_desc_new(2, dx, dnnl_ab);
    dnnl_primitive_attr_t attr = attributes(sum);
    dnnl_primitive_desc_t primitive;
    product *made = NULL;
    if (a && b && c && attr && api_matmul(&primitive, map->place.engine, a, b, c, attr) == dnnl_success) {
        const product_operand operands[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
        made = product_new(&map->place, primitive, operands);
    }
    api_desc_free(a);
    api_desc_free(b);
    api_desc_free(c);
    dnnl_primitive_attr_destroy(attr);
    return made;
}

static bool is_plain_adjoint(const dstn_map *map, map_product what) {
    const dstn_map_shape *s = &map->patches.shape;
    return map->patches.is_plain && (what == MAP_ADJOINT || what == MAP_ADJOINT_SUM) && s->in * s->out >= LEAST_PLAIN;
}

static product *make_product(const dstn_map *map, int64_t rows, map_product what) {
    if (is_plain_adjoint(map, what)) {
        return plain_adjoint(map, rows * places(&map->patches.shape), what == MAP_ADJOINT_SUM);
    }
    return map->patches.is_plain || what == MAP_ADJOINT_SUM ? NULL : image_product(map, rows, what);
}

/* NULL: by patches. */
static product *product_for(dstn_map *map, int64_t rows, map_product what) {
    map_plan *plan = NULL;
    for (int i = 0; i < MAP_PLANS && !plan; i++) {
        plan = map->plans[i].rows == rows ? &map->plans[i] : NULL;
    }
    if (!plan) {
        plan = &map->plans[map->next];
        map->next = (map->next + 1) % MAP_PLANS;
        destroy_plan(plan);
        plan->rows = rows;
    }
    if (!plan->is_tried[what]) {
        plan->products[what] = make_product(map, rows, what);
        plan->is_tried[what] = true;
    }
    return plan->products[what];
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static real *sum_array(dstn_map *map, int64_t count) {
    if (map->sum_size < (size_t)count) {
        free(map->sum);
        map->sum = malloc((size_t)count * sizeof(real));
        map->sum_size = map->sum ? (size_t)count : 0;
    }
    return map->sum;
}

/* target = beta target + the product. */
static bool run_and_add(const dstn_kernel *kernel, dstn_map *map, product *p, const void *first, const void *second,
                        double beta, int64_t count, void *target) {
    if (beta == 0) {
        return product_run(p, &map->place, first, second, target);
    }
    real *sum = sum_array(map, count);
    if (!sum || !product_run(p, &map->place, first, second, sum)) {
        return false;
    }
    if (beta != 1) {
        scale(kernel, count, beta, target);
    }
    axpy(kernel, count, 1, sum, target);
    return true;
}

/* What there is no fast primitive for. The scratch array is taken the first time. */
static patches *fallback(dstn_map *map) {
    if (!map->patches.rows) {
        map->patches.rows = dstn_alloc(patches_size(&map->patches) + 1, sizeof(real));
    }
    return &map->patches;
}

static void map_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                        void *y) {
    product *p = product_for(map, rows, MAP_FORWARD);
    if (!p || !product_run(p, &map->place, x, weight, y)) {
        patches_forward(kernel, fallback(map), rows, x, weight, y);
    }
}

static void map_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                        double beta, void *dx) {
    product *p = beta == 1 ? product_for(map, rows, MAP_ADJOINT_SUM) : NULL;
    if (p && product_run(p, &map->place, dy, weight, dx)) {
        return;
    }
    p = product_for(map, rows, MAP_ADJOINT);
    if (!p || !run_and_add(kernel, map, p, dy, weight, beta, rows * input_size(&map->patches), dx)) {
        patches_adjoint(kernel, fallback(map), rows, dy, weight, beta, dx);
    }
}

static void map_gradient(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                         double beta, void *dweight) {
    product *p = product_for(map, rows, MAP_GRADIENT);
    if (!p || !run_and_add(kernel, map, p, x, dy, beta, map->patches.length * map->patches.shape.out, dweight)) {
        patches_gradient(kernel, fallback(map), rows, x, dy, beta, dweight);
    }
}

#define KERNEL_PRODUCTS                                                                                                \
    .gemm = gemm, .map_new = map_new, .map_destroy = map_destroy, .map_memory = map_memory,                            \
    .map_forward = map_forward, .map_adjoint = map_adjoint, .map_gradient = map_gradient
