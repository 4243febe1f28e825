/* A map of images as one matrix product: every place of the output has its patch of the input as a row of a matrix
 * (im2col). For a backend without convolutions of its own: whoever includes this has defined `gemm`. Patches are made
 * for some examples at a time, as many as fit the scratch array. */

typedef struct patches {
    dstn_map_shape shape;
    bool is_plain;     /* a patch is a place: the image itself is the matrix of patches */
    int64_t length;    /* values of a patch */
    int64_t at_a_time; /* examples whose patches fit `rows` */
    real *rows;        /* [at_a_time * places, length]; NULL where plain */
} patches;

enum { PATCH_ELEMENTS = 1 << 20 };

static int64_t places(const dstn_map_shape *shape) {
    return shape->out_height * shape->out_width;
}

/* Without the scratch array yet. */
static patches patches_of(const dstn_map_shape *shape, int64_t max_rows) {
    patches p = {.shape = *shape};
    p.is_plain = shape->kernel == 1 && shape->stride == 1 && shape->padding == 0;
    p.length = shape->kernel * shape->kernel * shape->in;
    int64_t example = places(shape) * p.length, fit = PATCH_ELEMENTS / (example > 0 ? example : 1);
    p.at_a_time = p.is_plain || fit > max_rows ? max_rows : fit < 1 ? 1 : fit;
    return p;
}

/* Elements of the scratch array. */
static size_t patches_size(const patches *p) {
    return p->is_plain ? 0 : (size_t)(p->at_a_time * places(&p->shape) * p->length);
}

static size_t patches_memory(const patches *p) {
    return p->rows ? patches_size(p) * sizeof(real) : 0;
}

/* Of one example; `move` is told where the values of a kernel's row lie in patch and image: count 0 for what lies in
 * the padding. */
typedef void patch_move(real *patch, real *image, int64_t padding, int64_t count);

static void to_patch(real *patch, real *image, int64_t padding, int64_t count) {
    memset(patch, 0, (size_t)padding * sizeof(real));
    if (count > 0) {
        memcpy(patch + padding, image, (size_t)count * sizeof(real));
    }
}

static void to_image(real *patch, real *image, int64_t padding, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        image[i] += patch[padding + i];
    }
}

/* One row of the kernel at output place (i, j): k's row of the patch, `before` values of padding, then the image's. */
static void move_kernel_row(const dstn_map_shape *shape, int64_t i, int64_t j, int64_t k, real *patch, real *image,
                            patch_move *move) {
    int64_t width = shape->kernel * shape->in;
    int64_t y = i * shape->stride + k - shape->padding, x = j * shape->stride - shape->padding;
    real *row = patch + k * width;
    if (y < 0 || y >= shape->in_height) {
        move(row, image, width, 0);
        return;
    }
    int64_t before = x < 0 ? -x : 0, end = x + shape->kernel;
    int64_t after = end > shape->in_width ? end - shape->in_width : 0;
    int64_t inside = shape->kernel - before - after;
    if (inside <= 0) {
        move(row, image, width, 0);
        return;
    }
    move(row, image + (y * shape->in_width + x + before) * shape->in, before * shape->in, inside * shape->in);
    move(row + (before + inside) * shape->in, image, after * shape->in, 0);
}

static void move_example(const patches *p, real *rows, real *image, patch_move *move) {
    const dstn_map_shape *shape = &p->shape;
    for (int64_t i = 0; i < shape->out_height; i++) {
        for (int64_t j = 0; j < shape->out_width; j++) {
            real *patch = rows + (i * shape->out_width + j) * p->length;
            for (int64_t k = 0; k < shape->kernel; k++) {
                move_kernel_row(shape, i, j, k, patch, image, move);
            }
        }
    }
}

static void move_examples(const patches *p, int64_t count, const real *images, patch_move *move) {
    const dstn_map_shape *shape = &p->shape;
    int64_t image = shape->in_height * shape->in_width * shape->in, rows = places(shape) * p->length;
    KERNEL_PARALLEL_FOR(count * rows)
    for (int64_t r = 0; r < count; r++) {
        move_example(p, p->rows + r * rows, (real *)images + r * image, move);
    }
}

/* Elements of one example. */
static int64_t input_size(const patches *p) {
    return p->shape.in_height * p->shape.in_width * p->shape.in;
}

static int64_t output_size(const patches *p) {
    return places(&p->shape) * p->shape.out;
}

static void patches_forward(const dstn_kernel *kernel, patches *p, int64_t rows, const real *x, const real *weight,
                            real *y) {
    int64_t out = p->shape.out;
    for (int64_t done = 0; done < rows; done += p->at_a_time) {
        int64_t count = rows - done < p->at_a_time ? rows - done : p->at_a_time;
        const real *from = x + done * input_size(p);
        if (!p->is_plain) {
            move_examples(p, count, from, to_patch);
            from = p->rows;
        }
        gemm(kernel, false, false, count * places(&p->shape), out, p->length, 1, from, p->length, weight, out, 0,
             y + done * output_size(p), out);
    }
}

static void patches_adjoint(const dstn_kernel *kernel, patches *p, int64_t rows, const real *dy, const real *weight,
                            double beta, real *dx) {
    int64_t out = p->shape.out, total = rows * input_size(p);
    if (!p->is_plain && beta == 0) {
        fill(kernel, total, 0, dx);
    } else if (!p->is_plain && beta != 1) {
        scale(kernel, total, beta, dx);
    }
    for (int64_t done = 0; done < rows; done += p->at_a_time) {
        int64_t count = rows - done < p->at_a_time ? rows - done : p->at_a_time;
        real *to = p->is_plain ? dx + done * input_size(p) : p->rows;
        gemm(kernel, false, true, count * places(&p->shape), p->length, out, 1, dy + done * output_size(p), out, weight,
             out, p->is_plain ? beta : 0, to, p->length);
        if (!p->is_plain) {
            move_examples(p, count, dx + done * input_size(p), to_image);
        }
    }
}

static void patches_gradient(const dstn_kernel *kernel, patches *p, int64_t rows, const real *x, const real *dy,
                             double beta, real *dw) {
    int64_t out = p->shape.out;
    if (rows == 0 && beta == 0) {
        fill(kernel, p->length * out, 0, dw);
    }
    for (int64_t done = 0; done < rows; done += p->at_a_time) {
        int64_t count = rows - done < p->at_a_time ? rows - done : p->at_a_time;
        const real *from = x + done * input_size(p);
        if (!p->is_plain) {
            move_examples(p, count, from, to_patch);
            from = p->rows;
        }
        gemm(kernel, true, false, p->length, out, count * places(&p->shape), 1, from, p->length,
             dy + done * output_size(p), out, done == 0 ? beta : 1, dw, out);
    }
}
