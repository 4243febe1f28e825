/* kernel: oneDNN's primitives for the products of a map. */
#include "map_products.h"

/* Smaller matrices are multiplied by `gemm`. */
enum { LEAST_MATRIX = 4096 };

/* ---- convolutions ------------------------------------------------------------------------------------------------ */

/* Descriptors of a map's operands; those of the primitive may leave the order to oneDNN. */
typedef struct map_descs {
    kernel_api_desc x, y, weight;                /* as our arrays are */
    kernel_api_desc x_best, y_best, weight_best; /* as the primitive is asked for them */
} map_descs;

static void free_descs(map_descs *d) {
    const kernel_api_desc all[] = {d->x, d->y, d->weight, d->x_best, d->y_best, d->weight_best};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        kernel_api_desc_free(all[i]);
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
        .x = kernel_api_desc_new(4, x, image_tag(s->in, blocked)),
        .y = kernel_api_desc_new(4, y, image_tag(s->out, blocked)),
        .weight = kernel_api_desc_new(4, weight, dnnl_hwio),
        .x_best = kernel_api_desc_new(4, x, image_tag(s->in, blocked)),
        .y_best = kernel_api_desc_new(4, y, image_tag(s->out, blocked)),
        .weight_best = kernel_api_desc_new(4, weight, dnnl_format_tag_any),
    };
}

/* Our scratchpads, so that they are counted; with `sum`, results are added. */
static dnnl_primitive_attr_t attributes(bool sum) {
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t operations = NULL;
    bool made = dnnl_primitive_attr_create(&attr) == dnnl_success &&
                dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user) == dnnl_success;
    if (made && sum) {
        made = dnnl_post_ops_create(&operations) == dnnl_success && kernel_api_append_sum(operations) == dnnl_success &&
               dnnl_primitive_attr_set_post_ops(attr, operations) == dnnl_success;
        dnnl_post_ops_destroy(operations);
    }
    if (!made) {
        dnnl_primitive_attr_destroy(attr);
        return NULL;
    }
    return attr;
}

static kernel_product *forward_product(const kernel_place *place, const map_descs *d, const kernel_api_window *window,
                                       dnnl_primitive_attr_t attr) {
    dnnl_primitive_desc_t primitive;
    if (kernel_api_forward(&primitive, place->engine, d->x_best, d->weight_best, d->y_best, window, attr)) {
        return NULL;
    }
    const kernel_operand operands[] = {{DNNL_ARG_SRC, d->x}, {DNNL_ARG_WEIGHTS, d->weight}, {DNNL_ARG_DST, d->y}};
    return kernel_product_new(place, primitive, operands);
}

static kernel_product *backward_product(const kernel_place *place, const map_descs *d, const kernel_api_window *window,
                                        kernel_map_pass what, dnnl_primitive_attr_t attr) {
    dnnl_primitive_desc_t forward, primitive;
    dnnl_engine_t engine = place->engine;
    if (kernel_api_forward(&forward, engine, d->x_best, d->weight_best, d->y_best, window, attr)) {
        return NULL;
    }
    dnnl_status_t status =
        what == KERNEL_MAP_ADJOINT
            ? kernel_api_adjoint(&primitive, engine, d->x_best, d->weight_best, d->y_best, window, forward, attr)
            : kernel_api_gradient(&primitive, engine, d->x_best, d->weight_best, d->y_best, window, forward, attr);
    dnnl_primitive_desc_destroy(forward);
    if (status != dnnl_success) {
        return NULL;
    }
    const kernel_operand adjoint[] = {
        {DNNL_ARG_DIFF_DST, d->y}, {DNNL_ARG_WEIGHTS, d->weight}, {DNNL_ARG_DIFF_SRC, d->x}};
    const kernel_operand gradient[] = {
        {DNNL_ARG_SRC, d->x}, {DNNL_ARG_DIFF_DST, d->y}, {DNNL_ARG_DIFF_WEIGHTS, d->weight}};
    return kernel_product_new(place, primitive, what == KERNEL_MAP_ADJOINT ? adjoint : gradient);
}

static kernel_product *image_product(const kernel_place *place, const dstn_map_shape *s, int64_t rows,
                                     kernel_map_pass what) {
    const kernel_api_window window = {{s->stride, s->stride}, {s->padding, s->padding}};
    map_descs descs = image_descs(s, rows);
    dnnl_primitive_attr_t attr = attributes(false);
    kernel_product *made = NULL;
    if (attr && are_made(&descs)) {
        made = what == KERNEL_MAP_FORWARD ? forward_product(place, &descs, &window, attr)
                                          : backward_product(place, &descs, &window, what, attr);
    }
    free_descs(&descs);
    dnnl_primitive_attr_destroy(attr);
    return made;
}

/* ---- matrices ---------------------------------------------------------------------------------------------------- */

/* C [rows, to] = A [rows, from] Wᵀ with W stored [to, from], which is what the adjoint of a weight [in, out] is and the
 * map of one stored [out, in]: oneDNN's matmul takes a large transposed operand far better than its sgemm does. */
static kernel_product *transposed_product(const kernel_place *place, int64_t rows, int64_t from, int64_t to, bool sum) {
    const dnnl_dims_t left = {rows, from}, weight = {from, to}, result = {rows, to};
    kernel_api_desc a = kernel_api_desc_new(2, left, dnnl_ab), b = kernel_api_desc_new(2, weight, dnnl_ba),
                    c = kernel_api_desc_new(2, result, dnnl_ab);
    dnnl_primitive_attr_t attr = attributes(sum);
    dnnl_primitive_desc_t primitive;
    kernel_product *made = NULL;
    if (a && b && c && attr && kernel_api_matmul(&primitive, place->engine, a, b, c, attr) == dnnl_success) {
        const kernel_operand operands[] = {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
        made = kernel_product_new(place, primitive, operands);
    }
    kernel_api_desc_free(a);
    kernel_api_desc_free(b);
    kernel_api_desc_free(c);
    dnnl_primitive_attr_destroy(attr);
    return made;
}

kernel_product *kernel_map_product(const dstn_map *map, const kernel_place *place, int64_t rows, kernel_map_pass what) {
    const dstn_map_shape *s = &map->shape;
    if (s->is_winograd || kernel_map_is_small(s)) {
        return NULL;
    }
    bool is_adjoint = what == KERNEL_MAP_ADJOINT || what == KERNEL_MAP_ADJOINT_SUM;
    if (!kernel_map_is_plain(map)) {
        return what == KERNEL_MAP_ADJOINT_SUM ? NULL : image_product(place, s, rows, what);
    }
    bool is_transposed = s->is_out_first ? what == KERNEL_MAP_FORWARD : is_adjoint;
    if (!is_transposed || s->in * s->out < LEAST_MATRIX) {
        return NULL;
    }
    return transposed_product(place, rows * kernel_map_places(map), is_adjoint ? s->out : s->in,
                              is_adjoint ? s->in : s->out, what == KERNEL_MAP_ADJOINT_SUM);
}
