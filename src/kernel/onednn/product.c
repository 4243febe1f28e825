/* kernel: oneDNN primitives with their operands. */
#include "product.h"

#include <stdlib.h>
#include <string.h>

typedef struct operand {
    dnnl_memory_t given; /* the caller's array */
    dnnl_memory_t own;   /* in the primitive's order, with `array` behind it; NULL: the same order */
    dnnl_primitive_t reorder;
    void *array;
    size_t bytes;
} operand;

struct kernel_product {
    dnnl_primitive_t primitive;
    operand operands[KERNEL_OPERANDS];
    int arguments[KERNEL_OPERANDS];
    dnnl_memory_t scratchpad;
    void *scratch;
    size_t scratch_bytes;
};

static void *aligned(size_t bytes) {
    return aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The plain loops that oneDNN falls back on are a thousand times slower than a product of patches. */
static bool is_reference(const_dnnl_primitive_desc_t primitive) {
    const char *name = "ref";
    dnnl_primitive_desc_query(primitive, dnnl_query_impl_info_str, 0, &name);
    return strncmp(name, "ref", 3) == 0;
}

/* Where the primitive keeps the descriptor of an argument. */
static kernel_api_desc wanted(const_dnnl_primitive_desc_t primitive, int argument) {
    return dnnl_primitive_desc_query_md(primitive, dnnl_query_exec_arg_md, argument);
}

static bool make_reorder(const kernel_place *place, operand *o, kernel_api_desc from, kernel_api_desc to) {
    dnnl_primitive_desc_t reorder;
    if (dnnl_reorder_primitive_desc_create(&reorder, from, place->engine, to, place->engine, NULL) != dnnl_success) {
        return false;
    }
    bool made = dnnl_primitive_create(&o->reorder, reorder) == dnnl_success;
    dnnl_primitive_desc_destroy(reorder);
    return made;
}

static bool make_operand(const kernel_place *place, operand *o, kernel_api_desc given, kernel_api_desc own,
                         bool is_result) {
    if (!own || dnnl_memory_create(&o->given, given, place->engine, DNNL_MEMORY_NONE) != dnnl_success) {
        return false;
    }
    if (dnnl_memory_desc_equal(given, own)) {
        return true;
    }
    o->bytes = dnnl_memory_desc_get_size(own);
    o->array = aligned(o->bytes);
    return o->array && dnnl_memory_create(&o->own, own, place->engine, o->array) == dnnl_success &&
           make_reorder(place, o, is_result ? own : given, is_result ? given : own);
}

static bool make_scratchpad(const kernel_place *place, kernel_product *p, const_dnnl_primitive_desc_t primitive) {
    kernel_api_desc desc = dnnl_primitive_desc_query_md(primitive, dnnl_query_scratchpad_md, 0);
    p->scratch_bytes = desc ? dnnl_memory_desc_get_size(desc) : 0;
    if (p->scratch_bytes == 0) {
        return true;
    }
    p->scratch = aligned(p->scratch_bytes);
    return p->scratch && dnnl_memory_create(&p->scratchpad, desc, place->engine, p->scratch) == dnnl_success;
}

kernel_product *kernel_product_new(const kernel_place *place, dnnl_primitive_desc_t primitive,
                                   const kernel_operand operands[KERNEL_OPERANDS]) {
    kernel_product *p = is_reference(primitive) ? NULL : calloc(1, sizeof *p);
    bool made = p && dnnl_primitive_create(&p->primitive, primitive) == dnnl_success;
    for (int i = 0; i < KERNEL_OPERANDS && made; i++) {
        p->arguments[i] = operands[i].argument;
        made = make_operand(place, &p->operands[i], operands[i].desc, wanted(primitive, operands[i].argument),
                            i == KERNEL_OPERANDS - 1);
    }
    made = made && make_scratchpad(place, p, primitive);
    dnnl_primitive_desc_destroy(primitive);
    if (!made) {
        kernel_product_destroy(p);
        return NULL;
    }
    return p;
}

static void free_operand(operand *o) {
    if (o->reorder) {
        dnnl_primitive_destroy(o->reorder);
    }
    if (o->own) {
        dnnl_memory_destroy(o->own);
    }
    if (o->given) {
        dnnl_memory_destroy(o->given);
    }
    free(o->array);
}

void kernel_product_destroy(kernel_product *p) {
    if (!p) {
        return;
    }
    for (int i = 0; i < KERNEL_OPERANDS; i++) {
        free_operand(&p->operands[i]);
    }
    if (p->scratchpad) {
        dnnl_memory_destroy(p->scratchpad);
    }
    if (p->primitive) {
        dnnl_primitive_destroy(p->primitive);
    }
    free(p->scratch);
    free(p);
}

size_t kernel_product_memory(const kernel_product *p) {
    size_t bytes = sizeof *p + p->scratch_bytes;
    for (int i = 0; i < KERNEL_OPERANDS; i++) {
        bytes += p->operands[i].bytes;
    }
    return bytes;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static bool reorder(const kernel_place *place, const operand *o, bool is_result) {
    if (!o->reorder) {
        return true;
    }
    dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, is_result ? o->own : o->given},
                                   {DNNL_ARG_TO, is_result ? o->given : o->own}};
    return dnnl_primitive_execute(o->reorder, place->stream, 2, arguments) == dnnl_success;
}

bool kernel_product_run(kernel_product *p, const kernel_place *place, const void *first, const void *second,
                        void *result) {
    void *const arrays[KERNEL_OPERANDS] = {(void *)first, (void *)second, result};
    dnnl_exec_arg_t arguments[KERNEL_OPERANDS + 1];
    bool done = true;
    for (int i = 0; i < KERNEL_OPERANDS; i++) {
        operand *o = &p->operands[i];
        done = done && dnnl_memory_set_data_handle(o->given, arrays[i]) == dnnl_success;
        done = done && (i == KERNEL_OPERANDS - 1 || reorder(place, o, false));
        arguments[i] = (dnnl_exec_arg_t){p->arguments[i], o->own ? o->own : o->given};
    }
    int count = KERNEL_OPERANDS;
    if (p->scratchpad) {
        arguments[count++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, p->scratchpad};
    }
    done = done && dnnl_primitive_execute(p->primitive, place->stream, count, arguments) == dnnl_success;
    done = done && reorder(place, &p->operands[KERNEL_OPERANDS - 1], true);
    return done && dnnl_stream_wait(place->stream) == dnnl_success;
}
